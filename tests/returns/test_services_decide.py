"""Authorize and close, one and many; undo and reopen."""

import hashlib
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from returns import services
from returns.actors import Actor
from returns.exceptions import (
    Forbidden,
    Invalid,
    KeyReused,
    NotFound,
    SomebodyElseWasFirst,
    TransitionNotAllowed,
)
from returns.models import ClosureReason, MarketplaceSettings, ReturnAddress, ReturnEvent, ReturnRequest
from returns.models.clock import database_now
from returns.models.requests import NO_DEADLINE
from returns.services import decide
from returns.services.decide import Authorization, decide_returns, preview_decision
from returns.services.moves import Move, write_moves
from returns.state_machine import Action, Outcome, Role, Status
from tests.factories import (
    Cast,
    Line,
    a_case,
    a_request_in,
    at_once,
    by_hand,
    closing,
    day,
    days_ago,
    everything_owed,
    last_event,
    make_order,
    open_request,
)
from tests.returns.ledger import everything_adds_up, refused, row
from tests.services import wait_until

AR, AUTHORIZED, CLOSED = Status.AUTHORIZATION_REQUIRED, Status.AUTHORIZED, Status.CLOSED
NOT_YOURS = "This page does not exist, or it is not yours."


@pytest.fixture
def alice(cast: Cast) -> Actor:
    return cast.actor(cast.alice)


@pytest.fixture
def asked(cast: Cast) -> ReturnRequest:
    """In policy, sent to Canada, so without a prepaid label; waiting for North Lane."""
    return a_request_in(cast, AR)


@pytest.fixture
def prepaid(cast: Cast) -> ReturnRequest:
    return a_request_in(cast, AR, prepaid=True)


def units_held(request: ReturnRequest) -> list[tuple[int, int]]:
    """Of each item, and of its line."""
    return list(request.items.order_by("pk").values_list("units_held", "order_item__units_held"))


# Authorize


def test_authorizing_writes_the_request_and_one_event(alice: Actor, asked: ReturnRequest) -> None:
    event = services.authorize_return(
        alice,
        reference=asked.reference,
        decision=Authorization(instructions="Use the small box.\nThank you.", merchant_rma="NL-77"),
    )
    asked.refresh_from_db()
    assert asked.status == AUTHORIZED
    assert asked.version == 2
    assert asked.return_address.splitlines()[-1] == "CANADA"
    assert asked.instructions == "Use the small box.\nThank you."
    assert asked.merchant_rma == "NL-77"
    assert asked.is_decided_here
    assert (event.version, event.action, event.source, event.target) == (2, "authorize", AR, AUTHORIZED)
    assert (event.role, event.user_id, event.seller_id) == (Role.SELLER, alice.user_id, asked.seller_id)
    assert event.facts["send_back_date"] == asked.send_back_date.isoformat()
    assert event.facts["address"] == asked.return_address
    assert event.facts["is_prepaid"] is False
    assert event.facts["changed"]["status"] == [AR, AUTHORIZED]
    assert event.words["values"]["order_number"] == asked.order.order_number
    assert units_held(asked) == [(1, 1)]
    everything_adds_up()


def test_send_back_by_is_fifteen_days_after_the_later_of_window_end_and_authorization(
    cast: Cast, alice: Actor
) -> None:
    open_window = a_request_in(cast, AR)
    late = open_request(make_order(cast.north_lane, country="CA", ordered_days_ago=90, delivered_days_ago=80))
    for request in (open_window, late):
        services.authorize_return(alice, reference=request.reference)
        request.refresh_from_db()
    assert open_window.send_back_date == open_window.window_end_date + timedelta(days=15)
    assert late.send_back_date == database_now().date() + timedelta(days=15)
    assert late.window_end_date < database_now().date()


def test_the_address_in_the_buyers_country_is_taken_or_the_one_that_was_chosen(
    cast: Cast, alice: Actor, asked: ReturnRequest
) -> None:
    chosen = ReturnAddress.objects.get(seller=cast.north_lane, country="CA")
    chosen.pk, chosen.city = None, "Halifax"
    chosen.save()
    services.authorize_return(
        alice, reference=asked.reference, decision=Authorization(return_address_id=chosen.pk)
    )
    asked.refresh_from_db()
    assert asked.return_address == chosen.as_text()


def test_another_sellers_address_cannot_be_chosen(cast: Cast, alice: Actor, asked: ReturnRequest) -> None:
    foreign = ReturnAddress.objects.get(seller=cast.south_pier)
    with refused(Invalid, "Choose one of your return addresses.") as refusal:
        services.authorize_return(
            alice, reference=asked.reference, decision=Authorization(return_address_id=foreign.pk)
        )
    assert set(refusal.value.errors) == {"return_address"}


def test_without_a_way_back_nothing_is_authorized(cast: Cast, alice: Actor) -> None:
    request = open_request(make_order(cast.north_lane, country="FR"))
    with refused(TransitionNotAllowed) as refusal:
        services.authorize_return(alice, reference=request.reference)
    assert "return address in the buyer's country" in str(refusal.value)
    ReturnAddress.objects.filter(seller=cast.north_lane, country="US").update(country="FR", is_active=False)
    with refused(TransitionNotAllowed):
        services.authorize_return(alice, reference=request.reference)
    ReturnAddress.objects.filter(seller=cast.north_lane, country="FR").update(is_active=True)
    assert services.authorize_return(alice, reference=request.reference).target == AUTHORIZED


# Close


def test_closing_writes_everything_and_gives_the_units_back(alice: Actor, asked: ReturnRequest) -> None:
    comments = "  Sorry, Dora.\r\nWe agreed on the phone.  "
    before = database_now()
    event = services.close_return(alice, reference=asked.reference, closing=closing("other", comments))
    asked.refresh_from_db()
    assert (asked.status, asked.version, asked.closed_by_role) == (CLOSED, 2, Role.SELLER)
    assert asked.closure_reason.code == event.reason_code == "other"
    assert before <= asked.closed_at <= database_now()
    assert asked.deadline_at == NO_DEADLINE
    assert asked.is_decided_here
    assert event.text == "Sorry, Dora.\nWe agreed on the phone."
    assert event.comments.text == event.text
    assert event.text_digest == hashlib.sha256(f"{event.comments.salt}\n{event.text}".encode()).hexdigest()
    assert event.comments.salt == event.facts["salt"]
    assert event.text not in str(event.words) + str(event.facts)
    assert "Dora Diaz" not in str(event.words) + str(event.facts)
    assert units_held(asked) == [(0, 0)]
    assert asked.items.get().quantity == 1
    everything_adds_up()


def test_the_words_of_a_closing_are_frozen_in_both_languages(alice: Actor, asked: ReturnRequest) -> None:
    services.close_return(alice, reference=asked.reference, closing=closing("technical_issue_solved"))
    reason = ClosureReason.objects.get(code="technical_issue_solved")
    said = last_event(asked).words
    ClosureReason.objects.filter(pk=reason.pk).update(
        label_en="Changed", text_en="Changed {comments}", is_active=False
    )
    assert last_event(asked).words == said
    assert said["labels"] == {"en": reason.label_en, "zh-hans": reason.label_zh_hans}
    assert said["buyer_labels"] == {"en": reason.buyer_label_en, "zh-hans": reason.buyer_label_zh_hans}
    assert said["text"] == {"en": reason.text_en, "zh-hans": reason.text_zh_hans}
    assert "{comments}" in said["text"]["en"]
    assert said["values"]["seller_name"] == "North Lane"
    assert said["values"]["item_titles"] == ["Steel kettle"]


@pytest.mark.parametrize("code", ["buyer_other", "closed_at_marketplace", "no_such_reason", ""])
def test_the_sellers_side_has_its_own_reasons(alice: Actor, asked: ReturnRequest, code: str) -> None:
    with refused(Invalid, "Choose a return reason from the list.") as refusal:
        services.close_return(alice, reference=asked.reference, closing=closing(code))
    assert set(refusal.value.errors) == {"reason"}


@pytest.mark.parametrize("code", ["other", "refund_without_return", "closed_at_marketplace"])
def test_buyers_have_their_own_reasons(asked: ReturnRequest, code: str) -> None:
    with refused(Invalid, "Choose a return reason from the list."):
        services.close_return(Actor.buyer(asked.order), reference=asked.reference, closing=closing(code, ""))


def test_a_retired_reason_closes_nothing(alice: Actor, asked: ReturnRequest) -> None:
    ClosureReason.objects.filter(code="other").update(is_active=False)
    with refused(Invalid, "Choose a return reason from the list."):
        services.close_return(alice, reference=asked.reference, closing=closing("other"))


@pytest.mark.parametrize(
    ("comments", "sentence"),
    [
        ("", "Write comments to the buyer: they go into the message."),
        (" \n\t\u200b ", "Write comments to the buyer: they go into the message."),
        ("x" * 2001, "Shorten your comments to 2,000 characters."),
    ],
)
def test_the_sellers_side_writes_comments(
    alice: Actor, asked: ReturnRequest, comments: str, sentence: str
) -> None:
    with refused(Invalid, sentence) as refusal:
        services.close_return(alice, reference=asked.reference, closing=closing("other", comments))
    assert set(refusal.value.errors) == {"comments"}


def test_comments_may_have_two_thousand_characters_after_trimming(alice: Actor, asked: ReturnRequest) -> None:
    event = services.close_return(
        alice, reference=asked.reference, closing=closing("other", f"  {'诺' * 2000}  ")
    )
    assert event.text == "诺" * 2000


@pytest.mark.parametrize("comments", ["", "I found the lid."])
def test_a_buyer_closes_with_or_without_a_comment_and_is_not_held(
    asked: ReturnRequest, comments: str
) -> None:
    event = services.close_return(
        Actor.buyer(asked.order), reference=asked.reference, closing=closing("buyer_other", comments)
    )
    asked.refresh_from_db()
    assert asked.closed_by_role == Role.BUYER
    assert event.text == comments
    assert event.text_digest == "" if not comments else event.text_digest
    assert event.hold_until is None
    assert event.user_id is None
    everything_adds_up()


def test_a_buyer_closes_an_authorized_request_too(cast: Cast) -> None:
    request = a_request_in(cast, AUTHORIZED)
    services.close_return(
        Actor.buyer(request.order), reference=request.reference, closing=closing("buyer_by_mistake", "")
    )
    assert row(request)["status"] == CLOSED


def test_a_buyer_does_not_close_what_is_on_its_way_back(cast: Cast) -> None:
    request = a_request_in(cast, AUTHORIZED)
    ReturnRequest.objects.filter(pk=request.pk).update(handed_over_at=days_ago(1))
    with refused(TransitionNotAllowed, "The item is already on its way back, so this is no longer possible."):
        services.close_return(
            Actor.buyer(request.order), reference=request.reference, closing=closing("buyer_by_mistake", "")
        )


def test_closing_in_policy_asks_for_an_explanation_and_is_marked(alice: Actor, asked: ReturnRequest) -> None:
    assert asked.policy == "in_policy"
    with refused(Invalid, "This request is in policy: explain your reason in at least 20 characters."):
        services.close_return(alice, reference=asked.reference, closing=closing("other", "x" * 19))
    event = services.close_return(alice, reference=asked.reference, closing=closing("other", "x" * 20))
    assert row(asked)["is_closed_although_in_policy"] is True
    assert event.facts["is_although_in_policy"] is True


def test_a_ground_that_closes_in_policy_rightly_is_not_marked(alice: Actor, asked: ReturnRequest) -> None:
    services.close_return(
        alice,
        reference=asked.reference,
        closing=closing("agreed_with_buyer", "ok", agreed_date=day(0), agreed_channel="phone"),
    )
    assert row(asked)["is_closed_although_in_policy"] is False


def test_closing_out_of_policy_needs_no_explanation(cast: Cast, alice: Actor) -> None:
    late = open_request(make_order(cast.north_lane, ordered_days_ago=90, delivered_days_ago=80))
    services.close_return(alice, reference=late.reference, closing=closing("other", "No."))
    assert row(late)["is_closed_although_in_policy"] is False


def test_a_reason_whose_ground_does_not_hold_says_why(alice: Actor, asked: ReturnRequest) -> None:
    with refused(Invalid) as refusal:
        services.close_return(alice, reference=asked.reference, closing=closing("outside_return_window"))
    assert set(refusal.value.errors) == {"reason"}
    assert "inside the window" in str(refusal.value)


def test_a_stated_day_of_delivery_is_kept_and_gives_the_window_in_the_message(
    cast: Cast, alice: Actor
) -> None:
    order = make_order(cast.north_lane, ordered_days_ago=None, delivered_days_ago=None)
    request = open_request(order)
    assert request.policy == "unknown"
    with refused(Invalid) as refusal:
        services.close_return(alice, reference=request.reference, closing=closing("outside_return_window"))
    assert set(refusal.value.errors) == {"delivery_date"}
    with refused(Invalid, "Enter a day before the return was asked for."):
        services.close_return(
            alice,
            reference=request.reference,
            closing=closing("outside_return_window", delivery_date=day(-1)),
        )
    event = services.close_return(
        alice, reference=request.reference, closing=closing("outside_return_window", delivery_date=day(40))
    )
    assert event.facts["stated"] == {"delivery_date": day(40).isoformat()}
    assert event.words["values"]["return_window_end"] == day(10).isoformat()


def test_the_marketplaces_warn_only_ground_closes_with_the_warning_kept(
    alice: Actor, asked: ReturnRequest
) -> None:
    MarketplaceSettings.objects.update(grounds_that_warn=["outside_return_window"])
    event = services.close_return(alice, reference=asked.reference, closing=closing("outside_return_window"))
    assert "inside the window" in event.facts["warned"]


# A refund promise


def promise(minor: int | None, days: int = 2, currency: str = "USD") -> decide.Closing:
    return closing(
        "refund_without_return",
        "Keep it, please.",
        promise_minor=minor,
        promise_currency=currency,
        promise_due_date=day(-days),
    )


def test_a_promise_stands_on_the_request_and_in_the_event(alice: Actor, asked: ReturnRequest) -> None:
    event = services.close_return(alice, reference=asked.reference, closing=promise(12900))
    asked.refresh_from_db()
    assert (asked.promise_minor, asked.promise_currency, asked.promise_due_date) == (12900, "USD", day(-2))
    assert asked.deadline_at.date() == day(-2)
    assert event.facts["promise"] == {"minor": 12900, "currency": "USD", "due_date": day(-2).isoformat()}
    everything_adds_up()


EMPTY_PROMISES = [
    (promise(None), "promise_minor", "Enter the amount you promise to refund."),
    (promise(0), "promise_minor", "Enter an amount above zero."),
    (promise(-1), "promise_minor", "Enter an amount above zero."),
    (promise(14532), "promise_minor", "That is more than what was paid and is not refunded yet."),
    (promise(12900, currency="EUR"), "promise_minor", "Promise the refund in the currency of the order."),
    (promise(12900, days=-1), "promise_due_date", "Choose today or a later day."),
    (promise(12900, days=400), "promise_due_date", "Choose a day within a year."),
]


@pytest.mark.parametrize(("decision", "field", "sentence"), EMPTY_PROMISES)
def test_a_promise_is_for_money_that_is_owed_soon(
    alice: Actor, asked: ReturnRequest, decision: decide.Closing, field: str, sentence: str
) -> None:
    with refused(Invalid) as refusal:
        services.close_return(alice, reference=asked.reference, closing=decision)
    assert str(refusal.value.errors[field]) == sentence


@pytest.mark.parametrize(("minor", "days"), [(1, 0), (14531, 365)])
def test_a_promise_may_be_all_that_was_paid_and_due_from_today_to_a_year(
    alice: Actor, asked: ReturnRequest, minor: int, days: int
) -> None:
    services.close_return(alice, reference=asked.reference, closing=promise(minor, days))
    assert row(asked)["promise_minor"] == minor


def test_a_promise_counts_what_was_refunded_before(alice: Actor, asked: ReturnRequest) -> None:
    item = asked.items.get()
    services.record_refund(
        alice, reference=asked.reference, amounts={(item.pk, "item"): 10000}, refunded_date=day(0)
    )
    with refused(Invalid, "That is more than what was paid and is not refunded yet."):
        services.close_return(alice, reference=asked.reference, closing=promise(4532))
    services.close_return(alice, reference=asked.reference, closing=promise(4531))


# Prepaid: no door


def test_a_prepaid_eligible_request_is_closed_by_nobody(cast: Cast, prepaid: ReturnRequest) -> None:
    sellers_side = "Eligible for a prepaid return: this request cannot be closed."
    for user in (cast.alice, cast.ben, cast.root):
        with refused(TransitionNotAllowed, sellers_side):
            services.close_return(cast.actor(user), reference=prepaid.reference, closing=closing())
    with refused(TransitionNotAllowed) as refusal:
        services.close_return(
            Actor.buyer(prepaid.order), reference=prepaid.reference, closing=closing("buyer_other", "")
        )
    assert "keep the item" in str(refusal.value)
    for actor in (Actor.system(), Actor.marketplace(cast.north_lane)):
        with refused(TransitionNotAllowed):
            services.close_return(actor, reference=prepaid.reference, closing=closing())
    assert decide_returns(cast.actor(cast.alice), decision=closing(), references=[prepaid.reference])[
        0
    ].refusal


def test_the_database_closes_no_prepaid_eligible_request_for_an_import_either(
    cast: Cast, prepaid: ReturnRequest
) -> None:
    columns = {
        "closed_at": database_now(),
        "closed_by_role": Role.MARKETPLACE.value,
        "closure_reason_id": ClosureReason.objects.get(code="closed_at_marketplace").pk,
    }
    move = Move(case=a_case(prepaid), action=Action.RECORD, status=CLOSED, columns=columns)
    with pytest.raises(IntegrityError), transaction.atomic():
        write_moves(Actor.marketplace(cast.north_lane), [move])
    assert row(prepaid)["status"] == AR


# A withdrawal in time


@pytest.fixture
def withdrawal(asked: ReturnRequest) -> ReturnRequest:
    """As the buyer's part will make it; the system normally authorizes it at once."""
    ReturnRequest.objects.filter(pk=asked.pk).update(is_timely_withdrawal=True)
    return asked


@pytest.mark.parametrize(
    "code",
    ["outside_return_window", "outside_return_policy", "not_returnable", "technical_issue_solved", "other"],
)
def test_a_withdrawal_in_time_is_not_closed_with_these(
    alice: Actor, withdrawal: ReturnRequest, code: str
) -> None:
    MarketplaceSettings.objects.update(
        grounds_that_warn=["outside_return_window", "outside_policy", "not_returnable", "always"]
    )
    with refused(Invalid) as refusal:
        services.close_return(alice, reference=withdrawal.reference, closing=closing(code))
    assert "withdrew from the contract in time" in str(refusal.value)


def test_a_withdrawal_in_time_is_closed_with_a_promise(alice: Actor, withdrawal: ReturnRequest) -> None:
    services.close_return(alice, reference=withdrawal.reference, closing=promise(12900))
    assert row(withdrawal)["status"] == CLOSED


def test_a_withdrawal_in_time_is_not_closed_with_an_agreement_only_the_seller_states(
    alice: Actor, withdrawal: ReturnRequest
) -> None:
    with refused(Invalid) as refusal:
        services.close_return(
            alice,
            reference=withdrawal.reference,
            closing=closing("agreed_with_buyer", agreed_date=day(0), agreed_channel="phone"),
        )
    assert "only an offer accepted here counts" in str(refusal.value)


# Who


@pytest.mark.parametrize("decision", [Authorization(), closing()])
def test_a_viewer_decides_nothing(cast: Cast, asked: ReturnRequest, decision: decide.Closing) -> None:
    with refused(Forbidden):
        decide_returns(cast.actor(cast.vera), decision=decision, references=[asked.reference])


@pytest.mark.parametrize("decision", [Authorization(), closing()])
def test_another_sellers_request_is_not_there(
    cast: Cast, asked: ReturnRequest, decision: decide.Closing
) -> None:
    carol = cast.actor(cast.carol)
    before = row(asked)
    (result,) = decide_returns(carol, decision=decision, references=[asked.reference])
    (nowhere,) = decide_returns(carol, decision=decision, references=["no-such-reference"])
    assert isinstance(result.refusal, NotFound)
    assert str(result.refusal) == str(nowhere.refusal) == NOT_YOURS
    assert row(asked) == before


def test_another_orders_buyer_does_not_reach_it(cast: Cast, asked: ReturnRequest) -> None:
    stranger = Actor.buyer(make_order(cast.north_lane))
    with refused(NotFound, NOT_YOURS):
        services.close_return(stranger, reference=asked.reference, closing=closing("buyer_other", ""))


def test_an_agent_and_an_admin_decide_like_the_owner(cast: Cast) -> None:
    for user, role in ((cast.ben, Role.SELLER), (cast.root, Role.ADMIN)):
        request = a_request_in(cast, AR)
        services.close_return(cast.actor(user), reference=request.reference, closing=closing())
        request.refresh_from_db()
        assert (request.status, request.closed_by_role) == (CLOSED, role)


def test_the_system_authorizes_only_what_a_rule_names(cast: Cast, asked: ReturnRequest) -> None:
    with refused(TransitionNotAllowed, "No rule authorizes this request: it waits for the seller."):
        services.authorize_return(Actor.system(), reference=asked.reference)


def test_who_comes_second_is_told_who_was_first_and_with_what(cast: Cast, asked: ReturnRequest) -> None:
    services.close_return(
        Actor.buyer(asked.order), reference=asked.reference, closing=closing("buyer_other", "")
    )
    with refused(SomebodyElseWasFirst) as refusal:
        services.authorize_return(cast.actor(cast.alice), reference=asked.reference)
    assert str(refusal.value).startswith("Closed by the buyer on ")
    assert "UTC" in str(refusal.value)


def test_a_name_is_told_only_to_the_same_seller(cast: Cast, asked: ReturnRequest) -> None:
    services.close_return(at_once(cast.actor(cast.alice)), reference=asked.reference, closing=closing())
    for actor, who in (
        (cast.actor(cast.ben), "Closed by Alice Ames on "),
        (cast.actor(cast.root), "Closed by the seller on "),
        (Actor.buyer(asked.order), "Closed by the seller on "),
    ):
        reason = "buyer_other" if actor.role == Role.BUYER else "other"
        with refused(SomebodyElseWasFirst) as refusal:
            services.close_return(actor, reference=asked.reference, closing=closing(reason))
        assert str(refusal.value).startswith(who)


# Idempotency


def test_the_same_form_twice_is_done_once_and_answers_the_same(alice: Actor, asked: ReturnRequest) -> None:
    first = services.close_return(alice, reference=asked.reference, closing=closing(), key="form-1")
    again = services.close_return(alice, reference=asked.reference, closing=closing(), key="form-1")
    assert again == first
    assert asked.events.count() == 2
    everything_adds_up()


@pytest.mark.parametrize(
    "other", [closing("technical_issue_solved"), closing("other", "Something else, at some length.")]
)
def test_the_same_form_with_other_content_is_refused(
    alice: Actor, asked: ReturnRequest, other: decide.Closing
) -> None:
    services.close_return(alice, reference=asked.reference, closing=closing(), key="form-1")
    with refused(KeyReused, "This form was already used for something else. Open the page again."):
        services.close_return(alice, reference=asked.reference, closing=other, key="form-1")
    with refused(KeyReused):
        services.authorize_return(alice, reference=asked.reference, key="form-1")
    with refused(KeyReused):
        services.reopen_return(alice, reference=asked.reference, key="form-1")


def test_a_forms_key_means_nothing_on_another_request(cast: Cast, alice: Actor) -> None:
    one, two = a_request_in(cast, AR), a_request_in(cast, AR)
    first = services.close_return(alice, reference=one.reference, closing=closing(), key="form-1")
    second = services.close_return(alice, reference=two.reference, closing=closing(), key="form-1")
    assert first.request_id != second.request_id


def test_a_key_that_was_refused_can_be_used_again(alice: Actor, asked: ReturnRequest) -> None:
    with refused(Invalid):
        services.close_return(alice, reference=asked.reference, closing=closing("other", ""), key="form-1")
    services.close_return(alice, reference=asked.reference, closing=closing(), key="form-1")
    assert row(asked)["status"] == CLOSED


# Held, and undone


def test_what_a_person_of_the_sellers_side_decides_is_held_by_the_databases_clock(
    cast: Cast, settings: object
) -> None:
    settings.UNDO_SECONDS = 10
    for user, seconds in ((cast.alice, None), (cast.ben, 600), (cast.root, 60)):
        user.undo_seconds = seconds
        request = a_request_in(cast, AR)
        event = services.close_return(cast.actor(user), reference=request.reference, closing=closing())
        held = event.hold_until - database_now()
        assert timedelta(seconds=(seconds or 10) - 5) < held <= timedelta(seconds=seconds or 10)


def test_no_undo_seconds_at_all_switch_it_off_for_all(cast: Cast, settings: object) -> None:
    settings.UNDO_SECONDS = 0
    cast.alice.undo_seconds = 600
    request = a_request_in(cast, AR)
    event = services.close_return(cast.actor(cast.alice), reference=request.reference, closing=closing())
    assert event.hold_until is None
    with refused(TransitionNotAllowed) as refusal:
        services.undo_decision(cast.actor(cast.alice), reference=request.reference)
    assert "The time to undo is over" in str(refusal.value)


def test_while_a_decision_is_held_the_buyer_sees_the_status_before_and_waits(
    cast: Cast, alice: Actor, asked: ReturnRequest
) -> None:
    services.close_return(alice, reference=asked.reference, closing=closing())
    buyer = Actor.buyer(asked.order)
    case = a_case(asked)
    assert case.status_for(buyer) == AR
    assert case.actions_for(buyer) == frozenset()
    assert case.status_for(alice) == CLOSED
    assert Action.UNDO in case.actions_for(alice)
    assert Action.UNDO not in case.actions_for(cast.actor(cast.ben))
    with refused(TransitionNotAllowed) as refusal:
        services.close_return(buyer, reference=asked.reference, closing=closing("buyer_other", ""))
    assert "being worked on right now" in str(refusal.value)
    with refused(TransitionNotAllowed):
        services.escalate(buyer, reference=asked.reference)


DECISIONS = [Authorization(instructions="Use the box."), closing(), promise(12900)]


@pytest.mark.parametrize("decision", DECISIONS)
def test_undo_restores_everything_and_nothing_of_it_will_be_told(
    cast: Cast, alice: Actor, decision: decide.Closing
) -> None:
    order = make_order(cast.north_lane, Line(quantity=3), country="CA")
    request = open_request(order, quantity=2, opened_days_ago=6)
    services.escalate(Actor.buyer(order), reference=request.reference)
    services.deadlines.remind()
    before = row(request)
    assert before["reminders_sent"] == 2
    assert before["escalated_at"]
    held_before = units_held(request)

    decide_returns(alice, decision=decision, references=[request.reference])
    assert row(request)["escalated_at"] is None
    undone = services.undo_decision(alice, reference=request.reference)

    after = row(request)
    assert after.pop("version") == before.pop("version") + 2
    assert after == before
    assert units_held(request) == held_before == [(2, 2)]
    taken_back = request.events.get(version=undone.version - 1)
    assert taken_back.withdrawn_at
    assert taken_back.relayed_at is None
    assert undone.is_silent
    assert undone.facts["undone_version"] == taken_back.version
    assert undone.target == AR
    assert Action.CLOSE in a_case(request).actions_for(Actor.buyer(order))
    everything_adds_up()


def test_undo_is_for_the_one_who_decided(cast: Cast, alice: Actor, asked: ReturnRequest) -> None:
    services.close_return(alice, reference=asked.reference, closing=closing())
    for user in (cast.ben, cast.root):
        with refused(TransitionNotAllowed, "Only the person who decided can undo this."):
            services.undo_decision(cast.actor(user), reference=asked.reference)
    with refused(Forbidden):
        services.undo_decision(cast.actor(cast.vera), reference=asked.reference)


def test_undo_is_done_once(alice: Actor, asked: ReturnRequest) -> None:
    services.close_return(alice, reference=asked.reference, closing=closing())
    first = services.undo_decision(alice, reference=asked.reference, key="undo-1")
    assert services.undo_decision(alice, reference=asked.reference, key="undo-1") == first
    with refused(SomebodyElseWasFirst):
        services.undo_decision(alice, reference=asked.reference)


def test_what_the_relay_took_is_not_undone(alice: Actor, asked: ReturnRequest) -> None:
    event = services.close_return(alice, reference=asked.reference, closing=closing())
    ReturnEvent.objects.filter(pk=event.pk).update(relayed_at=database_now())
    case = a_case(asked)
    assert Action.UNDO not in case.actions_for(alice)
    assert case.status_for(Actor.buyer(asked.order)) == CLOSED
    with refused(TransitionNotAllowed) as refusal:
        services.undo_decision(alice, reference=asked.reference)
    assert "The time to undo is over" in str(refusal.value)


def test_after_the_hold_nothing_is_undone(cast: Cast, asked: ReturnRequest) -> None:
    cast.alice.undo_seconds = 1
    alice = cast.actor(cast.alice)
    event = services.close_return(alice, reference=asked.reference, closing=closing())
    wait_until(lambda: database_now() > event.hold_until, what="the hold is over")
    with refused(TransitionNotAllowed) as refusal:
        services.undo_decision(alice, reference=asked.reference)
    assert "The time to undo is over" in str(refusal.value)
    assert not a_case(asked).is_resting_for(Actor.buyer(asked.order))


def test_undo_takes_the_units_again_or_is_refused_whole(alice: Actor, asked: ReturnRequest) -> None:
    services.close_return(alice, reference=asked.reference, closing=closing())
    open_request(asked.order)
    with refused(TransitionNotAllowed, "Only 0 of 1 can still be returned."):
        services.undo_decision(alice, reference=asked.reference)
    everything_adds_up()


def test_undo_takes_back_the_last_decision_and_leaves_the_one_before(
    alice: Actor, asked: ReturnRequest
) -> None:
    first = services.close_return(alice, reference=asked.reference, closing=closing())
    services.reopen_return(alice, reference=asked.reference)
    second = services.authorize_return(alice, reference=asked.reference)
    services.undo_decision(alice, reference=asked.reference)
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.withdrawn_at is None
    assert second.withdrawn_at
    assert row(asked)["status"] == AR
    everything_adds_up()


def test_a_decision_after_which_money_moved_is_not_undone(alice: Actor, asked: ReturnRequest) -> None:
    services.close_return(alice, reference=asked.reference, closing=promise(12900))
    services.record_refund(
        alice,
        reference=asked.reference,
        amounts={(asked.items.get().pk, "item"): 12900},
        refunded_date=day(0),
    )
    with refused(TransitionNotAllowed, "Money was recorded after this decision, so it cannot be undone."):
        services.undo_decision(alice, reference=asked.reference)


def test_a_buyers_closing_is_not_undone(cast: Cast, asked: ReturnRequest) -> None:
    services.close_return(
        Actor.buyer(asked.order), reference=asked.reference, closing=closing("buyer_other", "")
    )
    with refused(TransitionNotAllowed):
        services.undo_decision(cast.actor(cast.alice), reference=asked.reference)


# Reopen


def test_reopening_takes_the_units_and_starts_a_new_clock(cast: Cast, alice: Actor) -> None:
    request = a_request_in(cast, CLOSED)
    event = services.reopen_return(alice, reference=request.reference, comments="We looked again.")
    request.refresh_from_db()
    assert (request.status, request.closed_at, request.closed_by_role) == (AR, None, "")
    assert request.closure_reason is None
    assert request.is_closed_although_in_policy is False
    left = request.answer_due_at - database_now()
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)
    assert request.deadline_at == request.answer_due_at
    assert units_held(request) == [(1, 1)]
    assert event.text == "We looked again."
    assert event.hold_until is None
    everything_adds_up()


def test_reopening_takes_back_the_promise(cast: Cast, alice: Actor) -> None:
    request = a_request_in(cast, CLOSED, promise_minor=12900)
    services.reopen_return(alice, reference=request.reference)
    request.refresh_from_db()
    assert (request.promise_minor, request.promise_currency, request.promise_due_date) == (None, "", None)


def test_what_was_reopened_can_be_closed_and_reopened_again(cast: Cast, alice: Actor) -> None:
    request = a_request_in(cast, CLOSED)
    for _round in range(2):
        services.reopen_return(alice, reference=request.reference)
        services.close_return(alice, reference=request.reference, closing=closing())
    assert row(request)["version"] == 6
    everything_adds_up()


def test_what_the_buyer_closed_only_the_buyer_takes_back(cast: Cast, alice: Actor) -> None:
    request = a_request_in(cast, CLOSED, closed_by=Role.BUYER)
    with refused(TransitionNotAllowed) as refusal:
        services.reopen_return(alice, reference=request.reference)
    assert str(refusal.value) == "The buyer closed this request, so only the buyer can take it back."


def test_a_request_is_reopened_within_thirty_days(cast: Cast, alice: Actor) -> None:
    requests = []
    for days in (29.9, 31.1):
        request = open_request(make_order(cast.north_lane, country="CA"), opened_days_ago=40)
        told = alice.at(days_ago(days))
        services.close_return(told, reference=request.reference, closing=closing())
        requests.append(request)
    services.reopen_return(alice, reference=requests[0].reference)
    with refused(TransitionNotAllowed) as refusal:
        services.reopen_return(alice, reference=requests[1].reference)
    assert "more than 30 days ago" in str(refusal.value)


def test_a_newer_request_for_the_units_stands_in_the_way(cast: Cast, alice: Actor) -> None:
    request = a_request_in(cast, CLOSED)
    open_request(request.order)
    with refused(TransitionNotAllowed, "A newer request asks for the same units; work on that one."):
        services.reopen_return(alice, reference=request.reference)


def test_a_newer_request_that_was_closed_does_not(cast: Cast, alice: Actor) -> None:
    request = a_request_in(cast, CLOSED)
    newer = open_request(request.order)
    services.close_return(
        Actor.buyer(request.order), reference=newer.reference, closing=closing("buyer_other", "")
    )
    services.reopen_return(alice, reference=request.reference)
    everything_adds_up()


def test_money_given_for_the_closing_keeps_it_closed(cast: Cast, alice: Actor) -> None:
    request = a_request_in(cast, CLOSED, promise_minor=12900)
    services.record_refund(
        alice, reference=request.reference, amounts=everything_owed(request), refunded_date=day(0)
    )
    with refused(TransitionNotAllowed) as refusal:
        services.reopen_return(alice, reference=request.reference)
    assert "Money was given for this closing" in str(refusal.value)


# Many


def test_many_are_decided_with_one_result_each_in_their_order(cast: Cast, prepaid: ReturnRequest) -> None:
    alice = cast.actor(cast.alice)
    first, second = a_request_in(cast, AR), a_request_in(cast, AR)
    closed = a_request_in(cast, CLOSED)
    foreign = open_request(make_order(cast.south_pier, country="MX"))
    authorized = a_request_in(cast, AUTHORIZED)
    rows = [second, prepaid, foreign, closed, authorized, first, second]
    before = {request.pk: row(request) for request in (prepaid, foreign, closed, authorized)}

    references = [request.reference for request in rows] + ["no-such-reference"]
    results = decide_returns(alice, decision=closing(), references=references, key="run-1", at_least_held=60)

    assert [result.reference for result in results] == references
    kinds = [type(result.refusal) for result in results]
    assert kinds == [
        type(None),
        TransitionNotAllowed,
        NotFound,
        SomebodyElseWasFirst,
        SomebodyElseWasFirst,
        type(None),
        type(None),
        NotFound,
    ]
    assert results[0].event == results[6].event
    assert all((result.event is None) == (result.refusal is not None) for result in results)
    for request in (first, second):
        assert row(request)["status"] == CLOSED
        held = last_event(request).hold_until - database_now()
        assert timedelta(seconds=55) < held <= timedelta(seconds=60)
    assert before == {request.pk: row(request) for request in (prepaid, foreign, closed, authorized)}
    everything_adds_up()

    again = decide_returns(alice, decision=closing(), references=references, key="run-1", at_least_held=60)
    assert [result.event for result in again] == [result.event for result in results]
    assert ReturnEvent.objects.filter(idempotency_key="run-1").count() == 2


def test_what_does_not_hold_for_one_stops_no_other(cast: Cast, alice: Actor) -> None:
    in_time = a_request_in(cast, AR)
    late = open_request(make_order(cast.north_lane, ordered_days_ago=90, delivered_days_ago=80))
    results = decide_returns(
        alice,
        decision=closing("outside_return_window"),
        references=[in_time.reference, late.reference],
    )
    assert isinstance(results[0].refusal, Invalid)
    assert results[1].event
    assert [row(request)["status"] for request in (in_time, late)] == [AR, CLOSED]


def test_chunks_do_not_show(cast: Cast, alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "CHUNK", 2)
    requests = [a_request_in(cast, AR) for _number in range(5)]
    results = decide_returns(
        alice, decision=Authorization(), references=[request.reference for request in reversed(requests)]
    )
    assert [result.event.request_id for result in results] == [request.pk for request in reversed(requests)]
    everything_adds_up()


def test_requests_that_share_a_line_are_decided_together(cast: Cast, alice: Actor) -> None:
    order = make_order(cast.north_lane, Line(quantity=5), country="CA")
    requests = [open_request(order, quantity=2), open_request(order, quantity=3)]
    decide_returns(
        alice, decision=closing(), references=[request.reference for request in requests], at_least_held=60
    )
    assert order.items.get().units_held == 0
    everything_adds_up()


# Preview


@pytest.mark.parametrize("decision", DECISIONS)
def test_a_preview_is_the_event_that_the_decision_writes_and_writes_nothing(
    alice: Actor, asked: ReturnRequest, decision: decide.Closing
) -> None:
    before = row(asked)
    planned = preview_decision(alice, reference=asked.reference, decision=decision)
    assert planned.pk is None
    assert row(asked) == before
    assert asked.events.count() == 1
    (result,) = decide_returns(alice, decision=decision, references=[asked.reference])
    written = result.event
    assert (planned.action, planned.reason_code, planned.target, planned.text, planned.words) == (
        written.action,
        written.reason_code,
        written.target,
        written.text,
        written.words,
    )
    for fact in ("promise", "address", "instructions", "send_back_date", "step_in_until", "items"):
        assert planned.facts.get(fact) == written.facts.get(fact)


def test_there_is_no_preview_of_what_is_not_allowed(cast: Cast, prepaid: ReturnRequest) -> None:
    with refused(TransitionNotAllowed):
        preview_decision(cast.actor(cast.alice), reference=prepaid.reference, decision=closing())
    with refused(NotFound):
        preview_decision(cast.actor(cast.carol), reference=prepaid.reference, decision=closing())


def test_completed_requests_are_decided_no_more(cast: Cast, alice: Actor) -> None:
    request = a_request_in(cast, Status.COMPLETED, Outcome.REFUNDED)
    for decision in (Authorization(), closing()):
        (result,) = decide_returns(alice, decision=decision, references=[request.reference])
        assert isinstance(result.refusal, SomebodyElseWasFirst)
    with by_hand(cast.north_lane), refused(SomebodyElseWasFirst):
        services.reopen_return(alice, reference=request.reference)
