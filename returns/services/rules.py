"""What the system does with a request as soon as it is opened, because a law or the seller's rules say so.

The first that applies: a returnless rule, automatic authorization. They say who decides, never what is eligible. A
withdrawal in time comes before them, by a service of its own (`withdraw`). Of a marketplace's file nothing comes here:
an import is quiet.
"""

from dataclasses import replace
from datetime import date
from typing import Any

from django.db import transaction

from .. import policy
from ..actors import Actor
from ..exceptions import Refusal
from ..models import ReturnlessRule, ReturnRequest, Seller
from ..models.money import RefundCause
from ..policy import ItemFacts, PolicyVerdict
from ..selectors.cases import Case, load_cases
from ..selectors.rules import (
    Amounts,
    active_returnless_rules,
    is_held_for_hand,
    refund_by,
    sku_rules_for,
)
from ..state_machine import Action, Outcome, Status, resolve
from .decide import Authorization, plan_authorization
from .money import keep_refunds, raise_refunded, refund_facts
from .moves import Move, happened_at, write_moves

# What is kept in the facts of the event that a rule has made: {"rule": {"kind": …}}; `history.rule` reads it.
WITHDRAWAL, SKU, RETURNLESS = "withdrawal", "sku", "returnless"


def go_on_by_rule(actor: Actor, request: ReturnRequest) -> None:
    """Decide at once about a request that `actor` has just opened, where a rule says so.

    Must run in the transaction that opened it. Without a way back, or where the money is no longer there to be
    refunded, the seller decides; so about what never arrived, of which nothing can be sent back.
    """
    case = load_cases([request])[0]
    if case.is_imported or case.is_never_arrived:
        return
    system = Actor.system()
    if actor.occurred_at:
        system, case.now = system.at(actor.occurred_at), actor.occurred_at
    sku_rules = sku_rules_for(request.seller_id, case.items)
    if is_held_for_hand(case.items, sku_rules) or _refunded_at_once(case, system):
        return
    rule = _automatic(case, sku_rules)
    if rule is not None:
        _authorize(case, system, rule)


def preview_rule(case: Case) -> str:
    """What a rule would do with the request if it were opened now: "refund", "authorize" or ""; writes nothing."""
    sku_rules = sku_rules_for(case.request.seller_id, case.items)
    if case.is_never_arrived or is_held_for_hand(case.items, sku_rules):
        return ""
    if any(refund_by(rule, case.items) for rule in active_returnless_rules(case.request.seller_id)):
        return "refund"
    rule = _automatic(case, sku_rules)
    return "authorize" if rule and _plan(case, Actor.system(), rule) else ""


# --- Automatic authorization


def _authorize(case: Case, system: Actor, rule: dict[str, Any]) -> None:
    move = _plan(case, system, rule)
    if move is not None:
        write_moves(system, [move])


def _plan(case: Case, system: Actor, rule: dict[str, Any]) -> Move | None:
    """The authorization by this rule; without a way back there is none, and the seller decides."""
    case.has_rule = True
    try:
        return plan_authorization(case, system, Authorization(rule=rule))
    except Refusal:
        return None


def _automatic(case: Case, sku_rules: dict[str, bool]) -> dict[str, Any] | None:
    """The rule that authorizes the request, or None: every item must be spoken for.

    An item is by the seller's setting, which speaks of the whole request, or by an override of its SKU, which
    makes it automatic while it is in policy, whatever the setting is.
    """
    by_setting = _by_setting(case)
    if by_setting is not None:
        return by_setting
    is_by_sku = all(
        sku_rules.get(item.order_item.sku) and item.policy == PolicyVerdict.IN_POLICY for item in case.items
    )
    return {"kind": SKU} if is_by_sku else None


def _by_setting(case: Case) -> dict[str, Any] | None:
    mode, modes = case.seller.authorization, Seller.Authorization
    if mode == modes.BY_HAND:
        return None
    if case.request.prepaid_eligible:
        return {"kind": modes.PREPAID.value}
    if mode == modes.IN_POLICY and case.request.policy == PolicyVerdict.IN_POLICY:
        return {"kind": mode}
    if mode == modes.WITHIN_DAYS:
        start, days = _delivered_date(case), case.seller.authorization_days
        if start is not None and (case.requested_date - start).days <= days:
            return {"kind": mode, "days": days}
    return None


def _delivered_date(case: Case) -> date | None:
    """The day from which the days of the setting count: the one that the return window counts from."""
    request, order = case.request, case.request.order
    window = policy.window_end(
        ItemFacts(
            requested_at=request.requested_at,
            ordered_at=order.ordered_at,
            delivered_date=order.delivered_date,
            estimated_delivery_date=order.estimated_delivery_date,
        ),
        case.rules,
    )
    return window.counted_from_date if window else None


# --- Refund without a return


def _refunded_at_once(case: Case, system: Actor) -> bool:
    """Complete the request by the first returnless rule that all its items fit; answers whether one did."""
    for rule in active_returnless_rules(case.request.seller_id):
        amounts = refund_by(rule, case.items)
        if amounts is None:
            continue
        try:
            with transaction.atomic():  # all parts or none
                _refund(case, system, rule, amounts)
        except Refusal:
            # Part of it was refunded before, for other units of the line: a person has to look.
            return False
        return True
    return False


def _refund(case: Case, system: Actor, rule: ReturnlessRule, amounts: Amounts) -> None:
    facts = replace(case.facts(), has_returnless_rule=True)
    resolve(facts, Action.COMPLETE, system.asking, Outcome.REFUNDED_WITHOUT_RETURN)
    raise_refunded(case, amounts)
    move = Move(
        case=case,
        action=Action.COMPLETE,
        status=Status.COMPLETED,
        outcome=Outcome.REFUNDED_WITHOUT_RETURN,
        columns={"completed_at": happened_at(case, system), "is_decided_here": True},
        facts={
            **refund_facts(case, amounts, refunded_date=case.today, is_complete=True),
            "rule": {"kind": RETURNLESS, "id": rule.pk, "name": rule.name},
        },
    )
    (event,) = write_moves(system, [move])
    keep_refunds(case, event, amounts, refunded_date=case.today, cause=RefundCause.RULE)
