"""Recording by hand that money went back. Never more than was paid, per line and part, over all refunds."""

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
from ..models.money import PAID_PARTS, RefundCause, RefundKind, RefundPart, RefundState
from ..money import format_money
from ..selectors.cases import Case
from ..selectors.refunds import refunded_since_closing
from ..state_machine import Action, Outcome, Status, Transition
from ..text import clean_text
from .marketplace import is_todo
from .moves import (
    Move,
    case_to_plan,
    check_move,
    finished_before,
    happened_at,
    key_reused,
    lock_case,
    planned_event,
    write_moves,
)
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
    promise when it is met. `Invalid.errors` has keys like ``amount_<item>_<part>``, ``fee_<item>``,
    ``final_<item>``, ``photos``, ``note``, ``memo`` and ``refunded_date``.
    `is_preview`: lock and write nothing; the event is unsaved, and whatever photos it needs are taken for given.
    `case`: the request as the page that shows the preview has read it.
    """
    wanted = {place: minor for place, minor in amounts.items() if minor}
    fees = {item_id: fee for item_id, fee in (fees or {}).items() if fee}
    note, memo = clean_text(note), clean_text(memo, keep_lines=True)
    settled = sorted({*fees, *final})

    def plan(case: Case, transition: Transition) -> Move:
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
        is_complete = not case.owes_refund
        completes = is_complete and transition.target == Status.COMPLETED
        promise_met = case.request.promise_due_date is not None and _meets_promise(case, wanted)
        move = Move(
            case=case,
            action=Action.REFUND,
            status=Status.COMPLETED if completes else Status(case.request.status),
            outcome=_outcome(case) if completes else None,
            columns=_ending(case, actor, completes=completes, promise_met=promise_met),
            item_columns={item_id: {"kept_minor": minor} for item_id, minor in kept.items()},
            facts=refund_facts(
                case,
                wanted,
                refunded_date=refunded_date,
                is_complete=is_complete,
                meets_promise=promise_met,
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
        return planned_event(actor, plan(case, check_move(case, actor, Action.REFUND)))
    with transaction.atomic():
        case = lock_case(actor, reference)
        done = finished_before(case, key, action=Action.REFUND, text=memo)
        if done is not None:
            _check_same(case, done, wanted, refunded_date, note)
            _check_settled_same(done, fees, settled)
            return done
        move = plan(case, check_move(case, actor, Action.REFUND))
        event = write_moves(actor, [move])[0]
        cause = RefundCause.PROMISE if case.request.status == Status.CLOSED else RefundCause.EVENT
        keep_refunds(case, event, wanted, refunded_date=refunded_date, cause=cause, note=note, memo=memo)
        add_photos_of_event(event, photos)
        return event


def _outcome(case: Case) -> Outcome:
    """How a request ends whose items are all refunded or settled."""
    is_kept = any(item.kept_minor for item in case.items)
    return Outcome.PARTIALLY_REFUNDED if is_kept else Outcome.REFUNDED


def _ending(case: Case, actor: Actor, *, completes: bool, promise_met: bool) -> dict[str, Any]:
    """The columns that a refund changes where it ends something."""
    if completes:
        return {
            "completed_at": happened_at(case, actor),
            "escalated_at": None,
            "is_decided_here": True,
            "is_marketplace_todo": is_todo(case, Status.COMPLETED),
        }
    if promise_met:
        return {
            "promise_minor": None,
            "promise_currency": "",
            "promise_due_date": None,
            "escalated_at": None,
        }
    return {}


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
            "currency": lines[next(iter(wanted))[0]].currency,
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
    """Write the rows of what `event` refunded."""
    lines = {item.pk: item.order_item for item in case.items}
    Refund.objects.bulk_create(
        Refund(
            seller_id=case.request.seller_id,
            order_item=lines[item_id],
            request=case.request,
            event=event,
            part=part,
            amount_minor=minor,
            currency=lines[item_id].currency,
            kind=RefundKind.RECORDED,
            status=RefundState.CONFIRMED,
            cause=cause,
            user_id=event.user_id,
            note=note,
            memo=memo,
            refunded_date=refunded_date,
            idempotency_key=f"event:{event.pk}:{item_id}:{part}",
        )
        for (item_id, part), minor in wanted.items()
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
    again = [
        (lines.get(item_id), part, minor, refunded_date, note) for (item_id, part), minor in wanted.items()
    ]
    before = done.refunds.values_list("order_item_id", "part", "amount_minor", "refunded_date", "note")
    if Counter(again) != Counter(before):
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
    sentence = _("At most %(amount)s can still be refunded here.") % {
        "amount": format_money(still_possible(line, part) or 0, line.currency, get_language() or "en")
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


def _meets_promise(case: Case, wanted: Mapping[tuple[int, str], int]) -> bool:
    """Is the promised amount reached by what was refunded since the closing, this refund included?"""
    return refunded_since_closing(case) + sum(wanted.values()) >= (case.request.promise_minor or 0)
