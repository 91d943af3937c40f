"""A seller's overview: what waits, what is late, how soon it is answered, what comes back and why.

Every figure is read through an index and no further than a limit, so that the page of a seller with 800,000
requests costs about as much as that of one with 800. Where a limit is met, the figure says so.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from statistics import median
from typing import Any

from django.db.models import Exists, F, IntegerField, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import get_language

from ..actors import Actor
from ..models import Payout, Refund, ReturnEvent, ReturnItem, ReturnReason, ReturnRequest, Seller
from ..models.clock import database_now
from ..models.events import ANSWERS
from ..models.money import RefundCause, RefundState
from ..models.payouts import PayoutState
from ..models.people import Language
from ..state_machine import Status
from .lists import DUE_SOON, count_by_status
from .payouts import NEEDS_A_PERSON

MOST_WAITING = 1_000
MOST_A_DAY = 5_000
LATEST = 1_000  # answers and requests that medians, shares and tables are made from
CHART_DAYS, LAST_DAYS = 14, 30
ESCALATED_NAMED = 5
SKUS_NAMED = 10


@dataclass(frozen=True, slots=True)
class Count:
    """How many; `is_more`: at least so many, counting ended there."""

    number: int
    is_more: bool = False

    def __bool__(self) -> bool:
        return self.number > 0

    def __add__(self, other: "Count") -> "Count":
        return Count(self.number + other.number, self.is_more or other.is_more)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for the seller's side now."""

    overdue_answers: Count
    overdue_refunds: Count
    soon_answers: Count
    soon_refunds: Count
    marketplace_todo: Count
    payouts: Count
    failed_payouts: Count
    escalated: Count


@dataclass(frozen=True, slots=True)
class Escalated:
    reference: str
    order_number: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Owed:
    """Open refund promises: how many, how many of them overdue, and what is still owed, by currency."""

    promises: Count
    overdue: Count
    amounts: list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class DayOfAnswers:
    day: date
    answers: Count


@dataclass(frozen=True, slots=True)
class TimeToAnswer:
    """The median from request to first answer; `None` where there is none. `based_on`: of how many requests."""

    median: timedelta | None
    based_on: int


@dataclass(frozen=True, slots=True)
class ReasonShare:
    code: str
    label: str
    items: int
    share: float


@dataclass(frozen=True, slots=True)
class SkuReturns:
    """What came back of one SKU. `values`: what was paid for the units, by currency, as far as it is known."""

    sku: str
    title: str
    requests: int
    units: int
    values: list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Returned:
    """The requests of the last days: `requests` of them were read, the latest ones if `is_capped`."""

    requests: int
    is_capped: bool
    reasons: list[ReasonShare]
    skus: list[SkuReturns]


@dataclass(frozen=True, slots=True)
class Overview:
    now: datetime
    by_status: dict[str, int]
    backlog: Backlog
    escalated: list[Escalated]
    owed: Owed
    days: list[DayOfAnswers]
    time_to_answer: TimeToAnswer
    returned: Returned

    @property
    def today(self) -> Count:
        return self.days[-1].answers

    @property
    def week(self) -> Count:
        return sum((day.answers for day in self.days[-7:]), Count(0))


class _CountUpTo(Subquery):
    """How many rows a sliced query has, in a column of another query."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def get_overview(actor: Actor, *, time_zone: tzinfo) -> Overview:
    """The overview of the actor's seller. Days begin at midnight in `time_zone`; today is the last of them."""
    now = database_now()
    today = now.astimezone(time_zone).date()
    days = [today - timedelta(days=back) for back in reversed(range(CHART_DAYS))]
    since = start_of(today - timedelta(days=LAST_DAYS - 1), time_zone)
    requests = ReturnRequest.objects.for_actor(actor)
    answers = ReturnEvent.objects.filter(ANSWERS, seller_id=actor.own_seller_id)

    payouts = Payout.objects.for_actor(actor)
    waiting = requests.filter(status=Status.AUTHORIZATION_REQUIRED)
    refunds = requests.filter(status=Status.REFUND_DUE)
    late, soon = {"deadline_at__lt": now}, {"deadline_at__range": (now, now + DUE_SOON)}
    counted = _count_all(
        actor,
        {
            "overdue_answers": waiting.filter(**late),
            "overdue_refunds": refunds.filter(**late),
            "soon_answers": waiting.filter(**soon),
            "soon_refunds": refunds.filter(**soon),
            "marketplace_todo": requests.filter(is_marketplace_todo=True),
            "escalated": requests.filter(escalated_at__isnull=False),
            "payouts": payouts.filter(NEEDS_A_PERSON),
            "failed_payouts": payouts.filter(status=PayoutState.FAILED),
        },
        {
            day.isoformat(): answers.filter(
                occurred_at__gte=start_of(day, time_zone),
                occurred_at__lt=start_of(day + timedelta(days=1), time_zone),
            )
            for day in days
        },
    )
    return Overview(
        now=now,
        by_status=count_by_status([actor]),
        escalated=_escalated(requests),
        owed=_owed(requests, now),
        days=[DayOfAnswers(day, counted.pop(day.isoformat())) for day in days],
        backlog=Backlog(**counted),
        time_to_answer=_time_to_answer(answers.filter(occurred_at__gte=since)),
        returned=_returned(requests.filter(requested_at__gte=since)),
    )


def start_of(day: date, time_zone: tzinfo) -> datetime:
    """The instant at which the day begins; also where clocks are put forward at midnight."""
    return datetime.combine(day, time.min, time_zone)


def _count_all(
    actor: Actor, backlog: dict[str, "QuerySet[Any]"], days: dict[str, "QuerySet[Any]"]
) -> dict[str, Count]:
    """All of it in one query."""
    limits = dict.fromkeys(backlog, MOST_WAITING) | dict.fromkeys(days, MOST_A_DAY)
    columns = {
        name: _CountUpTo(rows.order_by().values("pk")[: limits[name] + 1])
        for name, rows in (backlog | days).items()
    }
    found = Seller.objects.filter(pk=actor.own_seller_id).values_list(*columns.values()).get()
    return {name: _up_to(limits[name], number) for name, number in zip(columns, found, strict=True)}


def _up_to(limit: int, number: int) -> Count:
    return Count(min(number, limit), number > limit)


def _escalated(requests: "QuerySet[ReturnRequest]") -> list[Escalated]:
    """Those that have waited longest for the marketplace."""
    rows = requests.filter(escalated_at__isnull=False).order_by("escalated_at")
    return [
        Escalated(reference, order_number, at)
        for reference, order_number, at in rows.values_list(
            "reference", "order__order_number", "escalated_at"
        )[:ESCALATED_NAMED]
        if at is not None
    ]


def _owed(requests: "QuerySet[ReturnRequest]", now: datetime) -> Owed:
    """Promises are read with the most overdue first. What was refunded on one since is no longer owed."""
    refunded = (
        Refund.objects.filter(
            request=OuterRef("pk"),
            cause=RefundCause.PROMISE,
            currency=OuterRef("promise_currency"),
            status=RefundState.CONFIRMED,
        )
        .order_by()
        .values("request")
        .annotate(total=Sum("amount_minor"))
        .values("total")
    )
    rows = list(
        requests.filter(promise_due_date__isnull=False)
        .order_by("deadline_at")
        .values_list("promise_currency", F("promise_minor") - Coalesce(Subquery(refunded), 0), "deadline_at")[
            : MOST_WAITING + 1
        ]
    )
    amounts: Counter[str] = Counter()
    for currency, minor, _ in rows[:MOST_WAITING]:
        amounts[currency] += minor
    overdue = sum(deadline_at < now for _, _, deadline_at in rows)
    return Owed(_up_to(MOST_WAITING, len(rows)), _up_to(MOST_WAITING, overdue), sorted(amounts.items()))


def _time_to_answer(answers: "QuerySet[ReturnEvent]") -> TimeToAnswer:
    """From the request to its first answer. Where a file names only the day of the request, nobody knows it."""
    latest = answers.order_by("-occurred_at").values("pk")[:LATEST]
    earlier = ReturnEvent.objects.filter(
        ANSWERS, request=OuterRef("request"), version__lt=OuterRef("version")
    )
    rows = ReturnEvent.objects.filter(~Exists(earlier), pk__in=latest, request__requested_has_time=True)
    times = [
        answered_at - requested_at
        for answered_at, requested_at in rows.values_list("occurred_at", "request__requested_at")
    ]
    # The stubs know medians of numbers alone.
    return TimeToAnswer(median(times) if times else None, len(times))  # type: ignore[type-var]


def _returned(requests: "QuerySet[ReturnRequest]") -> Returned:
    latest = requests.order_by("-requested_at").values("pk")[:LATEST]
    rows = ReturnItem.objects.filter(request__in=latest).values_list(
        "request_id",
        "reason_code",
        "quantity",
        "order_item__sku",
        "order_item__title",
        "order_item__quantity",
        "order_item__item_paid_minor",
        "order_item__currency",
        named=True,
    )
    read = len({row.request_id for row in rows})
    return Returned(read, read == LATEST, _reasons(row.reason_code for row in rows), _skus(rows))


def _reasons(codes: Iterable[str]) -> list[ReasonShare]:
    """The most frequent first; a code that nobody knows is shown as it is."""
    counted = Counter(codes)
    known = {reason.code: reason for reason in ReturnReason.objects.filter(code__in=counted)}
    language = get_language() or Language.ENGLISH.value
    return [
        ReasonShare(
            code,
            known[code].in_language("label", language) if code in known else code,
            items,
            items / counted.total(),
        )
        for code, items in sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
    ]


def _skus(rows: Iterable[Any]) -> list[SkuReturns]:
    """The SKUs of most requests. A line without a SKU counts under its title."""
    by_sku = defaultdict(list)
    for row in rows:
        by_sku[row.order_item__sku or row.order_item__title].append(row)
    found = []
    for sku, lines in by_sku.items():
        values: Counter[str] = Counter()
        for line in lines:
            if line.order_item__item_paid_minor is not None:
                bought = line.order_item__quantity
                units = min(line.quantity, bought)
                values[line.order_item__currency] += line.order_item__item_paid_minor * units // bought
        found.append(
            SkuReturns(
                sku,
                lines[0].order_item__title,
                len({line.request_id for line in lines}),
                sum(line.quantity for line in lines),
                sorted(values.items()),
            )
        )
    found.sort(key=lambda one: (-one.requests, -one.units, one.sku))
    return found[:SKUS_NAMED]
