"""The moves of the buyer's side and of settling; their events need these actions."""

from importlib import import_module

from django.db import migrations, models

labels = import_module("returns.migrations.0009_labels")


class Migration(migrations.Migration):
    dependencies = [
        ("returns", "0012_teamwork"),
    ]

    operations = [
        migrations.RunPython(migrations.RunPython.noop, labels.freeze_events),
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
                    ("hand_over", "Hand over to the carrier"),
                    ("write", "Write a message"),
                    ("split", "Split request"),
                    ("reassess", "Reassess"),
                    ("offer", "Offer"),
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
                            "hand_over",
                            "write",
                            "split",
                            "reassess",
                            "offer",
                        ],
                    )
                ),
                name="event_action",
            ),
        ),
        migrations.RunPython(labels.freeze_events, migrations.RunPython.noop),
    ]
