"""Files that are refused as a whole, and the bounds that keep memory flat."""

import io
import tracemalloc
from itertools import chain, repeat

import pytest

from returns.exceptions import UnreadableFile
from returns.reports import read_orders, read_returns, reading
from tests.returns.report_files import RETURN_COLUMNS, return_cells, returns_file, sample, table

HEADER = "\t".join(RETURN_COLUMNS)


def refusal(content, read=read_returns):
    with pytest.raises(UnreadableFile) as refused:
        read(io.BytesIO(content) if isinstance(content, bytes) else content)
    return str(refused.value)


class Stream(io.RawIOBase):
    """A file that cannot seek, made of the pieces that `pieces()` gives while it is read."""

    def __init__(self, pieces):
        self.pieces = pieces
        self.begin()

    def begin(self):
        self.coming, self.rest = self.pieces(), b""

    def readable(self):
        return True

    def readinto(self, buffer):
        self.rest = self.rest or next(self.coming, b"")
        given, self.rest = self.rest[: len(buffer)], self.rest[len(buffer) :]
        buffer[: len(given)] = given
        return len(given)


class SeekableStream(Stream):
    """The same, and it can go back to its beginning."""

    def seekable(self):
        return True

    def seek(self, offset, whence=0):
        assert (offset, whence) == (0, 0)
        self.begin()
        return 0


def peak_of(work):
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("read", [read_returns, read_orders])
@pytest.mark.parametrize(
    ("content", "beginning"),
    [
        (b"", "This file is empty."),
        (b"\xef\xbb\xbf", "This file is empty."),
        (b" \r\n\n\t\n", "This file is empty."),
        (HEADER.encode("utf-16"), "This file is in UTF-16"),
        (HEADER.encode("utf-16-le"), "This file is in UTF-16"),
        (HEADER.encode("utf-16-be"), "This file is in UTF-16"),
        (b"PK\x03\x04" + bytes(500), "This is a workbook or an archive"),
        (b"\xd0\xcf\x11\xe0" + bytes(500), "This is a workbook or an archive"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "This is a binary file"),
        (bytes(70_000), "This is a binary file"),
        (bytes(range(256)) * 300, "This is a binary file"),
        (b"\x1f\x8b\x08\x00", "This is a binary file"),
        (b"Hello, world\n", "The first line of this file lacks these columns"),
        (b"x" * 100_000, "Line 1 of this file is longer than 65536 characters."),
        (b"a\t" * 1000 + b"\n", "This file has more than 500 columns"),
    ],
)
def test_what_is_no_report_is_refused_with_a_sentence_that_says_what_it_is(content, beginning, read):
    sentence = refusal(content, read)
    assert sentence.startswith(beginning)
    assert sentence.endswith(".")
    assert "{" not in sentence


@pytest.mark.parametrize("ending", ["", "\n", "\n\n\t\t\n"])
def test_a_header_without_rows_is_refused(ending):
    assert refusal((HEADER + ending).encode()) == (
        "This report has a header but no rows. Choose a longer period when you download it."
    )


@pytest.mark.parametrize("read", [read_returns, read_orders])
def test_returns_that_the_marketplace_fulfilled_are_refused_with_the_report_to_download_instead(read):
    sentence = refusal(sample("marketplace_fulfilled_returns.tsv"), read)
    assert "Returns report of seller fulfilled orders (GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE)" in sentence


@pytest.mark.parametrize("name", ["orders_report.tsv", "orders_shipping.tsv"])
def test_an_order_report_is_no_returns_report(name):
    assert refusal(sample(name)).startswith("This is an order report, not a returns report.")


@pytest.mark.parametrize("name", ["returns_report_us.tsv", "returns_report_eu.tsv"])
def test_a_returns_report_is_no_order_report(name):
    assert refusal(sample(name), read_orders).startswith("This is a returns report, not an order report.")


def test_xml_is_no_order_report():
    assert refusal(sample("returns_report.xml"), read_orders).startswith("This is an XML file")


def test_columns_that_a_report_cannot_do_without_are_named():
    header = [
        column for column in RETURN_COLUMNS if column not in {"Order ID", "Return quantity", "Is prime"}
    ]
    sentence = refusal(table(header, return_cells(header)))
    assert sentence.startswith("The first line of this file lacks these columns: Order ID, Return quantity.")


def test_western_text_of_old_is_read():
    (row,) = read_returns(returns_file({"item_name": "Théière “Zoë” „Spaß“ 5 €"}, encoding="cp1252"))
    assert row.title == "Théière “Zoë” „Spaß“ 5 €"


@pytest.mark.parametrize("encoding", ["shift_jis", "gbk", "euc_jp", "big5"])
def test_other_old_encodings_are_refused_and_never_guessed(encoding):
    sentence = refusal(returns_file({}, {"item_name": "日本電器店中山"}, encoding=encoding))
    assert (
        sentence
        == "Line 3 of this file is in an unknown encoding. Save the file as UTF-8 text and import it again."
    )


def test_a_file_in_two_encodings_is_refused_with_the_line_that_differs():
    content = (
        returns_file({"item_name": "Théière"}).getvalue()
        + returns_file({"item_name": "Théière"}, encoding="cp1252").getvalue()
    )
    assert refusal(content).startswith("Line 4 of this file is in an unknown encoding.")


@pytest.mark.parametrize(("early", "late"), [("utf-8", "cp1252"), ("cp1252", "utf-8")])
def test_an_encoding_that_changes_a_megabyte_later_is_noticed(early, late):
    rows = [return_cells(item_name="Kettle " * 30)] * 3000
    beginning = table(RETURN_COLUMNS, return_cells(item_name="Théière"), *rows, encoding=early).getvalue()
    end = "\t".join(return_cells(item_name="Théière")).encode(late)
    assert len(beginning) > 4 * reading.CHUNK
    assert refusal(beginning + end).startswith("Line 3003 of this file is in an unknown encoding.")


@pytest.mark.parametrize("stream", [Stream, SeekableStream])
@pytest.mark.parametrize(
    ("start", "line"),
    [(b"", 1), (HEADER.encode() + b"\n" + b"x\n" * 9, 11)],
    ids=["first line", "later line"],
)
def test_a_line_of_300_megabytes_is_refused_in_bounded_memory(stream, start, line):
    file = stream(lambda: filter(None, chain([start], repeat(b"x" * 65536, 300 * 16))))
    sentences = []
    peak = peak_of(lambda: sentences.append(refusal(file)))
    assert sentences[0].startswith(f"Line {line} of this file is longer than 65536 characters.")
    assert peak < 8 * 1024**2


def test_a_file_without_an_end_is_refused_in_bounded_memory(monkeypatch):
    monkeypatch.setattr(reading, "MAX_BYTES", 20 * 1024**2)
    row = "\t".join(return_cells()).encode() + b"\n"
    stream = Stream(lambda: chain([HEADER.encode() + b"\n"], repeat(row * 100)))
    sentences = []
    assert peak_of(lambda: sentences.append(refusal(stream))) < 8 * 1024**2
    assert sentences[0].startswith("This file is larger than")


def test_a_file_with_too_many_rows_is_refused(monkeypatch):
    monkeypatch.setattr("returns.reports.tables.MAX_ROWS", 10)
    assert len(list(read_returns(returns_file(*[{}] * 10)))) == 10
    assert refusal(returns_file(*[{}] * 11)).startswith("This file has more than")


def test_a_file_that_cannot_seek_is_read_like_any_other():
    row = "\t".join(return_cells()).encode() + b"\n"
    report = read_returns(Stream(lambda: chain([HEADER.encode() + b"\n"], repeat(row, 3000))))
    assert report.row_count == sum(1 for _ in report) == sum(1 for _ in report) == 3000


def test_the_given_file_stays_open():
    file = returns_file({})
    list(read_returns(file))
    assert not file.closed


def many_returns(count):
    yield HEADER.encode() + b"\n"
    for number in range(count):
        cells = return_cells(
            order_id=f"111-{number:07d}-1234567",
            amazon_rma_id=f"D{number}RRMA",
            item_name=f"Kettle no. {number}",
            order_amount=f"{number / 100:.2f}",
        )
        yield "\t".join(cells).encode() + b"\n"


def many_returns_as_xml(count):
    beginning, start, rest = sample("returns_report.xml").getvalue().partition(b"<return_details>")
    details, end_of_last, end = rest.rpartition(b"</return_details>")
    yield beginning
    for _ in range(count // 12):
        yield start + details + end_of_last
    yield end


@pytest.mark.parametrize(
    ("stream", "content", "fewer", "more"),
    [
        (Stream, many_returns, 5_000, 30_000),
        (SeekableStream, many_returns, 5_000, 30_000),
        (SeekableStream, many_returns_as_xml, 1_200, 7_200),
    ],
)
def test_memory_does_not_grow_with_the_file(stream, content, fewer, more):
    def read(count):
        file, rows = stream(lambda: content(count)), 0

        def work():
            nonlocal rows
            rows = sum(1 for _ in read_returns(file))

        return peak_of(work), rows

    small, small_rows = read(fewer)
    large, large_rows = read(more)
    assert (small_rows, large_rows) == (fewer, more)
    # 6 to 8 MB more to read; the caches of dates and amounts may still fill up to their bound.
    assert large < small + 2 * 1024**2


def test_memory_does_not_grow_with_rows_as_long_as_a_line_may_be():
    row = "\t".join(return_cells(item_name="{}" + "é" * 60_000))
    content = (HEADER + "\n" + "".join(row.format(number) + "\n" for number in range(1200))).encode()
    assert peak_of(lambda: sum(1 for _ in read_returns(io.BytesIO(content)))) < len(content)
