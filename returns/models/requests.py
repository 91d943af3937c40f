"""The return request and its items. Every change goes through `returns.services`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..policy import PolicyVerdict
from ..state_machine import Outcome, Role, Status
from .bulk import BulkQuerySet
from .fields import ReferenceField, minor_units, one_of
from .order import Order, OrderItem
from .people import Seller, User
from .reasons import ClosureReason

if TYPE_CHECKING:
    from django.db.models.query import QuerySet

NO_DEADLINE = datetime(9999, 1, 1, tzinfo=UTC)


class Source(models.TextChoices):
    PORTAL = "portal", _("Asked for here")
    FILE = "file", _("From a marketplace's file")


def _of_tab(status: Status, column: str, name: str) -> models.Index:
    """A small index over one tab alone: the order in which its rows are read."""
    return models.Index(fields=["seller", column, "id"], condition=Q(status=status), name=name)


class ReturnRequestQuerySet(BulkQuerySet["ReturnRequest"]):
    def for_actor(self, actor: Actor) -> "QuerySet[ReturnRequest]":
        """The requests this actor may see; none for an actor without a rule."""
        if actor.role in (Role.SELLER, Role.MARKETPLACE):
            return self.filter(seller_id=actor.own_seller_id)
        if actor.role == Role.BUYER:
            return self.filter(order_id=actor.own_order_id, seller_id=actor.own_seller_id)
        if actor.role in (Role.ADMIN, Role.SYSTEM):
            return self.all()
        return self.none()


class OpenPayout(models.TextChoices):
    """What the most urgent pay-out of a request that is not confirmed waits for."""

    FAILED = "failed", _("Pay-out failed")
    TO_PAY = "to_pay", _("To be paid by you")
    WAITING = "waiting", _("To be paid by the shop")


# Money that the buyer was promised or given and that nobody has paid yet; few, with an index of their own.
MONEY_OWED = Q(promise_due_date__isnull=False) | Q(open_payout__gt="")


class ReturnRequest(models.Model):
    """One buyer asks to send back lines of one order.

    `deadline_at` is derived from the clocks with every change: the one that matters next, or `NO_DEADLINE`, so
    that one index sorts every tab. `reminders_sent` counts the reminders of the clock that runs (near, past).
    `offer_until` is set while an offer waits for the buyer's answer, which only an open request has.
    """

    reference = ReferenceField(unique=True)
    seller = models.ForeignKey(Seller, models.PROTECT, related_name="return_requests")
    order = models.ForeignKey(Order, models.PROTECT, related_name="return_requests")
    source = models.CharField(_("source"), max_length=10, choices=Source)
    rma_number = models.CharField(_("RMA number"), max_length=64, blank=True)
    merchant_rma = models.CharField(_("seller's RMA number"), max_length=64, blank=True)
    status = models.CharField(_("status"), max_length=30, choices=Status)
    version = models.PositiveIntegerField(default=0)

    policy = models.CharField(
        _("policy"), max_length=20, choices=PolicyVerdict, default=PolicyVerdict.UNKNOWN
    )
    prepaid_eligible = models.BooleanField(_("prepaid-eligible"), default=False)
    verdict = models.JSONField(default=dict)
    is_timely_withdrawal = models.BooleanField(_("withdrawal in time"), default=False)
    window_end_date = models.DateField(_("window end"), null=True, blank=True)

    requested_at = models.DateTimeField(_("requested"))
    requested_has_time = models.BooleanField(default=True)
    answer_due_at = models.DateTimeField(_("answer due"), null=True, blank=True)
    step_in_at = models.DateTimeField(_("step in from"), null=True, blank=True)
    authorized_at = models.DateTimeField(_("authorized"), null=True, blank=True)
    return_address = models.TextField(_("return address"), blank=True)
    instructions = models.TextField(_("instructions"), blank=True)
    is_label_owed = models.BooleanField(_("label owed"), default=False)
    send_back_date = models.DateField(_("send back by"), null=True, blank=True)
    handed_over_at = models.DateTimeField(_("handed over"), null=True, blank=True)
    received_at = models.DateTimeField(_("received"), null=True, blank=True)
    refund_due_at = models.DateTimeField(_("refund due"), null=True, blank=True)
    completed_at = models.DateTimeField(_("completed"), null=True, blank=True)
    outcome = models.CharField(_("outcome"), max_length=30, choices=Outcome, blank=True)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    closed_by_role = models.CharField(_("closed by"), max_length=20, choices=Role, blank=True)
    closure_reason = models.ForeignKey(
        ClosureReason,
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("return reason"),
    )
    is_closed_although_in_policy = models.BooleanField(_("closed although in policy"), default=False)
    promise_minor = minor_units(null=True, blank=True)
    promise_currency = models.CharField(max_length=3, blank=True)
    promise_due_date = models.DateField(_("refund promised by"), null=True, blank=True)
    escalated_at = models.DateTimeField(_("escalated"), null=True, blank=True)
    # Derived from the request's pay-outs by `services.payouts`, so that a list need not read them.
    open_payout = models.CharField(_("open pay-out"), max_length=10, choices=OpenPayout, blank=True)

    deadline_at = models.DateTimeField(default=NO_DEADLINE)
    reminders_sent = models.PositiveSmallIntegerField(default=0)
    is_overlapping = models.BooleanField(_("overlapping"), default=False)
    is_decided_here = models.BooleanField(_("decided here"), default=False)
    is_marketplace_todo = models.BooleanField(_("to do at the marketplace"), default=False)
    marketplace_status = models.CharField(_("marketplace's status"), max_length=60, blank=True)
    search_text = models.TextField(blank=True)
    offer_until = models.DateTimeField(_("offer open until"), null=True, blank=True)
    # Who of the team looks after it; a partial index of its own finds these few.
    assignee = models.ForeignKey(
        User,
        models.SET_NULL,
        related_name="+",
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("assignee"),
    )

    objects = ReturnRequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("return request")
        verbose_name_plural = _("return requests")
        constraints = [
            one_of("status", Status, name="request_status"),
            one_of("outcome", Outcome, name="request_outcome", blank=True),
            one_of("source", Source, name="request_source"),
            one_of("policy", PolicyVerdict, name="request_policy"),
            one_of("closed_by_role", Role, name="request_closed_by_role", blank=True),
            one_of("open_payout", OpenPayout, name="request_open_payout", blank=True),
            models.CheckConstraint(
                condition=Q(
                    status=Status.CLOSED,
                    closed_at__isnull=False,
                    closure_reason__isnull=False,
                )
                & ~Q(closed_by_role="")
                | ~Q(status=Status.CLOSED)
                & Q(closed_at__isnull=True, closure_reason__isnull=True, closed_by_role=""),
                name="request_closed_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(status=Status.COMPLETED, completed_at__isnull=False) & ~Q(outcome="")
                | ~Q(status=Status.COMPLETED) & Q(completed_at__isnull=True, outcome=""),
                name="request_completed_is_whole",
            ),
            models.CheckConstraint(
                condition=~Q(status=Status.AUTHORIZED) | Q(authorized_at__isnull=False),
                name="request_authorized_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(status=Status.REFUND_DUE) | Q(received_at__isnull=False),
                name="request_refund_due_is_received",
            ),
            models.CheckConstraint(
                condition=~Q(status=Status.CLOSED, prepaid_eligible=True),
                name="request_prepaid_is_never_closed",
            ),
            models.CheckConstraint(
                condition=Q(promise_minor__isnull=True, promise_due_date__isnull=True, promise_currency="")
                | Q(
                    promise_minor__isnull=False,  # a CHECK lets pass what is NULL > 0
                    promise_minor__gt=0,
                    promise_due_date__isnull=False,
                    status=Status.CLOSED,
                )
                & ~Q(promise_currency=""),
                name="request_promise_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(offer_until__isnull=True)
                | Q(status__in=[Status.AUTHORIZATION_REQUIRED, Status.AUTHORIZED, Status.REFUND_DUE]),
                name="request_offer_while_open",
            ),
            models.UniqueConstraint(
                fields=["seller", "order", "rma_number"],
                condition=~Q(rma_number=""),
                name="request_rma_once",
            ),
        ]
        indexes = [
            models.Index(fields=["seller", "requested_at", "id"], name="request_all_by_date"),
            models.Index(fields=["id"], condition=Q(escalated_at__isnull=False), name="request_escalated"),
            models.Index(
                fields=["seller", "escalated_at"],
                condition=Q(escalated_at__isnull=False),
                name="request_escalated_of_seller",
            ),
            models.Index(
                fields=["seller", "deadline_at"],
                condition=Q(promise_due_date__isnull=False),
                name="request_promised",
            ),
            models.Index(
                fields=["seller", "requested_at", "id"], condition=MONEY_OWED, name="request_money_owed"
            ),
            models.Index(
                fields=["seller", "id"],
                condition=Q(is_marketplace_todo=True),
                name="request_marketplace_todo",
            ),
            models.Index(
                fields=["assignee", "deadline_at", "id"],
                condition=Q(assignee__isnull=False),
                name="request_by_assignee",
            ),
            models.Index(fields=["rma_number"], condition=~Q(rma_number=""), name="request_by_rma"),
            _of_tab(Status.AUTHORIZATION_REQUIRED, "requested_at", "request_asked_by_date"),
            _of_tab(Status.AUTHORIZED, "requested_at", "request_authorized_by_date"),
            _of_tab(Status.REFUND_DUE, "requested_at", "request_refund_due_by_date"),
            _of_tab(Status.COMPLETED, "requested_at", "request_completed_by_date"),
            _of_tab(Status.CLOSED, "requested_at", "request_closed_by_date"),
            _of_tab(Status.AUTHORIZATION_REQUIRED, "deadline_at", "request_asked_by_deadline"),
            _of_tab(Status.AUTHORIZED, "deadline_at", "request_authorized_by_deadline"),
            _of_tab(Status.REFUND_DUE, "deadline_at", "request_refund_due_by_deadline"),
        ]

    def __str__(self) -> str:
        return self.rma_number or self.reference


class ItemCondition(models.TextChoices):
    UNOPENED = "unopened", _("Unopened")
    OPENED = "opened", _("Opened, like new")
    USED = "used", _("Used")
    DAMAGED = "damaged", _("Damaged")
    WRONG_ITEM = "wrong_item", _("Not the item that was sent")


class ReturnItem(models.Model):
    """One line of the order in one request: what was asked, what is held, what came back.

    `kept_minor`: what of the money owed for it is not given back for good, as a fee or because a part was said to be
    all; None while that is open. From `reported` on: what the marketplace's file says. Both in the line's currency.
    `own_label_minor` is no column: who reads cases puts in what the label that the seller uploaded has cost
    (`selectors.cases.OWN_LABEL`).
    """

    own_label_minor: int | None = None

    request = models.ForeignKey(ReturnRequest, models.PROTECT, related_name="items")
    order_item = models.ForeignKey(OrderItem, models.PROTECT, related_name="return_items")
    ordinal = models.PositiveSmallIntegerField(default=1)
    quantity = models.PositiveIntegerField(_("quantity"))
    units_held = models.PositiveIntegerField(_("units held"), default=0)
    units_received = models.PositiveIntegerField(_("units received"), default=0)
    condition = models.CharField(_("condition"), max_length=20, choices=ItemCondition, blank=True)
    kept_minor = minor_units(null=True, blank=True)
    reason_code = models.CharField(_("buyer's reason"), max_length=60, blank=True)
    comment = models.TextField(_("buyer's comment"), blank=True)
    policy = models.CharField(
        _("policy"), max_length=20, choices=PolicyVerdict, default=PolicyVerdict.UNKNOWN
    )
    prepaid_eligible = models.BooleanField(_("prepaid-eligible"), default=False)
    verdict = models.JSONField(default=dict)
    reported = models.JSONField(default=dict)
    label_type = models.CharField(_("label type"), max_length=100, blank=True)
    label_cost_minor = minor_units(null=True, blank=True)
    label_payer = models.CharField(_("label to be paid by"), max_length=100, blank=True)
    carrier = models.CharField(_("carrier"), max_length=100, blank=True)
    tracking_id = models.CharField(_("tracking number"), max_length=100, blank=True)
    resolution = models.CharField(_("resolution"), max_length=100, blank=True)
    reported_refund_minor = minor_units(null=True, blank=True)

    # Whether the buyer sent photos of it, where that was read (`selectors.photos.has_photos`).
    has_photos: bool = False

    objects = BulkQuerySet.as_manager()

    class Meta:
        verbose_name = _("item")
        verbose_name_plural = _("items")
        constraints = [
            models.UniqueConstraint(fields=["request", "order_item", "ordinal"], name="return_item_once"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="return_item_quantity"),
            models.CheckConstraint(
                condition=Q(units_held__gte=0, units_held__lte=F("quantity")), name="return_item_units_held"
            ),
            models.CheckConstraint(
                condition=Q(units_received__gte=0, units_received__lte=F("quantity")),
                name="return_item_units_received",
            ),
            one_of("policy", PolicyVerdict, name="return_item_policy"),
            one_of("condition", ItemCondition, name="return_item_condition", blank=True),
            models.CheckConstraint(
                condition=Q(kept_minor__isnull=True) | Q(kept_minor__gte=0), name="return_item_kept"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.order_item_id}"


class StatusCount(models.Model):
    """How many requests of a seller stand in a status; changed in the transaction that moves a request."""

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="status_counts")
    status = models.CharField(max_length=30, choices=Status)
    requests = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["seller", "status"], name="status_count_once"),
            models.CheckConstraint(condition=Q(requests__gte=0), name="status_count_not_negative"),
            one_of("status", Status, name="status_count_status"),
        ]

    def __str__(self) -> str:
        return f"{self.seller_id} {self.status}: {self.requests}"
