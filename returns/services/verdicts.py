"""Reassessing: an admin changes the verdict on items of a waiting request. Nobody else may, after arrival."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..exceptions import Invalid
from ..models import ReturnEvent, ReturnItem
from ..policy import PolicyVerdict, Reason, Verdict, VerdictSource, judge_request
from ..selectors.cases import Case
from ..state_machine import Action, Status
from .moves import Move, make_move
from .open import verdict_columns, verdict_of
from .words import clean_comments

NO_REASON = _("Write why: the seller reads it.")
NO_CHANGE = _("Change the verdict on at least one item.")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an admin says of one item."""

    policy: PolicyVerdict
    prepaid_eligible: bool


def reassess(
    actor: Actor, *, reference: str, judgements: Mapping[int, Judgement], comments: str, key: str = ""
) -> ReturnEvent:
    """Change the verdict on items, by item id, for a reason (`comments`) that the event keeps.

    The request's own verdict is judged again from those of its items. The event holds old and new.
    """
    text = clean_comments(comments)
    if not text:
        raise Invalid(NO_REASON, {"comments": NO_REASON})
    said = {
        "judged": {
            str(item_id): [judgement.policy.value, judgement.prepaid_eligible]
            for item_id, judgement in sorted(judgements.items())
        }
    }

    def plan(case: Case) -> Move:
        _check(case, judgements)
        verdicts = {item.pk: _verdict(item, judgements.get(item.pk)) for item in case.items}
        changed = [item for item in case.items if verdicts[item.pk] != verdict_of(item)]
        if not changed:
            raise Invalid(NO_CHANGE, {"": NO_CHANGE})
        verdict = judge_request(list(verdicts.values()))
        return Move(
            case=case,
            action=Action.REASSESS,
            status=Status.AUTHORIZATION_REQUIRED,
            columns={**verdict_columns(verdict), "window_end_date": verdict.window_end_date},
            item_columns={item.pk: verdict_columns(verdicts[item.pk]) for item in changed},
            facts={
                **said,
                "verdicts": {str(item.pk): [item.verdict, verdicts[item.pk].as_json()] for item in changed},
            },
        )

    return make_move(
        actor,
        reference=reference,
        action=Action.REASSESS,
        plan=plan,
        text=text,
        key=key,
        said=lambda _case: said,
    )


def _check(case: Case, judgements: Mapping[int, Judgement]) -> None:
    errors: dict[str, Any] = {}
    ours = {item.pk for item in case.items}
    for item_id, judgement in judgements.items():
        if item_id not in ours:
            errors[""] = _("This item does not belong to the request. Open the page again.")
        elif judgement.prepaid_eligible and judgement.policy != PolicyVerdict.IN_POLICY:
            errors[f"prepaid_{item_id}"] = _("Only what is in policy can be eligible for a prepaid return.")
    if errors:
        raise Invalid(next(iter(errors.values())), errors)


def _verdict(item: ReturnItem, judgement: Judgement | None) -> Verdict:
    """The verdict as the admin says, or as it was where that is nothing else."""
    before = verdict_of(item)
    if judgement is None or (judgement.policy, judgement.prepaid_eligible) == (
        before.policy,
        before.prepaid_eligible,
    ):
        return before
    return replace(
        before,
        policy=judgement.policy,
        source=VerdictSource.ADMIN,
        reasons=before.reasons if judgement.policy == before.policy else (Reason("reassessed"),),
        prepaid_eligible=judgement.prepaid_eligible,
        prepaid_reason=None if judgement.prepaid_eligible else Reason("prepaid_reassessed"),
    )
