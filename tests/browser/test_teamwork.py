"""Two members at one queue: who decides just now, whose a request is, and what they note for each other."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.pages import LIST
from tests.browser.people import a_row, sign_in
from tests.browser.test_pages import violations

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_two_members_see_what_the_other_does_and_decide_all_the_same(open_browser: Open) -> None:
    alice, ben = open_browser(), open_browser()
    sign_in(alice, "alice@demo.test")
    sign_in(ben, "ben@demo.test")
    alice.goto(LIST)
    identity = a_row(alice).get_attribute("id")
    address = f"{LIST}{identity.removeprefix('row-')}/"
    row = alice.locator(f"[id='{identity}']")
    ben.goto(f"{address}close/")
    alice.reload()
    expect(row).to_contain_text("Ben is deciding this")
    row.get_by_role("link", name="Assign", exact=True).click()
    dialog = alice.get_by_role("dialog", name="Assign request")
    expect(dialog.get_by_label("Assigned to")).to_be_focused()
    assert violations(alice) == []
    dialog.get_by_label("Assigned to").select_option("Ben")
    dialog.get_by_role("button", name="Assign", exact=True).click()
    expect(row).to_contain_text("Assigned to Ben")
    expect(dialog).to_be_hidden()
    expect(row.locator("h2")).to_be_focused()
    alice.goto(address)
    alice.get_by_label("New note").fill("She called: she wants the blue one.")
    alice.get_by_role("button", name="Keep note").click()
    ben.goto(address)
    expect(ben.locator("#notes")).to_contain_text("She called: she wants the blue one.")
    expect(ben.get_by_role("button", name="Remove note")).to_have_count(0)
    alice.get_by_role("button", name="Remove note").click()
    expect(alice.locator("#notes")).to_contain_text("No note yet.")


def test_a_request_is_assigned_without_a_script(open_browser: Open) -> None:
    page = open_browser(java_script_enabled=False)
    sign_in(page, "alice@demo.test")
    page.goto(f"{LIST}?sort=created")
    page.get_by_role("link", name="Assign", exact=True).first.click()
    page.get_by_label("Assigned to").select_option("Alice (me)")
    page.locator("#decision").get_by_role("button", name="Assign", exact=True).click()
    expect(page.locator("#notices")).to_contain_text("Assigned to Alice.")
    assert page.url.endswith(f"{LIST}?sort=created")
