"""Pay-outs: what a person records is paid at once; what the system gives, or the shop pays, waits for its word."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from notifications.models import Message
from notifications.services import deliver_messages, relay_events
from returns import services
from returns.actors import Actor
from returns.exceptions import Forbidden, Invalid, NotFound, TransitionNotAllowed
from returns.models import Offer, OrderItem, Payout, ReturnlessRule, ReturnRequest
from returns.models.clock import database_now
from returns.models.payouts import PayoutFailure
from returns.payouts import hand_over
from returns.payouts.signing import headers_for
from returns.services import payout_delivery
from returns.services.offers import Terms
from returns.services.payout_delivery import RETRY_SECONDS, send_payouts
from returns.state_machine import Outcome, Status
from tests.factories import Cast, Line, a_request_in, at_once, day, everything_owed, make_order, open_request
from tests.returns.ledger import everything_adds_up, refused
from tests.returns.shop_server import HANG, HANG_UP, SECRET, TRICKLE, ShopServer

pytestmark = pytest.mark.django_db

AUTHORIZED, REFUND_DUE, COMPLETED, CLOSED = (
    Status.AUTHORIZED,
    Status.REFUND_DUE,
    Status.COMPLETED,
    Status.CLOSED,
)
REQUESTED, CONFIRMED, FAILED, GIVEN_UP = "requested", "confirmed", "failed", "given_up"


@pytest.fixture
def alice(cast: Cast) -> Actor:
    return at_once(cast.actor(cast.alice))


def refund_all(actor: Actor, request: ReturnRequest) -> Payout:
    services.record_refund(
        actor, reference=request.reference, amounts=everything_owed(request), refunded_date=day(0)
    )
    return Payout.objects.get(request=request)


def given_by_a_rule(cast: Cast) -> Payout:
    ReturnlessRule.objects.create(
        seller=cast.north_lane, name="Small", currency="USD", least_minor=0, most_minor=2000
    )
    request = open_request(make_order(cast.north_lane, Line(item=1299, tax=104)))
    return Payout.objects.get(request=request)


def states(payout: Payout) -> set[str]:
    """The state of a pay-out and of its refunds: one, as long as they are in step."""
    payout.refresh_from_db()
    return {payout.status, *payout.refunds.values_list("status", flat=True)}


def told(request: ReturnRequest, kind: str) -> int:
    """How many messages of this kind were made of the request."""
    relay_events()
    return Message.objects.filter(event__request=request, kind=kind).count()


def be_due() -> None:
    """Let what waits for its next attempt, or for the lease of who died, be due."""
    Payout.objects.filter(next_attempt_at__isnull=False).update(
        next_attempt_at=database_now() - timedelta(seconds=1)
    )


def the_request(payout: Payout) -> ReturnRequest:
    return ReturnRequest.objects.get(pk=payout.request_id)


def sound() -> None:
    everything_adds_up()
    relay_events()
    call_command("audit")


# Recorded by hand


def test_what_a_person_records_is_paid_at_once(cast: Cast, alice: Actor) -> None:
    payout = refund_all(alice, a_request_in(cast, REFUND_DUE))
    assert states(payout) == {CONFIRMED}
    assert (payout.amount_minor, payout.currency, payout.kind) == (13932, "USD", "recorded")
    assert (payout.paid_date, payout.settled_by) == (day(0), cast.alice)
    assert set(payout.refunds.values_list("user", flat=True)) == {cast.alice.pk}
    assert (the_request(payout).outcome, the_request(payout).open_payout) == (Outcome.REFUNDED, "")
    assert told(the_request(payout), "refund_issued") == 1
    sound()


def test_what_a_rule_gives_is_never_shown_as_paid_before_a_person_says_so(cast: Cast, alice: Actor) -> None:
    payout = given_by_a_rule(cast)
    request = the_request(payout)
    assert states(payout) == {REQUESTED}
    assert (request.status, request.open_payout) == (COMPLETED, "to_pay")
    assert told(request, "refund_to_pay") == 2  # Alice and Ben
    assert told(request, "refund_issued") == 0
    assert set(payout.refunds.values_list("user", flat=True)) == {None}
    assert not send_payouts()
    assert states(payout) == {REQUESTED}
    for _time in range(2):
        services.record_payout(alice, payout=payout.reference, paid_date=day(1))
    assert states(payout) == {CONFIRMED}
    assert set(payout.refunds.values_list("refunded_date", flat=True)) == {day(1)}
    assert the_request(payout).open_payout == ""
    assert told(request, "refund_issued") == 1
    sound()


@pytest.mark.parametrize(
    ("days_back", "sentence"),
    [(-1, "The day of the refund cannot be in the future."), (400, "Choose a day within the last year.")],
)
def test_a_refund_was_paid_on_a_day_within_the_last_year(
    cast: Cast, alice: Actor, days_back: int, sentence: str
) -> None:
    payout = given_by_a_rule(cast)
    with refused(Invalid, sentence) as refusal:
        services.record_payout(alice, payout=payout.reference, paid_date=day(days_back))
    assert set(refusal.value.errors) == {"paid_on"}


def test_who_may_not_say_that_it_was_paid(cast: Cast) -> None:
    payout = given_by_a_rule(cast)
    for user, kind in ((cast.vera, Forbidden), (cast.carol, NotFound)):
        with refused(kind):
            services.record_payout(cast.actor(user), payout=payout.reference, paid_date=day(0))
    with refused(NotFound):
        services.record_payout(Actor.buyer(payout.order), payout=payout.reference, paid_date=day(0))
    services.record_payout(cast.actor(cast.root), payout=payout.reference, paid_date=day(0))
    assert states(payout) == {CONFIRMED}


def test_what_waits_for_a_person_is_neither_tried_again_nor_given_up(cast: Cast, alice: Actor) -> None:
    payout = given_by_a_rule(cast)
    with refused(TransitionNotAllowed):
        services.retry_payout(alice, payout=payout.reference)
    with refused(TransitionNotAllowed):
        services.give_up_payout(alice, payout=payout.reference)


# Handed over


def test_the_shop_is_asked_once_with_a_signed_instruction(cast: Cast, alice: Actor, shop: ShopServer) -> None:
    request = a_request_in(cast, REFUND_DUE)
    payout = refund_all(alice, request)
    assert shop.asked == []
    assert not send_payouts()
    assert not send_payouts()
    line = request.order.items.get()
    assert shop.asked == [
        {
            "reference": payout.reference,
            "amount": "139.32",
            "amount_minor": 13932,
            "currency": "USD",
            "as": "refund",
            "seller": "north-lane",
            "order_number": request.order.order_number,
            "return": {"reference": request.reference, "rma_number": request.rma_number},
            "lines": [
                {"line": line.line_key, "sku": line.sku, "part": "item", "amount_minor": 12900},
                {"line": line.line_key, "sku": line.sku, "part": "tax", "amount_minor": 1032},
            ],
        }
    ]
    assert (shop.keys, shop.unsigned) == ([payout.reference], 0)


def test_the_request_completes_when_the_shop_confirms_and_not_before(
    cast: Cast, alice: Actor, shop: ShopServer
) -> None:
    payout = refund_all(alice, a_request_in(cast, REFUND_DUE))
    send_payouts()
    request = the_request(payout)
    assert states(payout) == {REQUESTED}
    assert (request.status, request.open_payout) == (REFUND_DUE, "waiting")
    assert told(request, "refund_issued") == told(request, "refund_to_pay") == 0
    sound()
    for _time in range(2):
        services.confirm_payout(payout.reference)
    request = the_request(payout)
    assert (request.status, request.outcome, request.open_payout) == (COMPLETED, Outcome.REFUNDED, "")
    last = request.events.order_by("-version")[0]
    assert (last.action, last.role, last.user) == ("pay_out", "system", None)
    assert told(request, "refund_issued") == 1
    sound()


def test_what_the_seller_said_with_the_money_is_told_once_it_is_paid(
    cast: Cast, alice: Actor, shop: ShopServer, mailoutbox: list[Any]
) -> None:
    request = a_request_in(cast, AUTHORIZED)
    item = request.items.get().pk
    services.receive_return(alice, reference=request.reference, received={item: (1, "used")})
    services.record_refund(
        alice,
        reference=request.reference,
        amounts={(item, "item"): 12000, (item, "tax"): 1032},
        fees={item: 900},
        refunded_date=day(0),
        memo="Less for the missing lid.",
    )
    relay_events()
    deliver_messages()
    assert not [mail for mail in mailoutbox if "Less for the missing lid." in plain(mail)]
    services.confirm_payout(Payout.objects.get().reference)
    relay_events()
    deliver_messages()
    (body,) = [body for mail in mailoutbox if "Less for the missing lid." in (body := plain(mail))]
    assert "$130.32" in body
    assert "$9.00" in body
    assert the_request(Payout.objects.get()).outcome == Outcome.PARTIALLY_REFUNDED
    sound()


def plain(mail: Any) -> str:
    text: str = mail.message().get_body(("plain",)).get_content()
    return text


def test_a_shop_that_says_at_once_that_it_is_paid_confirms_it(
    cast: Cast, alice: Actor, shop: ShopServer
) -> None:
    shop.script.append((200, {"status": "confirmed"}))
    payout = refund_all(alice, a_request_in(cast, AUTHORIZED))
    send_payouts()
    assert states(payout) == {CONFIRMED}
    assert the_request(payout).outcome == Outcome.REFUNDED


def test_a_promise_is_met_when_the_shop_has_paid_it(cast: Cast, alice: Actor, shop: ShopServer) -> None:
    request = a_request_in(cast, CLOSED, promise_minor=5000)
    amounts = {(request.items.get().pk, "item"): 5000}
    services.record_refund(alice, reference=request.reference, amounts=amounts, refunded_date=day(0))
    payout = Payout.objects.get()
    assert the_request(payout).promise_minor == 5000
    services.confirm_payout(payout.reference)
    request = the_request(payout)
    assert (request.status, request.promise_minor, request.promise_due_date) == (CLOSED, None, None)
    sound()


def test_the_request_goes_on_while_another_part_of_its_refund_is_not_paid(
    cast: Cast, alice: Actor, shop: ShopServer
) -> None:
    request = a_request_in(cast, REFUND_DUE)
    for (item, part), minor in everything_owed(request).items():
        amounts = {(item, part): minor}
        services.record_refund(alice, reference=request.reference, amounts=amounts, refunded_date=day(0))
    first, second = Payout.objects.order_by("pk")
    services.confirm_payout(second.reference)
    assert the_request(first).status == REFUND_DUE
    services.confirm_payout(first.reference)
    assert the_request(first).outcome == Outcome.REFUNDED
    sound()


def test_a_partial_refund_does_not_complete_a_request_before_it_is_paid(
    cast: Cast, alice: Actor, shop: ShopServer
) -> None:
    request = a_request_in(cast, REFUND_DUE)
    amounts = {(request.items.get().pk, "item"): 1000}
    services.record_refund(alice, reference=request.reference, amounts=amounts, refunded_date=day(0))
    completion = {"outcome": Outcome.PARTIALLY_REFUNDED, "comments": "As we agreed: $10.00 for the scratch."}
    with refused(
        TransitionNotAllowed,
        "The refund is not paid yet: the request can be completed once its pay-out is confirmed.",
    ):
        services.complete_return(alice, reference=request.reference, **completion)
    services.confirm_payout(Payout.objects.get().reference)
    services.complete_return(alice, reference=request.reference, **completion)
    sound()


# A shop that lies


@pytest.mark.parametrize("answer", [500, 503, 429, 302, HANG, HANG_UP, TRICKLE])
def test_without_an_answer_it_is_asked_again_with_the_same_reference_and_bytes(
    cast: Cast, alice: Actor, shop: ShopServer, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    monkeypatch.setattr(hand_over, "STEP_SECONDS", 0.3)
    monkeypatch.setattr(hand_over, "WHOLE_SECONDS", 0.6)
    shop.script += [answer, (200, {"status": "confirmed"})]
    payout = refund_all(alice, a_request_in(cast, REFUND_DUE))
    began = time.monotonic()
    send_payouts()
    assert time.monotonic() - began < 5
    assert states(payout) == {REQUESTED}
    assert payout.next_attempt_at is not None
    send_payouts()
    assert len(shop.asked) == 1  # not before its time
    be_due()
    send_payouts()
    assert states(payout) == {CONFIRMED}
    assert (len(shop.bodies), len(set(shop.bodies)), set(shop.keys)) == (2, 1, {payout.reference})
    assert shop.paid == {payout.reference: 13932}
    sound()


def test_a_shop_that_never_answers_is_given_up_on_and_the_failure_shown(
    cast: Cast, alice: Actor, shop: ShopServer
) -> None:
    shop.script += [500] * 20
    payout = refund_all(alice, a_request_in(cast, REFUND_DUE))
    for _attempt in range(len(RETRY_SECONDS) + 1):
        assert states(payout) == {REQUESTED}
        send_payouts()
        be_due()
    assert states(payout) == {FAILED}
    assert (payout.failure, payout.shop_words) == ("no_answer", "HTTP 500")
    assert len(shop.asked) == len(RETRY_SECONDS) + 1
    assert the_request(payout).open_payout == FAILED
    assert told(the_request(payout), "refund_to_pay") == 2
    assert told(the_request(payout), "refund_issued") == 0
    sound()


def test_what_the_shop_refuses_has_failed_at_once_with_its_words(
    cast: Cast, alice: Actor, shop: ShopServer
) -> None:
    shop.script.append((422, {"reason": "The card\u202e was closed.\n"}))
    payout = refund_all(alice, a_request_in(cast, REFUND_DUE))
    send_payouts()
    assert states(payout) == {FAILED}
    assert (payout.failure, len(shop.asked)) == ("refused", 1)
    assert payout.shop_words.startswith("The card")
    assert "\u202e" not in payout.shop_words


def test_an_unreachable_shop_is_no_answer(cast: Cast, alice: Actor, shop: ShopServer) -> None:
    shop.close()
    payout = refund_all(alice, a_request_in(cast, REFUND_DUE))
    send_payouts()
    assert states(payout) == {REQUESTED}


def test_a_failed_one_still_counts_until_it_is_given_up(cast: Cast, alice: Actor, shop: ShopServer) -> None:
    shop.script.append(400)
    request = a_request_in(cast, REFUND_DUE)
    payout = refund_all(alice, request)
    send_payouts()
    with refused(TransitionNotAllowed, "Everything that was paid for these units is refunded or on its way."):
        refund_all_again(alice, request)
    for _time in range(2):
        services.give_up_payout(alice, payout=payout.reference)
    assert states(payout) == {GIVEN_UP}
    line = OrderItem.objects.get(order=request.order)
    assert (line.item_refunded_minor, line.tax_refunded_minor) == (0, 0)
    assert the_request(payout).open_payout == ""
    sound()
    refund_all_again(alice, request)
    again = Payout.objects.get(status=REQUESTED)
    services.confirm_payout(again.reference)
    assert the_request(payout).outcome == Outcome.REFUNDED
    sound()


def refund_all_again(actor: Actor, request: ReturnRequest) -> None:
    amounts = {(request.items.get().pk, part): minor for part, minor in (("item", 12900), ("tax", 1032))}
    services.record_refund(actor, reference=request.reference, amounts=amounts, refunded_date=day(0))


def test_tried_again_it_has_the_same_reference_and_is_paid_once(
    cast: Cast, alice: Actor, shop: ShopServer
) -> None:
    shop.script += [400, (200, {"status": "confirmed"})]
    payout = refund_all(alice, a_request_in(cast, REFUND_DUE))
    send_payouts()
    for _time in range(2):
        services.retry_payout(alice, payout=payout.reference)
    assert states(payout) == {REQUESTED}
    assert the_request(payout).open_payout == "waiting"
    with refused(TransitionNotAllowed):
        services.give_up_payout(alice, payout=payout.reference)
    with refused(TransitionNotAllowed):
        services.record_payout(alice, payout=payout.reference, paid_date=day(0))
    send_payouts()
    assert states(payout) == {CONFIRMED}
    assert shop.keys == [payout.reference] * 2
    assert told(the_request(payout), "refund_issued") == 1
    sound()


def test_a_failed_one_that_a_person_pays_counts_as_paid(cast: Cast, alice: Actor, shop: ShopServer) -> None:
    shop.script.append(400)
    payout = refund_all(alice, a_request_in(cast, REFUND_DUE))
    send_payouts()
    services.record_payout(alice, payout=payout.reference, paid_date=day(0))
    assert states(payout) == {CONFIRMED}
    assert (payout.settled_by, the_request(payout).outcome) == (cast.alice, Outcome.REFUNDED)
    sound()


def test_what_is_paid_after_it_was_given_up_is_kept_in_sight(
    cast: Cast, alice: Actor, shop: ShopServer
) -> None:
    shop.script.append(400)
    payout = refund_all(alice, a_request_in(cast, REFUND_DUE))
    send_payouts()
    services.give_up_payout(alice, payout=payout.reference)
    services.confirm_payout(payout.reference)
    assert states(payout) == {GIVEN_UP}
    assert payout.failure == "paid_after_all"
    assert told(the_request(payout), "refund_issued") == 0


def test_when_refunds_are_no_longer_handed_over_what_waits_fails(
    cast: Cast, alice: Actor, shop: ShopServer, settings: Any
) -> None:
    payout = refund_all(alice, a_request_in(cast, REFUND_DUE))
    settings.PAYOUT_BACKEND = "returns.payouts.record.Backend"
    send_payouts()
    assert states(payout) == {FAILED}
    assert payout.failure == "not_handed_over"


# Who dies on the way


def test_who_dies_after_the_pay_out_was_taken_leaves_it_to_the_next(
    cast: Cast, alice: Actor, shop: ShopServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    payout = refund_all(alice, a_request_in(cast, REFUND_DUE))
    with monkeypatch.context() as patch:
        patch.setattr(payout_delivery, "get_backend", dying)
        with pytest.raises(SystemExit):
            send_payouts()
    payout.refresh_from_db()
    assert (shop.asked, payout.attempts) == ([], 1)
    assert not send_payouts()  # the lease holds
    assert shop.asked == []
    be_due()
    send_payouts()
    assert shop.keys == [payout.reference]


def dying() -> Any:
    raise SystemExit


def test_who_dies_before_the_answer_is_written_down_is_paid_once(
    cast: Cast, alice: Actor, shop: ShopServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.script += [(200, {"status": "confirmed"})] * 2
    payout = refund_all(alice, a_request_in(cast, REFUND_DUE))
    with monkeypatch.context() as patch:
        patch.setattr(payout_delivery, "confirm_payout", lambda _reference: dying())
        with pytest.raises(SystemExit):
            send_payouts()
    assert states(payout) == {REQUESTED}
    be_due()
    send_payouts()
    assert states(payout) == {CONFIRMED}
    assert len(set(shop.bodies)) == 1
    assert shop.paid == {payout.reference: 13932}


def test_one_that_ends_its_sender_each_time_has_failed_in_the_end(
    cast: Cast, alice: Actor, shop: ShopServer
) -> None:
    payout = refund_all(alice, a_request_in(cast, REFUND_DUE))
    Payout.objects.update(attempts=len(RETRY_SECONDS) + 1)
    send_payouts()
    assert states(payout) == {FAILED}
    assert shop.asked == []


@pytest.mark.parametrize("answer", [400, 500])
def test_whoever_comes_late_changes_nothing(
    cast: Cast, alice: Actor, shop: ShopServer, monkeypatch: pytest.MonkeyPatch, answer: int
) -> None:
    payout = refund_all(alice, a_request_in(cast, REFUND_DUE))
    shop.script += [answer, 202]
    usual = hand_over.Backend.pay

    def slowly(self: Any, reference: str, body: bytes) -> Any:
        """The lease ends and somebody else has an answer while this one still waits for its own."""
        answer = usual(self, reference, body)
        monkeypatch.setattr(hand_over.Backend, "pay", usual)
        be_due()
        send_payouts()
        return answer

    monkeypatch.setattr(hand_over.Backend, "pay", slowly)
    send_payouts()
    assert len(shop.asked) == 2
    assert states(payout) == {REQUESTED}
    assert payout.next_attempt_at is None


# The shop's word


def say(
    body: dict[str, Any] | bytes, *, secret: str = SECRET, now: float | None = None, **headers: str
) -> tuple[int, dict[str, Any]]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    client = Client(enforce_csrf_checks=True)
    signed = {**headers_for(content, secret, now=now), **headers}
    response = client.post("/payouts/confirm/", content, content_type="application/json", headers=signed)
    is_json = response.headers["Content-Type"] == "application/json"
    return response.status_code, response.json() if is_json else {}


def test_the_shop_confirms_over_http_as_often_as_it_likes(cast: Cast, alice: Actor, shop: ShopServer) -> None:
    payout = refund_all(alice, a_request_in(cast, REFUND_DUE))
    send_payouts()
    word = {"reference": payout.reference, "status": CONFIRMED}
    for _time in range(3):
        assert say(word) == (200, word)
    assert states(payout) == {CONFIRMED}
    assert told(the_request(payout), "refund_issued") == 1
    assert say({"reference": payout.reference, "status": FAILED}) == (409, word)
    assert states(payout) == {CONFIRMED}
    sound()


def test_while_the_secret_changes_the_shop_may_sign_with_the_older_one(
    cast: Cast, alice: Actor, shop: ShopServer, settings: Any
) -> None:
    payout = refund_all(alice, a_request_in(cast, REFUND_DUE))
    send_payouts()
    settings.PAYOUT_SECRET, settings.PAYOUT_SECRET_FALLBACKS = "n" * 32, [SECRET]
    word = {"reference": payout.reference, "status": CONFIRMED}
    assert say(word, secret="x" * 32)[0] == 401
    assert states(payout) == {REQUESTED}
    assert say(word) == (200, word)
    assert say(word, secret="n" * 32) == (200, word)
    assert states(payout) == {CONFIRMED}


def test_the_shop_says_that_it_failed_and_why(cast: Cast, alice: Actor, shop: ShopServer) -> None:
    payout = refund_all(alice, a_request_in(cast, REFUND_DUE))
    send_payouts()
    word = {"reference": payout.reference, "status": FAILED, "reason": "Insufficient funds"}
    assert [say(word)[0], say(word)[0]] == [200, 200]
    assert states(payout) == {FAILED}
    assert (payout.failure, payout.shop_words) == ("reported", "Insufficient funds")
    assert told(the_request(payout), "refund_to_pay") == 2
    assert say({"reference": payout.reference, "status": CONFIRMED})[0] == 200
    assert states(payout) == {CONFIRMED}


def test_a_confirmation_that_comes_before_the_answer_counts(
    cast: Cast, alice: Actor, shop: ShopServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    payout = refund_all(alice, a_request_in(cast, REFUND_DUE))
    usual = hand_over.Backend.pay

    def pay(self: Any, reference: str, body: bytes) -> Any:
        services.confirm_payout(reference)
        return usual(self, reference, body)

    monkeypatch.setattr(hand_over.Backend, "pay", pay)
    shop.script.append(500)
    send_payouts()
    assert states(payout) == {CONFIRMED}
    assert payout.next_attempt_at is None
    sound()


@pytest.mark.parametrize(
    "forged",
    [
        {"secret": "another secret, of the same kind"},
        {"now": time.time() - 301},
        {"now": time.time() + 10_000},
        {"Payout-Timestamp": "now"},
        {"Payout-Signature": "v1=é"},
        {"Payout-Signature": ""},
    ],
)
def test_a_word_that_is_not_signed_now_is_no_word(
    cast: Cast, alice: Actor, shop: ShopServer, forged: dict[str, Any]
) -> None:
    payout = refund_all(alice, a_request_in(cast, REFUND_DUE))
    send_payouts()
    assert say({"reference": payout.reference, "status": CONFIRMED}, **forged)[0] == 401
    assert states(payout) == {REQUESTED}


def test_a_signature_is_for_its_own_words(cast: Cast, alice: Actor, shop: ShopServer) -> None:
    payout = refund_all(alice, a_request_in(cast, REFUND_DUE))
    other = headers_for(json.dumps({"reference": payout.reference, "status": FAILED}).encode(), SECRET)
    assert say({"reference": payout.reference, "status": CONFIRMED}, **other)[0] == 401
    assert states(payout) == {REQUESTED}


def test_without_a_secret_nobody_is_heard(cast: Cast, alice: Actor) -> None:
    payout = given_by_a_rule(cast)
    assert say({"reference": payout.reference, "status": CONFIRMED}, secret="")[0] == 401
    assert states(payout) == {REQUESTED}


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"\xff", b"[" * 20_000, {}, {"reference": 5, "status": CONFIRMED},
     {"reference": "x", "status": GIVEN_UP}, {"reference": "x", "status": ["confirmed"]},
     {"reference": "x", "status": FAILED, "reason": 5}],
)  # fmt: skip
def test_a_word_that_cannot_be_read_is_refused(shop: ShopServer, body: dict[str, Any] | bytes) -> None:
    assert say(body)[0] == 400


def test_an_unknown_reference_is_not_found(shop: ShopServer) -> None:
    assert say({"reference": "5b5d0a52-0000-4000-8000-000000000000", "status": CONFIRMED})[0] == 404


def test_what_people_say_of_the_shop_is_not_what_it_says(cast: Cast, alice: Actor, shop: ShopServer) -> None:
    payout = refund_all(alice, a_request_in(cast, REFUND_DUE))
    send_payouts()
    with refused(TransitionNotAllowed, "The shop pays this refund. You can pay it yourself if that fails."):
        services.record_payout(alice, payout=payout.reference, paid_date=day(0))
    # It took the pay-out and never spoke of it again: asking is harmless.
    services.retry_payout(alice, payout=payout.reference)
    shop.script.append((200, {"status": "confirmed"}))
    send_payouts()
    assert states(payout) == {CONFIRMED}


# What a buyer accepts


@pytest.mark.parametrize("kind", ["keep_full", "keep_partial"])
def test_what_an_accepted_offer_gives_is_paid_when_somebody_says_so(
    cast: Cast, alice: Actor, kind: str
) -> None:
    request = a_request_in(cast, Status.AUTHORIZATION_REQUIRED)
    terms = Terms(kind=kind, amount_minor=None if kind == "keep_full" else 2000, comments="Keep it, please.")
    services.make_offer(alice, reference=request.reference, terms=terms)
    services.accept_offer(
        Actor.buyer(request.order), reference=request.reference, offer_id=Offer.objects.get().pk
    )
    payout = Payout.objects.get()
    assert states(payout) == {REQUESTED}
    assert (the_request(payout).status, the_request(payout).open_payout) == (COMPLETED, "to_pay")
    assert told(request, "refund_to_pay") == 2
    assert told(request, "refund_issued") == 0
    sound()
    services.record_payout(alice, payout=payout.reference, paid_date=day(0))
    assert told(request, "refund_issued") == 1
    sound()


def test_the_shop_has_no_say_in_what_a_person_pays(cast: Cast) -> None:
    payout = given_by_a_rule(cast)
    with refused(NotFound):
        services.fail_payout(payout.reference, PayoutFailure.REPORTED)
    with refused(NotFound):
        services.confirm_payout(payout.reference)


def test_giving_up_the_refund_that_settled_an_item_opens_the_item_again(
    cast: Cast, alice: Actor, shop: ShopServer
) -> None:
    request = a_request_in(cast, REFUND_DUE)
    item = request.items.get()
    part = {"reference": request.reference, "amounts": {(item.pk, "item"): 1000}, "refunded_date": day(0)}
    services.record_refund(alice, **part, final=[item.pk])
    payout = Payout.objects.get(request=request)
    with refused(TransitionNotAllowed):
        services.record_refund(alice, **part)
    services.fail_payout(payout.reference, PayoutFailure.REPORTED)
    services.give_up_payout(alice, payout=payout.reference)
    item.refresh_from_db()
    assert item.kept_minor is None
    services.record_refund(alice, **part)
    everything_adds_up()


def test_a_last_part_ends_the_request_as_partially_refunded_once_the_shop_has_paid(
    cast: Cast, alice: Actor, shop: ShopServer
) -> None:
    request = a_request_in(cast, REFUND_DUE)
    item = request.items.get()
    services.record_refund(
        alice,
        reference=request.reference,
        amounts={(item.pk, "item"): 1000},
        refunded_date=day(0),
        final=[item.pk],
        memo="The rest is for the missing lid.",
    )
    request.refresh_from_db()
    assert request.status == REFUND_DUE
    services.confirm_payout(Payout.objects.get(request=request).reference)
    request.refresh_from_db()
    assert (request.status, request.outcome) == (COMPLETED, Outcome.PARTIALLY_REFUNDED)
    relay_events()
    told = Message.objects.get(event__request=request, kind="refund_issued")
    assert told.event.text == "The rest is for the missing lid."
    everything_adds_up()
