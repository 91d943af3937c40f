"""The money that went back for an order, as both sides read it: refunds of what was paid, and concessions."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from ..models import Order, Refund, ReturnRequest
from ..models.money import RefundCause, RefundPart, RefundState
from ..models.offers import is_of_credit


@dataclass(frozen=True, slots=True)
class Given:
    """One row of the ledger of money. `note` is the team's own: a buyer's page never shows it.

    `return_request` is the request that it names, with its reference and RMA number.
    """

    sentence: str
    minor: int
    currency: str
    part: str
    title: str
    at: datetime
    day: date
    who: str
    note: str
    memo: str
    state: str
    return_request: ReturnRequest | None


def money_of_order(order: Order) -> list[Given]:
    """All that went back for the order, newest first; one query."""
    return _given(Refund.objects.filter(order_item__order=order))


def concessions_of_order(order: Order) -> list[Given]:
    """What was given on top, for the buyer's page of the order; one query."""
    return _given(_concessions().filter(order_item__order=order))


def concessions_of_request(return_request: ReturnRequest) -> list[Given]:
    """What was given with this request as its occasion; one query."""
    return _given(_concessions().filter(request=return_request))


def list_money(return_request: ReturnRequest) -> list[Refund]:
    """All that was refunded and given with this request, for `load_cases` and whatever the page makes of it."""
    refunds = Refund.objects.filter(request=return_request)
    rows = refunds.annotate(event_version=F("event__version"))  # type: ignore[no-redef]  # declared there, put in here
    return list(
        rows.select_related("order_item", "payout__event", "request", "user").order_by("-recorded_at", "-pk")
    )


def concessions_among(money: Iterable[Refund]) -> list[Given]:
    return [_line(row) for row in money if row.cause == RefundCause.CONCESSION]


def _concessions() -> QuerySet[Refund]:
    return Refund.objects.counted().filter(cause=RefundCause.CONCESSION)


def _given(rows: QuerySet[Refund]) -> list[Given]:
    shown = rows.select_related("order_item", "request", "user", "event").order_by("-recorded_at", "-pk")
    return [_line(row) for row in shown]


def _sentence(row: Refund) -> str:
    if row.cause == RefundCause.CONCESSION:
        return _("Concession")
    return _("Credit") if row.event is not None and is_of_credit(row.event.facts) else _("Refund")


def _line(row: Refund) -> Given:
    return Given(
        sentence=_sentence(row),
        minor=row.amount_minor,
        currency=row.currency,
        part=str(RefundPart(row.part).label),
        title=row.order_item.title or row.order_item.sku,
        at=row.recorded_at,
        day=row.refunded_date,
        who=str(row.user) if row.user else "",
        note=row.note,
        memo=row.memo,
        state="" if row.status == RefundState.CONFIRMED else str(RefundState(row.status).label),
        return_request=row.request,
    )
