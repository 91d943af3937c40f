"""Many requests at once: what the preview showed is what is done, each row once, and all of it can be undone."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.utils import translation

from notifications.models import Kind, Message
from notifications.services import relay_events
from returns import services
from returns.actors import Actor
from returns.exceptions import (
    Forbidden,
    Invalid,
    NotFound,
    SomebodyElseWasFirst,
    TransitionNotAllowed,
)
from returns.models import BulkRun, ClosureReason, Membership, ReturnRequest
from returns.models.clock import database_now
from returns.models.runs import BulkState
from returns.selectors.bulk import count_bulk_rows, examples_of, held_until
from returns.selectors.lists import Filters
from returns.services import bulk
from returns.services.bulk import BulkDecision, confirm_bulk, freeze_bulk, undo_bulk, work_on_bulk_runs
from returns.services.jobs import run_due_jobs
from returns.state_machine import Action, Status
from tests.factories import (
    Cast,
    Line,
    Person,
    a_request_in,
    by_hand,
    closing,
    day,
    everything_owed,
    last_event,
    make_order,
    open_request,
)
from tests.returns.ledger import everything_adds_up, refused
from tests.returns.rivals import Rival, crew
from tests.services import wait_until

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

COMMITS = pytest.mark.django_db(transaction=True)
AR, AUTHORIZED, CLOSED = Status.AUTHORIZATION_REQUIRED, Status.AUTHORIZED, Status.CLOSED
WEI = Person(name="Wei Chen", email="wei@buyers.example", language="zh-hans")
COMMENTS = {
    "en": "We talked about it and found a way.",
    "zh-hans": "我们已经沟通过,找到了双方都满意的解决办法,谢谢您。",
}


@pytest.fixture
def alice(cast: Cast) -> Actor:
    return cast.actor(cast.alice)


@pytest.fixture
def ben(cast: Cast) -> Actor:
    return cast.actor(cast.ben)


def opened(cast: Cast, number: int, **more: object) -> list[ReturnRequest]:
    """Requests that may be authorized and closed."""
    return [open_request(make_order(cast.north_lane, country="CA", **more)) for _ in range(number)]


def frozen(actor: Actor, requests: list[ReturnRequest], action: Action = Action.CLOSE) -> BulkRun:
    return freeze_bulk(actor, action=action, references=[request.reference for request in requests])


def decide(actor: Actor, run: BulkRun, code: str = "other", key: str = "form-1", **more: object) -> BulkRun:
    """Confirm the run as its form does."""
    reason = ClosureReason.objects.get(code=code) if run.action == Action.CLOSE else None
    decision = BulkDecision(reason_code=code if reason else "", **{"comments": COMMENTS, **more})
    return confirm_bulk(actor, run=run, examples=examples_of(run, reason), decision=decision, key=key)


def results(run: BulkRun) -> dict[str, tuple[str, str]]:
    """By reference, the state of each row and its sentence."""
    rows = run.rows.values_list("request__reference", "state", "refusal")
    return {reference: (state, refusal) for reference, state, refusal in rows}


def states(requests: list[ReturnRequest]) -> Counter[str]:
    pks = [request.pk for request in requests]
    return Counter(ReturnRequest.objects.filter(pk__in=pks).values_list("status", flat=True))


def now(run: BulkRun) -> BulkRun:
    return BulkRun.objects.select_related("user", "seller").get(pk=run.pk)


def closings(requests: list[ReturnRequest]) -> list[int]:
    """How often each was closed."""
    return [request.events.filter(action=Action.CLOSE).count() for request in requests]


def in_the_background(monkeypatch: pytest.MonkeyPatch, rows: int = 500) -> None:
    """Let nothing be decided while one waits, and then `rows` at a time."""
    monkeypatch.setattr(bulk, "AT_ONCE", 0)
    monkeypatch.setattr(bulk, "CHUNK", rows)


# --- The frozen set


def test_what_is_frozen_is_counted_by_reason_and_language_and_nothing_is_decided(
    cast: Cast, alice: Actor
) -> None:
    english, chinese = opened(cast, 2), opened(cast, 1, buyer=WEI)
    with by_hand(cast.north_lane):
        prepaid = open_request(make_order(cast.north_lane))
    closed = a_request_in(cast, CLOSED)
    foreign = open_request(make_order(cast.south_pier, country="CA"))
    wanted = [*english, *chinese, prepaid, closed, foreign, english[0]]
    run = frozen(alice, wanted)
    found = now(run).found
    assert (found["rows"], found["refused"], found["repeated"]) == (5, 2, 1)
    assert found["missing"] == [foreign.reference]
    assert {language: group["rows"] for language, group in found["groups"]["other"].items()} == {
        "en": 2,
        "zh-hans": 1,
    }
    assert found["owed"] == {"USD": 3 * 13932}
    assert results(run)[prepaid.reference] == (
        "refused",
        "Eligible for a prepaid return: this request cannot be closed.",
    )
    state, sentence = results(run)[closed.reference]
    assert (state, sentence.startswith("Closed by Alice Ames on ")) == ("refused", True)
    assert foreign.reference not in results(run)
    assert states([*english, *chinese]) == {AR: 3}


def test_reasons_that_ask_for_a_statement_about_the_single_request_are_not_offered(
    cast: Cast, alice: Actor
) -> None:
    unknown = open_request(
        make_order(cast.north_lane, country="CA", delivered_days_ago=None, ordered_days_ago=None)
    )
    faulty = open_request(
        make_order(cast.north_lane, country="CA", ordered_days_ago=90, delivered_days_ago=80),
        reason="CR-DEFECTIVE",
        comment="It does not heat.",
    )
    free = open_request(make_order(cast.north_lane, Line(item=None, tax=None, shipping=None), country="CA"))
    run = frozen(alice, [unknown, faulty, free])
    why_not = {row.request_id: row.why_not for row in run.rows.all()}
    assert why_not[unknown.pk]["agreed_with_buyer"].startswith("It asks for the day and the way you agreed")
    assert why_not[unknown.pk]["order_never_arrived"].startswith("It asks you to tick what the buyer writes")
    assert why_not[unknown.pk]["outside_return_window"].startswith("It asks for the day of delivery")
    assert why_not[faulty.pk]["outside_return_window"].startswith("The buyer says the item is at fault")
    assert why_not[free.pk]["refund_without_return"].startswith("What is owed is not known exactly")
    assert "agreed_with_buyer" not in run.found["groups"]
    assert run.found["why_not"]["agreed_with_buyer"] == why_not[free.pk]["agreed_with_buyer"]
    with pytest.raises(Invalid) as wrong:
        decide(alice, run, "agreed_with_buyer")
    assert set(wrong.value.errors) == {"reason"}


def test_all_that_match_are_frozen_up_to_a_limit_and_later_ones_are_not_in_it(
    cast: Cast, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    kettles = opened(cast, 3)
    a_request_in(cast, AUTHORIZED)
    open_request(make_order(cast.south_pier, country="CA"))
    run = freeze_bulk(alice, action=Action.AUTHORIZE, filters=Filters())
    later = opened(cast, 1)
    decide(alice, run)
    assert states(kettles) == {AUTHORIZED: 3}
    assert states(later) == {AR: 1}
    monkeypatch.setattr(bulk, "MOST", 2)
    cut = freeze_bulk(alice, action=Action.CLOSE, filters=Filters(status="all"))
    assert (cut.found["rows"], cut.found["is_cut"]) == (2, True)


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"action": "close"}, Invalid),
        ({"action": "reopen", "references": ["x"]}, Invalid),
        ({"action": "close", "references": ["x"]}, NotFound),
        ({"action": "close", "filters": Filters(q="nothing like it")}, Invalid),
    ],
)
def test_a_selection_of_nothing_is_refused(
    cast: Cast, alice: Actor, asked: dict, refusal: type[Exception]
) -> None:
    opened(cast, 1)
    with refused(refusal):
        freeze_bulk(alice, **asked)


def test_a_viewer_freezes_nothing(cast: Cast) -> None:
    (request,) = opened(cast, 1)
    with refused(Forbidden):
        frozen(cast.actor(cast.vera), [request])


# --- Carrying it out


def test_each_row_is_done_or_refused_by_name_and_the_rest_is_done(cast: Cast, alice: Actor) -> None:
    english, chinese = opened(cast, 2), opened(cast, 1, buyer=WEI)
    with by_hand(cast.north_lane):
        prepaid = open_request(make_order(cast.north_lane))
    run = decide(alice, frozen(alice, [*english, *chinese, prepaid]))
    assert now(run).state == BulkState.DONE
    assert count_bulk_rows(run) == {"done": 3, "refused": 1}
    assert states([*english, *chinese, prepaid]) == {CLOSED: 3, AR: 1}
    assert last_event(english[0]).text == COMMENTS["en"]
    assert last_event(chinese[0]).text == COMMENTS["zh-hans"]
    event = last_event(english[1])
    assert (event.user_id, event.reason_code) == (cast.alice.pk, "other")
    assert timedelta(seconds=59) < event.hold_until - event.occurred_at <= timedelta(seconds=60)
    everything_adds_up()


def test_every_language_that_occurs_needs_comments_and_a_request_in_policy_needs_more_of_them(
    cast: Cast, alice: Actor
) -> None:
    run = frozen(alice, [*opened(cast, 2), *opened(cast, 1, buyer=WEI)])
    with refused(Invalid) as wrong:
        decide(alice, run, comments={"en": "Too short."})
    assert {name: str(sentence) for name, sentence in wrong.value.errors.items()} == {
        "comments_en": "This request is in policy: explain your reason in at least 20 characters.",
        "comments_zh-hans": "Write comments to the buyer: they go into the message.",
    }


def test_refunding_without_return_promises_each_buyer_all_that_is_owed_on_one_day(
    cast: Cast, alice: Actor
) -> None:
    kettle = opened(cast, 1)[0]
    order = make_order(cast.north_lane, Line(item=2000, tax=None), country="CA")
    cable = open_request(order)
    services.record_refund(
        alice, reference=cable.reference, amounts={(cable.items.get().pk, "item"): 500}, refunded_date=day(0)
    )
    run = frozen(alice, [kettle, cable])
    for wrong, field in ((day(1), "promise_due_date"), (day(-400), "promise_due_date")):
        with refused(Invalid) as refusal:
            decide(alice, run, "refund_without_return", promise_due_date=wrong)
        assert set(refusal.value.errors) == {field}
    decide(alice, run, "refund_without_return", promise_due_date=day(-3))
    promised = ReturnRequest.objects.filter(status=CLOSED).order_by("pk")
    assert list(promised.values_list("promise_minor", "promise_currency", "promise_due_date")) == [
        (13932, "USD", day(-3)),
        (1500, "USD", day(-3)),
    ]


def test_what_its_preview_refuses_is_not_tried_even_if_it_has_become_possible(
    cast: Cast, alice: Actor
) -> None:
    first, second = opened(cast, 2)
    services.authorize_return(alice, reference=first.reference)
    run = frozen(alice, [first, second])
    services.undo_decision(alice, reference=first.reference)
    decide(alice, run)
    assert states([first]) == {AR: 1}
    assert results(run)[first.reference][0] == "refused"


def test_a_reason_that_does_not_hold_for_a_row_leaves_it_open_with_its_sentence(
    cast: Cast, alice: Actor
) -> None:
    late = open_request(make_order(cast.north_lane, country="CA", ordered_days_ago=90, delivered_days_ago=80))
    (in_time,) = opened(cast, 1)
    run = decide(alice, frozen(alice, [late, in_time]), "outside_return_window")
    assert results(run)[late.reference] == ("done", "")
    state, sentence = results(run)[in_time.reference]
    assert (state, sentence.startswith("Asked on ")) == ("refused", True)
    assert states([in_time]) == {AR: 1}


def test_who_was_decided_about_since_the_preview_says_by_whom(cast: Cast, alice: Actor, ben: Actor) -> None:
    first, second = opened(cast, 2)
    run = frozen(alice, [first, second])
    services.authorize_return(ben, reference=first.reference)
    decide(alice, run)
    state, sentence = results(run)[first.reference]
    assert (state, sentence.startswith("Authorized by Ben Boyd on ")) == ("refused", True)
    assert results(run)[second.reference] == ("done", "")


def test_of_two_bulks_over_the_same_rows_one_wins_each_and_the_other_is_told_who(
    cast: Cast, alice: Actor, ben: Actor
) -> None:
    requests = opened(cast, 4)
    of_alice, of_ben = frozen(alice, requests[:3]), frozen(ben, requests[1:], Action.AUTHORIZE)
    decide(alice, of_alice)
    decide(ben, of_ben)
    assert [results(of_ben)[request.reference][0] for request in requests[1:]] == [
        "refused",
        "refused",
        "done",
    ]
    assert results(of_ben)[requests[1].reference][1].startswith("Closed by Alice Ames on ")
    everything_adds_up()


def test_only_who_selected_them_goes_on_and_undoes(cast: Cast, alice: Actor, ben: Actor) -> None:
    requests = opened(cast, 2)
    run = frozen(alice, requests)
    with refused(Forbidden):
        decide(ben, run)
    decide(alice, run)
    with refused(Forbidden):
        undo_bulk(ben, run=now(run))
    with refused(Forbidden):
        undo_bulk(cast.actor(cast.carol), run=now(run))


def test_the_same_form_twice_starts_it_once_and_another_one_is_refused(cast: Cast, alice: Actor) -> None:
    requests = opened(cast, 3)
    run = frozen(alice, requests)
    decide(alice, run)
    decide(alice, run)
    assert closings(requests) == [1, 1, 1]
    with refused(SomebodyElseWasFirst):
        decide(alice, run, key="form-2")
    with refused(SomebodyElseWasFirst):
        decide(alice, run, "technical_issue_solved")


# --- In the background


def test_more_than_a_hundred_wait_for_whoever_comes_by(
    cast: Cast, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 2)
    few, many = opened(cast, 2), opened(cast, 3)
    assert now(decide(alice, frozen(alice, few))).state == BulkState.DONE
    run = decide(alice, frozen(alice, many))
    assert (now(run).state, states(many)) == (BulkState.RUNNING, {AR: 3})
    run_due_jobs()
    assert (now(run).state, states(many)) == (BulkState.DONE, {CLOSED: 3})


def test_a_run_of_many_is_held_longer_so_that_all_of_it_can_be_undone(
    cast: Cast, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "ROWS_IN_A_SECOND", 1)
    requests = opened(cast, 5)
    decide(alice, frozen(alice, requests))
    event = last_event(requests[0])
    assert event.hold_until - event.occurred_at == timedelta(seconds=65)


def test_a_run_that_fails_stops_no_other(cast: Cast, alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    in_the_background(monkeypatch)
    broken, sound = (
        decide(alice, frozen(alice, opened(cast, 1))),
        decide(alice, frozen(alice, opened(cast, 1))),
    )
    BulkRun.objects.filter(pk=broken.pk).update(decision={})
    work_on_bulk_runs()
    assert (now(broken).state, now(sound).state) == (BulkState.RUNNING, BulkState.DONE)


@pytest.mark.parametrize("loss", [{"role": "viewer"}, {"is_active": False}])
def test_who_may_not_decide_any_more_decides_nothing_more(
    cast: Cast, alice: Actor, monkeypatch: pytest.MonkeyPatch, loss: dict
) -> None:
    in_the_background(monkeypatch)
    requests = opened(cast, 2)
    run = decide(alice, frozen(alice, requests))
    Membership.objects.filter(user=cast.alice).update(**loss)
    work_on_bulk_runs()
    assert states(requests) == {AR: 2}
    assert now(run).state == BulkState.DONE
    assert {state for state, _ in results(run).values()} == {"refused"}


def test_a_run_speaks_its_users_language(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    in_the_background(monkeypatch)
    cast.alice.language = "zh-hans"
    cast.alice.save()
    alice, ben = cast.actor(cast.alice), cast.actor(cast.ben)
    (request,) = opened(cast, 1)
    with translation.override("zh-hans"):
        run = decide(alice, frozen(alice, [request]))
    services.close_return(ben, reference=request.reference, closing=closing())
    work_on_bulk_runs()
    assert "此请求已关闭" in results(run)[request.reference][1]


def test_previews_and_runs_of_long_ago_are_forgotten_and_events_stay(cast: Cast, alice: Actor) -> None:
    first, second, third = opened(cast, 3)
    started = decide(alice, frozen(alice, [first]))
    preview, fresh = frozen(alice, [second]), frozen(alice, [third])
    BulkRun.objects.filter(pk=preview.pk).update(created_at=database_now() - timedelta(days=3))
    BulkRun.objects.filter(pk=started.pk).update(created_at=database_now() - timedelta(days=3))
    bulk.forget_bulk_runs()
    assert set(BulkRun.objects.values_list("pk", flat=True)) == {started.pk, fresh.pk}
    BulkRun.objects.filter(pk=started.pk).update(created_at=database_now() - timedelta(days=91))
    bulk.forget_bulk_runs()
    assert set(BulkRun.objects.values_list("pk", flat=True)) == {fresh.pk}
    assert closings([first]) == [1]


# --- Undo of the whole


def test_undo_takes_all_of_it_back_and_nobody_is_told(cast: Cast, alice: Actor) -> None:
    requests = opened(cast, 3)
    closed = a_request_in(cast, CLOSED)
    run = decide(alice, frozen(alice, [*requests, closed]))
    undo_bulk(alice, run=run)
    undo_bulk(alice, run=run)
    assert now(run).state == BulkState.UNDONE
    assert count_bulk_rows(run) == {"undone": 3, "refused": 1}
    assert states([*requests, closed]) == {AR: 3, CLOSED: 1}
    relay_events()
    assert not Message.objects.filter(event__request__in=requests, kind=Kind.RETURN_CLOSED).exists()
    everything_adds_up()


def test_what_was_changed_since_is_not_undone_and_says_why(cast: Cast, alice: Actor) -> None:
    paid, again, plain = opened(cast, 3)
    run = decide(
        alice, frozen(alice, [paid, again, plain]), "refund_without_return", promise_due_date=day(-3)
    )
    services.record_refund(
        alice, reference=paid.reference, amounts=everything_owed(paid), refunded_date=day(0)
    )
    services.undo_decision(alice, reference=again.reference)
    services.close_return(alice, reference=again.reference, closing=closing())
    undo_bulk(alice, run=run)
    assert results(run)[plain.reference] == ("undone", "")
    assert results(run)[paid.reference] == (
        "done",
        "Money was recorded after this decision, so it cannot be undone.",
    )
    assert results(run)[again.reference] == (
        "done",
        "This request was decided again since, so this was not undone.",
    )
    assert count_bulk_rows(run) == {"undone": 1, "kept": 2}
    everything_adds_up()


def test_units_that_were_taken_meanwhile_leave_their_row_closed_and_the_rest_is_undone(
    cast: Cast, alice: Actor
) -> None:
    order = make_order(cast.north_lane, country="CA")
    taken, (free,) = open_request(order), opened(cast, 1)
    run = decide(alice, frozen(alice, [taken, free]))
    open_request(order, actor=alice)
    undo_bulk(alice, run=run)
    assert results(run)[taken.reference] == ("done", "Only 0 of 1 can still be returned.")
    assert results(run)[free.reference] == ("undone", "")
    everything_adds_up()


def test_two_rows_that_held_the_same_units_do_not_both_get_them_again(cast: Cast, alice: Actor) -> None:
    order = make_order(cast.north_lane, Line(quantity=2), country="CA")
    first, second = open_request(order, quantity=1), open_request(order, quantity=1)
    run = decide(alice, frozen(alice, [first, second]))
    open_request(order, actor=alice, quantity=1)
    undo_bulk(alice, run=run)
    assert sorted(results(run).values()) == [
        ("done", "Only 0 of 2 can still be returned."),
        ("undone", ""),
    ]
    everything_adds_up()


def test_undo_while_it_runs_leaves_the_others_undecided(
    cast: Cast, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_background(monkeypatch, rows=2)
    requests = opened(cast, 5)
    run = decide(alice, frozen(alice, requests))
    assert bulk.work_on(run.pk)
    undo_bulk(alice, run=now(run))
    work_on_bulk_runs()
    assert states(requests) == {AR: 5}
    assert count_bulk_rows(run) == {"undone": 2, "refused": 3}
    assert now(run).state == BulkState.UNDONE


def test_before_it_starts_there_is_nothing_to_undo(cast: Cast, alice: Actor) -> None:
    run = frozen(alice, opened(cast, 1))
    with refused(TransitionNotAllowed, "There is nothing to undo."):
        undo_bulk(alice, run=run)


def test_where_undo_is_switched_off_a_bulk_cannot_be_undone(cast: Cast, settings: object) -> None:
    settings.UNDO_SECONDS = 0
    alice = cast.actor(cast.alice)
    (request,) = opened(cast, 1)
    run = decide(alice, frozen(alice, [request]))
    assert last_event(request).hold_until is None
    with refused(TransitionNotAllowed):
        undo_bulk(alice, run=now(run))


def briefly_held(monkeypatch: pytest.MonkeyPatch, settings: object, seconds: int = 1) -> None:
    settings.UNDO_SECONDS = seconds
    monkeypatch.setattr(bulk, "BULK_UNDO_SECONDS", seconds)


def test_after_the_hold_the_time_to_undo_is_over(
    cast: Cast, alice: Actor, monkeypatch: pytest.MonkeyPatch, settings: object
) -> None:
    briefly_held(monkeypatch, settings)
    run = decide(alice, frozen(alice, opened(cast, 2)))
    wait_until(lambda: held_until(run, bulk.key_of(run)) is None, what="the hold is over")
    with refused(TransitionNotAllowed) as refusal:
        undo_bulk(alice, run=now(run))
    assert str(refusal.value).startswith("The time to undo is over")
    assert count_bulk_rows(run) == {"done": 2}


# --- Races and kills


@COMMITS
def test_two_who_confirm_at_once_start_it_once(cast: Cast, alice: Actor) -> None:
    requests = opened(cast, 3)
    run = frozen(alice, requests)
    with transaction.atomic():
        BulkRun.objects.select_for_update().get(pk=run.pk)
        rivals = [Rival(partial(decide, alice, now(run), key=key)) for key in ("form-1", "form-2")]
        for rival in rivals:
            rival.wait_for_my_lock("returns_bulkrun", "FOR UPDATE")
    outcomes = [rival.outcome() for rival in rivals]
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["BulkRun", "SomebodyElseWasFirst"]
    assert closings(requests) == [1, 1, 1]
    everything_adds_up()


@COMMITS
def test_workers_that_come_by_at_once_decide_each_row_once(
    cast: Cast, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_background(monkeypatch, rows=3)
    requests = opened(cast, 20)
    run = decide(alice, frozen(alice, requests))
    with crew(4) as people:
        people.together(*[work_on_bulk_runs] * 4)
    work_on_bulk_runs()
    assert now(run).state == BulkState.DONE
    assert closings(requests) == [1] * 20
    everything_adds_up()


@COMMITS
def test_two_bulks_at_once_over_the_same_rows_have_one_winner_for_each(
    cast: Cast, alice: Actor, ben: Actor
) -> None:
    requests = opened(cast, 12)
    of_alice, of_ben = frozen(alice, requests), frozen(ben, requests[::-1], Action.AUTHORIZE)
    with crew(2) as people:
        people.together(partial(decide, alice, of_alice), partial(decide, ben, of_ben))
    for request in requests:
        assert sorted(results(run)[request.reference][0] for run in (of_alice, of_ben)) == ["done", "refused"]
        (sentence,) = {results(run)[request.reference][1] for run in (of_alice, of_ben)} - {""}
        assert sentence.startswith(("Closed by Alice Ames on ", "Authorized by Ben Boyd on "))
    everything_adds_up()


@COMMITS
@pytest.mark.parametrize("rounds", [4, pytest.param(40, marks=pytest.mark.long)])
def test_undo_and_the_relay_never_both_get_a_row(
    cast: Cast, alice: Actor, monkeypatch: pytest.MonkeyPatch, settings: object, rounds: int
) -> None:
    """Both go on from just before to just after the end of the hold."""
    briefly_held(monkeypatch, settings)
    for _round in range(rounds):
        requests = opened(cast, 10)
        run = decide(alice, frozen(alice, requests))
        monkeypatch.setattr(bulk, "CHUNK", 3)
        with crew(2) as people:
            people.together(*_undo_and_relay_at_the_end(alice, now(run)))
        monkeypatch.setattr(bulk, "CHUNK", 500)
        relay_events()
        for request in requests:
            event = request.events.get(action=Action.CLOSE)
            is_undone = results(run)[request.reference][0] == "undone"
            assert (event.withdrawn_at is not None, event.relayed_at is not None) == (
                is_undone,
                not is_undone,
            )
            assert Message.objects.filter(event=event).count() == (0 if is_undone else 1)
            assert ReturnRequest.objects.get(pk=request.pk).status == (AR if is_undone else CLOSED)
    everything_adds_up()


def _undo_and_relay_at_the_end(alice: Actor, run: BulkRun) -> list[Callable[[], object]]:
    end = held_until(run, bulk.key_of(run))

    def relay() -> None:
        wait_until(lambda: relay_events() or database_now() > end + timedelta(seconds=0.3))

    def undo() -> None:
        wait_until(lambda: database_now() > end - timedelta(seconds=0.03))
        undo_bulk(alice, run=run)
        work_on_bulk_runs()

    return [relay, undo]


def killed(folder: Path, *, rows: int, chunk: int) -> int:
    """The exit code of a worker, in a process of its own, that dies while it writes that chunk."""
    given = connection.settings_dict
    address = f"sqlite:///{given['NAME']}"
    if connection.vendor == "postgresql":
        address = f"postgres://{given['USER']}@{given['HOST']}:{given['PORT']}/{given['NAME']}"
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "returns_portal.settings",
        "DATA_DIR": str(folder),
        "DATABASE_URL": address,
        "SECRET_KEY": settings.SECRET_KEY,
        "PYTHONPATH": str(settings.BASE_DIR),
    }
    program = str(Path(__file__).with_name("dying_bulk.py"))
    command = [sys.executable, program, str(rows), str(chunk)]
    return subprocess.run(command, env=environment, cwd=settings.BASE_DIR, timeout=60, check=False).returncode


@COMMITS
def test_killed_in_the_middle_it_goes_on_exactly_where_it_was(
    cast: Cast, alice: Actor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 0)
    requests = opened(cast, 10)
    run = decide(alice, frozen(alice, requests))
    assert killed(tmp_path, rows=3, chunk=2) == -signal.SIGKILL
    assert count_bulk_rows(run) == {"done": 3, "waiting": 7}
    assert states(requests) == {CLOSED: 3, AR: 7}
    everything_adds_up()
    work_on_bulk_runs()
    assert (now(run).state, count_bulk_rows(run)) == (BulkState.DONE, {"done": 10})
    assert closings(requests) == [1] * 10
    everything_adds_up()


@COMMITS
def test_an_undo_that_is_killed_in_the_middle_goes_on_too(
    cast: Cast, alice: Actor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    requests = opened(cast, 10)
    run = decide(alice, frozen(alice, requests))
    monkeypatch.setattr(bulk, "CHUNK", 2)
    undo_bulk(alice, run=run)
    assert killed(tmp_path, rows=3, chunk=2) == -signal.SIGKILL
    assert count_bulk_rows(run) == {"undone": 5, "done": 5}
    work_on_bulk_runs()
    assert (now(run).state, count_bulk_rows(run)) == (BulkState.UNDONE, {"undone": 10})
    assert states(requests) == {AR: 10}
    everything_adds_up()


@pytest.mark.long
def test_five_thousand_with_one_of_each_that_is_refused(cast: Cast, alice: Actor) -> None:
    requests = opened(cast, 5000)
    with by_hand(cast.north_lane):
        prepaid = open_request(make_order(cast.north_lane))
    closed = a_request_in(cast, CLOSED)
    foreign = open_request(make_order(cast.south_pier, country="CA"))
    run = frozen(alice, [*requests, prepaid, closed, foreign, requests[7]])
    assert (run.found["missing"], run.found["repeated"]) == ([foreign.reference], 1)
    decide(alice, run)
    while now(run).state == BulkState.RUNNING:
        work_on_bulk_runs()
    assert count_bulk_rows(run) == {"done": 5000, "refused": 2}
    assert closings(requests) == [1] * 5000
    undo_bulk(alice, run=now(run))
    while now(run).state == BulkState.UNDOING:
        work_on_bulk_runs()
    assert count_bulk_rows(run) == {"undone": 5000, "refused": 2}
    assert states(requests) == {AR: 5000}
