"""The broker only hurries: ringing never waits for it, and nothing is lost without it."""

import logging
import time
from collections.abc import Iterator

import pytest
from celery import current_app
from kombu import pools

from notifications import doorbell, receivers, tasks
from notifications.doorbell import ring
from notifications.models import Message
from returns.signals import events_written
from tests.factories import Cast, make_order, open_request
from tests.services import Redis, free_port, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def broker(settings: pytest.FixtureRequest) -> Iterator[None]:
    """Celery as it is with a broker; `settings.CELERY_BROKER_URL` says where."""
    before = current_app.conf.broker_url
    settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{free_port()}/0"
    current_app.conf.broker_url = settings.CELERY_BROKER_URL
    yield
    current_app.conf.broker_url = before
    pools.reset()
    current_app._pool = None
    current_app.amqp._producer_pool = None


def at(redis: Redis, settings: pytest.FixtureRequest) -> None:
    settings.CELERY_BROKER_URL = redis.url
    current_app.conf.broker_url = redis.url


def queued(redis: Redis) -> int:
    import redis as client

    with client.Redis(port=redis.port) as connection:
        return connection.llen("returns:returns")


def test_without_a_broker_nobody_is_rung(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "_publish", lambda *_: pytest.fail("published without a broker"))
    assert ring("notifications.relay_events") is False


def test_a_new_event_rings_after_its_commit(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: object
) -> None:
    rung: list[str] = []
    monkeypatch.setattr(receivers, "ring", rung.append)
    open_request(make_order(cast.north_lane, country="CA"))
    assert set(rung) == {"notifications.relay_events"}


def test_the_ring_reaches_the_broker(
    redis_server: Redis, broker: None, settings: pytest.FixtureRequest
) -> None:
    at(redis_server, settings)
    redis_server.flush()
    events_written.send(sender=None)
    wait_until(lambda: queued(redis_server) == 1, what="the task is queued")


def test_a_broker_that_refuses_costs_little_and_is_left_alone_for_a_while(
    broker: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    begun = time.monotonic()
    assert ring("notifications.relay_events") is False
    assert time.monotonic() - begun < 0.1
    begun = time.monotonic()
    for _click in range(100):
        assert ring("notifications.relay_events") is False
    assert time.monotonic() - begun < 0.05
    assert len(caplog.records) == 1


def test_a_broker_that_is_frozen_costs_half_a_second_once(
    redis_server: Redis, broker: None, settings: pytest.FixtureRequest
) -> None:
    at(redis_server, settings)
    redis_server.freeze()
    try:
        begun = time.monotonic()
        assert ring("notifications.relay_events") is False
        assert ring("notifications.relay_events") is False
        assert time.monotonic() - begun < 0.5
    finally:
        redis_server.thaw()


def test_a_broker_that_is_back_is_rung_again_when_the_breaker_closes(
    redis_server: Redis, broker: None, settings: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(redis_server, settings)
    assert ring("notifications.relay_events") is True
    redis_server.stop()
    assert ring("notifications.relay_events") is False
    redis_server.start()
    assert ring("notifications.relay_events") is False
    monkeypatch.setattr(doorbell, "_quiet_until", time.monotonic())
    assert ring("notifications.relay_events") is True


def test_a_relay_rings_for_the_delivery_only_if_there_is_something(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[str] = []
    monkeypatch.setattr(tasks, "ring", rung.append)
    tasks.relay_events.apply(throw=True)
    assert rung == []
    open_request(make_order(cast.north_lane, country="CA"))
    tasks.relay_events.apply(throw=True)
    assert rung == ["notifications.deliver_messages"]
    assert Message.objects.exists()


def test_a_drain_that_ran_out_of_time_rings_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[str] = []
    monkeypatch.setattr(tasks, "ring", rung.append)
    for is_more in (True, False):
        monkeypatch.setattr(tasks.services, "deliver_messages", lambda is_more=is_more: is_more)
        tasks.deliver_messages.apply(throw=True)
    assert rung == ["notifications.deliver_messages"]


@pytest.mark.parametrize(
    "name",
    [
        "notifications.relay_events",
        "notifications.deliver_messages",
        "notifications.send_closure_message",
        "notifications.notify_seller_of_buyer_closure",
    ],
)
def test_the_tasks_have_the_names_that_readers_look_for(name: str) -> None:
    assert name in current_app.tasks
