"""What a request says about its way here counts only as far as trusted proxies vouch for it."""

from collections.abc import Callable
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse


def is_trusted(address: str) -> bool:
    """Whether `address` belongs to one of settings.TRUSTED_PROXIES; False for what is no address."""
    try:
        return any(ip_address(address) in network for network in settings.TRUSTED_PROXIES)
    except ValueError:
        return False


class TrustedProxyMiddleware:
    """Make REMOTE_ADDR the client's address and drop what an untrusted sender claims in X-Forwarded-*.

    X-Forwarded-For is read from its end: each trusted proxy appended the address it saw, so the last entry
    that is not a trusted proxy is the client; everything before it the client may have made up.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        meta = request.META
        if is_trusted(meta.get("REMOTE_ADDR", "")):
            for entry in reversed(meta.get("HTTP_X_FORWARDED_FOR", "").split(",")):
                try:
                    meta["REMOTE_ADDR"] = str(ip_address(entry.strip()))
                except ValueError:
                    break
                if not is_trusted(meta["REMOTE_ADDR"]):
                    break
        else:
            meta.pop("HTTP_X_FORWARDED_PROTO", None)
        for header in ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT"):
            meta.pop(header, None)
        return self.get_response(request)
