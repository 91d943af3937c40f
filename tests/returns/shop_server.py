"""A shop's own system for tests, over HTTP: it pays each reference once, and lies where it is told to."""

import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from returns.payouts.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, is_signed

SECRET = "a secret that the shop and the portal share"

# What it does instead of answering, once the whole request is read.
HANG, HANG_UP, TRICKLE = "hang", "hang up", "trickle"


class ShopServer:
    """`script` holds answers, each given once, before the usual one: 202, to be confirmed later.

    An answer is a status, a status with what it says, or `HANG`, `HANG_UP`, `TRICKLE`. `asked` keeps what was asked
    for, signed or not; `paid` counts by reference what a shop that heeds it has paid: once.
    """

    def __init__(self) -> None:
        self.script: deque[Any] = deque()
        self.asked: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        self.keys: list[str] = []
        self.unsigned = 0
        self.paid: dict[str, int] = {}
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/payouts?shop=1"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def take(self, body: bytes, headers: Any) -> None:
        told, key = json.loads(body), headers["Idempotency-Key"]
        if not is_signed(body, headers[TIMESTAMP_HEADER], headers[SIGNATURE_HEADER], SECRET):
            self.unsigned += 1
        self.asked.append(told)
        self.bodies.append(body)
        self.keys.append(key)
        self.paid.setdefault(key, told["amount_minor"])


def _handler_of(shop: ShopServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            shop.take(self.rfile.read(int(self.headers["Content-Length"])), self.headers)
            answer = shop.script.popleft() if shop.script else 202
            self.close_connection = True
            if answer == HANG:
                shop.closing.wait(30)
            elif answer == TRICKLE:
                self._trickle()
            elif answer != HANG_UP:
                status, said = answer if isinstance(answer, tuple) else (answer, {})
                self._say(status, json.dumps(said).encode())

        def _say(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _trickle(self) -> None:
            self.wfile.write(b"HTTP/1.0 200 OK\r\nX-Patience: ")
            try:
                while not shop.closing.wait(0.05):
                    self.wfile.write(b"x")
            except OSError:
                pass  # the other side has lost its patience

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    return Handler
