"""Giving money back. Never more than was paid, per line and part, over all refunds."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..exceptions import Invalid
from ..models import OrderItem, Refund, ReturnEvent
from ..models.money import PAID_PARTS, RefundCause, RefundPart
from ..money import MAX_MINOR, format_money
from ..selectors.cases import Case
from ..state_machine import Action, Status
from ..text import clean_text
from .moves import (
    Move,
    case_to_plan,
    check_move,
    finished_before,
    key_reused,
    lock_case,
    planned_event,
    write_moves,
)
from .payouts import Settlement, is_paid_by, kind_now, open_payout, settlement_of
from .photos import PhotoFile, add_photos_of_event
from .settling import check_settling, fee_facts, kept_of

NOTE_MAX, MEMO_MAX = 255, 500


def record_refund(
    actor: Actor,
    *,
    reference: str,
    amounts: Mapping[tuple[int, str], int],
    refunded_date: date,
    fees: Mapping[int, int] | None = None,
    final: Collection[int] = (),
    note: str = "",
    memo: str = "",
    photos: Sequence[PhotoFile] = (),
    key: str = "",
    is_preview: bool = False,
    case: Case | None = None,
) -> ReturnEvent:
    """Record that `amounts` (by item id and part, in minor units of the line's currency) went back that day.

    `fees`: what is kept of an item's refund as a restocking fee, by item id; `final`: the items for which nothing
    more is refunded. Both settle the item. `note` is the seller's own, `memo` is for the buyer, `photos` (stored)
    show the items as they came back.
    Completes an authorized or received request when everything owed is refunded or settled, and ends a refund
    promise when it is met. Where the shop pays, it is asked to, and both wait for its word (`services.payouts`).
    `Invalid.errors` has keys like ``amount_<item>_<part>``, ``fee_<item>``,
    ``final_<item>``, ``photos``, ``note``, ``memo`` and ``refunded_date``.
    `is_preview`: lock and write nothing; the event is unsaved, and whatever photos it needs are taken for given.
    `case`: the request as the page that shows the preview has read it.
    """
    wanted = {place: minor for place, minor in amounts.items() if minor}
    fees = {item_id: fee for item_id, fee in (fees or {}).items() if fee}
    note, memo = clean_text(note), clean_text(memo, keep_lines=True)
    settled = sorted({*fees, *final})

    def plan(case: Case) -> Move:
        errors = {
            **_word_errors(note, memo),
            **_amount_errors(case, wanted, refunded_date),
            **check_settling(case, wanted, fees, final, None if is_preview else len(photos)),
        }
        if errors:
            raise Invalid(next(iter(errors.values())), errors)
        told = fee_facts(case, fees)
        kept = kept_of(case, wanted, fees, final)
        if is_preview:
            _check_possible(case, wanted)
            _count(case, wanted)
        else:
            raise_refunded(case, wanted)
        case.settle(kept)
        settlement = Settlement(Status(case.request.status))
        if is_paid_by(actor.role):
            settlement = settlement_of(
                case,
                actor,
                minor=sum(wanted.values()),
                currency=_currency_of(case, wanted),
                has_open_payouts=bool(case.request.open_payout),
            )
        move = Move(
            case=case,
            action=Action.REFUND,
            status=settlement.status,
            outcome=settlement.outcome,
            columns=settlement.columns,
            item_columns={item_id: {"kept_minor": minor} for item_id, minor in kept.items()},
            facts=refund_facts(
                case,
                wanted,
                refunded_date=refunded_date,
                is_complete=not case.owes_refund,
                meets_promise=settlement.meets_promise,
            ),
            text=memo,
            key=key,
        )
        if settled:
            move.facts["refund"] |= {"fees": told, "settled": settled}
        if photos:
            move.facts["refund"]["photos"] = len(photos)
        return move

    if is_preview:
        case = case_to_plan(actor, reference, case)
        case = replace(case, items=[copy(item) for item in case.items], refunds=[*case.refunds])
        check_move(case, actor, Action.REFUND)
        return planned_event(actor, plan(case))
    with transaction.atomic():
        case = lock_case(actor, reference)
        done = finished_before(case, key, action=Action.REFUND, text=memo)
        if done is not None:
            _check_same(case, done, wanted, refunded_date, note)
            _check_settled_same(done, fees, settled)
            return done
        check_move(case, actor, Action.REFUND)
        move = plan(case)
        event = write_moves(actor, [move])[0]
        cause = RefundCause.PROMISE if case.request.status == Status.CLOSED else RefundCause.EVENT
        keep_refunds(case, event, wanted, refunded_date=refunded_date, cause=cause, note=note, memo=memo)
        add_photos_of_event(event, photos)
        return event


def raise_refunded(case: Case, wanted: Mapping[tuple[int, str], int]) -> None:
    """Add `wanted` to what is refunded of the lines, in their order; refused where it exceeds what was paid."""
    lines = {item.pk: item.order_item for item in case.items}
    for (item_id, part), minor in sorted(wanted.items(), key=lambda pair: lines[pair[0][0]].pk):
        _raise_refunded(lines[item_id], part, minor, f"amount_{item_id}_{part}")
    _count(case, wanted)


def _count(case: Case, wanted: Mapping[tuple[int, str], int]) -> None:
    lines = {item.pk: item.order_item for item in case.items}
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
    case: Case,
    done: ReturnEvent,
    wanted: Mapping[tuple[int, str], int],
    refunded_date: date,
    note: str,
) -> None:
    """Refuses a form that already recorded other amounts, another day or another note."""
    lines = {item.pk: item.order_item_id for item in case.items}
    again = [(lines.get(item_id), part, minor, note) for (item_id, part), minor in wanted.items()]
    before = done.refunds.values_list("order_item_id", "part", "amount_minor", "note")
    # The day of the event: that of the rows is the shop's, where the shop has paid since.
    if Counter(again) != Counter(before) or done.facts["refund"]["day"] != refunded_date.isoformat():
        raise key_reused()


def _check_settled_same(done: ReturnEvent, fees: Mapping[int, int], settled: list[int]) -> None:
    """Refuses a form that already kept other fees, or settled other items."""
    before = done.facts["refund"]
    fees_before = {fee["item"]: fee["minor"] for fee in before.get("fees", ())}
    if before.get("settled", []) != settled or fees_before != fees:
        raise key_reused()


def _word_errors(note: str, memo: str) -> dict[str, Any]:
    return {
        name: _("Shorten this to %(most)d characters.") % {"most": most}
        for name, words, most in (("note", note, NOTE_MAX), ("memo", memo, MEMO_MAX))
        if len(words) > most
    }


def _amount_errors(case: Case, wanted: Mapping[tuple[int, str], int], refunded_date: date) -> dict[str, Any]:
    errors: dict[str, Any] = {}
    items = {item.pk: item for item in case.items}
    currencies = set()
    for (item_id, part), minor in wanted.items():
        if item_id not in items or part not in PAID_PARTS:
            errors[""] = _("This item does not belong to the request. Open the page again.")
        elif items[item_id].kept_minor is not None and part != RefundPart.SHIPPING:
            errors[f"amount_{item_id}_{part}"] = _(
                "This item is settled: nothing more is refunded for it here."
            )
        elif minor < 0:
            errors[f"amount_{item_id}_{part}"] = _("Enter an amount above zero.")
        elif minor > MAX_MINOR:
            errors |= _too_much(items[item_id].order_item, part, f"amount_{item_id}_{part}").errors
        else:
            currencies.add(items[item_id].order_item.currency)
    if not wanted:
        errors[""] = _("Enter the amount of the refund.")
    elif len(currencies) > 1:
        errors[""] = _("Record refunds of different currencies one after the other.")
    if refunded_date > case.today:
        errors["refunded_date"] = _("The day of the refund cannot be in the future.")
    elif (case.today - refunded_date).days > 365:
        errors["refunded_date"] = _("Choose a day within the last year.")
    return errors


def _check_possible(case: Case, wanted: Mapping[tuple[int, str], int]) -> None:
    """What `_raise_refunded` guards, asked without writing, of all amounts at once."""
    lines = {item.pk: item.order_item for item in case.items}
    given: Counter[tuple[int, str]] = Counter()
    errors: dict[str, Any] = {}
    for (item_id, part), minor in wanted.items():
        line = lines[item_id]
        given[line.pk, part] += minor
        left = still_possible(line, part)
        if left is not None and given[line.pk, part] > left:
            errors |= _too_much(line, part, f"amount_{item_id}_{part}").errors
    if errors:
        raise Invalid(next(iter(errors.values())), errors)


def _too_much(line: OrderItem, part: str, field: str) -> Invalid:
    left = still_possible(line, part)
    sentence = _("At most %(amount)s can still be refunded here.") % {
        "amount": format_money(MAX_MINOR if left is None else left, line.currency, get_language() or "en")
    }
    return Invalid(sentence, {field: sentence})


def _raise_refunded(line: OrderItem, part: str, minor: int, field: str) -> None:
    """Add to what is refunded of the line; the UPDATE is the guard, a refusal says what is still possible."""
    refunded, paid = f"{part}_refunded_minor", f"{part}_paid_minor"
    updated = (
        OrderItem.objects.filter(pk=line.pk)
        .filter(Q(**{f"{paid}__isnull": True}) | Q(**{f"{refunded}__lte": F(paid) - minor}))
        .update(**{refunded: F(refunded) + minor})
    )
    if not updated:
        raise _too_much(line, part, field)


def _currency_of(case: Case, wanted: Mapping[tuple[int, str], int]) -> str:
    item_id, _part = next(iter(wanted))
    return next(item.order_item.currency for item in case.items if item.pk == item_id)
