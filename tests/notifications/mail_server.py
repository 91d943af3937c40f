"""A small SMTP server for tests that answers, hangs or hangs up where it is told to."""

import socket
import threading
from collections import defaultdict
from email.message import EmailMessage
from itertools import count

from notifications.mailbox import parse

HANG, HANG_UP = "hang", "hang up"
STEPS = ("banner", "EHLO", "MAIL", "RCPT", "DATA", "dot")


class MailServer:
    """Keeps what it accepts. `script[step]` is a list of answers, each given once, before the usual ones.

    A step is the banner, a command, or the dot that ends a mail; for one address alone it is
    "RCPT <address>" or "dot <address>". An answer is a reply line, `HANG` (no answer while the test lasts) or
    `HANG_UP` (the connection is closed instead of an answer).
    """

    def __init__(self, port: int = 0) -> None:
        self.script: defaultdict[str, list[str]] = defaultdict(list)
        self.accepted: list[bytes] = []
        self.seen: list[str] = []
        self.connections = 0
        self._ids = count(1)
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._closing = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def mails(self, recipient: str = "") -> list[EmailMessage]:
        found = [parse(content) for content in self.accepted]
        return [mail for mail in found if not recipient or mail["To"] == recipient]

    def close(self) -> None:
        """From now on connections are refused."""
        if self._closing.is_set():
            return
        self._closing.set()
        # Closing alone would leave accept() waiting, and with it the socket alive.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in list(self._open):
            peer.close()

    def _serve(self) -> None:
        while True:
            try:
                peer, _address = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.add(peer)
            threading.Thread(target=self._talk, args=(peer,), daemon=True).start()

    def _talk(self, peer: socket.socket) -> None:
        try:
            with peer, peer.makefile("rb") as lines:
                self._converse(peer, lines)
        except (OSError, ConnectionError):
            pass
        finally:
            self._open.discard(peer)

    def _converse(self, peer: socket.socket, lines: object) -> None:
        recipient = ""
        if not self._answer(peer, "220 ready", "banner"):
            return
        for raw in lines:
            command = raw.decode("ascii").strip()
            verb = command.split(" ")[0].upper()
            self.seen.append(verb)
            if verb == "QUIT":
                peer.sendall(b"221 bye\r\n")
                return
            if verb == "RCPT":
                recipient = command.split("<")[1].split(">")[0]
            usual = "354 go on" if verb == "DATA" else "250 ok"
            reply = self._answer(peer, usual, f"{verb} {recipient}", verb)
            if reply is None:
                return
            if reply.startswith("354"):
                content = b""
                while (line := next(lines, b"")) != b".\r\n":
                    if not line:
                        return
                    content += line[1:] if line.startswith(b".") else line
                reply = self._answer(peer, "250 kept", f"dot {recipient}", "dot", before=content)
                if reply is None:
                    return

    def _answer(
        self, peer: socket.socket, usual: str, *steps: str, before: bytes | None = None
    ) -> str | None:
        """Give the scripted or the usual answer to the step; None when the conversation is over."""
        reply = next((self.script[step].pop(0) for step in steps if self.script[step]), usual)
        if reply == HANG:
            self._closing.wait(30)
            return None
        if before is not None and (reply.startswith("250") or reply == HANG_UP):
            # One that takes the mail and hangs up before it says so has taken it.
            self.accepted.append(before)
        if reply == HANG_UP:
            return None
        peer.sendall(f"{reply}\r\n".encode())
        return None if reply.startswith(("421", "554 no")) else reply
