"""A database made by the squashed migrations is the one that the migrations they replace make."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import environ
import pytest
from django.core.management import call_command
from django.core.serializers import serialize
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from pytest_django.plugin import DjangoDbBlocker

from tests.conftest import default_database, own_rows
from tests.services import PostgreSQL

CATALOG = {
    "sqlite": """
        SELECT m.name, c.name, c.type, c."notnull", c.dflt_value, c.pk FROM sqlite_master m, pragma_table_info(m.name) c
        WHERE m.type = 'table'
        UNION ALL SELECT tbl_name, type, name, sql, NULL, NULL FROM sqlite_master WHERE type != 'table' AND sql != ''
    """,
    "postgresql": """
        SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name, is_identity
        FROM information_schema.columns WHERE table_schema = 'public'
        UNION ALL SELECT conrelid::regclass::text, 'constraint', conname, pg_get_constraintdef(oid), '', '', ''
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT tablename, 'index', indexname, indexdef, '', '', ''
        FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL SELECT tgrelid::regclass::text, 'trigger', tgname, pg_get_triggerdef(oid), '', '', ''
        FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT proname, 'function', prosrc, '', '', '', ''
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    """,
}
OURS = {"returns", "notifications"}
STAGES = ["0009_labels", "0022_settled_items"]
# What is made anew with each database: times, and the mark of the settings.
NEW_EACH_TIME = re.compile(r'\d{4}-\d\d-\d\dT[\d:.]+Z|"mark": "\w+"')


def rules_of_tables() -> list[str]:
    """The constraints of each table on SQLite, which keeps them in the words that made the table."""
    if connection.vendor != "sqlite":
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql != ''")
        made = cursor.fetchall()
    parts = [
        (name, part.strip(" ()")) for name, sql in made for part in re.split(r", (?=\"|CONSTRAINT)", sql)
    ]
    return sorted(
        f"{name}: {part.partition('(')[2] if part.startswith('CREATE') else part}" for name, part in parts
    )


def as_made() -> tuple[list[str], list[str], str]:
    """What the database of this connection holds just after it was made."""
    with connection.cursor() as cursor:
        cursor.execute(CATALOG[connection.vendor])
        catalog = sorted(str(row) for row in cursor.fetchall())
    return catalog, rules_of_tables(), NEW_EACH_TIME.sub("", serialize("json", own_rows()))


class Singly(MigrationLoader):
    """Knows the migrations that were replaced, as the code of their day did."""

    def load_disk(self) -> None:
        super().load_disk()
        self.disk_migrations = {key: one for key, one in self.disk_migrations.items() if not one.replaces}


@contextmanager
def empty(url: str) -> Iterator[None]:
    with default_database(
        {**connections.settings["default"], **environ.Env.db_url_config(url), "OPTIONS": {}}
    ):
        yield


@pytest.mark.parametrize("vendor", ["sqlite", "postgresql"])
def test_a_desk_of_any_age_becomes_what_a_new_one_is(
    vendor: str, request: pytest.FixtureRequest, tmp_path: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    def url(name: str) -> str:
        if vendor == "sqlite":
            return f"sqlite:///{tmp_path / name}"
        postgresql: PostgreSQL = request.getfixturevalue("postgresql")
        return postgresql.create(name)

    with django_db_blocker.unblock():
        with empty(url("new")):
            call_command("migrate", verbosity=0)
            new = as_made()
        for stage in STAGES:
            with empty(url("of_" + stage)):
                executor = MigrationExecutor(connection)
                executor.loader = Singly(connection)
                targets = [node for node in executor.loader.graph.leaf_nodes() if node[0] not in OURS]
                executor.migrate([*targets, ("returns", stage)])
                call_command("migrate", verbosity=0)
                assert as_made() == new
