"""Pay-outs: one instruction to pay what one event, or one concession, gives to a buyer."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..state_machine import Role
from .events import ReturnEvent
from .fields import ReferenceField, minor_units, one_of
from .money import RefundKind
from .offers import is_of_credit
from .order import Order
from .people import Seller, User
from .requests import ReturnRequest

if TYPE_CHECKING:
    from django.db.models.query import QuerySet


class PayoutState(models.TextChoices):
    REQUESTED = "requested", _("To be paid")
    FAILED = "failed", _("Failed")
    CONFIRMED = "confirmed", _("Paid")
    GIVEN_UP = "given_up", _("Given up")


# Money that is promised to a buyer and of which nobody has said yet that it was paid.
OPEN = (PayoutState.REQUESTED, PayoutState.FAILED)


class PayoutFailure(models.TextChoices):
    """Why a pay-out failed, or what speaks against its having been given up."""

    REFUSED = "refused", _("The shop refused to pay it.")
    NO_ANSWER = "no_answer", _("The shop did not answer.")
    REPORTED = "reported", _("The shop reports that the payment failed.")
    NOT_HANDED_OVER = "not_handed_over", _("Refunds are no longer handed over to the shop.")
    PAID_AFTER_ALL = "paid_after_all", _("Given up here, but the shop reports that it was paid.")


class PayoutQuerySet(models.QuerySet["Payout"]):
    def for_actor(self, actor: Actor) -> "QuerySet[Payout]":
        """The pay-outs this actor may see; none for an actor without a rule, as buyers are."""
        if actor.role == Role.SELLER:
            return self.filter(seller_id=actor.own_seller_id)
        if actor.role in (Role.ADMIN, Role.SYSTEM):
            return self.all()
        return self.none()


class Payout(models.Model):
    """The refunds of one event (or concession) as one payment, and how far it is.

    `reference` is its name in the hand-over to the shop, the same in every attempt, so that the shop pays once.
    `next_attempt_at`: when it is handed over (again); empty while nobody has to be asked. Whoever asks holds
    `lease_token` until then. `failure` says what went wrong, `shop_words` what the shop wrote about it. Its
    refunds' state is its own, kept in step by `services.payouts`.
    """

    reference = ReferenceField(unique=True)
    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+", db_index=False)
    order = models.ForeignKey(Order, models.PROTECT, related_name="payouts")
    request = models.ForeignKey(ReturnRequest, models.PROTECT, related_name="payouts", null=True, blank=True)
    event = models.ForeignKey(ReturnEvent, models.PROTECT, related_name="payouts", null=True, blank=True)
    amount_minor = minor_units()
    currency = models.CharField(_("currency"), max_length=3)
    kind = models.CharField(_("kind"), max_length=20, choices=RefundKind)
    status = models.CharField(_("state"), max_length=20, choices=PayoutState, default=PayoutState.REQUESTED)
    idempotency_key = models.CharField(max_length=150, unique=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True, blank=True)
    lease_token = models.CharField(max_length=32, blank=True)
    failure = models.CharField(_("what went wrong"), max_length=20, choices=PayoutFailure, blank=True)
    shop_words = models.CharField(_("the shop's words"), max_length=200, blank=True)
    requested_at = models.DateTimeField(_("requested"), db_default=Now(), editable=False)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)
    paid_date = models.DateField(_("day of the refund"), null=True, blank=True)
    settled_by = models.ForeignKey(
        User,
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("settled by"),
    )

    objects = PayoutQuerySet.as_manager()

    class Meta:
        verbose_name = _("pay-out")
        verbose_name_plural = _("pay-outs")
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payout_amount"),
            one_of("kind", RefundKind, name="payout_kind"),
            one_of("status", PayoutState, name="payout_status"),
            one_of("failure", PayoutFailure, name="payout_failure", blank=True),
            models.CheckConstraint(
                condition=Q(status=PayoutState.CONFIRMED, confirmed_at__isnull=False, paid_date__isnull=False)
                | ~Q(status=PayoutState.CONFIRMED) & Q(confirmed_at__isnull=True, paid_date__isnull=True),
                name="payout_confirmed_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(status__in=(PayoutState.FAILED, PayoutState.GIVEN_UP)) & ~Q(failure="")
                | ~Q(status__in=(PayoutState.FAILED, PayoutState.GIVEN_UP)) & Q(failure=""),
                name="payout_failed_says_why",
            ),
            models.CheckConstraint(
                condition=Q(next_attempt_at__isnull=True, lease_token="")
                | Q(
                    next_attempt_at__isnull=False,
                    status=PayoutState.REQUESTED,
                    kind=RefundKind.HANDED_OVER,
                ),
                name="payout_attempt_only_while_requested",
            ),
            models.CheckConstraint(
                condition=Q(kind=RefundKind.HANDED_OVER)
                | Q(status__in=(PayoutState.REQUESTED, PayoutState.CONFIRMED)),
                name="payout_by_hand_never_fails",
            ),
        ]
        indexes = [
            models.Index(fields=["seller", "status", "id"], name="payout_of_seller"),
            models.Index(
                fields=["next_attempt_at", "id"],
                condition=Q(next_attempt_at__isnull=False),
                name="payout_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} {self.currency}"

    @property
    def is_credit(self) -> bool:
        """Whether the buyer gets a credit for a later order; read it with `event`, which knows."""
        return self.event is not None and is_of_credit(self.event.facts)

    @property
    def is_waiting_for_the_shop(self) -> bool:
        return self.status == PayoutState.REQUESTED and self.kind == RefundKind.HANDED_OVER
