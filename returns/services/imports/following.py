"""What a returns report changes in one order: requests that arrive, follow the file, or stay as decided here.

`OrderPlan` compares and plans; it writes nothing. Only `returns.services.moves` writes what it plans.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

from ... import policy
from ...models import (
    ClosureReason,
    Order,
    OrderItem,
    ReturnItem,
    ReturnRequest,
    Seller,
)
from ...models.requests import Source
from ...policy import (
    ItemFacts,
    PolicyVerdict,
    Rules,
    Verdict,
    judge_item,
    judge_request,
)
from ...reports import ReturnRow
from ...selectors.common import Common, common_of
from ...selectors.exports import are_our_words, cells_of
from ...state_machine import GIVES_UNITS_BACK, Outcome, Role, Status
from ..decide import NOT_CLOSED
from ..marketplace import agrees
from ..moves import search_text
from ..open import judged_columns, verdict_columns, verdict_of
from .lines import Lines, has_currency_of
from .matching import Held, last_reported, match_items, match_requests, news
from .runs import Contradiction, ids
from .said import Said

# A decision made here follows the file along this chain, and only forward.
FORWARD = (Status.AUTHORIZED, Status.REFUND_DUE, Status.COMPLETED)


@dataclass(frozen=True, slots=True)
class Desk:
    """What holds for every row of a chunk. `told_at`: when happens what the file has no date for.

    `rules`: for the clocks, which are the same whenever an order was placed.
    """

    seller: Seller
    common: Common
    rules: Rules
    zone: ZoneInfo
    now: datetime
    told_at: datetime
    known_reasons: frozenset[str]
    closed_there_id: int

    @classmethod
    def load(cls, seller: Seller, told_at: datetime | None) -> "Desk":
        commons, now = common_of([seller])
        common = commons[seller.pk]
        return cls(
            seller=seller,
            common=common,
            rules=common.settings.rules_for(seller, None),
            zone=ZoneInfo(common.settings.time_zone),
            now=now,
            told_at=told_at or now,
            known_reasons=frozenset(common.reasons),
            closed_there_id=ClosureReason.objects.only("pk").get(code="closed_at_marketplace").pk,
        )


@dataclass(slots=True)
class Change:
    """What becomes of one request: new values of its columns, of its items, and its new items.

    A request that arrives is unsaved and has nothing but new items. `asked`: units that each item shall hold
    if they are free.
    """

    request: ReturnRequest
    items: list[ReturnItem]
    said: Said
    status: Status
    outcome: str = ""
    columns: dict[str, Any] = field(default_factory=dict)
    item_columns: dict[int, dict[str, Any]] = field(default_factory=dict)
    new_items: list[ReturnItem] = field(default_factory=list)
    held: dict[int, int] = field(default_factory=dict)

    @property
    def is_arrival(self) -> bool:
        return self.request.pk is None

    @property
    def is_empty(self) -> bool:
        return not (self.columns or self.item_columns or self.new_items or self.is_move)

    @property
    def is_move(self) -> bool:
        return (self.status, self.outcome) != (self.request.status, self.request.outcome)

    @property
    def holds_units(self) -> bool:
        return self.status != Status.CLOSED and self.outcome not in GIVES_UNITS_BACK

    @property
    def held_units(self) -> bool:
        """Did it hold units until now?"""
        return self.request.status != Status.CLOSED and self.request.outcome not in GIVES_UNITS_BACK

    def after(self, item: ReturnItem, column: str) -> Any:
        """The item's value once this is written."""
        return self.item_columns.get(item.pk, {}).get(column, getattr(item, column))


class OrderPlan:
    """The rows of one order against what is here. `held`: its requests and their items, on `lines`."""

    def __init__(
        self,
        desk: Desk,
        order: Order,
        lines: Iterable[OrderItem],
        held: Sequence[Held],
        rows: list[ReturnRow],
    ) -> None:
        self.desk = desk
        self.order = order
        self.rows = rows
        self.new: set[int] = set()
        self.changed: set[int] = set()
        self.contradictions: list[Contradiction] = []
        self.lines = Lines(order, lines, desk.common.settings)
        self._held = held
        self._verdicts: dict[int, Verdict] = {}
        self.is_order_changed = self._learn_order()
        pairs = match_requests(rows, held, desk.zone)
        items_of = {request.pk: items for request, items in held}
        # In the order in which they were asked for: whoever asked first holds what is free.
        pairs.sort(key=lambda pair: (pair[1].requested_at, pair[1].rma_number, pair[1].rows[0].sku))
        self.changes = [
            self._arrival(said) if request is None else self._follower(request, items_of[request.pk], said)
            for request, said in pairs
        ]
        self._cover_refunds()
        self._hold_units()
        for change in self.changes:
            rows_of = ids(change.said.rows)
            if not change.is_empty and not rows_of & (self.new | self.changed):
                self.changed |= rows_of

    @property
    def writes(self) -> bool:
        return bool(
            self.order.pk is None
            or self.is_order_changed
            or self.lines.new
            or self.lines.changed
            or any(not change.is_empty for change in self.changes)
        )

    def _learn_order(self) -> bool:
        """A stub takes the day of the order from any row that has it."""
        zone = self.desk.zone
        ordered = min(
            (row.ordered for row in self.rows if row.ordered),
            key=lambda moment: (moment.instant(zone), moment.at is None),
            default=None,
        )
        if not self.order.is_stub or self.order.ordered_at is not None or ordered is None:
            return False
        self.order.ordered_at = ordered.instant(zone)
        self.order.ordered_has_time = ordered.at is not None
        self.changed |= ids(row for row in self.rows if row.ordered)
        return True

    # --- A request that arrives

    def _arrival(self, said: Said) -> Change:
        request = ReturnRequest(
            seller_id=self.order.seller_id, order=self.order, source=Source.FILE, rma_number=said.rma_number
        )
        items = [self._new_item(request, row) for row in said.rows]
        verdict = _judge_all([self._verdicts[id(item)] for item in items])
        status, outcome = self._there(said, verdict.prepaid_eligible)
        status = status or Status.AUTHORIZED
        columns = {
            **self._clocks(said),
            **_columns_of(verdict),
            "window_end_date": verdict.window_end_date,
            "merchant_rma": said.merchant_rma,
            "marketplace_status": said.word,
            "is_label_owed": status == Status.AUTHORIZED and said.owes_label,
            "handed_over_at": min(said.deliveries, default=None),
            **self._state(request, status, said, verdict.window_end_date),
            "search_text": search_text(
                self.order, [item.order_item for item in items], said.rma_number, said.merchant_rma
            ),
            "status": status.value,
            "outcome": outcome,
        }
        for column, value in columns.items():
            setattr(request, column, value)
        change = Change(request, [], said, status, outcome, new_items=items)
        self._number_items(change, [row.line for row in said.rows])
        return change

    def _new_item(self, request: ReturnRequest, row: ReturnRow) -> ReturnItem:
        line = self.lines.of(row)
        self.lines.learn(line, row)
        verdict, columns = self._judge(row, line)
        self.new.add(id(row))
        item = ReturnItem(
            request=request,
            order_item=line,
            quantity=row.quantity,
            reason_code=row.reason_code,
            reported=row.reported,
            **_facts_of(row, line),
            **columns,
        )
        self._verdicts[id(item)] = verdict
        return item

    def _judge(self, row: ReturnRow, line: OrderItem) -> tuple[Verdict, dict[str, Any]]:
        """The verdict on a row, and the columns in which its item keeps it with what it was made of."""
        facts = ItemFacts(
            requested_at=row.requested.instant(self.desk.zone),
            requested_has_time=row.requested.at is not None,
            ordered_at=self.order.ordered_at,
            delivered_date=self.order.delivered_date,
            estimated_delivery_date=self.order.estimated_delivery_date,
            country=self.order.country,
            category=line.category,
            sku=line.sku,
            is_imported=True,
            reported_in_policy=row.in_policy,
            reported_label_type=row.label_type,
        )
        rules = self.desk.common.settings.rules_for(self.desk.seller, self.order.ordered_at)
        verdict = judge_item(facts, rules)
        return verdict, judged_columns(_columns_of(verdict), facts, rules)

    def _there(self, said: Said, is_eligible: bool) -> tuple[Status | None, str]:
        """Where the file says the request stands, and how it ended; what is prepaid-eligible never closes."""
        if said.status == Status.CLOSED and is_eligible:
            return Status.COMPLETED, Outcome.ENDED_AT_MARKETPLACE.value
        return said.status, said.outcome.value if said.status == Status.COMPLETED else ""

    def _clocks(self, said: Said) -> dict[str, Any]:
        has_time, rules = said.requested.at is not None, self.desk.rules
        return {
            "requested_at": said.requested_at,
            "requested_has_time": has_time,
            "answer_due_at": policy.answer_due_at(said.requested_at, has_time=has_time, rules=rules),
            "step_in_at": policy.step_in_at(
                said.requested_at, has_time=has_time, is_imported=True, rules=rules
            ),
        }

    def _state(
        self, request: ReturnRequest, status: Status, said: Said, window_end_date: date | None
    ) -> dict[str, Any]:
        """The columns that make `status` whole, for a request that comes to it by the file."""
        now, rules = self.desk.told_at, self.desk.rules
        columns: dict[str, Any] = {
            **NOT_CLOSED,
            "completed_at": None,
            "send_back_date": None,
            "refund_due_at": None,
            "escalated_at": None,
        }
        delivered_at = max(said.deliveries, default=None)
        if status == Status.AUTHORIZATION_REQUIRED:
            return columns | {"authorized_at": None, "received_at": None}
        if status == Status.AUTHORIZED:
            authorized_at = request.authorized_at or now
            columns |= {"authorized_at": authorized_at, "received_at": None}
            if said.status is not None:
                columns["send_back_date"] = policy.send_back_date(
                    window_end_date, authorized_at=authorized_at, rules=rules
                )
            return columns
        columns["received_at"] = delivered_at or request.received_at
        if status == Status.REFUND_DUE:
            received_at = columns["received_at"] or now
            return columns | {
                "received_at": received_at,
                "refund_due_at": policy.refund_due_at(received_at, rules),
            }
        if status == Status.COMPLETED:
            return columns | {"completed_at": now}
        return columns | {
            "closed_at": now,
            "closed_by_role": Role.MARKETPLACE.value,
            "closure_reason_id": self.desk.closed_there_id,
        }

    # --- A request that is here

    def _follower(self, request: ReturnRequest, items: list[ReturnItem], said: Said) -> Change:
        pairs, new_rows = match_items(items, said.rows)
        if request.source == Source.PORTAL and not new_rows and self._are_our_words(request, pairs):
            return Change(request, items, said, Status(request.status), request.outcome)
        named = {item.pk for item, _row in pairs}
        said = said.besides(
            [
                word
                for item in items
                if item.pk not in named and (word := last_reported(item, "return request status"))
            ]
        )
        is_decided = _is_decided_here(request)
        there, outcome_there = self._there(said, request.prepaid_eligible or said.is_prepaid_eligible)
        status = _where_to(Status(request.status), there, is_decided)
        outcome = _how_it_ended(request, status, there, outcome_there, is_decided)
        change = Change(request, items, said, status, outcome)
        for item, row in pairs:
            self._update_item(change, item, row, is_decided)
        for row in new_rows:
            change.new_items.append(self._new_item(request, row))
        self._number_items(change, [row.line for row in new_rows])
        wanted = self._verdict(change, pairs)
        window_end_date = wanted.get("window_end_date", request.window_end_date)
        wanted |= self._reported(request, change, there, is_decided)
        if not is_decided:
            wanted |= self._corrected_clocks(request, said)
        if status != request.status:
            wanted |= self._state(request, status, said, window_end_date)
        elif not is_decided:
            wanted |= self._later_dates(request, said, window_end_date)
        change.columns = {
            column: value for column, value in wanted.items() if getattr(request, column) != value
        }
        # An unknown word neither agrees nor says otherwise.
        is_open = request.is_marketplace_todo if there is None else not _agree(said.word, there, status)
        if is_decided and is_open:
            self._contradict(request, change)
        return change

    def _are_our_words(self, request: ReturnRequest, pairs: list[tuple[ReturnItem, ReturnRow]]) -> bool:
        """The marketplace does not know what was opened here: an export of ours was read in again."""
        return all(
            are_our_words(row, cells_of(self.order, request, item, self.desk.zone)) for item, row in pairs
        )

    def _contradict(self, request: ReturnRequest, change: Change) -> None:
        self.contradictions.append(
            Contradiction(
                line=change.said.line,
                order=self.order.order_number,
                rma=request.rma_number or change.said.rma_number,
                here=change.status.value,
                there=change.said.word,
            )
        )

    def _update_item(self, change: Change, item: ReturnItem, row: ReturnRow, is_decided: bool) -> None:
        """What the row says of an item: reported facts in every case, what was asked until it is decided."""
        line = item.order_item
        if self.lines.learn(line, row):
            self.changed.add(id(row))
        wanted = _facts_of(row, line)
        if not is_decided:
            # No fewer than were counted when they came back.
            wanted["quantity"] = max(row.quantity, item.units_received)
            wanted |= {"reason_code": row.reason_code} if row.reason_code else {}
        columns = {column: value for column, value in wanted.items() if getattr(item, column) != value}
        heard = news(item, row)
        if heard:
            columns["reported"] = {**item.reported, **heard}
        if columns:
            change.item_columns[item.pk] = columns
            self.changed.add(id(row))

    def _number_items(self, change: Change, lines_of: Sequence[int]) -> None:
        """Items of one order line are numbered in the file's order: `lines_of` the new items they are from."""
        last: Counter[int] = Counter()
        for item in change.items:
            last[id(item.order_item)] = max(last[id(item.order_item)], item.ordinal)
        for _line, item in sorted(zip(lines_of, change.new_items, strict=True), key=itemgetter(0)):
            last[id(item.order_item)] += 1
            item.ordinal = last[id(item.order_item)]

    def _verdict(self, change: Change, pairs: list[tuple[ReturnItem, ReturnRow]]) -> dict[str, Any]:
        """The verdict, made again only if the file judges otherwise now and nobody has answered the request.

        What ends as prepaid-eligible stays so: else the next reading would close it.
        """
        request, said = change.request, change.said
        is_unanswered = Status.AUTHORIZATION_REQUIRED in (request.status, change.status)
        ends_eligible = request.prepaid_eligible and said.status == Status.CLOSED
        if request.source == Source.PORTAL or not is_unanswered or ends_eligible:
            return {}
        row_of = {item.pk: row for item, row in pairs}
        is_new = bool(change.new_items)
        verdicts = [self._verdicts[id(item)] for item in change.new_items]
        for item in change.items:
            row = row_of.get(item.pk)
            if row is not None and _judges_otherwise(row, item):
                verdict, columns = self._judge(row, item.order_item)
                change.item_columns.setdefault(item.pk, {}).update(columns)
                is_new = True
            else:
                verdict = verdict_of(item)
            verdicts.append(verdict)
        if not is_new:
            return {}
        verdict = _judge_all(verdicts)
        return {**_columns_of(verdict), "window_end_date": verdict.window_end_date}

    def _reported(
        self, request: ReturnRequest, change: Change, there: Status | None, is_decided: bool
    ) -> dict[str, Any]:
        """The facts that are updated in every case."""
        said = change.said
        facts: dict[str, Any] = {"marketplace_status": said.word or request.marketplace_status}
        if said.rma_number and not request.rma_number:
            facts["rma_number"] = said.rma_number
        if said.merchant_rma and not (is_decided and request.merchant_rma):
            facts["merchant_rma"] = said.merchant_rma
        if said.deliveries and request.handed_over_at is None:
            facts["handed_over_at"] = said.deliveries[0]
        if there is not None:
            facts["is_label_owed"] = (
                change.status == Status.AUTHORIZED and said.owes_label and not _has_label(request)
            )
            facts["is_marketplace_todo"] = (
                is_decided and request.source == Source.FILE and not _agree(said.word, there, change.status)
            )
        return facts

    def _corrected_clocks(self, request: ReturnRequest, said: Said) -> dict[str, Any]:
        """The file's request date, unless it is a day alone and we know the time of that day."""
        time_zone = self.desk.rules.time_zone
        knows_less = said.requested.at is None and request.requested_has_time
        is_same_day = policy.local_day(said.requested_at, time_zone) == policy.local_day(
            request.requested_at, time_zone
        )
        return {} if knows_less and is_same_day else self._clocks(said)

    def _later_dates(
        self, request: ReturnRequest, said: Said, window_end_date: date | None
    ) -> dict[str, Any]:
        """The dates that a file brings later, in a status that is the same as before."""
        rules, dates = self.desk.rules, {}
        if request.status == Status.AUTHORIZED and request.send_back_date is None and said.status is not None:
            dates["send_back_date"] = policy.send_back_date(
                window_end_date, authorized_at=request.authorized_at or self.desk.told_at, rules=rules
            )
        if said.deliveries and request.status in (Status.REFUND_DUE, Status.COMPLETED, Status.CLOSED):
            dates["received_at"] = said.deliveries[-1]
            if request.status == Status.REFUND_DUE:
                dates["refund_due_at"] = policy.refund_due_at(said.deliveries[-1], rules)
        return dates

    # --- Money and units of the order's lines

    def _cover_refunds(self) -> None:
        refunded: Counter[int] = Counter()
        line_of: dict[int, OrderItem] = {}
        changes = {change.request.pk: change for change in self.changes if not change.is_arrival}
        for request, items in self._held:
            change = changes.get(request.pk)
            for item in items:
                reported = (
                    change.after(item, "reported_refund_minor") if change else item.reported_refund_minor
                )
                refunded[id(item.order_item)] += reported or 0
                line_of[id(item.order_item)] = item.order_item
        for change in self.changes:
            for item in change.new_items:
                refunded[id(item.order_item)] += item.reported_refund_minor or 0
                line_of[id(item.order_item)] = item.order_item
        for place, minor in refunded.items():
            if self.lines.cover_refunds(line_of[place], minor) and not (self.new or self.changed):
                self.changed |= ids(self.rows)

    def _hold_units(self) -> None:
        """Units are given back before others are taken."""
        for change in self.changes:
            if not change.holds_units:
                change.held = {
                    item.pk: self.lines.hold(item, before=item.units_held, wanted=0)
                    for item in change.items
                    if item.units_held
                }
        for change in self.changes:
            if not change.holds_units:
                continue
            takes_again = not change.held_units
            for item in change.items:
                quantity = change.after(item, "quantity")
                if takes_again or quantity != item.quantity:
                    change.held[item.pk] = self.lines.hold(item, before=item.units_held, wanted=quantity)
            for item in change.new_items:
                item.units_held = self.lines.hold(item, before=0, wanted=item.quantity)
            if change.held or change.new_items:
                is_overlapping = any(
                    change.held.get(item.pk, item.units_held) < change.after(item, "quantity")
                    for item in [*change.items, *change.new_items]
                )
                if is_overlapping != change.request.is_overlapping:
                    change.columns["is_overlapping"] = is_overlapping


def _has_label(request: ReturnRequest) -> bool:
    """Was the label that the file still asks for provided here meanwhile?"""
    return request.labels.filter(voided_at__isnull=True).exists()


def _is_decided_here(request: ReturnRequest) -> bool:
    """Somebody here has decided: what was asked for here, what was decided, and what only we end so."""
    return request.is_decided_here or request.source == Source.PORTAL or request.outcome in GIVES_UNITS_BACK


def _where_to(here: Status, there: Status | None, is_decided: bool) -> Status:
    """A request follows the file; one that was decided here only when the file is further along."""
    if there is None:
        return here
    if not is_decided:
        return there
    is_further = here in FORWARD and there in FORWARD and FORWARD.index(there) > FORWARD.index(here)
    return there if is_further else here


def _how_it_ended(
    request: ReturnRequest, status: Status, there: Status | None, outcome_there: str, is_decided: bool
) -> str:
    if status != Status.COMPLETED:
        return ""
    is_ours = request.status == Status.COMPLETED and (
        is_decided and request.outcome != Outcome.ENDED_AT_MARKETPLACE
    )
    return request.outcome if is_ours or there != Status.COMPLETED else outcome_there


def _agree(word: str, there: Status | None, here: Status) -> bool:
    """Does the file say what was decided here? `there` is its word as it holds for this request."""
    return there == here or agrees(word, here, prepaid_eligible=False)


def _judges_otherwise(row: ReturnRow, item: ReturnItem) -> bool:
    if row.in_policy is None:
        return False
    policy_there = PolicyVerdict.IN_POLICY if row.in_policy else PolicyVerdict.NOT_IN_POLICY
    return (policy_there, row.is_prepaid_eligible) != (item.policy, item.prepaid_eligible)


def _judge_all(verdicts: list[Verdict]) -> Verdict:
    """The request's verdict, its reasons in an order of their own."""
    return judge_request(verdicts if len(verdicts) == 1 else sorted(verdicts, key=repr))


@lru_cache(maxsize=1024)
def _columns_of(verdict: Verdict) -> dict[str, Any]:
    """The columns of a verdict; the returns of one day often have the same."""
    return verdict_columns(verdict)


def _facts_of(row: ReturnRow, line: OrderItem) -> dict[str, Any]:
    """The reported columns of an item that the row knows; amounts only in the line's currency."""
    facts: dict[str, Any] = {
        "label_type": row.label_type,
        "label_payer": row.label_payer,
        "carrier": row.carrier,
        "tracking_id": row.tracking_id,
        "resolution": row.resolution,
    }
    facts = {column: word for column, word in facts.items() if word}
    if has_currency_of(line, row):
        amounts = {"label_cost_minor": row.label_cost, "reported_refund_minor": row.refunded_amount}
        facts |= {column: minor for column, minor in amounts.items() if minor is not None}
    return facts
