"""Reports for tests: the repository's samples, and small ones made of what a test is about."""

import io
from pathlib import Path

SAMPLES = Path(__file__).parent.parent / "samples"

RETURN_COLUMNS = (SAMPLES / "returns_report_us.tsv").read_text("utf-8").partition("\n")[0].split("\t")

_RETURN = {
    "Order ID": "111-1234567-1234567",
    "Order date": "01-Jul-2025",
    "Return request date": "14-Jul-2025",
    "Return request status": "Approved",
    "Amazon RMA ID": "DfqRyqfBRRMA",
    "Label type": "AmazonPrePaidLabel",
    "Currency code": "USD",
    "Merchant SKU": "KETTLE-17-SS",
    "Item Name": "Kettle",
    "Return quantity": "1",
    "Return Reason": "CR-DEFECTIVE",
    "In policy": "Y",
}

_ORDER = {
    "amazon-order-id": "111-1234567-1234567",
    "purchase-date": "2025-07-01T10:11:12+00:00",
    "sku": "KETTLE-17-SS",
    "quantity": "2",
    "currency": "USD",
    "item-price": "79.80",
}


def sample(name):
    return io.BytesIO((SAMPLES / name).read_bytes())


def table(header, *rows, newline="\n", encoding="utf-8"):
    """A tab separated file; a row is a list of cells or a whole line."""
    lines = ["\t".join(header), *(row if isinstance(row, str) else "\t".join(row) for row in rows)]
    return io.BytesIO((newline.join(lines) + newline).encode(encoding))


def return_cells(header=RETURN_COLUMNS, **changes):
    """One usual return's cells under `header`; a change is named like its column, with _ for space and -."""
    changed = {
        column: value for column in header if (value := changes.pop(_keyword(column), None)) is not None
    }
    assert not changes, f"no such columns: {changes}"
    return [changed.get(column, _RETURN.get(column, " ")) for column in header]


def returns_file(*rows, header=RETURN_COLUMNS, **options):
    """A returns report; each row is a dict of changes to a usual return, or a whole line."""
    return table(
        header, *(row if isinstance(row, str) else return_cells(header, **row) for row in rows), **options
    )


def orders_file(*rows, header=tuple(_ORDER)):
    """An order report; each row is a dict of changes to a usual line, by column."""
    columns = [*header, *(column for row in rows for column in row if column not in header)]
    columns = list(dict.fromkeys(columns))
    return table(columns, *([{**_ORDER, **row}.get(column, "") for column in columns] for row in rows))


def _keyword(column):
    return column.replace(" ", "_").replace("-", "_").lower()
