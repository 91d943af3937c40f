"""The ways that people go, from the first page to the mail that somebody reads."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from returns_portal.run import ROOT
from tests.browser.conftest import Open
from tests.browser.people import (
    CHINESE,
    ENGLISH,
    PASSWORD,
    Letter,
    Words,
    a_row,
    close,
    find_mail,
    go_the_help_pages_way,
    order_of,
    read_mail,
    sign_in,
)
from tests.faults.test_run import Desk
from tests.services import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SAMPLES = ROOT / "tests" / "samples"
COMMENTS = "We talked on the phone on Monday & found a way: <keep> it.\nThank you — 谢谢!"


@pytest.fixture
def alice(open_browser: Open) -> Page:
    page = open_browser()
    sign_in(page, "alice@demo.test")
    return page


@pytest.mark.parametrize("words", [ENGLISH, CHINESE], ids=["en", "zh-hans"])
@pytest.mark.parametrize("is_scripted", [True, False], ids=["scripted", "unscripted"])
def test_close_the_help_pages_way_and_read_what_the_buyer_got(
    open_browser: Open, words: Words, is_scripted: bool
) -> None:
    page = open_browser(java_script_enabled=is_scripted)
    sign_in(page, "alice@demo.test", words)
    go_the_help_pages_way(page, words)
    row = a_row(page)
    order = order_of(row)
    planned = close(page, row, words, COMMENTS, is_scripted=is_scripted)
    if is_scripted:
        expect(row.get_by_role("button", name=words.undo)).to_be_visible()
        expect(page.locator("#live")).to_contain_text(order)
        expect(page.locator("#toast")).to_contain_text(order)
        expect(waiting_after(page, row)).to_be_focused()
    else:
        expect(
            page.locator("#held form", has_text=order).get_by_role("button", name=words.undo)
        ).to_be_visible()
    assert COMMENTS in planned.text
    assert order in planned.subject

    def found() -> Letter | None:
        """The order may have been told of a closing before, in other words."""
        mail = read_mail(page, planned.subject)
        return mail if COMMENTS in mail.text else None

    sent = wait_until(found, 60, "the mail of this closing")
    # The message names the minute of the decision, and the preview that of its own.
    assert (sent.subject, timeless(sent.text)) == (planned.subject, timeless(planned.text))


def timeless(text: str) -> str:
    return re.sub(r"\d{1,2}:\d\d", "", text)


def test_authorize_one_and_close_it_as_the_buyer(alice: Page, open_browser: Open) -> None:
    go_the_help_pages_way(alice, ENGLISH)
    row = a_row(alice)
    order = order_of(row)
    row.get_by_role("button", name="Authorize request").click()
    decision = alice.locator("#decision")
    expect(decision.locator(".letter")).to_contain_text(order)
    decision.locator("footer").get_by_role("button", name="Authorize request").click()
    expect(row.get_by_role("button", name="Undo")).to_be_visible()
    read_mail(alice, f"Your return is authorized: order {order}")

    buyer = let_in(open_browser, f"Your return is authorized: order {order}")
    expect(buyer.get_by_role("heading", name="Sending it back")).to_be_visible()
    buyer.get_by_role("link", name="Close my request").click()
    buyer.get_by_label("The problem is solved").check()
    buyer.get_by_label("Your comment").fill("It works after all.")
    buyer.get_by_role("button", name="Close my request").click()
    expect(buyer.get_by_role("heading", name="You closed this request")).to_be_visible()

    told = read_mail(alice, f"The buyer closed a return request: order {order}", "ben@demo.test")
    assert "The problem is solved" in told.text
    assert "It works after all." in told.text
    read_mail(alice, f"Your return request was closed: order {order}")


def test_undo_inside_the_hold_and_nobody_is_told(alice: Page) -> None:
    go_the_help_pages_way(alice, ENGLISH)
    row = a_row(alice)
    order = order_of(row)
    undone = close(alice, row, ENGLISH, COMMENTS)
    row.get_by_role("button", name="Undo").click()
    expect(row.get_by_role("button", name="Close request")).to_be_visible()
    # Another request of the order may have been told of before, under the same subject.
    before = find_mail(alice, undone.subject)
    go_the_help_pages_way(alice, ENGLISH)
    later = a_row(alice, besides=order)
    told = close(alice, later, ENGLISH, COMMENTS)
    assert undone.subject != told.subject
    read_mail(alice, told.subject)
    # What was decided after it has come: had it not been taken back, it would have come before.
    assert find_mail(alice, undone.subject) == before
    alice.goto("/seller/returns/?status=all&q=" + order)
    expect(row).to_contain_text("Authorization Required")


def test_undo_without_javascript(open_browser: Open) -> None:
    page = open_browser(java_script_enabled=False)
    sign_in(page, "ben@demo.test")
    go_the_help_pages_way(page, ENGLISH)
    row = a_row(page)
    order = order_of(row)
    close(page, row, ENGLISH, COMMENTS, is_scripted=False)
    page.locator("#held form", has_text=order).get_by_role("button", name="Undo").click()
    expect(page.locator("#notices")).to_contain_text("Undone. Nobody was told.")
    expect(row.get_by_role("button", name="Close request")).to_be_visible()


def let_in(open_browser: Open, subject: str, recipient: str = "", *, by_code: bool = False) -> Page:
    """A buyer opens the link of a mail, asks for a code and comes in by it, or by the link beside it."""
    page = open_browser(viewport={"width": 390, "height": 844})
    sign_in(page, "ben@demo.test")
    before = find_mail(page, "Your code", recipient)
    first = read_mail(page, subject, recipient)
    page.goto(re.search(r"https?://\S+/my/returns/[\w-]+/", first.text)[0])
    door = page.url
    expect(page.locator("main")).not_to_contain_text(re.search(r"\d{3}-\d{7}-\d{7}", subject)[0])
    page.get_by_role("button", name="Send me a code").click()
    page.wait_for_url("**/code/")
    waiting = page.url
    code = read_mail(page, "Your code", recipient, newer_than=before)
    if by_code:
        typed = re.search(r"Your code: ([0-9A-Z]{8})", code.text)[1]
        page.goto(waiting)
        page.get_by_label("Code").fill(typed)
        page.get_by_role("button", name="Go on").click()
    else:
        page.goto(re.search(r"https?://\S+/my/link/\S+", code.text)[0])
        assert page.url.endswith("/my/link/")
        page.get_by_role("button", name="Open my request").click()
    page.wait_for_url(door)
    return page


def test_keep_the_item_with_the_code_from_the_mail(open_browser: Open, alice: Page) -> None:
    asked = read_mail(alice, "We have your return request: order 114-", "dora@demo.test")
    page = let_in(open_browser, asked.subject, "dora@demo.test", by_code=True)
    expect(page.get_by_role("link", name="Close my request")).to_have_count(0)
    page.get_by_role("link", name="Keep the item").click()
    page.get_by_role("button", name="Keep the item").click()
    expect(page.get_by_role("heading", name="You keep the item")).to_be_visible()
    read_mail(
        page,
        asked.subject.replace("We have your return request", "The buyer keeps the item"),
        "alice@demo.test",
    )


def waiting_after(page: Page, row: Locator) -> Locator:
    """The heading of the next request below `row` that can be authorized."""
    return page.locator(
        f"li:has(#{row.get_attribute('id')}) ~ li .row:has(form[action$='/authorize/']) h2"
    ).first


def tab_to(page: Page, target: Locator, at_most: int = 150, key: str = "Tab") -> None:
    """Press Tab (or `key`) until `target` has the focus."""
    for _ in range(at_most):
        page.keyboard.press(key)
        if target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{target} is not reached with the keyboard")


def test_close_with_the_keyboard_alone(alice: Page) -> None:
    row = a_row(alice)
    tab_to(alice, row.get_by_label("Return reason"))
    alice.keyboard.type("Other")
    alice.keyboard.press("Tab")
    alice.keyboard.press("Enter")
    decision = alice.locator("#decision")
    expect(decision.get_by_label("Return reason")).to_have_value("other")
    expect(decision.get_by_label("Comments to the buyer")).to_be_focused()
    alice.keyboard.type("Closed without ever touching a mouse.")
    tab_to(alice, decision.locator("footer").get_by_role("button", name="Close request"))
    alice.keyboard.press("Enter")
    expect(row.get_by_role("button", name="Undo")).to_be_visible()
    expect(waiting_after(alice, row)).to_be_focused()
    tab_to(alice, row.get_by_role("button", name="Undo"), at_most=8, key="Shift+Tab")
    alice.keyboard.press("Enter")
    expect(row.get_by_label("Return reason")).to_be_visible()
    expect(row.locator("h2")).to_be_focused()
    expect(alice.locator("#toast form")).to_have_count(0)


def test_single_keys_lead_through_the_list(alice: Page) -> None:
    alice.keyboard.press("/")
    expect(alice.get_by_role("searchbox")).to_be_focused()
    alice.keyboard.type("?j")
    expect(alice.get_by_role("searchbox")).to_have_value("?j")
    alice.keyboard.press("Tab")
    rows = alice.locator(".row h2")
    for key, place in (("j", 0), ("j", 1), ("j", 2), ("k", 1)):
        alice.keyboard.press(key)
        expect(rows.nth(place)).to_be_focused()
    row = alice.locator(".row", has=alice.locator("form[action$='/close/']")).first
    row.locator("h2").focus()
    alice.keyboard.press("c")
    expect(row.get_by_label("Return reason")).to_be_focused()
    alice.keyboard.press("a")  # inside a field a letter is a letter
    expect(alice.locator("dialog[open]")).to_have_count(0)
    row.locator("h2").focus()
    alice.keyboard.press("a")
    expect(alice.locator("#decision")).to_be_visible()
    alice.locator("#decision footer").get_by_role("button", name="Authorize request").click()
    expect(alice.locator("#toast form")).to_be_visible()
    alice.keyboard.press("u")
    expect(alice.locator("#toast form")).to_have_count(0)
    expect(row.locator("form[action$='/authorize/']")).to_be_visible()
    alice.keyboard.press("?")
    sheet = alice.get_by_role("dialog", name="Keyboard")
    sheet.get_by_label("Single keys act on the list").uncheck()
    sheet.get_by_role("button", name="Back to the list").click()
    row.locator("h2").focus()
    alice.keyboard.press("j")
    expect(row.locator("h2")).to_be_focused()
    alice.get_by_role("button", name="Keyboard").click()
    expect(sheet.get_by_label("Single keys act on the list")).not_to_be_checked()
    sheet.get_by_label("Single keys act on the list").check()


def test_escape_leaves_a_decision_and_the_list_as_it_was(alice: Page) -> None:
    row = a_row(alice)
    row.get_by_label("Return reason").select_option("other")
    row.get_by_role("button", name="Close request").click()
    expect(alice.locator("dialog[open]")).to_be_visible()
    alice.keyboard.press("Escape")
    expect(alice.locator("dialog[open]")).to_have_count(0)
    expect(row.get_by_label("Return reason")).to_have_value("other")


def test_files_read_from_the_command_line_are_a_queue_at_once(tmp_path: Path, open_browser: Open) -> None:
    with Desk(tmp_path / "data", "--no-demo") as desk:
        desk.wait_until_announced()
        desk.manage(
            "shell",
            "-c",
            "from returns.models import *\n"
            "seller = Seller.objects.create(slug='own-shop', name='Own Shop')\n"
            f"user = User.objects.create_user('olga@own.example', '{PASSWORD}', name='Olga')\n"
            "Membership.objects.create(user=user, seller=seller, role='owner')",
        )
        desk.manage("import_orders", str(SAMPLES / "orders_report.tsv"), "--seller", "own-shop")
        said = desk.manage("import_returns", str(SAMPLES / "returns_report_us.tsv"), "--seller", "own-shop")
        assert re.search(r"^new [1-9]\d* · changed 0 · .*refused 0$", said, re.MULTILINE)
        page = open_browser(base_url=f"http://localhost:{desk.port}")
        sign_in(page, "olga@own.example")
        page.goto("/seller/returns/?status=all")
        expect(page.locator(".row", has_text="From a marketplace's file").first).to_be_visible()
        again = desk.manage("import_returns", str(SAMPLES / "returns_report_us.tsv"), "--seller", "own-shop")
        assert re.search(r"^new 0 · changed 0 · ", again, re.MULTILINE)
