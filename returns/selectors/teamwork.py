"""What a team sees of its own work on a request: whose it is, who has its decision open, and its notes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import QuerySet

from ..actors import Actor
from ..models import Deciding, Note, ReturnRequest
from ..state_machine import Role, Status
from .cases import Case

NOTE_REMOVABLE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside a request in a row: whose it is, which colleague decides it now, and, in a list of
    several stores, whose it is there. Names; "" for nobody.
    """

    assignee: str = ""
    decider: str = ""
    store: str = ""


NOTHING_BESIDE = Beside()


def list_deciding(case: Case) -> QuerySet[Deciding]:
    """Who has a decision of this request open now, the latest first."""
    request = case.request
    return Deciding.objects.filter(request=request, version=request.version, until__gt=case.now).order_by(
        "-until"
    )


def beside(case: Case, actor: Actor, team: Mapping[int, str]) -> Beside:
    """What stands beside this request for a member of its team; for anybody else, nothing.

    `team`: the names of those who may decide, by id. Who no longer may is not named.
    """
    if actor.role != Role.SELLER:
        return NOTHING_BESIDE
    others: Iterable[int] = ()
    if case.request.status == Status.AUTHORIZATION_REQUIRED:
        others = list_deciding(case).exclude(user_id=actor.user_id or 0).values_list("user_id", flat=True)
    deciders = (team[user_id] for user_id in others if user_id in team)
    return Beside(team.get(case.request.assignee_id or 0, ""), next(deciders, ""))


def list_notes(actor: Actor, request: ReturnRequest) -> list[Note]:
    """The notes of a request's own team, the newest first; none for anybody else."""
    if actor.role != Role.SELLER or actor.seller_id != request.seller_id:
        return []
    return list(request.notes.select_related("author").order_by("-pk"))
