"""What a seller offers the buyer instead of the return that was asked for."""

from collections.abc import Mapping
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .events import ReturnEvent
from .fields import minor_units, one_of
from .people import Seller
from .requests import ReturnRequest


class OfferKind(models.TextChoices):
    KEEP_FULL = "keep_full", _("Keep the item, full refund")
    KEEP_PARTIAL = "keep_partial", _("Partial refund")
    CREDIT = "credit", _("Keep the item, credit for a later order")
    DISCOUNTED_LABEL = "discounted_label", _("Return label at a lower price")
    FREE_LABEL = "free_label", _("Free return label")


# What the buyer keeps the item for, or nothing more is sent back; and what the way back is made cheaper with.
MONEY_KINDS = (OfferKind.KEEP_FULL, OfferKind.KEEP_PARTIAL, OfferKind.CREDIT)
LABEL_KINDS = (OfferKind.DISCOUNTED_LABEL, OfferKind.FREE_LABEL)


def is_of_credit(facts: Mapping[str, Any]) -> bool:
    """Whether the money of an event with these facts, given or said to be paid, is a credit for a later order.

    What gives it carries the offer that was accepted; an offer alone gives nothing.
    """
    if "payout" in facts:
        return bool(facts["payout"].get("credit"))
    return "refund" in facts and facts.get("offer", {}).get("kind") == OfferKind.CREDIT


class OfferState(models.TextChoices):
    OPEN = "open", _("Open")
    ACCEPTED = "accepted", _("Accepted")
    DECLINED = "declined", _("Turned down")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    LAPSED = "lapsed", _("Lapsed")


class Offer(models.Model):
    """One offer of a request, of which at most one is open. It is named by the event that made it, whose are the
    words to the buyer, and who made it.

    `amount_minor`: what the buyer gets; of a label at a lower price, what the buyer pays for it. While it is open,
    `valid_until` stands on the request, too (`offer_until`), so that no list has to look here.
    """

    event = models.OneToOneField(ReturnEvent, models.PROTECT, related_name="offer", primary_key=True)
    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+")
    request = models.ForeignKey(ReturnRequest, models.PROTECT, related_name="offers")
    kind = models.CharField(_("kind"), max_length=20, choices=OfferKind)
    amount_minor = minor_units(null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    valid_until = models.DateTimeField(_("valid until"))
    state = models.CharField(_("state"), max_length=10, choices=OfferState, default=OfferState.OPEN)
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True)

    class Meta:
        verbose_name = _("offer")
        verbose_name_plural = _("offers")
        constraints = [
            one_of("kind", OfferKind, name="offer_kind"),
            one_of("state", OfferState, name="offer_state"),
            models.CheckConstraint(
                condition=Q(kind=OfferKind.FREE_LABEL, amount_minor__isnull=True, currency="")
                # A CHECK lets pass what is NULL > 0.
                | ~Q(kind=OfferKind.FREE_LABEL)
                & Q(amount_minor__isnull=False, amount_minor__gt=0)
                & ~Q(currency=""),
                name="offer_amount",
            ),
            models.CheckConstraint(
                condition=Q(state=OfferState.OPEN, answered_at__isnull=True)
                | ~Q(state=OfferState.OPEN) & Q(answered_at__isnull=False),
                name="offer_answered",
            ),
            models.UniqueConstraint(
                fields=["request"], condition=Q(state=OfferState.OPEN), name="offer_one_open"
            ),
        ]
        indexes = [
            models.Index(fields=["valid_until"], condition=Q(state=OfferState.OPEN), name="offer_to_lapse"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"
