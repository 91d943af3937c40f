"""A file's rows, brought into the order of their orders, on disk: memory does not grow with the file."""

import pickle
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, fields
from hashlib import blake2b
from operator import attrgetter
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from django.utils.translation import gettext_lazy as _

from ...reports import RefusedRow

Row = TypeVar("Row")

CHUNK_ROWS = 500
# An order that has more rows than this is no order; its rows may come in several chunks.
MOST_CHUNK_ROWS = 4 * CHUNK_ROWS
MOST_PART_ROWS = 1000


@dataclass(slots=True)
class Chunk(Generic[Row]):
    """The rows of some orders, by order number, in the file's order; a row that came again only counts."""

    orders: dict[str, list[Row]] = field(default_factory=dict)
    row_count: int = 0
    repeats: int = 0
    refused: list[RefusedRow] = field(default_factory=list)


class Spool(Generic[Row]):
    """Takes rows in any order and gives them back in chunks. Use it as a context manager."""

    def __init__(self, row_type: Callable[..., Row]) -> None:
        self._row_type = row_type
        columns = [column.name for column in fields(row_type)]  # type: ignore[arg-type]
        names = [name for name in columns if name not in ("line", "reported")]
        self._names = names
        self._values = attrgetter(*names)
        self._headers: list[tuple[str, ...]] = []
        self._header_places: dict[tuple[str, ...], int] = {}
        # Without a name SQLite makes a file of its own, which nobody else sees and no kill leaves behind.
        self._base = sqlite3.connect("", isolation_level=None)
        self._base.execute("PRAGMA journal_mode = OFF")
        self._base.execute("PRAGMA synchronous = OFF")
        self._base.execute("CREATE TABLE row (order_id, part, content, line, body)")
        self._base.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base.close()

    def add(self, row: Any, part: str) -> None:
        """Keep a row. Rows of one order with the same `part` (a request, a product) are never torn apart."""
        reported: dict[str, str] = row.reported
        header = tuple(reported)
        place = self._header_places.get(header)
        if place is None:
            place = self._header_places[header] = len(self._headers)
            self._headers.append(header)
        body = pickle.dumps((self._values(row), place, tuple(reported.values())), pickle.HIGHEST_PROTOCOL)
        self._base.execute(
            "INSERT INTO row VALUES (?, ?, ?, ?, ?)", (row.order_id, part, _content(reported), row.line, body)
        )

    def chunks(self, size: int | None = None) -> Iterator[Chunk[Row]]:
        """All rows, each order's whole unless it has more rows than any order has.

        `size`: from so many rows on a chunk is enough; `CHUNK_ROWS` where nobody says it.
        """
        size = size or CHUNK_ROWS
        chunk: Chunk[Row] = Chunk()
        before: tuple[Any, ...] = (None, None, None)
        in_part = 0
        with closing(
            self._base.execute(
                "SELECT order_id, part, content, line, body FROM row ORDER BY order_id, part, content, line"
            )
        ) as rows:
            for order_id, part, content, line, body in rows:
                if (order_id, part) != before[:2]:
                    enough = size if order_id != before[0] else MOST_CHUNK_ROWS
                    if chunk.row_count >= enough:
                        yield _in_order(chunk)
                        chunk = Chunk()
                    in_part = 0
                chunk.row_count += 1
                if (order_id, part, content) == before:
                    chunk.repeats += 1
                elif in_part == MOST_PART_ROWS:
                    chunk.refused.append(RefusedRow(line, "", _too_many()))
                else:
                    in_part += 1
                    chunk.orders.setdefault(order_id, []).append(self._read(line, body))
                before = (order_id, part, content)
        if chunk.row_count:
            yield _in_order(chunk)

    def _read(self, line: int, body: bytes) -> Row:
        # Our own bytes from our own private file, not somebody's.
        values, place, cells = pickle.loads(body)  # noqa: S301
        reported = dict(zip(self._headers[place], cells, strict=True))
        return self._row_type(line=line, reported=reported, **dict(zip(self._names, values, strict=True)))


def _content(reported: dict[str, str]) -> bytes:
    said = sorted((column, text) for column, cell in reported.items() if (text := cell.strip()))
    return blake2b(repr(said).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _in_order(chunk: Chunk[Any]) -> Chunk[Any]:
    for rows in chunk.orders.values():
        rows.sort(key=attrgetter("line"))
    return chunk


def _too_many() -> Any:
    return _("There are more than 1,000 different rows for this. Correct the file, or import a shorter one.")
