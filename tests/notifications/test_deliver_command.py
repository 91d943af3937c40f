"""`manage.py deliver`: the loop that needs no broker."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import OperationalError

from notifications import services, tasks
from notifications.management.commands import deliver
from notifications.models import Message, State
from returns.models import FileRun
from returns.models.runs import FileState
from returns.services.imports import commit_file, receive_file
from returns.services.jobs import last_heartbeat
from tests.factories import Cast, make_order, open_request
from tests.notifications.mail_server import MailServer
from tests.notifications.test_relay import in_a_thread
from tests.returns.report_files import returns_file
from tests.services import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def test_once_sends_what_is_due_and_ends(cast: Cast, server: MailServer) -> None:
    open_request(make_order(cast.north_lane, country="CA"))
    call_command("deliver", "--once")
    assert set(Message.objects.values_list("status", flat=True)) == {State.SENT}
    assert len(server.accepted) == Message.objects.count() > 0


@pytest.mark.both_databases
def test_the_loop_beats_delivers_and_ends_when_it_is_told(cast: Cast, server: MailServer) -> None:
    with ThreadPoolExecutor(1) as pool:
        looping = pool.submit(in_a_thread(deliver.loop))
        try:
            wait_until(last_heartbeat, what="a heartbeat")
            open_request(make_order(cast.north_lane, country="CA"))
            wait_until(lambda: server.mails("dora@buyers.example"), what="the buyer's mail")
        finally:
            services.stopping.set()
        looping.result(2)


def an_upload(cast: Cast) -> FileRun:
    content = returns_file({}).getvalue()
    return receive_file(cast.actor(cast.alice), file=SimpleUploadedFile("returns.tsv", content))


def test_once_reads_what_was_uploaded(cast: Cast, server: MailServer) -> None:
    run = an_upload(cast)
    call_command("deliver", "--once")
    run.refresh_from_db()
    assert run.state == FileState.CHECKED


@pytest.mark.both_databases
def test_files_are_read_beside_the_loop_until_it_is_told_to_end(
    cast: Cast, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, failures = deliver.work_on_a_file, iter([OperationalError("the database is away")])

    def work_on_a_file(*said: Any) -> bool:
        for error in failures:
            raise error
        return usual(*said)

    monkeypatch.setattr(deliver, "work_on_a_file", work_on_a_file)
    run = an_upload(cast)
    with ThreadPoolExecutor(1) as pool:
        looping = pool.submit(in_a_thread(partial(deliver.work_beside, deliver.work_on_files)))
        try:
            wait_until(
                lambda: FileRun.objects.filter(state=FileState.CHECKED).exists(), what="a checked file"
            )
            actor = cast.actor(cast.alice)
            commit_file(actor, reference=run.reference)
            wait_until(lambda: FileRun.objects.filter(state=FileState.DONE).exists(), what="an imported file")
        finally:
            services.stopping.set()
        looping.result(5)


def test_a_round_that_fails_does_not_end_the_loop(
    cast: Cast, server: MailServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failures = iter([OperationalError("the database is away"), KeyError("x")])
    usual = deliver.run_due_jobs

    def run_due_jobs() -> Any:
        error = next(failures, None)
        if error is not None:
            raise error
        return usual()

    pauses: list[float] = []

    class Stopping(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(timeout or 0)
            return super().wait(0.01)

    monkeypatch.setattr(deliver, "run_due_jobs", run_due_jobs)
    monkeypatch.setattr(services, "stopping", Stopping())
    open_request(make_order(cast.north_lane, country="CA"))
    with ThreadPoolExecutor(1) as pool:
        looping = pool.submit(in_a_thread(deliver.loop))
        try:
            wait_until(lambda: server.accepted, what="a mail")
            wait_until(lambda: len(pauses) > 3, what="more rounds")
        finally:
            services.stopping.set()
        looping.result(5)
    assert pauses[:3] == [2, 4, 1]
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [
        OperationalError,
        KeyError,
    ]


def test_both_parts_of_a_round_are_the_celery_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(services, "relay_events", lambda: done.append("relay"))
    monkeypatch.setattr(services, "deliver_messages", lambda: done.append("deliver"))
    tasks.relay_events.apply(throw=True)
    tasks.deliver_messages.apply(throw=True)
    assert done == ["relay", "deliver"]
