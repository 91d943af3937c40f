"""Several stores in one queue: what belongs to the member, each row as its own store's member, and no more."""

import re
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from returns.actors import MemberRole
from returns.models import Membership, Order, ReturnAddress, ReturnRequest, Seller
from returns.selectors.lists import PAGE
from returns.state_machine import Status
from tests.browsers import signed_in
from tests.factories import Cast, days_ago, file_request, make_order, open_request

pytestmark = pytest.mark.django_db

LIST = "/seller/returns/"
ALL = "All my stores"


@pytest.fixture
def alice(cast: Cast) -> Client:
    """Alice, who owns North Lane, is an agent of South Pier, and reads both as one queue."""
    Membership.objects.create(user=cast.alice, seller=cast.south_pier, role=MemberRole.AGENT)
    ReturnAddress.objects.create(seller=cast.south_pier, name="SP", lines="1", city="Hull", country="CA")
    client = signed_in(cast.alice)
    choose(client, "*")
    return client


def choose(client: Client, slug: str) -> int:
    return client.post("/seller/choose/", {"slug": slug}).status_code


def asked(seller: Seller, **options: object) -> ReturnRequest:
    return open_request(make_order(seller, country="CA"), **options)


def page(client: Client, query: str = "") -> str:
    response = client.get(f"{LIST}{query}")
    assert response.status_code == 200
    return unescape(response.content.decode())


def references(html: str) -> list[str]:
    return re.findall(r'id="row-([\w-]+)"', html)


def row(html: str, request: ReturnRequest) -> str:
    return re.search(rf'<article [^>]*id="row-{request.reference}".*?</article>', html, re.DOTALL)[0]


def tabs(html: str) -> list[int]:
    nav = re.search(r'<nav class="tabs".*?</nav>', html, re.DOTALL)[0]
    return [int(count) for count in re.findall(r"<span>(\d+)</span>", nav)]


def header(html: str) -> str:
    return re.search(r'<span class="quiet">Seller</span> ([^<]+)<', html)[1]


def test_both_stores_stand_in_one_queue_with_their_names_and_sums(cast: Cast, alice: Client) -> None:
    late, soon, later = (
        asked(cast.south_pier, opened_days_ago=3),
        asked(cast.north_lane, opened_days_ago=2),
        asked(cast.south_pier, opened_days_ago=1),
    )
    html = page(alice)
    assert references(html) == [late.reference, soon.reference, later.reference]
    assert '<span class="badge">South Pier</span>' in row(html, late)
    assert '<span class="badge">North Lane</span>' in row(html, soon)
    assert tabs(html) == [3, 0, 0, 0, 0, 3]
    assert header(html) == ALL
    assert references(page(alice, "?sort=-created")) == [later.reference, soon.reference, late.reference]


def test_choosing_one_store_shows_that_one_alone_and_names_none(cast: Cast, alice: Client) -> None:
    mine = asked(cast.north_lane)
    asked(cast.south_pier)
    assert "North Lane" in row(page(alice), mine)
    assert choose(alice, "north-lane") == 303
    html = page(alice)
    assert references(html) == [mine.reference]
    assert "North Lane" not in row(html, mine)
    assert tabs(html)[0] == 1
    assert header(html) == "North Lane"
    assert f">{ALL}</button>" in html


def test_all_else_goes_on_acting_for_the_one_chosen_store(cast: Cast, alice: Client) -> None:
    for slug, name in (("south-pier", "South Pier"), ("north-lane", "North Lane")):
        choose(alice, slug)
        choose(alice, "*")
        html = unescape(alice.get("/seller/settings/").content.decode())
        assert header(html) == name
    elsewhere = asked(cast.south_pier)
    html = unescape(alice.get(f"{LIST}{elsewhere.reference}/").content.decode())
    assert header(html) == "South Pier"


def test_a_decision_is_made_for_the_requests_own_store_and_the_list_stays_as_it_is(
    cast: Cast, alice: Client
) -> None:
    here, there = asked(cast.north_lane), asked(cast.south_pier)
    answer = alice.post(
        f"{LIST}{there.reference}/close/",
        {"reason": "other", "comments": "We talked about it on the phone.", "key": "k", "next": LIST},
        headers={"HX-Request": "true"},
    )
    assert answer.status_code == 200
    drawn = unescape(answer.content.decode())
    assert '<span class="badge">South Pier</span>' in row(drawn, there)
    assert tabs(drawn) == [1, 0, 0, 0, 1, 2]
    assert there.events.latest("pk").user == cast.alice
    html = page(alice)
    assert references(html) == [here.reference]
    assert f"/{there.reference}/undo/" in html


def test_where_a_member_only_looks_there_is_no_button(cast: Cast, alice: Client) -> None:
    here, there = asked(cast.north_lane), asked(cast.south_pier)
    html = page(alice)
    assert "/close/" in row(html, there)
    Membership.objects.filter(user=cast.alice, seller=cast.south_pier).update(role=MemberRole.VIEWER)
    html = page(alice)
    assert "/close/" in row(html, here)
    assert there.order.order_number in row(html, there)
    for part in ("<form", "<button", "/assign/"):
        assert part not in row(html, there)


def test_a_store_one_has_left_is_gone_at_once(cast: Cast, alice: Client) -> None:
    mine, theirs = asked(cast.north_lane), asked(cast.south_pier)
    assert len(references(page(alice))) == 2
    Membership.objects.filter(user=cast.alice, seller=cast.south_pier).update(is_active=False)
    html = page(alice)
    assert references(html) == [mine.reference]
    assert tabs(html)[0] == 1
    assert ALL not in html
    assert alice.get(f"{LIST}{theirs.reference}/").status_code == 404


def test_a_foreign_store_never_appears(cast: Cast, alice: Client) -> None:
    foreign = Seller.objects.create(slug="east-bay", name="East Bay")
    ReturnAddress.objects.create(seller=foreign, name="EB", lines="1", city="Hull", country="CA")
    asked(foreign)
    mine = asked(cast.north_lane)
    for query in ("", "?status=all", "?q=kettle", "?assignee=nobody"):
        html = page(alice, query)
        assert references(html) == [mine.reference]
        assert "East Bay" not in html
        assert tabs(html)[-1] == 1


def test_who_belongs_to_one_store_cannot_choose_all(cast: Cast) -> None:
    carol = signed_in(cast.carol)
    assert choose(carol, "*") == 404
    assert ALL not in page(carol)


def test_filters_and_people_are_those_of_all_stores(cast: Cast, alice: Client) -> None:
    here, there, free = asked(cast.north_lane), asked(cast.south_pier), asked(cast.south_pier)
    for request, user in ((here, cast.ben), (there, cast.carol)):
        data = {"assignee": user.pk, "was": ""}
        assert alice.post(f"{LIST}{request.reference}/assign/", data).status_code == 303
    for query, left in (
        (f"?assignee={cast.ben.pk}", here),
        (f"?assignee={cast.carol.pk}", there),
        ("?assignee=nobody", free),
        (f"?q={there.order.order_number}", there),
    ):
        assert references(page(alice, query)) == [left.reference]
    refused = alice.post(f"{LIST}{free.reference}/assign/", {"assignee": cast.ben.pk, "was": ""})
    assert refused.status_code == 422


def test_the_days_of_a_filter_begin_where_each_store_is(cast: Cast, alice: Client) -> None:
    Seller.objects.filter(pk=cast.north_lane.pk).update(time_zone="Pacific/Auckland")
    Seller.objects.filter(pk=cast.south_pier.pk).update(time_zone="Pacific/Honolulu")
    early, late = asked(cast.north_lane), asked(cast.south_pier)
    noon = days_ago(5).replace(hour=12, minute=0, second=0, microsecond=0)
    ReturnRequest.objects.update(requested_at=noon)
    tomorrow = days_ago(4).date()
    assert references(page(alice, f"?from={tomorrow}")) == [early.reference]
    assert references(page(alice, f"?to={noon.date()}")) == [late.reference]


def many(orders: list[Order]) -> set[str]:
    """Requests at both stores whose times are equal in groups: a page ends within one."""
    made = [file_request(order, Status.AUTHORIZATION_REQUIRED) for order in orders]
    for index, request in enumerate(made):
        at = days_ago(2).replace(hour=index // 20, minute=0, second=0, microsecond=0)
        ReturnRequest.objects.filter(pk=request.pk).update(requested_at=at, deadline_at=at)
    return {request.reference for request in made}


@pytest.mark.both_databases
@pytest.mark.parametrize("sort", ["deadline", "-created"])
def test_pages_of_two_stores_follow_one_another_without_losing_or_repeating_a_row(
    cast: Cast, alice: Client, sort: str
) -> None:
    sellers = [cast.north_lane, cast.south_pier, cast.south_pier]
    wanted = many([make_order(sellers[number % 3], country="CA") for number in range(PAGE + 15)])
    seen: list[str] = []
    query = f"?sort={sort}"
    while query:
        html = page(alice, query)
        seen += references(html)
        more = re.search(r'id="more"[^>]*>\s*<a class="button" href="([^"]+)"', html)
        query = more[1] if more else ""
    assert len(seen) == len(set(seen))
    assert set(seen) == wanted
    order_by = "deadline_at" if sort == "deadline" else "-requested_at"
    minus = "-" if order_by.startswith("-") else ""
    in_order = ReturnRequest.objects.order_by(order_by, f"{minus}pk").values_list("reference", flat=True)
    assert seen == list(in_order)


def test_fifty_rows_of_two_stores_take_as_many_queries_as_two(cast: Cast, alice: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page(alice)
        for query in captured:
            assert "OFFSET" not in query["sql"].upper()
            assert "COUNT(" not in query["sql"].upper()
        return len(captured)

    for seller in (cast.north_lane, cast.south_pier):
        asked(seller)
    queries()
    for_two = queries()
    for number in range(48):
        asked((cast.north_lane, cast.south_pier)[number % 2])
    assert len(references(page(alice))) == 50
    assert queries() == for_two <= 12
