"""What bulk pages read: runs, what came of their rows, and cases to plan a message by."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import BooleanField, Count, ExpressionWrapper, Min, Q, Value, When
from django.db.models import Case as Choose
from django.db.models.functions import Now

from ..actors import Actor
from ..models import (
    BulkRow,
    BulkRun,
    ClosureReason,
    ReturnEvent,
    ReturnItem,
)
from ..models.runs import BulkRowState, BulkState
from .cases import WITH_CASE, Case
from .common import common_of

PAGE = 50
RECENT = 20


def list_bulk_runs(actor: Actor) -> list[BulkRun]:
    """The latest runs of the actor's seller that were started."""
    started = BulkRun.objects.filter(seller_id=actor.own_seller_id).exclude(state=BulkState.PREVIEW)
    return list(started.select_related("user").order_by("-pk")[:RECENT])


def count_bulk_rows(run: BulkRun) -> Counter[str]:
    """How many rows stand in which state; ``kept``: done rows of which the undo was refused."""
    counts: Counter[str] = Counter()
    has_refusal = ExpressionWrapper(~Q(refusal=""), BooleanField())
    groups = run.rows.values_list("state", has_refusal).annotate(rows=Count("pk")).order_by()
    for state, is_refused, rows in groups:
        counts["kept" if is_refused and state == BulkRowState.DONE else state] += rows
    return counts


def list_bulk_rows(
    run: BulkRun, *, reason_code: str, show: str, cursor: str
) -> tuple[Sequence[BulkRow], str]:
    """A page of the run's rows, the refused ones first, and the cursor of the next one.

    `reason_code`: what will be refused with this reason counts as refused. `show`: a buyer's language,
    ``refused``, or everything.
    """
    refused = ~Q(refusal="")
    if run.state == BulkState.PREVIEW and reason_code:
        refused |= Q(why_not__has_key=reason_code)
    rows = run.rows.annotate(rank=Choose(When(refused, then=Value(0)), default=Value(1)))
    if show == "refused":
        rows = rows.filter(rank=0)
    elif show:
        rows = rows.filter(language=show, rank=1)
    rank, _separator, after = cursor.partition("~")
    if rank in ("0", "1") and after.isdecimal() and len(after) < 19:
        rows = rows.filter(Q(rank__gt=int(rank)) | Q(rank=int(rank), request_id__gt=int(after)))
    found = list(rows.select_related("request__order__buyer").order_by("rank", "request_id")[: PAGE + 1])
    page = found[:PAGE]
    more = f"{page[-1].rank}~{page[-1].request_id}" if len(found) > PAGE else ""
    return page, more


def held_until(run: BulkRun, key: str) -> datetime | None:
    """Until when all that is still held of the run can be undone; None when nothing is."""
    held = ReturnEvent.objects.filter(
        seller_id=run.seller_id,
        user_id=run.user_id,
        idempotency_key=key,
        hold_until__gt=Now(),
        relayed_at__isnull=True,
        withdrawn_at__isnull=True,
    )
    return held.aggregate(first=Min("hold_until"))["first"]


@dataclass(frozen=True, slots=True)
class Examples:
    """One row that can be decided for each buyers' language, with its case; `reason`: for closing with it.

    The cases know all that a message says; not what others ask for, what was refunded, or what is held.
    """

    reason: ClosureReason | None
    rows: list[tuple[BulkRow, Case]]


def examples_of(run: BulkRun, reason: ClosureReason | None) -> Examples:
    """The examples of the groups that can be decided: with `reason`, or for authorizing."""
    groups = run.found["groups"].get(reason.code if reason else "", {})
    if not groups:
        return Examples(reason, [])
    rows = list(
        run.rows.filter(request__in=[group["example"] for group in groups.values()])
        .select_related(*(f"request__{name}" for name in WITH_CASE))
        .order_by("language")
    )
    commons, now = common_of([row.request.seller for row in rows[:1]])
    items: dict[int, list[ReturnItem]] = {row.request_id: [] for row in rows}
    for item in (
        ReturnItem.objects.filter(request_id__in=items).select_related("order_item").order_by("ordinal", "id")
    ):
        items[item.request_id].append(item)
    cases = [
        Case(
            request=row.request,
            rules=commons[run.seller_id].settings.rules_for(row.request.seller, row.request.order.ordered_at),
            common=commons[run.seller_id],
            now=now,
            items=items[row.request_id],
        )
        for row in rows
    ]
    return Examples(reason, list(zip(rows, cases, strict=True)))
