"""The offer of a request, ready to draw for the seller's side and for the buyer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from .. import offers, policy
from ..actors import Actor
from ..models import Offer, OfferKind, OfferState, ReturnEvent
from ..money import format_money
from ..state_machine import Action
from .buyer_pages import StatusWords
from .cases import Case


@dataclass(frozen=True, slots=True)
class Shown:
    """An open offer in words. `sentence` says it to the buyer, `name` to the seller's side."""

    id: int
    kind: str
    name: str
    sentence: str
    follows: list[str]
    comments: str
    until: date


def open_offer(case: Case, actor: Actor) -> Shown | None:
    """The offer that waits for an answer, or None; nothing while what has overtaken it can still be undone."""
    if case.request.offer_until is None or case.request.offer_until <= case.now or case.is_resting_for(actor):
        return None
    offer = (
        Offer.objects.filter(request=case.request, state=OfferState.OPEN)
        .select_related("event__comments")
        .first()
    )
    if offer is None:
        return None
    amount = amount_of(offer.amount_minor, offer.currency)
    label = str(offer.get_kind_display())
    keeps = offer.event.facts["offer"]["keeps"]
    return Shown(
        id=offer.pk,
        kind=offer.kind,
        name=_("%(offer)s: %(amount)s") % {"offer": label, "amount": amount} if amount else label,
        sentence=offers.gist(offer.kind, amount, keeps=keeps),
        follows=offers.follows(offer.kind, keeps=keeps),
        comments=offer.event.text,
        until=policy.local_day(offer.valid_until, case.rules.time_zone),
    )


def amount_of(minor: int | None, currency: str) -> str:
    """The amount as the reader writes it, or ""."""
    return "" if minor is None else format_money(minor, currency, get_language() or "en")


def settled_words(events: Sequence[ReturnEvent]) -> StatusWords | None:
    """Where a request stands that an accepted offer has completed: agreed, and on its way, but not yet paid."""
    for event in events:
        told = event.facts.get("offer", {})
        if event.action == Action.COMPLETE and "kind" in told:
            amount = amount_of(told["minor"], told["currency"])
            paid = offers.how_it_is_paid()
            if told["kind"] == OfferKind.CREDIT:
                paid = _("The seller gives you the credit.")
            sentence = offers.gist(told["kind"], amount, keeps=told["keeps"])
            return StatusWords(_("You accepted the offer"), f"{sentence} {paid}")
    return None
