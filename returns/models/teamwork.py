"""What the members of a team tell each other about a request. None of it reaches a buyer, a mail or a file."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from .people import User
from .requests import ReturnRequest


class Note(models.Model):
    """What a member wrote down for the team: plain text, never shown to the buyer."""

    request = models.ForeignKey(ReturnRequest, models.CASCADE, related_name="notes", db_index=False)
    author = models.ForeignKey(User, models.PROTECT, related_name="+")
    text = models.TextField(_("note"))
    created_at = models.DateTimeField(db_default=Now())
    idempotency_key = models.CharField(max_length=64)

    class Meta:
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        constraints = [
            # Also the way to the notes of a request, which is why that column has no index of its own.
            models.UniqueConstraint(fields=["request", "idempotency_key"], name="note_key_once"),
        ]

    def __str__(self) -> str:
        return self.text[:60]


class Deciding(models.Model):
    """A member has the form of a decision open.

    It counts until `until`, and only for the version of the request that the form was opened for: whatever is
    decided, through whatever door, ends it without a write.
    """

    request = models.ForeignKey(ReturnRequest, models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    version = models.PositiveIntegerField()
    until = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["request", "user"], name="deciding_once")]

    def __str__(self) -> str:
        return f"{self.user_id} at {self.request_id}"
