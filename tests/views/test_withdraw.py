"""Withdrawing from the contract: the way there, the two steps, the receipt, and what the seller sees of it."""

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.conf import settings as portal
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from notifications.mailbox import parse, part
from notifications.models import MailboxEntry, Message
from notifications.services import deliver_messages, relay_events
from returns import services
from returns.actors import Actor
from returns.exceptions import Forbidden, Invalid, NotFound, SomebodyElseWasFirst
from returns.models import MarketplaceSettings, Order, ReturnAddress, ReturnReason, ReturnRequest, Seller
from returns.services.withdraw import WithdrawnLine
from returns.state_machine import Action, Role, Status
from tests.browsers import let_in, signed_in
from tests.factories import DORA, Cast, Line, change_rules, closing, day, days_ago, make_order, open_request
from tests.returns.ledger import everything_adds_up, refused

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def mailbox(settings: Any) -> None:
    settings.DEMO, settings.MAILBOX = True, True
    settings.EMAIL_BACKEND = "notifications.mailbox.Backend"


@pytest.fixture
def order(cast: Cast) -> Order:
    """Two kettles and a rug, delivered in Lyon eight days ago, by a seller who decides each return by hand."""
    Seller.objects.filter(pk=cast.north_lane.pk).update(authorization=Seller.Authorization.BY_HAND)
    return an_order(cast)


def an_order(cast: Cast, **how: Any) -> Order:
    how = {"country": "FR", **how}
    return make_order(
        cast.north_lane,
        Line(sku="KETTLE-1", title="Steel kettle", quantity=2),
        Line(sku="RUG-1", title="Wool rug", category=how.pop("category", "Home")),
        **how,
    )


def page_of(order: Order) -> str:
    return f"/my/orders/{order.reference}/withdraw/"


def words(response: HttpResponse) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def confirm(client: Client, order: Order, **quantities: int) -> HttpResponse:
    """Go both steps for these units of the order's lines, kettle and rug."""
    kettle, rug = order.items.order_by("pk")
    lines = {"kettle": kettle.pk, "rug": rug.pk}
    answer = client.post(page_of(order), {f"quantity_{lines[name]}": n for name, n in quantities.items()})
    assert answer.status_code == 303, words(answer)
    shown = client.get(answer["Location"])
    return client.post(f"{page_of(order)}confirm/", fields(shown))


def fields(shown: HttpResponse) -> dict[str, str]:
    return dict(re.findall(r'name="(key|quantity_\d+)"[^>]* value="([^"]+)"', shown.content.decode()))


def mails(address: str) -> dict[str, str]:
    relay_events()
    deliver_messages()
    found = MailboxEntry.objects.filter(recipients=address).order_by("pk")
    return {mail.subject: part(parse(mail.content), "plain") for mail in found}


# --- The whole way


def test_a_buyer_withdraws_in_two_steps_and_the_system_authorizes_at_once(cast: Cast, order: Order) -> None:
    client = let_in(order)
    assert f'href="{page_of(order)}"' in client.get(f"/my/orders/{order.reference}/").content.decode()
    assert "without giving a reason" in words(client.get(page_of(order)))
    answer = confirm(client, order, kettle=1, rug=1)
    request = ReturnRequest.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"/my/returns/{request.reference}/")
    assert (request.status, request.is_timely_withdrawal) == (Status.AUTHORIZED, True)
    assert list(request.items.order_by("pk").values_list("quantity", "reason_code")) == [
        (1, "CR-NO_REASON_GIVEN"),
        (1, "CR-NO_REASON_GIVEN"),
    ]
    assert list(request.events.order_by("version").values_list("action", "role")) == [
        (Action.OPEN, Role.BUYER),
        (Action.AUTHORIZE, Role.SYSTEM),
    ]
    assert request.verdict["withdrawal"]["payer"] == "buyer"
    assert request.return_address
    everything_adds_up()


def test_both_are_told_in_their_own_language(cast: Cast, order: Order) -> None:
    order.buyer.language = "zh-hans"
    order.buyer.save()
    confirm(let_in(order), order, rug=1)
    request = ReturnRequest.objects.get()
    to_buyer, to_seller = mails(DORA.email), mails(cast.alice.email)
    number = order.order_number
    receipt = to_buyer[f"我们已收到您的撤回声明：订单 {number}"]
    assert "1 × Wool rug" in receipt
    assert re.search(r"\d{4}年\d+月\d+日 \d\d:\d\d UTC", receipt)
    assert "寄回运费由您承担。" in receipt
    assert any("批准" in subject for subject in to_buyer)
    told = to_seller[f"The buyer withdrew from the contract: order {number}"]
    assert "that is law" in told
    assert "The buyer pays for sending it back." in told
    assert f"/seller/returns/{request.reference}/" in told
    assert "/close/" not in told
    assert not any("waits for you" in subject for subject in to_seller)


def test_the_same_form_sent_twice_is_one_withdrawal(order: Order) -> None:
    client = let_in(order)
    rug = order.items.get(sku="RUG-1")
    shown = client.get(f"{page_of(order)}confirm/", {f"quantity_{rug.pk}": 1})
    first = client.post(f"{page_of(order)}confirm/", fields(shown))
    again = client.post(f"{page_of(order)}confirm/", fields(shown))
    assert first["Location"] == again["Location"]
    assert ReturnRequest.objects.count() == 1


def test_the_seller_sees_why_it_is_authorized(cast: Cast, order: Order) -> None:
    confirm(let_in(order), order, rug=1)
    page = words(signed_in(cast.alice).get(f"/seller/returns/{ReturnRequest.objects.get().reference}/"))
    assert "Withdrawal in time: possible until" in page
    assert "Authorized by the system, as the law demands." in page
    assert "Withdrawal from the contract" in page


def test_the_seller_cannot_close_it_and_is_told_so(cast: Cast, order: Order) -> None:
    confirm(let_in(order), order, rug=1)
    request = ReturnRequest.objects.get()
    alice = cast.actor(cast.alice)
    for code in ("other", "refund_without_return"):
        with refused(SomebodyElseWasFirst):
            services.close_return(alice, reference=request.reference, closing=closing(code))


def test_every_page_is_within_twelve_queries(order: Order) -> None:
    client = let_in(order)
    rug = order.items.get(sku="RUG-1")
    for page in (
        f"/my/orders/{order.reference}/",
        page_of(order),
        f"{page_of(order)}confirm/?quantity_{rug.pk}=1",
    ):
        client.get(page)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(page).status_code == 200
        assert len(queries) <= 12, page


# --- Who has the right, and until when


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (
            {"delivered_days_ago": 40, "ordered_days_ago": 44},
            "The time to withdraw from the contract ended on",
        ),
        ({"country": "US"}, "There is no right of withdrawal in the country of this order."),
        ({"is_business": True}, "There is no right of withdrawal for business orders."),
    ],
)
def test_without_a_right_the_page_says_why_and_shows_the_other_way(
    cast: Cast, how: dict[str, Any], said: str
) -> None:
    order = an_order(cast, **how)
    client = let_in(order)
    assert page_of(order) not in client.get(f"/my/orders/{order.reference}/").content.decode()
    page = client.get(page_of(order))
    assert said in words(page)
    assert f'href="/my/orders/{order.reference}/ask/"' in page.content.decode()
    rug = order.items.get(sku="RUG-1")
    answer = client.post(f"{page_of(order)}confirm/", {"key": "k", f"quantity_{rug.pk}": "1"})
    assert answer.status_code == 422
    assert said.removesuffix(".") in words(answer)
    assert not ReturnRequest.objects.exists()


def test_the_date_in_the_refusal_is_the_last_day(cast: Cast) -> None:
    order = an_order(cast, delivered_days_ago=40, ordered_days_ago=44)
    change_rules(withdrawal_rules=[rule("FR", days=30)])
    Order.objects.filter(pk=order.pk).update(
        ordered_at=days_ago(0), delivered_date=datetime(2026, 3, 1, tzinfo=UTC)
    )
    assert "ended on 31 Mar" in words(let_in(order).get(page_of(order)))


def rule(country: str, **columns: Any) -> dict[str, Any]:
    return {
        "country": country,
        "days": 14,
        "start": "next-day",
        "rolls_over": False,
        "payer": "buyer",
        "time_zone": "UTC",
        "exempt_categories": [],
        "days_off": [],
        **columns,
    }


def test_what_the_law_exempts_is_named_and_cannot_be_withdrawn_from(cast: Cast) -> None:
    order = an_order(cast, category="Custom-made")
    client = let_in(order)
    page = client.get(page_of(order))
    assert "Not possible for Wool rug: the law exempts such items." in words(page)
    rug = order.items.get(sku="RUG-1")
    assert f"quantity_{rug.pk}" not in page.content.decode()
    with refused(Invalid) as refusal:
        withdraw(order, {rug.pk: 1})
    assert list(refusal.value.errors) == [f"quantity_{rug.pk}"]


def withdraw(order: Order, quantities: dict[int, int], actor: Actor | None = None) -> Any:
    lines = [WithdrawnLine(order_item_id=pk, quantity=units) for pk, units in quantities.items()]
    return services.withdraw(
        actor or Actor.buyer(order), order_reference=order.reference, lines=lines, key="f"
    )


def test_only_units_that_are_left_are_withdrawn_from(cast: Cast, order: Order) -> None:
    kettle, rug = order.items.order_by("pk")
    for quantities in ({kettle.pk: 3}, {kettle.pk: 0}, {kettle.pk: -1}, {0: 1}, {}):
        with refused(Invalid):
            withdraw(order, quantities)
    client = let_in(order)
    answer = client.post(page_of(order), {f"quantity_{kettle.pk}": "3", f"quantity_{rug.pk}": "1"})
    assert answer.status_code == 422
    assert "Steel kettle" in words(answer)
    assert client.post(page_of(order), {f"quantity_{kettle.pk}": "0"}).status_code == 422


def test_only_the_order_s_own_sides_declare_it(cast: Cast, order: Order) -> None:
    rug = order.items.get(sku="RUG-1")
    with refused(Forbidden):
        withdraw(order, {rug.pk: 1}, cast.actor(cast.vera))
    for actor in (Actor.buyer(an_order(cast)), cast.actor(cast.carol)):
        with refused(NotFound):
            withdraw(order, {rug.pk: 1}, actor)


# --- What the buyer declared elsewhere


def record(client: Client, order: Order, day: date, **units: int) -> HttpResponse:
    """Go both steps on the buyer's behalf for these units of the order's lines, by SKU."""
    page = f"/seller/orders/{order.reference}/withdraw/"
    wanted = {f"quantity_{line.pk}": units.get(line.sku[:3].lower(), 0) for line in order.items.all()}
    answer = client.post(page, {"declared_date": day.isoformat(), **wanted})
    if answer.status_code != 303:
        return answer
    shown = client.get(answer["Location"])
    names = r'name="(key|declared_date|quantity_\d+)"[^>]* value="([^"]+)"'
    return client.post(f"{page}confirm/", dict(re.findall(names, shown.content.decode())))


@pytest.mark.parametrize("who", ["alice", "root"])
def test_the_seller_s_side_records_it_with_its_day_and_the_buyer_gets_the_receipt(
    cast: Cast, order: Order, who: str
) -> None:
    client = signed_in(getattr(cast, who), with_second_factor=who == "root")
    page = client.get(f"/seller/orders/{order.reference}/").content.decode()
    assert f'href="/seller/orders/{order.reference}/withdraw/"' in page
    answer = record(client, order, day(2), ket=1)
    request = ReturnRequest.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"/seller/returns/{request.reference}/")
    assert (request.status, request.is_timely_withdrawal) == (Status.AUTHORIZED, True)
    assert (request.requested_at.date(), request.requested_has_time) == (day(2), False)
    opened, authorized = request.events.order_by("version")
    assert (opened.role, authorized.role) == ("admin" if who == "root" else "seller", "system")
    assert opened.occurred_at.date() == day(0)
    assert opened.facts["stated"] == {"declared_date": day(2).isoformat()}
    everything_adds_up()
    receipt = mails(DORA.email)[f"We have your withdrawal: order {order.order_number}"]
    by = cast.north_lane.name if who == "alice" else MarketplaceSettings.load().name
    said = f"{by} has recorded that on {day(2).day} {day(2):%b %Y} you withdrew from the contract"
    assert said in " ".join(receipt.split())
    assert f"The buyer withdrew from the contract: order {order.order_number}" in mails(cast.ben.email)


def test_the_day_of_the_declaration_decides_not_the_day_of_the_record(cast: Cast) -> None:
    order = an_order(cast, ordered_days_ago=24, delivered_days_ago=20)
    client = signed_in(cast.alice)
    late = record(client, order, day(1), rug=1)
    assert late.status_code == 422
    assert "The time to withdraw from the contract ended on" in words(late)
    assert "No right" not in words(client.get(f"/seller/orders/{order.reference}/withdraw/"))
    assert record(client, order, day(10), rug=1).status_code == 303
    assert ReturnRequest.objects.get().is_timely_withdrawal


@pytest.mark.parametrize(
    ("back", "said"),
    [
        (-2, "Enter a day that is not in the future."),
        (30, "Enter a day on which the order had been placed."),
    ],
)
def test_a_day_that_cannot_be_is_refused_and_nothing_is_recorded(
    cast: Cast, order: Order, back: int, said: str
) -> None:
    client = signed_in(cast.alice)
    answer = record(client, order, day(back), rug=1)
    assert answer.status_code == 422
    assert said in words(answer)
    assert 'id="id_declared_date_error"' in answer.content.decode()
    sent = {"key": "k", "declared_date": day(back), f"quantity_{order.items.get(sku='RUG-1').pk}": 1}
    answer = client.post(f"/seller/orders/{order.reference}/withdraw/confirm/", sent)
    assert answer.status_code == 422
    assert said in words(answer)
    assert not ReturnRequest.objects.exists()


def test_what_the_law_exempts_is_refused_where_it_was_chosen(cast: Cast) -> None:
    order = an_order(cast, category="Custom-made")
    answer = record(signed_in(cast.alice), order, day(1), rug=1, ket=1)
    assert answer.status_code == 422
    assert "The law has no right of withdrawal for this item." in words(answer)


def test_a_record_sent_twice_is_one_withdrawal(cast: Cast, order: Order) -> None:
    client, page = signed_in(cast.alice), f"/seller/orders/{order.reference}/withdraw/confirm/"
    sent = {"key": "k", "declared_date": day(1).isoformat(), f"quantity_{order.items.get(sku='RUG-1').pk}": 1}
    assert client.post(page, sent)["Location"] == client.post(page, sent)["Location"]
    assert ReturnRequest.objects.count() == 1


def test_it_is_offered_where_the_law_has_such_a_right_to_who_may_decide(cast: Cast) -> None:
    for how, user, is_offered in (
        ({}, cast.alice, True),
        ({}, cast.vera, False),
        ({"country": "US"}, cast.alice, False),
        ({"is_business": True}, cast.alice, False),
    ):
        page = f"/seller/orders/{an_order(cast, **how).reference}/"
        assert ("/withdraw/" in signed_in(user).get(page).content.decode()) is is_offered


def test_a_reason_that_was_retired_is_no_obstacle(order: Order) -> None:
    ReturnReason.objects.update(is_active=False)
    confirm(let_in(order), order, rug=1)
    assert ReturnRequest.objects.get().is_timely_withdrawal


def test_without_an_address_in_the_country_another_one_is_named(cast: Cast, order: Order) -> None:
    ReturnAddress.objects.exclude(country="CA").update(is_active=False)
    confirm(let_in(order), order, rug=1)
    assert "Vancouver" in ReturnRequest.objects.get().return_address


def test_where_the_seller_pays_a_label_is_owed(cast: Cast) -> None:
    change_rules(withdrawal_rules=[rule("FR", payer="seller")])
    order = an_order(cast)
    client = let_in(order)
    rug = order.items.get(sku="RUG-1")
    shown = client.get(f"{page_of(order)}confirm/", {f"quantity_{rug.pk}": 1})
    assert "You do not pay for sending it back." in words(shown)
    confirm(client, order, rug=1)
    request = ReturnRequest.objects.get()
    assert request.is_label_owed
    assert "You do not pay the shipping." in words(client.get(f"/my/returns/{request.reference}/"))


@pytest.mark.parametrize("rug_is", ["Home", "Handmade", "unlabelled"])
def test_who_pays_is_said_before_as_the_receipt_says_it(cast: Cast, rug_is: str) -> None:
    """Of a kettle with a prepaid label and a rug with one or without, or in a country where there is none."""
    change_rules(withdrawal_rules=[rule("US")])
    if rug_is == "unlabelled":
        change_rules(prepaid_countries=[])
    order = an_order(cast, country="US", category=rug_is)
    kettle, rug = order.items.order_by("pk")
    client = let_in(order)
    for chosen in ({"rug": 1}, {"kettle": 1, "rug": 1}):
        lines = {f"quantity_{(kettle if name == 'kettle' else rug).pk}": 1 for name in chosen}
        has_label = rug_is == "Home" or (rug_is == "Handmade" and "kettle" in chosen)
        before = words(client.get(f"{page_of(order)}confirm/", lines))
        assert (
            "The marketplace provides the return label: you do not pay the shipping." in before
        ) == has_label
        assert ("You pay for sending it back." in before) != has_label
        assert "unless" not in before
    confirm(client, order, kettle=1, rug=1)
    receipt = mails(DORA.email)[f"We have your withdrawal: order {order.order_number}"]
    assert ("You pay for sending it back." in receipt) != has_label


def test_the_law_of_the_day_of_the_order_holds(cast: Cast) -> None:
    order = an_order(cast)
    change_rules(withdrawal_rules=[])
    assert let_in(order).get(page_of(order)).content.decode().count("quantity_")
    later = an_order(cast, ordered_days_ago=0, delivered_days_ago=0)
    Order.objects.filter(pk=later.pk).update(ordered_at=days_ago(0) + timedelta(seconds=1))
    assert "no right of withdrawal in the country" in words(let_in(later).get(page_of(later)))


def test_an_ordinary_return_is_no_withdrawal(order: Order) -> None:
    request = open_request(order)
    assert not request.is_timely_withdrawal
    assert "withdrawal" not in request.verdict
    relay_events()
    assert not Message.objects.filter(kind="withdrawal_received").exists()


def test_the_pages_are_in_chinese(order: Order) -> None:
    client = let_in(order)
    client.cookies[portal.LANGUAGE_COOKIE_NAME] = "zh-hans"
    assert "在此撤回合同" in words(client.get(f"/my/orders/{order.reference}/"))
    rug = order.items.get(sku="RUG-1")
    shown = client.get(f"{page_of(order)}confirm/", {f"quantity_{rug.pk}": 1})
    assert re.search(r"<button[^>]*>确认撤回</button>", shown.content.decode())
