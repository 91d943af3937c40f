"""What an event says, in one sentence: for timelines, and for whoever came second."""

from collections.abc import Iterable
from copy import copy
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from .actors import Actor
from .dates import format_moment
from .models import ReturnEvent, ReturnRequest
from .state_machine import Action, Outcome, Role


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


def parcel(event: ReturnEvent) -> str:
    """Carrier and tracking number of what was handed over, as far as they were told."""
    told = event.facts.get("parcel") or {}
    words = {"carrier": told.get("carrier", ""), "number": told.get("tracking_number", "")}
    if words["number"] and words["carrier"]:
        return _("%(carrier)s, tracking number %(number)s") % words
    if words["number"]:
        return _("Tracking number %(number)s") % words
    return words["carrier"]


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
    if event.action == Action.COMPLETE:
        template = completed.get(Outcome(event.outcome), _("Completed by %(who)s on %(when)s."))
    else:
        template = by_action[Action(event.action)]
    return template % words


def columns_before(event: ReturnEvent) -> dict[str, Any]:
    """The request's columns that `event` changed, as they were before it."""
    return {
        column: None
        if before is None
        else ReturnRequest._meta.get_field(column.removesuffix("_id")).to_python(before)
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
