"""Notes, assignments and who decides just now, as members meet them on their pages."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from notifications.models import MailboxEntry, Message
from notifications.services import deliver_messages, relay_events
from returns.models import Deciding, Membership, Note, ReturnEvent, ReturnRequest, User
from returns.models.clock import database_now
from returns.services.team import change_member
from returns.state_machine import Status
from tests.browsers import let_in, signed_in
from tests.factories import Cast, a_request_in, make_order, open_request

pytestmark = pytest.mark.django_db

LIST = "/seller/returns/"


@pytest.fixture
def request_of_dora(cast: Cast) -> ReturnRequest:
    return open_request(make_order(cast.north_lane, country="CA"))


@pytest.fixture
def alice(cast: Cast) -> Client:
    return signed_in(cast.alice)


@pytest.fixture
def ben(cast: Cast) -> Client:
    return signed_in(cast.ben)


def url(request: ReturnRequest, page: str = "") -> str:
    return f"{LIST}{request.reference}/{page}"


def read(client: Client, address: str) -> str:
    """The page's words, tags taken away."""
    response = client.get(address)
    assert response.status_code == 200
    return words(response)


def words(response: HttpResponse) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", unescape(response.content.decode())).split())


def shown(client: Client, query: str = "") -> list[str]:
    """The requests that the list shows."""
    return re.findall(r'id="row-([\w-]+)"', client.get(f"{LIST}{query}").content.decode())


def write(client: Client, request: ReturnRequest, text: str, key: str = "k") -> HttpResponse:
    return client.post(url(request, "notes/"), {"text": text, "key": key})


def give(client: Client, request: ReturnRequest, to: User | None, was: User | None = None) -> HttpResponse:
    """Send the form of the assignment as it was drawn when `was` had the request."""
    data = {"assignee": to.pk if to else "", "was": was.pk if was else ""}
    return client.post(url(request, "assign/"), data)


# --- Notes


def test_notes_stand_on_the_page_newest_first_with_who_and_when(
    alice: Client, ben: Client, request_of_dora: ReturnRequest
) -> None:
    response = write(alice, request_of_dora, "She called.\r\nLikes blue.")
    assert (response.status_code, response["Location"]) == (303, f"{url(request_of_dora)}#notes")
    write(ben, request_of_dora, "Sent <b>twice</b>\u202e.", key="other")
    page = ben.get(url(request_of_dora)).content.decode()
    notes = re.findall(r'<div class="pre">(.*?)</div>', page, re.DOTALL)
    assert notes == ["Sent &lt;b&gt;twice&lt;/b&gt;.", "She called.\nLikes blue."]
    assert re.search(r"Ben Boyd · .*Alice Ames · ", read(ben, url(request_of_dora)))


def test_a_form_that_is_sent_twice_keeps_one_note_and_never_another(
    alice: Client, ben: Client, request_of_dora: ReturnRequest
) -> None:
    assert write(alice, request_of_dora, "Once.").status_code == 303
    assert write(alice, request_of_dora, "Once.").status_code == 303
    for client, text in ((alice, "Twice."), (ben, "Once.")):
        assert write(client, request_of_dora, text).status_code == 422
    assert list(Note.objects.values_list("text", flat=True)) == ["Once."]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Write the note first."),
        (" \u200b\n", "Write the note first."),
        ("é" * 2001, "Shorten the note to 2,000 characters."),
    ],
)
def test_a_note_that_cannot_be_kept_says_why_and_is_not_lost(
    alice: Client, request_of_dora: ReturnRequest, text: str, sentence: str
) -> None:
    response = write(alice, request_of_dora, text, key="0123")
    assert response.status_code == 422
    page = response.content.decode()
    assert "<title>Error: " in page
    assert sentence in words(response)
    assert 'name="key" value="0123"' in page
    assert text.strip() in page
    assert not Note.objects.exists()


def test_a_note_has_room_for_2000_characters(alice: Client, request_of_dora: ReturnRequest) -> None:
    assert write(alice, request_of_dora, "é" * 2000).status_code == 303
    assert len(Note.objects.get().text) == 2000


def test_who_wrote_a_note_can_remove_it_for_ten_minutes(
    alice: Client, ben: Client, request_of_dora: ReturnRequest
) -> None:
    write(alice, request_of_dora, "A slip.")
    note = Note.objects.get()
    address = url(request_of_dora, f"notes/{note.pk}/remove/")
    assert address in alice.get(url(request_of_dora)).content.decode()
    assert address not in ben.get(url(request_of_dora)).content.decode()
    refused = ben.post(address)
    assert refused.status_code == 403
    assert "Only who wrote a note can remove it." in words(refused)
    Note.objects.update(created_at=database_now() - timedelta(minutes=10))
    assert address not in alice.get(url(request_of_dora)).content.decode()
    refused = alice.post(address)
    assert refused.status_code == 403
    assert "A note can be removed for 10 minutes." in words(refused)
    Note.objects.update(created_at=database_now() - timedelta(minutes=9))
    assert alice.post(address).status_code == 303
    assert not Note.objects.exists()
    assert alice.post(address).status_code == 404


def test_a_note_is_found_at_its_own_request_only(
    cast: Cast, alice: Client, request_of_dora: ReturnRequest
) -> None:
    write(alice, request_of_dora, "Ours.")
    other = a_request_in(cast, Status.AUTHORIZED)
    assert alice.post(url(other, f"notes/{Note.objects.get().pk}/remove/")).status_code == 404
    assert Note.objects.exists()


def test_a_viewer_reads_notes_and_writes_none(
    cast: Cast, alice: Client, request_of_dora: ReturnRequest
) -> None:
    write(alice, request_of_dora, "Ours.")
    page = signed_in(cast.vera).get(url(request_of_dora)).content.decode()
    assert "Ours." in page
    assert "/notes/" not in page
    assert "/assign/" not in page


def test_a_note_reaches_nobody_but_the_team(
    cast: Cast,
    alice: Client,
    request_of_dora: ReturnRequest,
    settings: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.DEMO, settings.MAILBOX = True, True
    settings.EMAIL_BACKEND = "notifications.mailbox.Backend"
    relay_events()
    deliver_messages()
    before = (ReturnEvent.objects.count(), Message.objects.count(), request_of_dora.version)
    write(alice, request_of_dora, "Xyzzy is difficult.")
    request_of_dora.refresh_from_db()
    relay_events()
    deliver_messages()
    assert (ReturnEvent.objects.count(), Message.objects.count(), request_of_dora.version) == before
    assert not any(b"Xyzzy" in bytes(mail.content) for mail in MailboxEntry.objects.all())
    buyer = let_in(request_of_dora.order).get(f"/my/returns/{request_of_dora.reference}/")
    admin = signed_in(cast.root, with_second_factor=True).get(url(request_of_dora))
    for page in (buyer, admin):
        assert page.status_code == 200
        assert "Xyzzy" not in page.content.decode()
    assert "Xyzzy" in alice.get(url(request_of_dora)).content.decode()
    assert "Answered." in caplog.text
    assert not any("Xyzzy" in str(vars(record)) for record in caplog.records)


# --- Whose a request is


def test_a_request_is_given_to_a_colleague_and_the_row_says_so_at_once(
    cast: Cast, alice: Client, ben: Client, request_of_dora: ReturnRequest
) -> None:
    assert "Assigned to Ben Boyd" not in read(ben, LIST)
    response = give(alice, request_of_dora, cast.ben)
    assert (response.status_code, response["Location"]) == (303, url(request_of_dora))
    assert "Assigned to Ben Boyd." in read(alice, url(request_of_dora))
    assert "Assigned to Ben Boyd · Change" in read(ben, LIST)
    assert "Assigned to Ben Boyd" in read(signed_in(cast.vera), LIST)
    assert "Assigned to Ben Boyd" in read(signed_in(cast.vera), url(request_of_dora))
    User.objects.filter(pk=cast.ben.pk).update(name="Ben Bold")
    assert "Assigned to Ben Bold" in read(alice, LIST)
    give(ben, request_of_dora, None, was=cast.ben)
    assert "Assigned to Ben" not in read(alice, LIST).replace("Assigned to Any", "")


def test_the_form_offers_nobody_oneself_and_who_else_may_decide(
    cast: Cast, ben: Client, request_of_dora: ReturnRequest
) -> None:
    for page in ("", "assign/"):
        html = ben.get(url(request_of_dora, page)).content.decode()
        select = re.search(r'<select name="assignee".*?</select>', html, re.DOTALL)[0]
        assert re.findall(r">([^<>]+)</option>", select) == ["Nobody", "Ben Boyd (me)", "Alice Ames"]


def test_a_dialog_gets_the_row_again_and_a_page_goes_back_to_the_list(
    cast: Cast, alice: Client, request_of_dora: ReturnRequest
) -> None:
    row = re.search(r"<article.*?</article>", alice.get(f"{LIST}?q=kettle").content.decode(), re.DOTALL)[0]
    address = unescape(re.search(r'href="([^"]+/assign/[^"]+)"', row)[1])
    form = alice.get(address).content.decode()
    assert f'name="next" value="{LIST}?q=kettle"' in form
    data = {"assignee": cast.alice.pk, "was": "", "next": f"{LIST}?q=kettle"}
    answer = alice.post(url(request_of_dora, "assign/"), data, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert f'hx-target="#row-{request_of_dora.reference}"' in answer.content.decode()
    assert "Assigned to Alice Ames · Change" in words(answer)
    data = {"assignee": "", "was": cast.alice.pk, "next": f"{LIST}?q=kettle"}
    back = alice.post(url(request_of_dora, "assign/"), data)
    assert (back.status_code, back["Location"]) == (303, f"{LIST}?q=kettle")


def test_who_comes_second_is_told_who_has_it(
    cast: Cast, alice: Client, ben: Client, request_of_dora: ReturnRequest
) -> None:
    give(alice, request_of_dora, cast.alice)
    lost = give(ben, request_of_dora, cast.ben)
    assert lost.status_code == 409
    assert "Meanwhile this request was assigned to Alice Ames." in words(lost)
    assert give(alice, request_of_dora, cast.alice).status_code == 303  # sent twice
    give(alice, request_of_dora, None, was=cast.alice)
    lost = give(ben, request_of_dora, cast.ben, was=cast.alice)
    assert "Meanwhile this request was assigned to nobody." in words(lost)
    assert ReturnRequest.objects.get(pk=request_of_dora.pk).assignee is None


@pytest.mark.parametrize("who", ["vera", "carol"])
def test_nobody_else_can_be_chosen(
    cast: Cast, alice: Client, request_of_dora: ReturnRequest, who: str
) -> None:
    response = give(alice, request_of_dora, getattr(cast, who))
    assert response.status_code == 422
    assert "Choose somebody of the team who may decide." in words(response)
    assert ReturnRequest.objects.get(pk=request_of_dora.pk).assignee is None


def test_the_list_is_filtered_by_mine_nobodys_and_a_person(cast: Cast, alice: Client, ben: Client) -> None:
    mine, bens, free = (open_request(make_order(cast.north_lane, country="CA")) for _number in range(3))
    give(alice, mine, cast.alice)
    give(alice, bens, cast.ben)
    for client, query, left, chip in (
        (alice, "?assignee=me", mine, "Mine"),
        (ben, "?assignee=me", bens, "Mine"),
        (ben, "?assignee=nobody", free, "Nobody's"),
        (alice, f"?assignee={cast.ben.pk}", bens, "Assigned to Ben Boyd"),
        (alice, f"?status=all&sort=created&assignee={cast.ben.pk}", bens, "Assigned to Ben Boyd"),
    ):
        assert shown(client, query) == [left.reference]
        assert f"Remove filter: {chip}" in read(client, f"{LIST}{query}")
    assert len(shown(alice, f"?assignee={cast.carol.pk}")) == 3
    assert shown(signed_in(cast.vera), "?assignee=me") == []


def test_what_a_member_had_is_nobodys_once_the_member_may_not_decide(
    cast: Cast, alice: Client, request_of_dora: ReturnRequest
) -> None:
    give(alice, request_of_dora, cast.ben)
    User.objects.filter(pk=cast.ben.pk).update(is_active=False)
    assert shown(alice, "?assignee=nobody") == [request_of_dora.reference]
    assert "Assigned to Ben" not in read(alice, LIST)
    User.objects.filter(pk=cast.ben.pk).update(is_active=True)
    assert shown(alice, "?assignee=nobody") == []
    seat = Membership.objects.get(user=cast.ben)
    change_member(cast.actor(cast.alice), membership_id=seat.pk, is_active=False)
    assert shown(alice, "?assignee=nobody") == [request_of_dora.reference]
    assert give(alice, request_of_dora, cast.alice).status_code == 303


@pytest.mark.parametrize("query", ["?assignee=me", "?assignee=nobody"])
def test_fifty_rows_of_a_filter_take_as_many_queries_as_one(cast: Cast, alice: Client, query: str) -> None:
    def one_more() -> None:
        request = open_request(make_order(cast.north_lane, country="CA"))
        if query == "?assignee=me":
            give(alice, request, cast.alice)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            shown(alice, query)
        return len(captured)

    one_more()
    queries()
    for_one = queries()
    for _number in range(49):
        one_more()
    assert len(shown(alice, query)) == 50
    assert queries() == for_one <= 12


# --- Who decides just now

DECIDES = "Ben Boyd is deciding this"


@pytest.mark.parametrize("page", ["close/", "authorize/"])
def test_a_colleague_sees_who_has_the_form_open_and_oneself_does_not(
    cast: Cast, alice: Client, ben: Client, request_of_dora: ReturnRequest, page: str
) -> None:
    assert DECIDES not in read(alice, LIST)
    assert DECIDES not in read(ben, url(request_of_dora, page))
    assert DECIDES in read(signed_in(cast.vera), LIST)
    assert DECIDES in read(signed_in(cast.vera), url(request_of_dora, "close/"))
    for address in (
        LIST,
        url(request_of_dora),
        url(request_of_dora, "close/"),
        url(request_of_dora, "authorize/"),
    ):
        assert DECIDES in read(alice, address), address
        assert DECIDES not in read(ben, address), address
    buyer = let_in(request_of_dora.order)
    assert "deciding" not in read(buyer, f"/my/returns/{request_of_dora.reference}/")
    admin = signed_in(cast.root, with_second_factor=True)
    assert DECIDES not in read(admin, url(request_of_dora, "close/"))
    assert Deciding.objects.filter(user=cast.root).count() == 0


def test_the_mark_ends_by_itself(alice: Client, ben: Client, request_of_dora: ReturnRequest) -> None:
    ben.get(url(request_of_dora, "close/"))
    left = Deciding.objects.get().until - database_now()
    assert timedelta(minutes=1, seconds=50) < left <= timedelta(minutes=2)
    assert DECIDES in read(alice, LIST)
    Deciding.objects.update(until=database_now() - timedelta(milliseconds=1))
    assert DECIDES not in read(alice, LIST)
    assert DECIDES not in read(alice, url(request_of_dora))


def test_the_mark_blocks_nobody_and_ends_with_any_decision(
    alice: Client, ben: Client, request_of_dora: ReturnRequest
) -> None:
    before = (ReturnEvent.objects.count(), request_of_dora.version)
    ben.get(url(request_of_dora, "close/"))
    request_of_dora.refresh_from_db()
    assert (ReturnEvent.objects.count(), request_of_dora.version) == before
    assert alice.post(url(request_of_dora, "authorize/"), {"key": "k"}).status_code == 303
    assert DECIDES not in read(alice, f"{LIST}?status=all")
    assert alice.post(url(request_of_dora, "undo/"), {"key": "u"}).status_code == 303
    assert DECIDES not in read(alice, LIST)
    ben.get(url(request_of_dora, "close/"))
    assert DECIDES in read(alice, LIST)


def written(client: Client, request: ReturnRequest, data: dict[str, str] | None = None) -> int:
    """How many statements that mark a request the form, or its preview, makes."""
    with CaptureQueriesContext(connection) as captured:
        if data is None:
            client.get(url(request, "close/"))
        else:
            assert client.post(url(request, "close/preview/"), data).status_code == 200
    return sum('INSERT INTO "returns_deciding"' in query["sql"] for query in captured)


def test_the_preview_keeps_the_mark_with_at_most_one_write_a_minute(
    cast: Cast, ben: Client, request_of_dora: ReturnRequest
) -> None:
    typed = {"reason": "other", "comments": "Hel", "key": "k"}
    assert written(ben, request_of_dora) == 1
    assert written(ben, request_of_dora, typed) == 0
    Deciding.objects.update(until=database_now() + timedelta(seconds=59))
    assert written(ben, request_of_dora, typed) == 1
    assert Deciding.objects.get().until > database_now() + timedelta(seconds=110)
    assert written(signed_in(cast.vera), request_of_dora) == 0
