"""The returns report of seller fulfilled orders, as a flat file or as XML."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import BinaryIO

from ..money import to_decimal
from ..state_machine import Status
from ..text import clean_text
from . import values
from .kinds import refuse_all_but_returns
from .reading import Source
from .returns_xml import XmlReturns
from .rows import Field, Fields, Money, RawReport, read_rows
from .tables import Table, header_name
from .values import Amounts, CellError, Moment, RefusedRow, has_decimal_comma

# The file's word for where a return stands, without case and spaces, and ours. A word that is not here is
# unknown, not an error. A request that is prepaid-eligible cannot be closed: where this says closed, the
# importer completes it (the whole request decides, and a row knows only itself).
STATUSES: Mapping[str, Status] = {
    "pendingapproval": Status.AUTHORIZATION_REQUIRED,
    "approved": Status.AUTHORIZED,
    "pendinglabel": Status.AUTHORIZED,
    "pendingrefund": Status.REFUND_DUE,
    "completed": Status.COMPLETED,
    "closed": Status.CLOSED,
    "rejected": Status.CLOSED,
    "declined": Status.CLOSED,
    "canceled": Status.CLOSED,
}

_words = values.words(100)
_key = partial(values.key, limit=100)
FIELDS: Fields = {
    "order_id": Field(("Order ID",), values.order_id, "order_id", is_required=True),
    "ordered": Field(("Order date",), values.moment, "order_date"),
    "requested": Field(
        ("Return request date",), values.required_moment, "return_request_date", is_required=True
    ),
    "marketplace_status": Field(
        ("Return request status",), values.words(60), "return_request_status", is_required=True
    ),
    "rma_number": Field(("Amazon RMA ID",), partial(values.key, limit=64), "amazon_rma_id"),
    "merchant_rma": Field(("Merchant RMA ID",), partial(values.key, limit=64), "merchant_rma_id"),
    "label_type": Field(("Label type",), _words, "label_type"),
    "label_cost": Field(("Label cost",), Money.AMOUNT, "label_cost"),
    "currency": Field(("Currency code",), partial(values.code, length=3), "currency_code"),
    "carrier": Field(("Return carrier",), _words, "return_carrier"),
    "tracking_id": Field(("Tracking ID",), _words, "tracking_id"),
    "label_payer": Field(("Label to be paid by",), _words, "label_to_be_paid_by"),
    "has_claim": Field(("A-to-Z Claim",), values.boolean, "a_to_z_claim"),
    "is_prime": Field(("Is prime",), values.boolean, "is_prime"),
    "asin": Field(("ASIN",), values.words(20), "asin"),
    "sku": Field(("Merchant SKU",), _key, "merchant_sku", is_required=True),
    "title": Field(("Item Name",), values.words(500), "item_name"),
    "quantity": Field(
        ("Return quantity",),
        partial(values.required_quantity, at_least=1),
        "return_quantity",
        is_required=True,
    ),
    "reason_code": Field(("Return Reason",), values.words(60), "return_reason_code"),
    "in_policy": Field(("In policy",), values.boolean, "in_policy"),
    "return_type": Field(("Return type",), _words, "return_type"),
    "resolution": Field(("Resolution",), _words, "resolution"),
    "invoice_number": Field(("Invoice number",), _words, "invoice_number"),
    "delivered": Field(("Return delivery date",), values.moment, "return_delivery_date"),
    "order_amount": Field(("Order Amount",), Money.AMOUNT, "order_amount"),
    "order_quantity": Field(("Order quantity",), partial(values.quantity, at_least=1), "order_quantity"),
    "safet_reason": Field(("SafeT Action reason",), _words, "safet_action_reason"),
    "safet_claim_id": Field(("SafeT claim id",), _words, "safet_claim_id"),
    "safet_claim_state": Field(("SafeT claim state",), _words, "safet_claim_state"),
    "safet_claimed": Field(("SafeT claim creation time",), values.moment, "safet_claim_creation_time"),
    "safet_reimbursement": Field(
        ("SafeT claim reimbursement amount",), Money.AMOUNT, "safet_claim_reimbursement_amount"
    ),
    "refunded_amount": Field(("Refunded Amount",), Money.AMOUNT, "refund_amount"),
    "category": Field(("Category",), _words, "category"),
    # Some marketplaces put an amount here, others a rate or a number: kept as text.
    "vat": Field(("VAT",), _words, "vat"),
    "order_item_id": Field(("Order Item ID",), _key, "order_item_id"),
}

# The report's own columns, in its order; what stands behind them in the list above is some marketplaces' own.
REPORT_FIELDS = tuple(FIELDS)[:32]
REPORT_COLUMNS = tuple(FIELDS[name].headers[0] for name in REPORT_FIELDS)

_FIELD_OF_COLUMN = {
    header_name(column): name for name, field in FIELDS.items() for column in (*field.headers, field.element)
}
_AMOUNTS = {has_comma: Amounts(has_comma) for has_comma in (False, True)}
_MONEY = tuple(name for name, field in FIELDS.items() if isinstance(field.read, Money))


@lru_cache(maxsize=1024)
def field_of(column: str) -> str | None:
    """Which field stands in a column that is called so, in either format; None for one we do not know."""
    return _FIELD_OF_COLUMN.get(header_name(column))


class Reported:
    """What a file said of an item, by field, whatever its columns were called and its amounts looked like."""

    def __init__(self, reported: Mapping[str, str]) -> None:
        self._texts: dict[str, str] = {}
        for column, cell in reported.items():
            name = field_of(column)
            if name is not None and (text := clean_text(cell)):
                self._texts.setdefault(name, text)
        self._has_comma = has_decimal_comma(self._texts.get(name, "") for name in _MONEY)

    def plain(self, name: str) -> str:
        """The field as the flat report writes it: amounts with a point, Y or N; "" where nothing was said."""
        text = self._texts.get(name, "")
        if not text:
            return ""
        if name in _MONEY:
            return self._amount(text)
        if FIELDS[name].read is values.boolean:
            return {True: "Y", False: "N"}.get(values.boolean(text), text)
        return text

    def _amount(self, text: str) -> str:
        """The decimal sign was the whole file's; the item's own amounts tell it, unless none has decimals."""
        currency = values.code(self._texts.get("currency", ""), 3)
        for has_comma in (self._has_comma, not self._has_comma):
            try:
                minor = _AMOUNTS[has_comma].minor(text, currency)
            except CellError:
                continue
            return text if minor is None else str(to_decimal(minor, currency))
        return text


@dataclass(frozen=True, slots=True)
class ReturnRow:
    """One item of one return, as the marketplace reports it.

    Amounts are minor units of `currency` ("" when unknown, then with two decimals); None is unknown. Words
    (status, label type, payer, resolution, reason) are the file's own. `reported` holds every column as read,
    under the header's own spelling; a cell that a short row lacks is not in it.
    """

    line: int
    order_id: str
    ordered: Moment | None
    requested: Moment
    marketplace_status: str
    rma_number: str
    merchant_rma: str
    label_type: str
    label_cost: int | None
    currency: str
    carrier: str
    tracking_id: str
    label_payer: str
    has_claim: bool | None
    is_prime: bool | None
    asin: str
    sku: str
    title: str
    quantity: int
    reason_code: str
    in_policy: bool | None
    return_type: str
    resolution: str
    invoice_number: str
    delivered: Moment | None
    order_amount: int | None
    order_quantity: int | None
    safet_reason: str
    safet_claim_id: str
    safet_claim_state: str
    safet_claimed: Moment | None
    safet_reimbursement: int | None
    refunded_amount: int | None
    category: str
    vat: str
    order_item_id: str
    reported: dict[str, str]

    @property
    def status(self) -> Status | None:
        """What the file's word means here; None when the word is unknown."""
        return status_of(self.marketplace_status)

    @property
    def is_prepaid_eligible(self) -> bool:
        """The marketplace gives the label, and the item is in policy."""
        return self.label_type.casefold() == "amazonprepaidlabel" and self.in_policy is True

    @property
    def owes_label(self) -> bool:
        """The buyer waits for a label, and it is not the marketplace that gives it."""
        return _status_word(
            self.marketplace_status
        ) == "pendinglabel" and not self.label_type.casefold().startswith("amazon")

    @property
    def line_key(self) -> str:
        """What tells the items of an order apart: the order item id, else the SKU, else the ASIN."""
        return self.order_item_id or self.sku or self.asin

    @property
    def request_key(self) -> tuple[str, ...]:
        """What rows of one request share at one seller; a return without an RMA is known by item and day."""
        if self.rma_number:
            return (self.order_id, self.rma_number)
        return (self.order_id, "", self.sku, self.requested.day.isoformat())


def status_of(word: str) -> Status | None:
    """What a file's word for a status means here; None when it is unknown."""
    return STATUSES.get(_status_word(word))


def _status_word(text: str) -> str:
    return "".join(text.casefold().split())


class ReturnsReport:
    """The rows of one returns report; `row_count`, rows to refuse included, is known before they are read."""

    def __init__(self, rows: RawReport) -> None:
        self._rows = rows
        self.row_count = rows.row_count

    def __iter__(self) -> Iterator[ReturnRow | RefusedRow]:
        return read_rows(self._rows, FIELDS, ReturnRow)


def read_returns(file: BinaryIO) -> ReturnsReport:
    """The returns report in `file`, flat or XML; the file stays open, and is read again when iterated.

    Raises `UnreadableFile` for everything else.
    """
    source = Source(file)
    if source.is_xml:
        return ReturnsReport(XmlReturns(source, FIELDS))
    return ReturnsReport(Table(source, FIELDS, refuse_all_but_returns))
