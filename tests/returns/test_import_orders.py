"""Order reports in the database: orders, buyers and lines, stubs filled in, lines split and added up."""

from datetime import UTC, date, datetime
from itertools import permutations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from returns.actors import Actor
from returns.addresses import deliverable_address, email_hash
from returns.exceptions import UnreadableFile
from returns.models import Buyer, FileRun, MarketplaceSettings, Order, OrderItem, ReturnItem, ReturnRequest
from returns.services import record_refund
from returns.services.imports import import_orders, import_returns, spool
from tests.factories import at_once, change_rules, days_ago, make_cast, make_order, open_request
from tests.returns.report_files import orders_file, returns_file, sample
from tests.returns.test_import_returns import assert_sound, counts, unpaid, writes

pytestmark = pytest.mark.django_db

NUMBER = "111-1234567-1234567"
SHIPPING = ("order-id", "order-item-id", "purchase-date", "sku", "product-name", "quantity-purchased")


@pytest.fixture
def cast():
    return make_cast()


@pytest.fixture
def read(cast):
    """Reads an order report of these rows for North Lane."""

    def read(*rows, dry_run=False, **options):
        actor = Actor.marketplace(cast.north_lane)
        return import_orders(actor, file=orders_file(*rows, **options), name="o.tsv", dry_run=dry_run)

    return read


@pytest.fixture
def read_shipping(read):
    """Reads a shipping report: order items have ids, nothing has a price."""

    def read_shipping(*rows, **options):
        usual = {
            "order-id": NUMBER,
            "purchase-date": "2025-07-01T10:11:12+00:00",
            "sku": "S",
            "quantity-purchased": "1",
        }
        return read(*({**usual, **row} for row in rows), header=SHIPPING, **options)

    return read_shipping


@pytest.fixture
def read_returns(cast):
    def read_returns(*rows):
        return import_returns(Actor.marketplace(cast.north_lane), file=returns_file(*rows), name="r.tsv")

    return read_returns


def lines():
    """Each line: key, quantity, units held, and what was paid for the item."""
    return list(
        OrderItem.objects.order_by("line_key").values_list(
            "line_key", "quantity", "units_held", "item_paid_minor"
        )
    )


@pytest.mark.both_databases
@pytest.mark.parametrize("names", list(permutations(["orders_report.tsv", "orders_shipping.tsv"])))
def test_both_samples_make_the_same_orders_in_either_order(cast, names):
    actor = Actor.marketplace(cast.north_lane)
    first, second = names
    assert counts(import_orders(actor, file=sample(first), name=first)) == (80, 0, 0, 0)
    assert counts(import_orders(actor, file=sample(second), name=second)) == (0, 80, 0, 0)
    for name in names:
        with CaptureQueriesContext(connection) as queries:
            assert counts(import_orders(actor, file=sample(name), name=name)) == (0, 0, 80, 0)
        assert writes(queries) == []
    assert (Order.objects.count(), Buyer.objects.exclude(email="").count()) == (79, 79)
    assert OrderItem.objects.filter(has_item_id=True, item_paid_minor__gt=0, currency="USD").count() == 80


def test_an_order_has_its_buyer_its_days_and_what_was_paid(read):
    summary = read(
        {
            "order-item-id": "77",
            "promise-date": "2025-07-08T22:00:00+00:00",
            "recipient-name": "Zoë Rossi",
            "buyer-email": "Zoe@Marketplace.example",
            "ship-city": "Austin",
            "ship-country": "us",
            "is-business-order": "true",
            "product-name": "Kettle",
            "item-tax": "5.59",
            "shipping-price": "4.99",
            "shipping-tax": "0.35",
            "gift-wrap-price": "2.00",
            "item-promotion-discount": "-1.80",
        }
    )
    assert counts(summary) == (1, 0, 0, 0)
    order = Order.objects.get()
    assert order.ordered_at == datetime(2025, 7, 1, 10, 11, 12, tzinfo=UTC)
    assert (order.estimated_delivery_date, order.country) == (date(2025, 7, 8), "US")
    assert (order.is_business, order.is_stub) == (True, False)
    buyer = order.buyer
    assert (buyer.name, buyer.email) == ("Zoë Rossi", "Zoe@marketplace.example")
    assert (buyer.city, buyer.language) == ("Austin", "")
    assert buyer.email_hash == email_hash("zoe@marketplace.EXAMPLE")
    line = order.items.get()
    assert (line.line_key, line.has_item_id, line.title, line.quantity) == ("77", True, "Kettle", 2)
    assert (line.currency, line.paid_source) == ("USD", "orders")
    assert (line.item_paid_minor, line.tax_paid_minor, line.shipping_paid_minor) == (8000, 559, 534)


def test_the_promised_day_is_a_day_at_the_marketplace_and_the_latest_one_counts(read):
    MarketplaceSettings.objects.update(time_zone="Asia/Shanghai")
    read({"promise-date": "2025-07-08T22:00:00+00:00"})
    assert Order.objects.get().estimated_delivery_date == date(2025, 7, 9)
    read({"promise-date": "2025-07-05T22:00:00+00:00"})
    assert Order.objects.get().estimated_delivery_date == date(2025, 7, 9)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a@x.example", "a@x.example"),
        (" a.b+c@x.example ", "a.b+c@x.example"),
        ("a@x.example, b@x.example", ""),
        ("a@x.example;b@x.example", ""),
        ("Zoë <a@x.example>", ""),
        ("a@localhost", ""),
        ("a@[127.0.0.1]", ""),
        ("a@127.0.0.1", ""),
        ("a b@x.example", ""),
        ('"a"@x.example', ""),
        ("a@x..example", ""),
        ("a@@x.example", ""),
        ("@x.example", ""),
        ("", ""),
        ("a\r\nBcc: b@x.example", ""),
        ("a@" + "x" * 250 + ".example", ""),
    ],
)
def test_a_buyer_has_exactly_one_plain_address_or_none(text, kept):
    assert deliverable_address(text.strip()) == kept
    assert bool(email_hash(kept)) == bool(kept)


def test_the_first_name_and_address_of_an_order_stay(read):
    read({"recipient-name": "", "ship-country": "US", "buyer-email": "no address"})
    assert (Buyer.objects.get().email, Buyer.objects.get().email_hash) == ("", "")
    first = {
        "recipient-name": "Zoë",
        "ship-city": "Austin",
        "ship-country": "CA",
        "buyer-email": "z@x.example",
    }
    assert counts(read(first)) == (0, 1, 0, 0)
    other = {"recipient-name": "Eve", "ship-city": "Reno", "ship-country": "MX", "buyer-email": "e@x.example"}
    assert counts(read(other)) == (0, 0, 1, 0)
    buyer = Buyer.objects.get()
    assert (buyer.name, buyer.city, buyer.email, buyer.order.country) == (
        "Zoë",
        "Austin",
        "z@x.example",
        "US",
    )


def test_a_mark_is_put_on_what_is_not_returnable_when_it_is_bought(read):
    change_rules(not_returnable_skus=["KETTLE-17-SS"])
    read({})
    assert OrderItem.objects.get().not_returnable_mark == "SKU KETTLE-17-SS"


# --- Rows that are not new lines


def test_what_the_marketplace_ships_is_refused_and_named(read):
    summary = read(
        {"fulfillment-channel": "Amazon"}, {"amazon-order-id": "O-2", "fulfillment-channel": "Merchant"}
    )
    assert counts(summary) == (1, 0, 0, 1)
    (refused,) = summary.as_json()["refused"]
    assert (refused["line"], refused["column"]) == (2, "fulfillment-channel")
    assert refused["reason"].startswith("The marketplace ships this order")
    assert Order.objects.get().order_number == "O-2"


def test_what_was_cancelled_is_neither_stored_nor_refused(read):
    summary = read({"quantity": "0"}, {"amazon-order-id": "O-2", "item-status": "Cancelled"})
    assert counts(summary) == (0, 0, 2, 0)
    assert not Order.objects.exists()


def test_a_returns_report_is_no_order_report(cast):
    with pytest.raises(UnreadableFile):
        import_orders(Actor.marketplace(cast.north_lane), file=sample("returns_report_us.tsv"), name="r.tsv")
    assert not FileRun.objects.exists()


def test_several_lines_of_one_sku_add_up(read):
    rows = [{"quantity": "1", "item-price": "10.00"}, {"quantity": "2", "item-price": "19.00"}]
    assert counts(read(*rows)) == (2, 0, 0, 0)
    assert lines() == [("KETTLE-17-SS", 3, 0, 2900)]
    assert counts(read(*reversed(rows))) == (0, 0, 2, 0)


def test_rows_that_repeat_an_order_item_do_not_add_up(read_shipping):
    rows = [{"order-item-id": "1", "quantity-purchased": "2", "product-name": name} for name in ("a", "b")]
    assert counts(read_shipping(*rows)) == (2, 0, 0, 0)
    assert lines() == [("1", 2, 0, None)]
    assert counts(read_shipping(*rows)) == (0, 0, 2, 0)


def test_a_later_report_splits_a_line_if_the_quantities_agree(read, read_shipping):
    read(
        {"sku": "S", "quantity": "1", "item-price": "10.00"},
        {"sku": "S", "quantity": "2", "item-price": "19.00"},
    )
    ids = [{"order-item-id": "1"}, {"order-item-id": "2", "quantity-purchased": "2"}]
    summary = read_shipping(*ids)
    assert (summary.new, summary.changed) == (1, 1)
    assert [line[:2] for line in lines()] == [("1", 1), ("2", 2)]
    assert counts(read_shipping(*ids)) == (0, 0, 2, 0)


def test_a_line_is_not_split_if_the_quantities_differ(read, read_shipping):
    read({"sku": "S", "quantity": "3", "item-price": "30.00"})
    ids = [{"order-item-id": "1"}, {"order-item-id": "2"}]
    assert counts(read_shipping(*ids)) == (0, 0, 2, 0)
    assert lines() == [("S", 3, 0, 3000)]


def test_a_split_leaves_the_units_under_return_on_a_line_that_can_bear_them(
    read, read_shipping, read_returns
):
    read({"sku": "S", "quantity": "3", "item-price": "30.00"})
    read_returns(unpaid(merchant_sku="S", return_quantity="2"))
    read_shipping({"order-item-id": "1"}, {"order-item-id": "2", "quantity-purchased": "2"})
    assert [line[:3] for line in lines()] == [("1", 1, 0), ("2", 2, 2)]
    assert_sound()

    read_returns(unpaid(merchant_sku="S", return_quantity="2"))
    assert ReturnItem.objects.count() == 1


def test_a_line_whose_units_no_single_item_can_bear_is_not_split(read, read_shipping, read_returns):
    read({"sku": "S", "quantity": "2", "item-price": "30.00"})
    read_returns(unpaid(merchant_sku="S", return_quantity="2"))
    read_shipping({"order-item-id": "1"}, {"order-item-id": "2"})
    assert lines() == [("S", 2, 2, 3000)]
    assert_sound()


def test_a_report_without_ids_shares_its_amounts_over_the_lines_of_a_product(read, read_shipping):
    read_shipping({"order-item-id": "1"}, {"order-item-id": "2", "quantity-purchased": "2"})
    row = {"sku": "S", "quantity": "3", "item-price": "10.00", "item-tax": "0.10"}
    assert counts(read(row)) == (0, 1, 0, 0)
    assert lines() == [("1", 1, 0, 334), ("2", 2, 0, 666)]
    assert counts(read(row)) == (0, 0, 1, 0)


# --- Stubs


def test_an_order_file_fills_a_stub_in(read, read_returns):
    read_returns(unpaid(order_amount="79.80", return_quantity="1"))
    assert counts(read({"quantity": "3", "item-price": "100.00", "recipient-name": "Zoë Rossi"})) == (
        0,
        1,
        0,
        0,
    )
    order = Order.objects.get()
    assert (order.is_stub, order.ordered_at) == (False, datetime(2025, 7, 1, 10, 11, 12, tzinfo=UTC))
    assert lines() == [("KETTLE-17-SS", 3, 1, 10000)]
    assert "zoë rossi" in ReturnRequest.objects.get().search_text
    assert counts(read_returns(unpaid(order_amount="79.80", return_quantity="1"))) == (0, 0, 1, 0)
    assert lines() == [("KETTLE-17-SS", 3, 1, 10000)]


def test_a_quantity_is_never_lowered_below_what_is_held(read, read_returns):
    read_returns(unpaid(return_quantity="3"))
    read({"quantity": "1"})
    assert lines()[0][:3] == ("KETTLE-17-SS", 3, 3)
    read_returns(unpaid(return_quantity="3", return_request_status="Closed"))
    read({"quantity": "1"})
    assert lines()[0][:3] == ("KETTLE-17-SS", 1, 0)
    assert_sound()


def test_paid_is_never_less_than_what_went_back(cast, read, read_returns):
    read_returns(unpaid(return_request_status="Completed", order_amount="79.80", refunded_amount="90.00"))
    assert lines()[0][3] == 9000
    row = {"item-price": "70.00", "item-tax": "5.00"}
    assert counts(read(row)) == (0, 1, 0, 0)
    line = OrderItem.objects.get()
    assert (line.item_paid_minor, line.tax_paid_minor, line.paid_source) == (8500, 500, "file")
    assert counts(read(row)) == (0, 0, 1, 0)

    order = make_order(cast.north_lane, number="O-2")
    request = open_request(order)
    alice = at_once(cast.actor(cast.alice))
    item = request.items.get()
    record_refund(
        alice,
        reference=request.reference,
        amounts={(item.pk, "item"): 9000},
        refunded_date=days_ago(0).date(),
    )
    row = {"amazon-order-id": "O-2", "sku": item.order_item.sku, "quantity": "1", "item-price": "50.00"}
    read(row)
    assert order.items.get().item_paid_minor == 9000


def test_an_order_item_id_of_a_returns_file_and_a_sku_of_an_order_file_are_one_line(cast, read):
    header = ["Order Item ID", *returns_file().getvalue().decode().strip("\n").split("\t")]
    file = returns_file(unpaid(order_item_id="77"), header=header)
    import_returns(Actor.marketplace(cast.north_lane), file=file, name="r.tsv")
    read({"quantity": "2"})
    assert lines() == [("77", 2, 1, 7980)]


# --- The run


def test_a_dry_run_counts_the_same_and_writes_nothing(read):
    rows = [{"amazon-order-id": str(number)} for number in range(4)]
    assert counts(read(*rows, dry_run=True)) == (4, 0, 0, 0)
    assert not Order.objects.exists()
    assert not FileRun.objects.exists()
    read(*rows[:2])
    assert counts(read(*rows, dry_run=True)) == counts(read(*rows)) == (2, 0, 2, 0)


def test_rows_of_an_order_that_stand_far_apart_are_one_order(read, monkeypatch):
    monkeypatch.setattr(spool, "CHUNK_ROWS", 3)
    far = [{"amazon-order-id": "Z", "quantity": quantity, "item-price": "1.00"} for quantity in ("1", "2")]
    between = [{"amazon-order-id": f"{number:02}"} for number in range(20)]
    assert counts(read(far[0], *between, far[1])) == (22, 0, 0, 0)
    assert OrderItem.objects.get(order__order_number="Z").quantity == 3


def test_the_number_of_queries_does_not_grow_with_the_rows_of_a_chunk(read):
    asked = []
    for size in (2, 20):
        made = []
        for changes in ({}, {}, {"item-price": "99.00", "recipient-name": "Zoë"}):
            with CaptureQueriesContext(connection) as queries:
                read(*({"amazon-order-id": f"{size}-{number}", **changes} for number in range(size)))
            made.append(len(queries))
        asked.append(made)
    assert asked[0] == asked[1]


def test_orders_of_another_seller_are_not_touched(cast, read):
    order = make_order(cast.south_pier, number=NUMBER)
    read({"recipient-name": "Zoë"})
    assert Order.objects.filter(order_number=NUMBER).count() == 2
    assert Buyer.objects.get(order=order).name == "Dora Diaz"
