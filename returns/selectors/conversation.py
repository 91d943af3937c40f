"""What buyer and seller wrote to each other about a request, and the message that tells a cost before it arises."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import translation
from django.utils.translation import gettext as _

from ..actors import Actor
from ..advice import MESSAGE, Payer
from ..models import Photo, ReturnEvent
from ..state_machine import Action, Role
from .advising import costs_of, find_advice
from .cases import Case
from .seller_pages import buyer_language


@dataclass(frozen=True, slots=True)
class Written:
    """One message. `is_own`: the reader's side wrote it."""

    who: str
    is_own: bool
    at: datetime
    text: str
    photos: list[Photo]


def conversation_of(
    case: Case, actor: Actor, events: Sequence[ReturnEvent], read: Sequence[Photo] | None = None
) -> list[Written]:
    """The messages among these events of the request, oldest first; one query, none without a message.

    `events` have been read with their words, and for the seller's side with who acted. `read`: the photos of the
    request, where a page has read them.
    """
    written = sorted((event for event in events if event.action == Action.WRITE), key=lambda one: one.version)
    photos: dict[int | None, list[Photo]] = defaultdict(list)
    if written and read is None:
        read = list(Photo.objects.for_actor(actor).filter(event__in=written).order_by("pk"))
    for photo in read or ():
        photos[photo.event_id].append(photo)
    by_buyer = actor.role == Role.BUYER
    return [
        Written(
            who=_who(event, case, actor),
            is_own=(event.role == Role.BUYER) == by_buyer,
            at=event.occurred_at,
            text=event.text,
            photos=photos[event.pk],
        )
        for event in written
    ]


def _who(event: ReturnEvent, case: Case, actor: Actor) -> str:
    """By name, as far as the reader may know it: a member's name stays with the team."""
    if event.role == Role.BUYER:
        return _("You") if actor.role == Role.BUYER else case.request.order.buyer.name or _("The buyer")
    if event.role == Role.ADMIN:
        return case.settings.name
    return str(event.user) if actor.role == Role.SELLER else case.seller.name


def draft_about_cost(case: Case) -> str:
    """A message in the buyer's language that tells what the return would cost; nothing where it would not matter."""
    advice = find_advice(case)
    if advice is None or advice.payer != Payer.BUYER:
        return ""
    line = case.items[0].order_item
    with translation.override(buyer_language(case)):
        return str(MESSAGE % {"title": line.title or line.sku, **costs_of(case, advice)})
