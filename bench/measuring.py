"""How everything here is measured: our figure over the limit's, in turns, in one run; the median of the rounds."""

import json
import os
import platform
import re
import statistics
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from returns_portal.run import ROOT

RESULTS = ROOT / "bench" / "results" / "results.jsonl"
MOVED_PERCENT = 25


def in_turns(ours: Callable[[], float], limit: Callable[[], float], rounds: int) -> dict[str, Any]:
    """Measure A-B-A-B. `is_calm`: the limit moved by no more than 25 %; otherwise the run is worth repeating."""
    pairs = []
    for number in range(rounds):
        pairs.append((ours(), limit()))
        print(f"  round {number + 1}: ours {pairs[-1][0]:.1f}, limit {pairs[-1][1]:.1f}", flush=True)
    limits = [limit for _, limit in pairs]
    return {
        "ours": round(statistics.median(ours for ours, _ in pairs), 1),
        "limit": round(statistics.median(limits), 1),
        "ratio": round(statistics.median(ours / limit for ours, limit in pairs), 3),
        "rounds": [[round(ours, 1), round(limit, 1)] for ours, limit in pairs],
        "is_calm": (max(limits) - min(limits)) * 100 <= MOVED_PERCENT * statistics.median(limits),
    }


def keep(name: str, figures: dict[str, Any]) -> None:
    """Append the figures to bench/results, with the command, the day, the machine and its load."""
    entry = {
        "benchmark": name,
        **figures,
        "command": f"python -m bench {' '.join(sys.argv[1:])}",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _output("git", "rev-parse", "--short", "HEAD"),
        "machine": machine(),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a") as file:
        file.write(json.dumps(entry, ensure_ascii=False) + "\n")
    shown = {key: value for key, value in figures.items() if key != "plan"}
    print(name, json.dumps(shown, ensure_ascii=False), flush=True)


def machine() -> dict[str, Any]:
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    model = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return {
        "cpus": os.cpu_count(),
        "model": model[1] if model else platform.machine(),
        "memory_mb": int(memory[1]) // 1024 if memory else None,
        "load": [round(load, 1) for load in os.getloadavg()],
        "python": platform.python_version(),
        "django": version("django"),
        "postgresql": _output("psql", "--version"),
    }


def _output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
