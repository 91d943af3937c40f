"""Authorize in the dialog with a label of one's own, and print what goes with the parcel."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.pages import LIST
from tests.browser.people import CHINESE, ENGLISH, Words, a_row, sign_in
from tests.label_files import PDF, UPS

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.mark.parametrize("words", [ENGLISH, CHINESE], ids=["en", "zh-hans"])
@pytest.mark.parametrize("is_scripted", [True, False], ids=["dialog", "without-scripts"])
def test_a_label_goes_through_the_form_and_the_slip_fits_one_sheet(
    open_browser: Open, words: Words, is_scripted: bool
) -> None:
    page = open_browser(locale=words.language, java_script_enabled=is_scripted)
    sign_in(page, "alice@demo.test", words)
    page.goto(LIST)
    row = a_row(page)
    reference = (row.get_attribute("id") or "").removeprefix("row-")
    row.get_by_role("button", name=words.authorize).click()
    decision = page.locator("#decision")
    own = decision.locator("[data-for=own]")
    expect(own).not_to_be_visible()
    decision.locator("input[name=label_kind][value=own]").check()
    expect(own).to_be_visible()
    own.locator("[name=label_file]").set_input_files(
        {"name": "label.pdf", "mimeType": "application/pdf", "buffer": PDF}
    )
    own.locator("[name=carrier]").fill("UPS")
    own.locator("[name=tracking_number]").fill(UPS)
    decision.locator("button[name=preview]").click()
    expect(decision.locator(".letter")).to_contain_text(UPS)
    expect(own).to_contain_text("label.pdf")
    decision.locator("footer").get_by_role("button", name=words.authorize).click()
    expect(page.locator(f"[id='row-{reference}'] form[action$='/authorize/']")).to_have_count(0)
    page.goto(f"{LIST}{reference}/")
    expect(page.locator("main")).to_contain_text(UPS)
    page.goto(f"{LIST}{reference}/slip/")
    for paper, size in (("A4", rb"594.\d+ 841.\d+|595.\d+ 842.\d+|595 842"), ("Letter", rb"612 792")):
        printed = page.pdf(format=paper)
        assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
        assert re.search(rb"/MediaBox \[0 0 (" + size + rb")\]", printed)
