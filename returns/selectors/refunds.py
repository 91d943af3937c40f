"""What pages and services read about refunds: may a fee be kept, what is promised and still to be paid."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import QuerySet, Sum

from .. import policy
from ..fees import FeeFacts, FeeReason, judge_fee
from ..models import Refund, ReturnItem
from ..models.money import PAID_PARTS
from ..state_machine import Action, Status
from .cases import Case


@dataclass(frozen=True, slots=True)
class PromiseState:
    """A refund promise, what was refunded of it since the closing, and what is left; in minor units."""

    minor: int
    currency: str
    due_date: date
    refunded_minor: int
    is_overdue: bool

    @property
    def left_minor(self) -> int:
        return max(self.minor - self.refunded_minor, 0)


def fee_finding(case: Case, item: ReturnItem) -> tuple[FeeReason | None, Any]:
    """May a restocking fee be kept for this item? (reason, its sentence), else (None, why not)."""
    reason = case.reasons.get(item.reason_code)
    return judge_fee(
        FeeFacts(
            condition=item.condition if item.units_received else "",
            policy=item.policy,
            fault=reason.fault if reason else "",
            is_timely_withdrawal=case.request.is_timely_withdrawal,
        )
    )


def promise_of(case: Case) -> PromiseState | None:
    """The open promise of a closed request; one query, none without a promise."""
    request = case.request
    if request.promise_due_date is None:
        return None
    return PromiseState(
        minor=request.promise_minor or 0,
        currency=request.promise_currency,
        due_date=request.promise_due_date,
        refunded_minor=refunded_since_closing(case, Refund.objects.counted()),
        is_overdue=is_promise_overdue(case),
    )


def is_promise_overdue(case: Case) -> bool:
    """Has the promised day passed, with nothing left to hope for? (domain.md 5)"""
    due = case.request.promise_due_date
    return due is not None and case.now > policy.promise_overdue_at(due, case.rules)


def is_refund_overdue(case: Case) -> bool:
    due_at = case.request.refund_due_at
    return case.request.status == Status.REFUND_DUE and due_at is not None and case.now > due_at


def refunded_since_closing(case: Case, refunds: QuerySet[Refund]) -> int:
    """The sum of these `refunds` in the promise's currency since the request was closed."""
    closing = (
        case.request.events.filter(action=Action.CLOSE, withdrawn_at__isnull=True)
        .order_by("-version")
        .values("version")[:1]
    )
    since = refunds.filter(
        request=case.request, currency=case.request.promise_currency, event__version__gt=closing
    )
    return since.aggregate(total=Sum("amount_minor"))["total"] or 0


def spread(case: Case, minor: int, currency: str) -> dict[tuple[int, str], int]:
    """`minor` laid over what was paid and is not refunded: items first, then their tax, then shipping.

    By item id and part. Where what was paid is unknown the first item of the currency takes it.
    """
    laid: dict[tuple[int, str], int] = {}
    for part in PAID_PARTS:
        for item in case.items:
            line = item.order_item
            paid = getattr(line, f"{part}_paid_minor")
            if line.currency != currency or minor <= 0 or (paid is None and part != "item"):
                continue
            # Two rows of one line have one ceiling.
            before = sum(
                laid.get((other.pk, part.value), 0)
                for other in case.items
                if other.order_item_id == item.order_item_id
            )
            left = minor if paid is None else paid - getattr(line, f"{part}_refunded_minor") - before
            if left > 0:
                laid[item.pk, part.value] = min(left, minor)
                minor -= laid[item.pk, part.value]
    return laid
