"""The returns report, written: cells to bytes. What is written here is read by `read_returns` as it was."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from .neutral import neutral
from .values import MONTHS


def write_lines(rows: Iterable[Sequence[str]]) -> bytes:
    """Lines of a tab separated file in UTF-8. Cells hold neither tabs nor line ends (`text.clean_text`)."""
    return "".join("\t".join(map(neutral, cells)) + "\n" for cells in rows).encode()


def write_moment(moment: date | datetime | None) -> str:
    """14-Jul-2025, and 14-Jul-2025 10:11:12 for a datetime, in English whatever the locale; "" for None."""
    if moment is None:
        return ""
    day = f"{moment.day:02}-{MONTHS[moment.month - 1].capitalize()}-{moment.year}"
    return f"{day} {moment:%H:%M:%S}" if isinstance(moment, datetime) else day
