"""A concession from its page to the buyer: given on an order, seen by both sides, told once."""

import re
from html import unescape
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from notifications.mailbox import parse, part
from notifications.models import MailboxEntry, Message
from notifications.services import deliver_messages, relay_events
from returns.models import Order, Refund, ReturnRequest, Seller
from returns.state_machine import Status
from tests.browsers import let_in, signed_in
from tests.factories import Cast, Line, Person, a_request_in, file_request, make_order
from tests.views.test_seller_more import letter

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _mailbox(settings: Any) -> None:
    settings.DEMO, settings.MAILBOX = True, True
    settings.EMAIL_BACKEND = "notifications.mailbox.Backend"


@pytest.fixture
def alice(cast: Cast) -> Client:
    return signed_in(cast.alice)


@pytest.fixture
def order(cast: Cast) -> Order:
    return make_order(cast.north_lane, Line(item=1000, tax=None, shipping=None))


def page(order: Order, occasion: ReturnRequest | None = None) -> str:
    query = f"?return={occasion.reference}" if occasion else ""
    return f"/seller/orders/{order.reference}/concession/{query}"


def sent(order: Order, **changed: Any) -> dict[str, Any]:
    return {
        "line": order.items.order_by("pk")[0].pk,
        "part": "goodwill",
        "amount": "2.50",
        "memo": "Sorry for the scratch.",
        "note": "Second time this month",
        "key": "one form",
        **changed,
    }


def words(response: HttpResponse) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", unescape(response.content.decode())).split())


def test_it_is_given_from_the_order_and_seen_in_its_history(cast: Cast, alice: Client, order: Order) -> None:
    order_page = f"/seller/orders/{order.reference}/"
    assert f'href="{page(order)}"' in alice.get(order_page).content.decode()
    assert "Steel kettle: up to $10.00" in words(alice.get(page(order)))
    answer = alice.post(page(order), sent(order))
    assert (answer.status_code, answer["Location"]) == (303, order_page)
    shown = words(alice.get(order_page))
    assert "$2.50 · Concession Goodwill · Steel kettle" in shown
    assert "Alice Ames Sorry for the scratch. Note: Second time this month" in shown
    assert "Steel kettle: up to $7.50" in words(alice.get(page(order)))


def test_it_is_given_from_a_request_and_leads_back_there(cast: Cast, alice: Client) -> None:
    request = a_request_in(cast, Status.AUTHORIZED)
    request_page = f"/seller/returns/{request.reference}/"
    assert f'href="{page(request.order, request)}"' in alice.get(request_page).content.decode()
    answer = alice.post(page(request.order, request), sent(request.order))
    assert (answer.status_code, answer["Location"]) == (303, request_page)
    assert "$2.50 · Concession" in words(alice.get(request_page))
    assert Refund.objects.get().request == request
    assert f"Request {request.rma_number}" in words(alice.get(f"/seller/orders/{request.order.reference}/"))
    foreign = make_order(cast.north_lane)
    assert alice.post(page(foreign, request), sent(foreign)).status_code == 404


@pytest.mark.parametrize("has_occasion", [False, True])
def test_the_message_stands_beside_the_form_as_it_will_be_sent(
    cast: Cast, alice: Client, order: Order, has_occasion: bool
) -> None:
    occasion = a_request_in(cast, Status.AUTHORIZED) if has_occasion else None
    about = occasion.order if occasion else order
    address = page(about, occasion)
    before = told()
    beside = alice.post(address.replace("concession/", "concession/preview/"), sent(about))
    again = alice.post(address, sent(about, preview="1"))
    assert (beside.status_code, again.status_code) == (200, 200)
    assert not Refund.objects.exists()
    assert letter(beside) == letter(again)
    alice.post(address, sent(about))
    (mail,) = told()[len(before) :]
    assert letter(beside) == f"{mail['Subject']}\n{part(mail, 'plain')}".rstrip("\n")


def test_a_preview_says_what_is_still_possible_and_gives_nothing(alice: Client, order: Order) -> None:
    beside = page(order).replace("concession/", "concession/preview/")
    assert "At most $10.00 can still be given for this item." in words(
        alice.post(beside, sent(order, amount="10.01"))
    )
    answer = alice.post(page(order), sent(order, amount="10.01", preview="1"))
    assert answer.status_code == 422
    assert "At most $10.00 can still be given for this item." in words(answer)
    assert order.items.get().extra_refunded_minor == 0
    assert alice.get(beside).status_code == 405


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"amount": "10.01"}, "At most $10.00 can still be given for this item."),
        ({"amount": "0"}, "Enter an amount above zero."),
        *(
            ({"amount": amount}, "Enter an amount above zero and of at most $10.00, with at most the usual")
            for amount in ("-1", "0.001", "1e30", "NaN", "1 EUR", "99999999999999.9")
        ),
        ({"amount": "-1", "line": "0"}, "Enter an amount above zero, with at most the usual decimals"),
        ({"amount": ""}, "This field is required."),
        ({"part": "item"}, "Select a valid choice."),
        ({"line": "0"}, "Select a valid choice."),
        ({"note": "n" * 256}, "at most 255 characters"),
        ({"memo": "m" * 501}, "at most 500 characters"),
    ],
)
def test_a_mistake_is_named_and_nothing_typed_is_lost(
    alice: Client, order: Order, wrong: dict[str, str], sentence: str
) -> None:
    typed = sent(order, **wrong)
    answer = alice.post(page(order), typed)
    assert answer.status_code == 422
    assert sentence in words(answer)
    shown = unescape(answer.content.decode())
    assert all(value in shown for name, value in typed.items() if name in ("amount", "memo", "note", "key"))
    assert not Refund.objects.exists()


def test_a_form_sent_twice_gives_once(alice: Client, order: Order) -> None:
    everything = sent(order, amount="10.00")
    assert [alice.post(page(order), everything).status_code for _again in range(2)] == [303, 303]
    assert Refund.objects.count() == 1
    assert "All that can be given for this order was given." in words(alice.get(page(order)))


def test_the_page_says_why_nothing_can_be_given(cast: Cast, alice: Client, order: Order) -> None:
    unknown = make_order(cast.north_lane, Line(item=None))
    shown = alice.get(page(unknown))
    assert "it is not known what was paid" in words(shown)
    assert "Give this concession" not in words(shown)
    answer = alice.post("/seller/settings/concessions/", {"concession_percent": "0"})
    assert answer.status_code == 303
    assert "Concessions are switched off." in words(alice.get(page(order)))
    assert alice.post("/seller/settings/concessions/", {"concession_percent": "1001"}).status_code == 422
    alice.post("/seller/settings/concessions/", {"concession_percent": ""})
    assert Seller.objects.get(pk=cast.north_lane.pk).concession_percent is None


# --- The buyer


def told() -> list[Any]:
    relay_events()
    while deliver_messages():
        pass
    return [parse(entry.content) for entry in MailboxEntry.objects.order_by("pk")]


def test_the_buyer_is_told_once_and_reads_it_on_the_own_page(alice: Client, order: Order) -> None:
    alice.post(page(order), sent(order))
    (mail,) = told()
    assert "North Lane gives you $2.50" in mail["Subject"]
    text = part(mail, "plain")
    assert "North Lane gives you $2.50 for Steel kettle" in text
    assert "Sorry for the scratch." in text
    assert f"/my/orders/{order.reference}/" in text
    assert "Second time this month" not in mail.as_string()
    alice.post(page(order), sent(order))
    assert len(told()) == 1
    shown = words(let_in(order).get(f"/my/orders/{order.reference}/"))
    assert "Given to you by the seller $2.50 · Goodwill · Steel kettle" in shown
    assert "Sorry for the scratch." in shown
    assert "Second time this month" not in shown


def test_of_a_request_the_buyer_is_told_with_its_page_and_in_the_own_language(
    cast: Cast, alice: Client
) -> None:
    order = make_order(
        cast.north_lane,
        country="CA",
        buyer=Person(name="Lin", email="lin@buyers.example", language="zh-hans"),
    )
    request = a_request_in(cast, Status.AUTHORIZED, order=order)
    told()
    alice.post(page(order, request), sent(order, part="return_shipping", amount="5"))
    mail = told()[-1]
    assert "5.00" in mail["Subject"]
    assert "补偿" in part(mail, "plain")
    assert f"/my/returns/{request.reference}/" in part(mail, "plain")
    shown = let_in(order, headers={"accept-language": "zh-hans"}).get(f"/my/returns/{request.reference}/")
    assert "Sorry for the scratch." in words(shown)


@pytest.mark.parametrize(
    ("is_stub", "email", "code"),
    [
        (False, "", "no_address"),
        (True, "dora@buyers.example", "show_to_copy"),
        (False, "dora@buyers.example", ""),
    ],
)
def test_nothing_is_sent_where_the_marketplace_writes_or_no_address_is_known(
    cast: Cast, alice: Client, is_stub: bool, email: str, code: str
) -> None:
    order = make_order(cast.north_lane, buyer=Person(name="Dora", email=email), is_stub=is_stub)
    alice.post(page(order), sent(order))
    relay_events()
    message = Message.objects.get()
    assert (message.last_code, message.status) == (code, "suppressed" if code else "queued")
    # What is not sent from here can be copied on the order's page.
    shown = words(alice.get(f"/seller/orders/{order.reference}/"))
    assert "North Lane gives you $2.50: order" in shown
    assert ("North Lane gives you $2.50 for Steel kettle" in shown) == bool(code)
    assert ("See your order" in shown) == (code == "no_address")


def test_an_imported_request_is_the_marketplace_s_to_tell(cast: Cast, alice: Client) -> None:
    request = file_request(make_order(cast.north_lane), Status.AUTHORIZED)
    alice.post(page(request.order, request), sent(request.order))
    relay_events()
    assert Message.objects.get(kind="refund_issued").last_code == "show_to_copy"
