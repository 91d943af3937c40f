"""The ledger is append-only: only `relayed_at` and `withdrawn_at` may be set, once, from empty to a value.

PostgreSQL also refuses deletes. SQLite has no delete trigger: it would stop the flush between tests; a missing
version is found by the audit there.
"""

from django.db import migrations

FROZEN = [
    "id",
    "seller_id",
    "request_id",
    "version",
    "action",
    "role",
    "user_id",
    "source",
    "target",
    "outcome",
    "occurred_at",
    "recorded_at",
    "reason_code",
    "words",
    "facts",
    "text_digest",
    "is_silent",
    "hold_until",
    "idempotency_key",
]
ONCE = ["relayed_at", "withdrawn_at"]
MESSAGE = "events are append-only"


def install(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        cast = {"words": "::text", "facts": "::text"}
        changed = " OR ".join(
            [
                f"OLD.{name}{cast.get(name, '')} IS DISTINCT FROM NEW.{name}{cast.get(name, '')}"
                for name in FROZEN
            ]
            + [f"(OLD.{name} IS NOT NULL AND OLD.{name} IS DISTINCT FROM NEW.{name})" for name in ONCE]
        )
        schema_editor.execute(
            f"""
            CREATE FUNCTION returns_event_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF TG_OP = 'DELETE' THEN
                    RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'check_violation';
                END IF;
                IF {changed} THEN
                    RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'check_violation';
                END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER event_is_frozen BEFORE UPDATE OR DELETE ON returns_returnevent
                FOR EACH ROW EXECUTE FUNCTION returns_event_is_frozen();
            """,
            params=None,
        )
    else:
        changed = " OR ".join(
            [f"OLD.{name} IS NOT NEW.{name}" for name in FROZEN]
            + [f"(OLD.{name} IS NOT NULL AND OLD.{name} IS NOT NEW.{name})" for name in ONCE]
        )
        schema_editor.execute(
            f"""
            CREATE TRIGGER event_is_frozen BEFORE UPDATE ON returns_returnevent
            WHEN {changed}
            BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END
            """,
            params=None,
        )


def remove(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "DROP TRIGGER event_is_frozen ON returns_returnevent; DROP FUNCTION returns_event_is_frozen();"
        )
    else:
        schema_editor.execute("DROP TRIGGER event_is_frozen")


class Migration(migrations.Migration):
    dependencies = [("returns", "0001_tables")]
    operations = [migrations.RunPython(install, remove)]
