"""Log lines say what happened and where, and nothing about people."""

import json
import logging
import sys
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from notifications import tasks
from returns_portal.logging import JsonFormatter, RequestIdMiddleware

CANARY = "canary-7f3a"


def line(record: logging.LogRecord) -> dict[str, Any]:
    return json.loads(JsonFormatter().format(record))


def record(name: str, message: str, *arguments: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.WARNING, __file__, 1, message, arguments, None)
    for key, value in extra.items():
        setattr(made, key, value)
    return made


def test_a_line_of_ours_is_written_as_meant() -> None:
    said = line(record("notifications.services", "Sent %d messages.", 3, fields={"parked": 1}))
    assert said["message"] == "Sent 3 messages."
    assert (said["level"], said["logger"], said["parked"]) == ("WARNING", "notifications.services", 1)
    assert said["time"].endswith("+00:00")


def test_a_library_shows_its_template_and_none_of_its_arguments() -> None:
    said = JsonFormatter().format(record("django.request", "Not Found: %s", f"/my/link/{CANARY}/"))
    assert "Not Found: %s" in said
    assert CANARY not in said


def test_an_exception_is_named_and_placed_but_not_quoted() -> None:
    try:
        raise ValueError(CANARY)
    except ValueError:
        made = record("returns.services", "Refused.")
        made.exc_info = sys.exc_info()
    said = line(made)
    assert said["exception"] == "builtins.ValueError"
    assert said["stack"][0].startswith(__file__)
    assert CANARY not in json.dumps(said)


def test_an_address_never_gets_through() -> None:
    assert "[address]" in JsonFormatter().format(record("returns", "For %s.", "dora@demo.test"))


@pytest.mark.django_db
def test_a_request_has_one_line_with_its_route_and_without_its_path(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        response = client.get("/accounts/password/reset/key/abc-canary/?q=dora@demo.test")
    (made,) = [made for made in caplog.records if made.name == "returns_portal.logging"]
    said = line(made)
    assert said["route"].startswith("accounts/")
    assert said["status"] == response.status_code
    assert "canary" not in json.dumps([line(made) for made in caplog.records])
    assert "dora" not in json.dumps([line(made) for made in caplog.records])


def test_lines_of_one_request_share_the_id_that_its_answer_carries(rf: RequestFactory) -> None:
    seen = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(line(record("returns.services", "Closed."))["request_id"])
        return HttpResponse()

    answers = [RequestIdMiddleware(view)(rf.get("/")) for _ in range(2)]
    assert [answer["X-Request-ID"] for answer in answers] == seen
    assert seen[0] != seen[1]
    assert line(record("returns.services", "Later."))["request_id"] == ""


@pytest.mark.django_db
def test_a_task_that_ran_leaves_no_line_and_one_that_failed_does(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks.relay_events.apply(throw=True)
    assert not [made for made in caplog.records if made.name.startswith("celery")]
    assert not logging.getLogger("celery.worker.strategy").isEnabledFor(logging.INFO)
    monkeypatch.setattr(tasks.relay_events, "run", lambda: 1 / 0)
    tasks.relay_events.apply()
    assert [made.levelname for made in caplog.records if made.name == "celery.app.trace"] == ["ERROR"]
