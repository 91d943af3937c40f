"""A buyer in France withdraws from the contract with a phone, with and without JavaScript."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.pages import sign_in_as_buyer
from tests.browser.people import CHINESE, ENGLISH, Words, sign_in, speak
from tests.browser.test_pages import violations

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PHONE = {"width": 320, "height": 740}
RECEIPT = "We have your withdrawal: order 402-"


@pytest.mark.parametrize(
    ("words", "here", "confirm", "done"),
    [
        (
            ENGLISH,
            "Withdraw from contract here",
            "Confirm withdrawal",
            "You have withdrawn from the contract",
        ),
        (CHINESE, "在此撤回合同", "确认撤回", "您已撤回合同"),
    ],
    ids=["en", "zh-hans"],
)
def test_the_whole_way_to_a_withdrawal(
    open_browser: Open, words: Words, here: str, confirm: str, done: str
) -> None:
    """Of two shirts one was withdrawn from before; the first language goes up to the last step, the other on."""
    page = open_browser(viewport=PHONE, java_script_enabled=words is ENGLISH)
    sign_in(page, "ben@demo.test")
    sign_in_as_buyer(page, "dora@demo.test", RECEIPT)
    page.locator(".crumb a").click()
    page.wait_for_url("**/my/orders/*/")
    speak(page, words)
    page.get_by_role("link", name=here).click()
    page.get_by_role("button", name=re.compile("^(Go on|继续)$")).click()
    button = page.get_by_role("button", name=confirm)
    expect(button).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if words is ENGLISH:
        assert violations(page) == []  # which needs a page with scripts
        return
    button.click()
    expect(page.locator("main")).to_contain_text(done)
    page.locator(".crumb a").click()
    expect(page.get_by_role("link", name=here)).to_have_count(0)
