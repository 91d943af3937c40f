"""The order lines that the rows of a returns report are about, and the units their requests hold."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from ...models import MarketplaceSettings, Order, OrderItem, ReturnItem
from ...reports import ReturnRow
from ...reports.values import MAX_QUANTITY
from .matching import is_same_product

# Whose word an order line's paid amounts are: a returns report's, or an order report's.
FROM_RETURNS, FROM_ORDERS = "file", "orders"

# What a returns report may write of a line that exists; never its held units or refunds.
COLUMNS = (
    "sku",
    "asin",
    "title",
    "category",
    "not_returnable_mark",
    "quantity",
    "is_quantity_known",
    "currency",
    "item_paid_minor",
    "paid_source",
)


class Lines:
    """The lines of one order: found for a row, made where there is none, told what the row knows of them."""

    def __init__(self, order: Order, lines: Iterable[OrderItem], settings: MarketplaceSettings) -> None:
        self.order = order
        self.new: list[OrderItem] = []
        self._lines = list(lines)
        self._settings = settings
        self._changed: dict[int, OrderItem] = {}
        self._taken: Counter[int] = Counter()

    @property
    def changed(self) -> list[OrderItem]:
        """The lines that exist and have to be written again."""
        fresh = {id(line) for line in self.new}
        return [line for place, line in self._changed.items() if place not in fresh]

    def of(self, row: ReturnRow) -> OrderItem:
        """The line of this row: by order item id where both have it, else by SKU, the one with most left."""
        alike = []
        for line in self._lines:
            if row.order_item_id and line.has_item_id:
                if line.line_key == row.order_item_id:
                    return line
            elif is_same_product(line, row):
                alike.append(line)
        return max(alike, key=self.free) if alike else self._make(row)

    def _make(self, row: ReturnRow) -> OrderItem:
        line = OrderItem(
            seller_id=self.order.seller_id,
            order=self.order,
            line_key=unused_key(row.line_key, self._lines),
            has_item_id=bool(row.order_item_id),
            sku=row.sku,
            quantity=row.quantity,
            is_quantity_known=False,
            not_returnable_mark=self._settings.not_returnable_mark(row.sku, "", self.order.ordered_at),
        )
        self._lines.append(line)
        self.new.append(line)
        return line

    def learn(self, line: OrderItem, row: ReturnRow) -> bool:
        """Fill in what is not known of the line; answers whether something was.

        An order report knows better: nothing that it said is replaced. What only returns reports said of a
        stub grows, so that it does not matter in which order they are read.
        """
        learned: dict[str, Any] = {
            column: word
            for column in ("sku", "asin", "title", "category", "currency")
            if (word := getattr(row, column)) and not getattr(line, column)
        }
        if "category" in learned and not line.not_returnable_mark:
            learned["not_returnable_mark"] = self._settings.not_returnable_mark(
                line.sku, row.category, self.order.ordered_at
            )
        if row.order_amount is not None and has_currency_of(line, row):
            paid = line.item_paid_minor
            is_ours_to_say = self.order.is_stub and line.paid_source == FROM_RETURNS
            if paid is None or (is_ours_to_say and row.order_amount > paid):
                learned |= {"item_paid_minor": row.order_amount, "paid_source": FROM_RETURNS}
        if not line.is_quantity_known and row.order_quantity:
            learned |= {"quantity": max(row.order_quantity, line.units_held), "is_quantity_known": True}
        elif not line.is_quantity_known or (self.order.is_stub and row.order_quantity):
            learned["quantity"] = max(line.quantity, row.order_quantity or row.quantity)
        return self._set(line, learned)

    def cover_refunds(self, line: OrderItem, refunded: int) -> bool:
        """Paid is at least what the file says was refunded of the line, added up over its returns."""
        if line.item_paid_minor is None:
            return False
        paid = line.item_paid_minor + (line.tax_paid_minor or 0) + (line.shipping_paid_minor or 0)
        if refunded <= paid:
            return False
        raised = line.item_paid_minor + refunded - paid
        return self._set(line, {"item_paid_minor": raised, "paid_source": FROM_RETURNS})

    def free(self, line: OrderItem) -> int:
        return line.free - self._taken[id(line)]

    def hold(self, item: ReturnItem, *, before: int, wanted: int) -> int:
        """How many units the item holds from now on: `wanted`, or what is free for it, down to nothing.

        Where nobody knows how many were bought, it were at least as many as come back.
        """
        line = item.order_item
        missing = wanted - before - self.free(line)
        if missing > 0 and not line.is_quantity_known:
            self._set(line, {"quantity": min(line.quantity + missing, MAX_QUANTITY)})
        held = min(wanted, before + max(self.free(line), 0))
        self._taken[id(line)] += held - before
        return held

    def _set(self, line: OrderItem, columns: dict[str, Any]) -> bool:
        changed = {column: value for column, value in columns.items() if getattr(line, column) != value}
        for column, value in changed.items():
            setattr(line, column, value)
        if changed:
            self._changed[id(line)] = line
        return bool(changed)


def has_currency_of(line: OrderItem, row: ReturnRow) -> bool:
    """Amounts of the row count in the line's currency; what has no currency takes the other's."""
    return not row.currency or not line.currency or row.currency == line.currency


def unused_key(key: str, lines: Iterable[OrderItem]) -> str:
    """`key`, unless a line of another kind has it already: an order item id may look like another's SKU."""
    taken = {line.line_key for line in lines}
    free, number = key, 1
    while free in taken:
        number += 1
        free = f"{key[:90]} ({number})"
    return free
