"""The comments that a seller's team keeps, as its pages offer them."""

from dataclasses import dataclass

from django.db.models import QuerySet

from ..actors import Actor
from ..models import SavedComment
from ..models.people import Language


@dataclass(frozen=True, slots=True)
class InLanguage:
    """The texts of one language, those of the chosen reason before those of any."""

    language: str
    label: str
    comments: list[SavedComment]


def list_saved_comments(actor: Actor) -> QuerySet[SavedComment]:
    return SavedComment.objects.for_actor(actor).select_related("reason").order_by("language", "name")


def offer_saved_comments(actor: Actor, reason_code: str, language: str) -> list[InLanguage]:
    """What fits a closing with `reason_code` ("": none is chosen yet), the buyer's `language` first."""
    found: dict[str, list[SavedComment]] = {language: [], **{other: [] for other in Language.values}}
    for comment in list_saved_comments(actor):
        if comment.reason is None or comment.reason.code == reason_code:
            found[comment.language].append(comment)
    return [
        InLanguage(code, str(Language(code).label), sorted(comments, key=lambda one: one.reason is None))
        for code, comments in found.items()
        if comments
    ]


def find_saved_comment(actor: Actor, identity: str) -> SavedComment | None:
    """The text that a select's value names, if it is there and the actor's."""
    if not identity.isdecimal() or len(identity) > 18:
        return None
    return SavedComment.objects.for_actor(actor).filter(pk=int(identity)).first()
