"""The buyer's page: where the request stands, what can be done, and what the seller then reads."""

import re
from html import unescape

import pytest
from django.http import HttpResponse
from django.test import Client

from notifications.mailbox import parse, part
from notifications.models import MailboxEntry
from notifications.services import deliver_messages, relay_events
from returns.models import Buyer, MarketplaceSettings, ReturnRequest, User
from returns.state_machine import Action, Outcome, Role, Status
from tests.browsers import let_in
from tests.factories import DORA, Cast, Person, a_request_in, file_request, make_order, open_request

pytestmark = pytest.mark.django_db

KEY = "0123456789abcdef"


@pytest.fixture(autouse=True)
def mailbox(settings: pytest.FixtureRequest) -> None:
    settings.DEMO, settings.MAILBOX = True, True
    settings.EMAIL_BACKEND = "notifications.mailbox.Backend"


def url(request: ReturnRequest, page: str = "") -> str:
    return f"/my/returns/{request.reference}/{page}"


def now(request: ReturnRequest) -> ReturnRequest:
    return ReturnRequest.objects.get(pk=request.pk)


def html(response: HttpResponse) -> str:
    return unescape(response.content.decode())


def words(response: HttpResponse) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html(response)).split())


def dora(request: ReturnRequest, language: str = "en") -> Client:
    return let_in(request.order, headers={"accept-language": language})


def mails(address: str) -> dict[str, str]:
    """What was delivered to `address`, text by subject, when everything due had left."""
    relay_events()
    deliver_messages()
    found = MailboxEntry.objects.filter(recipients=address).order_by("pk")
    return {mail.subject: part(parse(mail.content), "plain") for mail in found}


# --- Words


@pytest.mark.parametrize(
    ("language", "close", "keep", "step_in"),
    [
        ("en", "Close my request", "Keep the item", "Ask the marketplace to step in"),
        ("zh-hans", "关闭我的退货请求", "保留商品", "申请平台介入"),
    ],
)
def test_the_buttons_have_the_agreed_words(
    cast: Cast, language: str, close: str, keep: str, step_in: str
) -> None:
    plain = open_request(make_order(cast.north_lane, country="CA"))
    prepaid = a_request_in(cast, Status.AUTHORIZED, prepaid=True)
    closed = a_request_in(cast, Status.CLOSED)
    for request, page, word in (
        (plain, "close/", close),
        (prepaid, "keep/", keep),
        (closed, "step-in/", step_in),
    ):
        client = dora(request, language)
        shown = html(client.get(url(request)))
        assert f'<html lang="{language}"' in shown
        assert re.findall(rf'href="{url(request)}((?!slip/|sent/)[\w-]+/)">([^<]+)</a>', shown) == [
            (page, word)
        ]
        form = html(client.get(url(request, page)))
        assert re.search(rf'<button class="button primary[^"]*">{word}</button>', form)


@pytest.mark.parametrize(
    ("status", "outcome", "prepaid", "headline"),
    [
        (Status.AUTHORIZATION_REQUIRED, "", False, "The seller is looking at it"),
        (Status.AUTHORIZED, "", False, "Please send the items back"),
        (Status.REFUND_DUE, "", False, "Your refund is due"),
        (Status.CLOSED, "", False, "The seller closed this request"),
        *(
            (Status.COMPLETED, outcome, False, "")
            for outcome in Outcome
            if outcome != Outcome.BUYER_KEPT_ITEM
        ),
        (Status.COMPLETED, Outcome.BUYER_KEPT_ITEM, True, "You keep the item"),
    ],
)
def test_every_state_has_its_own_words(
    cast: Cast, status: Status, outcome: str, prepaid: bool, headline: str
) -> None:
    request = a_request_in(cast, status, outcome, prepaid=prepaid)
    page = html(dora(request).get(url(request)))
    shown = re.search(r'<h2 id="status-title">([^<]+)</h2>\s*<p>([^<]+)</p>', page)
    assert shown
    assert headline in shown[1]
    assert shown[2].rstrip().endswith((".", ")")) or status == Status.CLOSED


def test_an_authorized_request_says_where_to_send_the_item_and_who_pays(cast: Cast) -> None:
    request = a_request_in(cast, Status.AUTHORIZED)
    read = words(dora(request).get(url(request)))
    for part_ in (
        "Sending it back",
        request.rma_number,
        "1 Dock Street",
        "Vancouver",
        "You pay the shipping.",
    ):
        assert part_ in read


def test_a_promise_is_shown_and_how_long_one_can_object(cast: Cast) -> None:
    request = a_request_in(cast, Status.CLOSED, promise_minor=12900)
    read = words(dora(request).get(url(request)))
    assert "Closed: you get a refund" in read
    assert "Refund promised: $129.00 by" in read
    assert "Keep it, please." in read
    assert "You can do this until" in read


# --- Closing


def test_the_buyers_close_is_mailed_to_the_seller_with_the_reason_and_a_receipt_to_the_buyer(
    cast: Cast,
) -> None:
    request = open_request(make_order(cast.north_lane, country="CA"))
    client, number = dora(request), request.order.order_number
    page = html(client.get(url(request, "close/")))
    assert re.findall(r'type="radio" name="reason" value="(\w+)"', page) == [
        "buyer_keeps_item",
        "buyer_problem_solved",
        "buyer_by_mistake",
        "buyer_other",
    ]
    data = {"key": KEY, "reason": "buyer_by_mistake", "comments": "Sorry!\nMy <cat> did it."}
    for _ in range(2):
        response = client.post(url(request, "close/"), data)
        assert (response.status_code, response["Location"]) == (303, url(request))
    assert "Your request is closed. We sent you a receipt." in words(client.get(url(request)))
    closed = now(request)
    assert (closed.status, closed.closed_by_role) == (Status.CLOSED, Role.BUYER)
    assert request.events.filter(action=Action.CLOSE).count() == 1
    subject = f"The buyer closed a return request: order {number}"
    for member in (cast.alice, cast.ben):
        text = mails(member.email)[subject]
        assert "I asked by mistake" in text
        assert "My <cat> did it." in text
    assert subject not in mails(cast.vera.email)
    assert f"Your return request was closed: order {number}" in mails(DORA.email)


def test_the_sellers_mail_is_in_the_sellers_language(cast: Cast) -> None:
    User.objects.filter(pk=cast.ben.pk).update(language="zh-hans")
    request = open_request(make_order(cast.north_lane, country="CA"))
    dora(request).post(url(request, "close/"), {"key": KEY, "reason": "buyer_by_mistake"})
    text = "\n".join(mails(cast.ben.email).values())
    assert "我误提交了请求" in text


def test_a_close_without_a_reason_keeps_what_was_typed(cast: Cast) -> None:
    request = open_request(make_order(cast.north_lane, country="CA"))
    response = dora(request).post(url(request, "close/"), {"key": KEY, "comments": "It works after all."})
    page = html(response)
    assert response.status_code == 422
    assert "<title>Error: " in page
    assert '<a href="#id_reason">' in page
    assert "It works after all." in page
    assert f'value="{KEY}"' in page
    assert now(request).status == Status.AUTHORIZATION_REQUIRED


@pytest.mark.parametrize("reason", ["other", "refund_without_return", "closed_at_marketplace", "nonsense"])
def test_a_buyer_cannot_use_a_reason_of_the_seller(cast: Cast, reason: str) -> None:
    request = open_request(make_order(cast.north_lane, country="CA"))
    response = dora(request).post(url(request, "close/"), {"key": KEY, "reason": reason})
    assert response.status_code == 422
    assert now(request).status == Status.AUTHORIZATION_REQUIRED


def test_nobody_posts_what_a_form_does_not_have(cast: Cast) -> None:
    request = open_request(make_order(cast.north_lane, country="CA"))
    forged = {
        "status": "completed",
        "seller": "1",
        "prepaid_eligible": "on",
        "version": "7",
        "outcome": "refunded",
    }
    dora(request).post(url(request, "close/"), {"key": KEY, "reason": "buyer_other", **forged})
    after = now(request)
    assert (after.status, after.seller_id, after.prepaid_eligible, after.outcome, after.version) == (
        Status.CLOSED,
        request.seller_id,
        False,
        "",
        request.version + 1,
    )


def test_who_comes_second_is_told_who_was_first(cast: Cast) -> None:
    request = a_request_in(cast, Status.REFUND_DUE)
    response = dora(request).post(url(request, "close/"), {"key": KEY, "reason": "buyer_other"})
    assert response.status_code == 409
    assert "Somebody else was first" in words(response)
    assert "Marked as received by the seller on" in words(response)
    assert "Alice" not in words(response)


def test_who_did_it_already_is_not_told_that_somebody_else_was_first(cast: Cast) -> None:
    request = a_request_in(cast, Status.CLOSED, closed_by=Role.BUYER)
    response = dora(request).post(url(request, "close/"), {"key": KEY, "reason": "buyer_other"})
    assert response.status_code == 409
    assert "You have dealt with this already" in words(response)
    assert "Closed by you on" in words(response)
    assert "Somebody else" not in words(response)


def test_a_refusal_leads_back_to_the_request_in_the_frame_and_zone_of_the_buyers_pages(cast: Cast) -> None:
    MarketplaceSettings.objects.update(time_zone="Asia/Shanghai")
    request = a_request_in(cast, Status.REFUND_DUE)
    response = dora(request).post(url(request, "close/"), {"key": KEY, "reason": "buyer_other"})
    page = response.content.decode()
    assert f'class="button primary" href="{url(request)}"' in page
    assert f'<span class="brand">{request.seller.name}</span>' in page
    assert "Times are in the zone Asia/Shanghai." in words(response)
    stranger = dora(open_request(make_order(cast.north_lane, country="CA")))
    assert url(request) not in stranger.post(url(request, "close/"), {"key": KEY}).content.decode()


# --- Keeping


def test_a_prepaid_eligible_item_is_kept_not_closed(cast: Cast) -> None:
    request = a_request_in(cast, Status.AUTHORIZED, prepaid=True)
    client, number = dora(request), request.order.order_number
    refused = client.post(url(request, "close/"), {"key": KEY, "reason": "buyer_other"})
    assert refused.status_code == 409
    assert now(request).status == Status.AUTHORIZED
    for _ in range(2):
        assert client.post(url(request, "keep/"), {"key": KEY}).status_code == 303
    kept = now(request)
    assert (kept.status, kept.outcome) == (Status.COMPLETED, Outcome.BUYER_KEPT_ITEM)
    assert "You keep the item. We sent you a receipt." in words(client.get(url(request)))
    assert f"The buyer keeps the item: order {number}" in mails(cast.alice.email)
    assert f"You keep the item: order {number}" in mails(DORA.email)


@pytest.mark.parametrize("status", [Status.AUTHORIZATION_REQUIRED, Status.AUTHORIZED])
def test_only_where_there_was_a_label_it_no_longer_works(cast: Cast, status: Status) -> None:
    request = a_request_in(cast, status, prepaid=True)
    client, number = dora(request), request.order.order_number
    asked = words(client.get(url(request, "keep/")))
    client.post(url(request, "keep/"), {"key": KEY})
    told = [asked, words(client.get(url(request))), mails(DORA.email)[f"You keep the item: order {number}"]]
    for text in told:
        assert "there is nothing to send back" in text.lower()
        assert ("prepaid label no longer works" in text) == (status == Status.AUTHORIZED)
    to_seller = mails(cast.alice.email)[f"The buyer keeps the item: order {number}"]
    assert ("label is void" in to_seller) == (status == Status.AUTHORIZED)


def test_keeping_is_only_for_prepaid_returns(cast: Cast) -> None:
    request = open_request(make_order(cast.north_lane, country="CA"))
    response = dora(request).post(url(request, "keep/"), {"key": KEY})
    assert response.status_code == 409
    assert "Without a prepaid label you can close your request instead." in words(response)


# --- Asking the marketplace to step in


def test_asking_the_marketplace_to_step_in_is_told_to_the_admin_and_the_seller(cast: Cast) -> None:
    request = a_request_in(cast, Status.CLOSED)
    client, number = dora(request), request.order.order_number
    assert "You do not agree with the seller's decision." in words(client.get(url(request, "step-in/")))
    data = {"key": KEY, "comments": "The crack was there from the start."}
    for _ in range(2):
        assert client.post(url(request, "step-in/"), data).status_code == 303
    assert now(request).escalated_at is not None
    assert "The marketplace is told and will look at it." in words(client.get(url(request)))
    assert request.events.filter(action=Action.ESCALATE).count() == 1
    admins = mails(cast.root.email)
    assert data["comments"] in admins[f"Please step in: order {number}"]
    assert any(number in subject for subject in mails(cast.alice.email))
    assert "The marketplace was already asked to step in." in words(client.get(url(request)))


def test_before_the_seller_is_late_the_page_does_not_offer_to_step_in(cast: Cast) -> None:
    request = open_request(make_order(cast.north_lane, country="CA"))
    client = dora(request)
    assert "/step-in/" not in html(client.get(url(request)))
    response = client.post(url(request, "step-in/"), {"key": KEY})
    assert response.status_code == 409
    late = open_request(make_order(cast.north_lane, country="CA"), opened_days_ago=6)
    assert f'href="{url(late)}step-in/"' in html(dora(late).get(url(late)))


def test_an_imported_request_is_stepped_into_at_the_marketplace(cast: Cast) -> None:
    request = file_request(make_order(cast.north_lane, country="CA"), Status.AUTHORIZATION_REQUIRED)
    response = dora(request).post(url(request, "step-in/"), {"key": KEY})
    assert response.status_code == 409
    assert "Please ask at the marketplace where you bought the item" in words(response)


# --- Language and zone


def test_the_language_a_buyer_chooses_is_the_language_of_the_next_mail(cast: Cast) -> None:
    buyer = Person(name="Dora Diaz", email=DORA.email)
    request = open_request(make_order(cast.north_lane, country="CA", buyer=buyer))
    client = dora(request)
    client.post("/language/", {"language": "zh-hans", "next": url(request)})
    assert '<html lang="zh-hans"' in html(client.get(url(request)))
    assert Buyer.objects.get(order=request.order).language == "zh-hans"
    client.post(url(request, "close/"), {"key": KEY, "reason": "buyer_by_mistake"})
    number = request.order.order_number
    assert f"您的退货请求已关闭：订单 {number}" in mails(DORA.email)
