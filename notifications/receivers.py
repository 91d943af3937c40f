"""Rings the doorbell when the ledger has something new."""

from django.dispatch import receiver

from returns.signals import events_written

from .doorbell import ring


@receiver(events_written, dispatch_uid="notifications.doorbell")
def ring_for_events(**_: object) -> None:
    """Sent after commit. A ring that is lost only costs the time until the next look."""
    ring("notifications.relay_events")
