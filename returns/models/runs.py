"""Long work that can be left and found again: files read, and decisions on many requests."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .fields import ReferenceField, one_of
from .people import Seller, User
from .requests import ReturnRequest


class RunState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class FileKind(models.TextChoices):
    ORDERS = "orders", _("Order report")
    RETURNS = "returns", _("Returns report")


class FileState(models.TextChoices):
    """A file that was uploaded is checked, shown, and written if somebody says so; others are written at once."""

    CHECKING = "checking", _("Being checked")
    CHECKED = "checked", _("Checked, not imported")
    RUNNING = "running", _("Being imported")
    DONE = "done", _("Imported")
    FAILED = "failed", _("Failed")


class FileRun(models.Model):
    """One reading of one file: how far it is, and what came of it.

    `upload` names the file while it is kept. What waits is worked on by whoever holds the lease; `progress` is
    what came of the first `rows_done` rows, so that a reading that was killed goes on there. `preview` and
    `summary` are what would happen and what happened, `refusal` why it ended, each sentence by language.
    """

    reference = ReferenceField(unique=True)
    seller = models.ForeignKey(Seller, models.PROTECT, related_name="file_runs")
    user = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    kind = models.CharField(_("kind"), max_length=10, choices=FileKind)
    file_name = models.CharField(_("file"), max_length=255)
    digest = models.CharField(max_length=64)
    state = models.CharField(_("state"), max_length=10, choices=FileState, default=FileState.RUNNING)
    upload = models.CharField(max_length=100, blank=True)
    rows_total = models.PositiveIntegerField(null=True, blank=True)
    rows_done = models.PositiveIntegerField(default=0)
    progress = models.JSONField(default=dict)
    preview = models.JSONField(default=dict)
    summary = models.JSONField(default=dict)
    refusal = models.JSONField(default=dict)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_token = models.CharField(max_length=32, blank=True)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("file")
        verbose_name_plural = _("files")
        constraints = [
            one_of("kind", FileKind, name="file_run_kind"),
            one_of("state", FileState, name="file_run_state"),
        ]
        indexes = [
            models.Index(fields=["seller", "id"], name="file_run_by_seller"),
            models.Index(fields=["id"], condition=~Q(upload=""), name="file_run_with_upload"),
        ]

    def __str__(self) -> str:
        return self.file_name


class BulkRun(models.Model):
    """One decision on many requests, frozen at its preview."""

    reference = ReferenceField(unique=True)
    seller = models.ForeignKey(Seller, models.PROTECT, related_name="bulk_runs")
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    action = models.CharField(max_length=20)
    decision = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=RunState, default=RunState.WAITING)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [one_of("state", RunState, name="bulk_run_state")]

    def __str__(self) -> str:
        return self.reference


class BulkRow(models.Model):
    """One request of a bulk run and what came of it."""

    run = models.ForeignKey(BulkRun, models.CASCADE, related_name="rows")
    request = models.ForeignKey(ReturnRequest, models.PROTECT, related_name="+")
    is_done = models.BooleanField(default=False)
    refusal = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "request"], name="bulk_row_once")]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.request_id}"
