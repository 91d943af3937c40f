"""Labels, and the event that provides one."""

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

ledger = import_module("returns.migrations.0002_events_are_append_only")


def freeze_events(apps, schema_editor):
    """SQLite changes a constraint by making the table anew, and its trigger goes with the old one."""
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TRIGGER IF EXISTS event_is_frozen")
        ledger.install(apps, schema_editor)


class Migration(migrations.Migration):
    dependencies = [
        ("returns", "0008_uploaded_files"),
    ]

    operations = [
        migrations.RunPython(migrations.RunPython.noop, freeze_events),
        migrations.CreateModel(
            name="ReturnLabel",
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
                        choices=[("unpaid", "The buyer buys one"), ("own", "Provided by the seller")],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("file", models.CharField(blank=True, max_length=100, verbose_name="file")),
                ("carrier", models.CharField(blank=True, max_length=100, verbose_name="carrier")),
                (
                    "tracking_number",
                    models.CharField(blank=True, max_length=40, verbose_name="tracking number"),
                ),
                ("cost_minor", models.BigIntegerField(blank=True, null=True)),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("provided_at", models.DateTimeField(verbose_name="provided")),
                ("voided_at", models.DateTimeField(blank=True, null=True, verbose_name="voided")),
            ],
            options={
                "verbose_name": "return label",
                "verbose_name_plural": "return labels",
            },
        ),
        migrations.RemoveConstraint(
            model_name="returnevent",
            name="event_action",
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
                ],
                max_length=20,
                verbose_name="action",
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
                        ],
                    )
                ),
                name="event_action",
            ),
        ),
        migrations.AddField(
            model_name="returnlabel",
            name="request",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="labels", to="returns.returnrequest"
            ),
        ),
        migrations.AddField(
            model_name="returnlabel",
            name="seller",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="returns.seller"
            ),
        ),
        migrations.AddConstraint(
            model_name="returnlabel",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["unpaid", "own"])), name="label_kind"
            ),
        ),
        migrations.AddConstraint(
            model_name="returnlabel",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "own"), models.Q(("file", ""), _negated=True)),
                    models.Q(("file", ""), ("kind", "unpaid")),
                    _connector="OR",
                ),
                name="label_own_has_a_file",
            ),
        ),
        migrations.AddConstraint(
            model_name="returnlabel",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("cost_minor__isnull", True), ("currency", "")),
                    models.Q(
                        ("cost_minor__gte", 0),
                        ("cost_minor__isnull", False),
                        models.Q(("currency", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="label_cost_is_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="returnlabel",
            constraint=models.UniqueConstraint(
                condition=models.Q(("voided_at__isnull", True)),
                fields=("request",),
                name="label_one_in_force",
            ),
        ),
        migrations.AddConstraint(
            model_name="returnlabel",
            constraint=models.UniqueConstraint(
                condition=models.Q(("file", ""), _negated=True), fields=("file",), name="label_file_once"
            ),
        ),
        migrations.RunPython(freeze_events, migrations.RunPython.noop),
    ]
