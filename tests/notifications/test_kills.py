"""Senders that are killed: nothing is lost, and a mail comes twice only where nobody can know better."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from notifications import services
from notifications.models import Message, State
from tests.factories import Cast
from tests.notifications.mail_server import MailServer
from tests.notifications.test_delivery import a_closed_request, let_leases_end, only

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db(transaction=True)]

SENDER = str(Path(__file__).with_name("dying_sender.py"))


def run_sender(server: MailServer, folder: Path, step: str) -> int:
    """A sender in a process of its own, on this test's database; answers its exit code."""
    given = connection.settings_dict
    address = f"sqlite:///{given['NAME']}"
    if connection.vendor == "postgresql":
        address = f"postgres://{given['USER']}@{given['HOST']}:{given['PORT']}/{given['NAME']}"
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "returns_portal.settings",
        "DATA_DIR": str(folder),
        "DATABASE_URL": address,
        "SECRET_KEY": settings.SECRET_KEY,
        "EMAIL_URL": f"smtp://127.0.0.1:{server.port}",
        "DEFAULT_FROM_EMAIL": settings.DEFAULT_FROM_EMAIL,
        "PYTHONPATH": str(settings.BASE_DIR),
    }
    done = subprocess.run(
        [sys.executable, SENDER, step], env=environment, cwd=settings.BASE_DIR, timeout=60, check=False
    )
    return done.returncode


@pytest.mark.parametrize("step", ["before_mail", "after_rcpt", "after_payload"])
def test_killed_before_the_dot_it_is_sent_again_without_doubt(
    cast: Cast, server: MailServer, tmp_path: Path, step: str
) -> None:
    a_closed_request(cast)
    assert run_sender(server, tmp_path, step) == -signal.SIGKILL
    assert server.accepted == []
    assert only().status == State.SENDING
    let_leases_end()
    services.deliver_messages()
    message = only()
    assert (message.status, message.crashes, message.doubtful) == (State.SENT, 1, 0)
    assert len(server.accepted) == 1


def test_killed_before_it_could_write_down_the_yes_it_is_sent_again_alike_and_counted(
    cast: Cast, server: MailServer, tmp_path: Path
) -> None:
    a_closed_request(cast)
    assert run_sender(server, tmp_path, "after_acceptance") == -signal.SIGKILL
    let_leases_end()
    services.deliver_messages()
    message = only()
    assert (message.status, message.crashes, message.doubtful) == (State.SENT, 1, 1)
    first, second = server.accepted
    assert first == second


def test_a_row_that_kills_its_sender_is_parked_and_takes_no_other_along(
    cast: Cast, server: MailServer, tmp_path: Path
) -> None:
    a_closed_request(cast, "a@buyers.example")
    a_closed_request(cast, "b@buyers.example", comments="poison, and long enough for a comment")
    a_closed_request(cast, "c@buyers.example")
    for _death in range(3):
        assert run_sender(server, tmp_path, "none") == -signal.SIGKILL
        let_leases_end()
    services.deliver_messages()
    assert list(Message.objects.order_by("pk").values_list("status", flat=True)) == [
        State.SENT,
        State.PARKED,
        State.SENT,
    ]
    assert sorted(mail["To"] for mail in server.mails()) == ["a@buyers.example", "c@buyers.example"]
