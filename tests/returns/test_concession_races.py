"""Concessions by many hands at once: never above the ceiling, and one form gives once."""

from functools import partial

import pytest
from django.core.management import call_command

from returns.exceptions import Invalid
from returns.models import Refund
from returns.services.concessions import give_concession
from tests.factories import Cast, Line, make_cast, make_order
from tests.returns.ledger import everything_adds_up
from tests.returns.rivals import crew, losers, winners

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


@pytest.fixture
def cast(database: str, transactional_db: None) -> Cast:
    return make_cast()


def test_twenty_different_ones_never_exceed_the_ceiling(cast: Cast) -> None:
    order = make_order(cast.north_lane, Line(item=1000, tax=None, shipping=None))
    give = partial(
        give_concession,
        cast.actor(cast.alice),
        order_reference=order.reference,
        line_id=order.items.get().pk,
        amount_minor=300,
    )
    with crew(20) as people:
        acts = [
            partial(give, part=("goodwill", "return_shipping")[number % 2], key=str(number))
            for number in range(20)
        ]
        outcomes = people.together(*acts)
    assert len(winners(outcomes)) == Refund.objects.count() == 3
    assert {type(loser) for loser in losers(outcomes)} == {Invalid}
    assert {str(loser) for loser in losers(outcomes)} == {"At most $1.00 can still be given for this item."}
    assert order.items.get().extra_refunded_minor == 900
    everything_adds_up()
    call_command("audit")


def test_twenty_identical_ones_give_once(cast: Cast) -> None:
    order = make_order(cast.north_lane, Line(item=1000), Line(sku="LID-1", item=1000))
    first, second = order.items.order_by("pk")
    give = partial(
        give_concession,
        cast.actor(cast.alice),
        order_reference=order.reference,
        part="goodwill",
        amount_minor=300,
        key="one form",
    )
    with crew(20) as people:
        outcomes = people.together(*[partial(give, line_id=first.pk)] * 20)
        assert len({given.pk for given in outcomes}) == Refund.objects.count() == 1
        # The same form for another line: the lines of an order are locked together.
        acts = [partial(give, line_id=line.pk, key="another") for line in (first, second)] * 10
        outcomes = people.together(*acts)
    assert len({given.pk for given in winners(outcomes)}) == 1
    assert len(losers(outcomes)) == 10
    assert Refund.objects.count() == 2
    everything_adds_up()
