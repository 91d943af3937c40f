"""Rows that were drawn lately are kept; whatever changes what a row shows shows at once."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from returns import services
from returns.models import Buyer, OrderItem, ReturnRequest, User
from returns.templatetags import portal
from tests.browsers import signed_in
from tests.factories import Cast, at_once, by_hand, closing, make_order, open_request

pytestmark = pytest.mark.django_db

LIST = "/seller/returns/?status=all"


@pytest.fixture
def request_of_dora(cast: Cast) -> ReturnRequest:
    portal.kept_rows.pieces.clear()
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
    usual = portal.draw_row
    monkeypatch.setattr(portal, "draw_row", lambda context, row: drawn.append(row) or usual(context, row))
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


def test_each_reader_gets_the_own_language_and_address(
    cast: Cast, alice: Client, request_of_dora: ReturnRequest
) -> None:
    assert "Authorize request</button>" in page(alice)
    assert 'value="/seller/returns/"' in page(alice, "/seller/returns/")
    User.objects.filter(pk=cast.ben.pk).update(language="zh-hans")
    assert "批准请求" in page(signed_in(User.objects.get(pk=cast.ben.pk)))
    assert "Authorize request</button>" not in page(signed_in(cast.vera))


def test_filters_that_are_kept_never_name_another_seller_s_team(cast: Cast, alice: Client) -> None:
    portal.kept_filters.pieces.clear()
    assert "Ben Boyd" in page(alice)
    theirs = page(signed_in(cast.carol))
    assert "Carol Cole" in theirs
    assert "Ben Boyd" not in theirs


def test_a_row_with_a_token_is_never_kept(cast: Cast, alice: Client, request_of_dora: ReturnRequest) -> None:
    services.close_return(cast.actor(cast.alice), reference=request_of_dora.reference, closing=closing())
    assert "undo" in page(alice)
    assert not portal.kept_rows.pieces


def test_no_more_than_so_many_are_kept(
    alice: Client, request_of_dora: ReturnRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portal.kept_rows, "limit", 2)
    for number in range(5):
        page(alice, f"{LIST}&from=2020-01-0{number + 1}")
    assert len(portal.kept_rows.pieces) == 2
