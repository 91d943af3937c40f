"""Saved views of the list: kept by a member for the own use, at one seller."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.test import Client

from returns.exceptions import Invalid
from returns.models import SavedView
from returns.services.saved_views import VIEWS_MAX, save_view
from tests.browsers import signed_in
from tests.factories import Cast

pytestmark = pytest.mark.django_db

LIST = "/seller/returns/"
SAVE = "/seller/views/"


@pytest.fixture
def alice(cast: Cast) -> Client:
    return signed_in(cast.alice)


def save(client: Client, name: str, query: str) -> str:
    answer = client.post(SAVE, {"name": name, "query": query})
    assert answer.status_code == 303
    return answer["Location"]


def views(client: Client, query: str = "") -> dict[str, str]:
    """Address and name of the views that the list shows."""
    html = client.get(LIST + query).content.decode()
    found = re.findall(r'<a class="chip view" href="([^"]+)"[^>]*>(.*?)</a>', html)
    return {name: address.replace("&amp;", "&") for address, name in found}


def test_filters_in_force_are_kept_under_a_name_and_called_up_again(alice: Client) -> None:
    page = alice.get(
        f"{LIST}?overdue=on&cursor=&reason=CR-DEFECTIVE&status=authorized&page=7"
    ).content.decode()
    query = re.search(r'name="query" value="([^"]+)"', page)[1].replace("&amp;", "&")
    assert query == "status=authorized&reason=CR-DEFECTIVE&overdue=on"
    assert save(alice, "  Late\u202e and defective ", query) == f"{LIST}?{query}"
    assert views(alice) == {"Late and defective": f"?{query}"}
    current = alice.get(f"{LIST}?{query}").content.decode()
    assert 'aria-current="page">Late and defective</a>' in current
    assert "Save view" not in current
    assert "Remove the view “Late and defective”" in current


def test_without_filters_there_is_nothing_to_keep(alice: Client) -> None:
    assert "Save view" not in alice.get(f"{LIST}?status=closed").content.decode()


def test_the_same_name_replaces_and_removing_forgets(alice: Client) -> None:
    save(alice, "Mine", "overdue=on")
    save(alice, "Mine", "prepaid=yes")
    assert views(alice) == {"Mine": "?prepaid=yes"}
    view = SavedView.objects.get()
    assert alice.post(f"{SAVE}{view.pk}/remove/", {"query": view.query}).status_code == 303
    assert views(alice) == {}


def test_a_view_is_its_members_and_its_sellers_alone(cast: Cast, alice: Client) -> None:
    save(alice, "Mine", "overdue=on")
    view = SavedView.objects.get()
    for other in (cast.ben, cast.carol):
        client = signed_in(other)
        assert views(client) == {}
        assert client.post(f"{SAVE}{view.pk}/remove/").status_code == 404
    assert signed_in(cast.vera).post(SAVE, {"name": "x", "query": "overdue=on"}).status_code == 403
    assert SavedView.objects.get() == view


def test_a_view_without_a_name_or_with_a_page_of_filters_is_refused_in_one_sentence(alice: Client) -> None:
    for name, query, sentence in (
        (" \u200b ", "overdue=on", "Give the view a name."),
        ("Long", "q=" + "x" * 1500, "These filters are too long to be kept."),
    ):
        answer = alice.post(SAVE, {"name": name, "query": query}, follow=True)
        assert sentence in answer.content.decode()
    assert not SavedView.objects.exists()


def test_nothing_but_filters_is_kept(alice: Client) -> None:
    save(alice, "Odd", "next=https://elsewhere.example&overdue=on&cursor=7&status=closed")
    assert views(alice) == {"Odd": "?status=closed&overdue=on"}


def test_there_are_so_many_views_and_no_more(alice: Client) -> None:
    for number in range(VIEWS_MAX):
        save(alice, f"View {number}", "overdue=on")
    answer = alice.post(SAVE, {"name": "One more", "query": "overdue=on"}, follow=True)
    assert "You have 20 saved views: remove one first." in answer.content.decode()
    save(alice, "View 3", "prepaid=no")
    assert len(views(alice)) == VIEWS_MAX


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql
def test_tabs_that_save_at_once_do_not_exceed_the_number(cast: Cast) -> None:
    actor = cast.actor(cast.alice)
    for number in range(VIEWS_MAX - 1):
        save_view(actor, name=f"View {number}", query="overdue=on")

    def one(number: int) -> bool:
        try:
            save_view(actor, name=f"Late {number}", query="overdue=on")
        except Invalid:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(one, range(6))) == 1
    assert SavedView.objects.count() == VIEWS_MAX
