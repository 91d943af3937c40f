"""Returns reports in the database: what arrives, what follows the file, what was decided here and stays."""

import io
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from threading import Barrier

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from returns.actors import Actor
from returns.exceptions import UnreadableFile
from returns.models import (
    Buyer,
    FileRun,
    MarketplaceSettings,
    Order,
    OrderItem,
    ReturnEvent,
    ReturnItem,
    ReturnRequest,
    Seller,
    StatusCount,
)
from returns.models.requests import NO_DEADLINE
from returns.models.runs import RunState
from returns.services import (
    authorize_return,
    close_return,
    keep_item,
    provide_label,
    reopen_return,
    undo_decision,
)
from returns.services.imports import import_orders, import_returns, returns, spool
from returns.state_machine import Action, Outcome, Role, Status
from tests.factories import at_once, closing, make_cast, make_order, open_request
from tests.label_files import an_own_label
from tests.returns.report_files import RETURN_COLUMNS, orders_file, return_cells, returns_file, sample, table
from tests.services import wait_until

pytestmark = pytest.mark.django_db

OUR_TABLES = (
    "returns_order",
    "returns_buyer",
    "returns_orderitem",
    "returns_returnrequest",
    "returns_returnitem",
    "returns_returnevent",
    "returns_statuscount",
)
RMA = "DfqRyqfBRRMA"


@pytest.fixture
def cast():
    return make_cast()


@pytest.fixture
def read(cast):
    """Reads a returns report of these rows for North Lane."""

    def read(*rows, dry_run=False, at=None, **options):
        actor = Actor.marketplace(cast.north_lane)
        file = returns_file(*rows, **options)
        return import_returns(actor.at(at) if at else actor, file=file, name="r.tsv", dry_run=dry_run)

    return read


def unpaid(**changes):
    """A row whose label the buyer pays: not prepaid-eligible."""
    return {"label_type": "AmazonUnPaidLabel", **changes}


def counts(summary):
    return (summary.new, summary.changed, summary.unchanged, len(summary.refused))


def the_request():
    return ReturnRequest.objects.get()


def state():
    """Everything a returns report writes, without ids, times of writing and random references."""
    requests = []
    for request in ReturnRequest.objects.select_related("order__buyer").order_by("order__order_number"):
        columns = {
            field.attname: getattr(request, field.attname)
            for field in ReturnRequest._meta.fields
            if field.attname not in ("id", "reference", "seller_id", "order_id", *_WHEN)
        }
        items = sorted(
            (
                item.order_item.line_key,
                item.quantity,
                item.units_held,
                item.reason_code,
                item.policy,
                item.prepaid_eligible,
                item.tracking_id,
                str(sorted(item.reported.items())),
            )
            for item in request.items.select_related("order_item")
        )
        events = list(request.events.values_list("version", "action", "source", "target", "outcome"))
        requests.append((request.order.order_number, sorted(columns.items(), key=str), items, events))
    lines = OrderItem.objects.values_list(
        "order__order_number",
        "line_key",
        "sku",
        "quantity",
        "is_quantity_known",
        "units_held",
        "currency",
        "item_paid_minor",
    )
    counted = {count.status: count.requests for count in StatusCount.objects.filter(requests__gt=0)}
    return sorted(map(str, requests)), sorted(map(str, lines)), counted


_WHEN = (
    "authorized_at",
    "send_back_date",
    "received_at",
    "refund_due_at",
    "completed_at",
    "closed_at",
    "deadline_at",
)


def assert_sound():
    """Units, tab counters and versions say the same as the rows they are about."""
    for line in OrderItem.objects.all():
        assert line.units_held == sum(line.return_items.values_list("units_held", flat=True))
    for status in Status:
        row = StatusCount.objects.filter(status=status).first()
        assert (row.requests if row else 0) == ReturnRequest.objects.filter(status=status).count()
    for request in ReturnRequest.objects.all():
        versions = list(request.events.order_by("version").values_list("version", "target"))
        assert [version for version, _target in versions] == list(range(1, request.version + 1))
        assert versions[-1][1] == request.status


def writes(queries):
    """The statements that write one of the tables that an import writes."""
    return [
        query["sql"]
        for query in queries
        if query["sql"].split(maxsplit=1)[0] in ("INSERT", "UPDATE", "DELETE")
        and any(f'"{table}"' in query["sql"] for table in OUR_TABLES)
    ]


# --- Arrivals


@pytest.mark.parametrize(
    ("name", "rows", "requests", "orders"),
    [
        ("returns_report_us.tsv", 80, 79, 79),
        ("returns_report_eu.tsv", 60, 59, 59),
        ("returns_report.xml", 12, 11, 11),
    ],
)
def test_each_sample_is_read_once_and_the_second_time_writes_nothing(cast, name, rows, requests, orders):
    actor = Actor.marketplace(cast.north_lane)
    assert counts(import_returns(actor, file=sample(name), name=name)) == (rows, 0, 0, 0)
    assert (ReturnRequest.objects.count(), ReturnItem.objects.count()) == (requests, rows)
    assert (Order.objects.count(), Buyer.objects.count()) == (orders, orders)
    assert ReturnEvent.objects.filter(action=Action.RECORD, is_silent=True).count() == requests
    assert_sound()

    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert counts(import_returns(actor, file=sample(name), name=name)) == (0, 0, rows, 0)
    assert writes(queries) == []
    assert list(FileRun.objects.values_list("state", "rows_done")) == [(RunState.DONE, rows)] * 2


@pytest.mark.both_databases
def test_both_databases_read_the_same(cast):
    actor = Actor.marketplace(cast.north_lane)
    for name, rows in (("returns_report_eu.tsv", 60), ("returns_report.xml", 12)):
        assert counts(import_returns(actor, file=sample(name), name=name)) == (rows, 0, 0, 0)
        with CaptureQueriesContext(connection) as queries:
            assert counts(import_returns(actor, file=sample(name), name=name)) == (0, 0, rows, 0)
        assert writes(queries) == []
    assert_sound()


@pytest.mark.parametrize(
    ("word", "status", "outcome"),
    [
        ("PendingApproval", Status.AUTHORIZATION_REQUIRED, ""),
        ("Approved", Status.AUTHORIZED, ""),
        ("PendingLabel", Status.AUTHORIZED, ""),
        ("PendingRefund", Status.REFUND_DUE, ""),
        ("Completed", Status.COMPLETED, Outcome.ENDED_AT_MARKETPLACE),
        ("Closed", Status.CLOSED, ""),
        ("Rejected", Status.CLOSED, ""),
        ("Declined", Status.CLOSED, ""),
        ("Canceled", Status.CLOSED, ""),
    ],
)
def test_a_request_arrives_where_the_file_says(read, word, status, outcome):
    read(unpaid(return_request_status=word))
    request = the_request()
    assert (request.status, request.outcome, request.marketplace_status) == (status, outcome, word)
    assert (request.is_decided_here, request.is_marketplace_todo) == (False, False)
    event = request.events.get()
    assert (event.role, event.source, event.target) == (Role.MARKETPLACE, "", status)
    assert_sound()


def test_a_prepaid_eligible_request_never_arrives_closed(read):
    read({"return_request_status": "Closed"})
    request = the_request()
    assert request.prepaid_eligible
    assert (request.status, request.outcome) == (Status.COMPLETED, Outcome.ENDED_AT_MARKETPLACE)
    assert request.items.get().units_held == 1


def test_what_arrives_closed_was_closed_by_the_marketplace_and_holds_nothing(read):
    read(unpaid(return_request_status="Closed"))
    request = the_request()
    assert request.closed_by_role == Role.MARKETPLACE
    assert request.closure_reason.code == "closed_at_marketplace"
    assert request.closed_at is not None
    assert (request.items.get().units_held, OrderItem.objects.get().units_held) == (0, 0)


def test_dates_are_the_files_where_it_has_one_else_the_moment_that_is_told(read):
    told = datetime(2025, 8, 1, 12, tzinfo=UTC)
    read(
        unpaid(return_request_status="PendingRefund", return_delivery_date="20-Jul-2025"),
        unpaid(return_request_status="PendingRefund", amazon_rma_id="D2", order_id="O-2"),
        at=told,
    )
    with_date, without = ReturnRequest.objects.order_by("order__order_number")
    assert (with_date.received_at, without.received_at) == (datetime(2025, 7, 20, tzinfo=UTC), told)
    assert with_date.handed_over_at == with_date.received_at
    assert without.handed_over_at is None
    assert with_date.refund_due_at.date() == date(2025, 7, 24)
    assert with_date.events.get().occurred_at == told


def test_a_day_without_a_time_is_that_day_in_the_marketplaces_zone_and_due_at_the_next_days_end(read):
    MarketplaceSettings.objects.update(time_zone="America/Los_Angeles")
    read(
        unpaid(return_request_status="PendingApproval"),
        unpaid(order_id="O-2", return_request_date="21-Aug-2026 10:11:12"),
    )
    day, moment = ReturnRequest.objects.order_by("order__order_number")
    assert (day.requested_at, day.requested_has_time) == (datetime(2025, 7, 14, 7, tzinfo=UTC), False)
    assert day.answer_due_at == datetime(2025, 7, 16, 7, tzinfo=UTC) - timedelta.resolution
    assert (moment.requested_at, moment.requested_has_time) == (
        datetime(2026, 8, 21, 17, 11, 12, tzinfo=UTC),
        True,
    )
    assert moment.answer_due_at == moment.requested_at + timedelta(hours=24)
    assert moment.step_in_at == moment.requested_at + timedelta(hours=48)


def test_clocks_that_had_run_out_on_arrival_count_as_told(read):
    soon = datetime.now(UTC) - timedelta(hours=22)
    fresh = datetime.now(UTC) - timedelta(hours=2)
    for number, asked in (
        ("1", "14-Jul-2025"),
        ("2", f"{soon:%d-%b-%Y %H:%M:%S}"),
        ("3", f"{fresh:%d-%b-%Y %H:%M:%S}"),
    ):
        read(unpaid(order_id=number, return_request_status="PendingApproval", return_request_date=asked))
    sent = ReturnRequest.objects.order_by("order__order_number").values_list("reminders_sent", flat=True)
    assert list(sent) == [2, 1, 0]


@pytest.mark.parametrize(
    ("rows", "outcome"),
    [
        ([{"refunded_amount": "79.80"}], Outcome.REFUNDED),
        ([{"refunded_amount": "30.00"}], Outcome.PARTIALLY_REFUNDED),
        ([{"refunded_amount": "39.90", "return_quantity": "1", "order_quantity": "2"}], Outcome.REFUNDED),
        ([{"refunded_amount": "0.00"}], Outcome.ENDED_AT_MARKETPLACE),
        ([{}], Outcome.ENDED_AT_MARKETPLACE),
        ([{"resolution": "ReturnlessRefund"}], Outcome.REFUNDED_WITHOUT_RETURN),
        ([{"resolution": "Replacement"}], Outcome.REPLACED),
        ([{"resolution": "Exchange"}], Outcome.REPLACED),
        ([{"refunded_amount": "159.60"}, {"merchant_sku": "B"}], Outcome.REFUNDED),
        ([{"refunded_amount": "79.80"}, {"merchant_sku": "B"}], Outcome.PARTIALLY_REFUNDED),
        (
            [{"resolution": "Replacement"}, {"merchant_sku": "B", "refunded_amount": "79.80"}],
            Outcome.REFUNDED,
        ),
        (
            [{"resolution": "ReturnlessRefund"}, {"merchant_sku": "B", "refunded_amount": "9.80"}],
            Outcome.PARTIALLY_REFUNDED,
        ),
    ],
)
def test_how_a_completed_request_ended_is_added_up_over_its_rows(read, rows, outcome):
    usual = {"return_request_status": "Completed", "order_amount": "79.80", "order_quantity": "1"}
    read(*(unpaid(**{**usual, **row}) for row in rows))
    assert the_request().outcome == outcome


def test_a_request_is_as_far_as_its_least_advanced_row_and_in_policy_if_all_are(read):
    read(
        {"return_request_status": "Completed", "merchant_sku": "A"},
        {
            "return_request_status": "PendingRefund",
            "merchant_sku": "B",
            "in_policy": "N",
            "tracking_id": "T1",
        },
    )
    request = the_request()
    assert (request.status, request.marketplace_status) == (Status.REFUND_DUE, "PendingRefund")
    assert (request.policy, request.prepaid_eligible) == ("not_in_policy", True)
    items = {item.order_item.sku: item for item in request.items.all()}
    assert (items["A"].policy, items["A"].prepaid_eligible) == ("in_policy", True)
    assert (items["B"].policy, items["B"].prepaid_eligible) == ("not_in_policy", False)
    assert (items["A"].tracking_id, items["B"].tracking_id) == ("", "T1")


def test_reported_columns_are_kept_as_read_and_amounts_in_minor_units(read):
    read(
        unpaid(
            label_cost="9.51",
            label_to_be_paid_by="Seller",
            return_carrier="USPS",
            tracking_id="9202",
            resolution="StandardRefund",
            refunded_amount="12.00",
        )
    )
    item = ReturnItem.objects.get()
    assert (item.label_type, item.label_cost_minor, item.label_payer) == ("AmazonUnPaidLabel", 951, "Seller")
    assert (item.carrier, item.tracking_id, item.resolution) == ("USPS", "9202", "StandardRefund")
    assert item.reported_refund_minor == 1200
    assert list(item.reported) == list(RETURN_COLUMNS)
    assert (item.reported["Label cost"], item.reported["Invoice number"]) == ("9.51", " ")


def test_a_pending_label_is_owed_by_the_seller_unless_it_is_the_marketplaces(read):
    for number, label in (("1", "AmazonPrePaidLabel"), ("2", "MerchantPrePaidLabel"), ("3", " ")):
        read({"order_id": number, "label_type": label, "return_request_status": "PendingLabel"})
    owed = ReturnRequest.objects.order_by("order__order_number").values_list("is_label_owed", flat=True)
    assert list(owed) == [False, True, True]


def test_a_label_that_was_provided_here_is_not_owed_again(read, cast):
    row = {"label_type": "MerchantPrePaidLabel", "return_request_status": "PendingLabel"}
    read(row)
    alice = at_once(cast.actor(cast.alice))
    provide_label(alice, reference=the_request().reference, label=an_own_label())
    assert not the_request().is_label_owed
    read({**row, "tracking_id": "JD0001"})
    assert not the_request().is_label_owed
    read({**row, "tracking_id": "JD0001", "return_request_status": "Closed"})
    read({**row, "tracking_id": "JD0001"})
    assert the_request().is_label_owed
    assert the_request().labels.get().voided_at is not None
    assert_sound()


def test_unknown_codes_are_kept_counted_once_and_given_no_clock(read):
    summary = read(
        unpaid(return_request_status="Teleported", return_reason="CR-BORED"),
        unpaid(return_request_status="Teleported", order_id="O-2"),
    )
    assert summary.as_json()["unknown_codes"] == ["CR-BORED", "Teleported"]
    assert counts(summary) == (2, 0, 0, 0)
    request = ReturnRequest.objects.get(order__order_number="111-1234567-1234567")
    assert (request.status, request.marketplace_status) == (Status.AUTHORIZED, "Teleported")
    assert (request.send_back_date, request.deadline_at) == (None, NO_DEADLINE)
    assert request.items.get().reason_code == "CR-BORED"

    assert counts(read(unpaid(return_request_status="Approved"))) == (0, 1, 0, 0)
    request.refresh_from_db()
    assert request.send_back_date is not None

    assert counts(read(unpaid(return_request_status="Beamed"))) == (0, 1, 0, 0)
    request.refresh_from_db()
    assert (request.status, request.marketplace_status) == (Status.AUTHORIZED, "Beamed")


def test_a_refused_row_stops_no_other_and_is_named(read):
    summary = read(unpaid(return_quantity="0"), unpaid(order_id="O-2"), unpaid(order_id=" "))
    assert counts(summary) == (1, 0, 0, 2)
    refused = summary.as_json()["refused"]
    assert [(row["line"], row["column"]) for row in refused] == [(2, "Return quantity"), (4, "Order ID")]
    assert all(row["reason"].endswith(".") for row in refused)
    assert Order.objects.get().order_number == "O-2"


def test_a_second_identical_row_is_unchanged(read):
    assert counts(read(unpaid(), unpaid(), unpaid(order_id="O-2"))) == (2, 0, 1, 0)
    assert ReturnItem.objects.count() == 2


def test_what_is_no_returns_report_is_refused_and_nothing_is_written(cast):
    with pytest.raises(UnreadableFile):
        import_returns(
            Actor.marketplace(cast.north_lane), file=sample("marketplace_fulfilled_returns.tsv"), name="f.tsv"
        )
    assert not FileRun.objects.exists()


def test_only_an_import_of_one_seller_may_read(cast):
    for actor in (Actor.system(), Actor.admin(cast.root)):
        with pytest.raises(ValueError, match="one seller"):
            import_returns(actor, file=returns_file(unpaid()), name="r.tsv")


def test_the_same_order_number_at_another_seller_is_another_order(cast, read):
    read(unpaid())
    import_returns(Actor.marketplace(cast.south_pier), file=returns_file(unpaid()), name="r.tsv")
    sellers = ReturnRequest.objects.order_by("pk").values_list("seller__slug", "order__seller__slug")
    assert list(sellers) == [("north-lane", "north-lane"), ("south-pier", "south-pier")]


def test_a_row_without_a_seen_request_is_found_by_what_it_names(read):
    read(unpaid(merchant_rma_id="RMA-7"))
    text = the_request().search_text
    assert all(word in text for word in ("111-1234567-1234567", "kettle-17-ss", RMA.lower(), "rma-7"))


# --- Units and money


def test_an_unknown_order_becomes_a_stub_with_what_the_rows_know(read):
    read(unpaid(order_amount="79.80", order_quantity="3", asin="B07XK2M4QD"))
    order = Order.objects.get()
    assert (order.is_stub, order.ordered_at, order.ordered_has_time) == (
        True,
        datetime(2025, 7, 1, tzinfo=UTC),
        False,
    )
    assert (order.buyer.name, order.buyer.email) == ("", "")
    line = order.items.get()
    assert (line.line_key, line.quantity, line.is_quantity_known, line.units_held) == (
        "KETTLE-17-SS",
        3,
        True,
        1,
    )
    assert (line.currency, line.item_paid_minor, line.paid_source) == ("USD", 7980, "file")


def test_where_no_file_says_how_many_were_bought_it_is_what_comes_back(read):
    read(unpaid(return_quantity="2"), unpaid(amazon_rma_id="D2", return_request_date="15-Jul-2025"))
    line = OrderItem.objects.get()
    assert (line.quantity, line.is_quantity_known, line.units_held) == (3, False, 3)
    assert not ReturnRequest.objects.filter(is_overlapping=True).exists()
    read(unpaid(amazon_rma_id="D3", order_quantity="4", return_request_date="16-Jul-2025"))
    line.refresh_from_db()
    assert (line.quantity, line.is_quantity_known, line.units_held) == (4, True, 4)


def test_whoever_asked_first_holds_what_was_bought_and_the_rest_overlap(read):
    read(
        unpaid(
            amazon_rma_id="D-LATE", return_request_date="20-Jul-2025", return_quantity="2", order_quantity="3"
        ),
        unpaid(
            amazon_rma_id="D-EARLY",
            return_request_date="10-Jul-2025",
            return_quantity="2",
            order_quantity="3",
        ),
    )
    early, late = ReturnRequest.objects.order_by("requested_at")
    assert (early.items.get().units_held, late.items.get().units_held) == (2, 1)
    assert (early.is_overlapping, late.is_overlapping) == (False, True)
    assert_sound()


def test_units_that_end_in_the_same_file_are_free_for_others(read):
    first = unpaid(amazon_rma_id="D1", order_quantity="1")
    read(first)
    read({**first, "return_request_status": "Closed"}, unpaid(amazon_rma_id="D2", order_quantity="1"))
    held = ReturnItem.objects.order_by("request__rma_number").values_list("units_held", flat=True)
    assert list(held) == [0, 1]
    assert not ReturnRequest.objects.filter(is_overlapping=True).exists()
    read({**first, "return_request_status": "Approved"})
    again = ReturnRequest.objects.get(rma_number="D1")
    assert (again.items.get().units_held, again.is_overlapping) == (0, True)
    assert_sound()


def test_paid_is_raised_to_what_the_file_says_was_refunded(cast, read):
    order = make_order(cast.north_lane, number="111-1234567-1234567")
    line = order.items.get()
    row = unpaid(merchant_sku=line.sku, refunded_amount="150.00", return_request_status="Completed")
    assert counts(read(row)) == (1, 0, 0, 0)
    line.refresh_from_db()
    assert line.item_paid_minor + line.tax_paid_minor + line.shipping_paid_minor == 15000
    assert (line.paid_source, line.item_refunded_minor) == ("file", 0)
    assert counts(read(row)) == (0, 0, 1, 0)


def test_amounts_in_another_currency_than_the_lines_stay_out_of_its_columns(cast, read):
    order = make_order(cast.north_lane, number="111-1234567-1234567")
    read(
        unpaid(
            merchant_sku=order.items.get().sku, currency_code="JPY", label_cost="900", refunded_amount="9900"
        )
    )
    item = ReturnItem.objects.get()
    assert (item.label_cost_minor, item.reported_refund_minor) == (None, None)
    assert item.reported["Refunded Amount"] == "9900"


def test_a_line_that_an_order_report_made_is_found_by_item_id_else_by_sku(cast, read):
    header = [*RETURN_COLUMNS, "Order Item ID"]
    file = orders_file(
        {"order-item-id": "77", "sku": "S", "quantity": "1"},
        {"order-item-id": "88", "sku": "S", "quantity": "1"},
    )
    import_orders(Actor.marketplace(cast.north_lane), file=file, name="o.tsv")
    read(unpaid(merchant_sku="S", order_item_id="88"), header=header)
    assert ReturnItem.objects.get().order_item.line_key == "88"
    read(unpaid(merchant_sku="S", amazon_rma_id="D2"))
    assert ReturnItem.objects.get(request__rma_number="D2").order_item.line_key == "77"
    assert_sound()


# --- Row identity


def test_an_rma_that_arrives_later_is_filled_in_and_makes_no_second_request(read):
    bare = unpaid(amazon_rma_id=" ")
    read(bare)
    assert counts(read(unpaid())) == (0, 1, 0, 0)
    request = the_request()
    assert request.rma_number == RMA
    assert RMA.lower() in request.search_text
    assert request.events.latest("version").facts["changed"]["rma_number"] == ["", RMA]

    assert counts(read(bare)) == (0, 0, 1, 0)
    assert counts(read(unpaid())) == (0, 0, 1, 0)
    assert the_request().rma_number == RMA


def test_without_an_rma_a_request_is_order_sku_and_day(read):
    bare = unpaid(amazon_rma_id=" ")
    read(bare, {**bare, "merchant_sku": "B"}, {**bare, "return_request_date": "15-Jul-2025"})
    assert ReturnRequest.objects.count() == 3
    assert counts(read(bare, {**bare, "merchant_sku": "B"}))[2] == 2


def test_two_returns_without_an_rma_may_get_one_together(read):
    bare = unpaid(amazon_rma_id=" ")
    read(bare, {**bare, "merchant_sku": "B"})
    both = [unpaid(), unpaid(merchant_sku="B")]
    read(*both)
    assert sorted(ReturnRequest.objects.values_list("rma_number", flat=True)) == ["", RMA]
    assert ReturnItem.objects.count() == 2
    assert counts(read(*both)) == (0, 0, 2, 0)


def test_a_row_with_and_one_without_an_rma_in_one_file_are_two_requests(read):
    rows = [unpaid(), unpaid(amazon_rma_id=" ")]
    assert counts(read(*rows)) == (2, 0, 0, 0)
    assert ReturnRequest.objects.count() == 2
    assert counts(read(*reversed(rows))) == (0, 0, 2, 0)


def test_rows_with_equal_keys_are_matched_by_what_they_say_then_in_order(read):
    read(unpaid(tracking_id="T1"), unpaid(tracking_id="T2"))
    first, second = ReturnItem.objects.order_by("ordinal")
    assert (first.ordinal, second.ordinal, first.order_item_id) == (1, 2, second.order_item_id)

    assert counts(read(unpaid(tracking_id="T3"), unpaid(tracking_id="T1"))) == (0, 1, 1, 0)
    assert list(ReturnItem.objects.order_by("ordinal").values_list("tracking_id", flat=True)) == ["T1", "T3"]


def test_an_item_that_a_later_file_adds_joins_its_request(read):
    read(unpaid(merchant_sku="A"))
    assert counts(read(unpaid(merchant_sku="A"), unpaid(merchant_sku="B", item_name="Lid"))) == (1, 0, 1, 0)
    request = the_request()
    assert (request.items.count(), request.version) == (2, 2)
    assert "lid" in request.search_text
    assert_sound()


def test_items_that_stand_on_one_line_of_xml_are_told_apart(cast):
    def xml(*items):
        return io.BytesIO(
            (
                "<AmazonEnvelope><MessageType>Returns-Report</MessageType><Message><return_details>"
                + "".join(
                    f"<item_details><merchant_sku>{sku}</merchant_sku><return_quantity>1</return_quantity>"
                    f"<refund_amount>{refunded}</refund_amount></item_details>"
                    for sku, refunded in items
                )
                + "<order_id>O-1</order_id><amazon_rma_id>D1</amazon_rma_id>"
                "<return_request_date>2020-11-12T12:44:17Z</return_request_date>"
                "<return_request_status>Approved</return_request_status>"
                "</return_details></Message></AmazonEnvelope>"
            ).encode()
        )

    actor = Actor.marketplace(cast.north_lane)
    assert counts(import_returns(actor, file=xml(("A", 1)), name="r.xml")) == (1, 0, 0, 0)
    assert counts(import_returns(actor, file=xml(("A", 1), ("B", 1), ("C", 1)), name="r.xml")) == (2, 0, 1, 0)
    assert counts(import_returns(actor, file=xml(("A", 2), ("B", 1), ("C", 1)), name="r.xml")) == (0, 1, 2, 0)
    assert sorted(item.order_item.sku for item in the_request().items.all()) == ["A", "B", "C"]


def test_a_row_that_is_missing_from_a_later_file_still_counts(read):
    read(unpaid(merchant_sku="A", return_request_status="PendingRefund"), unpaid(merchant_sku="B"))
    assert the_request().status == Status.AUTHORIZED
    read(unpaid(merchant_sku="A", return_request_status="Completed"))
    assert (the_request().status, the_request().marketplace_status) == (Status.AUTHORIZED, "Approved")


def test_more_columns_or_another_format_change_only_what_they_add(read):
    read(unpaid())
    header = [*RETURN_COLUMNS, "Category", "Colour"]
    assert counts(read(unpaid(category="Kitchen", colour="red"), header=header)) == (0, 1, 0, 0)
    item = ReturnItem.objects.get()
    assert (item.reported["Colour"], item.order_item.category) == ("red", "Kitchen")
    assert counts(read(unpaid(category="Kitchen", colour="red"), header=header)) == (0, 0, 1, 0)
    assert counts(read(unpaid())) == (0, 0, 1, 0)


def test_a_blank_or_missing_cell_takes_nothing_away(cast, read):
    read(unpaid(tracking_id="T1", label_cost="3.00"))
    short = table(RETURN_COLUMNS, return_cells(label_type="AmazonUnPaidLabel")[:20])
    import_returns(Actor.marketplace(cast.north_lane), file=short, name="r.tsv")
    item = ReturnItem.objects.get()
    assert (item.tracking_id, item.label_cost_minor) == ("T1", 300)


# --- A newer file


@pytest.mark.parametrize("after", ["PendingApproval", "Approved", "PendingRefund", "Completed", "Closed"])
@pytest.mark.parametrize("before", ["PendingApproval", "Approved", "PendingRefund", "Completed", "Closed"])
def test_an_undecided_request_follows_the_file_in_any_direction_with_one_event(read, before, after):
    read(unpaid(return_request_status=before))
    summary = read(unpaid(return_request_status=after))
    request = the_request()
    assert request.marketplace_status == after
    assert request.events.count() == (1 if before == after else 2)
    assert counts(summary) == ((0, 0, 1, 0) if before == after else (0, 1, 0, 0))
    assert summary.contradictions == []
    assert_sound()
    assert counts(read(unpaid(return_request_status=after))) == (0, 0, 1, 0)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"return_request_status": "PendingApproval"}, unpaid(return_request_status="Closed")),
        (unpaid(return_request_status="PendingApproval"), {"return_request_status": "Closed"}),
        ({"return_request_status": "Approved"}, {"return_request_status": "Rejected"}),
        (unpaid(return_request_status="Approved"), {"return_request_status": "Closed"}),
    ],
)
def test_what_is_prepaid_eligible_before_or_after_the_row_ends_at_the_marketplace(read, before, after):
    read(before)
    read(after)
    request = the_request()
    assert (request.status, request.outcome) == (Status.COMPLETED, Outcome.ENDED_AT_MARKETPLACE)
    assert counts(read(after)) == (0, 0, 1, 0)


def test_the_verdict_follows_the_file_only_until_the_request_is_answered(read):
    read(unpaid(return_request_status="PendingApproval", in_policy="N"))
    read({"return_request_status": "PendingApproval"})
    request = the_request()
    assert (request.policy, request.prepaid_eligible) == ("in_policy", True)
    assert request.events.latest("version").facts["changed"]["prepaid_eligible"] == [False, True]
    read({"return_request_status": "Approved"})
    read(unpaid(return_request_status="Approved", in_policy="N"))
    request = the_request()
    assert (request.policy, request.prepaid_eligible) == ("in_policy", True)
    assert request.items.get().label_type == "AmazonUnPaidLabel"


def test_a_request_date_without_a_time_does_not_replace_one_with_a_time(read):
    timed = unpaid(return_request_status="PendingApproval", return_request_date="14-Jul-2025 18:30:00")
    day = unpaid(return_request_status="PendingApproval")
    read(day)
    read(timed)
    request = the_request()
    assert request.requested_at == datetime(2025, 7, 14, 18, 30, tzinfo=UTC)
    assert request.answer_due_at == datetime(2025, 7, 15, 18, 30, tzinfo=UTC)
    read(day)
    assert the_request().requested_at == request.requested_at


def test_a_status_that_comes_late_is_quiet_too(read):
    read(unpaid(return_request_status="Approved"))
    read(unpaid(return_request_status="PendingRefund", return_delivery_date="20-Jul-2025"))
    request = the_request()
    assert (request.status, request.reminders_sent) == (Status.REFUND_DUE, 2)
    assert request.events.latest("version").is_silent


def test_the_quantity_follows_and_units_with_it_until_it_is_decided(cast, read):
    row = unpaid(return_request_status="PendingApproval", order_quantity="3")
    read(row)
    read({**row, "return_quantity": "3"})
    assert (ReturnItem.objects.get().quantity, OrderItem.objects.get().units_held) == (3, 3)
    read({**row, "return_quantity": "2"})
    assert (ReturnItem.objects.get().quantity, OrderItem.objects.get().units_held) == (2, 2)
    close_return(alice(cast), reference=the_request().reference, closing=closing())
    read({**row, "return_quantity": "1"})
    item = ReturnItem.objects.get()
    assert (item.quantity, item.reported["Return quantity"]) == (2, "1")
    assert_sound()


# --- Decided here


def alice(cast):
    return at_once(cast.actor(cast.alice))


def test_a_decision_made_here_stays_and_is_listed_until_a_file_agrees(cast, read):
    pending = unpaid(return_request_status="PendingApproval")
    read(pending)
    close_return(alice(cast), reference=the_request().reference, closing=closing())
    assert the_request().is_marketplace_todo

    summary = read(pending)
    listed = {
        "line": 2,
        "order": "111-1234567-1234567",
        "rma": RMA,
        "here": "closed",
        "there": "PendingApproval",
    }
    assert counts(summary) == (0, 0, 1, 0)
    assert summary.as_json()["contradictions"] == [listed]

    summary = read({**pending, "return_request_status": "Approved", "tracking_id": "T9"})
    assert counts(summary) == (0, 1, 0, 0)
    assert [found.there for found in summary.contradictions] == ["Approved"]
    request = the_request()
    assert (request.status, request.marketplace_status, request.is_marketplace_todo) == (
        Status.CLOSED,
        "Approved",
        True,
    )
    assert request.items.get().tracking_id == "T9"

    summary = read({**pending, "return_request_status": "Completed", "tracking_id": "T9"})
    assert (counts(summary), summary.contradictions) == ((0, 1, 0, 0), [])
    assert (the_request().status, the_request().is_marketplace_todo) == (Status.CLOSED, False)
    assert_sound()


@pytest.mark.parametrize("word", ["Closed", "Rejected", "Declined", "Canceled", "Completed"])
def test_what_was_closed_here_agrees_with_every_word_for_an_end(cast, read, word):
    read(unpaid(return_request_status="PendingApproval"))
    close_return(alice(cast), reference=the_request().reference, closing=closing())
    assert read(unpaid(return_request_status=word)).contradictions == []
    assert (the_request().status, the_request().is_marketplace_todo) == (Status.CLOSED, False)


@pytest.mark.parametrize(
    ("word", "status", "contradicts"),
    [
        ("PendingApproval", Status.AUTHORIZED, True),
        ("Approved", Status.AUTHORIZED, False),
        ("PendingRefund", Status.REFUND_DUE, False),
        ("Completed", Status.COMPLETED, False),
        ("Closed", Status.AUTHORIZED, True),
    ],
)
def test_what_was_authorized_here_follows_the_file_only_forward(cast, read, word, status, contradicts):
    read(unpaid(return_request_status="PendingApproval"))
    authorize_return(alice(cast), reference=the_request().reference)
    summary = read(unpaid(return_request_status=word))
    request = the_request()
    assert (request.status, bool(summary.contradictions)) == (status, contradicts)
    assert request.is_marketplace_todo == contradicts
    assert_sound()


def test_what_was_authorized_here_and_is_prepaid_ends_where_the_file_closes_it(cast, read):
    read({"return_request_status": "PendingApproval"})
    authorize_return(alice(cast), reference=the_request().reference)
    for _time in range(2):
        assert read({"return_request_status": "Closed"}).contradictions == []
        request = the_request()
        assert (request.status, request.outcome) == (Status.COMPLETED, Outcome.ENDED_AT_MARKETPLACE)
        assert not request.is_marketplace_todo


def test_a_request_reopened_here_is_not_closed_again_by_the_file(cast, read):
    read(unpaid(return_request_status="PendingApproval"))
    reference = the_request().reference
    close_return(alice(cast), reference=reference, closing=closing())
    read(unpaid(return_request_status="Closed"))
    reopen_return(alice(cast), reference=reference)
    summary = read(unpaid(return_request_status="Closed"))
    assert [found.here for found in summary.contradictions] == ["authorization_required"]
    assert the_request().status == Status.AUTHORIZATION_REQUIRED


def test_what_the_buyer_keeps_here_is_kept(read):
    read({"return_request_status": "PendingApproval"})
    request = the_request()
    keep_item(Actor.buyer(request.order), reference=request.reference)
    for word in ("PendingApproval", "Completed"):
        read({"return_request_status": word})
        assert the_request().outcome == Outcome.BUYER_KEPT_ITEM


def test_a_decision_that_is_undone_follows_the_file_again(cast, read):
    read(unpaid(return_request_status="PendingApproval"))
    held = cast.actor(cast.alice)
    authorize_return(held, reference=the_request().reference)
    read(unpaid(return_request_status="Closed"))
    assert the_request().status == Status.AUTHORIZED
    undo_decision(held, reference=the_request().reference)
    assert counts(read(unpaid(return_request_status="Closed"))) == (0, 1, 0, 0)
    assert the_request().status == Status.CLOSED


def test_a_request_that_was_opened_here_keeps_its_status_and_verdict(cast, read):
    order = make_order(cast.north_lane, number="111-1234567-1234567", country="CA")
    request = open_request(order)
    row = {"amazon_rma_id": request.rma_number, "merchant_sku": order.items.get().sku, "tracking_id": "T1"}
    summary = read({**row, "return_request_status": "Completed"})
    request.refresh_from_db()
    assert (request.status, request.prepaid_eligible) == (Status.AUTHORIZATION_REQUIRED, False)
    assert (request.is_marketplace_todo, len(summary.contradictions)) == (False, 1)
    assert request.items.get().tracking_id == "T1"


# --- The run


def test_a_dry_run_counts_the_same_and_writes_nothing(read):
    rows = [unpaid(order_id=str(number)) for number in range(5)]
    before = state()
    assert counts(read(*rows, dry_run=True)) == (5, 0, 0, 0)
    assert state() == before
    assert not FileRun.objects.exists()
    read(*rows[:3])
    changed = [{**row, "tracking_id": "T1"} for row in rows]
    before = state()
    assert counts(read(*changed, dry_run=True)) == counts(read(*changed)) == (2, 3, 0, 0)
    assert state() != before


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(spool, "CHUNK_ROWS", 3)


def test_rows_of_a_request_that_stand_far_apart_are_one_request(read, small_chunks):
    far = [
        unpaid(order_id="Z", merchant_sku=sku, return_request_status=word)
        for sku, word in (("A", "Completed"), ("B", "PendingRefund"))
    ]
    between = [unpaid(order_id=str(number)) for number in range(20)]
    assert counts(read(far[0], *between, far[1])) == (22, 0, 0, 0)
    assert ReturnRequest.objects.get(order__order_number="Z").status == Status.REFUND_DUE


def test_a_run_that_dies_between_chunks_is_finished_by_reading_the_file_again(
    read, small_chunks, monkeypatch
):
    rows = [unpaid(order_id=f"{number:02}") for number in range(10)]
    store, calls = spool.Spool.chunks, iter(range(100))

    def dies(self, size):
        for chunk in store(self, size):
            if next(calls) == 2:
                raise OSError("gone")
            yield chunk

    with monkeypatch.context() as patched:
        patched.setattr(spool.Spool, "chunks", dies)
        with pytest.raises(OSError, match="gone"):
            read(*rows)
    assert FileRun.objects.get().state == RunState.FAILED
    assert FileRun.objects.get().rows_done == ReturnRequest.objects.count() == 6
    assert_sound()
    assert counts(read(*rows)) == (4, 0, 6, 0)
    assert_sound()


def test_a_chunk_is_all_or_nothing(read, small_chunks, monkeypatch):
    def breaks(*args, **kwargs):
        raise OSError("gone")

    monkeypatch.setattr("returns.services.imports.returns.write_search_texts", breaks)
    before = state()
    with pytest.raises(OSError, match="gone"):
        read(*(unpaid(order_id=str(number)) for number in range(3)))
    assert state() == before
    assert not Order.objects.exists()


def test_the_number_of_queries_does_not_grow_with_the_rows_of_a_chunk(cast, read):
    few, many = ([unpaid(order_id=f"{size}-{number}") for number in range(size)] for size in (2, 20))
    read(unpaid(return_request_status="Closed"), unpaid(order_id="other"))  # the tab counters are there
    asked = []
    for rows in (few, many):
        made = []
        for changes in ({}, {}, {"return_request_status": "Closed"}):
            with CaptureQueriesContext(connection) as queries:
                read(*({**row, **changes} for row in rows))
            made.append(len(queries))
        asked.append(made)
    assert asked[0] == asked[1]


def test_the_run_says_how_far_it_is_and_what_came_of_it(read):
    read(unpaid(), unpaid(return_quantity="x"))
    run = FileRun.objects.get()
    assert (run.state, run.rows_done, run.file_name, run.kind) == (RunState.DONE, 2, "r.tsv", "returns")
    assert run.finished_at is not None
    assert (run.summary["new"], run.summary["refused"][0]["column"]) == (1, "Return quantity")
    assert len(run.digest) == 64


def test_too_many_different_rows_for_one_return_are_refused(read, monkeypatch):
    monkeypatch.setattr(spool, "MOST_PART_ROWS", 4)
    summary = read(*(unpaid(merchant_sku=f"S{number}") for number in range(6)))
    assert counts(summary) == (4, 0, 0, 2)


ROW = st.fixed_dictionaries(
    {
        "order_id": st.sampled_from(["O-1", "O-2"]),
        "amazon_rma_id": st.sampled_from(["D1", "D2", " "]),
        "merchant_sku": st.sampled_from(["A", "B"]),
        "return_request_date": st.sampled_from(["14-Jul-2025", "15-Jul-2025"]),
        "return_request_status": st.sampled_from(
            ["PendingApproval", "Approved", "Completed", "Closed", "Odd"]
        ),
        "label_type": st.sampled_from(["AmazonPrePaidLabel", "AmazonUnPaidLabel"]),
        "in_policy": st.sampled_from(["Y", "N", " "]),
        "return_quantity": st.sampled_from(["1", "2"]),
        "order_quantity": st.sampled_from([" ", "2"]),
        "order_amount": st.sampled_from([" ", "10.00", "20.00"]),
        "refunded_amount": st.sampled_from([" ", "5.00", "30.00"]),
    }
)


def key(row):
    """What tells rows apart; rows that have it in common are matched by where they stand."""
    day = "" if row["amazon_rma_id"].strip() else row["return_request_date"]
    return (row["order_id"], row["amazon_rma_id"], row["merchant_sku"], day)


@contextmanager
def taken_back():
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def read_twice(cast, rows):
    """Reads the rows twice: whatever they are, the second time changes nothing. Answers the first counts."""
    actor = Actor.marketplace(cast.north_lane).at(datetime(2025, 9, 1, tzinfo=UTC))
    first = counts(import_returns(actor, file=returns_file(*rows), name="r.tsv"))
    assert_sound()
    again = import_returns(actor, file=returns_file(*rows), name="r.tsv")
    assert counts(again) == (0, 0, len(rows), 0)
    return first


RULES = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
APART = st.lists(ROW, min_size=1, max_size=8, unique_by=key)
ALIKE = st.lists(ROW, min_size=1, max_size=6)


@RULES
@given(rows=APART, newer=APART, data=st.data())
def test_the_order_of_the_rows_does_not_matter(cast, rows, newer, data):
    found = []
    for files in ((rows, newer), [data.draw(st.permutations(file)) for file in (rows, newer)]):
        with taken_back():
            found.append(([read_twice(cast, file) for file in files], state()))
    assert found[0] == found[1]


@RULES
@given(rows=ALIKE, newer=ALIKE)
def test_however_alike_rows_are_the_second_time_changes_nothing(cast, rows, newer):
    with taken_back():
        read_twice(cast, rows)
        read_twice(cast, newer)


# --- At once


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_two_imports_of_one_file_at_once_make_every_request_once(cast, read, small_chunks):
    rows = [unpaid(order_id=f"{number:02}", amazon_rma_id=" ") for number in range(12)]
    with ThreadPoolExecutor(2) as pool:
        start = Barrier(2)

        def go():
            start.wait()
            try:
                return counts(read(*rows))
            finally:
                connection.close()

        found = [future.result() for future in [pool.submit(go), pool.submit(go)]]
    assert [sum(numbers) for numbers in zip(*found, strict=True)] == [12, 0, 12, 0]
    assert ReturnRequest.objects.count() == Order.objects.count() == 12
    assert_sound()


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_an_import_waits_for_the_one_before_it(cast, read):
    def go():
        try:
            return counts(read(unpaid()))
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        Seller.objects.select_for_update(no_key=True).get(pk=cast.north_lane.pk)
        waiting = pool.submit(go)
        wait_until(_locks_waited_for, what="the import waits for the seller's row")
        assert not waiting.done()
        transaction.set_rollback(True)
    assert waiting.result() == (1, 0, 0, 0)


def _locks_waited_for():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0]


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_what_is_decided_while_a_file_is_compared_is_compared_again(cast, read, monkeypatch):
    """A seller closes the request after the import has read it and before it locks it (not so with SQLite)."""
    read(unpaid(return_request_status="PendingApproval"))
    lock = returns._lock

    def decides_first(actor, orders):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(_close, alice(cast), the_request().reference).result()
        return lock(actor, orders)

    monkeypatch.setattr(returns, "_lock", decides_first)
    summary = read(unpaid(return_request_status="Approved"))
    assert (the_request().status, len(summary.contradictions)) == (Status.CLOSED, 1)
    assert_sound()


def _close(actor, reference):
    try:
        close_return(actor, reference=reference, closing=closing())
    finally:
        connection.close()
