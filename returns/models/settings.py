"""The marketplace's own settings (one row) and the rows of the clockwork."""

from datetime import datetime
from functools import cached_property
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ..policy import PREPAID_EXEMPT_CATEGORIES, Rules
from ..withdrawal import WithdrawalRule
from .fields import one_of
from .people import Language, Seller
from .policies import RulesVersion, in_force


def _us() -> list[str]:
    return ["US"]


def _weekend() -> list[int]:
    return [5, 6]


def _holidays_season() -> list[dict[str, str]]:
    return [{"first": "11-01", "last": "12-31", "until": "01-31"}]


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
    category_windows = models.JSONField(_("return windows of categories"), default=dict, blank=True)
    seasons = models.JSONField(_("seasons with a longer window"), default=_holidays_season, blank=True)
    withdrawal_rules = models.JSONField(_("withdrawal by country"), default=list, blank=True)
    delivery_days = models.PositiveSmallIntegerField(_("days from order to estimated delivery"), default=7)
    answer_hours = models.PositiveSmallIntegerField(
        _("hours to answer"), default=24, validators=[MinValueValidator(1), MaxValueValidator(240)]
    )
    step_in_business_days = models.PositiveSmallIntegerField(_("business days until step-in"), default=2)
    refund_days = models.PositiveSmallIntegerField(_("days to refund after receipt"), default=4)
    concession_percent = models.PositiveSmallIntegerField(
        _("concessions up to"),
        default=100,
        validators=[MaxValueValidator(1000)],
        help_text=_("In percent of what was paid for the item. A seller can set less."),
    )
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

    @cached_property
    def rule_versions(self) -> list[RulesVersion]:
        """All versions of the rules, oldest first; read once."""
        return list(RulesVersion.objects.order_by("in_force_from", "version"))

    @cached_property
    def _rules(self) -> dict[tuple[int, str], Rules]:
        """Rules that were made already, by version and the seller's country: lists ask for them row by row."""
        return {}

    def rules_for(self, seller: Seller, ordered_at: datetime | None) -> Rules:
        """The rules for an order of this seller placed at `ordered_at`, as a plain value for `returns.policy`."""
        version = in_force(self.rule_versions, ordered_at)
        key = (version.version, seller.country)
        if key not in self._rules:
            self._rules[key] = version.rules(self, time_zone=self.time_zone, home_country=seller.country)
        return self._rules[key]

    def withdrawal_rule_for(self, country: str, ordered_at: datetime | None) -> WithdrawalRule | None:
        """What the law of the buyer's country said of withdrawals when the order was placed."""
        return in_force(self.rule_versions, ordered_at).withdrawal_rule(country)

    def not_returnable_mark(self, sku: str, category: str, ordered_at: datetime | None) -> str:
        """The mark that made an order line not returnable when it was placed, or nothing."""
        columns = in_force(self.rule_versions, ordered_at).columns
        if sku in columns["not_returnable_skus"]:
            return f"SKU {sku}"
        return category if category and category in columns["not_returnable_categories"] else ""

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("the marketplace's settings are edited, never deleted")


class Edition(models.Model):
    """One row whose mark changes with every change of reasons, return addresses, memberships, members' names and
    with each version of the rules, by triggers of the database.

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
