"""The table of legal moves.

`TRANSITIONS` holds every legal move of a return request; nothing else decides. Pages draw their buttons from
`available_actions`, services move with `resolve`, the README's diagram is printed by `diagram`. Nothing of
the ORM is in here: guards are functions of frozen `Facts`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from .exceptions import TransitionNotAllowed

REOPEN_DAYS = 30
TAKE_BACK_DAYS = 7  # a buyer's own closing
STEP_IN_AFTER_CLOSING_DAYS = 30


class Status(TextChoices):
    """Where a request stands; the labels are the tabs' titles."""

    AUTHORIZATION_REQUIRED = "authorization_required", _("Authorization Required")
    AUTHORIZED = "authorized", _("Authorized")
    REFUND_DUE = "refund_due", _("Refund due")
    COMPLETED = "completed", _("Completed")
    CLOSED = "closed", _("Closed")


class Outcome(TextChoices):
    """How a completed request ended."""

    REFUNDED = "refunded", _("Refunded")
    PARTIALLY_REFUNDED = "partially_refunded", _("Partially refunded")
    REFUNDED_WITHOUT_RETURN = "refunded_without_return", _("Refunded without return")
    REPLACED = "replaced", _("Replaced")
    NOT_RETURNED = "not_returned", _("Not returned")
    DUPLICATE = "duplicate", _("Duplicate")
    NEVER_ARRIVED = "never_arrived", _("Never arrived")
    BUYER_KEPT_ITEM = "buyer_kept_item", _("Kept by the buyer")
    ENDED_AT_MARKETPLACE = "ended_at_marketplace", _("Ended at the marketplace")


class Action(TextChoices):
    OPEN = "open", _("Ask for a return")
    RECORD = "record", _("Recorded from the marketplace's file")
    AUTHORIZE = "authorize", _("Authorize request")
    CLOSE = "close", _("Close request")
    KEEP_ITEM = "keep_item", _("Keep the item")
    RECEIVE = "receive", _("Mark as received")
    REFUND = "refund", _("Record a refund")
    COMPLETE = "complete", _("Complete request")
    REOPEN = "reopen", _("Reopen request")
    UNDO = "undo", _("Undo")
    ESCALATE = "escalate", _("Ask the marketplace to step in")
    UPHOLD = "uphold", _("Uphold the decision")
    REMIND = "remind", _("Reminder")
    PROVIDE_LABEL = "provide_label", _("Provide the label")
    HAND_OVER = "hand_over", _("Hand over to the carrier")
    WRITE = "write", _("Write a message")
    SPLIT = "split", _("Split request")
    REASSESS = "reassess", _("Reassess")
    OFFER = "offer", _("Offer")
    PAY_OUT = "pay_out", _("Pay-out")


class Role(TextChoices):
    """Who acts."""

    BUYER = "buyer", _("Buyer")
    SELLER = "seller", _("Seller")
    ADMIN = "admin", _("Admin")
    SYSTEM = "system", _("System")
    MARKETPLACE = "marketplace", _("Marketplace")


SELLERS_SIDE = frozenset({Role.SELLER, Role.ADMIN})
GIVES_UNITS_BACK = frozenset(
    {Outcome.NOT_RETURNED, Outcome.DUPLICATE, Outcome.NEVER_ARRIVED, Outcome.BUYER_KEPT_ITEM}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the guards may know of one request, read under its lock (or, for a page, without it).

    `has_way_back`: a prepaid label, a return address in the buyer's country, or the seller's own label.
    `owes_refund`: something of what was paid for these units is not refunded yet, or what was paid is unknown
    and nothing is refunded. `undoable_by`: the id of the user whose last authorize or close is still held;
    `has_money_since_decision`: a refund was recorded after it.
    `has_free_units`: the units that were asked for can be held again, all of them.
    `has_open_payout`: a pay-out of it is not confirmed yet, or has failed.
    `has_replacement`: the order number or tracking number of what was sent instead is known, or can still be given.
    `is_step_in_due`: one of the reasons holds for which a buyer may ask the marketplace to step in.
    `has_open_offer`: an offer waits for the buyer's answer, and `is_offer_over` says that its time has passed;
    `has_accepted_offer`: the buyer has just accepted one, which the system carries out.
    `is_answered_elsewhere`: the buyer has no page here and gets no mail from here.
    """

    status: Status
    outcome: str = ""
    is_imported: bool = False
    prepaid_eligible: bool = False
    is_timely_withdrawal: bool = False
    has_way_back: bool = True
    owes_label: bool = False
    has_rule: bool = False
    has_returnless_rule: bool = False
    is_handed_over: bool = False
    is_refunded: bool = False
    owes_refund: bool = True
    has_open_promise: bool = False
    closed_by: str = ""
    days_since_closed: int = 0
    has_come_back: bool = False
    has_free_units: bool = True
    has_newer_request: bool = False
    has_money_for_closing: bool = False
    is_escalated: bool = False
    is_step_in_due: bool = False
    has_several_units: bool = False
    is_send_back_over: bool = False
    is_duplicate: bool = False
    is_never_arrived: bool = False
    has_replacement: bool = True
    undoable_by: int | None = None
    has_money_since_decision: bool = False
    has_open_payout: bool = False
    has_open_offer: bool = False
    is_offer_over: bool = False
    has_accepted_offer: bool = False
    is_answered_elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for a move: the role and, for people with an account, the user's id."""

    role: Role
    user_id: int | None = None


Guard = Callable[[Facts, Asking], Any]


def _not_prepaid_eligible(facts: Facts, asking: Asking) -> Any:
    """Firm rule 1: nobody closes a prepaid-eligible return; its buyer has *Keep the item*."""
    if not facts.prepaid_eligible:
        return None
    if asking.role == Role.BUYER:
        return _(
            "This return is eligible for a prepaid label and cannot be closed. You can keep the item instead."
        )
    return _("Eligible for a prepaid return: this request cannot be closed.")


def _prepaid_eligible(facts: Facts, asking: Asking) -> Any:
    return (
        None if facts.prepaid_eligible else _("Without a prepaid label you can close your request instead.")
    )


def _not_handed_over(facts: Facts, asking: Asking) -> Any:
    return (
        _("The item is already on its way back, so this is no longer possible.")
        if facts.is_handed_over
        else None
    )


def _not_refunded(facts: Facts, asking: Asking) -> Any:
    if facts.is_refunded:
        return _("A refund was already recorded for this request, so this is no longer possible.")
    return None


def _has_way_back(facts: Facts, asking: Asking) -> Any:
    if facts.has_way_back or facts.is_imported or facts.is_timely_withdrawal:
        return None
    return _(
        "Give a return address in the buyer's country, or your own label: the buyer must know where to send it."
    )


def _is_no_delivery_problem(facts: Facts, asking: Asking) -> Any:
    if not facts.is_never_arrived:
        return None
    if asking.role == Role.BUYER:
        return _("You said that the order never arrived: there is nothing to send back.")
    return _("The buyer says that the order never arrived: there is nothing to send back.")


def _owes_label(facts: Facts, asking: Asking) -> Any:
    return None if facts.owes_label else _("No label is owed for this request.")


def _cannot_be_undone(facts: Facts, asking: Asking) -> Any:
    """The buyer is told of the label after the authorization, and of neither if that is undone."""
    if facts.undoable_by is None:
        return None
    return _("The authorization can still be undone. Provide the label once the buyer is told of it.")


def _by_rule(facts: Facts, asking: Asking) -> Any:
    """The system authorizes what a rule names (a withdrawal in time, a seller's rule, a prepaid label) or an offer."""
    if asking.role != Role.SYSTEM or facts.is_timely_withdrawal or facts.has_rule or facts.has_accepted_offer:
        return None
    if facts.prepaid_eligible and not facts.is_imported:
        return None
    return _("No rule authorizes this request: it waits for the seller.")


def _by_returnless_rule(facts: Facts, asking: Asking) -> Any:
    """The system refunds at once only what one of the seller's rules names, or what the buyer has accepted."""
    if (facts.has_returnless_rule and not facts.is_imported) or facts.has_accepted_offer:
        return None
    return _("No rule refunds this request without a return.")


def _has_accepted_offer(facts: Facts, asking: Asking) -> Any:
    return None if facts.has_accepted_offer else _("The buyer has accepted no offer.")


def _buyer_can_answer(facts: Facts, asking: Asking) -> Any:
    if facts.is_answered_elsewhere:
        return _("Make your offer at the marketplace: the buyer of this request gets no messages from here.")
    return None


def _there_is_an_item(facts: Facts, asking: Asking) -> Any:
    """What never arrived can neither be kept nor sent back."""
    if facts.is_never_arrived:
        return _("The order never arrived, so there is nothing to keep. Refund it, or send it again.")
    return None


def _buyer_is_told_of_all(facts: Facts, asking: Asking) -> Any:
    """An offer would tell of a decision that can still be undone."""
    if facts.undoable_by is None:
        return None
    return _("Your last decision can still be undone. Make the offer once the buyer is told of it.")


def _offer_is_open(facts: Facts, asking: Asking) -> Any:
    return None if facts.has_open_offer else _("This offer is no longer open.")


def _offer_is_in_time(facts: Facts, asking: Asking) -> Any:
    return _("The time to answer this offer is over.") if facts.is_offer_over else None


def _offer_is_over(facts: Facts, asking: Asking) -> Any:
    return None if facts.is_offer_over else _("The buyer still has time to answer.")


def _is_owed(facts: Facts, asking: Asking) -> Any:
    return (
        None
        if facts.owes_refund
        else _("Everything that was paid for these units is refunded or on its way.")
    )


def _has_open_promise(facts: Facts, asking: Asking) -> Any:
    return None if facts.has_open_promise else _("This request was closed without a refund promise.")


def _was_not_returned(facts: Facts, asking: Asking) -> Any:
    if facts.status != Status.COMPLETED or facts.outcome == Outcome.NOT_RETURNED:
        return None
    return _("This request is completed. Only one that ended as not returned can still be received.")


def _send_back_over(facts: Facts, asking: Asking) -> Any:
    if facts.is_imported:
        return _("The marketplace decides when an imported request ends.")
    return None if facts.is_send_back_over else _("The buyer still has time to send the item back.")


def _not_closable(facts: Facts, asking: Asking) -> Any:
    if facts.prepaid_eligible or facts.status == Status.AUTHORIZED:
        return None
    return _("This request can be closed with a return reason: close it instead.")


def _is_duplicate(facts: Facts, asking: Asking) -> Any:
    return None if facts.is_duplicate else _("No other request asks for the same units.")


def _is_never_arrived(facts: Facts, asking: Asking) -> Any:
    if facts.is_never_arrived:
        return None
    return _("The buyer did not report that the order never arrived.")


def _has_open_payout(facts: Facts, asking: Asking) -> Any:
    return None if facts.has_open_payout else _("No pay-out of this request is open.")


def _is_paid_out(facts: Facts, asking: Asking) -> Any:
    if facts.has_open_payout:
        return _("The refund is not paid yet: the request can be completed once its pay-out is confirmed.")
    return None


def _has_partial_refund(facts: Facts, asking: Asking) -> Any:
    return None if facts.is_refunded else _("Record the partial refund first.")


def _has_replacement(facts: Facts, asking: Asking) -> Any:
    if facts.has_replacement:
        return None
    return _("Give the order number or the tracking number of the replacement.")


def _not_yet_sent(facts: Facts, asking: Asking) -> Any:
    return _("We already know that the parcel is on its way.") if facts.is_handed_over else None


def _closed_by_the_buyer(facts: Facts, asking: Asking) -> Any:
    if facts.closed_by == Role.BUYER:
        return None
    return _("You can only take back your own closing, and you did not close this request.")


def _just_closed(facts: Facts, asking: Asking) -> Any:
    if facts.days_since_closed <= TAKE_BACK_DAYS:
        return None
    return _("You closed this request more than 7 days ago, so you can no longer take that back.")


def _units_are_free(facts: Facts, asking: Asking) -> Any:
    if facts.has_free_units:
        return None
    return _("Another request holds these units now, so this one cannot be opened again.")


def _closed_by_sellers_side(facts: Facts, asking: Asking) -> Any:
    if facts.closed_by in SELLERS_SIDE:
        return None
    if facts.closed_by == Role.BUYER:
        return _("The buyer closed this request, so only the buyer can take it back.")
    return _("The marketplace closed this request, so it cannot be reopened here.")


def _recently_closed(facts: Facts, asking: Asking) -> Any:
    if facts.days_since_closed <= REOPEN_DAYS or facts.has_come_back:
        return None
    return _("This request was closed more than 30 days ago and can no longer be reopened.")


def _no_newer_request(facts: Facts, asking: Asking) -> Any:
    return (
        _("A newer request asks for the same units; work on that one.") if facts.has_newer_request else None
    )


def _no_money_for_closing(facts: Facts, asking: Asking) -> Any:
    if facts.has_money_for_closing:
        return _("Money was given for this closing, so the request cannot be reopened.")
    return None


def _still_held(facts: Facts, asking: Asking) -> Any:
    if facts.undoable_by is None:
        return _("The time to undo is over: the decision was passed on. A closed request can be reopened.")
    if facts.undoable_by != asking.user_id:
        return _("Only the person who decided can undo this.")
    return None


def _no_money_since_decision(facts: Facts, asking: Asking) -> Any:
    if facts.has_money_since_decision:
        return _("Money was recorded after this decision, so it cannot be undone.")
    return None


def _may_step_in(facts: Facts, asking: Asking) -> Any:
    if facts.is_imported:
        return _("Please ask at the marketplace where you bought the item: this request was made there.")
    if facts.is_escalated:
        return _("The marketplace was already asked to step in.")
    if facts.status == Status.COMPLETED and facts.outcome == Outcome.REFUNDED:
        return _("You were refunded in full, so there is nothing left to decide.")
    if facts.is_step_in_due:
        return None
    return _("You can ask the marketplace to step in once the seller has not answered or paid in time.")


def _is_made_here(facts: Facts, asking: Asking) -> Any:
    """The next file of the marketplace would ask again for what was taken away from its request."""
    if facts.is_imported:
        return _("The marketplace knows this as one request, so it cannot be split here.")
    return None


def _has_several_units(facts: Facts, asking: Asking) -> Any:
    return None if facts.has_several_units else _("This request asks for a single unit.")


def _not_come_back(facts: Facts, asking: Asking) -> Any:
    return _("Units of this request have come back already.") if facts.has_come_back else None


def _is_escalated(facts: Facts, asking: Asking) -> Any:
    return None if facts.is_escalated else _("Nobody has asked the marketplace to step in.")


def _has_a_clock(facts: Facts, asking: Asking) -> Any:
    if facts.status != Status.CLOSED or facts.has_open_promise:
        return None
    return _("Nothing is due on this request.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One row of the table.

    `sources` empty means a request that does not exist yet. `target` None leaves the status as it is, or (for
    `record` and `undo`) takes it from the file or from the event that is undone.
    """

    action: Action
    sources: frozenset[Status]
    target: Status | None
    roles: frozenset[Role]
    outcome: Outcome | None = None
    guards: tuple[Guard, ...] = ()
    note: str = ""

    def refusal(self, facts: Facts, asking: Asking) -> Any:
        """The sentence of the first guard that refuses, or None."""
        for guard in self.guards:
            sentence = guard(facts, asking)
            if sentence is not None:
                return sentence
        return None


ANY = frozenset(Status)
_AR, _AUTHORIZED, _REFUND_DUE, _COMPLETED, _CLOSED = (
    Status.AUTHORIZATION_REQUIRED,
    Status.AUTHORIZED,
    Status.REFUND_DUE,
    Status.COMPLETED,
    Status.CLOSED,
)


def _row(action: Action, sources: Any, target: Status | None, roles: Any, **more: Any) -> Transition:
    return Transition(
        action=action, sources=frozenset(sources), target=target, roles=frozenset(roles), **more
    )


TRANSITIONS: tuple[Transition, ...] = (
    _row(Action.OPEN, (), _AR, (Role.BUYER, Role.SELLER, Role.ADMIN, Role.SYSTEM)),
    _row(Action.RECORD, (), None, (Role.MARKETPLACE,), note="as the file says"),
    _row(Action.RECORD, ANY, None, (Role.MARKETPLACE,), note="as the file says"),
    _row(
        Action.AUTHORIZE,
        (_AR,),
        _AUTHORIZED,
        (Role.SELLER, Role.ADMIN, Role.SYSTEM),
        guards=(_is_no_delivery_problem, _by_rule, _has_way_back),
    ),
    _row(Action.CLOSE, (_AR,), _CLOSED, SELLERS_SIDE, guards=(_not_prepaid_eligible,)),
    _row(
        Action.CLOSE,
        (_AR, _AUTHORIZED),
        _CLOSED,
        (Role.BUYER,),
        guards=(_not_prepaid_eligible, _not_handed_over, _not_refunded),
    ),
    _row(
        Action.KEEP_ITEM,
        (_AR, _AUTHORIZED),
        _COMPLETED,
        (Role.BUYER,),
        outcome=Outcome.BUYER_KEPT_ITEM,
        guards=(_prepaid_eligible, _not_handed_over, _not_refunded),
    ),
    _row(
        Action.RECEIVE,
        (_AR, _AUTHORIZED, _COMPLETED),
        _REFUND_DUE,
        (Role.SELLER, Role.ADMIN, Role.SYSTEM),
        guards=(_was_not_returned,),
        note="completed: only as not returned",
    ),
    _row(Action.REFUND, (_AR,), None, SELLERS_SIDE, guards=(_is_owed,)),
    _row(
        Action.REFUND,
        (_AUTHORIZED, _REFUND_DUE),
        _COMPLETED,
        (Role.SELLER, Role.ADMIN, Role.SYSTEM),
        outcome=Outcome.REFUNDED,
        guards=(_is_owed,),
        note="when everything owed is refunded",
    ),
    _row(
        Action.REFUND,
        (_AUTHORIZED, _REFUND_DUE),
        _COMPLETED,
        SELLERS_SIDE,
        outcome=Outcome.PARTIALLY_REFUNDED,
        guards=(_is_owed,),
        note="when a fee or a last part settles what is owed",
    ),
    _row(Action.REFUND, (_CLOSED,), None, SELLERS_SIDE, guards=(_has_open_promise,)),
    _row(
        Action.PAY_OUT,
        (_AUTHORIZED, _REFUND_DUE),
        _COMPLETED,
        (Role.SELLER, Role.ADMIN, Role.SYSTEM),
        outcome=Outcome.REFUNDED,
        guards=(_has_open_payout,),
        note="when everything owed is paid",
    ),
    _row(
        Action.PAY_OUT,
        (_AUTHORIZED, _REFUND_DUE),
        _COMPLETED,
        (Role.SELLER, Role.ADMIN, Role.SYSTEM),
        outcome=Outcome.PARTIALLY_REFUNDED,
        guards=(_has_open_payout,),
        note="when all is paid that a fee or a last part has left",
    ),
    _row(
        Action.PAY_OUT,
        (_AR, _COMPLETED, _CLOSED),
        None,
        (Role.SELLER, Role.ADMIN, Role.SYSTEM),
        guards=(_has_open_payout,),
    ),
    _row(
        Action.COMPLETE,
        (_AUTHORIZED,),
        _COMPLETED,
        (Role.SYSTEM,),
        outcome=Outcome.NOT_RETURNED,
        guards=(_send_back_over, _not_handed_over),
    ),
    _row(
        Action.COMPLETE,
        (_AR, _AUTHORIZED),
        _COMPLETED,
        SELLERS_SIDE,
        outcome=Outcome.DUPLICATE,
        guards=(_not_closable, _is_duplicate),
    ),
    _row(
        Action.COMPLETE,
        (_AR, _AUTHORIZED),
        _COMPLETED,
        SELLERS_SIDE,
        outcome=Outcome.NEVER_ARRIVED,
        guards=(_not_closable, _is_never_arrived),
    ),
    _row(
        Action.COMPLETE,
        (_AR,),
        _COMPLETED,
        (Role.SYSTEM,),
        outcome=Outcome.REFUNDED_WITHOUT_RETURN,
        guards=(_by_returnless_rule, _is_owed),
    ),
    _row(
        Action.COMPLETE,
        (_AUTHORIZED,),
        _COMPLETED,
        (Role.SYSTEM,),
        outcome=Outcome.REFUNDED_WITHOUT_RETURN,
        guards=(_has_accepted_offer, _is_owed),
    ),
    _row(
        Action.COMPLETE,
        (_AUTHORIZED, _REFUND_DUE),
        _COMPLETED,
        SELLERS_SIDE,
        outcome=Outcome.PARTIALLY_REFUNDED,
        guards=(_has_partial_refund, _is_paid_out),
    ),
    _row(
        Action.COMPLETE,
        (_AR, _AUTHORIZED, _REFUND_DUE),
        _COMPLETED,
        (Role.SYSTEM,),
        outcome=Outcome.PARTIALLY_REFUNDED,
        guards=(_has_accepted_offer, _is_owed),
    ),
    _row(
        Action.COMPLETE,
        (_AUTHORIZED, _REFUND_DUE),
        _COMPLETED,
        SELLERS_SIDE,
        outcome=Outcome.REPLACED,
        guards=(_has_replacement,),
    ),
    _row(
        Action.REOPEN,
        (_CLOSED,),
        _AR,
        SELLERS_SIDE,
        guards=(_closed_by_sellers_side, _recently_closed, _no_newer_request, _no_money_for_closing),
    ),
    _row(
        Action.REOPEN,
        (_CLOSED,),
        None,
        (Role.BUYER,),
        guards=(_closed_by_the_buyer, _just_closed, _units_are_free),
        note="back to the status before",
    ),
    _row(
        Action.UNDO,
        (_AUTHORIZED, _CLOSED),
        None,
        SELLERS_SIDE,
        guards=(_still_held, _no_money_since_decision),
        note="back to the status before",
    ),
    _row(
        Action.PROVIDE_LABEL,
        (_AUTHORIZED,),
        None,
        SELLERS_SIDE,
        guards=(_owes_label, _cannot_be_undone, _not_handed_over),
    ),
    _row(Action.SPLIT, (), _AR, SELLERS_SIDE),
    _row(
        Action.SPLIT,
        (_AR,),
        None,
        SELLERS_SIDE,
        guards=(_is_made_here, _has_several_units, _not_come_back, _not_refunded),
    ),
    _row(Action.REASSESS, (_AR,), None, (Role.ADMIN,)),
    _row(
        Action.HAND_OVER,
        (_AR, _AUTHORIZED),
        None,
        (Role.BUYER, Role.SYSTEM),
        guards=(_is_no_delivery_problem, _not_yet_sent),
    ),
    _row(
        Action.OFFER,
        (_AR, _AUTHORIZED, _REFUND_DUE),
        None,
        SELLERS_SIDE,
        guards=(_buyer_can_answer, _there_is_an_item, _buyer_is_told_of_all),
        note="make, or take back",
    ),
    _row(
        Action.OFFER,
        (_AR, _AUTHORIZED, _REFUND_DUE),
        None,
        (Role.BUYER,),
        guards=(_offer_is_open, _offer_is_in_time),
        note="accept or decline",
    ),
    _row(
        Action.OFFER,
        (_AR, _AUTHORIZED, _REFUND_DUE),
        None,
        (Role.SYSTEM,),
        guards=(_offer_is_open, _offer_is_over),
        note="lapse",
    ),
    _row(Action.WRITE, ANY, None, (Role.BUYER, Role.SELLER, Role.ADMIN)),
    _row(Action.ESCALATE, ANY, None, (Role.BUYER, Role.SYSTEM), guards=(_may_step_in,)),
    _row(Action.UPHOLD, ANY, None, (Role.ADMIN,), guards=(_is_escalated,)),
    _row(
        Action.REMIND,
        (_AR, _AUTHORIZED, _REFUND_DUE, _CLOSED),
        None,
        (Role.SYSTEM,),
        guards=(_has_a_clock,),
    ),
)


_ENDS_DIFFERENTLY = (Action.COMPLETE, Action.REFUND, Action.PAY_OUT)

_SENTENCES: dict[tuple[Action, Status], Any] = {
    (Action.CLOSE, _AUTHORIZED): _(
        "This request is authorized: you have nothing further to do, and it can no longer be closed."
    ),
    (Action.CLOSE, _CLOSED): _("This request is already closed."),
    (Action.AUTHORIZE, _AUTHORIZED): _("This request is already authorized."),
    (Action.AUTHORIZE, _CLOSED): _("This request is closed. Reopen it first."),
    (Action.RECEIVE, _CLOSED): _("This request is closed. Reopen it first, then mark the units as received."),
    (Action.RECEIVE, _REFUND_DUE): _("These units were already received."),
    (Action.REFUND, _COMPLETED): _("This request is completed, so no further refund can be recorded on it."),
    (Action.REOPEN, _AR): _("This request is already open."),
    (Action.UNDO, _AR): _("There is nothing to undo."),
}


def not_possible(action: Action, status: Status, role: Role) -> Any:
    """The sentence for a move that the table does not have."""
    sentence = _SENTENCES.get((action, status))
    if sentence is not None and (role in SELLERS_SIDE or status != _AUTHORIZED):
        return sentence
    return _("This is not possible for a request in “%(status)s”.") % {"status": status.label}


def refusal(
    facts: Facts, action: Action, asking: Asking, outcome: Outcome | None = None
) -> tuple[Transition | None, Any]:
    """(transition, None) where the move is legal, else (None, the sentence that says why not).

    `outcome` chooses among the rows of `complete` and `refund`; without it any row that passes will do.
    """
    sentence: Any = None
    for transition in TRANSITIONS:
        if transition.action != action or facts.status not in transition.sources:
            continue
        if asking.role not in transition.roles:
            continue
        if outcome is not None and action in _ENDS_DIFFERENTLY and transition.outcome != outcome:
            continue
        found = transition.refusal(facts, asking)
        if found is None:
            return transition, None
        sentence = sentence or found
    return None, sentence or not_possible(action, facts.status, asking.role)


def resolve(facts: Facts, action: Action, asking: Asking, outcome: Outcome | None = None) -> Transition:
    """The legal move, or `TransitionNotAllowed` with the sentence for the user."""
    transition, sentence = refusal(facts, action, asking, outcome)
    if transition is None:
        raise TransitionNotAllowed(sentence)
    return transition


def resolve_first(action: Action, asking: Asking) -> Transition:
    """The legal move that begins a request, or `TransitionNotAllowed`."""
    for transition in TRANSITIONS:
        if transition.action == action and not transition.sources and asking.role in transition.roles:
            return transition
    raise TransitionNotAllowed(
        _("Ask for a return as the buyer of the order, or for the buyer as its seller.")
    )


def available_actions(facts: Facts, asking: Asking) -> frozenset[Action]:
    """The actions that would pass now: a button is drawn for no other."""
    return frozenset(
        transition.action
        for transition in TRANSITIONS
        if facts.status in transition.sources
        and asking.role in transition.roles
        and transition.refusal(facts, asking) is None
    )


def diagram() -> str:
    """The table as a Mermaid state diagram, in the words of the code; README shows it."""
    edges: dict[tuple[str, str], dict[tuple[str, str], list[str]]] = {}
    for transition in TRANSITIONS:
        if transition.target is None:
            continue
        who = ", ".join(role.value for role in Role if role in transition.roles)
        sources = [status.value for status in Status if status in transition.sources] or ["[*]"]
        for source in sources:
            moves = edges.setdefault((source, transition.target.value), {})
            outcomes = moves.setdefault((transition.action.value, who), [])
            if transition.outcome:
                outcomes.append(transition.outcome.value)
    lines = ["stateDiagram-v2"]
    for (source, target), moves in edges.items():
        labels = [
            f"{action}{' as ' + ' or '.join(outcomes) if outcomes else ''} ({who})"
            for (action, who), outcomes in moves.items()
        ]
        lines.append(f"    {source} --> {target}: {'<br>'.join(labels)}")
    return "\n".join(lines) + "\n"
