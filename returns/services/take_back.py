"""The buyer takes back the own closing."""

from typing import Any

from .. import policy
from ..actors import Actor
from ..models import LabelKind, ReturnEvent, ReturnLabel
from ..selectors.buyer_pages import status_before_closing
from ..selectors.cases import Case
from ..state_machine import Action, Status
from .decide import NOT_CLOSED
from .labels import Label, label_row
from .marketplace import is_todo
from .moves import Move, happened_at, make_move


def take_back_closing(actor: Actor, *, reference: str, key: str = "") -> ReturnEvent:
    """Open the own closed request again, in the status it had, its units held again or refused with what is left.

    The day on which it was asked for stays the day that counts, and so do the verdict and the day to send it
    back by. A seller who has still to answer has the usual time for it, from now on.
    """

    def plan(case: Case) -> Move:
        status = status_before_closing(case)
        columns: dict[str, Any] = {
            **NOT_CLOSED,
            "is_decided_here": True,
            "is_marketplace_todo": is_todo(case, status),
        }
        label = None
        if status == Status.AUTHORIZATION_REQUIRED:
            now = happened_at(case, actor)
            columns["answer_due_at"] = policy.answer_due_at(now, has_time=True, rules=case.rules)
        elif voided := _voided_with_the_closing(case):
            # A label that the buyer buys is as good as it was. The seller's own may be cancelled at its carrier
            # by now, so it is owed anew.
            columns["is_label_owed"] = voided.kind == LabelKind.OWN
            if voided.kind == LabelKind.UNPAID:
                label = label_row(case, actor, Label(kind=LabelKind.UNPAID))
        return Move(
            case=case,
            action=Action.REOPEN,
            status=status,
            columns=columns,
            held=case.units_again() if case.is_imported else {item.pk: item.quantity for item in case.items},
            label=label,
        )

    return make_move(actor, reference=reference, action=Action.REOPEN, plan=plan, key=key)


def _voided_with_the_closing(case: Case) -> ReturnLabel | None:
    return case.request.labels.filter(voided_at=case.request.closed_at).order_by("-pk").first()
