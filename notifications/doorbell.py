"""The broker is a doorbell: it hurries what is due, and whoever rings never waits for it."""

import logging
import threading
import time
from concurrent.futures import Future

from celery import current_app
from django.conf import settings

logger = logging.getLogger(__name__)

# A broker that is frozen holds up one click by this much, and none for a while after it.
PATIENCE_SECONDS = 0.4
BREAKER_SECONDS = 30

_quiet_until = 0.0


def ring(task: str) -> bool:
    """Ask a worker to run `task`. Answers whether the broker took it; without one, no.

    The socket's own time limits hold for each step, not for their sum, so the publishing runs beside us and
    is left behind when it takes too long.
    """
    global _quiet_until  # noqa: PLW0603 -- the breaker of this process
    if not settings.CELERY_BROKER_URL or time.monotonic() < _quiet_until:
        return False
    attempt = Future[None]()
    threading.Thread(target=_publish, args=(task, attempt), name="doorbell", daemon=True).start()
    try:
        attempt.result(PATIENCE_SECONDS)
    except Exception as error:
        # Whatever it is, the bell did not ring.
        _quiet_until = time.monotonic() + BREAKER_SECONDS
        logger.warning(
            "the broker did not take a ring (%s); the loop or beat finds what is due", type(error).__name__
        )
        return False
    return True


def _publish(task: str, attempt: Future[None]) -> None:
    try:
        current_app.send_task(task, retry=False)
    except Exception as error:
        attempt.set_exception(error)
    else:
        attempt.set_result(None)
