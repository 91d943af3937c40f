"""What `./run` ends in: keeps the web server and the delivery loop alive, and leaves nothing behind.

The supervisor uses the standard library only, so that it costs little memory and can hardly break. It holds

- the data directory's lock: one supervisor per directory;
- the listening socket, which each web server inherits: while one dies and the next starts, browsers wait in
  the socket's queue instead of being refused, and nobody else can take the port;
- one end of a pipe per child, its lifeline. Nothing is ever written to it. When the supervisor is gone, in
  whatever way, or has given the child up, reading meets end of file and what is left of it ends itself.

Each child leads a session of its own: Ctrl-C reaches the supervisor alone, which then asks them to end.
"""

import argparse
import contextlib
import errno
import fcntl
import hashlib
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import IO, NoReturn
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
REFUSED = 4  # a child's exit code when a setting is wrong (settings.py): starting it again would not help
SECONDS_TO_END = 8
SECONDS_BETWEEN_STARTS = 1
RESTARTS_IN_A_MINUTE = 5
LOG_BYTES = 10_000_000

SIGN_INS = """\
Sellers of North Lane   alice@demo.test (owner), ben@demo.test (agent), vera@demo.test (viewer)
Seller of South Pier    carol@demo.test
Admin                   root@demo.test
Password of each        returns-demo
"""


class Stopped(Exception):
    """The supervisor cannot go on; the message is one sentence for the terminal."""

    def __init__(self, sentence: str, code: int = 1) -> None:
        super().__init__(sentence)
        self.code = code


# --- Inside a child


def follow(lifeline: int) -> None:
    """End this process group when `lifeline` meets end of file: asked at first, then killed."""
    while os.read(lifeline, 1):
        pass
    os.killpg(os.getpgrp(), signal.SIGTERM)
    time.sleep(SECONDS_TO_END)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def follow_in_background(lifeline: int) -> None:
    threading.Thread(target=follow, args=(lifeline,), name="lifeline", daemon=True).start()


def serve(lifeline: int, listener: int) -> None:
    """Be gunicorn: one process that answers, with threads, and its arbiter.

    The worker follows the lifeline, not the arbiter: a process with threads should not fork. An arbiter that
    has no worker starts one.
    """
    from gunicorn.app.base import BaseApplication  # noqa: PLC0415

    class Web(BaseApplication):
        def load_config(self) -> None:
            given = {
                "bind": f"fd://{listener}",
                "workers": 1,
                "worker_class": "gthread",
                "threads": 8,
                "timeout": 60,
                "graceful_timeout": SECONDS_TO_END - 3,
                "control_socket_disable": True,
                # Who is trusted to forward is TRUSTED_PROXIES' business.
                "forwarded_allow_ips": "",
                "loglevel": "warning",
                "post_fork": lambda arbiter, worker: follow_in_background(lifeline),
            }
            for name, value in given.items():
                self.cfg.set(name, value)

        def load(self) -> object:
            from returns_portal.wsgi import application  # noqa: PLC0415

            return application

    Web().run()


def be_child(role: str, lifeline: int, listener: int) -> None:
    """What a child does, by its role; gives the process's exit to whoever ends it."""
    if role == "web":
        serve(lifeline, listener)
        return
    follow_in_background(lifeline)
    if role == "prepare":
        from returns_portal.prepare import prepare  # noqa: PLC0415

        prepare()
    else:
        from django.core.management import execute_from_command_line  # noqa: PLC0415

        execute_from_command_line(["manage.py", role])


# --- In the supervisor


class Child:
    """One of the supervisor's processes: how it is started, watched and ended."""

    def __init__(self, role: str, environment: dict[str, str], log: Path | None, listener: int = -1) -> None:
        self.role = role
        self.environment = environment
        self.log = log
        self.listener = listener
        self.starts: deque[float] = deque(maxlen=RESTARTS_IN_A_MINUTE + 1)
        self.begins_at = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.lifeline = -1

    def start(self) -> None:
        their_end, self.lifeline = os.pipe()
        given = [their_end] if self.listener < 0 else [their_end, self.listener]
        command = [sys.executable, "-m", "returns_portal.run", "--child", self.role]
        command += ["--lifeline", str(their_end), "--listener", str(self.listener)]
        output: IO[bytes] | None = None
        if self.log:
            self.trim()
            output = self.log.open("ab")
            self.begins_at = output.tell()
        self.starts.append(time.monotonic())
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=given,
            start_new_session=True,
        )
        os.close(their_end)
        if output:
            output.close()

    def trim(self) -> None:
        """Keep the log below LOG_BYTES and one older part beside it. Children append: they follow a cut."""
        if self.log and self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
            os.truncate(self.log, 0)
            self.begins_at = 0

    def has_ended(self) -> bool:
        """Whether the process is gone; if so, what it left running is told to end, too."""
        if self.process is None or self.process.poll() is None:
            return False
        if self.lifeline >= 0:
            os.close(self.lifeline)
            self.lifeline = -1
        return True

    def first_words(self) -> str:
        """The first line that the process wrote to its log since it started."""
        if self.log is None:
            return ""
        with self.log.open("rb") as file:
            file.seek(self.begins_at)
            return file.readline().decode(errors="replace").strip()

    def why_not_again(self, now: float) -> Stopped | None:
        """Why the process, which has ended, must not be started again; None when it may."""
        assert self.process is not None
        code = self.process.returncode
        if code == REFUSED:
            return Stopped(self.first_words(), REFUSED)
        if len(self.starts) > RESTARTS_IN_A_MINUTE and now - self.starts[0] < 60:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            return Stopped(
                f"Stopped: {self.role} ended {len(self.starts)} times within a minute, last with {how}; "
                f"its log is {self.log}."
            )
        return None

    def send(self, how: signal.Signals) -> None:
        """Send `how`: SIGKILL to all that the process has started, anything else to the process itself."""
        if self.process is None or self.process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            if how == signal.SIGKILL:
                os.killpg(self.process.pid, how)
            else:
                self.process.send_signal(how)


class Supervisor:
    """Starts children, starts them again when they die, ends them when it is told to end."""

    def __init__(self, children: list[Child]) -> None:
        self.children = children
        self.asked_to_end = 0
        self.alarm, wake = os.pipe()
        os.set_blocking(self.alarm, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        # A signal's number arrives at the pipe only if Python handles the signal.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.ask_to_end)

    def ask_to_end(self, *_: object) -> None:
        self.asked_to_end += 1

    def sleep(self, seconds: float) -> None:
        """Wait for a signal, `seconds` at most."""
        select.select([self.alarm], [], [], max(seconds, 0))
        with contextlib.suppress(BlockingIOError):
            os.read(self.alarm, 512)

    def keep_alive(self) -> None:
        """Return when asked to end. Raises Stopped when a child cannot be kept alive."""
        for child in self.children:
            child.start()
        while not self.asked_to_end:
            now = time.monotonic()
            pause = 60.0
            for child in self.children:
                if child.has_ended():
                    if reason := child.why_not_again(now):
                        raise reason
                    due = child.starts[-1] + SECONDS_BETWEEN_STARTS
                    if now >= due:
                        child.start()
                    else:
                        pause = min(pause, due - now)
                child.trim()
            self.sleep(pause)

    def end(self) -> None:
        """End all children: asked first, killed after SECONDS_TO_END or when asked to end once more."""
        asked_before = self.asked_to_end
        deadline = time.monotonic() + SECONDS_TO_END
        for child in self.children:
            child.send(signal.SIGTERM)
        while not all(child.process is None or child.has_ended() for child in self.children):
            if time.monotonic() >= deadline or self.asked_to_end > asked_before:
                for child in self.children:
                    child.send(signal.SIGKILL)
            self.sleep(min(deadline - time.monotonic(), 0.5) if time.monotonic() < deadline else 0.1)


def lock(data: Path) -> IO[str]:
    """The lock of the data directory, held as long as the file given stays open."""
    file = (data / "run.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise Stopped(f"Another ./run works with {data}: stop it, or choose another with --data.") from None
    return file


def reserve(port: int) -> socket.socket:
    """A socket bound to 127.0.0.1:`port`, not yet listening."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OverflowError:
        raise Stopped(f"--port {port} is no port: it must be between 1 and 65535.") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Stopped(
                f"Port {port} is in use: end what listens there, or choose another with --port."
            ) from None
        raise Stopped(f"Port {port} cannot be used: {error.strerror}.") from None
    return listener


def stamp_of(environment: dict[str, str]) -> str:
    """A digest of all that preparing depends on: packages, settings, migrations, static files, the demo."""
    digest = hashlib.sha256()
    for name in ("DATABASE_URL", "DEMO"):
        digest.update(f"{name}={environment.get(name, '')}\n".encode())
    parts = ["requirements.txt", "returns_portal/*.py", "*/migrations/*.py", "static/**/*"]
    for path in sorted(path for part in parts for path in ROOT.glob(part)):
        if path.is_file():
            digest.update(f"{path.relative_to(ROOT)} {path.stat().st_size}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def prepare_when_needed(supervisor: Supervisor, data: Path, environment: dict[str, str]) -> None:
    """Migrate, collect and fill, unless the stamp in `data` says that just this has been done there."""
    stamp, mark = stamp_of(environment), data / "stamp"
    made = [data / "static"] if environment.get("DATABASE_URL") else [data / "static", data / "db.sqlite3"]
    if mark.exists() and mark.read_text() == stamp and all(path.exists() for path in made):
        return
    child = Child("prepare", environment, log=None)
    supervisor.children = [child]
    child.start()
    while not child.has_ended() and not supervisor.asked_to_end:
        supervisor.sleep(60)
    supervisor.end()
    assert child.process is not None
    if supervisor.asked_to_end:
        raise Stopped("Stopped before all was prepared.")
    if child.process.returncode:
        raise Stopped("Nothing was started: preparing failed.", child.process.returncode)
    draft = mark.with_suffix(".new")
    draft.write_text(stamp)
    draft.replace(mark)


def announce(port: int, host: str, data: Path) -> None:
    """Say where the portal is, once it answers; asking waits in the listening socket's queue until then."""
    question = f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    answer = b""
    while not answer:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(question)
            answer = connection.recv(1)
        time.sleep(0.02)
    print(f"\nhttp://localhost:{port}/\n")
    demo = data / "demo.txt"
    if demo.exists():
        print(f"{SIGN_INS}{demo.read_text()}")
    print("Ctrl-C stops it.", flush=True)


def supervise(port: int, data: Path, demo: bool) -> None:
    """Run the portal on 127.0.0.1:`port` with all its state in `data` until asked to end."""
    environment = os.environ | {"DATA_DIR": str(data), "DEMO": "1" if demo else "0"}
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        (data / "logs").mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Stopped(f"The directory {data} cannot be made: {error.strerror}.") from None
    with lock(data), reserve(port) as listener:
        port = listener.getsockname()[1]
        environment.setdefault("SITE_URL", f"http://localhost:{port}")
        supervisor = Supervisor([])
        try:
            prepare_when_needed(supervisor, data, environment)
            listener.listen(512)
            supervisor.children = [
                Child("web", environment, data / "logs" / "web.log", listener.fileno()),
                Child("deliver", environment, data / "logs" / "deliver.log"),
            ]
            host = urlsplit(environment["SITE_URL"]).netloc
            threading.Thread(target=announce, args=(port, host, data), daemon=True).start()
            supervisor.keep_alive()
        finally:
            supervisor.end()


def main() -> NoReturn:
    parser = argparse.ArgumentParser(prog="./run", description="Run the returns desk on this machine.")
    parser.add_argument("--port", type=int, default=8000, help="port on 127.0.0.1 (default: 8000; 0: any)")
    parser.add_argument("--data", default="", help="directory of all state (default: var)")
    parser.add_argument("--no-demo", action="store_true", help="no demo data, no known passwords")
    for name in ("--child", "--relative-to"):
        parser.add_argument(name, default="", help=argparse.SUPPRESS)
    for name in ("--lifeline", "--listener"):
        parser.add_argument(name, type=int, default=-1, help=argparse.SUPPRESS)
    given = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "returns_portal.settings")
    if given.child:
        be_child(given.child, given.lifeline, given.listener)
        sys.exit()
    data = given.data or os.environ.get("DATA_DIR") or str(ROOT / "var")
    try:
        supervise(given.port, Path(given.relative_to, data).absolute(), not given.no_demo)
    except Stopped as stopped:
        print(stopped, file=sys.stderr, flush=True)
        sys.exit(stopped.code)
    sys.exit()


if __name__ == "__main__":
    main()
