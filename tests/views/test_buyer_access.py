"""The buyer's way in, through HTTP: door, code, link, session, and what they do not tell."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from math import ceil

import pytest
from django.db.models import F
from django.http import HttpResponse
from django.test import Client

from returns.models import Buyer, BuyerCode, BuyerLookup, BuyerSession, Order, ReturnRequest
from returns.services.access import code_for, token_for
from tests.factories import ED, Cast, Person, make_order, open_request

pytestmark = pytest.mark.django_db

Browser = Callable[..., Client]
REFUSED = "This code does not work here, or not any more."


@pytest.fixture
def request_of_dora(cast: Cast) -> ReturnRequest:
    return open_request(make_order(cast.north_lane, country="CA"))


def door(request: ReturnRequest) -> str:
    return f"/my/returns/{request.reference}/"


def ask(client: Client, request: ReturnRequest) -> BuyerCode:
    """Ask for a code in this browser and read the mail."""
    response = client.post(f"{door(request)}send-code/")
    assert (response.status_code, response["Location"]) == (303, f"{door(request)}code/")
    return BuyerCode.objects.order_by("-pk")[0]


def type_code(client: Client, request: ReturnRequest, code: str) -> HttpResponse:
    return client.post(f"{door(request)}code/", {"code": code})


def open_link(client: Client, row: BuyerCode) -> HttpResponse:
    """Follow the mail's link to where it leads."""
    response = client.get(f"/my/link/{token_for(row)}/")
    assert (response.status_code, response["Location"]) == (303, "/my/link/")
    return client.get("/my/link/")


def is_in(client: Client, request: ReturnRequest) -> bool:
    response = client.get(door(request))
    return response.status_code == 200 and request.order.order_number in response.content.decode()


# --- The door


def test_the_door_shows_nothing_of_the_request(client: Client, request_of_dora: ReturnRequest) -> None:
    page = client.get(door(request_of_dora)).content.decode()
    assert "Send me a code" in page
    order = request_of_dora.order
    for secret in (order.order_number, order.buyer.name, order.buyer.email, "North Lane", "Steel kettle"):
        assert secret not in page


def test_the_door_is_the_same_for_a_request_that_does_not_exist(
    client: Client, words: Callable[[HttpResponse], str], request_of_dora: ReturnRequest
) -> None:
    absent = str(uuid.uuid4())
    there, not_there = client.get(door(request_of_dora)), client.get(f"/my/returns/{absent}/")
    assert there.status_code == not_there.status_code == 200
    assert words(there).replace(request_of_dora.reference, absent) == words(not_there)


def test_asking_answers_the_same_for_a_request_that_does_not_exist(
    browser: Browser, request_of_dora: ReturnRequest
) -> None:
    absent = str(uuid.uuid4())
    answers = []
    for reference in (request_of_dora.reference, absent):
        response = browser().post(f"/my/returns/{reference}/send-code/")
        cookie = response.cookies["buyer_nonce"]
        location = response["Location"].replace(reference, "")
        answers.append((response.status_code, location, response.content, len(cookie.value), cookie["path"]))
    assert answers[0] == answers[1]
    assert BuyerLookup.objects.count() == 2
    assert [code.order for code in BuyerCode.objects.all()] == [request_of_dora.order]


def test_the_page_to_type_the_code_is_the_same_for_a_request_that_does_not_exist(
    client: Client, words: Callable[[HttpResponse], str], request_of_dora: ReturnRequest
) -> None:
    absent = str(uuid.uuid4())
    ask(client, request_of_dora)
    client.post(f"/my/returns/{absent}/send-code/")
    there = client.post(f"{door(request_of_dora)}code/", {"code": "00000000"})
    not_there = client.post(f"/my/returns/{absent}/code/", {"code": "00000000"})
    assert there.status_code == not_there.status_code == 422
    assert words(there).replace(request_of_dora.reference, absent) == words(not_there)


def test_an_order_without_an_address_answers_the_same_and_makes_no_code(client: Client, cast: Cast) -> None:
    order = make_order(cast.north_lane, buyer=Person(name="Nobody", email=""), country="CA")
    request = open_request(order)
    response = client.post(f"{door(request)}send-code/")
    assert (response.status_code, response["Location"]) == (303, f"{door(request)}code/")
    assert not BuyerCode.objects.exists()
    assert BuyerLookup.objects.get().order == order


# --- The code


def test_the_code_lets_in_the_browser_that_asked(client: Client, request_of_dora: ReturnRequest) -> None:
    row = ask(client, request_of_dora)
    response = type_code(client, request_of_dora, code_for(row))
    assert (response.status_code, response["Location"]) == (303, door(request_of_dora))
    assert is_in(client, request_of_dora)


def test_the_code_may_be_typed_in_any_case_and_with_gaps(
    client: Client, request_of_dora: ReturnRequest
) -> None:
    code = code_for(ask(client, request_of_dora)).replace("0", "o").replace("1", "l")
    type_code(client, request_of_dora, f" {code[:4].lower()}-{code[4:]} ")
    assert is_in(client, request_of_dora)


def test_the_session_cookie_is_kept_from_scripts_other_sites_and_other_pages(
    client: Client, request_of_dora: ReturnRequest
) -> None:
    cookie = type_code(client, request_of_dora, code_for(ask(client, request_of_dora))).cookies["buyer"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/my/", True, "Lax")
    assert int(cookie["max-age"]) == 2 * 60 * 60
    assert not BuyerSession.objects.filter(key_digest=cookie.value).exists()


def test_under_https_the_cookies_are_secure_and_say_so_in_their_names(
    client: Client, request_of_dora: ReturnRequest, settings: pytest.FixtureRequest
) -> None:
    settings.SESSION_COOKIE_SECURE = True
    row = ask(client, request_of_dora)
    cookie = type_code(client, request_of_dora, code_for(row)).cookies["__Secure-buyer"]
    assert cookie["secure"]
    assert is_in(client, request_of_dora)


def test_a_code_works_once(browser: Browser, request_of_dora: ReturnRequest) -> None:
    client = browser()
    row = ask(client, request_of_dora)
    type_code(client, request_of_dora, code_for(row))
    client.post("/my/sign-out/")
    response = type_code(client, request_of_dora, code_for(row))
    assert response.status_code == 422
    assert REFUSED in response.content.decode()
    assert not is_in(client, request_of_dora)


def test_the_newest_code_ends_the_older_ones(client: Client, request_of_dora: ReturnRequest) -> None:
    older, newer = ask(client, request_of_dora), ask(client, request_of_dora)
    assert type_code(client, request_of_dora, code_for(older)).status_code == 422
    assert type_code(client, request_of_dora, code_for(newer)).status_code == 303


def test_a_newer_code_ends_the_older_link_and_what_another_browser_asked_for(
    browser: Browser, request_of_dora: ReturnRequest
) -> None:
    first, second = browser(), browser()
    older, newer = ask(first, request_of_dora), ask(second, request_of_dora)
    first.get(f"/my/link/{token_for(older)}/")
    assert first.post("/my/link/").status_code == 422
    assert type_code(first, request_of_dora, code_for(older)).status_code == 422
    assert type_code(second, request_of_dora, code_for(newer)).status_code == 303


def test_a_code_ends_after_ten_minutes(client: Client, request_of_dora: ReturnRequest) -> None:
    row = ask(client, request_of_dora)
    assert timedelta(minutes=9) < row.expires_at - row.created_at <= timedelta(minutes=10)
    BuyerCode.objects.update(expires_at=F("expires_at") - timedelta(minutes=10))
    assert type_code(client, request_of_dora, code_for(row)).status_code == 422
    assert not BuyerSession.objects.exists()


def test_after_five_wrong_tries_the_right_code_is_refused_too(
    client: Client, request_of_dora: ReturnRequest
) -> None:
    row = ask(client, request_of_dora)
    wrong = "00000000" if code_for(row) != "00000000" else "11111111"
    for _ in range(5):
        assert type_code(client, request_of_dora, wrong).status_code == 422
    assert type_code(client, request_of_dora, code_for(row)).status_code == 422


def test_the_fifth_try_may_still_be_the_right_one(client: Client, request_of_dora: ReturnRequest) -> None:
    row = ask(client, request_of_dora)
    for _ in range(4):
        type_code(client, request_of_dora, "wrong")
    assert type_code(client, request_of_dora, code_for(row)).status_code == 303


def test_a_code_is_worth_nothing_in_another_browser(browser: Browser, request_of_dora: ReturnRequest) -> None:
    asked, other = browser(), browser()
    row = ask(asked, request_of_dora)
    other.post(f"/my/returns/{uuid.uuid4()}/send-code/")
    assert type_code(other, request_of_dora, code_for(row)).status_code == 422
    assert not is_in(other, request_of_dora)
    assert type_code(asked, request_of_dora, code_for(row)).status_code == 303


# --- The link


def test_the_link_leaves_no_token_in_an_address(client: Client, request_of_dora: ReturnRequest) -> None:
    row = ask(client, request_of_dora)
    response = client.get(f"/my/link/{token_for(row)}/")
    assert response["Location"] == "/my/link/"
    page = client.get("/my/link/").content.decode()
    assert token_for(row) not in page
    assert "no-store" in response["Cache-Control"]


def test_following_the_link_uses_nothing_up(client: Client, request_of_dora: ReturnRequest) -> None:
    row = ask(client, request_of_dora)
    for _ in range(3):
        client.head(f"/my/link/{token_for(row)}/")
        assert "Open my request" in open_link(client, row).content.decode()
    row.refresh_from_db()
    assert (row.used_at, row.attempts) == (None, 0)
    assert not BuyerSession.objects.exists()


def test_the_links_button_lets_in_the_browser_that_asked_once(
    client: Client, request_of_dora: ReturnRequest
) -> None:
    row = ask(client, request_of_dora)
    open_link(client, row)
    response = client.post("/my/link/")
    assert (response.status_code, response["Location"]) == (303, door(request_of_dora))
    assert is_in(client, request_of_dora)
    client.post("/my/sign-out/")
    response = client.get(f"/my/link/{token_for(row)}/", follow=True)
    assert "This link was used or is too old." in response.content.decode()
    assert client.post("/my/link/").status_code == 422


def test_a_program_that_follows_the_link_and_presses_every_button_uses_nothing_up(
    browser: Browser, request_of_dora: ReturnRequest
) -> None:
    asked, scanner = browser(), browser()
    row = ask(asked, request_of_dora)
    page = open_link(scanner, row).content.decode()
    assert "Open my request" not in page
    assert "type the 8 characters" in page
    assert scanner.post("/my/link/").status_code == 422
    assert not is_in(scanner, request_of_dora)
    assert type_code(asked, request_of_dora, code_for(row)).status_code == 303


def test_another_browser_is_told_nothing_about_a_token(
    browser: Browser, words: Callable[[HttpResponse], str], request_of_dora: ReturnRequest
) -> None:
    row = ask(browser(), request_of_dora)
    pages = []
    for token in (token_for(row), token_for(row)[:-1] + "!", "1-made-up", "nonsense", "9" * 30 + "-x"):
        other = browser()
        other.get(f"/my/link/{token}/")
        pages.append(words(other.get("/my/link/")))
    assert len(set(pages)) == 1


def test_a_token_of_the_key_before_is_honoured_while_it_is_a_fallback(
    client: Client, request_of_dora: ReturnRequest, settings: pytest.FixtureRequest
) -> None:
    row = ask(client, request_of_dora)
    token, code = token_for(row), code_for(row)
    before, settings.SECRET_KEY = settings.SECRET_KEY, "another key " * 6
    client.get(f"/my/link/{token}/")
    assert client.post("/my/link/").status_code == 422
    assert type_code(client, request_of_dora, code).status_code == 422
    settings.SECRET_KEY_FALLBACKS = [before]
    assert client.post("/my/link/").status_code == 303


def test_a_code_of_the_key_before_is_honoured_while_it_is_a_fallback(
    client: Client, request_of_dora: ReturnRequest, settings: pytest.FixtureRequest
) -> None:
    code = code_for(ask(client, request_of_dora))
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key " * 6
    assert type_code(client, request_of_dora, code).status_code == 303


# --- Being in


@pytest.fixture
def dora(client: Client, request_of_dora: ReturnRequest) -> Client:
    """A browser that was let in to Dora's order."""
    type_code(client, request_of_dora, code_for(ask(client, request_of_dora)))
    return client


def test_a_session_sees_its_order_and_no_other(
    dora: Client, cast: Cast, words: Callable[[HttpResponse], str]
) -> None:
    foreign = open_request(make_order(cast.north_lane, buyer=ED, country="CA"))
    absent = str(uuid.uuid4())
    answers = [dora.get(f"/my/returns/{reference}/") for reference in (foreign.reference, absent)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert words(answers[0]).replace(foreign.reference, absent) == words(answers[1])
    assert "Send me a code" in answers[0].content.decode()
    for reference in (foreign.reference, absent):
        assert dora.post(f"/my/returns/{reference}/close/").status_code == 404


def test_being_let_in_to_another_order_ends_what_was_seen_before(
    dora: Client, request_of_dora: ReturnRequest, cast: Cast
) -> None:
    other = open_request(make_order(cast.south_pier, country="US"))
    type_code(dora, other, code_for(ask(dora, other)))
    assert is_in(dora, other)
    assert not is_in(dora, request_of_dora)
    assert [session.order for session in BuyerSession.objects.all()] == [other.order]


def test_codes_asked_for_in_two_tabs_both_work(
    client: Client, request_of_dora: ReturnRequest, cast: Cast
) -> None:
    other = open_request(make_order(cast.south_pier, country="US"))
    first, second = ask(client, request_of_dora), ask(client, other)
    assert type_code(client, request_of_dora, code_for(first)).status_code == 303
    assert type_code(client, other, code_for(second)).status_code == 303


def test_a_session_that_was_idle_for_half_an_hour_is_over(
    dora: Client, request_of_dora: ReturnRequest
) -> None:
    BuyerSession.objects.update(last_seen_at=F("last_seen_at") - timedelta(minutes=29))
    assert is_in(dora, request_of_dora)
    BuyerSession.objects.update(last_seen_at=F("last_seen_at") - timedelta(minutes=29))
    assert is_in(dora, request_of_dora), "being there did not count"
    BuyerSession.objects.update(last_seen_at=F("last_seen_at") - timedelta(minutes=30))
    assert not is_in(dora, request_of_dora)


def test_a_session_is_over_after_two_hours_however_busy(dora: Client, request_of_dora: ReturnRequest) -> None:
    session = BuyerSession.objects.get()
    assert timedelta(minutes=119) < session.expires_at - session.created_at <= timedelta(hours=2)
    BuyerSession.objects.update(expires_at=F("expires_at") - timedelta(hours=2))
    assert not is_in(dora, request_of_dora)


def test_signing_out_ends_the_session_on_the_server(dora: Client, request_of_dora: ReturnRequest) -> None:
    response = dora.post("/my/sign-out/")
    assert response.cookies["buyer"].value == ""
    assert not BuyerSession.objects.exists()
    assert not is_in(dora, request_of_dora)


def test_a_form_sent_after_the_session_ended_leads_to_the_door(
    client: Client, request_of_dora: ReturnRequest
) -> None:
    response = client.post(f"{door(request_of_dora)}close/", {"reason": "buyer_other"})
    assert (response.status_code, response["Location"]) == (303, door(request_of_dora))
    request_of_dora.refresh_from_db()
    assert request_of_dora.status == "authorization_required"


# --- Languages


def test_the_way_in_speaks_the_browsers_language(client: Client, request_of_dora: ReturnRequest) -> None:
    chinese = {"Accept-Language": "zh-CN"}
    assert 'lang="zh-hans"' in client.get(door(request_of_dora), headers=chinese).content.decode()
    assert 'lang="en"' in client.get(door(request_of_dora)).content.decode()


def test_mails_follow_the_language_that_the_buyer_switches_to(
    dora: Client, request_of_dora: ReturnRequest
) -> None:
    dora.post("/language/", {"language": "zh-hans", "next": door(request_of_dora)})
    assert 'lang="zh-hans"' in dora.get(door(request_of_dora)).content.decode()
    assert Buyer.objects.get(order=request_of_dora.order).language == "zh-hans"


def test_the_language_a_buyer_chose_once_meets_the_buyer_in_a_new_browser(
    client: Client, request_of_dora: ReturnRequest
) -> None:
    Buyer.objects.filter(order=request_of_dora.order).update(language="zh-hans")
    type_code(client, request_of_dora, code_for(ask(client, request_of_dora)))
    assert 'lang="zh-hans"' in client.get(door(request_of_dora)).content.decode()


# --- Limits


def too_many(response: HttpResponse) -> bool:
    if response.status_code != 429:
        return False
    seconds = int(response["Retry-After"])
    assert 0 < seconds <= 15 * 60
    minutes = ceil(seconds / 60)
    assert f"Please wait {minutes} minute{'s' * (minutes > 1)} and ask again." in response.content.decode()
    return True


@pytest.mark.parametrize("exists", [True, False])
def test_a_request_is_asked_for_five_times_in_a_quarter_of_an_hour(
    browser: Browser, request_of_dora: ReturnRequest, exists: bool
) -> None:
    url = f"/my/returns/{request_of_dora.reference if exists else uuid.uuid4()}/send-code/"
    for _ in range(5):
        assert browser().post(url).status_code == 303
    assert too_many(browser().post(url))
    assert BuyerLookup.objects.count() == 5
    BuyerLookup.objects.update(created_at=F("created_at") - timedelta(minutes=15))
    assert browser().post(url).status_code == 303


def test_an_address_gets_five_codes_in_a_quarter_of_an_hour_over_all_its_orders(
    client: Client, cast: Cast
) -> None:
    requests = [open_request(make_order(cast.north_lane, country="CA")) for _ in range(6)]
    for request in requests[:5]:
        ask(client, request)
    assert too_many(client.post(f"{door(requests[5])}send-code/"))
    assert not BuyerCode.objects.filter(order=requests[5].order).exists()


def test_a_network_asks_thirty_times_in_a_quarter_of_an_hour(browser: Browser, cast: Cast) -> None:
    for number in range(30):
        address = f"2001:db8:0:7::{number:x}"
        url = f"/my/returns/{uuid.uuid4()}/send-code/"
        assert browser().post(url, REMOTE_ADDR=address).status_code == 303
    url = f"/my/returns/{uuid.uuid4()}/send-code/"
    assert too_many(browser().post(url, REMOTE_ADDR="2001:db8:0:7:ffff::1"))
    assert browser().post(url, REMOTE_ADDR="2001:db8:0:8::1").status_code == 303


def test_a_day_has_room_for_twenty_codes(client: Client, request_of_dora: ReturnRequest) -> None:
    for _ in range(4):
        for _ in range(5):
            ask(client, request_of_dora)
        BuyerLookup.objects.update(created_at=F("created_at") - timedelta(minutes=20))
    response = client.post(f"{door(request_of_dora)}send-code/")
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 15 * 60
    assert "Please wait 23 hours and ask again." in response.content.decode()


def a_busy_quarter(row: BuyerLookup, codes: int) -> None:
    """As if `codes` had been asked for like `row`, at its seller, by others for other orders."""
    hashes = ("order_number_hash", "email_hash", "ip_hash")
    BuyerLookup.objects.bulk_create(
        BuyerLookup(seller_hash=row.seller_hash, **{name: f"{name} {number}" for name in hashes})
        for number in range(codes - 1)
    )


def test_a_sellers_buyers_get_three_hundred_codes_in_a_quarter_of_an_hour(
    browser: Browser, words: Callable[[HttpResponse], str], cast: Cast, request_of_dora: ReturnRequest
) -> None:
    ask(browser(), request_of_dora)
    a_busy_quarter(BuyerLookup.objects.get(), 299)
    of_ed = open_request(make_order(cast.north_lane, buyer=ED, country="CA"))
    of_carol = open_request(make_order(cast.south_pier, buyer=ED))
    ask(browser(), of_ed)
    assert BuyerLookup.objects.count() == 300
    refused = browser().post(f"{door(of_ed)}send-code/")
    assert too_many(refused)
    assert BuyerCode.objects.filter(order=of_ed.order).count() == 1
    ask(browser(), of_carol)

    absent = f"/my/returns/{uuid.uuid4()}/send-code/"
    for _ in range(5):
        assert browser().post(absent).status_code == 303
    assert words(browser().post(absent)) == words(refused), "found and not found are refused alike"

    BuyerLookup.objects.update(created_at=F("created_at") - timedelta(minutes=15))
    ask(browser(), of_ed)


def test_what_is_counted_names_nobody(client: Client, request_of_dora: ReturnRequest) -> None:
    ask(client, request_of_dora)
    row = BuyerLookup.objects.get()
    order = Order.objects.get(pk=row.order_id)
    hashes = [row.order_number_hash, row.email_hash, row.ip_hash, row.seller_hash]
    assert [len(one) for one in hashes] == [64] * 4
    for secret in (order.order_number, order.buyer.email, "127.0.0.1"):
        assert secret not in " ".join(hashes)
