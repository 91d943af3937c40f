"""Notes of a team to itself, who looks after a request and who has its decision open (models/teamwork.py).

The list keeps who may decide under the mark of 0004: from here on members and their names change it, too.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Now

# What of each table changes the mark: of a person, not the language or the last sign-in.
VERBS = {
    "returns_membership": ("INSERT", "UPDATE", "DELETE"),
    "returns_user": ("UPDATE OF name, email, is_active",),
}


def install(apps, schema_editor):
    for table, verbs in VERBS.items():
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(
                f"CREATE TRIGGER new_edition AFTER {' OR '.join(verbs)} ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION returns_new_edition()"
            )
        else:
            for verb in verbs:
                schema_editor.execute(
                    f"CREATE TRIGGER {table}_new_edition_{verb.split()[0].lower()} AFTER {verb} ON {table} "
                    "BEGIN UPDATE returns_edition SET mark = lower(hex(randomblob(16))); END"
                )


def remove(apps, schema_editor):
    for table, verbs in VERBS.items():
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP TRIGGER new_edition ON {table}")
        else:
            for verb in verbs:
                schema_editor.execute(f"DROP TRIGGER {table}_new_edition_{verb.split()[0].lower()}")


def pk():
    return models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


class Migration(migrations.Migration):
    dependencies = [("returns", "0011_saved_comments")]
    operations = [
        migrations.CreateModel(
            name="Deciding",
            fields=[
                ("id", pk()),
                ("version", models.PositiveIntegerField()),
                ("until", models.DateTimeField()),
                (
                    "request",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="returns.returnrequest",
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
                "constraints": [
                    models.UniqueConstraint(fields=("request", "user"), name="deciding_once"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Note",
            fields=[
                ("id", pk()),
                ("text", models.TextField(verbose_name="note")),
                ("created_at", models.DateTimeField(db_default=Now())),
                ("idempotency_key", models.CharField(max_length=64)),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notes",
                        to="returns.returnrequest",
                    ),
                ),
            ],
            options={
                "verbose_name": "note",
                "verbose_name_plural": "notes",
                "constraints": [
                    models.UniqueConstraint(fields=("request", "idempotency_key"), name="note_key_once"),
                ],
            },
        ),
        migrations.AddField(
            model_name="returnrequest",
            name="assignee",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="assignee",
            ),
        ),
        migrations.AddIndex(
            model_name="returnrequest",
            index=models.Index(
                condition=models.Q(("assignee__isnull", False)),
                fields=["assignee", "deadline_at", "id"],
                name="request_by_assignee",
            ),
        ),
        migrations.RunPython(install, remove),
    ]
