"""Two at once: exactly one wins, the other is told. On PostgreSQL with its row locks, on SQLite with its one.

Some tests hold the lock themselves and see that the service waits for it: rounds of a race, however many, also
pass by luck.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Count

from notifications.models import Message
from notifications.services import relay_events
from returns import services
from returns.actors import Actor
from returns.exceptions import Invalid, Refusal, SomebodyElseWasFirst, TransitionNotAllowed
from returns.models import OrderItem, Refund, ReturnEvent, ReturnRequest
from returns.models.clock import database_now
from returns.policy import PolicyVerdict
from returns.services.deadlines import authorize_at_limit, remind
from returns.services.decide import Authorization, decide_returns
from returns.services.moves import take_units
from returns.services.verdicts import Judgement
from returns.state_machine import Action, Role, Status
from tests.factories import (
    Cast,
    Line,
    a_request_in,
    asked_lines,
    at_once,
    by_hand,
    closing,
    day,
    last_event,
    make_cast,
    make_order,
    open_request,
)
from tests.returns.ledger import everything_adds_up, row
from tests.returns.rivals import Rival, crew, losers, winners
from tests.services import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

AR, AUTHORIZED, CLOSED = Status.AUTHORIZATION_REQUIRED, Status.AUTHORIZED, Status.CLOSED

Act = Callable[[], Any]


@pytest.fixture
def cast(database: str, transactional_db: None) -> Cast:
    return make_cast()


def rounds(normal: int, long: int) -> Any:
    return pytest.mark.parametrize("rounds", [normal, pytest.param(long, marks=pytest.mark.long)])


# What people do


def alice_closes(cast: Cast, request: ReturnRequest) -> ReturnEvent:
    return services.close_return(
        at_once(cast.actor(cast.alice)), reference=request.reference, closing=closing()
    )


def ben_closes(cast: Cast, request: ReturnRequest) -> ReturnEvent:
    return services.close_return(
        at_once(cast.actor(cast.ben)), reference=request.reference, closing=closing("technical_issue_solved")
    )


def ben_authorizes(cast: Cast, request: ReturnRequest) -> ReturnEvent:
    return services.authorize_return(at_once(cast.actor(cast.ben)), reference=request.reference)


def root_closes(cast: Cast, request: ReturnRequest) -> ReturnEvent:
    return services.close_return(
        at_once(cast.actor(cast.root)), reference=request.reference, closing=closing()
    )


def the_buyer_closes(cast: Cast, request: ReturnRequest) -> ReturnEvent:
    return services.close_return(
        Actor.buyer(request.order), reference=request.reference, closing=closing("buyer_other", "")
    )


def splits(who: str, units: int = 1) -> Callable[[Cast, ReturnRequest], ReturnEvent]:
    def act(cast: Cast, request: ReturnRequest) -> ReturnEvent:
        actor = at_once(cast.actor(getattr(cast, who)))
        asked = {request.items.get().pk: units}
        return services.split_return(actor, reference=request.reference, units=asked)

    return act


# Who holds the lock was first; what the other is told


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (the_buyer_closes, alice_closes, "Closed by the buyer on "),
        (alice_closes, ben_closes, "Closed by Alice Ames on "),
        (alice_closes, ben_authorizes, "Closed by Alice Ames on "),
        (ben_authorizes, alice_closes, "Authorized by Ben Boyd on "),
        (alice_closes, the_buyer_closes, "Closed by the seller on "),
        (root_closes, alice_closes, "Closed by the marketplace on "),
    ],
)
def test_who_comes_while_another_decides_waits_and_is_told_who_was_first(
    cast: Cast, first: Callable, second: Callable, told: str
) -> None:
    request = a_request_in(cast, AR)
    with transaction.atomic():
        ReturnRequest.objects.select_for_update().get(pk=request.pk)
        rival = Rival(partial(second, cast, request))
        rival.wait_for_my_lock("returns_returnrequest", "FOR UPDATE")
        won = first(cast, request)
    lost = rival.outcome()
    assert isinstance(lost, SomebodyElseWasFirst)
    assert str(lost).startswith(told)
    assert last_event(request) == won
    everything_adds_up()


@pytest.mark.parametrize(
    ("action", "state"),
    [
        ("receive_return", AUTHORIZED),
        ("keep_item", AUTHORIZED),
        ("complete_return", AUTHORIZED),
        ("record_refund", AUTHORIZED),
        ("undo_decision", CLOSED),
        ("reopen_return", CLOSED),
        ("escalate", CLOSED),
        ("uphold", CLOSED),
        ("split_return", AR),
        ("reassess", AR),
    ],
)
def test_every_service_waits_for_the_request(cast: Cast, action: str, state: Status) -> None:
    request = a_request_in(cast, state, prepaid=action == "keep_item")
    item = request.items.get().pk
    actor = cast.actor(cast.root if action in ("uphold", "reassess") else cast.alice)
    if action in ("keep_item", "escalate"):
        actor = Actor.buyer(request.order)
    more: dict[str, dict[str, Any]] = {
        "receive_return": {"received": {item: (1, "used")}},
        "complete_return": {"outcome": "never_arrived", "comments": "Lost."},
        "record_refund": {"amounts": {(item, "item"): 1}, "refunded_date": day(0)},
        "uphold": {"comments": "Fine."},
        "split_return": {"units": {item: 1}},
        "reassess": {"judgements": {item: Judgement(PolicyVerdict.UNKNOWN, False)}, "comments": "Why."},
    }
    act = partial(getattr(services, action), actor, reference=request.reference, **more.get(action, {}))
    with transaction.atomic():
        ReturnRequest.objects.select_for_update().get(pk=request.pk)
        rival = Rival(act)
        rival.wait_for_my_lock("returns_returnrequest", "FOR UPDATE")
    outcome = rival.outcome()
    assert isinstance(outcome, (ReturnEvent, Refusal))
    everything_adds_up()


def test_of_two_who_split_off_the_same_unit_one_does_and_the_other_is_told(cast: Cast) -> None:
    request = open_request(make_order(cast.north_lane, Line(quantity=2), country="CA"))
    with transaction.atomic():
        ReturnRequest.objects.select_for_update().get(pk=request.pk)
        rival = Rival(partial(splits("ben"), cast, request))
        rival.wait_for_my_lock("returns_returnrequest", "FOR UPDATE")
        splits("alice")(cast, request)
    assert str(rival.outcome()) == "This request asks for a single unit."
    assert ReturnRequest.objects.count() == 2
    everything_adds_up()


def test_who_splits_while_another_closes_is_told_so(cast: Cast) -> None:
    request = open_request(make_order(cast.north_lane, Line(quantity=2), country="CA"))
    with transaction.atomic():
        ReturnRequest.objects.select_for_update().get(pk=request.pk)
        rival = Rival(partial(splits("ben"), cast, request))
        rival.wait_for_my_lock("returns_returnrequest", "FOR UPDATE")
        alice_closes(cast, request)
    assert str(rival.outcome()).startswith("Closed by Alice Ames on ")
    assert ReturnRequest.objects.count() == 1
    everything_adds_up()


@rounds(10, 500)
def test_split_and_close_at_once_leave_nothing_half_done(cast: Cast, rounds: int) -> None:
    """Whoever is first: what was split off before the closing waits, what was not is closed with the rest."""
    with crew(3) as people:
        for _round in range(rounds):
            request = open_request(make_order(cast.north_lane, Line(quantity=3), country="CA"))
            acts = (splits("alice"), splits("ben"), root_closes)
            outcomes = people.together(*[partial(act, cast, request) for act in acts])
            made = [one for one in winners(outcomes) if one.action == Action.SPLIT]
            requests = ReturnRequest.objects.filter(order=request.order)
            assert requests.filter(status=CLOSED).count() == 1
            assert requests.filter(status=AR).count() == len(made)
            held = requests.filter(status=AR).values_list("items__units_held", flat=True)
            assert OrderItem.objects.get(order=request.order).units_held == sum(held) == len(made)
            assert len({one.rma_number for one in requests}) == requests.count()
    everything_adds_up()


def test_two_requests_of_one_order_split_at_once_get_different_numbers(cast: Cast) -> None:
    lines = [Line(sku=sku, quantity=2) for sku in ("A", "B")]
    request = open_request(make_order(cast.north_lane, *lines, country="CA"))
    alice = at_once(cast.actor(cast.alice))
    going = request.items.get(order_item__sku="B").pk
    event = services.split_return(alice, reference=request.reference, units={going: 2})
    second = ReturnRequest.objects.get(reference=event.facts["split_into"]["reference"])
    with crew(2) as people:
        acts = (partial(splits(who), cast, one) for who, one in (("alice", request), ("ben", second)))
        outcomes = people.together(*acts)
    assert len(winners(outcomes)) == 2, outcomes
    numbers = set(ReturnRequest.objects.values_list("rma_number", flat=True))
    assert numbers == {request.rma_number, *(f"{request.rma_number}-{number}" for number in (2, 3, 4))}
    everything_adds_up()


def test_a_reminder_waits_and_is_not_written_for_what_was_decided_meanwhile(cast: Cast) -> None:
    request = open_request(make_order(cast.north_lane, country="CA"), opened_days_ago=3)
    with transaction.atomic():
        ReturnRequest.objects.select_for_update().get(pk=request.pk)
        rival = Rival(remind)
        rival.wait_for_my_lock("returns_returnrequest", "FOR UPDATE")
        alice_closes(cast, request)
    rival.outcome()
    assert not request.events.filter(action=Action.REMIND).exists()


PAIRS: list[tuple[Callable, Callable]] = [
    (alice_closes, ben_closes),
    (alice_closes, ben_authorizes),
    (alice_closes, the_buyer_closes),
]


@rounds(30, 2000)
def test_of_two_who_decide_at_once_exactly_one_wins(cast: Cast, rounds: int) -> None:
    with crew(2) as people:
        for number in range(rounds):
            request = a_request_in(cast, AR)
            pair = PAIRS[number % len(PAIRS)]
            outcomes = people.together(*[partial(act, cast, request) for act in pair])
            assert (len(winners(outcomes)), len(losers(outcomes))) == (1, 1), outcomes
            (won,), (lost,) = winners(outcomes), losers(outcomes)
            assert isinstance(lost, SomebodyElseWasFirst)
            done = "Authorized by" if won.action == Action.AUTHORIZE else "Closed by"
            assert str(lost).startswith(done)
            assert row(request)["version"] == 2
            assert last_event(request) == won
    everything_adds_up()


def test_twenty_times_the_same_form_at_once_is_one_decision(cast: Cast) -> None:
    request = a_request_in(cast, AR)
    alice = cast.actor(cast.alice)
    act = partial(services.close_return, alice, reference=request.reference, closing=closing(), key="form-1")
    with crew(20) as people:
        answers = people.together(*[act] * 20)
    assert set(answers) == {last_event(request)}
    assert row(request)["version"] == 2
    everything_adds_up()


def test_two_bulks_over_the_same_requests_do_each_once_and_never_stop_each_other(cast: Cast) -> None:
    with crew(2) as people:
        for _round in range(5):
            references = [a_request_in(cast, AR).reference for _number in range(6)]
            acts = [
                partial(decide_returns, cast.actor(user), decision=decision, references=order)
                for user, decision, order in (
                    (cast.alice, closing(), references),
                    (cast.ben, Authorization(), references[::-1]),
                )
            ]
            results = [result for answer in people.together(*acts) for result in answer]
            done = Counter(result.reference for result in results if result.event)
            assert done == Counter(references)
    everything_adds_up()


# Units


def open_units(order: Any, quantity: int, key: str = "") -> ReturnEvent:
    return services.open_return(
        Actor.buyer(order),
        order_reference=order.reference,
        lines=asked_lines(order, quantity=quantity),
        key=key,
    )


@rounds(200, 2000)
def test_of_four_who_ask_for_five_of_five_units_one_gets_them(cast: Cast, rounds: int) -> None:
    with crew(4) as people:
        for _round in range(rounds):
            order = make_order(cast.north_lane, Line(quantity=5), country="CA")
            outcomes = people.together(*[partial(open_units, order, 5)] * 4)
            assert len(winners(outcomes)) == 1, outcomes
            assert {str(lost) for lost in losers(outcomes)} == {"Only 0 of 5 can still be returned."}
            assert order.items.get().units_held == 5
    everything_adds_up()


def test_who_asks_for_units_waits_for_who_is_just_taking_them(cast: Cast) -> None:
    order = make_order(cast.north_lane, Line(quantity=5), country="CA")
    with transaction.atomic():
        list(OrderItem.objects.select_for_update().filter(order=order))
        rival = Rival(partial(open_units, order, 5))
        rival.wait_for_my_lock("returns_orderitem", "FOR UPDATE")
        open_units(order, 3)
    lost = rival.outcome()
    assert isinstance(lost, Invalid)
    assert str(lost) == "Only 2 of 5 can still be returned."
    everything_adds_up()


def test_units_are_never_taken_above_what_is_there_by_the_statement_itself(cast: Cast) -> None:
    line = make_order(cast.north_lane, Line(quantity=5)).items.get()
    take_units(Counter({line.pk: 4}))
    for units, sentence in ((2, "Only 1 of 5 can still be returned."), (-5, "Only 1 of 5 can still")):
        with pytest.raises(TransitionNotAllowed, match=sentence), transaction.atomic():
            take_units(Counter({line.pk: units}))
    line.refresh_from_db()
    assert line.units_held == 4


def test_twenty_times_the_same_form_at_once_is_one_request(cast: Cast) -> None:
    order = make_order(cast.north_lane, Line(quantity=20), country="CA")
    with crew(20) as people:
        answers = people.together(*[partial(open_units, order, 1, "form-1")] * 20)
    assert len(set(answers)) == 1
    assert ReturnRequest.objects.count() == 1
    everything_adds_up()


@rounds(10, 500)
def test_units_are_held_once_while_one_closes_and_others_ask_and_reopen(cast: Cast, rounds: int) -> None:
    with crew(3) as people:
        for _round in range(rounds):
            order = make_order(cast.north_lane, Line(quantity=5), country="CA")
            request = open_request(order)
            outcomes = people.together(
                partial(alice_closes, cast, request),
                partial(open_units, order, 5),
                partial(
                    services.reopen_return, cast.actor(cast.ben), reference=request.reference, key="again"
                ),
            )
            assert isinstance(outcomes[0], ReturnEvent)
            holding = [
                held for held in order.items.values_list("return_items__units_held", flat=True) if held
            ]
            assert holding in ([], [5])
    everything_adds_up()


# Undo against the relay


def mark(event: ReturnEvent) -> int:
    """What the relay does to an event it has made messages of."""
    return ReturnEvent.objects.filter(pk=event.pk, relayed_at__isnull=True, withdrawn_at__isnull=True).update(
        relayed_at=database_now()
    )


def test_undo_waits_for_a_relay_that_is_just_passing_the_decision_on(cast: Cast) -> None:
    request, alice = a_request_in(cast, AR), cast.actor(cast.alice)
    event = services.close_return(alice, reference=request.reference, closing=closing())
    with transaction.atomic():
        assert mark(event) == 1
        rival = Rival(partial(services.undo_decision, alice, reference=request.reference))
        rival.wait_for_my_lock("UPDATE", "returns_returnevent", "withdrawn_at")
    lost = rival.outcome()
    assert isinstance(lost, TransitionNotAllowed)
    assert "The time to undo is over" in str(lost)
    event.refresh_from_db()
    assert (event.withdrawn_at, row(request)["status"]) == (None, CLOSED)
    everything_adds_up()


def test_the_relay_waits_for_an_undo_and_then_finds_nothing_to_pass_on(cast: Cast) -> None:
    request, alice = a_request_in(cast, AR), cast.actor(cast.alice)
    event = services.close_return(alice, reference=request.reference, closing=closing())
    with transaction.atomic():
        services.undo_decision(alice, reference=request.reference)
        rival = Rival(partial(mark, event))
        if connection.vendor == "postgresql":
            rival.wait_for_my_lock("UPDATE", "returns_returnevent", "relayed_at")
        else:
            wait_until(lambda: rival.doing.startswith("UPDATE"))
    assert rival.outcome() == 0
    event.refresh_from_db()
    assert event.relayed_at is None
    assert row(request)["status"] == AR


@rounds(20, 300)
def test_a_decision_is_either_passed_on_or_undone(cast: Cast, rounds: int) -> None:
    alice = cast.actor(cast.alice)
    with crew(2) as people:
        for _round in range(rounds):
            request = a_request_in(cast, AR)
            event = services.close_return(alice, reference=request.reference, closing=closing())
            marked, undone = people.together(
                partial(mark, event), partial(services.undo_decision, alice, reference=request.reference)
            )
            assert bool(marked) == isinstance(undone, Refusal)
            assert row(request)["status"] == (CLOSED if marked else AR)
            event.refresh_from_db()
            assert bool(event.relayed_at) != bool(event.withdrawn_at)
    everything_adds_up()


def test_around_the_end_of_the_hold_nothing_is_both_told_and_undone(cast: Cast) -> None:
    """The real relay, over and over, while everything is being undone in the last moment."""
    cast.alice.undo_seconds = 1
    alice = cast.actor(cast.alice)
    requests = [a_request_in(cast, AR) for _number in range(40)]
    relay_events()
    decide_returns(alice, decision=closing(), references=[request.reference for request in requests])
    over = last_event(requests[0]).hold_until

    def undo_all() -> list[Any]:
        undone = []
        for request in requests:
            try:
                undone.append(services.undo_decision(alice, reference=request.reference))
            except TransitionNotAllowed as refusal:
                undone.append(refusal)
        return undone

    def relay() -> None:
        wait_until(lambda: relay_events() and database_now() > over)

    with crew(2) as people:
        wait_until(lambda: (over - database_now()).total_seconds() < 0.15)
        undone, _relayed = people.together(undo_all, relay)
    relay_events()
    for request, outcome in zip(requests, undone, strict=True):
        event = request.events.get(action=Action.CLOSE)
        told = Message.objects.filter(event=event, kind="return_closed").exists()
        was_undone = isinstance(outcome, ReturnEvent)
        assert (bool(event.relayed_at), bool(event.withdrawn_at)) == (not was_undone, was_undone)
        assert told is not was_undone
        assert row(request)["status"] == (AR if was_undone else CLOSED)
    everything_adds_up()


# Money


def refund_some(cast: Cast, request: ReturnRequest, minor: int, key: str = "") -> ReturnEvent:
    return services.record_refund(
        cast.actor(cast.alice),
        reference=request.reference,
        amounts={(request.items.get().pk, "item"): minor},
        refunded_date=day(0),
        key=key,
    )


def test_twenty_times_the_same_refund_at_once_is_one(cast: Cast) -> None:
    request = a_request_in(cast, Status.REFUND_DUE)
    with crew(20) as people:
        answers = people.together(*[partial(refund_some, cast, request, 100, "form-1")] * 20)
    assert len(set(answers)) == 1
    assert Refund.objects.count() == 1
    everything_adds_up()


@rounds(5, 200)
def test_refunds_at_once_never_exceed_what_was_paid(cast: Cast, rounds: int) -> None:
    with crew(8) as people:
        for _round in range(rounds):
            order = make_order(cast.north_lane, Line(quantity=2, item=10000), country="CA")
            requests = [open_request(order, quantity=1), open_request(order, quantity=1)]
            outcomes = people.together(
                *[partial(refund_some, cast, requests[number % 2], 3000) for number in range(8)]
            )
            assert len(winners(outcomes)) == 3
            assert order.items.get().item_refunded_minor == 9000
    everything_adds_up()


def test_a_refund_waits_for_one_of_another_request_of_the_same_line(cast: Cast) -> None:
    order = make_order(cast.north_lane, Line(quantity=2, item=10000), country="CA")
    one, two = open_request(order, quantity=1), open_request(order, quantity=1)
    with transaction.atomic():
        refund_some(cast, one, 6000)
        rival = Rival(partial(refund_some, cast, two, 4001))
        rival.wait_for_my_lock("returns_orderitem", "FOR UPDATE")
    lost = rival.outcome()
    assert isinstance(lost, Invalid)
    assert str(lost) == "At most $40.00 can still be refunded here."
    everything_adds_up()


# The clockwork


def test_two_sweeps_at_once_authorize_each_request_once(cast: Cast) -> None:
    with by_hand(cast.north_lane):
        for _number in range(8):
            open_request(make_order(cast.north_lane), opened_days_ago=3)
        with crew(2) as people:
            done = people.together(authorize_at_limit, authorize_at_limit)
    assert sum(done) == 8
    assert not ReturnRequest.objects.annotate(written=Count("events")).exclude(written=2).exists()
    assert ReturnEvent.objects.filter(action=Action.AUTHORIZE, role=Role.SYSTEM).count() == 8
    everything_adds_up()


def test_two_sweeps_at_once_remind_once(cast: Cast) -> None:
    request = open_request(make_order(cast.north_lane, country="CA"), opened_days_ago=3)
    with transaction.atomic():
        ReturnRequest.objects.select_for_update().get(pk=request.pk)
        rival = Rival(remind)
        rival.wait_for_my_lock("returns_returnrequest", "FOR UPDATE")
        assert remind() == 1
    rival.outcome()
    assert request.events.filter(action=Action.REMIND).count() == 1
