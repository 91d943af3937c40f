"""Written to each other, sent, and taken back: what both sides do while a request goes on."""

from datetime import timedelta

import pytest

from notifications.models import Message
from notifications.services import relay_events
from returns import services
from returns.actors import Actor
from returns.exceptions import (
    Forbidden,
    Invalid,
    KeyReused,
    NotFound,
    SomebodyElseWasFirst,
    TooMany,
    TransitionNotAllowed,
)
from returns.models import Deciding, LabelKind, ReturnRequest, Seller
from returns.models.clock import database_now
from returns.services.deadlines import complete_not_returned, remind
from returns.services.decide import Authorization
from returns.services.labels import Label
from returns.services.teamwork import begin_deciding
from returns.state_machine import Action, Outcome, Role, Status
from tests.factories import (
    ED,
    Cast,
    Line,
    a_case,
    a_request_in,
    at_once,
    closing,
    day,
    days_ago,
    file_request,
    last_event,
    make_order,
    open_request,
)
from tests.label_files import UPS, an_own_label
from tests.returns.ledger import everything_adds_up, refused, row

AR, AUTHORIZED, CLOSED = Status.AUTHORIZATION_REQUIRED, Status.AUTHORIZED, Status.CLOSED
HELLO = "Does it fit a gas stove?\nThank you — 谢谢"


@pytest.fixture
def alice(cast: Cast) -> Actor:
    return cast.actor(cast.alice)


@pytest.fixture
def asked(cast: Cast) -> ReturnRequest:
    return a_request_in(cast, AR)


@pytest.fixture
def authorized(cast: Cast) -> ReturnRequest:
    return a_request_in(cast, AUTHORIZED)


def buyer_of(request: ReturnRequest) -> Actor:
    return Actor.buyer(request.order)


def told(request: ReturnRequest) -> list[tuple[str, str, str]]:
    """Who was told of the last event, as what, and why not if it was not sent."""
    relay_events()
    found = Message.objects.filter(event=last_event(request)).order_by("pk")
    return list(found.values_list("recipient_type", "kind", "last_code"))


def close_as_buyer(request: ReturnRequest, *, closed_days_ago: float = 0) -> None:
    actor = buyer_of(request)
    if closed_days_ago:
        actor = actor.at(days_ago(closed_days_ago))
    services.close_return(actor, reference=request.reference, closing=closing("buyer_by_mistake", ""))


# Written


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(status, "") for status in Status if status != Status.COMPLETED]
    + [(Status.COMPLETED, outcome) for outcome in (Outcome.REFUNDED, Outcome.NOT_RETURNED, Outcome.REPLACED)],
)
def test_both_sides_write_in_any_status_and_nothing_else_changes(
    cast: Cast, alice: Actor, status: Status, outcome: str
) -> None:
    request = a_request_in(cast, status, outcome)
    for actor in (buyer_of(request), alice, cast.actor(cast.root)):
        before = row(request)
        event = services.write_message(actor, reference=request.reference, comments=f"  {HELLO}\r\n")
        assert (event.action, event.source, event.target) == (Action.WRITE, status, status)
        assert (event.text, event.text_digest != "") == (HELLO, True)
        after = row(request)
        assert after.pop("version") == before.pop("version") + 1
        assert after == before
    everything_adds_up()


def test_the_other_side_is_told(cast: Cast, alice: Actor, asked: ReturnRequest) -> None:
    services.write_message(buyer_of(asked), reference=asked.reference, comments=HELLO)
    assert told(asked) == [("user", "message_received", "")] * 2
    for actor in (alice, cast.actor(cast.root)):
        services.write_message(actor, reference=asked.reference, comments=HELLO)
        assert told(asked) == [("buyer", "message_received", "")]


@pytest.mark.parametrize("sends", [True, False])
def test_to_the_buyer_of_an_imported_request_only_where_the_seller_writes_from_here(
    cast: Cast, alice: Actor, sends: bool
) -> None:
    choices = Seller.ImportedMessages
    Seller.objects.update(imported_messages=choices.SEND_FROM_HERE if sends else choices.SHOW_TO_COPY)
    request = file_request(make_order(cast.north_lane), AR)
    services.write_message(alice, reference=request.reference, comments=HELLO)
    assert told(request) == [("buyer", "message_received", "" if sends else "show_to_copy")]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Write your message first."),
        (" \n\u200b\u202e ", "Write your message first."),
        ("好" * 2001, "Shorten your message to 2,000 characters."),
    ],
)
def test_a_message_has_1_to_2000_characters(asked: ReturnRequest, text: str, sentence: str) -> None:
    with refused(Invalid, sentence) as refusal:
        services.write_message(buyer_of(asked), reference=asked.reference, comments=text)
    assert refusal.value.errors == {"comments": sentence}
    longest = services.write_message(buyer_of(asked), reference=asked.reference, comments="好" * 2000)
    assert len(longest.text) == 2000


def test_who_may_only_look_and_who_is_foreign_write_nothing(cast: Cast, asked: ReturnRequest) -> None:
    with refused(Forbidden):
        services.write_message(cast.actor(cast.vera), reference=asked.reference, comments=HELLO)
    for foreign in (cast.actor(cast.carol), Actor.buyer(make_order(cast.north_lane, buyer=ED))):
        with refused(NotFound):
            services.write_message(foreign, reference=asked.reference, comments=HELLO)


def test_the_same_form_writes_once(asked: ReturnRequest) -> None:
    buyer = buyer_of(asked)
    first = services.write_message(buyer, reference=asked.reference, comments=HELLO, key="k")
    assert services.write_message(buyer, reference=asked.reference, comments=HELLO, key="k") == first
    with refused(KeyReused):
        services.write_message(buyer, reference=asked.reference, comments="Something else.", key="k")


def test_a_buyer_writes_20_messages_an_hour_about_one_request(
    cast: Cast, alice: Actor, asked: ReturnRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyer = buyer_of(asked)
    for number in range(20):
        services.write_message(buyer, reference=asked.reference, comments=f"{number}", key=f"{number}")
    with refused(TooMany) as refusal:
        services.write_message(buyer, reference=asked.reference, comments="One more.")
    assert 3500 < refusal.value.retry_after <= 3600
    services.write_message(
        buyer, reference=asked.reference, comments="19", key="19"
    )  # sent twice, not refused
    services.write_message(alice, reference=asked.reference, comments="Slowly.")
    other = open_request(make_order(cast.north_lane, country="CA"))
    services.write_message(buyer_of(other), reference=other.reference, comments="Another return.")
    monkeypatch.setattr("returns.services.write.WITHIN", timedelta(microseconds=1))
    services.write_message(buyer, reference=asked.reference, comments="An hour later.")


# Written while a decision can be undone


@pytest.mark.parametrize("decision", [closing(), Authorization()])
@pytest.mark.parametrize("writes", ["before", "after", "both"])
def test_a_message_neither_hinders_undo_nor_is_undone(
    cast: Cast, alice: Actor, asked: ReturnRequest, decision: closing, writes: str
) -> None:
    buyer = buyer_of(asked)
    before = row(asked)

    def write(when: str) -> None:
        if writes in (when, "both"):
            services.write_message(buyer, reference=asked.reference, comments=when)
            services.write_message(alice, reference=asked.reference, comments=when)

    write("before")
    services.decide_returns(alice, decision=decision, references=[asked.reference])
    write("after")
    relay_events()
    services.undo_decision(alice, reference=asked.reference)
    after = row(asked)
    assert after.pop("version") > before.pop("version")
    assert after == before
    told_of = Message.objects.filter(event__request=asked).exclude(kind="return_opened")
    assert set(told_of.values_list("kind", flat=True)) == {"message_received"}
    everything_adds_up()


def test_while_a_decision_can_be_undone_the_buyer_writes_and_does_nothing_else(
    alice: Actor, asked: ReturnRequest
) -> None:
    buyer = buyer_of(asked)
    services.authorize_return(alice, reference=asked.reference)
    services.write_message(buyer, reference=asked.reference, comments=HELLO)
    with refused(
        TransitionNotAllowed, "Your request is being worked on right now. Please try again in a minute."
    ):
        services.hand_over(buyer, reference=asked.reference)
    assert a_case(asked).status_for(buyer) == AR


def test_what_is_sent_is_known_only_once_the_authorization_cannot_be_undone(
    alice: Actor, authorized: ReturnRequest
) -> None:
    services.hand_over(buyer_of(authorized), reference=authorized.reference)
    with refused(TransitionNotAllowed) as refusal:
        services.undo_decision(alice, reference=authorized.reference)
    assert "The time to undo is over" in str(refusal.value)


def test_who_has_a_decision_open_goes_on_with_it_when_somebody_writes(
    cast: Cast, alice: Actor, asked: ReturnRequest
) -> None:
    begin_deciding(alice, a_case(asked))
    services.write_message(buyer_of(asked), reference=asked.reference, comments=HELLO)
    assert begin_deciding(cast.actor(cast.ben), a_case(asked)) == "Alice Ames"
    assert Deciding.objects.filter(request=asked).count() == 2


# Sent


def test_what_is_sent_is_on_its_way(cast: Cast, authorized: ReturnRequest) -> None:
    event = services.hand_over(
        buyer_of(authorized), reference=authorized.reference, carrier=" UPS ", tracking_number=UPS
    )
    assert (event.action, event.source, event.target) == (Action.HAND_OVER, AUTHORIZED, AUTHORIZED)
    assert event.facts["parcel"] == {"carrier": "UPS", "tracking_number": UPS}
    assert row(authorized)["handed_over_at"] == event.occurred_at
    assert told(authorized) == []
    everything_adds_up()


@pytest.mark.parametrize("days_left", [1, -30])
def test_after_that_nobody_is_reminded_and_it_does_not_end_as_not_returned(
    authorized: ReturnRequest, days_left: int
) -> None:
    ReturnRequest.objects.filter(pk=authorized.pk).update(send_back_date=day(-days_left))
    services.hand_over(buyer_of(authorized), reference=authorized.reference)
    assert (remind(), complete_not_returned()) == (0, 0)


def test_it_is_sent_once(authorized: ReturnRequest, asked: ReturnRequest) -> None:
    buyer = buyer_of(authorized)
    first = services.hand_over(buyer, reference=authorized.reference, tracking_number=UPS, key="k")
    assert services.hand_over(buyer, reference=authorized.reference, tracking_number=UPS, key="k") == first
    with refused(KeyReused):
        services.hand_over(buyer, reference=authorized.reference, tracking_number="other", key="k")
    with refused(TransitionNotAllowed, "We already know that the parcel is on its way."):
        services.hand_over(buyer, reference=authorized.reference)


def test_what_is_on_its_way_the_buyer_does_not_close(asked: ReturnRequest) -> None:
    services.hand_over(buyer_of(asked), reference=asked.reference)
    with refused(TransitionNotAllowed):
        close_as_buyer(asked)


def test_a_number_is_kept_as_typed_and_not_too_long(authorized: ReturnRequest) -> None:
    buyer = buyer_of(authorized)
    with refused(Invalid) as refusal:
        services.hand_over(buyer, reference=authorized.reference, carrier="U" * 101, tracking_number="1" * 41)
    assert set(refusal.value.errors) == {"carrier", "tracking_number"}
    event = services.hand_over(buyer, reference=authorized.reference, tracking_number="1Z\u200b 000")
    assert event.facts["parcel"]["tracking_number"] == "1Z 000"


# Taken back


def test_a_closing_taken_back_restores_what_was(cast: Cast) -> None:
    order = make_order(cast.north_lane, Line(quantity=3), country="CA")
    request = open_request(order, quantity=2, opened_days_ago=3)
    before = row(request)
    close_as_buyer(request)
    services.take_back_closing(buyer_of(request), reference=request.reference)
    after = row(request)
    due_at = after.pop("answer_due_at")
    assert due_at - database_now() > timedelta(hours=23)
    assert due_at == after.pop("deadline_at")
    assert after.pop("is_decided_here")
    for name in ("answer_due_at", "deadline_at", "is_decided_here"):
        del before[name]
    assert after.pop("version") == before.pop("version") + 2
    assert after == before
    assert list(request.items.values_list("units_held", flat=True)) == [2]
    assert told(request) == [("user", "return_reopened", "")] * 2
    everything_adds_up()


def test_an_authorized_one_is_authorized_again_until_the_same_day(authorized: ReturnRequest) -> None:
    before = row(authorized)
    close_as_buyer(authorized)
    services.take_back_closing(buyer_of(authorized), reference=authorized.reference)
    after = row(authorized)
    assert after.pop("version") == before.pop("version") + 2
    assert after == before
    assert last_event(authorized).target == AUTHORIZED
    everything_adds_up()


@pytest.mark.parametrize("kind", [LabelKind.UNPAID, LabelKind.OWN])
def test_a_label_of_the_buyers_is_in_force_again_and_the_sellers_is_owed_anew(
    cast: Cast, alice: Actor, asked: ReturnRequest, kind: LabelKind
) -> None:
    label = an_own_label() if kind == LabelKind.OWN else Label(kind=kind)
    services.authorize_return(at_once(alice), reference=asked.reference, decision=Authorization(label=label))
    close_as_buyer(asked)
    services.take_back_closing(buyer_of(asked), reference=asked.reference)
    in_force = asked.labels.filter(voided_at__isnull=True).values_list("kind", flat=True)
    assert list(in_force) == ([] if kind == LabelKind.OWN else [kind])
    assert row(asked)["is_label_owed"] == (kind == LabelKind.OWN)


def test_for_seven_days(cast: Cast) -> None:
    requests = [open_request(make_order(cast.north_lane, country="CA"), opened_days_ago=9) for _each in "ab"]
    for request, days in zip(requests, (7.9, 8.1), strict=True):
        close_as_buyer(request, closed_days_ago=days)
    services.take_back_closing(buyer_of(requests[0]), reference=requests[0].reference)
    with refused(
        TransitionNotAllowed,
        "You closed this request more than 7 days ago, so you can no longer take that back.",
    ):
        services.take_back_closing(buyer_of(requests[1]), reference=requests[1].reference)


@pytest.mark.parametrize("role", [Role.SELLER, Role.ADMIN, Role.MARKETPLACE])
def test_only_the_own_closing(cast: Cast, role: Role) -> None:
    request = a_request_in(cast, CLOSED, closed_by=role)
    with refused(
        TransitionNotAllowed, "You can only take back your own closing, and you did not close this request."
    ):
        services.take_back_closing(buyer_of(request), reference=request.reference)


def test_its_units_are_taken_again_or_it_stays_closed(cast: Cast) -> None:
    order = make_order(cast.north_lane, Line(quantity=3), country="CA")
    request = open_request(order, quantity=2)
    close_as_buyer(request)
    open_request(order, quantity=2)
    with refused(
        TransitionNotAllowed, "Another request holds these units now, so this one cannot be opened again."
    ):
        services.take_back_closing(buyer_of(request), reference=request.reference)


def test_beside_a_newer_request_that_leaves_enough(cast: Cast) -> None:
    order = make_order(cast.north_lane, Line(quantity=3), country="CA")
    request = open_request(order, quantity=2)
    close_as_buyer(request)
    open_request(order, quantity=1)
    services.take_back_closing(buyer_of(request), reference=request.reference)
    everything_adds_up()


def test_it_is_taken_back_once(asked: ReturnRequest) -> None:
    close_as_buyer(asked)
    first = services.take_back_closing(buyer_of(asked), reference=asked.reference, key="k")
    assert services.take_back_closing(buyer_of(asked), reference=asked.reference, key="k") == first
    with refused(SomebodyElseWasFirst):
        services.take_back_closing(buyer_of(asked), reference=asked.reference)
