"""SKU overrides: a tab separated file with two header lines, then a SKU and AUTOMATIC, MANUAL or DELETE in each.

    TemplateType=ReturnRequestAuthorization  Version=2017.0101
    SKU                                      Action

Refusals have the codes that sellers know from marketplaces' processing reports.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, BinaryIO

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from ..exceptions import UnreadableFile
from ..text import clean_text
from .neutral import as_it_was
from .reading import Source
from .writing import write_lines

MAX_MB = 60
MAX_BYTES = MAX_MB * 1024**2
MAX_ROWS = 50_000
SKU_MAX = 40
FAULTS_KEPT = 1000
AUTOMATIC, MANUAL, DELETE = "AUTOMATIC", "MANUAL", "DELETE"
HEADER = (("TemplateType=ReturnRequestAuthorization", "Version=2017.0101"), ("SKU", "Action"))

TOO_BIG, TOO_MANY_ROWS, EMPTY, NO_SKU = 41001, 41002, 41003, 41004
SKU_TOO_LONG, TOO_MANY_UPLOADS, WRONG_HEADER = 41006, 41007, 41008
WRONG_FIELD_COUNT, WRONG_ACTION = 41009, 41010

# What each code says; of a line its number stands before the sentence.
SENTENCES: dict[int, Any] = {
    TOO_BIG: format_lazy(
        _("This file is larger than {limit} MB. Split it into several files."), limit=MAX_MB
    ),
    TOO_MANY_ROWS: format_lazy(
        _("This file has more than {limit} rows. Split it into several files."), limit=MAX_ROWS
    ),
    EMPTY: _("This file has no rows. Put one SKU and its action in each line below the two header lines."),
    NO_SKU: _("The SKU is missing. Put it in the column SKU."),
    SKU_TOO_LONG: format_lazy(_("The SKU is longer than {limit} characters. Check it."), limit=SKU_MAX),
    TOO_MANY_UPLOADS: _("20 files were uploaded within 24 hours, the most there can be. Try again later."),
    WRONG_HEADER: _(
        "The header is not the template's: line 1 is the template's own, line 2 must name the columns SKU and "
        "Action. Download the template and put your rows into it."
    ),
    WRONG_FIELD_COUNT: _("This line must have exactly two cells, SKU and action, with a tab between them."),
    WRONG_ACTION: _("The action must be AUTOMATIC, MANUAL or DELETE."),
}


class RefusedOverrides(UnreadableFile):
    """The whole file is refused, with the code that says why."""

    def __init__(self, code: int) -> None:
        super().__init__(SENTENCES[code])
        self.code = code


@dataclass(slots=True)
class Overrides:
    """What a file says. `actions`: by SKU its last word; `faults`: the first refused lines as (line, code)."""

    rows: int = 0
    refused: int = 0
    actions: dict[str, str] = field(default_factory=dict)
    faults: list[tuple[int, int]] = field(default_factory=list)


def read_overrides(file: BinaryIO, size: int) -> Overrides:
    """Read a file of `size` bytes. A refused row stops no other; `UnreadableFile` where nothing can be read.

    Stops at the first row too many, so memory and time are bounded whatever the file holds.
    """
    if size > MAX_BYTES:
        raise RefusedOverrides(TOO_BIG)
    if _is_blank(file):
        raise RefusedOverrides(EMPTY)
    lines = (
        (number, line) for first, block in Source(file).blocks() for number, line in enumerate(block, first)
    )
    sku_place = _sku_place(lines)
    found = Overrides()
    for number, line in lines:
        if not line.strip():
            continue
        found.rows += 1
        if found.rows > MAX_ROWS:
            raise RefusedOverrides(TOO_MANY_ROWS)
        cells = _cells(line)
        code = _fault(cells, sku_place)
        if code is None:
            found.actions[clean_text(cells[sku_place])] = clean_text(cells[1 - sku_place]).upper()
            continue
        found.refused += 1
        if len(found.faults) < FAULTS_KEPT:
            found.faults.append((number, code))
    if not found.rows:
        raise RefusedOverrides(EMPTY)
    return found


def write_overrides(rules: Iterable[tuple[str, bool]]) -> Iterator[bytes]:
    """The same file of SKUs and whether they are automatic; without any, the template."""
    rows = ((sku, AUTOMATIC if is_automatic else MANUAL) for sku, is_automatic in rules)
    return (write_lines([cells]) for cells in chain(HEADER, rows))


def _is_blank(file: BinaryIO) -> bool:
    file.seek(0)
    head = file.read(64 * 1024)
    return not head.removeprefix(b"\xef\xbb\xbf").strip() and not file.read(1)


def _sku_place(lines: Iterator[tuple[int, str]]) -> int:
    """Which of the two columns is the SKU's; takes the header lines."""
    next(lines, None)
    _number, line = next(lines, (2, ""))
    names = [clean_text(cell).casefold() for cell in _cells(line)]
    if sorted(names) != ["action", "sku"]:
        raise RefusedOverrides(WRONG_HEADER)
    return names.index("sku")


def _cells(line: str) -> list[str]:
    """The line's cells; blank ones behind the second, as spreadsheets write them, are no cells."""
    cells = [as_it_was(cell) for cell in line.split("\t")]
    while len(cells) > 2 and not cells[-1].strip():
        cells.pop()
    return cells


def _fault(cells: list[str], sku_place: int) -> int | None:
    if len(cells) != 2:
        return WRONG_FIELD_COUNT
    sku = clean_text(cells[sku_place])
    if not sku:
        return NO_SKU
    if len(sku) > SKU_MAX:
        return SKU_TOO_LONG
    if clean_text(cells[1 - sku_place]).upper() not in (AUTOMATIC, MANUAL, DELETE):
        return WRONG_ACTION
    return None
