"""From messages to mails: what a mail server answers, and what follows; leases, fences and marks."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail as django_mail
from django.db import OperationalError
from django.db.models import F

from notifications import mail, rendering, services
from notifications.letters import OF_EVENT, Letters
from notifications.mail import PostOffice
from notifications.mailbox import parse, part
from notifications.models import Kind, MailboxEntry, Message, State
from notifications.rendering import Rendered
from returns import services as returns
from returns.models import Buyer, Membership, ReturnRequest
from returns.models.clock import database_now
from tests.factories import DORA, Cast, Person, at_once, by_hand, closing, make_order, open_request
from tests.notifications.mail_server import HANG, HANG_UP, MailServer
from tests.notifications.test_relay import a_code, in_a_thread

both = pytest.mark.both_databases
commits = pytest.mark.django_db(transaction=True)

SECONDS = 10


WHY = "We talked about it and found a way."


def a_closed_request(cast: Cast, email: str = DORA.email, comments: str = WHY) -> ReturnRequest:
    """A request that North Lane closed; of it, only the buyer's message of the closing is made."""
    order = make_order(cast.north_lane, country="CA", buyer=Person(name="Dora Diaz", email=email))
    with by_hand(cast.north_lane):
        request = open_request(order)
    services.relay_events()
    actor = at_once(cast.actor(cast.alice))
    returns.close_return(actor, reference=request.reference, closing=closing(comments=comments))
    services.relay_events()
    Message.objects.filter(event__request=request).exclude(kind=Kind.RETURN_CLOSED).delete()
    return request


def closings(cast: Cast, how_many: int) -> list[Message]:
    """So many messages that wait, to buyer0@… and on."""
    for number in range(how_many):
        a_closed_request(cast, f"buyer{number}@buyers.example")
    return list(Message.objects.order_by("pk"))


def only() -> Message:
    return Message.objects.get()


def waits_seconds(message: Message) -> float:
    return (message.due_at - database_now()).total_seconds()


def make_due() -> None:
    """As if the time until the next attempt had passed."""
    Message.objects.update(due_at=F("created_at"))


def let_leases_end() -> None:
    """As if the sender had died half a minute ago."""
    Message.objects.filter(status=State.SENDING).update(lease_until=database_now() - timedelta(seconds=1))


def text_of(content: bytes) -> str:
    return part(parse(content), "plain")


# --- What a mail server takes


@both
@commits
def test_a_message_is_sent_once_and_its_bytes_are_forgotten(cast: Cast, server: MailServer) -> None:
    a_closed_request(cast)
    assert services.deliver_messages() is False
    services.deliver_messages()
    (sent,) = server.mails(DORA.email)
    message = only()
    assert sent["Message-ID"] == message.message_id
    assert sent["Date"].datetime == message.event.occurred_at.replace(microsecond=0)
    assert (message.status, message.attempts, message.last_code) == (State.SENT, 1, "250")
    assert message.sent_at is not None
    assert (message.rendered, message.lease_until, message.doubtful) == (None, None, 0)


@commits
def test_lines_that_begin_with_a_dot_arrive_whole(cast: Cast, server: MailServer) -> None:
    comments = ".\n..two\n.and so on, until the end"
    a_closed_request(cast, comments=comments)
    services.deliver_messages()
    assert comments in text_of(server.accepted[0])


@commits
def test_one_connection_serves_a_batch(cast: Cast, server: MailServer) -> None:
    closings(cast, 3)
    services.deliver_messages()
    assert (len(server.accepted), server.connections) == (3, 1)


@commits
@pytest.mark.parametrize("code", ["550 5.1.1 <dora@buyers.example> unknown", "552 full", "554 no such thing"])
@pytest.mark.parametrize("step", ["RCPT", "dot"])
def test_a_final_no_parks_the_message(cast: Cast, server: MailServer, step: str, code: str) -> None:
    server.script[step] = [code]
    a_closed_request(cast)
    services.deliver_messages()
    message = only()
    assert (message.status, message.last_code, message.attempts) == (State.PARKED, code[:3], 1)
    assert (message.rendered, message.marked_at) == (None, None)
    make_due()
    services.deliver_messages()
    assert server.accepted == []


@commits
def test_what_is_kept_of_an_answer_is_its_codes_and_no_address(cast: Cast, server: MailServer) -> None:
    server.script["RCPT"] = ["550 5.1.1 <dora@buyers.example> unknown"]
    a_closed_request(cast)
    services.deliver_messages()
    assert (only().last_code, only().last_error) == ("550", "5.1.1")


@commits
@pytest.mark.parametrize("code", ["421 going down", "450 busy", "451 try later"])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "dot"])
def test_a_no_for_now_is_tried_again(cast: Cast, server: MailServer, step: str, code: str) -> None:
    server.script[step] = [code]
    a_closed_request(cast)
    services.deliver_messages()
    message = only()
    assert (message.status, message.last_code, message.attempts) == (State.RETRY, code[:3], 1)
    assert 8 <= waits_seconds(message) + 0.5 <= 13
    make_due()
    services.deliver_messages()
    assert only().status == State.SENT
    assert (len(server.accepted), only().doubtful) == (1, 0)


@commits
def test_the_pauses_grow_and_the_tenth_answer_is_the_last(cast: Cast, server: MailServer) -> None:
    a_closed_request(cast)
    for attempt, seconds in enumerate([10, 60, 300, 1800, 7200, 18000, 36000, 50400, 72000], start=1):
        server.script["RCPT"] = ["450 busy"]
        services.deliver_messages()
        message = only()
        assert (message.status, message.attempts) == (State.RETRY, attempt)
        assert seconds * 0.8 - 2 <= waits_seconds(message) <= seconds * 1.2
        make_due()
    server.script["RCPT"] = ["450 busy"]
    services.deliver_messages()
    message = only()
    assert (message.status, message.last_code, message.last_error) == (State.PARKED, "450", "gave_up")
    assert message.rendered is None


@commits
def test_one_bad_address_in_a_batch_stops_no_other(cast: Cast, server: MailServer) -> None:
    server.script["RCPT buyer2@buyers.example"] = ["550 unknown"]
    server.script["dot buyer3@buyers.example"] = ["451 later"]
    closings(cast, 6)
    services.deliver_messages()
    states = list(Message.objects.order_by("pk").values_list("status", flat=True))
    assert states == ["sent", "sent", "parked", "retry", "sent", "sent"]
    assert server.connections == 1


# --- What breaks


@commits
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(("what", "word"), [(HANG, "timeout"), (HANG_UP, "closed")])
def test_a_broken_conversation_is_tried_again(
    cast: Cast, server: MailServer, step: str, what: str, word: str
) -> None:
    server.script[step] = [what]
    a_closed_request(cast)
    services.deliver_messages()
    message = only()
    assert (message.status, message.last_code, message.attempts) == (State.RETRY, word, 1)
    make_due()
    services.deliver_messages()
    assert (only().status, only().doubtful, len(server.accepted)) == (State.SENT, 0, 1)


@commits
@pytest.mark.parametrize("what", [HANG, HANG_UP])
def test_an_unknown_end_is_repeated_with_the_same_bytes_and_counted(
    cast: Cast, server: MailServer, what: str
) -> None:
    server.script["dot"] = [what]
    a_closed_request(cast)
    services.deliver_messages()
    message = only()
    assert (message.status, message.doubtful) == (State.RETRY, 0)
    kept = bytes(message.rendered)
    # What it says must not change with what is known meanwhile.
    Buyer.objects.update(name="Somebody else", email="else@buyers.example")
    make_due()
    services.deliver_messages()
    assert (only().status, only().doubtful) == (State.SENT, 1)
    assert set(server.accepted) == {kept}


@commits
def test_a_server_that_ends_the_connection_between_mails_costs_no_attempt(
    cast: Cast, server: MailServer
) -> None:
    server.script["MAIL"] = ["250 ok", "421 too many", "250 ok", "250 ok", HANG_UP]
    closings(cast, 5)
    services.deliver_messages()
    assert set(Message.objects.values_list("status", "attempts")) == {(State.SENT, 1)}
    assert (len(server.accepted), server.connections) == (5, 3)


@commits
@pytest.mark.parametrize(
    ("step", "what"), [("banner", HANG), ("banner", "554 no service"), ("banner", HANG_UP), ("EHLO", HANG)]
)
def test_without_a_mail_server_all_wait_a_little_and_no_attempt_counts(
    cast: Cast, server: MailServer, step: str, what: str
) -> None:
    server.script[step] = [what]
    closings(cast, 3)
    assert services.deliver_messages() is False
    for message in Message.objects.all():
        assert (message.status, message.attempts, message.crashes) == (State.RETRY, 0, 0)
        assert 7 <= waits_seconds(message) <= 13
    make_due()
    services.deliver_messages()
    assert set(Message.objects.values_list("status", "attempts")) == {(State.SENT, 1)}


@both
@commits
def test_a_mail_server_that_refuses_connections_for_long_parks_nothing(
    cast: Cast, server: MailServer
) -> None:
    server.close()
    a_closed_request(cast)
    for _round in range(15):
        services.deliver_messages()
        message = only()
        assert (message.status, message.attempts, message.last_code) == (State.RETRY, 0, "refused")
        assert waits_seconds(message) <= 72
        make_due()


@commits
def test_a_row_that_cannot_be_rendered_is_parked_after_three_times_and_stops_no_other(
    cast: Cast, server: MailServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    poison, sound = closings(cast, 2)
    usual = rendering.render

    def render(kind: str, language: str, facts: Any) -> Rendered:
        if facts.order_number == poison.event.words["values"]["order_number"]:
            raise KeyError(DORA.email)
        return usual(kind, language, facts)

    monkeypatch.setattr("notifications.letters.render", render)
    for crashes in (1, 2, 3):
        services.deliver_messages()
        poison.refresh_from_db()
        assert (poison.crashes, poison.last_code, poison.last_error) == (crashes, "poison", "KeyError")
        assert poison.status == (State.PARKED if crashes == 3 else State.RETRY)
        Message.objects.filter(pk=poison.pk).update(due_at=F("created_at"))
    sound.refresh_from_db()
    assert (sound.status, len(server.accepted)) == (State.SENT, 1)


# --- Leases


def claimed() -> services.Batch:
    batch = services.claim(services._FRESH, services.BATCH)
    assert batch is not None
    return batch


@both
@commits
def test_a_claimed_row_is_nobody_elses_until_its_lease_ends(cast: Cast, server: MailServer) -> None:
    a_closed_request(cast)
    claimed()
    seconds = (only().lease_until - database_now()).total_seconds()
    assert 25 < seconds <= 30
    services.deliver_messages()
    assert (only().status, server.accepted) == (State.SENDING, [])


@both
@commits
def test_a_row_whose_sender_died_is_sent_by_the_next(cast: Cast, server: MailServer) -> None:
    a_closed_request(cast)
    claimed()
    let_leases_end()
    services.deliver_messages()
    message = only()
    assert (message.status, message.crashes, message.doubtful) == (State.SENT, 1, 0)


@both
@commits
def test_rows_of_a_dead_sender_are_taken_one_by_one(cast: Cast, server: MailServer) -> None:
    closings(cast, 3)
    claimed()
    let_leases_end()
    assert services.claim(services._FRESH, 50) is None
    first = services.claim(services._ABANDONED, 1)
    assert first is not None
    assert len(first.ids) == 1
    # Once suspected, a row stays alone also where it waits for another attempt.
    first._give_back()
    assert services.claim(services._FRESH, 50) is None
    assert services.claim(services._SUSPECT, 1).ids == first.ids


@both
@commits
def test_a_row_that_ends_its_sender_three_times_is_parked(cast: Cast, server: MailServer) -> None:
    a_closed_request(cast)
    claimed()
    for crashes in (1, 2):
        let_leases_end()
        assert services.park_poison() == 0
        assert services.claim(services._ABANDONED, 1) is not None
        assert only().crashes == crashes
    let_leases_end()
    services.deliver_messages()
    message = only()
    assert (message.status, message.crashes, message.last_code) == (State.PARKED, 3, "poison")
    assert server.accepted == []


@both
@commits
def test_who_lost_the_lease_sends_nothing(cast: Cast, server: MailServer) -> None:
    """The fence stands right before the dot: a sender that was asleep for too long finds its row taken."""
    a_closed_request(cast)
    slow = claimed()
    let_leases_end()
    services.claim(services._ABANDONED, 1)
    with PostOffice() as office:
        ((message, content),) = [(only(), b"From: a@b.example\r\nTo: dora@buyers.example\r\n\r\nx\r\n")]
        slow._send_one(office, message, content)
    assert server.accepted == []
    assert only().status == State.SENDING


@both
@commits
def test_who_lost_the_lease_writes_no_result(cast: Cast, server: MailServer) -> None:
    a_closed_request(cast)
    slow = claimed()
    let_leases_end()
    services.claim(services._ABANDONED, 1)
    slow._settle(only(), status=State.PARKED)
    slow._give_back()
    slow._wait_for_server("refused")
    assert only().status == State.SENDING


@commits
def test_the_lease_grows_while_a_batch_is_being_sent(
    cast: Cast, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    closings(cast, 3)
    monkeypatch.setattr(services, "EXTEND_AFTER_SECONDS", -1)
    leases: dict[str, list[Any]] = {}

    def reached(step: str) -> None:
        last = Message.objects.order_by("-pk").first()
        leases.setdefault(step, []).append(last.lease_until)

    monkeypatch.setattr(mail, "reached", reached)
    services.deliver_messages()
    # The last of the batch: extended with each step of those before it.
    assert leases["before_mail"] == sorted(set(leases["before_mail"]))
    assert leases["after_rcpt"][0] > leases["before_mail"][0]


@both
@commits
def test_the_mark_is_set_after_the_payload_and_before_the_dot(
    cast: Cast, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_closed_request(cast)
    marks = {}

    def reached(step: str) -> None:
        marks[step] = only().marked_at is not None

    monkeypatch.setattr(mail, "reached", reached)
    services.deliver_messages()
    assert marks == {
        "before_mail": False,
        "after_rcpt": False,
        "after_payload": False,
        "after_acceptance": True,
    }


@both
@commits
def test_what_is_not_begun_in_time_is_given_back(
    cast: Cast, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    closings(cast, 3)

    def reached(step: str) -> None:
        if step == "after_acceptance":
            services.stopping.set()

    monkeypatch.setattr(mail, "reached", reached)
    assert services.deliver_messages() is True
    assert list(Message.objects.order_by("pk").values_list("status", "lease_token", "crashes"))[1:] == [
        (State.QUEUED, "", 0),
        (State.QUEUED, "", 0),
    ]
    assert len(server.accepted) == 1


@commits
def test_a_failure_in_the_middle_gives_the_rest_back(
    cast: Cast, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    closings(cast, 2)

    def reached(step: str) -> None:
        raise MemoryError

    monkeypatch.setattr(mail, "reached", reached)
    with pytest.raises(MemoryError):
        services.deliver_messages()
    assert set(Message.objects.values_list("status", "lease_token", "crashes")) == {(State.QUEUED, "", 0)}


@both
@commits
def test_eight_senders_at_once_send_each_mail_once(cast: Cast, server: MailServer) -> None:
    closings(cast, 24)
    services.BATCH, usual = 2, services.BATCH
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: in_a_thread(services.deliver_messages)(), range(8)))
    finally:
        services.BATCH = usual
    arrived = [parse(content)["Message-ID"] for content in server.accepted]
    assert sorted(arrived) == sorted(Message.objects.values_list("message_id", flat=True))
    assert set(Message.objects.values_list("status", "crashes", "doubtful")) == {(State.SENT, 0, 0)}


@commits
def test_a_result_is_not_forgotten_because_the_database_was_away(
    cast: Cast, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_closed_request(cast)
    failures = iter([True, True])
    usual = services.Batch._mine

    def mine(self: services.Batch, message: Message) -> Any:
        if message.status == State.SENDING and server.accepted and next(failures, False):
            raise OperationalError("server closed the connection unexpectedly")
        return usual(self, message)

    monkeypatch.setattr(services.Batch, "_mine", mine)
    services.deliver_messages()
    assert (only().status, len(server.accepted)) == (State.SENT, 1)


# --- Who no longer gets a mail


@commits
def test_a_code_that_is_too_old_is_not_sent(cast: Cast, server: MailServer) -> None:
    code = a_code(make_order(cast.north_lane))
    services.relay_events()
    code.expires_at = database_now()
    code.save(update_fields=["expires_at"])
    services.deliver_messages()
    assert (only().status, only().last_code, server.accepted) == (State.CANCELLED, "expired", [])


@commits
def test_a_code_is_sent_and_never_kept(cast: Cast, server: MailServer) -> None:
    from returns.services.access import code_for, token_for

    code = a_code(make_order(cast.north_lane))
    services.relay_events()
    server.script["RCPT"] = ["450 busy"]
    services.deliver_messages()
    assert (only().status, only().rendered) == (State.RETRY, None)
    make_due()
    services.deliver_messages()
    text = text_of(server.accepted[0])
    assert f"Your code: {code_for(code)}" in text
    assert f"http://localhost:8000/my/link/{token_for(code)}/" in text


@commits
def test_who_left_the_team_gets_nothing_any_more(cast: Cast, server: MailServer) -> None:
    with by_hand(cast.north_lane):
        open_request(make_order(cast.north_lane, country="CA"))
    services.relay_events()
    Membership.objects.filter(user=cast.ben).update(is_active=False)
    services.deliver_messages()
    message = Message.objects.get(recipient_type="user", recipient_id=cast.ben.pk)
    assert (message.status, message.last_code) == (State.CANCELLED, "no_longer_a_member")
    assert server.mails(cast.ben.email) == []
    assert len(server.mails(cast.alice.email)) == 1


@commits
def test_an_address_that_was_erased_gets_nothing_any_more(cast: Cast, server: MailServer) -> None:
    a_closed_request(cast)
    Buyer.objects.update(email="")
    services.deliver_messages()
    assert (only().status, only().last_code, server.accepted) == (State.SUPPRESSED, "no_address", [])


# --- Again


@pytest.mark.parametrize("how", [services.send_closure_message, lambda pk: send_all_again()])
@commits
def test_a_message_can_be_sent_again(cast: Cast, server: MailServer, how: Callable[[int], int]) -> None:
    request = a_closed_request(cast)
    services.deliver_messages()
    assert how(request.events.get(version=2).pk) == 1
    services.deliver_messages()
    first, second = server.accepted
    assert first == second
    assert (only().status, only().attempts, only().doubtful) == (State.SENT, 1, 0)


def send_all_again() -> int:
    return services.send_again(Message.objects.all())


@commits
def test_what_waits_or_is_only_shown_or_carries_a_secret_is_not_sent_again(cast: Cast) -> None:
    a_closed_request(cast)
    a_closed_request(cast, email="")
    a_code(make_order(cast.north_lane))
    services.relay_events()
    Message.objects.filter(kind=Kind.BUYER_CODE).update(status=State.CANCELLED)
    assert send_all_again() == 0
    assert services.notify_seller_of_buyer_closure(0) == 0


# --- Other ways out


@commits
def test_the_embedded_mailbox_keeps_the_very_bytes(cast: Cast, settings: pytest.FixtureRequest) -> None:
    settings.EMAIL_BACKEND = "notifications.mailbox.Backend"
    order_number = a_closed_request(cast, comments=f"{WHY} 照片显示有划痕。").order.order_number
    message, letters = Message.objects.select_related(*OF_EVENT).get(), Letters()
    content = letters.content(message, letters.letter(message))
    services.deliver_messages()
    entry = MailboxEntry.objects.get()
    assert bytes(entry.content) == content
    assert (entry.recipients, entry.message_id) == (DORA.email, message.message_id)
    assert entry.subject == f"Your return request was closed: order {order_number}"
    assert only().status == State.SENT


@commits
def test_any_django_backend_can_take_the_mails(cast: Cast, settings: pytest.FixtureRequest) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    a_closed_request(cast)
    services.deliver_messages()
    (sent,) = django_mail.outbox
    assert (sent.to, sent.message()["Message-ID"]) == ([DORA.email], only().message_id)


@commits
def test_no_address_name_or_comment_is_ever_logged(
    cast: Cast, server: MailServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.script["RCPT"] = [f"550 no <{DORA.email}>", f"451 {DORA.email}"]
    server.script["EHLO"] = ["250 ok", f"421 {DORA.email}"]
    for _number in range(3):
        a_closed_request(cast, comments="canary-comment, long enough")
        services.deliver_messages()
    for canary in (DORA.email, "Dora", "canary-comment"):
        assert canary not in caplog.text


def test_figures_tell_what_waits_and_what_was_given_up(cast: Cast) -> None:
    for status in (State.QUEUED, State.PARKED, State.PARKED):
        a_closed_request(cast)
        Message.objects.order_by("pk").filter(status=State.QUEUED).update(status=status)
    Message.objects.filter(status=State.PARKED).update(doubtful=2)
    a_closed_request(cast)
    figures = services.delivery_figures()
    assert figures["messages_waiting"] == 1
    assert figures["messages_parked"] == 3
    assert figures["messages_doubtful"] == 6
    assert figures["messages_oldest_due_seconds"] >= 0
