"""A request as the list reads it is the request that its own page loads, and no change goes unseen."""

from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from returns import services
from returns.models import (
    ClosureReason,
    Edition,
    Membership,
    ReturnAddress,
    ReturnReason,
    ReturnRequest,
    RulesVersion,
    Seller,
    User,
)
from returns.selectors.cases import get_case
from returns.selectors.common import Common
from returns.selectors.listed import Listed, read_listed
from returns.selectors.lists import list_held, read_queue
from returns.selectors.reasons import list_closure_reasons
from returns.selectors.seller_pages import Row, row_of
from returns.selectors.teamwork import beside
from returns.state_machine import Outcome, Status
from tests.browsers import signed_in
from tests.factories import (
    EVERY_STATE,
    Cast,
    Line,
    a_request_in,
    by_hand,
    change_rules,
    closing,
    day,
    days_ago,
    everything_owed,
    file_request,
    make_order,
    open_request,
)

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def listed(cast: Cast, *requests: ReturnRequest) -> list[Listed]:
    alice = cast.actor(cast.alice)
    queue = read_queue([alice], [Seller.objects.get(pk=cast.north_lane.pk)])
    held = {event.request_id: event for event in list_held([alice])}
    return read_listed([request.pk for request in requests], queue.stores, queue.now, held)


def common_of(cast: Cast) -> Common:
    queue = read_queue([cast.actor(cast.alice)], [cast.north_lane])
    return queue.stores[0].common


def timeless(row: Row) -> Row:
    """The row without what a moment or a new form makes of it."""
    undo = row.undo and replace(row.undo, key="", seconds_left=0)
    return replace(row, undo=undo)


def requests_of_every_kind(cast: Cast) -> list[ReturnRequest]:
    two_lines = make_order(
        cast.north_lane,
        Line(sku="RUG-1", title="Flat rug", quantity=2),
        Line(sku="LAMP-1", title="Lamp", item=None),
        country="CN",
    )
    with by_hand(cast.north_lane):
        prepaid = open_request(make_order(cast.north_lane))
    order = make_order(cast.north_lane, country="CA")
    held = open_request(make_order(cast.north_lane, country="CA"))
    alice = replace(cast.actor(cast.alice), undo_seconds=600)
    services.close_return(alice, reference=held.reference, closing=closing())
    paid_back = open_request(make_order(cast.north_lane, country="CA"))
    services.record_refund(
        alice, reference=paid_back.reference, amounts=everything_owed(paid_back), refunded_date=day(0)
    )
    return [
        *[
            a_request_in(cast, status, outcome, prepaid=outcome == Outcome.BUYER_KEPT_ITEM)
            for status, outcome in EVERY_STATE
        ],
        a_request_in(cast, Status.CLOSED, promise_minor=1000),
        open_request(two_lines),
        prepaid,
        paid_back,
        held,
        file_request(order, Status.AUTHORIZATION_REQUIRED),
        file_request(order, Status.AUTHORIZATION_REQUIRED, rows_per_line=2),
        file_request(make_order(cast.north_lane), Status.AUTHORIZED, marketplace_status="PendingLabel"),
        ReturnRequest.objects.get(pk=held.pk),
    ]


def test_a_row_of_the_list_says_what_the_page_of_its_request_says(cast: Cast) -> None:
    alice = cast.actor(cast.alice)
    requests = requests_of_every_kind(cast)
    reasons = list_closure_reasons(alice)
    for request, one in zip(requests, listed(cast, *requests), strict=True):
        in_list = timeless(row_of(one.case(), alice, reasons, one.beside()))
        case = get_case(alice, request.reference)
        on_page = timeless(row_of(case, alice, reasons, beside(case, alice, common_of(cast).team)))
        assert in_list == on_page


def test_making_a_row_reads_nothing_more(cast: Cast) -> None:
    alice = cast.actor(cast.alice)
    requests = requests_of_every_kind(cast)
    reasons = list_closure_reasons(alice)
    rows = listed(cast, *requests)
    with CaptureQueriesContext(connection) as captured:
        for one in rows:
            row_of(one.case(), alice, reasons, one.beside())
    assert [query["sql"] for query in captured] == []


def test_what_a_request_is_made_of_stays_the_same_until_it_changes(cast: Cast) -> None:
    request = a_request_in(cast, Status.AUTHORIZATION_REQUIRED)
    (before,) = listed(cast, request)
    (again,) = listed(cast, request)
    assert hash(before.made_of) == hash(again.made_of)
    assert before.made_of == again.made_of
    order = request.order
    file_request(order, Status.AUTHORIZATION_REQUIRED)  # another request for the same line
    (after,) = listed(cast, request)
    assert after.made_of != before.made_of
    alice = cast.actor(cast.alice)
    services.record_refund(
        alice, reference=request.reference, amounts=everything_owed(request), refunded_date=day(0)
    )
    (refunded,) = listed(cast, request)
    assert refunded.made_of[-1] != after.made_of[-1]


def _retire(model: Any) -> None:
    model.objects.filter(pk=model.objects.order_by("pk").first().pk).update(is_active=False)


def _rename(model: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {model._meta.db_table} SET label_en = 'Renamed'")  # noqa: S608 - a table of ours


@pytest.mark.parametrize(
    ("change", "model"),
    [
        (_rename, ReturnReason),
        (_rename, ClosureReason),
        (_retire, ClosureReason),
        (_retire, ReturnAddress),
        (lambda model: model.objects.all().delete(), ReturnAddress),
        (lambda model: model.objects.filter(role="viewer").update(role="agent"), Membership),
        (lambda model: model.objects.filter(role="viewer").delete(), Membership),
        (lambda model: change_rules(window_days=3), RulesVersion),
        (lambda model: model.objects.filter(name="Ben Boyd").update(name="Ben Bold"), User),
        (lambda model: model.objects.filter(name="Ben Boyd").update(is_active=False), User),
    ],
)
def test_a_change_of_reasons_addresses_or_members_gives_a_new_edition_by_whatever_door(
    cast: Cast, change: Any, model: Any
) -> None:
    mark = Edition.objects.get().mark
    common = common_of(cast)
    change(model)
    assert Edition.objects.get().mark != mark
    changed = common_of(cast)
    assert changed is not common
    assert common_of(cast) is changed


def test_a_sign_in_or_another_language_is_no_new_edition(cast: Cast) -> None:
    common = common_of(cast)
    User.objects.filter(pk=cast.alice.pk).update(last_login=days_ago(0), language="zh-hans")
    assert common_of(cast) is common


def test_the_lists_page_shows_a_renamed_reason_at_once(cast: Cast) -> None:
    a_request_in(cast, Status.AUTHORIZATION_REQUIRED)
    client: Client = signed_in(cast.alice)
    before = client.get("/seller/returns/").content.decode()
    assert "No longer needed or wanted" in before
    ReturnReason.objects.filter(code="CR-UNWANTED_ITEM").update(label_en="Changed my mind")
    ClosureReason.objects.filter(code="other").update(label_en="Something else")
    after = client.get("/seller/returns/").content.decode()
    assert "No longer needed or wanted" not in after
    assert "Changed my mind" in after
    assert "Something else" in after
