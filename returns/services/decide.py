"""Deciding: authorize and close, for one request or many; undo a slip; reopen.

Written once for many: `decide_returns` locks, checks and writes a set in id order, in chunks, each chunk one
transaction with a result per row. One request is the set of one.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Field, Q
from django.utils.translation import gettext_lazy as _

from .. import history, policy
from ..actors import Actor, MemberRole
from ..dates import active_locale
from ..exceptions import Forbidden, Invalid, NotFound, Refusal, TransitionNotAllowed
from ..grounds import COMMENTS_ALTHOUGH_IN_POLICY, Ground, Stated, check
from ..models import ClosureReason, LabelKind, Order, ReturnAddress, ReturnEvent, ReturnRequest, Seller
from ..policy import PolicyVerdict
from ..selectors.cases import Case
from ..selectors.reasons import audience_of
from ..state_machine import SELLERS_SIDE, Action, Role, Status
from ..text import clean_text
from .labels import Label, check_label, label_facts, label_row
from .marketplace import is_todo
from .moves import (
    Move,
    case_to_plan,
    check_move,
    check_moves,
    check_same,
    happened_at,
    lock_cases,
    made_with,
    make_move,
    planned_event,
    search_text_of,
    units_left,
    write_moves,
    write_search_texts,
)
from .words import clean_comments

CHUNK = 500
INSTRUCTIONS_MAX = 1000
RMA_MAX = 64
BULK_UNDO_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedAddress:
    """A return address that stands in no address book (yet), as typed."""

    name: str = ""
    lines: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""

    def cleaned(self) -> ReturnAddress:
        """The address, unsaved: plain text, its country in capitals."""
        plain = {name: clean_text(getattr(self, name)) for name in ("name", "city", "region", "postal_code")}
        lines = clean_text(self.lines, keep_lines=True)
        return ReturnAddress(**plain, lines=lines, country=clean_text(self.country).upper())


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """How to authorize. Without an address the seller's first one in the buyer's country is used.

    `promises_label`: the seller provides an own label later. `saves_address` and `saves_instructions`: keep
    what was typed for the next time, which is an owner's to do. `rule`: which one the system follows, as its event
    keeps it. The system gives the seller's own instructions.
    """

    return_address_id: int | None = None
    typed_address: TypedAddress | None = None
    saves_address: bool = False
    instructions: str = ""
    saves_instructions: bool = False
    merchant_rma: str = ""
    label: Label | None = None
    promises_label: bool = False
    rule: Mapping[str, Any] | None = None

    action = Action.AUTHORIZE

    @property
    def is_for_one(self) -> bool:
        """Does it bring what only one request can have?"""
        return bool(self.merchant_rma or (self.label and self.label.file))


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


Decision = Authorization | Closing


def decide_returns(
    actor: Actor,
    *,
    decision: Decision | Mapping[str, Decision],
    references: Sequence[str],
    key: str = "",
    at_least_held: int = 0,
) -> list[Result]:
    """Authorize or close the requests of `references`; answers one result each, in their order.

    `decision`: one for all, or each request's own by reference, all of one action. A refused row stops no other.
    `key`: the form's idempotency key; a row that was already done with it answers with the event it made then.
    `at_least_held`: seconds a decision stays undoable at the least.
    """
    decisions = decision if isinstance(decision, Mapping) else dict.fromkeys(references, decision)
    authorizations = [one for one in decisions.values() if isinstance(one, Authorization)]
    if len(authorizations) > 1 and any(one.is_for_one for one in authorizations):
        raise ValueError("a number or a label of one's own is for one request")
    codes = {one.reason_code for one in decisions.values() if isinstance(one, Closing)}
    reasons = _reasons(actor, codes)

    def plan(case: Case) -> Move:
        one = decisions[case.request.reference]
        if isinstance(one, Authorization):
            _check_authorization(case, actor, one)
            move = _authorizing_move(case, actor, one)
        else:
            reason = _chosen(reasons, one.reason_code)
            move = _closing_move(case, actor, reason, one, warning=check_closing(case, actor, reason, one))
        move.hold_until = _hold_until(actor, case.now, at_least_held)
        return move

    def before() -> None:
        # Before the requests: an import holds its seller's row while it waits for them.
        if may_save(actor) and any(one.saves_instructions for one in authorizations):
            Seller.objects.select_for_update(no_key=True).filter(pk=actor.own_seller_id).first()

    def after(case: Case) -> None:
        one = decisions[case.request.reference]
        if isinstance(one, Authorization):
            _keep_for_later(case, one)

    action = next((one.action for one in decisions.values()), Action.CLOSE)
    return _each(
        actor,
        references,
        action=action,
        plan=plan,
        key=key,
        said=lambda reference: _fingerprint(decisions[reference]),
        has_way_back=_brings_way_back(decisions) if action == Action.AUTHORIZE else None,
        before=before,
        after=after,
    )


def undo_decisions(
    actor: Actor, *, references: Sequence[str], key: str = "", decided_with: str = ""
) -> list[Result]:
    """Take back this actor's last authorize or close of each request while it is held; one result each.

    Nothing of it ever reaches a buyer. Races the relay: whichever sets its mark on the event first wins, by the
    event's row lock and by a CHECK. `decided_with`: only a decision made with this key is taken back.
    """
    taken: Counter[int] = Counter()

    def plan(case: Case) -> Move:
        held = case.held_event
        assert held is not None
        if decided_with and held.idempotency_key != decided_with:
            raise TransitionNotAllowed(_("This request was decided again since, so this was not undone."))
        units = {int(item): before for item, (before, _after) in held.facts.get("units", {}).items()}
        _check_units(case, units, taken)
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
            columns=history.columns_before(held),
            held=units,
            facts={"undone_version": held.version},
            is_silent=True,
        )

    return _each(
        actor,
        references,
        action=Action.UNDO,
        plan=plan,
        key=key,
        said=lambda _reference: {"action": Action.UNDO},
    )


def _each(
    actor: Actor,
    references: Sequence[str],
    *,
    action: Action,
    plan: Callable[[Case], Move],
    key: str,
    said: Callable[[str], dict[str, Any]],
    has_way_back: Callable[[Case], bool] | None = None,
    before: Callable[[], None] = lambda: None,
    after: Callable[[Case], None] = lambda _case: None,
) -> list[Result]:
    """Lock, check, plan and write in id order, in chunks, each chunk one transaction.

    `plan` gets a locked case whose move is legal, and may refuse; `said` is what a form that comes again must
    ask for, by reference. `has_way_back`: what the decision brings; `before` runs first in
    each transaction, `after` with the writing.
    """
    if not actor.may_write:
        raise Forbidden(_("You may look at everything here, but not decide. Ask an owner of the team."))
    results: dict[str, Result] = {}
    wanted = list(dict.fromkeys(references))
    for chunk in (wanted[start : start + CHUNK] for start in range(0, len(wanted), CHUNK)):
        with transaction.atomic():
            before()
            cases = lock_cases(actor, chunk)
            done = made_with(cases, key)
            refusals = check_moves(
                [case for case in cases if case.request.pk not in done],
                actor,
                action,
                has_way_back=has_way_back,
            )
            moves = []
            for case in cases:
                reference, request_id = case.request.reference, case.request.pk
                try:
                    if request_id in done:
                        check_same(done[request_id], **said(reference))
                        results[reference] = Result(reference, event=done[request_id])
                    elif request_id in refusals:
                        raise refusals[request_id]
                    else:
                        move = plan(case)
                        move.key = key
                        moves.append(move)
                except Refusal as refusal:
                    results[reference] = Result(reference, refusal=refusal)
            for move, event in zip(moves, write_moves(actor, moves), strict=True):
                after(move.case)
                results[move.case.request.reference] = Result(move.case.request.reference, event=event)
    missing = NotFound(_("This page does not exist, or it is not yours."))
    return [results.get(reference, Result(reference, refusal=missing)) for reference in references]


def _check_units(case: Case, wanted: Mapping[int, int], taken: Counter[int]) -> None:
    """Refuse where the units that the items shall hold again are not free; `taken`: by others of this call."""
    more: Counter[int] = Counter()
    lines = {item.order_item_id: item.order_item for item in case.items}
    for item in case.items:
        more[item.order_item_id] += wanted.get(item.pk, item.units_held) - item.units_held
    for line_id, units in more.items():
        line = lines[line_id]
        if units > (free := line.free - taken[line_id]):
            raise TransitionNotAllowed(units_left(free, line.quantity))
    taken.update(more)


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

    Checks that the move is legal, but not yet that everything is filled in. Writes nothing. `case`: the request
    as the page that shows the preview has read it.
    """
    case = case_to_plan(actor, reference, case)
    check_move(
        case, actor, decision.action, has_way_back=True if isinstance(decision, Authorization) else None
    )
    return plan_event(case, actor, decision)


def plan_event(
    case: Case, actor: Actor, decision: Decision, reason: ClosureReason | None = None
) -> ReturnEvent:
    """The event that this decision would write for this case (unsaved), without any check of the move.

    `reason`: the closing's own, where it is read already.
    """
    if isinstance(decision, Authorization):
        return planned_event(actor, _authorizing_move(case, actor, decision))
    code = decision.reason_code
    reason = reason or _chosen(_reasons(actor, {code}), code)
    return planned_event(actor, _closing_move(case, actor, reason, decision, warning=""))


def undo_decision(actor: Actor, *, reference: str, key: str = "") -> ReturnEvent:
    """Take back the own last authorize or close while it is held; raises the refusal."""
    return _only(undo_decisions(actor, references=[reference], key=key))


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
    """The move that authorizes; raises the refusal. The case must be locked by this transaction."""
    check_move(case, actor, Action.AUTHORIZE, has_way_back=_has_way_back(case, decision))
    _check_authorization(case, actor, decision)
    return _authorizing_move(case, actor, decision)


def _brings_way_back(decisions: Mapping[str, Any]) -> Callable[[Case], bool]:
    return lambda case: _has_way_back(case, decisions[case.request.reference])


def _has_way_back(case: Case, decision: Authorization) -> bool:
    """Does the decision say how the item comes back: by a label, or to an address in the buyer's country?"""
    if decision.promises_label or (decision.label and decision.label.kind == LabelKind.OWN):
        return True
    if decision.typed_address is None and decision.return_address_id is None:
        return case.has_way_back
    address = _chosen_address(case, decision)
    if decision.typed_address is not None and address is not None and _address_errors(address):
        return True  # it is refused for what it lacks, field by field
    is_near = address is not None and address.country == case.request.order.country
    return is_near or case.request.prepaid_eligible


def _check_authorization(case: Case, actor: Actor, decision: Authorization) -> None:
    """Refuses, field by field, what is missing or cannot be used."""
    errors: dict[str, Any] = {}
    if (decision.saves_address or decision.saves_instructions) and not may_save(actor):
        raise Forbidden(_("Only an owner of the team may change this."))
    if decision.typed_address is not None:
        errors |= _address_errors(decision.typed_address.cleaned())
    if sentence := _own_number_error(case, actor, clean_text(decision.merchant_rma, RMA_MAX)):
        errors["merchant_rma"] = sentence
    if case.request.prepaid_eligible and decision.promises_label:
        errors["label"] = _("The marketplace provides the label of this return.")
    if decision.label is not None:
        try:
            check_label(case, decision.label)
        except Invalid as invalid:
            errors |= invalid.errors
    if errors:
        raise Invalid(next(iter(errors.values())), errors)


def may_save(actor: Actor) -> bool:
    """May this actor keep an address or instructions for the next time? Only an owner, for the own seller."""
    return actor.member_role == MemberRole.OWNER


def _address_errors(address: ReturnAddress) -> dict[str, Any]:
    """By field of the form: ``new_name``, ``new_lines`` …"""
    errors: dict[str, Any] = {}
    for name in ("name", "lines", "city", "region", "postal_code"):
        value, field = getattr(address, name), ReturnAddress._meta.get_field(name)
        assert isinstance(field, Field)
        if not value and not field.blank:
            errors[f"new_{name}"] = _("An address needs this: please fill it in.")
        elif len(value) > (field.max_length or 0):
            errors[f"new_{name}"] = _("Shorten this to %(most)d characters.") % {"most": field.max_length}
    if len(address.country) != 2 or address.country not in active_locale().territories:
        errors["new_country"] = _("Choose a country.")
    return errors


def _own_number_error(case: Case, actor: Actor, number: str) -> Any:
    """Why the seller's own RMA number cannot be this one; None where it can.

    Numbers of one order differ: requests of the same order take turns at its row, so that two who give one
    number at the same moment find each other.
    """
    request = case.request
    if not number:
        must = case.seller.rma_numbers == Seller.RmaNumbers.OWN and actor.role in SELLERS_SIDE
        return _("Enter your own RMA number.") if must and not request.merchant_rma else None
    Order.objects.select_for_update(no_key=True).get(pk=request.order_id)
    others = ReturnRequest.objects.filter(order_id=request.order_id).exclude(pk=request.pk)
    if others.filter(Q(merchant_rma=number) | Q(rma_number=number)).exists():
        return _("Another request of this order has this number already. Choose another one.")
    return None


def _keep_for_later(case: Case, decision: Authorization) -> None:
    """What an authorization leaves beside the request: what it is found by, and the owner's new defaults."""
    if decision.merchant_rma:
        write_search_texts({case.request.pk: search_text_of(case)})
    if decision.saves_address and decision.typed_address is not None:
        address = decision.typed_address.cleaned()
        address.seller = case.seller
        address.save(force_insert=True)
    if decision.saves_instructions:
        Seller.objects.filter(pk=case.seller.pk).update(
            instructions=clean_text(decision.instructions, INSTRUCTIONS_MAX, keep_lines=True)
        )


def _authorizing_move(case: Case, actor: Actor, decision: Authorization) -> Move:
    request = case.request
    chosen = _chosen_address(case, decision)
    address = chosen.as_text() if chosen is not None else ""
    merchant_rma = clean_text(decision.merchant_rma, RMA_MAX) or request.merchant_rma
    label: dict[str, Any] = {}
    if decision.label is not None:
        label = {"label": label_facts(decision.label)}
    elif decision.promises_label:
        label = {"label": {"kind": "promised"}}
    given = case.seller.instructions if actor.role == Role.SYSTEM else decision.instructions
    instructions = clean_text(given, INSTRUCTIONS_MAX, keep_lines=True)
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
            "merchant_rma": merchant_rma,
            "is_label_owed": decision.promises_label,
            "send_back_date": send_back_date,
            "escalated_at": None,
            "is_decided_here": True,
            "is_marketplace_todo": is_todo(case, Status.AUTHORIZED),
        },
        label=label_row(case, actor, decision.label) if decision.label is not None else None,
        facts={
            "address": address,
            "instructions": instructions,
            "send_back_date": send_back_date.isoformat(),
            "is_prepaid": request.prepaid_eligible,
            "rma_number": request.rma_number,
            "merchant_rma": merchant_rma,
            **label,
            **({"rule": dict(decision.rule)} if decision.rule else {}),
        },
    )


def _fingerprint(decision: Authorization | Closing) -> dict[str, Any]:
    if isinstance(decision, Authorization):
        return {"action": Action.AUTHORIZE, "reason_code": "", "text": ""}
    return {
        "action": Action.CLOSE,
        "reason_code": decision.reason_code,
        "text": clean_text(decision.comments, keep_lines=True),
    }


def _reasons(actor: Actor, codes: Iterable[str]) -> dict[str, ClosureReason]:
    """The closure reasons of these codes that this actor may use now."""
    wanted = set(codes)
    if not wanted:
        return {}
    offered = ClosureReason.objects.filter(code__in=wanted, is_active=True, audience=audience_of(actor))
    return {reason.code: reason for reason in offered}


def _chosen(reasons: Mapping[str, ClosureReason], code: str) -> ClosureReason:
    if code not in reasons:
        sentence = _("Choose a return reason from the list.")
        raise Invalid(sentence, {"reason": sentence})
    return reasons[code]


def check_closing(case: Case, actor: Actor, reason: ClosureReason, closing: Closing) -> Any:
    """Refuses what is missing or does not hold, field by field; answers the warning that was shown, if any."""
    errors = _comments_errors(case, actor, reason, closing)
    warning: Any = ""
    if actor.role != Role.BUYER:
        finding = check(
            reason.ground,
            case.ground_facts(),
            closing.stated,
            may_close_withdrawal=reason.may_close_withdrawal,
        )
        warning = finding.warning
        if not finding.holds and finding.needs:
            errors |= {need: _NEEDED[need] for need in finding.needs}
        elif not finding.holds:
            errors["reason"] = finding.sentence
        errors |= _stated_errors(case, actor, closing.stated)
    if errors:
        raise Invalid(next(iter(errors.values())), errors)
    return warning


def entry_errors(case: Case, actor: Actor, reason: ClosureReason, closing: Closing) -> dict[str, Any]:
    """What was entered wrongly, by field, whether or not the reason holds."""
    return _comments_errors(case, actor, reason, closing) | _stated_errors(case, actor, closing.stated)


def _comments_errors(case: Case, actor: Actor, reason: ClosureReason, closing: Closing) -> dict[str, Any]:
    """The seller's side must write something, and enough where it closes a request although in policy."""
    is_buyer = actor.role == Role.BUYER
    try:
        text = clean_comments(closing.comments, is_required=not is_buyer)
    except Invalid as invalid:
        return dict(invalid.errors)
    is_although_in_policy = reason.ground == Ground.ALWAYS and case.request.policy == PolicyVerdict.IN_POLICY
    if not is_buyer and is_although_in_policy and len(text) < COMMENTS_ALTHOUGH_IN_POLICY:
        return {"comments": _("This request is in policy: explain your reason in at least 20 characters.")}
    return {}


_NEEDED: dict[str, Any] = {
    "delivery_date": _("Enter the day on which it was delivered, so that the window has ended by then."),
    "promise_minor": _("Enter the amount you promise to refund."),
    "promise_due_date": _("Enter the day by which you refund."),
    "agreed_date": _("Enter the day on which you agreed."),
    "agreed_channel": _("Say how you agreed, for example by e-mail."),
    "has_checked_claim": _("Tick that you have checked the buyer's claim about the item."),
    "buyer_writes_never_arrived": _("Tick that the buyer writes that it never arrived."),
}


def _stated_errors(case: Case, actor: Actor, stated: Stated) -> dict[str, Any]:
    """A promise is for money that is still owed, in the order's currency, from today on, within a year."""
    today = policy.local_day(happened_at(case, actor), case.rules.time_zone)
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
        stated_end = stated.delivery_date + timedelta(days=case.window_days)
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


def _chosen_address(case: Case, decision: Authorization) -> ReturnAddress | None:
    """The typed address, else the chosen one, else the first in the buyer's country, if there is one."""
    if decision.typed_address is not None:
        return decision.typed_address.cleaned()
    if decision.return_address_id is None:
        country = case.request.order.country
        return next((one for one in case.return_addresses if one.country == country), None)
    for address in case.return_addresses:
        if address.pk == decision.return_address_id:
            return address
    sentence = _("Choose one of your return addresses.")
    raise Invalid(sentence, {"return_address": sentence})


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


def _only(results: list[Result]) -> ReturnEvent:
    (result,) = results
    if result.refusal is not None:
        raise result.refusal
    assert result.event is not None
    return result.event
