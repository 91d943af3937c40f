"""Whatever people do with money, in whatever order and all at once: sums hold, events replay, each is told once."""

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from notifications.models import Kind, Message, RecipientType
from notifications.services import deliver_messages, relay_events, relay_rows
from returns import services
from returns.actors import Actor
from returns.exceptions import Refusal
from returns.models import Offer, OfferKind, Order, OrderItem, Payout, Refund, ReturnEvent, ReturnRequest
from returns.models.money import EXTRA_PARTS, PAID_PARTS, RefundCause, RefundState
from returns.models.payouts import PayoutFailure
from returns.services.concessions import give_concession
from returns.services.offers import Terms
from returns.state_machine import Outcome
from tests.factories import (
    Cast,
    Line,
    at_once,
    by_hand,
    closing,
    day,
    everything_received,
    make_cast,
    make_order,
    open_request,
)
from tests.returns.ledger import everything_adds_up
from tests.returns.rivals import crew

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

KETTLES = Line(sku="KETTLE-1", quantity=3, item=9000, tax=720, shipping=599)
FILTERS = Line(sku="FILTER-2", title="Filter", quantity=2, item=2001, tax=0, shipping=0)


class Desk:
    """One order with two requests, and people who do anything with it. Refused is as good as done."""

    def __init__(self, cast: Cast, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 -- dice, no secret
        self.sellers = [at_once(cast.actor(user)) for user in (cast.alice, cast.ben)] + [
            cast.actor(cast.root)
        ]
        self.order = make_order(cast.north_lane, KETTLES, FILTERS, country="CA")
        self.buyer = Actor.buyer(self.order)
        with by_hand(cast.north_lane):
            self.requests = [
                open_request(self.order, quantity=1, key=f"{seed}-{number}") for number in (1, 2)
            ]

    def act(self) -> Callable[[], Any]:
        """Something to do, with all its particulars chosen; the dice are thrown here, not in the thread."""
        roll = self.random
        request, seller = roll.choice(self.requests), roll.choice(self.sellers)
        act = roll.choice(ACTS)
        amount, chance = roll.choice([-1, 0, 1, 500, 1000, 3000, 9000, 10**30]), roll.random()
        return lambda: act(self, request, seller, amount, chance)


def authorizes(desk: Desk, request: ReturnRequest, seller: Actor, amount: int, chance: float) -> None:
    services.authorize_return(seller, reference=request.reference)


def closes(desk: Desk, request: ReturnRequest, seller: Actor, amount: int, chance: float) -> None:
    if chance < 0.3:
        services.close_return(desk.buyer, reference=request.reference, closing=closing("buyer_other", ""))
        return
    promise = {"promise_minor": amount, "promise_currency": "USD", "promise_due_date": day(-2)}
    how = closing("refund_without_return", **promise) if chance < 0.7 else closing()
    services.close_return(seller, reference=request.reference, closing=how)


def takes_back(desk: Desk, request: ReturnRequest, seller: Actor, amount: int, chance: float) -> None:
    if chance < 0.5:
        services.reopen_return(seller, reference=request.reference)
    elif chance < 0.7:
        services.undo_decision(seller, reference=request.reference)
    else:
        services.take_back_closing(desk.buyer, reference=request.reference)


def receives(desk: Desk, request: ReturnRequest, seller: Actor, amount: int, chance: float) -> None:
    services.receive_return(seller, reference=request.reference, received=everything_received(request))


def refunds(desk: Desk, request: ReturnRequest, seller: Actor, amount: int, chance: float) -> None:
    items = list(request.items.order_by("pk"))
    item = items[int(chance * 100) % len(items)]
    part = PAID_PARTS[int(chance * 1000) % 3]
    services.record_refund(
        seller,
        reference=request.reference,
        amounts={(item.pk, part.value): amount},
        refunded_date=day(0),
        final=[item.pk] if chance > 0.7 else [],
        note="for us",
        memo="for you",
    )


def completes(desk: Desk, request: ReturnRequest, seller: Actor, amount: int, chance: float) -> None:
    services.complete_return(
        seller,
        reference=request.reference,
        outcome=Outcome.PARTIALLY_REFUNDED,
        comments="That is what we agreed on.",
    )


def offers(desk: Desk, request: ReturnRequest, seller: Actor, amount: int, chance: float) -> None:
    kind = OfferKind.values[int(chance * 1000) % len(OfferKind.values)]
    terms = Terms(kind=kind, amount_minor=amount, comments="Would this do?")
    services.make_offer(seller, reference=request.reference, terms=terms)


def answers(desk: Desk, request: ReturnRequest, seller: Actor, amount: int, chance: float) -> None:
    offer = Offer.objects.filter(request=request).order_by("-pk").first()
    if offer is None:
        return
    if chance < 0.6:
        services.accept_offer(desk.buyer, reference=request.reference, offer_id=offer.pk)
    elif chance < 0.8:
        services.decline_offer(desk.buyer, reference=request.reference, offer_id=offer.pk)
    else:
        services.take_back_offer(seller, reference=request.reference, offer_id=offer.pk)


def gives(desk: Desk, request: ReturnRequest, seller: Actor, amount: int, chance: float) -> None:
    lines = list(desk.order.items.order_by("pk"))
    give_concession(
        seller,
        order_reference=desk.order.reference,
        line_id=lines[int(chance * 100) % len(lines)].pk,
        part=EXTRA_PARTS[int(chance * 1000) % 2].value,
        amount_minor=amount,
        request_reference=request.reference if chance < 0.5 else "",
    )


def pays_out(desk: Desk, request: ReturnRequest, seller: Actor, amount: int, chance: float) -> None:
    payouts = list(Payout.objects.filter(order=desk.order).order_by("pk"))
    if not payouts:
        return
    payout = payouts[int(chance * 1000) % len(payouts)].reference
    if chance < 0.3:
        services.confirm_payout(payout)
    elif chance < 0.6:
        services.fail_payout(payout, PayoutFailure.REPORTED)
    elif chance < 0.8:
        services.give_up_payout(seller, payout=payout)
    elif chance < 0.9:
        services.retry_payout(seller, payout=payout)
    else:
        services.record_payout(seller, payout=payout, paid_date=day(0))


ACTS = (
    *(authorizes, closes, takes_back, receives, refunds, refunds, refunds, completes),
    *(offers, offers, answers, answers, gives, pays_out, pays_out),
)


def all_is_well(order: Order) -> None:
    everything_adds_up()
    for line in OrderItem.objects.filter(order=order):
        for part in PAID_PARTS:
            assert getattr(line, f"{part.value}_refunded_minor") <= getattr(line, f"{part.value}_paid_minor")
    for request in ReturnRequest.objects.filter(order=order):
        state: dict[str, Any] = {}
        for event in request.events.order_by("version"):
            for column, (before, after) in event.facts.get("changed", {}).items():
                assert state.setdefault(column, before) == before, f"{column} at {event}"
                state[column] = after
        for column in ("promise_minor", "outcome", "offer_until", "refund_due_at"):
            kept = getattr(request, column)
            told = state.get(column)
            assert bool(kept) == bool(told), f"{column}: {kept} and {told}"


def everybody_was_told_once() -> None:
    relay_events()
    relay_rows()
    assert not deliver_messages(seconds=60)
    of_events = Message.objects.filter(event__isnull=False)
    told = Counter(of_events.values_list("event", "recipient_type", "recipient_id", "kind"))
    assert set(told.values()) <= {1}
    paid = Payout.objects.filter(status="confirmed", request__isnull=False)
    for payout in paid:
        about = ReturnEvent.objects.filter(request=payout.request, facts__payout__reference=payout.reference)
        events = [payout.event_id, *about.values_list("pk", flat=True)]
        to_buyer = Message.objects.filter(
            event__in=events, recipient_type=RecipientType.BUYER, kind=Kind.REFUND_ISSUED
        )
        assert to_buyer.count() == 1, payout.pk
    given = Refund.objects.filter(cause=RefundCause.CONCESSION, status=RefundState.CONFIRMED)
    about_money = Message.objects.filter(event=None, kind=Kind.REFUND_ISSUED)
    assert about_money.count() == given.count()
    out = StringIO()
    with suppress(SystemExit):
        call_command("audit", stdout=out)
    assert ", 0 broken" in out.getvalue(), out.getvalue()


@pytest.fixture
def cast(database: str, transactional_db: None) -> Cast:
    return make_cast()


@pytest.fixture(params=["record", "hand_over"])
def backend(request: pytest.FixtureRequest, settings: Any) -> None:
    if request.param == "hand_over":
        settings.PAYOUT_BACKEND = "returns.payouts.hand_over.Backend"
        settings.PAYOUT_URL, settings.PAYOUT_SECRET = "http://127.0.0.1:9/", "not asked here" * 3


def seeds(normal: int, long: int) -> Any:
    return pytest.mark.parametrize(
        "seed",
        [*range(normal), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(normal, long))],
    )


@seeds(2, 60)
@pytest.mark.usefixtures("backend")
def test_in_whatever_order_money_is_moved_its_sums_hold(cast: Cast, seed: int) -> None:
    desk = Desk(cast, seed)
    done = 0
    for _step in range(50):
        act = desk.act()
        with suppress(Refusal):
            act()
            done += 1
        all_is_well(desk.order)
    assert done
    everybody_was_told_once()


@seeds(1, 40)
@pytest.mark.usefixtures("backend")
def test_all_at_once_changes_nothing_about_that(cast: Cast, seed: int) -> None:
    desk = Desk(cast, 1000 + seed)
    with crew(4) as people:
        for _round in range(15):
            people.together(*(desk.act() for _person in range(4)))
            all_is_well(desk.order)
    everybody_was_told_once()
