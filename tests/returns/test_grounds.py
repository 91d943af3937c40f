"""Each ground: when it holds, what it still asks for, when it fails, and in which words."""

from dataclasses import replace
from datetime import date

import pytest
from django.utils.translation import override

from returns.actors import Actor
from returns.grounds import CLAIMS_OUTLAST, Ground, GroundFacts, Stated, check
from returns.models import ClosureReason, ReturnRequest
from returns.selectors.reasons import judge_reasons, list_closure_reasons
from returns.state_machine import GIVES_UNITS_BACK, Outcome, Status
from tests.factories import (
    Cast,
    Line,
    a_case,
    a_request_in,
    file_request,
    make_order,
    open_request,
)

# In a past year, so that a day always has its year beside it.
ASKED = date(2024, 11, 20)
IN_POLICY = GroundFacts(
    policy="in_policy",
    requested_date=ASKED,
    window_end_date=date(2024, 12, 1),
    verdict_sentences=("In policy",),
)
LATE = replace(
    IN_POLICY,
    policy="not_in_policy",
    window_end_date=date(2024, 11, 9),
    verdict_sentences=("Window ended 9 Nov 2024; asked 11 days after it",),
)
UNKNOWN = replace(IN_POLICY, policy="unknown", window_end_date=None, verdict_sentences=("Unknown",))
PROMISE = {"promise_minor": 12900, "promise_currency": "USD", "promise_due_date": date(2024, 11, 25)}
AGREED = {"agreed_date": ASKED, "agreed_channel": "phone"}

HOLDS = [
    (Ground.ALWAYS, IN_POLICY, {},
     "Explain it in your comments; the buyer can ask the marketplace to step in."),
    (Ground.ALWAYS, LATE, {}, "The buyer can ask the marketplace to step in."),
    (Ground.OUTSIDE_RETURN_WINDOW, LATE, {}, "The window ended on 9 Nov 2024; asked on 20 Nov 2024."),
    (Ground.OUTSIDE_RETURN_WINDOW, replace(LATE, is_window_estimated=True), {},
     "The window ended on 9 Nov 2024 (by the estimated delivery); asked on 20 Nov 2024."),
    (Ground.OUTSIDE_RETURN_WINDOW, replace(LATE, verdict_source="file", window_end_date=None), {},
     "The marketplace's file says: not in policy."),
    (Ground.OUTSIDE_RETURN_WINDOW, replace(LATE, verdict_source="file", window_end_date=date(2025, 1, 1)), {},
     "The marketplace's file says: not in policy."),
    (Ground.OUTSIDE_RETURN_WINDOW, UNKNOWN, {"delivery_date": date(2024, 10, 20)},
     "By your statement it was delivered on 20 Oct 2024 and the window ended on 19 Nov 2024."),
    (Ground.OUTSIDE_POLICY, LATE, {}, "Window ended 9 Nov 2024; asked 11 days after it"),
    (Ground.OUTSIDE_POLICY, replace(LATE, verdict_sentences=()), {}, "Not in policy."),
    (Ground.NOT_RETURNABLE,
     replace(IN_POLICY, is_each_not_returnable=True, not_returnable_marks=("custom-made", "SKU BOARD-1")), {},
     "Marked not returnable when it was ordered: custom-made and SKU BOARD-1."),
    (Ground.REFUND_WITHOUT_RETURN, replace(IN_POLICY, is_fully_refunded=True), {},
     "A full refund is recorded."),
    (Ground.REFUND_WITHOUT_RETURN, IN_POLICY, PROMISE,
     "You promise this refund; the buyer reads amount and day."),
    (Ground.AGREED_WITH_BUYER, replace(IN_POLICY, has_recorded_agreement=True), {},
     "A partial refund is recorded. The buyer can contest the agreement for 30 days."),
    (Ground.AGREED_WITH_BUYER, IN_POLICY, AGREED,
     "Agreed on 20 Nov 2024. The buyer can contest it for 30 days."),
    (Ground.DUPLICATE, replace(IN_POLICY, duplicates=("R234-5678", "R876-5432")), {},
     "The same units are covered by R234-5678 and R876-5432."),
    (Ground.NEVER_ARRIVED, replace(IN_POLICY, is_never_arrived=True), {},
     "The buyer reports that it never arrived. Check what the carrier says."),
    (Ground.NEVER_ARRIVED, IN_POLICY, {"buyer_writes_never_arrived": True},
     "By your statement the buyer writes that it never arrived."),
]  # fmt: skip

ASKS = [
    (Ground.OUTSIDE_RETURN_WINDOW, UNKNOWN, {}, "delivery_date",
     "The window is unknown: enter the day of delivery. The buyer reads it."),
    (Ground.OUTSIDE_RETURN_WINDOW, UNKNOWN, {"delivery_date": date(2024, 10, 21)}, "delivery_date",
     "Delivered on 21 Oct 2024, the window would end on 20 Nov 2024: the request was in time."),
    (Ground.REFUND_WITHOUT_RETURN, IN_POLICY, {}, "promise_minor promise_due_date",
     "You promise an amount and a day; the buyer reads both."),
    (Ground.REFUND_WITHOUT_RETURN, IN_POLICY, {**PROMISE, "promise_due_date": None},
     "promise_minor promise_due_date", "You promise an amount and a day; the buyer reads both."),
    (Ground.REFUND_WITHOUT_RETURN, IN_POLICY, {**PROMISE, "promise_minor": 0},
     "promise_minor promise_due_date", "You promise an amount and a day; the buyer reads both."),
    (Ground.AGREED_WITH_BUYER, IN_POLICY, {}, "agreed_date agreed_channel",
     "Asks for the day and the way you agreed; the buyer can contest it for 30 days."),
    (Ground.AGREED_WITH_BUYER, IN_POLICY, {**AGREED, "agreed_channel": ""}, "agreed_date agreed_channel",
     "Asks for the day and the way you agreed; the buyer can contest it for 30 days."),
    (Ground.AGREED_WITH_BUYER, IN_POLICY, {**AGREED, "agreed_date": None}, "agreed_date agreed_channel",
     "Asks for the day and the way you agreed; the buyer can contest it for 30 days."),
    (Ground.NEVER_ARRIVED, IN_POLICY, {}, "buyer_writes_never_arrived",
     "The buyer gave another reason: tick that the buyer writes that it never arrived."),
]  # fmt: skip

FAILS = [
    (Ground.OUTSIDE_RETURN_WINDOW, IN_POLICY, {},
     "Asked on 20 Nov 2024, inside the window that ends on 1 Dec 2024."),
    (Ground.OUTSIDE_RETURN_WINDOW, replace(IN_POLICY, window_end_date=ASKED), {},
     "Asked on 20 Nov 2024, inside the window that ends on 20 Nov 2024."),
    (Ground.OUTSIDE_RETURN_WINDOW, replace(IN_POLICY, window_end_date=None), {},
     "The return window has not begun: nothing was delivered yet."),
    (Ground.OUTSIDE_POLICY, IN_POLICY, {}, "This request was not judged to be outside the policy."),
    (Ground.OUTSIDE_POLICY, UNKNOWN, {}, "This request was not judged to be outside the policy."),
    (Ground.NOT_RETURNABLE, replace(IN_POLICY, not_returnable_marks=("custom-made",)), {},
     "Not marked as not returnable when it was ordered."),
    (Ground.DUPLICATE, IN_POLICY, {}, "No other request asks for the same units."),
    (Ground.NONE, LATE, {}, "Only a marketplace's file closes with this reason."),
]  # fmt: skip


@pytest.mark.parametrize(("ground", "facts", "stated", "sentence"), HOLDS)
def test_a_ground_holds_and_says_why(
    ground: Ground, facts: GroundFacts, stated: dict[str, object], sentence: str
) -> None:
    finding = check(ground, facts, Stated(**stated))
    assert (finding.holds, finding.needs, str(finding.sentence)) == (True, (), sentence)
    assert finding.may_be_picked


@pytest.mark.parametrize(("ground", "facts", "stated", "needs", "sentence"), ASKS)
def test_a_ground_can_be_picked_and_asks_for_a_statement(
    ground: Ground, facts: GroundFacts, stated: dict[str, object], needs: str, sentence: str
) -> None:
    finding = check(ground, facts, Stated(**stated))
    assert (finding.holds, finding.needs) == (False, tuple(needs.split()))
    assert str(finding.sentence) == sentence
    assert finding.may_be_picked


@pytest.mark.parametrize(("ground", "facts", "stated", "sentence"), FAILS)
def test_a_ground_fails_and_says_why(
    ground: Ground, facts: GroundFacts, stated: dict[str, object], sentence: str
) -> None:
    finding = check(ground, facts, Stated(**stated))
    assert (finding.holds, finding.needs, str(finding.sentence)) == (False, (), sentence)
    assert not finding.may_be_picked


def test_every_ground_was_seen_holding_and_not() -> None:
    assert {case[0] for case in HOLDS} == set(Ground) - {Ground.NONE}
    assert {case[0] for case in ASKS} | {case[0] for case in FAILS} == set(Ground) - {Ground.ALWAYS}


def test_closing_in_policy_for_no_checked_ground_warns() -> None:
    assert "at least 20 characters" in str(check(Ground.ALWAYS, IN_POLICY, Stated()).warning)
    assert not check(Ground.ALWAYS, LATE, Stated()).warning
    assert not check(Ground.ALWAYS, UNKNOWN, Stated()).warning


# The seller's fault

HOLDING = {
    Ground.OUTSIDE_RETURN_WINDOW: LATE,
    Ground.OUTSIDE_POLICY: LATE,
    Ground.NOT_RETURNABLE: replace(IN_POLICY, is_each_not_returnable=True, not_returnable_marks=("x",)),
}


@pytest.mark.parametrize("ground", HOLDING)
def test_a_claim_about_the_item_outlasts_time_and_policy_unless_it_was_checked(ground: Ground) -> None:
    assert ground in CLAIMS_OUTLAST
    facts = replace(HOLDING[ground], is_sellers_fault=True)
    finding = check(ground, facts, Stated())
    assert (finding.holds, finding.needs) == (False, ("has_checked_claim",))
    assert finding.may_be_picked
    assert "such claims outlast the return window" in str(finding.warning)
    assert check(ground, facts, Stated(has_checked_claim=True)).holds


def test_other_grounds_do_not_ask_whether_a_claim_was_checked() -> None:
    assert set(HOLDING) == CLAIMS_OUTLAST
    for ground, facts, stated, _sentence in HOLDS:
        if ground not in CLAIMS_OUTLAST:
            assert check(ground, replace(facts, is_sellers_fault=True), Stated(**stated)).holds


def test_a_tick_does_not_make_a_ground_hold() -> None:
    facts = replace(IN_POLICY, is_sellers_fault=True)
    assert not check(Ground.OUTSIDE_RETURN_WINDOW, facts, Stated(has_checked_claim=True)).may_be_picked


# Withdrawals


@pytest.mark.parametrize(("ground", "facts", "stated", "sentence"), HOLDS)
def test_a_withdrawal_in_time_needs_a_reason_that_may_close_one(
    ground: Ground, facts: GroundFacts, stated: dict[str, object], sentence: str
) -> None:
    facts = replace(facts, is_timely_withdrawal=True, grounds_that_warn=frozenset(Ground.values))
    finding = check(ground, facts, Stated(**stated))
    assert not finding.may_be_picked
    assert str(finding.sentence) == (
        "The buyer withdrew from the contract in time; this reason cannot close a withdrawal."
    )


@pytest.mark.parametrize(
    ("ground", "facts", "stated"),
    [
        (Ground.REFUND_WITHOUT_RETURN, IN_POLICY, PROMISE),
        (Ground.DUPLICATE, replace(IN_POLICY, duplicates=("R1",)), {}),
        (Ground.NEVER_ARRIVED, replace(IN_POLICY, is_never_arrived=True), {}),
    ],
)
def test_a_withdrawal_in_time_is_closed_by_what_serves_the_buyer(
    ground: Ground, facts: GroundFacts, stated: dict[str, object]
) -> None:
    facts = replace(facts, is_timely_withdrawal=True)
    assert check(ground, facts, Stated(**stated), may_close_withdrawal=True).holds


def test_a_sellers_word_that_a_withdrawal_was_settled_does_not_count() -> None:
    facts = replace(IN_POLICY, is_timely_withdrawal=True)
    finding = check(Ground.AGREED_WITH_BUYER, facts, Stated(**AGREED), may_close_withdrawal=True)
    assert not finding.may_be_picked
    assert "only an offer accepted here counts" in str(finding.sentence)


# Only a warning


@pytest.mark.parametrize(("ground", "facts", "stated", "sentence"), FAILS[:-1])
def test_a_ground_that_only_warns_holds_with_its_sentence_as_the_warning(
    ground: Ground, facts: GroundFacts, stated: dict[str, object], sentence: str
) -> None:
    finding = check(ground, replace(facts, grounds_that_warn=frozenset({ground})), Stated(**stated))
    assert finding.holds
    assert str(finding.warning) == str(finding.sentence) == sentence


def test_what_is_for_files_alone_is_not_opened_by_a_warning() -> None:
    facts = replace(LATE, grounds_that_warn=frozenset(Ground.values))
    assert FAILS[-1][0] == Ground.NONE
    assert not check(Ground.NONE, facts, Stated()).may_be_picked


@pytest.mark.parametrize(("ground", "facts", "stated", "needs", "sentence"), ASKS)
def test_a_ground_that_only_warns_still_asks_for_what_the_buyer_reads(
    ground: Ground, facts: GroundFacts, stated: dict[str, object], needs: str, sentence: str
) -> None:
    finding = check(ground, replace(facts, grounds_that_warn=frozenset({ground})), Stated(**stated))
    assert (finding.holds, finding.needs) == (False, tuple(needs.split()))


def test_a_ground_that_only_warns_still_asks_whether_a_claim_was_checked() -> None:
    facts = replace(
        IN_POLICY, is_sellers_fault=True, grounds_that_warn=frozenset({Ground.OUTSIDE_RETURN_WINDOW})
    )
    assert check(Ground.OUTSIDE_RETURN_WINDOW, facts, Stated()).needs == ("has_checked_claim",)
    finding = check(Ground.OUTSIDE_RETURN_WINDOW, facts, Stated(has_checked_claim=True))
    assert finding.holds
    assert "inside the window" in str(finding.warning)


def test_another_ground_that_warns_changes_nothing() -> None:
    facts = replace(IN_POLICY, grounds_that_warn=frozenset({Ground.DUPLICATE}))
    assert not check(Ground.OUTSIDE_POLICY, facts, Stated()).may_be_picked


def test_sentences_follow_the_reader() -> None:
    finding = check(Ground.DUPLICATE, IN_POLICY, Stated())
    with override("zh-hans"):
        assert str(finding.sentence) != "No other request asks for the same units."


# What the facts are, of a request in the database


def facts_of(request: ReturnRequest) -> GroundFacts:
    return a_case(request).ground_facts()


def test_each_marked_line_makes_the_request_not_returnable(cast: Cast) -> None:
    marked = Line(sku="A", not_returnable_mark="custom-made")
    both = open_request(make_order(cast.north_lane, marked, Line(sku="B", not_returnable_mark="SKU B")))
    one = open_request(make_order(cast.north_lane, marked, Line(sku="B")))
    assert facts_of(both).is_each_not_returnable
    assert facts_of(both).not_returnable_marks == ("custom-made", "SKU B")
    assert not facts_of(one).is_each_not_returnable


@pytest.mark.parametrize(
    ("reason", "is_fault"),
    [
        ("CR-DEFECTIVE", True),
        ("CR-DAMAGED_BY_CARRIER", True),
        ("CR-SWITCHEROO", True),
        ("AMZ-PG-BAD-DESC", True),
        ("CR-MISSING_PARTS", True),
        ("CR-UNWANTED_ITEM", False),
        ("NEVER_ARRIVED", False),
    ],
)
def test_whose_fault_it_is_follows_the_buyers_reason(cast: Cast, reason: str, is_fault: bool) -> None:
    request = open_request(make_order(cast.north_lane), reason=reason, comment="It is not right.")
    assert facts_of(request).is_sellers_fault is is_fault
    assert facts_of(request).is_never_arrived is (reason == "NEVER_ARRIVED")


@pytest.mark.parametrize(
    ("other", "is_duplicate"),
    [
        ((Status.AUTHORIZATION_REQUIRED, ""), True),
        ((Status.AUTHORIZED, ""), True),
        ((Status.REFUND_DUE, ""), True),
        ((Status.COMPLETED, Outcome.REFUNDED), True),
        ((Status.COMPLETED, Outcome.REPLACED), True),
        ((Status.COMPLETED, Outcome.NEVER_ARRIVED), False),
        ((Status.COMPLETED, Outcome.BUYER_KEPT_ITEM), False),
        ((Status.CLOSED, ""), False),
    ],
)
def test_the_same_units_are_a_duplicate_of_what_is_open_or_ended_well(
    cast: Cast, other: tuple[Status, str], is_duplicate: bool
) -> None:
    order = make_order(cast.north_lane)
    if other[1] in GIVES_UNITS_BACK:
        first = a_request_in(cast, *other, order=order, prepaid=True)
    else:
        first = file_request(order, *other)
    second = file_request(order, Status.AUTHORIZATION_REQUIRED)
    assert facts_of(second).duplicates == ((first.rma_number,) if is_duplicate else ())


@pytest.mark.parametrize(("ended_days_ago", "is_duplicate"), [(89.9, True), (90.1, False)])
def test_a_duplicate_is_of_the_last_ninety_days(
    cast: Cast, ended_days_ago: float, is_duplicate: bool
) -> None:
    order = make_order(cast.north_lane, ordered_days_ago=400, delivered_days_ago=390)
    file_request(order, Status.COMPLETED, Outcome.REFUNDED, requested_days_ago=2 * ended_days_ago)
    second = file_request(order, Status.AUTHORIZATION_REQUIRED)
    assert bool(facts_of(second).duplicates) is is_duplicate


def test_other_units_of_the_line_and_other_lines_are_no_duplicate(cast: Cast) -> None:
    order = make_order(cast.north_lane, Line(quantity=5), country="CA")
    open_request(order, quantity=3)
    assert not facts_of(open_request(order, quantity=2)).duplicates
    assert not facts_of(file_request(make_order(cast.north_lane), Status.AUTHORIZED)).duplicates


def test_reasons_that_hold_come_first_and_each_says_its_sentence(cast: Cast) -> None:
    request = a_request_in(cast, Status.AUTHORIZATION_REQUIRED)
    alice = cast.actor(cast.alice)
    judged = judge_reasons(a_case(request), list_closure_reasons(alice))
    pickable = [finding.may_be_picked for _reason, finding in judged]
    assert pickable == sorted(pickable, reverse=True)
    assert {reason.code for reason, finding in judged if not finding.may_be_picked} == {
        "outside_return_window",
        "outside_return_policy",
        "not_returnable",
        "duplicate_request",
    }
    assert all(str(finding.sentence) for _reason, finding in judged)


def test_each_side_has_its_own_active_reasons(cast: Cast) -> None:
    order = make_order(cast.north_lane)
    ClosureReason.objects.filter(code="buyer_other").update(is_active=False)
    sellers = [reason.code for reason in list_closure_reasons(cast.actor(cast.alice))]
    assert sellers == [reason.code for reason in list_closure_reasons(cast.actor(cast.root))]
    assert sellers == [
        "refund_without_return",
        "outside_return_window",
        "outside_return_policy",
        "not_returnable",
        "technical_issue_solved",
        "agreed_with_buyer",
        "duplicate_request",
        "order_never_arrived",
        "other",
    ]
    buyers = [reason.code for reason in list_closure_reasons(Actor.buyer(order))]
    assert buyers == ["buyer_keeps_item", "buyer_problem_solved", "buyer_by_mistake"]


def test_only_these_initial_reasons_may_close_a_withdrawal(db: None) -> None:
    may = ClosureReason.objects.filter(may_close_withdrawal=True).values_list("code", flat=True)
    assert set(may) == {
        "refund_without_return",
        "duplicate_request",
        "order_never_arrived",
        "agreed_with_buyer",
    }
