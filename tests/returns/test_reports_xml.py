"""The returns report as XML."""

import io
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from returns.exceptions import UnreadableFile
from returns.reports import Moment, RefusedRow, ReturnRow, read_returns
from tests.returns.report_files import sample

ITEM = (
    "<item_details><item_name>{name}</item_name><merchant_sku>{sku}</merchant_sku><in_policy>Y</in_policy>"
    "<return_quantity>{quantity}</return_quantity><return_reason_code>CR-DEFECTIVE</return_reason_code>"
    "<refund_amount>0.0</refund_amount></item_details>"
)
ORDER = (
    "<order_id>111-1234567-1234567</order_id><order_date>2020-11-01T00:00:00Z</order_date>"
    "<amazon_rma_id>DfqRyqfBRRMA</amazon_rma_id>"
    "<return_request_date>2020-11-12T12:44:17Z</return_request_date>"
    "<return_request_status>Approved</return_request_status><a_to_z_claim>true</a_to_z_claim>"
    "<label_details><currency_code>USD</currency_code><label_cost>{cost}</label_cost>"
    "<label_type>AmazonPrePaidLabel</label_type></label_details><order_amount>1234.50</order_amount>"
)


def item(name="Kettle", sku="KETTLE-17-SS", quantity="1"):
    return ITEM.format(name=name, sku=sku, quantity=quantity)


def one_return(*items, cost="9.51", order=ORDER):
    return "<return_details>" + "\n".join(items or [item()]) + order.format(cost=cost) + "</return_details>"


def envelope(*returns, prolog="<?xml version='1.0' encoding='UTF-8'?>\n"):
    return io.BytesIO(
        (
            f"{prolog}<AmazonEnvelope><Header><DocumentVersion>1.0</DocumentVersion></Header>"
            "<MessageType>Returns-Report</MessageType><Message>\n"
            + "\n".join(returns)
            + "\n</Message></AmazonEnvelope>"
        ).encode()
    )


def refusal(file):
    with pytest.raises(UnreadableFile) as refused:
        read_returns(file)
    return str(refused.value)


def test_the_sample_is_read_with_the_line_of_each_item():
    report = read_returns(sample("returns_report.xml"))
    rows = list(report)
    assert report.row_count == len(rows) == 12
    assert [row.line for row in rows] == list(range(3, 15))
    first = rows[0]
    assert (first.order_id, first.rma_number, first.sku) == (
        "114-1187620-3398259",
        "DWT8G4WVBRRMA",
        "KETTLE-17-SS",
    )
    assert (first.quantity, first.label_cost, first.order_amount, first.refunded_amount) == (2, 951, 7980, 0)
    assert (first.in_policy, first.has_claim, first.is_prepaid_eligible) == (False, False, False)
    assert first.requested == Moment(date(2026, 9, 13), datetime(2026, 9, 13, tzinfo=UTC))
    assert rows[2].title == "保温杯 500 毫升，磨砂白"


def test_each_item_of_a_return_is_a_row_that_knows_what_the_return_says():
    first, second = read_returns(envelope(one_return(item("Kettle", "K"), item("Cup", "C", "3"))))
    assert (first.line, first.title, first.quantity, first.order_amount) == (3, "Kettle", 1, 123450)
    assert (second.line, second.title, second.quantity, second.order_amount) == (4, "Cup", 3, 123450)
    assert first.request_key == second.request_key
    assert first.has_claim is True
    assert first.is_prepaid_eligible
    assert second.reported["label_type"] == "AmazonPrePaidLabel"
    assert second.reported["merchant_sku"] == "C"


def test_elements_nobody_knows_yet_and_repeated_ones_and_attributes_are_reported():
    order = ORDER + "<new_thing unit='kg'>7</new_thing><note>a</note><note>b</note>"
    (row,) = read_returns(envelope(one_return(order=order)))
    assert {key: row.reported[key] for key in ("new_thing", "new_thing@unit", "note", "note (2)")} == {
        "new_thing": "7",
        "new_thing@unit": "kg",
        "note": "a",
        "note (2)": "b",
    }


def test_a_namespace_does_not_matter():
    file = envelope(one_return())
    text = file.getvalue().decode().replace("<AmazonEnvelope>", "<AmazonEnvelope xmlns='urn:x'>")
    (row,) = read_returns(io.BytesIO(text.encode()))
    assert row.order_id == "111-1234567-1234567"


def test_entities_that_every_xml_has_are_read():
    (row,) = read_returns(envelope(one_return(item("Salt &amp; pepper &#x2F; <![CDATA[<set>]]>"))))
    assert row.title == "Salt & pepper / <set>"


def test_the_decimal_sign_is_that_of_the_whole_file():
    with_commas = one_return(
        item().replace("0.0<", "0,0<"), cost="9,51", order=ORDER.replace("1234.50", "1.234")
    )
    first, refused = read_returns(envelope(with_commas, one_return()))
    assert (first.label_cost, first.order_amount) == (951, 123400)
    assert (refused.line, refused.column) == (4, "label_cost")


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        ("2020-11-12T12:44:17Z", "2020-02-30T12:44:17Z", "return_request_date"),
        ("2020-11-12T12:44:17Z", "", "return_request_date"),
        ("2020-11-12T12:44:17Z", "2020-11-12T12:44:17+99:00", "return_request_date"),
        ("111-1234567-1234567", "", "order_id"),
        ("1234.50", "-1", "order_amount"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_under_its_elements_name(old, new, column):
    refused, after = read_returns(envelope(one_return(order=ORDER.replace(old, new)), one_return()))
    assert isinstance(refused, RefusedRow)
    assert (refused.line, refused.column) == (3, column)
    assert isinstance(after, ReturnRow)


def test_a_return_without_an_item_is_refused_and_counted():
    report = read_returns(envelope("<return_details>" + ORDER.format(cost="1") + "</return_details>"))
    (refused,) = report
    assert (refused.line, refused.column, report.row_count) == (3, "return_quantity", 1)


def test_times_become_instants_of_the_marketplaces_day():
    tokyo = ZoneInfo("Asia/Tokyo")
    assert Moment(date(2026, 9, 2)).instant(tokyo) == datetime(2026, 9, 1, 15, tzinfo=UTC)
    local = Moment(date(2026, 9, 2), datetime(2026, 9, 2, 10, 11, 12))  # noqa: DTZ001 (as the file gives it)
    assert local.instant(tokyo) == datetime(2026, 9, 2, 1, 11, 12, tzinfo=UTC)
    known = Moment(date(2026, 9, 2), datetime(2026, 9, 2, 10, tzinfo=UTC))
    assert known.instant(tokyo) == datetime(2026, 9, 2, 10, tzinfo=UTC)


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)
EXTERNAL = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    "prolog",
    [BOMB, EXTERNAL, '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">', "<!DOCTYPE html>"],
    ids=["bomb", "external entity", "external document type", "a page saved by mistake"],
)
def test_document_types_and_entities_are_refused_before_anything_is_resolved(prolog):
    sentence = refusal(envelope(one_return(item("&c;&e;")), prolog=prolog))
    assert sentence.startswith("This XML file declares a document type or entities")


def test_damaged_and_cut_off_files_are_refused_with_the_line_before_any_row_is_read():
    whole = sample("returns_report.xml").getvalue()
    assert refusal(io.BytesIO(whole[:9000])) == (
        "This XML file is damaged or cut off at line 11. Download the report again."
    )
    assert "at line 4." in refusal(io.BytesIO(whole.replace(b"112-3478359", b"<oops>", 1)))
    assert "damaged" in refusal(io.BytesIO(b"<AmazonEnvelope>"))
    assert "damaged" in refusal(io.BytesIO(whole + b"<more/>"))
    assert "damaged" in refusal(envelope(one_return(item("&undefined;"))))


def test_an_envelope_without_returns_has_no_rows():
    assert refusal(envelope()).startswith("This report has a header but no rows.")
    assert refusal(io.BytesIO(b"<?xml version='1.0'?><rss/>")) == refusal(envelope())


@pytest.mark.parametrize("encoding", ["shift_jis", "made-up"])
def test_an_encoding_that_cannot_be_read_is_refused(encoding):
    assert "UTF-8" in refusal(envelope(one_return(), prolog=f"<?xml version='1.0' encoding='{encoding}'?>"))


def test_latin_1_that_says_so_is_read():
    text = envelope(
        one_return(item("Théière")), prolog="<?xml version='1.0' encoding='ISO-8859-1'?>"
    ).getvalue()
    (row,) = read_returns(io.BytesIO(text.decode().encode("latin-1")))
    assert row.title == "Théière"


@pytest.mark.parametrize(
    "hostile",
    [
        one_return(item("x" * 70_000)),
        one_return(*[item()] * 1001),
        "<deep>" * 40 + "</deep>" * 40,
        f"<return_details a='{'x' * 3_000_000}'></return_details>",
        f"<!--{'x' * 3_000_000}-->",
        "".join(f"<n{number}/>" for number in range(600)),
        one_return(order=ORDER + "<n>1</n>" * 600),
        one_return(*[item("x" * 60_000)] * 100),
    ],
    ids=[
        "long text",
        "many items",
        "deep",
        "long attribute",
        "long comment",
        "many names",
        "many cells",
        "large return",
    ],
)
def test_what_would_fill_the_memory_is_refused(hostile):
    sentence = refusal(envelope(hostile))
    assert "larger or deeper" in sentence or "more than 500 columns" in sentence
