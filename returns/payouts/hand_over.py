"""The shop's own system pays: each pay-out is POSTed to it, signed (docs/payouts.md has the formats)."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

from django.conf import settings

from . import Answer, Said, told_in
from .signing import headers_for

# For each step of the connection, and for all of them together: an answer that trickles in ends, too.
STEP_SECONDS = 5
WHOLE_SECONDS = 10
LONGEST_ANSWER = 64 * 1024
# Answers of the 4xx kind that are about now, not about this pay-out.
_LATER = frozenset({408, 425, 429})


class Backend:
    pays_by_itself = True

    def pay(self, reference: str, body: bytes) -> Answer:
        url = urlsplit(settings.PAYOUT_URL)
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": reference,
            "User-Agent": "returns-portal",
            **headers_for(body, settings.PAYOUT_SECRET),
        }
        path = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
        with closing(_connection(url.scheme, url.hostname or "", url.port)) as connection:
            try:
                connection.connect()
                with _patience(connection.sock):
                    connection.request("POST", path, body, headers)
                    return _answer_of(connection.getresponse())
            except (OSError, HTTPException) as error:
                return Answer(Said.NO_ANSWER, type(error).__name__)


def _connection(scheme: str, host: str, port: int | None) -> HTTPConnection:
    """Straight to the shop: no proxy of the environment, and nothing that follows a redirect."""
    if scheme == "https":
        return HTTPSConnection(host, port, timeout=STEP_SECONDS, context=ssl.create_default_context())
    return HTTPConnection(host, port, timeout=STEP_SECONDS)


@contextmanager
def _patience(peer: socket.socket) -> Iterator[None]:
    """Hangs up on `peer`, and raises TimeoutError, when its answer takes too long as a whole, however alive each of
    its bytes is: what came until then may look like an answer, and is none."""
    is_over = threading.Event()

    def hang_up() -> None:
        is_over.set()
        with suppress(OSError):  # it may have ended just now
            peer.shutdown(socket.SHUT_RDWR)

    watch = threading.Timer(WHOLE_SECONDS, hang_up)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()
    if is_over.is_set():
        raise TimeoutError


def _answer_of(response: HTTPResponse) -> Answer:
    """2xx took it, and may say that it is paid; 4xx refuses it; all else, redirects too, is no answer."""
    content = response.read(LONGEST_ANSWER)
    told = told_in(content)
    words = told.get("reason")
    words = words if isinstance(words, str) else ""
    if 200 <= response.status < 300:
        is_paid = told.get("status") == "confirmed"
        return Answer(Said.CONFIRMED if is_paid else Said.ACCEPTED)
    if 400 <= response.status < 500 and response.status not in _LATER:
        return Answer(Said.REFUSED, words or f"HTTP {response.status}")
    return Answer(Said.NO_ANSWER, words or f"HTTP {response.status}")
