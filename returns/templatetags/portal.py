"""Template tags of every page: icons, money, days, moments and what is left of a deadline."""

from datetime import date, datetime, timedelta

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, ngettext

from ..dates import format_day, format_moment
from ..money import format_money
from ..payouts import get_backend

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


@register.simple_tag
def refund_button() -> str:
    """What the button does: the shop pays what is refunded, or a person writes down what was paid elsewhere."""
    return gettext("Refund") if get_backend().pays_by_itself else gettext("Record a refund")


@register.simple_tag
def refund_hint() -> str:
    """Who pays a refund: who pays again what the shop pays, or waits for a shop that does not, has read it here."""
    if get_backend().pays_by_itself:
        return gettext("The shop pays what you enter here. Do not pay it yourself as well.")
    return gettext("Write down what you refunded elsewhere. No money is paid from here.")


@register.simple_tag
def concession_hint() -> str:
    """Who pays a concession, as `refund_button` says it of a refund."""
    if get_backend().pays_by_itself:
        return gettext("The shop pays it; you see here whether it was paid.")
    return gettext("Pay it where you always do; here it is recorded with today's date.")


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
