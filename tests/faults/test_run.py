"""What ./run ends in: whatever dies, the service comes back or nothing is left behind."""

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from returns_portal.run import RESTARTS_IN_A_MINUTE, ROOT
from tests.services import Program, free_port, wait_until

Start = Callable[..., "Desk"]


def processes() -> dict[int, tuple[int, str]]:
    """Parent and command line of every process that lives, by process id."""
    command = ["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args="]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = (line.split(None, 3) for line in listed.splitlines())
    return {int(pid): (int(parent), line) for pid, parent, state, line in rows if state[0] != "Z"}


def gone(pids: set[int]) -> bool:
    return not pids & processes().keys()


class Desk(Program):
    """A supervisor with its children, working in a data directory of a test."""

    def __init__(self, data: Path, *arguments: str, **variables: str) -> None:
        self.data = data
        super().__init__(
            [sys.executable, "-m", "returns_portal.run", "--port", "0", "--data", str(data), *arguments],
            data.with_name(f"said-{len(list(data.parent.glob('said-*')))}"),
            patience=15,
            cwd=ROOT,
            env={"PATH": os.environ["PATH"]} | variables,
        )

    def wait_until_announced(self) -> None:
        wait_until(lambda: "Ctrl-C" in self.output() or not self.is_running, 60, "the desk is announced")
        assert self.is_running, self.output()
        found = re.search(r"^http://localhost:(\d+)/$", self.output(), re.MULTILINE)
        assert found, self.output()
        self.port = int(found[1])

    def manage(self, *arguments: str) -> str:
        """What `manage.py` says that works in the same data directory, and ends well."""
        variables = {"PATH": os.environ["PATH"], "DATA_DIR": str(self.data)}
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=variables, check=True, capture_output=True, text=True
        ).stdout

    def child(self, role: str) -> int:
        """The process id of the child with `role`, as soon as there is one."""

        def found() -> int:
            mine = ((pid, line) for pid, (parent, line) in processes().items() if parent == self.pid)
            return next((pid for pid, line in mine if f"--child {role} " in line), 0)

        return wait_until(found, what=f"a child {role}")

    def worker(self) -> int:
        """The process id of the web server's worker, as soon as there is one."""
        arbiter = self.child("web")
        return wait_until(
            lambda: next((pid for pid, (parent, _) in processes().items() if parent == arbiter), 0),
            what="a worker",
        )

    def family(self) -> set[int]:
        """The supervisor's children and theirs."""
        living = processes()
        children = {pid for pid, (parent, _) in living.items() if parent == self.pid}
        return children | {pid for pid, (parent, _) in living.items() if parent in children}

    def answers(self, seconds: float = 20) -> bool:
        """Whether one request, asked once and never refused, is answered within `seconds`."""
        connection = http.client.HTTPConnection("localhost", self.port, timeout=seconds)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (ConnectionResetError, http.client.RemoteDisconnected):
            return False
        finally:
            connection.close()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory in which everything is prepared, without the demo."""
    data = tmp_path_factory.mktemp("prepared") / "data"
    with Desk(data, "--no-demo") as desk:
        desk.wait_until_announced()
    return data


@pytest.fixture
def start(prepared: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts a desk in a prepared directory, waits until it answers, and ends it after the test."""
    desks = []

    def start_one(*, wait: bool = True, **variables: str) -> Desk:
        data = tmp_path / "data"
        if not data.exists():
            shutil.copytree(prepared, data)
        desk = Desk(data, "--no-demo", **variables)
        desks.append(desk)
        if wait:
            desk.wait_until_announced()
        return desk

    yield start_one
    for desk in desks:
        desk.end()


def test_a_second_start_prepares_nothing_and_answers(start: Start) -> None:
    desk = start()
    assert desk.answers()
    assert "Preparing" not in desk.output()


def test_the_first_start_fills_the_demo_and_names_its_sign_ins(tmp_path: Path) -> None:
    with Desk(tmp_path / "data") as desk:
        desk.wait_until_announced()
        assert "Preparing" in desk.output()
        for address in ("alice@demo.test", "carol@demo.test", "root@demo.test", "dora@demo.test"):
            assert address in desk.output()


@pytest.mark.parametrize("role", ["web", "deliver"])
def test_a_killed_child_comes_back_and_leaves_nothing_of_itself(start: Start, role: str) -> None:
    desk = start()
    before, family = desk.child(role), desk.family()
    others = {desk.child({"web": "deliver", "deliver": "web"}[role])}
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: desk.child(role) != before, what=f"a new {role}")
    wait_until(desk.answers, what="answers again")
    if role == "web":
        wait_until(lambda: gone(family - others), what="the old worker is gone")
    assert others <= processes().keys()


def test_a_killed_worker_comes_back(start: Start) -> None:
    desk = start()
    arbiter = desk.child("web")
    os.kill(desk.worker(), signal.SIGKILL)
    wait_until(desk.answers, what="answers again")
    assert desk.child("web") == arbiter


def test_who_asks_while_the_web_server_is_dead_waits_instead_of_being_refused(start: Start) -> None:
    desk = start()
    both = {desk.child("web"), desk.worker()}
    for pid in both:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: gone(both), what="both are dead")
    assert desk.answers()


def test_nothing_outlives_a_killed_supervisor(start: Start) -> None:
    desk = start()
    family = desk.family()
    assert len(family) == 3
    os.kill(desk.pid, signal.SIGKILL)
    desk.process.wait()
    wait_until(lambda: gone(family), 10, "all children are gone")
    socket.create_server(("127.0.0.1", desk.port)).close()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_end_it_ends_all_within_ten_seconds(start: Start, how: signal.Signals) -> None:
    desk = start()
    family, began = desk.family(), time.monotonic()
    assert desk.end(how) == 0
    assert time.monotonic() - began < 10
    assert gone(family)


def test_a_child_that_does_not_listen_is_killed_in_time(start: Start) -> None:
    desk = start()
    family, began = desk.family(), time.monotonic()
    os.kill(desk.child("deliver"), signal.SIGSTOP)
    assert desk.end(signal.SIGTERM) == 0
    assert time.monotonic() - began < 10
    assert gone(family)


def test_a_child_that_keeps_dying_stops_the_desk_with_the_reason(start: Start) -> None:
    desk = start()
    family, began = desk.family(), time.monotonic()
    for _ in range(RESTARTS_IN_A_MINUTE + 1):
        pid = desk.child("deliver")
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda pid=pid: gone({pid}))
    assert desk.process.wait(15) == 1
    assert time.monotonic() - began > RESTARTS_IN_A_MINUTE - 1
    assert (
        f"deliver ended {RESTARTS_IN_A_MINUTE + 1} times within a minute, last with signal 9" in desk.output()
    )
    assert str(desk.data / "logs" / "deliver.log") in desk.output()
    assert gone(family)


def test_a_second_desk_in_the_same_directory_is_refused_in_one_sentence(start: Start) -> None:
    first = start()
    second = start(wait=False)
    assert second.process.wait(10) == 1
    assert second.output() == (
        f"Another ./run works with {first.data}: stop it, or choose another with --data.\n"
    )
    assert first.answers()


def test_a_port_in_use_is_said_in_one_sentence(tmp_path: Path) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        ended = subprocess.run(
            [
                sys.executable,
                "-m",
                "returns_portal.run",
                "--port",
                str(port),
                "--data",
                str(tmp_path / "data"),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr == f"Port {port} is in use: end what listens there, or choose another with --port.\n"


@pytest.mark.parametrize("is_prepared", [True, False])
def test_a_wrong_setting_stops_the_start_with_its_sentence(
    prepared: Path, tmp_path: Path, is_prepared: bool
) -> None:
    data = tmp_path / "data"
    if is_prepared:
        shutil.copytree(prepared, data)
    with Desk(data, "--no-demo", UNDO_SECONDS="soon") as desk:
        assert desk.process.wait(30) == 4
        said = [line for line in desk.output().splitlines() if line]
    assert "UNDO_SECONDS must be a whole number from 0 (no undo) to 600." in said
    assert "Traceback" not in desk.output()


def test_killed_while_preparing_it_leaves_no_database_and_no_process(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Desk(data) as desk:
        wait_until(lambda: "Preparing" in desk.output(), what="preparing has begun")
        family = wait_until(desk.family, what="a child prepares")
        os.kill(desk.pid, signal.SIGKILL)
        wait_until(lambda: gone(family), 10, "the child is gone")
    assert not (data / "db.sqlite3").exists()
    with Desk(data) as desk:
        desk.wait_until_announced()
        assert desk.answers()


def test_a_log_that_has_grown_is_cut_and_its_older_part_kept(start: Start) -> None:
    desk = start()
    desk.end()
    log = desk.data / "logs" / "web.log"
    log.write_bytes(b"old\n" * 2_600_000)
    start()
    assert log.stat().st_size < 1_000_000
    assert log.with_suffix(".log.1").read_bytes().startswith(b"old\n")
