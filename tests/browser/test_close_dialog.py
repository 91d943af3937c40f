"""The close dialog as people use it: saved comments, warning, live message, keyboard, and a colleague who is faster."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Open
from tests.browser.people import (
    CHINESE,
    ENGLISH,
    Words,
    a_row,
    close,
    go_the_help_pages_way,
    sign_in,
)
from tests.browser.test_journeys import tab_to, waiting_after

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

BOTH = pytest.mark.parametrize("words", [ENGLISH, CHINESE], ids=["en", "zh-hans"])
LONG_ENOUGH = "We talked on the phone on Monday and found a way."
IN_CHINESE = "很抱歉，退货期限已过。如果商品有任何问题，请联系我们。"
SAVED = {"en": "Saved comments", "zh-hans": "已保存的备注"}


def at_work(
    open_browser: Open, words: Words = ENGLISH, email: str = "ben@demo.test", **options: object
) -> Page:
    page = open_browser(**options)
    sign_in(page, email, words)
    go_the_help_pages_way(page, words)
    return page


def opened(page: Page, words: Words, reason: str = "") -> Locator:
    """The dialog of a row, with this reason chosen there."""
    row = a_row(page)
    row.get_by_label(words.reason).select_option(reason)
    row.get_by_role("button", name=words.close).click()
    decision = page.locator("dialog[open] #decision")
    expect(decision.get_by_label(words.reason)).to_have_value(reason)
    return decision


def comments_of(decision: Locator) -> Locator:
    return decision.locator("#id_comments")


@BOTH
def test_from_the_list_to_closed_by_keyboard_in_three_steps(open_browser: Open, words: Words) -> None:
    page = at_work(open_browser, words)
    row = a_row(page)
    tab_to(page, row.get_by_label(words.reason))
    while row.get_by_label(words.reason).input_value() != "other":
        page.keyboard.press("ArrowDown")
    tab_to(page, row.get_by_role("button", name=words.close), at_most=1)
    page.keyboard.press("Enter")
    decision = page.locator("#decision")
    expect(decision.get_by_label(words.reason)).to_have_value("other")
    expect(decision.get_by_label(words.comments)).to_be_focused()
    page.keyboard.type(LONG_ENOUGH)
    expect(decision.locator(".letter")).to_contain_text(LONG_ENOUGH)
    expect(decision.locator("#said")).not_to_be_empty()
    expect(decision.get_by_label(words.comments)).to_be_focused()
    tab_to(page, decision.locator("footer").get_by_role("button", name=words.close), at_most=8)
    page.keyboard.press("Enter")
    expect(row.get_by_role("button", name=words.undo)).to_be_visible()
    expect(waiting_after(page, row)).to_be_focused()


@BOTH
def test_escape_leads_back_to_the_row_s_button(open_browser: Open, words: Words) -> None:
    page = at_work(open_browser, words)
    opened(page, words, "other")
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(a_row(page).get_by_role("button", name=words.close)).to_be_focused()


@pytest.mark.parametrize("is_scripted", [True, False], ids=["scripted", "unscripted"])
def test_a_reason_asks_for_what_it_needs_and_no_other_s(open_browser: Open, is_scripted: bool) -> None:
    page = at_work(open_browser, java_script_enabled=is_scripted)
    row = a_row(page)
    row.get_by_role("button", name="Close request").click()
    decision = page.locator("#decision")
    expect(decision.get_by_role("heading", level=1)).to_be_visible()
    options = decision.locator("#id_reason option[data-ground]:not([disabled])").all()
    codes = {option.get_attribute("data-ground"): option.get_attribute("value") for option in options}
    by_reason = {
        codes["refund_without_return"]: ("Amount", "Refund by"),
        codes["agreed_with_buyer"]: ("Day of the agreement", "How you agreed"),
    }
    for reason in by_reason:
        decision.get_by_label("Return reason").select_option(reason)
        for other, labels in by_reason.items():
            for label in labels:
                expect(decision.get_by_label(label, exact=True)).to_be_visible(visible=other == reason)
        if is_scripted:
            expect(decision.get_by_label("Return reason")).to_be_focused()
        else:
            decision.get_by_role("button", name="Update the message").click()
            expect(decision.locator(".notice.wrong")).to_have_count(0)
        expect(decision.locator(".letter .subject")).to_contain_text("Your return request was closed")
    disabled = decision.locator("#id_reason option[disabled]")
    assert disabled.count() >= 1
    for option in disabled.all_text_contents():
        label, sentence = option.split(": ", 1)
        expect(decision.locator("#grounds li.no", has_text=label)).to_contain_text(sentence)


@BOTH
def test_what_is_missing_is_said_where_the_focus_goes(open_browser: Open, words: Words) -> None:
    page = at_work(open_browser, words, provokes=(422,))
    decision = opened(page, words)
    expect(decision.get_by_label(words.reason)).to_be_focused()
    decision.locator("footer").get_by_role("button", name=words.close).click()
    summary = decision.locator(".notice.wrong")
    expect(summary).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(decision.get_by_label(words.comments)).to_be_focused()


def test_saved_comments_go_in_at_once_and_never_over_what_was_typed(open_browser: Open) -> None:
    page = at_work(open_browser)
    decision = opened(page, ENGLISH, "other")
    saved, comments = decision.get_by_label("Saved comments"), comments_of(decision)
    assert "Keep it, refund follows" not in (saved.text_content() or "")
    decision.get_by_label("Return reason").select_option("refund_without_return")
    expect(saved).to_contain_text("Keep it, refund follows")
    assert saved.locator("optgroup").evaluate_all("groups => groups.map(group => group.label)") == [
        "English",
        "简体中文",
    ]
    saved.select_option(label="Keep it, refund follows")
    first = comments.input_value()
    assert first.startswith("Please keep the item")
    expect(decision.locator(".letter")).to_contain_text(first)
    saved.select_option(label="Thank you")
    second = comments.input_value()
    assert second.startswith("Thank you for your patience")
    comments.press("ControlOrMeta+Home")
    comments.press_sequentially("Dear Zoë! ")
    saved.select_option(label="Keep it, refund follows")
    expect(comments).to_have_value(f"Dear Zoë! \n\n{first}")
    comments.press("ControlOrMeta+End")
    comments.press_sequentially(" Bye")
    saved.select_option(label="Thank you")
    expect(comments).to_have_value(f"Dear Zoë! \n\n{first} Bye\n\n{second}")
    saved.select_option(index=0)
    expect(comments).to_have_value(f"Dear Zoë! \n\n{first} Bye")


@BOTH
def test_without_javascript_saved_comments_go_in_by_a_button(open_browser: Open, words: Words) -> None:
    page = at_work(open_browser, words, java_script_enabled=False)
    a_row(page).get_by_role("button", name=words.close).click()
    decision = page.locator("#decision")
    decision.get_by_label(words.reason).select_option("other")
    decision.get_by_label(words.comments).fill("Dear Zoë!")
    decision.get_by_label(SAVED[words.language]).select_option(label="Thank you")
    decision.locator("button[name=preview][value=saved]").click()
    expect(comments_of(decision)).to_have_value(re.compile(r"^Dear Zoë!\s+Thank you for your patience"))
    expect(decision.locator(".letter")).to_contain_text("Thank you for your patience")


@BOTH
def test_the_warning_comes_and_goes_while_typing(open_browser: Open, words: Words) -> None:
    page = at_work(open_browser, words)
    decision = opened(page, words, "other")
    comments, warning = comments_of(decision), decision.locator("#comments-fit")
    reads_chinese = decision.locator(".letter").get_attribute("lang") == "zh-hans"
    foreign, own = (LONG_ENOUGH, IN_CHINESE) if reads_chinese else (IN_CHINESE, LONG_ENOUGH)
    expect(warning).to_be_empty()
    comments.fill(foreign)
    expect(warning.locator(".notice.warn")).to_be_visible()
    expect(comments).to_be_focused()
    warning.locator(".notice").evaluate("notice => { notice.isSame = true; }")
    comments.press_sequentially(" 12")
    expect(decision.locator(".letter")).to_contain_text(f"{foreign} 12")
    # Said once: the same notice stays, so that nothing is read out again.
    assert warning.locator(".notice").evaluate("notice => notice.isSame")
    comments.fill(own)
    expect(warning).to_be_empty()


@BOTH
def test_the_counter_counts_down_and_says_what_is_too_much(open_browser: Open, words: Words) -> None:
    left, over = {
        "en": ("# left", "# too many"),
        "zh-hans": ("还可输入 # 字", "超出 # 字"),
    }[words.language]
    page = at_work(open_browser, words)
    decision = opened(page, words, "other")
    counter = decision.locator("[data-count-for]")
    expect(counter).to_have_text(left.replace("#", "2,000"))
    comments_of(decision).fill("x" * 1990)
    expect(counter).to_have_text(left.replace("#", "10"))
    decision.get_by_label(SAVED[words.language]).select_option(label="Thank you")
    expect(counter).to_have_text(re.compile(over.replace("#", r"\d\d")))


def test_comments_are_saved_while_closing_and_offered_the_next_time(open_browser: Open) -> None:
    page = at_work(open_browser)
    row = a_row(page)
    decision = opened(page, ENGLISH, "other")
    comments_of(decision).fill(LONG_ENOUGH)
    expect(decision.get_by_label("Name")).to_be_hidden()
    decision.get_by_label("Save these comments for next time").check()
    decision.get_by_label("Name").fill("On the phone")
    decision.locator("footer").get_by_role("button", name="Close request").click()
    expect(page.locator("#toast")).to_contain_text("The comments are saved as “On the phone”.")
    row.get_by_role("button", name="Undo").click()
    expect(row.get_by_role("button", name="Close request")).to_be_visible()
    decision = opened(page, ENGLISH, "other")
    decision.get_by_label("Saved comments").select_option(label="On the phone")
    expect(comments_of(decision)).to_have_value(LONG_ENOUGH)
    page.goto("/seller/settings/comments/")
    page.get_by_role("link", name="Change On the phone").click()
    page.get_by_role("button", name="Remove this text").click()
    expect(page.locator("#notices")).to_contain_text("“On the phone” is removed.")


def test_who_was_first_is_said_at_once_and_no_word_is_lost(open_browser: Open) -> None:
    ben = at_work(open_browser, provokes=(409,), permissions=["clipboard-read", "clipboard-write"])
    decision = opened(ben, ENGLISH, "other")
    row = a_row(ben)
    identity = f"[id='{row.get_attribute('id')}']"
    comments_of(decision).fill(LONG_ENOUGH)
    expect(decision.locator(".letter")).to_contain_text(LONG_ENOUGH)
    alice = at_work(open_browser, email="alice@demo.test")
    same = alice.locator(identity)
    close(alice, same, ENGLISH, "Alice was here, and closed it a moment before.")
    expect(same.get_by_role("button", name="Undo")).to_be_visible()

    comments_of(decision).press_sequentially(" And more.")
    expect(decision.locator("#preview")).to_contain_text("Closed by Alice")
    expect(comments_of(decision)).to_be_focused()
    decision.locator("footer").get_by_role("button", name="Close request").click()
    expect(decision.get_by_role("heading", name="Somebody else was first")).to_be_visible()
    expect(decision).to_be_focused()
    expect(decision).to_contain_text("Closed by Alice")
    expect(decision.locator("#typed")).to_have_text(f"{LONG_ENOUGH} And more.")
    decision.get_by_role("button", name="Copy").click()
    expect(ben.locator("#live")).to_have_text("Copied")
    assert ben.evaluate("navigator.clipboard.readText()") == f"{LONG_ENOUGH} And more."
    decision.get_by_role("link", name="Go on").click()
    expect(ben.locator(identity)).to_have_count(0)
