"""Saved comments through HTTP: their page, their select while closing, and the warning about the script."""

import re
from html import unescape

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from returns import services
from returns.models import ReturnRequest, SavedComment, User
from returns.services import comments as service
from returns.services.comments import save_comment
from returns.state_machine import Status
from tests.browsers import signed_in
from tests.factories import ED, Cast, Person, closing, last_event, make_order, open_request

pytestmark = pytest.mark.django_db

PAGE = "/seller/settings/comments/"
HTMX = {"HTTP_HX_REQUEST": "true"}
LI = Person(name="李伟", email="li@buyers.example", language="zh-hans")
ENGLISH = "We talked on the phone and found a way."
CHINESE = "很抱歉，退货期限已过。如果商品有任何问题，请联系我们。"
READS_CHINESE = "The buyer reads Chinese (中文)"
READS_ENGLISH = "The buyer reads English"


@pytest.fixture
def ben(cast: Cast) -> Client:
    return signed_in(cast.ben)


@pytest.fixture
def request_(cast: Cast) -> ReturnRequest:
    return open_request(make_order(cast.north_lane, country="CA"))


@pytest.fixture
def kept(cast: Cast) -> SavedComment:
    alice = cast.actor(cast.alice)
    save_comment(alice, name="谢谢", text="感谢您的耐心。", language="zh-hans")
    save_comment(alice, name="Other", text="One.\nTwo.", language="en", reason_code="other")
    return save_comment(alice, name="Thanks", text="Thank you <so> much.\n\nAlice", language="en")


def html(response: HttpResponse) -> str:
    return unescape(response.content.decode())


def url(request: ReturnRequest, page: str = "close/") -> str:
    return f"/seller/returns/{request.reference}/{page}"


def offered(response: HttpResponse) -> list[str]:
    select = re.search(r'<select name="saved".*?</select>', response.content.decode(), re.DOTALL)
    return re.findall(r'label="(.+?)"|<option value="\d+"[^>]*>(.+?)</option>', select[0]) if select else []


def typed(response: HttpResponse) -> str:
    field = re.search(
        r'<textarea name="comments"[^>]*>\n?(.*?)</textarea>', response.content.decode(), re.DOTALL
    )
    return unescape(field[1])


# --- Their page


def test_an_agent_adds_changes_and_removes(ben: Client) -> None:
    data = {"name": "Thanks", "language": "en", "reason": "other", "comments": "Thank you <so> much."}
    response = ben.post(PAGE, data)
    assert (response.status_code, response["Location"]) == (303, PAGE)
    page = ben.get(PAGE).content.decode()
    assert "“Thanks” is saved." in page
    assert "Thank you &lt;so&gt; much." in page
    own = f"{PAGE}{SavedComment.objects.get().pk}/"
    assert 'value="Thanks"' in html(ben.get(own))
    response = ben.post(own, data | {"comments": "Changed.", "reason": ""})
    assert response.status_code == 303
    assert [(one.text, one.reason) for one in SavedComment.objects.all()] == [("Changed.", None)]
    assert ben.post(f"{own}remove/").status_code == 303
    assert "“Thanks” is removed." in html(ben.get(PAGE))
    assert not SavedComment.objects.exists()


def test_what_is_wrong_is_said_and_what_was_typed_stays(ben: Client, kept: SavedComment) -> None:
    response = ben.post(
        PAGE, {"name": "Thanks", "language": "en", "comments": "A text that took long to write."}
    )
    assert response.status_code == 422
    assert "There is a text of this name in this language." in html(response)
    assert typed(response) == "A text that took long to write."
    assert "<title>Error:" in html(response)


def test_a_viewer_reads_and_finds_no_form(cast: Cast, kept: SavedComment) -> None:
    vera = signed_in(cast.vera)
    for address in (PAGE, f"{PAGE}{kept.pk}/"):
        page = html(vera.get(address))
        assert "Thank you <so> much." in page
        assert 'name="comments"' not in page
        assert "Change<" not in page


def test_a_reason_that_is_no_longer_used_stays_the_text_s_own(ben: Client, kept: SavedComment) -> None:
    other = SavedComment.objects.get(name="Other")
    type(other.reason).objects.filter(code="other").update(is_active=False)
    page = html(ben.get(f"{PAGE}{other.pk}/"))
    assert '<option value="other" selected>Other (explain in your comments)</option>' in page
    assert '<option value="other"' not in html(ben.get(f"{PAGE}{kept.pk}/"))


def test_the_page_takes_as_many_queries_for_many_texts(cast: Cast, ben: Client, kept: SavedComment) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert ben.get(PAGE).status_code == 200
        return len(captured)

    ben.get(PAGE)
    few = queries()
    for number in range(30):
        save_comment(cast.actor(cast.ben), name=str(number), text=ENGLISH, language="en", reason_code="other")
    assert queries() == few <= 12


# --- While closing


def test_the_form_offers_what_fits_the_reason_in_the_buyer_s_language_first(
    cast: Cast, ben: Client, kept: SavedComment
) -> None:
    chinese = open_request(make_order(cast.north_lane, country="CA", buyer=LI))
    assert offered(ben.get(url(chinese))) == [("简体中文", ""), ("", "谢谢"), ("English", ""), ("", "Thanks")]
    english = open_request(make_order(cast.north_lane, country="CA"))
    expected = [("English", ""), ("", "Other"), ("", "Thanks"), ("简体中文", ""), ("", "谢谢")]
    assert offered(ben.get(url(english), {"reason": "other"})) == expected
    fragment = ben.get(url(english, "close/comments/"), {"reason": "other", "reader": "en"}, **HTMX)
    assert offered(fragment) == expected
    assert "<html" not in html(fragment)
    assert 'data-text="Thank you &lt;so&gt; much.\n\nAlice"' in fragment.content.decode()


def test_a_team_without_texts_sees_no_select_and_an_admin_neither_that_nor_the_tick(
    cast: Cast, ben: Client, request_: ReturnRequest
) -> None:
    assert offered(ben.get(url(request_))) == []
    save_comment(cast.actor(cast.ben), name="Thanks", text=ENGLISH, language="en")
    assert offered(ben.get(url(request_)))
    page = signed_in(cast.root, with_second_factor=True).get(url(request_))
    assert offered(page) == []
    assert "save_comments" not in html(page)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "Thank you <so> much.\n\nAlice"),
        ("Typed.\r\n", "Typed.\n\nThank you <so> much.\n\nAlice"),
        (
            "Typed.\r\n\r\nThank you <so> much.\r\n\r\nAlice",
            "Typed.\r\n\r\nThank you <so> much.\r\n\r\nAlice",
        ),
    ],
)
def test_without_javascript_a_button_puts_the_text_behind_what_was_typed(
    ben: Client, request_: ReturnRequest, kept: SavedComment, before: str, after: str
) -> None:
    data = {"key": "k", "reason": "other", "comments": before, "saved": kept.pk, "preview": "saved"}
    response = ben.post(url(request_), data)
    assert response.status_code == 200
    assert typed(response).splitlines() == after.splitlines()
    assert "Thank you <so> much." in re.search(r'class="letter".*?</div>', html(response), re.DOTALL)[0]
    assert ReturnRequest.objects.get().status == Status.AUTHORIZATION_REQUIRED


@pytest.mark.parametrize("saved", ["", "x", "9" * 40, "foreign"])
def test_a_text_that_is_not_the_team_s_is_not_used(
    cast: Cast, ben: Client, request_: ReturnRequest, saved: str
) -> None:
    foreign = save_comment(cast.actor(cast.carol), name="Carol's", text="Secret.", language="en")
    data = {
        "key": "k",
        "reason": "other",
        "comments": "Typed.",
        "saved": foreign.pk if saved == "foreign" else saved,
        "preview": "saved",
    }
    response = ben.post(url(request_), data)
    assert (response.status_code, typed(response)) == (200, "Typed.")
    assert "Secret." not in html(response)


def test_looking_at_the_message_is_no_error_yet(ben: Client, request_: ReturnRequest) -> None:
    data = {"key": "k", "reason": "refund_without_return", "promise_date": "tomorrow", "preview": "1"}
    page = html(ben.post(url(request_), data))
    assert "Write comments to the buyer" not in page
    assert '<a href="#id_promise_date">' in page
    del data["preview"]
    assert "Write comments to the buyer" in html(ben.post(url(request_), data))


# --- Saved while closing


def test_comments_are_saved_in_the_same_step(ben: Client, request_: ReturnRequest) -> None:
    data = {"key": "k", "reason": "other", "comments": ENGLISH, "save_comments": "on", "save_as": "Phone"}
    response = ben.post(url(request_), data)
    assert response.status_code == 303
    assert "The comments are saved as “Phone”." in html(ben.get(response["Location"]))
    saved = SavedComment.objects.get()
    assert (saved.name, saved.language, saved.reason.code, saved.text) == ("Phone", "en", "other", ENGLISH)
    ben.post(url(request_), data)
    assert SavedComment.objects.count() == 1


def test_for_htmx_it_is_read_out_with_the_decision(ben: Client, request_: ReturnRequest) -> None:
    data = {"key": "k", "reason": "other", "comments": ENGLISH, "save_comments": "on"}
    page = html(ben.post(url(request_), data, **HTMX))
    said = re.search(r'hx-target="#live">(.*?)</hx-partial>', page)[1]
    number = request_.order.order_number
    assert said == f"Closed: order {number}. The comments are saved as “{ENGLISH}”."


def test_comments_that_were_not_to_be_saved_are_not(ben: Client, request_: ReturnRequest) -> None:
    ben.post(url(request_), {"key": "k", "reason": "other", "comments": ENGLISH, "save_as": "Phone"})
    assert not SavedComment.objects.exists()


def test_nothing_that_hinders_saving_hinders_the_closing(
    ben: Client, request_: ReturnRequest, kept: SavedComment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST", 1)
    data = {"key": "k", "reason": "other", "comments": ENGLISH, "save_comments": "on", "save_as": "n" * 500}
    response = ben.post(url(request_), data)
    assert response.status_code == 303
    assert "its comments could not be saved" in html(ben.get(response["Location"]))
    assert ReturnRequest.objects.get().status == Status.CLOSED
    assert last_event(request_).text == ENGLISH
    assert SavedComment.objects.count() == 3


def test_an_admin_saves_nothing_whatever_is_sent(cast: Cast, request_: ReturnRequest) -> None:
    root = signed_in(cast.root, with_second_factor=True)
    data = {"key": "k", "reason": "other", "comments": ENGLISH, "save_comments": "on", "save_as": "Root's"}
    assert root.post(url(request_), data).status_code == 303
    assert not SavedComment.objects.exists()


# --- The script of the comments


@pytest.mark.parametrize(
    ("buyer", "comments", "warning"),
    [
        (LI, ENGLISH, READS_CHINESE),
        (LI, CHINESE, ""),
        (LI, f"{ENGLISH} {CHINESE}", ""),
        (LI, "", ""),
        (LI, "12.99 / 10.99 / 8.99 👍 🎉", ""),
        (ED, CHINESE, READS_ENGLISH),
        (ED, ENGLISH, ""),
    ],
)
def test_the_form_warns_where_the_script_does_not_fit_and_never_hinders(
    cast: Cast, ben: Client, buyer: Person, comments: str, warning: str
) -> None:
    request = open_request(make_order(cast.north_lane, country="CA", buyer=buyer))
    data = {"key": "k", "reason": "other", "comments": comments}
    live = html(ben.post(url(request, "close/preview/"), data, **HTMX))
    beside = re.search(r'hx-target="#comments-fit"[^>]*>(.*?)</hx-partial>', live)[1]
    redrawn = html(ben.post(url(request), data | {"preview": "1"}))
    in_place = re.search(r'<div id="comments-fit" role="status">(.*?)</div>', redrawn)[1]
    assert beside == in_place
    assert beside.startswith(f'<p class="notice warn">{warning}' if warning else "")
    assert bool(beside) == bool(warning)
    if comments:
        assert ben.post(url(request), data).status_code == 303


def test_the_warning_is_said_in_the_reader_s_language_before_a_reason_is_picked(
    cast: Cast, request_: ReturnRequest
) -> None:
    User.objects.filter(pk=cast.ben.pk).update(language="zh-hans")
    data = {"key": "k", "comments": CHINESE}
    live = html(signed_in(cast.ben).post(url(request_, "close/preview/"), data, **HTMX))
    assert "买家阅读英文，但这段备注大部分是汉字。" in live
    assert "消息已更新" not in live


# --- Somebody else was first


def test_a_refusal_keeps_the_words_and_leads_back(cast: Cast, ben: Client, request_: ReturnRequest) -> None:
    services.close_return(cast.actor(cast.alice), reference=request_.reference, closing=closing())
    data = {
        "key": "k",
        "reason": "other",
        "comments": "Typed <by> Ben.\nTwo lines.",
        "next": "/seller/returns/?q=kettle",
    }
    response = ben.post(url(request_), data, **HTMX)
    assert response.status_code == 409
    assert "Closed by Alice Ames" in html(response)
    assert '<p class="letter" id="typed">Typed &lt;by&gt; Ben.\nTwo lines.</p>' in response.content.decode()
    assert 'href="/seller/returns/?q=kettle"' in html(response)
    elsewhere = ben.post(url(request_), data | {"next": "//evil.example"})
    assert "evil.example" not in html(elsewhere)
