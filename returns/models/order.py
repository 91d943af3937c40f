"""What was bought, from whom, for how much. Opening and importing write here; nothing is edited by hand."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..state_machine import Role
from .bulk import BulkQuerySet
from .fields import ReferenceField, minor_units, one_of
from .people import Language, Seller

if TYPE_CHECKING:
    from django.db.models.query import QuerySet


class OrderQuerySet(BulkQuerySet["Order"]):
    def for_actor(self, actor: Actor) -> "QuerySet[Order]":
        """The orders this actor may see; none for an actor without a rule."""
        if actor.role in (Role.SELLER, Role.MARKETPLACE):
            return self.filter(seller_id=actor.own_seller_id)
        if actor.role == Role.BUYER:
            return self.filter(pk=actor.own_order_id, seller_id=actor.own_seller_id)
        if actor.role in (Role.ADMIN, Role.SYSTEM):
            return self.all()
        return self.none()


class Order(models.Model):
    """An order of one seller. A *stub* is known only from a returns file."""

    reference = ReferenceField(unique=True)
    seller = models.ForeignKey(Seller, models.PROTECT, related_name="orders")
    order_number = models.CharField(_("order number"), max_length=64)
    ordered_at = models.DateTimeField(_("ordered"), null=True, blank=True)
    ordered_has_time = models.BooleanField(default=True)
    delivered_date = models.DateField(_("delivered"), null=True, blank=True)
    estimated_delivery_date = models.DateField(_("estimated delivery"), null=True, blank=True)
    country = models.CharField(_("country"), max_length=2, blank=True)
    is_stub = models.BooleanField(_("known only from a returns file"), default=False)
    is_business = models.BooleanField(_("business order"), default=False)
    is_gift = models.BooleanField(_("gift"), default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OrderQuerySet.as_manager()

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        constraints = [models.UniqueConstraint(fields=["seller", "order_number"], name="order_number_once")]
        indexes = [
            # The list of orders, newest first; what no file gave a date counts from when it came.
            models.Index(
                F("seller"), Coalesce("ordered_at", "created_at").desc(), F("id").desc(), name="order_newest"
            ),
        ]

    def __str__(self) -> str:
        return self.order_number


class Buyer(models.Model):
    """The person of one order: the one place of the buyer's name, address and e-mail."""

    order = models.OneToOneField(Order, models.PROTECT, related_name="buyer")
    name = models.CharField(_("name"), max_length=200, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    email_hash = models.CharField(max_length=64, blank=True, db_index=True)
    city = models.CharField(_("city"), max_length=100, blank=True)
    language = models.CharField(_("language"), max_length=10, choices=Language, blank=True)

    objects = BulkQuerySet.as_manager()

    class Meta:
        verbose_name = _("buyer")
        verbose_name_plural = _("buyers")
        constraints = [one_of("language", Language, name="buyer_language", blank=True)]

    def __str__(self) -> str:
        return self.name or self.order.order_number


class OrderItem(models.Model):
    """One line of an order. `units_held` counts the units that its requests hold.

    A paid amount that no file named is unknown (NULL), not zero. `extra_refunded_minor` is what was given on top of
    what was paid (return shipping, goodwill); its ceiling is written by the first concession.
    """

    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+")
    order = models.ForeignKey(Order, models.PROTECT, related_name="items")
    line_key = models.CharField(max_length=100)
    has_item_id = models.BooleanField(default=False)
    sku = models.CharField("SKU", max_length=100, blank=True)
    asin = models.CharField("ASIN", max_length=20, blank=True)
    title = models.CharField(_("title"), max_length=500, blank=True)
    category = models.CharField(_("category"), max_length=100, blank=True)
    not_returnable_mark = models.CharField(_("marked not returnable"), max_length=150, blank=True)
    quantity = models.PositiveIntegerField(_("quantity"))
    is_quantity_known = models.BooleanField(default=True)
    units_held = models.PositiveIntegerField(_("units under return"), default=0)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    item_paid_minor = minor_units(null=True, blank=True)
    tax_paid_minor = minor_units(null=True, blank=True)
    shipping_paid_minor = minor_units(null=True, blank=True)
    item_refunded_minor = minor_units(default=0)
    tax_refunded_minor = minor_units(default=0)
    shipping_refunded_minor = minor_units(default=0)
    extra_refunded_minor = minor_units(default=0)
    extra_ceiling_minor = minor_units(null=True, blank=True)
    paid_source = models.CharField(max_length=20, blank=True)

    objects = BulkQuerySet.as_manager()

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        constraints = [
            models.UniqueConstraint(fields=["order", "line_key"], name="order_item_line_once"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="order_item_quantity"),
            models.CheckConstraint(
                condition=Q(units_held__gte=0, units_held__lte=F("quantity")), name="order_item_units_held"
            ),
            *[
                models.CheckConstraint(
                    condition=Q(**{f"{part}_refunded_minor__gte": 0})
                    & (
                        Q(**{f"{part}_paid_minor__isnull": True})
                        | Q(
                            **{
                                f"{part}_paid_minor__gte": 0,
                                f"{part}_refunded_minor__lte": F(f"{part}_paid_minor"),
                            }
                        )
                    ),
                    name=f"order_item_{part}_refunded",
                )
                for part in ("item", "tax", "shipping")
            ],
            models.CheckConstraint(
                condition=Q(extra_refunded_minor=0)
                | Q(
                    extra_refunded_minor__gt=0,
                    extra_ceiling_minor__isnull=False,
                    extra_refunded_minor__lte=F("extra_ceiling_minor"),
                ),
                name="order_item_extra_refunded",
            ),
        ]

    def __str__(self) -> str:
        return self.title or self.sku

    @property
    def free(self) -> int:
        """How many units no request holds."""
        return self.quantity - self.units_held
