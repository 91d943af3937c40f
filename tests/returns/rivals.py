"""People who act at the same moment, each with a connection of their own."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from django.db import connection

from returns.exceptions import Refusal
from tests.services import wait_until

PATIENCE = 60


class Rival(threading.Thread):
    """Does `act` in a thread; `doing` is the statement it is at. Join it before the test ends."""

    def __init__(self, act: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.act = act
        self.doing = ""
        self.done: list[str] = []
        self.result: Any = None
        self.start()

    def run(self) -> None:
        try:
            with connection.execute_wrapper(self._watch):
                self.result = self.act()
        except BaseException as error:
            self.result = error
        finally:
            connection.close()

    def _watch(self, execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        self.doing = sql
        try:
            return execute(sql, *rest)
        finally:
            self.done.append(sql)
            self.doing = ""

    def outcome(self) -> Any:
        """What came of it: the answer, or the refusal. Anything else that went wrong is raised."""
        self.join(PATIENCE)
        assert not self.is_alive(), f"still at: {self.doing}"
        if isinstance(self.result, BaseException) and not isinstance(self.result, Refusal):
            raise self.result
        return self.result

    def wait_for_my_lock(self, *words: str) -> None:
        """Return once the rival waits for a lock that the caller holds, at a statement with `words`.

        On SQLite the first statement of any transaction that writes takes the one lock there is.
        """
        if connection.vendor == "sqlite":
            wait_until(lambda: self.doing == "BEGIN IMMEDIATE" or not self.is_alive(), PATIENCE)
            # No one can be asked who waits there: with the lock held it does not move, without it at once.
            time.sleep(0.3)
            assert self.doing == "BEGIN IMMEDIATE", f"did not wait: {self.done} {self.result!r}"
        else:
            wait_until(lambda: somebody_waits() or not self.is_alive(), PATIENCE)
            assert all(word in self.doing for word in words), f"{self.doing or self.done} {self.result!r}"


def somebody_waits() -> bool:
    """Does a PostgreSQL backend of this database wait for a lock?"""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone()[0])


class Crew:
    """As many threads as `size`, that begin together, over and over."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.barrier = threading.Barrier(size)
        self.threads = ThreadPoolExecutor(size)

    def together(self, *acts: Callable[[], Any]) -> list[Any]:
        """Do all of `acts`, one in each thread, at the same moment; answers or refusals, in their order."""
        assert len(acts) == self.size

        def act_at_the_signal(act: Callable[[], Any]) -> Any:
            self.barrier.wait(PATIENCE)
            try:
                return act()
            except Refusal as refusal:
                return refusal

        return list(self.threads.map(act_at_the_signal, acts, timeout=PATIENCE))


@contextmanager
def crew(size: int) -> Iterator[Crew]:
    people = Crew(size)
    try:
        yield people
    finally:
        people.together(*[lambda: connection.close()] * size)  # noqa: PLW0108 -- the connection of each thread
        people.threads.shutdown()


def winners(outcomes: list[Any]) -> list[Any]:
    return [outcome for outcome in outcomes if not isinstance(outcome, Refusal)]


def losers(outcomes: list[Any]) -> list[Refusal]:
    return [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
