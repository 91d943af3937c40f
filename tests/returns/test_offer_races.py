"""An offer and what happens to it at the same moment: one wins, the other is told, and money is given once."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum

from returns import services
from returns.actors import Actor
from returns.models import Offer, OfferState, OrderItem, Refund, ReturnEvent, ReturnRequest
from returns.models.clock import database_now
from returns.services.deadlines import lapse_offers
from returns.services.offers import Terms
from returns.state_machine import Action, Outcome, Status
from tests.factories import Cast, a_request_in, at_once, closing, day, days_ago, make_cast
from tests.returns.ledger import everything_adds_up
from tests.returns.rivals import Rival, crew, losers, winners

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

TERMS = Terms(kind="keep_full", comments="Keep it, please.")
OWED = 13932


@pytest.fixture
def cast(database: str, transactional_db: None) -> Cast:
    return make_cast()


@pytest.fixture
def offer(cast: Cast) -> Offer:
    return an_offer(cast)


def an_offer(cast: Cast, terms: Terms = TERMS, days_back: int = 0) -> Offer:
    request = a_request_in(cast, Status.AUTHORIZATION_REQUIRED)
    alice = at_once(cast.actor(cast.alice))
    alice = alice.at(days_ago(days_back)) if days_back else alice
    event = services.make_offer(alice, reference=request.reference, terms=terms)
    return Offer.objects.select_related("request__order").get(event=event)


# What people do


def accepts(cast: Cast, offer: Offer, key: str = "") -> ReturnEvent:
    buyer = Actor.buyer(offer.request.order)
    return services.accept_offer(buyer, reference=offer.request.reference, offer_id=offer.pk, key=key)


def turns_down(cast: Cast, offer: Offer) -> ReturnEvent:
    buyer = Actor.buyer(offer.request.order)
    return services.decline_offer(buyer, reference=offer.request.reference, offer_id=offer.pk)


def takes_back(cast: Cast, offer: Offer) -> ReturnEvent:
    alice = at_once(cast.actor(cast.alice))
    return services.take_back_offer(alice, reference=offer.request.reference, offer_id=offer.pk)


def closes(cast: Cast, offer: Offer) -> ReturnEvent:
    alice = at_once(cast.actor(cast.alice))
    return services.close_return(alice, reference=offer.request.reference, closing=closing())


def authorizes(cast: Cast, offer: Offer) -> ReturnEvent:
    return services.authorize_return(at_once(cast.actor(cast.ben)), reference=offer.request.reference)


def refunds(cast: Cast, offer: Offer, minor: int = 1) -> ReturnEvent:
    return services.record_refund(
        at_once(cast.actor(cast.alice)),
        reference=offer.request.reference,
        amounts={(offer.request.items.get().pk, "item"): minor},
        refunded_date=day(0),
    )


def offers_again(cast: Cast, offer: Offer) -> ReturnEvent:
    ben = at_once(cast.actor(cast.ben))
    return services.make_offer(ben, reference=offer.request.reference, terms=TERMS)


def lapses(cast: Cast, offer: Offer) -> int:
    return lapse_offers()


def given(offer: Offer) -> int:
    total: int = Refund.objects.filter(request=offer.request).aggregate(total=Sum("amount_minor", default=0))[
        "total"
    ]
    return total


Act = Callable[[Cast, Offer], Any]


@pytest.mark.parametrize(
    ("acts", "told", "money"),
    [
        ((accepts, closes), "Refunded without return by the system on ", OWED),
        ((accepts, authorizes), "Refunded without return by the system on ", OWED),
        ((accepts, refunds), "Refunded without return by the system on ", OWED),
        ((accepts, accepts), "This offer was accepted already.", OWED),
        ((accepts, takes_back), "This offer was accepted already.", OWED),
        ((accepts, turns_down), "This offer was accepted already.", OWED),
        ((closes, accepts), "Closed by the seller on ", 0),
        ((authorizes, accepts), "This offer is no longer open.", 0),
        ((takes_back, accepts), "This offer is no longer open.", 0),
        ((turns_down, accepts), "This offer was turned down already.", 0),
        ((turns_down, takes_back), "This offer was turned down already.", 0),
        (
            (refunds, accepts),
            "This offer can no longer be carried out. At most $139.31 can still be refunded",
            1,
        ),
    ],
)
def test_who_comes_second_is_told_and_money_is_given_once(
    cast: Cast, offer: Offer, acts: tuple[Act, Act], told: str, money: int
) -> None:
    first, second = acts
    with transaction.atomic():
        ReturnRequest.objects.select_for_update().get(pk=offer.request_id)
        rival = Rival(partial(second, cast, offer))
        rival.wait_for_my_lock("returns_returnrequest", "FOR UPDATE")
        first(cast, offer)
    assert str(rival.outcome()).startswith(told)
    assert given(offer) == money
    everything_adds_up()


def test_of_two_who_make_an_offer_at_once_one_does(cast: Cast) -> None:
    request = a_request_in(cast, Status.AUTHORIZATION_REQUIRED)
    alice, ben = (at_once(cast.actor(user)) for user in (cast.alice, cast.ben))
    with transaction.atomic():
        ReturnRequest.objects.select_for_update().get(pk=request.pk)
        rival = Rival(partial(services.make_offer, ben, reference=request.reference, terms=TERMS))
        rival.wait_for_my_lock("returns_returnrequest", "FOR UPDATE")
        services.make_offer(alice, reference=request.reference, terms=TERMS)
    assert str(rival.outcome()) == "An offer to the buyer is open. Take it back first."
    assert Offer.objects.count() == 1
    everything_adds_up()


def test_an_offer_whose_time_is_over_is_not_accepted_whoever_is_first(cast: Cast) -> None:
    offer = an_offer(cast, days_back=7)
    with crew(3) as people:
        outcomes = people.together(*[partial(act, cast, offer) for act in (accepts, lapses, accepts)])
    assert [str(one) for one in losers(outcomes)] == ["The time to answer this offer is over."] * 2
    offer.refresh_from_db()
    assert (offer.state, given(offer)) == (OfferState.LAPSED, 0)
    everything_adds_up()


def test_twenty_times_the_same_answer_at_once_is_one(cast: Cast, offer: Offer) -> None:
    with crew(20) as people:
        answers = people.together(*[partial(accepts, cast, offer, "form-1")] * 20)
    assert len({answer.pk for answer in answers}) == 1
    assert given(offer) == OWED
    assert ReturnRequest.objects.get().version == 4  # opened, offered, accepted, completed
    everything_adds_up()


@pytest.mark.parametrize("rounds", [6, pytest.param(300, marks=pytest.mark.long)])
def test_whatever_happens_at_once_leaves_one_answer_and_no_money_twice(cast: Cast, rounds: int) -> None:
    everybody = (accepts, closes, refunds, takes_back, turns_down, offers_again, accepts)
    with crew(len(everybody)) as people:
        for number in range(rounds):
            offer = an_offer(cast)
            acts = everybody[number % len(everybody) :] + everybody[: number % len(everybody)]
            outcomes = people.together(*[partial(act, cast, offer) for act in acts])
            assert winners(outcomes)
            offer.refresh_from_db()
            request = ReturnRequest.objects.get(pk=offer.request_id)
            answers = request.events.filter(action=Action.OFFER, facts__offer__state=OfferState.ACCEPTED)
            is_accepted = Offer.objects.filter(request=request, state=OfferState.ACCEPTED).count()
            assert answers.count() == is_accepted
            assert (request.outcome == Outcome.REFUNDED_WITHOUT_RETURN) == bool(is_accepted)
            assert given(offer) in ((OWED,) if is_accepted else (0, 1))
            still_open = Offer.objects.filter(request=request, state=OfferState.OPEN)
            assert [one.valid_until for one in still_open] == [request.offer_until] * still_open.count()
            assert request.status == Status.AUTHORIZATION_REQUIRED or not still_open
    everything_adds_up()


# The database itself


def test_the_database_keeps_one_open_offer_and_whole_ones(cast: Cast, offer: Offer) -> None:
    at = {"seller_id": offer.seller_id, "request_id": offer.request_id, "valid_until": database_now()}
    other = an_offer(cast)
    for wrong in (
        {"event": other.event, "kind": "free_label"},
        {"event": other.event, "kind": "credit", "amount_minor": 0, "currency": "USD"},
        {"event": other.event, "kind": "credit", "state": "lapsed", "answered_at": database_now()},
        {"event": other.event, "kind": "free_label", "state": "lapsed"},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Offer.objects.create(**{**at, **wrong})
    with pytest.raises(IntegrityError), transaction.atomic():
        ReturnRequest.objects.filter(pk=a_request_in(cast, Status.CLOSED).pk).update(
            offer_until=database_now()
        )
    assert OrderItem.objects.filter(item_refunded_minor__gt=0).count() == 0
