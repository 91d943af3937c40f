"""The cast, and how they come in."""

import re
import time
from collections.abc import Callable

import pytest
from allauth.mfa.totp.internal.auth import hotp_value
from django.http import HttpResponse
from django.test import Client

from tests.factories import Cast, make_cast


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def browser() -> Callable[..., Client]:
    """A new browser; with a person, one that the person is signed in with."""

    def open_browser(user: object = None) -> Client:
        client = Client()
        if user is not None:
            client.force_login(user)
        return client

    return open_browser


@pytest.fixture
def words() -> Callable[[HttpResponse], str]:
    """A page without what differs from one rendering to the next: the token against forged requests."""

    def read(response: HttpResponse) -> str:
        return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", response.content.decode())

    return read


@pytest.fixture
def code_of(settings: pytest.FixtureRequest) -> Callable[[str], str]:
    """What an authenticator app with this secret shows; it holds for half a minute more, as some tests are slow."""
    settings.MFA_TOTP_TOLERANCE = 1

    def show(secret: str) -> str:
        return f"{hotp_value(secret, int(time.time()) // 30):06}"

    return show
