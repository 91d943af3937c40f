"""Authorize properly, through HTTP: addresses, numbers, labels, and what becomes of a file on every way."""

import io
import os
import re
import time
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as portal
from django.core import signing
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image

from returns import services
from returns.actors import Actor
from returns.models import LabelKind, ReturnAddress, ReturnLabel, ReturnRequest, Seller
from returns.services.decide import Authorization, TypedAddress
from returns.services.labels import MOST_BYTES, clear_label_files, label_path
from returns.state_machine import Status
from tests.browsers import let_in, signed_in
from tests.factories import Cast, closing, last_event, make_order, open_request
from tests.label_files import PDF, SECRET, UPS, a_pdf, a_picture, a_png_that_claims, an_own_label, upload

pytestmark = pytest.mark.django_db

KEY = "0123456789abcdef"
ONE_SENTENCE = "Choose a PDF, PNG or JPEG file of at most 5 MB."
IN_NANTES = {
    "address": "new",
    "new_name": "Quai Nord",
    "new_lines": "12 rue du Port\nBâtiment B",
    "new_city": "Nantes",
    "new_postal_code": "44000",
    "new_country": "FR",
}


@pytest.fixture(autouse=True)
def uploads(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def alice(cast: Cast) -> Client:
    return signed_in(cast.alice)


@pytest.fixture
def request_(cast: Cast) -> ReturnRequest:
    return open_request(make_order(cast.north_lane, country="CA"))


@pytest.fixture
def at_once_for_all(settings: Any) -> None:
    """Nothing is held: the buyer sees at once what was decided."""
    settings.UNDO_SECONDS = 0


def url(request: ReturnRequest, page: str = "authorize/") -> str:
    return f"/seller/returns/{request.reference}/{page}"


def my(request: ReturnRequest, page: str = "") -> str:
    return f"/my/returns/{request.reference}/{page}"


def html(response: HttpResponse) -> str:
    return unescape(response.content.decode())


def now(request: ReturnRequest) -> ReturnRequest:
    return ReturnRequest.objects.get(pk=request.pk)


def send(client: Client, request: ReturnRequest, **changed: Any) -> HttpResponse:
    data = {"key": KEY, "label_kind": "own", "carrier": "UPS", "tracking_number": UPS} | changed
    return client.post(url(request), {name: value for name, value in data.items() if value is not None})


def files() -> set[str]:
    folder = Path(portal.MEDIA_ROOT, "labels")
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def grow_old() -> None:
    """Let every stored file be two days old."""
    for name in files():
        before = time.time() - 2 * 24 * 60 * 60
        os.utime(label_path(name), (before, before))


# --- The label's file


def test_a_label_comes_with_the_authorization_and_is_no_hand_over(
    alice: Client, request_: ReturnRequest
) -> None:
    response = send(
        alice, request_, label_file=a_pdf(), tracking_number="1z 999 aa1 0123 4567 84", cost="7.40"
    )
    assert response.status_code == 303
    label = ReturnLabel.objects.get(request=request_)
    assert (label.kind, label.carrier, label.tracking_number) == (LabelKind.OWN, "UPS", UPS)
    assert (label.cost_minor, label.currency, label.voided_at) == (740, "USD", None)
    assert label_path(label.file).read_bytes() == PDF
    assert label_path(label.file).stat().st_mode & 0o777 == 0o600
    request = now(request_)
    assert (request.status, request.handed_over_at, request.is_label_owed) == (Status.AUTHORIZED, None, False)
    assert last_event(request).facts["label"]["tracking_number"] == UPS


@pytest.mark.parametrize(
    ("kind", "name"), [("PNG", "label.PNG"), ("JPEG", "label.jpeg"), ("JPEG", "label.jpg")]
)
def test_a_picture_is_drawn_anew_upright_and_without_what_it_told(
    alice: Client, request_: ReturnRequest, kind: str, name: str
) -> None:
    sent = a_picture(kind)
    assert SECRET.encode() in sent
    assert send(alice, request_, label_file=upload(name, sent + b"<script>")).status_code == 303
    kept = label_path(ReturnLabel.objects.get().file).read_bytes()
    assert SECRET.encode() not in kept
    assert b"<script>" not in kept
    picture = Image.open(io.BytesIO(kept))
    assert (picture.format, picture.size, len(picture.getexif())) == (kind, (600, 400), 0)


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (upload("label.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"), ONE_SENTENCE),
        (upload("label.pdf", b"<html><script>alert(1)</script>"), ONE_SENTENCE),
        (upload("label.html", PDF), ONE_SENTENCE),
        (upload("label.pdf", a_picture("PNG")), ONE_SENTENCE),
        (upload("label.png", a_picture("JPEG")), ONE_SENTENCE),
        (upload("label.gif", b"GIF89a"), ONE_SENTENCE),
        (upload("label", PDF), ONE_SENTENCE),
        (None, ONE_SENTENCE),
        (upload("label.pdf", b"%PDF-1.4 and no end"), "This PDF is not complete."),
        (upload("label.png", a_picture("PNG")[:200]), "This picture cannot be read."),
        (upload("label.jpg", a_picture("JPEG")[:300]), "This picture cannot be read."),
        (upload("label.png", a_png_that_claims(60_000, 60_000)), "more than 40 million pixels"),
        (upload("label.png", a_png_that_claims(8_000, 5_001)), "more than 40 million pixels"),
        (upload("label.pdf", PDF + b" " * MOST_BYTES), "This file is larger than 5 MB."),
        (upload("label.pdf", b""), "The submitted file is empty."),
    ],
)
def test_any_other_file_is_refused_in_one_sentence_and_nothing_typed_is_lost(
    alice: Client, request_: ReturnRequest, file: Any, sentence: str
) -> None:
    before = files()
    response = send(alice, request_, label_file=file, instructions="Wrap it well.", cost="1.50")
    page = html(response)
    assert response.status_code == 422
    assert sentence in page
    for typed in ("Wrap it well.", UPS, 'value="1.50"'):
        assert typed in page
    assert (now(request_).status, ReturnLabel.objects.count()) == (Status.AUTHORIZATION_REQUIRED, 0)
    assert files() == before


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"carrier": ""}, "Say which carrier takes the parcel."),
        ({"tracking_number": "1Z999AA10123456785"}, "This is no tracking number of that carrier"),
        ({"tracking_number": "<b>12345</b>", "carrier": "Some Courier"}, "This is no tracking number"),
        ({"cost": "1.005"}, "Enter an amount with at most the usual decimals of its currency."),
        ({"cost": "-1"}, "greater than or equal to 0"),
    ],
)
def test_what_comes_with_the_file_is_checked_and_the_file_is_kept(
    alice: Client, request_: ReturnRequest, changed: dict[str, str], sentence: str
) -> None:
    response = send(alice, request_, label_file=a_pdf("mine.pdf"), **changed)
    page = html(response)
    assert response.status_code == 422
    assert sentence in page
    assert "mine.pdf is kept." in page
    token = re.search(r'name="kept_file" value="([^"]+)"', page)[1]
    assert send(alice, request_, kept_file=token).status_code == 303
    assert label_path(ReturnLabel.objects.get().file).read_bytes() == PDF


def test_a_kept_file_is_of_its_request_and_signed(cast: Cast, alice: Client, request_: ReturnRequest) -> None:
    other = open_request(make_order(cast.north_lane, country="CA"))
    page = html(send(alice, other, label_file=a_pdf(), carrier=""))
    token = re.search(r'name="kept_file" value="([^"]+)"', page)[1]
    forged = signing.dumps({"file": "../db.sqlite3", "name": "x"}, salt="another")
    for wrong in (token, forged, "nothing"):
        response = send(alice, request_, kept_file=wrong)
        assert (response.status_code, ONE_SENTENCE in html(response)) == (422, True)
    assert ReturnLabel.objects.count() == 0


def test_the_preview_keeps_the_file_and_tells_of_the_label(alice: Client, request_: ReturnRequest) -> None:
    response = send(alice, request_, label_file=a_pdf(), merchant_rma="NL-1", preview="1")
    page = html(response)
    assert response.status_code == 200
    for told in (f"UPS, tracking number {UPS}", "Seller's RMA number: NL-1", "label.pdf is kept."):
        assert told in page
    assert ReturnLabel.objects.count() == 0


def test_a_form_that_comes_twice_makes_one_label(alice: Client, request_: ReturnRequest) -> None:
    for _time in range(2):
        assert send(alice, request_, label_file=a_pdf()).status_code == 303
    assert ReturnLabel.objects.count() == 1
    assert len(files()) >= 2
    grow_old()
    clear_label_files()
    assert files() == {Path(ReturnLabel.objects.get().file).name}


def test_files_that_nobody_needs_are_removed_after_a_day(alice: Client, request_: ReturnRequest) -> None:
    send(alice, request_, label_file=a_pdf(), carrier="")
    young = files()
    clear_label_files()
    assert young
    assert files() == young
    grow_old()
    assert clear_label_files() == len(young)
    assert files() == set()


def test_the_second_of_two_is_told_and_the_file_is_forgotten(
    cast: Cast, alice: Client, request_: ReturnRequest
) -> None:
    ben = signed_in(cast.ben)
    assert send(ben, request_, label_file=a_pdf(), key="of Ben").status_code == 303
    response = send(alice, request_, label_file=a_pdf())
    assert response.status_code == 409
    assert "Authorized by Ben Boyd on " in html(response)
    grow_old()
    clear_label_files()
    assert files() == {Path(ReturnLabel.objects.get().file).name}


def test_a_prepaid_return_takes_no_label_of_the_seller(cast: Cast, alice: Client) -> None:
    with_label = open_request(make_order(cast.north_lane))
    Seller.objects.filter(pk=cast.north_lane.pk).update(authorization=Seller.Authorization.BY_HAND)
    request = open_request(make_order(cast.north_lane))
    assert with_label.prepaid_eligible
    assert request.status == Status.AUTHORIZATION_REQUIRED
    assert 'name="label_kind"' not in html(alice.get(url(request)))
    assert send(alice, request, label_file=a_pdf()).status_code == 303
    assert ReturnLabel.objects.count() == 0
    refused = Authorization(label=an_own_label())
    results = services.decide_returns(
        cast.actor(cast.alice),
        decision=refused,
        references=[open_request(make_order(cast.north_lane)).reference],
    )
    assert str(results[0].refusal) == "The marketplace provides the label of this return."


# --- Undone, closed, kept


def test_undo_takes_the_label_back_with_everything_else(alice: Client, request_: ReturnRequest) -> None:
    before = ReturnRequest.objects.filter(pk=request_.pk).values().get()
    send(alice, request_, label_file=a_pdf(), merchant_rma="NL-1")
    dora = let_in(request_.order)
    assert dora.get(my(request_, "label/")).status_code == 404
    assert dora.get(my(request_, "slip/")).status_code == 409
    assert alice.post(url(request_, "undo/"), {"key": "undo"}).status_code == 303
    after = ReturnRequest.objects.filter(pk=request_.pk).values().get()
    differs = {name for name in before if before[name] != after[name]}
    assert differs <= {"version", "search_text"}
    assert ReturnLabel.objects.get().voided_at is not None
    assert alice.get(url(request_, "label/file/")).status_code == 404
    assert send(alice, request_, label_file=a_pdf(), key="again").status_code == 303
    assert ReturnLabel.objects.filter(voided_at__isnull=True).count() == 1


@pytest.mark.usefixtures("at_once_for_all")
def test_the_label_is_void_once_the_buyer_closes(alice: Client, request_: ReturnRequest) -> None:
    send(alice, request_, label_file=a_pdf())
    services.close_return(
        Actor.buyer(request_.order), reference=request_.reference, closing=closing("buyer_other", "")
    )
    assert ReturnLabel.objects.get().voided_at is not None
    assert let_in(request_.order).get(my(request_, "label/")).status_code == 404


# --- Who may have it, and how it is served


@pytest.mark.usefixtures("at_once_for_all")
def test_the_file_is_handed_out_as_a_file_that_can_do_nothing(
    cast: Cast, alice: Client, request_: ReturnRequest
) -> None:
    send(alice, request_, label_file=a_pdf())
    for client, page in (
        (alice, url(request_, "label/file/")),
        (signed_in(cast.vera), url(request_, "label/file/")),
        (signed_in(cast.root, with_second_factor=True), url(request_, "label/file/")),
        (let_in(request_.order), my(request_, "label/")),
    ):
        response = client.get(page)
        assert response.content == PDF
        assert response["Content-Type"] == "application/pdf"
        assert response["Content-Disposition"].startswith('attachment; filename="return-label-')
        assert response["X-Content-Type-Options"] == "nosniff"
        policy = response["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "sandbox" in policy
        assert "no-store" in response["Cache-Control"]
    assert signed_in(cast.carol).get(url(request_, "label/file/")).status_code == 404
    assert let_in(make_order(cast.north_lane)).get(my(request_, "label/")).status_code == 404
    assert PDF not in Client().get(my(request_, "label/")).content


# --- Addresses


@pytest.mark.usefixtures("at_once_for_all")
def test_a_typed_address_is_shown_to_the_buyer_exactly_as_it_was_sent(cast: Cast, alice: Client) -> None:
    request = open_request(make_order(cast.north_lane, country="FR"))
    saved = cast.north_lane.return_addresses.count()
    assert send(alice, request, label_kind="", **IN_NANTES).status_code == 303
    sent = "Quai Nord\n12 rue du Port\nBâtiment B\nNantes 44000\nFRANCE"
    assert now(request).return_address == sent
    assert sent in html(let_in(request.order).get(my(request)))
    assert cast.north_lane.return_addresses.count() == saved


def test_an_owner_may_keep_a_typed_address_and_instructions(cast: Cast, alice: Client) -> None:
    request = open_request(make_order(cast.north_lane, country="FR"))
    kept = {"save_address": "on", "save_instructions": "on", "instructions": "Wrap it well."}
    assert send(alice, request, label_kind="", **IN_NANTES, **kept).status_code == 303
    address = ReturnAddress.objects.get(seller=cast.north_lane, country="FR")
    assert (address.city, address.is_active) == ("Nantes", True)
    assert Seller.objects.get(pk=cast.north_lane.pk).instructions == "Wrap it well."


def test_an_agent_may_not_keep_them(cast: Cast) -> None:
    request = open_request(make_order(cast.north_lane, country="FR"))
    ben = signed_in(cast.ben)
    assert "save_" not in html(ben.get(url(request)))
    kept = {"save_address": "on", "save_instructions": "on", "instructions": "Wrap it well."}
    decision = Authorization(typed_address=TypedAddress(country="FR"), saves_address=True)
    with pytest.raises(services.decide.Forbidden):
        services.authorize_return(cast.actor(cast.ben), reference=request.reference, decision=decision)
    assert send(ben, request, label_kind="", **IN_NANTES, **kept).status_code == 303
    assert not ReturnAddress.objects.filter(country="FR").exists()
    assert Seller.objects.get(pk=cast.north_lane.pk).instructions == ""


def test_an_admin_may_not_keep_them_for_a_team_of_others(cast: Cast) -> None:
    request = open_request(make_order(cast.north_lane, country="FR"))
    decision = Authorization(typed_address=TypedAddress(country="FR"), saves_instructions=True)
    with pytest.raises(services.decide.Forbidden):
        services.authorize_return(cast.actor(cast.root), reference=request.reference, decision=decision)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"new_name": ""}, "Name: An address needs this: please fill it in."),
        ({"new_lines": " \n "}, "Street and number: An address needs this"),
        ({"new_city": "\u200b"}, "City: An address needs this"),
        ({"new_country": ""}, "Country: Choose a country."),
        ({"new_country": "XX"}, "Country: Select a valid choice. XX is not one of the available choices."),
        ({"new_country": "US"}, "Return address: Give a return address in the buyer's country"),
    ],
)
def test_a_typed_address_is_checked_field_by_field(
    cast: Cast, alice: Client, changed: dict[str, str], sentence: str
) -> None:
    request = open_request(make_order(cast.north_lane, country="FR"))
    response = send(alice, request, label_kind="", **IN_NANTES | changed)
    assert response.status_code == 422
    assert sentence in html(response)
    assert 'value="44000"' in html(response)
    assert now(request).status == Status.AUTHORIZATION_REQUIRED


def test_an_own_label_is_a_way_back_from_anywhere(cast: Cast, alice: Client) -> None:
    request = open_request(make_order(cast.north_lane, country="FR"))
    far = cast.north_lane.return_addresses.get(country="US").pk
    assert send(alice, request, label_file=a_pdf(), address=far).status_code == 303


# --- The seller's own number


@pytest.fixture
def own_numbers(cast: Cast) -> None:
    Seller.objects.filter(pk=cast.north_lane.pk).update(rma_numbers=Seller.RmaNumbers.OWN)


@pytest.mark.usefixtures("own_numbers")
def test_an_own_number_is_asked_for_where_the_seller_gives_own_numbers(
    alice: Client, request_: ReturnRequest
) -> None:
    response = send(alice, request_, label_kind="")
    assert (response.status_code, "Enter your own RMA number." in html(response)) == (422, True)
    assert send(alice, request_, label_kind="", merchant_rma="NL-2026/7").status_code == 303
    assert now(request_).merchant_rma == "NL-2026/7"
    found = html(alice.get("/seller/returns/", {"status": "authorized", "q": "nl-2026/7"}))
    assert request_.order.order_number in found


@pytest.mark.usefixtures("own_numbers")
def test_the_system_authorizes_with_the_generated_number(cast: Cast) -> None:
    request = open_request(make_order(cast.north_lane))
    assert (request.status, request.merchant_rma) == (Status.AUTHORIZED, "")


def test_an_own_number_stands_once_in_an_order(cast: Cast, alice: Client) -> None:
    order = make_order(cast.north_lane, country="CA")
    order.items.update(quantity=2)
    first, second = open_request(order, quantity=1), open_request(order, quantity=1)
    assert send(alice, first, label_kind="", merchant_rma="NL-1").status_code == 303
    for taken in ("NL-1", first.rma_number):
        response = send(alice, second, label_kind="", merchant_rma=taken)
        assert response.status_code == 422
        assert "Another request of this order has this number already." in html(response)
    assert send(alice, second, label_kind="", merchant_rma="NL-2").status_code == 303
    elsewhere = open_request(make_order(cast.north_lane, country="CA"))
    assert send(alice, elsewhere, label_kind="", merchant_rma="NL-1").status_code == 303


# --- Kinds of labels, and the one that comes later


@pytest.mark.usefixtures("at_once_for_all")
def test_an_unpaid_label_tells_the_buyer_to_buy_one(alice: Client, request_: ReturnRequest) -> None:
    assert send(alice, request_, label_kind="unpaid").status_code == 303
    label = ReturnLabel.objects.get()
    assert (label.kind, label.file, label.carrier, label.tracking_number) == (LabelKind.UNPAID, "", "", "")
    dora = let_in(request_.order)
    assert "You buy it at a carrier of your choice." in html(dora.get(my(request_)))
    assert dora.get(my(request_, "label/")).status_code == 404


@pytest.mark.usefixtures("at_once_for_all")
def test_a_promised_label_is_owed_until_it_is_provided(
    cast: Cast, alice: Client, request_: ReturnRequest
) -> None:
    assert send(alice, request_, label_kind="promised").status_code == 303
    assert now(request_).is_label_owed
    dora = let_in(request_.order)
    assert "The seller provides it; you are told when it is there." in html(dora.get(my(request_)))
    page = html(alice.get(url(request_, "")))
    assert "You still owe the buyer the return label." in page
    assert "Provide the label" not in html(signed_in(cast.vera).get(url(request_, "")))
    wrong = {"key": "label", "carrier": "UPS", "tracking_number": "1Z999AA10123456785", "label_file": a_pdf()}
    assert alice.post(url(request_, "label/"), wrong).status_code == 422
    right = {**wrong, "tracking_number": UPS, "label_file": a_pdf()}
    for _twice in range(2):
        assert alice.post(url(request_, "label/"), right).status_code == 303
        right["label_file"] = a_pdf()
    request = now(request_)
    assert (request.is_label_owed, request.handed_over_at, request.status) == (False, None, Status.AUTHORIZED)
    assert ReturnLabel.objects.count() == 1
    assert f"UPS, tracking number {UPS}" in html(dora.get(my(request_)))
    assert dora.get(my(request_, "label/")).content == PDF
    assert alice.get(url(request_, "label/")).status_code == 409


def test_a_promised_label_waits_until_the_buyer_is_told_of_the_authorization(
    alice: Client, request_: ReturnRequest
) -> None:
    send(alice, request_, label_kind="promised")
    response = alice.get(url(request_, "label/"))
    assert (response.status_code, "can still be undone" in html(response)) == (409, True)


@pytest.mark.usefixtures("at_once_for_all")
def test_a_page_makes_at_most_twelve_queries(cast: Cast, alice: Client) -> None:
    waiting, labelled, owing = (open_request(make_order(cast.north_lane, country="CA")) for _ in range(3))
    send(alice, labelled, label_file=a_pdf())
    send(alice, owing, label_kind="promised")
    dora = let_in(labelled.order)
    for client, page in (
        (alice, url(waiting)),
        (alice, url(owing, "label/")),
        (alice, url(labelled, "label/file/")),
        (alice, url(labelled, "slip/")),
        (dora, my(labelled, "label/")),
        (dora, my(labelled, "slip/")),
    ):
        client.get(page)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(page).status_code == 200
        assert len(queries) <= 12, (page, len(queries))
