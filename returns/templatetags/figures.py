"""Figures in the reader's words, and charts that the server draws."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from babel.numbers import format_decimal, format_percent
from django import template
from django.utils.translation import gettext

from ..dates import active_locale, format_day
from ..selectors.overview import Count, DayOfAnswers

register = template.Library()

BARS_HEIGHT = 100  # px of the tallest bar


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: `x` and `width` in percent of the chart, `y` and `height` in px, as SVG writes them."""

    day: date
    label: str
    x: str
    middle: str
    width: str
    y: int
    height: int


@register.filter
def number(value: int) -> str:
    return format_decimal(value, locale=active_locale())


@register.filter
def count(value: Count) -> str:
    """1,234, or 1,000+ where counting ended."""
    return (
        gettext("%(number)s+") % {"number": number(value.number)} if value.is_more else number(value.number)
    )


@register.filter
def percent(share: float) -> str:
    """A share of 1 as whole percent."""
    return format_percent(share, "#,##0%" if share >= 0.01 else "#,##0.0%", locale=active_locale())


@register.filter
def duration(value: timedelta) -> str:
    """A length of time in words of at most two units: 3 h 20 min."""
    hours, minutes = divmod(round(value.total_seconds() / 60), 60)
    days, rest = divmod(hours, 24)
    if days >= 2:
        return gettext("%(days)d d %(hours)d h") % {"days": days, "hours": rest}
    if hours and not minutes:
        return gettext("%(hours)d h") % {"hours": hours}
    if hours:
        return gettext("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": minutes}
    return gettext("%(minutes)d min") % {"minutes": minutes}


@register.inclusion_tag("_day_bars.html")
def day_bars(days: Sequence[DayOfAnswers]) -> dict[str, Any]:
    """A bar for each day, oldest first; the tallest is as high as the chart. At least one day has answers."""
    most = max(days, key=lambda one: one.answers.number)
    pitch = 100 / len(days)
    bars = []
    for place, one in enumerate(days):
        height = round(one.answers.number / most.answers.number * BARS_HEIGHT)
        bars.append(
            Bar(
                day=one.day,
                label=count(one.answers),
                x=f"{(place + 0.14) * pitch:.2f}%",
                middle=f"{(place + 0.5) * pitch:.2f}%",
                width=f"{pitch * 0.72:.2f}%",
                y=16 + BARS_HEIGHT - height,
                height=height,
            )
        )
    return {
        "bars": bars,
        "are_labelled": most.answers.number < 1000,
        "base": 16 + BARS_HEIGHT,
        "below": 16 + BARS_HEIGHT + 14,
        "height": 16 + BARS_HEIGHT + 20,
        "most": count(most.answers),
        "most_day": format_day(most.day),
        "first_day": format_day(days[0].day),
        "last_day": format_day(days[-1].day),
    }
