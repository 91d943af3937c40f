"""The limit of the list page: a bare WSGI application, one query, one f-string, the same rows and bytes.

No session, no user, no rights, no language, no forms, no escaping: what is left is the database and the wire.
"""

import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

import psycopg2

QUERY = """
    SELECT r.reference, r.rma_number, r.status, r.policy, r.window_end_date, r.requested_at, r.deadline_at,
           o.order_number, o.country, b.name, i.quantity, i.reason_code, i.comment, l.sku, l.title,
           l.item_paid_minor, l.currency
    FROM returns_returnrequest r
    JOIN returns_order o ON o.id = r.order_id
    JOIN returns_buyer b ON b.order_id = o.id
    JOIN returns_returnitem i ON i.request_id = r.id
    JOIN returns_orderitem l ON l.id = i.order_item_id
    WHERE r.seller_id = 1 AND r.status = 'authorization_required'
    ORDER BY r.deadline_at, r.id LIMIT 51
"""
BYTES_OF_A_ROW = int(os.environ.get("BENCH_BYTES", "0")) // 50
FILLER = "." * BYTES_OF_A_ROW

own = threading.local()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if not hasattr(own, "connection"):
        own.connection = psycopg2.connect(os.environ["DATABASE_URL"])
        own.connection.autocommit = True
    with own.connection.cursor() as cursor:
        cursor.execute(QUERY)
        rows = cursor.fetchall()[:50]
    body = "".join(row_of(*row) for row in rows).encode()
    start_response(
        "200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))]
    )
    return [body]


def row_of(  # noqa: PLR0917 -- in the order of QUERY
    reference: str,
    rma: str,
    status: str,
    policy: str,
    until: object,
    asked: object,
    deadline: object,
    order: str,
    country: str,
    name: str,
    quantity: int,
    reason: str,
    comment: str,
    sku: str,
    title: str,
    paid: int,
    currency: str,
) -> str:
    return (
        f"<article id={reference}><h2>{title}</h2><p>{sku} {quantity} {paid} {currency} {reason} {comment}</p>"
        f"<p>{order} {name} {country} {asked} {rma}</p><p>{deadline} {status} {policy} {until}</p>{FILLER}"
    )[:BYTES_OF_A_ROW]
