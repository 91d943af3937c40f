"""`python -m bench [what …]`: measures, prints, and appends to bench/results."""

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench import bulk, closing, embedded, overview, pages
from bench.marketplace import Durable, Marketplace
from bench.measuring import keep

ON_A_MARKETPLACE = ("list", "close", "overview")
# A tenth of them waits for a decision, seven tenths of those can be closed.
IN_ONE_QUEUE = 150_000
EMBEDDED = ("start", "memory")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "what",
        nargs="*",
        help="list (P1), close (P2), overview, bulk (P3), start (P8), memory (P9); default: all",
    )
    parser.add_argument("--requests", type=int, default=1_000_000, help="requests in the table")
    parser.add_argument("--database", default="", help="a PostgreSQL database to keep instead of a new one")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=8, help="of each measurement")
    given = parser.parse_args()
    wanted = given.what or [*ON_A_MARKETPLACE, "bulk", *EMBEDDED]
    if unknown := set(wanted) - {*ON_A_MARKETPLACE, "bulk", *EMBEDDED}:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="returns-bench-")))
        if set(wanted) & set(ON_A_MARKETPLACE):
            url = given.database
            if not url:
                server = Durable()
                stack.callback(server.close)
                url = server.create("bench")
            marketplace = Marketplace(url, folder)
            marketplace.prepare(given.requests)
            size = {"requests": given.requests}
            if "list" in wanted:
                found = pages.list_page(marketplace, folder, rounds=given.rounds, seconds=given.seconds)
                keep("P1 list page", found | pages.queries(marketplace) | size)
            if "close" in wanted:
                found = closing.close(marketplace, folder, rounds=given.rounds, seconds=given.seconds)
                keep("P2 close over HTTP", found | size)
            if "overview" in wanted:
                # The last one: what it adds to the data is only good for reading.
                keep("overview page", overview.overview(marketplace, folder, rounds=given.rounds) | size)
        if "bulk" in wanted:
            server = Durable()
            stack.callback(server.close)
            marketplace = Marketplace(server.create("queue"), folder)
            marketplace.prepare(IN_ONE_QUEUE, share=100)
            found = bulk.close_many(marketplace, rounds=given.rounds)
            keep("P3 bulk close", found | {"requests": IN_ONE_QUEUE})
        if "start" in wanted:
            keep("P8 embedded start", embedded.start(folder, rounds=given.rounds))
        if "memory" in wanted:
            keep("P9 memory at rest", embedded.memory(folder))


if __name__ == "__main__":
    main()
