"""Requests as rows of the marketplace's returns report: what a seller takes away, and may read in again."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

from django.db.models import Q, Sum

from ..actors import Actor
from ..models import MarketplaceSettings, Order, Refund, ReturnItem, ReturnRequest
from ..models.clock import database_now
from ..models.money import PAID_PARTS, RefundState
from ..models.requests import Source
from ..money import to_decimal
from ..policy import PolicyVerdict
from ..reports import ReturnRow
from ..reports.returns_report import REPORT_COLUMNS, REPORT_FIELDS, Reported
from ..reports.writing import write_moment
from ..state_machine import Status
from .lists import Filters

CHUNK = 500

# The marketplace's words for where a request stands that it knows nothing of.
WORDS = {
    Status.AUTHORIZATION_REQUIRED: "PendingApproval",
    Status.AUTHORIZED: "Approved",
    Status.REFUND_DUE: "PendingRefund",
    Status.COMPLETED: "Completed",
    Status.CLOSED: "Closed",
}
_IN_POLICY = {PolicyVerdict.IN_POLICY: "Y", PolicyVerdict.NOT_IN_POLICY: "N"}

# What `cells_of` needs of a request; of many, the rest would be most of the work.
_OF_REQUEST = (
    "source",
    "status",
    "rma_number",
    "merchant_rma",
    "requested_at",
    "requested_has_time",
    "received_at",
    "order__order_number",
    "order__ordered_at",
    "order__ordered_has_time",
)

Cells = list[str]


def export_returns(actor: Actor, filters: Filters, *, time_zone: str) -> Iterator[list[Cells]]:
    """The rows of the actor's requests that `filters` let through, newest first, some hundred at a time.

    Sort and cursor of the filters count for nothing. Memory does not grow with the rows, whatever their number.
    """
    zone = ZoneInfo(MarketplaceSettings.load().time_zone)
    condition = filters.condition(now=database_now(), time_zone=time_zone)
    requests = ReturnRequest.objects.for_actor(actor).filter(condition)
    requests = requests.select_related("order").only(*_OF_REQUEST).order_by("-requested_at", "-pk")
    chunk = list(requests[:CHUNK])
    while chunk:
        yield list(_rows(chunk, zone))
        last = chunk[-1]
        older = requests.filter(requested_at__lte=last.requested_at)
        chunk = list(older.filter(Q(requested_at__lt=last.requested_at) | Q(pk__lt=last.pk))[:CHUNK])


def _rows(requests: list[ReturnRequest], zone: ZoneInfo) -> Iterator[Cells]:
    items: dict[int, list[ReturnItem]] = defaultdict(list)
    rows = ReturnItem.objects.filter(request__in=requests).select_related("order_item").defer("verdict")
    for item in rows.order_by("pk"):
        items[item.request_id].append(item)
    opened_here = [request for request in requests if request.source == Source.PORTAL]
    refunded: Counter[tuple[int, int]] = Counter()
    for request_id, line_id, minor in (
        Refund.objects.filter(request__in=opened_here, status=RefundState.CONFIRMED, part__in=PAID_PARTS)
        .values_list("request_id", "order_item_id")
        .annotate(Sum("amount_minor"))
    ):
        refunded[request_id, line_id] = minor
    for request in requests:
        for item in items[request.pk]:
            cells = cells_of(request.order, request, item, zone)
            if minor := refunded[request.pk, item.order_item_id]:
                cells[_REFUNDED] = str(to_decimal(minor, item.order_item.currency))
            yield cells


_REFUNDED = REPORT_FIELDS.index("refunded_amount")


def cells_of(order: Order, request: ReturnRequest, item: ReturnItem, zone: ZoneInfo) -> Cells:
    """One item in the report's columns: of an imported request what its file said last, else what we know.

    Refunds that were made here stand in other rows and are left out.
    """
    if request.source == Source.FILE and item.reported:
        said = Reported(item.reported)
        return [said.plain(name) for name in REPORT_FIELDS]
    own = _own_cells(order, request, item, zone)
    return [own.get(name, "") for name in REPORT_FIELDS]


def are_our_words(row: ReturnRow, cells: Cells) -> bool:
    """Does the row say what we would write ourselves, `cells`? Then it is our own export that came back."""
    heard = [row.reported.get(column, "").strip() for column in REPORT_COLUMNS]
    return all(
        one == other
        for place, (one, other) in enumerate(zip(heard, cells, strict=True))
        if place != _REFUNDED
    )


def _own_cells(order: Order, request: ReturnRequest, item: ReturnItem, zone: ZoneInfo) -> Mapping[str, str]:
    line = item.order_item
    ordered = order.ordered_at and order.ordered_at.astimezone(zone)
    requested = request.requested_at.astimezone(zone)

    def amount(minor: int | None) -> str:
        return "" if minor is None else str(to_decimal(minor, line.currency))

    return {
        "order_id": order.order_number,
        "ordered": write_moment(
            ordered if ordered and order.ordered_has_time else ordered and ordered.date()
        ),
        "requested": write_moment(requested if request.requested_has_time else requested.date()),
        "marketplace_status": WORDS[Status(request.status)],
        "rma_number": request.rma_number,
        "merchant_rma": request.merchant_rma,
        "label_type": item.label_type or ("AmazonPrePaidLabel" if item.prepaid_eligible else ""),
        "label_cost": amount(item.label_cost_minor),
        "currency": line.currency,
        "carrier": item.carrier,
        "tracking_id": item.tracking_id,
        "label_payer": item.label_payer,
        "asin": line.asin,
        "sku": line.sku,
        "title": line.title,
        "quantity": str(item.quantity),
        "reason_code": item.reason_code,
        "in_policy": _IN_POLICY.get(PolicyVerdict(item.policy), ""),
        "resolution": item.resolution,
        "delivered": write_moment(request.received_at and request.received_at.astimezone(zone)),
        "order_amount": amount(line.item_paid_minor),
        "order_quantity": str(line.quantity) if line.is_quantity_known else "",
        "refunded_amount": amount(item.reported_refund_minor),
    }
