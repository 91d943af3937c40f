"""What pages of returns show about messages: what one will say, and what became of those that were made."""

from collections.abc import Sequence
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

from returns.models import Order, Refund, ReturnEvent, User
from returns.models.money import RefundCause
from returns.models.people import Language
from returns.selectors.cases import Case

from ..audience import NO_ADDRESS, OWN_ACT, SHOW_TO_COPY, TURNED_OFF
from ..letters import OF_CONCESSION, Letters, Preview, preview_of, preview_of_concession
from ..models import WAITING, Kind, MailboxEntry, Message, RecipientType, State
from ..rendering import MessageFacts, day_in_words, moment_in_words, render, subject_of

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
def concession_preview(planned: Refund | None) -> Preview | None:
    """What the buyer will read of a concession that is only planned; None without one, or without a buyer."""
    return preview_of_concession(planned) if planned else None


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
    letters, entries = Letters(case, users), _entries(messages)
    return [_sent(message, letters.facts(message), users, entries) for message in messages]


@register.simple_tag
def messages_of_order(order: Order) -> list[Sent]:
    """What the buyer was told of the concessions of one order, newest first. The page has checked who may see it."""
    concessions = Refund.objects.filter(order_item__order=order, cause=RefundCause.CONCESSION)
    given = concessions.select_related(*OF_CONCESSION).in_bulk()
    about = Message.objects.filter(kind=Kind.REFUND_ISSUED, event__isnull=True, about_id__in=given)
    messages = list(about.order_by("-pk")[:MOST_MESSAGES])
    if not messages:
        return []
    letters, entries = Letters(), _entries(messages)
    return [
        _sent(message, letters.facts_of_concession(given[message.about_id or 0]), {}, entries)
        for message in messages
    ]


def _entries(messages: Sequence[Message]) -> dict[str, int]:
    """Where the demo's mailbox has these messages, by Message-ID."""
    if not (settings.DEMO and settings.MAILBOX):
        return {}
    wanted = [message.message_id for message in messages]
    return dict(MailboxEntry.objects.filter(message_id__in=wanted).values_list("message_id", "pk"))


def _sent(message: Message, facts: MessageFacts, users: dict[int, User], entries: dict[str, int]) -> Sent:
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
