"""A refund in a browser: partial with a fee and a photo, and a promise made in the close dialog and kept."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.pages import LIST
from tests.browser.people import CHINESE, ENGLISH, Words, a_row, order_of, read_mail, sign_in
from tests.label_files import a_picture

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SAID = {
    "en": {
        "fee": r"is kept as a restocking fee for .+: it came back used\.",
        "photo": "From 20 % up, a fee needs at least one photo",
        "outcome": "Partially refunded",
    },
    "zh-hans": {
        "fee": "退回时已使用过，扣除 .+ 作为重新入库费。",
        "photo": "费用达到 20% 时，至少需要一张商品退回时的照片。",
        "outcome": "部分退款",
    },
}


def receive_as_used(page: Page) -> str:
    """Note that the item of an authorized request with a single item has come back used; answers its reference."""
    page.goto(f"{LIST}?status=authorized")
    owing = page.locator(".row", has=page.locator("a[href$='/refund/']"))
    links = owing.locator("a[href$='/receive/']").evaluate_all("all => all.map(one => one.href)")
    for link in links:
        page.goto(link)
        if page.locator("select[name^=condition_]").count() == 1:
            page.goto(link.removesuffix("receive/") + "refund/")
            # By the buyer's reason the seller must not be at fault.
            if page.locator(".hint", has_text=re.compile("buyer is not at fault|责任不在买家")).count():
                continue
            page.goto(link)
            units = page.locator("input[name^=units_]")
            units.fill(units.get_attribute("max") or "1")
            page.locator("select[name^=condition_]").select_option("used")
            page.locator("#decision footer button.primary").click()
            page.wait_for_url(re.compile(r"/seller/returns/(\?.*)?$"))
            return link.removesuffix("receive/").rstrip("/").rpartition("/")[2]
    raise AssertionError("no authorized request of a single item whose buyer is at fault")


@pytest.mark.parametrize(
    ("words", "is_scripted"),
    [(ENGLISH, True), (CHINESE, True), (ENGLISH, False)],
    ids=["en", "zh-hans", "without-scripts"],
)
def test_a_refund_with_a_fee_needs_its_photo_and_ends_the_return(
    open_browser: Open, words: Words, is_scripted: bool
) -> None:
    said = SAID[words.language]
    page = open_browser(locale=words.language, java_script_enabled=is_scripted, provokes=(422,))
    sign_in(page, "alice@demo.test", words)
    reference = receive_as_used(page)
    page.goto(f"{LIST}{reference}/refund/")
    decision = page.locator("#decision")
    before = decision.locator("#sum .figure").text_content()
    decision.locator("input[name^=fee_]").fill("25")
    decision.locator("[name=memo]").fill("The lid is scratched.")
    if not is_scripted:
        decision.locator("button[name=preview][value='1']").click()
    expect(decision.locator("#sum")).to_contain_text(re.compile(said["fee"]))
    assert decision.locator("#sum .figure").text_content() != before
    expect(decision.locator(".letter")).to_contain_text("The lid is scratched.")
    decision.locator("footer button.primary").click()
    expect(decision.locator(".notice.wrong[role=alert]")).to_contain_text(said["photo"])
    expect(decision.locator("input[name^=fee_]")).to_have_value("25")
    picture = {"name": "lid.jpg", "mimeType": "image/jpeg", "buffer": a_picture("JPEG")}
    decision.locator("[name=photos]").set_input_files(picture)
    decision.locator("footer button.primary").click()
    page.wait_for_url(re.compile(r"/seller/returns/(\?.*)?$"))
    page.goto(f"{LIST}{reference}/")
    expect(page.locator("main")).to_contain_text(said["outcome"])
    expect(page.locator(".steps")).to_contain_text(re.compile(said["fee"]))
    expect(page.locator(".steps img")).to_be_visible()


def test_a_promise_from_the_close_dialog_is_kept_on_the_refund_page(open_browser: Open) -> None:
    page = open_browser()
    sign_in(page, "alice@demo.test", ENGLISH)
    page.goto(LIST)
    row = a_row(page)
    number = order_of(row)
    reference = (row.get_attribute("id") or "").removeprefix("row-")
    row.get_by_label("Return reason").select_option("refund_without_return")
    row.get_by_role("button", name="Close request").click()
    decision = page.locator("#decision")
    promised = decision.get_by_label("Amount").input_value()
    decision.get_by_label("Comments to the buyer").fill("Keep it, we refund you.")
    expect(decision.locator(".letter")).to_contain_text("Refund promised")
    decision.locator("footer").get_by_role("button", name="Close request").click()
    expect(page.locator(f"[id='row-{reference}'] form.closing")).to_have_count(0)
    page.goto(f"{LIST}{reference}/")
    expect(page.locator("main")).to_contain_text("Money still owed")
    page.get_by_role("link", name="Record a refund").click()
    expect(page.locator("#decision")).to_contain_text("You promised")
    amounts = [one.input_value() for one in page.locator("input[name^=amount_]").all()]
    assert sum(round(float(amount or 0) * 100) for amount in amounts) == round(float(promised) * 100)
    expect(page.locator("#sum")).to_contain_text("nothing is owed any more")
    page.locator("#decision footer button.primary").click()
    page.wait_for_url(re.compile(r"/seller/returns/"))
    page.goto(f"{LIST}{reference}/")
    expect(page.locator("main")).not_to_contain_text("Money still owed")
    assert "has issued a refund of" in read_mail(page, f"Your refund was issued: order {number}").text
