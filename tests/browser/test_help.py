"""A guide opened in the middle of a decision: nothing that was typed is lost."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.people import CHINESE, ENGLISH, Words, a_row, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.mark.parametrize(
    ("words", "title"),
    [(ENGLISH, "Close a return request"), (CHINESE, "关闭退货请求")],
    ids=["en", "zh-hans"],
)
def test_a_guide_opens_beside_the_dialog_and_the_comments_stay(
    open_browser: Open, words: Words, title: str
) -> None:
    page = open_browser(locale=words.language)
    sign_in(page, "ben@demo.test", words)
    a_row(page).get_by_role("button", name=words.close).click()
    comments = page.locator("dialog").get_by_label(words.comments)
    comments.fill("Half a sentence")
    with page.expect_popup() as opened:
        page.locator("dialog").get_by_role("link", name=title).click()
    expect(opened.value.get_by_role("heading", level=1, name=title)).to_be_visible()
    expect(comments).to_have_value("Half a sentence")
    opened.value.close()


def test_a_number_of_the_overview_leads_to_its_requests_without_scripts(open_browser: Open) -> None:
    page = open_browser(java_script_enabled=False)
    sign_in(page, "vera@demo.test")
    page.locator("nav").get_by_role("link", name="Overview").click()
    expect(page.get_by_role("heading", level=1, name="Overview")).to_be_visible()
    number = page.locator("main dd a.late").first
    shown = int(number.text_content() or "")
    number.click()
    expect(page.locator(".row")).to_have_count(shown)
