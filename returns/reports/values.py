"""One cell's text, already without white space at its ends, to one value.

A value that a row cannot be stored without, or that would be stored wrong, raises `CellError`; the row is
then refused with its reason. Blank cells are unknown, never zero.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from ..money import MAX_MINOR, to_decimal, to_minor
from ..text import clean_text

FIRST_YEAR, LAST_YEAR = 1995, 2100
MAX_QUANTITY = 2**31 - 1
ORDER_ID_LENGTH = 64
_SHOWN_LENGTH = 40
# Files repeat their dates, words and prices; the caches hold more than the distinct ones of a usual file.
_REMEMBERED = 8192
# Less of what may be long: a cell of a hostile file can be as long as a line may be.
_REMEMBERED_WORDS = 512


class CellError(Exception):
    """A cell that makes its row unusable; `reason` is a sentence that says what is wrong and what to do."""

    def __init__(self, reason: Any) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A data row that cannot be imported.

    `line` is the physical line, `column` the header's own spelling ("" when no single column is at fault),
    `reason` a lazily translated sentence.
    """

    line: int
    column: str
    reason: Any


@dataclass(frozen=True, slots=True)
class Moment:
    """When something happened, as exactly as a file says it.

    `at` is None for a day without a time. It is naive when the file names a time without an offset: that is
    the marketplace's local time.
    """

    day: date
    at: datetime | None = None

    def instant(self, zone: tzinfo) -> datetime:
        """The moment in UTC, for a marketplace in `zone`; a day without a time is its start there."""
        at = self.at if self.at is not None else datetime.combine(self.day, time.min)
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


# English in every marketplace's files, whatever this process's locale.
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY_MONTH_YEAR = re.compile(
    r"(\d{1,2})-([A-Z]{3})-(\d{4})(?: +(\d{1,2}):(\d\d)(?::(\d\d))?)?", re.ASCII | re.IGNORECASE
)
_ISO_8601 = re.compile(
    r"\d{4}-\d\d-\d\d(?P<time>[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)


@lru_cache(maxsize=_REMEMBERED)
def moment(text: str) -> Moment | None:
    """14-Jul-2025, 21-Aug-2026 10:11:12 or ISO 8601; None when blank.

    Raises `CellError` for a day or time that does not exist and for years outside 1995–2100.
    """
    if not text:
        return None
    try:
        found = _parsed_moment(text)
    except ValueError:
        found = None
    if found is None or not FIRST_YEAR <= found.day.year <= LAST_YEAR:
        raise CellError(
            format_lazy(
                _("“{value}” is not a date between 1995 and 2100. Write it like 14-Jul-2025."),
                value=_shown(text),
            )
        )
    return found


def _parsed_moment(text: str) -> Moment | None:
    if match := _DAY_MONTH_YEAR.fullmatch(text):
        day_number, month, year, hour, minute, second = match.groups()
        day = date(int(year), MONTHS.index(month.lower()) + 1, int(day_number))
        if hour is None:
            return Moment(day)
        return Moment(day, datetime.combine(day, time(int(hour), int(minute), int(second or 0))))
    if match := _ISO_8601.fullmatch(text):
        at = datetime.fromisoformat(text)
        return Moment(at.date(), at if match["time"] else None)
    return None


def required_moment(text: str) -> Moment:
    """As `moment`, but a blank cell is a fault."""
    found = moment(text)
    if found is None:
        raise CellError(_("The date is missing. Write it like 14-Jul-2025."))
    return found


def order_id(text: str) -> str:
    """The marketplace's order number: 3-7-7 digits, or any text up to 64 characters."""
    number = key(text, ORDER_ID_LENGTH)
    if not number:
        raise CellError(_("The order number is missing. Download the report again, or add the number."))
    return number


def key(text: str, limit: int) -> str:
    """Text that tells rows apart. Cut off, two of them could become one, so too long a text is a fault."""
    text = clean_text(text)
    if len(text) > limit:
        raise CellError(
            format_lazy(
                _("“{value}” is longer than {limit} characters. Download the report again."),
                value=_shown(text),
                limit=limit,
            )
        )
    return text


def words(limit: int) -> Callable[[str], str]:
    """A reader of text that repeats from row to row and may be cut after `limit` characters."""
    return lru_cache(maxsize=_REMEMBERED_WORDS)(partial(clean_text, limit=limit))


def quantity(text: str, *, at_least: int) -> int | None:
    """A whole number from `at_least` on; None when blank."""
    if not text:
        return None
    number = int(text) if len(text) <= 20 and text.isascii() and text.isdigit() else -1
    if not at_least <= number <= MAX_QUANTITY:
        raise CellError(
            format_lazy(
                _("“{value}” is not a quantity. Write a whole number from {least} on."),
                value=_shown(text),
                least=at_least,
            )
        )
    return number


def required_quantity(text: str, *, at_least: int) -> int:
    """As `quantity`, but a blank cell is a fault."""
    number = quantity(text, at_least=at_least)
    if number is None:
        raise CellError(
            format_lazy(_("The quantity is missing. Write a whole number from {least} on."), least=at_least)
        )
    return number


_BOOLEANS = {
    "y": True,
    "yes": True,
    "true": True,
    "1": True,
    "n": False,
    "no": False,
    "false": False,
    "0": False,
}


def boolean(text: str) -> bool | None:
    """Y or N, true or false; None for anything else, which is unknown."""
    return _BOOLEANS.get(text.lower())


def code(text: str, length: int) -> str:
    """An upper-case code of exactly `length` letters (a currency, a country); "" when it is not one."""
    return text.upper() if len(text) == length and text.isascii() and text.isalpha() else ""


_DECIMAL_COMMA = re.compile(r",\d{1,2}", re.ASCII)


def has_decimal_comma(texts: Iterable[str]) -> bool:
    """Whether any of these amounts ends in a comma and one or two digits: the file then writes 77,98."""
    return any(
        _DECIMAL_COMMA.fullmatch(text, text.rfind(",")) for text in map(str.rstrip, texts) if "," in text
    )


class Amounts:
    """Reads the amounts of one file, whose decimal sign is a comma or a point throughout.

    The other sign and spaces group thousands where they stand before three digits; anything else is a fault.
    """

    def __init__(self, decimal_comma: bool) -> None:
        self.decimal_comma = decimal_comma
        grouping, decimal = (".", ",") if decimal_comma else (",", r"\.")
        self._pattern = re.compile(
            rf"(?=.*\d)(\d*(?:(?<=\d)[{grouping}\u0020\u00a0\u2009\u202f]\d{{3}})*)(?:{decimal}(\d+))?",
            re.ASCII,
        )
        self.minor = lru_cache(maxsize=_REMEMBERED)(self._minor)

    def discount(self, text: str, currency: str) -> int | None:
        """As `minor`; some reports write a discount with a minus, others without."""
        return self.minor(text.removeprefix("-"), currency)

    def _minor(self, text: str, currency: str) -> int | None:
        """`text` in minor units of `currency` ("" or unknown: two decimals); None when blank."""
        if not text:
            return None
        match = self._pattern.fullmatch(text) if len(text) <= _SHOWN_LENGTH else None
        if match is None:
            raise CellError(
                format_lazy(
                    _("“{value}” is not an amount of 0 or more. Write it like {example}."),
                    value=_shown(text),
                    example="12,50" if self.decimal_comma else "12.50",
                )
            )
        whole, decimals = re.sub(r"\D", "", match[1]), match[2]
        amount = Decimal(f"{whole or 0}.{decimals or 0}")
        if amount > to_decimal(MAX_MINOR, currency):
            raise CellError(
                format_lazy(_("“{value}” is too much for an amount. Correct it."), value=_shown(text))
            )
        try:
            return to_minor(amount, currency)
        except ValueError:
            raise CellError(
                format_lazy(
                    _("“{value}” has more decimals than its currency. Correct it."), value=_shown(text)
                )
            ) from None


def _shown(text: str) -> str:
    """A refused text as a sentence may quote it."""
    cleaned = clean_text(text)
    return cleaned if len(cleaned) <= _SHOWN_LENGTH else cleaned[: _SHOWN_LENGTH - 1] + "…"
