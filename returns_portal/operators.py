"""Pages for operators: is it alive, is it working, how much is there."""

import secrets
from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

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


@require_safe
@never_cache
@for_operators
def readyz(_: HttpRequest) -> HttpResponse:
    """Says whether the database answers; 503 with what is missing otherwise."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Exception:
        return HttpResponse("The database does not answer.\n", status=503, content_type="text/plain")
    return HttpResponse("ok\n", content_type="text/plain")
