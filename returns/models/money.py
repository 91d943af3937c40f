"""Money that goes back to buyers: one row per line and part."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from .events import ReturnEvent
from .fields import minor_units, one_of
from .order import OrderItem
from .people import Seller, User
from .requests import ReturnRequest


class RefundPart(models.TextChoices):
    ITEM = "item", _("Item")
    TAX = "tax", _("Tax")
    SHIPPING = "shipping", _("Shipping to the buyer")
    RETURN_SHIPPING = "return_shipping", _("Shipping of the return")
    GOODWILL = "goodwill", _("Goodwill")


# What was paid for a line, each part with its own ceiling on the line, and what is given on top of that, which
# together have the ceiling of concessions.
PAID_PARTS = (RefundPart.ITEM, RefundPart.TAX, RefundPart.SHIPPING)
EXTRA_PARTS = (RefundPart.RETURN_SHIPPING, RefundPart.GOODWILL)


class RefundKind(models.TextChoices):
    RECORDED = "recorded", _("Recorded by hand")
    HANDED_OVER = "handed_over", _("Handed over to the shop")


class RefundState(models.TextChoices):
    REQUESTED = "requested", _("Requested")
    CONFIRMED = "confirmed", _("Confirmed")
    FAILED = "failed", _("Failed")
    GIVEN_UP = "given_up", _("Given up")


class RefundCause(models.TextChoices):
    EVENT = "event", _("Refund of the request")
    PROMISE = "promise", _("Refund promise")
    OFFER = "offer", _("Offer")
    RULE = "rule", _("Rule")
    CONCESSION = "concession", _("Concession")


class RefundQuerySet(models.QuerySet["Refund"]):
    def counted(self) -> "models.QuerySet[Refund]":
        """Those that count in the sums of their lines."""
        return self.exclude(status=RefundState.GIVEN_UP)


class Refund(models.Model):
    """An amount of one part of one order line. The sums stand on the line, held down by its constraints.

    A sum counts what is requested and confirmed, and what failed until that is given up: so an amount that may
    have been paid is never given again. `payout` is the payment it is part of, whose state it shares; rows older
    than pay-outs have none. `kind` says how it is paid, `cause` why; `note` is the seller's own,
    `memo` is for the buyer; `user` decided it, nobody where a rule did. `event_version` is no
    column: who reads the money of a request puts in that of its event.
    """

    event_version: int | None = None

    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+")
    order_item = models.ForeignKey(OrderItem, models.PROTECT, related_name="refunds")
    request = models.ForeignKey(ReturnRequest, models.PROTECT, related_name="refunds", null=True, blank=True)
    event = models.ForeignKey(ReturnEvent, models.PROTECT, related_name="refunds", null=True, blank=True)
    payout = models.ForeignKey("Payout", models.PROTECT, related_name="refunds", null=True, blank=True)
    part = models.CharField(_("part"), max_length=20, choices=RefundPart)
    amount_minor = minor_units()
    currency = models.CharField(_("currency"), max_length=3)
    kind = models.CharField(_("kind"), max_length=20, choices=RefundKind)
    status = models.CharField(_("status"), max_length=20, choices=RefundState)
    cause = models.CharField(_("cause"), max_length=20, choices=RefundCause)
    user = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    note = models.CharField(_("note to yourself"), max_length=255, blank=True)
    memo = models.CharField(_("memo to the buyer"), max_length=500, blank=True)
    refunded_date = models.DateField(_("day of the refund"))
    idempotency_key = models.CharField(max_length=150, unique=True)
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = RefundQuerySet.as_manager()

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="refund_amount"),
            one_of("part", RefundPart, name="refund_part"),
            one_of("kind", RefundKind, name="refund_kind"),
            one_of("status", RefundState, name="refund_status"),
            one_of("cause", RefundCause, name="refund_cause"),
            models.CheckConstraint(
                condition=Q(payout__isnull=False) | Q(kind=RefundKind.RECORDED, status=RefundState.CONFIRMED),
                name="refund_open_has_payout",
            ),
        ]
        indexes = [
            # Concessions have no event that is relayed: the ones lately given are looked for.
            models.Index(
                fields=["recorded_at"], condition=Q(cause=RefundCause.CONCESSION), name="refund_concession"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.part} {self.amount_minor} {self.currency}"
