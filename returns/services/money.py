"""Giving money back. Never more than was paid, per line and part, over all refunds."""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..exceptions import Invalid
from ..models import OrderItem, Refund, ReturnEvent
from ..models.money import PAID_PARTS, RefundCause
from ..money import format_money
from ..selectors.cases import Case
from ..state_machine import Action, Status
from .moves import Move, check_move, finished_before, key_reused, lock_case, write_moves
from .payouts import Settlement, is_paid_by, kind_now, open_payout, settlement_of


def record_refund(
    actor: Actor,
    *,
    reference: str,
    amounts: Mapping[tuple[int, str], int],
    refunded_date: date,
    key: str = "",
) -> ReturnEvent:
    """Record that `amounts` (by item id and part, in minor units of the line's currency) went back that day.

    Completes an authorized or received request when everything owed is refunded, and ends a refund promise
    when it is met. Where the shop pays, it is asked to, and both wait for its word (`services.payouts`).
    `Invalid.errors` has keys like ``amount_<item>_<part>`` and ``refunded_date``.
    """
    with transaction.atomic():
        case = lock_case(actor, reference)
        wanted = {place: minor for place, minor in amounts.items() if minor}
        done = finished_before(case, key, action=Action.REFUND)
        if done is not None:
            _check_same(case, done, wanted, refunded_date)
            return done
        check_move(case, actor, Action.REFUND)
        _check_amounts(case, wanted, refunded_date)
        raise_refunded(case, wanted)
        currency = _currency_of(case, wanted)
        settlement = Settlement(Status(case.request.status))
        if is_paid_by(actor.role):
            settlement = settlement_of(
                case,
                actor,
                minor=sum(wanted.values()),
                currency=currency,
                has_open_payouts=bool(case.request.open_payout),
            )
        move = Move(
            case=case,
            action=Action.REFUND,
            status=settlement.status,
            outcome=settlement.outcome,
            columns=settlement.columns,
            facts=refund_facts(
                case,
                wanted,
                refunded_date=refunded_date,
                is_complete=not case.owes_refund,
                meets_promise=settlement.meets_promise,
            ),
            key=key,
        )
        event = write_moves(actor, [move])[0]
        cause = RefundCause.PROMISE if case.request.status == Status.CLOSED else RefundCause.EVENT
        keep_refunds(case, event, wanted, refunded_date=refunded_date, cause=cause)
        return event


def raise_refunded(case: Case, wanted: Mapping[tuple[int, str], int]) -> None:
    """Add `wanted` to what is refunded of the lines, in their order; refused where it exceeds what was paid."""
    lines = {item.pk: item.order_item for item in case.items}
    for (item_id, part), minor in sorted(wanted.items(), key=lambda pair: lines[pair[0][0]].pk):
        _raise_refunded(lines[item_id], part, minor, f"amount_{item_id}_{part}")
    for (item_id, part), minor in wanted.items():
        case.add_refund(lines[item_id].pk, part, minor)


def refund_facts(
    case: Case,
    wanted: Mapping[tuple[int, str], int],
    *,
    refunded_date: date,
    is_complete: bool,
    meets_promise: bool = False,
) -> dict[str, Any]:
    """What the event of a refund says of it; all of `wanted` is in one currency."""
    lines = {item.pk: item.order_item for item in case.items}
    return {
        "refund": {
            "parts": [
                {"title": lines[item_id].title or lines[item_id].sku, "part": part, "minor": minor}
                for (item_id, part), minor in wanted.items()
            ],
            "minor": sum(wanted.values()),
            "currency": _currency_of(case, wanted),
            "kind": kind_now().value,
            "day": refunded_date.isoformat(),
            "is_complete": is_complete,
            "meets_promise": meets_promise,
        }
    }


def keep_refunds(
    case: Case,
    event: ReturnEvent,
    wanted: Mapping[tuple[int, str], int],
    *,
    refunded_date: date,
    cause: RefundCause,
    note: str = "",
    memo: str = "",
) -> None:
    """Write what `event` gives as one pay-out, and its rows; confirmed where a person has paid it.

    `note`: the seller's own words; `memo`: those for the buyer.
    """
    lines = {item.pk: item.order_item for item in case.items}
    rows = [
        Refund(
            seller_id=case.request.seller_id,
            order_item=lines[item_id],
            request=case.request,
            event=event,
            part=part,
            amount_minor=minor,
            currency=lines[item_id].currency,
            cause=cause,
            user_id=event.user_id,
            note=note,
            memo=memo,
            refunded_date=refunded_date,
            idempotency_key=f"event:{event.pk}:{item_id}:{part}",
        )
        for (item_id, part), minor in wanted.items()
    ]
    open_payout(
        rows,
        order=case.request.order,
        role=event.role,
        key=f"event:{event.pk}",
        request=case.request,
        event=event,
    )


def still_possible(line: OrderItem, part: str) -> int | None:
    """What can still be refunded of a part of a line, in minor units; None where what was paid is unknown."""
    paid = getattr(line, f"{part}_paid_minor")
    return None if paid is None else max(paid - getattr(line, f"{part}_refunded_minor"), 0)


def _check_same(
    case: Case, done: ReturnEvent, wanted: Mapping[tuple[int, str], int], refunded_date: date
) -> None:
    """Refuses a form that already recorded other amounts or another day."""
    lines = {item.pk: item.order_item_id for item in case.items}
    again = [(lines.get(item_id), part, minor, refunded_date) for (item_id, part), minor in wanted.items()]
    before = done.refunds.values_list("order_item_id", "part", "amount_minor", "refunded_date")
    if Counter(again) != Counter(before):
        raise key_reused()


def _check_amounts(case: Case, wanted: Mapping[tuple[int, str], int], refunded_date: date) -> None:
    errors: dict[str, Any] = {}
    items = {item.pk: item for item in case.items}
    currencies = set()
    for (item_id, part), minor in wanted.items():
        if item_id not in items or part not in PAID_PARTS:
            errors[""] = _("This item does not belong to the request. Open the page again.")
        elif minor < 0:
            errors[f"amount_{item_id}_{part}"] = _("Enter an amount above zero.")
        else:
            currencies.add(items[item_id].order_item.currency)
    if not wanted:
        errors[""] = _("Enter the amount that you refunded.")
    elif len(currencies) > 1:
        errors[""] = _("Record refunds of different currencies one after the other.")
    if refunded_date > case.today:
        errors["refunded_date"] = _("The day of the refund cannot be in the future.")
    elif (case.today - refunded_date).days > 365:
        errors["refunded_date"] = _("Choose a day within the last year.")
    if errors:
        raise Invalid(next(iter(errors.values())), errors)


def _raise_refunded(line: OrderItem, part: str, minor: int, field: str) -> None:
    """Add to what is refunded of the line; the UPDATE is the guard, a refusal says what is still possible."""
    refunded, paid = f"{part}_refunded_minor", f"{part}_paid_minor"
    updated = (
        OrderItem.objects.filter(pk=line.pk)
        .filter(Q(**{f"{paid}__isnull": True}) | Q(**{f"{refunded}__lte": F(paid) - minor}))
        .update(**{refunded: F(refunded) + minor})
    )
    if not updated:
        left = still_possible(line, part) or 0
        sentence = _("At most %(amount)s can still be refunded here.") % {
            "amount": format_money(left, line.currency, get_language() or "en")
        }
        raise Invalid(sentence, {field: sentence})


def _currency_of(case: Case, wanted: Mapping[tuple[int, str], int]) -> str:
    item_id, _part = next(iter(wanted))
    return next(item.order_item.currency for item in case.items if item.pk == item_id)
