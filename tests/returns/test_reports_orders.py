"""The two order reports."""

from dataclasses import fields
from datetime import UTC, date, datetime

import pytest

from returns.reports import Moment, OrderRow, RefusedRow, read_orders
from returns.reports.orders_report import FIELDS
from tests.returns.report_files import orders_file, sample


def only_row(file):
    (row,) = read_orders(file)
    return row


def test_the_row_has_each_field_in_the_table_and_no_other():
    assert {field.name for field in fields(OrderRow)} == {"line", "reported", *FIELDS}


def test_the_report_of_all_orders_says_what_was_paid():
    rows = list(read_orders(sample("orders_report.tsv")))
    assert len(rows) == 80
    first = rows[0]
    assert (first.line, first.order_id, first.line_key) == (2, "111-9486738-2077052", "MUG-SET-4")
    assert first.ordered == Moment(date(2026, 8, 26), datetime(2026, 8, 26, tzinfo=UTC))
    assert (first.quantity, first.currency) == (1, "USD")
    assert (first.item_price, first.item_tax, first.shipping_price, first.shipping_tax) == (
        2995,
        210,
        499,
        35,
    )
    assert (first.item_discount, first.gift_wrap_price) == (None, None)
    assert (first.country, first.city, first.is_business, first.is_sellers) == ("US", "Austin", False, True)
    assert len(first.reported) == 31


def test_the_shipping_report_says_who_bought_it():
    rows = list(read_orders(sample("orders_shipping.tsv")))
    assert len(rows) == 80
    first = rows[0]
    assert (first.order_id, first.line_key) == ("111-9486738-2077052", "52064153723753")
    assert (first.recipient_name, first.buyer_email) == ("Zoë Rossi", "b218c94b2b8fd@marketplace.example")
    assert (first.quantity, first.currency, first.item_price) == (1, "", None)
    assert first.promised == Moment(date(2026, 8, 26), datetime(2026, 8, 26, tzinfo=UTC))
    assert first.is_prime is False


@pytest.mark.parametrize(
    ("changes", "quantity", "cancelled"),
    [
        ({"quantity": "0", "item-status": "Cancelled"}, 0, True),
        ({"quantity": "0", "order-status": "Canceled"}, 0, True),
        ({"quantity": "0"}, 0, False),
        ({"quantity": "2", "item-status": "Shipped"}, 2, False),
    ],
)
def test_a_cancelled_line_may_have_a_quantity_of_nothing(changes, quantity, cancelled):
    row = only_row(orders_file(changes))
    assert (row.quantity, row.is_cancelled) == (quantity, cancelled)


@pytest.mark.parametrize(
    ("channel", "is_sellers"), [("Merchant", True), ("Amazon", False), ("AFN", False), ("", True)]
)
def test_what_the_marketplace_fulfilled_is_not_the_sellers(channel, is_sellers):
    assert only_row(orders_file({"fulfillment-channel": channel})).is_sellers is is_sellers


@pytest.mark.parametrize("text", ["5.00", "-5.00"])
def test_a_discount_is_read_with_or_without_its_minus(text):
    assert only_row(orders_file({"item-promotion-discount": text})).item_discount == 500


def test_decimal_commas_are_read_in_orders_too():
    assert only_row(orders_file({"item-price": "1.234,50", "currency": "EUR"})).item_price == 123450


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"amazon-order-id": ""}, "amazon-order-id"),
        ({"purchase-date": ""}, "purchase-date"),
        ({"purchase-date": "2026-02-30T00:00:00+00:00"}, "purchase-date"),
        ({"purchase-date": "1994-12-31"}, "purchase-date"),
        ({"promise-date": "2026-13-01"}, "promise-date"),
        ({"quantity": ""}, "quantity"),
        ({"quantity": "-1"}, "quantity"),
        ({"item-price": "-5.00"}, "item-price"),
        ({"shipping-tax": "none"}, "shipping-tax"),
        ({"item-promotion-discount": "--5.00"}, "item-promotion-discount"),
    ],
)
def test_a_line_that_cannot_be_used_is_refused_with_line_column_and_reason(changes, column):
    first, refused, last = read_orders(orders_file({}, changes, {}))
    assert isinstance(first, OrderRow)
    assert isinstance(last, OrderRow)
    assert isinstance(refused, RefusedRow)
    assert (refused.line, refused.column) == (3, column)
    assert str(refused.reason).endswith(".")


def test_a_country_or_currency_that_is_no_code_is_unknown():
    row = only_row(orders_file({"ship-country": "Germany", "currency": "US$"}))
    assert (row.country, row.currency, row.reported["ship-country"]) == ("", "", "Germany")
