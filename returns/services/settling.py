"""What of a refund is kept for good: a restocking fee, or the rest after a part that is said to be all."""

from collections.abc import Collection, Mapping
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from ..fees import MOST_PERCENT, needs_photo, percent_of
from ..models import ReturnItem
from ..money import format_money
from ..selectors.cases import Case
from ..selectors.refunds import fee_finding
from ..state_machine import Status

CAN_SETTLE = (Status.AUTHORIZED, Status.REFUND_DUE)
Amounts = Mapping[tuple[int, str], int]


def fee_base(case: Case, item: ReturnItem, wanted: Amounts, fee: int) -> int:
    """What was paid for the item without tax, in minor units; where that is unknown, what is given and kept of it."""
    paid = case.moneys[item.pk].paid["item"]
    return wanted.get((item.pk, "item"), 0) + fee if paid is None else paid


def check_settling(
    case: Case, wanted: Amounts, fees: Mapping[int, int], final: Collection[int], photos: int | None
) -> dict[str, Any]:
    """The errors of `fees` (minor units by item id) and `final` (item ids), by field.

    `photos`: how many there are, None while nobody knows.
    """
    errors: dict[str, Any] = {}
    items = {item.pk: item for item in case.items}
    if not items.keys() >= {*fees, *final}:
        return {"": _("This item does not belong to the request. Open the page again.")}
    if case.request.status not in CAN_SETTLE:
        ends = [*(f"fee_{item_id}" for item_id in fees), *(f"final_{item_id}" for item_id in final)]
        sentence = _("Only a refund of an authorized or received return can settle what is owed.")
        return dict.fromkeys(ends, sentence)
    for item_id, fee in fees.items():
        item = items[item_id]
        sentence = _fee_error(case, item, wanted, fee)
        if sentence is not None:
            errors[f"fee_{item_id}"] = sentence
        elif photos == 0 and needs_photo(fee, fee_base(case, item, wanted, fee)):
            errors["photos"] = _("From 20 % up, a fee needs at least one photo of the item as it came back.")
    for item_id in final:
        if not any(place[0] == item_id for place in wanted):
            errors[f"final_{item_id}"] = _("Enter the last part that you refund for this item.")
    return errors


def _fee_error(case: Case, item: ReturnItem, wanted: Amounts, fee: int) -> Any:
    reason, sentence = fee_finding(case, item)
    if reason is None:
        return sentence
    if fee < 0:
        return _("Enter a fee above zero, or leave it empty.")
    money = case.moneys[item.pk]
    most = percent_of(fee_base(case, item, wanted, fee), MOST_PERCENT)
    if fee > most:
        return _("At most %(amount)s can be kept as a fee here: half of what was paid for the item.") % {
            "amount": _in_words(most, money.currency)
        }
    item_owed, tax_owed = money.owed("item"), money.owed("tax") or 0
    if item_owed is None:
        return None
    if wanted.get((item.pk, "item"), 0) + fee != item_owed or wanted.get((item.pk, "tax"), 0) != tax_owed:
        return _("A fee is kept of a full refund: enter %(item)s for the item and %(tax)s for its tax.") % {
            "item": _in_words(item_owed, money.currency),
            "tax": _in_words(tax_owed, money.currency),
        }
    return None


def kept_of(case: Case, wanted: Amounts, fees: Mapping[int, int], final: Collection[int]) -> dict[int, int]:
    """By id of each item that is settled: what is owed for it and not in `wanted`. Ask before that is counted."""
    kept = {}
    for item_id in sorted({*fees, *final}):
        money = case.moneys[item_id]
        owed = {part: money.owed(part) for part in ("item", "tax")}
        if owed["item"] is None:
            kept[item_id] = fees.get(item_id, 0)
        else:
            kept[item_id] = sum(
                max((minor or 0) - wanted.get((item_id, part), 0), 0) for part, minor in owed.items()
            )
    return kept


def fee_facts(case: Case, fees: Mapping[int, int]) -> list[dict[str, Any]]:
    """What the event of a refund says of its fees."""
    return [
        {
            "item": item.pk,
            "title": item.order_item.title or item.order_item.sku,
            "minor": fees[item.pk],
            "reason": fee_finding(case, item)[0],
        }
        for item in case.items
        if item.pk in fees
    ]


def _in_words(minor: int, currency: str) -> str:
    return format_money(minor, currency, get_language() or "en")
