"""A mark that changes with every change of reasons and return addresses, whatever the door (models/settings.py).

Random, not counted: a value never comes back, not even after a rollback or a restored backup.
"""

import secrets

from django.db import migrations, models
from django.db.models import Q

TABLES = ("returns_returnreason", "returns_closurereason", "returns_returnaddress")


def install(apps, schema_editor):
    apps.get_model("returns", "Edition").objects.create(pk=1, mark=secrets.token_hex(16))
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            """
            CREATE FUNCTION returns_new_edition() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                UPDATE returns_edition SET mark = replace(gen_random_uuid()::text, '-', '');
                RETURN NULL;
            END $$;
            """,
            params=None,
        )
        for table in TABLES:
            schema_editor.execute(
                f"CREATE TRIGGER new_edition AFTER INSERT OR UPDATE OR DELETE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION returns_new_edition()"
            )
    else:
        for table in TABLES:
            for verb in ("INSERT", "UPDATE", "DELETE"):
                schema_editor.execute(
                    f"CREATE TRIGGER {table}_new_edition_{verb.lower()} AFTER {verb} ON {table} "
                    "BEGIN UPDATE returns_edition SET mark = lower(hex(randomblob(16))); END"
                )


def remove(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for table in TABLES:
            schema_editor.execute(f"DROP TRIGGER new_edition ON {table}")
        schema_editor.execute("DROP FUNCTION returns_new_edition()")
    else:
        for table in TABLES:
            for verb in ("insert", "update", "delete"):
                schema_editor.execute(f"DROP TRIGGER {table}_new_edition_{verb}")


class Migration(migrations.Migration):
    dependencies = [("returns", "0003_initial_reasons")]
    operations = [
        migrations.CreateModel(
            name="Edition",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("mark", models.CharField(max_length=32)),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=Q(pk=1), name="edition_one_row")],
            },
        ),
        migrations.RunPython(install, remove),
    ]
