"""The seller's orders: the list, what it finds, and the page of one order."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from returns.exceptions import NotFound
from returns.models import Order
from returns.selectors.orders import get_order, newest_first
from tests.browsers import signed_in
from tests.factories import DORA, ED, Cast, Line, Person, make_cast, make_order, open_request

pytestmark = pytest.mark.django_db

Browser = Callable[..., Client]
LIST = "/seller/orders/"


def words(response: HttpResponse) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", unescape(response.content.decode())).split())


def numbers(response: HttpResponse) -> list[str]:
    assert response.status_code == 200
    return re.findall(r'<a href="/seller/orders/[0-9a-f-]{36}/">([^<]+)</a>', response.content.decode())


def page_of(order: Order) -> str:
    return f"{LIST}{order.reference}/"


@pytest.fixture
def alice(cast: Cast, browser: Browser) -> Client:
    return browser(cast.alice)


def test_the_menu_leads_to_the_list(alice: Client) -> None:
    assert f'href="{LIST}"' in alice.get("/seller/returns/").content.decode()
    assert "Orders appear here when an orders report is read in." in words(alice.get(LIST))


def test_the_newest_stand_first_and_only_the_own(alice: Client, cast: Cast) -> None:
    make_order(cast.north_lane, number="OLD", ordered_days_ago=40)
    make_order(cast.north_lane, number="NEW", ordered_days_ago=1)
    make_order(cast.north_lane, number="MIDDLE", ordered_days_ago=9)
    make_order(cast.south_pier, number="CAROLS", ordered_days_ago=2)
    assert numbers(alice.get(LIST)) == ["NEW", "MIDDLE", "OLD"]


@pytest.mark.both_databases
def test_pages_follow_each_other_without_gap_or_repeat() -> None:
    """Also where orders share a moment, and where no file gave one."""
    cast = make_cast()
    for number in range(107):
        make_order(
            cast.north_lane,
            number=f"N{number:03}",
            ordered_days_ago=None if number % 5 == 0 else number // 10,
        )
    Order.objects.filter(order_number__gte="N050", ordered_at__isnull=False).update(
        ordered_at=Order.objects.get(order_number="N051").ordered_at
    )
    alice, url, seen = signed_in(cast.alice), LIST, []
    while url:
        with CaptureQueriesContext(connection) as said:
            response = alice.get(url)
        assert len(said) <= 12
        assert not [
            query for query in said.captured_queries if re.search(r"COUNT\(|OFFSET [1-9]", query["sql"])
        ]
        seen.append(numbers(response))
        more = re.search(r'href="(\?cursor=[^"]+)">Older orders', response.content.decode())
        url = LIST + unescape(more[1]) if more else ""
    assert [len(page) for page in seen] == [50, 50, 7]
    assert sorted(number for page in seen for number in page) == [f"N{number:03}" for number in range(107)]


@pytest.mark.both_databases
def test_the_order_of_the_list_is_read_from_an_index() -> None:
    cast = make_cast()
    make_order(cast.north_lane)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
    orders = Order.objects.for_actor(cast.actor(cast.alice))
    assert "order_newest" in newest_first(orders)[:51].explain()


def test_a_page_of_full_rows_makes_few_queries(
    alice: Client, cast: Cast, django_assert_max_num_queries: Callable
) -> None:
    for _ in range(12):
        order = make_order(
            cast.north_lane, Line(sku="A"), Line(sku="B"), Line(sku="C", title=""), country="CA"
        )
        open_request(order)
    with django_assert_max_num_queries(12):
        alice.get(LIST)
    with django_assert_max_num_queries(12):
        alice.get(page_of(order))
    with django_assert_max_num_queries(12):
        alice.get(LIST, {"q": "kettle"})


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("1001", ["#1001"]),
        ("#1001", ["#1001"]),
        (" 100", ["#1001", "1002"]),
        ("eriksen", ["1002"]),
        (ED.email.upper(), ["1002"]),
        ("lamp-7", ["#1001"]),
        ("Blue CUP", ["1002"]),
        ("\u200b1002\u202e", ["1002"]),
        ("nothing like it", []),
        ("%", []),
    ],
)
@pytest.mark.both_databases
def test_an_order_is_found_by_number_buyer_sku_or_title(q: str, found: list[str]) -> None:
    cast = make_cast()
    make_order(cast.north_lane, Line(sku="LAMP-7", title="Lamp"), number="#1001", ordered_days_ago=9)
    make_order(cast.north_lane, Line(sku="C", title="Blue cup"), number="1002", buyer=ED)
    make_order(cast.south_pier, Line(sku="LAMP-7", title="Blue cup"), number="1001", buyer=ED)
    response = signed_in(cast.alice).get(LIST, {"q": q})
    assert numbers(response) == found
    assert ("No order has this in its number" in words(response)) == (not found)


def test_a_search_goes_on_over_its_pages(alice: Client, cast: Cast) -> None:
    for number in range(51):
        make_order(cast.north_lane, Line(title="Lamp & shade"), number=f"L{number}")
    response = alice.get(LIST, {"q": "Lamp & shade"})
    more = re.search(r'href="(\?q=[^"]+)">Older orders', response.content.decode())
    assert len(numbers(alice.get(LIST + unescape(more[1])))) == 1


@pytest.mark.both_databases
def test_words_are_looked_for_in_some_orders_at_a_time_and_in_each_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("returns.selectors.orders.LOOKED_THROUGH", 3)
    cast = make_cast()
    for number in range(8):
        title = "Brass lamp" if number in (2, 3, 7) else "Cup"
        make_order(cast.north_lane, Line(title=title), number=f"N{number}", ordered_days_ago=20 + number)
    # Of one moment, as a file of days has them.
    at = Order.objects.get(order_number="N2").ordered_at
    Order.objects.filter(order_number__in=("N3", "N4")).update(ordered_at=at)
    alice, page, seen = signed_in(cast.alice), f"{LIST}?q=brass", []
    while page:
        response = alice.get(page)
        seen.append(numbers(response))
        more = re.search(r'href="(\?q=[^"]+)">(Older|Look in older) orders', response.content.decode())
        assert ("No order since" in words(response)) == (not seen[-1])
        page = more and LIST + unescape(more[1])
    assert seen == [[], ["N3", "N2"], ["N7"]]


@pytest.mark.parametrize(
    "query", ["cursor=nonsense", "cursor=~", "q=" + "x" * 201, "cursor=2026-01-01T00:00:00~x"]
)
def test_an_address_that_cannot_be_read_shows_the_list(alice: Client, cast: Cast, query: str) -> None:
    make_order(cast.north_lane, number="ONE")
    assert numbers(alice.get(f"{LIST}?{query}")) == ["ONE"]


def test_the_page_of_an_order_has_its_lines_money_units_and_requests(alice: Client, cast: Cast) -> None:
    order = make_order(
        cast.north_lane, Line(title="Blue cup", quantity=3), Line(sku="X", title="", item=None), country="CA"
    )
    request = open_request(order, quantity=1)
    page = alice.get(page_of(order))
    for part in (
        order.order_number,
        DORA.name,
        "Blue cup",
        "$129.00",
        "1 of 3 units under return",
        "Not known",
    ):
        assert part in words(page)
    assert f'href="/seller/returns/{request.reference}/">{request.rma_number}</a>' in page.content.decode()
    assert "Nobody has asked" not in words(page)


def test_an_order_that_nobody_asked_about_says_so(alice: Client, cast: Cast) -> None:
    order = make_order(cast.north_lane, buyer=Person(name="", email=""), country="", is_stub=True)
    assert "Nobody has asked for a return of this order." in words(alice.get(page_of(order)))


def test_below_the_page_a_foreign_order_is_not_there_either(cast: Cast) -> None:
    order = make_order(cast.north_lane)
    assert get_order(cast.actor(cast.alice), order.reference).order == order
    with pytest.raises(NotFound):
        get_order(cast.actor(cast.carol), order.reference)


def test_a_foreign_order_is_not_there_and_a_viewer_may_look(cast: Cast, browser: Browser) -> None:
    order = make_order(cast.north_lane, number="1001")
    make_order(cast.south_pier, number="1001")
    assert browser(cast.carol).get(page_of(order)).status_code == 404
    assert browser(cast.vera).get(page_of(order)).status_code == 200
    assert signed_in(cast.root, with_second_factor=True).get(page_of(order)).status_code == 200
