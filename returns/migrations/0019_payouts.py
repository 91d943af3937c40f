"""Pay-outs: money that was given and not paid yet, and how far its payment is."""

from importlib import import_module

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import returns.models.fields

labels = import_module("returns.migrations.0009_labels")


class Migration(migrations.Migration):
    dependencies = [
        ("returns", "0018_settle_ledger"),
    ]

    operations = [
        migrations.RunPython(migrations.RunPython.noop, labels.freeze_events),
        migrations.CreateModel(
            name="Payout",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "reference",
                    returns.models.fields.ReferenceField(
                        default=returns.models.fields.new_reference,
                        editable=False,
                        max_length=36,
                        unique=True,
                    ),
                ),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3, verbose_name="currency")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("recorded", "Recorded by hand"),
                            ("handed_over", "Handed over to the shop"),
                        ],
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("requested", "To be paid"),
                            ("failed", "Failed"),
                            ("confirmed", "Paid"),
                            ("given_up", "Given up"),
                        ],
                        default="requested",
                        max_length=20,
                        verbose_name="state",
                    ),
                ),
                ("idempotency_key", models.CharField(max_length=150, unique=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0, verbose_name="attempts")),
                ("next_attempt_at", models.DateTimeField(blank=True, null=True, verbose_name="next attempt")),
                ("lease_token", models.CharField(blank=True, max_length=32)),
                (
                    "failure",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("refused", "The shop refused to pay it."),
                            ("no_answer", "The shop did not answer."),
                            ("reported", "The shop reports that the payment failed."),
                            ("not_handed_over", "Refunds are no longer handed over to the shop."),
                            ("paid_after_all", "Given up here, but the shop reports that it was paid."),
                        ],
                        max_length=20,
                        verbose_name="what went wrong",
                    ),
                ),
                ("shop_words", models.CharField(blank=True, max_length=200, verbose_name="the shop's words")),
                (
                    "requested_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="requested",
                    ),
                ),
                ("confirmed_at", models.DateTimeField(blank=True, null=True, verbose_name="confirmed")),
                ("paid_date", models.DateField(blank=True, null=True, verbose_name="day of the refund")),
                (
                    "event",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payouts",
                        to="returns.returnevent",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payouts",
                        to="returns.order",
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payouts",
                        to="returns.returnrequest",
                    ),
                ),
                (
                    "seller",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="returns.seller",
                    ),
                ),
                (
                    "settled_by",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="settled by",
                    ),
                ),
            ],
            options={
                "verbose_name": "pay-out",
                "verbose_name_plural": "pay-outs",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("amount_minor__gt", 0)), name="payout_amount"),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["recorded", "handed_over"])), name="payout_kind"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["requested", "failed", "confirmed", "given_up"])),
                        name="payout_status",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "failure__in",
                                ["refused", "no_answer", "reported", "not_handed_over", "paid_after_all", ""],
                            )
                        ),
                        name="payout_failure",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("confirmed_at__isnull", False),
                                ("paid_date__isnull", False),
                                ("status", "confirmed"),
                            ),
                            models.Q(
                                models.Q(("status", "confirmed"), _negated=True),
                                ("confirmed_at__isnull", True),
                                ("paid_date__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="payout_confirmed_is_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("status__in", ("failed", "given_up")),
                                models.Q(("failure", ""), _negated=True),
                            ),
                            models.Q(
                                models.Q(("status__in", ("failed", "given_up")), _negated=True),
                                ("failure", ""),
                            ),
                            _connector="OR",
                        ),
                        name="payout_failed_says_why",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("lease_token", ""), ("next_attempt_at__isnull", True)),
                            models.Q(
                                ("kind", "handed_over"),
                                ("next_attempt_at__isnull", False),
                                ("status", "requested"),
                            ),
                            _connector="OR",
                        ),
                        name="payout_attempt_only_while_requested",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind", "handed_over"),
                            ("status__in", ("requested", "confirmed")),
                            _connector="OR",
                        ),
                        name="payout_by_hand_never_fails",
                    ),
                ],
                "indexes": [
                    models.Index(fields=["seller", "status", "id"], name="payout_of_seller"),
                    models.Index(
                        condition=models.Q(("next_attempt_at__isnull", False)),
                        fields=["next_attempt_at", "id"],
                        name="payout_due",
                    ),
                ],
            },
        ),
        migrations.RemoveConstraint(
            model_name="refund",
            name="refund_status",
        ),
        migrations.RemoveConstraint(
            model_name="returnevent",
            name="event_action",
        ),
        migrations.AddField(
            model_name="returnrequest",
            name="open_payout",
            field=models.CharField(
                blank=True,
                choices=[
                    ("failed", "Pay-out failed"),
                    ("to_pay", "To be paid by you"),
                    ("waiting", "To be paid by the shop"),
                ],
                max_length=10,
                verbose_name="open pay-out",
            ),
        ),
        migrations.AlterField(
            model_name="refund",
            name="status",
            field=models.CharField(
                choices=[
                    ("requested", "Requested"),
                    ("confirmed", "Confirmed"),
                    ("failed", "Failed"),
                    ("given_up", "Given up"),
                ],
                max_length=20,
                verbose_name="status",
            ),
        ),
        migrations.AlterField(
            model_name="returnevent",
            name="action",
            field=models.CharField(
                choices=[
                    ("open", "Ask for a return"),
                    ("record", "Recorded from the marketplace's file"),
                    ("authorize", "Authorize request"),
                    ("close", "Close request"),
                    ("keep_item", "Keep the item"),
                    ("receive", "Mark as received"),
                    ("refund", "Record a refund"),
                    ("complete", "Complete request"),
                    ("reopen", "Reopen request"),
                    ("undo", "Undo"),
                    ("escalate", "Ask the marketplace to step in"),
                    ("uphold", "Uphold the decision"),
                    ("remind", "Reminder"),
                    ("provide_label", "Provide the label"),
                    ("hand_over", "Hand over to the carrier"),
                    ("write", "Write a message"),
                    ("split", "Split request"),
                    ("reassess", "Reassess"),
                    ("offer", "Offer"),
                    ("pay_out", "Pay-out"),
                ],
                max_length=20,
                verbose_name="action",
            ),
        ),
        migrations.AddIndex(
            model_name="returnrequest",
            index=models.Index(
                condition=models.Q(
                    ("promise_due_date__isnull", False), ("open_payout__gt", ""), _connector="OR"
                ),
                fields=["seller", "requested_at", "id"],
                name="request_money_owed",
            ),
        ),
        migrations.AddConstraint(
            model_name="returnevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "action__in",
                        [
                            "open",
                            "record",
                            "authorize",
                            "close",
                            "keep_item",
                            "receive",
                            "refund",
                            "complete",
                            "reopen",
                            "undo",
                            "escalate",
                            "uphold",
                            "remind",
                            "provide_label",
                            "hand_over",
                            "write",
                            "split",
                            "reassess",
                            "offer",
                            "pay_out",
                        ],
                    )
                ),
                name="event_action",
            ),
        ),
        migrations.AddConstraint(
            model_name="returnrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("open_payout__in", ["failed", "to_pay", "waiting", ""])),
                name="request_open_payout",
            ),
        ),
        migrations.AddField(
            model_name="refund",
            name="payout",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="refunds",
                to="returns.payout",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["requested", "confirmed", "failed", "given_up"])),
                name="refund_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("payout__isnull", False),
                    models.Q(("kind", "recorded"), ("status", "confirmed")),
                    _connector="OR",
                ),
                name="refund_open_has_payout",
            ),
        ),
        migrations.RunPython(labels.freeze_events, migrations.RunPython.noop),
    ]
