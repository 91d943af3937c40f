"""Reading a returns report: requests arrive, follow the file, or stay as they were decided here."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import replace
from typing import Any, BinaryIO

from ...actors import Actor
from ...models import Buyer, Order, OrderItem, ReturnItem, ReturnRequest, Seller
from ...models.runs import FileKind
from ...reports import ReturnRow, read_returns
from ...selectors.cases import Case
from ...state_machine import Action
from ..deadlines import due_reminder
from ..moves import (
    Move,
    check_move,
    lock_cases,
    record_arrivals,
    search_text_of,
    write_moves,
    write_search_texts,
)
from .following import Change, Desk, OrderPlan
from .lines import COLUMNS
from .matching import Held
from .runs import Journal, Summary, read_file


def import_returns(
    actor: Actor, *, file: BinaryIO, name: str, dry_run: bool = False, journal: Journal | None = None
) -> Summary:
    """Read a returns report, flat or XML. Raises `UnreadableFile`, having written nothing, for other files.

    `actor` is `Actor.marketplace(seller)`. What the file has no date for happens now, or when the actor tells
    it (`Actor.at`). `name` is shown to people. A dry run counts the same and writes nothing.
    """

    def store(seller: Seller, orders: dict[str, list[ReturnRow]], summary: Summary) -> None:
        desk = Desk.load(seller, actor.occurred_at)
        plans = _plan(actor, desk, orders)
        for plan in plans:
            summary.count(plan.rows, new=plan.new, changed=plan.changed)
            for found in plan.contradictions:
                summary.contradict(found)
            for row in plan.rows:
                if row.status is None and row.marketplace_status:
                    summary.note_code(row.marketplace_status)
                if row.reason_code and row.reason_code not in desk.known_reasons:
                    summary.note_code(row.reason_code)

    return read_file(
        actor,
        read_returns(file),
        kind=FileKind.RETURNS,
        row_type=ReturnRow,
        part_of=lambda row: "\n".join(row.request_key[1:]),
        refusal_of=lambda row: None,
        store=store,
        file=file,
        name=name,
        dry_run=dry_run,
        journal=journal,
    )


def _plan(actor: Actor, desk: Desk, rows: dict[str, list[ReturnRow]]) -> list[OrderPlan]:
    """Compare and write; answers the plans that were written, and those with nothing to write.

    What is the same as here is neither locked nor written. What is not is locked and compared again, for
    somebody may decide between the two.
    """
    orders = _orders(desk.seller, rows)
    lines = _lines(orders)
    held = _held(orders, lines)
    settled, open_orders, arriving = [], [], []
    for number, order_rows in rows.items():
        order = orders.get(number)
        if order is None:
            order = Order(seller=desk.seller, order_number=number, is_stub=True)
            Buyer(order=order)
            arriving.append(OrderPlan(desk, order, [], [], order_rows))
        elif not held[order.pk]:
            open_orders.append(order)
        else:
            plan = OrderPlan(desk, order, lines[order.pk], held[order.pk], order_rows)
            if plan.writes:
                open_orders.append(order)
            else:
                settled.append(plan)
    cases = _lock(actor, open_orders)
    again = _orders(desk.seller, [order.order_number for order in open_orders])
    lines = _lines(again)
    by_order: dict[int, list[Case]] = defaultdict(list)
    for case in cases:
        by_order[case.request.order_id].append(case)
    for number, order in again.items():
        known = {line.pk: line for line in lines[order.pk]}
        here: list[Held] = []
        for case in by_order[order.pk]:
            for item in case.items:
                item.order_item = known[item.order_item_id]
            here.append((case.request, case.items))
        arriving.append(OrderPlan(desk, order, lines[order.pk], here, rows[number]))
    _write(actor, desk, arriving, cases)
    return settled + arriving


def _orders(seller: Seller, numbers: Iterable[str]) -> dict[str, Order]:
    found = Order.objects.filter(seller=seller, order_number__in=list(numbers)).select_related("buyer")
    return {order.order_number: order for order in found}


def _lines(orders: dict[str, Order]) -> dict[int, list[OrderItem]]:
    lines: dict[int, list[OrderItem]] = defaultdict(list)
    for line in OrderItem.objects.filter(order__in=list(orders.values())).order_by("pk"):
        lines[line.order_id].append(line)
    return lines


def _held(orders: dict[str, Order], lines: dict[int, list[OrderItem]]) -> dict[int, list[Held]]:
    """The requests of `orders` with their items, which are of `lines`, by order; read without a lock."""
    items: dict[int, list[ReturnItem]] = defaultdict(list)
    by_pk = {order.pk: order for order in orders.values()}
    known = {line.pk: line for found in lines.values() for line in found}
    for item in ReturnItem.objects.filter(request__order__in=by_pk).order_by("ordinal", "pk"):
        item.order_item = known[item.order_item_id]
        items[item.request_id].append(item)
    held: dict[int, list[Held]] = defaultdict(list)
    for request in ReturnRequest.objects.filter(order__in=by_pk).order_by("pk"):
        held[request.order_id].append((request, items[request.pk]))
    return held


def _lock(actor: Actor, orders: Sequence[Order]) -> list[Case]:
    """The cases of all requests of `orders`, locked with all the lines of these orders.

    New requests take units of lines that no request of theirs holds yet: all lines are locked at once, in id
    order, before `lock_cases` locks those of the cases again.
    """
    if not orders:
        return []
    requests = ReturnRequest.objects.for_actor(actor).filter(order__in=orders)
    references = list(
        requests.select_for_update(of=("self",)).order_by("pk").values_list("reference", flat=True)
    )
    list(OrderItem.objects.filter(order__in=orders).select_for_update().order_by("pk").values_list("pk"))
    return lock_cases(actor, references)


def _write(actor: Actor, desk: Desk, plans: Sequence[OrderPlan], cases: Sequence[Case]) -> None:
    """Write the plans: orders and lines first, then the requests that were here, then those that arrive."""
    new = [plan.order for plan in plans if plan.order.pk is None]
    learned = [plan.order for plan in plans if plan.order.pk is not None and plan.is_order_changed]
    Order.objects.bulk_create(new)
    Buyer.objects.bulk_create(order.buyer for order in new)
    Order.objects.bulk_update(learned, ["ordered_at", "ordered_has_time"])
    OrderItem.objects.bulk_create(line for plan in plans for line in plan.lines.new)
    OrderItem.objects.bulk_update([line for plan in plans for line in plan.lines.changed], COLUMNS)
    changes = [change for plan in plans for change in plan.changes]
    for change in changes:
        for item in change.new_items:
            item.order_item = item.order_item  # its id is known only now
    case_of = {case.request.pk: case for case in cases}
    moves = [
        _move(actor, case_of[change.request.pk], change)
        for change in changes
        if not change.is_arrival and not change.is_empty
    ]
    write_moves(actor, moves)
    record_arrivals(actor, [_arrival(desk, change) for change in changes if change.is_arrival])
    write_search_texts(
        {move.case.request.pk: search_text_of(move.case) for move in moves if _is_renamed(move)}
    )


def _move(actor: Actor, case: Case, change: Change) -> Move:
    check_move(case, actor, Action.RECORD)
    columns = change.columns | {"outcome": change.outcome}
    if change.is_move or {"answer_due_at", "refund_due_at", "send_back_date"} & columns.keys():
        columns["reminders_sent"] = _reminders(case, columns | {"status": change.status.value})
    facts = {
        "marketplace_status": change.said.word,
        "item_changes": {
            str(item.pk): {
                column: [getattr(item, column), value]
                for column, value in change.item_columns[item.pk].items()
                if column not in ("reported", "verdict")
            }
            for item in change.items
            if item.pk in change.item_columns
        },
    }
    return Move(
        case=case,
        action=Action.RECORD,
        status=change.status,
        columns=columns,
        held=change.held,
        item_columns=change.item_columns,
        new_items=change.new_items,
        facts=facts,
        is_silent=True,
    )


def _arrival(desk: Desk, change: Change) -> Move:
    request = change.request
    request.seller = desk.seller
    request.order = request.order  # its id is known only now
    for column, value in change.columns.items():
        setattr(request, column, value)
    case = Case(request=request, rules=desk.rules, common=desk.common, now=desk.now, items=change.new_items)
    columns = {"outcome": change.outcome, "reminders_sent": _reminders(case, {})}
    return Move(
        case=case,
        action=Action.RECORD,
        status=change.status,
        columns=columns,
        facts={"marketplace_status": change.said.word},
        is_silent=True,
    )


def _reminders(case: Case, columns: dict[str, Any]) -> int:
    """The reminders that count as sent once `columns` are written: what has run out is shown, not told."""
    then = copy(case.request)
    for column, value in columns.items():
        setattr(then, column, value)
    reminder = due_reminder(replace(case, request=then))
    return reminder["stage_number"] if reminder else 0


def _is_renamed(move: Move) -> bool:
    return bool(move.new_items) or bool({"rma_number", "merchant_rma"} & move.columns.keys())
