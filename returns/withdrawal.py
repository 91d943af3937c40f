"""The buyer's legal right to leave the contract without a reason: until when, for what, and who pays the way back.

Pure functions of their arguments, like `policy`: what the law of a country says is a `WithdrawalRule`, what is
known of an item `ItemFacts`. Days are days where the buyer lives. The period counts from the carrier's delivery
date; while that is not known the estimated date stands in for it, and where neither is known nothing has
begun that could be over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _

from .dates import format_day
from .policy import ItemFacts, Reason, category_slug, end_of_day

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# A year has these, so a list of days off that leaves no working day still comes to an end.
MOST_DAYS_ROLLED = 366


class Start(StrEnum):
    """The first day that counts: the day after receipt, or the day of receipt."""

    NEXT_DAY = "next-day"
    SAME_DAY = "same-day"


class Payer(StrEnum):
    """Who pays the way back."""

    BUYER = "buyer"
    SELLER = "seller"


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalRule:
    """What holds for buyers in one country (ISO 3166), whose days are those of `time_zone`.

    `exempt_categories` are slugs. `days_off`, in which no period ends where it `rolls_over`, are names of
    weekdays, days of each year ("12-25"), single days ("2026-05-08"), or counted from Easter Sunday ("easter+1";
    "orthodox+1" by the Julian calendar).
    """

    country: str
    time_zone: str
    days: int = 14
    start: Start = Start.NEXT_DAY
    rolls_over: bool = False
    days_off: frozenset[str] = frozenset({"sat", "sun"})
    exempt_categories: frozenset[str] = frozenset()
    payer: Payer = Payer.BUYER

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "WithdrawalRule":
        """The rule from a row of the marketplace's settings."""
        return cls(
            country=row["country"],
            time_zone=row["time_zone"],
            days=row["days"],
            start=Start(row["start"]),
            rolls_over=row["rolls_over"],
            days_off=frozenset(row["days_off"]),
            exempt_categories=frozenset(row["exempt_categories"]),
            payer=Payer(row["payer"]),
        )

    def is_day_off(self, day: date) -> bool:
        names = {WEEKDAYS[day.weekday()], day.isoformat(), f"{day:%m-%d}"}
        for feast, sunday in (("easter", easter(day.year)), ("orthodox", orthodox_easter(day.year))):
            names.add(f"{feast}{(day - sunday).days:+d}")
        return not names.isdisjoint(self.days_off)


@dataclass(frozen=True, slots=True)
class WithdrawalEnd:
    """The last day of the period where the buyer lives, and its last instant in UTC."""

    end_date: date
    ends_at: datetime
    is_estimate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalVerdict:
    """Is what was declared a withdrawal in time? `end_date`: None where the period has not begun."""

    is_timely: bool
    reason: Reason
    end_date: date | None
    payer: str
    rules_version: int

    def as_json(self) -> dict[str, Any]:
        return {
            "is_timely": self.is_timely,
            "reason": {"code": self.reason.code, "params": dict(self.reason.params)},
            "end_date": self.end_date and self.end_date.isoformat(),
            "payer": self.payer,
            "rules_version": self.rules_version,
        }


def withdrawal_end(facts: ItemFacts, rule: WithdrawalRule) -> WithdrawalEnd | None:
    """When the period of an item ends, or None where no day of receipt is known: it has not begun."""
    received_date = facts.delivered_date or facts.estimated_delivery_date
    if received_date is None:
        return None
    end_date = received_date + timedelta(days=rule.days - (rule.start == Start.SAME_DAY))
    if rule.rolls_over:
        following = (end_date + timedelta(days=more) for more in range(MOST_DAYS_ROLLED))
        end_date = next((day for day in following if not rule.is_day_off(day)), end_date)
    return WithdrawalEnd(end_date, end_of_day(end_date, rule.time_zone), facts.delivered_date is None)


def is_timely_withdrawal(facts: ItemFacts, rule: WithdrawalRule | None, *, is_business: bool = False) -> bool:
    """May the buyer withdraw from the contract about this item at `facts.requested_at`?"""
    return judge_withdrawal([facts], rule, is_business=is_business, rules_version=0).is_timely


def judge_withdrawal(
    items: Sequence[ItemFacts], rule: WithdrawalRule | None, *, is_business: bool, rules_version: int
) -> WithdrawalVerdict:
    """The verdict on a withdrawal from `items` (at least one, else ValueError; all of one order, at one moment).

    In time if each of them is. `rule` is that of the buyer's country, None where it has none.
    """
    if not items:
        raise ValueError("A withdrawal from nothing has no verdict.")
    objection = _general_objection(rule, is_business=is_business)
    end = None
    if rule is not None and objection is None:
        end = min(
            (end for facts in items if (end := withdrawal_end(facts, rule))),
            key=lambda end: end.end_date,
            default=None,
        )
        exempt = next((facts.category for facts in items if is_exempt(facts.category, rule)), None)
        if exempt is not None:
            objection = Reason("withdrawal_exempt", {"category": exempt})
        elif end is not None and items[0].requested_at > end.ends_at:
            objection = Reason("withdrawal_ended", {"date": end.end_date.isoformat()})
    return WithdrawalVerdict(
        is_timely=objection is None,
        reason=objection or _in_time(end),
        end_date=end.end_date if end else None,
        payer=rule.payer.value if rule else "",
        rules_version=rules_version,
    )


def is_exempt(category: str, rule: WithdrawalRule) -> bool:
    return category_slug(category) in rule.exempt_categories


def _general_objection(rule: WithdrawalRule | None, *, is_business: bool) -> Reason | None:
    if rule is None:
        return Reason("withdrawal_no_right")
    return Reason("withdrawal_business") if is_business else None


def _in_time(end: WithdrawalEnd | None) -> Reason:
    if end is None:
        return Reason("withdrawal_not_begun")
    return Reason("withdrawal_in_time", {"date": end.end_date.isoformat()})


# Easter, after the tables of the Gregorian calendar (Meeus, Astronomical Algorithms, chapter 8)


def easter(year: int) -> date:
    """Easter Sunday of the western churches."""
    century, in_century = divmod(year, 100)
    golden = year % 19
    correction = century - century // 4 - (century - (century + 8) // 25 + 1) // 3
    moon = (19 * golden + correction + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (in_century // 4) - moon - in_century % 4) % 7
    late = (golden + 11 * moon + 22 * weekday) // 451
    days = moon + weekday - 7 * late + 114
    return date(year, days // 31, days % 31 + 1)


def orthodox_easter(year: int) -> date:
    """Easter Sunday by the Julian calendar, as a day of ours; from 1900 to 2099."""
    moon = (19 * (year % 19) + 15) % 30
    weekday = (2 * (year % 4) + 4 * (year % 7) - moon + 34) % 7
    days = moon + weekday + 114
    return date(year, days // 31, days % 31 + 1) + timedelta(days=13)


# Words

_SENTENCES = {
    "withdrawal_in_time": _("Withdrawal in time: possible until %(date)s"),
    "withdrawal_not_begun": _(
        "Withdrawal in time: its period has not begun, as the day of receipt is not known"
    ),
    "withdrawal_ended": _("The time to withdraw from the contract ended on %(date)s"),
    "withdrawal_exempt": _("There is no right of withdrawal for items of the category %(category)s"),
    "withdrawal_business": _("There is no right of withdrawal for business orders"),
    "withdrawal_no_right": _("There is no right of withdrawal in the country of this order"),
}


def _in_words(reason: Reason) -> str:
    words: dict[str, Any] = dict(reason.params)
    if "date" in words:
        words["date"] = format_day(date.fromisoformat(words["date"]))
    return str(_SENTENCES[reason.code] % words)


_in_words_lazily = lazy(_in_words, str)


def sentence(reason: Reason) -> str:
    """A lazy text: the reason in words, without a full stop, in the language active when it becomes text."""
    return _in_words_lazily(reason)
