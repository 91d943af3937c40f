"""P3: close 10,000 requests in one call of the service, against one set-based SQL script that writes the same rows.

Ours judges every request by all guards and grounds, under its lock, in chunks of 500. Each measurement works on a
fresh copy of the filled database, so that both always find the same 10,000.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2

from bench.marketplace import Marketplace
from bench.measuring import in_turns

MANY = 10_000
COMMENTS = "We talked on the phone and found a way that suits both."
SCRIPT = Path(__file__).with_name("bulk.sql")


def close_many(marketplace: Marketplace, *, rounds: int) -> dict[str, Any]:
    import django  # noqa: PLC0415

    django.setup()
    _close_one(marketplace)
    return in_turns(
        lambda: _on_a_copy(marketplace, _by_service), lambda: _on_a_copy(marketplace, _by_script), rounds
    ) | {"unit": "closings per second", "closings": MANY}


def _on_a_copy(marketplace: Marketplace, close: Callable[[str], float]) -> float:
    """Closings per second in a copy of the database, which is dropped then."""
    server, _slash, name = marketplace.url.rpartition("/")
    copy = f"{name}_copy"
    manager = psycopg2.connect(f"{server}/postgres")
    manager.autocommit = True
    with manager.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {copy} TEMPLATE {name}")
        cursor.execute("CHECKPOINT")
    try:
        return MANY / close(f"{server}/{copy}")
    finally:
        with manager.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {copy}")
        manager.close()


def _by_service(url: str) -> float:
    """Seconds."""
    from returns.actors import Actor  # noqa: PLC0415
    from returns.models import Membership, ReturnRequest  # noqa: PLC0415
    from returns.services.decide import Closing, decide_returns  # noqa: PLC0415

    connection = _connect(url)
    owner = Membership.objects.select_related("user").get(seller_id=1)
    waiting = ReturnRequest.objects.filter(
        seller_id=1, status="authorization_required", prepaid_eligible=False
    )
    references = list(waiting.order_by("pk").values_list("reference", flat=True)[:MANY])
    began = time.monotonic()
    results = decide_returns(
        Actor.seller(owner.user, owner),
        decision=Closing(reason_code="other", comments=COMMENTS),
        references=references,
        key="bench",
    )
    seconds = time.monotonic() - began
    connection.close()
    assert len(results) == MANY
    assert all(result.event for result in results)
    return seconds


def _by_script(url: str) -> float:
    """Seconds."""
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        began = time.monotonic()
        cursor.execute(SCRIPT.read_text(), {"many": MANY, "comments": COMMENTS})
        connection.commit()
        seconds = time.monotonic() - began
    connection.close()
    return seconds


def _connect(url: str) -> Any:
    """Django's connection, to the database at `url`; close it in the end."""
    import environ  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    connection.close()
    connection.settings_dict.update(environ.Env.db_url_config(url))
    return connection


def _close_one(marketplace: Marketplace) -> None:
    """Let the service close one request, and keep what its event says for the script."""
    from returns.actors import Actor  # noqa: PLC0415
    from returns.models import Membership, ReturnRequest  # noqa: PLC0415
    from returns.services.decide import Closing, close_return  # noqa: PLC0415

    connection = _connect(marketplace.url)
    owner = Membership.objects.select_related("user").get(seller_id=1)
    waiting = ReturnRequest.objects.filter(
        seller_id=1, status="authorization_required", prepaid_eligible=False
    )
    closing = Closing(reason_code="other", comments=COMMENTS)
    close_return(Actor.seller(owner.user, owner), reference=waiting.latest("pk").reference, closing=closing)
    connection.close()
    with marketplace.cursor() as cursor:
        cursor.execute(
            "DROP TABLE IF EXISTS bench_words; CREATE TABLE bench_words AS SELECT words, facts, user_id, "
            "(SELECT id FROM returns_closurereason WHERE code = 'other') AS reason_id "
            "FROM returns_returnevent WHERE action = 'close' AND role = 'seller' LIMIT 1"
        )
