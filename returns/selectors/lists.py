"""The list *Manage Seller Fulfilled Returns*: tabs, filters, and pages by keyset, never by offset or count."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Now

from ..actors import Actor
from ..models import (
    MarketplaceSettings,
    ReturnEvent,
    ReturnItem,
    ReturnRequest,
    SavedView,
    Seller,
    StatusCount,
)
from ..models.clock import as_moment, database_now
from ..models.requests import MONEY_OWED, NO_DEADLINE
from ..models.runs import BULK_KEY
from ..state_machine import Action, Status
from .common import NOW_AT, SETTINGS_AND_NOW, commons_from
from .listed import PAGE, Listed, Store, read_listed
from .prepared import Prepared

if TYPE_CHECKING:
    from django.db.models.query import QuerySet

HELD = 100
STORES = 20  # the most that one list shows together
DUE_SOON = timedelta(hours=4)
OPEN_TABS = (Status.AUTHORIZATION_REQUIRED, Status.AUTHORIZED, Status.REFUND_DUE)
SORTS = {"deadline": "deadline_at", "created": "requested_at", "-created": "-requested_at"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the list shows. `status` is a `Status` value or ``all``; empty values filter nothing.

    `assignee_id`: whose requests; `not_of`: those that are none of these people's, so nobody's of the team.
    """

    status: str = Status.AUTHORIZATION_REQUIRED.value
    q: str = ""
    from_date: date | None = None
    to_date: date | None = None
    reason: str = ""
    prepaid: bool | None = None
    in_policy: str = ""
    overdue: bool = False
    due_soon: bool = False
    escalated: bool = False
    marketplace_todo: bool = False
    money_owed: bool = False
    assignee_id: int | None = None
    not_of: Collection[int] = ()
    sort: str = ""
    cursor: str = ""

    def condition(self, *, now: datetime, time_zone: str) -> Q:
        """The filters as a condition on requests. `now`: the database's time, for what is due; `time_zone`
        says where the days of `from_date` and `to_date` begin.
        """
        conditions: dict[str, Any] = {}
        if self.status in Status.values:
            conditions["status"] = self.status
        if self.prepaid is not None:
            conditions["prepaid_eligible"] = self.prepaid
        if self.in_policy:
            conditions["policy"] = self.in_policy
        if self.escalated:
            conditions["escalated_at__isnull"] = False
        if self.marketplace_todo:
            conditions["is_marketplace_todo"] = True
        if self.from_date:
            conditions["requested_at__gte"] = _start_of(self.from_date, time_zone)
        if self.to_date:
            conditions["requested_at__lt"] = _start_of(self.to_date + timedelta(days=1), time_zone)
        if self.q:
            conditions["search_text__contains"] = self.q.casefold()
        condition = Q(**conditions) & self._due(now) & self._whose
        if self.money_owed:
            condition &= MONEY_OWED
        if self.reason:
            asked = ReturnItem.objects.filter(request=OuterRef("pk"), reason_code=self.reason)
            condition &= Q(Exists(asked))
        return condition

    def _due(self, now: datetime) -> Q:
        if not (self.overdue or self.due_soon):
            return Q()
        due = Q(deadline_at__lt=now + DUE_SOON if self.due_soon else now)
        return due if self.overdue else due & Q(deadline_at__gte=now)

    @property
    def is_narrow(self) -> bool:
        """Whether they leave out some of the tab's requests."""
        return self != Filters(status=self.status, sort=self.sort, cursor=self.cursor)

    @property
    def _whose(self) -> Q:
        if self.assignee_id is not None:
            return Q(assignee_id=self.assignee_id)
        # Who belongs to nobody is in it, too: Django reads a NULL as none of these.
        return ~Q(assignee_id__in=self.not_of) if self.not_of else Q()

    @property
    def order(self) -> str:
        """The column to sort by, with a minus for descending: by deadline where there are clocks."""
        default = "deadline" if self.status in OPEN_TABS else "-created"
        return SORTS.get(self.sort, SORTS[default])


@dataclass(frozen=True, slots=True)
class Page:
    """Up to `PAGE` requests, the cursor of the next ones (empty at the end), and the decisions of the reader that
    can still be undone, the latest first.
    """

    rows: list[Listed]
    next_cursor: str
    held: list[ReturnEvent]


def _held_by(user: int, sellers: Sequence[int]) -> "QuerySet[ReturnEvent]":
    """Decisions of this person that can still be undone. Many at once are undone as a whole, on their own page."""
    return ReturnEvent.objects.filter(
        seller_id__in=sellers,
        user_id=user,
        hold_until__gt=Now(),
        relayed_at__isnull=True,
        withdrawn_at__isnull=True,
        action__in=(Action.AUTHORIZE, Action.CLOSE),
    ).exclude(idempotency_key__startswith=BULK_KEY)


@dataclass(frozen=True, slots=True)
class Queue:
    """What a list is read from: its stores, the database's time, the numbers on the tabs, and whether the reader
    has decisions that can still be undone, and saved views.
    """

    stores: list[Store]
    now: datetime
    counts: dict[str, int]
    has_held: bool
    has_views: bool


# A page of the list reads these few values each time: one statement instead of four.
_queue_values = Prepared(
    lambda user, ids: MarketplaceSettings.objects.filter(pk=1).values_list(
        *SETTINGS_AND_NOW,
        *(
            Subquery(
                StatusCount.objects.filter(seller_id__in=ids, status=status)
                .values("status")
                .annotate(total=Sum("requests"))
                .values("total")
            )
            for status in Status
        ),
        Exists(_held_by(user, ids)),
        Exists(SavedView.objects.filter(user_id=user, seller_id__in=ids)),
    ),
    "user",
    many=STORES,
)


def read_queue(actors: Sequence[Actor], sellers: Sequence[Seller]) -> Queue:
    """The stores that one person reads together, each actor acting for the seller at the same place."""
    (row,) = _queue_values.rows(actors[0].user_id or 0, ids=[seller.pk for seller in sellers])
    commons = commons_from(row, sellers)
    name_of = {seller.pk: seller.name for seller in sellers} if len(sellers) > 1 else {}
    stores = [
        Store(actor, commons[seller.pk], name_of.get(seller.pk, ""))
        for actor, seller in zip(actors, sellers, strict=True)
    ]
    *numbers, has_held, has_views = row[NOW_AT + 1 :]
    counts = {status.value: int(number or 0) for status, number in zip(Status, numbers, strict=True)}
    counts["all"] = sum(counts.values())
    return Queue(stores, as_moment(row[NOW_AT]), counts, bool(has_held), bool(has_views))


def list_returns(queue: Queue, filters: Filters) -> Page:
    """One page of the requests of the queue's stores."""
    stores, now = queue.stores, queue.now
    if len(stores) == 1 and not (filters.is_narrow or filters.cursor):
        found = _first_of_tab(filters.status, filters.order).rows(stores[0].common.seller.pk)
    else:
        found = _find(stores, filters, now)
    held = list_held([store.actor for store in stores]) if queue.has_held else []
    undoable = {event.request_id: event for event in reversed(held)}
    rows = read_listed([pk for pk, _value in found[:PAGE]], stores, now, undoable)
    cursor = ""
    if len(found) > PAGE:
        pk, value = found[PAGE - 1]
        cursor = f"{as_moment(value).isoformat()}~{pk}"
    return Page(rows, cursor, held)


@cache
def _first_of_tab(status: str, order: str) -> Prepared:
    """Id and place of the first requests of one store's tab, which is what most pages show."""
    tab = Filters(status=status).condition(now=NO_DEADLINE, time_zone="UTC")
    pk = "-pk" if order.startswith("-") else "pk"
    return Prepared(
        lambda seller: (
            ReturnRequest.objects.filter(tab, seller_id=seller)
            .order_by(order, pk)
            .values_list("pk", order.removeprefix("-"))[: PAGE + 1]
        ),
        "seller",
    )


def _find(stores: Sequence[Store], filters: Filters, now: datetime) -> list[tuple[int, datetime]]:
    """Id and place in the order of the page's requests, and of one more where there are more."""
    column = filters.order.removeprefix("-")
    first, *others = (_queue(store, filters, now).values_list("pk", column)[: PAGE + 1] for store in stores)
    if not others:
        return list(first)
    # What comes next in each store, by that store's own index, and of these the first: over all stores at once
    # the database would sort every request that waits in them. No part of a union may have a limit of its own.
    parts = [
        ReturnRequest.objects.filter(pk__in=queue.values("pk")).values_list("pk", column)
        for queue in (first, *others)
    ]
    return list(parts[0].union(*parts[1:], all=True).order_by(*_order(filters))[: PAGE + 1])


def _queue(store: Store, filters: Filters, now: datetime) -> "QuerySet[ReturnRequest]":
    """The store's requests from where the page before ended, in their order."""
    condition = filters.condition(now=now, time_zone=store.common.seller.time_zone)
    requests = ReturnRequest.objects.for_actor(store.actor).filter(condition)
    column = filters.order.removeprefix("-")
    position = position_in(filters.cursor)
    if position is not None:
        value, pk = position
        if filters.order.startswith("-"):
            requests = requests.filter(**{f"{column}__lte": value}).filter(
                Q(**{f"{column}__lt": value}) | Q(pk__lt=pk)
            )
        else:
            requests = requests.filter(**{f"{column}__gte": value}).filter(
                Q(**{f"{column}__gt": value}) | Q(pk__gt=pk)
            )
    return requests.order_by(*_order(filters))


def _order(filters: Filters) -> tuple[str, str]:
    return filters.order, "-pk" if filters.order.startswith("-") else "pk"


_counts = Prepared(
    lambda ids: StatusCount.objects.filter(seller_id__in=ids).values_list("status", "requests"), many=STORES
)


def list_matching(actor: Actor, filters: Filters, *, time_zone: str, most: int) -> list[int]:
    """The ids of the first `most` requests that the list would show on all its pages together."""
    condition = filters.condition(now=database_now(), time_zone=time_zone)
    requests = ReturnRequest.objects.for_actor(actor).filter(condition)
    pk = "-pk" if filters.order.startswith("-") else "pk"
    return list(requests.order_by(filters.order, pk).values_list("pk", flat=True)[:most])


def count_by_status(actors: Sequence[Actor]) -> dict[str, int]:
    """The numbers on the tabs, from the counters of these actors' stores; ``all`` is their sum."""
    counts = Counter(dict.fromkeys(Status.values, 0))
    sellers = [actor.seller_id for actor in actors if actor.seller_id is not None]
    for status, requests in _counts.rows(ids=sellers) if sellers else ():
        counts[status] += requests
    return {**counts, "all": counts.total()}


_views = Prepared(
    lambda user, seller: (
        SavedView.objects.filter(user_id=user, seller_id=seller)
        .order_by("name", "pk")
        .values_list("pk", "name", "query")
    ),
    "user",
    "seller",
)


def list_views(actor: Actor) -> list[tuple[int, str, str]]:
    """Key, name and query of the member's saved views at the seller, by name."""
    if not actor.may_write or actor.seller_id is None or actor.user_id is None:
        return []
    return [(pk, name, query) for pk, name, query in _views.rows(actor.user_id, actor.seller_id)]


_held = Prepared(
    lambda user, ids: _held_by(user, ids).order_by("-pk").values_list("pk")[:HELD], "user", many=STORES
)


def list_held(actors: Sequence[Actor]) -> list[ReturnEvent]:
    """What one person, acting as any of these, decided and can still undo, the latest first; nothing where the
    person may not decide.
    """
    sellers = [actor.seller_id for actor in actors if actor.may_write and actor.seller_id is not None]
    user_id = actors[0].user_id
    if not sellers or user_id is None:
        return []
    found = [pk for (pk,) in _held.rows(user_id, ids=sellers)]
    if not found:
        return []
    return list(ReturnEvent.objects.filter(pk__in=found).select_related("request__order").order_by("-pk"))


def _start_of(day: date, time_zone: str) -> datetime:
    return datetime.combine(day, time.min, ZoneInfo(time_zone))


def position_in(cursor: str) -> tuple[datetime, int] | None:
    """Where the page before ended; a cursor that cannot be read starts from the top."""
    moment, _separator, pk = cursor.partition("~")
    try:
        return datetime.fromisoformat(moment), int(pk)
    except ValueError:
        return None
