"""The buyer keeps the item, it arrives, or it never did."""

from datetime import UTC, datetime, time, timedelta

import pytest

from returns import services
from returns.actors import Actor
from returns.exceptions import (
    Forbidden,
    Invalid,
    KeyReused,
    NotFound,
    SomebodyElseWasFirst,
    TransitionNotAllowed,
)
from returns.models import ReturnItem, ReturnRequest
from returns.models.clock import database_now
from returns.models.requests import NO_DEADLINE, ItemCondition
from returns.state_machine import GIVES_UNITS_BACK, Outcome, Role, Status
from tests.factories import (
    Cast,
    Line,
    a_request_in,
    at_once,
    by_hand,
    day,
    days_ago,
    everything_received,
    file_request,
    last_event,
    make_order,
    open_request,
)
from tests.returns.ledger import everything_adds_up, refused, row

AR, AUTHORIZED, REFUND_DUE, COMPLETED = (
    Status.AUTHORIZATION_REQUIRED,
    Status.AUTHORIZED,
    Status.REFUND_DUE,
    Status.COMPLETED,
)


@pytest.fixture
def alice(cast: Cast) -> Actor:
    return at_once(cast.actor(cast.alice))


# Received


@pytest.mark.parametrize(
    "state", [(AR, ""), (AUTHORIZED, ""), (COMPLETED, Outcome.NOT_RETURNED)], ids=lambda state: state[0]
)
def test_what_came_back_makes_a_refund_due(cast: Cast, alice: Actor, state: tuple[Status, str]) -> None:
    request = a_request_in(cast, *state)
    event = services.receive_return(
        alice, reference=request.reference, received=everything_received(request), key="r-1"
    )
    request.refresh_from_db()
    assert (request.status, request.outcome, request.completed_at) == (REFUND_DUE, "", None)
    assert request.received_at == event.occurred_at == request.handed_over_at
    last_day = database_now().date() + timedelta(days=4)
    assert request.refund_due_at == datetime.combine(last_day, time.max, UTC) == request.deadline_at
    item = request.items.get()
    assert (item.units_received, item.condition, item.units_held) == (1, "unopened", 1)
    assert event.facts["received"] == [{"title": "Steel kettle", "units": 1, "condition": "unopened"}]
    everything_adds_up()


def test_the_system_notes_a_scan(cast: Cast) -> None:
    request = a_request_in(cast, AUTHORIZED)
    services.receive_return(
        Actor.system(), reference=request.reference, received=everything_received(request)
    )
    assert last_event(request).role == Role.SYSTEM


def test_part_of_it_may_have_come_back(cast: Cast, alice: Actor) -> None:
    order = make_order(cast.north_lane, Line(sku="A", quantity=3), Line(sku="B", quantity=2), country="CA")
    request = open_request(order)
    first, second = request.items.order_by("pk")
    services.receive_return(
        alice, reference=request.reference, received={first.pk: (2, "used"), second.pk: (0, "used")}
    )
    assert list(request.items.order_by("pk").values_list("units_received", "condition", "units_held")) == [
        (2, "used", 3),
        (0, "", 2),
    ]
    assert len(last_event(request).facts["received"]) == 1


@pytest.mark.parametrize(
    ("units", "condition", "field", "sentence"),
    [
        (2, "used", "units", "Enter a number between 0 and the units asked for."),
        (-1, "used", "units", "Enter a number between 0 and the units asked for."),
        (1, "", "condition", "Choose the condition in which it came back."),
        (1, "lost", "condition", "Choose the condition in which it came back."),
        (0, "used", "", "Enter how many units came back; at least one."),
    ],
)
def test_what_cannot_have_come_back_is_refused(
    cast: Cast, units: int, condition: str, field: str, sentence: str
) -> None:
    request = a_request_in(cast, AUTHORIZED)
    item = request.items.get()
    with refused(Invalid, sentence) as refusal:
        services.receive_return(
            cast.actor(cast.alice), reference=request.reference, received={item.pk: (units, condition)}
        )
    assert set(refusal.value.errors) == {f"{field}_{item.pk}" if field else ""}


def test_another_requests_item_cannot_come_back_with_this_one(cast: Cast, alice: Actor) -> None:
    request, other = a_request_in(cast, AUTHORIZED), a_request_in(cast, AUTHORIZED)
    with refused(Invalid):
        services.receive_return(alice, reference=request.reference, received=everything_received(other))


def test_nothing_at_all_cannot_come_back(cast: Cast, alice: Actor) -> None:
    request = a_request_in(cast, AUTHORIZED)
    with refused(Invalid, "Enter how many units came back; at least one."):
        services.receive_return(alice, reference=request.reference, received={})


def test_a_parcel_that_comes_late_takes_only_the_units_that_are_free(cast: Cast, alice: Actor) -> None:
    order = make_order(
        cast.north_lane, Line(quantity=3), country="CA", ordered_days_ago=74, delivered_days_ago=70
    )
    request = a_request_in(cast, COMPLETED, Outcome.NOT_RETURNED, order=order)
    assert order.items.get().units_held == 0
    open_request(order, quantity=2)
    services.receive_return(alice, reference=request.reference, received=everything_received(request))
    item = request.items.get()
    assert (item.units_received, item.units_held, item.quantity) == (3, 1, 3)
    assert order.items.get().units_held == 3
    everything_adds_up()


def test_two_rows_for_one_line_share_what_is_free(cast: Cast, alice: Actor) -> None:
    order = make_order(cast.north_lane, Line(quantity=3))
    request = file_request(order, AUTHORIZED, quantity=2, rows_per_line=2)
    assert list(request.items.order_by("pk").values_list("units_held", flat=True)) == [2, 1]
    gives_back = file_request(make_order(cast.north_lane, Line(quantity=3)), AUTHORIZED)
    ReturnItem.objects.filter(request=request).update(units_held=1)
    order.items.update(units_held=2)
    services.receive_return(alice, reference=request.reference, received=everything_received(request))
    assert list(request.items.order_by("pk").values_list("units_held", flat=True)) == [2, 1]
    assert gives_back.items.get().units_held == 3
    everything_adds_up()


def test_nothing_comes_back_twice(cast: Cast, alice: Actor) -> None:
    request = a_request_in(cast, REFUND_DUE)
    with refused(SomebodyElseWasFirst) as refusal:
        services.receive_return(alice, reference=request.reference, received=everything_received(request))
    assert str(refusal.value).startswith("Marked as received by Alice Ames on ")
    assert str(refusal.value).endswith("These units were already received.")


@pytest.mark.parametrize("outcome", [Outcome.REFUNDED, Outcome.NEVER_ARRIVED, Outcome.PARTIALLY_REFUNDED])
def test_what_was_completed_otherwise_is_not_received(cast: Cast, alice: Actor, outcome: Outcome) -> None:
    request = a_request_in(cast, COMPLETED, outcome)
    with refused(TransitionNotAllowed) as refusal:
        services.receive_return(alice, reference=request.reference, received=everything_received(request))
    assert "Only one that ended as not returned can still be received." in str(refusal.value)


def test_the_same_receipt_twice_is_noted_once(cast: Cast, alice: Actor) -> None:
    request = a_request_in(cast, AUTHORIZED)
    received = everything_received(request)
    first = services.receive_return(alice, reference=request.reference, received=received, key="r-1")
    assert services.receive_return(alice, reference=request.reference, received=received, key="r-1") == first
    other = {item: (units, ItemCondition.DAMAGED.value) for item, (units, _unopened) in received.items()}
    with refused(KeyReused):
        services.receive_return(alice, reference=request.reference, received=other, key="r-1")


# Kept


@pytest.mark.parametrize("status", [AR, AUTHORIZED])
def test_the_buyer_keeps_a_prepaid_eligible_item(cast: Cast, status: Status) -> None:
    request = a_request_in(cast, status, prepaid=True)
    event = services.keep_item(Actor.buyer(request.order), reference=request.reference)
    request.refresh_from_db()
    assert (request.status, request.outcome) == (COMPLETED, Outcome.BUYER_KEPT_ITEM)
    assert request.deadline_at == NO_DEADLINE
    assert request.completed_at == event.occurred_at
    assert request.is_decided_here
    assert request.items.get().units_held == 0
    assert event.hold_until is None
    everything_adds_up()


def test_without_a_prepaid_label_the_buyer_closes_instead(cast: Cast) -> None:
    request = a_request_in(cast, AUTHORIZED)
    with refused(TransitionNotAllowed, "Without a prepaid label you can close your request instead."):
        services.keep_item(Actor.buyer(request.order), reference=request.reference)


def test_what_is_on_its_way_back_is_not_kept(cast: Cast) -> None:
    request = a_request_in(cast, AUTHORIZED, prepaid=True)
    ReturnRequest.objects.filter(pk=request.pk).update(handed_over_at=days_ago(1))
    with refused(TransitionNotAllowed, "The item is already on its way back, so this is no longer possible."):
        services.keep_item(Actor.buyer(request.order), reference=request.reference)


def test_after_a_refund_nothing_is_kept(cast: Cast, alice: Actor) -> None:
    request = a_request_in(cast, AUTHORIZED, prepaid=True)
    services.record_refund(
        alice,
        reference=request.reference,
        amounts={(request.items.get().pk, "item"): 1},
        refunded_date=day(0),
    )
    with refused(TransitionNotAllowed) as refusal:
        services.keep_item(Actor.buyer(request.order), reference=request.reference)
    assert "A refund was already recorded" in str(refusal.value)


@pytest.mark.parametrize("name", ["alice", "ben", "root"])
def test_only_the_buyer_keeps_the_item(cast: Cast, name: str) -> None:
    request = a_request_in(cast, AUTHORIZED, prepaid=True)
    with refused(SomebodyElseWasFirst):
        services.keep_item(cast.actor(getattr(cast, name)), reference=request.reference)


def test_another_orders_buyer_keeps_nothing(cast: Cast) -> None:
    request = a_request_in(cast, AUTHORIZED, prepaid=True)
    stranger = Actor.buyer(make_order(cast.north_lane))
    with refused(NotFound):
        services.keep_item(stranger, reference=request.reference)


# Completed


@pytest.mark.parametrize("outcome", [Outcome.DUPLICATE, Outcome.NEVER_ARRIVED, Outcome.NOT_RETURNED])
def test_what_ends_without_the_item_gives_the_units_back(cast: Cast, outcome: Outcome) -> None:
    assert outcome in GIVES_UNITS_BACK
    request = a_request_in(cast, COMPLETED, outcome)
    assert sum(item.units_held for item in request.items.all()) == 0
    assert request.deadline_at == NO_DEADLINE
    everything_adds_up()


def test_a_partial_refund_keeps_the_units(cast: Cast) -> None:
    request = a_request_in(cast, COMPLETED, Outcome.PARTIALLY_REFUNDED)
    assert request.items.get().units_held == 1


def test_completing_as_never_arrived_tells_the_buyer_why(cast: Cast, alice: Actor) -> None:
    request = a_request_in(cast, AUTHORIZED)
    with refused(TransitionNotAllowed, "The buyer did not report that the order never arrived."):
        services.complete_return(
            alice, reference=request.reference, outcome=Outcome.NEVER_ARRIVED, comments="Lost."
        )
    with refused(Invalid, "Write comments to the buyer: they go into the message."):
        services.complete_return(
            alice,
            reference=request.reference,
            outcome=Outcome.NEVER_ARRIVED,
            buyer_writes_never_arrived=True,
        )
    event = services.complete_return(
        alice,
        reference=request.reference,
        outcome=Outcome.NEVER_ARRIVED,
        comments="The carrier has lost it.",
        buyer_writes_never_arrived=True,
    )
    assert event.text == "The carrier has lost it."
    assert event.facts["stated"] == {"buyer_writes_never_arrived": True}


def test_what_can_be_closed_is_closed_instead(cast: Cast, alice: Actor) -> None:
    order = make_order(cast.north_lane, country="CA")
    request = open_request(order, reason="NEVER_ARRIVED")
    with refused(TransitionNotAllowed, "This request can be closed with a return reason: close it instead."):
        services.complete_return(
            alice, reference=request.reference, outcome=Outcome.NEVER_ARRIVED, comments="Lost."
        )


def test_prepaid_and_never_arrived_completes_before_it_is_authorized(cast: Cast, alice: Actor) -> None:
    with by_hand(cast.north_lane):
        request = open_request(make_order(cast.north_lane), reason="NEVER_ARRIVED")
    assert request.prepaid_eligible
    services.complete_return(
        alice, reference=request.reference, outcome=Outcome.NEVER_ARRIVED, comments="Lost."
    )
    assert row(request)["outcome"] == Outcome.NEVER_ARRIVED


def test_only_the_system_completes_as_not_returned(cast: Cast, alice: Actor) -> None:
    order = make_order(cast.north_lane, country="CA", ordered_days_ago=74, delivered_days_ago=70)
    request = open_request(order, opened_days_ago=65)
    services.authorize_return(alice.at(days_ago(64)), reference=request.reference)
    for actor in (alice, at_once(cast.actor(cast.root)), Actor.buyer(order)):
        with pytest.raises(TransitionNotAllowed):
            services.complete_return(
                actor, reference=request.reference, outcome=Outcome.NOT_RETURNED, comments="Not sent."
            )
    services.complete_return(Actor.system(), reference=request.reference, outcome=Outcome.NOT_RETURNED)
    assert row(request)["outcome"] == Outcome.NOT_RETURNED


@pytest.mark.parametrize(
    "outcome", [Outcome.REFUNDED, Outcome.REPLACED, Outcome.BUYER_KEPT_ITEM, Outcome.ENDED_AT_MARKETPLACE]
)
def test_other_outcomes_are_not_chosen_by_hand(cast: Cast, alice: Actor, outcome: Outcome) -> None:
    request = a_request_in(cast, REFUND_DUE)
    with pytest.raises(TransitionNotAllowed):
        services.complete_return(alice, reference=request.reference, outcome=outcome, comments="Done.")
    assert row(request)["status"] == REFUND_DUE


def test_a_form_completes_with_one_outcome(cast: Cast, alice: Actor) -> None:
    request = a_request_in(cast, AUTHORIZED)
    more = {"reference": request.reference, "comments": "Lost.", "key": "c-1"}
    services.complete_return(alice, outcome=Outcome.NEVER_ARRIVED, buyer_writes_never_arrived=True, **more)
    with refused(KeyReused):
        services.complete_return(alice, outcome=Outcome.DUPLICATE, **more)


def test_a_viewer_moves_no_goods(cast: Cast) -> None:
    request = a_request_in(cast, AUTHORIZED)
    vera = cast.actor(cast.vera)
    with refused(Forbidden):
        services.receive_return(vera, reference=request.reference, received=everything_received(request))
    with refused(Forbidden):
        services.complete_return(
            vera, reference=request.reference, outcome=Outcome.DUPLICATE, comments="Twice."
        )
