"""A seller's orders: what was bought and paid, which units requests hold, and those requests."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, TypedDict

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from .. import policy
from ..actors import Actor
from ..addresses import email_hash
from ..exceptions import NotFound
from ..models import Buyer, MarketplaceSettings, Order, OrderItem, ReturnRequest
from .lists import position_in
from .seller_pages import place_of

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    class _Placed(TypedDict):
        placed: datetime

    PlacedOrders = QuerySet[WithAnnotations[Order, _Placed]]

PAGE = 50
LOOKED_THROUGH = 2_000  # orders at a time, when words are looked for: no index knows them


@dataclass(frozen=True, slots=True)
class OrderRow:
    """`ordered`: a moment, or a day where the file gave no time; None where none said it."""

    order: Order
    ordered: datetime | date | None
    buyer_name: str
    place: str
    lines: list[OrderItem]
    requests: list[ReturnRequest]

    @property
    def units(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def units_held(self) -> int:
        return sum(line.units_held for line in self.lines)


@dataclass(frozen=True, slots=True)
class OrderPage:
    """Up to `PAGE` orders and the cursor of the next ones, empty at the end.

    `since`: the oldest order that was looked at, where there are older ones in which words were not looked for yet.
    """

    rows: list[OrderRow]
    next_cursor: str
    since: datetime | None = None


def list_orders(actor: Actor, *, q: str = "", cursor: str = "") -> OrderPage:
    """One page of the actor's orders, newest first. `q`: an order number or e-mail address as it is, else words of
    an order number, a buyer's name, a SKU or a title.
    """
    orders = newest_first(Order.objects.for_actor(actor))
    known = orders.filter(_named(q)) if q else orders
    # By their own indexes; only words that name no order are looked for, in some orders at a time.
    has_words = bool(q) and not known.exists()
    orders = _after(orders if has_words else known, cursor)
    looked_at = list(orders.values_list("placed", "pk")[:LOOKED_THROUGH]) if has_words else []
    if has_words:
        orders = orders.filter(_with_words(q, [pk for _placed, pk in looked_at]))
        if looked_at:  # where the index of the order may end
            orders = orders.filter(placed__gte=looked_at[-1][0])
    found = list(orders.select_related("buyer")[: PAGE + 1])
    if len(found) > PAGE:
        return OrderPage(_rows(actor, found[:PAGE]), _cursor(found[PAGE - 1].placed, found[PAGE - 1].pk))
    if len(looked_at) == LOOKED_THROUGH:
        return OrderPage(_rows(actor, found), _cursor(*looked_at[-1]), since=looked_at[-1][0])
    return OrderPage(_rows(actor, found), "")


def _after(orders: "PlacedOrders", cursor: str) -> "PlacedOrders":
    position = position_in(cursor)
    if position is None:
        return orders
    placed, pk = position
    return orders.filter(placed__lte=placed).filter(Q(placed__lt=placed) | Q(pk__lt=pk))


def _cursor(placed: datetime, pk: int) -> str:
    return f"{placed.isoformat()}~{pk}"


def get_order(actor: Actor, reference: str) -> OrderRow:
    """One order that the actor may see; else `NotFound`."""
    order = Order.objects.for_actor(actor).filter(reference=reference).select_related("buyer").first()
    if order is None:
        raise NotFound(_("This page does not exist, or it is not yours."))
    return _rows(actor, [order])[0]


def newest_first(orders: QuerySet[Order]) -> "PlacedOrders":
    """The orders in the index's order: by the moment `placed`, or when they came where no file gave one."""
    return orders.annotate(placed=Coalesce("ordered_at", "created_at")).order_by("-placed", "-pk")


def _named(q: str) -> Q:
    number = q.strip("#")
    named = Q(order_number__in=(number, f"#{number}"))
    if "@" in q:
        of_buyer = Buyer.objects.filter(email_hash=email_hash(q))
        named |= Q(pk__in=of_buyer.values("order_id"))
    return named


def _with_words(q: str, ids: Sequence[int]) -> Q:
    """Those of the orders `ids` that have these words. Given one by one, as PostgreSQL else reads the lines of all."""
    lines = OrderItem.objects.filter(order_id__in=ids).filter(Q(sku__icontains=q) | Q(title__icontains=q))
    return Q(pk__in=ids) & (
        Q(order_number__icontains=q) | Q(buyer__name__icontains=q) | Q(pk__in=lines.values("order_id"))
    )


def _rows(actor: Actor, orders: Sequence[Order]) -> list[OrderRow]:
    """What stands in a page's rows, read at once for all of them."""
    ids = [order.pk for order in orders]
    lines: defaultdict[int, list[OrderItem]] = defaultdict(list)
    for line in OrderItem.objects.filter(order_id__in=ids).order_by("pk"):
        lines[line.order_id].append(line)
    requests: defaultdict[int, list[ReturnRequest]] = defaultdict(list)
    asked = ReturnRequest.objects.for_actor(actor).filter(order_id__in=ids)
    shown = asked.only("order_id", "reference", "rma_number", "status", "requested_at")
    for request in shown.order_by("-requested_at", "-pk"):
        requests[request.order_id].append(request)
    zone = MarketplaceSettings.load().time_zone
    return [
        OrderRow(
            order=order,
            ordered=_ordered(order, zone),
            buyer_name=order.buyer.name,
            place=place_of(order),
            lines=lines[order.pk],
            requests=requests[order.pk],
        )
        for order in orders
    ]


def _ordered(order: Order, zone: str) -> datetime | date | None:
    if order.ordered_at is None or order.ordered_has_time:
        return order.ordered_at
    return policy.local_day(order.ordered_at, zone)
