"""The offer of a request, ready to draw for the seller's side and for the buyer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from .. import offers, policy
from ..actors import Actor
from ..models import OfferKind, OfferState, ReturnEvent
from ..models.offers import is_of_credit
from ..models.payouts import PayoutState
from ..money import format_money
from ..state_machine import Action
from .buyer_pages import StatusWords
from .cases import Case


@dataclass(frozen=True, slots=True)
class Shown:
    """An open offer in words. `sentence` says it to the buyer, `name` to the seller's side."""

    id: int
    name: str
    sentence: str
    follows: list[str]
    comments: str
    until: date


def open_offer(case: Case, actor: Actor, events: Iterable[ReturnEvent]) -> Shown | None:
    """The offer that waits for an answer, or None; nothing while what has overtaken it can still be undone.

    `events`: the request's, with their words.
    """
    request = case.request
    if request.offer_until is None or request.offer_until <= case.now or case.is_resting_for(actor):
        return None
    made = [
        one for one in events if one.action == Action.OFFER and one.facts["offer"]["state"] == OfferState.OPEN
    ]
    event = max(made, key=lambda one: one.version)
    told = event.facts["offer"]
    amount = amount_of(told["minor"], told["currency"])
    label = str(OfferKind(told["kind"]).label)
    return Shown(
        id=event.pk,
        name=_("%(offer)s: %(amount)s") % {"offer": label, "amount": amount} if amount else label,
        sentence=offers.gist(told["kind"], amount, keeps=told["keeps"]),
        follows=offers.follows(told["kind"], keeps=told["keeps"]),
        comments=event.text,
        until=policy.local_day(request.offer_until, case.rules.time_zone),
    )


def get_open_offer(case: Case, actor: Actor) -> Shown | None:
    """The offer that waits, where the page has not read the events."""
    return open_offer(case, actor, case.request.events.filter(offer__isnull=False).select_related("comments"))


def amount_of(minor: int | None, currency: str) -> str:
    """The amount as the reader writes it, or ""."""
    return "" if minor is None else format_money(minor, currency, get_language() or "en")


def settled_words(case: Case, events: Sequence[ReturnEvent]) -> StatusWords | None:
    """Where a request stands that an accepted offer has completed and whose money is agreed, but not yet paid.

    Of a credit also once it is given: no refund follows, and no bank shows it.
    """
    for event in events:
        told = event.facts.get("offer", {})
        if event.action == Action.COMPLETE and "kind" in told:
            amount = amount_of(told["minor"], told["currency"])
            paid = offers.how_it_is_paid()
            if told["kind"] == OfferKind.CREDIT:
                is_given = any(_gave_credit(one) for one in events)
                paid = (
                    _("The seller has given you the credit.")
                    if is_given
                    else _("The seller gives you the credit.")
                )
            elif not case.request.open_payout:
                return None
            sentence = offers.gist(told["kind"], amount, keeps=told["keeps"])
            return StatusWords(_("You accepted the offer"), f"{sentence} {paid}")
    return None


def _gave_credit(event: ReturnEvent) -> bool:
    """Whether the event says that a credit was given."""
    is_paid = event.facts.get("payout", {}).get("state") == PayoutState.CONFIRMED
    return is_paid and is_of_credit(event.facts)
