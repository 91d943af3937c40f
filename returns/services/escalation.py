"""Asking the marketplace to step in, and its answer. A flag with its time, not a status."""

from ..actors import Actor
from ..models import ReturnEvent
from ..selectors.cases import Case
from ..state_machine import Action, Status
from .moves import Move, happened_at, make_move
from .words import clean_comments


def escalate(actor: Actor, *, reference: str, comments: str = "", key: str = "") -> ReturnEvent:
    """Ask the marketplace to step in; each admin is told."""

    def plan(case: Case) -> Move:
        return Move(
            case=case,
            action=Action.ESCALATE,
            status=Status(case.request.status),
            columns={"escalated_at": happened_at(case, actor)},
        )

    text = clean_comments(comments)
    return make_move(actor, reference=reference, action=Action.ESCALATE, plan=plan, text=text, key=key)


def uphold(actor: Actor, *, reference: str, comments: str, key: str = "") -> ReturnEvent:
    """The admin leaves things as they are, with a comment that is told to both sides."""

    def plan(case: Case) -> Move:
        return Move(
            case=case,
            action=Action.UPHOLD,
            status=Status(case.request.status),
            columns={"escalated_at": None},
        )

    text = clean_comments(comments, is_required=True)
    return make_move(actor, reference=reference, action=Action.UPHOLD, plan=plan, text=text, key=key)
