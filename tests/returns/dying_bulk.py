"""A worker that is killed in the middle of a bulk run: `dying_bulk.py ROWS KILLS`.

It decides or undoes `ROWS` rows at a time, and kills itself when the `KILLS`-th chunk is written, not committed.
"""

import os
import signal
import sys
from itertools import count
from typing import Any

import django


def main(rows: int, kills: int) -> None:
    from returns.services import bulk

    usual, chunks = bulk._keep, count(1)

    def keep(*arguments: Any) -> None:
        usual(*arguments)
        if next(chunks) == kills:
            os.kill(os.getpid(), signal.SIGKILL)

    bulk.CHUNK, bulk._keep = rows, keep
    bulk.work_on_bulk_runs()


if __name__ == "__main__":
    django.setup()
    main(*map(int, sys.argv[1:]))
