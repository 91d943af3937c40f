"""Log lines: one JSON object each, with the request they belong to and without personal data.

Addresses, tokens, comments and names travel in paths, in exception messages and in the arguments that
libraries log. So a line says which route was asked for, never the path; which exception was raised where,
never its message; and of a record that is not ours the template, never its arguments.
"""

import json
import logging
import re
import time
import traceback
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse

OURS = ("returns", "returns_portal", "notifications")
QUIET_ROUTES = ("healthz", "readyz", "metrics")
ADDRESS = re.compile(r"[^\s\"'<>@:=]+@[^\s\"'<>@]+")

request_id: ContextVar[str] = ContextVar("request_id", default="")
logger = logging.getLogger(__name__)


def route_of(request: HttpRequest) -> str:
    """The pattern that `request` matched, such as `seller/returns/<uuid:reference>/`; empty if none did."""
    return request.resolver_match.route if request.resolver_match else ""


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON: time (UTC), level, logger, message, and what is known beyond."""

    def format(self, record: logging.LogRecord) -> str:
        ours = record.name.partition(".")[0] in OURS
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage() if ours else str(record.msg),
            "request_id": request_id.get(),
        }
        line |= getattr(record, "fields", {})
        request = getattr(record, "request", None)
        if isinstance(request, HttpRequest):
            line |= {"method": request.method, "route": route_of(request)}
        if hasattr(record, "status_code"):
            line["status"] = record.status_code
        if record.exc_info and record.exc_info[0]:
            line["exception"] = f"{record.exc_info[0].__module__}.{record.exc_info[0].__qualname__}"
            line["stack"] = [
                f"{frame.filename}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(record.exc_info[2])
            ]
        return ADDRESS.sub("[address]", json.dumps(line, ensure_ascii=False, default=str))


class RequestIdMiddleware:
    """Give each request an id, in its log lines and in the answer's X-Request-ID, and log one line on it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        token = request_id.set(uuid.uuid4().hex)
        try:
            response = self.get_response(request)
            response["X-Request-ID"] = request_id.get()
            route = route_of(request)
            if route not in QUIET_ROUTES:
                fields = {
                    "method": request.method,
                    "route": route,
                    "status": response.status_code,
                    "milliseconds": round((time.perf_counter() - began) * 1000, 1),
                }
                logger.info("Answered.", extra={"fields": fields})
            return response
        finally:
            request_id.reset(token)
