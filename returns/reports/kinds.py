"""Which report a header belongs to, for a sentence to the person who chose the wrong file."""

from django.utils.translation import gettext_lazy as _

from ..exceptions import UnreadableFile

_MARKETPLACE_FULFILLED = frozenset(
    {"return-date", "fulfillment-center-id", "detailed-disposition", "license-plate-number"}
)
_RETURNS = frozenset({"return request date", "return request status"})
_ORDERS = frozenset(
    {"amazon-order-id", "payments-date", "quantity-purchased", "item-status", "purchase-date"}
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
