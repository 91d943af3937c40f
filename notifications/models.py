"""What is owed to whom, how far its delivery is, and what a member wants to be told."""

import uuid
from email.utils import parseaddr

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from returns.models import ReturnEvent, Seller, User
from returns.models.fields import one_of
from returns.models.people import Language


class Kind(models.TextChoices):
    """What a message is about (domain.md's table of messages)."""

    RETURN_OPENED = "return_opened", _("Return request opened")
    WITHDRAWAL_RECEIVED = "withdrawal_received", _("Withdrawal from the contract")
    RETURN_AUTHORIZED = "return_authorized", _("Return request authorized")
    LABEL_PROVIDED = "label_provided", _("Return label provided")
    RETURN_CLOSED = "return_closed", _("Return request closed")
    RETURN_CLOSED_BY_BUYER = "return_closed_by_buyer", _("Return request closed by the buyer")
    CLOSE_RECEIPT = "close_receipt", _("Receipt for the buyer")
    RETURN_KEPT = "return_kept", _("Item kept by the buyer")
    RETURN_REOPENED = "return_reopened", _("Return request reopened")
    ESCALATED = "escalated", _("Marketplace asked to step in")
    ESCALATION_ANSWERED = "escalation_answered", _("Marketplace has answered")
    RETURN_RECEIVED = "return_received", _("Item received")
    RETURN_NOT_RETURNED = "return_not_returned", _("Item not returned")
    SEND_BACK_REMINDER = "send_back_reminder", _("Reminder to send the item back")
    DEADLINE_NEAR = "deadline_near", _("Deadline near or past")
    RETURN_COMPLETED = "return_completed", _("Return request completed")
    REFUND_ISSUED = "refund_issued", _("Refund issued")
    REFUND_TO_PAY = "refund_to_pay", _("Refund to be paid by you")
    MESSAGE_RECEIVED = "message_received", _("Message received")
    OFFER_MADE = "offer_made", _("Offer made")
    OFFER_ANSWERED = "offer_answered", _("Offer answered or ended")
    BUYER_CODE = "buyer_code", _("Sign-in code for the buyer")
    INVITATION = "invitation", _("Invitation to a team")
    IMPORT_FINISHED = "import_finished", _("File read")


# What a seller's members are told, and each of them may turn off.
MEMBER_KINDS = (
    Kind.RETURN_OPENED,
    Kind.MESSAGE_RECEIVED,
    Kind.OFFER_ANSWERED,
    Kind.WITHDRAWAL_RECEIVED,
    Kind.RETURN_CLOSED_BY_BUYER,
    Kind.RETURN_KEPT,
    Kind.REFUND_TO_PAY,
    Kind.DEADLINE_NEAR,
    Kind.ESCALATED,
    Kind.ESCALATION_ANSWERED,
    Kind.RETURN_CLOSED,
    Kind.RETURN_REOPENED,
    Kind.IMPORT_FINISHED,
)
# A seller must not miss these: its last reachable member gets them whatever was chosen.
ALWAYS_KEPT = frozenset({Kind.RETURN_CLOSED_BY_BUYER, Kind.RETURN_KEPT, Kind.DEADLINE_NEAR})
# Their texts carry what opens a door for a while, so they are never kept, not even until they are sent.
WITH_SECRET = frozenset({Kind.BUYER_CODE, Kind.INVITATION})


class RecipientType(models.TextChoices):
    BUYER = "buyer", _("Buyer")
    USER = "user", _("Member or admin")
    INVITATION = "invitation", _("Invited person")


class State(models.TextChoices):
    QUEUED = "queued", _("Waiting to be sent")
    SENDING = "sending", _("Being sent")
    SENT = "sent", _("Sent")
    RETRY = "retry", _("Waiting to be sent again")
    PARKED = "parked", _("Could not be delivered")
    SUPPRESSED = "suppressed", _("Not sent from here")
    CANCELLED = "cancelled", _("No longer sent")


WAITING = (State.QUEUED, State.RETRY)
# A row whose lease ran out this many times ends whoever sends it.
CRASHES_TO_PARK = 3


def new_message_id() -> str:
    """An RFC 5322 Message-ID of our own domain, in its angle brackets."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    return f"<{uuid.uuid4().hex}@{domain}>"


class Message(models.Model):
    """One mail that is owed, at most one for each event, recipient and kind.

    A mail without an event is about the `returns` row `about_id`: a BuyerCode, an Invitation, a FileRun
    or a Refund that is a concession.
    The recipient is a reference; the address is read when the mail is made. `rendered` keeps the mail's bytes
    from the first attempt on, until it is sent or given up. `marked_at` is set right before the last byte
    that lets a mail server accept it: an attempt that dies after that may have delivered, one that dies
    before has not; `doubtful` counts the attempts made after such a death.
    """

    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+", null=True, blank=True)
    event = models.ForeignKey(ReturnEvent, models.PROTECT, related_name="messages", null=True, blank=True)
    about_id = models.BigIntegerField(null=True, blank=True)
    dedup_key = models.CharField(max_length=100, null=True, blank=True, unique=True)
    recipient_type = models.CharField(_("recipient"), max_length=10, choices=RecipientType)
    recipient_id = models.BigIntegerField()
    kind = models.CharField(_("kind"), max_length=30, choices=Kind)
    language = models.CharField(_("language"), max_length=10, choices=Language)
    message_id = models.CharField("Message-ID", max_length=255, unique=True, default=new_message_id)
    status = models.CharField(_("state"), max_length=10, choices=State, default=State.QUEUED)
    created_at = models.DateTimeField(_("made"), db_default=Now(), editable=False)
    due_at = models.DateTimeField(_("due"), db_default=Now())
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    crashes = models.PositiveSmallIntegerField(_("crashes"), default=0)
    doubtful = models.PositiveSmallIntegerField(_("doubtful repeats"), default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_token = models.CharField(max_length=32, blank=True)
    marked_at = models.DateTimeField(null=True, blank=True)
    last_code = models.CharField(_("last answer"), max_length=20, blank=True)
    last_error = models.CharField(_("last error"), max_length=100, blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    rendered = models.BinaryField(null=True, blank=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.UniqueConstraint(
                fields=["event", "recipient_type", "recipient_id", "kind"], name="message_once"
            ),
            models.CheckConstraint(
                condition=Q(
                    event__isnull=False, seller__isnull=False, dedup_key__isnull=True, about_id__isnull=True
                )
                | Q(event__isnull=True, dedup_key__isnull=False, about_id__isnull=False),
                name="message_of_event_or_row",
            ),
            models.CheckConstraint(
                condition=(Q(status=State.SENDING, lease_until__isnull=False) & ~Q(lease_token=""))
                | (~Q(status=State.SENDING) & Q(lease_until__isnull=True, lease_token="")),
                name="message_sending_is_leased",
            ),
            models.CheckConstraint(
                condition=~Q(status=State.SENT) | Q(sent_at__isnull=False), name="message_sent_has_time"
            ),
            models.CheckConstraint(
                condition=Q(rendered__isnull=True) | Q(status__in=(*WAITING, State.SENDING)),
                name="message_bytes_only_while_unsent",
            ),
            one_of("recipient_type", RecipientType, name="message_recipient_type"),
            one_of("kind", Kind, name="message_kind"),
            one_of("language", Language, name="message_language"),
            one_of("status", State, name="message_status"),
        ]
        indexes = [
            models.Index(fields=["due_at", "id"], condition=Q(status__in=WAITING), name="message_due"),
            models.Index(
                fields=["lease_until", "id"], condition=Q(status=State.SENDING), name="message_leased"
            ),
            models.Index(fields=["id"], condition=Q(status=State.PARKED), name="message_parked"),
            models.Index(fields=["id"], condition=Q(doubtful__gt=0), name="message_doubtful"),
            models.Index(fields=["kind", "about_id"], condition=Q(event__isnull=True), name="message_about"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.message_id}"


class Preference(models.Model):
    """Whether a member wants one kind of message of one seller; without a row: yes."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    seller = models.ForeignKey(Seller, models.CASCADE, related_name="+")
    kind = models.CharField(_("kind"), max_length=30, choices=Kind)
    is_on = models.BooleanField(_("on"), default=True)

    class Meta:
        verbose_name = _("preference")
        verbose_name_plural = _("preferences")
        constraints = [
            models.UniqueConstraint(fields=["user", "seller", "kind"], name="preference_once"),
            one_of("kind", Kind, name="preference_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.kind}: {self.is_on}"


class MailboxEntry(models.Model):
    """A mail that left, byte by byte, where no mail server is configured (`notifications.mailbox`)."""

    recipients = models.TextField()
    subject = models.TextField()
    message_id = models.CharField(max_length=255, db_index=True)
    content = models.BinaryField()
    sent_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("mail")
        verbose_name_plural = _("mails")

    def __str__(self) -> str:
        return self.subject
