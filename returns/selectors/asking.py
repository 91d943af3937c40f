"""What can still be returned of an order, what was asked for before, and the request that is being filled in."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from .. import policy
from ..actors import Actor
from ..dates import format_day, format_list
from ..exceptions import NotFound
from ..models import Order, OrderItem, Photo, ReturnDraft, ReturnItem, ReturnReason
from ..models.people import Language
from ..models.reasons import Fault
from ..money import format_money
from ..policy import PolicyVerdict
from ..state_machine import Role
from .cases import NEVER_ARRIVED, Case
from .seller_pages import payer_of_buyer


@dataclass(frozen=True, slots=True)
class AskedBefore:
    """Units of a line that a request asked for, open or ended."""

    reference: str
    requested_at: datetime
    quantity: int


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A line of the order: how many were bought, how many can still be returned, and what was asked for."""

    pk: int
    title: str
    quantity: int
    free: int
    asked: tuple[AskedBefore, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the buyer learns before sending: whether the items are in policy and why, what follows, who pays the
    way back, and when how much money comes back. Whole sentences, in the active language.

    `policy`: the titles of those items of which the same is said, and what is said.
    """

    policy: list[tuple[list[str], tuple[str, ...]]]
    follows: str
    shipping: list[str]
    money: str


def get_order(actor: Actor, reference: str) -> Order:
    """The order with its seller and buyer; `NotFound` where it is absent or not this actor's."""
    orders = Order.objects.for_actor(actor).filter(reference=reference)
    order = orders.select_related("seller", "buyer").first()
    if order is None:
        raise NotFound(_("This page does not exist, or it is not yours."))
    return order


def list_lines(order: Order) -> list[OrderLine]:
    """The order's lines, in their order, each with the requests for it, newest first. Two queries."""
    asked: dict[int, list[AskedBefore]] = defaultdict(list)
    items = ReturnItem.objects.filter(order_item__order=order).select_related("request")
    for item in items.order_by("-request__requested_at", "-pk"):
        asked[item.order_item_id].append(
            AskedBefore(item.request.reference, item.request.requested_at, item.quantity)
        )
    return [
        OrderLine(line.pk, line.title or line.sku, line.quantity, line.free, tuple(asked[line.pk]))
        for line in OrderItem.objects.filter(order=order).order_by("pk")
    ]


def drafts_of(actor: Actor, order: Order) -> Any:
    """The draft of this actor for the order, as a queryset of one or none."""
    # The stubs know no lookup of NULL by None; a buyer's draft has no user.
    return ReturnDraft.objects.filter(order=order, user_id=actor.user_id)  # type: ignore[misc]


def lines_of(draft: ReturnDraft | None) -> Mapping[int, dict[str, Any]]:
    """What a draft says of each chosen line, by the line's id: ``quantity``, ``reason`` and ``comment``."""
    return {} if draft is None else {int(line): said for line, said in draft.data.get("lines", {}).items()}


def photos_by_line(draft: ReturnDraft) -> Mapping[int | None, list[Photo]]:
    """The photos of a draft, by the id of their order line, oldest first; none for a line without."""
    found: dict[int | None, list[Photo]] = defaultdict(list)
    for photo in sorted(draft.photos.all(), key=lambda photo: photo.pk):
        found[photo.order_item_id].append(photo)
    return found


def list_asking_reasons(actor: Actor) -> list[ReturnReason]:
    """The reasons a return can be asked for with: what is nobody's fault is no wish to return something.

    A buyer may also say that the order never arrived, and is led to the delivery path.
    """
    reasons = ReturnReason.objects.filter(is_active=True)
    return [
        reason
        for reason in reasons
        if reason.fault != Fault.NONE or (reason.code == NEVER_ARRIVED and actor.role == Role.BUYER)
    ]


def answer_of(case: Case, *, by_rule: str) -> Answer:
    """What a request that is not sent yet would be answered.

    `by_rule`: "authorize" or "refund", where a rule does so at once.
    """
    is_refunded = by_rule == "refund"
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for item in case.items:
        reasons = [policy.Reason(**reason) for reason in item.verdict["reasons"]]
        said = tuple(str(policy.sentence(reason)) for reason in reasons)
        alike[said].append(item.order_item.title or item.order_item.sku)
    return Answer(
        policy=[(titles, said) for said, titles in alike.items()],
        follows=_("You are refunded as soon as you send this, and keep the items.")
        if is_refunded
        else _what_follows(case, is_authorized=by_rule == "authorize"),
        shipping=[_("There is nothing to send back.")] if is_refunded else _shipping(case),
        money=_("Everything that was paid for these items is refunded.")
        if is_refunded
        else _money_back(case),
    )


def _what_follows(case: Case, *, is_authorized: bool) -> str:
    zone = case.rules.time_zone
    if is_authorized:
        last_day = policy.send_back_date(
            case.request.window_end_date, authorized_at=case.now, rules=case.rules
        )
        return _("Your return is authorized as soon as you send this. Hand over the parcel by %(day)s.") % {
            "day": format_day(last_day)
        }
    day = format_day(policy.local_day(case.request.step_in_at, zone)) if case.request.step_in_at else ""
    if case.request.policy == PolicyVerdict.NOT_IN_POLICY:
        return _(
            "You can still ask: the seller decides whether to take it back, and answers by %(day)s. Please keep the "
            "items until then."
        ) % {"day": day}
    if limit := authorized_anyway_by(case):
        return _(
            "The seller looks at it first. It is authorized by %(day)s in any case. Please keep the items until then."
        ) % {"day": format_day(limit)}
    return _("The seller looks at it and answers by %(day)s. Please keep the items until then.") % {
        "day": day
    }


def authorized_anyway_by(case: Case) -> date | None:
    """By when the system authorizes a prepaid-eligible request that waits for the seller; None where it does not."""
    request = case.request
    if not request.prepaid_eligible or case.is_imported or case.is_never_arrived or not request.answer_due_at:
        return None
    return policy.local_day(request.answer_due_at, case.rules.time_zone)


def _shipping(case: Case) -> list[str]:
    """Who pays the way back, why, and about how much, as far as that is known."""
    said = [payer_of_buyer(case)]
    if case.request.prepaid_eligible:
        return said
    if reason := case.request.verdict["prepaid_reason"]:
        said.append(_("%(reason)s.") % {"reason": policy.sentence(policy.Reason(**reason))})
    reason_given = case.reasons.get(case.items[0].reason_code)
    if reason_given is not None and reason_given.fault == Fault.SELLER:
        said.append(_("By the reason you gave, the item is at fault."))
    else:
        said.append(_("How much depends on the carrier you choose: we do not know it before."))
    return said


def _money_back(case: Case) -> str:
    owed = case.owed_minor()
    days = case.rules.refund_days
    if None in owed.values():
        return ngettext(
            "What you paid is not known here. The seller refunds it the way you paid, within %(days)d day after "
            "your parcel has arrived.",
            "What you paid is not known here. The seller refunds it the way you paid, within %(days)d days after "
            "your parcel has arrived.",
            days,
        ) % {"days": days}
    language = get_language() or Language.ENGLISH.value
    amounts = [format_money(minor or 0, currency, language) for currency, minor in owed.items()]
    return ngettext(
        "The seller refunds up to %(amount)s the way you paid, within %(days)d day after your parcel has arrived.",
        "The seller refunds up to %(amount)s the way you paid, within %(days)d days after your parcel has arrived.",
        days,
    ) % {"amount": format_list(amounts), "days": days}
