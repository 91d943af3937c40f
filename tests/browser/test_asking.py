"""A buyer with a phone asks for a return: from the order to the acknowledgement, with and without JavaScript."""

import re
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Open
from tests.browser.pages import sign_in_as_buyer
from tests.browser.people import CHINESE, ENGLISH, Words, read_mail, sign_in, speak
from tests.browser.test_pages import violations
from tests.photo_files import a_photo_with_gps
from tests.services import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PHONE = {"width": 320, "height": 720}
DORA = "dora@demo.test"
# The demo throws its dice with a fixed seed.
ORDER = "702-3354994-5070438"
RECEIPT = f"We have your return request: order {ORDER}"


@dataclass(frozen=True)
class Steps:
    """What a buyer reads on the way."""

    order: str
    ask: str
    go_on: str
    choose: str
    comment: str
    photos: str
    add: str
    remove: str
    check: str
    send: str
    done: str


IN_ENGLISH = Steps(
    order="Your order",
    ask="Ask for a return",
    go_on="Go on",
    choose="What do you want to return?",
    comment="More about the reason",
    photos="Photos",
    add="Add these photos",
    remove="Remove",
    check="Check and send",
    send="Ask for this return",
    done="We have your request",
)
IN_CHINESE = Steps(
    order="您的订单",
    ask="申请退货",
    go_on="继续",
    choose="您想退回哪些商品？",
    comment="原因说明",
    photos="照片",
    add="添加这些照片",
    remove="移除",
    check="核对并提交",
    send="提交退货申请",
    done="我们已收到您的退货请求",
)


@dataclass(frozen=True)
class LetIn:
    """What a browser keeps that was let in to the order, and the order's address."""

    state: Any
    order: str


@pytest.fixture(scope="module")
def dora(chromium: Browser, desk: str) -> LetIn:
    """Dora comes in once, as codes are few: by the mail of what she asked for, then from there to the order.

    The same browser is Ben's, too: who reads the demo's Mailbox.
    """
    context = chromium.new_context(base_url=desk, viewport=PHONE)
    page = context.new_page()
    sign_in(page, "ben@demo.test")
    sign_in_as_buyer(page, DORA, RECEIPT)
    page.locator("main a[href^='/my/orders/']").first.click()
    page.wait_for_url("**/my/orders/*/")
    entered = LetIn(context.storage_state(), page.url)
    context.close()
    return entered


def look_at(page: Page, *, is_scripted: bool) -> None:
    """Nothing is wider than the screen, and axe, which is a script, finds nothing."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if is_scripted:
        assert violations(page) == []


@pytest.mark.parametrize(
    ("steps", "words"), [(IN_ENGLISH, ENGLISH), (IN_CHINESE, CHINESE)], ids=["en", "zh-hans"]
)
@pytest.mark.parametrize("is_scripted", [True, False], ids=["scripted", "unscripted"])
def test_the_whole_way_on_a_phone(
    open_browser: Open, dora: LetIn, steps: Steps, words: Words, is_scripted: bool
) -> None:
    photo = a_photo_with_gps().read()
    page = open_browser(viewport=PHONE, storage_state=dora.state, java_script_enabled=is_scripted)
    page.goto(dora.order)
    speak(page, words)
    expect(page.get_by_role("heading", level=1, name=steps.order)).to_be_visible()
    look_at(page, is_scripted=is_scripted)
    page.get_by_role("link", name=steps.ask).click()
    expect(page.get_by_role("heading", level=1, name=steps.choose)).to_be_visible()
    page.get_by_role("button", name=steps.go_on).click()
    expect(page.locator(".notice.wrong")).to_be_visible()
    look_at(page, is_scripted=is_scripted)
    page.get_by_label(re.compile("Mug set")).select_option("1")
    page.get_by_role("button", name=steps.go_on).click()
    page.locator("input[value=CR-DAMAGED_BY_CARRIER]").check()
    page.get_by_role("button", name=steps.go_on).click()
    expect(page.locator(".notice.wrong a[href='#id_comment']")).to_be_visible()
    expect(page.locator("input[value=CR-DAMAGED_BY_CARRIER]")).to_be_checked()
    page.get_by_label(steps.comment).fill("In pieces again.")
    for name in ("one.jpg", "two.jpg"):
        page.get_by_label(steps.photos).set_input_files(
            {"name": name, "mimeType": "image/jpeg", "buffer": photo}
        )
        page.get_by_role("button", name=steps.add).click()
        expect(page.get_by_role("img", name=name)).to_be_visible()
    # The small one of 300 × 200 pixels, once it is there.
    expect(page.get_by_role("img", name="one.jpg")).to_have_js_property("naturalWidth", 240)
    page.get_by_role("button", name=f"{steps.remove} one.jpg").click()
    expect(page.get_by_role("img", name="one.jpg")).to_have_count(0)
    look_at(page, is_scripted=is_scripted)
    page.get_by_role("button", name=steps.go_on).click()
    expect(page.get_by_role("heading", level=1, name=steps.check)).to_be_visible()
    expect(page.locator("main")).to_contain_text("In pieces again.")
    page.go_back()
    expect(page.get_by_label(steps.comment)).to_have_value("In pieces again.")
    page.go_forward()
    look_at(page, is_scripted=is_scripted)
    page.get_by_role("button", name=steps.send).click()
    expect(page.get_by_role("heading", level=1, name=steps.done)).to_be_visible()
    expect(page.locator("main")).to_contain_text(re.compile(r"R[2-9A-Z]{4}-[2-9A-Z]{4}"))
    expect(page.locator("main")).to_contain_text(re.compile(r"\d\d:\d\d (E[SD]T|UTC)"))
    look_at(page, is_scripted=is_scripted)


def test_two_tabs_and_the_seller_race_for_the_last_unit(open_browser: Open, dora: LetIn) -> None:
    first = open_browser(viewport=PHONE, storage_state=dora.state)
    order = dora.order
    first.goto(f"{order}ask/")
    speak(first, ENGLISH)
    first.get_by_label("Kitchen scale").check()
    first.get_by_role("button", name="Go on").click()
    first.get_by_label("Ordered by accident").check()
    first.get_by_role("button", name="Go on").click()
    stale = first.context.new_page()
    stale.goto(f"{order}ask/")
    second = first.context.new_page()
    second.goto(f"{order}ask/check/")

    seller = open_browser()
    sign_in(seller, "alice@demo.test")
    seller.goto(f"{order.replace('/my/', '/seller/')}ask/")
    expect(seller.locator("main")).to_contain_text("You ask on the buyer's behalf.")
    seller.get_by_label("Kitchen scale").check()
    seller.get_by_role("button", name="Go on").click()
    seller.get_by_label("No longer needed or wanted").check()
    seller.get_by_role("button", name="Go on").click()
    seller.get_by_role("button", name="Ask for this return").click()
    seller.wait_for_url("**/seller/returns/*/")
    # A receipt of what Dora asked for before may come first.
    words = "North Lane has asked on your behalf to return Kitchen scale"
    wait_until(lambda: words in read_mail(seller, RECEIPT, DORA).text, 60, words)

    for tab in (first, second):
        tab.get_by_role("button", name="Ask for this return").click()
        expect(tab.locator(".notice.wrong")).to_contain_text("Only 0 of 1 can still be returned.")
    stale.get_by_role("button", name="Go on").click()
    expect(stale.locator(".notice.wrong")).to_contain_text("Only 0 of 1 can still be returned.")
    stale.get_by_label(re.compile("Mug set")).select_option("1")
    stale.get_by_role("button", name="Go on").click()
    stale.get_by_label("Ordered by accident").check()
    stale.get_by_role("button", name="Go on").click()
    late = first.context.new_page()
    late.goto(f"{order}ask/check/")
    for tab in (stale, late):
        tab.get_by_role("button", name="Ask for this return").click()
        expect(tab.get_by_role("heading", level=1, name="We have your request")).to_be_visible()
    assert stale.url == late.url
