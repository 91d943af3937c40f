"""Splitting: lines or units that shall be decided differently become a request of their own."""

from collections import Counter
from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from itertools import count as count_from
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..exceptions import Invalid
from ..models import Order, Photo, ReturnEvent, ReturnItem, ReturnRequest
from ..policy import judge_request
from ..selectors.cases import Case
from ..state_machine import Action, Status, resolve_first
from .moves import (
    Move,
    check_move,
    count,
    finished_before,
    lock_case,
    search_text_of,
    write_moves,
    write_search_texts,
)
from .open import verdict_columns, verdict_of

# What both requests have in common: who asked whom, when, and the clocks that run since.
SHARED = (
    *("seller", "order", "source", "assignee_id", "is_timely_withdrawal"),
    *("requested_at", "requested_has_time", "answer_due_at", "step_in_at", "deadline_at", "reminders_sent"),
    *("escalated_at", "handed_over_at"),
)


def split_return(actor: Actor, *, reference: str, units: Mapping[int, int], key: str = "") -> ReturnEvent:
    """Move `units`, by item id, of a waiting request to a new one; answers the event of the first.

    Dates, clocks and each item's verdict are kept; both requests are judged again from these. Units change hands
    within one transaction and are never free. An item that goes whole keeps its id, and so what belongs to it.
    """
    wanted = {item_id: number for item_id, number in units.items() if number}
    facts = {"moved": {str(item_id): number for item_id, number in sorted(wanted.items())}}
    with transaction.atomic():
        case = lock_case(actor, reference)
        done = finished_before(case, key, action=Action.SPLIT, facts=facts)
        if done is not None:
            return done
        check_move(case, actor, Action.SPLIT)
        resolve_first(Action.SPLIT, actor.asking)
        _check_units(case, wanted)
        first = case.request
        second = ReturnRequest.objects.create(
            rma_number=_next_number(first),
            status=Status.AUTHORIZATION_REQUIRED,
            **{column: getattr(first, column) for column in SHARED},
        )
        count(Counter({(second.seller_id, second.status): 1}))
        new_case, move, new_move = _planned(case, second, wanted)
        move.facts = facts | {"split_into": _named(second)}
        move.key = key
        new_move.facts = {"split_from": _named(first)}
        event, _beginning = write_moves(actor, [move, new_move])
        # The photos of what goes whole go with it.
        Photo.objects.filter(item__in=new_case.items).update(request=second)
        write_search_texts({one.request.pk: search_text_of(one) for one in (case, new_case)})
        return event


def _check_units(case: Case, wanted: Mapping[int, int]) -> None:
    errors: dict[str, Any] = {}
    quantities = {item.pk: item.quantity for item in case.items}
    for item_id, number in wanted.items():
        if item_id not in quantities:
            errors[""] = _("This item does not belong to the request. Open the page again.")
        elif not 0 < number <= quantities[item_id]:
            errors[f"units_{item_id}"] = _("Enter a number between 0 and the units asked for.")
    if not errors and not wanted:
        errors[""] = _("Enter how many units become a request of their own; at least one.")
    if not errors and wanted == quantities:
        errors[""] = _("Leave at least one unit with this request.")
    if errors:
        raise Invalid(next(iter(errors.values())), errors)


def _next_number(first: ReturnRequest) -> str:
    """The number of the request that was split first, with the next suffix that is free in the order."""
    # Two requests of one order may be split at once, and have no line in common.
    Order.objects.select_for_update(no_key=True).get(pk=first.order_id)
    taken = set(ReturnRequest.objects.filter(order=first.order_id).values_list("rma_number", flat=True))
    before, _hyphen, _suffix = first.rma_number.rpartition("-")
    stem = before if before in taken else first.rma_number
    return next(number for suffix in count_from(2) if (number := f"{stem}-{suffix}") not in taken)


def _planned(case: Case, second: ReturnRequest, wanted: Mapping[int, int]) -> tuple[Case, Move, Move]:
    """The new request's case, and what becomes of both; the first's case loses the items that go whole."""
    going = [item for item in case.items if wanted.get(item.pk) == item.quantity]
    parted = [item for item in case.items if item.pk in wanted and item not in going]
    case.items = [item for item in case.items if item not in going]
    parts = [_part_of(item, second, wanted[item.pk]) for item in parted]
    new_case = replace(case, request=second, items=going)
    move = Move(
        case=case,
        action=Action.SPLIT,
        status=Status.AUTHORIZATION_REQUIRED,
        columns=_judged(case.items),
        item_columns={item.pk: {"quantity": item.quantity - wanted[item.pk]} for item in parted},
        held={item.pk: item.units_held - part.units_held for item, part in zip(parted, parts, strict=True)},
    )
    new_move = Move(
        case=new_case,
        action=Action.SPLIT,
        status=Status.AUTHORIZATION_REQUIRED,
        columns=_judged([*going, *parts]),
        item_columns={item.pk: {"request": second} for item in going},
        new_items=parts,
    )
    return new_case, move, new_move


def _part_of(item: ReturnItem, second: ReturnRequest, number: int) -> ReturnItem:
    """So many units of `item` as an unsaved item of `second`."""
    part = copy(item)
    part.pk = None
    part.request = second
    part.quantity = number
    part.units_held = min(number, item.units_held)
    return part


def _judged(items: list[ReturnItem]) -> dict[str, Any]:
    """The columns of a request's verdict, from the verdicts that were stored with its items."""
    verdict = judge_request([verdict_of(item) for item in items])
    return {**verdict_columns(verdict), "window_end_date": verdict.window_end_date}


def _named(request: ReturnRequest) -> dict[str, str]:
    return {"reference": request.reference, "rma_number": request.rma_number}
