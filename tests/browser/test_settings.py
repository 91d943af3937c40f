"""An owner goes through the seller's settings and the own ones, in both languages."""

import re

import pytest
from django.utils import translation
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Open
from tests.browser.people import CHINESE, ENGLISH, PASSWORD, Words, read_mail, sign_in, speak

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SETTINGS = "/seller/settings/"
LANGUAGES = pytest.mark.parametrize("words", [ENGLISH, CHINESE], ids=["en", "zh-hans"])


@pytest.fixture
def carol(open_browser: Open, words: Words) -> Page:
    page = open_browser(viewport={"width": 1280, "height": 900})
    sign_in(page, "carol@demo.test", words)
    page.goto(SETTINGS)
    yield page
    speak(page, ENGLISH)


def said(words: Words, sentence: str, **values: str) -> str:
    with translation.override(words.language):
        return translation.gettext(sentence) % values


def form_to(page: Page, address: str) -> Locator:
    return page.locator(f"main form[action$='{address}']")


def save(form: Locator, answer: str) -> None:
    page = form.page
    form.locator("button.primary").click()
    expect(page.locator("#notices")).to_have_text(answer)


@LANGUAGES
def test_an_owner_saves_each_section_and_finds_it_kept(carol: Page, words: Words) -> None:
    saved = said(words, "The settings are saved.")
    for section, field, value in (
        ("seller", "time_zone", "Asia/Shanghai"),
        ("rules", "authorization", "in_policy"),
        ("instructions", "rma_numbers", "own"),
        ("imported", "imported_messages", "send_from_here"),
    ):
        form = form_to(carol, f"/settings/{section}/")
        before = form.locator(f"[id={section}_{field}]").input_value()
        for chosen in (value, before):
            form.locator(f"[id={section}_{field}]").select_option(chosen)
            save(form, saved)
            expect(form.locator(f"[id={section}_{field}]")).to_have_value(chosen)
    instructions = form_to(carol, "/settings/instructions/").locator("textarea")
    instructions.fill("Pack it well.\nThank you.")
    save(form_to(carol, "/settings/instructions/"), saved)
    expect(instructions).to_have_value("Pack it well.\nThank you.")


@LANGUAGES
def test_what_is_wrong_is_said_on_top_and_leads_to_its_field(carol: Page, words: Words) -> None:
    rules = form_to(carol, "/settings/rules/")
    rules.locator("select").select_option("within_days")
    rules.locator("[id=rules_authorization_days]").fill("31")
    rules.locator("button.primary").click()
    alert = carol.get_by_role("alert")
    expect(alert).to_be_focused()
    alert.get_by_role("link").click()
    expect(rules.locator("[id=rules_authorization_days]")).to_be_focused()
    expect(rules.locator("[id=rules_authorization_days]")).to_have_value("31")
    expect(rules.locator("select")).to_have_value("within_days")
    carol.goto(SETTINGS)
    expect(rules.locator("select")).not_to_have_value("within_days")


@LANGUAGES
def test_two_windows_of_owners_undo_nothing_of_each_other(
    carol: Page, words: Words, open_browser: Open
) -> None:
    other = open_browser()
    sign_in(other, "carol@demo.test", words)
    other.goto(SETTINGS)
    saved = said(words, "The settings are saved.")
    form_to(carol, "/settings/seller/").locator("[id=seller_name]").fill("South Pier Ltd")
    save(form_to(carol, "/settings/seller/"), saved)
    form_to(other, "/settings/seller/").locator("[id=seller_time_zone]").select_option("Asia/Tokyo")
    save(form_to(other, "/settings/seller/"), saved)
    expect(other.locator("[id=seller_name]")).to_have_value("South Pier Ltd")
    other.locator("[id=seller_name]").fill("South Pier")
    save(form_to(other, "/settings/seller/"), saved)


@LANGUAGES
def test_an_address_is_added_changed_and_retired(carol: Page, words: Words) -> None:
    carol.locator("section", has=carol.locator("#addresses-title")).locator("summary").click()
    form = form_to(carol, "/settings/addresses/")
    typed = {"name": "South Pier", "lines": "2 Quay", "city": " ", "postal_code": "24103"}
    for name, value in typed.items():
        form.locator(f"[id=address_{name}]").fill(value)
    form.locator("[id=address_country]").select_option("DE")
    form.locator("button.primary").click()
    expect(carol.get_by_role("alert")).to_be_focused()
    for name, value in (typed | {"country": "DE"}).items():
        expect(form.locator(f"[id=address_{name}]")).to_have_value(value)
    form.locator("[id=address_city]").fill("Kiel")
    save(form, said(words, "The return address is added."))

    address = carol.get_by_role("group", name=re.compile("^South Pier, Kiel, (Germany|德国)$"))
    address.get_by_role("link").click()
    carol.locator("[name=city]").fill("Lübeck")
    save(carol.locator("main form"), said(words, "The return address is saved."))
    changed = carol.get_by_role("group", name=re.compile("^South Pier, Lübeck, (Germany|德国)$"))
    expect(changed).to_contain_text("24103")
    changed.locator("form button").click()
    expect(carol.locator("#notices")).to_have_text(said(words, "The return address is no longer offered."))
    expect(changed).to_have_count(0)


@LANGUAGES
def test_somebody_is_invited_and_taken_back(carol: Page, words: Words) -> None:
    carol.locator("section", has=carol.locator("#team-title")).locator("summary").click()
    form = form_to(carol, "/settings/invite/")
    form.locator("[name=email]").fill("olga@demo.test")
    form.locator("[name=role]").select_option("viewer")
    save(form, said(words, "%(address)s is invited by mail.", address="olga@demo.test"))
    invited = carol.get_by_role("group", name=re.compile("olga@demo.test"))
    invited.get_by_role("button").click()
    expect(invited).to_have_count(0)


@LANGUAGES
def test_a_member_keeps_the_own_settings_and_chooses_the_own_mails(carol: Page, words: Words) -> None:
    carol.goto("/accounts/profile/")
    form = form_to(carol, "/accounts/profile/")
    for seconds in ("600", ""):
        form.locator("[name=undo_seconds]").select_option(seconds)
        save(form, said(words, "Your settings are saved."))
        expect(form.locator("[name=undo_seconds]")).to_have_value(seconds)
    carol.locator("section a[href='/accounts/notifications/']").click()
    choices = form_to(carol, "/accounts/notifications/")
    chosen = said(words, "Your e-mails about %(seller)s are chosen.", seller="South Pier")
    opened = choices.get_by_label(said(words, "Return request opened"), exact=True)
    for is_on in (False, True):
        opened.set_checked(is_on)
        save(choices, chosen)
        expect(opened).to_be_checked(checked=is_on)
    # Carol works alone: three kinds come to her whatever she chooses.
    expect(choices.locator("strong")).to_have_count(3)


def test_a_mail_leads_to_the_choice_of_mails_after_signing_in(open_browser: Open) -> None:
    page = open_browser()
    sign_in(page, "ben@demo.test")
    mail = read_mail(page, "A return request waits for you", "ben@demo.test")
    link = re.search(r"\S+/accounts/notifications/#north-lane", mail.text)[0]
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("Your e-mails")

    elsewhere = open_browser()
    elsewhere.goto(link)
    elsewhere.get_by_label("Password", exact=True).fill(PASSWORD)
    elsewhere.locator("input[name=login]").fill("ben@demo.test")
    elsewhere.locator("main form button.primary").first.click()
    expect(elsewhere.get_by_role("heading", level=1)).to_have_text("Your e-mails")
    expect(elsewhere.get_by_role("heading", level=2)).to_have_text(["North Lane"])
