"""The cast, released events, and a mail server that does what it is told."""

from collections.abc import Iterator

import pytest

from notifications import doorbell, services
from tests.factories import Cast, make_cast
from tests.notifications.mail_server import MailServer


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def server(settings: pytest.FixtureRequest) -> Iterator[MailServer]:
    """A mail server that the portal sends to while the test lasts."""
    server = MailServer()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_TIMEOUT = 0.5
    yield server
    server.close()


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees the breaker or the end that another one caused."""
    monkeypatch.setattr(doorbell, "_quiet_until", 0.0)
    yield
    services.stopping.clear()
