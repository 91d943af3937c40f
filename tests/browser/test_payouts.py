"""A shop that does not pay: the failed pay-out is seen, tried again, and done only when it is paid."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.people import CHINESE, sign_in, speak
from tests.faults.test_run import Desk
from tests.returns.shop_server import SECRET, ShopServer
from tests.services import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def shop() -> Iterator[ShopServer]:
    server = ShopServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def shops_desk(shop: ShopServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A demo that was filled while people paid, and whose shop pays now."""
    data = tmp_path_factory.mktemp("desk") / "data"
    with Desk(data) as filled:
        filled.wait_until_announced()
    variables = {"PAYOUT_BACKEND": "hand_over", "PAYOUT_URL": shop.url, "PAYOUT_SECRET": SECRET}
    with Desk(data, **variables) as started:
        started.wait_until_announced()
        yield f"http://localhost:{started.port}"


@pytest.mark.parametrize("is_scripted", [True, False], ids=["scripted", "unscripted"])
def test_a_failed_pay_out_is_seen_and_retried(
    open_browser: Open, shops_desk: str, shop: ShopServer, is_scripted: bool
) -> None:
    page = open_browser(shops_desk, java_script_enabled=is_scripted)
    sign_in(page, "alice@demo.test")
    shop.asked.clear()
    shop.keys.clear()
    shop.script += [(422, {"reason": "The card was closed."}), (200, {"status": "confirmed"})]
    request = refund_the_first(page)
    wait_until(lambda: shop.asked, what="the shop is asked")
    wait_until(lambda: page.goto(request) and is_failed(page), what="the failure is shown")
    expect(page.locator("main")).not_to_contain_text("Refunded by")
    page.get_by_role("link", name="See the pay-out").click()
    expect(page.locator("main")).to_contain_text("The shop refused to pay it. The card was closed.")
    speak(page, CHINESE)
    expect(page.get_by_role("button", name="重试", exact=True)).to_be_visible()
    page.get_by_role("button", name="重试", exact=True).click()
    wait_until(lambda: len(shop.keys) == 2, what="the shop is asked again")
    assert len(set(shop.keys)) == 1
    wait_until(
        lambda: page.goto(request) and page.get_by_text("退款已支付").count() > 0, what="the pay-out is done"
    )
    expect(page.locator(".badge", has_text="打款失败")).to_have_count(0)
    expect(page.locator(".badge.info")).to_have_text("已完成")


def refund_the_first(page: Page) -> str:
    """Refund all that is proposed for the first request whose refund is due; answers its page's address."""
    page.goto("/seller/returns/?status=refund_due")
    ours = page.locator(".row").filter(has_not_text="Pay-out failed")
    link = ours.locator("a[href$='/refund/']").first
    address = str(link.get_attribute("href")).removesuffix("refund/")
    page.goto(f"{address}refund/")
    page.get_by_role("button", name=re.compile("^(Record a refund|Refund)$")).click()
    page.wait_for_url("**/seller/returns/**")
    return address


def is_failed(page: Page) -> bool:
    return page.locator(".badge", has_text="Pay-out failed").count() > 0
