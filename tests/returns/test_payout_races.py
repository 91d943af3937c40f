"""Money under many hands at once, and under processes that are killed: given once, paid once."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as portal
from django.db import connection, transaction

from returns import services
from returns.actors import Actor
from returns.exceptions import TransitionNotAllowed
from returns.models import OrderItem, Payout, Refund, ReturnRequest
from returns.services.concessions import give_concession
from returns.services.payout_delivery import send_payouts
from returns.state_machine import Outcome, Status
from tests.factories import Cast, a_request_in, at_once, day, everything_owed, make_cast
from tests.returns.rivals import Rival, crew, losers, somebody_waits, winners
from tests.returns.shop_server import SECRET, ShopServer
from tests.returns.test_services_payouts import CONFIRMED, be_due, refund_all, sound, states, told
from tests.services import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

DYING_PAYER = str(Path(__file__).with_name("dying_payer.py"))
MANY = 20


@pytest.fixture
def cast(database: str, transactional_db: None) -> Cast:
    return make_cast()


@pytest.fixture
def alice(cast: Cast) -> Actor:
    return at_once(cast.actor(cast.alice))


@pytest.mark.parametrize("key", ["one form", ""], ids=["one form", "twenty forms"])
def test_twenty_who_refund_the_same_at_once_give_it_once(cast: Cast, alice: Actor, key: str) -> None:
    request = a_request_in(cast, Status.REFUND_DUE)
    amounts = everything_owed(request)

    def refund() -> Any:
        return services.record_refund(
            alice, reference=request.reference, amounts=amounts, refunded_date=day(0), key=key
        )

    with crew(MANY) as people:
        outcomes = people.together(*[refund] * MANY)
    assert len({event.pk for event in winners(outcomes)}) == 1
    assert len(losers(outcomes)) == (0 if key else MANY - 1)
    assert sum(Refund.objects.values_list("amount_minor", flat=True)) == 13932
    assert Payout.objects.get().amount_minor == 13932
    assert told(request, "refund_issued") == 1
    sound()


def test_the_shop_confirms_a_concession_while_its_request_is_decided(
    cast: Cast, alice: Actor, shop: ShopServer
) -> None:
    request = a_request_in(cast, Status.REFUND_DUE)
    line = request.order.items.get()
    given = give_concession(
        alice,
        order_reference=request.order.reference,
        request_reference=request.reference,
        line_id=line.pk,
        part="goodwill",
        amount_minor=100,
    )
    assert given.payout is not None
    payout = given.payout
    send_payouts()
    with transaction.atomic():
        list(ReturnRequest.objects.select_for_update().filter(pk=request.pk))
        shops_word = Rival(lambda: services.confirm_payout(payout.reference))
        if connection.vendor == "sqlite":
            shops_word.wait_for_my_lock()
        else:
            wait_until(lambda: somebody_waits() or not shops_word.is_alive())
        # Whoever decides about the request locks its line next: the shop's word must not hold that and wait for this.
        list(OrderItem.objects.select_for_update().filter(pk=line.pk))
    shops_word.outcome()
    payout.refresh_from_db()
    assert payout.status == CONFIRMED
    sound()


def test_many_who_hand_over_at_once_ask_the_shop_once_for_each(
    cast: Cast, alice: Actor, shop: ShopServer
) -> None:
    payouts = [refund_all(alice, a_request_in(cast, Status.REFUND_DUE)) for _number in range(6)]
    with crew(4) as senders:
        senders.together(*[send_payouts] * 4)
    assert sorted(shop.keys) == sorted(payout.reference for payout in payouts)


def test_the_shop_that_confirms_twenty_times_at_once_confirms_once(
    cast: Cast, alice: Actor, shop: ShopServer
) -> None:
    payout = refund_all(alice, a_request_in(cast, Status.REFUND_DUE))
    with crew(MANY) as calls:
        outcomes = calls.together(*[lambda: services.confirm_payout(payout.reference)] * MANY)
    assert losers(outcomes) == []
    request = ReturnRequest.objects.get()
    assert request.events.filter(action="pay_out").count() == 1
    assert told(request, "refund_issued") == 1
    sound()


def test_who_gives_up_waits_for_who_tries_again_and_is_refused(
    cast: Cast, alice: Actor, shop: ShopServer
) -> None:
    payout = a_failed_one(cast, alice, shop)
    with transaction.atomic():
        services.retry_payout(alice, payout=payout.reference)
        rival = Rival(lambda: services.give_up_payout(alice, payout=payout.reference))
        rival.wait_for_my_lock("returns_returnrequest")
    assert isinstance(rival.outcome(), TransitionNotAllowed)
    assert states(payout) == {"requested"}
    assert OrderItem.objects.get().item_refunded_minor == 12900
    sound()


def a_failed_one(cast: Cast, alice: Actor, shop: ShopServer) -> Payout:
    shop.script.append(400)
    payout = refund_all(alice, a_request_in(cast, Status.REFUND_DUE))
    send_payouts()
    assert states(payout) == {"failed"}
    return payout


@pytest.mark.parametrize("rounds", [3, pytest.param(60, marks=pytest.mark.long)])
def test_whoever_wins_the_sums_hold(cast: Cast, alice: Actor, shop: ShopServer, rounds: int) -> None:
    ben = at_once(cast.actor(cast.ben))
    with crew(4) as people:
        for _round in range(rounds):
            payout = a_failed_one_of_many(cast, alice, shop)
            acts = {"payout": payout.reference}
            people.together(
                lambda acts=acts: services.retry_payout(alice, **acts),
                lambda acts=acts: services.give_up_payout(ben, **acts),
                lambda acts=acts: services.confirm_payout(acts["payout"]),
                lambda acts=acts: services.record_payout(alice, paid_date=day(0), **acts),
            )
            payout.refresh_from_db()
            counted = sum(payout.refunds.counted().values_list("amount_minor", flat=True))
            assert counted == (0 if payout.status == "given_up" else 13932)
            assert len(states(payout)) == 1
    sound()


def a_failed_one_of_many(cast: Cast, alice: Actor, shop: ShopServer) -> Payout:
    request = a_request_in(cast, Status.REFUND_DUE)
    payout = refund_all(alice, request)
    return services.fail_payout(payout.reference, "reported")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_that_is_killed_while_it_hands_over_costs_nobody_money(
    cast: Cast, alice: Actor, shop: ShopServer, tmp_path: Path, when: str
) -> None:
    payout = refund_all(alice, a_request_in(cast, Status.REFUND_DUE))
    asked = 1 if when == "after" else 0
    assert run_payer(shop, tmp_path, when) == -signal.SIGKILL
    assert len(shop.asked) == asked
    assert not send_payouts()
    assert len(shop.asked) == asked  # the lease of the dead one holds
    be_due()
    shop.script.append((200, {"status": "confirmed"}))
    send_payouts()
    assert states(payout) == {"confirmed"}
    assert (set(shop.keys), len(set(shop.bodies))) == ({payout.reference}, 1)
    assert shop.paid == {payout.reference: 13932}
    assert ReturnRequest.objects.get().outcome == Outcome.REFUNDED
    sound()


def run_payer(shop: ShopServer, folder: Path, when: str) -> int:
    """The exit code of a payer in a process of its own, on this test's database."""
    given = connection.settings_dict
    address = f"sqlite:///{given['NAME']}"
    if connection.vendor == "postgresql":
        address = f"postgres://{given['USER']}@{given['HOST']}:{given['PORT']}/{given['NAME']}"
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "returns_portal.settings",
        "DATA_DIR": str(folder),
        "DATABASE_URL": address,
        "SECRET_KEY": portal.SECRET_KEY,
        "PAYOUT_BACKEND": "hand_over",
        "PAYOUT_URL": shop.url,
        "PAYOUT_SECRET": SECRET,
        "PYTHONPATH": str(portal.BASE_DIR),
    }
    command = [sys.executable, DYING_PAYER, when]
    return subprocess.run(command, env=environment, cwd=portal.BASE_DIR, timeout=60, check=False).returncode
