"""What an offer gives the buyer and what follows when it is accepted, in the active language."""

from typing import Any

from django.utils.translation import gettext as _

from .models import OfferKind


def gist(kind: str, amount: str, *, keeps: bool) -> str:
    """What is offered, said to the buyer. `amount` in words; `keeps`: the buyer has the item, and keeps it."""
    words: dict[str, Any] = {
        OfferKind.KEEP_FULL: _("You keep the item and get a full refund of %(amount)s."),
        OfferKind.KEEP_PARTIAL: _("You keep the item and get a partial refund of %(amount)s.")
        if keeps
        else _("You get a partial refund of %(amount)s."),
        OfferKind.CREDIT: _("You keep the item and get a credit of %(amount)s for a later order."),
        OfferKind.DISCOUNTED_LABEL: _(
            "You send the item back with a label from the seller, for which you pay %(amount)s."
        ),
        OfferKind.FREE_LABEL: _(
            "You send the item back with a label from the seller, which costs you nothing."
        ),
    }
    return str(words[kind]) % {"amount": amount}


def follows(kind: str, *, keeps: bool) -> list[str]:
    """What follows when the buyer accepts, sentence by sentence."""
    if kind == OfferKind.FREE_LABEL:
        return [_authorized()]
    if kind == OfferKind.DISCOUNTED_LABEL:
        return [_authorized(), _("The price of the label is taken off your refund.")]
    sentences = [_("Your request is completed, and there is nothing to send back.")]
    if not keeps:
        sentences = [_("Your request is completed.")]
    if kind == OfferKind.CREDIT:
        return [*sentences, _("The seller gives you the credit. This request will not lead to a refund.")]
    sentences.append(how_it_is_paid())
    if kind == OfferKind.KEEP_PARTIAL:
        sentences.append(_("Nothing more is refunded for this request."))
    return sentences


def how_it_is_paid() -> str:
    """How a refund that was agreed comes to the buyer: it is on its way, never already there."""
    return _(
        "The seller refunds you to your original payment method. Your bank may need a few days to show the money."
    )


def _authorized() -> str:
    return _("Your return is authorized. The seller provides the label; please wait for it.")
