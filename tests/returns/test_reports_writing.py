"""The returns report, written: cells, amounts and moments that are read again as they were."""

import io
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from returns.exceptions import UnreadableFile
from returns.reports import ReportKind, read_returns, recognise
from returns.reports.neutral import as_it_was, neutral
from returns.reports.returns_report import REPORT_COLUMNS, REPORT_FIELDS, Reported, field_of
from returns.reports.writing import write_lines, write_moment
from tests.returns.report_files import RETURN_COLUMNS, return_cells, sample

CELLS = st.text(st.sampled_from("=+-@＝＋－＠\"'a1 "), max_size=5) | st.text(max_size=5)


@given(CELLS)
def test_a_neutral_cell_is_no_formula_and_is_read_as_it_was(cell):
    written = neutral(cell)
    assert not written.startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠", '"'))
    assert as_it_was(written) == cell


def test_cells_that_begin_otherwise_stay_as_they_are():
    for cell in ("", "Kettle", "'quoted'", "3-4", "a=b", "＃1"):
        assert neutral(cell) == as_it_was(cell) == cell


def test_written_lines_are_read_again():
    cells = return_cells(order_id="=1", merchant_sku="-S", item_name="'Ä' 茶壶")
    (row,) = read_returns(io.BytesIO(write_lines([RETURN_COLUMNS, cells])))
    assert (row.order_id, row.sku, row.title) == ("=1", "-S", "'Ä' 茶壶")
    assert row.reported["Order ID"] == "=1"


def test_the_columns_are_the_reports_own():
    assert list(REPORT_COLUMNS) == RETURN_COLUMNS


def test_moments_are_written_in_english_to_the_second():
    assert write_moment(datetime(2026, 8, 1, 9, 1, 2, 345, tzinfo=UTC)) == "01-Aug-2026 09:01:02"
    assert write_moment(date(2025, 7, 14)) == "14-Jul-2025"
    assert write_moment(None) == ""


@pytest.mark.parametrize(
    ("cells", "plain"),
    [
        ({"Label cost": "77,98"}, "77.98"),
        ({"Label cost": "1.234", "Order Amount": "1,5"}, "1234.00"),
        ({"Label cost": "1,234", "Order Amount": "1.5"}, "1234.00"),
        ({"Label cost": "1.234"}, "1234.00"),
        ({"Label cost": "1.234", "Currency code": "KWD"}, "1.234"),
        ({"label_cost": "12.5000"}, "12.50"),
        ({"Label cost": "1200", "Currency code": "JPY"}, "1200"),
        ({"Label cost": " "}, ""),
        ({"Label cost": "free"}, "free"),
    ],
)
def test_amounts_are_written_with_a_point_whatever_their_file_did(cells, plain):
    assert Reported(cells).plain("label_cost") == plain


def test_what_was_reported_is_found_by_field_whatever_its_column_was_called():
    said = Reported(
        {"in_policy": "true", "A-TO-Z  claim": "no", "return_reason_code": " CR-X\n", "Colour": "x"}
    )
    assert (said.plain("in_policy"), said.plain("has_claim"), said.plain("is_prime")) == ("Y", "N", "")
    assert said.plain("reason_code") == "CR-X"
    assert field_of("Colour") is None
    assert [field_of(column) for column in RETURN_COLUMNS] == list(REPORT_FIELDS)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("returns_report_us.tsv", ReportKind.RETURNS),
        ("returns_report_eu.tsv", ReportKind.RETURNS),
        ("returns_report.xml", ReportKind.RETURNS),
        ("orders_report.tsv", ReportKind.ORDERS),
        ("orders_shipping.tsv", ReportKind.ORDERS),
    ],
)
def test_a_report_is_recognised_by_its_first_line(name, kind):
    assert recognise(sample(name)) == kind


@pytest.mark.parametrize("content", [b"a\tb\n1\t2\n", b"Order ID,Return request date\n", b"x"])
def test_what_is_neither_report_is_refused(content):
    with pytest.raises(UnreadableFile, match="The first line of this file is neither"):
        recognise(io.BytesIO(content))
