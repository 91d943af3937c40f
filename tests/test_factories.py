"""What the other tests stand on: every state can be made, and is whole."""

from collections import Counter

import pytest
from django.db.models import Count, F, Sum

from returns.models import OrderItem, ReturnRequest, StatusCount
from returns.models.money import RefundPart
from returns.state_machine import Outcome, Role, Status
from tests.factories import EVERY_STATE, a_request_in, make_cast

pytestmark = pytest.mark.django_db


def everything_adds_up() -> None:
    """Counters are COUNT(*), units of lines are the units of items, versions have no gap."""
    counted = Counter(
        {(row.seller_id, row.status): row.requests for row in StatusCount.objects.filter(requests__gt=0)}
    )
    assert counted == Counter(ReturnRequest.objects.values_list("seller_id", "status"))
    for line in OrderItem.objects.annotate(held=Sum("return_items__units_held")):
        assert line.units_held == (line.held or 0)
        for part in RefundPart.values:
            refunded = line.refunds.filter(part=part).aggregate(total=Sum("amount_minor"))["total"] or 0
            assert getattr(line, f"{part}_refunded_minor") == refunded
    gaps = ReturnRequest.objects.annotate(written=Count("events")).exclude(written=F("version"))
    assert not gaps.exists()


@pytest.mark.parametrize(
    ("status", "outcome", "prepaid"),
    [
        (status, outcome, prepaid)
        for status, outcome in EVERY_STATE
        for prepaid in (False, True)
        if not (prepaid and status == Status.CLOSED)  # firm rule 1
        and not (not prepaid and outcome == Outcome.BUYER_KEPT_ITEM)  # that buyer closes instead
    ],
)
def test_every_state_can_be_made(status: Status, outcome: str, prepaid: bool) -> None:
    request = a_request_in(make_cast(), status, outcome, prepaid=prepaid)
    assert (request.status, request.outcome) == (status, outcome)
    everything_adds_up()


@pytest.mark.parametrize("role", [Role.SELLER, Role.ADMIN, Role.BUYER, Role.MARKETPLACE])
def test_each_role_can_have_closed(role: Role) -> None:
    request = a_request_in(make_cast(), Status.CLOSED, closed_by=role)
    assert request.closed_by_role == role
    everything_adds_up()
