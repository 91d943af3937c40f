"""Which reasons an actor may close a request with, and what their grounds say."""

from ..actors import Actor
from ..grounds import Finding, Stated, check
from ..models import ClosureReason
from ..models.reasons import ClosureAudience
from ..state_machine import Role
from .cases import Case


def audience_of(actor: Actor) -> str:
    """Buyers have their own reasons; admins use the sellers'."""
    return ClosureAudience.BUYER if actor.role == Role.BUYER else ClosureAudience.SELLER


def list_closure_reasons(actor: Actor) -> list[ClosureReason]:
    """The active reasons of this actor's role, in their order."""
    return list(ClosureReason.objects.filter(is_active=True, audience=audience_of(actor)))


def judge_reasons(case: Case, reasons: list[ClosureReason]) -> list[tuple[ClosureReason, Finding]]:
    """Each reason with what its ground says of this request; those that may be picked come first."""
    facts = case.ground_facts()
    found = [
        (reason, check(reason.ground, facts, Stated(), may_close_withdrawal=reason.may_close_withdrawal))
        for reason in reasons
    ]
    return sorted(found, key=lambda pair: not pair[1].may_be_picked)
