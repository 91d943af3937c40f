"""The pages on which both sides follow a return: write, say that it is sent, take back the own closing."""

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from notifications.mailbox import parse, part
from notifications.models import MailboxEntry
from notifications.services import deliver_messages, relay_events
from returns import services
from returns.actors import Actor
from returns.models import Buyer, Photo, ReturnItem, ReturnRequest
from returns.state_machine import Action, Role, Status
from tests.browsers import let_in, signed_in
from tests.factories import (
    Cast,
    Line,
    a_request_in,
    at_once,
    closing,
    day,
    file_request,
    last_event,
    make_order,
    open_request,
)
from tests.label_files import UPS
from tests.photo_files import HTML, a_photo, upload

pytestmark = pytest.mark.django_db

AR, AUTHORIZED, CLOSED = Status.AUTHORIZATION_REQUIRED, Status.AUTHORIZED, Status.CLOSED
HELLO = "Does it fit my stove & yours?\nThank you — 谢谢"


@pytest.fixture(autouse=True)
def _mailbox(settings: Any, tmp_path: Path) -> None:
    settings.DEMO, settings.MAILBOX = True, True
    settings.EMAIL_BACKEND = "notifications.mailbox.Backend"
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def asked(cast: Cast) -> ReturnRequest:
    return a_request_in(cast, AR)


@pytest.fixture
def authorized(cast: Cast) -> ReturnRequest:
    return a_request_in(cast, AUTHORIZED)


@pytest.fixture
def alice(cast: Cast) -> Client:
    return signed_in(cast.alice)


def dora(request: ReturnRequest, language: str = "en") -> Client:
    return let_in(request.order, headers={"accept-language": language})


def mine(request: ReturnRequest, page: str = "") -> str:
    return f"/my/returns/{request.reference}/{page}"


def theirs(request: ReturnRequest, page: str = "") -> str:
    return f"/seller/returns/{request.reference}/{page}"


def html(response: HttpResponse) -> str:
    return unescape(response.content.decode())


def words(response: HttpResponse) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html(response)).split())


def key_of(response: HttpResponse) -> str:
    return re.search(r'name="key" value="([^"]+)"', response.content.decode())[1]


def mails() -> dict[str, list[str]]:
    """What was delivered, texts by recipient, when everything due had left."""
    relay_events()
    deliver_messages()
    texts: dict[str, list[str]] = {}
    for mail in MailboxEntry.objects.order_by("pk"):
        texts.setdefault(mail.recipients, []).append(f"{mail.subject}\n{part(parse(mail.content), 'plain')}")
    return texts


# The conversation


def test_what_both_wrote_stands_on_both_pages_in_order(
    cast: Cast, asked: ReturnRequest, alice: Client
) -> None:
    buyer = dora(asked)
    box = buyer.get(mine(asked))
    response = buyer.post(mine(asked, "write/"), {"key": key_of(box), "comments": HELLO})
    assert (response.status_code, response["Location"]) == (303, mine(asked))
    assert "Your message is with the seller." in words(buyer.get(mine(asked)))
    response = alice.post(theirs(asked, "write/"), {"key": "k", "comments": "Yes, it does."})
    assert (response.status_code, response["Location"]) == (303, theirs(asked))

    read = words(buyer.get(mine(asked)))
    assert re.search(
        rf"You · \d.*? {re.escape(' '.join(HELLO.split()))} North Lane · \d.*? Yes, it does\.", read
    )
    assert "Alice" not in read
    page = alice.get(theirs(asked))
    assert re.search(r"Dora Diaz · \d.*?谢谢 Alice Ames · \d.*? Yes, it does\.", words(page))
    assert "Message written" in words(page)

    told = mails()
    assert HELLO in told["alice@north-lane.example"][-1]
    assert HELLO in told["ben@north-lane.example"][-1]
    assert "North Lane wrote to you about your return" in told["dora@buyers.example"][-1]
    assert "Yes, it does." in told["dora@buyers.example"][-1]
    links = re.findall(r"https?://\S+", told["dora@buyers.example"][-1])
    assert [link.partition("/my/")[2] for link in links] == [
        f"returns/{asked.reference}/", f"returns/{asked.reference}/write/"
    ]  # fmt: skip


def test_a_message_that_cannot_be_sent_is_shown_again_with_its_words(
    asked: ReturnRequest, alice: Client
) -> None:
    for client, page in ((dora(asked), mine(asked, "write/")), (alice, theirs(asked, "write/"))):
        too_long = "word " * 500
        response = client.post(page, {"key": "k1", "comments": too_long})
        assert response.status_code == 422
        assert "Shorten your message to 2,000 characters." in words(response)
        assert too_long in html(response)
        response = client.post(page, {"key": "k2", "comments": " "})
        assert response.status_code == 422
        assert "Write your message first." in words(response)
    assert not asked.events.filter(action=Action.WRITE).exists()


def test_who_writes_too_much_is_told_when_to_go_on_and_keeps_the_words(asked: ReturnRequest) -> None:
    actor = Actor.buyer(asked.order)
    for number in range(20):
        services.write_message(actor, reference=asked.reference, comments=f"{number}")
    response = dora(asked).post(mine(asked, "write/"), {"key": "k", "comments": HELLO, "next": mine(asked)})
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 3000
    assert "You have written 20 messages within an hour." in words(response)
    assert HELLO in html(response)
    assert mine(asked) in html(response)


@pytest.mark.parametrize("writer", ["buyer", "seller", "admin"])
def test_one_side_sends_photos_and_the_other_sees_them(
    cast: Cast, asked: ReturnRequest, alice: Client, writer: str
) -> None:
    photos = [a_photo(f"{number}.jpg") for number in range(6)]
    buyer = dora(asked)
    sent = {"key": "k", "comments": HELLO, "photos": photos}
    if writer == "buyer":
        assert buyer.post(mine(asked, "write/"), sent).status_code == 303
    else:
        client = alice if writer == "seller" else signed_in(cast.root, with_second_factor=True)
        assert client.post(theirs(asked, "write/"), sent).status_code == 303
    assert Photo.objects.filter(event=last_event(asked)).count() == 6
    for client, page in ((buyer, mine), (alice, theirs)):
        shown = re.findall(r'<img src="([^"]+)"', html(client.get(page(asked))))
        assert len(shown) == 6
        assert shown[0].startswith(page(asked, "photos/"))
        answer = client.get(shown[0])
        assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")


@pytest.mark.parametrize(
    ("photos", "sentence"),
    [
        (lambda: [a_photo() for _each in range(7)], "You can add 6 photos at most."),
        (lambda: [upload("cat.jpg", HTML)], "Choose photos in JPEG, PNG or WebP format."),
    ],
)
def test_what_is_no_photo_is_refused_and_the_words_stay(
    asked: ReturnRequest, alice: Client, photos: Callable[[], list[Any]], sentence: str
) -> None:
    for client, page in ((dora(asked), mine), (alice, theirs)):
        sent = {"key": "k", "comments": HELLO, "photos": photos()}
        response = client.post(page(asked, "write/"), sent)
        assert response.status_code == 422
        assert sentence in words(response)
        assert HELLO in html(response)
    assert not asked.events.filter(action=Action.WRITE).exists()


def test_photos_of_a_message_that_is_refused_are_asked_for_again(asked: ReturnRequest, alice: Client) -> None:
    for client, page in ((dora(asked), mine), (alice, theirs)):
        response = client.post(page(asked, "write/"), {"key": "k", "comments": "", "photos": [a_photo()]})
        assert response.status_code == 422
        assert "Please choose the photos again" in words(response)


def test_a_page_that_only_shows_the_message_asks_for_its_photos_again(
    asked: ReturnRequest, alice: Client
) -> None:
    sent = {"key": "k", "comments": HELLO, "photos": [a_photo()], "preview": "1"}
    response = alice.post(theirs(asked, "write/"), sent)
    assert response.status_code == 200
    assert "Please choose the photos again" in words(response)
    assert not Photo.objects.exists()


def test_while_a_closing_can_be_undone_the_buyer_writes_and_sees_nothing_of_it(
    cast: Cast, asked: ReturnRequest
) -> None:
    services.close_return(cast.actor(cast.alice), reference=asked.reference, closing=closing())
    buyer = dora(asked)
    assert buyer.post(mine(asked, "write/"), {"key": "k", "comments": HELLO}).status_code == 303
    for page in ("", "write/"):
        read = words(buyer.get(mine(asked, page)))
        assert "losed" not in read
        assert "We talked about it" not in read
    assert "The seller is looking at it" in words(buyer.get(mine(asked)))
    assert buyer.get(mine(asked, "sent/")).status_code == 409


# The seller's page


@pytest.mark.parametrize(
    ("language", "text", "warning"),
    [
        ("zh-hans", "You may keep it.", "The buyer reads Chinese"),
        ("en", "您可以保留商品。", "The buyer reads English"),
        ("en", "You may keep it.", ""),
    ],
)
def test_the_seller_sees_the_message_and_is_warned_of_its_script(
    asked: ReturnRequest, alice: Client, language: str, text: str, warning: str
) -> None:
    Buyer.objects.update(language=language)
    for page in ("write/", "write/preview/"):
        response = alice.post(theirs(asked, page), {"key": "k", "comments": text, "preview": "1"})
        assert response.status_code == 200
        shown = html(response)
        assert re.search(rf'<div class="letter" lang="{language}">.*{text}', shown, re.DOTALL)
        assert (warning or "no warning") in shown or not warning
        assert ("notice warn" in shown) == bool(warning)
    assert not asked.events.filter(action=Action.WRITE).exists()


@pytest.mark.parametrize(("language", "begins"), [("en", "Before you send"), ("zh-hans", "在您寄回")])
def test_where_a_return_costs_as_much_as_the_item_a_message_is_drafted(
    cast: Cast, alice: Client, language: str, begins: str
) -> None:
    order = make_order(cast.north_lane, Line(title="Cable", item=899), country="CA")
    request = open_request(order)
    Buyer.objects.update(language=language)
    assert "draft=cost" not in html(alice.get(theirs(request)))
    ReturnItem.objects.update(label_cost_minor=740)
    assert f"{theirs(request, 'write/')}?draft=cost" in html(alice.get(theirs(request)))
    field = re.search(r"<textarea[^>]*>([^<]*)", html(alice.get(theirs(request, "write/?draft=cost"))))[1]
    assert field.strip().startswith(begins)
    for number in ("7.40", "8.99", "Cable"):
        assert number in field


def test_a_viewer_reads_the_conversation_and_has_no_link(cast: Cast, asked: ReturnRequest) -> None:
    services.write_message(Actor.buyer(asked.order), reference=asked.reference, comments=HELLO)
    page = html(signed_in(cast.vera).get(theirs(asked)))
    assert "谢谢" in page
    assert theirs(asked, "write/") not in page


# Sent


def test_a_sent_parcel_is_shown_to_both(cast: Cast, authorized: ReturnRequest, alice: Client) -> None:
    buyer = dora(authorized)
    page = html(buyer.get(mine(authorized)))
    assert "We remind you by e-mail 7 days and 2 days before." in page
    assert f'<a class="button primary" href="{mine(authorized, "sent/")}">I have sent it</a>' in page
    form = buyer.get(mine(authorized, "sent/"))
    assert "After this you can no longer close the request." in words(form)
    sent = {"key": key_of(form), "carrier": "UPS", "tracking_number": " 1z 999aa1 0123456784"}
    assert buyer.post(mine(authorized, "sent/"), sent).status_code == 303
    read = words(buyer.get(mine(authorized)))
    assert "Your return is on its way" in read
    assert f"You sent the parcel {day(0):%-d %b}" in read
    assert f"UPS, tracking number {UPS}" in read
    assert "We remind you" not in read
    assert mine(authorized, "sent/") not in html(buyer.get(mine(authorized)))
    assert f"UPS, tracking number {UPS}" in words(alice.get(theirs(authorized)))
    assert "Handed over to the carrier" in words(alice.get(theirs(authorized)))
    assert buyer.get(mine(authorized, "sent/")).status_code == 409


def test_without_a_number_it_is_sent_all_the_same(authorized: ReturnRequest) -> None:
    buyer = dora(authorized, "zh-hans")
    assert buyer.post(mine(authorized, "sent/"), {"key": "k"}).status_code == 303
    assert "您已寄出包裹" in words(buyer.get(mine(authorized)))


def test_a_number_that_looks_wrong_is_asked_about_once(authorized: ReturnRequest) -> None:
    buyer = dora(authorized)
    sent = {"key": "k", "carrier": "UPS", "tracking_number": "1Z999AA10123456785"}
    response = buyer.post(mine(authorized, "sent/"), sent)
    assert response.status_code == 422
    assert "This does not look like a number of that carrier." in words(response)
    assert sent["tracking_number"] in html(response)
    asked_about = re.search(r'name="asked_about" value="([^"]+)"', html(response))[1]
    another = {**sent, "tracking_number": "1Z999AA10123456786", "asked_about": asked_about}
    assert buyer.post(mine(authorized, "sent/"), another).status_code == 422
    assert buyer.post(mine(authorized, "sent/"), {**sent, "asked_about": asked_about}).status_code == 303
    assert last_event(authorized).facts["parcel"]["tracking_number"] == sent["tracking_number"]


def test_what_is_prepaid_can_no_longer_be_kept_once_it_is_sent(cast: Cast) -> None:
    request = a_request_in(cast, AUTHORIZED, prepaid=True)
    form = dora(request).get(mine(request, "sent/"))
    assert "After this you can no longer keep the item instead." in words(form)


def test_a_prepaid_label_comes_from_the_marketplace_and_who_has_none_knows_whom_to_ask(cast: Cast) -> None:
    request = a_request_in(cast, AUTHORIZED, prepaid=True)
    buyer = dora(request)
    read = words(buyer.get(mine(request)))
    assert "The marketplace sends it to you separately, not through this page." in read
    assert "The marketplace provides the return label: you do not pay the shipping." in read
    mail = " ".join(mails()["dora@buyers.example"][-1].split())
    assert "The marketplace sends you the label separately." in mail
    assert "please write to the seller on your request page." in mail
    buyer.post(mine(request, "sent/"), {"key": "k"})
    assert "sends it to you separately" not in words(buyer.get(mine(request)))


@pytest.mark.parametrize("prepaid", [False, True])
def test_who_sends_it_before_anybody_decided_is_not_asked_to_keep_it(cast: Cast, prepaid: bool) -> None:
    request = a_request_in(cast, AR, prepaid=prepaid)
    buyer = dora(request)
    assert "please keep the items" in words(buyer.get(mine(request)))
    assert buyer.post(mine(request, "sent/"), {"key": "k"}).status_code == 303
    read = words(buyer.get(mine(request)))
    assert "keep the items" not in read
    assert "Your parcel is on its way, the seller still has to decide" in read
    assert ("Your return is authorized by" in read) == prepaid
    to_come = ("The seller decides", "The seller receives it", "You get your money back")
    assert re.search(".*".join(f"Still to come: {step}" for step in to_come), read)


def test_what_was_asked_at_the_marketplace_is_dated_by_its_day_not_by_its_file(cast: Cast) -> None:
    request = file_request(make_order(cast.north_lane), AR, requested_days_ago=4)
    assert not request.requested_has_time
    read = words(dora(request).get(mine(request)))
    assert re.search(
        rf"You asked for a return at the marketplace {day(4):%-d %b}( \d{{4}})? Still to come", read
    )


# Taken back


@pytest.mark.parametrize(
    ("status", "follows", "headline"),
    [
        (AR, "Your request goes back to the seller, who decides about it.", "The seller is looking at it"),
        (AUTHORIZED, "Your return is authorized again: hand the parcel", "Please send the items back"),
    ],
)
def test_the_own_closing_is_taken_back_from_the_page(
    cast: Cast, status: Status, follows: str, headline: str
) -> None:
    request = a_request_in(cast, status)
    buyer = dora(request)
    buyer.post(mine(request, "close/"), {"key": "c", "reason": "buyer_by_mistake"})
    page = html(buyer.get(mine(request)))
    assert f'href="{mine(request, "reopen/")}">Reopen my request</a>' in page
    assert "You can do this until" in page
    form = buyer.get(mine(request, "reopen/"))
    assert follows in words(form)
    assert buyer.post(mine(request, "reopen/"), {"key": key_of(form)}).status_code == 303
    read = words(buyer.get(mine(request)))
    assert headline in read
    assert "You took back your closing" in read
    for person in ("alice", "ben"):
        assert "The buyer reopened a return request" in mails()[f"{person}@north-lane.example"][-1]


def test_where_it_cannot_be_taken_back_the_page_says_why(cast: Cast) -> None:
    order = make_order(cast.north_lane, Line(quantity=2), country="CA")
    request = open_request(order)
    services.close_return(
        Actor.buyer(order), reference=request.reference, closing=closing("buyer_by_mistake", "")
    )
    open_request(order)
    buyer = dora(request)
    sentence = "Another request holds these units now, so this one cannot be opened again."
    assert sentence in words(buyer.get(mine(request)))
    for answer in (buyer.get(mine(request, "reopen/")), buyer.post(mine(request, "reopen/"), {"key": "k"})):
        assert answer.status_code == 409
        assert sentence in words(answer)


def test_what_the_seller_closed_the_buyer_is_not_offered_to_reopen(cast: Cast) -> None:
    request = a_request_in(cast, CLOSED)
    assert "reopen" not in html(dora(request).get(mine(request)))
    assert dora(request).get(mine(request, "reopen/")).status_code == 409


# The page as a whole


@pytest.mark.parametrize("status", [AR, AUTHORIZED, CLOSED])
def test_a_page_with_much_on_it_makes_no_more_queries(
    cast: Cast, status: Status, django_assert_max_num_queries: Any
) -> None:
    request = a_request_in(cast, status, closed_by=Role.BUYER)
    alice, buyer = at_once(cast.actor(cast.alice)), Actor.buyer(request.order)
    for number in range(10):
        services.write_message(alice, reference=request.reference, comments=f"{number}")
        services.write_message(buyer, reference=request.reference, comments=f"{number}")
    client = dora(request)
    client.get(mine(request))
    with django_assert_max_num_queries(12):
        client.get(mine(request))


def test_a_request_on_its_way_back_can_be_shown_as_a_qr_code(
    authorized: ReturnRequest, asked: ReturnRequest
) -> None:
    page = html(dora(authorized).get(mine(authorized)))
    assert "Show as QR code" in page
    assert re.search(rf'<svg class="qr".*?</svg>{authorized.rma_number}', page, re.DOTALL)
    assert "QR" not in html(dora(asked).get(mine(asked)))


def test_what_is_left_to_do_at_the_marketplace_copies_the_decision_s_words(cast: Cast, alice: Client) -> None:
    request = file_request(make_order(cast.north_lane, country="CA"), AR)
    actor = at_once(cast.actor(cast.alice))
    decided = closing(comments="These are the comments of the closing.")
    services.close_return(actor, reference=request.reference, closing=decided)
    services.write_message(Actor.buyer(request.order), reference=request.reference, comments=HELLO)
    notice = re.search(r'id="todo-comments"[^>]*>([^<]*)', html(alice.get(theirs(request))))
    assert notice
    assert notice[1] == "These are the comments of the closing."
