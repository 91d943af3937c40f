"""Thin doors for workers; the loop of `manage.py deliver` runs the same ones without a broker."""

from celery import shared_task

from . import services
from .doorbell import ring


@shared_task(name="notifications.relay_events")
def relay_events() -> None:
    if services.relay_events():
        ring(deliver_messages.name)


@shared_task(name="notifications.deliver_messages")
def deliver_messages() -> None:
    """A drain that has used up its time rings for the next."""
    if services.deliver_messages():
        ring(deliver_messages.name)


@shared_task(name="notifications.send_closure_message")
def send_closure_message(event_id: int) -> None:
    services.send_closure_message(event_id)


@shared_task(name="notifications.notify_seller_of_buyer_closure")
def notify_seller_of_buyer_closure(event_id: int) -> None:
    services.notify_seller_of_buyer_closure(event_id)
