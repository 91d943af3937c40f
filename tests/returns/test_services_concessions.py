"""Concessions: how much may be given, once for each form, and what is refused."""

from typing import Any

import pytest
from django.core.management import call_command

from returns import services
from returns.actors import Actor
from returns.exceptions import Forbidden, Invalid, KeyReused, NotFound
from returns.models import MarketplaceSettings, Order, Refund, ReturnEvent, Seller
from returns.models.money import RefundCause
from returns.services.concessions import give_concession
from returns.state_machine import Role, Status
from tests.factories import (
    Cast,
    Line,
    a_case,
    a_request_in,
    at_once,
    closing,
    everything_owed,
    make_order,
)
from tests.returns.ledger import everything_adds_up, refused, row

pytestmark = pytest.mark.django_db


def give(cast: Cast, order: Order, minor: int, *, actor: Actor | None = None, **more: Any) -> Refund:
    """Goodwill for the first line of the order, by Alice."""
    given = {"line_id": order.items.order_by("pk")[0].pk, "part": "goodwill", **more}
    return give_concession(
        actor or cast.actor(cast.alice), order_reference=order.reference, amount_minor=minor, **given
    )


def an_order(cast: Cast, **paid: Any) -> Order:
    """$10.00 and $1.00 tax, $2.00 to send it: $13.00 in all."""
    return make_order(cast.north_lane, Line(**{"item": 1000, "tax": 100, "shipping": 200, **paid}))


def test_it_is_a_row_of_the_ledger_with_who_and_both_words(cast: Cast) -> None:
    order = an_order(cast)
    given = give(cast, order, 500, part="return_shipping", note=" Called \t twice ", memo="Sorry!\r\nAlice")
    assert (given.cause, given.part, given.amount_minor, given.currency) == (
        RefundCause.CONCESSION,
        "return_shipping",
        500,
        "USD",
    )
    assert (given.user, given.note, given.memo) == (cast.alice, "Called   twice", "Sorry!\nAlice")
    assert (given.request, given.event) == (None, None)
    line = row(order.items.get())
    assert (line["extra_refunded_minor"], line["extra_ceiling_minor"]) == (500, 1300)
    assert line["item_refunded_minor"] == 0
    everything_adds_up()
    call_command("audit")


@pytest.mark.parametrize(
    ("marketplace", "seller", "ceiling"),
    [(100, None, 1300), (50, None, 650), (100, 10, 130), (10, 100, 130), (150, None, 1950), (33, None, 429)],
)
def test_never_more_than_the_lower_percentage_of_what_was_paid(
    cast: Cast, marketplace: int, seller: int | None, ceiling: int
) -> None:
    MarketplaceSettings.objects.update(concession_percent=marketplace)
    Seller.objects.filter(pk=cast.north_lane.pk).update(concession_percent=seller)
    order = an_order(cast)
    with refused(Invalid):
        give(cast, order, ceiling + 1)
    give(cast, order, ceiling - 1, part="return_shipping")
    with refused(Invalid, "At most $0.01 can still be given for this item.") as refusal:
        give(cast, order, 2)
    assert list(refusal.value.errors) == ["amount_minor"]
    give(cast, order, 1)
    with refused(Invalid, "At most $0.00 can still be given for this item."):
        give(cast, order, 1)
    everything_adds_up()


def test_a_lower_percentage_later_takes_nothing_back_and_gives_nothing_more(cast: Cast) -> None:
    order = an_order(cast)
    give(cast, order, 1000)
    Seller.objects.filter(pk=cast.north_lane.pk).update(concession_percent=50)
    with refused(Invalid, "At most $0.00 can still be given for this item."):
        give(cast, order, 1)
    everything_adds_up()


def test_none_is_given_where_the_owner_says_so_or_nobody_knows_what_was_paid(cast: Cast) -> None:
    unknown = an_order(cast, item=None)
    with refused(Invalid) as refusal:
        give(cast, unknown, 1)
    assert "It is not known what was paid" in str(refusal.value)
    Seller.objects.filter(pk=cast.north_lane.pk).update(concession_percent=0)
    order = an_order(cast)
    with refused(Invalid) as refusal:
        give(cast, order, 1)
    assert "Concessions are switched off." in str(refusal.value)


@pytest.mark.parametrize("minor", [0, -1, -(10**30), 10**30, 1301])
def test_amounts_that_are_none_are_refused(cast: Cast, minor: int) -> None:
    order = an_order(cast)
    with refused(Invalid) as refusal:
        give(cast, order, minor)
    assert list(refusal.value.errors) == ["amount_minor"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"part": "item"}, "part"),
        ({"part": "bonus"}, "part"),
        ({"line_id": 0}, "line_id"),
        ({"note": "n" * 256}, "note"),
        ({"memo": "m" * 501}, "memo"),
    ],
)
def test_what_else_cannot_be_used_is_named(cast: Cast, wrong: dict[str, Any], field: str) -> None:
    order = an_order(cast)
    with refused(Invalid) as refusal:
        give(cast, order, 1, **wrong)
    assert list(refusal.value.errors) == [field]


def test_a_line_of_another_order_is_not_this_one_s(cast: Cast) -> None:
    order, other = an_order(cast), an_order(cast)
    with refused(Invalid, "Choose an item of this order."):
        give(cast, order, 1, line_id=other.items.get().pk)


def test_who_may_not_give_does_not(cast: Cast) -> None:
    order = an_order(cast)
    for actor in (cast.actor(cast.vera), Actor.buyer(order), Actor.system()):
        with refused(Forbidden):
            give(cast, order, 1, actor=actor)
    with refused(NotFound):
        give(cast, order, 1, actor=cast.actor(cast.carol))
    assert give(cast, order, 1, actor=cast.actor(cast.root)).user == cast.root


def test_a_request_of_another_order_is_not_its_occasion(cast: Cast) -> None:
    request, other = a_request_in(cast, Status.AUTHORIZED), an_order(cast)
    with refused(NotFound):
        give(cast, other, 1, request_reference=request.reference)
    given = give(cast, request.order, 1, request_reference=request.reference)
    assert given.request == request


def test_a_form_that_is_sent_again_gives_nothing_more(cast: Cast) -> None:
    order = an_order(cast)
    first = give(cast, order, 500, key="one form", memo="Sorry")
    assert give(cast, order, 500, key="one form", memo="Sorry") == first
    for other in ({"part": "return_shipping"}, {"memo": "Very sorry"}, {"note": "n"}):
        with refused(KeyReused):
            give(cast, order, 500, **{"key": "one form", "memo": "Sorry", **other})
    with refused(KeyReused):
        give(cast, order, 501, key="one form", memo="Sorry")
    assert Refund.objects.count() == 1


def test_it_neither_completes_a_request_nor_stands_in_the_way_of_its_buyer(cast: Cast) -> None:
    """What is owed stays owed, the buyer may still close or keep, and no event is written."""
    alice = at_once(cast.actor(cast.alice))
    request = a_request_in(cast, Status.AUTHORIZED)
    before, events = row(request), ReturnEvent.objects.count()
    owed = a_case(request).owed_minor()
    give(cast, request.order, 10000, request_reference=request.reference)
    case = a_case(request)
    assert (case.owed_minor(), case.is_refunded, case.refunds) == (owed, False, [])
    assert (row(request), ReturnEvent.objects.count()) == (before, events)
    services.close_return(
        Actor.buyer(request.order), reference=request.reference, closing=closing("buyer_problem_solved", "")
    )
    other = a_request_in(cast, Status.REFUND_DUE)
    give(cast, other.order, 10000, request_reference=other.reference)
    services.record_refund(
        alice, reference=other.reference, amounts=everything_owed(other), refunded_date=a_case(other).today
    )
    assert row(other)["status"] == Status.COMPLETED
    everything_adds_up()


def test_it_meets_no_promise(cast: Cast) -> None:
    request = a_request_in(cast, Status.CLOSED, closed_by=Role.SELLER, promise_minor=5000)
    give(cast, request.order, 5000, request_reference=request.reference)
    assert row(request)["promise_minor"] == 5000
    call_command("audit")
