"""Days and moments in a reader's words, by Babel."""

from datetime import date, datetime

from babel import Locale
from babel.dates import format_date, format_datetime
from django.utils import timezone
from django.utils.translation import get_language, to_locale


def active_locale() -> Locale:
    """The Babel locale of the active language."""
    return Locale.parse(to_locale(get_language() or "en"))


def format_day(day: date) -> str:
    """The day in the active language: "9 Nov 2026" as the locale writes it."""
    return format_date(day, format="medium", locale=active_locale())


def format_moment(moment: datetime) -> str:
    """Day, time and zone in the active language and time zone: a moment that leaves no question open."""
    local = timezone.localtime(moment)
    day = format_datetime(local, format="medium", locale=active_locale())
    return f"{day} {local.tzname()}"
