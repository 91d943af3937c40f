"""Tab separated reports: a header, then one row per item, found by the header's names, never by position."""

from collections.abc import Callable, Collection, Iterator
from operator import itemgetter
from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from ..exceptions import UnreadableFile
from ..text import clean_text
from .neutral import as_it_was
from .reading import MAX_COLUMNS, MAX_ROWS, Source, no_rows, too_many_columns, too_many_rows
from .rows import Cells, Fields, Money, RawRow
from .values import RefusedRow, has_decimal_comma


def header_name(text: str) -> str:
    """A column's name as it is compared: case and repeated spaces do not matter."""
    return " ".join(clean_text(text).casefold().split())


def first_line(source: Source) -> str:
    for _number, lines in source.blocks():
        return lines[0]
    raise AssertionError("a source with nothing in it was refused before")


class Table:
    """One tab separated report, read once in full when made, so that reading its rows cannot fail halfway.

    `refuse_other_reports` is given the header's names as compared, and raises for the wrong kind of file.
    Iterating gives the rows as `RawReport` says. Raises `UnreadableFile`.
    """

    def __init__(
        self,
        source: Source,
        fields: Fields,
        refuse_other_reports: Callable[[frozenset[str]], None],
    ) -> None:
        self._source = source
        cells = first_line(source).split("\t")
        if len(cells) > MAX_COLUMNS:
            raise too_many_columns()
        self.header = _spelled_apart(cells)
        positions = {name: index for index, name in reversed(list(enumerate(map(header_name, cells))))}
        refuse_other_reports(frozenset(positions))
        width = len(self.header)
        places = {
            name: next(
                (positions[header] for header in map(header_name, field.headers) if header in positions),
                width,
            )
            for name, field in fields.items()
        }
        missing = [
            field.headers[0] for name, field in fields.items() if field.is_required and places[name] == width
        ]
        if missing:
            raise UnreadableFile(
                format_lazy(
                    _(
                        "The first line of this file lacks these columns: {columns}. "
                        "Import the report as it was downloaded."
                    ),
                    columns=", ".join(missing),
                )
            )
        self.spelling = {
            name: self.header[place] if place < width else fields[name].headers[0]
            for name, place in places.items()
        }
        # A field without a column is read from the blank cell that stands behind the last one.
        self._pick: Callable[[list[str]], Cells] = itemgetter(*places.values())
        self._survey(
            [
                place
                for name, place in places.items()
                if isinstance(fields[name].read, Money) and place < width
            ]
        )

    def _survey(self, amounts: list[int]) -> None:
        self._last_line = 1
        self.has_decimal_comma = False
        for number, lines in self._source.blocks():
            for index in range(len(lines) - 1, -1, -1):
                if lines[index] and not lines[index].isspace():
                    self._last_line = number + index
                    break
            if not self.has_decimal_comma:
                self.has_decimal_comma = self._shows_decimal_comma(lines, amounts)
            if self.row_count > MAX_ROWS:
                raise too_many_rows()
        if not self.row_count:
            raise no_rows()

    @property
    def row_count(self) -> int:
        """Every line after the header, up to the last one that is not blank."""
        return self._last_line - 1

    def _shows_decimal_comma(self, lines: list[str], amounts: list[int]) -> bool:
        for line in lines:
            if "," in line:
                cells = line.split("\t")
                if has_decimal_comma(cells[index] for index in amounts if index < len(cells)):
                    return True
        return False

    def __iter__(self) -> Iterator[RawRow | RefusedRow]:
        header, width, pick, last_line = self.header, len(self.header), self._pick, self._last_line
        for number, lines in self._source.blocks():
            for line_number, line in enumerate(lines, number):
                if line_number == 1:
                    continue
                if line_number > last_line:
                    return
                cells = line.split("\t")
                if "'" in line:
                    cells = [as_it_was(cell) for cell in cells]
                reported = dict(zip(header, cells, strict=False))
                if len(cells) > width:
                    if len(cells) > MAX_COLUMNS:
                        yield RefusedRow(line_number, "", _too_many_cells())
                        continue
                    reported |= {
                        f"Column {place}": cell
                        for place, cell in enumerate(cells[width:], width + 1)
                        if cell.strip()
                    }
                    del cells[width:]
                cells += [""] * (width + 1 - len(cells))
                yield line_number, pick(cells), reported


def _too_many_cells() -> Any:
    return format_lazy(
        _("This row has more than {limit} cells. Import the report as it was downloaded."), limit=MAX_COLUMNS
    )


def _spelled_apart(cells: list[str]) -> tuple[str, ...]:
    """The header's own spelling, with a number where a name is blank or stands there again."""
    spelled: dict[str, None] = {}
    for place, cell in enumerate(cells, start=1):
        spelled[add_apart(spelled, clean_text(cell) or f"Column {place}")] = None
    return tuple(spelled)


def add_apart(taken: Collection[str], name: str) -> str:
    """`name`, or `name (2)`, `name (3)` … so that it is not one of those taken."""
    free, count = name, 1
    while free in taken:
        count += 1
        free = f"{name} ({count})"
    return free
