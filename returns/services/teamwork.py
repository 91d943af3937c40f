"""What members do for each other: notes, whose a request is, and who has its decision open.

None of it is a move of the request: there is no event, no new version, and nobody is told.
"""

from datetime import timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..exceptions import Forbidden, Invalid, NotFound, SomebodyElseWasFirst
from ..models import Deciding, Note, ReturnRequest
from ..models.clock import database_now
from ..selectors.cases import Case
from ..selectors.common import list_colleagues
from ..selectors.teamwork import NOTE_REMOVABLE, list_deciding
from ..state_machine import Role, Status
from ..text import clean_text
from .moves import key_reused

NOTE_MAX = 2000
NO_COLLEAGUE = _("Choose somebody of the team who may decide.")
DECIDING = timedelta(minutes=2)
DECIDING_AGAIN = timedelta(minutes=1)


def _request_of(actor: Actor, reference: str) -> ReturnRequest:
    """The request, for a member of its team who may write; an admin is none."""
    if not actor.may_write:
        raise Forbidden(_("You may look at everything here, but not decide. Ask an owner of the team."))
    request = ReturnRequest.objects.for_actor(actor).filter(reference=reference).first()
    if request is None or actor.role != Role.SELLER:
        raise NotFound(_("This page does not exist, or it is not yours."))
    return request


# --- Notes


def add_note(actor: Actor, *, reference: str, text: str, key: str) -> Note:
    """Keep a note of the team's: plain text, its lines kept, 1 to `NOTE_MAX` characters.

    `key`: the form's idempotency key; the same form sent twice keeps one note.
    """
    request = _request_of(actor, reference)
    cleaned = clean_text(text, keep_lines=True)
    sentence = None
    if not cleaned:
        sentence = _("Write the note first.")
    elif len(cleaned) > NOTE_MAX:
        sentence = _("Shorten the note to 2,000 characters.")
    if sentence is not None:
        raise Invalid(sentence, {"text": sentence})
    new = Note(request=request, author_id=actor.own_user_id, text=cleaned, idempotency_key=key)
    Note.objects.bulk_create([new], ignore_conflicts=True)
    note = Note.objects.get(request=request, idempotency_key=key)
    if (note.author_id, note.text) != (actor.user_id, cleaned):
        raise key_reused()
    return note


def remove_note(actor: Actor, *, reference: str, note_id: int) -> None:
    """Take the own note away, within `NOTE_REMOVABLE`: a slip goes, what the team has read stays."""
    notes = _request_of(actor, reference).notes.filter(pk=note_id)
    own = notes.filter(author_id=actor.user_id)
    if own.filter(created_at__gt=database_now() - NOTE_REMOVABLE).delete()[0]:
        return
    if own.exists():
        raise Forbidden(_("A note can be removed for 10 minutes. Write another one that says what changed."))
    if notes.exists():
        raise Forbidden(_("Only who wrote a note can remove it."))
    raise NotFound(_("This note does not exist, or it was removed already."))


# --- Whose a request is


def assign_return(actor: Actor, *, reference: str, assignee_id: int | None, was_id: int | None) -> str:
    """Give the request to a colleague who may decide, or (None) to nobody; answers the name, or "".

    `was_id`: who had it when the form was drawn; `SomebodyElseWasFirst` when it went to another one meanwhile.
    """
    with transaction.atomic():
        request = _request_of(actor, reference)
        name = ""
        if assignee_id is not None:
            # Locked, so that a colleague who is being removed does not get it after all (`release`).
            seats = list_colleagues(request.seller_id).filter(user_id=assignee_id)
            seat = seats.select_for_update(of=("self",), no_key=True).first()
            if seat is None:
                raise Invalid(NO_COLLEAGUE, {"assignee": NO_COLLEAGUE})
            name = str(seat.user)
        drawn = ReturnRequest.objects.filter(pk=request.pk, assignee_id=was_id)
        if not drawn.update(assignee_id=assignee_id):
            has_it = ReturnRequest.objects.select_related("assignee").get(pk=request.pk).assignee
            if has_it is None and assignee_id is not None:
                raise SomebodyElseWasFirst(_("Meanwhile this request was assigned to nobody."))
            if has_it is not None and has_it.pk != assignee_id:
                raise SomebodyElseWasFirst(
                    _("Meanwhile this request was assigned to %(name)s.") % {"name": has_it}
                )
    return name


def release(seller_id: int, user_id: int) -> None:
    """Nobody has what this member had: for one who may no longer decide. Inside the transaction that says so."""
    theirs = ReturnRequest.objects.filter(seller_id=seller_id, assignee_id=user_id)
    # Locked in the order in which decisions lock, too.
    list(theirs.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    theirs.update(assignee=None)


# --- Who decides just now


def begin_deciding(actor: Actor, case: Case) -> str:
    """Note that this member has a decision of the request open; answers which colleague has so, too, or "".

    It keeps nobody from deciding: the lock does. Written at most once a minute while the form is used, and never
    for who only looks.
    """
    if actor.role != Role.SELLER or case.request.status != Status.AUTHORIZATION_REQUIRED:
        return ""
    marks = {mark.user_id: mark for mark in list_deciding(case).select_related("user")}
    own = marks.pop(actor.own_user_id, None)
    if actor.may_write and (own is None or own.until < case.now + DECIDING_AGAIN):
        Deciding.objects.bulk_create(
            [
                Deciding(
                    request=case.request,
                    user_id=actor.own_user_id,
                    version=case.request.version,
                    until=case.now + DECIDING,
                )
            ],
            update_conflicts=True,
            unique_fields=["request", "user"],
            update_fields=["version", "until"],
        )
    return str(next(iter(marks.values())).user) if marks else ""
