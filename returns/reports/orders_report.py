"""The order reports: who bought what. Two of the marketplace's reports, told apart by their headers."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from django.utils.translation import gettext_lazy as _

from ..exceptions import UnreadableFile
from . import values
from .kinds import refuse_all_but_orders
from .reading import Source
from .rows import Field, Fields, Money, RawReport, read_rows
from .tables import Table
from .values import Moment, RefusedRow

_key = partial(values.key, limit=100)
_words = values.words(100)
FIELDS: Fields = {
    "order_id": Field(("amazon-order-id", "order-id"), values.order_id, is_required=True),
    "order_item_id": Field(("order-item-id",), _key),
    "ordered": Field(("purchase-date",), values.required_moment, is_required=True),
    "promised": Field(("promise-date",), values.moment),
    "order_status": Field(("order-status",), _words),
    "item_status": Field(("item-status",), _words),
    "fulfillment_channel": Field(("fulfillment-channel",), _words),
    "sales_channel": Field(("sales-channel",), _words),
    "sku": Field(("sku",), _key, is_required=True),
    "asin": Field(("asin",), values.words(20)),
    "title": Field(("product-name",), values.words(500)),
    "quantity": Field(
        ("quantity", "quantity-purchased"), partial(values.required_quantity, at_least=0), is_required=True
    ),
    "currency": Field(("currency",), partial(values.code, length=3)),
    "item_price": Field(("item-price",), Money.AMOUNT),
    "item_tax": Field(("item-tax",), Money.AMOUNT),
    "shipping_price": Field(("shipping-price",), Money.AMOUNT),
    "shipping_tax": Field(("shipping-tax",), Money.AMOUNT),
    "gift_wrap_price": Field(("gift-wrap-price",), Money.AMOUNT),
    "gift_wrap_tax": Field(("gift-wrap-tax",), Money.AMOUNT),
    "item_discount": Field(("item-promotion-discount",), Money.DISCOUNT),
    "shipping_discount": Field(("ship-promotion-discount",), Money.DISCOUNT),
    "buyer_email": Field(("buyer-email",), values.words(254)),
    "recipient_name": Field(("recipient-name",), values.words(200)),
    "city": Field(("ship-city",), _words),
    "country": Field(("ship-country",), partial(values.code, length=2)),
    "is_business": Field(("is-business-order",), values.boolean),
    "is_prime": Field(("is-prime",), values.boolean),
}


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One line of one order, as the marketplace reports it.

    Amounts are minor units of `currency` for the whole line, whatever its quantity; None is unknown. A
    discount is not negative. `quantity` is 0 for a line that was cancelled before it shipped: nothing of it
    can be returned. `reported` holds every column as read, under the header's own spelling.
    """

    line: int
    order_id: str
    order_item_id: str
    ordered: Moment
    promised: Moment | None
    order_status: str
    item_status: str
    fulfillment_channel: str
    sales_channel: str
    sku: str
    asin: str
    title: str
    quantity: int
    currency: str
    item_price: int | None
    item_tax: int | None
    shipping_price: int | None
    shipping_tax: int | None
    gift_wrap_price: int | None
    gift_wrap_tax: int | None
    item_discount: int | None
    shipping_discount: int | None
    buyer_email: str
    recipient_name: str
    city: str
    country: str
    is_business: bool | None
    is_prime: bool | None
    reported: dict[str, str]

    @property
    def is_cancelled(self) -> bool:
        """The line or its whole order was cancelled."""
        return any(word.casefold() in _CANCELLED for word in (self.item_status, self.order_status))

    @property
    def is_sellers(self) -> bool:
        """The seller ships it; what the marketplace ships from its own warehouse is not ours."""
        return self.fulfillment_channel.casefold() not in _MARKETPLACE_CHANNELS

    @property
    def line_key(self) -> str:
        """What tells the lines of an order apart: the order item id, else the SKU, else the ASIN."""
        return self.order_item_id or self.sku or self.asin


_CANCELLED = frozenset({"cancelled", "canceled"})
_MARKETPLACE_CHANNELS = frozenset({"amazon", "afn"})


class OrdersReport:
    """The rows of one order report; `row_count`, rows to refuse included, is known before they are read."""

    def __init__(self, rows: RawReport) -> None:
        self._rows = rows
        self.row_count = rows.row_count

    def __iter__(self) -> Iterator[OrderRow | RefusedRow]:
        return read_rows(self._rows, FIELDS, OrderRow)


def read_orders(file: BinaryIO) -> OrdersReport:
    """The order report in `file`, either of the two; the file stays open, and is read again when iterated.

    Raises `UnreadableFile` for everything else.
    """
    source = Source(file)
    if source.is_xml:
        raise UnreadableFile(
            _(
                "This is an XML file, not an order report. "
                "Import the order report as the marketplace gives it, as text."
            )
        )
    return OrdersReport(Table(source, FIELDS, refuse_all_but_orders))
