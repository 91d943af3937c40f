"""Authorize, close and undo through HTTP: what a page offers, keeps, refuses, and what is told to whom."""

import re
from html import unescape

import pytest
from django.http import HttpResponse
from django.test import Client

from notifications.mailbox import parse, part
from notifications.models import Kind, MailboxEntry, Message
from notifications.services import deliver_messages, relay_events
from returns import services
from returns.actors import Actor
from returns.models import ReturnRequest, User
from returns.models.clock import database_now
from returns.state_machine import Action, Status
from tests.browsers import let_in, signed_in
from tests.factories import (
    DORA,
    Cast,
    Person,
    by_hand,
    closing,
    day,
    file_request,
    last_event,
    make_order,
    open_request,
)
from tests.services import wait_until

pytestmark = pytest.mark.django_db

COMMENTS = "We talked on the phone & found a way: <keep> it.\nThank you — 谢谢!"
HTMX = {"HTTP_HX_REQUEST": "true"}
KEY = "0123456789abcdef"


@pytest.fixture(autouse=True)
def mailbox(settings: pytest.FixtureRequest) -> None:
    settings.DEMO, settings.MAILBOX = True, True
    settings.EMAIL_BACKEND = "notifications.mailbox.Backend"


@pytest.fixture
def briefly(settings: pytest.FixtureRequest) -> None:
    """What is decided can be undone for a second."""
    settings.UNDO_SECONDS = 1


@pytest.fixture
def alice(cast: Cast) -> Client:
    return signed_in(cast.alice)


@pytest.fixture
def request_(cast: Cast) -> ReturnRequest:
    """A request that Alice may authorize and close."""
    return open_request(make_order(cast.north_lane, country="CA"))


def url(request: ReturnRequest, page: str = "") -> str:
    return f"/seller/returns/{request.reference}/{page}"


def now(request: ReturnRequest) -> ReturnRequest:
    return ReturnRequest.objects.get(pk=request.pk)


def html(response: HttpResponse) -> str:
    return unescape(response.content.decode())


def send_close(client: Client, request: ReturnRequest, **changed: str) -> HttpResponse:
    htmx = HTMX if changed.pop("htmx", "") else {}
    data = {"key": KEY, "reason": "other", "comments": COMMENTS} | changed
    return client.post(url(request, "close/"), data, **htmx)


def let_the_hold_end(request: ReturnRequest) -> None:
    held = request.events.filter(hold_until__isnull=False).latest("version")
    wait_until(lambda: database_now() > held.hold_until, what="the hold is over")


def mails_to(address: str = DORA.email) -> list[MailboxEntry]:
    """What was delivered to `address` when everything due had left."""
    relay_events()
    deliver_messages()
    return list(MailboxEntry.objects.filter(recipients=address).order_by("pk"))


def letter(response: HttpResponse) -> str:
    """The message as the page shows it: subject, line, body."""
    found = re.search(
        r'<div class="letter"[^>]*><p class="subject">(.*?)</p>\n(.*?)</div>',
        response.content.decode(),
        re.DOTALL,
    )
    return f"{unescape(found[1])}\n{unescape(found[2])}"


# --- The close page


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("Close request", "Return reason", "for closing this request", "Comments to the buyer")),
        ("zh-hans", ("关闭请求", "退货原因", "用于关闭此请求", "给买家的备注")),
    ],
)
def test_the_close_page_has_the_agreed_words(
    cast: Cast, request_: ReturnRequest, language: str, words: tuple[str, ...]
) -> None:
    User.objects.filter(pk=cast.alice.pk).update(language=language)
    page = html(signed_in(cast.alice).get(url(request_, "close/"), {"reason": "other"}))
    close, reason, hint, comments = words
    assert f'<h1 id="decision-title">{close}</h1>' in page
    assert re.search(rf'<button class="button primary closes">{close}</button>', page)
    name, hint_id = re.search(
        rf'<label for="(\w+)">{reason}</label> <span class="hint" id="(\w+)">{hint}</span>', page
    ).groups()
    select = re.search(rf'<select name="reason" id="{name}"[^>]*aria-describedby="([^"]*)"', page)[1]
    assert hint_id in select.split()
    field = re.search(rf'<label for="(\w+)">{comments}</label>', page)[1]
    assert re.search(rf'<textarea name="comments"[^>]*maxlength="2000"[^>]*id="{field}"', page)
    assert '<option value="other" data-ground="always" selected>' in page


def test_the_sentences_of_reasons_that_do_not_hold_stand_behind_the_label_and_below(
    alice: Client, request_: ReturnRequest
) -> None:
    page = html(alice.get(url(request_, "close/")))
    disabled = re.findall(r'<option value="\w+"[^>]* disabled>([^<]+)</option>', page)
    assert len(disabled) >= 3
    below = re.search(r'<ul class="grounds" id="grounds">.*?</ul>', page, re.DOTALL)[0]
    for option in disabled:
        label, sentence = option.split(": ", 1)
        assert f'<li class="no"><strong>{label}</strong><p>{sentence}</p></li>' in below


def test_the_page_of_a_reason_shows_what_it_asks_for_with_what_is_proposed(
    alice: Client, request_: ReturnRequest
) -> None:
    page = html(alice.get(url(request_, "close/"), {"reason": "refund_without_return"}))
    assert 'name="promise_amount" value="139.32"' in page
    assert re.search(r'<input type="date" name="promise_date" value="\d{4}-\d\d-\d\d"', page)
    assert "$139.32" in letter(alice.get(url(request_, "close/"), {"reason": "refund_without_return"}))


def test_a_prepaid_eligible_request_has_no_close_page_and_no_door(cast: Cast, alice: Client) -> None:
    with by_hand(cast.north_lane):
        request = open_request(make_order(cast.north_lane))
    note = "Eligible for a prepaid return: this request cannot be closed."
    for response in (alice.get(url(request, "close/")), send_close(alice, request)):
        assert response.status_code == 409
        assert note in html(response)
    assert now(request).status == Status.AUTHORIZATION_REQUIRED


# --- Closing


def test_closing_answers_303_to_where_one_came_from(alice: Client, request_: ReturnRequest) -> None:
    response = send_close(alice, request_, next="/seller/returns/?q=kettle&sort=created")
    assert (response.status_code, response["Location"]) == (303, "/seller/returns/?q=kettle&sort=created")
    page = html(alice.get(response["Location"]))
    assert f"Closed: order {request_.order.order_number}." in page
    assert re.search(r'action="/seller/returns/[\w-]+/undo/".*?</svg>Undo</button>', page, re.DOTALL)
    closed = now(request_)
    assert (closed.status, closed.closure_reason.code) == (Status.CLOSED, "other")
    assert last_event(request_).text == COMMENTS


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil.example"]
)
def test_closing_never_leads_to_another_site(alice: Client, request_: ReturnRequest, elsewhere: str) -> None:
    assert send_close(alice, request_, next=elsewhere)["Location"] == "/seller/returns/"


def test_for_htmx_closing_answers_200_with_the_row_the_tabs_and_what_is_read_out(
    alice: Client, request_: ReturnRequest
) -> None:
    response = send_close(alice, request_, htmx="yes")
    assert response.status_code == 200
    page = html(response)
    assert "<html" not in page
    assert f'hx-target="#row-{request_.reference}"' in page
    assert f'<article class="row" id="row-{request_.reference}"' in page
    assert f"Closed: order {request_.order.order_number}." in page
    assert re.findall(r"> ?(Authorization Required|Closed) <span>(\d+)</span>", page) == [
        ("Authorization Required", "0"),
        ("Closed", "1"),
    ]
    assert f'hx-post="{url(request_, "undo/")}"' in page


@pytest.mark.parametrize(
    ("wrong", "field", "sentence"),
    [
        ({"comments": ""}, "comments", "Write comments to the buyer: they go into the message."),
        ({"comments": "Too short."}, "comments", "explain your reason in at least 20 characters"),
        ({"comments": "x" * 2001}, "comments", "2,000"),
        ({"reason": ""}, "reason", "Choose a return reason from the list."),
        ({"reason": "nonsense"}, "reason", "Choose a return reason from the list."),
        (
            {"reason": "refund_without_return", "promise_amount": "1000"},
            "promise_amount",
            "more than what was paid",
        ),
        ({"reason": "refund_without_return", "promise_amount": "1.001"}, "promise_amount", "decimals"),
        (
            {"reason": "agreed_with_buyer", "agreement_channel": "phone"},
            "agreement_date",
            "the day on which you agreed",
        ),
        ({"reason": "agreed_with_buyer", "agreement_date": "soon"}, "agreement_date", "valid date"),
    ],
)
def test_what_is_wrong_answers_422_says_so_and_keeps_what_was_typed(
    alice: Client, request_: ReturnRequest, wrong: dict[str, str], field: str, sentence: str
) -> None:
    response = send_close(alice, request_, **{"agreement_channel": "by phone, Monday", **wrong})
    page = html(response)
    assert response.status_code == 422
    assert "<title>Error: " in page
    summary = re.search(r'<div class="notice wrong" role="alert".*?</div>', page, re.DOTALL)[0]
    assert re.search(rf'<a href="#id_{field}">[^<]*{re.escape(sentence)}', summary)
    assert f'value="{KEY}"' in page
    typed = wrong.get("comments", COMMENTS)
    assert typed in page
    assert f'value="{wrong.get("agreement_channel", "by phone, Monday")}"' in page
    assert now(request_).status == Status.AUTHORIZATION_REQUIRED
    assert (
        alice.post(url(request_, "close/"), {"key": KEY, "reason": "other", "comments": COMMENTS}).status_code
        == 303
    )


def test_who_comes_second_is_told_who_was_first_with_what_and_when(
    cast: Cast, alice: Client, request_: ReturnRequest
) -> None:
    services.close_return(
        Actor.buyer(request_.order), reference=request_.reference, closing=closing("buyer_by_mistake", "")
    )
    for response in (send_close(alice, request_), alice.post(url(request_, "authorize/"), {"key": KEY})):
        assert response.status_code == 409
        page = html(response)
        assert "Somebody else was first" in page
        assert f'class="button primary" href="{url(request_)}"' in page
        assert re.search(r"Closed by the buyer on \d+ \w+, \d\d:\d\d UTC\.", page)
    other = open_request(make_order(cast.north_lane, country="CA"))
    services.authorize_return(cast.actor(cast.ben), reference=other.reference)
    assert "Authorized by Ben Boyd on " in html(send_close(alice, other))


def test_a_member_who_did_it_in_another_window_is_told_so(alice: Client, request_: ReturnRequest) -> None:
    send_close(alice, request_)
    page = html(
        alice.post(url(request_, "close/"), {"key": "other", "reason": "other", "comments": COMMENTS})
    )
    assert "You have dealt with this already" in page
    assert "Somebody else" not in page


def test_the_same_form_twice_closes_once(alice: Client, request_: ReturnRequest) -> None:
    first, second = send_close(alice, request_), send_close(alice, request_)
    assert (first.status_code, second.status_code) == (303, 303)
    assert request_.events.filter(action=Action.CLOSE).count() == 1
    response = send_close(alice, request_, comments="Quite another explanation, as long as needed.")
    assert response.status_code == 422
    assert "This form was already used for something else." in html(response)


@pytest.mark.parametrize(
    "said",
    [
        {"reason": "refund_without_return", "promise_amount": "120.50", "promise_date": str(day(-9))},
        {"reason": "agreed_with_buyer", "agreement_date": str(day(1)), "agreement_channel": "by phone"},
        {"reason": "order_never_arrived", "says_never_arrived": "on"},
    ],
    ids=lambda said: said["reason"],
)
def test_a_reason_that_asks_for_more_is_closed_once_by_the_same_form_twice(
    alice: Client, request_: ReturnRequest, said: dict[str, str]
) -> None:
    for _ in range(2):
        assert send_close(alice, request_, **said).status_code == 303
    assert now(request_).closure_reason.code == said["reason"]
    assert request_.events.filter(action=Action.CLOSE).count() == 1


def test_nobody_posts_what_a_form_does_not_have(cast: Cast, alice: Client, request_: ReturnRequest) -> None:
    forged = {
        "status": "completed",
        "seller": str(cast.south_pier.pk),
        "seller_id": str(cast.south_pier.pk),
        "prepaid_eligible": "true",
        "version": "99",
        "outcome": "refunded",
        "closed_by_role": "buyer",
        "undo_seconds": "0",
    }
    before = now(request_)
    send_close(alice, request_, **forged)
    after = now(request_)
    assert (after.status, after.seller, after.prepaid_eligible, after.outcome, after.closed_by_role) == (
        Status.CLOSED,
        before.seller,
        before.prepaid_eligible,
        "",
        "seller",
    )
    assert after.version == before.version + 1
    assert last_event(request_).hold_until is not None


# --- The message


def timeless(text: str) -> str:
    """The text without its time of day: a preview says when it was drawn, the mail when it was decided."""
    return re.sub(r"\b\d\d:\d\d\b", "··:··", text).rstrip("\n")


@pytest.mark.usefixtures("briefly")
@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize(
    "said",
    [
        {"reason": "other"},
        {"reason": "refund_without_return", "promise_amount": "120.50", "promise_date": str(day(-9))},
        {"reason": "technical_issue_solved"},
    ],
    ids=lambda said: said["reason"],
)
def test_the_preview_is_the_mail_that_is_then_delivered(
    cast: Cast, language: str, said: dict[str, str]
) -> None:
    buyer = Person(name="Dora <Diaz> & 朵拉", email=DORA.email, language=language)
    request = open_request(make_order(cast.north_lane, country="CA", buyer=buyer))
    client = signed_in(cast.alice)
    form = {"key": KEY, "comments": COMMENTS, **said}
    shown = client.post(url(request, "close/"), {**form, "preview": "1"})
    beside = client.post(url(request, "close/preview/"), form, **HTMX)
    assert (shown.status_code, beside.status_code) == (200, 200)
    assert letter(shown) == letter(beside)
    assert now(request).status == Status.AUTHORIZATION_REQUIRED
    assert client.post(url(request, "close/"), form).status_code == 303
    let_the_hold_end(request)
    mail = next(entry for entry in mails_to() if entry.subject in letter(shown))
    text = part(parse(mail.content), "plain")
    assert timeless(f"{mail.subject}\n{text}") == timeless(letter(shown))
    assert COMMENTS in text


@pytest.mark.usefixtures("briefly")
def test_the_preview_of_an_authorization_is_the_mail_that_is_then_delivered(
    alice: Client, request_: ReturnRequest
) -> None:
    form = {"key": KEY, "instructions": "Please wrap it well.\nThank you.", "merchant_rma": "R-17"}
    form["address"] = re.search(
        r'name="address" value="(\d+)"', html(alice.get(url(request_, "authorize/")))
    )[1]
    shown = alice.post(url(request_, "authorize/"), {**form, "preview": "1"})
    assert now(request_).status == Status.AUTHORIZATION_REQUIRED
    assert alice.post(url(request_, "authorize/"), form).status_code == 303
    let_the_hold_end(request_)
    mail = mails_to()[-1]
    text = part(parse(mail.content), "plain")
    assert f"{mail.subject}\n{text}".rstrip("\n") == letter(shown).rstrip("\n")
    assert "Please wrap it well." in text
    assert now(request_).merchant_rma == "R-17"


def test_the_preview_of_a_reason_that_does_not_hold_shows_no_message(
    alice: Client, request_: ReturnRequest
) -> None:
    data = {"key": KEY, "reason": "duplicate_request", "comments": COMMENTS}
    response = alice.post(url(request_, "close/preview/"), data, **HTMX)
    assert response.status_code == 200
    assert "Pick a return reason to see the message." in html(response)


@pytest.mark.usefixtures("briefly")
def test_an_imported_request_says_that_its_message_is_only_there_to_be_copied(
    cast: Cast, alice: Client
) -> None:
    request = file_request(make_order(cast.north_lane, country="CA"), Status.AUTHORIZATION_REQUIRED)
    page = html(alice.get(url(request, "close/"), {"reason": "other"}))
    assert "Not sent from here: you can copy it into the marketplace's own messages." in page
    send_close(alice, request)
    let_the_hold_end(request)
    assert mails_to() == []
    shown = html(alice.get(url(request)))
    assert "To do at the marketplace" in shown
    assert "Not sent from here: copy it" in shown
    assert COMMENTS in shown


# --- Held, undone, too late


def test_while_it_is_held_the_buyer_sees_the_status_before_and_can_do_nothing(
    alice: Client, request_: ReturnRequest
) -> None:
    dora = let_in(request_.order)
    page = f"/my/returns/{request_.reference}/"
    assert "Close my request" in html(dora.get(page))
    send_close(alice, request_)
    held = html(dora.get(page))
    assert "The seller is looking at it" in held
    assert "Something is changing right now." in held
    for absent in ("closed this request", COMMENTS, "/close/", "/step-in/"):
        assert absent not in held
    refused = dora.post(f"{page}close/", {"key": "of the buyer", "reason": "buyer_by_mistake"})
    assert refused.status_code == 409
    assert COMMENTS not in html(refused)


@pytest.mark.usefixtures("briefly")
def test_when_the_hold_is_over_the_buyer_reads_page_and_mail(alice: Client, request_: ReturnRequest) -> None:
    send_close(alice, request_)
    let_the_hold_end(request_)
    assert mails_to()[-1].subject == f"Your return request was closed: order {request_.order.order_number}"
    told = html(let_in(request_.order).get(f"/my/returns/{request_.reference}/"))
    assert "The seller closed this request" in told
    assert COMMENTS in told


@pytest.mark.parametrize("action", ["close", "authorize"])
def test_what_is_undone_is_never_told(
    alice: Client, request_: ReturnRequest, settings: pytest.FixtureRequest, action: str
) -> None:
    settings.UNDO_SECONDS = 4
    before = now(request_)
    if action == "close":
        send_close(alice, request_)
    else:
        alice.post(url(request_, "authorize/"), {"key": KEY})
    response = alice.post(url(request_, "undo/"), {"key": "u"})
    assert (response.status_code, response["Location"]) == (303, url(request_))
    assert "Undone. Nobody was told." in html(alice.get(response["Location"]))
    after = now(request_)
    columns = ("status", "answer_due_at", "deadline_at", "closed_at", "closure_reason", "authorized_at")
    for column in columns:
        assert getattr(after, column) == getattr(before, column), column
    assert [item.units_held for item in after.items.all()] == [item.units_held for item in before.items.all()]
    let_the_hold_end(request_)
    assert {mail.subject for mail in mails_to()} == {
        f"We have your return request: order {request_.order.order_number}"
    }
    told = Message.objects.filter(event__request=request_).values_list("kind", flat=True)
    assert set(told) == {Kind.RETURN_OPENED}


def test_undoing_twice_undoes_once_and_says_so_for_htmx_with_the_row(
    alice: Client, request_: ReturnRequest
) -> None:
    send_close(alice, request_)
    response = alice.post(url(request_, "undo/"), {"key": "u"}, **HTMX)
    assert response.status_code == 200
    assert f'id="row-{request_.reference}"' in html(response)
    assert "Undone. Nobody was told." in html(response)
    assert alice.post(url(request_, "undo/"), {"key": "u"}).status_code == 303
    assert request_.events.filter(action=Action.UNDO).count() == 1


@pytest.mark.usefixtures("briefly")
def test_after_the_hold_undo_says_what_to_do_instead(alice: Client, request_: ReturnRequest) -> None:
    send_close(alice, request_)
    let_the_hold_end(request_)
    sentence = "The time to undo is over: the decision was passed on. A closed request can be reopened."
    for response in (alice.get(url(request_, "undo/")), alice.post(url(request_, "undo/"), {"key": "u"})):
        assert response.status_code == 409
        assert sentence in html(response)
    assert "/undo/" not in html(alice.get(url(request_)))
    assert now(request_).status == Status.CLOSED


def test_only_who_decided_is_offered_undo(cast: Cast, alice: Client, request_: ReturnRequest) -> None:
    send_close(alice, request_)
    ben = signed_in(cast.ben)
    assert "/undo/" not in html(ben.get(url(request_)))
    response = ben.post(url(request_, "undo/"), {"key": "u"})
    assert response.status_code == 409
    assert "Only the person who decided can undo this." in html(response)


def test_without_time_to_undo_nothing_is_held(
    alice: Client, request_: ReturnRequest, settings: pytest.FixtureRequest
) -> None:
    settings.UNDO_SECONDS = 0
    response = send_close(alice, request_)
    page = html(alice.get(response["Location"]))
    assert f"Closed: order {request_.order.order_number}." in page
    assert "/undo/" not in page
    assert any("was closed" in mail.subject for mail in mails_to())


# --- Authorizing


@pytest.mark.parametrize(("language", "word"), [("en", "Authorize request"), ("zh-hans", "批准请求")])
def test_the_authorize_page_has_the_agreed_words_and_the_near_address(
    cast: Cast, request_: ReturnRequest, language: str, word: str
) -> None:
    User.objects.filter(pk=cast.alice.pk).update(language=language)
    page = html(signed_in(cast.alice).get(url(request_, "authorize/")))
    assert f'<h1 id="decision-title">{word}</h1>' in page
    assert re.search(rf'<button class="button primary">{word}</button>', page)
    assert "Vancouver" in page
    assert page.index("Vancouver") < page.index("Portland")


def test_without_an_address_in_the_buyers_country_the_page_asks_for_one(cast: Cast, alice: Client) -> None:
    request = open_request(
        make_order(cast.north_lane, country="FR", ordered_days_ago=60, delivered_days_ago=50)
    )
    assert 'value="new" id="id_address_2" checked' in html(alice.get(url(request, "authorize/")))
    far = str(cast.north_lane.return_addresses.get(country="US").pk)
    sent = {"key": KEY, "address": far, "instructions": "Wrap it well."}
    response = alice.post(url(request, "authorize/"), sent)
    assert response.status_code == 422
    assert "Give a return address in the buyer's country, or your own label:" in html(response)
    assert "Wrap it well." in html(response)
    assert now(request).status == Status.AUTHORIZATION_REQUIRED


def test_once_authorized_the_page_says_that_nothing_is_left_to_do(
    alice: Client, request_: ReturnRequest
) -> None:
    assert alice.post(url(request_, "authorize/"), {"key": KEY}).status_code == 303
    page = html(alice.get(url(request_)))
    assert "You have nothing further to do." in page
    assert now(request_).status == Status.AUTHORIZED
    refused = alice.get(url(request_, "close/"))
    assert refused.status_code == 409
