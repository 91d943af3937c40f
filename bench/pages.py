"""P1: the tab Authorization Required of the biggest seller, 50 rows, signed in, against a bare WSGI page.

Both run under gunicorn with the same settings and read the same rows; the bare page has as many bytes as ours.
Rows that look as they did are kept for a minute, as they are for people; measured beside it: none is.
"""

import re
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.marketplace import Marketplace
from bench.measuring import in_turns
from returns_portal.run import ROOT
from tests.services import Program, answers_at, free_port, wait_until

BIGGEST_SELLER = 1
SMALL_SELLER = 2
PATH = "/seller/returns/"
PAGE = 50
ANEW = Path(__file__).with_name("anew.lua")


@contextmanager
def gunicorn(application: str, marketplace: Marketplace, folder: Path, **more: str) -> Iterator[str]:
    """Two processes of four threads each, keeping connections; gives the address."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--workers", "2", "--worker-class", "gthread"]
    command += ["--threads", "4", "--bind", f"127.0.0.1:{port}", "--log-level", "warning", application]
    environment = marketplace.environment | {"PYTHONPATH": str(ROOT)} | more
    with Program(command, folder / f"gunicorn-{port}.log", cwd=ROOT, env=environment) as program:
        address = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers_at(address) or not program.is_running, 60, application)
        assert program.is_running, program.output()
        yield address


def per_second(url: str, cookie: str, seconds: int, *script: str) -> float:
    """Answers per second to eight keep-alive clients, by wrk; none may be anything but 2xx."""
    command = [
        "wrk",
        "-t1",
        "-c8",
        f"-d{seconds}s",
        "--timeout",
        "10s",
        "-H",
        f"Cookie: {cookie}",
        *script,
        url,
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in said, said
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert found, said
    return float(found[1])


def get(url: str, cookie: str) -> bytes:
    request = urllib.request.Request(url, headers={"Cookie": cookie})  # noqa: S310 -- our own http address
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        assert answer.status == 200
        body: bytes = answer.read()
        return body


def list_page(marketplace: Marketplace, folder: Path, *, rounds: int, seconds: int) -> dict[str, Any]:
    cookie = marketplace.session_cookie(BIGGEST_SELLER)
    with ExitStack() as stack:
        ours = stack.enter_context(gunicorn("returns_portal.wsgi:application", marketplace, folder))
        page = get(ours + PATH, cookie)
        assert page.count(b"<article ") == 50
        bare = stack.enter_context(
            gunicorn("bench.bare:application", marketplace, folder, BENCH_BYTES=str(len(page)))
        )
        assert abs(len(get(bare, cookie)) - len(page)) < 100
        for url in (ours + PATH, bare):
            per_second(url, cookie, 3)
        figures = in_turns(
            lambda: per_second(ours + PATH, cookie, seconds),
            lambda: per_second(bare, cookie, seconds),
            rounds,
        )
        anew = in_turns(
            lambda: per_second(ours + PATH, cookie, seconds, "-s", str(ANEW)),
            lambda: per_second(bare, cookie, seconds),
            rounds,
        )
        small = marketplace.session_cookie(SMALL_SELLER)
        return figures | {
            "unit": "pages per second",
            "every_row_drawn_anew": anew,
            "bytes": len(page),
            "page_2_ms": median_ms(page_url(marketplace, ours, 2), cookie),
            "page_400_ms": median_ms(page_url(marketplace, ours, 400), cookie),
            "small_seller_ms": median_ms(ours + PATH, small),
        }


def page_url(marketplace: Marketplace, address: str, number: int) -> str:
    """The address of page `number` of the tab with everything: where *50 more* leads after the page before."""
    with marketplace.cursor() as cursor:
        cursor.execute(
            "SELECT requested_at, id FROM returns_returnrequest WHERE seller_id = %s "
            "ORDER BY requested_at DESC, id DESC LIMIT 1 OFFSET %s",
            [BIGGEST_SELLER, (number - 1) * PAGE - 1],
        )
        found = cursor.fetchone()
    if found is None:
        raise SystemExit(f"There is no page {number}: give --requests 300000 or more.")
    asked, last = found
    return f"{address}{PATH}?{urlencode({'status': 'all', 'cursor': f'{asked.isoformat()}~{last}'})}"


def median_ms(url: str, cookie: str) -> float:
    took = []
    for _round in range(15):
        began = time.perf_counter()
        get(url, cookie)
        took.append((time.perf_counter() - began) * 1000)
    return round(statistics.median(took), 1)


def queries(marketplace: Marketplace) -> dict[str, Any]:
    """How many queries 1 and 50 rows need, and the plan of the one that finds the rows."""
    import django  # noqa: PLC0415

    django.setup()
    from django.db import connection  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    from returns.selectors.prepared import Prepared  # noqa: PLC0415

    Prepared.is_pooled = True  # so that each statement is sent whole, and can be read here
    client = Client(headers={"cookie": marketplace.session_cookie(BIGGEST_SELLER), "host": "localhost"})
    one_row = client.get(PATH)
    title = re.search(rb'href="/seller/returns/([0-9a-f-]{36})/"', one_row.content)
    assert title
    with marketplace.cursor() as cursor:
        cursor.execute(
            "SELECT order_number FROM returns_order o JOIN returns_returnrequest r ON r.order_id = o.id "
            "WHERE r.reference = %s",
            [title[1].decode()],
        )
        number = cursor.fetchone()[0]
    counted = {}
    for name, query in (("50 rows", {}), ("1 row", {"q": number})):
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(PATH, query)
        assert answer.content.count(b"<article ") == int(name.split()[0])
        counted[name] = len(captured)
        if not query:
            statements = [row["sql"] for row in captured]
    finding = next(sql for sql in statements if f"LIMIT {PAGE + 1}" in sql)
    everything = " ".join(statements)
    assert "OFFSET" not in everything
    assert "COUNT(" not in everything
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {finding}")
        plan = [row[0] for row in cursor.fetchall()]
    assert any("using request_asked_by_deadline" in line for line in plan), plan
    return {"queries": counted, "plan": plan}
