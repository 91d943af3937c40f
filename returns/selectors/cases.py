"""A return request with everything the rules need to know of it: the same for one as for fifty or for many.

`load_cases` makes the same number of queries for any number of requests. Services call it under their lock,
pages without.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.db.models import Max, OuterRef, Subquery, Sum
from django.utils.translation import gettext_lazy as _

from .. import policy
from ..actors import Actor
from ..exceptions import NotFound
from ..grounds import GroundFacts
from ..models import (
    LabelKind,
    MarketplaceSettings,
    Refund,
    ReturnAddress,
    ReturnEvent,
    ReturnItem,
    ReturnLabel,
    ReturnReason,
    ReturnRequest,
)
from ..models.money import PAID_PARTS, RefundState
from ..models.people import Seller
from ..models.reasons import Fault
from ..models.requests import Source
from ..policy import Rules
from ..state_machine import (
    GIVES_UNITS_BACK,
    STEP_IN_AFTER_CLOSING_DAYS,
    Action,
    Facts,
    Outcome,
    Role,
    Status,
    available_actions,
)
from .common import Common, common_of
from .photos import has_photos

if TYPE_CHECKING:
    from django.db.models.query import QuerySet

NEVER_ARRIVED = "NEVER_ARRIVED"
DUPLICATE_DAYS = 90
ENDED_WITH_MERIT = (
    Outcome.REFUNDED,
    Outcome.PARTIALLY_REFUNDED,
    Outcome.REFUNDED_WITHOUT_RETURN,
    Outcome.REPLACED,
)


@dataclass(frozen=True, slots=True)
class Other:
    """Units of one of this request's order lines that another request of the order asks for."""

    request_id: int
    reference: str
    name: str
    status: str
    outcome: str
    order_item_id: int
    quantity: int
    requested_at: datetime
    ended_at: datetime | None
    is_newer: bool

    def covers(self, item: ReturnItem) -> bool:
        """The same units as this item: both together ask for more than was bought."""
        return (
            self.order_item_id == item.order_item_id
            and self.quantity + item.quantity > item.order_item.quantity
        )

    def counts_as_original(self, now: datetime) -> bool:
        """Open, or ended within 90 days by authorization, refund or replacement: so it is an original."""
        if self.status in (Status.AUTHORIZATION_REQUIRED, Status.AUTHORIZED, Status.REFUND_DUE):
            return True
        if self.status != Status.COMPLETED or self.outcome not in ENDED_WITH_MERIT or self.ended_at is None:
            return False
        return now - self.ended_at <= timedelta(days=DUPLICATE_DAYS)


@dataclass(slots=True)
class Money:
    """What was paid for the units of one request line and what this request gave back of it, in minor units.

    `None` where what was paid is not known. `is_settled`: the rest is not given back.
    """

    currency: str
    paid: dict[str, int | None]
    refunded_here: dict[str, int]
    refunded_on_line: dict[str, int]
    is_settled: bool = False

    def owed(self, part: str) -> int | None:
        if self.is_settled:
            return 0
        paid = self.paid[part]
        return None if paid is None else max(paid - self.refunded_here.get(part, 0), 0)


@dataclass
class Case:
    """One request as the rules see it. `held_event`: a decision that can still be undone, or None.

    `has_rule`: a rule of the seller's authorizes it; only set while a request is opened (`services.rules`).
    `has_accepted_offer`: the buyer accepts an offer; only set while the system carries it out (`services.offers`).
    """

    request: ReturnRequest
    rules: Rules
    common: Common
    now: datetime
    items: list[ReturnItem]
    held_event: ReturnEvent | None = None
    others: list[Other] = field(default_factory=list)
    refunds: list[Mapping[str, Any]] = field(default_factory=list)
    has_rule: bool = False
    has_accepted_offer: bool = False

    @property
    def settings(self) -> MarketplaceSettings:
        return self.common.settings

    @property
    def reasons(self) -> dict[str, ReturnReason]:
        """The buyers' reasons by code."""
        return self.common.reasons

    @property
    def return_addresses(self) -> list[ReturnAddress]:
        """The seller's, those that are offered."""
        return self.common.addresses

    @property
    def seller(self) -> Seller:
        return self.request.seller

    @property
    def is_imported(self) -> bool:
        return self.request.source == Source.FILE

    @property
    def today(self) -> date:
        """The day it is at the marketplace."""
        return policy.local_day(self.now, self.rules.time_zone)

    @property
    def requested_date(self) -> date:
        return policy.local_day(self.request.requested_at, self.rules.time_zone)

    @property
    def window_days(self) -> int:
        """The days of the return window that a stated day of delivery begins: the fewest that an item has."""
        return min(self.rules.window_days_of(item.order_item.category) for item in self.items)

    @cached_property
    def reason_codes(self) -> list[str]:
        return [item.reason_code for item in self.items]

    @cached_property
    def is_sellers_fault(self) -> bool:
        return any(
            code in self.reasons and self.reasons[code].fault == Fault.SELLER for code in self.reason_codes
        )

    def reason_label(self, code: str, language: str) -> str:
        """The buyer's reason in words; a code nobody knows is shown as it is."""
        reason = self.reasons.get(code)
        return reason.in_language("label", language) if reason else code

    @cached_property
    def moneys(self) -> dict[int, Money]:
        """By item id: the item and tax paid for the units asked (a share of the line), and what was refunded.

        A share is rounded down. Where a file has two rows for one line, what was refunded of the line fills
        the share of the first item, then that of the next; the last takes the rest.
        """
        here: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for row in self.refunds:
            here[row["order_item_id"]][row["part"]] += row["total"]
        last = {item.order_item_id: item.pk for item in self.items}
        moneys = {}
        for item in self.items:
            line = item.order_item
            units = item.units_received or item.quantity
            paid = {
                "item": share_of(line.item_paid_minor, units, line.quantity),
                "tax": share_of(line.tax_paid_minor, units, line.quantity),
                "shipping": line.shipping_paid_minor,
            }
            refunded = {}
            for part, total in here[line.pk].items():
                share = paid[part]
                refunded[part] = total if share is None or last[line.pk] == item.pk else min(total, share)
                if share is not None:
                    here[line.pk][part] -= refunded[part]
            moneys[item.pk] = Money(
                currency=line.currency,
                paid=paid,
                refunded_here=refunded,
                refunded_on_line={
                    "item": line.item_refunded_minor,
                    "tax": line.tax_refunded_minor,
                    "shipping": line.shipping_refunded_minor,
                },
                is_settled=item.kept_minor is not None,
            )
        return moneys

    def add_refund(self, order_item_id: int, part: str, minor: int) -> None:
        """Count a refund that is being recorded."""
        self.refunds.append({"order_item_id": order_item_id, "part": part, "total": minor})
        self._forget_money()

    def settle(self, kept: Mapping[int, int]) -> None:
        """Count items, by id, as settled, with what of the money owed for them is kept."""
        for item in self.items:
            item.kept_minor = kept.get(item.pk, item.kept_minor)
        self._forget_money()

    def _forget_money(self) -> None:
        for derived in ("moneys", "owes_refund"):
            self.__dict__.pop(derived, None)

    def units_again(self) -> dict[int, int]:
        """By item id: the units it holds once it has taken again what it asked for and is free."""
        free = {item.order_item_id: item.order_item.free for item in self.items}
        held = {}
        for item in self.items:
            more = min(item.quantity - item.units_held, free[item.order_item_id])
            free[item.order_item_id] -= more
            held[item.pk] = item.units_held + more
        return held

    @property
    def has_free_units(self) -> bool:
        """Can all units that were asked for be held? A file's request holds what is free, and be it nothing."""
        again = self.units_again()
        return self.is_imported or all(again[item.pk] == item.quantity for item in self.items)

    def owed_minor(self) -> dict[str, int | None]:
        """By currency, what is owed for the items and their tax and not refunded yet; None where unknown."""
        owed: dict[str, int | None] = {}
        for money in self.moneys.values():
            parts = [money.owed("item")]
            if money.paid["tax"] is not None:
                parts.append(money.owed("tax"))
            known = None if None in parts else sum(part or 0 for part in parts)
            so_far = owed.get(money.currency, 0)
            owed[money.currency] = None if known is None or so_far is None else so_far + known
        return owed

    @property
    def is_refunded(self) -> bool:
        return bool(self.refunds)

    @cached_property
    def owes_refund(self) -> bool:
        """Something owed is left; where what was paid is unknown, any refund counts as all of it."""
        for item in self.items:
            money = self.moneys[item.pk]
            item_owed = money.owed("item")
            if item_owed is None:
                if not money.refunded_here:
                    return True
            elif item_owed > 0 or (money.owed("tax") or 0) > 0:
                return True
        return False

    @cached_property
    def duplicates(self) -> list[Other]:
        """Other requests that cover the same units."""
        found: dict[int, Other] = {}
        for item in self.items:
            for other in self.others:
                if other.counts_as_original(self.now) and other.covers(item):
                    found.setdefault(other.request_id, other)
        return list(found.values())

    @property
    def is_never_arrived(self) -> bool:
        return NEVER_ARRIVED in self.reason_codes

    @property
    def has_way_back(self) -> bool:
        country = self.request.order.country
        return (
            self.request.prepaid_eligible
            or self.request.is_label_owed
            or any(address.country == country for address in self.return_addresses)
        )

    @property
    def is_step_in_due(self) -> bool:
        """Why a buyer may ask the marketplace to step in (domain.md 2, `escalate`)."""
        request, now = self.request, self.now
        if request.status == Status.AUTHORIZATION_REQUIRED:
            return request.step_in_at is not None and now >= request.step_in_at
        if request.status == Status.REFUND_DUE:
            return request.refund_due_at is not None and now > request.refund_due_at
        ended_at = request.closed_at or request.completed_at
        if ended_at is None:
            return False
        if request.promise_due_date is not None and self.today > request.promise_due_date:
            return True
        by_sellers_side = request.closed_by_role in (Role.SELLER, Role.ADMIN) or request.outcome in (
            Outcome.DUPLICATE,
            Outcome.NEVER_ARRIVED,
            Outcome.PARTIALLY_REFUNDED,
            Outcome.REPLACED,
        )
        return by_sellers_side and now - ended_at <= timedelta(days=STEP_IN_AFTER_CLOSING_DAYS)

    def facts(
        self,
        *,
        stated_never_arrived: bool = False,
        has_way_back: bool | None = None,
        has_replacement: bool = True,
    ) -> Facts:
        """The values that the guards of the state machine judge by.

        `has_way_back`: what a decision brings, where it names an address or a label of its own; `has_replacement`:
        whether it names what was sent instead.
        """
        request = self.request
        held = self.held_event
        return Facts(
            status=Status(request.status),
            outcome=request.outcome,
            is_imported=self.is_imported,
            prepaid_eligible=request.prepaid_eligible,
            is_timely_withdrawal=request.is_timely_withdrawal,
            has_way_back=self.has_way_back if has_way_back is None else has_way_back,
            owes_label=request.is_label_owed,
            has_rule=self.has_rule,
            is_handed_over=request.handed_over_at is not None,
            is_refunded=self.is_refunded,
            owes_refund=self.owes_refund,
            has_open_promise=request.promise_due_date is not None,
            closed_by=request.closed_by_role,
            days_since_closed=(self.now - request.closed_at).days if request.closed_at else 0,
            has_come_back=any(item.units_received for item in self.items),
            has_free_units=self.has_free_units,
            has_newer_request=any(
                other.is_newer
                and other.status != Status.CLOSED
                and other.outcome not in GIVES_UNITS_BACK
                and any(other.covers(item) for item in self.items)
                for other in self.others
            ),
            has_money_for_closing=request.status == Status.CLOSED and self.is_refunded,
            is_escalated=request.escalated_at is not None,
            is_step_in_due=self.is_step_in_due,
            has_several_units=sum(item.quantity for item in self.items) > 1,
            is_send_back_over=request.send_back_date is not None
            and self.now > policy.not_returned_at(request.send_back_date, self.rules),
            is_duplicate=bool(self.duplicates),
            is_never_arrived=self.is_never_arrived or stated_never_arrived,
            has_replacement=has_replacement,
            undoable_by=held.user_id if held else None,
            has_open_payout=bool(request.open_payout),
            has_money_since_decision=held is not None
            and any((row["last_version"] or 0) > held.version for row in self.refunds),
            has_open_offer=request.offer_until is not None,
            is_offer_over=request.offer_until is not None and request.offer_until <= self.now,
            has_accepted_offer=self.has_accepted_offer,
            is_answered_elsewhere=self.is_imported
            and self.seller.imported_messages != Seller.ImportedMessages.SEND_FROM_HERE,
        )

    def ground_facts(self) -> GroundFacts:
        """The values that the grounds of closure reasons judge by."""
        request = self.request
        marks = [item.order_item.not_returnable_mark for item in self.items]
        reasons = request.verdict.get("reasons", [])
        return GroundFacts(
            policy=request.policy,
            verdict_source=request.verdict.get("source", "rules"),
            verdict_sentences=tuple(policy.sentence(policy.Reason(**reason)) for reason in reasons),
            requested_date=self.requested_date,
            window_end_date=request.window_end_date,
            is_window_estimated=bool(request.verdict.get("window_is_estimate")),
            window_days=self.window_days,
            not_returnable_marks=tuple(dict.fromkeys(mark for mark in marks if mark)),
            is_each_not_returnable=all(marks),
            is_fully_refunded=self.is_refunded and not self.owes_refund,
            has_recorded_agreement=self.is_refunded and not request.is_timely_withdrawal,
            is_timely_withdrawal=request.is_timely_withdrawal,
            is_never_arrived=self.is_never_arrived,
            is_sellers_fault=self.is_sellers_fault,
            duplicates=tuple(other.name for other in self.duplicates),
            grounds_that_warn=frozenset(self.settings.grounds_that_warn),
        )

    def is_resting_for(self, actor: Actor) -> bool:
        """A decision of the other side is held: this actor still sees the status before, and cannot act."""
        return self.held_event is not None and actor.role == Role.BUYER

    def status_for(self, actor: Actor) -> Status:
        """The status as this actor may know it."""
        if self.held_event is not None and actor.role == Role.BUYER:
            return Status(self.held_event.source)
        return Status(self.request.status)

    def actions_for(self, actor: Actor) -> frozenset[Action]:
        """What this actor can do now; nothing for a viewer or while the other side's decision is held."""
        if not actor.may_write or self.is_resting_for(actor):
            return frozenset()
        return available_actions(self.facts(), actor.asking)


def share_of(paid: int | None, units: int, quantity: int) -> int | None:
    """What was paid for `units` of `quantity`; rounded down, and everything for all of them."""
    return None if paid is None else paid * min(units, quantity) // quantity


def load_cases(
    requests: Sequence[ReturnRequest],
    ledger: Sequence[ReturnEvent] | None = None,
    money: Sequence[Refund] | None = None,
) -> list[Case]:
    """The cases of `requests`, in their order; select `WITH_CASE` with them.

    Makes the same number of queries whatever the number of requests. `ledger`: all their events with who acted,
    the newest first, where a page has read them; `money`: all their refunds, each with its `event_version`.
    """
    if not requests:
        return []
    commons, now = common_of({request.seller_id: request.seller for request in requests}.values())
    by_id = {request.pk: request for request in requests}
    items, others = _items_and_others(by_id)
    if ledger is None:
        ledger = _held_events(by_id, now)
    for event in ledger:
        event.request = by_id[event.request_id]
    held = {event.request_id: event for event in reversed(ledger) if _is_held(event, now)}
    refunds: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for row in refunded_by_part(list(by_id)) if money is None else _by_part(money):
        refunds[row["request_id"]].append(row)
    return [
        Case(
            request=request,
            rules=commons[request.seller_id].settings.rules_for(request.seller, request.order.ordered_at),
            common=commons[request.seller_id],
            now=now,
            items=items[request.pk],
            held_event=held.get(request.pk),
            others=others[request.pk],
            refunds=refunds[request.pk],
        )
        for request in requests
    ]


REFUNDED = ("request_id", "order_item_id", "part", "total", "last_version")


def refunded_by_part(request_ids: Sequence[int]) -> "QuerySet[Refund, Mapping[str, Any]]":
    """What was refunded of each line and part of these requests, as `REFUNDED` names it.

    Of what was paid alone: what was given on top of it is no refund of the request, it neither completes it nor
    stands in the way of closing it.
    """
    return (
        Refund.objects.counted()
        .filter(request_id__in=request_ids, part__in=PAID_PARTS)
        .order_by("request_id", "order_item_id", "part")
        .values("request_id", "order_item_id", "part")
        .annotate(total=Sum("amount_minor"), last_version=Max("event__version"))
    )


def _by_part(money: Iterable[Refund]) -> list[dict[str, Any]]:
    """The same as `refunded_by_part`, of rows that were read."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for one in money:
        if one.part in PAID_PARTS and one.status != RefundState.GIVEN_UP:
            place = (one.request_id, one.order_item_id, one.part)
            row = found.setdefault(place, dict(zip(REFUNDED, (*place, 0, None), strict=True)))
            row["total"] += one.amount_minor
            row["last_version"] = max(row["last_version"] or 0, one.event_version or 0)
    return list(found.values())


# What the label that the seller uploaded for an item's request has cost, in the currency of its line.
OWN_LABEL = Subquery(
    ReturnLabel.objects.filter(
        request=OuterRef("request_id"),
        kind=LabelKind.OWN,
        voided_at__isnull=True,
        currency=OuterRef("order_item__currency"),
    ).values("cost_minor")[:1]
)


def other_of(order_item_id: int, quantity: int, request: ReturnRequest, *, than: int) -> Other:
    """Units of a line that `request`, another than the one of the id `than`, asks for."""
    return Other(
        request_id=request.pk,
        reference=request.reference,
        name=request.rma_number or request.reference[:8],
        status=request.status,
        outcome=request.outcome,
        order_item_id=order_item_id,
        quantity=quantity,
        requested_at=request.requested_at,
        ended_at=request.completed_at or request.closed_at,
        is_newer=request.pk > than,
    )


def _items_and_others(
    by_id: Mapping[int, ReturnRequest],
) -> tuple[dict[int, list[ReturnItem]], dict[int, list[Other]]]:
    """By request its own items, and the units of its order lines that other requests ask for; one query."""
    lines = ReturnItem.objects.filter(request_id__in=by_id).values("order_item_id")
    own: dict[int, list[ReturnItem]] = defaultdict(list)
    by_line: dict[int, list[ReturnItem]] = defaultdict(list)
    items = ReturnItem.objects.filter(order_item_id__in=lines).select_related("order_item", "request")
    read = items.annotate(own_label_minor=OWN_LABEL, has_photos=has_photos())  # type: ignore[no-redef]  # declared there, put in here
    for item in read.order_by("request_id", "ordinal", "id"):
        by_line[item.order_item_id].append(item)
        if item.request_id in by_id:
            own[item.request_id].append(item)
    others = {
        pk: [
            other_of(line, item.quantity, item.request, than=pk)
            for line in dict.fromkeys(item.order_item_id for item in own[pk])
            for item in by_line[line]
            if item.request_id != pk
        ]
        for pk in by_id
    }
    return own, others


def _held_events(request_ids: Iterable[int], now: datetime) -> list[ReturnEvent]:
    held = ReturnEvent.objects.filter(
        request_id__in=request_ids,
        hold_until__gt=now,
        relayed_at__isnull=True,
        withdrawn_at__isnull=True,
        action__in=(Action.AUTHORIZE, Action.CLOSE),
    )
    return list(held.select_related("user").order_by("-version"))


def _is_held(event: ReturnEvent, now: datetime) -> bool:
    """Can this decision still be undone? Of several of one request, the last one can."""
    return (
        event.hold_until is not None
        and event.hold_until > now
        and event.relayed_at is None
        and event.withdrawn_at is None
        and event.action in (Action.AUTHORIZE, Action.CLOSE)
    )


WITH_CASE = ("seller", "order", "order__buyer", "closure_reason")


def get_case(actor: Actor, reference: str) -> Case:
    """The case of one request; `NotFound` where it is absent or not this actor's."""
    request = (
        ReturnRequest.objects.for_actor(actor).filter(reference=reference).select_related(*WITH_CASE).first()
    )
    if request is None:
        raise NotFound(_("This page does not exist, or it is not yours."))
    return load_cases([request])[0]
