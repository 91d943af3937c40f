"""Template tags of every page: icons, money, days, moments and what is left of a deadline."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from threading import Lock
from typing import Any

from django import template
from django.template import Context
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, ngettext

from ..dates import format_day, format_moment
from ..money import format_money

register = template.Library()

SOON = timedelta(hours=4)


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
    return "" if amount_minor is None else format_money(amount_minor, currency, get_language() or "en")


@register.simple_tag
def day(value: date | datetime | None) -> SafeString | str:
    """A day as <time>; of a datetime, its day in the active zone. Nothing for nothing."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        value = timezone.localtime(value).date()
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), format_day(value))


@register.simple_tag
def moment(value: date | datetime | None) -> SafeString | str:
    """A moment as <time>, absolute and with its zone. A bare date (a file's day) stays a day."""
    if not isinstance(value, datetime):
        return day(value)
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}">{}</time>', local.isoformat(timespec="seconds"), format_moment(local)
    )


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


class Kept:
    """HTML that was drawn lately, by all that it is made of; the `limit` pieces that were asked for last."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.pieces: OrderedDict[tuple[Any, ...], SafeString] = OrderedDict()
        self.lock = Lock()

    def get(self, key: tuple[Any, ...], draw: Callable[[], SafeString]) -> SafeString:
        """The piece of this key, drawn if need be. Two who need it at once both draw it, and draw the same."""
        with self.lock:
            if key in self.pieces:
                self.pieces.move_to_end(key)
                return self.pieces[key]
        drawn = draw()
        with self.lock:
            self.pieces[key] = drawn
            while len(self.pieces) > self.limit:
                self.pieces.popitem(last=False)
        return drawn


kept_rows = Kept(1000)  # about 6 KB each
kept_filters = Kept(100)


@register.simple_tag(takes_context=True)
def drawn_rows(context: Context, rows: list[Any]) -> list[SafeString]:
    """Each of the list's rows (`seller_pages.Undrawn`) by `_returns_row.html`.

    Making and drawing 50 rows costs several times as much as all else of a page, and most rows of a queue look as
    they did a moment ago: those drawn lately are kept under everything that their HTML is made of. What time does
    to a row is words with minutes in them, so a row is kept for the minute that it was drawn in.
    """
    reader = (
        context["now"].replace(second=0, microsecond=0),
        context["here"],
        context["show_status"],
        get_language(),
        timezone.get_current_timezone_name(),
    )
    return [
        draw_row(context, row.row())
        if row.key is None
        else kept_rows.get((*row.key, *reader), lambda row=row: draw_row(context, row.row()))
        for row in rows
    ]


def draw_row(context: Context, row: Any) -> SafeString:
    with context.push(row=row):
        return _draw(context, "_returns_row.html")


@register.simple_tag(takes_context=True)
def drawn_filters(context: Context) -> SafeString:
    """Search and filters by `_filters.html`: eleven fields with sixty choices, which most pages have alike."""
    form = context["filter_form"]
    key = (
        get_language(),
        context["is_filtered"],
        context["clear_url"],
        *((chip.label, chip.remove_url) for chip in context["chips"]),
        *((name, *values) for name, values in form.data.lists()),
        *form.fields["reason"].choices,
        *form.fields["assignee"].choices,
    )
    return kept_filters.get(key, lambda: _draw(context, "_filters.html"))


def _draw(context: Context, template: str) -> SafeString:
    return context.template.engine.get_template(template).render(context)
