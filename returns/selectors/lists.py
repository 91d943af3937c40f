"""The list *Manage Seller Fulfilled Returns*: tabs, filters, and pages by keyset, never by offset or count."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from ..actors import Actor
from ..models import ReturnEvent, ReturnItem, ReturnRequest, SavedView, StatusCount
from ..models.clock import database_now
from ..state_machine import Action, Status
from .listed import PAGE, Common, Listed, read_listed
from .prepared import Prepared

HELD = 100
OPEN_TABS = (Status.AUTHORIZATION_REQUIRED, Status.AUTHORIZED, Status.REFUND_DUE)
SORTS = {"deadline": "deadline_at", "created": "requested_at", "-created": "-requested_at"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the list shows. `status` is a `Status` value or ``all``; empty values filter nothing."""

    status: str = Status.AUTHORIZATION_REQUIRED.value
    q: str = ""
    from_date: date | None = None
    to_date: date | None = None
    reason: str = ""
    prepaid: bool | None = None
    in_policy: str = ""
    overdue: bool = False
    marketplace_todo: bool = False
    money_owed: bool = False
    sort: str = ""
    cursor: str = ""

    def condition(self, *, now: datetime, time_zone: str) -> Q:
        """The filters as a condition on requests. `now`: the database's time, for what is overdue; `time_zone`
        says where the days of `from_date` and `to_date` begin.
        """
        conditions: dict[str, Any] = {}
        if self.status in Status.values:
            conditions["status"] = self.status
        if self.prepaid is not None:
            conditions["prepaid_eligible"] = self.prepaid
        if self.in_policy:
            conditions["policy"] = self.in_policy
        if self.overdue:
            conditions["deadline_at__lt"] = now
        if self.marketplace_todo:
            conditions["is_marketplace_todo"] = True
        if self.money_owed:
            conditions["promise_due_date__isnull"] = False
        if self.from_date:
            conditions["requested_at__gte"] = _start_of(self.from_date, time_zone)
        if self.to_date:
            conditions["requested_at__lt"] = _start_of(self.to_date + timedelta(days=1), time_zone)
        if self.q:
            conditions["search_text__contains"] = self.q.casefold()
        condition = Q(**conditions)
        if self.reason:
            asked = ReturnItem.objects.filter(request=OuterRef("pk"), reason_code=self.reason)
            condition &= Q(Exists(asked))
        return condition

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


def list_returns(actor: Actor, filters: Filters, common: Common, now: datetime) -> Page:
    """One page of the requests of the common seller, for whom the actor acts. `now`: the database's time."""
    condition = filters.condition(now=now, time_zone=common.seller.time_zone)
    requests = ReturnRequest.objects.for_actor(actor).filter(condition)
    column = filters.order.removeprefix("-")
    descending = filters.order.startswith("-")
    position = _position(filters.cursor)
    if position is not None:
        value, pk = position
        if descending:
            requests = requests.filter(**{f"{column}__lte": value}).filter(
                Q(**{f"{column}__lt": value}) | Q(pk__lt=pk)
            )
        else:
            requests = requests.filter(**{f"{column}__gte": value}).filter(
                Q(**{f"{column}__gt": value}) | Q(pk__gt=pk)
            )
    requests = requests.order_by(filters.order, "-pk" if descending else "pk")
    found = list(requests.values_list("pk", column)[: PAGE + 1])
    held = list_held(actor)
    undoable = {event.request_id: event for event in reversed(held)}
    rows = read_listed([pk for pk, _value in found[:PAGE]], common, now, undoable)
    cursor = ""
    if len(found) > PAGE:
        pk, value = found[PAGE - 1]
        cursor = f"{value.isoformat()}~{pk}"
    return Page(rows, cursor, held)


_counts = Prepared(
    lambda seller: StatusCount.objects.filter(seller_id=seller).values_list("status", "requests"), "seller"
)


def list_matching(actor: Actor, filters: Filters, *, time_zone: str, most: int) -> list[int]:
    """The ids of the first `most` requests that the list would show on all its pages together."""
    condition = filters.condition(now=database_now(), time_zone=time_zone)
    requests = ReturnRequest.objects.for_actor(actor).filter(condition)
    pk = "-pk" if filters.order.startswith("-") else "pk"
    return list(requests.order_by(filters.order, pk).values_list("pk", flat=True)[:most])


def count_by_status(actor: Actor) -> dict[str, int]:
    """The numbers on the tabs, from the counters; ``all`` is their sum."""
    counts = dict.fromkeys(Status.values, 0)
    if actor.seller_id is not None:
        counts.update(_counts.rows(actor.seller_id))
    return counts | {"all": sum(counts.values())}


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


# The latest ones: many at once are undone as a whole.
_held = Prepared(
    lambda seller, user: (
        ReturnEvent.objects.filter(
            seller_id=seller,
            user_id=user,
            hold_until__gt=Now(),
            relayed_at__isnull=True,
            withdrawn_at__isnull=True,
            action__in=(Action.AUTHORIZE, Action.CLOSE),
        )
        .order_by("-pk")
        .values_list("pk")[:HELD]
    ),
    "seller",
    "user",
)


def list_held(actor: Actor) -> list[ReturnEvent]:
    """This user's decisions that can still be undone, the latest first; nothing for who may not decide."""
    if not actor.may_write or actor.seller_id is None or actor.user_id is None:
        return []
    found = [pk for (pk,) in _held.rows(actor.seller_id, actor.user_id)]
    if not found:
        return []
    return list(ReturnEvent.objects.filter(pk__in=found).select_related("request__order").order_by("-pk"))


def _start_of(day: date, time_zone: str) -> datetime:
    return datetime.combine(day, time.min, ZoneInfo(time_zone))


def _position(cursor: str) -> tuple[datetime, int] | None:
    """Where the page before ended; a cursor that cannot be read starts from the top."""
    moment, _separator, pk = cursor.partition("~")
    try:
        return datetime.fromisoformat(moment), int(pk)
    except ValueError:
        return None
