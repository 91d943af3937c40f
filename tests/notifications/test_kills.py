"""Senders that are killed: nothing is lost, and a mail comes twice only where nobody can know better."""

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import Sum

from notifications import services
from notifications.models import Message, State
from tests.factories import Cast
from tests.notifications.mail_server import MailServer
from tests.notifications.test_delivery import a_closed_request, closings, let_leases_end, only
from tests.services import wait_until

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db(transaction=True)]

SENDER = str(Path(__file__).with_name("dying_sender.py"))


def start_sender(server: MailServer, folder: Path, step: str) -> subprocess.Popen[bytes]:
    """A sender in a process of its own, on this test's database."""
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
    return subprocess.Popen([sys.executable, SENDER, step], env=environment, cwd=settings.BASE_DIR)


def run_sender(server: MailServer, folder: Path, step: str) -> int:
    """The exit code of a sender that ends by itself."""
    return start_sender(server, folder, step).wait(60)


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


@pytest.mark.long
def test_whenever_senders_are_killed_nothing_is_lost_and_little_comes_twice(
    cast: Cast, server: MailServer, tmp_path: Path
) -> None:
    messages = closings(cast, 60)
    chance = Random(connection.vendor)  # noqa: S311 -- no secret
    for _kill in range(12):
        sender = start_sender(server, tmp_path, "forever")
        target = len(server.seen) + chance.randint(1, 20)
        wait_until(lambda target=target: len(server.seen) >= target, 30, "the sender speaks")
        sender.kill()
        sender.wait(10)
    for _round in range(3):
        let_leases_end()
        services.deliver_messages()
    assert set(Message.objects.values_list("status", flat=True)) == {State.SENT}
    arrived = Counter(mail["Message-ID"] for mail in server.mails())
    assert arrived.keys() == {message.message_id for message in messages}
    twice = sum(arrived.values()) - len(arrived)
    doubtful = Message.objects.aggregate(sum=Sum("doubtful"))["sum"]
    assert twice <= doubtful <= 12
    assert len(set(server.accepted)) == len(messages)
