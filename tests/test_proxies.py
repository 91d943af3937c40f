"""Forwarded headers count as far as a trusted proxy vouches for them."""

from ipaddress import ip_network
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from returns_portal.proxies import TrustedProxyMiddleware


@pytest.fixture
def arrive(settings: Any, rf: RequestFactory) -> Any:
    """What a view sees of a request that came from `sender` with these headers."""

    def arrived(sender: str, trusted: str = "10.0.0.0/8", **headers: str) -> HttpRequest:
        settings.TRUSTED_PROXIES = [ip_network(trusted)] if trusted else []
        settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
        seen = []

        def view(request: HttpRequest) -> HttpResponse:
            seen.append(request)
            return HttpResponse()

        TrustedProxyMiddleware(view)(rf.get("/", REMOTE_ADDR=sender, headers=headers))
        return seen[0]

    return arrived


def test_a_trusted_proxy_names_the_client(arrive: Any) -> None:
    request = arrive("10.0.0.1", x_forwarded_for="203.0.113.9", x_forwarded_proto="https")
    assert request.META["REMOTE_ADDR"] == "203.0.113.9"
    assert request.is_secure()


def test_a_client_cannot_name_itself(arrive: Any) -> None:
    request = arrive("198.51.100.7", x_forwarded_for="127.0.0.1", x_forwarded_proto="https")
    assert request.META["REMOTE_ADDR"] == "198.51.100.7"
    assert not request.is_secure()


def test_what_a_client_put_before_the_proxys_entry_is_ignored(arrive: Any) -> None:
    request = arrive("10.0.0.1", x_forwarded_for="127.0.0.1, 203.0.113.9, 10.0.0.2")
    assert request.META["REMOTE_ADDR"] == "203.0.113.9"


def test_nonsense_in_the_header_leaves_the_proxys_address(arrive: Any) -> None:
    assert arrive("10.0.0.1", x_forwarded_for="me").META["REMOTE_ADDR"] == "10.0.0.1"


def test_without_trusted_proxies_nobody_is_believed(arrive: Any) -> None:
    request = arrive("127.0.0.1", trusted="", x_forwarded_for="203.0.113.9", x_forwarded_proto="https")
    assert request.META["REMOTE_ADDR"] == "127.0.0.1"
    assert not request.is_secure()


@pytest.mark.parametrize("sender", ["10.0.0.1", "198.51.100.7"])
def test_the_host_is_never_taken_from_a_forwarded_header(arrive: Any, sender: str) -> None:
    request = arrive(sender, x_forwarded_host="evil.example", x_forwarded_port="81")
    assert "HTTP_X_FORWARDED_HOST" not in request.META
    assert "HTTP_X_FORWARDED_PORT" not in request.META
