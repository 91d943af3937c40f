"""What the clocks bring: reminders, what the system decides when a limit passes, what was never sent back.

Run by the clockwork (`services.jobs`). Each sweep finds a few requests, and judges each again under its lock,
so that sweeps may run anywhere, at once, and be killed: nothing is done twice and nothing is forgotten. Nothing
ever closes because time passed.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from .. import policy
from ..actors import Actor
from ..exceptions import Refusal
from ..models import MarketplaceSettings, OfferState, ReturnRequest
from ..models.clock import database_now
from ..models.requests import Source
from ..selectors.cases import NEVER_ARRIVED, Case
from ..state_machine import Action, Outcome, Status
from .decide import Authorization, authorize_return
from .goods import complete_return
from .moves import Move, check_move, lock_cases, write_moves
from .offers import lapse_offer

BATCH = 200
NEAR_ANSWER = timedelta(hours=4)
NEAR_SEND_BACK = (timedelta(days=7), timedelta(days=2))


def authorize_at_limit() -> int:
    """Authorize prepaid-eligible requests opened here whose answer limit passed. Answers how many.

    What never arrived waits on: a label would send nothing back.
    """
    due = ReturnRequest.objects.filter(
        status=Status.AUTHORIZATION_REQUIRED,
        prepaid_eligible=True,
        source=Source.PORTAL,
        answer_due_at__lte=database_now(),
    ).exclude(items__reason_code=NEVER_ARRIVED)
    decision = Authorization(rule={"kind": "answer_limit"})
    return _each(
        due, lambda reference: authorize_return(Actor.system(), reference=reference, decision=decision)
    )


def complete_not_returned() -> int:
    """Complete authorized requests whose send-back date and its grace passed unused. Answers how many."""
    marketplace = MarketplaceSettings.load()
    grace = policy.Rules(time_zone=marketplace.time_zone).not_returned_grace_days
    today = policy.local_day(database_now(), marketplace.time_zone)
    due = ReturnRequest.objects.filter(
        status=Status.AUTHORIZED,
        source=Source.PORTAL,
        handed_over_at__isnull=True,
        send_back_date__lt=today - timedelta(days=grace),
    )
    return _each(
        due,
        lambda reference: complete_return(Actor.system(), reference=reference, outcome=Outcome.NOT_RETURNED),
    )


def lapse_offers() -> int:
    """End the offers whose time to answer has passed; both sides are told. Answers how many."""
    due = ReturnRequest.objects.filter(
        offers__state=OfferState.OPEN, offers__valid_until__lte=database_now(), offer_until__isnull=False
    )
    return _each(due, lapse_offer)


def remind() -> int:
    """Write the reminders that are due; their mails are made from the events like any other."""
    now = database_now()
    marketplace = MarketplaceSettings.load()
    today = policy.local_day(now, marketplace.time_zone)
    due = ReturnRequest.objects.filter(
        Q(status=Status.AUTHORIZATION_REQUIRED)
        & (
            Q(answer_due_at__lte=now, reminders_sent__lt=2)
            | Q(answer_due_at__lte=now + NEAR_ANSWER, reminders_sent=0)
        )
        | Q(status=Status.AUTHORIZED, source=Source.PORTAL, handed_over_at__isnull=True)
        & Q(send_back_date__gte=today)
        & (
            Q(send_back_date__lte=today + NEAR_SEND_BACK[1], reminders_sent__lt=2)
            | Q(send_back_date__lte=today + NEAR_SEND_BACK[0], reminders_sent=0)
        )
        | Q(status=Status.REFUND_DUE, refund_due_at__lte=now, reminders_sent__lt=2)
        | Q(status=Status.CLOSED, promise_due_date__lt=today, reminders_sent__lt=2)
    )
    return _each(due, _remind)


def _remind(reference: str) -> None:
    actor = Actor.system()
    with transaction.atomic():
        for case in lock_cases(actor, [reference]):
            reminder = due_reminder(case)
            if reminder is None or reminder["stage_number"] <= case.request.reminders_sent:
                continue
            check_move(case, actor, Action.REMIND)
            stage = reminder.pop("stage_number")
            move = Move(
                case=case,
                action=Action.REMIND,
                status=Status(case.request.status),
                columns={"reminders_sent": stage},
                facts={"reminder": reminder},
            )
            write_moves(actor, [move])


def due_reminder(case: Case) -> dict[str, Any] | None:
    """The reminder that the running clock owes now: which clock, near or past, and when it ends; or None."""
    request, now, rules = case.request, case.now, case.rules
    if request.status == Status.AUTHORIZATION_REQUIRED and request.answer_due_at:
        return _reminder("answer", request.answer_due_at, now, near=NEAR_ANSWER)
    if request.status == Status.AUTHORIZED and request.send_back_date and not case.is_imported:
        ends_at = policy.end_of_day(request.send_back_date, rules.time_zone)
        days = (request.send_back_date - case.today).days
        if not 0 <= days <= NEAR_SEND_BACK[0].days or request.handed_over_at:
            return None
        is_last = days <= NEAR_SEND_BACK[1].days
        return {
            "clock": "send_back",
            "stage": "near",
            "days": days,
            "due_at": ends_at.isoformat(),
            "stage_number": 2 if is_last else 1,
        }
    if request.status == Status.REFUND_DUE and request.refund_due_at:
        return _reminder("refund", request.refund_due_at, now)
    if request.status == Status.CLOSED and request.promise_due_date:
        return _reminder("promise", policy.promise_overdue_at(request.promise_due_date, rules), now)
    return None


def _reminder(
    clock: str, due_at: datetime, now: datetime, near: timedelta | None = None
) -> dict[str, Any] | None:
    if now >= due_at:
        return {"clock": clock, "stage": "past", "due_at": due_at.isoformat(), "stage_number": 2}
    if near is not None and now >= due_at - near:
        return {"clock": clock, "stage": "near", "due_at": due_at.isoformat(), "stage_number": 1}
    return None


def _each(due: QuerySet[ReturnRequest], act: Any) -> int:
    """Act on each request that is due, in its own transaction; one that meanwhile moved on is left alone."""
    done = 0
    for reference in list(due.order_by("deadline_at", "pk").values_list("reference", flat=True)[:BATCH]):
        try:
            act(reference)
        except Refusal:
            continue
        done += 1
    return done
