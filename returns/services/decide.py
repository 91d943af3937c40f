"""Deciding: authorize and close, for one request or many; undo a slip; reopen.

Written once for many: `decide_returns` locks, checks and writes a set in id order, in chunks, each chunk one
transaction with a result per row. One request is the set of one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from .. import policy
from ..actors import Actor
from ..exceptions import Forbidden, Invalid, NotFound, Refusal, TransitionNotAllowed
from ..grounds import COMMENTS_ALTHOUGH_IN_POLICY, Ground, Stated, check
from ..models import ClosureReason, ReturnEvent, ReturnRequest
from ..policy import PolicyVerdict
from ..selectors.cases import Case, get_case
from ..selectors.reasons import audience_of
from ..state_machine import Action, Role, Status
from ..text import clean_text
from .marketplace import is_todo
from .moves import (
    Move,
    check_move,
    finished_before,
    happened_at,
    lock_cases,
    make_move,
    planned_event,
    write_moves,
)
from .words import clean_comments

CHUNK = 500
INSTRUCTIONS_MAX = 1000
BULK_UNDO_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """How to authorize. Without `return_address_id` the seller's first address in the buyer's country is used."""

    return_address_id: int | None = None
    instructions: str = ""
    merchant_rma: str = ""

    action = Action.AUTHORIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """Why to close, in whose words. `comments` as typed; the seller's side must give some, buyers may."""

    reason_code: str
    comments: str = ""
    stated: Stated = field(default_factory=Stated)

    action = Action.CLOSE


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one row: an event, or a refusal."""

    reference: str
    event: ReturnEvent | None = None
    refusal: Refusal | None = None


def decide_returns(
    actor: Actor,
    *,
    decision: Authorization | Closing,
    references: Sequence[str],
    key: str = "",
    at_least_held: int = 0,
) -> list[Result]:
    """Authorize or close the requests of `references`; answers one result each, in their order.

    A refused row stops no other. `key`: the form's idempotency key; a row that was already done with it answers
    with the event it made then. `at_least_held`: seconds a decision stays undoable at the least.
    """
    if not actor.may_write:
        raise Forbidden(_("You may look at everything here, but not decide. Ask an owner of the team."))
    results: dict[str, Result] = {}
    wanted = list(dict.fromkeys(references))
    for chunk in (wanted[start : start + CHUNK] for start in range(0, len(wanted), CHUNK)):
        with transaction.atomic():
            moves = []
            for case in lock_cases(actor, chunk):
                reference = case.request.reference
                try:
                    done = finished_before(case, key, **_fingerprint(decision))
                    if done is not None:
                        results[reference] = Result(reference, event=done)
                        continue
                    move = _plan(case, actor, decision)
                except Refusal as refusal:
                    results[reference] = Result(reference, refusal=refusal)
                else:
                    move.key = key
                    move.hold_until = _hold_until(actor, case.now, at_least_held)
                    moves.append(move)
            for move, event in zip(moves, write_moves(actor, moves), strict=True):
                results[move.case.request.reference] = Result(move.case.request.reference, event=event)
    missing = NotFound(_("This page does not exist, or it is not yours."))
    return [results.get(reference, Result(reference, refusal=missing)) for reference in references]


def authorize_return(
    actor: Actor, *, reference: str, decision: Authorization | None = None, key: str = ""
) -> ReturnEvent:
    """Authorize one request; raises the refusal."""
    return _only(decide_returns(actor, decision=decision or Authorization(), references=[reference], key=key))


def close_return(actor: Actor, *, reference: str, closing: Closing, key: str = "") -> ReturnEvent:
    """Close one request; raises the refusal. `Invalid.errors` names the fields of the close form."""
    return _only(decide_returns(actor, decision=closing, references=[reference], key=key))


def preview_decision(
    actor: Actor, *, reference: str, decision: Authorization | Closing, case: Case | None = None
) -> ReturnEvent:
    """The event that this decision would write (unsaved), for the exact message preview.

    Checks that the move is legal, but not yet that everything is filled in. Writes nothing. `case`: that of
    `reference`, where this actor has it already.
    """
    case = case or get_case(actor, reference)
    if isinstance(decision, Authorization):
        return planned_event(actor, plan_authorization(case, actor, decision))
    check_move(case, actor, Action.CLOSE)
    reason = _reason(case, actor, decision.reason_code)
    return planned_event(actor, _closing_move(case, actor, reason, decision, warning=""))


def undo_decision(actor: Actor, *, reference: str, key: str = "") -> ReturnEvent:
    """Take back the own last authorize or close while it is held; nothing of it ever reaches the buyer.

    Races the relay: whichever sets its mark on the event first wins, by the event's row lock and by a CHECK.
    """

    def plan(case: Case) -> Move:
        held = case.held_event
        assert held is not None
        marked = ReturnEvent.objects.filter(
            pk=held.pk, relayed_at__isnull=True, withdrawn_at__isnull=True, hold_until__gt=case.now
        ).update(withdrawn_at=case.now)
        if not marked:
            raise TransitionNotAllowed(
                _("The time to undo is over: the decision was passed on. A closed request can be reopened.")
            )
        return Move(
            case=case,
            action=Action.UNDO,
            status=Status(held.source),
            columns={column: _parsed(column, values[0]) for column, values in held.facts["changed"].items()},
            held={int(item): units[0] for item, units in held.facts.get("units", {}).items()},
            facts={"undone_version": held.version},
            is_silent=True,
        )

    return make_move(actor, reference=reference, action=Action.UNDO, plan=plan, key=key)


def reopen_return(
    actor: Actor, *, reference: str, comments: str = "", key: str = "", is_preview: bool = False
) -> ReturnEvent:
    """Open a closed request again; its units are held again, or it is refused with what is left."""

    def plan(case: Case) -> Move:
        now = happened_at(case, actor)
        return Move(
            case=case,
            action=Action.REOPEN,
            status=Status.AUTHORIZATION_REQUIRED,
            columns={
                **NOT_CLOSED,
                "answer_due_at": policy.answer_due_at(now, has_time=True, rules=case.rules),
                "escalated_at": None,
                "is_decided_here": True,
                "is_marketplace_todo": is_todo(case, Status.AUTHORIZATION_REQUIRED),
            },
            held=case.units_again() if case.is_imported else {item.pk: item.quantity for item in case.items},
        )

    text = clean_comments(comments)
    return make_move(
        actor,
        reference=reference,
        action=Action.REOPEN,
        plan=plan,
        text=text,
        key=key,
        is_preview=is_preview,
    )


NOT_CLOSED: dict[str, Any] = {
    "closed_at": None,
    "closed_by_role": "",
    "closure_reason_id": None,
    "is_closed_although_in_policy": False,
    "promise_minor": None,
    "promise_currency": "",
    "promise_due_date": None,
}


def plan_authorization(case: Case, actor: Actor, decision: Authorization) -> Move:
    """The move that authorizes; raises the refusal. The case must be locked before it is written."""
    check_move(case, actor, Action.AUTHORIZE)
    request = case.request
    address = _return_address(case, decision.return_address_id)
    instructions = clean_text(decision.instructions, INSTRUCTIONS_MAX, keep_lines=True)
    authorized_at = happened_at(case, actor)
    send_back_date = policy.send_back_date(
        request.window_end_date, authorized_at=authorized_at, rules=case.rules
    )
    return Move(
        case=case,
        action=Action.AUTHORIZE,
        status=Status.AUTHORIZED,
        columns={
            "authorized_at": authorized_at,
            "return_address": address,
            "instructions": instructions,
            "merchant_rma": clean_text(decision.merchant_rma, 64) or request.merchant_rma,
            "send_back_date": send_back_date,
            "escalated_at": None,
            "is_decided_here": True,
            "is_marketplace_todo": is_todo(case, Status.AUTHORIZED),
        },
        facts={
            "address": address,
            "instructions": instructions,
            "send_back_date": send_back_date.isoformat(),
            "is_prepaid": request.prepaid_eligible,
            "rma_number": request.rma_number,
        },
    )


def _plan(case: Case, actor: Actor, decision: Authorization | Closing) -> Move:
    if isinstance(decision, Authorization):
        return plan_authorization(case, actor, decision)
    check_move(case, actor, Action.CLOSE)
    reason = _reason(case, actor, decision.reason_code)
    warning = _check_closing(case, actor, reason, decision)
    return _closing_move(case, actor, reason, decision, warning=warning)


def _fingerprint(decision: Authorization | Closing) -> dict[str, Any]:
    if isinstance(decision, Authorization):
        return {"action": Action.AUTHORIZE, "reason_code": "", "text": ""}
    return {
        "action": Action.CLOSE,
        "reason_code": decision.reason_code,
        "text": clean_text(decision.comments, keep_lines=True),
    }


def _reason(case: Case, actor: Actor, code: str) -> ClosureReason:
    reason = ClosureReason.objects.filter(code=code, is_active=True, audience=audience_of(actor)).first()
    if reason is None:
        sentence = _("Choose a return reason from the list.")
        raise Invalid(sentence, {"reason": sentence})
    return reason


def _check_closing(case: Case, actor: Actor, reason: ClosureReason, closing: Closing) -> Any:
    """Refuses what is missing or does not hold, field by field; answers the warning that was shown, if any."""
    errors: dict[str, Any] = {}
    try:
        text = clean_comments(closing.comments, is_required=actor.role != Role.BUYER)
    except Invalid as invalid:
        errors |= invalid.errors
        text = ""
    if actor.role == Role.BUYER:
        if errors:
            raise Invalid(errors["comments"], errors)
        return ""
    finding = check(
        reason.ground,
        case.ground_facts(),
        closing.stated,
        may_close_withdrawal=reason.may_close_withdrawal,
    )
    is_although_in_policy = reason.ground == Ground.ALWAYS and case.request.policy == PolicyVerdict.IN_POLICY
    if is_although_in_policy and 0 < len(text) < COMMENTS_ALTHOUGH_IN_POLICY:
        errors["comments"] = _("This request is in policy: explain your reason in at least 20 characters.")
    if not finding.holds:
        if finding.needs:
            errors |= {need: _NEEDED[need] for need in finding.needs}
        else:
            errors["reason"] = finding.sentence
    today = policy.local_day(happened_at(case, actor), case.rules.time_zone)
    errors |= _stated_errors(case, closing.stated, today)
    if errors:
        raise Invalid(next(iter(errors.values())), errors)
    return finding.warning


_NEEDED: dict[str, Any] = {
    "delivery_date": _("Enter the day on which it was delivered, so that the window has ended by then."),
    "promise_minor": _("Enter the amount you promise to refund."),
    "promise_due_date": _("Enter the day by which you refund."),
    "agreed_date": _("Enter the day on which you agreed."),
    "agreed_channel": _("Say how you agreed, for example by e-mail."),
    "has_checked_claim": _("Tick that you have checked the buyer's claim about the item."),
    "buyer_writes_never_arrived": _("Tick that the buyer writes that it never arrived."),
}


def _stated_errors(case: Case, stated: Stated, today: date) -> dict[str, Any]:
    """A promise is for money that is still owed, in the order's currency, from today on, within a year."""
    errors: dict[str, Any] = {}
    if stated.promise_minor is not None:
        owed = case.owed_minor()
        if stated.promise_currency not in owed:
            errors["promise_minor"] = _("Promise the refund in the currency of the order.")
        elif stated.promise_minor <= 0:
            errors["promise_minor"] = _("Enter an amount above zero.")
        else:
            most = _still_refundable(case, stated.promise_currency)
            if most is not None and stated.promise_minor > most:
                errors["promise_minor"] = _("That is more than what was paid and is not refunded yet.")
    if stated.promise_due_date is not None:
        days = (stated.promise_due_date - today).days
        if days < 0:
            errors["promise_due_date"] = _("Choose today or a later day.")
        elif days > 365:
            errors["promise_due_date"] = _("Choose a day within a year.")
    if stated.agreed_date is not None and stated.agreed_date > today:
        errors["agreed_date"] = _("The day of the agreement cannot be in the future.")
    if stated.delivery_date is not None and stated.delivery_date > case.requested_date:
        errors["delivery_date"] = _("Enter a day before the return was asked for.")
    return errors


def _still_refundable(case: Case, currency: str) -> int | None:
    """What was paid for the lines of this request and is not refunded to anybody yet; None where unknown."""
    total = 0
    for line in {item.order_item for item in case.items if item.order_item.currency == currency}:
        if line.item_paid_minor is None:
            return None
        for part in ("item", "tax", "shipping"):
            total += (getattr(line, f"{part}_paid_minor") or 0) - getattr(line, f"{part}_refunded_minor")
    return total


def _closing_move(case: Case, actor: Actor, reason: ClosureReason, closing: Closing, *, warning: Any) -> Move:
    stated = closing.stated
    closed_at = happened_at(case, actor)
    promises = (
        reason.ground == Ground.REFUND_WITHOUT_RETURN and stated.promise_minor and stated.promise_due_date
    )
    although = (
        actor.role != Role.BUYER
        and reason.ground == Ground.ALWAYS
        and case.request.policy == PolicyVerdict.IN_POLICY
    )
    facts: dict[str, Any] = {"stated": _stated_json(stated), "is_although_in_policy": although}
    values: dict[str, Any] = {}
    if promises and stated.promise_due_date:
        facts["promise"] = {
            "minor": stated.promise_minor,
            "currency": stated.promise_currency,
            "due_date": stated.promise_due_date.isoformat(),
        }
    if warning:
        facts["warned"] = str(warning)
    if (
        reason.ground == Ground.OUTSIDE_RETURN_WINDOW
        and stated.delivery_date
        and not case.request.window_end_date
    ):
        stated_end = stated.delivery_date + timedelta(days=case.rules.window_days)
        values["return_window_end"] = stated_end.isoformat()
    if not case.is_imported and actor.role != Role.BUYER:
        facts["step_in_until"] = policy.local_day(
            closed_at + timedelta(days=30), case.rules.time_zone
        ).isoformat()
    return Move(
        case=case,
        action=Action.CLOSE,
        status=Status.CLOSED,
        columns={
            "closed_at": closed_at,
            "closed_by_role": actor.role.value,
            "closure_reason_id": reason.pk,
            "is_closed_although_in_policy": although,
            "promise_minor": stated.promise_minor if promises else None,
            "promise_currency": stated.promise_currency if promises else "",
            "promise_due_date": stated.promise_due_date if promises else None,
            "escalated_at": None,
            "is_decided_here": True,
            "is_marketplace_todo": is_todo(case, Status.CLOSED),
        },
        held={item.pk: 0 for item in case.items},
        reason_code=reason.code,
        words={
            "labels": reason.in_both("label"),
            "buyer_labels": reason.in_both("buyer_label"),
            "text": reason.in_both("text"),
            "values": values,
        },
        facts=facts,
        text=clean_text(closing.comments, keep_lines=True),
    )


def _stated_json(stated: Stated) -> dict[str, Any]:
    """What was stated or ticked, without what was left alone."""
    said: dict[str, Any] = {}
    if stated.delivery_date:
        said["delivery_date"] = stated.delivery_date.isoformat()
    if stated.agreed_date:
        said["agreed_date"] = stated.agreed_date.isoformat()
    if stated.agreed_channel:
        said["agreed_channel"] = clean_text(stated.agreed_channel, 100)
    if stated.has_checked_claim:
        said["has_checked_claim"] = True
    if stated.buyer_writes_never_arrived:
        said["buyer_writes_never_arrived"] = True
    return said


def _return_address(case: Case, address_id: int | None) -> str:
    """The text of the chosen address, else of the first one in the buyer's country, else nothing."""
    if address_id is not None:
        for address in case.return_addresses:
            if address.pk == address_id:
                return address.as_text()
        sentence = _("Choose one of your return addresses.")
        raise Invalid(sentence, {"return_address": sentence})
    country = case.request.order.country
    for address in case.return_addresses:
        if address.country == country:
            return address.as_text()
    return ""


def _hold_until(actor: Actor, now: datetime, at_least: int) -> datetime | None:
    """Until when the decision can be undone: only what a person of the seller's side decides is held."""
    seconds = undo_seconds(actor)
    if not seconds or actor.role not in (Role.SELLER, Role.ADMIN) or actor.occurred_at:
        return None
    return now + timedelta(seconds=max(seconds, at_least))


def undo_seconds(actor: Actor) -> int:
    """How long this actor's decisions can be undone; 0 where undo is switched off for all."""
    if settings.UNDO_SECONDS == 0 or actor.undo_seconds is None:
        return settings.UNDO_SECONDS
    return actor.undo_seconds


def _parsed(column: str, value: Any) -> Any:
    """A column's value from the JSON it was kept as."""
    name = column.removesuffix("_id")
    return None if value is None else ReturnRequest._meta.get_field(name).to_python(value)


def _only(results: list[Result]) -> ReturnEvent:
    (result,) = results
    if result.refusal is not None:
        raise result.refusal
    assert result.event is not None
    return result.event
