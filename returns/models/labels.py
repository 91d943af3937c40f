"""The label with which an authorized return travels."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .fields import minor_units, one_of
from .people import Seller
from .requests import ReturnRequest


class LabelKind(models.TextChoices):
    UNPAID = "unpaid", _("The buyer buys one")
    OWN = "own", _("Provided by the seller")


class ReturnLabel(models.Model):
    """What a request travels with; at most one is in force, the others are voided and stay as history.

    `file` is the name of an own label's file below `MEDIA_ROOT`. A tracking number that comes with a label is
    no hand-over.
    """

    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+")
    request = models.ForeignKey(ReturnRequest, models.PROTECT, related_name="labels")
    kind = models.CharField(_("kind"), max_length=10, choices=LabelKind)
    file = models.CharField(_("file"), max_length=100, blank=True)
    carrier = models.CharField(_("carrier"), max_length=100, blank=True)
    tracking_number = models.CharField(_("tracking number"), max_length=40, blank=True)
    cost_minor = minor_units(null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    provided_at = models.DateTimeField(_("provided"))
    voided_at = models.DateTimeField(_("voided"), null=True, blank=True)

    class Meta:
        verbose_name = _("return label")
        verbose_name_plural = _("return labels")
        constraints = [
            one_of("kind", LabelKind, name="label_kind"),
            models.CheckConstraint(
                condition=Q(kind=LabelKind.OWN) & ~Q(file="") | Q(kind=LabelKind.UNPAID, file=""),
                name="label_own_has_a_file",
            ),
            models.CheckConstraint(
                condition=Q(cost_minor__isnull=True, currency="")
                | Q(cost_minor__isnull=False, cost_minor__gte=0) & ~Q(currency=""),
                name="label_cost_is_whole",
            ),
            models.UniqueConstraint(
                fields=["request"], condition=Q(voided_at__isnull=True), name="label_one_in_force"
            ),
            models.UniqueConstraint(fields=["file"], condition=~Q(file=""), name="label_file_once"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.tracking_number}".strip()
