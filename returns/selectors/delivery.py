"""What is known of an order's delivery, for a buyer whose order has not come."""

from dataclasses import dataclass
from datetime import date, timedelta

from .. import policy
from ..actors import Actor
from ..models import MarketplaceSettings, Order, OrderItem, ReturnRequest
from ..models.clock import database_now


@dataclass(frozen=True, slots=True)
class Delivery:
    """`delivered_date` is the carrier's; `expected_date` the latest promise, else what orders usually take.
    `may_still_come`: the expected day is not over.
    """

    order: Order
    delivered_date: date | None
    expected_date: date | None
    may_still_come: bool
    lines: list[OrderItem]
    requests: list[ReturnRequest]


def delivery_of(actor: Actor, reference: str) -> Delivery:
    """The actor's order, its lines, and its requests, newest first."""
    order = Order.objects.for_actor(actor).select_related("seller").get(reference=reference)
    rules = MarketplaceSettings.load().rules_for(order.seller, order.ordered_at)
    expected = order.estimated_delivery_date
    if expected is None and order.ordered_at is not None:
        ordered = policy.local_day(order.ordered_at, rules.time_zone)
        expected = ordered + timedelta(days=rules.estimated_delivery_days)
    today = policy.local_day(database_now(), rules.time_zone)
    return Delivery(
        order=order,
        delivered_date=order.delivered_date,
        expected_date=expected,
        may_still_come=order.delivered_date is None and expected is not None and today <= expected,
        lines=list(order.items.order_by("pk")),
        requests=list(ReturnRequest.objects.for_actor(actor).filter(order=order).order_by("-requested_at")),
    )
