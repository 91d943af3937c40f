"""Paying out what was given: written down, confirmed, failed, tried again, given up.

One service writes a pay-out and the refunds in it, under the lock of their request, with its event. Money counts in
the sums of its lines from the moment it is given; only giving a pay-out up takes it out of them, in the same
transaction, so that it can be given otherwise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..exceptions import Forbidden, Invalid, NotFound, TransitionNotAllowed
from ..models import Order, OrderItem, Payout, Refund, ReturnEvent, ReturnRequest
from ..models.clock import database_now
from ..models.money import PAID_PARTS, RefundKind, RefundState
from ..models.payouts import OPEN, PayoutFailure, PayoutState
from ..models.requests import OpenPayout
from ..payouts import get_backend
from ..selectors.cases import Case
from ..selectors.refunds import refunded_since_closing
from ..state_machine import SELLERS_SIDE, Action, Outcome, Status
from ..text import clean_text
from .marketplace import is_todo
from .moves import Move, check_move, happened_at, lock_case, write_moves

# --- What is given


def kind_now() -> RefundKind:
    """How what is given now is paid."""
    return RefundKind.HANDED_OVER if get_backend().pays_by_itself else RefundKind.RECORDED


def is_paid_by(role: str) -> bool:
    """Whether what this role gives is paid when it is recorded: people of the seller's side record what they paid.

    What the system gives, by a rule or for a buyer who accepts, nobody has paid yet.
    """
    return role in SELLERS_SIDE and not get_backend().pays_by_itself


def open_payout(
    rows: Sequence[Refund],
    *,
    order: Order,
    role: str,
    key: str,
    request: ReturnRequest | None = None,
    event: ReturnEvent | None = None,
) -> Payout:
    """Write the unsaved `rows`, all of one currency and already in the sums of their lines, as one pay-out.

    Must run in the transaction that raised those sums, which holds the lock of `request`. `key`: unique, of the
    event or form that gives the money. What `role` has paid already is confirmed at once.
    """
    kind, is_paid = kind_now(), is_paid_by(role)
    payout = Payout.objects.create(
        seller_id=order.seller_id,
        order=order,
        request=request,
        event=event,
        amount_minor=sum(row.amount_minor for row in rows),
        currency=rows[0].currency,
        kind=kind,
        status=PayoutState.CONFIRMED if is_paid else PayoutState.REQUESTED,
        idempotency_key=key,
        next_attempt_at=Now() if kind == RefundKind.HANDED_OVER else None,
        confirmed_at=Now() if is_paid else None,
        paid_date=rows[0].refunded_date if is_paid else None,
        settled_by_id=rows[0].user_id if is_paid else None,
    )
    for row in rows:
        row.payout = payout
        row.kind = kind
        row.status = RefundState.CONFIRMED if is_paid else RefundState.REQUESTED
    Refund.objects.bulk_create(rows)
    if request is not None and not is_paid:
        _mark(request)
    return payout


@dataclass(frozen=True, slots=True)
class Settlement:
    """What money that was paid ends: the request, or the promise it was closed with."""

    status: Status
    outcome: Outcome | None = None
    columns: dict[str, Any] = field(default_factory=dict)
    meets_promise: bool = False


def settlement_of(
    case: Case, actor: Actor, *, minor: int, currency: str, has_open_payouts: bool
) -> Settlement:
    """What follows once `minor` more was paid to the buyer of this locked case.

    `has_open_payouts`: other money that was given is not paid yet, so that the request goes on.
    """
    request = case.request
    if request.status in (Status.AUTHORIZED, Status.REFUND_DUE):
        if case.owes_refund or has_open_payouts:
            return Settlement(Status(request.status))
        columns: dict[str, Any] = {
            "completed_at": happened_at(case, actor),
            "escalated_at": None,
            "is_decided_here": True,
            "is_marketplace_todo": is_todo(case, Status.COMPLETED),
        }
        is_kept = any(item.kept_minor for item in case.items)
        outcome = Outcome.PARTIALLY_REFUNDED if is_kept else Outcome.REFUNDED
        return Settlement(Status.COMPLETED, outcome, columns)
    if request.promise_due_date is not None and _meets_promise(case, minor, currency):
        columns = {
            "promise_minor": None,
            "promise_currency": "",
            "promise_due_date": None,
            "escalated_at": None,
        }
        return Settlement(Status(request.status), columns=columns, meets_promise=True)
    return Settlement(Status(request.status))


def _meets_promise(case: Case, minor: int, currency: str) -> bool:
    """Is the promised amount reached by what was paid since the closing, and `minor` more?"""
    paid = refunded_since_closing(case, Refund.objects.filter(status=RefundState.CONFIRMED))
    return currency == case.request.promise_currency and paid + minor >= (case.request.promise_minor or 0)


# --- What becomes of it


def record_payout(actor: Actor, *, payout: str, paid_date: date) -> Payout:
    """A person has paid it, in the own payment account, on that day; also one that the shop failed to pay.

    `payout` is its reference. Saying it twice changes nothing.
    """

    def pay(found: Payout, case: Case | None) -> None:
        if found.status == PayoutState.CONFIRMED:
            return
        if found.status == PayoutState.GIVEN_UP:
            raise TransitionNotAllowed(_GIVEN_UP)
        if found.is_waiting_for_the_shop:
            raise TransitionNotAllowed(_("The shop pays this refund. You can pay it yourself if that fails."))
        _check_day(paid_date, case)
        _confirm(actor, found, case, paid_date)

    return _change(actor, payout, pay)


def confirm_payout(payout: str) -> Payout:
    """The shop says that it was paid. Saying it twice, or after it was said to have failed, is harmless.

    What was given up here may have been given otherwise: that it was paid after all is kept and refused.
    """

    def confirm(found: Payout, case: Case | None) -> None:
        _must_be_the_shops(found)
        if found.status == PayoutState.GIVEN_UP:
            found.failure = PayoutFailure.PAID_AFTER_ALL
            found.save(update_fields=["failure"])
        elif found.status != PayoutState.CONFIRMED:
            _confirm(Actor.system(), found, case, case.today if case else database_now().date())

    return _change(Actor.system(), payout, confirm)


def fail_payout(payout: str, failure: PayoutFailure, words: str = "", *, lease_token: str = "") -> Payout:
    """The shop does not pay it: shown to the seller, and still in the sums until a person gives it up.

    `words`: what the shop wrote about it. `lease_token`: of who asked the shop; without effect where it is not
    theirs any more. What is confirmed, given up or failed already stays as it is.
    """

    def fail(found: Payout, case: Case | None) -> None:
        _must_be_the_shops(found)
        is_ours = not lease_token or found.lease_token == lease_token
        if found.status == PayoutState.REQUESTED and is_ours:
            found.shop_words = clean_text(words)[:200]
            _write(Actor.system(), found, case, PayoutState.FAILED, failure=failure)

    return _change(Actor.system(), payout, fail)


def retry_payout(actor: Actor, *, payout: str) -> Payout:
    """Hand it over again, by the same reference, so that the shop pays once whatever became of the first try.

    Also one that the shop took and never spoke of again. Saying it twice changes nothing.
    """

    def retry(found: Payout, case: Case | None) -> None:
        if found.next_attempt_at is not None:
            return
        if found.status == PayoutState.GIVEN_UP:
            raise TransitionNotAllowed(_GIVEN_UP)
        if found.status == PayoutState.CONFIRMED:
            raise TransitionNotAllowed(_PAID)
        if found.kind == RefundKind.RECORDED or not get_backend().pays_by_itself:
            raise TransitionNotAllowed(_("Nobody but you can pay this refund: pay it, then say so here."))
        found.attempts, found.next_attempt_at = 0, database_now()
        _write(actor, found, case, PayoutState.REQUESTED)

    return _change(actor, payout, retry)


def give_up_payout(actor: Actor, *, payout: str) -> Payout:
    """Take a failed pay-out out of the sums of its lines, so that the amount can be given otherwise.

    Saying it twice changes nothing.
    """

    def give_up(found: Payout, case: Case | None) -> None:
        if found.status == PayoutState.GIVEN_UP:
            return
        if found.status == PayoutState.CONFIRMED:
            raise TransitionNotAllowed(_PAID)
        if found.status != PayoutState.FAILED:
            raise TransitionNotAllowed(_("This pay-out has not failed, so it cannot be given up."))
        _release(found)
        _write(actor, found, case, PayoutState.GIVEN_UP, failure=PayoutFailure(found.failure))

    return _change(actor, payout, give_up)


_PAID = _("This refund was already paid.")
_GIVEN_UP = _("This pay-out was given up. Refund the amount anew.")


def _change(actor: Actor, reference: str, change: Callable[[Payout, Case | None], None]) -> Payout:
    """Do `change` with the pay-out under its lock and that of its request, or `NotFound`."""
    if not actor.may_write:
        raise Forbidden(_("You may look at everything here, but not decide. Ask an owner of the team."))
    with transaction.atomic():
        payouts = Payout.objects.for_actor(actor)
        found = payouts.filter(reference=reference).select_related("request").first()
        if found is None:
            raise NotFound(_("This page does not exist, or it is not yours."))
        # Requests before pay-outs, as everywhere; what stands in the row counts once it is ours.
        case = lock_case(actor, found.request.reference) if found.request else None
        payout = Payout.objects.select_for_update().get(pk=found.pk)
        change(payout, case)
    return payout


def _must_be_the_shops(payout: Payout) -> None:
    """The shop never heard of what a person pays: its word about that is nobody's."""
    if payout.kind == RefundKind.RECORDED:
        raise NotFound(_("This page does not exist, or it is not yours."))


def _check_day(paid_date: date, case: Case | None) -> None:
    today = case.today if case else database_now().date()
    if paid_date > today:
        sentence = _("The day of the refund cannot be in the future.")
    elif (today - paid_date).days > 365:
        sentence = _("Choose a day within the last year.")
    else:
        return
    raise Invalid(sentence, {"paid_on": sentence})


def _confirm(actor: Actor, payout: Payout, case: Case | None, paid_date: date) -> None:
    payout.confirmed_at, payout.paid_date = database_now(), paid_date
    settlement = None
    if case is not None:
        others = Payout.objects.filter(request=case.request, status__in=OPEN).exclude(pk=payout.pk)
        settlement = settlement_of(
            case,
            actor,
            minor=payout.amount_minor,
            currency=payout.currency,
            has_open_payouts=others.exists(),
        )
    _write(actor, payout, case, PayoutState.CONFIRMED, settlement=settlement)


def _write(
    actor: Actor,
    payout: Payout,
    case: Case | None,
    state: PayoutState,
    *,
    failure: PayoutFailure | None = None,
    settlement: Settlement | None = None,
) -> None:
    """The pay-out and its refunds in their new state, and what that is for the request, with its event."""
    payout.status, payout.failure, payout.lease_token = state, failure or "", ""
    if state != PayoutState.REQUESTED:
        payout.next_attempt_at, payout.settled_by_id = None, actor.user_id
    if case is not None:
        check_move(case, actor, Action.PAY_OUT)
        settlement = settlement or Settlement(Status(case.request.status))
        move = Move(
            case=case,
            action=Action.PAY_OUT,
            status=settlement.status,
            outcome=settlement.outcome,
            columns=settlement.columns,
            facts={"payout": _facts(payout, meets_promise=settlement.meets_promise)},
            item_columns=_opened_again(payout) if state == PayoutState.GIVEN_UP else {},
            # The buyer, who is told once it is paid, reads the memo then.
            text=payout.event.text if payout.event and state == PayoutState.CONFIRMED else "",
        )
        write_moves(actor, [move])
    payout.save(
        update_fields=[
            *("status", "failure", "shop_words", "attempts", "next_attempt_at", "lease_token"),
            *("confirmed_at", "paid_date", "settled_by"),
        ]
    )
    # All at once: a row that one transaction changes twice has PostgreSQL ask again, as it commits, for a share of
    # what it refers to. A concession's request is not locked here, and whoever has it may be waiting for the line.
    columns = {"refunded_date": payout.paid_date} if state == PayoutState.CONFIRMED else {}
    payout.refunds.update(status=RefundState(state.value), **columns)
    if case is not None:
        _mark(case.request)


def _facts(payout: Payout, *, meets_promise: bool) -> dict[str, Any]:
    """What the event of a pay-out says of it, and of the fees that were kept when the money was given."""
    return {
        "reference": payout.reference,
        "state": payout.status,
        "kind": payout.kind,
        "minor": payout.amount_minor,
        "currency": payout.currency,
        "day": payout.paid_date.isoformat() if payout.paid_date else None,
        "failure": payout.failure,
        "fees": payout.event.facts["refund"].get("fees", []) if payout.event else [],
        "meets_promise": meets_promise,
        **({"credit": True} if payout.is_credit else {}),
    }


def _opened_again(payout: Payout) -> dict[int, dict[str, Any]]:
    """The items that its refund settled, by a fee or as the last part: what is owed for them is open again."""
    settled = payout.event.facts["refund"].get("settled", ()) if payout.event else ()
    return {item_id: {"kept_minor": None} for item_id in settled}


def _release(payout: Payout) -> None:
    """Take its refunds out of the sums of their lines, in the lines' order."""
    for refund in payout.refunds.order_by("order_item_id", "part"):
        name = f"{refund.part}_refunded_minor" if refund.part in PAID_PARTS else "extra_refunded_minor"
        OrderItem.objects.filter(pk=refund.order_item_id).update(**{name: F(name) - refund.amount_minor})


def _mark(request: ReturnRequest) -> None:
    """Keep on the request what the most urgent of its open pay-outs waits for; derived, so there is no event."""
    open_ones = set(
        Payout.objects.filter(request=request, status__in=OPEN).values_list("status", "kind").distinct()
    )
    mark = ""
    if any(status == PayoutState.FAILED for status, _kind in open_ones):
        mark = OpenPayout.FAILED.value
    elif any(kind == RefundKind.RECORDED for _status, kind in open_ones):
        mark = OpenPayout.TO_PAY.value
    elif open_ones:
        mark = OpenPayout.WAITING.value
    if mark != request.open_payout:
        request.open_payout = mark
        request.save(update_fields=["open_payout"])
