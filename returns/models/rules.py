"""What a seller has decided beforehand: products with a rule of their own, and small things refunded at once."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from ..reports.sku_overrides import SKU_MAX
from .fields import minor_units
from .people import Seller, User

RULE_NAME_MAX = 60


class SkuRule(models.Model):
    """Who authorizes requests for one product: the system (`is_automatic`) or a person."""

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="sku_rules")
    sku = models.CharField("SKU", max_length=SKU_MAX)
    is_automatic = models.BooleanField(_("automatic"))

    class Meta:
        verbose_name = _("SKU override")
        verbose_name_plural = _("SKU overrides")
        constraints = [
            models.UniqueConstraint(fields=["seller", "sku"], name="sku_rule_once"),
            models.CheckConstraint(condition=~Q(sku=""), name="sku_rule_has_sku"),
        ]

    def __str__(self) -> str:
        return self.sku


class SkuUpload(models.Model):
    """One uploaded file of SKU overrides and what came of it; the file itself is not kept.

    `refusal`: why nothing of it was read, by language, with its `code` where it has one. Else the counts, and
    `faults`, the first refused lines as [line, code]; `refused` counts all of them.
    """

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="sku_uploads")
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    file_name = models.CharField(_("file"), max_length=255)
    uploaded_at = models.DateTimeField()
    code = models.PositiveIntegerField(null=True, blank=True)
    refusal = models.JSONField(default=dict)
    new = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    faults = models.JSONField(default=list)

    class Meta:
        verbose_name = _("upload of SKU overrides")
        verbose_name_plural = _("uploads of SKU overrides")
        indexes = [models.Index(fields=["seller", "uploaded_at"], name="sku_upload_by_time")]

    def __str__(self) -> str:
        return self.file_name


class ReturnlessRule(models.Model):
    """Requests all of whose items fit it are refunded in full as soon as they are opened; nothing comes back.

    `least_minor` and `most_minor` bound what was paid for the units asked back of one item, without tax and
    shipping. `categories` and `reasons` (codes of buyers' reasons): empty means any.
    """

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="returnless_rules")
    name = models.CharField(_("name"), max_length=RULE_NAME_MAX)
    currency = models.CharField(_("currency"), max_length=3)
    least_minor = minor_units()
    most_minor = minor_units()
    categories = models.JSONField(_("categories"), default=list, blank=True)
    reasons = models.JSONField(_("buyer's reasons"), default=list, blank=True)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("returnless rule")
        verbose_name_plural = _("returnless rules")
        constraints = [
            models.UniqueConstraint(fields=["seller", "name"], name="returnless_rule_name"),
            models.CheckConstraint(
                condition=Q(least_minor__gte=0, least_minor__lte=F("most_minor")),
                name="returnless_rule_range",
            ),
        ]

    def __str__(self) -> str:
        return self.name
