"""Asking the marketplace to step in, and its answer."""

from datetime import timedelta

import pytest

from returns import services
from returns.actors import Actor
from returns.exceptions import Forbidden, Invalid, NotFound, TransitionNotAllowed
from returns.models import ReturnRequest
from returns.models.clock import database_now
from returns.state_machine import Action, Outcome, Role, Status
from tests.factories import (
    EVERY_STATE,
    Cast,
    a_case,
    a_request_in,
    at_once,
    by_hand,
    closing,
    days_ago,
    file_request,
    last_event,
    make_order,
    open_request,
)
from tests.returns.ledger import everything_adds_up, refused, row

AR, AUTHORIZED, REFUND_DUE, COMPLETED, CLOSED = (
    Status.AUTHORIZATION_REQUIRED,
    Status.AUTHORIZED,
    Status.REFUND_DUE,
    Status.COMPLETED,
    Status.CLOSED,
)
NOT_YET = "You can ask the marketplace to step in once the seller has not answered or paid in time."


def unanswered(cast: Cast) -> ReturnRequest:
    """Asked ten days ago, and no answer."""
    return open_request(make_order(cast.north_lane, country="CA"), opened_days_ago=10)


def buyer_of(request: ReturnRequest) -> Actor:
    return Actor.buyer(request.order)


def test_without_an_answer_at_the_limit_the_buyer_asks(cast: Cast) -> None:
    request = unanswered(cast)
    event = services.escalate(buyer_of(request), reference=request.reference, comments="Nobody answers.")
    request.refresh_from_db()
    assert request.escalated_at == event.occurred_at
    assert (request.status, event.target, event.source) == (AR, AR, AR)
    assert event.text == "Nobody answers."
    with refused(TransitionNotAllowed, "The marketplace was already asked to step in."):
        services.escalate(buyer_of(request), reference=request.reference)
    everything_adds_up()


def test_before_the_limit_nobody_steps_in(cast: Cast) -> None:
    request = a_request_in(cast, AR)
    for actor in (buyer_of(request), Actor.system()):
        with refused(TransitionNotAllowed, NOT_YET):
            services.escalate(actor, reference=request.reference)


def test_the_limit_is_the_requests_own(cast: Cast) -> None:
    request = a_request_in(cast, AR)
    for step_in_at, is_due in ((database_now() + timedelta(minutes=5), False), (database_now(), True)):
        ReturnRequest.objects.filter(pk=request.pk).update(step_in_at=step_in_at)
        assert a_case(request).is_step_in_due is is_due


@pytest.mark.parametrize("closed_by", [Role.SELLER, Role.ADMIN])
def test_what_the_sellers_side_closed_can_be_contested_for_thirty_days(cast: Cast, closed_by: Role) -> None:
    user = {Role.SELLER: cast.alice, Role.ADMIN: cast.root}[closed_by]
    for days, is_due in ((29.9, True), (30.1, False)):
        request = open_request(make_order(cast.north_lane, country="CA"), opened_days_ago=40)
        told = cast.actor(user).at(days_ago(days))
        services.close_return(told, reference=request.reference, closing=closing())
        assert (Action.ESCALATE in a_case(request).actions_for(buyer_of(request))) is is_due


@pytest.mark.parametrize("outcome", [Outcome.NEVER_ARRIVED, Outcome.PARTIALLY_REFUNDED])
def test_what_the_sellers_side_completed_can_be_contested(cast: Cast, outcome: Outcome) -> None:
    request = a_request_in(cast, COMPLETED, outcome)
    services.escalate(buyer_of(request), reference=request.reference)
    assert row(request)["escalated_at"]


@pytest.mark.parametrize(
    "outcome", [Outcome.REFUNDED, Outcome.NOT_RETURNED, Outcome.BUYER_KEPT_ITEM], ids=str
)
def test_what_ended_otherwise_cannot(cast: Cast, outcome: Outcome) -> None:
    request = a_request_in(cast, COMPLETED, outcome, prepaid=outcome == Outcome.BUYER_KEPT_ITEM)
    with refused(TransitionNotAllowed):
        services.escalate(buyer_of(request), reference=request.reference)


def test_what_the_buyer_closed_cannot_either(cast: Cast) -> None:
    request = a_request_in(cast, CLOSED, closed_by=Role.BUYER)
    with refused(TransitionNotAllowed, NOT_YET):
        services.escalate(buyer_of(request), reference=request.reference)


def test_an_overdue_refund_can_be_asked_for(cast: Cast) -> None:
    request = a_request_in(cast, REFUND_DUE)
    with refused(TransitionNotAllowed, NOT_YET):
        services.escalate(buyer_of(request), reference=request.reference)
    ReturnRequest.objects.filter(pk=request.pk).update(refund_due_at=days_ago(0.01))
    services.escalate(buyer_of(request), reference=request.reference)
    assert row(request)["escalated_at"]


def test_an_overdue_promise_can_be_asked_for_whenever_it_was_made(cast: Cast) -> None:
    request = open_request(make_order(cast.north_lane, country="CA"), opened_days_ago=60)
    told = cast.actor(cast.alice).at(days_ago(50))
    services.close_return(
        told,
        reference=request.reference,
        closing=closing(
            "refund_without_return",
            promise_minor=100,
            promise_currency="USD",
            promise_due_date=database_now().date(),
        ),
    )
    assert not a_case(request).is_step_in_due
    ReturnRequest.objects.filter(pk=request.pk).update(promise_due_date=days_ago(1).date())
    assert a_case(request).is_step_in_due


def test_an_imported_request_is_contested_where_it_was_made(cast: Cast) -> None:
    request = file_request(make_order(cast.north_lane), AR, requested_days_ago=10)
    with refused(TransitionNotAllowed) as refusal:
        services.escalate(buyer_of(request), reference=request.reference)
    assert "where you bought the item" in str(refusal.value)


@pytest.mark.parametrize("name", ["alice", "root"])
def test_the_sellers_side_does_not_ask(cast: Cast, name: str) -> None:
    request = unanswered(cast)
    with pytest.raises(TransitionNotAllowed):
        services.escalate(cast.actor(getattr(cast, name)), reference=request.reference)
    assert row(request)["escalated_at"] is None


def test_the_next_decision_empties_the_flag(cast: Cast) -> None:
    alice = at_once(cast.actor(cast.alice))
    for decide in (
        lambda request: services.authorize_return(alice, reference=request.reference),
        lambda request: services.close_return(alice, reference=request.reference, closing=closing()),
        lambda request: services.close_return(
            buyer_of(request), reference=request.reference, closing=closing("buyer_other", "")
        ),
        lambda request: services.receive_return(
            alice, reference=request.reference, received={request.items.get().pk: (1, "used")}
        ),
    ):
        request = unanswered(cast)
        services.escalate(buyer_of(request), reference=request.reference)
        decide(request)
        assert row(request)["escalated_at"] is None


def test_reopening_what_was_contested_empties_the_flag(cast: Cast) -> None:
    request = a_request_in(cast, CLOSED)
    services.escalate(buyer_of(request), reference=request.reference)
    services.reopen_return(cast.actor(cast.alice), reference=request.reference)
    assert row(request)["escalated_at"] is None


def test_keeping_the_item_empties_the_flag(cast: Cast) -> None:
    with by_hand(cast.north_lane):
        request = open_request(make_order(cast.north_lane), opened_days_ago=7)
    services.escalate(buyer_of(request), reference=request.reference)
    services.keep_item(buyer_of(request), reference=request.reference)
    assert row(request)["escalated_at"] is None


# The marketplace's answer


def test_the_admin_upholds_with_a_comment(cast: Cast) -> None:
    request = unanswered(cast)
    root = cast.actor(cast.root)
    with refused(TransitionNotAllowed, "Nobody has asked the marketplace to step in."):
        services.uphold(root, reference=request.reference, comments="Fine.")
    services.escalate(buyer_of(request), reference=request.reference)
    with refused(Invalid, "Write comments to the buyer: they go into the message."):
        services.uphold(root, reference=request.reference, comments=" ")
    event = services.uphold(root, reference=request.reference, comments="The seller has until Friday.")
    assert row(request)["escalated_at"] is None
    assert (event.role, event.user_id, event.text) == (
        Role.ADMIN,
        cast.root.pk,
        "The seller has until Friday.",
    )
    assert event.hold_until is None
    services.escalate(buyer_of(request), reference=request.reference)
    everything_adds_up()


def test_only_the_admin_upholds(cast: Cast) -> None:
    request = unanswered(cast)
    services.escalate(buyer_of(request), reference=request.reference)
    for actor, kind in (
        (cast.actor(cast.vera), Forbidden),
        (cast.actor(cast.carol), NotFound),
        (Actor.buyer(make_order(cast.north_lane)), NotFound),
    ):
        with refused(kind):
            services.uphold(actor, reference=request.reference, comments="Fine.")
    for actor in (cast.actor(cast.alice), buyer_of(request), Actor.system()):
        with pytest.raises(TransitionNotAllowed):
            services.uphold(actor, reference=request.reference, comments="Fine.")
    assert last_event(request).action == Action.ESCALATE


@pytest.mark.parametrize(("status", "outcome"), EVERY_STATE)
def test_wherever_it_is_offered_it_goes_through(cast: Cast, status: Status, outcome: str) -> None:
    request = a_request_in(cast, status, outcome, prepaid=outcome == Outcome.BUYER_KEPT_ITEM)
    buyer = buyer_of(request)
    if Action.ESCALATE in a_case(request).actions_for(buyer):
        services.escalate(buyer, reference=request.reference)
        assert row(request)["escalated_at"]
    else:
        with pytest.raises(TransitionNotAllowed):
            services.escalate(buyer, reference=request.reference)
