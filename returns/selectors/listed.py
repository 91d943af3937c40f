"""Requests as a list reads them: plain values, made into cases only where a row must be drawn anew.

Most rows of a queue look as they did a moment ago. Making model instances and judging reasons for each of them
costs many times what reading them does, so a row that was drawn is kept under the values it was made of
(`Listed.made_of`), and what is in that key is all that a case of the list knows.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Now

from ..actors import Actor
from ..models import (
    Buyer,
    Deciding,
    Order,
    OrderItem,
    ReturnEvent,
    ReturnItem,
    ReturnRequest,
)
from ..models.money import PAID_PARTS
from .cases import OWN_LABEL, REFUNDED, Case, other_of, refunded_by_part
from .common import Common
from .photos import has_photos
from .prepared import Columns, Prepared
from .teamwork import Beside

PAGE = 50

REQUEST = Columns(ReturnRequest, but=("search_text", "instructions", "return_address"))
ORDER = Columns(Order, "order__", but=("created_at",))
BUYER = Columns(Buyer, "order__buyer__", but=("email", "email_hash"))
ITEM = Columns(ReturnItem, but=("verdict", "reported", "policy", "prepaid_eligible"))
LINE = Columns(OrderItem, "order_item__", but=("line_key", "has_item_id", "asin", "paid_source"))
OTHER = Columns(
    ReturnRequest,
    "request__",
    only=(
        "id",
        "reference",
        "rma_number",
        "status",
        "outcome",
        "requested_at",
        "completed_at",
        "closed_at",
    ),
)

_ORDER_AT = len(REQUEST.paths)
_BUYER_AT = _ORDER_AT + len(ORDER.paths)
_DECIDER_AT = _BUYER_AT + len(BUYER.paths)
_LINE_AT = len(ITEM.paths)
_LABEL_AT = _LINE_AT + len(LINE.paths)
_PHOTOS_AT = _LABEL_AT + 1
_OTHER_AT = _PHOTOS_AT + 1
_ID_AT = REQUEST.names.index("id")
_SELLER_AT = REQUEST.names.index("seller_id")
_ASSIGNEE_AT = REQUEST.names.index("assignee_id")
_REQUEST_ID_AT = ITEM.names.index("request_id")
_LINE_ID_AT = ITEM.names.index("order_item_id")
_QUANTITY_AT = ITEM.names.index("quantity")
_refunded_on = itemgetter(*(_LINE_AT + LINE.names.index(f"{part}_refunded_minor") for part in PAID_PARTS))


def _decider(reader: int) -> "QuerySet[Deciding, int]":
    """Who, other than the reader, has a decision of the request at hand open now."""
    open_now = Deciding.objects.filter(
        request=OuterRef("pk"), version=OuterRef("version"), until__gt=Now()
    ).exclude(user_id=reader)
    return open_now.order_by("-until").values_list("user_id", flat=True)[:1]


_requests = Prepared(
    lambda reader, ids: ReturnRequest.objects.filter(pk__in=ids).values_list(
        *REQUEST.paths, *ORDER.paths, *BUYER.paths, Subquery(_decider(reader))
    ),
    "reader",
    many=PAGE,
)
# All items of the order lines that the requests ask for: their own, and those of others.
_items = Prepared(
    lambda ids: (
        ReturnItem.objects.filter(
            order_item_id__in=ReturnItem.objects.filter(request_id__in=ids).values("order_item_id")
        )
        .order_by("request_id", "ordinal", "id")
        .values_list(*ITEM.paths, *LINE.paths, OWN_LABEL, has_photos(), *OTHER.paths)
    ),
    many=PAGE,
)
_refunds = Prepared(lambda ids: refunded_by_part(ids).values_list(*REFUNDED), many=PAGE)


@dataclass(frozen=True, slots=True)
class Listed:
    """One request of a list. `made_of`: all that its case and `beside` know but the time and `held`, with a hash;
    `held`: the reader's decision on it that can still be undone; `case` makes the case, `beside` what stands
    beside it.
    """

    store: "Store"
    made_of: tuple[Any, ...]
    held: ReturnEvent | None
    case: Callable[[], Case]
    beside: Callable[[], Beside]


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """One store whose requests a list shows: for whom, and what they have in common.

    `name`: the store's, where a list shows several.
    """

    actor: Actor
    common: Common
    name: str = ""


def read_listed(
    ids: Sequence[int], stores: Sequence[Store], now: datetime, held: Mapping[int, ReturnEvent]
) -> list[Listed]:
    """These requests, in this order, at most `PAGE`, in three queries; all must be those of `stores`.

    `held`: by request, what the reader decided and can still undo. Cases of the list know of no other's.
    """
    if not ids:
        return []
    store_of = {store.actor.seller_id: store for store in stores}
    reader = stores[0].actor.user_id or 0
    rows = {row[_ID_AT]: row for row in _requests.rows(reader, ids=ids)}
    own: dict[int, list[Any]] = defaultdict(list)
    others: dict[int, list[Any]] = defaultdict(list)
    for row in _items.rows(ids=ids):
        others[row[_LINE_ID_AT]].append((row[_LINE_ID_AT], row[_QUANTITY_AT], *row[_OTHER_AT:]))
        if row[_REQUEST_ID_AT] in rows:
            own[row[_REQUEST_ID_AT]].append(row[:_OTHER_AT])
    refunds: dict[int, list[Any]] = defaultdict(list)
    # A refund is in its line's sums: where these are nothing there is none.
    if any(any(_refunded_on(item)) for items in own.values() for item in items):
        for row in _refunds.rows(ids=ids):
            refunds[row[0]].append(row)
    listed = []
    for pk in ids:
        if pk not in rows:
            continue  # gone since its id was read
        lines = dict.fromkeys(item[_LINE_ID_AT] for item in own[pk])
        related = tuple(other for line in lines for other in others[line] if other[2] != pk)
        values = (rows[pk], tuple(own[pk]), related, tuple(refunds[pk]))
        listed.append(_listed(values, held.get(pk), store_of[rows[pk][_SELLER_AT]], now))
    return listed


def _listed(values: tuple[Any, ...], held: ReturnEvent | None, store: Store, now: datetime) -> Listed:
    row, items, others, refunds = values
    common = store.common

    def case() -> Case:
        request = REQUEST.instance(row[:_ORDER_AT])
        request.seller = common.seller
        request.order = ORDER.instance(row[_ORDER_AT:_BUYER_AT])
        request.order.buyer = BUYER.instance(row[_BUYER_AT:_DECIDER_AT])
        if request.closure_reason_id is not None:
            request.closure_reason = common.closed_with[request.closure_reason_id]
        return Case(
            request=request,
            rules=common.settings.rules_for(common.seller, request.order.ordered_at),
            common=common,
            now=now,
            items=[_item(item) for item in items],
            held_event=held,
            others=[
                other_of(line, quantity, OTHER.instance(other), than=request.pk)
                for line, quantity, *other in others
            ],
            # The sum of big integers is no integer to every driver.
            refunds=[
                dict(zip(REFUNDED, (*refund[:3], int(refund[3]), refund[4]), strict=True))
                for refund in refunds
            ],
        )

    def beside() -> Beside:
        return Beside(
            common.team.get(row[_ASSIGNEE_AT], ""), common.team.get(row[_DECIDER_AT], ""), store.name
        )

    return Listed(store, (common, *values), held, case, beside)


def _item(values: tuple[Any, ...]) -> ReturnItem:
    item: ReturnItem = ITEM.instance(values[:_LINE_AT])
    item.order_item = LINE.instance(values[_LINE_AT:_LABEL_AT])
    item.own_label_minor = values[_LABEL_AT]
    item.has_photos = bool(values[_PHOTOS_AT])
    return item
