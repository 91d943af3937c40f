"""Withdrawing from the contract: the buyer declares it, and the system authorizes the return at once. That is law.

A buyer may declare it in any words and any way. What came by letter, mail or telephone is recorded here by the seller's
side, with the day on which it was declared.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..exceptions import Forbidden, Invalid, NotFound
from ..models import MarketplaceSettings, Order, OrderItem, ReturnEvent
from ..models.clock import database_now
from ..policy import local_day
from ..selectors.cases import Case, load_cases
from ..selectors.withdrawing import declared_at, noon
from ..state_machine import Action, Role, resolve_first
from ..withdrawal import Payer, WithdrawalVerdict, is_exempt, judge_withdrawal, sentence
from .decide import Authorization, plan_authorization
from .moves import write_moves
from .open import AskedLine, check_lines, judge_lines, open_judged, opened_before
from .rules import WITHDRAWAL

# What such a request keeps as the buyer's reason: none has to be given.
NO_REASON = "CR-NO_REASON_GIVEN"
# As a returns report names who pays for the label.
_LABEL_PAYERS = {Payer.BUYER: "Customer", Payer.SELLER: "Seller"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawnLine:
    """Units of one order line that the buyer withdraws from."""

    order_item_id: int
    quantity: int


def withdraw(
    actor: Actor,
    *,
    order_reference: str,
    lines: Sequence[WithdrawnLine],
    declared_date: date | None = None,
    key: str = "",
) -> ReturnEvent:
    """Declare the withdrawal from `lines` of the buyer's order. Answers the event; the authorization follows it.

    Whether it is in time is judged here, once, by the law of the buyer's country when the order was placed. What is
    not is refused with the reason: the buyer can ask for a return like any other. `declared_date`: the day on which the
    buyer declared it to the seller's side, which records it and must name that day.
    """
    if not actor.may_write:
        raise Forbidden(_("You may look at everything here, but not decide. Ask an owner of the team."))
    resolve_first(Action.OPEN, actor.asking)
    wanted = [
        AskedLine(order_item_id=line.order_item_id, quantity=line.quantity, reason_code=NO_REASON)
        for line in lines
    ]
    with transaction.atomic():
        orders = Order.objects.for_actor(actor).filter(reference=order_reference)
        order = orders.select_related("seller").first()
        if order is None:
            raise NotFound(_("This page does not exist, or it is not yours."))
        locked = {
            line.pk: line for line in OrderItem.objects.filter(order=order).select_for_update().order_by("pk")
        }
        done = opened_before(order, key, wanted)
        if done is not None:
            return done
        asked = check_lines(wanted, locked, with_reasons=False)
        marketplace, now = MarketplaceSettings.load(), database_now()
        if actor.role == Role.BUYER:
            requested_at = told_at = actor.occurred_at or now
        else:
            declared_date = check_declared(order, marketplace, declared_date, now)
            requested_at, told_at = min(now, declared_at(order, marketplace, declared_date)), now
        judged = judge_lines(marketplace, order, asked, locked, requested_at)
        rule = marketplace.withdrawal_rule_for(order.country, order.ordered_at)
        verdict = judge_withdrawal(
            judged.facts, rule, is_business=order.is_business, rules_version=judged.rules.version
        )
        if not verdict.is_timely:
            words = _("%(reason)s.") % {"reason": sentence(verdict.reason)}
            at_fault = [
                line for line in asked if rule and is_exempt(locked[line.order_item_id].category, rule)
            ]
            names = [f"quantity_{line.order_item_id}" for line in at_fault] or [""]
            raise Invalid(words, dict.fromkeys(names, words))
        request = judged.request
        request.is_timely_withdrawal = True
        request.verdict = {**request.verdict, "withdrawal": verdict.as_json()}
        for item in judged.items:
            item.label_payer = _LABEL_PAYERS[Payer(verdict.payer)]
        facts = {}
        if declared_date is not None:
            # Shown as a day, the same wherever the reader's marketplace is.
            request.requested_has_time = False
            request.requested_at = min(now, noon(declared_date, marketplace.time_zone))
            facts["stated"] = {"declared_date": declared_date.isoformat()}
        event = open_judged(actor, judged, key=key, told_at=told_at, facts=facts)
        _authorize(actor, load_cases([event.request])[0], verdict)
        return event


def check_declared(order: Order, marketplace: MarketplaceSettings, day: date | None, now: datetime) -> date:
    """The day on which the buyer has declared it; `Invalid` for one on which that cannot have been."""
    sentence = None
    if day is None:
        sentence = _("Enter the day on which the buyer declared the withdrawal.")
    elif day > local_day(now, marketplace.time_zone):
        sentence = _("Enter a day that is not in the future.")
    elif order.ordered_at and day < local_day(order.ordered_at, marketplace.time_zone):
        sentence = _("Enter a day on which the order had been placed.")
    if sentence is not None:
        raise Invalid(sentence, {"declared_date": sentence})
    assert day is not None
    return day


def _authorize(actor: Actor, case: Case, verdict: WithdrawalVerdict) -> None:
    """To the seller's address in the buyer's country, else to any: the buyer must know where to send it.

    Where the law lets the seller pay the way back, the seller owes a label.
    """
    system = Actor.system()
    if actor.occurred_at:
        system = system.at(actor.occurred_at)
    decision = Authorization(
        rule={"kind": WITHDRAWAL},
        instructions=case.seller.instructions,
        promises_label=verdict.payer == Payer.SELLER and not case.request.prepaid_eligible,
    )
    country = case.request.order.country
    addresses = case.return_addresses
    if addresses and not any(address.country == country for address in addresses):
        decision = replace(decision, return_address_id=addresses[0].pk)
    write_moves(system, [plan_authorization(case, system, decision)])
