"""The order never arrived: told by the buyer, read by the seller, ended as a delivery problem."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from django.http import HttpResponse
from django.test import Client

from notifications.mailbox import parse, part
from notifications.models import MailboxEntry
from notifications.services import deliver_messages, relay_events
from returns.models import Order, ReturnRequest, Seller
from returns.models.clock import database_now
from returns.services.deadlines import authorize_at_limit
from tests.browsers import let_in, signed_in
from tests.factories import DORA, ED, Cast, Line, by_hand, day, make_order, open_request

pytestmark = pytest.mark.django_db

TWO_LINES = (Line(sku="CUP", title="Blue cup", quantity=3), Line(sku="LAMP", title="Desk lamp"))


def words(response: HttpResponse) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", unescape(response.content.decode())).split())


def page_of(order: Order) -> str:
    return f"/my/orders/{order.reference}/not-arrived/"


def tell(client: Client, order: Order, *units: int, key: str = "k", comment: str = "") -> HttpResponse:
    lines = order.items.order_by("pk")
    data = {f"units_{line.pk}": number for line, number in zip(lines, units, strict=True)}
    return client.post(page_of(order), {"key": key, "comment": comment, **data})


@pytest.fixture
def order(cast: Cast) -> Order:
    return make_order(cast.north_lane, *TWO_LINES, country="CA", delivered_days_ago=None)


def test_the_page_says_what_is_known_and_what_to_check(
    cast: Cast, django_assert_max_num_queries: Callable
) -> None:
    delivered = make_order(cast.north_lane)
    late = make_order(cast.north_lane, ordered_days_ago=30, delivered_days_ago=None)
    on_its_way = make_order(cast.north_lane, ordered_days_ago=2, delivered_days_ago=None)
    unknown = make_order(cast.north_lane, ordered_days_ago=None, delivered_days_ago=None)
    for asked, sentence in (
        (delivered, "The carrier says: delivered on"),
        (late, "It was expected by"),
        (on_its_way, "It may still be on its way."),
        (unknown, "We do not know when it should have arrived"),
    ):
        client = let_in(asked)
        with django_assert_max_num_queries(12):
            page = words(client.get(page_of(asked)))
        assert sentence in page
        for check in ("tracking", "address", "household", "neighbours", "safe place"):
            assert check in page


def test_the_day_that_a_file_promised_counts_before_what_is_usual(cast: Cast) -> None:
    order = make_order(cast.north_lane, delivered_days_ago=None)
    Order.objects.filter(pk=order.pk).update(estimated_delivery_date=day(-3))
    assert "Expected by" in words(let_in(order).get(page_of(order)))


def test_the_seller_is_told_of_the_chosen_units(order: Order) -> None:
    client = let_in(order)
    response = tell(client, order, 2, 0, comment="Last seen in Reno.")
    request = ReturnRequest.objects.get()
    assert (response.status_code, response["Location"]) == (303, f"/my/returns/{request.reference}/")
    (item,) = request.items.all()
    assert (item.order_item.sku, item.quantity, item.reason_code) == ("CUP", 2, "NEVER_ARRIVED")
    assert item.comment == "Last seen in Reno."
    assert request.status == "authorization_required"


def test_a_form_sent_twice_makes_one_request(order: Order) -> None:
    client = let_in(order)
    first, again = tell(client, order, 3, 1, key="same"), tell(client, order, 3, 1, key="same")
    assert first.status_code == again.status_code == 303
    assert first["Location"] == again["Location"]
    assert ReturnRequest.objects.count() == 1


@pytest.mark.parametrize("units", [(0, 0), (4, 0), (-1, 1)])
def test_what_cannot_be_missing_is_said_and_nothing_is_half_done(
    order: Order, units: tuple[int, int]
) -> None:
    response = tell(let_in(order), order, *units, comment="Where is it?")
    assert response.status_code == 422
    assert "Where is it?" in response.content.decode()
    assert not ReturnRequest.objects.exists()
    assert set(order.items.values_list("units_held", flat=True)) == {0}


def test_what_was_told_before_is_shown_instead_of_the_form(order: Order) -> None:
    client = let_in(order)
    told = tell(client, order, 3, 1)["Location"]
    page = client.get(page_of(order)).content.decode()
    assert f'href="{told}"' in page
    assert "Each unit of this order is part of a request already." in page
    assert "Tell the seller that it never arrived" not in page


def test_the_buyers_page_speaks_of_a_delivery_problem(order: Order) -> None:
    client = let_in(order)
    page = words(client.get(tell(client, order, 3, 1)["Location"]))
    assert "Your order has not arrived" in page
    assert "The seller looks into the delivery" in page
    assert "You told the seller that it never arrived" in page
    for nonsense in ("keep the items", "send the items back", "Your return request", "return window"):
        assert nonsense not in page


def test_what_never_arrived_cannot_be_sent_back_and_stays_closable(order: Order) -> None:
    client = let_in(order)
    page = tell(client, order, 3, 1)["Location"]
    assert f"{page}sent/" not in client.get(page).content.decode()
    for answer in (client.get(f"{page}sent/"), client.post(f"{page}sent/", {"key": "s"})):
        assert answer.status_code in (409, 422)
        assert "You said that the order never arrived: there is nothing to send back." in words(answer)
    assert ReturnRequest.objects.get().handed_over_at is None
    assert f'href="{page}close/"' in client.get(page).content.decode()


def test_who_cannot_close_what_never_arrived_is_not_told_to(cast: Cast) -> None:
    with by_hand(cast.north_lane):
        lost = open_request(make_order(cast.north_lane), reason="NEVER_ARRIVED")
    assert lost.prepaid_eligible
    page = words(let_in(lost.order).get(f"/my/returns/{lost.reference}/"))
    assert "If it arrives after all, please tell the seller." in page
    assert "close this request" not in page


def test_the_mails_speak_of_a_delivery_problem(
    order: Order, cast: Cast, settings: pytest.FixtureRequest
) -> None:
    settings.EMAIL_BACKEND = "notifications.mailbox.Backend"
    tell(let_in(order), order, 3, 1)
    relay_events()
    deliver_messages()
    to_dora, to_alice = (
        MailboxEntry.objects.get(recipients=address) for address in (DORA.email, cast.alice.email)
    )
    assert to_dora.subject == f"You told us that it has not arrived: order {order.order_number}"
    receipt, notice = (part(parse(mail.content), "plain") for mail in (to_dora, to_alice))
    assert "looks into the delivery" in receipt
    assert "send anything back" not in receipt
    assert to_alice.subject == f"An order has not arrived: order {order.order_number}"
    assert "This is a delivery problem, not a return" in notice
    assert "authorize/" not in notice


def test_the_sellers_page_and_list_say_what_to_check_and_close_it_as_such(
    order: Order, cast: Cast, browser: Callable[..., Client]
) -> None:
    tell(let_in(order), order, 3, 1)
    request, alice = ReturnRequest.objects.get(), browser(cast.alice)
    for address in (f"/seller/returns/{request.reference}/", "/seller/returns/"):
        page = alice.get(address).content.decode()
        assert "A delivery problem, not a return." in page
        assert "/seller/help/never-arrived/" in page
    alice.post(
        f"/seller/returns/{request.reference}/close/",
        {
            "key": "c",
            "reason": "order_never_arrived",
            "comments": "The carrier has found it, it comes tomorrow.",
        },
    )
    request.refresh_from_db()
    assert (request.status, request.closure_reason.code) == ("closed", "order_never_arrived")


@pytest.mark.parametrize("mode", [Seller.Authorization.IN_POLICY, Seller.Authorization.WITHIN_DAYS])
def test_no_rule_authorizes_what_never_arrived(cast: Cast, mode: str) -> None:
    Seller.objects.filter(pk=cast.north_lane.pk).update(authorization=mode, authorization_days=30)
    order = make_order(cast.north_lane, country="US")
    tell(let_in(order), order, 1)
    assert ReturnRequest.objects.get().status == "authorization_required"
    other = open_request(make_order(cast.north_lane, country="US"))
    assert other.status == "authorized"


def test_the_answer_limit_sends_no_label_for_what_never_arrived(cast: Cast) -> None:
    with by_hand(cast.north_lane):
        lost = open_request(make_order(cast.north_lane), reason="NEVER_ARRIVED")
        returned = open_request(make_order(cast.north_lane))
    assert lost.prepaid_eligible
    ReturnRequest.objects.update(answer_due_at=database_now())
    assert authorize_at_limit() == 1
    lost.refresh_from_db()
    returned.refresh_from_db()
    assert (lost.status, returned.status) == ("authorization_required", "authorized")


@pytest.mark.parametrize("country", ["US", "CA"])
def test_its_row_leads_to_the_buyer_and_nobody_can_authorize_it(cast: Cast, country: str) -> None:
    with by_hand(cast.north_lane):
        lost = open_request(make_order(cast.north_lane, country=country), reason="NEVER_ARRIVED")
    alice, page = signed_in(cast.alice), f"/seller/returns/{lost.reference}/"
    listed = alice.get("/seller/returns/").content.decode()
    for shown in (listed, alice.get(page).content.decode()):
        assert f'href="{page}write/"' in shown
        assert f'action="{page}authorize/"' not in shown
        assert "there is nothing to send back" in shown
    assert 'class="button primary">Authorize request' not in listed
    ends = f'href="{page}complete/"' if lost.prepaid_eligible else f'action="{page}close/"'
    assert ends in listed
    assert alice.get(f"{page}authorize/").status_code == 409
    answer = alice.post(f"{page}authorize/", {"key": "k", "address": "", "label": "unpaid"})
    assert answer.status_code == 422
    assert "there is nothing to send back" in answer.content.decode()
    lost.refresh_from_db()
    assert lost.status == "authorization_required"
    assert "there is nothing to send back" not in signed_in(cast.vera).get(page).content.decode()


def test_another_orders_page_is_not_there(order: Order, cast: Cast) -> None:
    foreign = make_order(cast.north_lane, buyer=ED)
    client = let_in(order)
    assert client.get(page_of(foreign)).status_code == 404
    assert tell(client, foreign, 1).status_code == 404
    assert not ReturnRequest.objects.exists()
