"""The table of moves, cell by cell, against a second writing of it that was made from the rules by hand."""

import random
from dataclasses import fields, replace
from itertools import product
from typing import Any

import pytest
from django.utils.translation import override

from returns.exceptions import TransitionNotAllowed
from returns.state_machine import (
    TRANSITIONS,
    Action,
    Asking,
    Facts,
    Outcome,
    Role,
    Status,
    available_actions,
    diagram,
    not_possible,
    refusal,
    resolve,
    resolve_first,
)

ME, SOMEBODY_ELSE = 7, 8

# What begins a request, then what can happen to one: the move, from where, to where, by whom. A completed
# request stands in its outcome.
FIRST_MOVES = """
open   | authorization_required | buyer seller admin system
split  | authorization_required | seller admin
record | as the file says       | marketplace
"""
MOVES = """
record          | any                               | as the file says       | marketplace
authorize       | authorization_required            | authorized             | seller admin system
close           | authorization_required            | closed                 | seller admin buyer
close           | authorized                        | closed                 | buyer
keep_item       | authorization_required authorized | buyer_kept_item        | buyer
receive         | authorization_required authorized | refund_due             | seller admin system
receive         | not_returned                      | refund_due             | seller admin system
refund          | authorization_required            | unchanged              | seller admin
refund          | authorized refund_due             | refunded               | seller admin system
refund          | authorized refund_due             | partially_refunded     | seller admin
refund          | closed                            | unchanged              | seller admin
pay_out         | any                               | unchanged              | seller admin system
pay_out         | authorized refund_due             | refunded               | seller admin system
pay_out         | authorized refund_due             | partially_refunded     | seller admin system
complete        | authorized                        | not_returned           | system
complete        | authorization_required authorized | duplicate              | seller admin
complete        | authorization_required authorized | never_arrived          | seller admin
complete        | authorized refund_due             | partially_refunded     | seller admin system
complete        | authorized refund_due             | replaced               | seller admin
complete        | authorization_required            | partially_refunded     | system
complete        | authorization_required authorized | refunded_without_return | system
reopen          | closed                            | authorization_required | seller admin
reopen          | closed                            | as before              | buyer
undo            | authorized closed                 | as before              | seller admin
escalate        | any but refunded                  | unchanged              | buyer system
uphold          | any                               | unchanged              | admin
remind          | authorization_required authorized | unchanged              | system
remind          | refund_due closed                 | unchanged              | system
provide_label   | authorized                        | unchanged              | seller admin
split           | authorization_required            | unchanged              | seller admin
reassess        | authorization_required            | unchanged              | admin
hand_over       | authorization_required authorized | unchanged              | buyer system
write           | any                               | unchanged              | buyer seller admin
offer           | authorization_required authorized | unchanged              | buyer seller admin system
offer           | refund_due                        | unchanged              | buyer seller admin system
"""

STATES = [
    "authorization_required",
    "authorized",
    "refund_due",
    *(outcome.value for outcome in Outcome),
    "closed",
]
COMPLETIONS = {outcome.value for outcome in Outcome}

# Facts under which every guard of the move lets it pass; what is not named has its default.
FAVOURABLE = {
    "record": {},
    "authorize": {"has_rule": True},
    "close": {},
    "keep_item": {"prepaid_eligible": True},
    "receive": {},
    "refund": {"has_open_promise": True},
    "pay_out": {"has_open_payout": True},
    "refund·partially_refunded": {},
    "pay_out·partially_refunded": {"has_open_payout": True},
    "complete·not_returned": {"is_send_back_over": True},
    "complete·duplicate": {"is_duplicate": True, "prepaid_eligible": True},
    "complete·never_arrived": {"is_never_arrived": True, "prepaid_eligible": True},
    "complete·partially_refunded": {"is_refunded": True, "has_accepted_offer": True},
    "complete·replaced": {},
    "complete·refunded_without_return": {"has_returnless_rule": True, "has_accepted_offer": True},
    "reopen": {"closed_by": Role.SELLER},
    "undo": {"undoable_by": ME},
    "escalate": {"is_step_in_due": True},
    "uphold": {"is_escalated": True},
    "remind": {"has_open_promise": True},
    "provide_label": {"owes_label": True},
    "split": {"has_several_units": True},
    "reassess": {},
    "hand_over": {},
    "write": {},
    "offer": {"has_open_offer": True},
}
# Where a move is another one for one role.
FAVOURABLE_FOR = {
    ("reopen", "buyer"): {"closed_by": Role.BUYER},
    ("offer", "system"): {"is_offer_over": True},
}
# Facts under which as many guards as possible pass; what helps one move and hinders another is varied.
EVERYTHING_FAVOURABLE = {name: value for facts in FAVOURABLE.values() for name, value in facts.items()}
TWO_SIDED = ("prepaid_eligible", "is_refunded", "is_escalated", "has_open_payout", "is_never_arrived")


def favourable(move: str, role: str) -> dict[str, Any]:
    return {**FAVOURABLE[move], **FAVOURABLE_FOR.get((move, role), {})}


def rows_of(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]


def states_named(words: str) -> set[str]:
    if words == "any":
        return set(STATES)
    if words == "any but refunded":
        return set(STATES) - {"refunded"}
    return set(words.split())


def name_of(move: str, target: str) -> str:
    """A completion is named with its outcome: there are several. So is a refund that ends otherwise than in full."""
    if move == "complete" or (move in ("refund", "pay_out") and target == "partially_refunded"):
        return f"{move}·{target}"
    return move


LEGAL: dict[tuple[str, str, str], str] = {
    (name_of(move, target), state, role): target
    for move, sources, target, roles in rows_of(MOVES)
    for state in states_named(sources)
    for role in roles.split()
}


def status_and_outcome(state: str) -> dict[str, Any]:
    if state in COMPLETIONS:
        return {"status": Status.COMPLETED, "outcome": state}
    return {"status": Status(state), "outcome": ""}


def where_to(target: str) -> tuple[Status | None, str | None]:
    """The status and outcome a row must name; None where the move leaves them or something else says."""
    if target not in STATES:
        return None, None
    return status_and_outcome(target)["status"], target if target in COMPLETIONS else None


def parts_of(move: str) -> tuple[Action, Outcome | None]:
    name, _dot, outcome = move.partition("·")
    return Action(name), Outcome(outcome) if outcome else None


EVERY_MOVE = [
    *(action.value for action in Action if action not in (Action.OPEN, Action.COMPLETE)),
    *(f"complete·{outcome.value}" for outcome in Outcome),
    "refund·partially_refunded",
    "pay_out·partially_refunded",
]


def test_the_second_writing_is_about_what_exists() -> None:
    assert {move for move, _state, _role in LEGAL} <= set(EVERY_MOVE)
    assert {state for _move, state, _role in LEGAL} == set(STATES)
    assert {role for _move, _state, role in LEGAL} == set(Role.values)
    assert {move for move, _state, _role in LEGAL} == set(FAVOURABLE)


@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize("move", EVERY_MOVE)
def test_each_cell_is_legal_or_refused_as_the_rules_say(move: str, role: str) -> None:
    action, outcome = parts_of(move)
    asking = Asking(Role(role), ME)
    for state in STATES:
        if (move, state, role) in LEGAL:
            facts = Facts(**status_and_outcome(state), **favourable(move, role))
            found = resolve(facts, action, asking, outcome)
            assert (found.target, found.outcome) == where_to(LEGAL[move, state, role])
            continue
        for values in product((False, True), repeat=len(TWO_SIDED)):
            facts = Facts(
                **status_and_outcome(state),
                **{**EVERYTHING_FAVOURABLE, **dict(zip(TWO_SIDED, values, strict=True))},
            )
            with pytest.raises(TransitionNotAllowed) as refused:
                resolve(facts, action, asking, outcome)
            assert str(refused.value).endswith((".", "…"))


@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize("action", Action.values)
def test_a_request_begins_as_the_rules_say(action: str, role: str) -> None:
    legal = {
        (move, one_role): target for move, target, roles in rows_of(FIRST_MOVES) for one_role in roles.split()
    }
    if (action, role) in legal:
        target = resolve_first(Action(action), Asking(Role(role))).target
        assert target == (None if action == "record" else legal[action, role])
    else:
        with pytest.raises(TransitionNotAllowed):
            resolve_first(Action(action), Asking(Role(role)))


# Firm rules


def test_nobody_closes_a_prepaid_eligible_return() -> None:
    for state, role, refunded in product(STATES, Role, (False, True)):
        facts = Facts(
            **status_and_outcome(state),
            **{**EVERYTHING_FAVOURABLE, "prepaid_eligible": True, "is_refunded": refunded},
        )
        assert Action.CLOSE not in available_actions(facts, Asking(role, ME))


def test_once_authorized_the_sellers_side_neither_closes_nor_reopens() -> None:
    facts = Facts(status=Status.AUTHORIZED, closed_by=Role.SELLER)
    for role in (Role.SELLER, Role.ADMIN):
        assert not {Action.CLOSE, Action.REOPEN, Action.AUTHORIZE} & available_actions(
            facts, Asking(role, ME)
        )


def test_the_sellers_side_hears_that_nothing_is_left_to_do_once_it_is_authorized() -> None:
    with pytest.raises(TransitionNotAllowed) as refused:
        resolve(Facts(status=Status.AUTHORIZED), Action.CLOSE, Asking(Role.SELLER, ME))
    assert str(refused.value) == (
        "This request is authorized: you have nothing further to do, and it can no longer be closed."
    )


def test_the_system_never_closes() -> None:
    for transition in TRANSITIONS:
        if transition.target == Status.CLOSED:
            assert Role.SYSTEM not in transition.roles
            assert Role.MARKETPLACE not in transition.roles


# Each guard, with its sentence: the move, who, in which state, what stands against it, and what is said.

GUARDS = [
    ("close", "seller", "authorization_required", {"prepaid_eligible": True},
     "Eligible for a prepaid return: this request cannot be closed."),
    ("close", "admin", "authorization_required", {"prepaid_eligible": True},
     "Eligible for a prepaid return: this request cannot be closed."),
    ("close", "buyer", "authorized", {"prepaid_eligible": True},
     "This return is eligible for a prepaid label and cannot be closed. You can keep the item instead."),
    ("close", "buyer", "authorization_required", {"is_handed_over": True},
     "The item is already on its way back, so this is no longer possible."),
    ("close", "buyer", "authorized", {"is_handed_over": True},
     "The item is already on its way back, so this is no longer possible."),
    ("close", "buyer", "authorized", {"is_refunded": True},
     "A refund was already recorded for this request, so this is no longer possible."),
    ("keep_item", "buyer", "authorized", {"prepaid_eligible": False},
     "Without a prepaid label you can close your request instead."),
    ("keep_item", "buyer", "authorization_required", {"is_handed_over": True},
     "The item is already on its way back, so this is no longer possible."),
    ("keep_item", "buyer", "authorized", {"is_refunded": True},
     "A refund was already recorded for this request, so this is no longer possible."),
    ("authorize", "seller", "authorization_required", {"has_way_back": False},
     "Give a return address in the buyer's country, or your own label: the buyer must know where to send it."),
    ("authorize", "admin", "authorization_required", {"has_way_back": False},
     "Give a return address in the buyer's country, or your own label: the buyer must know where to send it."),
    ("authorize", "system", "authorization_required", {"has_way_back": False},
     "Give a return address in the buyer's country, or your own label: the buyer must know where to send it."),
    ("authorize", "system", "authorization_required", {"has_rule": False},
     "No rule authorizes this request: it waits for the seller."),
    ("authorize", "system", "authorization_required",
     {"has_rule": False, "prepaid_eligible": True, "is_imported": True},
     "No rule authorizes this request: it waits for the seller."),
    ("receive", "seller", "refunded", {},
     "This request is completed. Only one that ended as not returned can still be received."),
    ("receive", "system", "buyer_kept_item", {},
     "This request is completed. Only one that ended as not returned can still be received."),
    ("refund", "seller", "authorization_required", {"owes_refund": False},
     "Everything that was paid for these units is refunded or on its way."),
    ("refund", "system", "refund_due", {"owes_refund": False},
     "Everything that was paid for these units is refunded or on its way."),
    ("refund", "admin", "closed", {"has_open_promise": False},
     "This request was closed without a refund promise."),
    ("complete·not_returned", "system", "authorized", {"is_send_back_over": False},
     "The buyer still has time to send the item back."),
    ("complete·not_returned", "system", "authorized", {"is_imported": True},
     "The marketplace decides when an imported request ends."),
    ("complete·not_returned", "system", "authorized", {"is_handed_over": True},
     "The item is already on its way back, so this is no longer possible."),
    ("complete·duplicate", "seller", "authorization_required", {"prepaid_eligible": False},
     "This request can be closed with a return reason: close it instead."),
    ("complete·duplicate", "admin", "authorized", {"is_duplicate": False},
     "No other request asks for the same units."),
    ("complete·never_arrived", "seller", "authorization_required", {"prepaid_eligible": False},
     "This request can be closed with a return reason: close it instead."),
    ("authorize", "seller", "authorization_required", {"is_never_arrived": True},
     "The buyer says that the order never arrived: there is nothing to send back."),
    ("complete·never_arrived", "seller", "authorized", {"is_never_arrived": False},
     "The buyer did not report that the order never arrived."),
    ("complete·partially_refunded", "seller", "refund_due", {"is_refunded": False},
     "Record the partial refund first."),
    ("refund·partially_refunded", "admin", "refund_due", {"owes_refund": False},
     "Everything that was paid for these units is refunded or on its way."),
    ("complete·replaced", "seller", "authorized", {"has_replacement": False},
     "Give the order number or the tracking number of the replacement."),
    ("complete·partially_refunded", "seller", "refund_due", {"has_open_payout": True},
     "The refund is not paid yet: the request can be completed once its pay-out is confirmed."),
    ("pay_out", "seller", "refund_due", {"has_open_payout": False},
     "No pay-out of this request is open."),
    ("pay_out·partially_refunded", "admin", "refund_due", {"has_open_payout": False},
     "No pay-out of this request is open."),
    ("pay_out", "system", "closed", {"has_open_payout": False},
     "No pay-out of this request is open."),
    ("complete·partially_refunded", "system", "authorization_required", {"has_accepted_offer": False},
     "The buyer has accepted no offer."),
    ("complete·partially_refunded", "system", "refund_due", {"owes_refund": False},
     "Everything that was paid for these units is refunded or on its way."),
    ("complete·refunded_without_return", "system", "authorization_required",
     {"has_returnless_rule": False, "has_accepted_offer": False},
     "No rule refunds this request without a return."),
    ("complete·refunded_without_return", "system", "authorization_required",
     {"is_imported": True, "has_accepted_offer": False},
     "No rule refunds this request without a return."),
    ("complete·refunded_without_return", "system", "authorized", {"has_accepted_offer": False},
     "The buyer has accepted no offer."),
    ("complete·refunded_without_return", "system", "authorization_required", {"owes_refund": False},
     "Everything that was paid for these units is refunded or on its way."),
    ("reopen", "seller", "closed", {"closed_by": Role.BUYER},
     "The buyer closed this request, so only the buyer can take it back."),
    ("reopen", "admin", "closed", {"closed_by": Role.MARKETPLACE},
     "The marketplace closed this request, so it cannot be reopened here."),
    ("reopen", "seller", "closed", {"days_since_closed": 31},
     "This request was closed more than 30 days ago and can no longer be reopened."),
    ("reopen", "seller", "closed", {"has_newer_request": True},
     "A newer request asks for the same units; work on that one."),
    ("reopen", "seller", "closed", {"has_money_for_closing": True},
     "Money was given for this closing, so the request cannot be reopened."),
    ("reopen", "buyer", "closed", {"closed_by": Role.SELLER},
     "You can only take back your own closing, and you did not close this request."),
    ("reopen", "buyer", "closed", {"days_since_closed": 8},
     "You closed this request more than 7 days ago, so you can no longer take that back."),
    ("reopen", "buyer", "closed", {"has_free_units": False},
     "Another request holds these units now, so this one cannot be opened again."),
    ("hand_over", "buyer", "authorized", {"is_handed_over": True},
     "We already know that the parcel is on its way."),
    ("hand_over", "buyer", "authorization_required", {"is_never_arrived": True},
     "You said that the order never arrived: there is nothing to send back."),
    ("hand_over", "system", "authorized", {"is_never_arrived": True},
     "The buyer says that the order never arrived: there is nothing to send back."),
    ("undo", "seller", "closed", {"undoable_by": None},
     "The time to undo is over: the decision was passed on. A closed request can be reopened."),
    ("undo", "admin", "authorized", {"undoable_by": SOMEBODY_ELSE},
     "Only the person who decided can undo this."),
    ("undo", "seller", "closed", {"has_money_since_decision": True},
     "Money was recorded after this decision, so it cannot be undone."),
    ("escalate", "buyer", "authorization_required", {"is_imported": True},
     "Please ask at the marketplace where you bought the item: this request was made there."),
    ("escalate", "buyer", "closed", {"is_escalated": True},
     "The marketplace was already asked to step in."),
    ("escalate", "buyer", "refunded", {},
     "You were refunded in full, so there is nothing left to decide."),
    ("escalate", "system", "refund_due", {"is_step_in_due": False},
     "You can ask the marketplace to step in once the seller has not answered or paid in time."),
    ("uphold", "admin", "closed", {"is_escalated": False},
     "Nobody has asked the marketplace to step in."),
    ("provide_label", "seller", "authorized", {"owes_label": False}, "No label is owed for this request."),
    ("provide_label", "admin", "authorized", {"undoable_by": 7},
     "The authorization can still be undone. Provide the label once the buyer is told of it."),
    ("provide_label", "seller", "authorized", {"is_handed_over": True},
     "The item is already on its way back, so this is no longer possible."),
    ("split", "seller", "authorization_required", {"is_imported": True},
     "The marketplace knows this as one request, so it cannot be split here."),
    ("split", "admin", "authorization_required", {"has_several_units": False},
     "This request asks for a single unit."),
    ("split", "seller", "authorization_required", {"has_come_back": True},
     "Units of this request have come back already."),
    ("split", "seller", "authorization_required", {"is_refunded": True},
     "A refund was already recorded for this request, so this is no longer possible."),
    ("offer", "seller", "authorization_required", {"is_answered_elsewhere": True},
     "Make your offer at the marketplace: the buyer of this request gets no messages from here."),
    ("offer", "admin", "authorized", {"is_never_arrived": True},
     "The order never arrived, so there is nothing to keep. Refund it, or send it again."),
    ("offer", "seller", "authorized", {"undoable_by": ME},
     "Your last decision can still be undone. Make the offer once the buyer is told of it."),
    ("offer", "buyer", "authorization_required", {"has_open_offer": False},
     "This offer is no longer open."),
    ("offer", "buyer", "refund_due", {"is_offer_over": True}, "The time to answer this offer is over."),
    ("offer", "system", "authorized", {"is_offer_over": False}, "The buyer still has time to answer."),
    ("remind", "system", "closed", {"has_open_promise": False},
     "Nothing is due on this request."),
]  # fmt: skip


@pytest.mark.parametrize(("move", "role", "state", "against", "sentence"), GUARDS)
def test_a_guard_refuses_with_its_sentence(
    move: str, role: str, state: str, against: dict[str, Any], sentence: str
) -> None:
    action, outcome = parts_of(move)
    facts = Facts(**status_and_outcome(state), **{**favourable(move, role), **against})
    transition, found = refusal(facts, action, Asking(Role(role), ME), outcome)
    assert transition is None
    assert str(found) == sentence


def test_every_guard_of_the_table_has_its_line_above() -> None:
    refused_by = set()
    for move, role, state, against, _sentence in GUARDS:
        action, outcome = parts_of(move)
        facts = Facts(**status_and_outcome(state), **{**favourable(move, role), **against})
        for transition in TRANSITIONS:
            if (
                transition.action == action
                and facts.status in transition.sources
                and role in transition.roles
                and outcome in (None, transition.outcome)
            ):
                refused_by |= {
                    (transition.action, transition.outcome, guard)
                    for guard in transition.guards
                    if guard(facts, Asking(Role(role), ME)) is not None
                }
    of_the_table = {
        (transition.action, transition.outcome, guard)
        for transition in TRANSITIONS
        for guard in transition.guards
    }
    assert refused_by == of_the_table


# What the guards let pass, where the rules make an exception.

EXCEPTIONS = [
    ("authorize", "system", "authorization_required", {"has_rule": False, "is_timely_withdrawal": True}),
    ("authorize", "system", "authorization_required", {"has_rule": False, "prepaid_eligible": True}),
    ("authorize", "system", "authorization_required", {"has_rule": False, "has_accepted_offer": True}),
    ("authorize", "seller", "authorization_required", {"has_way_back": False, "is_imported": True}),
    ("authorize", "seller", "authorization_required", {"has_way_back": False, "is_timely_withdrawal": True}),
    ("authorize", "seller", "authorization_required", {"has_rule": False}),
    ("close", "seller", "authorization_required", {"is_handed_over": True, "is_refunded": True}),
    ("complete·duplicate", "seller", "authorized", {"prepaid_eligible": False}),
    ("complete·never_arrived", "seller", "authorized", {"prepaid_eligible": False}),
    (
        "complete·refunded_without_return",
        "system",
        "authorization_required",
        {"has_returnless_rule": False, "is_imported": True},
    ),
    ("reopen", "seller", "closed", {"days_since_closed": 30}),
    ("reopen", "seller", "closed", {"days_since_closed": 31, "has_come_back": True}),
    ("reopen", "seller", "closed", {"closed_by": Role.ADMIN}),
    ("reopen", "buyer", "closed", {"days_since_closed": 7, "has_newer_request": True}),
    ("hand_over", "buyer", "authorized", {"prepaid_eligible": True}),
]


@pytest.mark.parametrize(("move", "role", "state", "although"), EXCEPTIONS)
def test_a_guard_makes_the_exceptions_of_the_rules(
    move: str, role: str, state: str, although: dict[str, Any]
) -> None:
    action, outcome = parts_of(move)
    facts = Facts(**status_and_outcome(state), **{**favourable(move, role), **although})
    assert resolve(facts, action, Asking(Role(role), ME), outcome).action == action


# Sentences for moves that the table does not have


@pytest.mark.parametrize(
    ("action", "status", "role", "sentence"),
    [
        ("close", "closed", "seller", "This request is already closed."),
        ("close", "closed", "buyer", "This request is already closed."),
        ("authorize", "authorized", "admin", "This request is already authorized."),
        ("authorize", "closed", "seller", "This request is closed. Reopen it first."),
        ("receive", "closed", "seller",
         "This request is closed. Reopen it first, then mark the units as received."),
        ("receive", "refund_due", "seller", "These units were already received."),
        ("refund", "completed", "seller",
         "This request is completed, so no further refund can be recorded on it."),
        ("reopen", "authorization_required", "admin", "This request is already open."),
        ("undo", "authorization_required", "seller", "There is nothing to undo."),
        ("close", "refund_due", "buyer", "This is not possible for a request in “Refund due”."),
        ("close", "authorized", "system", "This is not possible for a request in “Authorized”."),
    ],
)  # fmt: skip
def test_a_move_that_does_not_exist_is_refused_with_a_sentence(
    action: str, status: str, role: str, sentence: str
) -> None:
    assert str(not_possible(Action(action), Status(status), Role(role))) == sentence


# What pages draw


def test_only_what_would_pass_is_drawn() -> None:
    chance = random.Random(20240)  # noqa: S311 -- the same facts in every run
    names = [field.name for field in fields(Facts) if field.type == "bool" or field.type is bool]
    assert len(names) >= 15
    for _round in range(3000):
        facts = Facts(
            **status_and_outcome(chance.choice(STATES)),
            closed_by=chance.choice(["", *Role.values]),
            days_since_closed=chance.choice([0, 30, 31]),
            undoable_by=chance.choice([None, ME, SOMEBODY_ELSE]),
            **{name: chance.random() < 0.5 for name in names},
        )
        for role in Role:
            asking = Asking(role, ME)
            passing = {
                action
                for action in Action
                for outcome in (Outcome if action == Action.COMPLETE else (None,))
                if refusal(facts, action, asking, outcome)[0] is not None
            }
            assert available_actions(facts, asking) == passing


@pytest.mark.parametrize(
    ("facts", "role", "drawn"),
    [
        (Facts(status=Status.AUTHORIZATION_REQUIRED), Role.SELLER, "authorize close receive refund offer"),
        (Facts(status=Status.AUTHORIZATION_REQUIRED, prepaid_eligible=True), Role.SELLER,
         "authorize receive refund offer"),
        (Facts(status=Status.AUTHORIZATION_REQUIRED), Role.BUYER, "close hand_over"),
        (Facts(status=Status.AUTHORIZATION_REQUIRED, prepaid_eligible=True), Role.BUYER,
         "keep_item hand_over"),
        (Facts(status=Status.AUTHORIZED), Role.SELLER, "receive refund complete offer"),
        (Facts(status=Status.AUTHORIZED, undoable_by=ME), Role.SELLER, "receive refund complete undo"),
        (Facts(status=Status.AUTHORIZED, is_handed_over=True), Role.BUYER, ""),
        (Facts(status=Status.REFUND_DUE), Role.SELLER, "refund complete offer"),
        (Facts(status=Status.REFUND_DUE, has_open_offer=True), Role.BUYER, "offer"),
        (Facts(status=Status.REFUND_DUE), Role.BUYER, ""),
        (Facts(status=Status.REFUND_DUE, is_step_in_due=True), Role.BUYER, "escalate"),
        (Facts(status=Status.CLOSED, closed_by=Role.SELLER), Role.SELLER, "reopen"),
        (Facts(status=Status.CLOSED, closed_by=Role.BUYER), Role.SELLER, ""),
        (Facts(status=Status.CLOSED, closed_by=Role.BUYER), Role.BUYER, "reopen"),
        (Facts(status=Status.CLOSED, closed_by=Role.SELLER, is_step_in_due=True), Role.BUYER, "escalate"),
        (Facts(status=Status.CLOSED, closed_by=Role.SELLER, is_escalated=True), Role.ADMIN, "reopen uphold"),
        (Facts(status=Status.COMPLETED, outcome="not_returned"), Role.SELLER, "receive"),
        (Facts(status=Status.COMPLETED, outcome="refunded"), Role.SELLER, ""),
    ],
)  # fmt: skip
def test_a_page_draws_these_buttons(facts: Facts, role: Role, drawn: str) -> None:
    # Each may write to the other side whenever there is a request.
    assert available_actions(facts, Asking(role, ME)) == {Action(word) for word in f"{drawn} write".split()}


def test_every_status_label_is_the_title_of_its_tab() -> None:
    with override("en"):
        assert [str(label) for label in Status.labels] == [
            "Authorization Required",
            "Authorized",
            "Refund due",
            "Completed",
            "Closed",
        ]


def test_the_diagram_shows_each_move_to_another_status_and_no_other() -> None:
    drawn = set()
    for line in diagram().splitlines()[1:]:
        edge, _colon, labels = line.strip().partition(": ")
        source, _arrow, target = edge.partition(" --> ")
        for label in labels.split("<br>"):
            words, _space, roles = label.partition(" (")
            action, _as, outcomes = words.partition(" as ")
            moves = [f"{action}·{outcome}" for outcome in outcomes.split(" or ")] if outcomes else [action]
            drawn |= {
                (move, source, target, role) for move in moves for role in roles.rstrip(")").split(", ")
            }
    expected = {
        (move, "[*]", target, role)
        for move, target, roles in rows_of(FIRST_MOVES)
        for role in roles.split()
        if target in STATES
    }
    for (move, state, role), target in LEGAL.items():
        if target in STATES:
            source, reached = (str(status_and_outcome(word)["status"]) for word in (state, target))
            label = f"{move}·{target}" if target in COMPLETIONS and "·" not in move else move
            expected.add((label, source, reached, role))
    assert diagram().startswith("stateDiagram-v2\n")
    assert drawn == expected


def test_facts_are_frozen() -> None:
    facts = Facts(status=Status.CLOSED)
    with pytest.raises(AttributeError):
        facts.status = Status.AUTHORIZED  # type: ignore[misc]
    assert replace(facts, status=Status.AUTHORIZED).status == Status.AUTHORIZED
