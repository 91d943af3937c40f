"""Split a request and reassess its items through the doors people use, and what each side then reads."""

import re
from html import unescape

import pytest
from django.http import HttpResponse
from django.test import Client

from returns.models import ReturnItem, ReturnRequest
from returns.state_machine import Action, Status
from tests.browsers import let_in, signed_in
from tests.factories import Cast, Line, a_request_in, by_hand, last_event, make_order, open_request

pytestmark = pytest.mark.django_db

SPLIT_OFF = "Request {}-2 is split off. Now decide about each."


@pytest.fixture
def request_of_dora(cast: Cast) -> ReturnRequest:
    """Three hats and a battery, of which only the hats are eligible for a prepaid return; held by hand."""
    battery = Line(sku="BATTERY", title="Battery", category="dangerous-goods")
    with by_hand(cast.north_lane):
        return open_request(make_order(cast.north_lane, Line(sku="HAT", title="Hat", quantity=3), battery))


def url(request: ReturnRequest, page: str = "") -> str:
    return f"/seller/returns/{request.reference}/{page}"


def html(response: HttpResponse) -> str:
    return unescape(response.content.decode())


def item(request: ReturnRequest, sku: str) -> ReturnItem:
    return request.items.get(order_item__sku=sku)


def ask(request: ReturnRequest, *, key: str = "k", **units: int) -> dict[str, object]:
    wanted = dict.fromkeys(request.items.values_list("pk", flat=True), 0)
    wanted |= {item(request, sku).pk: number for sku, number in units.items()}
    return {"key": key, **{f"units_{pk}": number for pk, number in wanted.items()}}


def new_one(request: ReturnRequest) -> ReturnRequest:
    return ReturnRequest.objects.get(order=request.order, rma_number=f"{request.rma_number}-2")


def test_a_seller_splits_and_each_page_leads_to_the_other(cast: Cast, request_of_dora: ReturnRequest) -> None:
    alice = signed_in(cast.alice)
    assert f'href="{url(request_of_dora, "split/")}"' in html(alice.get(url(request_of_dora)))
    page = html(alice.get(url(request_of_dora, "split/")))
    assert "3 units asked for" in page
    assert page.count("Units for the new request") == 2
    response = alice.post(url(request_of_dora, "split/"), ask(request_of_dora, BATTERY=1), follow=True)
    assert response.redirect_chain == [(url(request_of_dora), 303)]
    assert SPLIT_OFF.format(request_of_dora.rma_number) in html(response)
    new = new_one(request_of_dora)
    assert f'<a href="{url(new)}">Part of it is request {new.rma_number} now.</a>' in html(response)
    other = html(alice.get(url(new)))
    assert (
        f'<a href="{url(request_of_dora)}">It was part of request {request_of_dora.rma_number}.</a>' in other
    )
    assert "Battery" in other
    assert "Hat" not in other


def test_the_buyer_is_led_from_each_part_to_the_other(cast: Cast, request_of_dora: ReturnRequest) -> None:
    signed_in(cast.ben).post(url(request_of_dora, "split/"), ask(request_of_dora, HAT=1))
    new, dora = new_one(request_of_dora), let_in(request_of_dora.order)
    first, second = (html(dora.get(f"/my/returns/{one.reference}/")) for one in (request_of_dora, new))
    assert "The request was split in two" in first
    assert f'<a href="/my/returns/{new.reference}/">Part of it is request {new.rma_number} now.</a>' in first
    assert f'<a href="/my/returns/{request_of_dora.reference}/">' in second


def test_from_the_list_one_comes_back_to_it(cast: Cast, request_of_dora: ReturnRequest) -> None:
    alice = signed_in(cast.alice)
    listed = "/seller/returns/?status=authorization_required"
    page = html(alice.get(listed))
    link = re.search(rf'href="({url(request_of_dora, "split/")}\?next=[^"]+)"', page)[1]
    assert f'name="next" value="{listed}"' in html(alice.get(link))
    response = alice.post(url(request_of_dora, "split/"), {**ask(request_of_dora, HAT=2), "next": listed})
    assert (response.status_code, response["Location"]) == (303, listed)
    assert html(alice.get(listed)).count('class="row') >= 2


@pytest.mark.parametrize(
    ("units", "sentence"),
    [
        ({"HAT": 3, "BATTERY": 1}, "Leave at least one unit with this request."),
        ({"HAT": 4}, "Ensure this value is less than or equal to 3."),
        ({}, "Enter how many units become a request of their own; at least one."),
        ({"HAT": "two"}, "Enter a whole number."),
    ],
)
def test_bad_numbers_come_back_with_a_sentence_and_what_was_typed(
    cast: Cast, request_of_dora: ReturnRequest, units: dict, sentence: str
) -> None:
    response = signed_in(cast.alice).post(url(request_of_dora, "split/"), ask(request_of_dora, **units))
    assert response.status_code == 422
    assert sentence in html(response)
    for sku, number in units.items():
        assert f'name="units_{item(request_of_dora, sku).pk}" value="{number}"' in html(response)
    assert ReturnRequest.objects.count() == 1


def test_a_single_unit_has_no_button_and_its_page_says_why(cast: Cast) -> None:
    request, alice = a_request_in(cast, Status.AUTHORIZATION_REQUIRED), signed_in(cast.alice)
    assert "Split request" not in html(alice.get(url(request)))
    response = alice.get(url(request, "split/"))
    assert response.status_code == 409
    assert "This request asks for a single unit." in html(response)


def test_a_viewer_sees_neither_the_button_nor_does_anything(
    cast: Cast, request_of_dora: ReturnRequest
) -> None:
    vera = signed_in(cast.vera)
    assert "Split request" not in html(vera.get(url(request_of_dora)))
    assert vera.post(url(request_of_dora, "split/"), ask(request_of_dora, HAT=1)).status_code == 403
    assert ReturnRequest.objects.count() == 1


# --- The admin


@pytest.fixture
def root(cast: Cast) -> Client:
    return signed_in(cast.root, with_second_factor=True)


def admins(request: ReturnRequest, page: str = "change/") -> str:
    return f"/admin/returns/returnrequest/{request.pk}/{page}"


def verdict(request: ReturnRequest, comments: str, **more: str) -> dict[str, object]:
    pk = request.items.get().pk
    return {"key": "k", "comments": comments, f"policy_{pk}": "in_policy"} | {
        f"{name}_{pk}": value for name, value in more.items()
    }


def test_an_admin_splits_by_the_same_page(root: Client, request_of_dora: ReturnRequest) -> None:
    assert f'href="{url(request_of_dora, "split/")}"' in html(root.get(admins(request_of_dora)))
    response = root.post(url(request_of_dora, "split/"), ask(request_of_dora, HAT=1))
    assert (response.status_code, response["Location"]) == (303, url(request_of_dora))
    assert new_one(request_of_dora).events.get().role == "admin"


def test_an_admin_reassesses_and_the_seller_reads_why(cast: Cast, root: Client) -> None:
    request = a_request_in(cast, Status.AUTHORIZATION_REQUIRED)
    assert admins(request, "reassess/") in html(root.get(admins(request)))
    page = html(root.get(admins(request, "reassess/")))
    assert "Steel kettle · KETTLE-1" in page
    response = root.post(
        admins(request, "reassess/"), verdict(request, "The order went to Maine.", prepaid="on"), follow=True
    )
    assert response.redirect_chain == [(admins(request), 303)]
    assert "The verdict is changed." in html(response)
    request.refresh_from_db()
    assert request.prepaid_eligible
    read = html(signed_in(cast.alice).get(url(request)))
    assert "Policy reassessed" in read
    assert "The order went to Maine." in read
    assert "The marketplace's team has reassessed it." in read
    assert "Eligible for a prepaid return: this request cannot be closed." in read


@pytest.mark.parametrize(
    ("comments", "more", "sentence"),
    [
        ("", {"prepaid": "on"}, "This field is required."),
        ("Why.", {}, "Change the verdict on at least one item."),
        (
            "Why.",
            {"policy": "unknown", "prepaid": "on"},
            "Only what is in policy can be eligible for a prepaid return.",
        ),
    ],
)
def test_a_verdict_without_reason_or_sense_comes_back_as_it_was_typed(
    cast: Cast, root: Client, comments: str, more: dict[str, str], sentence: str
) -> None:
    request = a_request_in(cast, Status.AUTHORIZATION_REQUIRED)
    response = root.post(admins(request, "reassess/"), verdict(request, comments, **more))
    assert response.status_code == 422
    assert sentence in html(response)
    assert comments in html(response)
    assert request.events.count() == 1


def test_what_is_decided_is_not_reassessed_and_the_admin_is_told(cast: Cast, root: Client) -> None:
    request = a_request_in(cast, Status.CLOSED)
    assert "reassess/" not in html(root.get(admins(request)))
    for ask_for in (root.get, lambda page: root.post(page, verdict(request, "Why.", prepaid="on"))):
        ask_for(admins(request, "reassess/"))
        assert "Closed by the seller on " in html(root.get(admins(request)))
    assert last_event(request).action == Action.CLOSE


def test_no_seller_comes_to_the_admin_s_page(cast: Cast) -> None:
    request = a_request_in(cast, Status.AUTHORIZATION_REQUIRED)
    assert signed_in(cast.alice).get(admins(request, "reassess/")).status_code == 404
