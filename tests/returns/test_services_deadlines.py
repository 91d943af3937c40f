"""What the clocks bring, once, however often and wherever they are looked at."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from returns import policy, services
from returns.actors import Actor
from returns.exceptions import Refusal, TransitionNotAllowed
from returns.models import MarketplaceSettings, ReturnEvent, ReturnRequest, ScheduledJob
from returns.models.clock import database_now
from returns.services import deadlines, jobs
from returns.services.deadlines import authorize_at_limit, complete_not_returned, due_reminder, remind
from returns.state_machine import Action, Outcome, Role, Status
from tests.factories import (
    Cast,
    a_case,
    a_request_in,
    at_once,
    by_hand,
    closing,
    day,
    days_ago,
    everything_received,
    file_request,
    last_event,
    make_order,
    open_request,
)
from tests.returns.ledger import everything_adds_up, row, snapshot

AR, AUTHORIZED, REFUND_DUE, COMPLETED, CLOSED = (
    Status.AUTHORIZATION_REQUIRED,
    Status.AUTHORIZED,
    Status.REFUND_DUE,
    Status.COMPLETED,
    Status.CLOSED,
)


def held_by_hand(cast: Cast, opened_days_ago: float) -> ReturnRequest:
    """Prepaid-eligible, opened here, and waiting for the seller."""
    with by_hand(cast.north_lane):
        return open_request(make_order(cast.north_lane), opened_days_ago=opened_days_ago)


def authorized_until(cast: Cast, days_from_now: int) -> ReturnRequest:
    """Authorized, nothing handed over, to be sent back by that day."""
    request = a_request_in(cast, AUTHORIZED)
    ReturnRequest.objects.filter(pk=request.pk).update(send_back_date=day(-days_from_now))
    return request


def changes_nothing(sweep: Callable[[], int]) -> bool:
    before = snapshot()
    return sweep() == 0 and snapshot() == before


# Authorized at the limit


def test_a_prepaid_eligible_request_is_authorized_when_its_answer_limit_passes(cast: Cast) -> None:
    with by_hand(cast.north_lane):
        request = open_request(make_order(cast.north_lane), opened_days_ago=1.01)
        assert authorize_at_limit() == 1
    assert row(request)["status"] == AUTHORIZED
    event = last_event(request)
    assert (event.role, event.user_id, event.hold_until) == (Role.SYSTEM, None, None)
    assert changes_nothing(authorize_at_limit)
    everything_adds_up()


def test_before_the_limit_it_waits(cast: Cast) -> None:
    held_by_hand(cast, 0.99)
    assert changes_nothing(authorize_at_limit)


def test_what_is_not_prepaid_eligible_waits_for_the_seller_however_long(cast: Cast) -> None:
    open_request(make_order(cast.north_lane, country="CA"), opened_days_ago=300)
    assert changes_nothing(authorize_at_limit)


def test_a_file_triggers_no_rule(cast: Cast) -> None:
    file_request(make_order(cast.north_lane), AR, prepaid=True, requested_days_ago=10)
    assert changes_nothing(authorize_at_limit)


def test_nothing_ever_closes_because_time_passed(cast: Cast) -> None:
    for country in ("US", "CA"):
        with by_hand(cast.north_lane):
            open_request(make_order(cast.north_lane, country=country), opened_days_ago=300)
    for sweep in jobs.JOBS.values():
        sweep()
    assert not ReturnRequest.objects.filter(status=CLOSED).exists()


# Not returned


@pytest.mark.parametrize(("days", "is_over"), [(-6, True), (-5, False), (0, False)])
def test_what_was_not_sent_five_days_after_its_date_is_completed(
    cast: Cast, days: int, is_over: bool
) -> None:
    request = authorized_until(cast, days)
    assert complete_not_returned() == is_over
    assert row(request)["outcome"] == (Outcome.NOT_RETURNED if is_over else "")
    assert changes_nothing(complete_not_returned)
    everything_adds_up()


def test_the_days_are_the_marketplaces(cast: Cast) -> None:
    """These two zones are 25 hours apart, so they never have the same day."""
    ahead, behind = "Pacific/Kiritimati", "Pacific/Pago_Pago"
    request = a_request_in(cast, AUTHORIZED)
    send_back_date = policy.local_day(database_now(), ahead) - timedelta(days=6)
    ReturnRequest.objects.filter(pk=request.pk).update(send_back_date=send_back_date)
    MarketplaceSettings.objects.update(time_zone=behind)
    assert changes_nothing(complete_not_returned)
    MarketplaceSettings.objects.update(time_zone=ahead)
    assert complete_not_returned() == 1


def test_what_was_handed_over_is_on_its_way(cast: Cast) -> None:
    request = authorized_until(cast, -30)
    ReturnRequest.objects.filter(pk=request.pk).update(handed_over_at=days_ago(1))
    assert changes_nothing(complete_not_returned)


def test_the_marketplace_ends_what_it_authorized(cast: Cast) -> None:
    request = file_request(make_order(cast.north_lane), AUTHORIZED)
    ReturnRequest.objects.filter(pk=request.pk).update(send_back_date=day(30))
    assert changes_nothing(complete_not_returned)


def test_a_parcel_that_comes_later_revives_it(cast: Cast) -> None:
    request = a_request_in(cast, COMPLETED, Outcome.NOT_RETURNED)
    alice = at_once(cast.actor(cast.alice))
    services.receive_return(alice, reference=request.reference, received=everything_received(request))
    assert row(request)["status"] == REFUND_DUE
    everything_adds_up()


# Reminders


def reminders(request: ReturnRequest) -> list[tuple[str, str]]:
    events = request.events.filter(action=Action.REMIND).order_by("version")
    return [(event.facts["reminder"]["clock"], event.facts["reminder"]["stage"]) for event in events]


def test_the_seller_is_reminded_four_hours_before_the_limit_and_at_it(cast: Cast) -> None:
    request = a_request_in(cast, AR)
    now = database_now()
    expected: list[tuple[str, str]] = []
    for left, reminder in (
        (timedelta(hours=4, minutes=1), None),
        (timedelta(hours=3, minutes=59), ("answer", "near")),
        (timedelta(minutes=1), None),
        (timedelta(seconds=-1), ("answer", "past")),
        (timedelta(days=-3), None),
    ):
        ReturnRequest.objects.filter(pk=request.pk).update(answer_due_at=now + left, deadline_at=now + left)
        expected += [reminder] if reminder else []
        assert remind() == bool(reminder)
        assert reminders(request) == expected
        assert changes_nothing(remind)
    event = request.events.filter(action=Action.REMIND)[0]
    assert (event.role, event.source, event.target) == (Role.SYSTEM, AR, AR)
    everything_adds_up()


def test_who_was_away_is_reminded_once_not_twice(cast: Cast) -> None:
    request = open_request(make_order(cast.north_lane, country="CA"), opened_days_ago=5)
    assert remind() == 1
    assert reminders(request) == [("answer", "past")]
    assert changes_nothing(remind)


def test_the_buyer_is_reminded_seven_and_two_days_before_the_last_day(cast: Cast) -> None:
    request = a_request_in(cast, AUTHORIZED)
    sent = []
    for days in range(10, -3, -1):
        ReturnRequest.objects.filter(pk=request.pk).update(send_back_date=day(-days))
        if remind():
            sent.append(days)
    assert sent == [7, 2]
    assert reminders(request) == [("send_back", "near")] * 2
    assert [
        event.facts["reminder"]["days"]
        for event in request.events.filter(action=Action.REMIND).order_by("version")
    ] == [7, 2]


def test_after_its_last_day_nobody_is_asked_to_send(cast: Cast) -> None:
    request = authorized_until(cast, -1)
    assert due_reminder(a_case(request)) is None
    assert changes_nothing(remind)


def test_what_is_on_its_way_needs_no_reminder(cast: Cast) -> None:
    request = authorized_until(cast, 2)
    ReturnRequest.objects.filter(pk=request.pk).update(handed_over_at=days_ago(0))
    assert changes_nothing(remind)


def test_an_overdue_refund_is_said_once(cast: Cast) -> None:
    request = a_request_in(cast, REFUND_DUE)
    assert changes_nothing(remind)
    ReturnRequest.objects.filter(pk=request.pk).update(refund_due_at=days_ago(0.001))
    assert remind() == 1
    assert reminders(request) == [("refund", "past")]
    assert changes_nothing(remind)


def test_an_overdue_promise_is_said_once(cast: Cast) -> None:
    request = a_request_in(cast, CLOSED, promise_minor=12900)
    for days_back, count in ((0, 0), (1, 1), (5, 0)):
        ReturnRequest.objects.filter(pk=request.pk).update(promise_due_date=day(days_back))
        assert remind() == count
    assert reminders(request) == [("promise", "past")]


def test_a_closed_request_without_a_promise_has_no_clock(cast: Cast) -> None:
    a_request_in(cast, CLOSED)
    assert changes_nothing(remind)


def test_a_new_clock_is_reminded_of_anew(cast: Cast) -> None:
    request = open_request(make_order(cast.north_lane, country="CA"), opened_days_ago=5)
    remind()
    alice = at_once(cast.actor(cast.alice))
    services.close_return(alice, reference=request.reference, closing=closing())
    services.reopen_return(alice, reference=request.reference)
    assert changes_nothing(remind)
    now = database_now()
    ReturnRequest.objects.filter(pk=request.pk).update(answer_due_at=now, deadline_at=now)
    assert remind() == 1
    assert reminders(request) == [("answer", "past")] * 2


def test_who_is_first_is_not_told_that_a_reminder_was(cast: Cast) -> None:
    """A reminder changes nothing that a person could have come second to."""
    request = open_request(make_order(cast.north_lane, country="CA"), opened_days_ago=5)
    services.authorize_return(at_once(cast.actor(cast.ben)), reference=request.reference)
    ReturnRequest.objects.filter(pk=request.pk).update(send_back_date=day(-2))
    remind()
    with pytest.raises(TransitionNotAllowed) as refusal:
        services.close_return(cast.actor(cast.alice), reference=request.reference, closing=closing())
    assert str(refusal.value).startswith("Authorized by Ben Boyd on ")


# The clockwork


def test_a_sweep_takes_some_at_a_time_and_comes_to_the_end(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "BATCH", 2)
    for _number in range(3):
        held_by_hand(cast, 3)
    assert [authorize_at_limit() for _sweep in range(3)] == [2, 1, 0]


def test_one_that_cannot_be_done_stops_no_other(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = held_by_hand(cast, 4), held_by_hand(cast, 3)

    def authorize(actor: Actor, *, reference: str, **decision: Any) -> ReturnEvent:
        if reference == first.reference:
            raise Refusal("Not now.")
        return services.authorize_return(actor, reference=reference, **decision)

    monkeypatch.setattr(deadlines, "authorize_return", authorize)
    assert authorize_at_limit() == 1
    assert row(second)["status"] == AUTHORIZED


def test_a_turn_is_run_once_whoever_comes_by(cast: Cast) -> None:
    request = held_by_hand(cast, 3)
    assert set(jobs.run_due_jobs()) == set(jobs.JOBS)
    assert row(request)["status"] == AUTHORIZED
    assert jobs.run_due_jobs() == []
    ScheduledJob.objects.filter(name="remind").update(due_at=days_ago(1))
    assert jobs.run_due_jobs() == ["remind"]
