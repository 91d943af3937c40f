"""Offers, through the pages of both sides and their mails."""

import re
from html import unescape

import pytest
from django.http import HttpResponse

from notifications.mailbox import parse, part
from notifications.models import MailboxEntry
from notifications.services import deliver_messages, relay_events
from returns import services
from returns.actors import Actor
from returns.models import LabelKind, Offer, OfferState, Refund, ReturnRequest, Seller
from returns.models.money import RefundCause
from returns.policy import PolicyVerdict
from returns.services.deadlines import lapse_offers
from returns.services.decide import Authorization
from returns.services.labels import Label
from returns.services.offers import Terms
from returns.services.verdicts import Judgement
from returns.services.withdraw import WithdrawnLine
from returns.state_machine import Outcome, Status
from tests.browsers import let_in, signed_in
from tests.factories import (
    Cast,
    Person,
    a_request_in,
    at_once,
    by_hand,
    closing,
    day,
    days_ago,
    everything_received,
    file_request,
    make_order,
    open_request,
)
from tests.views.test_return_costs import asked as costs_more_than_it_is_worth
from tests.views.test_return_costs import with_a_table

pytestmark = pytest.mark.django_db

LI = Person(name="李娜", email="li@buyers.example", language="zh-hans")
WORDS = "Keep the kettle, it is yours."


@pytest.fixture(autouse=True)
def mailbox(settings: pytest.FixtureRequest) -> None:
    settings.DEMO, settings.MAILBOX = True, True
    settings.EMAIL_BACKEND = "notifications.mailbox.Backend"


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
    assert "The seller refunds you to your original payment method." in page
    assert "You have been refunded" not in page

    request = now(asked)
    assert (request.status, request.outcome) == (Status.COMPLETED, Outcome.REFUNDED_WITHOUT_RETURN)
    rows = Refund.objects.filter(request=request).order_by("pk").values_list("part", "amount_minor", "cause")
    assert list(rows) == [("item", 12900, RefundCause.OFFER), ("tax", 1032, RefundCause.OFFER)]
    offer.refresh_from_db()
    assert offer.state == OfferState.ACCEPTED
    told = mails("alice@north-lane.example")
    assert (
        "Please make sure that the refund is paid."
        in told[f"The buyer accepts your offer: order {asked.order.order_number}"]
    )
    receipt = mails("dora@buyers.example")[
        f"Your return request is completed: order {asked.order.order_number}"
    ]
    assert "You accepted the offer of North Lane" in receipt
    assert "Day of the refund" not in receipt
    timeline = html(alice.get(seller_url(asked)))
    assert "Offer accepted" in timeline
    assert "Offer made" in timeline


@pytest.mark.parametrize(
    ("kind", "minor", "sentence"),
    [
        (
            "keep_partial",
            2500,
            "You keep the item and get a partial refund of $25.00.",
        ),
        ("credit", 3000, "get a credit of $30.00 for a later order."),
    ],
)
def test_a_part_of_the_money_or_a_credit_completes_the_request(
    cast: Cast, asked: ReturnRequest, kind: str, minor: int, sentence: str
) -> None:
    alice = signed_in(cast.alice)
    response = alice.post(
        seller_url(asked, "offer/"), said(kind=kind, amount=f"{minor / 100:.2f}"), follow=True
    )
    assert "The offer is made" in html(response)
    offer = Offer.objects.get()
    assert sentence in html(let_in(asked.order).get(buyer_url(asked, "offer/accept/")))
    page = html(answer(asked, offer))
    assert "You accepted the offer" in page
    assert now(asked).outcome == Outcome.PARTIALLY_REFUNDED
    (refund,) = Refund.objects.all()
    memo = "As a credit for a later order" if kind == "credit" else ""
    assert (refund.amount_minor, refund.cause, refund.memo) == (minor, RefundCause.OFFER, memo)


@pytest.mark.parametrize(
    ("kind", "minor", "words"),
    [
        ("free_label", None, "a label from the seller, which costs you nothing"),
        ("discounted_label", 400, "a label from the seller, for which you pay $4.00"),
    ],
)
def test_a_label_that_is_accepted_authorizes_and_is_owed(
    cast: Cast, asked: ReturnRequest, kind: str, minor: int | None, words: str
) -> None:
    offer = made(cast, asked, kind, minor)
    assert words in html(let_in(asked.order).get(buyer_url(asked, "offer/")))
    page = html(answer(asked, offer))
    assert "The seller provides it; you are told when it is there." in page
    request = now(asked)
    assert (request.status, request.is_label_owed, request.offer_until) == (Status.AUTHORIZED, True, None)
    assert not Refund.objects.exists()
    page = html(signed_in(cast.alice).get(seller_url(asked)))
    assert "Authorized automatically: the buyer accepted your offer" in page
    assert "You still owe the buyer the return label." in page
    mail = mails("dora@buyers.example")[f"Your return is authorized: order {asked.order.order_number}"]
    assert words in mail
    assert ("The price of the label is taken off your refund." in mail) == (kind == "discounted_label")


def test_declining_leaves_the_request_as_it_is(cast: Cast, asked: ReturnRequest) -> None:
    offer = made(cast, asked)
    confirm = html(let_in(asked.order).get(buyer_url(asked, "offer/decline/")))
    assert "you cannot accept this offer any more" in confirm
    page = html(answer(asked, offer, "decline"))
    assert "You turned the offer down" in page
    assert "The seller makes you an offer" not in page
    assert now(asked).status == Status.AUTHORIZATION_REQUIRED
    assert not Refund.objects.exists()
    told = mails("alice@north-lane.example")
    assert (
        "your decision is still needed"
        in told[f"The buyer turns down your offer: order {asked.order.order_number}"]
    )
    assert f'href="{seller_url(asked, "offer/")}"' in html(signed_in(cast.alice).get(seller_url(asked)))
    response = answer(asked, offer, "accept", "b2")
    assert (response.status_code, "This offer was turned down already." in html(response)) == (409, True)


def test_an_offer_is_taken_back_and_the_buyer_is_told(cast: Cast, asked: ReturnRequest) -> None:
    offer, alice = made(cast, asked), signed_in(cast.alice)
    mails("dora@buyers.example")
    page = html(alice.get(seller_url(asked, "offer/take-back/")))
    assert "Keep the item, full refund: $139.32" in page
    response = alice.post(
        seller_url(asked, "offer/take-back/"), {"offer": offer.pk, "key": "t1"}, follow=True
    )
    assert "The offer is taken back and the buyer is told." in html(response)
    told = mails("dora@buyers.example")
    assert (
        "goes on as before" in told[f"North Lane has taken an offer back: order {asked.order.order_number}"]
    )
    response = answer(asked, offer)
    assert (response.status_code, "This offer is no longer open." in html(response)) == (409, True)
    assert let_in(asked.order).get(buyer_url(asked, "offer/")).status_code == 409
    assert not Refund.objects.exists()


@pytest.mark.parametrize(
    ("entered", "sentence"),
    [
        ({"kind": ""}, "Choose what you offer."),
        ({"kind": "gold"}, "Choose what you offer."),
        ({"comments": "  "}, "Write comments to the buyer: they go into the message."),
        ({"comments": "x" * 2001}, "Shorten your comments to 2,000 characters."),
        ({"days": "0"}, "greater than or equal to 1"),
        ({"days": "31"}, "less than or equal to 30"),
        ({"kind": "keep_partial", "amount": ""}, "Enter an amount above zero."),
        ({"kind": "keep_partial", "amount": "0"}, "Enter an amount above zero."),
        ({"kind": "keep_partial", "amount": "-1"}, "Enter an amount above zero."),
        ({"kind": "keep_partial", "amount": "1.001"}, "at most the usual decimals of its currency"),
        ({"kind": "keep_partial", "amount": "1" + "0" * 30}, "no more than 15 digits"),
        ({"kind": "keep_partial", "amount": "139.33"}, "At most $139.32 can still be refunded here."),
        ({"kind": "keep_partial", "amount": "139.32"}, "offer a full refund, or less"),
        ({"kind": "credit", "amount": "139.33"}, "At most $139.32 can still be refunded here."),
        ({"kind": "discounted_label", "amount": "139.33"}, "At most $139.32 can still be refunded here."),
    ],
)
def test_what_cannot_be_offered_is_said_at_its_field(
    cast: Cast, asked: ReturnRequest, entered: dict[str, str], sentence: str
) -> None:
    response = signed_in(cast.alice).post(seller_url(asked, "offer/"), said(**entered))
    page = html(response)
    assert response.status_code == 422
    assert sentence in page
    assert not Offer.objects.exists()
    if "comments" not in entered:
        assert WORDS in page


def test_the_message_is_shown_before_it_is_sent(cast: Cast, asked: ReturnRequest) -> None:
    alice = signed_in(cast.alice)
    page = html(alice.get(seller_url(asked, "offer/")))
    assert "Choose what you offer, and an amount where it needs one, to see the message." in page
    entered = said(kind="keep_partial", amount="25.00")
    for answer_of in (
        alice.post(seller_url(asked, "offer/"), {**entered, "preview": "1"}),
        alice.post(seller_url(asked, "offer/preview/"), entered),
    ):
        assert answer_of.status_code == 200
        assert "get a partial refund of $25.00." in html(answer_of)
        assert WORDS in html(answer_of)
    assert not Offer.objects.exists()


def test_the_advice_leads_to_an_offer_while_none_is_open(cast: Cast) -> None:
    with_a_table(cast)
    request = costs_more_than_it_is_worth(cast)
    alice, leads = signed_in(cast.alice), f'href="{seller_url(request, "offer/?kind=keep_full")}'
    pages = ("/seller/returns/", seller_url(request))
    assert all(leads in html(alice.get(page)) for page in pages)
    made(cast, request)
    assert not any(leads in html(alice.get(page)) for page in pages)


def test_over_the_list_the_row_is_drawn_again(cast: Cast, asked: ReturnRequest) -> None:
    alice = signed_in(cast.alice)
    answer_of = alice.post(
        seller_url(asked, "offer/"), said(next="/seller/returns/"), headers={"hx-request": "true"}
    )
    page = html(answer_of)
    assert answer_of.status_code == 200
    assert f'id="row-{asked.reference}"' in page
    assert "Offer open until" in page
    assert "The offer is made and the buyer is told." in page


def test_a_form_sent_twice_makes_one_offer(cast: Cast, asked: ReturnRequest) -> None:
    alice = signed_in(cast.alice)
    for _time in range(2):
        assert alice.post(seller_url(asked, "offer/"), said()).status_code == 303
    assert Offer.objects.count() == 1
    assert alice.post(seller_url(asked, "offer/"), said(kind="free_label")).status_code == 422
    response = alice.post(seller_url(asked, "offer/"), said(key="k2"))
    assert (response.status_code, "Take it back first." in html(response)) == (409, True)
    assert alice.get(seller_url(asked, "offer/")).status_code == 409
    assert Offer.objects.count() == 1
    offer = Offer.objects.get()
    for _time in range(2):
        assert answer(asked, offer).redirect_chain == [(buyer_url(asked), 303)]
    assert Refund.objects.count() == 2  # item and tax, once
    response = answer(asked, offer, key="b2")
    assert (response.status_code, "This offer was accepted already." in html(response)) == (409, True)
    assert answer(asked, offer, "decline", key="b3").status_code == 409
    assert Refund.objects.count() == 2


def test_another_offer_than_the_one_that_was_shown_is_not_accepted(cast: Cast, asked: ReturnRequest) -> None:
    first = made(cast, asked)
    alice = at_once(cast.actor(cast.alice))
    services.take_back_offer(alice, reference=asked.reference, offer_id=first.pk)
    second = made(cast, asked, "keep_partial", 100)
    assert answer(asked, first).status_code == 409
    second.refresh_from_db()
    assert second.state == OfferState.OPEN
    other = made(cast, a_request_in(cast, Status.AUTHORIZATION_REQUIRED))
    assert answer(asked, other).status_code == 404
    assert not Refund.objects.exists()


def test_what_was_offered_holds_or_is_refused_with_what_is_left(cast: Cast, asked: ReturnRequest) -> None:
    offer = made(cast, asked)
    amounts = {(asked.items.get().pk, "item"): 12000}
    services.record_refund(
        cast.actor(cast.alice), reference=asked.reference, amounts=amounts, refunded_date=day(0)
    )
    response = answer(asked, offer)
    assert response.status_code == 409
    assert "At most $19.32 can still be refunded here." in html(response)
    offer.refresh_from_db()
    assert offer.state == OfferState.OPEN
    assert Refund.objects.count() == 1
    assert now(asked).status == Status.AUTHORIZATION_REQUIRED


def test_a_decision_withdraws_the_open_offer_and_its_undo_opens_it_again(
    cast: Cast, asked: ReturnRequest
) -> None:
    offer, alice = made(cast, asked), cast.actor(cast.alice)
    services.close_return(alice, reference=asked.reference, closing=closing())
    offer.refresh_from_db()
    assert (offer.state, now(asked).offer_until) == (OfferState.WITHDRAWN, None)
    # While it can be undone the buyer sees the request as it was, and cannot answer.
    response = answer(asked, offer)
    assert (response.status_code, "being worked on right now" in html(response)) == (409, True)
    services.undo_decision(alice, reference=asked.reference)
    offer.refresh_from_db()
    assert (offer.state, now(asked).offer_until) == (OfferState.OPEN, offer.valid_until)
    assert "You accepted the offer" in html(answer(asked, offer, key="b2"))


def test_after_it_was_closed_the_buyer_reads_by_whom(cast: Cast, asked: ReturnRequest) -> None:
    offer = made(cast, asked)
    services.close_return(at_once(cast.actor(cast.alice)), reference=asked.reference, closing=closing())
    response = answer(asked, offer)
    assert response.status_code == 409
    assert "Closed by the seller on" in html(response)
    assert not Refund.objects.exists()
    assert "The open offer is withdrawn with it." in html(signed_in(cast.alice).get(seller_url(asked)))


def test_each_way_to_overtake_an_offer_withdraws_it(cast: Cast) -> None:
    alice, root = at_once(cast.actor(cast.alice)), cast.actor(cast.root)

    def buyer(request: ReturnRequest) -> Actor:
        return Actor.buyer(request.order)

    ways = {
        "authorize": lambda one: services.authorize_return(alice, reference=one.reference),
        "close": lambda one: services.close_return(
            buyer(one), reference=one.reference, closing=closing("buyer_by_mistake", "")
        ),
        "receive": lambda one: services.receive_return(
            alice, reference=one.reference, received=everything_received(one)
        ),
        "hand over": lambda one: services.hand_over(buyer(one), reference=one.reference),
        "reassess": lambda one: services.reassess(
            root,
            reference=one.reference,
            judgements={one.items.get().pk: Judgement(PolicyVerdict.NOT_IN_POLICY, False)},
            comments="Checked again with the seller.",
        ),
    }
    for name, way in ways.items():
        request = a_request_in(cast, Status.AUTHORIZATION_REQUIRED)
        offer = made(cast, request)
        way(request)
        offer.refresh_from_db()
        assert (offer.state, now(request).offer_until) == (OfferState.WITHDRAWN, None), name


def test_what_leaves_the_decision_open_leaves_the_offer_open(cast: Cast, asked: ReturnRequest) -> None:
    offer, alice = made(cast, asked, "keep_partial", 1000), at_once(cast.actor(cast.alice))
    services.write_message(alice, reference=asked.reference, comments="Please look at the offer.")
    amounts = {(asked.items.get().pk, "item"): 100}
    services.record_refund(alice, reference=asked.reference, amounts=amounts, refunded_date=day(0))
    offer.refresh_from_db()
    assert offer.state == OfferState.OPEN
    answer(asked, offer)
    assert now(asked).outcome == Outcome.PARTIALLY_REFUNDED


def test_after_its_time_an_offer_lapses_and_both_are_told(cast: Cast) -> None:
    request = a_request_in(cast, Status.AUTHORIZED)
    past = at_once(cast.actor(cast.alice)).at(days_ago(7))
    terms = Terms(kind="keep_full", comments=WORDS)
    services.make_offer(past, reference=request.reference, terms=terms)
    offer = Offer.objects.get()
    # Nobody has lapsed it yet: the clock of the database refuses by itself.
    response = answer(request, offer)
    assert (response.status_code, "The time to answer this offer is over." in html(response)) == (409, True)
    assert "The seller makes you an offer" not in html(let_in(request.order).get(buyer_url(request)))
    assert lapse_offers() == 1
    assert lapse_offers() == 0
    offer.refresh_from_db()
    assert (offer.state, now(request).offer_until) == (OfferState.LAPSED, None)
    number = request.order.order_number
    assert f"The offer has ended: order {number}" in mails("dora@buyers.example")
    assert f"Your offer was not answered: order {number}" in mails("alice@north-lane.example")
    assert now(request).status == Status.AUTHORIZED
    made(cast, request)


def test_an_offer_whose_time_is_over_makes_room_for_the_next(cast: Cast, asked: ReturnRequest) -> None:
    past = at_once(cast.actor(cast.alice)).at(days_ago(7))
    services.make_offer(past, reference=asked.reference, terms=Terms(kind="keep_full", comments=WORDS))
    assert made(cast, asked, "free_label").kind == "free_label"
    assert list(Offer.objects.order_by("pk").values_list("state", flat=True)) == ["lapsed", "open"]


def test_a_label_is_not_offered_where_none_is_needed(cast: Cast) -> None:
    eligible = a_request_in(cast, Status.AUTHORIZATION_REQUIRED, prepaid=True)
    page = html(signed_in(cast.alice).get(seller_url(eligible, "offer/")))
    assert page.count("The marketplace provides a prepaid label.") == 2
    offer = made(cast, eligible)
    answer(eligible, offer)
    assert now(eligible).outcome == Outcome.REFUNDED_WITHOUT_RETURN
    authorized = a_request_in(cast, Status.AUTHORIZED)
    page = html(signed_in(cast.alice).get(seller_url(authorized, "offer/")))
    assert page.count("This request is authorized already.") == 2


def test_what_has_come_back_can_only_be_settled_in_part(cast: Cast) -> None:
    received = a_request_in(cast, Status.REFUND_DUE)
    page = html(signed_in(cast.alice).get(seller_url(received, "offer/")))
    assert page.count("The item is already on its way back, or has arrived.") == 2
    offer = made(cast, received, "keep_partial", 5000)
    page = html(let_in(received.order).get(buyer_url(received, "offer/")))
    assert "You get a partial refund of $50.00." in page
    assert "You keep the item" not in page
    answer(received, offer)
    assert now(received).outcome == Outcome.PARTIALLY_REFUNDED


def test_an_authorized_request_ends_with_its_label_void(cast: Cast) -> None:
    request = a_request_in(cast, Status.AUTHORIZATION_REQUIRED)
    services.authorize_return(
        at_once(cast.actor(cast.alice)),
        reference=request.reference,
        decision=Authorization(label=Label(kind=LabelKind.UNPAID, carrier="UPS")),
    )
    answer(request, made(cast, request, "keep_partial", 500))
    assert now(request).outcome == Outcome.PARTIALLY_REFUNDED
    assert request.labels.get().voided_at is not None


def test_what_never_arrived_or_is_answered_elsewhere_says_why_not(cast: Cast) -> None:
    alice = signed_in(cast.alice)
    lost = open_request(make_order(cast.north_lane), reason="NEVER_ARRIVED")
    response = alice.get(seller_url(lost, "offer/"))
    assert (response.status_code, "The order never arrived" in html(response)) == (409, True)
    imported = file_request(make_order(cast.north_lane), Status.AUTHORIZATION_REQUIRED)
    sentence = "Make your offer at the marketplace"
    assert sentence in html(alice.get(seller_url(imported)))
    response = alice.post(seller_url(imported, "offer/"), said())
    assert (response.status_code, sentence in html(response)) == (409, True)
    Seller.objects.filter(pk=cast.north_lane.pk).update(imported_messages="send_from_here")
    answer(imported, made(cast, imported))
    assert (now(imported).status, now(imported).is_marketplace_todo) == (Status.COMPLETED, True)


def test_a_withdrawal_in_time_may_end_by_an_agreement(cast: Cast) -> None:
    order = make_order(cast.north_lane, country="FR", ordered_days_ago=5, delivered_days_ago=2)
    line = WithdrawnLine(order_item_id=order.items.get().pk, quantity=1)
    event = services.withdraw(Actor.buyer(order), order_reference=order.reference, lines=[line])
    answer(event.request, made(cast, event.request))
    assert now(event.request).outcome == Outcome.REFUNDED_WITHOUT_RETURN


def test_a_viewer_reads_the_offer_and_decides_nothing(cast: Cast, asked: ReturnRequest) -> None:
    offer, vera = made(cast, asked), signed_in(cast.vera)
    page = html(vera.get(seller_url(asked)))
    assert "Your offer waits for the buyer's answer until" in page
    assert "take-back" not in page
    response = vera.post(seller_url(asked, "offer/take-back/"), {"offer": offer.pk, "key": "v"})
    assert response.status_code == 403


def test_the_buyer_reads_it_in_the_own_language(cast: Cast) -> None:
    with by_hand(cast.north_lane):
        request = open_request(make_order(cast.north_lane, buyer=LI, country="CA"))
    page = html(signed_in(cast.alice).get(seller_url(request, "offer/?kind=keep_full")))
    assert "您可保留商品" in page
    offer = made(cast, request)
    (mail,) = [text for subject, text in mails("li@buyers.example").items() if "方案" in subject]
    assert "您可保留商品" in mail
    browser = let_in(request.order, headers={"accept-language": "zh-hans"})
    assert "您可保留商品" in html(browser.get(buyer_url(request, "offer/")))
    response = browser.post(buyer_url(request, "offer/accept/"), {"offer": offer.pk, "key": "b"}, follow=True)
    assert "您已接受方案" in html(response)
