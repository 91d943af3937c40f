"""A buyer on a phone: finds the order, says that it never arrived, and closes that when it has come after all."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.people import CHINESE, ENGLISH, Words, find_mail, read_mail, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

DORA = "dora@demo.test"
FIND = {"en": "Find my order", "zh-hans": "查找我的订单"}
PHONE = {"width": 390, "height": 844}


def an_order_without_a_request_under_way(alice: Page) -> str:
    """As Alice finds it who is asked on the phone, by the buyer's address."""
    alice.goto(f"/seller/orders/?q={DORA}")
    row = alice.locator(".mails li").filter(has_not_text="under return").first
    return row.locator("a[href^='/seller/orders/']").inner_text()


def code_from(alice: Page, before: str, number: str) -> str:
    letter = read_mail(alice, number, DORA, newer_than=before)
    return re.search(r"\b[0-9A-HJKMNP-TV-Z]{8}\b", letter.text)[0]


@pytest.mark.parametrize("words", [ENGLISH, CHINESE], ids=["en", "zh-hans"])
@pytest.mark.parametrize("is_scripted", [True, False], ids=["scripted", "unscripted"])
def test_from_finding_the_order_to_closing(open_browser: Open, words: Words, is_scripted: bool) -> None:
    alice = open_browser()
    sign_in(alice, "alice@demo.test")
    number = an_order_without_a_request_under_way(alice)
    before = find_mail(alice, number, DORA)

    page = open_browser(viewport=PHONE, locale=words.language, java_script_enabled=is_scripted)
    page.goto("/")
    page.get_by_role("link", name=FIND[words.language]).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(FIND[words.language])
    page.locator("input[name=order_number]").fill(f"＃{number} ")
    page.locator("input[name=email]").fill(DORA.upper().replace("@", "＠"))
    page.locator("main button.primary").click()
    page.wait_for_url("**/my/code/")
    page.locator("input[name=code]").fill(code_from(alice, before, number).lower())
    page.locator("main button.primary").click()
    page.wait_for_url("**/my/orders/*/")
    expect(page.locator("main")).to_contain_text(number)

    page.locator("a[href$='/not-arrived/']").first.click()
    page.locator("textarea").fill("Last seen in Reno.")
    page.locator("main button.primary").click()
    page.wait_for_url("**/my/returns/*/")
    told = page.url
    page.locator("a[href$='/close/']").click()
    page.locator("input[value=buyer_problem_solved]").check()
    page.locator("main button.primary").click()
    page.wait_for_url(told)
    expect(page.locator("a[href$='/close/']")).to_have_count(0)
