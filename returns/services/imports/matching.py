"""Which request a file's rows are about, and which of its items each row is.

Nothing in a returns report names a row: requests go by order and RMA, items by order item id or SKU.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

from ...models import OrderItem, ReturnItem, ReturnRequest
from ...models.requests import Source
from ...policy import local_day
from ...reports import OrderRow, ReturnRow
from ...reports.returns_report import Reported, field_of
from .said import Said

Held = tuple[ReturnRequest, list[ReturnItem]]


def match_requests(
    rows: Iterable[ReturnRow], held: Sequence[Held], zone: ZoneInfo
) -> list[tuple[ReturnRequest | None, Said]]:
    """The rows of one order, put to its requests `held` here; None stands for a request that is new.

    A request is known by its RMA, or without one by product and day. What the file and we know by the same
    key is paired first; then an RMA that arrives later finds the request that had none, and rows without an
    RMA find the request that has got one since.
    """
    groups: dict[tuple[str, ...], list[ReturnRow]] = defaultdict(list)
    for row in rows:
        groups[_key(row, zone)].append(row)
    by_rma = {request.rma_number: (request, items) for request, items in held if request.rma_number}
    late = _Late(held, zone)
    pairs: list[tuple[ReturnRequest | None, Said]] = []
    without_rma = [key for key in sorted(groups) if not key[0]]
    known = {key: late.take(key, has_rma=False) for key in without_rma}
    late.leave(by_rma[key[0]][0] for key in groups if key[0] in by_rma)
    for key in without_rma:
        request = known[key] or late.take(key, has_rma=True)
        pairs.append((request, Said(_sorted(groups[key]), zone)))
    for key in sorted(groups.keys() - set(without_rma)):
        request, items = by_rma.get(key[0], (None, []))
        here = {id(row) for _item, row in match_items(items, groups[key])[0]}
        rest = []
        for row in _sorted(groups[key]):
            earlier = None if id(row) in here else late.take(_bare(row, zone), has_rma=False)
            if earlier is not None and request is not None:
                # Returns without an RMA may get one together, and it can stand on one request only.
                pairs.append((earlier, Said((row,), zone)))
            else:
                request = request or earlier
                rest.append(row)
        if rest:
            pairs.append((request, Said(tuple(rest), zone, key[0])))
    return pairs


def _sorted(rows: list[ReturnRow]) -> tuple[ReturnRow, ...]:
    """By product and content: what becomes of a request does not depend on where its rows stand."""
    if len(rows) == 1:
        return tuple(rows)
    return tuple(sorted(rows, key=lambda row: (row.sku, row.order_item_id, sorted(row.reported.items()))))


class _Late:
    """The requests from files of one order that no rows were put to yet, by product and day."""

    def __init__(self, held: Sequence[Held], zone: ZoneInfo) -> None:
        self._left: dict[int, tuple[bool, set[tuple[str, ...]], ReturnRequest]] = {}
        for request, items in held:
            if request.source == Source.FILE:
                day = local_day(request.requested_at, zone.key).isoformat()
                keys: set[tuple[str, ...]] = {("", item.order_item.sku, day) for item in items}
                self._left[request.pk] = (bool(request.rma_number), keys, request)

    def take(self, key: tuple[str, ...], *, has_rma: bool) -> ReturnRequest | None:
        """The first request of this product and day, with or without an RMA; it is not given again."""
        for pk, (has_one, keys, request) in self._left.items():
            if has_one == has_rma and key in keys:
                self._left.pop(pk)
                return request
        return None

    def leave(self, requests: Iterable[ReturnRequest]) -> None:
        """These are taken."""
        for request in requests:
            self._left.pop(request.pk, None)


def _key(row: ReturnRow, zone: ZoneInfo) -> tuple[str, ...]:
    return (row.rma_number,) if row.rma_number else _bare(row, zone)


def _bare(row: ReturnRow, zone: ZoneInfo) -> tuple[str, ...]:
    return ("", row.sku, local_day(row.requested.instant(zone), zone.key).isoformat())


def match_items(
    items: Sequence[ReturnItem], rows: Sequence[ReturnRow]
) -> tuple[list[tuple[ReturnItem, ReturnRow]], list[ReturnRow]]:
    """Pairs of an item and the row that is about it, and the rows that are new.

    Told apart by order item id where both have it, else by SKU. Among equals, those that say the same are
    paired first, the rest in the file's order.
    """
    left = list(items)
    pairs: list[tuple[ReturnItem, ReturnRow]] = []
    unpaired = sorted(rows, key=lambda row: row.line)
    for is_pair in (_says_the_same, _is_same_product):
        waiting, unpaired = unpaired, []
        for row in waiting:
            item = next((item for item in left if is_pair(item, row)), None)
            if item is None:
                unpaired.append(row)
            else:
                left.remove(item)
                pairs.append((item, row))
    new = {id(row) for row in unpaired}
    return pairs, [row for row in rows if id(row) in new]


def _says_the_same(item: ReturnItem, row: ReturnRow) -> bool:
    return _is_same_product(item, row) and not news(item, row)


def _is_same_product(item: ReturnItem, row: ReturnRow) -> bool:
    line = item.order_item
    if row.order_item_id:
        item_id = line.line_key if line.has_item_id else ""
        if item.reported:
            item_id = last_reported(item, "order item id")
        if item_id:
            return row.order_item_id == item_id
    return is_same_product(line, row)


def is_same_product(line: OrderItem, row: ReturnRow | OrderRow) -> bool:
    """By SKU, or by ASIN where one of them has no SKU."""
    if line.sku and row.sku:
        return line.sku == row.sku
    return line.asin == row.asin


def news(item: ReturnItem, row: ReturnRow) -> dict[str, str]:
    """The cells in which the row says something else than was last reported; a blank cell says nothing.

    What was said before under another format's name, or of an amount with another decimal sign, is no news.
    """
    known = item.reported
    if known == row.reported:
        return {}
    heard = {
        column: cell
        for column, cell in row.reported.items()
        if (text := cell.strip()) and known.get(column, "").strip() != text
    }
    if not (heard and known):
        return heard
    before, now = Reported(known), Reported(row.reported)
    return {
        column: cell
        for column, cell in heard.items()
        if (name := field_of(column)) is None or before.plain(name) != now.plain(name)
    }


def last_reported(item: ReturnItem, column: str) -> str:
    """What the file said last in the column that is called so, in whatever spelling; "" for nothing."""
    for name, cell in item.reported.items():
        if name.casefold().replace("_", " ") == column:
            return str(cell).strip()
    return ""
