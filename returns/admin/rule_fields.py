"""Tables of the rules as an admin writes them: one row on each line."""

import re
from collections.abc import Callable
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..policy import category_slug
from ..withdrawal import WEEKDAYS, Payer, Start

MOST_DAYS = 365
LAST_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

SEASON = gettext_lazy("Write it as 11-01 to 12-31 = 01-31, each with month and day.")
CATEGORY = gettext_lazy("Write a category and its days, from 1 to 365, as in: electronics = 14.")
COLUMNS = gettext_lazy(
    "Write eight columns with | between them: country | days | next-day or same-day | roll-over or fixed | "
    "buyer or seller | time zone | categories | days off."
)


class Wrong(Exception):
    """A line that cannot be read, with the sentence that says how it is written."""


class RowsField(forms.CharField):
    """Rows of a table, one on each line. `read` makes a row of a line or raises `Wrong`; `write` makes the line of a
    row; `key` names what two rows cannot both have.
    """

    def __init__(
        self,
        read: Callable[[str], Any],
        write: Callable[[Any], str],
        key: Callable[[Any], str],
        *,
        width: int = 40,
        rows: int = 4,
        **options: Any,
    ) -> None:
        self.read, self.write, self.key = read, write, key
        widget = forms.Textarea(attrs={"rows": rows, "cols": width, "spellcheck": "false"})
        super().__init__(required=False, widget=widget, **options)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            value = list(value.items())
        return "\n".join(self.write(row) for row in value) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), "\n".join((data or "").split("\r\n")))

    def clean(self, value: Any) -> Any:
        found: dict[str, Any] = {}
        for line in (super().clean(value) or "").splitlines():
            if not line.strip():
                continue
            try:
                row = self.read(line.strip())
            except Wrong as wrong:
                raise forms.ValidationError(
                    _("“%(line)s” cannot be used here. %(sentence)s")
                    % {"line": line.strip(), "sentence": wrong}
                ) from None
            if self.key(row) in found:
                raise forms.ValidationError(
                    _("“%(name)s” is there twice. Keep one of its lines.") % {"name": self.key(row)}
                )
            found[self.key(row)] = row
        return [found[name] for name in sorted(found)]


class CategoryWindowsField(RowsField):
    """Days by category."""

    def __init__(self, **options: Any) -> None:
        super().__init__(_read_category, _write_category, lambda row: str(row[0]), **options)

    def clean(self, value: Any) -> Any:
        return dict(super().clean(value))


def _read_category(line: str) -> tuple[str, int]:
    name, _equals, days = line.rpartition("=")
    slug = category_slug(name.strip())
    number = _number(days)
    if not slug or number is None:
        raise Wrong(CATEGORY)
    return slug, number


def _write_category(row: tuple[str, int]) -> str:
    return f"{row[0]} = {row[1]}"


class SeasonsField(RowsField):
    def __init__(self, **options: Any) -> None:
        super().__init__(_read_season, _write_season, lambda row: str(row["first"]), **options)


def _read_season(line: str) -> dict[str, str]:
    found = re.fullmatch(r"(\d\d-\d\d)\s+to\s+(\d\d-\d\d)\s*=\s*(\d\d-\d\d)", line)
    if found is None or not all(is_month_and_day(day) for day in found.groups()):
        raise Wrong(SEASON)
    return dict(zip(("first", "last", "until"), found.groups(), strict=True))


def _write_season(row: dict[str, str]) -> str:
    return f"{row['first']} to {row['last']} = {row['until']}"


class WithdrawalRulesField(RowsField):
    def __init__(self, **options: Any) -> None:
        super().__init__(
            _read_withdrawal,
            _write_withdrawal,
            lambda row: str(row["country"]),
            width=120,
            rows=30,
            **options,
        )


def _read_withdrawal(line: str) -> dict[str, Any]:
    columns = [column.strip() for column in line.split("|")]
    if len(columns) != 8:
        raise Wrong(COLUMNS)
    country, days, start, end, payer, zone, exempt, days_off = columns
    number = _number(days)
    if not re.fullmatch(r"[A-Za-z]{2}", country):
        raise Wrong(_("The first column is the country, two letters as in FR."))
    if number is None:
        raise Wrong(_("The second column is the number of days, from 1 to 365."))
    if start not in set(Start):
        raise Wrong(_("The third column is the first day that counts: next-day or same-day."))
    if end not in ("roll-over", "fixed"):
        raise Wrong(
            _("The fourth column says whether a last day that is a day off moves: roll-over or fixed.")
        )
    if payer not in set(Payer):
        raise Wrong(_("The fifth column is who pays the way back: buyer or seller."))
    if zone not in available_timezones():
        raise Wrong(_("The sixth column is the time zone of the country, as in Europe/Paris."))
    off = _entries(days_off)
    if not all(_is_day_off(day) for day in off):
        raise Wrong(_("The last column are the days off, as in: sat, sun, 12-25, 2026-05-08, easter+1."))
    return {
        "country": country.upper(),
        "days": number,
        "start": start,
        "rolls_over": end == "roll-over",
        "payer": payer,
        "time_zone": zone,
        "exempt_categories": sorted({category_slug(name) for name in _entries(exempt)}),
        "days_off": sorted(set(off)),
    }


def _write_withdrawal(row: dict[str, Any]) -> str:
    return " | ".join(
        [
            row["country"],
            str(row["days"]),
            row["start"],
            "roll-over" if row["rolls_over"] else "fixed",
            row["payer"],
            row["time_zone"],
            ", ".join(row["exempt_categories"]),
            ", ".join(row["days_off"]),
        ]
    )


def _entries(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(",") if entry.strip()]


def _number(text: str) -> int | None:
    text = text.strip()
    is_days = text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MOST_DAYS
    return int(text) if is_days else None


def is_month_and_day(text: str) -> bool:
    """Is it a day of a year, as 12-25? The 29th of February is."""
    found = re.fullmatch(r"(\d\d)-(\d\d)", text, re.ASCII)
    return bool(found and 1 <= int(found[1]) <= 12 and 1 <= int(found[2]) <= LAST_DAYS[int(found[1]) - 1])


def _is_day_off(text: str) -> bool:
    if text in WEEKDAYS or is_month_and_day(text):
        return True
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        return is_month_and_day(text[5:])
    return bool(re.fullmatch(r"(easter|orthodox)[+-]\d{1,3}", text, re.ASCII))
