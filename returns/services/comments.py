"""Comments to buyers that a seller's team keeps to use again: owners and agents write them."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, transaction
from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..exceptions import Forbidden, Invalid, NotFound
from ..models import ClosureReason, SavedComment, Seller
from ..models.people import Language
from ..models.reasons import ClosureAudience
from ..text import clean_text, is_readable
from .words import clean_comments

MOST = 100  # of one team: the close form holds all that fit its reason
NAME_MAX = 100
NAME_FROM_TEXT = 40

logger = logging.getLogger(__name__)


@contextmanager
def _team(actor: Actor) -> Iterator[Seller]:
    """The actor's team, locked: of two members who save at once, the second finds the first's text."""
    if actor.seller_id is None or not actor.may_write:
        raise Forbidden(_("You may look at everything here, but not decide. Ask an owner of the team."))
    with transaction.atomic():
        yield Seller.objects.select_for_update(no_key=True).get(pk=actor.seller_id)


def save_comment(
    actor: Actor, *, name: str, text: str, language: str, reason_code: str = "", comment_id: int | None = None
) -> SavedComment:
    """Keep a text for the closings with `reason_code` ("": with any reason), or change the one of `comment_id`.

    `Invalid.errors` names the fields `name`, `comments` (the text) and `reason`, and "" where the team has `MOST`
    already.
    """
    name, text = clean_text(name), clean_comments(text, is_required=True)
    with _team(actor) as team:
        kept = team.saved_comments
        comment = SavedComment(seller=team)
        if comment_id is not None:
            comment = _one_of(team, comment_id)
        elif kept.count() >= MOST:
            raise Invalid(_("Your team keeps 100 texts, the most there can be. Remove one first."))
        if not 0 < len(name) <= NAME_MAX:
            raise _wrong("name", _("Give the text a name of at most 100 characters."))
        if kept.filter(language=language, name=name).exclude(pk=comment.pk).exists():
            raise _wrong("name", _("There is a text of this name in this language. Choose another name."))
        comment.name, comment.text, comment.language = name, text, language
        comment.reason = _reason(reason_code)
        if comment.pk is None:
            comment.save(force_insert=True)
        else:
            comment.save(update_fields=["name", "text", "language", "reason"])
    return comment


def remove_comment(actor: Actor, *, comment_id: int) -> SavedComment:
    """Take a text away; answers what it was. Messages that it went into stay as they are."""
    with _team(actor) as team:
        comment = _one_of(team, comment_id)
        comment.delete()
    return comment


def keep_comments(
    actor: Actor, *, name: str, text: str, reason_code: str, language: str
) -> SavedComment | None:
    """Save the comments of a closing that is done, for its reason; None where they could not be saved.

    Raises nothing: the decision stands, whatever comes of this. Without a name the text's first words are one;
    a name that is taken gets a number, and a text that is kept already is not kept twice. `language` is the
    buyer's; a text whose script does not fit it is kept in the other one.
    """
    text = clean_text(text, keep_lines=True)
    name = clean_text(name, NAME_MAX) or clean_text(text, NAME_FROM_TEXT)
    language = next(one for one in (language, *Language.values) if is_readable(text, one))
    try:
        with _team(actor) as team:
            kept = team.saved_comments
            same = kept.filter(language=language, text=text, reason__code=reason_code).first()
            if same is not None:
                return same
            taken = set(kept.filter(language=language).values_list("name", flat=True))
            return save_comment(
                actor, name=_free_name(name, taken), text=text, language=language, reason_code=reason_code
            )
    except (Invalid, Forbidden, DatabaseError) as problem:
        logger.warning("comments of a closing were not saved: %s", type(problem).__name__)
        return None


def _free_name(name: str, taken: set[str]) -> str:
    names = (name, *(f"{name[: NAME_MAX - 6]} ({number})" for number in range(2, MOST + 2)))
    return next(one for one in names if one not in taken)


def _one_of(team: Seller, comment_id: int) -> SavedComment:
    comment = team.saved_comments.filter(pk=comment_id).first()
    if comment is None:
        raise NotFound(_("This page does not exist, or it is not yours."))
    return comment


def _reason(code: str) -> ClosureReason | None:
    if not code:
        return None
    reason = ClosureReason.objects.filter(code=code, audience=ClosureAudience.SELLER).first()
    if reason is None:
        raise _wrong("reason", _("Choose a return reason from the list."))
    return reason


def _wrong(field: str, sentence: Any) -> Invalid:
    return Invalid(sentence, {field: sentence})
