"""Pay-outs as their pages show them: where each stands, and what a person can do about it."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Prefetch, Q, QuerySet
from django.utils.translation import gettext as _

from ..actors import Actor
from ..dates import format_list, format_moment
from ..exceptions import NotFound
from ..models import Payout, Refund, ReturnRequest
from ..models.money import RefundKind
from ..models.payouts import OPEN, PayoutFailure, PayoutState
from ..payouts import get_backend

PAGE = 50
# What a person has to see to: what nobody else pays, and what failed.
NEEDS_A_PERSON = Q(status=PayoutState.REQUESTED, kind=RefundKind.RECORDED) | Q(status=PayoutState.FAILED)


@dataclass(frozen=True, slots=True)
class PayoutRow:
    """`sentence`: where it stands; `titles`: of what it pays back."""

    payout: Payout
    order_number: str
    order_reference: str
    request_reference: str
    buyer_name: str
    titles: str
    sentence: str
    can_pay: bool
    can_retry: bool
    can_give_up: bool


@dataclass(frozen=True, slots=True)
class PayoutPage:
    """Up to `PAGE` pay-outs and the cursor of the next ones, empty at the end."""

    rows: list[PayoutRow]
    next_cursor: str


def list_payouts(actor: Actor, status: PayoutState, cursor: str = "") -> PayoutPage:
    """One page of the actor's pay-outs in this state, newest first; a cursor that cannot be read begins anew."""
    payouts = Payout.objects.for_actor(actor).filter(status=status)
    if cursor.isascii() and cursor.isdigit() and len(cursor) < 19:
        payouts = payouts.filter(pk__lt=int(cursor))
    found = list(_with_rows(payouts).order_by("-pk")[: PAGE + 1])
    more = str(found[PAGE - 1].pk) if len(found) > PAGE else ""
    return PayoutPage([_row(payout, actor) for payout in found[:PAGE]], more)


def get_payout(actor: Actor, reference: str) -> PayoutRow:
    """One pay-out that the actor may see; else `NotFound`."""
    payout = _with_rows(Payout.objects.for_actor(actor).filter(reference=reference)).first()
    if payout is None:
        raise NotFound(_("This page does not exist, or it is not yours."))
    return _row(payout, actor)


def open_payouts_of(request: ReturnRequest) -> list[Payout]:
    """Those of this request that are not paid yet, the oldest first; no query where there are none."""
    if not request.open_payout:
        return []
    return list(
        Payout.objects.filter(request=request, status__in=OPEN).select_related("event").order_by("pk")
    )


def payouts_to_heed(money: Iterable[Refund]) -> list[Payout]:
    """Of these refunds (`list_money`), for the seller's side, the oldest first: the pay-outs that are not paid yet,
    and those that were given up and that the shop reports as paid.
    """
    payouts = {refund.payout.pk: refund.payout for refund in money if refund.payout}
    return [
        payout
        for _pk, payout in sorted(payouts.items())
        if payout.status in OPEN or payout.failure == PayoutFailure.PAID_AFTER_ALL
    ]


def where_it_stands(payout: Payout) -> str:
    """One sentence for the seller's side."""
    if payout.status == PayoutState.CONFIRMED:
        if payout.kind == RefundKind.HANDED_OVER and payout.settled_by_id is None:
            return _("The shop has given the credit.") if payout.is_credit else _("The shop has paid it.")
        return _("Given by hand, as a credit.") if payout.is_credit else _("Paid by hand.")
    if payout.failure:
        return str(PayoutFailure(payout.failure).label)
    if payout.kind == RefundKind.RECORDED:
        if payout.is_credit:
            return _("Give the credit to the buyer in your shop, then say so here.")
        return _("Pay it in your own payment account, then say so here.")
    if payout.next_attempt_at is None:
        return _("The shop has taken it, and has not confirmed it yet.")
    if payout.attempts:
        return _("The shop did not answer. Next attempt: %(moment)s.") % {
            "moment": format_moment(payout.next_attempt_at)
        }
    return _("It is being handed over to the shop.")


def _with_rows(payouts: "QuerySet[Payout]") -> "QuerySet[Payout]":
    refunds = Refund.objects.select_related("order_item").order_by("pk")
    return payouts.select_related("order__buyer", "request", "event", "settled_by").prefetch_related(
        Prefetch("refunds", refunds)
    )


def _row(payout: Payout, actor: Actor) -> PayoutRow:
    is_failed = payout.status == PayoutState.FAILED
    is_silent = payout.is_waiting_for_the_shop and payout.next_attempt_at is None
    is_by_hand = payout.status == PayoutState.REQUESTED and payout.kind == RefundKind.RECORDED
    lines = [refund.order_item for refund in payout.refunds.all()]
    buyer = getattr(payout.order, "buyer", None)
    return PayoutRow(
        payout=payout,
        order_number=payout.order.order_number,
        order_reference=payout.order.reference,
        request_reference=payout.request.reference if payout.request else "",
        buyer_name=buyer.name if buyer else "",
        titles=format_list(list(dict.fromkeys(line.title or line.sku for line in lines))),
        sentence=where_it_stands(payout),
        can_pay=actor.may_write and (is_failed or is_by_hand),
        can_retry=actor.may_write and (is_failed or is_silent) and get_backend().pays_by_itself,
        can_give_up=actor.may_write and is_failed,
    )
