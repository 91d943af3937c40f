"""The list *Manage Seller Fulfilled Returns*: its words, what a row offers, filters, pages, and its queries."""

import re
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from returns.models import MarketplaceSettings, ReturnRequest, User
from returns.selectors.lists import PAGE
from returns.state_machine import Status
from tests.browsers import signed_in
from tests.factories import (
    Cast,
    Line,
    Person,
    a_request_in,
    by_hand,
    days_ago,
    file_request,
    make_order,
    open_request,
)

pytestmark = pytest.mark.django_db

LIST = "/seller/returns/"


def page(client: Client, query: str = "") -> str:
    response = client.get(f"{LIST}{query}")
    assert response.status_code == 200
    return unescape(response.content.decode())


def references(html: str) -> list[str]:
    """The requests that a page lists, in its order."""
    return re.findall(r'id="row-([\w-]+)"', html)


def row(html: str, request: ReturnRequest) -> str:
    return re.search(rf'<article [^>]*id="row-{request.reference}".*?</article>', html, re.DOTALL)[0]


def words(html: str) -> str:
    """What a reader reads of `html`."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def speaks(user: User, language: str) -> Client:
    User.objects.filter(pk=user.pk).update(language=language)
    return signed_in(User.objects.get(pk=user.pk))


@pytest.fixture
def alice(cast: Cast) -> Client:
    return signed_in(cast.alice)


def request_of(cast: Cast, **options: object) -> ReturnRequest:
    """A request that waits for the seller and that Alice may close."""
    return open_request(make_order(cast.north_lane, country="CA", **options))


# --- The words of the page


@pytest.mark.parametrize(
    ("language", "menu", "name", "tabs"),
    [
        (
            "en",
            "Orders",
            "Manage Seller Fulfilled Returns",
            ["Authorization Required", "Authorized", "Refund due", "Completed", "Closed", "All"],
        ),
        (
            "zh-hans",
            "订单",
            "管理卖家自配送退货",
            ["需要批准", "已批准", "待退款", "已完成", "已关闭", "全部"],
        ),
    ],
)
def test_menu_link_heading_and_tabs_have_the_agreed_words(
    cast: Cast, language: str, menu: str, name: str, tabs: list[str]
) -> None:
    request_of(cast)
    html = page(speaks(cast.alice, language))
    assert f'<html lang="{language}"' in html
    assert f"<summary>{menu}<" in html
    assert re.search(rf'<a href="/seller/returns/"[^>]*>{name}</a>', html)
    assert f"<h1>{name}</h1>" in html
    nav = re.search(r'<nav class="tabs".*?</nav>', html, re.DOTALL)[0]
    counts = [1, 0, 0, 0, 0, 1]
    assert re.findall(r">([^<>]+) <span>(\d+)</span></a>", nav) == [
        (label, str(count)) for label, count in zip(tabs, counts, strict=True)
    ]
    assert re.search(rf'aria-current="page">{tabs[0]} ', nav)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            (
                "Authorize request",
                "Return reason",
                "Close request",
                "for closing this request",
                "Buyer's reason",
            ),
        ),
        ("zh-hans", ("批准请求", "退货原因", "关闭请求", "用于关闭此请求", "买家退货原因")),
    ],
)
def test_a_row_decides_in_the_agreed_words(cast: Cast, language: str, said: tuple[str, ...]) -> None:
    authorize, reason, close, hint, buyers_reason = said
    request = request_of(cast)
    html = page(speaks(cast.alice, language))
    drawn, address = row(html, request), f"{LIST}{request.reference}"
    assert re.search(
        rf'<form method="get" action="{address}/authorize/".*?>{authorize}</button>', drawn, re.DOTALL
    )
    form = re.search(
        rf'<form class="closing" method="get" action="{address}/close/".*?</form>', drawn, re.DOTALL
    )[0]
    name = re.search(rf'<label for="([\w-]+)">{reason}</label>', form)[1]
    assert f'<select name="reason" id="{name}" aria-describedby="reason-hint">' in form
    assert f'id="reason-hint">{hint}</p>' in html
    assert f">{close}</button>" in form
    assert buyers_reason in words(drawn)
    group = re.search(r'<div class="decide" role="group" aria-label="([^"]+)"', drawn)[1]
    assert request.order.order_number in group


@pytest.mark.parametrize(
    ("language", "note"),
    [
        ("en", "Eligible for a prepaid return: this request cannot be closed."),
        ("zh-hans", "此退货符合预付费退货条件，无法关闭请求。"),
    ],
)
def test_a_prepaid_eligible_request_says_why_where_the_button_would_be(
    cast: Cast, language: str, note: str
) -> None:
    with by_hand(cast.north_lane):
        request = open_request(make_order(cast.north_lane))
    drawn = row(page(speaks(cast.alice, language)), request)
    group = drawn.partition('role="group"')[2]
    assert note in words(group)
    assert "/close/" not in drawn
    assert "<select" not in drawn
    assert "/authorize/" in drawn


def test_what_holds_comes_first_and_what_does_not_is_disabled_with_its_sentence(
    cast: Cast, alice: Client
) -> None:
    request = request_of(cast)
    drawn = row(page(alice), request)
    options = re.findall(r'<option value="(\w+)"( disabled)?>([^<]+)</option>', drawn)
    assert ("other", "", "Other (explain in your comments)") in options
    disabled = {code: label for code, is_disabled, label in options if is_disabled}
    assert disabled["duplicate_request"].startswith("Duplicate of another request: ")
    assert disabled["outside_return_window"].startswith("Return window has expired: ")
    assert all(label.endswith(".") for label in disabled.values())
    states = [bool(is_disabled) for _, is_disabled, _ in options]
    assert states == sorted(states)
    assert len(options) == 9


def test_a_row_shows_everything_for_the_decision(cast: Cast, alice: Client) -> None:
    order = make_order(cast.north_lane, country="CA", buyer=Person(name="Dora Diaz", email="d@x.example"))
    request = open_request(order, reason="CR-DEFECTIVE", comment="It <b>leaks</b>.")
    read = words(row(page(alice), request).replace("<b>", "‹b›").replace("</b>", "‹/b›"))
    for part in (
        order.order_number,
        "Dora Diaz",
        "Canada",
        "Steel kettle",
        "KETTLE-1",
        "$129.00",
        "Defective or does not work",
        "It ‹b›leaks‹/b›.",
        "Answer by",
        "In policy until",
        "No prepaid label: sent to Canada",
    ):
        assert part in read, part
    assert "<b>" not in alice.get(LIST).content.decode()


def test_a_viewer_sees_the_row_and_no_button(cast: Cast) -> None:
    request = request_of(cast)
    drawn = row(page(signed_in(cast.vera)), request)
    assert request.order.order_number in drawn
    assert "<form" not in drawn
    assert "<button" not in drawn


def test_nobody_sees_the_requests_of_another_seller(cast: Cast) -> None:
    request_of(cast)
    html = page(signed_in(cast.carol), "?status=all")
    assert references(html) == []
    assert "<span>1</span>" not in html


# --- Tabs, search, filters


def test_each_tab_lists_its_requests_and_all_lists_all_with_their_status(cast: Cast, alice: Client) -> None:
    made = {
        status: a_request_in(cast, status, "refunded" if status == "completed" else "") for status in Status
    }
    for status, request in made.items():
        assert references(page(alice, f"?status={status}")) == [request.reference]
    html = page(alice, "?status=all")
    assert set(references(html)) == {request.reference for request in made.values()}
    for status, request in made.items():
        assert f'<span class="badge">{status.label}</span>' in row(html, request)


@pytest.mark.parametrize(
    "said", ["702-1188203-4410927", "dora", "DORA DIAZ", "kettle", "KETTLE-1", "  steel kettle "]
)
def test_search_finds_order_sku_title_and_buyer(cast: Cast, alice: Client, said: str) -> None:
    found = request_of(cast, number="702-1188203-4410927")
    other = make_order(
        cast.north_lane,
        Line(sku="RUG-1", title="Flat rug"),
        country="CA",
        buyer=Person(name="Ed", email="e@x.example"),
    )
    open_request(other)
    client_page = alice.get(LIST, {"q": said}).content.decode()
    assert references(client_page) == [found.reference]


def test_filters_narrow_the_list_and_each_has_a_chip_that_takes_it_away(cast: Cast, alice: Client) -> None:
    with by_hand(cast.north_lane):
        prepaid = open_request(make_order(cast.north_lane))
    plain = request_of(cast)
    late = open_request(
        make_order(cast.north_lane, country="CA", ordered_days_ago=60, delivered_days_ago=50),
        reason="CR-DEFECTIVE",
        comment="It leaks.",
        opened_days_ago=3,
    )
    everything = {prepaid.reference, plain.reference, late.reference}
    yesterday = days_ago(1).date()
    narrowed = {
        "prepaid=yes": ({prepaid.reference}, "Prepaid-eligible"),
        "prepaid=no": ({plain.reference, late.reference}, "Not prepaid-eligible"),
        "in_policy=not_in_policy": ({late.reference}, "Not in policy"),
        "reason=CR-DEFECTIVE": ({late.reference}, "Defective or does not work"),
        "overdue=on": ({late.reference}, "Overdue"),
        f"from={yesterday}": ({prepaid.reference, plain.reference}, f"Asked from {yesterday}"),
        f"to={yesterday}": ({late.reference}, f"Asked until {yesterday}"),
        "todo=on": (set(), "To do at the marketplace"),
        "owed=on": (set(), "Money still owed"),
    }
    assert set(references(page(alice))) == everything
    for query, (left, label) in narrowed.items():
        html = page(alice, f"?{query}")
        assert set(references(html)) == left, query
        remove, said = re.search(r'<a class="chip" href="([^"]+)">(.*?)</a>', html, re.DOTALL).groups()
        assert words(said) == f"Remove filter: {label}"
        assert set(references(page(alice, remove))) == everything


def test_chips_find_what_is_to_do_at_the_marketplace_and_what_is_still_owed(
    cast: Cast, alice: Client
) -> None:
    owed = a_request_in(cast, Status.CLOSED, promise_minor=12900)
    a_request_in(cast, Status.CLOSED)
    todo = file_request(make_order(cast.north_lane, country="CA"), Status.AUTHORIZATION_REQUIRED)
    alice.post(f"{LIST}{todo.reference}/authorize/", {"key": "k"})
    assert references(page(alice, "?status=all&owed=on")) == [owed.reference]
    assert references(page(alice, "?status=all&todo=on")) == [todo.reference]


@pytest.mark.parametrize(
    "query", ["?from=yesterday", "?reason=nonsense", "?prepaid=perhaps", "?sort=sideways"]
)
def test_a_filter_that_cannot_be_read_filters_nothing(cast: Cast, alice: Client, query: str) -> None:
    request = request_of(cast)
    assert references(page(alice, query)) == [request.reference]


@pytest.mark.parametrize(
    ("sort", "order"),
    [("deadline", [2, 1, 0]), ("-created", [0, 1, 2]), ("created", [2, 1, 0]), ("", [2, 1, 0])],
)
def test_the_list_is_sorted_by_deadline_or_date(
    cast: Cast, alice: Client, sort: str, order: list[int]
) -> None:
    made = [
        open_request(make_order(cast.north_lane, country="CA"), opened_days_ago=days) for days in (1, 2, 3)
    ]
    assert references(page(alice, f"?sort={sort}")) == [made[index].reference for index in order]


# --- Empty


def test_an_empty_list_says_by_what_cause(cast: Cast, alice: Client) -> None:
    assert "Nothing yet" in words(page(alice))
    request = request_of(cast)
    assert "Nothing matches" in words(page(alice, "?q=zebra"))
    assert 'href="?status=authorization_required">Clear search and filters' in page(alice, "?q=zebra")
    alice.post(f"{LIST}{request.reference}/authorize/", {"key": "k"})
    assert "All done" in words(page(alice))


# --- Pages and queries


def many(cast: Cast, count: int) -> set[str]:
    """So many requests from a file, their times in groups that are equal: a page may end within one."""
    made = [
        file_request(
            make_order(cast.north_lane, country="CA"),
            Status.AUTHORIZATION_REQUIRED,
            requested_days_ago=2,
        )
        for _ in range(count)
    ]
    for index, request in enumerate(made):
        at = days_ago(2).replace(hour=index // 20, minute=0, second=0, microsecond=0)
        ReturnRequest.objects.filter(pk=request.pk).update(requested_at=at, deadline_at=at)
    return {request.reference for request in made}


@pytest.mark.parametrize("sort", ["deadline", "-created", "created"])
def test_pages_follow_one_another_without_losing_or_repeating_a_row(
    cast: Cast, alice: Client, sort: str
) -> None:
    wanted = many(cast, 2 * PAGE + 5)
    seen: list[str] = []
    query = f"?sort={sort}&prepaid=no"
    sizes = []
    while query:
        html = page(alice, query)
        seen += references(html)
        sizes.append(len(references(html)))
        more = re.search(r'id="more"[^>]*>\s*<a class="button" href="([^"]+)"', html)
        query = more[1] if more else ""
    assert sizes == [PAGE, PAGE, 5]
    assert len(seen) == len(set(seen))
    assert set(seen) == wanted


def test_a_page_goes_on_where_it_ended_when_rows_came_and_went(cast: Cast, alice: Client) -> None:
    wanted = many(cast, PAGE + 5)
    first = page(alice, "?sort=created")
    shown = references(first)
    alice.post(f"{LIST}{shown[0]}/authorize/", {"key": "k"})
    request_of(cast)
    rest = references(page(alice, re.search(r'href="(\?[^"]*cursor=[^"]+)"', first)[1]))
    assert not set(shown) & set(rest)
    assert wanted <= set(shown) | set(rest)


@pytest.mark.parametrize("cursor", ["nonsense", "2026-01-01T00:00:00+00:00", "~7", "2026-01-01~x", "%00~1"])
def test_a_cursor_that_cannot_be_read_starts_from_the_top(cast: Cast, alice: Client, cursor: str) -> None:
    request = request_of(cast)
    assert references(page(alice, f"?cursor={cursor}")) == [request.reference]


def queries(client: Client, query: str = "") -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        page(client, query)
    return [one["sql"] for one in captured]


@pytest.mark.parametrize(
    "query", ["", "?status=all", "?q=kettle&sort=-created&prepaid=no&reason=CR-UNWANTED_ITEM"]
)
def test_fifty_rows_take_as_many_queries_as_one(cast: Cast, alice: Client, query: str) -> None:
    MarketplaceSettings.load()
    many(cast, 1)
    queries(alice, query)
    for_one = queries(alice, query)
    many(cast, PAGE - 1)
    for_fifty = queries(alice, query)
    assert len(references(page(alice, query))) == PAGE
    assert len(for_fifty) == len(for_one), "\n".join(for_fifty)


@pytest.mark.parametrize("query", ["", "?status=all&q=kettle&overdue=on", "?sort=created&cursor={cursor}"])
def test_the_list_neither_counts_nor_offsets(cast: Cast, alice: Client, query: str) -> None:
    many(cast, PAGE + 1)
    cursor = re.search(r"cursor=([^\"&]+)", page(alice, "?sort=created"))[1]
    for sql in queries(alice, query.format(cursor=cursor)):
        assert "COUNT(" not in sql.upper()
        assert "OFFSET" not in sql.upper()


def test_more_rows_come_alone_for_a_script_and_as_a_page_without(cast: Cast, alice: Client) -> None:
    many(cast, PAGE + 1)
    more = re.search(r'<li id="more".*?</li>', page(alice), re.DOTALL)[0]
    assert 'hx-select="#rows > li"' in more
    assert re.search(r'<a class="button" href="(\?[^"]+)" hx-get="\1"', more)
    assert words(more).endswith("50 more")
