"""The cast, and how they come in."""

import re
from collections.abc import Callable

import pytest
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
