"""What a seller says that the way back costs: by weight and zone, and what its products weigh."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ..advice import Zone
from .fields import minor_units, one_of
from .people import Seller


class ReturnCost(models.Model):
    """The way back of a parcel of at most `up_to_grams` in one zone. A heavier one costs no less (services.costs)."""

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="return_costs")
    zone = models.CharField(_("zone"), max_length=15, choices=Zone)
    up_to_grams = models.PositiveIntegerField(_("up to (grams)"))
    amount_minor = minor_units()
    currency = models.CharField(_("currency"), max_length=3)

    class Meta:
        verbose_name = _("return cost")
        verbose_name_plural = _("return costs")
        constraints = [
            models.UniqueConstraint(
                fields=["seller", "zone", "currency", "up_to_grams"], name="return_cost_once"
            ),
            models.CheckConstraint(condition=Q(up_to_grams__gte=1), name="return_cost_weight"),
            models.CheckConstraint(condition=Q(amount_minor__gte=1), name="return_cost_amount"),
            one_of("zone", Zone, name="return_cost_zone"),
        ]

    def __str__(self) -> str:
        return f"{self.zone} {self.up_to_grams} g: {self.amount_minor} {self.currency}"


class SkuWeight(models.Model):
    """What one packed unit of a product weighs."""

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="sku_weights")
    sku = models.CharField("SKU", max_length=100)
    grams = models.PositiveIntegerField(_("grams"))

    class Meta:
        verbose_name = _("weight of a product")
        verbose_name_plural = _("weights of products")
        constraints = [
            models.UniqueConstraint(fields=["seller", "sku"], name="sku_weight_once"),
            models.CheckConstraint(condition=Q(grams__gte=1) & ~Q(sku=""), name="sku_weight_names_both"),
        ]

    def __str__(self) -> str:
        return f"{self.sku}: {self.grams} g"
