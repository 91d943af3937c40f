"""What pages of returns show about messages: what one will say, and what became of those that were made."""

from dataclasses import dataclass
from datetime import date, datetime

from django import template
from django.conf import settings
from django.db.models import OuterRef, Subquery
from django.db.models.functions import JSONObject
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from returns.models import ReturnEvent, User
from returns.models.people import Language
from returns.selectors.cases import Case

from ..audience import NO_ADDRESS, OWN_ACT, SHOW_TO_COPY, TURNED_OFF
from ..letters import Letters, Preview, preview_of
from ..models import WAITING, MailboxEntry, Message, RecipientType, State
from ..rendering import day_in_words, moment_in_words, render, subject_of

register = template.Library()

MOST_MESSAGES = 50


@dataclass(frozen=True, slots=True)
class Sent:
    """One message of a request and what became of it; `text` only where it is there to be copied."""

    subject: str
    recipient: str
    at: datetime | None
    state: str
    state_label: str
    url: str = ""
    text: str = ""


@register.filter
def in_full(value: date | datetime | None) -> str:
    """A day, or a moment with its zone, with its year whatever the year: for what is kept for long."""
    language = get_language() or Language.ENGLISH.value
    if isinstance(value, datetime):
        return moment_in_words(value, language, timezone.get_current_timezone_name())
    return day_in_words(value, language) if value else ""


@register.simple_tag
def message_preview(planned: ReturnEvent | None, undo_seconds: int = 0) -> Preview | None:
    """What the buyer will read of an event that is only planned; None without one, or without a message."""
    return preview_of(planned, undo_seconds)


@register.simple_tag
def message_previews(planned: list[ReturnEvent], undo_seconds: int = 0) -> list[Preview]:
    """What the buyers of several planned events will read, each once; nothing for an event without a message."""
    letters = Letters() if planned else None
    previews = [preview_of(event, undo_seconds, letters) for event in planned]
    return [preview for preview in previews if preview is not None]


@register.simple_tag
def messages_of(case: Case) -> list[Sent]:
    """The messages of one request, newest first. The page has checked who may see the request."""
    # Members come along: what is said to them needs no more of them.
    member = User.objects.filter(pk=OuterRef("recipient_id")).values(
        said=JSONObject(**{name: name for name in ("id", "name", "email", "time_zone", "is_staff")})
    )
    messages = list(
        Message.objects.filter(event__request=case.request)
        .annotate(member=Subquery(member))
        .select_related("event__comments")
        .order_by("-pk")[:MOST_MESSAGES]
    )
    for message in messages:
        assert message.event is not None
        message.event.request = case.request
    users = {
        message.recipient_id: User(**message.member)
        for message in messages
        if message.recipient_type == RecipientType.USER and message.member
    }
    letters = Letters(case, users)
    entries: dict[str, int] = {}
    if settings.DEMO and settings.MAILBOX:
        wanted = [message.message_id for message in messages]
        entries = dict(MailboxEntry.objects.filter(message_id__in=wanted).values_list("message_id", "pk"))
    return [_sent(message, letters, users, entries) for message in messages]


def _sent(message: Message, letters: Letters, users: dict[int, User], entries: dict[str, int]) -> Sent:
    facts = letters.facts(message)
    is_to_copy = message.status == State.SUPPRESSED and message.last_code in (SHOW_TO_COPY, NO_ADDRESS)
    entry = entries.get(message.message_id)
    to_buyer = message.recipient_type == RecipientType.BUYER
    return Sent(
        subject=subject_of(message.kind, message.language, facts),
        recipient=_("Buyer") if to_buyer else str(users.get(message.recipient_id, "")),
        at=message.sent_at,
        state=_state(message),
        state_label=state_in_words(message),
        url=reverse("mailbox-message", kwargs={"pk": entry}) if entry else "",
        text=render(message.kind, message.language, facts).text if is_to_copy else "",
    )


def _state(message: Message) -> str:
    if message.status == State.SENT:
        return "sent"
    if message.status in (*WAITING, State.SENDING):
        return "waiting"
    return "failed" if message.status == State.PARKED else "not_sent"


def state_in_words(message: Message) -> str:
    """What became of a message, and why where it was not sent."""
    if message.status != State.SUPPRESSED:
        return str(State(message.status).label)
    return {
        SHOW_TO_COPY: _("Not sent from here: copy it"),
        NO_ADDRESS: _("Not sent: no e-mail address"),
        TURNED_OFF: _("Not sent: turned off"),
        OWN_ACT: _("Not sent: own act"),
    }.get(message.last_code, str(State.SUPPRESSED.label))
