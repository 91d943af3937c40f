"""What every test can ask for: databases, the real services, and how strict a run is.

Marks: `both_databases` runs a test once on SQLite and once on PostgreSQL, `postgresql` on PostgreSQL only,
`long` with --long only. A test that commits (`transaction=True`, `transactional_db`, `live_server`) finds the
rows that migrations made, and so does the test after it.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TypeVar

import environ
import pytest
from django.apps import apps
from django.core.serializers import deserialize, serialize
from django.db import connection, connections
from django.db.models import Model

from tests.services import PostgreSQL, Redis, Sink

Service = TypeVar("Service", PostgreSQL, Redis)
COMMITTING = {"transactional_db", "live_server", "django_db_reset_sequences"}
SERVICES = {"postgresql", "redis_server"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="also run the long races and sweeps")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    names = []
    if metafunc.definition.get_closest_marker("both_databases"):
        names = ["sqlite", "postgresql"]
    elif metafunc.definition.get_closest_marker("postgresql"):
        names = ["postgresql"]
    if names:
        metafunc.fixturenames.append("database")
        metafunc.parametrize("database", names, indirect=True)


def commits(item: pytest.Item) -> bool:
    """Whether pytest-django empties the database after this test."""
    mark = item.get_closest_marker("django_db")
    return bool(COMMITTING & set(getattr(item, "fixturenames", ()))) or bool(
        mark and (mark.kwargs.get("transaction") or mark.kwargs.get("reset_sequences"))
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--long"):
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in set(long)]
    for item in items:
        names = getattr(item, "fixturenames", [])
        params = getattr(getattr(item, "callspec", None), "params", {})
        if "database" in params or commits(item):
            # First of all: the database has to be there before pytest-django begins a test's transaction, and
            # is put in order after pytest-django has emptied it.
            if "database" in names:
                names.remove("database")
            names.insert(0, "database")
        if SERVICES & set(names) or params.get("database") == "postgresql":
            # One process starts the services; with the tests apart, each would start its own.
            item.add_marker(pytest.mark.xdist_group("services"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"Skipped, and with CI=true a skip is a failure: {report.longrepr[2]}"
    return report


# --- Databases


@contextmanager
def default_database(alternative: dict) -> Iterator[None]:
    """Let `alternative` be the database "default" of every thread that opens its connection from now on."""
    before, alias = connections.settings["default"], connections["default"]
    connections.settings["default"] = alternative
    del connections["default"]
    try:
        yield
    finally:
        connection.close()
        connections.settings["default"] = before
        connections["default"] = alias


@pytest.fixture(scope="session")
def on_postgresql(
    postgresql: PostgreSQL, django_db_setup: None, django_db_blocker: pytest.FixtureRequest
) -> dict:
    """The settings of a migrated PostgreSQL database."""
    alternative = {
        **connections.settings["default"],
        **environ.Env.db_url_config(postgresql.url("returns")),
        "OPTIONS": {"connect_timeout": 5},
        "TEST": {**connections.settings["default"]["TEST"], "NAME": "test_returns"},
    }
    postgresql.create("returns")
    with django_db_blocker.unblock(), default_database(alternative):
        connection.creation.create_test_db(verbosity=0, autoclobber=True)
    return {**alternative, "NAME": "test_returns"}


def own_rows() -> Iterator[Model]:
    """Every row of our own tables; Django's own come back by themselves after a flush."""
    for name in ("returns", "notifications"):
        for model in apps.get_app_config(name).get_models():
            yield from model._default_manager.order_by("pk")


@pytest.fixture(scope="session")
def rows_of_migrations() -> dict[str, str]:
    """What migrations have put into each database, by vendor; filled by the first test there."""
    return {}


@pytest.fixture
def database(
    request: pytest.FixtureRequest,
    django_db_setup: None,
    django_db_blocker: pytest.FixtureRequest,
    rows_of_migrations: dict[str, str],
) -> Iterator[str]:
    """The vendor of this test's database. After a test that commits, the rows of migrations are put back."""
    vendor = getattr(request, "param", "sqlite")
    alternative = request.getfixturevalue("on_postgresql") if vendor == "postgresql" else None
    with django_db_blocker.unblock(), default_database(alternative) if alternative else nullcontext():
        if vendor not in rows_of_migrations:
            rows_of_migrations[vendor] = serialize("json", own_rows())
        with django_db_blocker.block():
            yield vendor
        if commits(request.node):
            for row in deserialize("json", rows_of_migrations[vendor]):
                row.save()


# --- Services


def started(make: Callable[[], Service]) -> Iterator[Service]:
    """The service that `make` starts, closed in the end; without its package the test is skipped."""
    try:
        service = make()
    except FileNotFoundError as missing:
        pytest.skip(f"the package {missing} is not installed: ./test says how to install it")
    yield service
    service.close()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    yield from started(PostgreSQL)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    """A Redis that answers; a test that stops or freezes it may leave it so."""
    yield from started(Redis)


@pytest.fixture(scope="session")
def mail_server() -> Iterator[Sink]:
    server = Sink()
    yield server
    server.close()


@pytest.fixture
def sink(mail_server: Sink) -> Sink:
    """An empty SMTP sink."""
    mail_server.clear()
    return mail_server
