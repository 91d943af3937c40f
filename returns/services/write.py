"""Writing to each other: a message of the buyer's to the seller, or of the seller's side to the buyer.

It changes nothing of a request but its version, so that it can be written in any status, and while a decision can
still be undone.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..exceptions import Invalid, TooMany
from ..models import Deciding, ReturnEvent
from ..selectors.cases import Case
from ..state_machine import Action, Role, Status
from ..text import clean_text
from .moves import Move, make_move
from .photos import PhotoFile, add_photos_of_event
from .words import COMMENTS_MAX

MOST_OF_BUYER = 20
WITHIN = timedelta(hours=1)


def write_message(
    actor: Actor,
    *,
    reference: str,
    comments: str,
    photos: Sequence[PhotoFile] = (),
    key: str = "",
    is_preview: bool = False,
    case: Case | None = None,
) -> ReturnEvent:
    """Write a message: plain text of 1 to 2,000 characters, with the stored `photos`; the other side is told.

    `TooMany` for a buyer who wrote 20 messages about this request within an hour.
    """
    text = clean_text(comments, keep_lines=True)

    def plan(case: Case) -> Move:
        if not is_preview:
            check_number(case, actor)
        return Move(case=case, action=Action.WRITE, status=Status(case.request.status))

    def move() -> ReturnEvent:
        return make_move(
            actor,
            reference=reference,
            action=Action.WRITE,
            plan=plan,
            text=text,
            key=key,
            is_preview=is_preview,
            case=case,
        )

    if is_preview:
        return move()
    _check_length(text)
    with transaction.atomic():
        event = move()
        add_photos_of_event(event, photos)
        # Who has a decision open goes on with it: a message decides nothing.
        Deciding.objects.filter(request_id=event.request_id, version=event.version - 1).update(
            version=event.version
        )
    return event


def _check_length(text: str) -> None:
    sentence = None
    if not text:
        sentence = _("Write your message first.")
    elif len(text) > COMMENTS_MAX:
        sentence = _("Shorten your message to 2,000 characters.")
    if sentence is not None:
        raise Invalid(sentence, {"comments": sentence})


def check_number(case: Case, actor: Actor) -> None:
    """`TooMany` where the buyer may not write now.

    Counted in the ledger; under the request's lock no two messages are the last one that is allowed.
    """
    if actor.role != Role.BUYER:
        return
    written = case.request.events.filter(
        action=Action.WRITE, role=Role.BUYER, recorded_at__gt=case.now - WITHIN
    ).order_by("-version")
    oldest = written.values_list("recorded_at", flat=True)[MOST_OF_BUYER - 1 : MOST_OF_BUYER].first()
    if oldest is not None:
        sentence = _("You have written 20 messages within an hour. Please wait a while, then write again.")
        wait = oldest + WITHIN - case.now
        raise TooMany(sentence, retry_after=max(1, round(wait.total_seconds())))
