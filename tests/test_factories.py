"""What the other tests stand on: every state can be made, and is whole."""

import pytest

from returns.state_machine import Outcome, Role, Status
from tests.factories import EVERY_STATE, a_request_in, make_cast
from tests.returns.ledger import everything_adds_up

pytestmark = pytest.mark.django_db


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
