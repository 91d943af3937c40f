"""Which report a header belongs to, and a sentence to the person who chose the wrong file."""

from enum import Enum
from typing import BinaryIO

from django.utils.translation import gettext_lazy as _

from ..exceptions import UnreadableFile
from .reading import Source
from .tables import first_line, header_name

_MARKETPLACE_FULFILLED = frozenset(
    {"return-date", "fulfillment-center-id", "detailed-disposition", "license-plate-number"}
)
_RETURNS = frozenset({"return request date", "return request status"})
_ORDERS = frozenset(
    {"amazon-order-id", "payments-date", "quantity-purchased", "item-status", "purchase-date"}
)


class ReportKind(Enum):
    ORDERS = "orders"
    RETURNS = "returns"


def recognise(file: BinaryIO) -> ReportKind:
    """Which report `file` is, by its first line; XML is taken for a returns report, the only one there is in it.

    Reads no further. Raises `UnreadableFile` for what is no report that can be imported.
    """
    source = Source(file)
    if source.is_xml:
        return ReportKind.RETURNS
    names = frozenset(map(header_name, first_line(source).split("\t")))
    _refuse_marketplace_fulfilled(names)
    if names & _RETURNS:
        return ReportKind.RETURNS
    if names & _ORDERS:
        return ReportKind.ORDERS
    raise UnreadableFile(
        _(
            "The first line of this file is neither an order report's nor a returns report's. "
            "Import the report as it was downloaded."
        )
    )


def refuse_all_but_returns(names: frozenset[str]) -> None:
    """Raises `UnreadableFile` when `names`, a header as compared, belongs to another report."""
    _refuse_marketplace_fulfilled(names)
    if names & _ORDERS and not names & _RETURNS:
        raise UnreadableFile(
            _(
                "This is an order report, not a returns report. "
                "Import it as an order report, and a returns report here."
            )
        )


def refuse_all_but_orders(names: frozenset[str]) -> None:
    """Raises `UnreadableFile` when `names`, a header as compared, belongs to no order report."""
    _refuse_marketplace_fulfilled(names)
    if names & _RETURNS:
        raise UnreadableFile(
            _(
                "This is a returns report, not an order report. "
                "Import it as a returns report, and an order report here."
            )
        )


def _refuse_marketplace_fulfilled(names: frozenset[str]) -> None:
    if len(names & _MARKETPLACE_FULFILLED) > 1:
        raise UnreadableFile(
            _(
                "These are returns of orders that the marketplace fulfilled. Download the “Returns report of "
                "seller fulfilled orders (GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE)” and import that."
            )
        )
