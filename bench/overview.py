"""The overview of the biggest seller against that of one with an eighth of its requests: it should cost the same."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.marketplace import Marketplace
from bench.measuring import in_turns
from bench.pages import BIGGEST_SELLER, SMALL_SELLER, get, gunicorn, median_ms

PATH = "/seller/"


def overview(marketplace: Marketplace, folder: Path, *, rounds: int) -> dict[str, Any]:
    _add_answers(marketplace)
    biggest, small = (marketplace.session_cookie(seller) for seller in (BIGGEST_SELLER, SMALL_SELLER))
    with ExitStack() as stack:
        url = stack.enter_context(gunicorn("returns_portal.wsgi:application", marketplace, folder)) + PATH
        size = len(get(url, biggest))
        for cookie in (biggest, small):
            median_ms(url, cookie)
        figures = in_turns(lambda: median_ms(url, biggest), lambda: median_ms(url, small), rounds)
    return figures | {"unit": "ms for a page", "bytes": size, "plans": _plans(marketplace, biggest)}


def _add_answers(marketplace: Marketplace) -> None:
    with marketplace.cursor() as cursor:
        cursor.execute("SELECT 1 FROM returns_returnevent WHERE action = 'authorize' LIMIT 1")
        if cursor.fetchone() is None:
            print("Adding answers, promises and escalations …", flush=True)
            cursor.execute(Path(__file__).with_name("answers.sql").read_text())


def _plans(marketplace: Marketplace, cookie: str) -> list[str]:
    """Every scan that the page makes of requests, items and events; each must go through an index."""
    import django  # noqa: PLC0415

    django.setup()
    from django.db import connection  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    client = Client(headers={"cookie": cookie, "host": "localhost"})
    client.get(PATH)
    with CaptureQueriesContext(connection) as captured:
        client.get(PATH)
    scans = []
    with connection.cursor() as cursor:
        for row in captured:
            if row["sql"].startswith("SELECT"):
                cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {row['sql']}")
                scans += [line.strip() for (line,) in cursor.fetchall() if " on returns_return" in line]
    assert len(captured) <= 12
    assert not [scan for scan in scans if "Seq Scan" in scan and "returnreason" not in scan], scans
    return scans
