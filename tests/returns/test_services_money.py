"""Refunds recorded by hand: what they end, and the ceilings they never pass."""

import pytest

from returns import services
from returns.actors import Actor
from returns.exceptions import Forbidden, Invalid, KeyReused, NotFound, TransitionNotAllowed
from returns.models import OrderItem, Refund, ReturnRequest
from returns.models.money import PAID_PARTS, RefundCause, RefundKind, RefundState
from returns.state_machine import Outcome, Status
from tests.factories import (
    Cast,
    Line,
    a_case,
    a_request_in,
    at_once,
    closing,
    day,
    everything_owed,
    everything_received,
    file_request,
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
ITEM, TAX, SHIPPING = "item", "tax", "shipping"


@pytest.fixture
def alice(cast: Cast) -> Actor:
    return at_once(cast.actor(cast.alice))


def the_item(request: ReturnRequest) -> int:
    return request.items.get().pk


def refund(actor: Actor, request: ReturnRequest, key: str = "", **parts: int) -> None:
    """Record `parts` for the one item of the request, today."""
    item = the_item(request)
    amounts = {(item, part): minor for part, minor in parts.items()}
    services.record_refund(actor, reference=request.reference, amounts=amounts, refunded_date=day(0), key=key)


# What it ends


@pytest.mark.parametrize("status", [AUTHORIZED, REFUND_DUE])
def test_all_that_is_owed_completes_the_request(cast: Cast, alice: Actor, status: Status) -> None:
    request = a_request_in(cast, status)
    refund(alice, request, item=12900)
    assert row(request)["status"] == status
    refund(alice, request, tax=1032)
    request.refresh_from_db()
    assert (request.status, request.outcome) == (COMPLETED, Outcome.REFUNDED)
    assert request.is_decided_here
    assert request.items.get().units_held == 1
    everything_adds_up()


def test_before_a_decision_the_money_is_recorded_and_the_decision_still_needed(
    cast: Cast, alice: Actor
) -> None:
    request = a_request_in(cast, AR)
    refund(alice, request, item=12900, tax=1032)
    assert row(request)["status"] == AR
    with refused(TransitionNotAllowed, "Everything that was paid for these units is refunded or on its way."):
        refund(alice, request, shipping=1)
    everything_adds_up()


def test_what_is_owed_is_the_share_of_the_units_asked_for(cast: Cast, alice: Actor) -> None:
    order = make_order(cast.north_lane, Line(quantity=3, item=1000, tax=100), country="CA")
    request = open_request(order, quantity=2)
    services.authorize_return(alice, reference=request.reference)
    assert everything_owed(request) == {(the_item(request), ITEM): 666, (the_item(request), TAX): 66}
    refund(alice, request, item=666, tax=66)
    assert row(request)["status"] == COMPLETED


def test_what_is_owed_is_for_the_units_that_came_back(cast: Cast, alice: Actor) -> None:
    order = make_order(cast.north_lane, Line(quantity=2, item=1000, tax=None), country="CA")
    request = open_request(order)
    services.receive_return(alice, reference=request.reference, received={the_item(request): (1, "used")})
    refund(alice, request, item=500)
    assert row(request)["outcome"] == Outcome.REFUNDED


def test_where_nobody_said_what_was_paid_any_refund_is_all_of_it(cast: Cast, alice: Actor) -> None:
    order = make_order(cast.north_lane, Line(item=None, tax=None, shipping=None), country="CA")
    request = open_request(order)
    services.authorize_return(alice, reference=request.reference)
    refund(alice, request, item=700)
    assert row(request)["outcome"] == Outcome.REFUNDED


def test_two_rows_of_one_line_are_both_owed(cast: Cast, alice: Actor) -> None:
    order = make_order(cast.north_lane, Line(quantity=2, item=1000, tax=None))
    request = file_request(order, REFUND_DUE, quantity=1, rows_per_line=2)
    first, second = request.items.order_by("pk")
    services.record_refund(
        alice, reference=request.reference, amounts={(first.pk, ITEM): 500}, refunded_date=day(0)
    )
    assert row(request)["status"] == REFUND_DUE
    moneys = a_case(request).moneys
    assert (moneys[first.pk].owed(ITEM), moneys[second.pk].owed(ITEM)) == (0, 500)
    services.record_refund(
        alice, reference=request.reference, amounts={(first.pk, ITEM): 500}, refunded_date=day(0)
    )
    assert row(request)["status"] == COMPLETED
    everything_adds_up()


def test_the_event_says_what_was_refunded(cast: Cast, alice: Actor) -> None:
    request = a_request_in(cast, REFUND_DUE)
    item = the_item(request)
    event = services.record_refund(
        alice,
        reference=request.reference,
        amounts={(item, ITEM): 12000, (item, TAX): 0, (item, SHIPPING): 599},
        refunded_date=day(1),
    )
    assert event.facts["refund"] == {
        "parts": [
            {"title": "Steel kettle", "part": "item", "minor": 12000},
            {"title": "Steel kettle", "part": "shipping", "minor": 599},
        ],
        "minor": 12599,
        "currency": "USD",
        "kind": "recorded",
        "day": day(1).isoformat(),
        "is_complete": False,
        "meets_promise": False,
    }
    rows = Refund.objects.filter(event=event)
    assert {(refund.part, refund.amount_minor) for refund in rows} == {(ITEM, 12000), (SHIPPING, 599)}
    for refund_row in rows:
        assert (refund_row.kind, refund_row.status, refund_row.cause) == (
            RefundKind.RECORDED,
            RefundState.CONFIRMED,
            RefundCause.EVENT,
        )
        assert (refund_row.currency, refund_row.refunded_date, refund_row.request) == ("USD", day(1), request)


def test_a_partial_refund_completes_only_when_somebody_says_so(cast: Cast, alice: Actor) -> None:
    request = a_request_in(cast, REFUND_DUE)
    with refused(TransitionNotAllowed, "Record the partial refund first."):
        services.complete_return(
            alice, reference=request.reference, outcome=Outcome.PARTIALLY_REFUNDED, comments="Half."
        )
    refund(alice, request, item=6000)
    services.complete_return(
        alice, reference=request.reference, outcome=Outcome.PARTIALLY_REFUNDED, comments="Half."
    )
    assert row(request)["outcome"] == Outcome.PARTIALLY_REFUNDED


# A promise


def test_a_promise_ends_when_it_is_met(cast: Cast, alice: Actor) -> None:
    request = a_request_in(cast, CLOSED, promise_minor=10000)
    refund(alice, request, item=9999)
    request.refresh_from_db()
    assert (request.promise_minor, request.promise_due_date) == (10000, day(-2))
    refund(alice, request, tax=1)
    request.refresh_from_db()
    assert (request.promise_minor, request.promise_currency, request.promise_due_date) == (None, "", None)
    assert (request.status, request.closure_reason.code) == (CLOSED, "refund_without_return")
    assert set(request.refunds.values_list("cause", flat=True)) == {RefundCause.PROMISE}
    with refused(TransitionNotAllowed, "This request was closed without a refund promise."):
        refund(alice, request, item=1)
    everything_adds_up()


def test_a_promise_that_includes_the_shipping_can_be_met(cast: Cast, alice: Actor) -> None:
    request = a_request_in(cast, CLOSED, promise_minor=12900 + 1032 + 599)
    refund(alice, request, item=12900, tax=1032)
    assert row(request)["promise_minor"] == 14531
    refund(alice, request, shipping=599)
    assert row(request)["promise_minor"] is None


def test_what_was_refunded_before_the_closing_does_not_meet_its_promise(cast: Cast, alice: Actor) -> None:
    request = a_request_in(cast, AR)
    refund(alice, request, item=5000)
    services.close_return(
        alice,
        reference=request.reference,
        closing=closing(
            "refund_without_return",
            promise_minor=5000,
            promise_currency="USD",
            promise_due_date=day(0),
        ),
    )
    refund(alice, request, item=1)
    assert row(request)["promise_minor"] == 5000
    refund(alice, request, item=4999)
    assert row(request)["promise_minor"] is None


def test_without_a_promise_a_closed_request_gets_no_money(cast: Cast, alice: Actor) -> None:
    request = a_request_in(cast, CLOSED)
    with refused(TransitionNotAllowed, "This request was closed without a refund promise."):
        refund(alice, request, item=1)


# Ceilings


@pytest.mark.parametrize(
    ("part", "paid", "sentence"),
    [
        (ITEM, 12900, "At most $129.00 can still be refunded here."),
        (TAX, 1032, "At most $10.32 can still be refunded here."),
        (SHIPPING, 599, "At most $5.99 can still be refunded here."),
    ],
)
def test_no_part_is_refunded_above_what_was_paid(
    cast: Cast, alice: Actor, part: str, paid: int, sentence: str
) -> None:
    request = a_request_in(cast, REFUND_DUE)
    with refused(Invalid, sentence) as refusal:
        refund(alice, request, **{part: paid + 1})
    assert set(refusal.value.errors) == {f"amount_{the_item(request)}_{part}"}
    refund(alice, request, **{part: paid})
    everything_adds_up()


def test_the_ceiling_is_the_lines_over_all_its_requests(cast: Cast, alice: Actor) -> None:
    order = make_order(cast.north_lane, Line(quantity=2, item=1000), country="CA")
    one, two = open_request(order, quantity=1), open_request(order, quantity=1)
    refund(alice, one, item=1000)
    with refused(Invalid, "At most $0.00 can still be refunded here."):
        refund(alice, two, item=1)
    assert set(OrderItem.objects.values_list("item_refunded_minor", flat=True)) == {1000}


def test_one_part_too_many_records_none(cast: Cast, alice: Actor) -> None:
    request = a_request_in(cast, REFUND_DUE)
    with refused(Invalid):
        refund(alice, request, item=12900, tax=1033)
    assert not Refund.objects.exists()


@pytest.mark.parametrize("amounts", [{}, {"item": 0, "tax": 0}])
def test_no_amount_is_no_refund(cast: Cast, alice: Actor, amounts: dict[str, int]) -> None:
    request = a_request_in(cast, REFUND_DUE)
    with refused(Invalid, "Enter the amount of the refund."):
        refund(alice, request, **amounts)


def test_an_amount_is_above_zero_and_of_this_request(cast: Cast, alice: Actor) -> None:
    request, other = a_request_in(cast, REFUND_DUE), a_request_in(cast, REFUND_DUE)
    with refused(Invalid, "Enter an amount above zero."):
        refund(alice, request, item=-1)
    with refused(Invalid, "This item does not belong to the request. Open the page again."):
        refund(alice, request, goodwill=100)
    amounts = {(the_item(other), ITEM): 100}
    with refused(Invalid, "This item does not belong to the request. Open the page again."):
        services.record_refund(alice, reference=request.reference, amounts=amounts, refunded_date=day(0))


@pytest.mark.parametrize(
    ("days_back", "sentence"),
    [(-1, "The day of the refund cannot be in the future."), (400, "Choose a day within the last year.")],
)
def test_the_day_of_a_refund_is_within_the_last_year(
    cast: Cast, alice: Actor, days_back: int, sentence: str
) -> None:
    request = a_request_in(cast, REFUND_DUE)
    with refused(Invalid, sentence) as refusal:
        services.record_refund(
            alice,
            reference=request.reference,
            amounts={(the_item(request), ITEM): 100},
            refunded_date=day(days_back),
        )
    assert set(refusal.value.errors) == {"refunded_date"}


def test_currencies_are_recorded_one_after_the_other(cast: Cast, alice: Actor) -> None:
    order = make_order(
        cast.north_lane, Line(sku="A"), Line(sku="B", currency="JPY", item=5000, tax=None), country="CA"
    )
    request = open_request(order)
    services.authorize_return(alice, reference=request.reference)
    with refused(Invalid, "Record refunds of different currencies one after the other."):
        services.record_refund(
            alice, reference=request.reference, amounts=everything_owed(request), refunded_date=day(0)
        )
    dollars, yen = request.items.order_by("pk")
    amounts = {(yen.pk, ITEM): 5000}
    services.record_refund(alice, reference=request.reference, amounts=amounts, refunded_date=day(0))
    amounts = {(dollars.pk, ITEM): 12900, (dollars.pk, TAX): 1032}
    services.record_refund(alice, reference=request.reference, amounts=amounts, refunded_date=day(0))
    assert row(request)["outcome"] == Outcome.REFUNDED
    everything_adds_up()


# Twice


def test_the_same_form_twice_is_one_refund(cast: Cast, alice: Actor) -> None:
    request = a_request_in(cast, REFUND_DUE)
    for _time in range(3):
        refund(alice, request, key="form-1", item=100)
    assert Refund.objects.count() == 1
    with refused(KeyReused):
        refund(alice, request, key="form-1", item=101)
    with refused(KeyReused):
        refund(alice, request, key="form-1", tax=100)
    everything_adds_up()


def test_the_form_that_completed_a_request_answers_the_same(cast: Cast, alice: Actor) -> None:
    request = a_request_in(cast, REFUND_DUE)
    for _time in range(2):
        refund(alice, request, key="form-1", item=12900, tax=1032)
    assert Refund.objects.count() == 2
    assert row(request)["version"] == 4


# Who


def test_who_may_not_record(cast: Cast) -> None:
    request = a_request_in(cast, REFUND_DUE)
    amounts = {(the_item(request), part): 100 for part in PAID_PARTS}
    more = {"reference": request.reference, "amounts": amounts, "refunded_date": day(0)}
    with refused(Forbidden):
        services.record_refund(cast.actor(cast.vera), **more)
    with refused(NotFound):
        services.record_refund(cast.actor(cast.carol), **more)
    buyer = Actor.buyer(request.order)
    with pytest.raises(TransitionNotAllowed):
        services.record_refund(buyer, **more)
    assert not Refund.objects.exists()


def test_a_completed_request_takes_no_more_money(cast: Cast, alice: Actor) -> None:
    request = a_request_in(cast, COMPLETED, Outcome.REFUNDED)
    with pytest.raises(TransitionNotAllowed) as refusal:
        refund(alice, request, item=1)
    assert str(refusal.value).endswith(
        "This request is completed, so no further refund can be recorded on it."
    )


def test_what_was_refunded_before_the_item_came_back_counts(cast: Cast, alice: Actor) -> None:
    request = a_request_in(cast, AUTHORIZED)
    refund(alice, request, item=12900)
    services.receive_return(alice, reference=request.reference, received=everything_received(request))
    refund(alice, request, tax=1032)
    assert row(request)["outcome"] == Outcome.REFUNDED
