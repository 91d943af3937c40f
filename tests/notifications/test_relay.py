"""From events to messages: who is told what, once, and never of what is held, undone or silent."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Q

from notifications import services
from notifications.audience import Audience
from notifications.letters import Letters
from notifications.models import Kind, Message, Preference, RecipientType, State, new_message_id
from notifications.rendering import Reader
from returns import services as returns
from returns.actors import Actor
from returns.exceptions import TransitionNotAllowed
from returns.models import (
    BuyerCode,
    FileRun,
    Invitation,
    MarketplaceSettings,
    Membership,
    Order,
    ReturnEvent,
    ReturnRequest,
    Seller,
    User,
)
from returns.models.clock import database_now
from returns.models.runs import FileKind, RunState
from returns.state_machine import Outcome, Role, Status
from tests.factories import (
    DORA,
    Cast,
    Line,
    Person,
    a_request_in,
    asked_lines,
    at_once,
    by_hand,
    closing,
    everything_owed,
    everything_received,
    file_request,
    last_event,
    make_order,
    open_request,
)

both = pytest.mark.both_databases


def told(request: ReturnRequest, since: int = 0) -> set[tuple[str, str]]:
    """Who was told what of the request's events after version `since`: (kind, e-mail or "buyer")."""
    services.relay_events()
    messages = Message.objects.filter(event__request=request, event__version__gt=since)
    users = {user.pk: user.email for user in User.objects.all()}
    return {
        (one.kind, "buyer" if one.recipient_type == RecipientType.BUYER else users[one.recipient_id])
        for one in messages
    }


def asked(cast: Cast, **order: Any) -> ReturnRequest:
    """A request that waits for North Lane's decision and cannot have a prepaid label."""
    with by_hand(cast.north_lane):
        return open_request(make_order(cast.north_lane, **{"country": "CA"} | order))


ALICE, BEN, ROOT = "alice@north-lane.example", "ben@north-lane.example", "root@marketplace.example"


# --- Who is told


def test_opened_the_buyer_gets_a_receipt_and_owner_and_agent_are_asked(cast: Cast) -> None:
    assert told(asked(cast)) == {
        ("return_opened", "buyer"),
        ("return_opened", ALICE),
        ("return_opened", BEN),
    }


def test_the_receipt_has_what_the_buyer_wrote(cast: Cast) -> None:
    order = make_order(cast.north_lane, Line(), Line(sku="LID", title="Lid"), country="CA")
    lines = [
        replace(line, comment=f"about {line.order_item_id}", reason_code="CR-DEFECTIVE")
        for line in asked_lines(order)
    ]
    event = returns.open_return(Actor.buyer(order), order_reference=order.reference, lines=lines)
    facts = Letters().facts_of_event(event, Reader.BUYER, "UTC")
    assert [(line.title, line.comment) for line in facts.items] == [
        ("Steel kettle", f"about {lines[0].order_item_id}"),
        ("Lid", f"about {lines[1].order_item_id}"),
    ]


def test_opened_and_authorized_by_rule_the_seller_is_not_asked(cast: Cast) -> None:
    request = open_request(make_order(cast.north_lane))
    assert request.status == Status.AUTHORIZED
    assert told(request) == {("return_opened", "buyer"), ("return_authorized", "buyer")}


def test_opened_on_the_buyers_behalf_the_one_who_did_it_is_not_asked(cast: Cast) -> None:
    with by_hand(cast.north_lane):
        request = open_request(make_order(cast.north_lane, country="CA"), actor=cast.actor(cast.ben))
    assert told(request) == {("return_opened", "buyer"), ("return_opened", ALICE)}


def decide(cast: Cast, user: User, request: ReturnRequest, code: str = "other") -> None:
    returns.close_return(at_once(cast.actor(user)), reference=request.reference, closing=closing(code))


def test_authorized_the_buyer_is_told(cast: Cast) -> None:
    request = asked(cast)
    returns.authorize_return(at_once(cast.actor(cast.alice)), reference=request.reference)
    assert told(request, since=1) == {("return_authorized", "buyer")}


def test_closed_by_the_seller_the_buyer_is_told(cast: Cast) -> None:
    request = asked(cast)
    decide(cast, cast.alice, request)
    assert told(request, since=1) == {("return_closed", "buyer")}


def test_closed_by_an_admin_the_seller_is_told_too(cast: Cast) -> None:
    request = asked(cast)
    decide(cast, cast.root, request)
    assert told(request, since=1) == {
        ("return_closed", "buyer"),
        ("return_closed", ALICE),
        ("return_closed", BEN),
    }


def test_closed_by_the_buyer_the_seller_is_told_and_the_buyer_gets_a_receipt(cast: Cast) -> None:
    request = a_request_in(cast, Status.CLOSED, closed_by=Role.BUYER)
    assert told(request, since=1) == {
        ("close_receipt", "buyer"),
        ("return_closed_by_buyer", ALICE),
        ("return_closed_by_buyer", BEN),
    }


def test_kept_by_the_buyer_the_seller_is_told_and_the_buyer_gets_a_receipt(cast: Cast) -> None:
    request = a_request_in(cast, Status.COMPLETED, Outcome.BUYER_KEPT_ITEM, prepaid=True)
    assert told(request, since=1) == {
        ("close_receipt", "buyer"),
        ("return_kept", ALICE),
        ("return_kept", BEN),
    }


def test_reopened_the_other_side_is_told_and_both_if_an_admin_did_it(cast: Cast) -> None:
    for user, expected in (
        (cast.alice, {("return_reopened", "buyer")}),
        (
            cast.root,
            {("return_reopened", "buyer"), ("return_reopened", ALICE), ("return_reopened", BEN)},
        ),
    ):
        request = a_request_in(cast, Status.CLOSED)
        returns.reopen_return(cast.actor(user), reference=request.reference)
        assert told(request, since=2) == expected


def test_escalated_by_the_buyer_admins_and_seller_are_told_and_upheld_both_sides(cast: Cast) -> None:
    request = a_request_in(cast, Status.CLOSED)
    returns.escalate(Actor.buyer(request.order), reference=request.reference, comments="Please help")
    assert told(request, since=2) == {("escalated", ROOT), ("escalated", ALICE), ("escalated", BEN)}
    returns.uphold(cast.actor(cast.root), reference=request.reference, comments="It stays")
    assert told(request, since=3) == {
        ("escalation_answered", "buyer"),
        ("escalation_answered", ALICE),
        ("escalation_answered", BEN),
    }


def test_received_and_refunded_the_buyer_is_told(cast: Cast) -> None:
    request = a_request_in(cast, Status.AUTHORIZED)
    alice = at_once(cast.actor(cast.alice))
    returns.receive_return(alice, reference=request.reference, received=everything_received(request))
    assert told(request, since=2) == {("return_received", "buyer")}
    day = database_now().date()
    amounts = everything_owed(request)
    returns.record_refund(alice, reference=request.reference, amounts=amounts, refunded_date=day)
    assert told(request, since=3) == {("refund_issued", "buyer")}


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [(Outcome.NOT_RETURNED, "return_not_returned"), (Outcome.NEVER_ARRIVED, "return_completed")],
)
def test_completed_the_buyer_is_told(cast: Cast, outcome: Outcome, kind: str) -> None:
    request = a_request_in(cast, Status.COMPLETED, outcome)
    assert told(request, since=last_event(request).version - 1) == {(kind, "buyer")}


def test_a_reminder_goes_to_the_one_whose_clock_runs(cast: Cast) -> None:
    for clock, expected in (
        ("answer", {("deadline_near", ALICE), ("deadline_near", BEN)}),
        ("send_back", {("send_back_reminder", "buyer")}),
    ):
        request = asked(cast)
        before = last_event(request)
        ReturnEvent.objects.create(
            seller=request.seller,
            request=request,
            version=before.version + 1,
            action="remind",
            role=Role.SYSTEM,
            source=request.status,
            target=request.status,
            occurred_at=database_now(),
            words=before.words,
            facts={"reminder": {"clock": clock, "stage": "near", "due_at": database_now().isoformat()}},
        )
        assert told(request, since=before.version) == expected


def test_a_viewer_a_removed_member_and_a_locked_account_are_told_nothing(cast: Cast) -> None:
    Membership.objects.filter(user=cast.ben).update(is_active=False)
    User.objects.filter(pk=cast.alice.pk).update(is_active=False)
    assert told(asked(cast)) == {("return_opened", "buyer")}


# --- Preferences


def turn_off(user: User, seller: Seller, kind: Kind) -> None:
    Preference.objects.create(user=user, seller=seller, kind=kind, is_on=False)


def test_a_member_may_turn_a_kind_off(cast: Cast) -> None:
    turn_off(cast.ben, cast.north_lane, Kind.RETURN_OPENED)
    assert told(asked(cast)) == {("return_opened", "buyer"), ("return_opened", ALICE)}


def test_a_kind_turned_off_at_one_seller_stays_on_at_another(cast: Cast) -> None:
    turn_off(cast.ben, cast.south_pier, Kind.RETURN_OPENED)
    assert ("return_opened", BEN) in told(asked(cast))


def test_all_may_turn_off_what_can_be_missed(cast: Cast) -> None:
    for user in (cast.alice, cast.ben):
        turn_off(user, cast.north_lane, Kind.RETURN_OPENED)
    assert told(asked(cast)) == {("return_opened", "buyer")}


def test_the_last_reachable_member_keeps_what_must_not_be_missed(cast: Cast) -> None:
    for user in (cast.alice, cast.ben):
        turn_off(user, cast.north_lane, Kind.RETURN_CLOSED_BY_BUYER)
    request = a_request_in(cast, Status.CLOSED, closed_by=Role.BUYER)
    assert told(request, since=1) == {("close_receipt", "buyer"), ("return_closed_by_buyer", ALICE)}
    User.objects.filter(pk=cast.alice.pk).update(email="alice@localhost")
    request = a_request_in(cast, Status.CLOSED, closed_by=Role.BUYER)
    assert told(request, since=1) == {("close_receipt", "buyer"), ("return_closed_by_buyer", BEN)}


# --- Languages, imports, addresses


@pytest.mark.parametrize(
    ("own", "country", "marketplace", "expected"),
    [
        ("en", "CN", "zh-hans", "en"),
        ("", "CN", "en", "zh-hans"),
        ("", "SG", "en", "zh-hans"),
        ("", "CA", "zh-hans", "zh-hans"),
        ("", "CA", "en", "en"),
    ],
)
def test_a_buyers_language_is_the_own_choice_else_the_countrys_else_the_marketplaces(
    cast: Cast, own: str, country: str, marketplace: str, expected: str
) -> None:
    MarketplaceSettings.objects.update(language=marketplace)
    buyer = Person(name="Li", email="li@buyers.example", language=own)
    request = asked(cast, buyer=buyer, country=country)
    services.relay_events()
    message = Message.objects.get(event__request=request, recipient_type=RecipientType.BUYER)
    assert message.language == expected


def test_a_members_language_is_the_own_setting(cast: Cast) -> None:
    User.objects.filter(pk=cast.alice.pk).update(language="zh-hans")
    asked(cast)
    services.relay_events()
    languages = dict(Message.objects.filter(recipient_type="user").values_list("recipient_id", "language"))
    assert languages == {cast.alice.pk: "zh-hans", cast.ben.pk: "en"}


@pytest.mark.parametrize(
    ("setting", "email", "status", "code"),
    [
        (Seller.ImportedMessages.SHOW_TO_COPY, DORA.email, State.SUPPRESSED, "show_to_copy"),
        (Seller.ImportedMessages.SEND_FROM_HERE, DORA.email, State.QUEUED, ""),
        (Seller.ImportedMessages.SEND_FROM_HERE, "", State.SUPPRESSED, "no_address"),
        (Seller.ImportedMessages.SHOW_TO_COPY, "", State.SUPPRESSED, "no_address"),
    ],
)
def test_the_buyer_of_an_imported_request_is_written_to_only_if_the_seller_says_so(
    cast: Cast, setting: str, email: str, status: State, code: str
) -> None:
    Seller.objects.update(imported_messages=setting)
    cast.north_lane.refresh_from_db()
    order = make_order(cast.north_lane, buyer=Person(name="Li", email=email))
    request = file_request(order, Status.AUTHORIZATION_REQUIRED)
    services.relay_events()
    to_buyer = Message.objects.filter(recipient_type=RecipientType.BUYER)
    assert not to_buyer.exists()
    decide(cast, cast.alice, request)
    services.relay_events()
    message = to_buyer.get()
    assert (message.kind, message.status, message.last_code) == ("return_closed", status, code)


def test_an_address_that_comes_later_wakes_nothing(cast: Cast) -> None:
    request = asked(cast, buyer=Person(name="Li", email=""))
    services.relay_events()
    request.order.buyer.email = DORA.email
    request.order.buyer.save(update_fields=["email"])
    services.relay_events()
    services.deliver_messages()
    message = Message.objects.get(recipient_type=RecipientType.BUYER)
    assert (message.status, message.last_code) == (State.SUPPRESSED, "no_address")


# --- Once, and only what is released


@both
@pytest.mark.django_db
def test_an_event_is_relayed_once_however_often_one_looks(cast: Cast) -> None:
    request = asked(cast)
    told(request)
    before = list(Message.objects.order_by("pk").values())
    told(request)
    assert list(Message.objects.order_by("pk").values()) == before
    copy = Message.objects.all()[0]
    copy.pk, copy.message_id = None, new_message_id()
    with pytest.raises(IntegrityError), transaction.atomic():
        copy.save(force_insert=True)


@both
@pytest.mark.django_db
def test_a_held_decision_is_told_once_its_hold_has_passed(cast: Cast) -> None:
    request = asked(cast)
    returns.close_return(cast.actor(cast.alice), reference=request.reference, closing=closing())
    held = last_event(request)
    assert held.hold_until is not None
    assert told(request, since=1) == set()
    # The trigger lets nobody move an event's hold, so the event is written as one that was held before.
    written_before = ReturnEvent(
        **{
            field.attname: getattr(held, field.attname)
            for field in ReturnEvent._meta.concrete_fields
            if field.attname not in ("id", "version", "hold_until")
        },
        version=held.version + 1,
        hold_until=database_now() - timedelta(milliseconds=2),
    )
    written_before.save()
    assert told(request, since=2) == {("return_closed", "buyer")}
    held.refresh_from_db()
    assert held.relayed_at is None


@both
@pytest.mark.django_db
def test_what_was_undone_is_never_told(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    request = asked(cast)
    returns.close_return(cast.actor(cast.alice), reference=request.reference, closing=closing())
    returns.undo_decision(cast.actor(cast.alice), reference=request.reference)
    assert told(request, since=1) == set()
    withdrawn = request.events.get(version=2)
    assert (withdrawn.relayed_at, withdrawn.withdrawn_at is None) == (None, False)
    # Nor later, when its hold has passed.
    monkeypatch.setattr(services, "released", Q)
    assert services.relay_events() == 0


def test_what_an_import_writes_is_relayed_to_nobody(cast: Cast) -> None:
    request = file_request(make_order(cast.north_lane), Status.AUTHORIZED)
    assert told(request) == set()
    assert last_event(request).relayed_at is not None


def test_a_silent_event_is_relayed_to_nobody_whatever_it_is(cast: Cast) -> None:
    request = asked(cast)
    told(request)
    event = last_event(request)
    event.pk, event.version, event.action, event.is_silent = None, 2, "authorize", True
    event.relayed_at = event.idempotency_key = None
    event.save(force_insert=True)
    assert told(request, since=1) == set()
    assert last_event(request).relayed_at is not None


def test_an_event_that_cannot_be_read_holds_up_no_other(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "RELAY_CHUNK", 1)
    broken, sound = asked(cast), asked(cast)
    usual = Audience.of

    def of(self: Audience, event: ReturnEvent) -> list[Any]:
        if event.request_id == broken.pk:
            raise KeyError("reminder")
        return usual(self, event)

    monkeypatch.setattr(Audience, "of", of)
    assert ("return_opened", "buyer") in told(sound)
    assert told(broken) == set()
    monkeypatch.setattr(Audience, "of", usual)
    assert ("return_opened", "buyer") in told(broken)


# --- Undo against relay


def in_a_thread(act: Callable[[], Any]) -> Callable[[], Any]:
    """`act` on a database connection of its own."""

    def run() -> Any:
        try:
            return act()
        finally:
            connection.close()

    return run


@pytest.fixture
def held(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> ReturnEvent:
    """A closing that undo still finds held and the relay already released: the moment both may come."""
    request = asked(cast)
    told(request)
    actor = cast.actor(cast.alice)
    returns.close_return(actor, reference=request.reference, closing=closing())
    monkeypatch.setattr(services, "released", Q)
    return last_event(request)


@both
@pytest.mark.django_db(transaction=True)
def test_while_undo_holds_the_event_the_relay_passes_it_by(
    cast: Cast, held: ReturnEvent, database: str
) -> None:
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            returns.undo_decision(cast.actor(cast.alice), reference=held.request.reference)
            relay = pool.submit(in_a_thread(lambda: services.relay_chunk(0)))
            # SQLite has one lock for all: there the relay waits until undo has ended.
            if database == "postgresql":
                assert relay.result(10) == []
        relay.result(30)
    held.refresh_from_db()
    assert (held.relayed_at, held.withdrawn_at is None) == (None, False)
    assert not Message.objects.filter(event=held).exists()


@both
@pytest.mark.django_db(transaction=True)
def test_while_the_relay_holds_the_event_undo_waits_and_is_refused(
    cast: Cast, held: ReturnEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_locked, may_go_on = threading.Event(), threading.Event()
    usual = Audience.of

    def of(self: Audience, event: ReturnEvent) -> list[Any]:
        is_locked.set()
        assert may_go_on.wait(10)
        return usual(self, event)

    monkeypatch.setattr(Audience, "of", of)
    actor, reference = cast.actor(cast.alice), held.request.reference
    with ThreadPoolExecutor(2) as pool:
        relaying = pool.submit(in_a_thread(lambda: services.relay_chunk(0)))
        assert is_locked.wait(10)
        undoing = pool.submit(in_a_thread(lambda: returns.undo_decision(actor, reference=reference)))
        with pytest.raises(TimeoutError):
            undoing.result(0.3)
        may_go_on.set()
        assert relaying.result(10) == [held.pk]
        with pytest.raises(TransitionNotAllowed):
            undoing.result(30)
    held.refresh_from_db()
    assert (held.relayed_at is None, held.withdrawn_at) == (False, None)
    assert Message.objects.get(event=held).kind == Kind.RETURN_CLOSED


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_two_relays_share_the_events(cast: Cast) -> None:
    first, second = asked(cast), asked(cast)
    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        taken = ReturnEvent.objects.select_for_update().get(request=first)
        assert pool.submit(in_a_thread(lambda: services.relay_chunk(0))).result(10) == [last_event(second).pk]
        assert not Message.objects.filter(event=taken).exists()
    assert services.relay_chunk(0) == [last_event(first).pk]


# --- Rows that are their own outbox


def a_code(order: Order, minutes: float = 10, **more: Any) -> BuyerCode:
    return BuyerCode.objects.create(
        order=order,
        salt="s" * 32,
        browser_digest="b",
        expires_at=database_now() + timedelta(minutes=minutes),
        **more,
    )


@both
@pytest.mark.django_db
def test_a_code_is_sent_once_and_only_while_it_opens_something(cast: Cast) -> None:
    order = make_order(cast.north_lane, country="CN")
    live = a_code(order)
    a_code(order, minutes=-0.01)
    a_code(order, is_superseded=True)
    a_code(order, used_at=database_now())
    services.relay_events()
    services.relay_events()
    message = Message.objects.get()
    assert (message.kind, message.about_id, message.language) == ("buyer_code", live.pk, "zh-hans")
    assert (message.recipient_type, message.recipient_id) == ("buyer", order.buyer.pk)


@both
@pytest.mark.django_db
def test_an_invitation_is_sent_once(cast: Cast) -> None:
    more = {"seller": cast.north_lane, "role": "agent", "salt": "s" * 32}
    invitation = Invitation.objects.create(
        email="new@north-lane.example", expires_at=database_now() + timedelta(days=7), **more
    )
    Invitation.objects.create(email="old@north-lane.example", expires_at=database_now(), **more)
    services.relay_events()
    services.relay_events()
    message = Message.objects.get()
    assert (message.kind, message.recipient_type, message.recipient_id) == (
        "invitation",
        "invitation",
        invitation.pk,
    )


def a_file(cast: Cast, **more: Any) -> FileRun:
    given = {"kind": FileKind.RETURNS, "state": RunState.DONE, "finished_at": database_now()} | more
    return FileRun.objects.create(seller=cast.north_lane, file_name="returns.txt", digest="d", **given)


@both
@pytest.mark.django_db
def test_a_file_is_told_of_once_to_the_others(cast: Cast) -> None:
    run = a_file(cast, user=cast.alice)
    a_file(cast, kind=FileKind.ORDERS)
    a_file(cast, state=RunState.RUNNING, finished_at=None)
    a_file(cast, finished_at=database_now() - timedelta(days=8))
    services.relay_events()
    services.relay_events()
    made = Message.objects.order_by("recipient_id").values_list(
        "about_id", "recipient_id", "status", "last_code"
    )
    assert list(made) == [
        (run.pk, cast.alice.pk, State.SUPPRESSED, "own_act"),
        (run.pk, cast.ben.pk, State.QUEUED, ""),
    ]
