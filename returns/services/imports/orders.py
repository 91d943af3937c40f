"""Reading an order report: orders and their lines, as they were bought; stubs are filled in."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import BinaryIO

from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from ...actors import Actor
from ...models import Buyer, MarketplaceSettings, Order, OrderItem, ReturnItem, ReturnRequest, Seller
from ...models.runs import FileKind
from ...reports import OrderRow, RefusedRow, read_orders
from ...reports.tables import header_name
from ..moves import search_text, write_search_texts
from .buying import BUYER_COLUMNS, LINE_COLUMNS, ORDER_COLUMNS, Purchase
from .runs import Journal, Summary, read_file


def import_orders(
    actor: Actor, *, file: BinaryIO, name: str, dry_run: bool = False, journal: Journal | None = None
) -> Summary:
    """Read an order report, either of the two. Raises `UnreadableFile`, having written nothing, for others.

    `actor` is `Actor.marketplace(seller)`. `name` is shown to people. A dry run counts the same and writes
    nothing. An order that the marketplace ships is not the seller's: its rows are refused.
    """

    def store(seller: Seller, rows: dict[str, list[OrderRow]], summary: Summary) -> None:
        for purchase in _store(seller, rows):
            summary.count(purchase.rows, new=purchase.new, changed=purchase.changed)

    return read_file(
        actor,
        read_orders(file),
        kind=FileKind.ORDERS,
        row_type=OrderRow,
        part_of=lambda row: row.sku or row.asin,
        refusal_of=_refusal_of,
        store=store,
        file=file,
        name=name,
        dry_run=dry_run,
        journal=journal,
    )


def _refusal_of(row: OrderRow) -> RefusedRow | None:
    if row.is_sellers:
        return None
    column = next(name for name in row.reported if header_name(name) == "fulfillment-channel")
    return RefusedRow(
        row.line,
        column,
        _("The marketplace ships this order, so its returns do not come to you. Leave it out."),
    )


def _store(seller: Seller, rows: dict[str, list[OrderRow]]) -> list[Purchase]:
    """Compare and write. What is the same as here is not locked; the rest is locked and compared again."""
    settings = MarketplaceSettings.load()
    settled: list[Purchase] = []
    differing: list[Purchase] = []
    new: list[Purchase] = []
    for purchase in _purchases(seller, rows, settings):
        if purchase.order.pk is None:
            new.append(purchase)
        elif purchase.writes:
            differing.append(purchase)
        else:
            settled.append(purchase)
    changed: list[Purchase] = []
    if differing:
        # Requests first, then lines, as everywhere: a name that changes is written to the requests too.
        orders = [purchase.order for purchase in differing]
        requests = ReturnRequest.objects.filter(order__in=orders).select_for_update(of=("self",))
        list(requests.order_by("pk").values_list("pk"))
        list(OrderItem.objects.filter(order__in=orders).select_for_update().order_by("pk").values_list("pk"))
        numbers = [order.order_number for order in orders]
        changed = _purchases(seller, {number: rows[number] for number in numbers}, settings)
    _write(new, changed)
    return settled + changed + new


def _purchases(
    seller: Seller, rows: dict[str, list[OrderRow]], settings: MarketplaceSettings
) -> list[Purchase]:
    orders = {
        order.order_number: order
        for order in Order.objects.filter(seller=seller, order_number__in=list(rows)).select_related("buyer")
    }
    lines: dict[int, list[OrderItem]] = defaultdict(list)
    for line in OrderItem.objects.filter(order__in=list(orders.values())).order_by("pk"):
        lines[line.order_id].append(line)
    refunded = dict(
        ReturnItem.objects.filter(order_item__order__in=list(orders.values()), reported_refund_minor__gt=0)
        .values_list("order_item_id")
        .annotate(Sum("reported_refund_minor"))
    )
    purchases = []
    for number, order_rows in rows.items():
        order = orders.get(number)
        if order is None:
            order = Order(seller=seller, order_number=number)
            Buyer(order=order)
        purchases.append(Purchase(order, lines[order.pk], order_rows, settings=settings, refunded=refunded))
    return purchases


def _write(new: Sequence[Purchase], changed: Sequence[Purchase]) -> None:
    bought = [purchase for purchase in new if purchase.is_bought]
    Order.objects.bulk_create(purchase.order for purchase in bought)
    Buyer.objects.bulk_create(purchase.buyer for purchase in bought)
    Order.objects.bulk_update(
        [purchase.order for purchase in changed if purchase.is_order_changed], ORDER_COLUMNS
    )
    Buyer.objects.bulk_update(
        [purchase.buyer for purchase in changed if purchase.is_buyer_changed], BUYER_COLUMNS
    )
    OrderItem.objects.bulk_create(line for purchase in [*bought, *changed] for line in purchase.new_lines)
    OrderItem.objects.bulk_update(
        [line for purchase in changed for line in purchase.changed_lines], LINE_COLUMNS
    )
    _rename(purchase.order for purchase in changed)


def _rename(orders: Iterable[Order]) -> None:
    """Requests are found by the names that an order has now."""
    items: dict[ReturnRequest, list[OrderItem]] = defaultdict(list)
    for item in (
        ReturnItem.objects.filter(request__order__in=list(orders))
        .select_related("order_item", "request__order__buyer")
        .order_by("ordinal", "pk")
    ):
        items[item.request].append(item.order_item)
    texts = {
        request.pk: search_text(request.order, lines, request.rma_number, request.merchant_rma)
        for request, lines in items.items()
    }
    write_search_texts(
        {request.pk: texts[request.pk] for request in items if texts[request.pk] != request.search_text}
    )
