"""What an order report says of one order, against what is here."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from ...addresses import deliverable_address, email_hash
from ...models import Buyer, MarketplaceSettings, Order, OrderItem
from ...policy import local_day
from ...reports import OrderRow
from ...reports.values import MAX_QUANTITY
from .lines import FROM_ORDERS, FROM_RETURNS, unused_key
from .matching import is_same_product
from .runs import ids

ORDER_COLUMNS = (
    "ordered_at",
    "ordered_has_time",
    "estimated_delivery_date",
    "country",
    "is_business",
    "is_stub",
)
BUYER_COLUMNS = ("name", "email", "email_hash", "city")
LINE_COLUMNS = (
    "line_key",
    "has_item_id",
    "sku",
    "asin",
    "title",
    "quantity",
    "is_quantity_known",
    "currency",
    "item_paid_minor",
    "tax_paid_minor",
    "shipping_paid_minor",
    "paid_source",
)
PARTS = ("item", "tax", "shipping")
Parts = dict[str, int | None]


class Purchase:
    """The rows of one order, put to the order, its buyer and its lines. Plans, and writes nothing.

    `refunded`: what returns reports say was refunded, by line id, in minor units.
    """

    def __init__(
        self,
        order: Order,
        lines: Iterable[OrderItem],
        rows: Sequence[OrderRow],
        *,
        settings: MarketplaceSettings,
        refunded: Mapping[int, int],
    ) -> None:
        self.order = order
        self.buyer: Buyer = order.buyer
        self.rows = rows
        self.lines = list(lines)
        self.new_lines: list[OrderItem] = []
        self.changed_lines: list[OrderItem] = []
        self.new: set[int] = set()
        self.changed: set[int] = set()
        self._settings = settings
        self._refunded = refunded
        # What was cancelled before it shipped cannot come back.
        bought = [row for row in rows if row.quantity and not row.is_cancelled]
        self.is_bought = bool(bought)
        self.is_order_changed = self.is_buyer_changed = False
        if not bought:
            return
        self.is_order_changed = _set(order, self._of_order(bought))
        self.is_buyer_changed = _set(self.buyer, self._of_buyer(bought))
        products: dict[str, list[OrderRow]] = defaultdict(list)
        for row in bought:
            products[row.sku or row.asin].append(row)
        for product_rows in products.values():
            groups = _of_each_line(product_rows)
            said = [max(group, key=_how_much) for group in groups]
            self._compare(said)
            for row, group in zip(said, groups, strict=True):
                for counted in (self.new, self.changed):
                    if id(row) in counted:
                        counted.update(ids(group))
        if (self.is_order_changed or self.is_buyer_changed) and not self.new | self.changed:
            self.changed |= ids(bought)

    @property
    def writes(self) -> bool:
        return bool(self.is_order_changed or self.is_buyer_changed or self.new_lines or self.changed_lines)

    def _of_order(self, rows: Sequence[OrderRow]) -> dict[str, Any]:
        order, zone = self.order, ZoneInfo(self._settings.time_zone)
        ordered = min(
            (row.ordered for row in rows), key=lambda moment: (moment.instant(zone), moment.at is None)
        )
        columns: dict[str, Any] = {"is_stub": False}
        if order.is_stub or order.ordered_at is None or (ordered.at and not order.ordered_has_time):
            columns |= {"ordered_at": ordered.instant(zone), "ordered_has_time": ordered.at is not None}
        # The window counts from the latest day that the buyer was promised.
        promised = [local_day(row.promised.instant(zone), zone.key) for row in rows if row.promised]
        if promised:
            columns["estimated_delivery_date"] = max(
                [*promised, order.estimated_delivery_date or promised[0]]
            )
        if not order.country:
            columns["country"] = _first(row.country for row in rows)
        if any(row.is_business for row in rows):
            columns["is_business"] = True
        return columns

    def _of_buyer(self, rows: Sequence[OrderRow]) -> dict[str, Any]:
        """The first name and address that any file had; later ones change nothing."""
        columns: dict[str, Any] = {}
        if not self.buyer.name:
            columns["name"] = _first(row.recipient_name for row in rows)
        if not self.buyer.city:
            columns["city"] = _first(row.city for row in rows)
        if not self.buyer.email:
            email = _first(deliverable_address(row.buyer_email.strip()) for row in rows)
            columns |= {"email": email, "email_hash": email_hash(email)}
        return columns

    # --- Lines

    def _compare(self, rows: list[OrderRow]) -> None:
        """The rows of one product: by order item id where both have it, else all lines of it together."""
        by_id = {line.line_key: line for line in self.lines if line.has_item_id}
        rest = []
        for row in rows:
            if row.order_item_id in by_id:
                self._update([by_id[row.order_item_id]], [row])
            else:
                rest.append(row)
        if not rest:
            return
        has_ids = any(row.order_item_id for row in rest)
        alike = [
            line
            for line in self.lines
            if is_same_product(line, rest[0]) and not (has_ids and line.has_item_id)
        ]
        if not alike:
            for group in _by_id(rest):
                self._make(group)
        elif has_ids and self._may_split(alike[0], rest):
            self._split(alike[0], _by_id(rest))
        else:
            self._update(alike, rest, keeps_quantity=has_ids)

    def _make(self, rows: Sequence[OrderRow]) -> None:
        first = rows[0]
        line = OrderItem(
            seller_id=self.order.seller_id,
            order=self.order,
            line_key=unused_key(first.line_key, self.lines),
            has_item_id=bool(first.order_item_id),
            quantity=0,
            not_returnable_mark=self._settings.not_returnable_mark(first.sku, "", self.order.ordered_at),
        )
        self.lines.append(line)
        self.new_lines.append(line)
        self.new |= ids(rows)
        self._fill(line, rows, sum(row.quantity for row in rows), _paid(rows))

    def _may_split(self, line: OrderItem, rows: Sequence[OrderRow]) -> bool:
        """Do the rows with ids add up to this line, and can one of them bear all the units held on it?"""
        bought = sum(row.quantity for row in rows)
        agrees = line.quantity == bought or not line.is_quantity_known
        return agrees and any(line.units_held <= row.quantity for row in rows)

    def _split(self, line: OrderItem, groups: list[list[OrderRow]]) -> None:
        """The line gets the first id whose row can bear its units; the other ids get lines of their own."""
        bearing = next(
            (group for group in groups if line.units_held <= sum(row.quantity for row in group)), groups[0]
        )
        first = bearing[0]
        if first.order_item_id:
            key = unused_key(first.order_item_id, [other for other in self.lines if other is not line])
            _set(line, {"line_key": key, "has_item_id": True})
            self._note(line, bearing)
        if self._fill(line, bearing, sum(row.quantity for row in bearing), _paid(bearing)):
            self._note(line, bearing)
        for group in groups:
            if group is not bearing:
                self._make(group)

    def _update(
        self, lines: Sequence[OrderItem], rows: Sequence[OrderRow], *, keeps_quantity: bool = False
    ) -> None:
        """Lines of one product get what the rows say of all of them: quantities add up, amounts are shared.

        `keeps_quantity`: rows that name other lines than ours may add to what was bought, not take from it.
        """
        bought = sum(row.quantity for row in rows)
        if keeps_quantity:
            bought = max(bought, sum(line.quantity for line in lines))
        quantities = _shared_quantities(lines, bought)
        amounts = _shared_amounts(_paid(rows), quantities)
        for line, quantity, paid in zip(lines, quantities, amounts, strict=True):
            if self._fill(line, rows, quantity, paid):
                self._note(line, rows)

    def _note(self, line: OrderItem, rows: Iterable[OrderRow]) -> None:
        if not any(line is other for other in [*self.changed_lines, *self.new_lines]):
            self.changed_lines.append(line)
        self.changed |= ids(rows)

    def _fill(self, line: OrderItem, rows: Sequence[OrderRow], quantity: int, paid: Parts) -> bool:
        """Set what the rows say of a line; answers whether anything changed."""
        columns: dict[str, Any] = {
            "quantity": max(min(quantity, MAX_QUANTITY), line.units_held),
            "is_quantity_known": True,
        }
        for column, words in (
            ("sku", (row.sku for row in rows)),
            ("asin", (row.asin for row in rows)),
            ("title", (row.title for row in rows)),
            ("currency", (row.currency for row in rows)),
        ):
            if not getattr(line, column):
                columns[column] = _first(words)
        currency = columns.get("currency", line.currency)
        if paid["item"] is not None and currency == _first(row.currency for row in rows):
            columns |= self._amounts(line, paid)
        return _set(line, columns)

    def _amounts(self, line: OrderItem, paid: Parts) -> dict[str, Any]:
        """The paid parts; never less than was refunded here, or than returns reports say was refunded."""
        parts: Parts = {}
        for part in PARTS:
            said, refunded = paid[part], getattr(line, f"{part}_refunded_minor")
            parts[part] = getattr(line, f"{part}_paid_minor") if said is None else max(said, refunded)
        missing = self._refunded.get(line.pk, 0) - sum(minor or 0 for minor in parts.values())
        if missing > 0:
            parts["item"] = (parts["item"] or 0) + missing
        source = FROM_RETURNS if missing > 0 else FROM_ORDERS
        return {f"{part}_paid_minor": minor for part, minor in parts.items()} | {"paid_source": source}


def _of_each_line(rows: Iterable[OrderRow]) -> list[list[OrderRow]]:
    """Each row with those that repeat its order item id: they say the same line again, and do not add up."""
    groups: dict[str, list[OrderRow]] = defaultdict(list)
    for row in rows:
        groups[row.order_item_id or f"\0{row.line}"].append(row)
    return list(groups.values())


def _how_much(row: OrderRow) -> tuple[int, ...]:
    return (row.quantity, *(amount or 0 for amount in (row.item_price, row.item_tax, row.shipping_price)))


def _by_id(rows: Iterable[OrderRow]) -> list[list[OrderRow]]:
    groups: dict[str, list[OrderRow]] = defaultdict(list)
    for row in rows:
        groups[row.order_item_id].append(row)
    return list(groups.values())


def _paid(rows: Sequence[OrderRow]) -> Parts:
    """What was paid for the rows together, by part, after discounts; None where no row knows it.

    Gift wrap counts with the item, the tax on shipping with the shipping. Rows in another currency than the
    first do not add up with it.
    """
    rows = [row for row in rows if row.currency == rows[0].currency]
    return {
        "item": _total(rows, "item_price", ("gift_wrap_price",), "item_discount"),
        "tax": _total(rows, "item_tax", ("gift_wrap_tax",)),
        "shipping": _total(rows, "shipping_price", ("shipping_tax",), "shipping_discount"),
    }


def _total(rows: Sequence[OrderRow], main: str, more: Sequence[str], discount: str = "") -> int | None:
    known = [row for row in rows if getattr(row, main) is not None]
    if not known:
        return None
    total = sum(getattr(row, column) or 0 for row in known for column in (main, *more))
    if discount:
        total -= sum(getattr(row, discount) or 0 for row in known)
    return max(total, 0)


def _shared_quantities(lines: Sequence[OrderItem], bought: int) -> list[int]:
    """`bought` units over the lines, changing as little as possible; each keeps one and what it holds."""
    quantities = [line.quantity for line in lines]
    missing = bought - sum(quantities)
    if missing > 0:
        quantities[0] += missing
    for place in reversed(range(len(quantities))):
        spare = quantities[place] - max(lines[place].units_held, 1)
        taken = min(max(-missing, 0), max(spare, 0))
        quantities[place] -= taken
        missing += taken
    return quantities


def _shared_amounts(paid: Parts, quantities: Sequence[int]) -> list[Parts]:
    """The amounts over lines of these quantities; what does not divide goes to the first."""
    total = sum(quantities)
    shares: list[Parts] = [{} for _quantity in quantities]
    for part, minor in paid.items():
        parts = [None if minor is None else minor * quantity // total for quantity in quantities]
        if minor is not None:
            parts[0] = (parts[0] or 0) + minor - sum(share or 0 for share in parts)
        for share, amount in zip(shares, parts, strict=True):
            share[part] = amount
    return shares


def _first(words: Iterable[str]) -> str:
    return next((word for word in words if word), "")


def _set(row: Any, columns: Mapping[str, Any]) -> bool:
    changed = {column: value for column, value in columns.items() if getattr(row, column) != value}
    for column, value in changed.items():
        setattr(row, column, value)
    return bool(changed)
