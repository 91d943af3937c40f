"""A seller's settings through HTTP: what each section keeps, who may change it, and two who save at once."""

from collections.abc import Callable
from html import escape

import pytest
from django.forms import BaseForm
from django.http import HttpResponse
from django.test import Client

from returns import services
from returns.models import ReturnAddress, ReturnRequest, Seller
from returns.services.decide import Authorization
from tests.factories import Cast, make_order, open_request

pytestmark = pytest.mark.django_db

Browser = Callable[..., Client]
SETTINGS = "/seller/settings/"

SECTIONS = {
    "seller": {"name": "North Lane Ltd", "language": "zh-hans", "time_zone": "Asia/Shanghai"},
    "rules": {"authorization": "within_days", "authorization_days": 14},
    "instructions": {"rma_numbers": "own", "instructions": "Pack it well.\nThank you."},
    "imported": {"imported_messages": "send_from_here"},
}


def kept(cast: Cast, *names: str) -> dict[str, object]:
    return Seller.objects.filter(pk=cast.north_lane.pk).values(*names).get()


def sent_by(form: BaseForm) -> dict[str, object]:
    """What a browser sends of a form as it is drawn, together with what the page remembers it has shown."""
    sent = {}
    for field in form:
        value = field.value()
        shown = {field.html_name: value, field.html_initial_name: value}
        assert all(f'name="{name}"' in str(field) for name in shown)
        sent |= shown
    return sent


def form_of(response: HttpResponse, section: str) -> dict[str, object]:
    return next(sent_by(one.form) for one in response.context["sections"] if one.key == section)


@pytest.mark.parametrize("section", SECTIONS)
def test_an_owner_saves_each_section_and_is_told(browser: Browser, cast: Cast, section: str) -> None:
    client, wanted = browser(cast.alice), SECTIONS[section]
    form = form_of(client.get(SETTINGS), section) | wanted
    response = client.post(f"{SETTINGS}{section}/", form | {"slug": "stolen", "country": "CN"}, follow=True)
    assert response.redirect_chain == [(SETTINGS, 303)]
    assert "The settings are saved." in response.content.decode()
    assert kept(cast, *wanted, "slug", "country") == wanted | {"slug": "north-lane", "country": "US"}


@pytest.mark.parametrize(
    ("section", "wrong", "said"),
    [
        ("seller", {"name": " \u202e "}, "This field is required."),
        ("seller", {"time_zone": "Mars/Olympus"}, "Select a valid choice."),
        ("rules", {"authorization_days": "31"}, "Ensure this value is less than or equal to 30."),
        ("rules", {"authorization": "by_magic"}, "Select a valid choice."),
        ("instructions", {"instructions": "x" * 1001}, "Ensure this value has at most 1000 characters"),
    ],
)
def test_a_wrong_section_is_shown_again_with_what_was_typed(
    browser: Browser, cast: Cast, section: str, wrong: dict[str, str], said: str
) -> None:
    client, before = browser(cast.alice), kept(cast, *SECTIONS[section])
    typed = SECTIONS[section] | wrong
    response = client.post(f"{SETTINGS}{section}/", form_of(client.get(SETTINGS), section) | typed)
    page = response.content.decode()
    assert response.status_code == 422
    assert "<title>Error:" in page
    assert said in page
    (name,) = wrong
    assert page.count(f'id="{section}_{name}"') == 1
    assert f'href="#{section}_{name}"' in page
    assert "<h1>Settings of North Lane</h1>" in page, "what is not saved stands nowhere but in its field"
    for field, value in typed.items():
        if field not in wrong or not str(value).isspace():
            assert escape(str(value)).strip() in page
    assert kept(cast, *SECTIONS[section]) == before


def test_no_two_fields_of_the_page_have_one_name_for_their_labels(browser: Browser, cast: Cast) -> None:
    page = browser(cast.alice).get(SETTINGS)
    forms = [one.form for one in page.context["sections"]]
    forms += [page.context["invite_form"], page.context["address_form"]]
    ids = [field.id_for_label for form in forms for field in form]
    assert len(ids) == len(set(ids))


def test_two_owners_who_save_at_once_undo_nothing_of_each_other(browser: Browser, cast: Cast) -> None:
    first, second = browser(cast.alice), browser(cast.alice)
    pages = [client.get(SETTINGS) for client in (first, second)]
    renamed, moved = (form_of(page, "seller") for page in pages)
    first.post(f"{SETTINGS}seller/", renamed | {"name": "North Lane Ltd"})
    second.post(f"{SETTINGS}seller/", moved | {"time_zone": "Asia/Shanghai"})
    assert kept(cast, "name", "time_zone") == {"name": "North Lane Ltd", "time_zone": "Asia/Shanghai"}


def test_what_was_shown_stays_what_it_was_through_an_error(browser: Browser, cast: Cast) -> None:
    client = browser(cast.alice)
    form = form_of(client.get(SETTINGS), "rules")
    wrong = client.post(
        f"{SETTINGS}rules/", form | {"authorization": "in_policy", "authorization_days": "31"}
    )
    Seller.objects.update(authorization="by_hand")
    again = next(one.form for one in wrong.context["sections"] if one.key == "rules")
    assert again["authorization"].as_hidden(only_initial=True).count('value="prepaid"') == 1
    corrected = form | {"authorization_days": "20"}
    client.post(f"{SETTINGS}rules/", corrected)
    assert kept(cast, "authorization", "authorization_days") == {
        "authorization": "by_hand",
        "authorization_days": 20,
    }


@pytest.mark.parametrize("name", ["ben", "vera"])
def test_who_is_no_owner_reads_all_of_it_in_words(browser: Browser, cast: Cast, name: str) -> None:
    Seller.objects.update(instructions="Pack it well.", authorization="within_days", authorization_days=14)
    client = browser(getattr(cast, name))
    page = client.get(SETTINGS).content.decode()
    for words in ("All within some days automatically", "14", "Generated", "Pack it well.", "Show to copy"):
        assert f">{words}</dd>" in page
    assert f'action="{SETTINGS}' not in page
    assert f'href="{SETTINGS}addresses/' not in page
    for section, wanted in SECTIONS.items():
        assert client.post(f"{SETTINGS}{section}/", wanted).status_code == 403
    assert kept(cast, "name", "rma_numbers") == {"name": "North Lane", "rma_numbers": "generated"}


def test_an_unknown_section_is_not_there(browser: Browser, cast: Cast) -> None:
    assert browser(cast.alice).post(f"{SETTINGS}password/", {}).status_code == 404


def test_an_invitation_is_written_in_the_sellers_language_unless_another_is_chosen(
    browser: Browser, cast: Cast
) -> None:
    Seller.objects.update(language="zh-hans")
    page = browser(cast.alice).get(SETTINGS)
    assert page.context["invite_form"]["language"].value() == "zh-hans"


@pytest.mark.parametrize("name", ["alice", "vera"])
def test_the_page_makes_twelve_queries_at_most_whatever_its_rows(
    browser: Browser, cast: Cast, name: str, django_assert_max_num_queries: Callable
) -> None:
    client = browser(getattr(cast, name))
    for number in range(20):
        ReturnAddress.objects.create(
            seller=cast.north_lane, name=f"N {number}", lines="1", city="Reno", country="US"
        )
    client.get(SETTINGS)
    with django_assert_max_num_queries(12):
        client.get(SETTINGS)


# --- Addresses


@pytest.fixture
def address(cast: Cast) -> ReturnAddress:
    return cast.north_lane.return_addresses.get(country="CA")


def url_of(address: ReturnAddress) -> str:
    return f"{SETTINGS}addresses/{address.pk}/"


def test_an_owner_changes_an_address_and_what_was_authorized_with_it_keeps_it(
    browser: Browser, cast: Cast, address: ReturnAddress
) -> None:
    request = open_request(make_order(cast.north_lane, country="CA"))
    services.authorize_return(
        cast.actor(cast.alice),
        reference=request.reference,
        decision=Authorization(return_address_id=address.pk),
    )
    client = browser(cast.alice)
    assert f'href="{url_of(address)}"' in client.get(SETTINGS).content.decode()
    form = sent_by(client.get(url_of(address)).context["form"])
    assert client.post(url_of(address), form | {"city": "Burnaby"}).status_code == 303
    assert "Burnaby" in client.get(SETTINGS).content.decode()
    request = ReturnRequest.objects.get(pk=request.pk)
    assert "Vancouver" in request.return_address
    assert "Burnaby" not in request.return_address


def test_a_country_is_chosen_by_its_name(browser: Browser, cast: Cast, address: ReturnAddress) -> None:
    client = browser(cast.alice)
    page = client.get(url_of(address)).content.decode()
    assert '<option value="CA" selected>Canada</option>' in page
    assert page.index(">Åland Islands<") < page.index(">Austria<") < page.index(">Zimbabwe<")
    assert 'value="EU"' not in page
    cast.alice.language = "zh-hans"
    cast.alice.save(update_fields=["language"])
    page = client.get(url_of(address)).content.decode()
    assert '<option value="CA" selected>CA 加拿大</option>' in page
    assert page.index(">AT 奥地利<") < page.index(">DE 德国<") < page.index(">ZW 津巴布韦<")


def test_a_wrong_address_is_shown_again_and_stays_as_it_was(
    browser: Browser, cast: Cast, address: ReturnAddress
) -> None:
    client = browser(cast.alice)
    form = sent_by(client.get(url_of(address)).context["form"])
    response = client.post(url_of(address), form | {"city": "Burnaby", "country": "1"})
    assert response.status_code == 422
    assert 'value="Burnaby"' in response.content.decode()
    address.refresh_from_db()
    assert (address.city, address.country) == ("Vancouver", "CA")


def test_an_address_is_changed_by_its_own_owners_and_while_it_is_offered(
    browser: Browser, cast: Cast, address: ReturnAddress
) -> None:
    form = {"name": "N", "lines": "1", "city": "Burnaby", "country": "CA"}
    for user, status in ((cast.ben, 403), (cast.vera, 403), (cast.carol, 404)):
        client = browser(user)
        assert client.get(url_of(address)).status_code == status
        assert client.post(url_of(address), form).status_code == status
    alice = browser(cast.alice)
    alice.post(f"{url_of(address)}retire/")
    assert alice.post(url_of(address), form).status_code == 404
    address.refresh_from_db()
    assert address.city == "Vancouver"


# --- Own RMA numbers


def test_a_seller_with_own_numbers_is_asked_for_one_when_authorizing(
    browser: Browser, cast: Cast, address: ReturnAddress
) -> None:
    client = browser(cast.alice)
    client.post(f"{SETTINGS}instructions/", SECTIONS["instructions"])
    request = open_request(make_order(cast.north_lane, country="CA"))
    url = f"/seller/returns/{request.reference}/authorize/"
    form = {"key": "k" * 32, "address": address.pk, "instructions": "Wrap it.", "merchant_rma": ""}
    response = client.post(url, form)
    assert response.status_code == 422
    assert "Enter your own RMA number" in response.content.decode()
    assert client.post(url, form | {"merchant_rma": "NL-7"}).status_code == 303
    kept_now = ReturnRequest.objects.get(pk=request.pk)
    assert (kept_now.merchant_rma, kept_now.rma_number) == ("NL-7", request.rma_number)
