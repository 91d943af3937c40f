"""The marketplace's rules as they were: each order is judged by those in force when it was placed."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..policy import Rules, Season
from ..withdrawal import WithdrawalRule

# The columns of the marketplace's settings that a version keeps. What judges is read from the version in force
# when the order was placed, the clocks and the zone in which days are counted from the settings as they are:
# they measure what people do now, and a page has one zone.
JUDGING = (
    "window_days",
    "delivery_days",
    "category_windows",
    "seasons",
    "withdrawal_rules",
    "prepaid_countries",
    "prepaid_exempt_categories",
    "prepaid_exempt_skus",
    "not_returnable_categories",
    "not_returnable_skus",
)
CLOCKS = ("time_zone", "answer_hours", "step_in_business_days", "refund_days", "weekend", "holidays")
RULES = (*JUDGING, *CLOCKS)

# From when on the first version holds: for every order there is, and for one without a date.
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


class RulesVersion(models.Model):
    """The rules as an admin saved them, once; a trigger of the database refuses every change.

    `columns` holds the settings' columns of `RULES` by name. A version holds for the orders placed from
    `in_force_from` on, until the next.
    """

    version = models.PositiveIntegerField(_("version"), unique=True)
    in_force_from = models.DateTimeField(_("in force from"))
    columns = models.JSONField(_("rules"))

    class Meta:
        verbose_name = _("version of the rules")
        verbose_name_plural = _("versions of the rules")
        ordering = ("version",)

    def __str__(self) -> str:
        return str(self.version)

    def rules(self, clocks: Any, *, time_zone: str, home_country: str) -> Rules:
        """These rules for orders of a seller at home in `home_country`, as a plain value for `returns.policy`.

        `clocks`: the settings from which the clocks are read.
        """
        columns = self.columns
        return Rules(
            version=self.version,
            time_zone=time_zone,
            window_days=columns["window_days"],
            category_windows=columns["category_windows"],
            seasons=tuple(_season(row) for row in columns["seasons"]),
            estimated_delivery_days=columns["delivery_days"],
            prepaid_countries=frozenset(columns["prepaid_countries"]),
            home_country=home_country,
            prepaid_exempt_categories=frozenset(columns["prepaid_exempt_categories"]),
            prepaid_exempt_skus=frozenset(columns["prepaid_exempt_skus"]),
            answer_hours=clocks.answer_hours,
            step_in_business_days=clocks.step_in_business_days,
            refund_days=clocks.refund_days,
            weekend=frozenset(clocks.weekend),
            holidays=frozenset(date.fromisoformat(day) for day in clocks.holidays),
        )

    def withdrawal_rule(self, country: str) -> WithdrawalRule | None:
        """What the law of the buyer's country says, or None where it knows no such right."""
        row = next((row for row in self.columns["withdrawal_rules"] if row["country"] == country), None)
        return WithdrawalRule.from_json(row) if row else None


def in_force(versions: Sequence[RulesVersion], ordered_at: datetime | None) -> RulesVersion:
    """The newest of `versions` (at least one, oldest first) in force at `ordered_at`; else the first.

    Of several that hold from the same moment on, the newest replaced the others before an order was placed.
    """
    place = bisect_right(versions, ordered_at or ALWAYS, key=lambda version: version.in_force_from)
    return versions[max(place, 1) - 1]


def _season(row: dict[str, str]) -> Season:
    return Season(**{name: _month_and_day(row[name]) for name in ("first", "last", "until")})


def _month_and_day(text: str) -> tuple[int, int]:
    month, day = text.split("-")
    return int(month), int(day)
