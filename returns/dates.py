"""Days, moments and lists in a reader's words, by Babel, in the active language and time zone.

Written the way the design writes them (22 Nov, 19:00 EST · 11月22日 19:00 UTC-5): day before month, 24 hours, the
year only when it is not this one, and the zone always named.
"""

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache

from babel import Locale
from babel.dates import format_skeleton, get_datetime_format, get_timezone_name
from babel.lists import format_list as babel_list
from django.utils import timezone
from django.utils.translation import get_language, to_locale

# British English writes the day before the month; American English knows the zones' short names.
_DATE_LOCALES = {"en": Locale("en", "GB"), "zh-hans": Locale("zh", "CN", script="Hans")}


def active_locale() -> Locale:
    """The Babel locale of the active language."""
    return Locale.parse(to_locale(get_language() or "en"))


def _date_locale() -> Locale:
    return _DATE_LOCALES.get(get_language() or "en", _DATE_LOCALES["en"])


def format_list(names: Sequence[str]) -> str:
    """The names as the active language lists them: "A, B and C", “A、B和C”."""
    return babel_list(names, locale=active_locale())


def format_day(day: date) -> str:
    """The day: 9 Nov, or 9 Nov 2025 in another year."""
    skeleton = "MMMd" if day.year == timezone.localdate().year else "yMMMd"
    return _in_words(day, skeleton, _date_locale())


@lru_cache(maxsize=1000)
def _in_words(day: date, skeleton: str, locale: Locale) -> str:
    """Babel reads its patterns anew for each day, and a list of 50 rows names more than 200."""
    return format_skeleton(skeleton, day, locale=locale)


def format_moment(moment: datetime) -> str:
    """Day, time and zone: a moment that leaves no question open."""
    local = timezone.localtime(moment)
    clock = f"{local:%H:%M} {_zone_name(local)}"
    # A text with {0} and {1}, though Babel's annotation says a pattern.
    joined = str(get_datetime_format(locale=_date_locale()))
    return joined.format(clock, format_day(local.date()))


def _zone_name(moment: datetime) -> str:
    """The zone's usual short name where the language has one (EST, CET), else its distance from UTC (UTC+8)."""
    name = get_timezone_name(moment, width="short", locale=active_locale())
    if name[0] not in "+-":
        return name
    hours, minutes = int(name[1:3]), name[3:]
    return f"UTC{name[0]}{hours}" + ("" if minutes == "00" else f":{minutes}")
