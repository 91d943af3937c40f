"""The delivery loop that needs no broker: runs the Celery tasks in this process, every second."""

import logging
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import close_old_connections, connections

from notifications import services, tasks
from returns.services.imports import work_on_a_file
from returns.services.jobs import beat, run_due_jobs
from returns.services.payout_delivery import send_payouts

logger = logging.getLogger(__name__)

BEAT_SECONDS = 3
LONGEST_PAUSE = 30
PATIENCE_SECONDS = 5


class Command(BaseCommand):
    help = (
        "Run due jobs, read uploaded files, hand over refunds, relay events and send messages, every second; "
        "needs no broker."
    )
    # They would load every page; `manage.py check` runs them where somebody reads what they say.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="do what is due now, then end")

    def handle(self, *args: Any, once: bool, **options: Any) -> None:
        if once:
            run_due_jobs()
            tasks.relay_events.apply(throw=True)
            while work_on_a_file():
                pass
            while send_payouts():
                pass
            while services.deliver_messages():
                pass
            return
        if threading.current_thread() is threading.main_thread():
            for name in (signal.SIGTERM, signal.SIGINT):
                signal.signal(name, lambda *_: services.stopping.set())
        # A long file, or a shop that is slow to answer, must not hold up a mail. What does not end in time, the next
        # worker goes on with.
        beside = [
            threading.Thread(target=work_beside, args=(work,), name=work.__name__, daemon=True)
            for work in (work_on_files, send_payouts)
        ]
        for thread in beside:
            thread.start()
        loop()
        end = time.monotonic() + PATIENCE_SECONDS
        for thread in beside:
            thread.join(max(end - time.monotonic(), 0))


def work_on_files(is_stopping: Callable[[], bool]) -> bool:
    return work_on_a_file(is_stopping)


def work_beside(work: Callable[[Callable[[], bool]], bool]) -> None:
    """Do `work`, again at once while it says that there is more, until `services.stopping` is set."""
    while not services.stopping.is_set():
        try:
            close_old_connections()
            if work(services.stopping.is_set):
                continue
        except Exception:
            logger.exception("%s failed", work.__name__)
            connections.close_all()
        services.stopping.wait(1)
    connections.close_all()


def loop() -> None:
    """Go round until `services.stopping` is set. What fails is logged, and the next round waits longer."""
    pause, beaten_at = 1.0, -float(BEAT_SECONDS)
    while not services.stopping.is_set():
        try:
            close_old_connections()
            if time.monotonic() - beaten_at >= BEAT_SECONDS:
                beat("deliver")
                beaten_at = time.monotonic()
            run_due_jobs()
            tasks.relay_events.apply(throw=True)
            tasks.deliver_messages.apply(throw=True)
            pause = 1.0
        except Exception:
            logger.exception("a round of the delivery loop failed")
            # A connection that failed half way must not be used again.
            connections.close_all()
            pause = min(pause * 2, LONGEST_PAUSE)
        services.stopping.wait(pause)
    connections.close_all()
