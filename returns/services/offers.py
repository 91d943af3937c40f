"""Offers to the buyer: made and taken back by the seller's side, answered by the buyer, or lapsed.

Accepting is the buyer's act, and the system carries it out in the same transaction: two events, and the money where
there is some. All runs under the request's lock, and what another decision overtakes is withdrawn where every move is
written (`moves`), so that of two who act at once exactly one finds the offer open.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import get_language, gettext_lazy, override
from django.utils.translation import gettext as _

from .. import policy
from ..actors import Actor
from ..exceptions import Invalid, NotFound, TransitionNotAllowed
from ..models import Offer, OfferKind, OfferState, ReturnEvent
from ..models.money import RefundCause, RefundPart
from ..models.offers import LABEL_KINDS, MONEY_KINDS
from ..money import MAX_MINOR, format_money
from ..selectors.cases import Case
from ..selectors.seller_pages import buyer_language
from ..state_machine import Action, Outcome, Status
from .decide import Authorization, plan_authorization
from .marketplace import is_todo
from .money import keep_refunds, raise_refunded, refund_facts, still_possible
from .moves import (
    Move,
    case_to_plan,
    check_move,
    finished_before,
    happened_at,
    key_reused,
    lock_case,
    planned_event,
    write_moves,
)
from .words import clean_comments

DAYS, MOST_DAYS = 5, 30
# As the event of an authorization names the rule that it followed.
BY_OFFER = {"kind": "offer"}

_NO_LONGER: dict[str, Any] = {
    OfferState.ACCEPTED: gettext_lazy("This offer was accepted already."),
    OfferState.DECLINED: gettext_lazy("This offer was turned down already."),
    OfferState.LAPSED: gettext_lazy("The time to answer this offer is over."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is offered. `amount_minor`, in the currency of the items: what the buyer gets, or, for a label at a lower
    price, pays; a full refund has none, as it is all that is owed. `days`: how many days the buyer has to answer.
    """

    kind: str
    amount_minor: int | None = None
    days: int = DAYS
    comments: str = ""


# --- Making and taking back


def make_offer(
    actor: Actor,
    *,
    reference: str,
    terms: Terms,
    key: str = "",
    is_preview: bool = False,
    case: Case | None = None,
) -> ReturnEvent:
    """Offer the buyer `terms` until the end of the last of its days; the buyer is told, the status stays.

    `Invalid.errors` has the keys ``kind``, ``amount``, ``days`` and ``comments``. `is_preview`: write nothing; the
    event is unsaved, and the words may still be missing.
    """
    if is_preview:
        case = case_to_plan(actor, reference, case)
        check_move(case, actor, Action.OFFER)
        return planned_event(actor, _plan_making(case, actor, terms, clean_comments(terms.comments)))
    text = clean_comments(terms.comments, is_required=True)
    with transaction.atomic():
        case = lock_case(actor, reference)
        done = finished_before(case, key, action=Action.OFFER, text=text)
        if done is not None:
            told = done.facts["offer"]
            if (told["kind"], terms.amount_minor or told["minor"]) != (terms.kind, told["minor"]):
                raise key_reused()
            return done
        check_move(case, actor, Action.OFFER)
        if case.request.offer_until is not None:
            if case.request.offer_until > case.now:
                raise TransitionNotAllowed(_("An offer to the buyer is open. Take it back first."))
            _end(case, Actor.system(), _open_offer(case), OfferState.LAPSED)
        move = _plan_making(case, actor, terms, text)
        move.key = key
        event = write_moves(actor, [move])[0]
        told = move.facts["offer"]
        Offer.objects.create(
            seller_id=case.request.seller_id,
            request=case.request,
            event=event,
            kind=told["kind"],
            amount_minor=told["minor"],
            currency=told["currency"],
            valid_until=move.columns["offer_until"],
        )
        return event


def take_back_offer(actor: Actor, *, reference: str, offer_id: int, key: str = "") -> ReturnEvent:
    """Withdraw an offer that is not answered; the buyer is told."""
    return _answer(actor, reference, offer_id, OfferState.WITHDRAWN, key)


def _plan_making(case: Case, actor: Actor, terms: Terms, text: str) -> Move:
    errors: dict[str, Any] = {}
    if terms.kind not in OfferKind.values:
        errors["kind"] = _("Choose what you offer.")
    elif sentence := why_not(case, terms.kind):
        errors["kind"] = sentence
    if not 1 <= terms.days <= MOST_DAYS:
        errors["days"] = _("Choose between 1 and 30 days.")
    minor: int | None = None
    if not errors:
        minor, sentence = _amount(case, terms)
        if sentence:
            errors["amount"] = sentence
    if errors:
        raise Invalid(next(iter(errors.values())), errors)
    today = policy.local_day(happened_at(case, actor), case.rules.time_zone)
    until = policy.end_of_day(today + timedelta(days=terms.days), case.rules.time_zone)
    return Move(
        case=case,
        action=Action.OFFER,
        status=Status(case.request.status),
        columns={"offer_until": until},
        facts={
            "offer": {
                "state": OfferState.OPEN.value,
                "kind": terms.kind,
                "minor": minor,
                "currency": currency_of(case) if minor is not None else "",
                "keeps": keeps_item(case, terms.kind),
                "until": until.isoformat(),
            }
        },
        text=text,
    )


def _amount(case: Case, terms: Terms) -> tuple[int | None, Any]:
    """The amount of what is offered, and what is wrong with it, or ""."""
    most, minor = possible_minor(case), terms.amount_minor
    if terms.kind == OfferKind.FREE_LABEL:
        return None, ""
    if terms.kind == OfferKind.KEEP_FULL:
        return most, ""
    if minor is None or minor <= 0:
        return None, _("Enter an amount above zero.")
    if minor > (MAX_MINOR if most is None else most):
        return None, at_most(case)
    if terms.kind == OfferKind.KEEP_PARTIAL and minor == most:
        return None, _("That is all that can still be refunded: offer a full refund, or less.")
    return minor, ""


def why_not(case: Case, kind: str) -> Any:
    """Why this cannot be offered for the request, in one sentence; "" where it can."""
    request = case.request
    is_back = request.handed_over_at is not None
    if kind in LABEL_KINDS:
        if request.prepaid_eligible:
            return _("The marketplace provides a prepaid label.")
        if request.status != Status.AUTHORIZATION_REQUIRED:
            return _("This request is authorized already.")
    if is_back and kind != OfferKind.KEEP_PARTIAL:
        return _("The item is already on its way back, or has arrived.")
    if kind == OfferKind.FREE_LABEL:
        return ""
    if not currency_of(case):
        return _("What was paid for these items is in several currencies, or not known here.")
    most = possible_minor(case)
    if most is None:
        return _("What was paid is not known here. Offer an amount.") if kind == OfferKind.KEEP_FULL else ""
    return "" if most else _("Everything that was paid for these units is refunded or on its way.")


def keeps_item(case: Case, kind: str) -> bool:
    """Does the buyer have the item, and keeps it when accepting?"""
    return kind in MONEY_KINDS and case.request.handed_over_at is None


def currency_of(case: Case) -> str:
    """The one currency in which the items were paid; "" where there are several, or it is not known."""
    currencies = {item.order_item.currency for item in case.items}
    return currencies.pop() if len(currencies) == 1 else ""


# --- What is still possible


def _possible(case: Case) -> Iterator[tuple[tuple[int, str], int | None]]:
    """By item and part, in their order, what is owed and can still be refunded; None where what was paid is unknown."""
    left: dict[tuple[int, str], int] = {}
    for item in case.items:
        for part in (RefundPart.ITEM, RefundPart.TAX):
            owed = case.moneys[item.pk].owed(part)
            on_line = still_possible(item.order_item, part)
            if owed is None or on_line is None:
                if part == RefundPart.ITEM:
                    yield (item.pk, part.value), None
                continue
            place = (item.order_item_id, part.value)
            can = min(owed, left.setdefault(place, on_line))
            left[place] -= can
            if can:
                yield (item.pk, part.value), can


def possible_minor(case: Case) -> int | None:
    """What can still be refunded for the items and their tax; None where what was paid is unknown."""
    parts = [can for _place, can in _possible(case)]
    known = [can for can in parts if can is not None]
    return sum(known) if len(known) == len(parts) else None


def at_most(case: Case) -> str:
    """The sentence that names the sum that is still possible."""
    most, currency = possible_minor(case), currency_of(case)
    return _("At most %(amount)s can still be refunded here.") % {
        "amount": format_money(MAX_MINOR if most is None else most, currency, get_language() or "en")
    }


def _spread(case: Case, minor: int) -> dict[tuple[int, str], int]:
    """The amount over the items and parts it is refunded of, in their order; refused where it is more than is left."""
    wanted, left = {}, minor
    for place, can in _possible(case):
        take = left if can is None else min(can, left)
        if take:
            wanted[place] = take
            left -= take
    if left:
        raise TransitionNotAllowed(
            _("This offer can no longer be carried out. %(most)s") % {"most": at_most(case)}
        )
    return wanted


# --- Answering


def accept_offer(actor: Actor, *, reference: str, offer_id: int, key: str = "") -> ReturnEvent:
    """The buyer accepts; answers that event. The system refunds and completes, or authorizes with the label.

    What was offered holds: where it is no longer possible, accepting is refused with the sum that still is.
    """
    return _answer(actor, reference, offer_id, OfferState.ACCEPTED, key)


def decline_offer(actor: Actor, *, reference: str, offer_id: int, key: str = "") -> ReturnEvent:
    """The buyer declines; the request goes on as before."""
    return _answer(actor, reference, offer_id, OfferState.DECLINED, key)


def lapse_offer(reference: str) -> None:
    """End the request's offer whose time has passed; refused where there is none (any more)."""
    actor = Actor.system()
    with transaction.atomic():
        case = lock_case(actor, reference)
        check_move(case, actor, Action.OFFER)
        _end(case, actor, _open_offer(case), OfferState.LAPSED)


def _answer(actor: Actor, reference: str, offer_id: int, state: OfferState, key: str) -> ReturnEvent:
    with transaction.atomic():
        case = lock_case(actor, reference)
        offer = Offer.objects.filter(request=case.request, pk=offer_id).first()
        if offer is None:
            raise NotFound(_("This page does not exist, or it is not yours."))
        done = finished_before(case, key, action=Action.OFFER, facts={"offer": _told(case, offer, state)})
        if done is not None:
            return done
        if offer.state != OfferState.OPEN:
            _refuse(case, actor, offer)
        check_move(case, actor, Action.OFFER)
        event = _end(case, actor, offer, state, key)
        if state == OfferState.ACCEPTED:
            _carry_out(case, actor, offer)
        return event


def refuse_gone(case: Case, actor: Actor) -> None:
    """Refuse with what became of the request's last offer: how it was answered, or by which decision it ended."""
    last = Offer.objects.filter(request=case.request).order_by("pk").last()
    if last is None:
        raise NotFound(_("This page does not exist, or it is not yours."))
    _refuse(case, actor, last)


def _refuse(case: Case, actor: Actor, offer: Offer) -> None:
    if offer.state not in _NO_LONGER:
        check_move(case, actor, Action.OFFER)
    raise TransitionNotAllowed(_NO_LONGER.get(offer.state, _("This offer is no longer open.")))


def _open_offer(case: Case) -> Offer:
    return Offer.objects.get(request=case.request, state=OfferState.OPEN)


def _end(case: Case, actor: Actor, offer: Offer, state: OfferState, key: str = "") -> ReturnEvent:
    offer.state, offer.answered_at = state, happened_at(case, actor)
    offer.save(update_fields=["state", "answered_at"])
    move = Move(
        case=case,
        action=Action.OFFER,
        status=Status(case.request.status),
        columns={"offer_until": None},
        facts={"offer": _told(case, offer, state)},
        key=key,
    )
    return write_moves(actor, [move])[0]


def _told(case: Case, offer: Offer, state: OfferState) -> dict[str, Any]:
    """What the events of an offer say of it."""
    return {**offer.event.facts["offer"], "state": state.value, "offer": offer.pk}


# --- Carrying out


def _carry_out(case: Case, buyer: Actor, offer: Offer) -> None:
    """What the buyer has accepted, done by the system. The request's lock is held, and the offer ended."""
    system = Actor.system()
    if buyer.occurred_at:
        system = system.at(buyer.occurred_at)
    case.has_accepted_offer = True
    told = _told(case, offer, OfferState.ACCEPTED)
    if offer.kind in LABEL_KINDS:
        move = plan_authorization(case, system, Authorization(promises_label=True, rule=BY_OFFER))
        move.facts["offer"] = told
        write_moves(system, [move])
    else:
        _settle(case, system, offer, told)


def _settle(case: Case, system: Actor, offer: Offer, told: dict[str, Any]) -> None:
    assert offer.amount_minor is not None
    wanted = _spread(case, offer.amount_minor)
    is_full = offer.kind == OfferKind.KEEP_FULL
    outcome = Outcome.REFUNDED_WITHOUT_RETURN if is_full else Outcome.PARTIALLY_REFUNDED
    check_move(case, system, Action.COMPLETE, outcome=outcome)
    raise_refunded(case, wanted)
    facts = refund_facts(case, wanted, refunded_date=case.today, is_complete=not case.owes_refund)
    # Agreed, not paid yet: nobody is told a day.
    del facts["refund"]["day"]
    move = Move(
        case=case,
        action=Action.COMPLETE,
        status=Status.COMPLETED,
        outcome=outcome,
        columns={
            "completed_at": happened_at(case, system),
            "is_label_owed": False,
            "escalated_at": None,
            "is_decided_here": True,
            "is_marketplace_todo": is_todo(case, Status.COMPLETED),
        },
        facts={**facts, "offer": told},
    )
    (event,) = write_moves(system, [move])
    memo = ""
    if offer.kind == OfferKind.CREDIT:
        with override(buyer_language(case)):
            memo = _("As a credit for a later order")
    keep_refunds(case, event, wanted, refunded_date=case.today, cause=RefundCause.OFFER, memo=memo)
