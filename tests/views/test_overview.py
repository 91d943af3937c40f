"""The overview: what waits, what is late, how soon it is answered, what comes back; read through its page."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from returns import services
from returns.actors import Actor
from returns.models import ReturnEvent, ReturnItem, ReturnReason, ReturnRequest, User
from returns.selectors import overview
from returns.state_machine import Outcome, Status
from tests.browsers import signed_in
from tests.factories import (
    Cast,
    Line,
    a_request_in,
    at_once,
    by_hand,
    closing,
    day,
    days_ago,
    everything_received,
    file_request,
    make_order,
    open_request,
)

pytestmark = pytest.mark.django_db

PAGE = "/seller/"


@pytest.fixture
def alice(cast: Cast) -> Client:
    return signed_in(cast.alice)


def page(client: Client) -> str:
    response = client.get(PAGE)
    assert response.status_code == 200
    return unescape(response.content.decode())


def words(html: str) -> str:
    """What a reader reads of `html`."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def figure(html: str, label: str) -> str:
    """The big number under `label`, as it is read."""
    found = re.findall(
        rf'<dt class="hint">{re.escape(label)}</dt>\s*<dd class="figure[^"]*">(.*?)</dd>', html
    )
    assert len(found) == 1, label
    return words(found[0])


def link(html: str, label: str) -> str:
    """Where the number under `label` leads."""
    return re.search(rf'{re.escape(label)}</dt>\s*<dd class="figure"><a href="([^"]+)"', html)[1]


def urgency(html: str, label: str) -> str:
    return re.search(rf'{re.escape(label)}</dt>\s*<dd class="figure"><a [^>]*class="(\w+)"', html)[1]


def table(html: str, title: str) -> list[list[str]]:
    """The cells of the table of the section `title`, row by row without its head."""
    section = re.search(rf"<h2[^>]*>{title}</h2>.*?</section>", html, re.DOTALL)[0]
    body = re.search(r"<tbody.*?</tbody>", section, re.DOTALL)
    rows = re.findall(r"<tr.*?</tr>", body[0], re.DOTALL) if body else []
    return [[words(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)] for row in rows]


def answers_of(html: str) -> dict[str, str]:
    """The chart's table: day in ISO form → answers; days without an answer are left out."""
    rows = re.findall(r'<time datetime="([\d-]+)">[^<]*</time></th><td class="num">([^<]+)</td>', html)
    assert len(rows) == 14
    return {when: number for when, number in rows if number != "0"}


def listed(client: Client, address: str) -> set[str]:
    return set(re.findall(r'id="row-([\w-]+)"', client.get(address).content.decode()))


def a_request(
    cast: Cast, *, hours_ago: float = 0, reason: str = "CR-UNWANTED_ITEM", **line: object
) -> ReturnRequest:
    """A request that was opened `hours_ago` and that its seller decides by hand."""
    order = make_order(cast.north_lane, Line(**line), country="CA", delivered_days_ago=4, ordered_days_ago=50)
    with by_hand(cast.north_lane):
        return open_request(order, reason=reason, comment="It came so.", opened_days_ago=hours_ago / 24)


def close(cast: Cast, request: ReturnRequest, *, hours_ago: float = 0, user: User | None = None) -> None:
    actor = at_once(cast.actor(user or cast.alice))
    if hours_ago:
        actor = actor.at(days_ago(hours_ago / 24))
    services.close_return(actor, reference=request.reference, closing=closing())


def promise(cast: Cast, minor: int, currency: str, **line: object) -> ReturnRequest:
    request = a_request(cast, currency=currency, **line)
    how = closing(
        "refund_without_return",
        "Keep it, please.",
        promise_minor=minor,
        promise_currency=currency,
        promise_due_date=day(-2),
    )
    services.close_return(at_once(cast.actor(cast.alice)), reference=request.reference, closing=how)
    return request


# --- The page


@pytest.mark.parametrize(
    ("language", "menu", "heading"),
    [
        ("en", ["Overview", "Orders", "Settings", "Help"], "Overview"),
        ("zh-hans", ["概览", "订单", "设置", "帮助"], "概览"),
    ],
)
def test_it_is_the_first_of_the_menu_in_both_languages(
    cast: Cast, language: str, menu: list[str], heading: str
) -> None:
    User.objects.filter(pk=cast.alice.pk).update(language=language)
    html = page(signed_in(User.objects.get(pk=cast.alice.pk)))
    nav = re.search(r"<nav aria-label.*?</nav>", html, re.DOTALL)[0]
    entries = [words(entry) for entry in re.findall(r"<summary>.*?</summary>|<li><a .*?</a>|<a .*?</a>", nav)]
    assert [entry for entry in menu if entry in entries] == menu
    assert entries[0] == menu[0]
    assert re.search(rf'<a href="/seller/" aria-current="page">{heading}</a>', nav)
    assert words(re.search(r"<h1>.*?</h1>", html)[0]) == heading


def test_the_list_s_page_does_not_mark_the_overview_as_current(alice: Client) -> None:
    html = alice.get("/seller/returns/").content.decode()
    assert '<a href="/seller/">Overview</a>' in html


def test_a_seller_without_requests_is_told_so_and_led_to_the_help(cast: Cast) -> None:
    a_request(cast)
    html = page(signed_in(cast.carol))
    assert "Nothing yet" in html
    assert 'href="/seller/help/"' in html
    assert "<svg role" not in html
    assert "<table" not in html


def test_a_seller_who_answered_nothing_lately_sees_words_instead_of_charts(cast: Cast, alice: Client) -> None:
    a_request(cast, hours_ago=24 * 40)
    html = words(page(alice))
    assert "Nothing was answered in the last 14 days." in html
    assert html.count("Nobody asked for a return in the last 30 days.") == 2
    assert "There is no median yet" in html


def test_a_viewer_reads_all_of_it(cast: Cast, alice: Client) -> None:
    close(cast, a_request(cast))
    pages = [page(client) for client in (alice, signed_in(cast.vera))]
    for html in pages:
        assert figure(html, "Today") == "1"
        assert link_of_tab(html, "Closed") == ("1", "/seller/returns/?status=closed")


def link_of_tab(html: str, label: str) -> tuple[str, str]:
    url, number = re.search(rf'<a href="([^"]+)">{label} <span>([^<]+)</span></a>', html).groups()
    return number, url


# --- What waits


def test_each_tab_leads_to_its_list_with_as_many_requests(cast: Cast, alice: Client) -> None:
    a_request(cast)
    a_request(cast)
    a_request_in(cast, Status.AUTHORIZED)
    a_request_in(cast, Status.REFUND_DUE)
    a_request_in(cast, Status.COMPLETED, Outcome.REFUNDED)
    a_request_in(cast, Status.CLOSED)
    html = page(alice)
    for label, number in {
        "Authorization Required": "2",
        "Authorized": "1",
        "Refund due": "1",
        "Completed": "1",
        "Closed": "1",
        "All": "6",
    }.items():
        shown, url = link_of_tab(html, label)
        assert (shown, len(listed(alice, url))) == (number, int(number)), label


def test_what_is_overdue_and_what_will_be_within_four_hours(cast: Cast, alice: Client) -> None:
    late = a_request(cast, hours_ago=25)
    soon = a_request(cast, hours_ago=21)
    a_request(cast, hours_ago=19)
    for days in (1, 6):
        request = a_request(cast, hours_ago=24 * 8)
        actor = at_once(cast.actor(cast.alice)).at(days_ago(days))
        services.authorize_return(actor, reference=request.reference)
        services.receive_return(actor, reference=request.reference, received=everything_received(request))
    html = page(alice)
    assert figure(html, "Overdue: answers") == "1"
    assert listed(alice, link(html, "Overdue: answers")) == {late.reference}
    assert figure(html, "Overdue: refunds") == "1"
    assert listed(alice, link(html, "Overdue: refunds")) == {request.reference}
    assert figure(html, "Due within 4 h: answers") == "1"
    assert listed(alice, link(html, "Due within 4 h: answers")) == {soon.reference}
    assert listed(alice, "/seller/returns/?status=authorization_required&overdue=on&soon=on") == {
        late.reference,
        soon.reference,
    }
    assert figure(html, "Due within 4 h: refunds") == "0"
    assert (urgency(html, "Overdue: answers"), urgency(html, "Due within 4 h: answers")) == ("late", "soon")


def test_promises_are_added_up_by_currency_less_what_was_paid_on_them(cast: Cast, alice: Client) -> None:
    late = promise(cast, 12900, "USD")
    ReturnRequest.objects.filter(pk=late.pk).update(promise_due_date=day(2), deadline_at=days_ago(1))
    paid = promise(cast, 5000, "USD")
    promise(cast, 2000, "CAD")
    met = promise(cast, 700, "CAD")
    for request, minor in ((paid, 1500), (met, 700)):
        services.record_refund(
            cast.actor(cast.alice),
            reference=request.reference,
            amounts={(request.items.get().pk, "item"): minor},
            refunded_date=day(0),
        )
    html = page(alice)
    assert figure(html, "Refund promises still open") == "3"
    assert urgency(html, "Refund promises still open") == "late"
    assert met.reference not in listed(alice, link(html, "Refund promises still open"))
    assert len(listed(alice, link(html, "Refund promises still open"))) == 3
    assert "CA$20.00 · $164.00 · 1 overdue" in words(html)


def test_what_is_to_do_at_the_marketplace_and_where_it_was_asked_to_step_in(
    cast: Cast, alice: Client
) -> None:
    imported = file_request(make_order(cast.north_lane), Status.AUTHORIZATION_REQUIRED)
    close(cast, imported)
    asked = a_request(cast, hours_ago=24 * 9)
    services.escalate(Actor.buyer(asked.order), reference=asked.reference, comments="Nobody answers me.")
    html = page(alice)
    assert listed(alice, link(html, "To do at the marketplace")) == {imported.reference}
    assert figure(html, "The marketplace was asked to step in") == "1"
    of_them = link(html, "The marketplace was asked to step in")
    assert listed(alice, of_them) == {asked.reference}
    chips = re.findall(r'class="chip".*?</span>(.*?)<', alice.get(f"{of_them}&soon=on").text)
    assert chips == ["Due within 4 h", "The marketplace was asked to step in"]
    assert f'<a href="/seller/returns/{asked.reference}/">{asked.order.order_number}</a>' in html


# --- Answers


def test_only_decisions_of_the_own_side_that_stand_are_answers(cast: Cast, alice: Client) -> None:
    close(cast, a_request(cast))
    services.authorize_return(at_once(cast.actor(cast.ben)), reference=a_request(cast).reference)
    close(cast, a_request(cast), user=cast.root)
    undone = a_request(cast)
    services.close_return(cast.actor(cast.alice), reference=undone.reference, closing=closing())
    services.undo_decision(cast.actor(cast.alice), reference=undone.reference)
    by_buyer = a_request(cast)
    services.close_return(
        Actor.buyer(by_buyer.order), reference=by_buyer.reference, closing=closing("buyer_by_mistake", "")
    )
    by_rule = open_request(make_order(cast.north_lane))
    foreign = open_request(make_order(cast.south_pier, country="CA"))
    close(cast, foreign, user=cast.carol)
    assert by_rule.status == Status.AUTHORIZED
    html = page(alice)
    assert (figure(html, "Today"), figure(html, "In the last 7 days")) == ("3", "3")
    assert figure(page(signed_in(cast.carol)), "Today") == "1"


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland", "America/Los_Angeles", "Asia/Kolkata"])
def test_days_begin_at_the_reader_s_midnight_and_the_zone_is_named(cast: Cast, zone: str) -> None:
    User.objects.filter(pk=cast.alice.pk).update(time_zone=zone)
    here = ZoneInfo(zone)
    today = datetime.now(here).date()
    midnight = datetime.combine(today - timedelta(days=3), time.min, here)
    for moment in (midnight - timedelta(seconds=1), midnight, midnight + timedelta(hours=23, minutes=59)):
        request = a_request(cast, hours_ago=24 * 6)
        actor = at_once(cast.actor(cast.alice)).at(moment.astimezone(UTC))
        services.close_return(actor, reference=request.reference, closing=closing())
    html = page(signed_in(User.objects.get(pk=cast.alice.pk)))
    before = midnight.date() - timedelta(days=1)
    assert answers_of(html) == {before.isoformat(): "1", midnight.date().isoformat(): "2"}
    assert f"Days begin at midnight in the zone {zone}." in words(html)


def test_today_is_the_reader_s_day_also_while_it_is_another_day_in_utc(cast: Cast) -> None:
    is_late = datetime.now(UTC).hour >= 11
    zone = ZoneInfo("Pacific/Kiritimati" if is_late else "Pacific/Pago_Pago")
    User.objects.filter(pk=cast.alice.pk).update(time_zone=zone.key)
    close(cast, a_request(cast, hours_ago=2))
    html = page(signed_in(User.objects.get(pk=cast.alice.pk)))
    assert figure(html, "Today") == "1"
    assert datetime.now(zone).date() != datetime.now(UTC).date()
    assert answers_of(html) == {datetime.now(zone).date().isoformat(): "1"}


def test_the_week_has_seven_days_and_the_chart_fourteen(cast: Cast, alice: Client) -> None:
    for days in (0, 5, 8, 12, 15):
        close(cast, a_request(cast, hours_ago=24 * 20), hours_ago=24 * days)
    html = page(alice)
    assert (figure(html, "Today"), figure(html, "In the last 7 days")) == ("1", "2")
    assert len(answers_of(html)) == 4


def test_the_median_is_of_first_answers_to_requests_whose_time_is_known(cast: Cast, alice: Client) -> None:
    for opened, answered in ((100, 99), (100, 96.5), (100, 90)):
        request = a_request(cast, hours_ago=opened)
        close(cast, request, hours_ago=answered)
    boss = at_once(cast.actor(cast.alice))
    services.reopen_return(boss, reference=request.reference)
    close(cast, request)
    close(cast, file_request(make_order(cast.north_lane), Status.AUTHORIZATION_REQUIRED))
    close(cast, a_request(cast, hours_ago=24 * 60), hours_ago=24 * 35)
    html = page(alice)
    assert figure(html, "Median time to answer") == "3 h 30 min"
    assert "first answers to 3 requests of the last 30 days" in words(html)
    assert figure(html, "Today") == "2"


def test_after_an_undo_the_median_counts_the_answer_that_stands(cast: Cast, alice: Client) -> None:
    request = a_request(cast, hours_ago=5)
    held = services.close_return(cast.actor(cast.alice), reference=request.reference, closing=closing())
    services.undo_decision(cast.actor(cast.alice), reference=request.reference)
    close(cast, request, hours_ago=1)
    assert ReturnEvent.objects.get(pk=held.pk).withdrawn_at
    html = page(alice)
    assert figure(html, "Median time to answer") == "4 h"
    assert "first answer to 1 request of the last 30 days" in words(html)


def test_the_chart_is_named_and_says_what_the_table_says(cast: Cast, alice: Client) -> None:
    for _ in range(3):
        close(cast, a_request(cast))
    close(cast, a_request(cast, hours_ago=24 * 5), hours_ago=24 * 2)
    html = page(alice)
    chart = re.search(r'<svg role="img" aria-labelledby="([^"]+)".*?</svg>', html, re.DOTALL)
    title = re.search(rf'<title id="{chart[1]}">(.*?)</title>', chart[0])[1]
    assert title.startswith("Answers per day from ")
    assert title.endswith(": 3")
    bars = [int(height) for height in re.findall(r'<rect [^>]*height="(\d+)"', chart[0])]
    assert len(bars) == 14
    assert sorted(bars)[-2:] == [33, 100]
    assert re.findall(r'dy="-4">([^<]+)<', chart[0]) == ["1", "3"]
    assert sorted(answers_of(html).values()) == ["1", "3"]
    assert "style=" not in html


# --- What comes back, and why


def test_reasons_by_share_and_skus_by_requests_of_the_last_30_days(cast: Cast, alice: Client) -> None:
    for _ in range(2):
        a_request(cast, sku="LAMP", title="Desk lamp", quantity=2, item=5000, reason="CR-DEFECTIVE")
    a_request(cast, sku="LAMP", title="Desk lamp", item=1000, currency="CAD", reason="CR-DEFECTIVE")
    rug = make_order(cast.north_lane, Line(sku="RUG", title="Rug", item=None))
    file_request(rug, Status.AUTHORIZATION_REQUIRED, reason="X-UNHEARD-OF")
    a_request(cast, sku="OLD", title="Old thing", hours_ago=24 * 31)
    open_request(make_order(cast.south_pier, Line(sku="FOREIGN")))
    html = page(alice)
    assert table(html, "Why buyers return") == [
        ["Defective or does not work", "3", "75%"],
        ["X-UNHEARD-OF", "1", "25%"],
    ]
    assert table(html, "What comes back") == [
        ["LAMP Desk lamp", "3", "5", "CA$10.00 · $100.00"],
        ["RUG Rug", "1", "1", "unknown"],
    ]
    assert "From 4 requests of the last 30 days." in html
    widths = re.findall(r'<svg aria-hidden="true"[^>]*>.*?</rect><rect width="(\d+)%"', html)
    assert widths == ["75", "25"]


def test_a_part_of_a_line_counts_with_its_part_of_the_price(cast: Cast, alice: Client) -> None:
    order = make_order(cast.north_lane, Line(sku="MUG", title="Mug", quantity=3, item=1000), country="CA")
    open_request(order, quantity=1)
    open_request(order, quantity=1)
    assert table(page(alice), "What comes back") == [["MUG Mug", "2", "2", "$6.66"]]


def test_a_file_that_asks_for_more_than_was_bought_makes_nothing_worth_more(
    cast: Cast, alice: Client
) -> None:
    order = make_order(cast.north_lane, Line(sku="MUG", title="Mug", item=1000))
    file_request(order, Status.AUTHORIZATION_REQUIRED, quantity=2)
    assert table(page(alice), "What comes back") == [["MUG Mug", "1", "2", "$10.00"]]


def test_ten_skus_and_eight_reasons_are_enough(cast: Cast, alice: Client) -> None:
    codes = ReturnReason.objects.filter(is_active=True).values_list("code", flat=True)[:12]
    for number, code in enumerate(codes):
        a_request(cast, sku=f"SKU-{number:02}", title="Thing", reason=code)
    html = page(alice)
    assert [row[0] for row in table(html, "What comes back")] == [f"SKU-{n:02} Thing" for n in range(10)]
    assert len(table(html, "Why buyers return")) == 12
    assert "All other reasons 33%" in words(html)


# --- Large and fast


def test_counting_ends_at_a_limit_and_says_so(
    cast: Cast, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MOST_WAITING", "MOST_A_DAY", "LATEST"):
        monkeypatch.setattr(overview, name, 2)
    for _ in range(3):
        a_request(cast, hours_ago=30)
        promise(cast, 100, "USD")
    html = page(alice)
    assert figure(html, "Overdue: answers") == "2+"
    assert figure(html, "Refund promises still open") == "2+"
    assert figure(html, "Today") == "2+"
    assert "$2.00 · and more" in words(html)
    assert "From the latest 2 requests of the last 30 days." in html
    assert "first answers to 2 requests" in html
    assert link_of_tab(html, "All")[0] == "6"


def queries(client: Client) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        page(client)
    return [one["sql"] for one in captured]


@pytest.mark.both_databases
def test_it_takes_the_same_few_queries_for_one_request_and_for_many(cast: Cast) -> None:
    alice = signed_in(cast.alice)
    every_kind(cast)
    queries(alice)
    for_one = queries(alice)
    for _ in range(3):
        every_kind(cast)
    for_many = queries(alice)
    assert len(for_one) == len(for_many) <= 12
    (counting,) = [sql for sql in for_many if "COUNT(" in sql]
    assert counting.count("COUNT(") == len(re.findall(r"LIMIT (?:1001|5001)\)", counting)) == 22


def every_kind(cast: Cast) -> None:
    """One request of each kind that the page reads."""
    close(cast, a_request(cast, hours_ago=3))
    promise(cast, 100, "USD")
    close(cast, file_request(make_order(cast.north_lane), Status.AUTHORIZATION_REQUIRED))
    asked = a_request(cast, hours_ago=24 * 9)
    services.escalate(Actor.buyer(asked.order), reference=asked.reference, comments="Nobody answers me.")


@pytest.mark.postgresql
def test_every_figure_is_read_through_an_index(cast: Cast) -> None:
    alice = signed_in(cast.alice)
    every_kind(cast)
    plans = ""
    with connection.cursor() as cursor:
        asked = [sql for sql in queries(alice) if re.search(r'FROM "?returns_return|COUNT\(\*\)', sql)]
        crowd(cursor)
        cursor.execute("SET LOCAL enable_seqscan = off")
        for sql in asked:
            cursor.execute(f"EXPLAIN {sql.replace('%', '%%')}")
            plans += "\n".join(line for (line,) in cursor.fetchall())
    assert not re.search(r"Seq Scan on returns_return(request|event|item)\b", plans), plans
    for index in (
        "event_answers",
        "request_escalated_of_seller",
        "request_promised",
        "request_marketplace_todo",
        "request_asked_by_",
        "request_refund_due_by_",
        "request_all_by_date",
    ):
        assert re.search(rf"(using|on) {index}", plans), plans


def crowd(cursor: Any) -> None:
    """Enough rows that the planner has a choice to make; over a handful any index costs it the same.

    They are copies of what is there, spread over three years, and only planned over, never read.
    """
    for model, spread, changed in (
        (ReturnRequest, "requested_at", {"reference": "gen_random_uuid()::text", "rma_number": "''"}),
        (ReturnEvent, "occurred_at", {"version": "version + 10 * n", "idempotency_key": "NULL"}),
        (ReturnItem, "", {"ordinal": "ordinal + 10 * n"}),
    ):
        columns = [field.column for field in model._meta.concrete_fields if not field.primary_key]
        values = ", ".join(
            f"{column} - n * interval '7 hours'" if column == spread else changed.get(column, column)
            for column in columns
        )
        table = model._meta.db_table
        copies = f"SELECT {values} FROM {table}, generate_series(1, 600) n"  # noqa: S608
        cursor.execute(f"INSERT INTO {table} ({', '.join(columns)}) {copies}")
        cursor.execute(f"ANALYZE {table}")


def test_one_person_s_sellers_are_not_mixed(cast: Cast, browser: Callable[..., Client]) -> None:
    a_request(cast, hours_ago=30)
    cast.carol.memberships.create(seller=cast.north_lane, role="viewer")
    client = browser(cast.carol)
    client.post("/seller/choose/", {"slug": "south-pier"})
    assert "Nothing yet" in page(client)
    client.post("/seller/choose/", {"slug": "north-lane"})
    assert figure(page(client), "Overdue: answers") == "1"
