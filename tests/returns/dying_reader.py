"""A worker on uploaded files that is killed: `dying_reader.py CHUNKS`.

It kills itself when it has stored so many chunks of three rows, in the middle of the next one.
"""

import os
import signal
import sys
from typing import Any

import django


def main(chunks: int) -> None:
    from returns.services.imports import uploads, work_on_a_file

    usual, left = uploads.Lease.keep, iter(range(chunks))

    def keep(lease: Any, *said: Any) -> None:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        usual(lease, *said)

    uploads.Lease.keep, uploads.Lease.chunk_rows = keep, 3  # type: ignore[method-assign]
    work_on_a_file()


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]))
