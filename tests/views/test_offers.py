"""Offers, through the pages of both sides and their mails."""

import re
from html import unescape

import pytest
from django.http import HttpResponse

from notifications.mailbox import parse, part
from notifications.models import MailboxEntry
from notifications.services import deliver_messages, relay_events
from returns import services
from returns.models import Offer, OfferState, Refund, ReturnRequest
from returns.models.money import RefundCause
from returns.services.offers import Terms
from returns.state_machine import Outcome, Status
from tests.browsers import let_in, signed_in
from tests.factories import Cast, Person, a_request_in, at_once, file_request, make_order, open_request

pytestmark = pytest.mark.django_db

LI = Person(name="李娜", email="li@buyers.example", language="zh-hans")
WORDS = "Keep the kettle, it is yours."


@pytest.fixture
def asked(cast: Cast) -> ReturnRequest:
    """A kettle for $129.00 and $10.32 of tax, sent to Canada: it waits for the seller."""
    return a_request_in(cast, Status.AUTHORIZATION_REQUIRED)


def seller_url(request: ReturnRequest, page: str = "") -> str:
    return f"/seller/returns/{request.reference}/{page}"


def buyer_url(request: ReturnRequest, page: str = "") -> str:
    return f"/my/returns/{request.reference}/{page}"


def html(response: HttpResponse) -> str:
    return unescape(response.content.decode())


def said(**more: object) -> dict[str, object]:
    return {"kind": "keep_full", "days": 5, "comments": WORDS, "key": "k1", **more}


def mails(address: str) -> dict[str, str]:
    """The mails that reached this address: the plain text by subject."""
    relay_events()
    deliver_messages()
    found = [parse(entry.content) for entry in MailboxEntry.objects.filter(recipients=address).order_by("pk")]
    return {str(mail["Subject"]): part(mail, "plain") for mail in found}


def made(cast: Cast, request: ReturnRequest, kind: str = "keep_full", minor: int | None = None) -> Offer:
    """An offer of Alice's."""
    terms = Terms(kind=kind, amount_minor=minor, comments=WORDS)
    services.make_offer(at_once(cast.actor(cast.alice)), reference=request.reference, terms=terms)
    return Offer.objects.get(request=request, state=OfferState.OPEN)


def answer(request: ReturnRequest, offer: Offer, how: str = "accept", key: str = "b1") -> HttpResponse:
    return let_in(request.order).post(
        buyer_url(request, f"offer/{how}/"), {"offer": offer.pk, "key": key}, follow=True
    )


def now(request: ReturnRequest) -> ReturnRequest:
    return ReturnRequest.objects.get(pk=request.pk)


def test_a_keep_offer_from_the_button_to_accepted(cast: Cast, asked: ReturnRequest) -> None:
    alice, dora = signed_in(cast.alice), let_in(asked.order)
    page = html(alice.get(seller_url(asked)))
    assert f'href="{seller_url(asked, "offer/")}"' in page
    form = html(alice.get(seller_url(asked, "offer/?kind=keep_full")))
    assert re.search(r'value="keep_full" id="\w+" checked', form)
    assert "You keep the item and get a full refund of $139.32." in form
    response = alice.post(seller_url(asked, "offer/"), said(), follow=True)
    assert response.redirect_chain == [(seller_url(asked), 303)]
    page = html(response)
    assert "The offer is made and the buyer is told." in page
    assert "Keep the item, full refund: $139.32" in page
    assert f'href="{seller_url(asked, "offer/take-back/")}"' in page
    assert "Make an offer" not in page
    assert "Offer open until" in html(alice.get("/seller/returns/"))
    mail = mails("dora@buyers.example")[f"North Lane makes you an offer: order {asked.order.order_number}"]
    assert WORDS in mail
    assert "You keep the item and get a full refund of $139.32." in mail
    assert buyer_url(asked, "offer/") in mail

    own = html(dora.get(buyer_url(asked)))
    assert own.index("The seller makes you an offer") < own.index("The seller is looking at it")
    assert f'href="{buyer_url(asked, "offer/")}"' in own
    shown = html(dora.get(buyer_url(asked, "offer/")))
    assert WORDS in shown
    assert "there is nothing to send back" in shown
    confirm = html(dora.get(buyer_url(asked, "offer/accept/")))
    offer = Offer.objects.get()
    assert f'name="offer" value="{offer.pk}"' in confirm
    response = answer(asked, offer)
    assert response.redirect_chain == [(buyer_url(asked), 303)]
    page = html(response)
    assert "You accepted the offer. We send you a confirmation." in page
    assert "The seller refunds you to the way you paid with." in page
    assert "You have been refunded" not in page

    request = now(asked)
    assert (request.status, request.outcome) == (Status.COMPLETED, Outcome.REFUNDED_WITHOUT_RETURN)
    rows = Refund.objects.filter(request=request).order_by("pk").values_list("part", "amount_minor", "cause")
    assert list(rows) == [("item", 12900, RefundCause.OFFER), ("tax", 1032, RefundCause.OFFER)]
    offer.refresh_from_db()
    assert offer.state == OfferState.ACCEPTED
    told = mails("alice@north-lane.example")
    assert "Please make sure that the refund is paid." in told[
        f"The buyer accepts your offer: order {asked.order.order_number}"
    ]
    receipt = mails("dora@buyers.example")[
        f"Your return request is completed: order {asked.order.order_number}"
    ]
    assert "You accepted the offer of North Lane" in receipt
    assert "Day of the refund" not in receipt
    timeline = html(alice.get(seller_url(asked)))
    assert "Offer accepted" in timeline
    assert "Offer made" in timeline
