"""Why a buyer returns, and why a request is closed. Reasons are retired, never deleted."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from ..grounds import Ground
from .fields import one_of
from .people import Language

PLACEHOLDERS = (
    "buyer_name",
    "order_number",
    "item_titles",
    "seller_name",
    "return_window_end",
    "comments",
)


class Fault(models.TextChoices):
    BUYER = "buyer", _("Buyer")
    SELLER = "seller", _("Seller")
    NONE = "none", _("Nobody")


class _Bilingual(models.Model):
    """Labels in both languages; an empty one is shown in English."""

    code = models.CharField(_("code"), max_length=60, unique=True)
    label_en = models.CharField(_("label (English)"), max_length=100)
    label_zh_hans = models.CharField(_("label (Chinese)"), max_length=100, blank=True)
    position = models.PositiveSmallIntegerField(_("position"), default=100)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        abstract = True
        ordering = ["position", "code"]

    def __str__(self) -> str:
        return f"{self.code} · {self.label_en}"

    def in_language(self, name: str, language: str) -> str:
        """The field `name` ("label", "buyer_label", "text") in `language`, else in English."""
        chosen = "zh_hans" if language == Language.CHINESE else "en"
        text: str = getattr(self, f"{name}_{chosen}") or getattr(self, f"{name}_en")
        return text

    def in_both(self, name: str) -> dict[str, str]:
        return {language: self.in_language(name, language) for language in Language.values}

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        raise ValidationError(_("A reason is retired, never deleted: history keeps it."))


class ReturnReason(_Bilingual):
    """A buyer's reason. The code is the marketplace report's code with its prefix."""

    fault = models.CharField(_("whose fault"), max_length=10, choices=Fault, default=Fault.BUYER)
    is_comment_required = models.BooleanField(_("comment required"), default=False)

    class Meta(_Bilingual.Meta):
        verbose_name = _("return reason")
        verbose_name_plural = _("return reasons")
        constraints = [one_of("fault", Fault, name="return_reason_fault")]


class ClosureAudience(models.TextChoices):
    SELLER = "seller", _("Seller's side")
    BUYER = "buyer", _("Buyers")
    IMPORT = "import", _("Imports only")


class ClosureReason(_Bilingual):
    """A reason for closing a request, with the words its message is written in."""

    ground = models.CharField(_("ground"), max_length=30, choices=Ground)
    audience = models.CharField(_("who may use it"), max_length=10, choices=ClosureAudience)
    may_close_withdrawal = models.BooleanField(_("may close a withdrawal"), default=False)
    buyer_label_en = models.CharField(_("in the message (English)"), max_length=150)
    buyer_label_zh_hans = models.CharField(_("in the message (Chinese)"), max_length=150, blank=True)
    text_en = models.TextField(_("text (English)"), blank=True)
    text_zh_hans = models.TextField(_("text (Chinese)"), blank=True)

    class Meta(_Bilingual.Meta):
        verbose_name = _("closure reason")
        verbose_name_plural = _("closure reasons")
        constraints = [
            one_of("ground", Ground, name="closure_reason_ground"),
            one_of("audience", ClosureAudience, name="closure_reason_audience"),
        ]
