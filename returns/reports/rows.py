"""Cells to rows: each field read by its own reader, the first fault refuses the row."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, TypeVar

from .values import Amounts, CellError, RefusedRow, code

Cells = tuple[str, ...]
RawRow = tuple[int, Cells, dict[str, str]]
Row = TypeVar("Row")


class Money(Enum):
    """Fields whose text needs the row's currency and the file's decimal sign to be read."""

    AMOUNT = "amount"
    DISCOUNT = "discount"


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a row: the headers it may stand under, the XML element, and what reads its text."""

    headers: tuple[str, ...]
    read: Callable[[str], Any] | Money
    element: str = ""
    is_required: bool = False


Fields = Mapping[str, Field]


class RawReport(Protocol):
    """A file read once in full: its rows as text, and what only the whole file tells."""

    @property
    def row_count(self) -> int:
        """How many data rows there are."""

    @property
    def has_decimal_comma(self) -> bool:
        """Whether amounts are written 77,98."""

    @property
    def spelling(self) -> Mapping[str, str]:
        """Each field's name as the file itself spells it."""

    def __iter__(self) -> Iterator[RawRow | RefusedRow]:
        """Each data row as (line, cells in the order of the fields, every cell as read)."""


def read_rows(report: RawReport, fields: Fields, row_type: Callable[..., Row]) -> Iterator[Row | RefusedRow]:
    """The rows of `report` as `row_type`, which takes a line, each of `fields` and what was reported."""
    amounts = Amounts(report.has_decimal_comma)
    of_money: dict[Any, Callable[..., Any]] = {Money.AMOUNT: amounts.minor, Money.DISCOUNT: amounts.discount}
    readers: list[tuple[str, Any, bool]] = [
        (name, of_money.get(field.read, field.read), field.read in of_money) for name, field in fields.items()
    ]
    currency_place = list(fields).index("currency")
    for row in report:
        if isinstance(row, RefusedRow):
            yield row
            continue
        line, cells, reported = row
        currency = code(cells[currency_place].strip(), 3)
        found: dict[str, Any] = {}
        try:
            for (name, read, is_money), cell in zip(readers, cells, strict=True):
                text = cell.strip()
                found[name] = read(text, currency) if is_money else read(text)
        except CellError as error:
            yield RefusedRow(line, report.spelling[name], error.reason)
        else:
            yield row_type(line=line, reported=reported, **found)
