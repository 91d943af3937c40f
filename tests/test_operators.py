"""The pages for operators, and what every answer carries."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from returns.models import Heartbeat
from returns.models.clock import database_now
from returns.services.jobs import beat

TOKEN = "a-token-of-24-characters"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def test_healthz_is_open_and_asks_nothing(client: Client) -> None:
    answer = client.get("/healthz", REMOTE_ADDR="203.0.113.9")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("sender", "sent", "status"),
    [
        ("127.0.0.1", "", 200),
        ("::1", "", 200),
        ("203.0.113.9", "", 404),
        ("203.0.113.9", f"Bearer {TOKEN}", 200),
        ("203.0.113.9", "Bearer wrong", 404),
        ("203.0.113.9", f"Basic {TOKEN}", 404),
        ("127.0.0.1", "Bearer wrong", 404),
    ],
)
def test_the_other_pages_are_for_this_machine_or_the_token(
    client: Client, settings: Any, sender: str, sent: str, status: int
) -> None:
    settings.METRICS_TOKEN = TOKEN
    beat("deliver")
    headers = {"Authorization": sent} if sent else {}
    for page in ("/readyz", "/metrics"):
        assert client.get(page, REMOTE_ADDR=sender, headers=headers).status_code == status


@pytest.mark.django_db
def test_without_a_token_an_empty_one_opens_nothing(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert (
        client.get("/readyz", REMOTE_ADDR="203.0.113.9", headers={"Authorization": "Bearer "}).status_code
        == 404
    )


def test_readyz_says_when_the_database_is_away(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError

    monkeypatch.setattr("returns_portal.operators.last_heartbeat", away)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.content) == (503, b"The database does not answer.\n")


@pytest.mark.django_db
def test_readyz_says_when_nobody_delivers(client: Client) -> None:
    silent = "Neither the delivery loop nor beat came by in 10 s.\n"
    assert client.get("/readyz").content.decode() == silent
    beat("deliver")
    assert client.get("/readyz").status_code == 200
    Heartbeat.objects.update(beat_at=database_now() - timedelta(seconds=11))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.content.decode()) == (503, silent)


@pytest.mark.django_db
def test_metrics_give_figures_that_prometheus_reads(client: Client) -> None:
    page = client.get("/metrics").content.decode()
    assert "returns_heartbeat_age_seconds +Inf\n" in page
    assert "returns_messages_waiting 0\n" in page
    beat("deliver")
    figure = re.compile(r'[a-z_]+({status="[a-z_]+"})? [0-9.e+-]+')
    assert all(figure.fullmatch(line) for line in client.get("/metrics").content.decode().splitlines())


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["/", "/accounts/login/", "/healthz", "/nowhere/"])
def test_every_answer_carries_the_headers_of_a_strict_site(client: Client, page: str) -> None:
    headers = client.get(page).headers
    assert set(headers["Content-Security-Policy"].split("; ")) == set(POLICY.split("; "))
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "page",
    [
        "/accounts/signup/",
        "/accounts/email/",
        "/accounts/confirm-email/",
        "/accounts/password/set/",
        "/accounts/login/code/confirm/",
        "/accounts/3rdparty/",
    ],
)
def test_pages_of_allauth_that_are_not_ours_do_not_exist(client: Client, page: str) -> None:
    assert client.get(page).status_code == 404
    assert client.post(page).status_code == 404
