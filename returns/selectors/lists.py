"""The list *Manage Seller Fulfilled Returns*: tabs, filters, and pages by keyset, never by offset or count."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q, QuerySet

from ..actors import Actor
from ..models import ReturnEvent, ReturnItem, ReturnRequest, StatusCount
from ..models.clock import database_now
from ..state_machine import Status
from .cases import WITH_CASE, Case, load_cases

PAGE = 50
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

    @property
    def order(self) -> str:
        """The column to sort by, with a minus for descending: by deadline where there are clocks."""
        default = "deadline" if self.status in OPEN_TABS else "-created"
        return SORTS.get(self.sort, SORTS[default])


@dataclass(frozen=True, slots=True)
class Page:
    """Up to `PAGE` cases, the cursor of the next ones (empty at the end), and the database's time."""

    cases: list[Case]
    next_cursor: str
    now: datetime


def list_returns(actor: Actor, filters: Filters, *, time_zone: str) -> Page:
    """One page of the actor's requests. `time_zone` says where the days of `from_date` and `to_date` begin."""
    requests = _filtered(ReturnRequest.objects.for_actor(actor), filters, time_zone)
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
    rows = list(
        requests.select_related(*WITH_CASE).order_by(filters.order, "-pk" if descending else "pk")[: PAGE + 1]
    )
    has_more = len(rows) > PAGE
    rows = rows[:PAGE]
    cursor = f"{getattr(rows[-1], column).isoformat()}~{rows[-1].pk}" if has_more else ""
    cases = load_cases(rows)
    return Page(cases, cursor, cases[0].now if cases else database_now())


def list_matching(actor: Actor, filters: Filters, *, time_zone: str, most: int) -> list[int]:
    """The ids of the first `most` requests that the list would show on all its pages together."""
    requests = _filtered(ReturnRequest.objects.for_actor(actor), filters, time_zone)
    pk = "-pk" if filters.order.startswith("-") else "pk"
    return list(requests.order_by(filters.order, pk).values_list("pk", flat=True)[:most])


def count_by_status(actor: Actor) -> dict[str, int]:
    """The numbers on the tabs, from the counters; ``all`` is their sum."""
    counts = dict.fromkeys(Status.values, 0)
    counts.update(StatusCount.objects.filter(seller_id=actor.seller_id).values_list("status", "requests"))
    return counts | {"all": sum(counts.values())}


def list_held(actor: Actor) -> list[ReturnEvent]:
    """This user's decisions that can still be undone, the latest first."""
    return list(
        ReturnEvent.objects.filter(
            seller_id=actor.seller_id,
            user_id=actor.user_id,
            hold_until__gt=database_now(),
            relayed_at__isnull=True,
            withdrawn_at__isnull=True,
        )
        .select_related("request__order")
        .order_by("-pk")[:20]
    )


def _filtered(
    requests: "QuerySet[ReturnRequest]", filters: Filters, time_zone: str
) -> "QuerySet[ReturnRequest]":
    conditions: dict[str, Any] = {}
    if filters.status in Status.values:
        conditions["status"] = filters.status
    if filters.prepaid is not None:
        conditions["prepaid_eligible"] = filters.prepaid
    if filters.in_policy:
        conditions["policy"] = filters.in_policy
    if filters.overdue:
        conditions["deadline_at__lt"] = database_now()
    if filters.marketplace_todo:
        conditions["is_marketplace_todo"] = True
    if filters.money_owed:
        conditions["promise_due_date__isnull"] = False
    if filters.from_date:
        conditions["requested_at__gte"] = _start_of(filters.from_date, time_zone)
    if filters.to_date:
        conditions["requested_at__lt"] = _start_of(filters.to_date + timedelta(days=1), time_zone)
    if filters.q:
        conditions["search_text__contains"] = filters.q.casefold()
    requests = requests.filter(**conditions)
    if filters.reason:
        asked = ReturnItem.objects.filter(request=OuterRef("pk"), reason_code=filters.reason)
        requests = requests.filter(Exists(asked))
    return requests


def _start_of(day: date, time_zone: str) -> datetime:
    return datetime.combine(day, time.min, ZoneInfo(time_zone))


def _position(cursor: str) -> tuple[datetime, int] | None:
    """Where the page before ended; a cursor that cannot be read starts from the top."""
    moment, _separator, pk = cursor.partition("~")
    try:
        return datetime.fromisoformat(moment), int(pk)
    except ValueError:
        return None
