"""A buyer with a phone follows a return: writes, reads the answer, closes it, takes that back, and sends it."""

import re
from functools import partial

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.people import (
    CHINESE,
    ENGLISH,
    Words,
    a_row,
    go_the_help_pages_way,
    order_of,
    read_mail,
    sign_in,
    speak,
)
from tests.browser.test_journeys import let_in

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

QUESTION = "Does the box need to be the original one?\nIt is a bit torn & <open>."
ANSWER = "No, any sturdy box will do."

BUYERS_WORDS = {
    "en": {
        "mail": "wrote to you about your return: order",
        "message": "Your message",
        "send": "Send message",
        "close": "Close my request",
        "reason": "I asked by mistake",
        "closed": "You closed this request",
        "reopen": "Reopen my request",
        "to send": "Please send the items back",
        "sent": "I have sent it",
        "carrier": "Carrier",
        "number": "Tracking number",
        "ask again": "This does not look like a number of that carrier.",
        "on its way": "Your return is on its way",
    },
    "zh-hans": {
        "mail": "就您的退货给您写了消息：订单",
        "message": "您的消息",
        "send": "发送消息",
        "close": "关闭我的退货请求",
        "reason": "我误提交了请求",
        "closed": "您已关闭此请求",
        "reopen": "重新打开我的退货请求",
        "to send": "请寄回商品",
        "sent": "我已寄出",
        "carrier": "承运人",
        "number": "运单号",
        "ask again": "这看起来不像该承运人的单号。",
        "on its way": "您的退货正在途中",
    },
}


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def authorize(alice: Page) -> tuple[str, str]:
    """Alice authorizes a request; its order, and the address of her page of it. The buyer is told of it then."""
    go_the_help_pages_way(alice, ENGLISH)
    row = a_row(alice)
    order = order_of(row)
    request = (row.locator("h2 a").get_attribute("href") or "").partition("#")[0]
    row.get_by_role("button", name="Authorize request").click()
    alice.locator("#decision footer").get_by_role("button", name="Authorize request").click()
    expect(row.get_by_role("button", name="Undo")).to_be_visible()
    read_mail(alice, f"Your return is authorized: order {order}")
    return order, request


@pytest.mark.parametrize(
    ("words", "is_scripted"),
    [(ENGLISH, True), (CHINESE, True), (ENGLISH, False)],
    ids=["en", "zh-hans", "unscripted"],
)
def test_write_read_close_take_back_and_send(open_browser: Open, words: Words, is_scripted: bool) -> None:
    alice = open_browser()
    sign_in(alice, "alice@demo.test")
    order, request = authorize(alice)
    on_a_phone = partial(open_browser, java_script_enabled=is_scripted)
    buyer = let_in(on_a_phone, f"Your return is authorized: order {order}")
    said = BUYERS_WORDS[words.language]
    speak(buyer, words)
    expect(buyer.get_by_role("heading", name=said["to send"])).to_be_visible()
    for width in (390, 320):
        buyer.set_viewport_size({"width": width, "height": 844})
        assert fits(buyer)

    buyer.get_by_label(said["message"]).fill(QUESTION)
    buyer.get_by_role("button", name=said["send"]).click()
    expect(buyer.locator("#notices")).to_be_visible()
    expect(buyer.locator("main ol").get_by_text("It is a bit torn & <open>.")).to_be_visible()
    told = read_mail(alice, f"The buyer wrote to you: order {order}", "alice@demo.test")
    assert QUESTION in told.text

    alice.goto(request)
    expect(alice.get_by_text("It is a bit torn & <open>.").first).to_be_visible()
    alice.get_by_role("link", name="Write to the buyer").last.click()
    alice.get_by_label("Message to the buyer").fill(ANSWER)
    expect(alice.locator("#preview .letter")).to_contain_text(ANSWER)
    alice.get_by_role("button", name="Send message").click()
    assert ANSWER in read_mail(alice, f"{said['mail']} {order}").text
    buyer.reload()
    expect(buyer.get_by_text(ANSWER)).to_be_visible()

    buyer.get_by_role("link", name=said["close"]).click()
    buyer.get_by_label(said["reason"]).check()
    buyer.get_by_role("button", name=said["close"]).click()
    expect(buyer.get_by_role("heading", name=said["closed"])).to_be_visible()
    buyer.get_by_role("link", name=said["reopen"]).click()
    buyer.get_by_role("button", name=said["reopen"]).click()
    expect(buyer.get_by_role("heading", name=said["to send"])).to_be_visible()
    read_mail(alice, f"The buyer reopened a return request: order {order}", "alice@demo.test")

    buyer.get_by_role("link", name=said["sent"]).click()
    buyer.get_by_label(said["carrier"]).fill("UPS")
    buyer.get_by_label(said["number"]).fill("1Z999AA10123456785")
    buyer.get_by_role("button", name=said["sent"]).click()
    expect(buyer.locator("main")).to_contain_text(said["ask again"])
    buyer.get_by_label(said["number"]).fill("1Z999AA10123456784")
    buyer.get_by_role("button", name=said["sent"]).click()
    expect(buyer.get_by_role("heading", name=said["on its way"])).to_be_visible()
    expect(buyer.locator(".steps")).to_contain_text("1Z999AA10123456784")
    expect(buyer.get_by_role("link", name=said["close"])).to_have_count(0)
    alice.goto(request)
    expect(alice.locator(".facts").filter(has_text="Handed over")).to_contain_text(
        re.compile("UPS, tracking number 1Z999AA10123456784")
    )
