"""Pages for operators: is it alive, is it working, how much is there."""

import math
import secrets
from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from notifications.services import delivery_figures
from returns.models import StatusCount
from returns.models.clock import database_now
from returns.services.jobs import last_heartbeat

SECONDS_OF_SILENCE = 10

View = Callable[[HttpRequest], HttpResponse]


def for_operators(view: View) -> View:
    """Answer 404 unless the request comes from this machine or carries METRICS_TOKEN as its bearer token.

    Behind a trusted proxy REMOTE_ADDR is the client's address (proxies.py); a proxy on this machine must
    therefore be listed in TRUSTED_PROXIES, or everybody looks local.
    """

    @wraps(view)
    def wrapped(request: HttpRequest) -> HttpResponse:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Bearer" and settings.METRICS_TOKEN:
            allowed = secrets.compare_digest(token.encode(), settings.METRICS_TOKEN.encode())
        else:
            allowed = request.META.get("REMOTE_ADDR", "") in ("127.0.0.1", "::1")
        if not allowed:
            raise Http404
        return view(request)

    return wrapped


@require_safe
@never_cache
def healthz(_: HttpRequest) -> HttpResponse:
    """Says that this process answers, and nothing else: it asks no other."""
    return HttpResponse("ok\n", content_type="text/plain")


def seconds_since_heartbeat() -> float:
    """How long ago the delivery loop or beat last came by; infinite before the first time."""
    beaten_at = last_heartbeat()
    return (database_now() - beaten_at).total_seconds() if beaten_at else math.inf


@require_safe
@never_cache
@for_operators
def readyz(_: HttpRequest) -> HttpResponse:
    """Says whether the database answers and whether somebody delivers; 503 with what is missing otherwise."""
    try:
        silence = seconds_since_heartbeat()
    except DatabaseError:
        return HttpResponse("The database does not answer.\n", status=503, content_type="text/plain")
    if silence > SECONDS_OF_SILENCE:
        return HttpResponse(
            f"Neither the delivery loop nor beat came by in {SECONDS_OF_SILENCE} s.\n",
            status=503,
            content_type="text/plain",
        )
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
@for_operators
def metrics(_: HttpRequest) -> HttpResponse:
    """Figures in Prometheus' text format: requests by status, messages that are held up, the heartbeat."""
    by_status = StatusCount.objects.values_list("status").annotate(Sum("requests")).order_by("status")
    lines = [f'returns_requests{{status="{status}"}} {count}' for status, count in by_status]
    lines += [f"returns_{name} {value:g}" for name, value in delivery_figures().items()]
    lines.append(f"returns_heartbeat_age_seconds {seconds_since_heartbeat():g}".replace("inf", "+Inf"))
    return HttpResponse("\n".join([*lines, ""]), content_type="text/plain; version=0.0.4; charset=utf-8")
