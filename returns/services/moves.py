"""How a move is written: columns, units, event, comments, counters, in one transaction, for one or many.

A service plans a `Move` for each locked case and hands all of them to `write_moves`. Nothing else in the
project writes a request, its items, its events or its counters, but for whose a request is (`teamwork`).
"""

import hashlib
import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Manager, Max
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from .. import policy
from ..actors import Actor
from ..exceptions import Forbidden, KeyReused, NotFound, SomebodyElseWasFirst, TransitionNotAllowed
from ..history import sentence
from ..models import (
    EventText,
    Offer,
    OfferState,
    Order,
    OrderItem,
    ReturnEvent,
    ReturnItem,
    ReturnLabel,
    ReturnRequest,
    StatusCount,
)
from ..models.requests import NO_DEADLINE
from ..selectors.cases import WITH_CASE, Case, get_case, load_cases
from ..signals import events_written
from ..state_machine import (
    GIVES_UNITS_BACK,
    TRANSITIONS,
    Action,
    Outcome,
    Role,
    Status,
    Transition,
    resolve,
)

# Outcomes after which no parcel comes; what ended as not returned may still come, late.
CALLED_OFF = GIVES_UNITS_BACK - {Outcome.NOT_RETURNED}
# What ends an offer that waits for an answer, as every change of the status does (firm rule 7).
OVERTAKES_OFFERS = frozenset({Action.SPLIT, Action.REASSESS, Action.HAND_OVER})
# What the buyer may do while a decision can still be undone: it depends on no status, and tells none.
RESTS_NOT = frozenset({Action.WRITE})


@dataclass
class Move:
    """One change of one request, planned under its lock.

    `columns`: new values by attribute name; status, version and deadline are added here. `held`: units each
    item shall hold, by item id; `received`: units and condition by item id; `label`: unsaved, what it shall
    travel with. Only a file brings the rest:
    `item_columns`, new values of items by item id, and `new_items`, unsaved, with the units they shall hold.
    """

    case: Case
    action: Action
    status: Status
    outcome: Outcome | None = None
    columns: dict[str, Any] = field(default_factory=dict)
    held: dict[int, int] = field(default_factory=dict)
    received: dict[int, tuple[int, str]] = field(default_factory=dict)
    label: ReturnLabel | None = None
    item_columns: dict[int, dict[str, Any]] = field(default_factory=dict)
    new_items: list[ReturnItem] = field(default_factory=list)
    reason_code: str = ""
    words: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    is_silent: bool = False
    hold_until: datetime | None = None
    key: str | None = None

    @property
    def source(self) -> Status:
        return Status(self.case.request.status)


def lock_cases(actor: Actor, references: Iterable[str]) -> list[Case]:
    """The cases of the requests of `references` that this actor may see, locked, in id order.

    Must run inside a transaction. The others are simply missing from the answer.
    """
    locked = list(
        ReturnRequest.objects.for_actor(actor)
        .filter(reference__in=list(references))
        .select_for_update(of=("self",))
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    # Read again with what belongs to them: on PostgreSQL a row that was waited for shows its new version only
    # to the statement that locked it, and joined rows must not be older than the lock.
    related = {
        request.pk: request
        for request in ReturnRequest.objects.filter(pk__in=locked).select_related(*WITH_CASE)
    }
    line_ids = ReturnItem.objects.filter(request_id__in=related).values_list("order_item_id", flat=True)
    list(OrderItem.objects.filter(pk__in=set(line_ids)).select_for_update().order_by("pk").values_list("pk"))
    return load_cases([related[pk] for pk in locked])


def lock_case(actor: Actor, reference: str) -> Case:
    """The one case, locked; `NotFound` where it is absent or not this actor's, `Forbidden` for a viewer."""
    if not actor.may_write:
        raise Forbidden(_("You may look at everything here, but not decide. Ask an owner of the team."))
    cases = lock_cases(actor, [reference])
    if not cases:
        raise NotFound(_("This page does not exist, or it is not yours."))
    return cases[0]


def check_move(
    case: Case,
    actor: Actor,
    action: Action,
    *,
    outcome: Outcome | None = None,
    stated_never_arrived: bool = False,
    has_way_back: bool | None = None,
    has_replacement: bool = True,
) -> Transition:
    """The legal move, or a refusal. Who came second is told what was done, by whom and when."""
    try:
        return _resolved(
            case,
            actor,
            action,
            outcome=outcome,
            stated_never_arrived=stated_never_arrived,
            has_way_back=has_way_back,
            has_replacement=has_replacement,
        )
    except SomebodyElseWasFirst as refusal:
        raise _named(refusal, _last_decisions([case]).get(case.request.pk), actor) from None


def check_moves(
    cases: Sequence[Case],
    actor: Actor,
    action: Action,
    *,
    has_way_back: Callable[[Case], bool] | None = None,
) -> dict[int, TransitionNotAllowed]:
    """The refusals of `check_move` for many, by request id; a legal move is not in it."""
    refusals: dict[int, TransitionNotAllowed] = {}
    late = []
    for case in cases:
        try:
            _resolved(case, actor, action, has_way_back=has_way_back(case) if has_way_back else None)
        except TransitionNotAllowed as refusal:
            refusals[case.request.pk] = refusal
            if isinstance(refusal, SomebodyElseWasFirst):
                late.append(case)
    last = _last_decisions(late)
    for case in late:
        request_id = case.request.pk
        refusals[request_id] = _named(refusals[request_id], last.get(request_id), actor)
    return refusals


def _resolved(
    case: Case,
    actor: Actor,
    action: Action,
    *,
    outcome: Outcome | None = None,
    stated_never_arrived: bool = False,
    has_way_back: bool | None = None,
    has_replacement: bool = True,
) -> Transition:
    """The legal move. `SomebodyElseWasFirst`, not yet saying who, where the status does not have such a move."""
    if action not in RESTS_NOT and case.is_resting_for(actor):
        raise TransitionNotAllowed(
            _("Your request is being worked on right now. Please try again in a minute.")
        )
    facts = case.facts(
        stated_never_arrived=stated_never_arrived,
        has_way_back=has_way_back,
        has_replacement=has_replacement,
    )
    try:
        return resolve(facts, action, actor.asking, outcome)
    except TransitionNotAllowed as refusal:
        if any(
            transition.action == action
            and actor.role in transition.roles
            and case.request.status in transition.sources
            for transition in TRANSITIONS
        ):
            raise
        raise SomebodyElseWasFirst(refusal.sentence) from None


def _last_decisions(cases: Sequence[Case]) -> dict[int, ReturnEvent]:
    """By request id, the event that last changed each; one query, none for nothing."""
    if not cases:
        return {}
    told = ReturnEvent.objects.filter(request_id__in=[case.request.pk for case in cases]).exclude(
        action__in=(Action.REMIND, Action.ESCALATE, Action.WRITE, Action.HAND_OVER, Action.OFFER)
    )
    last = told.values("request_id").annotate(last=Max("pk")).values("last")
    events = ReturnEvent.objects.filter(pk__in=last).defer("words", "facts").select_related("user")
    return {event.request_id: event for event in events}


def _named(refusal: TransitionNotAllowed, event: ReturnEvent | None, actor: Actor) -> TransitionNotAllowed:
    """The refusal with what was done, by whom and when; without, where nobody has decided anything yet."""
    if event is None or event.action in (Action.OPEN, Action.RECORD):
        return TransitionNotAllowed(refusal.sentence)
    is_own = (
        event.role == Role.BUYER
        if actor.role == Role.BUYER
        else actor.user_id is not None and event.user_id == actor.user_id
    )
    return SomebodyElseWasFirst(f"{sentence(event, actor)} {refusal}", is_own=is_own)


def make_move(
    actor: Actor,
    *,
    reference: str,
    action: Action,
    plan: Callable[[Case], Move],
    text: str = "",
    key: str = "",
    outcome: Outcome | None = None,
    said: Callable[[Case], dict[str, Any]] | None = None,
    stated_never_arrived: bool = False,
    has_replacement: bool = True,
    is_preview: bool = False,
    case: Case | None = None,
) -> ReturnEvent:
    """Lock one request, check the move, plan it, write it; the way of every action on a single request.

    `plan` gets the locked case and may refuse. A form (`key`) that already made its event answers with it;
    `said` gives the facts of that event which must be the same then, beside action, outcome and words.
    `is_preview`: lock and write nothing; the event is unsaved, with its words in `planned_text`. `case`: the
    request as the page that shows the preview has read it.
    """

    def check(case: Case) -> None:
        check_move(
            case,
            actor,
            action,
            outcome=outcome,
            stated_never_arrived=stated_never_arrived,
            has_replacement=has_replacement,
        )

    if is_preview:
        case = case_to_plan(actor, reference, case)
        check(case)
        move = plan(case)
        move.text = text
        return planned_event(actor, move)
    with transaction.atomic():
        case = lock_case(actor, reference)
        done = finished_before(
            case, key, action=action, outcome=outcome, text=text, facts=said(case) if said else {}
        )
        if done is not None:
            return done
        check(case)
        move = plan(case)
        move.text = text
        move.key = key
        return write_moves(actor, [move])[0]


def finished_before(
    case: Case,
    key: str | None,
    *,
    action: Action,
    outcome: Outcome | None = None,
    reason_code: str = "",
    text: str = "",
    facts: Mapping[str, Any] | None = None,
) -> ReturnEvent | None:
    """The event that this form already made, or None; `KeyReused` if the form was used for something else.

    `facts`: what the event's facts must hold to be the same. An `outcome` that was not asked for may be any.
    """
    event = made_with([case], key).get(case.request.pk)
    if event is not None:
        check_same(event, action=action, outcome=outcome, reason_code=reason_code, text=text, facts=facts)
    return event


def made_with(cases: Sequence[Case], key: str | None) -> dict[int, ReturnEvent]:
    """By request id, the events that this form already made; one query for all."""
    if not key:
        return {}
    events = ReturnEvent.objects.filter(
        request_id__in=[case.request.pk for case in cases], idempotency_key=key
    ).select_related("comments")
    return {event.request_id: event for event in events}


def check_same(
    event: ReturnEvent,
    *,
    action: Action,
    outcome: Outcome | None = None,
    reason_code: str = "",
    text: str = "",
    facts: Mapping[str, Any] | None = None,
) -> None:
    """`KeyReused` unless the form that made `event` asks for the same again."""
    facts = facts or {}
    before = (event.action, event.reason_code, event.text, {name: event.facts.get(name) for name in facts})
    if before != (action, reason_code, text, facts) or outcome not in (None, event.outcome):
        raise key_reused()


def key_reused() -> KeyReused:
    return KeyReused(_("This form was already used for something else. Open the page again."))


def write_moves(actor: Actor, moves: Sequence[Move]) -> list[ReturnEvent]:
    """Write all moves; their cases must be locked by this transaction. Answers their events, in order.

    Must run inside a transaction. People are told later, from the events.
    """
    if not moves:
        return []
    events = []
    counts: Counter[tuple[int, str]] = Counter()
    lines: Counter[int] = Counter()
    item_columns_of: dict[frozenset[str], list[ReturnItem]] = defaultdict(list)
    columns_of: dict[frozenset[str], list[ReturnRequest]] = defaultdict(list)
    off: list[Move] = []
    offers: list[Move] = []
    for move in moves:
        request = move.case.request
        source = request.status
        before = _apply(move)
        for item, item_columns in _apply_to_items(move, lines):
            item_columns_of[frozenset(item_columns)].append(item)
        columns_of[frozenset({*before, "version"})].append(request)
        if source != request.status:
            counts[request.seller_id, source] -= 1
            counts[request.seller_id, request.status] += 1
        if _is_called_off(source, move):
            off.append(move)
        if "offer_until" in before and move.action != Action.OFFER:
            offers.append(move)
        events.append(_event_of(actor, move, source, before))
    take_units(lines)
    for columns, requests in columns_of.items():
        _save_alike(ReturnRequest.objects, requests, sorted(columns))
    for columns, items in item_columns_of.items():
        _save_alike(ReturnItem.objects, items, sorted(columns))
    ReturnItem.objects.bulk_create(item for move in moves for item in move.new_items)
    _write_labels(actor, off, [move.label for move in moves if move.label is not None])
    _write_offers(actor, offers)
    ReturnEvent.objects.bulk_create(events)
    EventText.objects.bulk_create(
        EventText(event=event, text=move.text, salt=salt)
        for event, move in zip(events, moves, strict=True)
        if move.text and (salt := event.facts.get("salt", ""))
    )
    count(counts)
    announce()
    return events


def _save_alike(manager: Manager[Any], rows: Sequence[Any], columns: Sequence[str]) -> None:
    """Save these columns of locked rows. Rows with equal values, as many decisions at once make, are one UPDATE."""
    alike: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        alike[repr([getattr(row, column) for column in columns])].append(row)
    single = [same[0] for same in alike.values() if len(same) == 1]
    if len(single) == 1:
        single[0].save(update_fields=columns)
    elif single:
        manager.bulk_update(single, columns, batch_size=500)
    for same in alike.values():
        if len(same) > 1:
            values = {column: getattr(same[0], column) for column in columns}
            manager.filter(pk__in=[row.pk for row in same]).update(**values)


def record_arrivals(actor: Actor, arrivals: Sequence[Move]) -> list[ReturnEvent]:
    """Write the requests that a file brings: the cases of `arrivals` hold the unsaved requests and items.

    The items' order lines must be locked by this transaction, and have the units free that the items hold.
    """
    changes = [_apply(move) for move in arrivals]
    requests = [move.case.request for move in arrivals]
    lines: Counter[int] = Counter()
    for move in arrivals:
        for item in move.case.items:
            lines[item.order_item_id] += item.units_held
    take_units(lines)
    ReturnRequest.objects.bulk_create(requests)
    for move in arrivals:
        for item in move.case.items:
            item.request = move.case.request
    ReturnItem.objects.bulk_create(item for move in arrivals for item in move.case.items)
    events = [_event_of(actor, move, "", changed) for move, changed in zip(arrivals, changes, strict=True)]
    ReturnEvent.objects.bulk_create(events)
    count(Counter((request.seller_id, request.status) for request in requests))
    return events


def search_text(order: Order, lines: Sequence[OrderItem], *more: str) -> str:
    """What a search finds a request by, in lower case: order, buyer, SKUs and titles, RMA numbers."""
    parts = [order.order_number, order.buyer.name, *more]
    for line in lines:
        parts += [line.sku, line.title]
    return "\n".join(dict.fromkeys(part.casefold() for part in parts if part))


def search_text_of(case: Case) -> str:
    request = case.request
    lines = [item.order_item for item in case.items]
    return search_text(request.order, lines, request.rma_number, request.merchant_rma)


def write_search_texts(texts: Mapping[int, str]) -> None:
    """Write what requests are found by, by request id. It is derived from names, so there is no event."""
    requests = [ReturnRequest(pk=pk, search_text=text) for pk, text in sorted(texts.items())]
    ReturnRequest.objects.bulk_update(requests, ["search_text"], batch_size=500)


def case_to_plan(actor: Actor, reference: str, case: Case | None) -> Case:
    """A case that a planned event may spend: a copy of the page's own, else read now."""
    return get_case(actor, reference) if case is None else replace(case, request=copy(case.request))


def planned_event(actor: Actor, move: Move) -> ReturnEvent:
    """The event that `move` would write, unsaved, with its words in `planned_text`; for the message preview.

    Its case is spent: it carries the values of afterwards.
    """
    source = move.case.request.status
    event = _event_of(actor, move, source, _apply(move))
    event.planned_text = move.text
    event.planned_case = move.case
    return event


def count(changes: Counter[tuple[int, str]]) -> None:
    """Change the tab counters, in (seller, status) order."""
    for (seller_id, status), change in sorted(changes.items()):
        if not change:
            continue
        row = StatusCount.objects.filter(seller_id=seller_id, status=status)
        if not row.update(requests=F("requests") + change):
            StatusCount.objects.bulk_create(
                [StatusCount(seller_id=seller_id, status=status, requests=0)], ignore_conflicts=True
            )
            row.update(requests=F("requests") + change)


def take_units(changes: Counter[int]) -> None:
    """Hold (or with a negative number give back) units of order lines, in id order.

    Refused, with the number that is left on the scarcest line, when one has not enough free units. Lines that
    change alike change at once: the caller has locked them in id order.
    """
    alike: dict[int, list[int]] = defaultdict(list)
    for line_id, units in sorted(changes.items()):
        if units:
            alike[units].append(line_id)
    for units, line_ids in alike.items():
        updated = OrderItem.objects.filter(
            pk__in=line_ids, units_held__gte=-units, units_held__lte=F("quantity") - units
        ).update(units_held=F("units_held") + units)
        if updated < len(line_ids):
            line = min(OrderItem.objects.filter(pk__in=line_ids), key=lambda line: line.free)
            raise TransitionNotAllowed(units_left(line.free, line.quantity))


def units_left(free: int, quantity: int) -> str:
    return ngettext(
        "Only %(free)d of %(quantity)d can still be returned.",
        "Only %(free)d of %(quantity)d can still be returned.",
        free,
    ) % {"free": free, "quantity": quantity}


def announce() -> None:
    """Say after commit that events wait in the ledger. May be lost; only hurries what is due."""
    transaction.on_commit(lambda: events_written.send(sender=None), robust=True)


def base_words(case: Case) -> dict[str, Any]:
    """The placeholder values that every message of an event may need, frozen; no personal data."""
    return {
        "order_number": case.request.order.order_number,
        "seller_name": case.seller.name,
        "item_titles": [item.order_item.title or item.order_item.sku for item in case.items],
        "return_window_end": _iso(case.request.window_end_date) or "",
    }


def base_facts(case: Case) -> dict[str, Any]:
    """What the message's block of facts lists (items, units, the buyer's reasons), and the flag of firm rule 1."""
    return {
        "prepaid_eligible": case.request.prepaid_eligible,
        "items": [
            {
                "id": item.pk,
                "title": item.order_item.title or item.order_item.sku,
                "sku": item.order_item.sku,
                "quantity": item.quantity,
                "reason_code": item.reason_code,
            }
            for item in case.items
        ],
    }


def happened_at(case: Case, actor: Actor) -> datetime:
    return actor.occurred_at or case.now


def next_deadline(request: ReturnRequest, rules: policy.Rules) -> datetime:
    """The clock that matters next, or `NO_DEADLINE`."""
    deadlines = {
        Status.AUTHORIZATION_REQUIRED: request.answer_due_at,
        Status.AUTHORIZED: policy.end_of_day(request.send_back_date, rules.time_zone)
        if request.send_back_date
        else None,
        Status.REFUND_DUE: request.refund_due_at,
        Status.CLOSED: policy.promise_overdue_at(request.promise_due_date, rules)
        if request.promise_due_date
        else None,
    }
    return deadlines.get(Status(request.status)) or NO_DEADLINE


def _apply(move: Move) -> dict[str, list[Any]]:
    """Set the new values on the request; answers {column: [before, after]} of those that changed, as JSON."""
    request = move.case.request
    wanted = {
        **move.columns,
        "status": move.status.value,
        "outcome": move.columns.get("outcome", move.outcome.value if move.outcome else ""),
    }
    if wanted["status"] == Status.COMPLETED and not wanted["outcome"]:
        wanted["outcome"] = request.outcome
    if _is_overtaken(move):
        wanted["offer_until"] = None
        move.facts.setdefault("offer", {"state": OfferState.WITHDRAWN.value})
    changed: dict[str, list[Any]] = {}
    for column, value in wanted.items():
        old = getattr(request, column)
        if old != value:
            changed[column] = [_as_json(old), _as_json(value)]
            setattr(request, column, value)
    deadline = next_deadline(request, move.case.rules)
    if deadline != request.deadline_at:
        changed["deadline_at"] = [_as_json(request.deadline_at), _as_json(deadline)]
        request.deadline_at = deadline
        if "reminders_sent" not in wanted and request.reminders_sent:
            changed["reminders_sent"] = [request.reminders_sent, 0]
            request.reminders_sent = 0
    request.version += 1
    return changed


def _apply_to_items(move: Move, lines: Counter[int]) -> list[tuple[ReturnItem, set[str]]]:
    """Set the new values on the items, and add the new items; answers what changed of those that were here.

    `lines` is told how many units each order line gives or gets back.
    """
    changed = []
    for item in move.case.items:
        wanted = dict(move.item_columns.get(item.pk, {}))
        if item.pk in move.held and move.held[item.pk] != item.units_held:
            lines[item.order_item_id] += move.held[item.pk] - item.units_held
            move.facts.setdefault("units", {})[str(item.pk)] = [item.units_held, move.held[item.pk]]
            wanted["units_held"] = move.held[item.pk]
        if item.pk in move.received:
            wanted["units_received"], wanted["condition"] = move.received[item.pk]
        for column, value in wanted.items():
            setattr(item, column, value)
        if wanted:
            changed.append((item, set(wanted)))
    for item in move.new_items:
        lines[item.order_item_id] += item.units_held
    move.case.items += move.new_items
    return changed


def _event_of(actor: Actor, move: Move, source: str, changed: dict[str, list[Any]]) -> ReturnEvent:
    case = move.case
    salt = secrets.token_hex(8) if move.text else ""
    facts = {**base_facts(case), **move.facts, "changed": changed}
    if salt:
        facts["salt"] = salt
    words = {**move.words, "values": base_words(case) | move.words.get("values", {})}
    return ReturnEvent(
        seller_id=case.request.seller_id,
        request=case.request,
        version=case.request.version,
        action=move.action,
        role=actor.role,
        user_id=actor.user_id,
        source=source if case.request.version > 1 else "",
        target=case.request.status,
        outcome=case.request.outcome,
        occurred_at=happened_at(case, actor),
        # The database's own time, read under the lock: left to the column's default it makes inserting many slow.
        # A story that is told afterwards has its own times in its cases.
        **({"recorded_at": case.now} if actor.occurred_at is None else {}),
        reason_code=move.reason_code,
        words=words,
        facts=facts,
        text_digest=text_digest(move.text, salt),
        is_silent=move.is_silent,
        hold_until=move.hold_until,
        idempotency_key=move.key or None,
    )


def text_digest(text: str, salt: str) -> str:
    """Binds a person's words to the event without being them; nothing for no words."""
    return hashlib.sha256(f"{salt}\n{text}".encode()).hexdigest() if text else ""


def _is_called_off(source: str, move: Move) -> bool:
    """Will no parcel come any more, so that its label is void?"""
    request = move.case.request
    return source == Status.AUTHORIZED and (
        request.status in (Status.AUTHORIZATION_REQUIRED, Status.CLOSED)
        or request.outcome in CALLED_OFF
        or (request.status == Status.COMPLETED and move.case.has_accepted_offer)
    )


def _is_overtaken(move: Move) -> bool:
    """Does the move end the offer that waits for an answer?"""
    request = move.case.request
    return request.offer_until is not None and (
        move.action in OVERTAKES_OFFERS or move.status != request.status
    )


def _write_offers(actor: Actor, moves: Sequence[Move]) -> None:
    """Withdraw the open offers that were overtaken; what an undo takes back had ended one that stands again."""
    overtaken = [move.case.request for move in moves if move.case.request.offer_until is None]
    if overtaken:
        still_open = Offer.objects.filter(request__in=overtaken, state=OfferState.OPEN)
        still_open.update(state=OfferState.WITHDRAWN, answered_at=happened_at(moves[0].case, actor))
    for move in moves:
        if move.case.request.offer_until is not None:
            last = Offer.objects.filter(request=move.case.request).latest("pk")
            last.state, last.answered_at = OfferState.OPEN, None
            last.save(update_fields=["state", "answered_at"])


def _write_labels(actor: Actor, off: Sequence[Move], labels: Sequence[ReturnLabel]) -> None:
    if off:
        void = ReturnLabel.objects.filter(request__in=[move.case.request for move in off])
        void.filter(voided_at__isnull=True).update(voided_at=happened_at(off[0].case, actor))
    if labels:
        ReturnLabel.objects.bulk_create(labels)


def _iso(value: date | datetime | None) -> str | None:
    return value.isoformat() if value is not None else None


def _as_json(value: Any) -> Any:
    return _iso(value) if isinstance(value, date) else value
