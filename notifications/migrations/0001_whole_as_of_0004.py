"""All tables as 0001 to 0004 make them, whole at once; see the like of `returns`."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import notifications.models


class Migration(migrations.Migration):
    initial = True
    replaces = [
        ("notifications", "0001_tables"),
        ("notifications", "0002_label_provided"),
        ("notifications", "0003_message_and_withdrawal_received"),
        ("notifications", "0004_messages_of_money"),
    ]
    dependencies = [("returns", "0022_settled_items")]
    operations = [
        migrations.CreateModel(
            name="Message",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("about_id", models.BigIntegerField(blank=True, null=True)),
                ("dedup_key", models.CharField(blank=True, max_length=100, null=True, unique=True)),
                (
                    "recipient_type",
                    models.CharField(
                        choices=[
                            ("buyer", "Buyer"),
                            ("user", "Member or admin"),
                            ("invitation", "Invited person"),
                        ],
                        max_length=10,
                        verbose_name="recipient",
                    ),
                ),
                ("recipient_id", models.BigIntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("return_opened", "Return request opened"),
                            ("withdrawal_received", "Withdrawal from the contract"),
                            ("return_authorized", "Return request authorized"),
                            ("label_provided", "Return label provided"),
                            ("return_closed", "Return request closed"),
                            ("return_closed_by_buyer", "Return request closed by the buyer"),
                            ("close_receipt", "Receipt for the buyer"),
                            ("return_kept", "Item kept by the buyer"),
                            ("return_reopened", "Return request reopened"),
                            ("escalated", "Marketplace asked to step in"),
                            ("escalation_answered", "Marketplace has answered"),
                            ("return_received", "Item received"),
                            ("return_not_returned", "Item not returned"),
                            ("send_back_reminder", "Reminder to send the item back"),
                            ("deadline_near", "Deadline near or past"),
                            ("return_completed", "Return request completed"),
                            ("refund_issued", "Refund issued"),
                            ("refund_to_pay", "Refund to be paid by you"),
                            ("message_received", "Message received"),
                            ("offer_made", "Offer made"),
                            ("offer_answered", "Offer answered or ended"),
                            ("buyer_code", "Sign-in code for the buyer"),
                            ("invitation", "Invitation to a team"),
                            ("import_finished", "File read"),
                        ],
                        max_length=30,
                        verbose_name="kind",
                    ),
                ),
                (
                    "language",
                    models.CharField(
                        choices=[("en", "English"), ("zh-hans", "简体中文")],
                        max_length=10,
                        verbose_name="language",
                    ),
                ),
                (
                    "message_id",
                    models.CharField(
                        default=notifications.models.new_message_id,
                        max_length=255,
                        unique=True,
                        verbose_name="Message-ID",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("queued", "Waiting to be sent"),
                            ("sending", "Being sent"),
                            ("sent", "Sent"),
                            ("retry", "Waiting to be sent again"),
                            ("parked", "Could not be delivered"),
                            ("suppressed", "Not sent from here"),
                            ("cancelled", "No longer sent"),
                        ],
                        default="queued",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="made",
                    ),
                ),
                (
                    "due_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), verbose_name="due"
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0, verbose_name="attempts")),
                ("crashes", models.PositiveSmallIntegerField(default=0, verbose_name="crashes")),
                ("doubtful", models.PositiveSmallIntegerField(default=0, verbose_name="doubtful repeats")),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("lease_token", models.CharField(blank=True, max_length=32)),
                ("marked_at", models.DateTimeField(blank=True, null=True)),
                ("last_code", models.CharField(blank=True, max_length=20, verbose_name="last answer")),
                ("last_error", models.CharField(blank=True, max_length=100, verbose_name="last error")),
                ("sent_at", models.DateTimeField(blank=True, null=True, verbose_name="sent")),
                ("rendered", models.BinaryField(blank=True, null=True)),
                (
                    "event",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="messages",
                        to="returns.returnevent",
                    ),
                ),
                (
                    "seller",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="returns.seller",
                    ),
                ),
            ],
            options={
                "verbose_name": "message",
                "verbose_name_plural": "messages",
                "indexes": [
                    models.Index(
                        condition=models.Q(("status__in", ("queued", "retry"))),
                        fields=["due_at", "id"],
                        name="message_due",
                    ),
                    models.Index(
                        condition=models.Q(("status", "sending")),
                        fields=["lease_until", "id"],
                        name="message_leased",
                    ),
                    models.Index(
                        condition=models.Q(("status", "parked")), fields=["id"], name="message_parked"
                    ),
                    models.Index(
                        condition=models.Q(("doubtful__gt", 0)), fields=["id"], name="message_doubtful"
                    ),
                    models.Index(
                        condition=models.Q(("event__isnull", True)),
                        fields=["kind", "about_id"],
                        name="message_about",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("event", "recipient_type", "recipient_id", "kind"), name="message_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("about_id__isnull", True),
                                ("dedup_key__isnull", True),
                                ("event__isnull", False),
                                ("seller__isnull", False),
                            ),
                            models.Q(
                                ("about_id__isnull", False),
                                ("dedup_key__isnull", False),
                                ("event__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="message_of_event_or_row",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("lease_until__isnull", False),
                                ("status", "sending"),
                                models.Q(("lease_token", ""), _negated=True),
                            ),
                            models.Q(
                                models.Q(("status", "sending"), _negated=True),
                                ("lease_token", ""),
                                ("lease_until__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="message_sending_is_leased",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "sent"), _negated=True),
                            ("sent_at__isnull", False),
                            _connector="OR",
                        ),
                        name="message_sent_has_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("rendered__isnull", True),
                            ("status__in", ("queued", "retry", "sending")),
                            _connector="OR",
                        ),
                        name="message_bytes_only_while_unsent",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("recipient_type__in", ["buyer", "user", "invitation"])),
                        name="message_recipient_type",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("language__in", ["en", "zh-hans"])), name="message_language"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                ["queued", "sending", "sent", "retry", "parked", "suppressed", "cancelled"],
                            )
                        ),
                        name="message_status",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "return_opened",
                                    "withdrawal_received",
                                    "return_authorized",
                                    "label_provided",
                                    "return_closed",
                                    "return_closed_by_buyer",
                                    "close_receipt",
                                    "return_kept",
                                    "return_reopened",
                                    "escalated",
                                    "escalation_answered",
                                    "return_received",
                                    "return_not_returned",
                                    "send_back_reminder",
                                    "deadline_near",
                                    "return_completed",
                                    "refund_issued",
                                    "refund_to_pay",
                                    "message_received",
                                    "offer_made",
                                    "offer_answered",
                                    "buyer_code",
                                    "invitation",
                                    "import_finished",
                                ],
                            )
                        ),
                        name="message_kind",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Preference",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("return_opened", "Return request opened"),
                            ("withdrawal_received", "Withdrawal from the contract"),
                            ("return_authorized", "Return request authorized"),
                            ("label_provided", "Return label provided"),
                            ("return_closed", "Return request closed"),
                            ("return_closed_by_buyer", "Return request closed by the buyer"),
                            ("close_receipt", "Receipt for the buyer"),
                            ("return_kept", "Item kept by the buyer"),
                            ("return_reopened", "Return request reopened"),
                            ("escalated", "Marketplace asked to step in"),
                            ("escalation_answered", "Marketplace has answered"),
                            ("return_received", "Item received"),
                            ("return_not_returned", "Item not returned"),
                            ("send_back_reminder", "Reminder to send the item back"),
                            ("deadline_near", "Deadline near or past"),
                            ("return_completed", "Return request completed"),
                            ("refund_issued", "Refund issued"),
                            ("refund_to_pay", "Refund to be paid by you"),
                            ("message_received", "Message received"),
                            ("offer_made", "Offer made"),
                            ("offer_answered", "Offer answered or ended"),
                            ("buyer_code", "Sign-in code for the buyer"),
                            ("invitation", "Invitation to a team"),
                            ("import_finished", "File read"),
                        ],
                        max_length=30,
                        verbose_name="kind",
                    ),
                ),
                ("is_on", models.BooleanField(default=True, verbose_name="on")),
                (
                    "seller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="returns.seller"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "preference",
                "verbose_name_plural": "preferences",
                "constraints": [
                    models.UniqueConstraint(fields=("user", "seller", "kind"), name="preference_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "return_opened",
                                    "withdrawal_received",
                                    "return_authorized",
                                    "label_provided",
                                    "return_closed",
                                    "return_closed_by_buyer",
                                    "close_receipt",
                                    "return_kept",
                                    "return_reopened",
                                    "escalated",
                                    "escalation_answered",
                                    "return_received",
                                    "return_not_returned",
                                    "send_back_reminder",
                                    "deadline_near",
                                    "return_completed",
                                    "refund_issued",
                                    "refund_to_pay",
                                    "message_received",
                                    "offer_made",
                                    "offer_answered",
                                    "buyer_code",
                                    "invitation",
                                    "import_finished",
                                ],
                            )
                        ),
                        name="preference_kind",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="MailboxEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("recipients", models.TextField()),
                ("subject", models.TextField()),
                ("message_id", models.CharField(db_index=True, max_length=255)),
                ("content", models.BinaryField()),
                (
                    "sent_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
            ],
            options={
                "verbose_name": "mail",
                "verbose_name_plural": "mails",
            },
        ),
    ]
