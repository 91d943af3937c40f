"""The header's switches, who may open a seller's page, and how pages refuse."""

import uuid
from collections.abc import Callable

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.utils import translation

from returns.exceptions import (
    Forbidden,
    Invalid,
    KeyReused,
    NotFound,
    SomebodyElseWasFirst,
    TooMany,
)
from returns.middleware import RefusalMiddleware
from returns.models import Membership, ReturnRequest, User
from tests.factories import Cast, make_order, open_request

pytestmark = pytest.mark.django_db

Browser = Callable[..., Client]
LIST = "/seller/returns/"


@pytest.fixture
def request_of_north_lane(cast: Cast) -> ReturnRequest:
    return open_request(make_order(cast.north_lane, country="CA"))


# --- Home


def test_home_has_two_doors(client: Client, settings: pytest.FixtureRequest) -> None:
    page = client.get("/").content.decode()
    assert 'href="/accounts/login/"' in page
    assert "Find my order" in page
    assert "demo" not in page


def test_only_the_demo_tells_its_sign_ins(client: Client, settings: pytest.FixtureRequest) -> None:
    settings.DEMO = True
    for url in ("/", "/accounts/login/"):
        page = client.get(url).content.decode()
        assert "alice@demo.test" in page
        assert "returns-demo" in page


def test_a_member_finds_the_list_under_orders(browser: Browser, cast: Cast) -> None:
    page = browser(cast.ben).get("/seller/settings/").content.decode()
    assert "Orders" in page
    assert f'href="{LIST}">Manage Seller Fulfilled Returns' in page
    assert "Ben Boyd" in page


# --- Language, theme


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_members_language_is_kept_with_the_account(browser: Browser, cast: Cast, language: str) -> None:
    client = browser(cast.alice)
    response = client.post("/language/", {"language": language, "next": f"{LIST}?status=closed"})
    assert (response.status_code, response["Location"]) == (303, f"{LIST}?status=closed")
    assert User.objects.get(pk=cast.alice.pk).language == language
    page = browser(cast.alice).get(LIST)
    assert f'<html lang="{language}"' in page.content.decode()
    assert page["Content-Language"] == language


def test_a_members_language_wins_over_cookie_and_browser(browser: Browser, cast: Cast) -> None:
    client = browser(cast.alice)
    client.cookies["language"] = "zh-hans"
    page = client.get(LIST, headers={"Accept-Language": "zh-CN"}).content.decode()
    assert '<html lang="en"' in page


def test_a_guests_language_is_kept_in_a_cookie_that_wins_over_the_browser(client: Client) -> None:
    assert client.get("/", headers={"Accept-Language": "zh-CN"})["Content-Language"] == "zh-hans"
    client.post("/language/", {"language": "en", "next": "/"})
    assert client.get("/", headers={"Accept-Language": "zh-CN"})["Content-Language"] == "en"


def test_a_request_leaves_no_language_behind(client: Client) -> None:
    with translation.override("en"):
        client.get("/", headers={"Accept-Language": "zh-CN"})
        assert translation.get_language() == "en"


@pytest.mark.parametrize("url", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", ""])
@pytest.mark.parametrize("switch", ["/language/", "/theme/"])
def test_a_switch_leads_nowhere_but_here(client: Client, switch: str, url: str) -> None:
    response = client.post(switch, {"language": "en", "theme": "dark", "next": url})
    assert (response.status_code, response["Location"]) == (303, "/")


def test_a_language_that_is_not_there_is_refused(client: Client) -> None:
    assert client.post("/language/", {"language": "tlh"}).status_code == 422


def test_the_theme_is_drawn_by_the_server_and_can_follow_the_system_again(client: Client) -> None:
    assert "data-theme=" not in client.get("/").content.decode()
    client.post("/theme/", {"theme": "dark", "next": "/"})
    assert 'data-theme="dark"' in client.get("/").content.decode()
    client.post("/theme/", {"theme": "", "next": "/"})
    assert "data-theme=" not in client.get("/").content.decode()
    assert client.post("/theme/", {"theme": "pink"}).status_code == 422


def test_a_made_up_theme_cookie_is_not_drawn(client: Client) -> None:
    client.cookies["theme"] = '"><script>'
    assert "data-theme=" not in client.get("/").content.decode()


@pytest.mark.parametrize("url", ["/language/", "/theme/", "/seller/choose/", "/my/sign-out/"])
def test_a_switch_is_not_moved_by_following_a_link(client: Client, url: str) -> None:
    assert client.get(url).status_code == 405


# --- Sellers


@pytest.fixture
def alice_in_both(cast: Cast) -> User:
    Membership.objects.create(user=cast.alice, seller=cast.south_pier, role="viewer")
    return cast.alice


def test_lists_act_for_the_seller_chosen_in_the_header(
    browser: Browser, alice_in_both: User, cast: Cast
) -> None:
    client = browser(alice_in_both)
    assert "Settings of North Lane" in client.get("/seller/settings/").content.decode()
    response = client.post("/seller/choose/", {"slug": "south-pier"})
    assert (response.status_code, response["Location"]) == (303, LIST)
    assert "Settings of South Pier" in client.get("/seller/settings/").content.decode()


def test_a_choice_is_checked_with_every_request(browser: Browser, alice_in_both: User, cast: Cast) -> None:
    client = browser(alice_in_both)
    client.post("/seller/choose/", {"slug": "south-pier"})
    Membership.objects.filter(user=alice_in_both, seller=cast.south_pier).update(is_active=False)
    assert "Settings of North Lane" in client.get("/seller/settings/").content.decode()
    assert client.post("/seller/choose/", {"slug": "south-pier"}).status_code == 404


def test_nobody_chooses_a_seller_of_others(browser: Browser, cast: Cast) -> None:
    client = browser(cast.carol)
    assert client.post("/seller/choose/", {"slug": "north-lane"}).status_code == 404
    assert client.post("/seller/choose/", {"slug": "no-such"}).status_code == 404


def test_a_requests_page_acts_for_that_requests_seller(
    browser: Browser, alice_in_both: User, cast: Cast, request_of_north_lane: ReturnRequest
) -> None:
    client = browser(alice_in_both)
    client.post("/seller/choose/", {"slug": "south-pier"})
    page = client.get(f"{LIST}{request_of_north_lane.reference}/")
    assert page.status_code == 200
    assert '<span class="quiet">Seller</span> North Lane' in page.content.decode()
    there = open_request(make_order(cast.south_pier, country="GB"))
    response = client.post(f"{LIST}{there.reference}/close/")
    assert response.status_code == 403, "a viewer there, whatever the role here"


def test_a_foreign_request_is_as_absent_as_one_that_never_was(
    browser: Browser, words: Callable[[HttpResponse], str], cast: Cast, request_of_north_lane: ReturnRequest
) -> None:
    client, absent = browser(cast.carol), str(uuid.uuid4())
    pages = []
    for reference in (request_of_north_lane.reference, absent):
        response = client.get(f"{LIST}{reference}/")
        assert response.status_code == 404
        pages.append(words(response).replace(reference, absent))
        assert client.post(f"{LIST}{reference}/close/").status_code == 404
    assert pages[0] == pages[1]


def test_a_viewer_looks_and_sends_nothing(
    browser: Browser, cast: Cast, request_of_north_lane: ReturnRequest
) -> None:
    client, url = browser(cast.vera), f"{LIST}{request_of_north_lane.reference}/"
    assert client.get(url).status_code == 200
    response = client.post(f"{url}close/", {"reason": "other", "comments": "x" * 30, "key": "k"})
    assert response.status_code == 403
    assert "You may look at everything here, but not decide." in response.content.decode()
    request_of_north_lane.refresh_from_db()
    assert request_of_north_lane.status == "authorization_required"


def test_who_is_not_signed_in_is_led_to_the_sign_in_and_back(client: Client) -> None:
    response = client.get(f"{LIST}?status=closed")
    assert response.status_code == 302
    assert response["Location"] == "/accounts/login/?next=/seller/returns/%3Fstatus%3Dclosed"


def test_an_admin_opens_a_request_as_admin_and_no_sellers_list(
    browser: Browser, cast: Cast, request_of_north_lane: ReturnRequest, settings: pytest.FixtureRequest
) -> None:
    client = browser(cast.root)
    response = client.get(f"{LIST}{request_of_north_lane.reference}/")
    assert (response.status_code, response["Location"]) == (302, "/accounts/2fa/")
    settings.DEMO = True
    assert client.get(f"{LIST}{request_of_north_lane.reference}/").status_code == 200
    assert client.get(LIST).status_code == 404


# --- Refusals


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (NotFound("Not there at all."), 404),
        (Forbidden("Not for you at all."), 403),
        (SomebodyElseWasFirst("Somebody closed it."), 409),
        (Invalid("This is no amount."), 422),
        (KeyReused("Used for something else."), 422),
        (TooMany("Slow down a little.", retry_after=90), 429),
    ],
)
def test_a_refusal_is_a_page_with_its_sentence(refusal: Exception, status: int, rf: RequestFactory) -> None:
    request: HttpRequest = rf.get("/")
    response = RefusalMiddleware(lambda _: HttpResponse()).process_exception(request, refusal)
    assert response is not None
    assert response.status_code == status
    page = response.content.decode()
    assert str(refusal) in page
    assert 'id="decision"' in page
    assert response.get("Retry-After") == ("90" if status == 429 else None)


def test_what_is_no_refusal_stays_a_fault(rf: RequestFactory) -> None:
    middleware = RefusalMiddleware(lambda _: HttpResponse())
    assert middleware.process_exception(rf.get("/"), ValueError("a fault of ours")) is None


def test_a_page_that_is_not_there_says_so_in_the_frame(client: Client) -> None:
    response = client.get("/no/such/page/")
    assert response.status_code == 404
    assert "There is nothing at this address." in response.content.decode()


def test_the_language_switch_of_a_refused_form_leads_back_to_the_form(browser: Browser, cast: Cast) -> None:
    client = browser(cast.vera)
    headers = {"Referer": "http://testserver/seller/settings/?a=1"}
    page = client.post("/seller/settings/invite/", headers=headers)
    assert page.status_code == 403
    assert 'name="next" value="/seller/settings/?a=1"' in page.content.decode()
    page = client.post("/seller/settings/invite/", headers={"Referer": "https://evil.example/seller/"})
    assert 'name="next" value="/"' in page.content.decode()
