"""Receive, record a refund, complete and reopen through HTTP, and the page of one request."""

import re
from html import unescape

import pytest
from django.http import HttpResponse
from django.test import Client

from notifications.mailbox import parse, part
from notifications.models import MailboxEntry
from notifications.services import deliver_messages, relay_events
from returns.actors import Actor
from returns.models import Refund, ReturnRequest
from returns.state_machine import Action, Outcome, Role, Status
from tests.browsers import let_in, signed_in
from tests.factories import DORA, Cast, a_request_in, day, last_event, make_order, open_request

pytestmark = pytest.mark.django_db

KEY = "0123456789abcdef"
COMMENTS = "We looked into it once more, and you are right."


@pytest.fixture(autouse=True)
def mailbox(settings: pytest.FixtureRequest) -> None:
    settings.DEMO, settings.MAILBOX = True, True
    settings.EMAIL_BACKEND = "notifications.mailbox.Backend"


@pytest.fixture
def alice(cast: Cast) -> Client:
    return signed_in(cast.alice)


def url(request: ReturnRequest, page: str = "") -> str:
    return f"/seller/returns/{request.reference}/{page}"


def now(request: ReturnRequest) -> ReturnRequest:
    return ReturnRequest.objects.get(pk=request.pk)


def html(response: HttpResponse) -> str:
    return unescape(response.content.decode())


def last_mail(address: str = DORA.email) -> MailboxEntry:
    """The last of what was delivered to `address` when everything due had left."""
    relay_events()
    deliver_messages()
    return MailboxEntry.objects.filter(recipients=address).latest("pk")


def letter(response: HttpResponse) -> str:
    """The message as the page shows it: subject, line, body."""
    found = re.search(
        r'<div class="letter"[^>]*><p class="subject">(.*?)</p>\n(.*?)</div>',
        response.content.decode(),
        re.DOTALL,
    )
    return f"{unescape(found[1])}\n{unescape(found[2])}".rstrip("\n")


def told(mail: MailboxEntry) -> str:
    return f"{mail.subject}\n{part(parse(mail.content), 'plain')}".rstrip("\n")


def is_refused(response: HttpResponse, field: str, sentence: str) -> bool:
    """Whether the page comes again with `sentence` at `field` ("" for the whole form), its title saying so."""
    page = html(response)
    summary = re.search(r'<div class="notice wrong" role="alert".*?</div>', page, re.DOTALL)[0]
    place = rf'<a href="#id_{field}">[^<]*' if field else "<li>[^<]*"
    return (
        response.status_code == 422
        and "<title>Error: " in page
        and bool(re.search(place + re.escape(sentence), summary))
    )


# --- Received


def test_receive_tells_the_buyer_once_and_the_refund_is_due(cast: Cast, alice: Client) -> None:
    request = a_request_in(cast, Status.AUTHORIZED)
    item = request.items.get()
    assert f'name="units_{item.pk}" value="1"' in html(alice.get(url(request, "receive/")))
    data = {"key": KEY, f"units_{item.pk}": "1", f"condition_{item.pk}": "damaged"}
    for _ in range(2):
        response = alice.post(url(request, "receive/"), data)
        assert (response.status_code, response["Location"]) == (303, "/seller/returns/")
    assert request.events.filter(action=Action.RECEIVE).count() == 1
    assert now(request).status == Status.REFUND_DUE
    assert last_mail().subject == f"Your return has arrived: order {request.order.order_number}"
    page = html(alice.get(url(request)))
    assert "Damaged" in page
    assert "Refund by" in page


@pytest.mark.parametrize(
    ("sent", "field", "sentence"),
    [
        (("1", ""), "condition", "Choose the condition in which it came back."),
        (("2", "unopened"), "units", "less than or equal to 1"),
        (("", "unopened"), "units", "required"),
        (("0", ""), "", "Enter how many units came back; at least one."),
    ],
)
def test_receive_keeps_what_was_typed(
    cast: Cast, alice: Client, sent: tuple[str, str], field: str, sentence: str
) -> None:
    request, (units, condition) = a_request_in(cast, Status.AUTHORIZED), sent
    pk = request.items.get().pk
    data = {"key": KEY, f"units_{pk}": units, f"condition_{pk}": condition}
    response = alice.post(url(request, "receive/"), data)
    assert is_refused(response, field and f"{field}_{pk}", sentence)
    if units:
        assert f'name="units_{pk}" value="{units}"' in html(response)
    assert now(request).status == Status.AUTHORIZED


def test_a_request_that_is_refunded_cannot_be_received_and_the_page_says_why(
    cast: Cast, alice: Client
) -> None:
    request = a_request_in(cast, Status.COMPLETED, Outcome.REFUNDED)
    response = alice.get(url(request, "receive/"))
    assert response.status_code == 409
    assert "Only one that ended as not returned can still be received." in html(response)


# --- Refunded


def test_a_refund_of_everything_owed_completes_and_is_told(cast: Cast, alice: Client) -> None:
    request = a_request_in(cast, Status.REFUND_DUE)
    pk = request.items.get().pk
    page = html(alice.get(url(request, "refund/")))
    proposed = dict(re.findall(rf'name="amount_{pk}_(\w+)" value="([\d.]+)"', page))
    assert proposed == {"item": "129.00", "tax": "10.32"}
    data = {"key": KEY, "refunded_on": str(day(0))}
    data |= {f"amount_{pk}_{part}": amount for part, amount in proposed.items()}
    for _ in range(2):
        assert alice.post(url(request, "refund/"), data).status_code == 303
    assert (now(request).status, now(request).outcome) == (Status.COMPLETED, Outcome.REFUNDED)
    assert sum(Refund.objects.values_list("amount_minor", flat=True)) == 13932
    assert "$139.32" in told(last_mail())


def test_never_more_than_paid_and_what_was_typed_is_kept(cast: Cast, alice: Client) -> None:
    request = a_request_in(cast, Status.REFUND_DUE)
    pk = request.items.get().pk
    data = {"key": KEY, f"amount_{pk}_item": "129.01", "refunded_on": str(day(0))}
    response = alice.post(url(request, "refund/"), data)
    assert is_refused(response, f"amount_{pk}_item", "At most $129.00 can still be refunded here.")
    assert 'value="129.01"' in html(response)
    data[f"amount_{pk}_item"] = "1.005"
    assert is_refused(alice.post(url(request, "refund/"), data), f"amount_{pk}_item", "decimals")
    data |= {f"amount_{pk}_item": "1", "refunded_on": str(day(-3))}
    assert is_refused(alice.post(url(request, "refund/"), data), "refunded_on", "cannot be in the future")
    assert is_refused(
        alice.post(url(request, "refund/"), {"key": KEY, "refunded_on": str(day(0))}), "", "Enter the amount"
    )
    assert not Refund.objects.exists()


def test_a_promise_is_kept_by_recording_it(cast: Cast, alice: Client) -> None:
    request = a_request_in(cast, Status.CLOSED, promise_minor=12900)
    pk = request.items.get().pk
    assert "Refund promised: $129.00 by" in re.sub(r"<[^>]+>", "", html(alice.get(url(request))))
    data = {"key": KEY, f"amount_{pk}_item": "129.00", "refunded_on": str(day(0))}
    assert alice.post(url(request, "refund/"), data).status_code == 303
    assert now(request).status == Status.CLOSED
    assert "Refund promised" not in html(alice.get(url(request)))
    assert "Money still owed" not in html(alice.get(url(request)))


# --- Completed


def test_completing_with_a_partial_refund_shows_the_message_that_is_then_delivered(
    cast: Cast, alice: Client
) -> None:
    request = a_request_in(cast, Status.REFUND_DUE)
    pk = request.items.get().pk
    form = {"key": KEY, "outcome": "partially_refunded", "comments": COMMENTS}
    page = html(alice.get(url(request, "complete/")))
    assert re.search(
        r'value="partially_refunded"[^>]* disabled[^>]*>.*?Record the partial refund first\.', page, re.DOTALL
    )
    alice.post(
        url(request, "refund/"), {"key": "r", f"amount_{pk}_item": "20.00", "refunded_on": str(day(0))}
    )
    shown = alice.post(url(request, "complete/"), {**form, "preview": "1"})
    assert shown.status_code == 200
    assert now(request).status == Status.REFUND_DUE
    for _ in range(2):
        assert alice.post(url(request, "complete/"), form).status_code == 303
    assert now(request).outcome == Outcome.PARTIALLY_REFUNDED
    assert told(last_mail()) == letter(shown)
    assert COMMENTS in letter(shown)


def test_a_completion_that_is_not_possible_says_why_and_keeps_what_was_typed(
    cast: Cast, alice: Client
) -> None:
    request = a_request_in(cast, Status.AUTHORIZED)
    form = {"key": KEY, "outcome": "duplicate", "comments": COMMENTS}
    response = alice.post(url(request, "complete/"), form)
    assert is_refused(response, "outcome", "No other request asks for the same units.")
    assert COMMENTS in html(response)
    response = alice.post(url(request, "complete/"), form | {"outcome": "never_arrived", "comments": ""})
    assert is_refused(response, "comments", "Write comments to the buyer")
    response = alice.post(url(request, "complete/"), form | {"outcome": "refunded"})
    assert response.status_code == 422
    assert COMMENTS in html(response)
    assert now(request).status == Status.AUTHORIZED


def test_who_completes_second_is_told_who_was_first(cast: Cast, alice: Client) -> None:
    request = a_request_in(cast, Status.COMPLETED, Outcome.BUYER_KEPT_ITEM, prepaid=True)
    form = {"key": KEY, "outcome": "never_arrived", "comments": COMMENTS}
    response = alice.post(url(request, "complete/"), form)
    assert response.status_code == 409
    assert "Kept by the buyer on " in html(response)


# --- Reopened


def test_reopening_tells_the_buyer_what_the_page_showed(cast: Cast, alice: Client) -> None:
    request = a_request_in(cast, Status.CLOSED)
    dora = let_in(request.order)
    shown = alice.get(url(request, "reopen/"))
    assert "Closed by you or your team." in html(shown)
    assert request.order.order_number in letter(shown)
    form = {"key": KEY, "comments": COMMENTS}
    for _ in range(2):
        response = alice.post(url(request, "reopen/"), form)
        assert (response.status_code, response["Location"]) == (303, "/seller/returns/")
    assert "The request is open again and the buyer is told." in html(alice.get("/seller/returns/"))
    assert now(request).status == Status.AUTHORIZATION_REQUIRED
    assert request.events.filter(action=Action.REOPEN).count() == 1
    mail = last_mail()
    assert "reopened" in mail.subject or "open again" in mail.subject
    assert COMMENTS in told(mail)
    assert "The request was opened again" in html(dora.get(f"/my/returns/{request.reference}/"))


@pytest.mark.parametrize(
    ("closed_by", "sentence"),
    [
        (Role.BUYER, "The buyer closed this request, so only the buyer can take it back."),
        (Role.MARKETPLACE, "The marketplace closed this request, so it cannot be reopened here."),
    ],
)
def test_what_another_side_closed_says_why_it_stays_closed(
    cast: Cast, alice: Client, closed_by: Role, sentence: str
) -> None:
    request = a_request_in(cast, Status.CLOSED, closed_by=closed_by)
    assert sentence in html(alice.get(url(request)))
    for response in (alice.get(url(request, "reopen/")), alice.post(url(request, "reopen/"), {"key": KEY})):
        assert response.status_code == 409
        assert sentence in html(response)
    assert now(request).status == Status.CLOSED


# --- One request


def test_a_page_tells_the_whole_story_with_its_messages(cast: Cast, alice: Client) -> None:
    request = open_request(make_order(cast.north_lane, country="CA"), comment="It rattles.")
    number = request.order.order_number
    alice.post(url(request, "close/"), {"key": KEY, "reason": "other", "comments": COMMENTS})
    page = html(alice.get(url(request)))
    assert f"Return request for order {number}" in page
    assert "Nobody was told yet: it can still be undone." in page
    alice.post(url(request, "undo/"), {"key": "u"})
    relay_events()
    deliver_messages()
    page = html(alice.get(url(request)))
    for part_ in ("It rattles.", "<s>Closed</s>", "Undone before anybody was told.", "Decision undone"):
        assert part_ in page
    entry = MailboxEntry.objects.get(recipients=DORA.email)
    assert f'<a href="/mailbox/{entry.pk}/">{entry.subject}</a>' in page


def test_a_viewer_reads_the_same_page_and_that_others_decide(cast: Cast) -> None:
    request = open_request(make_order(cast.north_lane, country="CA"))
    page = html(signed_in(cast.vera).get(url(request)))
    assert "An owner or agent of the seller decides about it." in page
    assert "/close/" not in page


def test_the_seller_reads_that_the_buyer_closed_and_why(cast: Cast, alice: Client) -> None:
    request = open_request(make_order(cast.north_lane, country="CA"))
    let_in(request.order).post(
        f"/my/returns/{request.reference}/close/",
        {"key": KEY, "reason": "buyer_keeps_item", "comments": "I have grown fond of it."},
    )
    assert last_event(request).role == Actor.buyer(request.order).role
    page = html(alice.get("/seller/returns/?status=closed"))
    assert "Closed by the buyer." in page
    assert "I want to keep the item" in page
    assert "I have grown fond of it." in html(alice.get(url(request)))
