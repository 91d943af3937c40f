"""Two who authorize at once: one number of an order, one label of a request, whatever the database."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from returns import services
from returns.exceptions import Invalid, SomebodyElseWasFirst
from returns.models import Order, ReturnEvent, ReturnLabel, ReturnRequest, Seller
from returns.services.decide import Authorization
from returns.state_machine import Action
from tests.factories import Cast, at_once, make_cast, make_order, open_request
from tests.label_files import an_own_label
from tests.returns.ledger import everything_adds_up
from tests.returns.rivals import Rival

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


@pytest.fixture(autouse=True)
def uploads(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def cast(database: str, transactional_db: None) -> Cast:
    return make_cast()


def authorize(cast: Cast, user: Any, request: ReturnRequest, **decision: Any) -> ReturnEvent:
    return services.authorize_return(
        at_once(cast.actor(user)), reference=request.reference, decision=Authorization(**decision)
    )


def test_two_requests_of_an_order_cannot_take_one_number_at_the_same_moment(cast: Cast) -> None:
    order = make_order(cast.north_lane, country="CA")
    order.items.update(quantity=2)
    one, other = open_request(order, quantity=1), open_request(order, quantity=1)
    # Apart from each other but for the order: what they hold themselves is not what they wait for.
    with transaction.atomic():
        Order.objects.select_for_update(no_key=True).get(pk=order.pk)
        rival = Rival(partial(authorize, cast, cast.ben, other, merchant_rma="NL-1"))
        rival.wait_for_my_lock("returns_order", "FOR NO KEY UPDATE")
        ReturnRequest.objects.filter(pk=one.pk).update(merchant_rma="NL-1")
    assert isinstance(rival.outcome(), Invalid)
    everything_adds_up()


def test_an_owner_who_keeps_instructions_waits_for_the_seller_before_the_request(cast: Cast) -> None:
    """An import holds the seller while it waits for requests: the other way round both would wait for ever."""
    request = open_request(make_order(cast.north_lane, country="CA"))
    keep = {"instructions": "Wrap it well.", "saves_instructions": True}
    with transaction.atomic():
        Seller.objects.select_for_update(no_key=True).get(pk=cast.north_lane.pk)
        rival = Rival(partial(authorize, cast, cast.alice, request, **keep))
        rival.wait_for_my_lock("returns_seller", "FOR NO KEY UPDATE")
        assert not any("FOR UPDATE" in done for done in rival.done)
    assert isinstance(rival.outcome(), ReturnEvent)
    assert Seller.objects.get(pk=cast.north_lane.pk).instructions == "Wrap it well."


def test_what_only_one_request_can_have_is_not_given_to_many(cast: Cast) -> None:
    references = [open_request(make_order(cast.north_lane, country="CA")).reference for _ in range(2)]
    for decision in (Authorization(merchant_rma="NL-1"), Authorization(label=an_own_label())):
        with pytest.raises(ValueError, match="for one request"):
            services.decide_returns(cast.actor(cast.alice), decision=decision, references=references)
    assert not ReturnEvent.objects.filter(action=Action.AUTHORIZE).exists()


def test_of_two_labels_that_come_at_once_one_is_kept(cast: Cast) -> None:
    request = open_request(make_order(cast.north_lane, country="CA"))
    mine, theirs = an_own_label(), an_own_label()
    with transaction.atomic():
        ReturnRequest.objects.select_for_update().get(pk=request.pk)
        rival = Rival(partial(authorize, cast, cast.ben, request, label=theirs))
        rival.wait_for_my_lock("returns_returnrequest", "FOR UPDATE")
        authorize(cast, cast.alice, request, label=mine)
    assert isinstance(rival.outcome(), SomebodyElseWasFirst)
    assert ReturnLabel.objects.get().file == mine.file
    everything_adds_up()


def test_a_promised_label_is_provided_once(cast: Cast) -> None:
    request = open_request(make_order(cast.north_lane, country="CA"))
    authorize(cast, cast.alice, request, promises_label=True)

    def provide(user: Any) -> ReturnEvent:
        return services.provide_label(
            at_once(cast.actor(user)), reference=request.reference, label=an_own_label()
        )

    with transaction.atomic():
        ReturnRequest.objects.select_for_update().get(pk=request.pk)
        rival = Rival(partial(provide, cast.ben))
        rival.wait_for_my_lock("returns_returnrequest", "FOR UPDATE")
        provide(cast.alice)
    assert str(rival.outcome()) == "No label is owed for this request."
    assert request.events.filter(action=Action.PROVIDE_LABEL).count() == 1
    everything_adds_up()
