"""The marketplace's own settings (one row) and the rows of the clockwork."""

from datetime import date
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ..policy import PREPAID_EXEMPT_CATEGORIES, Rules
from .fields import one_of
from .people import Language, Seller


def _us() -> list[str]:
    return ["US"]


def _weekend() -> list[int]:
    return [5, 6]


def _exempt() -> list[str]:
    return sorted(PREPAID_EXEMPT_CATEGORIES)


class MarketplaceSettings(models.Model):
    """The one marketplace this portal serves."""

    name = models.CharField(_("name"), max_length=100, default="Marketplace")
    returns_url = models.URLField(_("address of its own returns page"), blank=True)
    time_zone = models.CharField(_("time zone"), max_length=50, default="UTC")
    language = models.CharField(_("language"), max_length=10, choices=Language, default=Language.ENGLISH)
    rules_version = models.PositiveIntegerField(_("version of the rules"), default=1, editable=False)
    window_days = models.PositiveSmallIntegerField(
        _("return window in days"), default=30, validators=[MinValueValidator(1), MaxValueValidator(365)]
    )
    delivery_days = models.PositiveSmallIntegerField(_("days from order to estimated delivery"), default=7)
    answer_hours = models.PositiveSmallIntegerField(
        _("hours to answer"), default=24, validators=[MinValueValidator(1), MaxValueValidator(240)]
    )
    step_in_business_days = models.PositiveSmallIntegerField(_("business days until step-in"), default=2)
    refund_days = models.PositiveSmallIntegerField(_("days to refund after receipt"), default=4)
    weekend = models.JSONField(_("weekend (0 = Monday)"), default=_weekend, blank=True)
    holidays = models.JSONField(_("holidays (YYYY-MM-DD)"), default=list, blank=True)
    prepaid_countries = models.JSONField(_("countries with prepaid labels"), default=_us, blank=True)
    prepaid_exempt_categories = models.JSONField(
        _("categories without prepaid labels"), default=_exempt, blank=True
    )
    prepaid_exempt_skus = models.JSONField(_("SKUs without prepaid labels"), default=list, blank=True)
    not_returnable_categories = models.JSONField(_("categories not returnable"), default=list, blank=True)
    not_returnable_skus = models.JSONField(_("SKUs not returnable"), default=list, blank=True)
    grounds_that_warn = models.JSONField(_("grounds that only warn"), default=list, blank=True)
    retention_days = models.PositiveSmallIntegerField(_("retention in days"), default=30)

    class Meta:
        verbose_name = _("marketplace settings")
        verbose_name_plural = _("marketplace settings")
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="marketplace_settings_one_row"),
            one_of("language", Language, name="marketplace_language"),
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def load(cls) -> "MarketplaceSettings":
        """The one row; a migration makes it."""
        return cls.objects.get(pk=1)

    def rules_for(self, seller: Seller) -> Rules:
        """The rules in force for this seller's orders, as a plain value for `returns.policy`."""
        return Rules(
            version=self.rules_version,
            time_zone=self.time_zone,
            window_days=self.window_days,
            estimated_delivery_days=self.delivery_days,
            prepaid_countries=frozenset(self.prepaid_countries),
            home_country=seller.country,
            prepaid_exempt_categories=frozenset(self.prepaid_exempt_categories),
            prepaid_exempt_skus=frozenset(self.prepaid_exempt_skus),
            answer_hours=self.answer_hours,
            step_in_business_days=self.step_in_business_days,
            refund_days=self.refund_days,
            weekend=frozenset(self.weekend),
            holidays=frozenset(date.fromisoformat(day) for day in self.holidays),
        )

    def not_returnable_mark(self, sku: str, category: str) -> str:
        """The mark that makes an order line not returnable when it is placed, or nothing."""
        if sku in self.not_returnable_skus:
            return f"SKU {sku}"
        return category if category and category in self.not_returnable_categories else ""

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("the marketplace's settings are edited, never deleted")


class Edition(models.Model):
    """One row whose mark changes with every change of reasons, return addresses, memberships and members' names, by
    triggers of the database.

    Who has read these small tables may go on with what was read as long as the mark is the same.
    """

    mark = models.CharField(max_length=32)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="edition_one_row")]

    def __str__(self) -> str:
        return self.mark


class ScheduledJob(models.Model):
    """A periodic job's next turn; who moves `due_at` forward runs it, so two schedulers do no harm."""

    name = models.CharField(max_length=60, unique=True)
    due_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Heartbeat(models.Model):
    """When the loop or beat last came by; `/readyz` reads it."""

    name = models.CharField(max_length=60, unique=True)
    beat_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
