"""P2: close over HTTP, 16 keep-alive clients, against `pgbench -c 16` with the bare statements of a closing.

Ours has CSRF, session, rights, guards, event, counters and the page that is answered; the bare statements write
the same rows. They may come round to a request again, so they touch the counters without moving them.
"""

import os
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from bench.marketplace import PEOPLE, Marketplace
from bench.measuring import in_turns
from bench.pages import gunicorn
from tests.services import find_program

CLIENTS = 16
SELLERS = range(2, 2 + CLIENTS)
VICTIMS_OF = range(2 + CLIENTS, PEOPLE)
HERE = Path(__file__).parent
CSRF = "a" * 32
FORM = {
    "csrfmiddlewaretoken": CSRF,
    "reason": "other",
    "comments": "We talked on the phone and found a way that suits both.",
}


def close(marketplace: Marketplace, folder: Path, *, rounds: int, seconds: int) -> dict[str, Any]:
    waiting = iter(_closings(marketplace))
    with gunicorn("returns_portal.wsgi:application", marketplace, folder) as address:

        def ours() -> float:
            return _by_wrk(
                address,
                [line for line, _ in zip(waiting, range(400 * seconds), strict=False)],
                folder,
                seconds,
            )

        ours()
        variables = _victims(marketplace)
        return in_turns(ours, lambda: _by_pgbench(marketplace, variables, seconds), rounds) | {
            "unit": "closings per second",
            "clients": CLIENTS,
        }


def _closings(marketplace: Marketplace) -> list[str]:
    """One line per closing, sellers by turns: address, cookies, form."""
    cookies = {seller: f"{marketplace.session_cookie(seller)}; csrftoken={CSRF}" for seller in SELLERS}
    with marketplace.cursor() as cursor:
        cursor.execute(
            "SELECT seller_id, reference FROM returns_returnrequest WHERE seller_id = ANY(%s) "
            "AND status = 'authorization_required' AND NOT prepaid_eligible "
            "ORDER BY row_number() OVER (PARTITION BY seller_id ORDER BY id), seller_id",
            [list(SELLERS)],
        )
        return [
            f"/seller/returns/{reference}/close/\t{cookies[seller]}\t{urlencode(FORM | {'key': uuid4().hex})}"
            for seller, reference in cursor.fetchall()
        ]


def _by_wrk(address: str, lines: list[str], folder: Path, seconds: int) -> float:
    assert lines, "all requests are closed: fill a new database"
    path = folder / "closings"
    path.write_text("\n".join(lines))
    command = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}s", "--timeout", "20s"]
    said = subprocess.run(
        [*command, "-s", str(HERE / "close.lua"), address],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"BENCH_CLOSINGS": str(path)},
    ).stdout
    assert "Non-2xx" not in said, said
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert found, said
    return float(found[1])


def _victims(marketplace: Marketplace) -> dict[str, int]:
    """What `close.sql` works on, in a table of its own; gives the script's variables."""
    with marketplace.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_victims; DROP SEQUENCE IF EXISTS bench_turn")
        cursor.execute(
            "CREATE TABLE bench_victims AS SELECT row_number() OVER (ORDER BY r.reference) - 1 AS n, "
            "r.id AS request_id, i.id AS item_id, i.order_item_id AS line_id FROM returns_returnrequest r "
            "JOIN returns_returnitem i ON i.request_id = r.id WHERE r.seller_id = ANY(%s) "
            "AND r.status = 'authorization_required' AND NOT r.prepaid_eligible",
            [list(VICTIMS_OF)],
        )
        cursor.execute(
            "CREATE UNIQUE INDEX ON bench_victims (n); CREATE SEQUENCE bench_turn; ANALYZE bench_victims"
        )
        cursor.execute("SELECT count(*) FROM bench_victims")
        (victims,) = cursor.fetchone()
        cursor.execute("SELECT id FROM returns_closurereason WHERE code = 'other'")
        (reason,) = cursor.fetchone()
        cursor.execute("SELECT min(id) FROM returns_user")
        (person,) = cursor.fetchone()
        cursor.execute("DROP TABLE IF EXISTS bench_words")
        cursor.execute(
            "CREATE TABLE bench_words AS SELECT words, facts FROM returns_returnevent "
            "WHERE action = 'close' AND role = 'seller' LIMIT 1"
        )
    return {"victims": victims, "reason": reason, "person": person}


def _by_pgbench(marketplace: Marketplace, variables: dict[str, int], seconds: int) -> float:
    pgbench = find_program("pgbench", "/usr/lib/postgresql/*/bin")
    assert pgbench, "pgbench is not installed"
    command = [
        pgbench,
        "-n",
        "-c",
        str(CLIENTS),
        "-j",
        "2",
        "-T",
        str(seconds),
        "-f",
        str(HERE / "close.sql"),
    ]
    for name, value in variables.items():
        command += ["-D", f"{name}={value}"]
    url = marketplace.url.replace("postgres://", "postgresql://")
    said = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    found = re.search(r"tps = ([\d.]+)", said)
    assert found, said
    return float(found[1])
