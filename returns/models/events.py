"""The ledger: one row with every change of a request, and the outbox from which people are told."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from ..state_machine import SELLERS_SIDE, Action, Outcome, Role, Status
from .bulk import BulkQuerySet
from .fields import one_of
from .people import Seller, User
from .requests import ReturnRequest

# What counts as an answer to the buyer: a decision of the seller's side that was not undone.
ANSWERS = Q(
    action__in=[Action.AUTHORIZE, Action.CLOSE],
    role__in=sorted(SELLERS_SIDE),
    withdrawn_at__isnull=True,
)


class ReturnEvent(models.Model):
    """What happened to a request. Append-only: a trigger lets only `relayed_at` and `withdrawn_at` be set, once.

    `words` holds the labels and texts in both languages as they were; `facts` the columns that changed
    (``{"changed": {column: [before, after]}, …}``) and what was stated. `hold_until`: the relay does not take
    the event before, so that it can still be undone.
    """

    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+")
    request = models.ForeignKey(ReturnRequest, models.PROTECT, related_name="events")
    version = models.PositiveIntegerField()
    action = models.CharField(_("action"), max_length=20, choices=Action)
    role = models.CharField(_("who"), max_length=20, choices=Role)
    user = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    source = models.CharField(_("from"), max_length=30, choices=Status, blank=True)
    target = models.CharField(_("to"), max_length=30, choices=Status)
    outcome = models.CharField(_("outcome"), max_length=30, choices=Outcome, blank=True)
    occurred_at = models.DateTimeField(_("when"))
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)
    reason_code = models.CharField(_("reason"), max_length=60, blank=True)
    words = models.JSONField(default=dict)
    facts = models.JSONField(default=dict)
    text_digest = models.CharField(max_length=64, blank=True)
    is_silent = models.BooleanField(default=False)
    hold_until = models.DateTimeField(null=True, blank=True)
    relayed_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    # NULL, not "": the constraint below is for keys that were given.
    idempotency_key = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001

    # Of an event that is only planned: its words (a preview has no row of `EventText`), and its case.
    planned_text: str = ""
    planned_case: Any = None
    # Of a refund, where the seller's pages read it: the team's own note.
    refund_note: str | None = None

    objects = BulkQuerySet.as_manager()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints = [
            models.UniqueConstraint(fields=["request", "version"], name="event_version_once"),
            models.UniqueConstraint(fields=["request", "idempotency_key"], name="event_key_once"),
            models.CheckConstraint(
                condition=Q(relayed_at__isnull=True) | Q(withdrawn_at__isnull=True),
                name="event_relayed_or_withdrawn",
            ),
            one_of("action", Action, name="event_action"),
            one_of("role", Role, name="event_role"),
            one_of("source", Status, name="event_source", blank=True),
            one_of("target", Status, name="event_target"),
            one_of("outcome", Outcome, name="event_outcome", blank=True),
        ]
        indexes = [
            models.Index(
                fields=["hold_until", "id"],
                condition=Q(relayed_at__isnull=True, withdrawn_at__isnull=True),
                name="event_to_relay",
            ),
            models.Index(fields=["seller", "occurred_at"], condition=ANSWERS, name="event_answers"),
        ]

    def __str__(self) -> str:
        return f"{self.action} #{self.version}"

    @property
    def text(self) -> str:
        """The words of the person who acted, or nothing; also once they were erased."""
        return self.comments.text if hasattr(self, "comments") else self.planned_text


class EventText(models.Model):
    """A person's words of one event, apart from it: they can be erased, the event stays."""

    event = models.OneToOneField(ReturnEvent, models.PROTECT, related_name="comments")
    text = models.TextField()
    salt = models.CharField(max_length=32)

    class Meta:
        verbose_name = _("comments")
        verbose_name_plural = _("comments")

    def __str__(self) -> str:
        return self.text[:60]
