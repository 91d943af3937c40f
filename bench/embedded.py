"""P8 and P9: what `./run` costs on a machine of its own: seconds until the first page, memory at rest.

Cold is an empty data directory with the packages installed: database, static files and demo are made. Warm is
the next start. What pip needs to download is no part of it. On a machine with other work the processor's seconds
(of all processes, until they ended) say more than the clock's.
"""

import os
import re
import resource
import statistics
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from returns_portal.run import ROOT
from tests.services import Program, wait_until

SECONDS_OF_REST = 30


def desk(data: Path) -> Program:
    command = [sys.executable, "-m", "returns_portal.run", "--port", "0", "--data", str(data)]
    log = data.with_name(f"said-{time.monotonic_ns()}")
    return Program(command, log, cwd=ROOT, env={"PATH": os.environ["PATH"]}, patience=15)


def first_page(program: Program) -> str:
    """Wait for the address and read the page there."""

    def address() -> str:
        assert program.is_running, program.output()
        found = re.search(r"^http://localhost:\d+/$", program.output(), re.MULTILINE)
        return found[0] if found else ""

    url = wait_until(address, 120, "the desk is announced")
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 -- our own http address
        assert answer.status == 200
    return url


def start(folder: Path, *, rounds: int) -> dict[str, Any]:
    took: dict[str, list[tuple[float, float]]] = {"cold": [], "warm": []}
    for number in range(rounds):
        for times in took.values():
            began, used = time.monotonic(), _processor_seconds()
            with desk(folder / f"start-{number}") as program:
                first_page(program)
                seconds = time.monotonic() - began
            times.append((seconds, _processor_seconds() - used))
        (cold, cold_used), (warm, warm_used) = took["cold"][-1], took["warm"][-1]
        print(
            f"  round {number + 1}: cold {cold:.1f} s ({cold_used:.1f} of the processor's), "
            f"warm {warm:.2f} s ({warm_used:.2f})",
            flush=True,
        )
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in took.items()
    }
    return {
        "unit": "seconds to the first page, and of the processor",
        **{name: round(seconds, 2) for name, (seconds, _used) in medians.items()},
        **{f"{name}_processor": round(used, 2) for name, (_seconds, used) in medians.items()},
        "rounds": [
            [round(cold, 2), round(warm, 2)]
            for (cold, _), (warm, _) in zip(took["cold"], took["warm"], strict=True)
        ],
    }


def _processor_seconds() -> float:
    """What all children that have ended used, and theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def memory(folder: Path) -> dict[str, Any]:
    with desk(folder / "memory") as program:
        first_page(program)
        time.sleep(SECONDS_OF_REST)
        shares = {pid: _pss(pid) for pid in _family(program.pid)}
    return {
        "unit": "MB, sum of PSS",
        "sum": round(sum(shares.values()), 1),
        "processes": sorted(shares.values()),
    }


def _family(pid: int) -> list[int]:
    """`pid` and all that descends from it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in _family(int(child)))]


def _pss(pid: int) -> float:
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert found
    return round(int(found[1]) / 1024, 1)
