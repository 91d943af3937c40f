"""Celery with a real Redis: who publishes, who works, and what a broker that is away costs."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import redis
from celery import current_app

from notifications import doorbell
from returns_portal.run import ROOT
from tests.services import PostgreSQL, Program, Redis, free_port, wait_until

QUEUE = "returns:returns"


@pytest.fixture
def publisher(redis_server: Redis, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    """A Redis, empty, that this process publishes to."""
    settings.CELERY_BROKER_URL = redis_server.url
    monkeypatch.setattr(current_app.conf, "broker_url", redis_server.url)
    monkeypatch.setattr(doorbell, "_quiet_until", 0.0)
    redis_server.flush()
    yield redis_server
    current_app.pool.force_close_all()


def test_every_thread_publishes_with_our_settings() -> None:
    seen: list[tuple[str, dict[str, Any]]] = []
    thread = threading.Thread(
        target=lambda: seen.append((current_app.main, current_app.conf.broker_transport_options))
    )
    thread.start()
    thread.join()
    ((name, options),) = seen
    assert name == "returns_portal"
    assert (options["socket_connect_timeout"], options["socket_timeout"]) == (0.3, 0.5)
    assert options["global_keyprefix"] == "returns:"


def test_a_ring_lands_in_our_queue(publisher: Redis) -> None:
    assert doorbell.ring("notifications.relay_events")
    with redis.Redis(port=publisher.port) as client:
        assert client.llen(QUEUE) == 1


def test_a_broker_that_refuses_costs_a_click_next_to_nothing(settings: Any, publisher: Redis) -> None:
    nobody = f"redis://127.0.0.1:{free_port()}/0"
    settings.CELERY_BROKER_URL = current_app.conf.broker_url = nobody
    began = time.monotonic()
    assert not doorbell.ring("notifications.relay_events")
    assert not doorbell.ring("notifications.relay_events")
    assert time.monotonic() - began < 0.6


def test_a_frozen_broker_costs_one_click_half_a_second_and_the_next_nothing(publisher: Redis) -> None:
    publisher.freeze()
    try:
        began = time.monotonic()
        assert not doorbell.ring("notifications.relay_events")
        first = time.monotonic() - began
        assert not doorbell.ring("notifications.relay_events")
        both = time.monotonic() - began
    finally:
        publisher.thaw()
    assert first < 0.7
    assert both - first < 0.1


@pytest.fixture
def workers(postgresql: PostgreSQL, redis_server: Redis, tmp_path: Path) -> Iterator[str]:
    """Two Celery workers and beat on an empty database of their own; gives its address."""
    redis_server.flush()
    url = postgresql.create("workers")
    environment = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(tmp_path / "data"),
        "DATABASE_URL": url,
        "CELERY_BROKER_URL": redis_server.url,
    }
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
    celery = [sys.executable, "-m", "celery", "-A", "returns_portal"]
    one = [*celery, "worker", "--concurrency", "1", "--without-gossip", "--without-mingle"]
    commands = [[*one, "-n", "one@%h"], [*one, "-n", "two@%h"], [*celery, "beat"]]
    programs = [
        Program(command, tmp_path / f"log-{number}", cwd=ROOT, env=environment, patience=30)
        for number, command in enumerate(commands)
    ]
    yield url
    for program in programs:
        program.end()


def work_is_done(url: str) -> bool:
    """Forget that periodic jobs ever ran; whether a worker has been there since this was asked last."""
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM returns_scheduledjob RETURNING 1")
        return bool(cursor.fetchall())


def test_workers_work_and_go_on_when_redis_comes_back(workers: str, redis_server: Redis) -> None:
    wait_until(lambda: work_is_done(workers), 60, "the workers work")
    redis_server.stop()
    redis_server.start()
    work_is_done(workers)
    wait_until(lambda: work_is_done(workers), 35, "the workers work again")


UPLOAD = """
import django
django.setup()
from django.core.files.uploadedfile import SimpleUploadedFile
from returns.services.imports import receive_file
from tests.factories import make_cast
from tests.returns.report_files import returns_file
cast = make_cast()
receive_file(cast.actor(cast.alice), file=SimpleUploadedFile("r.tsv", returns_file({}).getvalue()))
"""


def state_of_file(url: str) -> str:
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT state FROM returns_filerun")
        (state,) = cursor.fetchone()
        return str(state)


def test_workers_read_an_uploaded_file(workers: str, tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(tmp_path / "data"),
        "DATABASE_URL": workers,
        "DJANGO_SETTINGS_MODULE": "returns_portal.settings",
        "PYTHONPATH": str(ROOT),
    }
    subprocess.run([sys.executable, "-c", UPLOAD], cwd=ROOT, env=environment, check=True)
    wait_until(lambda: state_of_file(workers) == "checked", 60, "the file is checked")
