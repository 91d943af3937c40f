"""Many rows at once are the rows that Django would write, on both databases."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import IntegrityError, models
from django.db.models import F

from returns import services
from returns.actors import Actor
from returns.models import Buyer, Order, OrderItem, ReturnRequest
from returns.policy import PolicyVerdict
from tests.factories import Cast, asked_lines, make_order, open_request

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

MANY = 400  # more than one statement of SQLite's takes
AWKWARD = "100 % of “%s”, O'Brien; 王伟 \\ {}"


def lines_of(order: Order) -> list[OrderItem]:
    return [
        OrderItem(
            seller_id=order.seller_id,
            order=order,
            line_key=f"{number}",
            title=f"{AWKWARD} {number}",
            quantity=number,
            is_quantity_known=number % 2 == 0,
            item_paid_minor=None if number % 3 else 10**12,
        )
        for number in range(1, MANY + 1)
    ]


def as_stored(rows: models.QuerySet[Any], *but: str) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in row.items() if name not in ("id", *but)}
        for row in rows.order_by("pk").values()
    ]


def test_created_rows_are_those_that_django_creates(cast: Cast) -> None:
    ours, djangos = make_order(cast.north_lane), make_order(cast.north_lane)
    OrderItem.objects.bulk_create(lines_of(ours))
    models.QuerySet(OrderItem).bulk_create(lines_of(djangos))
    stored = as_stored(ours.items.all(), "order_id")
    assert len(stored) == MANY + 1
    assert stored == as_stored(djangos.items.all(), "order_id")


def test_each_created_row_gets_its_own_id_and_is_saved(cast: Cast) -> None:
    created = OrderItem.objects.bulk_create(lines_of(make_order(cast.north_lane)))
    assert [OrderItem.objects.get(pk=line.pk).title for line in created[::57]] == [
        line.title for line in created[::57]
    ]
    created[-1].title = "Renamed"
    created[-1].save(update_fields=["title"])
    assert OrderItem.objects.filter(title="Renamed").get() == created[-1]


def test_a_row_refers_to_one_that_got_its_id_after_it_was_named(cast: Cast) -> None:
    orders = [Order(seller=cast.north_lane, order_number=f"{number}") for number in range(3)]
    buyers = [Buyer(order=order, name=order.order_number) for order in orders]
    Order.objects.bulk_create(orders)
    Buyer.objects.bulk_create(buyers)
    assert [Buyer.objects.get(name=order.order_number).order_id for order in orders] == [
        order.pk for order in orders
    ]
    assert all(order.created_at is not None for order in orders)


@pytest.mark.django_db(transaction=True)
def test_one_row_that_is_refused_keeps_out_all(cast: Cast) -> None:
    order = make_order(cast.north_lane)
    lines = lines_of(order)
    lines[-1].line_key = "1"
    with pytest.raises(IntegrityError):
        OrderItem.objects.bulk_create(lines)
    assert order.items.count() == 1


def test_what_the_database_fills_in_is_read_when_asked_for(cast: Cast) -> None:
    order = make_order(cast.north_lane)
    event = services.open_return(
        Actor.buyer(order), order_reference=order.reference, lines=asked_lines(order)
    )
    assert isinstance(event.recorded_at, datetime)


def change(request: ReturnRequest, number: int) -> ReturnRequest:
    request.verdict = {"reasons": [{"code": AWKWARD, "values": [None, True, number]}]}
    request.policy = PolicyVerdict.IN_POLICY
    request.window_end_date = None if number == 1 else date(2026, 2, 28)
    request.step_in_at = datetime(2026, 2, 28, 23, 59, 59, 999999, tzinfo=UTC) if number == 1 else None
    request.reminders_sent = number
    request.is_overlapping = number == 2
    request.instructions = AWKWARD * number
    return request


CHANGED = [
    "verdict",
    "policy",
    "window_end_date",
    "step_in_at",
    "reminders_sent",
    "is_overlapping",
    "instructions",
    "closure_reason",
]


def test_updated_rows_are_those_that_django_updates(cast: Cast) -> None:
    requests = [open_request(make_order(cast.north_lane)) for _number in range(3)]
    rows = ReturnRequest.objects.filter(pk__in=[request.pk for request in requests])
    before = as_stored(rows)
    found = []
    for write in (models.QuerySet(ReturnRequest).bulk_update, ReturnRequest.objects.bulk_update):
        assert write([change(request, number) for number, request in enumerate(requests)], CHANGED) == 3
        found.append(as_stored(rows))
        rows.update(verdict={}, instructions="", window_end_date=None, reminders_sent=0)
    assert found[0] == found[1] != before


def test_more_rows_than_one_statement_takes_are_all_updated(cast: Cast) -> None:
    order = make_order(cast.north_lane)
    lines = OrderItem.objects.bulk_create(lines_of(order))
    for line in lines:
        line.title, line.category = f"New {line.quantity}", line.line_key
    assert OrderItem.objects.bulk_update(lines, ["title", "category"]) == MANY
    assert list(
        order.items.filter(title__startswith="New").order_by("pk").values_list("title", "category")
    ) == [(f"New {number}", f"{number}") for number in range(1, MANY + 1)]


def test_expressions_are_left_to_django(cast: Cast) -> None:
    lines = OrderItem.objects.bulk_create(lines_of(make_order(cast.north_lane)))[:2]
    for line in lines:
        line.quantity = F("quantity") + 10  # type: ignore[assignment]
    OrderItem.objects.bulk_update(lines, ["quantity"])
    assert [OrderItem.objects.get(pk=line.pk).quantity for line in lines] == [11, 12]
