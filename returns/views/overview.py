"""The seller's overview: what waits, how soon it is answered, what comes back."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from ..decorators import MemberRequest, seller_required
from ..models.payouts import PayoutState
from ..selectors.overview import Backlog, Count, get_overview
from ..state_machine import Status

REASONS_DRAWN = 8


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that leads to what it counts; `urgency` as of clocks: late, soon or nothing."""

    label: str
    count: Count
    url: str
    urgency: str = ""


@seller_required
@require_safe
def overview(request: MemberRequest) -> HttpResponse:
    found = get_overview(request.actor, time_zone=timezone.get_current_timezone())
    backlog, returned = found.backlog, found.returned
    waiting, due = Status.AUTHORIZATION_REQUIRED, Status.REFUND_DUE
    late, soon = {"overdue": "on"}, {"soon": "on"}
    figures = [
        Figure(_("Overdue: answers"), backlog.overdue_answers, _list(waiting, **late), "late"),
        Figure(_("Overdue: refunds"), backlog.overdue_refunds, _list(due, **late), "late"),
        Figure(_("Due within 4 h: answers"), backlog.soon_answers, _list(waiting, **soon), "soon"),
        Figure(_("Due within 4 h: refunds"), backlog.soon_refunds, _list(due, **soon), "soon"),
        Figure(_("To do at the marketplace"), backlog.marketplace_todo, _list("all", todo="on")),
        _payouts(backlog),
    ]
    context: dict[str, Any] = {
        "found": found,
        "has_requests": found.by_status["all"] > 0,
        "tabs": [
            (label, found.by_status[status], _list(status))
            for status, label in [*Status.choices, ("all", _("All"))]
        ],
        "figures": figures,
        "escalated_url": _list("all", escalated="on"),
        "owed_url": _list(Status.CLOSED, owed="on"),
        "has_answers": any(day.answers for day in found.days),
        "reasons": returned.reasons[:REASONS_DRAWN],
        "other_reasons": sum(reason.share for reason in returned.reasons[REASONS_DRAWN:]),
    }
    return render(request, "seller_overview.html", context)


def _payouts(backlog: Backlog) -> Figure:
    """Refunds that a person has to see to; it leads to those that failed, where some did."""
    status = PayoutState.FAILED if backlog.failed_payouts else PayoutState.REQUESTED
    url = f"{reverse('seller-payouts')}?status={status.value}"
    return Figure(
        _("Refunds you must see to"), backlog.payouts, url, "late" if backlog.failed_payouts else ""
    )


def _list(status: str, **filters: str) -> str:
    """The list's address with this tab and these filters."""
    query = "&".join(f"{name}={value}" for name, value in {"status": status, **filters}.items())
    return f"{reverse('seller-returns')}?{query}"
