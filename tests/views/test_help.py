"""The guides of the help: whole in both languages, in the words of the pages, and linked from where they are needed."""

import gettext
import re
from html import unescape
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import Client

from returns.actors import Actor
from returns.management.commands.catalogs import MO
from returns.models import ClosureReason, User
from returns.models.people import Language
from returns.state_machine import Status
from returns.templatetags.guides import GUIDES
from returns_portal.run import ROOT
from tests.browsers import signed_in
from tests.factories import Cast, a_request_in, at_once, make_order, open_request
from tests.test_catalogs import HAN, LATIN, LATIN_WORDS

TEXTS = ROOT / "templates" / "help"
TITLES = {
    "close-a-return-request": "Close a return request",
    "prepaid-returns": "Prepaid returns for seller-fulfilled orders",
    "concessions": "Issuing concessions",
    "never-arrived": "What if a buyer says they did not receive their order?",
}
PREPAID_LINK = 'href="/seller/help/prepaid-returns/"'
PARTS = ("h2", "p", "li", "dt", "dd", "strong")


def text_of(slug: str, language: str) -> str:
    return (TEXTS / f"{slug}.{language}.html").read_text()


def parts(text: str, tag: str) -> list[str]:
    """What stands in each `tag` of the text."""
    return [
        re.sub(r"<[^>]+>", "", found)
        for found in re.findall(rf"<{tag}\b[^>]*>(.*?)</{tag}>", text, re.DOTALL)
    ]


def html(response: HttpResponse) -> str:
    return unescape(response.content.decode())


# --- The texts


def test_each_guide_has_a_text_in_each_language_and_there_is_no_other() -> None:
    wanted = {f"{slug}.{language}.html" for slug in GUIDES for language in Language.values}
    assert {path.name for path in TEXTS.iterdir()} == wanted
    assert set(GUIDES) == set(TITLES)


@pytest.mark.parametrize("slug", GUIDES)
def test_both_languages_have_the_same_parts(slug: str) -> None:
    english, chinese = (text_of(slug, language) for language in ("en", "zh-hans"))
    assert len(parts(english, "h2")) == 5
    for tag in PARTS:
        assert len(parts(english, tag)) == len(parts(chinese, tag)), tag


@pytest.mark.parametrize("slug", GUIDES)
def test_a_guide_is_short(slug: str) -> None:
    words = re.sub(r"<[^>]+>", " ", text_of(slug, "en")).split()
    assert 250 <= len(words) <= 450


@pytest.mark.django_db
@pytest.mark.parametrize("slug", GUIDES)
def test_what_is_set_bold_is_what_the_pages_say_in_either_language(slug: str) -> None:
    with MO.open("rb") as file:
        catalog = gettext.GNUTranslations(file)
    reasons = {reason.label_en: reason.label_zh_hans for reason in ClosureReason.objects.all()}
    bold = parts(text_of(slug, "en"), "strong")
    assert bold
    said = [reasons.get(words) or catalog.gettext(words) for words in bold]
    assert sorted(said) == sorted(parts(text_of(slug, "zh-hans"), "strong"))


@pytest.mark.parametrize("slug", GUIDES)
def test_chinese_is_written_in_the_style_of_the_catalog(slug: str) -> None:
    text = re.sub(r"<[^>]+>", "", text_of(slug, "zh-hans"))
    assert "你" not in text
    assert not re.findall("拒绝|取消|驳回", text)
    assert not re.findall(rf"{HAN}[,;:!?()]|[,;:!?()]{HAN}|{HAN}[A-Za-z0-9]|[A-Za-z0-9]{HAN}", text)
    assert set(LATIN.findall(text)) <= LATIN_WORDS


@pytest.mark.parametrize("path", sorted(TEXTS.iterdir()), ids=lambda path: path.name)
def test_a_guide_names_nothing_by_what_it_is_not_called(path: Path) -> None:
    assert not re.findall(r"(?i)\b(approv|cancel|declin|reject|refus)", path.read_text())


# --- The pages


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "name", "first"), [("en", "Help", "When you close one"), ("zh-hans", "帮助", "什么时候关闭")]
)
def test_whoever_is_signed_in_reads_the_guides_in_the_own_language(
    cast: Cast, language: str, name: str, first: str
) -> None:
    User.objects.update(language=language)
    for user in (cast.alice, cast.vera, cast.root):
        client = signed_in(User.objects.get(pk=user.pk))
        index = html(client.get("/seller/help/"))
        assert f"<h1>{name}</h1>" in index
        for slug in GUIDES:
            assert f'href="/seller/help/{slug}/"' in index
        response = client.get("/seller/help/close-a-return-request/")
        assert response.status_code == 200
        assert f"<h2>{first}</h2>" in html(response)


@pytest.mark.django_db
@pytest.mark.parametrize(("slug", "title"), TITLES.items())
def test_each_guide_carries_the_name_sellers_know_and_leads_to_the_others(
    cast: Cast, slug: str, title: str
) -> None:
    page = html(signed_in(cast.alice).get(f"/seller/help/{slug}/"))
    assert f"<h1>{title}</h1>" in page
    assert page.count("<h2>") == 5
    for other in GUIDES:
        assert (f'href="/seller/help/{other}/"' in page) == (other != slug)


@pytest.mark.django_db
def test_a_guide_that_there_is_not_is_not_found(cast: Cast) -> None:
    client = signed_in(cast.alice)
    assert client.get("/seller/help/refunds/").status_code == 404
    assert client.get("/seller/help/refunds/")["Content-Type"].startswith("text/html")


# --- Where they are needed


@pytest.fixture
def alice(cast: Cast) -> Client:
    return signed_in(cast.alice)


@pytest.mark.django_db
def test_the_prepaid_note_has_its_guide_beside_it_on_the_page_and_where_closing_is_refused(
    cast: Cast, alice: Client
) -> None:
    request = a_request_in(cast, Status.AUTHORIZATION_REQUIRED, prepaid=True)
    note = "Eligible for a prepaid return: this request cannot be closed."
    page = html(alice.get(f"/seller/returns/{request.reference}/"))
    assert re.search(rf"{note} <a {PREPAID_LINK}", page)
    refused = alice.get(f"/seller/returns/{request.reference}/close/")
    assert refused.status_code == 409
    assert re.search(rf"{note}</p>.*{PREPAID_LINK}", html(refused), re.DOTALL)


@pytest.mark.django_db
@pytest.mark.parametrize("status", [Status.AUTHORIZATION_REQUIRED, Status.AUTHORIZED])
def test_without_the_note_the_request_s_page_leads_to_no_guide(
    cast: Cast, alice: Client, status: Status
) -> None:
    request = a_request_in(cast, status)
    assert "/seller/help/prepaid" not in html(alice.get(f"/seller/returns/{request.reference}/"))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "page", "slugs"),
    [
        (
            Status.AUTHORIZATION_REQUIRED,
            "close",
            {"close-a-return-request", "prepaid-returns", "never-arrived"},
        ),
        (Status.REFUND_DUE, "refund", {"concessions"}),
        (Status.AUTHORIZED, "complete", {"prepaid-returns", "never-arrived"}),
        (Status.AUTHORIZATION_REQUIRED, "authorize", set()),
    ],
)
def test_a_decision_s_page_leads_to_its_guides_in_a_new_tab(
    cast: Cast, alice: Client, status: Status, page: str, slugs: set[str]
) -> None:
    request = a_request_in(cast, status)
    main = html(alice.get(f"/seller/returns/{request.reference}/{page}/")).partition("<main")[2]
    links = re.findall(r'<a href="/seller/help/([\w-]+)/"([^>]*)>', main)
    assert {slug for slug, _ in links} == slugs
    assert all('target="_blank"' in rest for _, rest in links)


@pytest.mark.django_db
def test_the_never_arrived_reason_has_its_guide_beside_it(cast: Cast, alice: Client) -> None:
    order = make_order(cast.north_lane, country="CA")
    request = open_request(order, actor=at_once(Actor.buyer(order)), reason="NEVER_ARRIVED")
    page = html(alice.get(f"/seller/returns/{request.reference}/close/"))
    label = "Never arrived, handled as a delivery problem"
    reason = re.search(rf"<li><strong>{label}</strong>.*?</li>", page, re.DOTALL)[0]
    assert 'href="/seller/help/never-arrived/"' in reason
