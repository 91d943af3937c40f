"""The returns report as a flat file."""

import random
from collections import Counter
from dataclasses import fields
from datetime import date, datetime

import pytest
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from returns.reports import Moment, RefusedRow, ReturnRow, read_returns
from returns.reports.returns_report import FIELDS
from returns.state_machine import Status
from tests.returns.report_files import RETURN_COLUMNS, return_cells, returns_file, sample, table


def only_row(file):
    (row,) = read_returns(file)
    return row


def test_the_row_has_each_field_in_the_table_and_no_other():
    assert {field.name for field in fields(ReturnRow)} == {"line", "reported", *FIELDS}


def test_the_american_sample_is_read_without_a_refusal():
    report = read_returns(sample("returns_report_us.tsv"))
    rows = list(report)
    assert report.row_count == len(rows) == 80
    assert {type(row) for row in rows} == {ReturnRow}
    first = rows[0]
    assert (first.line, first.order_id, first.rma_number, first.merchant_rma) == (
        2,
        "111-9486738-2077052",
        "DFdcERFndRRMA",
        "RMA-29260",
    )
    assert first.requested == Moment(date(2026, 9, 2))
    assert (first.label_cost, first.order_amount, first.refunded_amount) == (0, 2995, None)
    assert (first.carrier, first.in_policy, first.has_claim) == ("", True, False)
    assert first.title == "Mug set of four, “Nordic” glaze"
    assert rows[-1].line == 81


def test_the_european_sample_has_a_byte_order_mark_decimal_commas_more_columns_and_short_rows():
    rows = list(read_returns(sample("returns_report_eu.tsv")))
    assert len(rows) == 60
    assert {type(row) for row in rows} == {ReturnRow}
    first = rows[0]
    assert (first.label_cost, first.order_amount, first.currency) == (591, 3960, "EUR")
    assert (first.category, first.vat, first.order_item_id) == ("Kitchen", "6,32", "02111505258662")
    assert first.line_key == "02111505258662"
    short = next(row for row in rows if len(row.reported) < 35)
    assert (short.order_item_id, short.refunded_amount) == ("", None)
    assert "Order Item ID" not in short.reported
    assert not any("\r" in cell for row in rows for cell in row.reported.values())


@pytest.mark.parametrize("name", ["returns_report_us.tsv", "returns_report_eu.tsv"])
def test_a_sample_can_be_put_together_again_from_what_was_reported(name):
    text = sample(name).getvalue().decode("utf-8-sig").replace("\r\n", "\n")
    rows = list(read_returns(sample(name)))
    header = "\t".join(max((row.reported for row in rows), key=len))
    assert "\n".join([header, *("\t".join(row.reported.values()) for row in rows), ""]) == text


def test_a_report_can_be_read_twice():
    report = read_returns(returns_file({}, {"return_quantity": "2"}))
    assert [row.quantity for row in report] == [row.quantity for row in report] == [1, 2]


@given(
    st.permutations([*RETURN_COLUMNS, "Order Item ID", "Something new"]), st.randoms(use_true_random=False)
)
def test_columns_may_stand_in_any_order_and_case(header, chance):
    cells = return_cells(header, order_item_id="42", something_new="kept", order_amount="1,234.50")
    spelled = ["".join(chance.choice([c.lower(), c.upper()]) for c in column) for column in header]
    row = only_row(table(spelled, cells))
    assert (row.order_id, row.order_item_id, row.order_amount) == ("111-1234567-1234567", "42", 123450)
    assert row.reported == dict(zip(spelled, cells, strict=True))


def test_columns_that_come_again_or_without_a_name_and_cells_beyond_the_header_are_kept():
    header = [*RETURN_COLUMNS, "Note", "note", "", "Note"]
    row = only_row(table(header, [*return_cells(), "a", "b", "c", "d", "", "beyond"]))
    assert {key: row.reported[key] for key in list(row.reported)[32:]} == {
        "Note": "a",
        "note": "b",
        "Column 35": "c",
        "Note (2)": "d",
        "Column 38": "beyond",
    }


def test_a_further_column_may_be_called_as_in_another_report():
    header = [*RETURN_COLUMNS, "purchase-date"]
    assert only_row(table(header, return_cells(header))).reported["purchase-date"] == " "


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("ending", ["", "\n", "\n\n \n\t\t\n"])
def test_empty_last_lines_are_no_rows(newline, ending):
    file = returns_file({}, {}, newline=newline)
    file.seek(0, 2)
    file.write(ending.replace("\n", newline).encode())
    report = read_returns(file)
    assert [row.line for row in report] == [2, 3]
    assert report.row_count == 2


def test_a_last_line_without_an_end_is_a_row():
    file = returns_file({}, {"item_name": "Cup"})
    file.truncate(len(file.getvalue()) - 1)
    assert [row.title for row in read_returns(file)] == ["Kettle", "Cup"]


def test_an_empty_line_between_rows_is_refused_and_counted():
    report = read_returns(returns_file({}, "", {}))
    assert [(type(row), row.line) for row in report] == [(ReturnRow, 2), (RefusedRow, 3), (ReturnRow, 4)]
    assert report.row_count == 3


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("PendingApproval", Status.AUTHORIZATION_REQUIRED),
        ("Approved", Status.AUTHORIZED),
        ("PendingLabel", Status.AUTHORIZED),
        ("PendingRefund", Status.REFUND_DUE),
        ("Completed", Status.COMPLETED),
        ("Closed", Status.CLOSED),
        ("Rejected", Status.CLOSED),
        ("Declined", Status.CLOSED),
        ("Canceled", Status.CLOSED),
        ("pending approval", Status.AUTHORIZATION_REQUIRED),
        ("OnTheMoon", None),
        (" ", None),
    ],
)
def test_the_files_word_is_kept_and_means_one_of_our_statuses_or_is_unknown(word, status):
    row = only_row(returns_file({"return_request_status": word}))
    assert (row.marketplace_status, row.status) == (word.strip(), status)


@pytest.mark.parametrize(
    ("word", "label", "owed"),
    [
        ("PendingLabel", "MerchantPrePaidLabel", True),
        ("PendingLabel", "", True),
        ("PendingLabel", "AmazonPrePaidLabel", False),
        ("PendingLabel", "AmazonUnPaidLabel", False),
        ("Approved", "MerchantPrePaidLabel", False),
    ],
)
def test_the_seller_owes_a_label_that_is_awaited_and_not_the_marketplaces(word, label, owed):
    assert only_row(returns_file({"return_request_status": word, "label_type": label})).owes_label is owed


@pytest.mark.parametrize(
    ("label", "in_policy", "eligible"),
    [
        ("AmazonPrePaidLabel", "Y", True),
        ("AmazonPrePaidLabel", "N", False),
        ("AmazonPrePaidLabel", "", False),
        ("AmazonUnPaidLabel", "Y", False),
        ("MerchantPrePaidLabel", "Y", False),
    ],
)
def test_prepaid_eligible_is_the_marketplaces_label_in_policy(label, in_policy, eligible):
    assert (
        only_row(returns_file({"label_type": label, "in_policy": in_policy})).is_prepaid_eligible is eligible
    )


def test_an_unknown_reason_and_unknown_words_are_kept():
    row = only_row(
        returns_file({"return_reason": "CR-BRAND-NEW", "resolution": "Surprise", "in_policy": "?"})
    )
    assert (row.reason_code, row.resolution, row.in_policy) == ("CR-BRAND-NEW", "Surprise", None)


def test_a_return_without_an_rma_is_known_by_item_and_day():
    with_rma, without = read_returns(returns_file({}, {"amazon_rma_id": " "}))
    assert with_rma.request_key == ("111-1234567-1234567", "DfqRyqfBRRMA")
    assert without.request_key == ("111-1234567-1234567", "", "KETTLE-17-SS", "2025-07-14")


def test_blank_cells_are_unknown_and_not_zero():
    row = only_row(
        returns_file({"order_date": "", "order_amount": " ", "label_cost": "", "order_quantity": ""})
    )
    assert (row.ordered, row.order_amount, row.label_cost, row.order_quantity) == (None,) * 4


def test_a_day_is_told_from_a_time():
    row = only_row(
        returns_file(
            {"return_request_date": "14-Jul-2025", "safet_claim_creation_time": "21-Aug-2026 10:11:12"}
        )
    )
    assert row.requested == Moment(date(2025, 7, 14))
    assert row.safet_claimed == Moment(date(2026, 8, 21), datetime(2026, 8, 21, 10, 11, 12))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"order_id": " "}, "Order ID"),
        ({"order_id": "1" * 65}, "Order ID"),
        ({"order_date": "30-Feb-2026"}, "Order date"),
        ({"return_request_date": "30-Feb-2026"}, "Return request date"),
        ({"return_request_date": " "}, "Return request date"),
        ({"return_request_date": "31-Dec-1994"}, "Return request date"),
        ({"return_request_date": "01-Jan-2101"}, "Return request date"),
        ({"return_request_date": "14.07.2025"}, "Return request date"),
        ({"return_request_date": "14-Jui-2025"}, "Return request date"),
        ({"return_request_date": "14-Jul-2025 25:00:00"}, "Return request date"),
        ({"return_delivery_date": "soon"}, "Return delivery date"),
        ({"return_quantity": "0"}, "Return quantity"),
        ({"return_quantity": "-1"}, "Return quantity"),
        ({"return_quantity": " "}, "Return quantity"),
        ({"return_quantity": "one"}, "Return quantity"),
        ({"return_quantity": "1.5"}, "Return quantity"),
        ({"return_quantity": "²"}, "Return quantity"),
        ({"return_quantity": "2147483648"}, "Return quantity"),
        ({"return_quantity": "9" * 5000}, "Return quantity"),
        ({"order_quantity": "0"}, "Order quantity"),
        ({"label_cost": "-1.00"}, "Label cost"),
        ({"order_amount": "free"}, "Order Amount"),
        ({"order_amount": "1e5"}, "Order Amount"),
        ({"order_amount": "12.345"}, "Order Amount"),
        ({"order_amount": "1" + "0" * 30}, "Order Amount"),
        ({"order_amount": "1" + "0" * 14}, "Order Amount"),
        ({"refunded_amount": "NaN"}, "Refunded Amount"),
        ({"refunded_amount": "٣"}, "Refunded Amount"),
        ({"merchant_sku": "S" * 101}, "Merchant SKU"),
        ({"amazon_rma_id": "R" * 65}, "Amazon RMA ID"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_with_line_column_and_reason_and_stops_no_other(changes, column):
    before, refused, after = read_returns(returns_file({}, changes, {}))
    assert isinstance(before, ReturnRow)
    assert isinstance(after, ReturnRow)
    assert isinstance(refused, RefusedRow)
    assert (refused.line, refused.column) == (3, column)
    assert str(refused.reason).endswith(".")
    assert len(str(refused.reason)) < 150


def test_a_row_is_refused_for_its_first_fault_only_under_the_headers_own_spelling():
    header = [column.upper() for column in RETURN_COLUMNS]
    cells = return_cells(return_request_date="never", return_quantity="none", label_cost="-3")
    (refused,) = read_returns(table(header, cells))
    assert (refused.column, str(refused.reason)) == (
        "RETURN REQUEST DATE",
        "“never” is not a date between 1995 and 2100. Write it like 14-Jul-2025.",
    )


@pytest.mark.parametrize(
    ("amount", "sentence"),
    [
        ("12.345", "“12.345” has more decimals than its currency. Correct it."),
        ("1" + "0" * 30, f"“1{'0' * 30}” is too much for an amount. Correct it."),
        ("-5", "“-5” is not an amount of 0 or more. Write it like 12.50."),
        ("9" * 60, f"“{'9' * 39}…” is not an amount of 0 or more. Write it like 12.50."),
    ],
)
def test_the_reason_says_what_is_wrong_with_an_amount(amount, sentence):
    assert str(only_row(returns_file({"order_amount": amount})).reason) == sentence


def test_the_reason_is_translated_when_it_is_shown_and_not_before():
    (refused,) = read_returns(returns_file({"order_id": ""}))
    with override("en"):
        assert str(refused.reason) == (
            "The order number is missing. Download the report again, or add the number."
        )
    assert not isinstance(refused.reason, str)


def test_a_row_with_hundreds_of_cells_is_refused():
    first, second = read_returns(returns_file("x\t" * 600, {}))
    assert (first.line, first.column) == (2, "")
    assert isinstance(second, ReturnRow)


def test_a_future_date_is_possible():
    assert only_row(returns_file({"return_request_date": "31-Dec-2100"})).requested.day == date(2100, 12, 31)


AMOUNTS = [
    # amounts of one file, what they are in cents
    (["77,98", "1.234,56", "1 234,5", "12", "1.234"], [7798, 123456, 123450, 1200, 123400]),
    (["77.98", "1,234.56", "1 234.5", "12", "1,234"], [7798, 123456, 123450, 1200, 123400]),
    (["1,234,567.00", "1\u00a0234\u202f567"], [123456700, 123456700]),
    (["77,98", "77.98", "1.23,45", "12,345"], [7798, None, None, None]),
    (["77.98", "1.234", "1,23,456"], [7798, None, None]),
    (["1 2345", "5.", ".5", ","], [None, None, 50, None]),
    (["$5", "5 USD", "+5", "5-", "--5"], [None] * 5),
]


@pytest.mark.parametrize(("texts", "cents"), AMOUNTS)
def test_the_decimal_sign_is_decided_for_the_whole_file_and_anything_unclear_is_refused(texts, cents):
    rows = read_returns(returns_file(*({"order_amount": text} for text in texts)))
    assert [None if isinstance(row, RefusedRow) else row.order_amount for row in rows] == cents


def test_a_comma_in_any_amount_column_of_any_row_decides():
    first, second = read_returns(returns_file({"order_amount": "1.234"}, {"refunded_amount": "0,5 "}))
    assert (first.order_amount, second.refunded_amount) == (123400, 50)


def test_a_comma_in_a_text_decides_nothing():
    assert only_row(returns_file({"item_name": "Cable, 2", "order_amount": "1,234"})).order_amount == 123400


@pytest.mark.parametrize(
    ("currency", "amount", "minor"),
    [
        ("JPY", "1,500", 1500),
        ("KWD", "1.250", 1250),
        ("", "5.50", 550),
        ("euro", "5.50", 550),
        ("XYZ", "5.50", 550),
    ],
)
def test_amounts_are_in_minor_units_of_their_own_currency(currency, amount, minor):
    row = only_row(returns_file({"currency_code": currency, "order_amount": amount}))
    assert row.order_amount == minor
    assert row.currency == (currency if len(currency) == 3 else "")


@given(
    st.lists(st.integers(0, 10**12), min_size=1, max_size=20),
    st.sampled_from([(",", "."), (",", " "), (",", ""), (".", ","), (".", " "), (".", "")]),
)
def test_amounts_written_either_way_come_back_exactly(cents, signs):
    decimal, grouping = signs
    written = [f"{cent // 100:,}".replace(",", grouping) + f"{decimal}{cent % 100:02d}" for cent in cents]
    rows = read_returns(returns_file(*({"order_amount": text} for text in written)))
    assert [row.order_amount for row in rows] == cents


@given(st.dates(date(1995, 1, 1), date(2100, 12, 31)))
def test_every_day_of_a_century_comes_back(day):
    months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # noqa: SIM905
    text = f"{day.day:02d}-{months[day.month - 1]}-{day.year}"
    assert only_row(returns_file({"return_request_date": text})).requested == Moment(day)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\t\n\r\0"), max_size=80))
def test_any_text_is_reported_as_it_was(text):
    row = only_row(returns_file({"item_name": f"x{text}x"}))
    assert row.reported["Item Name"] == f"x{text}x"


def test_hidden_characters_are_gone_from_what_is_shown_and_nul_is_visible_in_what_was_reported():
    row = only_row(returns_file({"item_name": "Ket\x00tle\u202e\x1b", "order_id": "\u200b111\u200b"}))
    assert row.order_id == "111"
    assert row.title == "Ket\u2400tle"
    assert row.reported["Item Name"] == "Ket\u2400tle\u202e\x1b"


def test_each_line_of_a_damaged_file_is_counted_once():
    chance = random.Random(7)  # noqa: S311 (damage, not secrets)
    text = sample("returns_report_us.tsv").getvalue().decode()
    header, _, body = text.partition("\n")
    for _ in range(20):
        damaged = list(body)
        for place in chance.sample(range(len(damaged)), 300):
            damaged[place] = chance.choice("\t x-9,.é")
        lines = "".join(damaged).rstrip().split("\n")
        report = read_returns(table([header], *lines))
        counted = Counter(row.line for row in report)
        assert counted == Counter(range(2, len(lines) + 2))
        assert report.row_count == len(lines)
