"""Rows that were drawn lately are kept; whatever changes what a row shows shows at once."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from returns import services
from returns.models import Buyer, OrderItem, ReturnRequest, User
from returns.selectors import seller_pages
from returns.services.saved_views import save_view
from returns.views import seller
from tests.browsers import signed_in
from tests.factories import Cast, at_once, by_hand, closing, make_order, open_request
from tests.photo_files import a_photo, give_photos

pytestmark = pytest.mark.django_db

LIST = "/seller/returns/?status=all"


@pytest.fixture
def request_of_dora(cast: Cast) -> ReturnRequest:
    seller._kept_rows.pieces.clear()
    with by_hand(cast.north_lane):
        return open_request(make_order(cast.north_lane, country="CA"))


@pytest.fixture
def alice(cast: Cast) -> Client:
    return signed_in(cast.alice)


def page(client: Client, url: str = LIST) -> str:
    return client.get(url).content.decode()


def test_a_row_is_drawn_once_while_it_looks_the_same(
    alice: Client, request_of_dora: ReturnRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    usual = seller_pages.row_of
    monkeypatch.setattr(seller_pages, "row_of", lambda *given: drawn.append(given) or usual(*given))
    assert page(alice).count("<article") == page(alice).count("<article") == 1
    assert len(drawn) == 1


def test_what_changes_shows_at_once(cast: Cast, alice: Client, request_of_dora: ReturnRequest) -> None:
    page(alice)
    OrderItem.objects.update(title="Copper kettle")
    Buyer.objects.update(name="Ada Abbot")
    changed = page(alice)
    assert "Copper kettle" in changed
    assert "Ada Abbot" in changed
    ReturnRequest.objects.update(answer_due_at=timezone.now() - timedelta(days=3, minutes=1))
    assert "Overdue by 3 days" in page(alice)
    services.close_return(
        at_once(cast.actor(cast.alice)), reference=request_of_dora.reference, closing=closing()
    )
    assert "Closed by you or your team." in page(alice)


def test_a_row_leads_to_its_items_photos_wherever_it_is_drawn(
    alice: Client, request_of_dora: ReturnRequest, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    assert "photo" not in page(alice)
    give_photos(request_of_dora, [a_photo(), a_photo()])
    link = f'<a href="/seller/returns/{request_of_dora.reference}/#items-title">Photos</a>'
    assert link in page(alice)
    key = uuid.uuid4().hex
    redrawn = alice.post(
        f"/seller/returns/{request_of_dora.reference}/close/",
        {"key": key, "reason": "other", "comments": "We talked about it by phone today."},
        headers={"HX-Request": "true"},
    )
    assert link in redrawn.content.decode()


def test_each_reader_gets_the_own_language_and_address(
    cast: Cast, alice: Client, request_of_dora: ReturnRequest
) -> None:
    assert "Authorize request</button>" in page(alice)
    assert 'value="/seller/returns/"' in page(alice, "/seller/returns/")
    User.objects.filter(pk=cast.ben.pk).update(language="zh-hans")
    assert "批准请求" in page(signed_in(User.objects.get(pk=cast.ben.pk)))
    assert "Authorize request</button>" not in page(signed_in(cast.vera))


def test_a_page_that_is_kept_never_names_another_seller_s_team(cast: Cast, alice: Client) -> None:
    assert "Ben Boyd" in page(alice)
    theirs = page(signed_in(cast.carol))
    assert "Carol Cole" in theirs
    assert "Ben Boyd" not in theirs


def test_a_page_that_is_kept_has_each_time_a_token_of_its_reader(cast: Cast, alice: Client) -> None:
    def token(client: Client) -> str:
        (found,) = set(re.findall(r'name="csrfmiddlewaretoken" value="(\w{64})"', page(client)))
        return str(found)

    first, second = token(alice), token(alice)
    assert first != second  # masked anew
    checked = Client(enforce_csrf_checks=True)
    checked.cookies = alice.cookies
    for masked, status in (("x" * 64, 403), (second, 302)):
        answer = checked.post("/accounts/logout/", {"csrfmiddlewaretoken": masked})
        assert answer.status_code == status


@pytest.mark.parametrize(
    "change",
    [
        lambda cast, client: save_view(cast.actor(cast.alice), name="Mine", query="status=all"),
        lambda cast, client: User.objects.filter(pk=cast.alice.pk).update(name="Alice Changed"),
        lambda cast, client: User.objects.filter(pk=cast.alice.pk).update(time_zone="Asia/Shanghai"),
        lambda cast, client: client.cookies.load({"theme": "dark"}),
        lambda cast, client: cast.alice.memberships.create(seller=cast.south_pier, role="viewer"),
        lambda cast, client: cast.alice.memberships.update(role="viewer"),
        lambda cast, client: type(cast.north_lane).objects.filter(pk=cast.north_lane.pk).update(name="New"),
        lambda cast, client: open_request(make_order(cast.north_lane, country="CA")),
    ],
    ids=["view", "name", "zone", "theme", "store", "role", "shop", "count"],
)
def test_a_kept_page_is_drawn_again_when_what_it_shows_changes(
    cast: Cast, alice: Client, request_of_dora: ReturnRequest, change: Callable[[Cast, Client], object]
) -> None:
    def around() -> str:
        return re.sub(r"<article.*?</article>|value=\"\w{64}\"", "", page(alice), flags=re.DOTALL)

    before = around()
    assert around() == before
    change(cast, alice)
    kept = around()
    seller._kept_pages.pieces.clear()
    assert kept == around() != before


def test_a_row_with_a_token_is_never_kept(cast: Cast, alice: Client, request_of_dora: ReturnRequest) -> None:
    services.close_return(cast.actor(cast.alice), reference=request_of_dora.reference, closing=closing())
    assert "undo" in page(alice)
    assert not seller._kept_rows.pieces


def test_no_more_than_so_many_are_kept(
    alice: Client, request_of_dora: ReturnRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seller._kept_rows, "limit", 2)
    for number in range(5):
        page(alice, f"{LIST}&from=2020-01-0{number + 1}")
    assert len(seller._kept_rows.pieces) == 2
