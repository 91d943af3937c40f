"""Many at once through HTTP: from the list's form to the preview, the results, and Undo of the whole."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from django.http import HttpResponse
from django.test import Client

from notifications.mailbox import parse, part
from notifications.models import MailboxEntry
from notifications.services import deliver_messages, relay_events
from returns.models import BulkRun, ReturnRequest, User
from returns.models.runs import BulkState
from returns.selectors.bulk import PAGE, held_until
from returns.services import bulk
from returns.services.jobs import run_due_jobs
from returns.state_machine import Status
from tests.browsers import signed_in
from tests.factories import Cast, Person, a_request_in, by_hand, day, make_order, open_request
from tests.services import wait_until

pytestmark = pytest.mark.django_db

BULK = "/seller/returns/bulk/"
WEI = Person(name="Wei Chen", email="wei@buyers.example", language="zh-hans")
ENGLISH = "We talked on the phone & found a way: <keep> it."
CHINESE = "我们已经通过电话沟通,找到了双方都满意的解决办法,谢谢您!"
FORM = {"key": "0123456789abcdef", "reason": "other", "comments_en": ENGLISH, "comments_zh-hans": CHINESE}

MostQueries = Callable[[int], object]


@pytest.fixture(autouse=True)
def mailbox(settings: pytest.FixtureRequest) -> None:
    settings.DEMO, settings.MAILBOX = True, True
    settings.EMAIL_BACKEND = "notifications.mailbox.Backend"


@pytest.fixture
def alice(cast: Cast) -> Client:
    return signed_in(cast.alice)


@pytest.fixture
def few(cast: Cast) -> list[ReturnRequest]:
    """Two requests of an English and one of a Chinese buyer, which may be closed."""
    return [
        open_request(make_order(cast.north_lane, country="CA", **who)) for who in ({}, {}, {"buyer": WEI})
    ]


def html(response: HttpResponse) -> str:
    return unescape(response.content.decode())


def select(client: Client, requests: list[ReturnRequest], action: str = "close") -> str:
    """Send the list's form; answers the address of the preview."""
    response = client.post(BULK, {"action": action, "reference": [one.reference for one in requests]})
    assert response.status_code == 303
    return response["Location"]


def confirm(client: Client, address: str, **changed: str) -> HttpResponse:
    return client.post(address, FORM | changed)


def run_at(address: str) -> BulkRun:
    return BulkRun.objects.get(reference=address.removeprefix(BULK).strip("/"))


def status_of(request: ReturnRequest) -> str:
    return ReturnRequest.objects.get(pk=request.pk).status


def summary(client: Client, address: str) -> str:
    return re.search(r'<p role="status"><strong>(.*?)</strong>', html(client.get(address)))[1]


def mails_to(address: str) -> list[str]:
    """The texts of all mails that were delivered to `address` when everything due had left."""
    relay_events()
    while deliver_messages():
        pass
    entries = MailboxEntry.objects.filter(recipients=address).order_by("pk")
    return [part(parse(entry.content), "plain") for entry in entries]


def sections(page: str) -> list[str]:
    """The rows of the page, each as its words."""
    rows = re.findall(r"<li>\s*<div>(.*?)</li>", page, re.DOTALL)
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)).strip() for row in rows]


# --- The way of it


def test_a_hundred_and_twenty_with_refused_ones_are_closed_and_each_buyer_gets_one_mail(
    cast: Cast, alice: Client, settings: pytest.FixtureRequest
) -> None:
    settings.UNDO_SECONDS = 0
    buyers = [Person(name=f"Buyer {n}", email=f"buyer{n}@buyers.example") for n in range(60)]
    chinese = [
        Person(name=f"买家{n}", email=f"maijia{n}@buyers.example", language="zh-hans") for n in range(57)
    ]
    requests = [
        open_request(make_order(cast.north_lane, country="CA", buyer=buyer)) for buyer in buyers + chinese
    ]
    with by_hand(cast.north_lane):
        prepaid = open_request(make_order(cast.north_lane))
    closed = a_request_in(cast, Status.CLOSED)
    foreign = open_request(make_order(cast.south_pier, country="CA"))
    address = select(alice, [*requests, prepaid, closed, foreign, requests[3]])

    page = html(alice.get(address))
    assert "119 requests selected. Nothing is decided yet. 1 was selected twice and counts once." in page
    refused = html(alice.get(address + "?show=refused"))
    assert len(sections(refused)) == 3
    assert f"{prepaid.order.order_number} · Dora Diaz Eligible for a prepaid return:" in " ".join(
        sections(refused)
    )
    assert "This request is already closed." in refused
    assert f"{foreign.reference} This return request does not exist, or it is not yours." in " ".join(
        sections(refused)
    )

    assert confirm(alice, address).status_code == 303
    assert summary(alice, address) == "0 closed · 3 refused"
    run_due_jobs()
    assert summary(alice, address) == "117 closed · 3 refused"
    assert {status_of(request) for request in requests} == {Status.CLOSED}
    assert [status_of(one) for one in (prepaid, foreign)] == [Status.AUTHORIZATION_REQUIRED] * 2
    for buyer in buyers:
        _receipt, letter = mails_to(buyer.email)
        assert (ENGLISH in letter, CHINESE in letter) == (True, False)
    for buyer in chinese:
        _receipt, letter = mails_to(buyer.email)
        assert (ENGLISH in letter, CHINESE in letter) == (False, True)


def test_up_to_a_hundred_are_answered_at_once(alice: Client, few: list[ReturnRequest]) -> None:
    address = select(alice, few)
    response = confirm(alice, address)
    assert (response.status_code, response["Location"]) == (303, address)
    assert summary(alice, address) == "3 closed · 0 refused"


def test_all_that_match_the_lists_filters_are_frozen(
    cast: Cast, alice: Client, few: list[ReturnRequest]
) -> None:
    number = few[0].order.order_number
    response = alice.post(BULK, {"action": "close", "all_matching": "1", "q": number, "status": "all"})
    confirm(alice, response["Location"])
    assert [status_of(request) for request in few] == [Status.CLOSED] + [Status.AUTHORIZATION_REQUIRED] * 2


def test_authorizing_names_the_addresses_and_takes_the_default_instructions(
    cast: Cast, alice: Client
) -> None:
    cast.north_lane.instructions = "Write the RMA number on the parcel."
    cast.north_lane.save()
    with by_hand(cast.north_lane):
        requests = [
            open_request(make_order(cast.north_lane, country=country)) for country in ("US", "CA", "FR")
        ]
    address = select(alice, requests, "authorize")
    page = html(alice.get(address))
    assert "Vancouver, Canada" in page
    assert "Portland, United States" in page
    assert "Write the RMA number on the parcel." in page
    assert "2 requests will be authorized." in page
    assert "Give a return address in the buyer's country" in page
    alice.post(address, {"key": "k", "instructions": "Use a box."})
    assert summary(alice, address) == "2 authorized · 1 refused"
    sent = ReturnRequest.objects.get(pk=requests[1].pk)
    assert ("Vancouver" in sent.return_address, sent.instructions) == (True, "Use a box.")


# --- The preview


def test_the_preview_shows_one_message_for_each_language_as_it_will_be_sent(
    cast: Cast, alice: Client, few: list[ReturnRequest], settings: pytest.FixtureRequest
) -> None:
    settings.UNDO_SECONDS = 0
    address = select(alice, few)
    page = html(alice.post(address, FORM | {"preview": "1"}))
    letters = re.findall(
        r'<div class="letter" lang="([\w-]+)"><p class="subject">.*?</p>\n(.*?)</div>', page, re.DOTALL
    )
    assert [language for language, _ in letters] == ["en", "zh-hans"]
    assert run_at(address).state == BulkState.PREVIEW
    confirm(alice, address)
    (sent,) = [text for text in mails_to(WEI.email) if CHINESE in text]
    without_time = re.compile(r"\d\d:\d\d|\s+$")
    assert without_time.sub("", letters[1][1]) == without_time.sub("", sent)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("Close selected", "Return reason", "Comments to the buyer (English)")),
        ("zh-hans", ("关闭所选请求", "退货原因", "给买家的备注 (English)")),
    ],
)
def test_the_preview_has_the_agreed_words(
    cast: Cast, few: list[ReturnRequest], language: str, words: tuple[str, ...]
) -> None:
    User.objects.filter(pk=cast.alice.pk).update(language=language)
    alice = signed_in(cast.alice)
    page = html(alice.get(select(alice, few)))
    close, reason, comments = words
    assert f'<h1 id="decision-title">{close}</h1>' in page
    assert f'<button class="button primary closes">{close}</button>' in page
    assert re.search(rf'<label for="id_reason">{reason}</label>', page)
    assert re.search(rf'<label for="id_comments_en">{re.escape(comments)}</label>', page)


def test_reasons_say_for_how_many_they_hold_or_why_for_none(alice: Client, few: list[ReturnRequest]) -> None:
    page = html(alice.get(select(alice, few)))
    assert re.search(r'<option value="other" data-ground="always">[^<]*: 3 requests</option>', page)
    assert re.search(
        r'<option value="agreed_with_buyer"[^>]* disabled>[^<]*close such a request by itself\.</option>',
        page,
    )


def test_one_language_has_one_field_without_its_name(alice: Client, few: list[ReturnRequest]) -> None:
    page = html(alice.get(select(alice, few[:2])))
    assert '<label for="id_comments_en">Comments to the buyer</label>' in page
    assert "comments_zh-hans" not in page


def test_comments_in_the_other_script_are_warned_of_for_their_language_alone(
    alice: Client, few: list[ReturnRequest]
) -> None:
    address, warning = select(alice, few), "The buyer reads Chinese (中文), but there is hardly a Chinese"
    for comments, warns in ((ENGLISH, True), (CHINESE, False)):
        page = html(alice.post(f"{address}?preview=1", FORM | {"comments_zh-hans": comments}))
        assert (warning in page) is warns
        assert "The buyer reads English, but" not in page
    assert status_of(few[0]) == Status.AUTHORIZATION_REQUIRED


def test_more_boxes_than_a_form_can_send_are_refused_in_a_sentence(
    cast: Cast, few: list[ReturnRequest]
) -> None:
    browser = Client(enforce_csrf_checks=True)  # which reads what was sent before the page does
    browser.force_login(cast.alice)
    browser.get("/seller/returns/")
    response = browser.post(BULK, {"action": "close", "reference": [few[0].reference] * 1000})
    assert response.status_code == 400
    sentence = "These are more than one form can send. Select fewer, or all that match your filters."
    assert sentence in html(response)
    assert not BulkRun.objects.exists()


def test_picking_a_refund_shows_what_each_buyer_is_promised(alice: Client, few: list[ReturnRequest]) -> None:
    address = select(alice, few)
    page = html(
        alice.post(
            address, FORM | {"preview": "1", "reason": "refund_without_return", "promise_date": day(-2)}
        )
    )
    assert "3 requests will be closed." in page
    assert "$417.96" in page
    assert sections(page)[0].endswith("Dora Diaz English · $139.32")


def test_what_is_wrong_stands_at_its_field_and_nothing_typed_is_lost(
    alice: Client, few: list[ReturnRequest]
) -> None:
    address = select(alice, few)
    response = confirm(alice, address, **{"comments_zh-hans": "", "reason": "refund_without_return"})
    assert response.status_code == 422
    page = html(response)
    assert "<title>Error: " in re.sub(r"\s+", " ", page)
    assert '<a href="#id_promise_date">' in page
    response = confirm(
        alice,
        address,
        **{"comments_zh-hans": "", "reason": "refund_without_return", "promise_date": day(400)},
    )
    page = html(response)
    assert response.status_code == 422
    assert '<a href="#id_comments_zh-hans">Comments to the buyer (简体中文): Write comments' in page
    assert "Choose today or a later day." in page
    assert ENGLISH in page
    assert {status_of(request) for request in few} == {Status.AUTHORIZATION_REQUIRED}


def test_no_reason_or_one_that_is_not_offered_closes_nothing(alice: Client, few: list[ReturnRequest]) -> None:
    address = select(alice, few)
    for reason in ("", "nonsense", "agreed_with_buyer", "buyer_by_mistake"):
        response = confirm(alice, address, reason=reason)
        assert response.status_code == 422
        assert "Choose a return reason from the list." in html(response)
    assert run_at(address).state == BulkState.PREVIEW


def test_rows_go_on_by_fifties_and_what_is_typed_goes_along(cast: Cast, alice: Client) -> None:
    requests = [open_request(make_order(cast.north_lane, country="CA")) for _ in range(PAGE + 2)]
    address = select(alice, requests)
    page = html(alice.post(address, FORM | {"preview": "1"}))
    assert len(sections(page)) == PAGE
    more = re.search(r'formaction="([^"#]*cursor=[^"#]*)#bulk-rows"', page)[1]
    page = html(alice.post(more, FORM | {"preview": "1"}))
    assert len(sections(page)) == 2
    assert ENGLISH in page


@pytest.mark.parametrize(
    "query", ["?cursor=x", "?cursor=0~x", "?cursor=1~99999999999999999999999", "?show=fr"]
)
def test_an_address_that_cannot_be_read_shows_a_page(
    alice: Client, few: list[ReturnRequest], query: str
) -> None:
    assert alice.get(select(alice, few) + query).status_code == 200


# --- Selecting nothing, and what is not one's own


@pytest.mark.parametrize(
    "sent",
    [
        {"action": "close"},
        {"action": "", "reference": "x"},
        {"action": "undo", "reference": "x"},
        {"action": "close", "all_matching": "1", "q": "nothing like it"},
        {"action": "close", "all_matching": "1", "from": "yesterday"},
    ],
)
def test_a_selection_that_means_nothing_is_refused_in_a_sentence(
    alice: Client, few: list[ReturnRequest], sent: dict
) -> None:
    response = alice.post(BULK, sent)
    assert response.status_code == 422
    assert not BulkRun.objects.exists()


def test_a_foreign_run_is_not_there_and_a_foreign_selection_is_not_either(
    cast: Cast, alice: Client, few: list[ReturnRequest]
) -> None:
    address, carol = select(alice, few), signed_in(cast.carol)
    for response in (carol.get(address), carol.post(address, FORM), carol.post(address + "undo/")):
        assert response.status_code == 404
    assert alice.get(f"{BULK}no-such-run/").status_code == 404
    assert carol.post(BULK, {"action": "close", "reference": few[0].reference}).status_code == 404


def test_a_viewer_looks_and_does_nothing(cast: Cast, alice: Client, few: list[ReturnRequest]) -> None:
    address, vera = select(alice, few), signed_in(cast.vera)
    assert "Alice Ames selected these requests" in html(vera.get(address))
    for response in (
        vera.post(BULK, {"action": "close", "reference": few[0].reference}),
        vera.post(address, FORM),
        vera.post(address + "undo/"),
    ):
        assert response.status_code == 403
    confirm(alice, address)
    assert "Undo all" not in html(vera.get(address))
    assert BulkRun.objects.count() == 1


def test_a_colleague_sees_it_and_cannot_go_on(cast: Cast, alice: Client, few: list[ReturnRequest]) -> None:
    address, ben = select(alice, few), signed_in(cast.ben)
    page = html(ben.get(address))
    assert "Alice Ames selected these requests" in page
    assert "bulk-form" not in page
    assert confirm(ben, address).status_code == 403


# --- Sent twice


def test_sent_twice_it_is_done_once_and_another_form_is_told(alice: Client, few: list[ReturnRequest]) -> None:
    address = select(alice, few)
    assert confirm(alice, address).status_code == 303
    assert confirm(alice, address).status_code == 303
    response = confirm(alice, address, key="another")
    assert response.status_code == 409
    assert "This was already started." in html(response)
    assert [request.events.filter(action="close").count() for request in few] == [1, 1, 1]


# --- Following and undoing


def test_while_it_runs_the_page_asks_again_and_is_drawn_anew_at_the_end(
    alice: Client, few: list[ReturnRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 0)
    address = select(alice, few)
    confirm(alice, address)
    page = html(alice.get(address))
    assert 'hx-trigger="every 2s"' in page
    assert '<progress max="3" value="0">' in page
    assert re.search(rf'<a class="unscripted" href="{address}">Look again</a>', page)
    run_due_jobs()
    polled = alice.get(address, HTTP_HX_REQUEST="true")
    assert (polled.status_code, polled["HX-Refresh"]) == (204, "true")
    page = html(alice.get(address))
    assert "every 2s" not in page
    assert "<progress" not in page


def test_undo_of_the_whole_inside_the_hold(alice: Client, few: list[ReturnRequest]) -> None:
    address = select(alice, few)
    confirm(alice, address)
    page = html(alice.get(address))
    seconds = int(re.search(r'data-until="(\d+)"', page)[1])
    assert 50 <= seconds <= 60
    response = alice.post(address + "undo/")
    assert (response.status_code, response["Location"]) == (303, address)
    assert summary(alice, address) == "3 undone · 0 refused"
    assert {status_of(request) for request in few} == {Status.AUTHORIZATION_REQUIRED}
    assert [text for text in mails_to(WEI.email) if CHINESE in text] == []


def test_the_list_offers_no_undo_line_by_line(cast: Cast, alice: Client, few: list[ReturnRequest]) -> None:
    alone = open_request(make_order(cast.north_lane, country="CA"))
    alice.post(
        f"/seller/returns/{alone.reference}/close/", {"key": "k", "reason": "other", "comments": "x" * 30}
    )
    confirm(alice, select(alice, few))
    page = html(alice.get("/seller/returns/?status=closed"))
    undone_there = set(re.findall(r'action="/seller/returns/([^/]+)/undo/"', page))
    assert undone_there == {alone.reference}


def test_the_hold_is_the_users_own_where_that_is_longer(cast: Cast, few: list[ReturnRequest]) -> None:
    User.objects.filter(pk=cast.alice.pk).update(undo_seconds=600)
    alice = signed_in(cast.alice)
    address = select(alice, few)
    assert "You can undo the whole for 600 seconds." in html(alice.get(address))
    confirm(alice, address)
    assert int(re.search(r'data-until="(\d+)"', html(alice.get(address)))[1]) > 500


def test_after_the_hold_undo_is_gone_and_refused(
    alice: Client,
    few: list[ReturnRequest],
    monkeypatch: pytest.MonkeyPatch,
    settings: pytest.FixtureRequest,
) -> None:
    settings.UNDO_SECONDS = 1
    monkeypatch.setattr(bulk, "BULK_UNDO_SECONDS", 1)
    address = select(alice, few)
    confirm(alice, address)
    run = run_at(address)
    wait_until(lambda: held_until(run, bulk.key_of(run)) is None, what="the hold is over")
    assert "Undo all" not in html(alice.get(address))
    assert alice.post(address + "undo/").status_code == 409
    assert summary(alice, address) == "3 closed · 0 refused"


def test_runs_can_be_left_and_found_again_by_the_team(
    cast: Cast, alice: Client, few: list[ReturnRequest]
) -> None:
    started, preview = select(alice, few[:2]), select(alice, few[2:])
    confirm(alice, started)
    for client in (alice, signed_in(cast.ben)):
        page = html(client.get(BULK))
        assert f'<a href="{started}">Close 2 requests</a>' in page
        assert preview not in page
    assert started not in html(signed_in(cast.carol).get(BULK))


# --- Queries


def test_no_page_makes_more_than_twelve_queries(
    cast: Cast, alice: Client, few: list[ReturnRequest], django_assert_max_num_queries: MostQueries
) -> None:
    requests = few + [open_request(make_order(cast.north_lane, country="CA")) for _ in range(30)]
    alice.get(BULK)
    address = select(alice, requests)
    to_authorize = select(alice, requests, "authorize")
    for ask in (
        lambda: alice.get(address),
        lambda: alice.post(address, FORM | {"preview": "1"}),
        lambda: confirm(alice, address, comments_en=""),
        lambda: alice.get(to_authorize),
        lambda: alice.get(BULK),
    ):
        with django_assert_max_num_queries(12):
            ask()
    confirm(alice, address)
    with django_assert_max_num_queries(12):
        alice.get(address)
