"""The real things the portal runs with, started for a test and ended by their process id."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import psycopg2
import redis
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

Answer = TypeVar("Answer")


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(question: Callable[[], Answer], seconds: float = 20, what: str = "") -> Answer:
    """Ask `question` until it has a true answer, and give that. AssertionError after `seconds`."""
    end = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < end, f"not within {seconds} s: {what or question}"
        time.sleep(0.05)
    return answer


def find_program(name: str, *folders: str) -> str | None:
    """Where the program `name` lies: on the PATH or in the newest of `folders` (globs) that has it."""
    found = [str(path) for folder in folders for path in Path("/").glob(f"{folder.lstrip('/')}/{name}")]
    return shutil.which(name) or max(found, default=None)


class Program:
    """A process in a session of its own, its output in a file. Leaving the `with` ends the whole session."""

    def __init__(
        self, command: list[str], log: Path, *, user: str | None = None, patience: float = 10, **options: Any
    ) -> None:
        self.log = log
        self.patience = patience
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=[] if user else None,
                **options,
            )
        self.pid = self.process.pid

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send `how`; after `patience` seconds kill the whole session. Gives the exit code."""
        if self.is_running:
            self.process.send_signal(how)
        try:
            return self.process.wait(self.patience)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            return self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


class PostgreSQL:
    """A cluster in a directory of its own, reached over TCP on 127.0.0.1. It refuses to run as root."""

    # fsync is off: only the machine's own crash would need it.
    SETTINGS = {"fsync": "off", "max_connections": "120", "shared_buffers": "64MB"}

    def __init__(self) -> None:
        server, initdb = (find_program(name, "/usr/lib/postgresql/*/bin") for name in ("postgres", "initdb"))
        if server is None or initdb is None:
            raise FileNotFoundError("postgresql")
        self.server = server
        self.user = "postgres" if os.geteuid() == 0 else None
        self.port = free_port()
        # Not under TMPDIR: the path of a socket has little room, and user postgres must be let in.
        self.folder = Path(tempfile.mkdtemp(prefix="returns-pg-", dir="/tmp"))
        if self.user:
            shutil.chown(self.folder, self.user, self.user)
        self.data = self.folder / "data"
        options = ["--auth=trust", "--username=returns", "--encoding=UTF8", "--locale=C", "--no-sync"]
        subprocess.run(
            [initdb, *options, "-D", str(self.data)],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            user=self.user,
            group=self.user,
        )
        self.start()

    def start(self) -> None:
        """Start the server on its data."""
        given = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            **self.SETTINGS,
        }
        command = [self.server, "-D", str(self.data)]
        for name, value in given.items():
            command += ["-c", f"{name}={value}"]
        self.program = Program(command, self.folder / "log", user=self.user, cwd=self.folder)
        wait_until(self.answers, what="PostgreSQL answers")

    def answers(self) -> bool:
        assert self.program.is_running, self.program.output()
        try:
            psycopg2.connect(self.url("postgres")).close()
        except psycopg2.OperationalError:
            return False
        return True

    def url(self, database: str) -> str:
        return f"postgres://returns@127.0.0.1:{self.port}/{database}"

    def create(self, database: str) -> str:
        """Make `database` anew and empty, and give its address as for DATABASE_URL."""
        connection = psycopg2.connect(self.url("postgres"))
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
            cursor.execute(f'CREATE DATABASE "{database}"')
        connection.close()
        return self.url(database)

    def restart_at_once(self) -> None:
        """What `pg_ctl restart -m immediate` does: every connection breaks, recovery follows."""
        self.program.end(signal.SIGQUIT)
        self.start()

    def close(self) -> None:
        self.program.end(signal.SIGINT)
        shutil.rmtree(self.folder, ignore_errors=True)


class Redis:
    """A Redis for a broker: append-only file, no eviction. It can be stopped, started, frozen and thawed."""

    def __init__(self) -> None:
        server = find_program("redis-server", "/usr/local/bin", "/opt/homebrew/bin")
        if server is None:
            raise FileNotFoundError("redis-server")
        self.server = server
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.folder = Path(tempfile.mkdtemp(prefix="returns-redis-"))
        self.start()

    def start(self) -> None:
        self.program = Program(
            [
                *(self.server, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)),
                *("--save", "", "--appendonly", "yes", "--maxmemory-policy", "noeviction"),
            ],
            self.folder / "log",
        )
        wait_until(self.answers, what="Redis answers")

    def answers(self) -> bool:
        assert self.program.is_running, self.program.output()
        try:
            with redis.Redis(port=self.port, socket_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def stop(self) -> None:
        """Kill it: connections are refused from now on."""
        self.program.end(signal.SIGKILL)

    def freeze(self) -> None:
        """Connections are accepted by the kernel and nobody answers."""
        os.kill(self.program.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.program.pid, signal.SIGCONT)

    def flush(self) -> None:
        with redis.Redis(port=self.port) as client:
            client.flushall()

    def close(self) -> None:
        if self.program.is_running:
            self.thaw()
        self.program.end()
        shutil.rmtree(self.folder, ignore_errors=True)


class Sink:
    """An SMTP server that keeps what it is given.

    `answers` maps a recipient to the reply it gets at RCPT instead of 250, such as "550 5.1.1 Unknown".
    """

    def __init__(self) -> None:
        self.received: list[tuple[list[str], bytes]] = []
        self.answers: dict[str, str] = {}
        self.port = free_port()
        self.url = f"smtp://127.0.0.1:{self.port}"
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self.controller.start()

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address not in self.answers:
            envelope.rcpt_tos.append(address)
        return self.answers.get(address, "250 OK")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.received.append((list(envelope.rcpt_tos), envelope.content))
        return "250 Kept"

    def messages(self, recipient: str = "") -> list[EmailMessage]:
        """What arrived, oldest first; with `recipient`, what arrived for that address."""
        return [
            message_from_bytes(content, policy=modern)  # type: ignore[arg-type]
            for recipients, content in self.received
            if not recipient or recipient in recipients
        ]

    def clear(self) -> None:
        self.received.clear()
        self.answers.clear()

    def close(self) -> None:
        self.controller.stop()


def answers_at(address: str) -> bool:
    """Whether somebody accepts connections at the host and port of `address`."""
    parts = urlsplit(address)
    try:
        socket.create_connection((parts.hostname, parts.port), 1).close()
    except OSError:
        return False
    return True
