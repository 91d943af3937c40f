"""Rules under many hands at once: never more refunded than paid, never more uploads than a day has."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import transaction

from notifications.services import deliver_messages, relay_events
from returns.exceptions import Invalid
from returns.models import OrderItem, Refund, ReturnlessRule, ReturnRequest, Seller, SkuRule, SkuUpload
from returns.models.money import RefundCause
from returns.services.seller_rules import upload_overrides
from returns.state_machine import Outcome, Status
from tests.factories import Cast, Line, make_cast, make_order, open_request
from tests.returns.ledger import everything_adds_up
from tests.returns.rivals import Rival, crew, losers, winners

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


@pytest.fixture
def cast(database: str, transactional_db: None) -> Cast:
    return make_cast()


def small_things(cast: Cast) -> None:
    ReturnlessRule.objects.create(
        seller=cast.north_lane, name="Small things", currency="USD", least_minor=0, most_minor=5000
    )


@pytest.mark.parametrize("rounds", [5, pytest.param(500, marks=pytest.mark.long)])
def test_four_who_ask_at_once_are_never_given_more_than_was_paid(cast: Cast, rounds: int) -> None:
    small_things(cast)
    with crew(4) as buyers:
        for _round in range(rounds):
            order = make_order(cast.north_lane, Line(quantity=5, item=4999, tax=401))
            asking: list[Callable[[], Any]] = [lambda order=order: open_request(order, quantity=2)] * 4
            outcomes = buyers.together(*asking)
            assert (len(winners(outcomes)), len(losers(outcomes))) == (2, 2)
            line = order.items.get()
            # Two shares of two fifths each, rounded down.
            assert (line.item_refunded_minor, line.tax_refunded_minor, line.units_held) == (3998, 320, 4)
    refunded = ReturnRequest.objects.filter(
        status=Status.COMPLETED, outcome=Outcome.REFUNDED_WITHOUT_RETURN
    ).count()
    assert refunded == ReturnRequest.objects.count() == 2 * rounds
    assert Refund.objects.filter(cause=RefundCause.RULE).count() == 4 * rounds
    everything_adds_up()
    # The long run takes longer than a message may wait.
    while relay_events():
        pass
    while deliver_messages():
        pass
    call_command("audit")


def test_one_form_sent_four_times_at_once_refunds_once(cast: Cast) -> None:
    small_things(cast)
    order = make_order(cast.north_lane, Line(item=1299, tax=0))
    with crew(4) as buyers:
        opened = buyers.together(*[lambda: open_request(order, key="one form")] * 4)
    assert len({request.pk for request in opened}) == 1
    assert Refund.objects.get().amount_minor == 1299
    assert OrderItem.objects.get().item_refunded_minor == 1299


def a_file(name: str) -> SimpleUploadedFile:
    content = f"TemplateType=T\nSKU\tAction\n{name}\tMANUAL\n"
    return SimpleUploadedFile(f"{name}.tsv", content.encode())


def test_the_last_upload_of_a_day_is_one_persons(cast: Cast) -> None:
    alice = cast.actor(cast.alice)
    for number in range(19):
        upload_overrides(alice, file=a_file(f"SKU-{number}"))
    with transaction.atomic():
        Seller.objects.select_for_update(no_key=True).get(pk=cast.north_lane.pk)
        rival = Rival(lambda: upload_overrides(alice, file=a_file("RIVAL")))
        rival.wait_for_my_lock("returns_seller")
        upload_overrides(alice, file=a_file("MINE"))
    told = rival.outcome()
    assert isinstance(told, Invalid)
    assert str(told).startswith("41007 ")
    assert SkuUpload.objects.count() == 20
    assert SkuRule.objects.filter(sku__in=("MINE", "RIVAL")).get().sku == "MINE"
