"""Refunds to be paid, at the browser: found, said to be paid, tried again, given up."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from notifications.mailbox import parse, part
from returns import services
from returns.actors import Actor
from returns.models import Offer, Payout, ReturnlessRule, ReturnRequest
from returns.models.payouts import PayoutState
from returns.selectors import payouts as selector
from returns.services.offers import Terms
from returns.services.payout_delivery import send_payouts
from returns.state_machine import Outcome, Status
from tests.browsers import let_in, signed_in
from tests.factories import Cast, Line, a_request_in, at_once, day, everything_owed, make_order, open_request
from tests.returns.shop_server import SECRET, ShopServer
from tests.views.test_overview import crowd
from tests.views.test_refunds import sent
from tests.views.test_seller_more import last_mail, letter, mailbox, told, url

__all__ = ["mailbox"]
pytestmark = pytest.mark.django_db

PAGE = "/seller/payouts/"
OWED = "/seller/returns/?status=all&owed=on"


@pytest.fixture
def alice(cast: Cast) -> Client:
    return signed_in(cast.alice)


@pytest.fixture
def shop(settings: Any) -> Iterator[ShopServer]:
    server = ShopServer()
    settings.PAYOUT_BACKEND = "returns.payouts.hand_over.Backend"
    settings.PAYOUT_URL, settings.PAYOUT_SECRET = server.url, SECRET
    yield server
    server.close()


def text_of(response: HttpResponse) -> str:
    """The words of the page's main part."""
    main = response.content.decode().partition("<main")[2]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", main))).strip()


def given_by_a_rule(cast: Cast) -> Payout:
    ReturnlessRule.objects.get_or_create(
        seller=cast.north_lane, name="Small", currency="USD", least_minor=0, most_minor=2000
    )
    request = open_request(make_order(cast.north_lane, Line(title="Cable", item=1299, tax=104)))
    return Payout.objects.get(request=request)


def a_failed_one(cast: Cast, shop: ShopServer) -> Payout:
    shop.script.append((422, {"reason": "The card <b>was closed</b>."}))
    request = a_request_in(cast, Status.REFUND_DUE)
    services.record_refund(
        cast.actor(cast.alice),
        reference=request.reference,
        amounts=everything_owed(request),
        refunded_date=day(0),
    )
    send_payouts()
    return Payout.objects.get(request=request)


def post(client: Client, payout: Payout, act: str, **more: Any) -> HttpResponse:
    return client.post(f"{PAGE}{payout.reference}/", {"act": act, "key": "k", **more})


def test_what_a_rule_gave_is_found_everywhere_until_somebody_has_paid_it(cast: Cast, alice: Client) -> None:
    payout = given_by_a_rule(cast)
    request: ReturnRequest = payout.request
    a_request_in(cast, Status.AUTHORIZATION_REQUIRED)
    assert "Pay it in your own payment account, then say so here." in text_of(alice.get(PAGE))
    assert "$14.03 Cable" in text_of(alice.get(PAGE))
    listed = text_of(alice.get(OWED))
    assert request.order.order_number in listed
    assert listed.count("Refunded without return") == 1
    assert "Money still owed" in text_of(alice.get(f"/seller/returns/{request.reference}/"))
    assert "The refund of $14.03 is yours to pay." in text_of(
        alice.get(f"/seller/returns/{request.reference}/")
    )
    assert "Refunds you must see to 1" in text_of(alice.get("/seller/"))
    buyer = let_in(request.order)
    page = text_of(buyer.get(f"/my/returns/{request.reference}/"))
    assert "A refund of $14.03 is on its way to you." in page
    assert "refunded" not in page

    one = text_of(alice.get(f"{PAGE}{payout.reference}/"))
    assert "I have paid it" in one
    assert "Give up" not in one
    assert "Try again" not in one
    response = post(alice, payout, "paid", paid_on=day(0))
    assert (response.status_code, response["Location"]) == (303, PAGE)
    assert "The refund counts as paid and the buyer is told." in alice.get(PAGE).content.decode()
    assert "No refund waits to be paid." in text_of(alice.get(PAGE))
    assert "Paid by hand." in text_of(alice.get(f"{PAGE}?status=confirmed"))
    assert request.order.order_number not in text_of(alice.get(OWED))
    assert "Refunds you must see to 0" in text_of(alice.get("/seller/"))
    page = text_of(buyer.get(f"/my/returns/{request.reference}/"))
    assert "on its way" not in page
    assert "Your refund was paid" in page


def an_agreed_credit(cast: Cast) -> Payout:
    """$3.50 for a later order, offered by Alice and accepted by the buyer."""
    request = a_request_in(cast, Status.AUTHORIZATION_REQUIRED)
    terms = Terms(kind="credit", amount_minor=350, comments="For your next order.")
    services.make_offer(at_once(cast.actor(cast.alice)), reference=request.reference, terms=terms)
    offer = Offer.objects.get(request=request)
    buyer = let_in(request.order)
    buyer.post(f"/my/returns/{request.reference}/offer/accept/", {"offer": offer.pk, "key": "b1"})
    return Payout.objects.get(request=request)


def test_an_agreed_credit_is_given_in_the_shop_and_no_refund(cast: Cast, alice: Client) -> None:
    payout = an_agreed_credit(cast)
    request: ReturnRequest = payout.request
    buyer, own = let_in(request.order), f"/my/returns/{request.reference}/"
    page = text_of(buyer.get(own))
    assert (
        "A credit of $3.50 for a later order is on its way to you. We write to you once it is given." in page
    )
    assert "$3.50 to be given as a credit" in page
    assert "A refund of" not in page
    assert "A credit is yours to give" in last_mail(cast.alice.email).subject

    page = text_of(alice.get(PAGE))
    assert "$3.50 Credit" in page
    assert "Give the credit to the buyer in your shop, then say so here." in page
    assert "I have given it" in page
    one = text_of(alice.get(f"{PAGE}{payout.reference}/"))
    assert "Once you have given the buyer the credit in your shop: no money is paid." in one
    assert "Day of the credit" in one
    page = text_of(alice.get(f"/seller/returns/{request.reference}/"))
    assert "The credit of $3.50 is yours to give, in your shop." in page
    assert "$3.50 refunded or given as a credit, not all of it yet" in page
    assert "$3.50 to be given as a credit" in page
    assert "$3.50 · Credit" in text_of(alice.get(f"/seller/orders/{request.order.reference}/"))
    for shown in (one, text_of(alice.get(PAGE)), page):
        assert "payment account" not in shown

    post(alice, payout, "paid", paid_on=day(0))
    assert "The credit counts as given and the buyer is told." in alice.get(PAGE).content.decode()
    assert "Given by hand, as a credit." in text_of(alice.get(f"{PAGE}?status=confirmed"))
    page = text_of(alice.get(f"/seller/returns/{request.reference}/"))
    assert "Credit given" in page
    assert "$3.50 given as a credit" in page
    assert "Refund paid" not in page
    page = text_of(buyer.get(own))
    assert "The seller has given you the credit." in page
    assert "Your credit was given" in page
    assert "on its way" not in page
    mail = last_mail()
    assert mail.subject == f"Your credit was given: order {request.order.order_number}"
    for shape in ("plain", "html"):
        words = unescape(part(parse(mail.content), shape))
        assert "North Lane has given you a credit of $3.50 for a later order" in words
        assert "Day of the credit" in words
        for wrong in ("bank", "Your refund", "last refund", "issued a refund", "do not agree"):
            assert wrong not in words


def test_the_shop_is_asked_for_a_credit_by_its_name(cast: Cast, alice: Client, shop: ShopServer) -> None:
    shop.script.append((422, {"reason": "No such customer."}))
    payout = an_agreed_credit(cast)
    request: ReturnRequest = payout.request
    page = text_of(alice.get(f"/seller/returns/{request.reference}/"))
    assert "The credit of $3.50 is with the shop and not confirmed yet." in page
    send_payouts()
    assert [(asked["as"], asked["amount_minor"]) for asked in shop.asked] == [("credit", 350)]
    assert "A credit could not be given" in last_mail(cast.alice.email).subject
    page = text_of(alice.get(f"{PAGE}{payout.reference}/"))
    assert "If you gave the buyer the credit yourself, in your shop." in page
    page = text_of(alice.get(f"/seller/returns/{request.reference}/"))
    assert "The credit of $3.50 could not be given." in page
    post(alice, payout, "retry")
    assert "The credit is handed over again." in alice.get(PAGE).content.decode()
    shop.script.append((200, {"status": "confirmed"}))
    send_payouts()
    assert shop.bodies[0] == shop.bodies[1]
    assert "The shop has given the credit." in text_of(alice.get(f"{PAGE}?status=confirmed"))
    assert last_mail().subject == f"Your credit was given: order {request.order.order_number}"


def test_a_day_that_cannot_be_is_told_at_its_field(cast: Cast, alice: Client) -> None:
    payout = given_by_a_rule(cast)
    for typed, sentence in (
        (str(day(-1)), "The day of the refund cannot be in the future."),
        ("soon", "Enter a valid date."),
        ("", "This field is required."),
    ):
        response = post(alice, payout, "paid", paid_on=typed)
        assert response.status_code == 422
        assert sentence in text_of(response)
        assert f'value="{typed}"' in response.content.decode() or not typed
    payout.refresh_from_db()
    assert payout.status == "requested"


def test_a_failed_pay_out_is_seen_and_tried_again(cast: Cast, alice: Client, shop: ShopServer) -> None:
    payout = a_failed_one(cast, shop)
    request: ReturnRequest = payout.request
    failed = text_of(alice.get(f"{PAGE}?status=failed"))
    assert "Pay-out failed" in failed
    assert "The shop refused to pay it. The card <b>was closed</b>." in failed
    assert "Pay-out failed" in text_of(alice.get("/seller/returns/?status=refund_due"))
    page = text_of(alice.get(f"/seller/returns/{request.reference}/"))
    assert "Pay-out failed" in page
    assert "$139.32 refunded, not all of it paid yet" in page
    assert 'href="/seller/payouts/?status=failed" class="late">1<' in alice.get("/seller/").content.decode()
    assert "Completed" not in text_of(alice.get(OWED)).partition("Money still owed")[2]
    response = post(alice, payout, "retry")
    assert response.status_code == 303
    shop.script.append((200, {"status": "confirmed"}))
    send_payouts()
    assert "The shop has paid it." in text_of(alice.get(f"{PAGE}?status=confirmed"))
    request.refresh_from_db()
    assert request.outcome == Outcome.REFUNDED
    assert "Pay-out failed" not in text_of(alice.get(f"{PAGE}?status=failed"))
    page = text_of(alice.get(f"/seller/returns/{request.reference}/"))
    assert "Refund paid" in page
    assert "not all of it paid yet" not in page


def test_a_failed_pay_out_is_given_up_and_refunded_anew(cast: Cast, alice: Client, shop: ShopServer) -> None:
    payout = a_failed_one(cast, shop)
    page = f"/seller/returns/{payout.request.reference}/"
    assert f'href="{page}refund/"' not in alice.get(page).content.decode()
    assert post(alice, payout, "give_up").status_code == 303
    assert "The shop refused to pay it." in text_of(alice.get(f"{PAGE}?status=given_up"))
    assert f'href="{page}refund/">Refund<' in alice.get(page).content.decode()
    refused = post(alice, payout, "retry")
    assert refused.status_code == 409
    assert f'class="button primary" href="{PAGE}{payout.reference}/"' in refused.content.decode()


def test_what_was_given_up_and_paid_after_all_is_told_before_it_is_refunded_anew(
    cast: Cast, alice: Client, shop: ShopServer
) -> None:
    payout = a_failed_one(cast, shop)
    request: ReturnRequest = payout.request
    assert post(alice, payout, "give_up").status_code == 303
    warning = (
        "The refund of $139.32 was given up here, but the shop reports that it was paid. "
        "Look in the shop before you refund anything again."
    )
    assert warning not in text_of(alice.get(url(request)))
    services.confirm_payout(payout.reference)
    for address in (url(request), url(request, "refund/")):
        page = alice.get(address)
        assert warning in text_of(page)
        assert f'href="{PAGE}{payout.reference}/"' in page.content.decode()
    assert "refunded" not in text_of(let_in(request.order).get(f"/my/returns/{request.reference}/"))


def test_a_promise_that_the_shop_has_not_paid_yet_is_not_said_to_be_refunded(
    cast: Cast, alice: Client, shop: ShopServer
) -> None:
    request = a_request_in(cast, Status.CLOSED, promise_minor=12900)
    assert alice.post(url(request, "refund/"), sent(request, item="29.00")).status_code == 303
    page = text_of(alice.get(url(request, "refund/")))
    assert "$29.00 of it is refunded or on its way, $100.00 is left." in page
    assert "The refund of $29.00 is with the shop and not confirmed yet." in page
    assert "Paid Refunded or on its way Still possible" in page


def test_the_button_says_who_pays(cast: Cast, alice: Client, settings: Any) -> None:
    page = f"/seller/returns/{a_request_in(cast, Status.REFUND_DUE).reference}/"
    assert ">Record a refund<" in alice.get(page).content.decode()
    settings.PAYOUT_BACKEND = "returns.payouts.hand_over.Backend"
    assert ">Refund<" in alice.get(page).content.decode()


def test_where_the_shop_pays_the_page_says_so_and_asks_for_no_day(
    cast: Cast, alice: Client, shop: ShopServer
) -> None:
    request = a_request_in(cast, Status.REFUND_DUE)
    page = alice.get(url(request, "refund/"))
    assert "The shop pays what you enter here. Do not pay it yourself as well." in text_of(page)
    assert "Record a refund" not in page.content.decode().partition("<main")[2]
    assert "refunded elsewhere" not in text_of(page)
    assert "Day of the refund" not in text_of(page).partition("What the buyer will read")[0]
    form = page.content.decode().partition("<main")[2]
    assert re.search(rf'type="hidden" name="refunded_on" value="{day(0)}"', form)
    assert "Nothing more is owed: the request waits for the shop, and is completed once" in text_of(page)
    part = alice.post(url(request, "refund/preview/"), sent(request, item="5.00"))
    assert "The rest is still owed; the request stays open." in unescape(part.content.decode())
    assert alice.post(url(request, "refund/"), sent(request, item="5.00")).status_code == 303
    assert "The refund is handed over to the shop." in text_of(alice.get(url(request)))


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("status", "more", "effect"),
    [
        (
            Status.CLOSED,
            {"promise_minor": 12900},
            "It counts towards your promise once the shop has paid it.",
        ),
        (
            Status.AUTHORIZATION_REQUIRED,
            {},
            "The shop is asked to pay it; you still decide about the request.",
        ),
    ],
)
def test_where_the_shop_pays_nothing_is_said_to_be_settled_yet(
    cast: Cast, alice: Client, status: Status, more: dict[str, int], effect: str
) -> None:
    request = a_request_in(cast, status, **more)
    part = alice.post(url(request, "refund/preview/"), sent(request, item="129.00"))
    assert effect in unescape(part.content.decode())


def test_the_page_shows_the_mail_that_comes_once_the_shop_has_paid(
    cast: Cast, alice: Client, shop: ShopServer
) -> None:
    request = a_request_in(cast, Status.REFUND_DUE)
    typed = sent(request, item="5.00", memo="Thank you for sending it back.")
    beside = alice.post(url(request, "refund/preview/"), typed)
    assert "E-mail, once the shop says that it is paid." in unescape(beside.content.decode())
    assert alice.post(url(request, "refund/"), typed).status_code == 303
    send_payouts()
    payout = Payout.objects.get(request=request)
    assert payout.status == PayoutState.REQUESTED
    services.confirm_payout(payout.reference)
    # The day of it is the shop's to say.
    assert letter(beside) == re.sub(r"Day of the refund: .*\n", "", told(last_mail()))


def test_a_concession_of_the_shop_is_told_once_it_is_paid(
    cast: Cast, alice: Client, shop: ShopServer
) -> None:
    order = make_order(cast.north_lane)
    typed = {"line": order.items.get().pk, "part": "goodwill", "amount": "1.00", "key": "one form"}
    beside = alice.post(f"/seller/orders/{order.reference}/concession/preview/", typed)
    assert "E-mail, once the shop says that it is paid." in unescape(beside.content.decode())


def test_an_admin_does_the_same_on_the_same_page(cast: Cast, shop: ShopServer) -> None:
    payout = a_failed_one(cast, shop)
    root = signed_in(cast.root, with_second_factor=True)
    listed = root.get("/admin/returns/payout/").content.decode()
    assert f'href="{PAGE}{payout.reference}/"' in listed
    assert post(root, payout, "give_up").status_code == 303
    payout.refresh_from_db()
    assert (payout.status, payout.settled_by) == ("given_up", cast.root)


def test_a_form_that_says_nothing_does_nothing(cast: Cast, alice: Client) -> None:
    payout = given_by_a_rule(cast)
    assert post(alice, payout, "steal").status_code == 422
    payout.refresh_from_db()
    assert payout.status == "requested"


def test_pages_follow_one_another_and_cost_the_same(
    cast: Cast, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selector, "PAGE", 2)
    given = [given_by_a_rule(cast) for _number in range(5)]
    address, seen, counts = PAGE, [], set()
    for _page in range(3):
        with CaptureQueriesContext(connection) as queries:
            content = alice.get(address).content.decode()
        counts.add(len(queries))
        assert not [query for query in queries if "COUNT(" in query["sql"] or "OFFSET" in query["sql"]]
        seen += re.findall(rf'href="{PAGE}([\w-]{{36}})/"', content)
        more = re.search(r'id="more"><a class="button" href="([^"]+)"', content)
        address = PAGE + unescape(more[1]) if more else ""
    assert seen == [payout.reference for payout in reversed(given)]
    assert address == ""
    assert max(counts) <= 12
    assert (
        alice.get(f"{PAGE}?cursor=x").status_code == alice.get(f"{PAGE}?cursor={'9' * 30}").status_code == 200
    )


@pytest.mark.both_databases
def test_money_that_is_owed_is_found_by_its_own_index(cast: Cast, alice: Client) -> None:
    given_by_a_rule(cast)
    with CaptureQueriesContext(connection) as queries:
        alice.get(OWED)
    finding = next(
        query["sql"] for query in queries if "LIMIT 51" in query["sql"] and "open_payout" in query["sql"]
    )
    explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            crowd(cursor)
        cursor.execute(f"{explain} {finding.replace('%', '%%')}")
        plan = "\n".join(str(line) for line in cursor.fetchall())
    assert "request_money_owed" in plan, plan


def test_it_speaks_chinese(cast: Cast, shop: ShopServer) -> None:
    payout = a_failed_one(cast, shop)
    cast.alice.language = "zh-hans"
    cast.alice.save()
    alice = signed_in(cast.alice)
    assert "打款失败" in text_of(alice.get(f"{PAGE}?status=failed"))
    assert "店铺系统不接受这笔打款。" in text_of(alice.get(f"{PAGE}{payout.reference}/"))


def test_other_stores_see_nothing_of_it(cast: Cast) -> None:
    payout = given_by_a_rule(cast)
    carol = signed_in(cast.carol)
    assert payout.order.order_number not in text_of(carol.get(PAGE))
    assert post(carol, payout, "paid", paid_on=day(0)).status_code == 404
    vera = signed_in(cast.vera)
    assert "<form" not in vera.get(f"{PAGE}{payout.reference}/").content.decode().partition("<main")[2]
    assert post(vera, payout, "paid", paid_on=day(0)).status_code == 403
    assert not Payout.objects.for_actor(Actor.buyer(payout.order)).exists()
    payout.refresh_from_db()
    assert payout.status == "requested"
