"""Template tags of every page: icons, money, days, moments and what is left of a deadline.

Dates are written the way the design writes them (22 Nov, 19:00 EST · 11月22日 19:00 UTC-5): day before month,
24 hours, the year only when it is not this one, and always in the active time zone, which is named.
"""

from datetime import date, datetime, timedelta

from babel import Locale
from babel.dates import format_skeleton, get_datetime_format, get_timezone_name
from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, ngettext

from ..money import format_money

register = template.Library()

DATE_LOCALES = {"en": Locale("en", "GB"), "zh-hans": Locale("zh", "CN", script="Hans")}
ZONE_LOCALES = {"en": Locale("en", "US"), "zh-hans": Locale("zh", "CN", script="Hans")}
SOON = timedelta(hours=4)


def _language() -> str:
    language = get_language() or "en"
    return language if language in DATE_LOCALES else "en"


def _day_in_words(day: date) -> str:
    skeleton = "MMMd" if day.year == timezone.localdate().year else "yMMMd"
    return format_skeleton(skeleton, day, locale=DATE_LOCALES[_language()])


def _zone_in_words(moment: datetime) -> str:
    """The zone's short name where the language has one (EST, CET), else its distance from UTC (UTC+8)."""
    name = get_timezone_name(moment, width="short", locale=ZONE_LOCALES[_language()])
    if name[0] not in "+-":
        return name
    hours, minutes = int(name[1:3]), name[3:]
    return f"UTC{name[0]}{hours}" + ("" if minutes == "00" else f":{minutes}")


@register.simple_tag
def icon(name: str) -> SafeString:
    """One icon of `static/icons/sprite.svg`, hidden from assistive technology: words stand beside it."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static("icons/sprite.svg"),
        name,
    )


@register.simple_tag
def money(amount_minor: int | None, currency: str) -> str:
    """Whole minor units in the active language: $8.99. Nothing for an amount that is not known."""
    return "" if amount_minor is None else format_money(amount_minor, currency, _language())


@register.simple_tag
def day(value: date | datetime | None) -> SafeString | str:
    """A day as <time>; of a datetime, its day in the active zone. Nothing for nothing."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        value = timezone.localtime(value).date()
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), _day_in_words(value))


@register.simple_tag
def moment(value: date | datetime | None) -> SafeString | str:
    """A moment as <time>, absolute and with its zone. A bare date (a file's day) stays a day."""
    if not isinstance(value, datetime):
        return day(value)
    local = timezone.localtime(value)
    clock = f"{local:%H:%M} {_zone_in_words(local)}"
    words = get_datetime_format(locale=DATE_LOCALES[_language()]).format(clock, _day_in_words(local.date()))
    return format_html('<time datetime="{}">{}</time>', local.isoformat(timespec="seconds"), words)


def _overdue(hours: int, minutes: int) -> str:
    if hours >= 48:
        days = hours // 24
        return ngettext("Overdue by %(days)d day", "Overdue by %(days)d days", days) % {"days": days}
    if hours:
        return gettext("Overdue by %(hours)d h") % {"hours": hours}
    return gettext("Overdue by %(minutes)d min") % {"minutes": max(minutes, 1)}


def _left(hours: int, minutes: int) -> str:
    if hours >= 48:
        days = hours // 24
        return ngettext("%(days)d day left", "%(days)d days left", days) % {"days": days}
    if hours >= 10 or (hours and not minutes):
        return gettext("%(hours)d h left") % {"hours": hours}
    if hours:
        return gettext("%(hours)d h %(minutes)d min left") % {"hours": hours, "minutes": minutes}
    return gettext("%(minutes)d min left") % {"minutes": max(minutes, 1)}


@register.simple_tag
def left(due_at: datetime, now: datetime) -> str:
    """What is left of a deadline, or by how much it is overdue, in words of at most two units."""
    hours, minutes = divmod(abs(int((due_at - now).total_seconds())) // 60, 60)
    return _overdue(hours, minutes) if due_at < now else _left(hours, minutes)


@register.filter
def urgency(due_at: datetime, now: datetime) -> str:
    """`late`, `soon` (the last four hours, when sellers are reminded) or `calm`: beside words."""
    if due_at < now:
        return "late"
    return "soon" if due_at - now <= SOON else "calm"
