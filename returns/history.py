"""What an event says, in one sentence: for timelines, and for whoever came second."""

from collections.abc import Iterable, Mapping
from copy import copy
from datetime import datetime
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from . import fees
from .actors import Actor
from .dates import format_moment
from .models import OfferKind, OfferState, ReturnEvent, ReturnRequest
from .models.money import RefundKind
from .models.offers import is_of_credit
from .models.payouts import PayoutState
from .money import format_money
from .state_machine import SELLERS_SIDE, Action, Outcome, Role


def who(event: ReturnEvent, actor: Actor) -> str:
    """The role; a name only to the same seller."""
    if event.role == Role.SELLER:
        if actor.role == Role.BUYER:
            return _("the seller")
        if actor.role == Role.SELLER and event.user is not None:
            return str(event.user)
        return _("the seller")
    return {
        Role.BUYER: _("you") if actor.role == Role.BUYER else _("the buyer"),
        Role.ADMIN: _("the marketplace"),
        Role.SYSTEM: _("the system"),
        Role.MARKETPLACE: _("the marketplace's file"),
    }[Role(event.role)]


def what(event: ReturnEvent) -> str:
    """What was done, in a word or two, for a timeline that names person and time beside it."""
    if event.action == Action.COMPLETE:
        return str(Outcome(event.outcome).label)
    if event.action == Action.OPEN and event.request.is_timely_withdrawal:
        return _("Withdrawal from the contract")
    if event.action == Action.PAY_OUT:
        return payout_words(event)
    if event.action == Action.REFUND and is_handed_over(event):
        return _("Refund handed over to the shop")
    if event.action == Action.OFFER:
        return {
            OfferState.OPEN: _("Offer made"),
            OfferState.ACCEPTED: _("Offer accepted"),
            OfferState.DECLINED: _("Offer turned down"),
            OfferState.WITHDRAWN: _("Offer taken back"),
            OfferState.LAPSED: _("Offer lapsed"),
        }[event.facts["offer"]["state"]]
    return {
        Action.OPEN: _("Return asked for"),
        Action.RECORD: _("Recorded from the marketplace's file"),
        Action.AUTHORIZE: _("Authorized"),
        Action.CLOSE: _("Closed"),
        Action.KEEP_ITEM: _("Kept by the buyer"),
        Action.RECEIVE: _("Received"),
        Action.REFUND: _("Refund recorded"),
        Action.REOPEN: _("Reopened"),
        Action.UNDO: _("Decision undone"),
        Action.ESCALATE: _("Marketplace asked to step in"),
        Action.UPHOLD: _("Decision upheld"),
        Action.REMIND: _("Reminder"),
        Action.PROVIDE_LABEL: _("Label provided"),
        Action.SPLIT: _("Split off") if "split_from" in event.facts else _("Split"),
        Action.REASSESS: _("Policy reassessed"),
        Action.HAND_OVER: _("Handed over to the carrier"),
        Action.WRITE: _("Message written"),
    }[Action(event.action)]


def is_handed_over(event: ReturnEvent) -> bool:
    """Whether the refund of this event is paid by the shop, which confirms it with an event of its own."""
    return bool(event.facts.get("refund", {}).get("kind") == RefundKind.HANDED_OVER)


def is_to_be_paid(event: ReturnEvent) -> bool:
    """Whether this event gave money that nobody had paid yet: handed over, or given by a rule or an offer."""
    refund = event.facts.get("refund", {})
    return "kind" in refund and (is_handed_over(event) or event.role not in SELLERS_SIDE)


def payout_words(event: ReturnEvent) -> str:
    """What became of a pay-out."""
    return {
        PayoutState.CONFIRMED: _("Credit given") if is_of_credit(event.facts) else _("Refund paid"),
        PayoutState.FAILED: _("Pay-out failed"),
        PayoutState.REQUESTED: _("Pay-out tried again"),
        PayoutState.GIVEN_UP: _("Pay-out given up"),
    }[PayoutState(event.facts["payout"]["state"])]


def parcel(event: ReturnEvent) -> str:
    """Carrier and tracking number of what was handed over, as far as they were told."""
    return _parcel_words(event.facts.get("parcel") or {})


def _parcel_words(told: Mapping[str, str]) -> str:
    words = {"carrier": told.get("carrier", ""), "number": told.get("tracking_number", "")}
    if words["number"] and words["carrier"]:
        return _("%(carrier)s, tracking number %(number)s") % words
    if words["number"]:
        return _("Tracking number %(number)s") % words
    return words["carrier"]


def offer(event: ReturnEvent) -> str:
    """What was offered, with its amount; or that the event has overtaken an offer; nothing where there was none."""
    told = event.facts.get("offer")
    if not told:
        return ""
    if "kind" not in told:
        return _("The open offer is withdrawn with it.")
    label = str(OfferKind(told["kind"]).label)
    if told["minor"] is None:
        return label
    return _("%(offer)s: %(amount)s") % {"offer": label, "amount": _amount(told["minor"], told["currency"])}


def replacement(event: ReturnEvent) -> list[str]:
    """What was sent instead, as far as it was told: its order number, and how its parcel is followed."""
    sent = event.facts.get("replacement") or {}
    number = sent.get("order_number")
    order = _("Replacement: order %(number)s") % {"number": number} if number else ""
    return [words for words in (order, _parcel_words(sent)) if words]


def fees_told(event: ReturnEvent) -> list[str]:
    """What was kept of a refund and why, one sentence for each fee."""
    refund = event.facts.get("refund") or {}
    return [
        fees.told(fee["reason"], fee["title"], _amount(fee["minor"], refund["currency"]))
        for fee in refund.get("fees", ())
    ]


def money(event: ReturnEvent) -> list[str]:
    """What the event gave to the buyer: the sum refunded, or still to be paid, what was kept of it, what was sent
    instead."""
    given = event.facts.get("refund") or event.facts.get("payout")
    sums = [_sum_words(event) % {"amount": _amount(given["minor"], given["currency"])}] if given else []
    return [*sums, *fees_told(event), *replacement(event)]


def _sum_words(event: ReturnEvent) -> str:
    is_credit = is_of_credit(event.facts)
    if event.action == Action.PAY_OUT and event.facts["payout"]["state"] != PayoutState.CONFIRMED:
        return "%(amount)s"
    if is_to_be_paid(event):
        return _("%(amount)s to be given as a credit") if is_credit else _("%(amount)s to be paid")
    return _("%(amount)s given as a credit") if is_credit else _("%(amount)s refunded")


def _amount(minor: int, currency: str) -> str:
    return format_money(minor, currency, get_language() or "en")


def rule(event: ReturnEvent) -> str:
    """Which rule has decided, told to the seller's side; nothing where a person did."""
    found = event.facts.get("rule")
    if not found:
        return ""
    return {
        "withdrawal": _("Authorized automatically: a withdrawal in time"),
        "answer_limit": _(
            "Authorized automatically: eligible for a prepaid return, and the answer limit passed"
        ),
        "prepaid": _("Authorized automatically: eligible for a prepaid return"),
        "in_policy": _("Authorized automatically: all in policy"),
        "within_days": _("Authorized automatically: all within %(days)s days of delivery"),
        "sku": _("Authorized automatically: by your SKU overrides"),
        "offer": _("Authorized automatically: the buyer accepted your offer"),
        "returnless": _("Refunded by your rule “%(name)s”"),
    }[found["kind"]] % {"days": found.get("days", ""), "name": found.get("name", "")}


def sentence(event: ReturnEvent, actor: Actor) -> str:
    """One whole sentence in the active language and time zone: what was done, by whom, and when."""
    words = {
        "who": who(event, actor),
        "when": format_moment(event.occurred_at),
    }
    completed = {
        Outcome.NOT_RETURNED: _("Completed as not returned by %(who)s on %(when)s."),
        Outcome.DUPLICATE: _("Completed as a duplicate by %(who)s on %(when)s."),
        Outcome.NEVER_ARRIVED: _("Completed as never arrived by %(who)s on %(when)s."),
        Outcome.PARTIALLY_REFUNDED: _("Completed with a partial refund by %(who)s on %(when)s."),
        Outcome.REFUNDED_WITHOUT_RETURN: _("Refunded without return by %(who)s on %(when)s."),
        Outcome.REPLACED: _("Completed with a replacement by %(who)s on %(when)s."),
    }
    is_credit = is_of_credit(event.facts)
    paid_out = {
        PayoutState.CONFIRMED: _("Credit said to be given by %(who)s on %(when)s.")
        if is_credit
        else _("Refund said to be paid by %(who)s on %(when)s."),
        PayoutState.FAILED: _("The pay-out of a credit failed on %(when)s.")
        if is_credit
        else _("The pay-out of a refund failed on %(when)s."),
        PayoutState.REQUESTED: _("Pay-out tried again by %(who)s on %(when)s."),
        PayoutState.GIVEN_UP: _("Pay-out given up by %(who)s on %(when)s."),
    }
    by_action = {
        Action.OPEN: _("Asked for by %(who)s on %(when)s."),
        Action.RECORD: _("Recorded from %(who)s on %(when)s."),
        Action.AUTHORIZE: _("Authorized by %(who)s on %(when)s."),
        Action.CLOSE: _("Closed by %(who)s on %(when)s."),
        Action.KEEP_ITEM: _("Kept by %(who)s on %(when)s."),
        Action.RECEIVE: _("Marked as received by %(who)s on %(when)s."),
        Action.REFUND: _("Refund recorded by %(who)s on %(when)s."),
        Action.REOPEN: _("Reopened by %(who)s on %(when)s."),
        Action.UNDO: _("Decision undone by %(who)s on %(when)s."),
        Action.ESCALATE: _("Step-in by the marketplace asked for by %(who)s on %(when)s."),
        Action.UPHOLD: _("Decision upheld by %(who)s on %(when)s."),
        Action.REMIND: _("Reminder sent by %(who)s on %(when)s."),
        Action.PROVIDE_LABEL: _("Label provided by %(who)s on %(when)s."),
        Action.SPLIT: _("Split by %(who)s on %(when)s."),
        Action.REASSESS: _("Policy reassessed by %(who)s on %(when)s."),
        Action.HAND_OVER: _("Said to be on its way by %(who)s on %(when)s."),
        Action.WRITE: _("Message written by %(who)s on %(when)s."),
    }
    by_state = {
        OfferState.OPEN: _("Offer made by %(who)s on %(when)s."),
        OfferState.ACCEPTED: _("Offer accepted by %(who)s on %(when)s."),
        OfferState.DECLINED: _("Offer turned down by %(who)s on %(when)s."),
        OfferState.WITHDRAWN: _("Offer taken back by %(who)s on %(when)s."),
        OfferState.LAPSED: _("Offer ended by %(who)s on %(when)s: its time was over."),
    }
    if event.action == Action.OFFER:
        template = by_state[event.facts["offer"]["state"]]
    elif event.action == Action.COMPLETE:
        template = completed.get(Outcome(event.outcome), _("Completed by %(who)s on %(when)s."))
    elif event.action == Action.PAY_OUT:
        template = paid_out[PayoutState(event.facts["payout"]["state"])]
    else:
        template = by_action[Action(event.action)]
    return template % words


_COLUMNS = {field.attname: field for field in ReturnRequest._meta.concrete_fields}


def columns_before(event: ReturnEvent) -> dict[str, Any]:
    """The request's columns that `event` changed, as they were before it."""
    return {
        column: None if before is None else _COLUMNS[column].to_python(before)
        for column, (before, _after) in event.facts.get("changed", {}).items()
    }


def as_it_was(request: ReturnRequest, at: datetime, events: Iterable[ReturnEvent]) -> ReturnRequest:
    """A copy of `request` with the columns that it had `at` that moment; `events`: all of its ledger."""
    was = copy(request)
    for event in sorted(events, key=lambda one: one.version, reverse=True):
        if event.recorded_at > at:
            for column, value in columns_before(event).items():
                setattr(was, column, value)
            was.status = event.source
    return was
