from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("returns", "0005_saved_views"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="returnevent",
            index=models.Index(
                condition=models.Q(
                    ("action__in", ["authorize", "close"]),
                    ("role__in", ["admin", "seller"]),
                    ("withdrawn_at__isnull", True),
                ),
                fields=["seller", "occurred_at"],
                name="event_answers",
            ),
        ),
        migrations.AddIndex(
            model_name="returnrequest",
            index=models.Index(
                condition=models.Q(("escalated_at__isnull", False)),
                fields=["seller", "escalated_at"],
                name="request_escalated_of_seller",
            ),
        ),
        migrations.AddIndex(
            model_name="returnrequest",
            index=models.Index(
                condition=models.Q(("promise_due_date__isnull", False)),
                fields=["seller", "deadline_at"],
                name="request_promised",
            ),
        ),
        migrations.AddIndex(
            model_name="returnrequest",
            index=models.Index(
                condition=models.Q(("is_marketplace_todo", True)),
                fields=["seller", "id"],
                name="request_marketplace_todo",
            ),
        ),
    ]
