"""Refunds that end something, at the same moment as another."""

from functools import partial
from typing import Any

import pytest

from returns import services
from returns.models import Refund, ReturnRequest
from returns.state_machine import Outcome, Status
from tests.factories import Cast, Line, at_once, by_hand, day, make_order, open_request
from tests.returns.ledger import everything_adds_up, row
from tests.returns.rivals import crew, losers, winners

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


def two_that_came_back(cast: Cast) -> ReturnRequest:
    """A request of two items of $50.00, which came back used."""
    lines = [Line(sku=sku, item=5000, tax=None, shipping=None) for sku in ("POT", "PAN")]
    with by_hand(cast.north_lane):
        request = open_request(make_order(cast.north_lane, *lines, country="CA"))
    received = {item.pk: (1, "used") for item in request.items.all()}
    alice = at_once(cast.actor(cast.alice))
    services.receive_return(alice, reference=request.reference, received=received)
    return request


def refund(cast: Cast, request: ReturnRequest, amounts: dict[int, int], **how: Any) -> Any:
    return services.record_refund(
        at_once(cast.actor(cast.alice)),
        reference=request.reference,
        amounts={(item, "item"): minor for item, minor in amounts.items()},
        refunded_date=day(0),
        **how,
    )


def test_a_refund_of_two_lines_and_one_of_either_are_whole_or_not_at_all(cast: Cast) -> None:
    for _round in range(4):
        request = two_that_came_back(cast)
        pot, pan = request.items.order_by("pk").values_list("pk", flat=True)
        with crew(3) as people:
            outcomes = people.together(
                partial(refund, cast, request, {pot: 4500, pan: 5000}, fees={pot: 500}),
                partial(refund, cast, request, {pan: 5000}),
                partial(refund, cast, request, {pan: 2000}, final=[pan]),
            )
        # Each is about all that is owed for the pan, or settles it.
        assert len(winners(outcomes)) == 1
        assert len(losers(outcomes)) == 2
        given = sum(Refund.objects.filter(request=request).values_list("amount_minor", flat=True))
        assert given in (9500, 5000, 2000)
        status = row(request)["status"]
        assert status == (Status.COMPLETED if given == 9500 else Status.REFUND_DUE)
        everything_adds_up()


def test_twenty_times_the_same_fee_at_once_is_one(cast: Cast) -> None:
    request = two_that_came_back(cast)
    pot, pan = request.items.order_by("pk").values_list("pk", flat=True)
    same = partial(refund, cast, request, {pot: 4500, pan: 4500}, fees={pot: 500, pan: 500}, key="form-1")
    with crew(20) as people:
        answers = people.together(*[same] * 20)
    assert len(set(answers)) == 1
    assert Refund.objects.count() == 2
    assert row(request)["outcome"] == Outcome.PARTIALLY_REFUNDED
    everything_adds_up()
