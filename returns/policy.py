"""Policy and clocks: is a return in policy, is it eligible for a prepaid label, and when is what due.

Pure functions of their arguments: no clock, no settings, no database. What holds where and when is in
`Rules`, what is known of an item in `ItemFacts`. A verdict is made once, on arrival, and stored.

Three readings run through all of it:

* A day is a day in the marketplace's time zone. It ends with its last microsecond (`end_of_day`), and that
  instant is still in time; so "late" is always `now > due`.
* A clock counted in hours ends at an instant; a clock counted in days ends with its last day, and the day on
  which it starts is not counted. Where only the day of the start is known, an hours clock ends with the last
  day that any time on the first one could reach (24 h: the next day).
* The window counts from the later of the carrier's delivery date and the estimated one, because a buyer may
  plan with either. The estimated date is the promise date, else the order's day plus the marketplace's days.
  While the carrier's date is not known the estimated date stands in for it: a window counted from it does
  begin and does end, and is called an estimate for as long. An item that had not arrived on the day of the
  request, by whichever date counts, is in policy, because its window had not begun.
"""

from calendar import isleap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import TextChoices
from django.utils.functional import lazy
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from .dates import active_locale, format_day

# The marketplace's own label in the report's column *Label type*.
PREPAID_LABEL_TYPE = "AmazonPrePaidLabel"

_EXEMPT_CATEGORY_SENTENCES = {
    "handmade": _("No prepaid label: handmade items are exempt"),
    "custom-made": _("No prepaid label: custom-made items are exempt"),
    "sexual-wellness": _("No prepaid label: sexual wellness products are exempt"),
    "certified-pre-owned-watches": _("No prepaid label: certified pre-owned watches are exempt"),
    "professional-medical-or-dental": _("No prepaid label: professional medical or dental items are exempt"),
    "non-physical": _("No prepaid label: products that are not physical are exempt"),
    "dangerous-goods": _("No prepaid label: dangerous goods are exempt"),
    "heavy-and-bulky": _("No prepaid label: heavy and bulky items are exempt"),
}

PREPAID_EXEMPT_CATEGORIES = frozenset(_EXEMPT_CATEGORY_SENTENCES)


class PolicyVerdict(TextChoices):
    """What a verdict says about an item or a request."""

    IN_POLICY = "in_policy", _("In policy")
    NOT_IN_POLICY = "not_in_policy", _("Not in policy")
    UNKNOWN = "unknown", _("Unknown")


class VerdictSource(TextChoices):
    """Whose word a verdict rests on."""

    RULES = "rules", _("Our rules")
    FILE = "file", _("The marketplace's file")
    SELLER = "seller", _("The seller's statement")
    ADMIN = "admin", _("The marketplace's team")


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """Orders placed from `first` to `last` (months and days of any year) can be returned until the `until` that
    follows, at least. A season may run over the turn of the year.
    """

    first: tuple[int, int]
    last: tuple[int, int]
    until: tuple[int, int]

    def end_for(self, ordered_date: date) -> date | None:
        """The day until which an order of this day can be returned at least; None outside the season."""
        day, runs_over = (ordered_date.month, ordered_date.day), self.first > self.last
        if (runs_over and self.last < day < self.first) or (
            not runs_over and not self.first <= day <= self.last
        ):
            return None
        last_year = ordered_date.year + (runs_over and day >= self.first)
        return day_of_year(last_year + (self.until < self.last), *self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules in force when an order was placed; `version` names them in what is stored.

    `category_windows` holds the days of the window by slug, for categories that have their own.

    `time_zone` is the marketplace's, an IANA name. Countries are ISO 3166 codes in capitals; `home_country`
    is the seller's, empty while it is not known. Exempt categories are slugs as `slugify` makes them from a
    category's name. `weekend` holds weekdays as `date.weekday` numbers them (Monday is 0).

    Raises ValueError when the weekend leaves no business day.
    """

    version: int = 1
    time_zone: str
    window_days: int = 30
    category_windows: Mapping[str, int] = field(default_factory=dict, hash=False)
    seasons: tuple[Season, ...] = ()
    estimated_delivery_days: int = 7
    prepaid_countries: frozenset[str] = frozenset()
    home_country: str = ""
    prepaid_exempt_categories: frozenset[str] = PREPAID_EXEMPT_CATEGORIES
    prepaid_exempt_skus: frozenset[str] = frozenset()
    answer_hours: int = 24
    step_in_business_days: int = 2
    imported_step_in_hours: int = 48
    send_back_days: int = 15
    not_returned_grace_days: int = 5
    refund_days: int = 4
    promise_business_days: int = 2
    weekend: frozenset[int] = frozenset({5, 6})
    holidays: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        if self.weekend >= set(range(7)):
            raise ValueError("The weekend leaves no business day.")

    def window_days_of(self, category: str) -> int:
        """How many days the window of an item of this category has."""
        return self.category_windows.get(category_slug(category), self.window_days)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFacts:
    """What is known of one item when its return is asked for; None and "" mean not known.

    `requested_at` and `ordered_at` are aware. Where only the day of the request is known
    (`requested_has_time` is False), `requested_at` is the start of that day in the marketplace's zone.
    `delivered_date` is the carrier's, `estimated_delivery_date` the latest promise to the buyer.
    `stated_delivery_date` is the seller's word and counts only where neither of these nor the day of the
    order is known. `reported_…` is what the marketplace's file says and counts only for imported requests.
    """

    requested_at: datetime
    requested_has_time: bool = True
    ordered_at: datetime | None = None
    delivered_date: date | None = None
    estimated_delivery_date: date | None = None
    stated_delivery_date: date | None = None
    country: str = ""
    category: str = ""
    sku: str = ""
    is_imported: bool = False
    reported_in_policy: bool | None = None
    reported_label_type: str = ""


@dataclass(frozen=True, slots=True)
class WindowEnd:
    """The last day of a return window (`end_date`), its last instant in UTC, and the day it counts from.

    `source` is SELLER where the day it counts from is the seller's statement, else RULES. `is_seasonal`: it would
    have ended earlier, had the order not been placed in a season.
    """

    counted_from_date: date
    end_date: date
    ends_at: datetime
    is_estimate: bool
    is_seasonal: bool
    source: VerdictSource


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason a program can read: a code of `sentence` and its values, all of them JSON.

    Dates are ISO text, countries are codes. `Reason(**stored)` reads back what `Verdict.as_json` wrote.
    """

    code: str
    params: Mapping[str, str | int] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was decided about an item or a whole request, whose word it rests on, and why.

    `window_end_date` is the last day of the window by our rules, also where the verdict is the file's.
    `prepaid_reason` says why there is no prepaid label; it is None exactly when `prepaid_eligible`.
    """

    policy: PolicyVerdict
    source: VerdictSource
    reasons: tuple[Reason, ...]
    window_end_date: date | None
    window_is_estimate: bool
    prepaid_eligible: bool
    prepaid_reason: Reason | None
    rules_version: int

    def as_json(self) -> dict[str, Any]:
        """The same in what JSON knows: texts, numbers, lists and objects; the date as ISO text."""
        return asdict(self) | {
            "policy": self.policy.value,
            "source": self.source.value,
            "reasons": [asdict(reason) for reason in self.reasons],
            "window_end_date": self.window_end_date and self.window_end_date.isoformat(),
        }


def category_slug(category: str) -> str:
    """A category as the rules name it."""
    return slugify(category, allow_unicode=True)


# Days


def day_of_year(year: int, month: int, day: int) -> date:
    """The day of this month and day; 28 February for the 29th of a year without it."""
    return date(year, month, 28 if (month, day) == (2, 29) and not isleap(year) else day)


def local_day(moment: datetime, time_zone: str) -> date:
    """The day that `moment` (aware, else ValueError) falls on in `time_zone`."""
    if moment.tzinfo is None:
        raise ValueError("A moment without a time zone falls on no particular day.")
    return moment.astimezone(ZoneInfo(time_zone)).date()


def end_of_day(day: date, time_zone: str) -> datetime:
    """The last instant, in UTC, of `day` in `time_zone`; of the day before where the zone skipped `day`.

    The next midnight need not be the end: it can be missing (clocks go forward at midnight), come twice on
    the next day (Havana), or be taken back, so that the evening of `day` comes again (St. John's until 2011).
    So both readings of midnight are tried; right for every zone's clock changes from 1995 to 2100.
    """
    zone = ZoneInfo(time_zone)
    midnight = datetime.combine(day + timedelta(days=1), time.min, zone)
    ends = (midnight.replace(fold=fold).astimezone(UTC) - timedelta.resolution for fold in (0, 1))
    return max(end for end in ends if end.astimezone(zone).date() <= day)


def business_day_after(day: date, days: int, rules: Rules) -> date:
    """The business day of the marketplace's calendar that is `days` business days after `day`."""
    while days > 0:
        day += timedelta(days=1)
        if day.weekday() not in rules.weekend and day not in rules.holidays:
            days -= 1
    return day


# The window and the verdicts


def window_end(facts: ItemFacts, rules: Rules) -> WindowEnd | None:
    """Where the return window of an item ends, or None where no date is known to count from.

    Independent of when the return is asked for. An estimate as long as the carrier's date is not known.
    """
    estimated_date, seasonal_ends = facts.estimated_delivery_date, []
    if facts.ordered_at is not None:
        ordered_date = local_day(facts.ordered_at, rules.time_zone)
        seasonal_ends = [end for season in rules.seasons if (end := season.end_for(ordered_date))]
        if estimated_date is None:
            estimated_date = ordered_date + timedelta(days=rules.estimated_delivery_days)

    known = [day for day in (facts.delivered_date, estimated_date) if day is not None]
    if known:
        source, is_estimate = VerdictSource.RULES, facts.delivered_date is None
    elif facts.stated_delivery_date is not None:
        known, source, is_estimate = [facts.stated_delivery_date], VerdictSource.SELLER, False
    else:
        return None

    normal_end = max(known) + timedelta(days=rules.window_days_of(facts.category))
    end_date = max([normal_end, *seasonal_ends])
    return WindowEnd(
        counted_from_date=max(known),
        end_date=end_date,
        ends_at=end_of_day(end_date, rules.time_zone),
        is_estimate=is_estimate,
        is_seasonal=end_date > normal_end,
        source=source,
    )


def days_after_window(requested_at: datetime, *, window_end_date: date, rules: Rules) -> int:
    """How many days after the end of its window a return was asked for; 0 when it was asked for in time."""
    if requested_at <= end_of_day(window_end_date, rules.time_zone):
        return 0
    return (local_day(requested_at, rules.time_zone) - window_end_date).days


def judge_item(facts: ItemFacts, rules: Rules) -> Verdict:
    """The verdict on one item.

    Opened here, our rules decide. Imported, the file's *In policy* decides and our window stands beside it; a
    blank one leaves it to our rules. Where there are neither dates nor the file's word it is unknown.
    """
    window = window_end(facts, rules)
    reported = facts.reported_in_policy if facts.is_imported else None
    if reported is not None:
        policy = PolicyVerdict.IN_POLICY if reported else PolicyVerdict.NOT_IN_POLICY
        source = VerdictSource.FILE
        reasons = (Reason("file_in_policy" if reported else "file_not_in_policy"), *_own_window(window))
    elif window is None:
        policy, source, reasons = PolicyVerdict.UNKNOWN, VerdictSource.RULES, (Reason("dates_unknown"),)
    else:
        policy, reason = _judge_window(window, facts, rules)
        source, reasons = window.source, (reason, *_basis(window))

    prepaid_reason = _why_not_prepaid(policy, facts, rules)
    return Verdict(
        policy=policy,
        source=source,
        reasons=reasons,
        window_end_date=window.end_date if window else None,
        window_is_estimate=window.is_estimate if window else False,
        prepaid_eligible=prepaid_reason is None,
        prepaid_reason=prepaid_reason,
        rules_version=rules.version,
    )


def _judge_window(window: WindowEnd, facts: ItemFacts, rules: Rules) -> tuple[PolicyVerdict, Reason]:
    days = days_after_window(facts.requested_at, window_end_date=window.end_date, rules=rules)
    end = {"date": window.end_date.isoformat()}
    if days:
        code = "window_ended_estimate" if window.is_estimate else "window_ended"
        return PolicyVerdict.NOT_IN_POLICY, Reason(code, end | {"days": days})

    # A parcel can come before its estimated date: then the buyer has it, though the counting starts later.
    requested_date = local_day(facts.requested_at, rules.time_zone)
    has_come_early = facts.delivered_date is not None and facts.delivered_date <= requested_date
    if window.counted_from_date > requested_date and not has_come_early:
        return PolicyVerdict.IN_POLICY, Reason("not_delivered")
    code = "window_open_estimate" if window.is_estimate else "window_open"
    return PolicyVerdict.IN_POLICY, Reason(code, end)


def _own_window(window: WindowEnd | None) -> tuple[Reason, ...]:
    """Our window, to stand beside the file's verdict."""
    if window is None:
        return ()
    code = "own_window_estimate" if window.is_estimate else "own_window"
    return (Reason(code, {"date": window.end_date.isoformat()}), *_basis(window))


def _basis(window: WindowEnd) -> tuple[Reason, ...]:
    """What the window counts from, where that is not the carrier's word, and what made it longer."""
    day = {"date": window.counted_from_date.isoformat()}
    basis = []
    if window.is_estimate:
        basis.append(Reason("delivery_estimated", day))
    elif window.source == VerdictSource.SELLER:
        basis.append(Reason("delivery_stated", day))
    if window.is_seasonal:
        basis.append(Reason("ordered_in_season", {"date": window.end_date.isoformat()}))
    return tuple(basis)


def _why_not_prepaid(policy: PolicyVerdict, facts: ItemFacts, rules: Rules) -> Reason | None:
    """The first thing that stands against a prepaid label, or None when the item is eligible."""
    objections = [
        (policy == PolicyVerdict.NOT_IN_POLICY, Reason("prepaid_not_in_policy")),
        (policy == PolicyVerdict.UNKNOWN, Reason("prepaid_policy_unknown")),
    ]
    if facts.is_imported:
        # Read leniently: a label missed for its spelling would let somebody close what nobody may close.
        names_label = facts.reported_label_type.strip().casefold() == PREPAID_LABEL_TYPE.casefold()
        objections += [
            (not names_label, Reason("prepaid_not_in_file")),
            (facts.reported_in_policy is None, Reason("prepaid_file_policy_blank")),
        ]
    else:
        country = facts.country.upper()
        category = category_slug(facts.category)
        objections += [
            (not country, Reason("prepaid_country_unknown")),
            (not rules.home_country, Reason("prepaid_home_unknown")),
            (country != rules.home_country, Reason("prepaid_abroad", {"country": country})),
            (country not in rules.prepaid_countries, Reason("prepaid_not_offered", {"country": country})),
            (
                category in rules.prepaid_exempt_categories,
                Reason("prepaid_exempt_category", {"category": category}),
            ),
            (facts.sku in rules.prepaid_exempt_skus, Reason("prepaid_exempt_sku", {"sku": facts.sku})),
        ]
    return next((reason for holds, reason in objections if holds), None)


def judge_request(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict on a request from those on its items (at least one, else ValueError; all of one order).

    In policy if all items are, not in policy if any is not, else unknown; prepaid-eligible if any item is.
    The items with the request's own verdict decide the rest: their reasons, without repeats; the source (the
    marketplace's team, then what claims least: the seller's statement, our rules, the file); and the earliest of
    their windows, because until then, and only until then, every one of them was in time. Where none is eligible,
    `prepaid_reason` is the first of an in-policy item, else the first.
    """
    if not verdicts:
        raise ValueError("A request without items has no verdict.")
    policies = {verdict.policy for verdict in verdicts}
    if policies == {PolicyVerdict.IN_POLICY}:
        policy = PolicyVerdict.IN_POLICY
    elif PolicyVerdict.NOT_IN_POLICY in policies:
        policy = PolicyVerdict.NOT_IN_POLICY
    else:
        policy = PolicyVerdict.UNKNOWN

    deciding = [verdict for verdict in verdicts if verdict.policy == policy]
    sources = {verdict.source for verdict in deciding}
    windows = [(verdict.window_end_date, verdict.window_is_estimate) for verdict in deciding]
    end_date, is_estimate = min(
        ((end, is_estimate) for end, is_estimate in windows if end is not None), default=(None, False)
    )
    prepaid_eligible = any(verdict.prepaid_eligible for verdict in verdicts)
    in_policy_first = sorted(verdicts, key=lambda verdict: verdict.policy != PolicyVerdict.IN_POLICY)
    reasons: list[Reason] = []
    for verdict in deciding:
        reasons += [reason for reason in verdict.reasons if reason not in reasons]
    return Verdict(
        policy=policy,
        source=next(
            source
            for source in (
                VerdictSource.ADMIN,
                VerdictSource.SELLER,
                VerdictSource.RULES,
                VerdictSource.FILE,
            )
            if source in sources
        ),
        reasons=tuple(reasons),
        window_end_date=end_date,
        window_is_estimate=is_estimate,
        prepaid_eligible=prepaid_eligible,
        prepaid_reason=None if prepaid_eligible else in_policy_first[0].prepaid_reason,
        rules_version=verdicts[0].rules_version,
    )


# Clocks. Each returns the last instant in time, in UTC, or the last day in time.


def answer_due_at(requested_at: datetime, *, has_time: bool, rules: Rules) -> datetime:
    """Until when the seller should answer a request, or one that was reopened at `requested_at`."""
    return _after_hours(rules.answer_hours, requested_at, has_time=has_time, rules=rules)


def step_in_at(requested_at: datetime, *, has_time: bool, is_imported: bool, rules: Rules) -> datetime:
    """From when on a buyer may ask the marketplace to step in: business days, for imported requests hours."""
    if is_imported:
        return _after_hours(rules.imported_step_in_hours, requested_at, has_time=has_time, rules=rules)
    requested_date = local_day(requested_at, rules.time_zone)
    return end_of_day(business_day_after(requested_date, rules.step_in_business_days, rules), rules.time_zone)


def _after_hours(hours: int, start: datetime, *, has_time: bool, rules: Rules) -> datetime:
    if has_time:
        # In UTC, because adding to a local time would count the hour that a clock change skips or repeats.
        return start.astimezone(UTC) + timedelta(hours=hours)
    whole_days = -(-hours // 24)
    return end_of_day(local_day(start, rules.time_zone) + timedelta(days=whole_days), rules.time_zone)


def send_back_date(window_end_date: date | None, *, authorized_at: datetime, rules: Rules) -> date:
    """The last day to hand the parcel to the carrier, from the authorization alone if no window is known."""
    authorized_date = local_day(authorized_at, rules.time_zone)
    return max(window_end_date or authorized_date, authorized_date) + timedelta(days=rules.send_back_days)


def not_returned_at(send_back_date: date, rules: Rules) -> datetime:
    """After which instant an authorized request whose parcel was not handed over counts as not returned."""
    return end_of_day(send_back_date + timedelta(days=rules.not_returned_grace_days), rules.time_zone)


def refund_due_at(received_at: datetime, rules: Rules) -> datetime:
    """Until when the refund is due: calendar days after the day of receipt."""
    received_date = local_day(received_at, rules.time_zone)
    return end_of_day(received_date + timedelta(days=rules.refund_days), rules.time_zone)


def promise_due_date(today: date, rules: Rules) -> date:
    """The day proposed for a refund promised on `today` (a day in the marketplace's zone)."""
    return business_day_after(today, rules.promise_business_days, rules)


def promise_overdue_at(promise_due_date: date, rules: Rules) -> datetime:
    """After which instant a refund promised for `promise_due_date` is overdue."""
    return end_of_day(promise_due_date, rules.time_zone)


# Words

_SENTENCES = {
    "window_open": _("In policy until %(date)s"),
    "window_open_estimate": _("In policy until about %(date)s"),
    "window_ended": ngettext_lazy(
        "Window ended %(date)s; asked %(days)s day after it",
        "Window ended %(date)s; asked %(days)s days after it",
        "days",
    ),
    "window_ended_estimate": ngettext_lazy(
        "Window ended about %(date)s; asked %(days)s day after it",
        "Window ended about %(date)s; asked %(days)s days after it",
        "days",
    ),
    "not_delivered": _("In policy: not delivered yet when the return was asked for"),
    "dates_unknown": _("Unknown: neither the day of delivery nor the day of the order is known"),
    "file_in_policy": _("In policy, by the marketplace's file"),
    "file_not_in_policy": _("Not in policy, by the marketplace's file"),
    "own_window": _("Return window by our rules: until %(date)s"),
    "own_window_estimate": _("Return window by our rules: until about %(date)s"),
    "delivery_estimated": _("Delivery estimated for %(date)s; the carrier's date is not known"),
    "reassessed": _("Reassessed by the marketplace"),
    "delivery_stated": _("Delivered on %(date)s, as the seller states"),
    "prepaid_reassessed": _("No prepaid label: the marketplace has decided so"),
    "ordered_in_season": _("Ordered in a season whose returns are accepted until %(date)s"),
    "prepaid_not_in_policy": _("No prepaid label: not in policy"),
    "prepaid_policy_unknown": _("No prepaid label: it is not known whether the return is in policy"),
    "prepaid_not_in_file": _("No prepaid label: the marketplace's file names none"),
    "prepaid_file_policy_blank": _("No prepaid label: the marketplace's file does not say it is in policy"),
    "prepaid_country_unknown": _("No prepaid label: the country of the order is not known"),
    "prepaid_home_unknown": _("No prepaid label: the seller's country is not known"),
    "prepaid_abroad": _("No prepaid label: sent to %(country)s"),
    "prepaid_not_offered": _("No prepaid label: not offered in %(country)s"),
    "prepaid_exempt_category": _("No prepaid label: items of the category %(category)s are exempt"),
    "prepaid_exempt_sku": _("No prepaid label: the marketplace has exempted SKU %(sku)s"),
}


def _in_words(reason: Reason) -> str:
    words: dict[str, Any] = dict(reason.params)
    if "date" in words:
        words["date"] = format_day(date.fromisoformat(words["date"]))
    if "country" in words:
        words["country"] = active_locale().territories.get(words["country"], words["country"])
    template = _EXEMPT_CATEGORY_SENTENCES.get(words.get("category", ""), _SENTENCES[reason.code])
    return str(template % words)


_in_words_lazily = lazy(_in_words, str)


def sentence(reason: Reason) -> str:
    """A lazy text: the reason in words, without a full stop, in the language active when it becomes text.

    A reason of an unknown code raises KeyError then.
    """
    return _in_words_lazily(reason)
