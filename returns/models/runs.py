"""Long work that can be left and found again: files read, and decisions on many requests."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from .fields import ReferenceField, minor_units, one_of
from .people import Language, Seller, User
from .requests import ReturnRequest

# What the idempotency keys of a bulk's decisions begin with.
BULK_KEY = "bulk-"


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


class BulkState(models.TextChoices):
    PREVIEW = "preview", _("Not started")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    UNDOING = "undoing", _("Being undone")
    UNDONE = "undone", _("Undone")


class BulkRun(models.Model):
    """One decision on many requests, frozen at its preview.

    `found` is what the preview counted when the set was frozen (see `services.bulk.freeze_bulk`), `decision` what
    was confirmed, with the form's `key`. What a run says of its rows is kept in the language of its user.
    """

    reference = ReferenceField(unique=True)
    seller = models.ForeignKey(Seller, models.PROTECT, related_name="bulk_runs")
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    action = models.CharField(max_length=20)
    found = models.JSONField(default=dict)
    decision = models.JSONField(default=dict)
    key = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=10, choices=BulkState, default=BulkState.PREVIEW)
    created_at = models.DateTimeField(db_default=Now())
    confirmed_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [one_of("state", BulkState, name="bulk_run_state")]
        indexes = [
            models.Index(
                fields=["id"],
                condition=Q(state__in=(BulkState.RUNNING, BulkState.UNDOING)),
                name="bulk_run_unfinished",
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class BulkRowState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    DONE = "done", _("Done")
    REFUSED = "refused", _("Refused")
    UNDONE = "undone", _("Undone")


class BulkRow(models.Model):
    """One request of a bulk run and what came of it.

    `refusal`: why it was not decided or, of a row that is done, why it could not be undone. `why_not`: by reason
    code, the sentence of each return reason that does not hold. `owed_minor`: what a refund without return
    promises, as the preview shows it.
    """

    run = models.ForeignKey(BulkRun, models.CASCADE, related_name="rows")
    request = models.ForeignKey(ReturnRequest, models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=BulkRowState, default=BulkRowState.WAITING)
    language = models.CharField(max_length=10, default=Language.ENGLISH)
    refusal = models.TextField(blank=True)
    why_not = models.JSONField(default=dict)
    owed_minor = minor_units(null=True, blank=True)
    owed_currency = models.CharField(max_length=3, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "request"], name="bulk_row_once"),
            one_of("state", BulkRowState, name="bulk_row_state"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.request_id}"
