"""An offer, from the seller's list to the buyer's phone, where it is accepted."""

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
    previewed,
    read_mail,
    sign_in,
    speak,
)
from tests.browser.test_following import fits
from tests.browser.test_journeys import let_in

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

ADVISED = "Offer to let the buyer keep it"
WORDS = "Sending it back costs more than it is worth: please keep it."

BUYERS_WORDS = {
    "en": {
        "offered": "The seller makes you an offer",
        "see": "See the offer and answer",
        "gist": "You keep the item and get a full refund of",
        "accept": "Accept the offer",
        "for good": "This cannot be taken back.",
        "accepted": "You accepted the offer",
    },
    "zh-hans": {
        "offered": "卖家向您提出方案",
        "see": "查看方案并答复",
        "gist": "您可保留商品，并获得全额退款",
        "accept": "接受方案",
        "for good": "此操作无法撤销。",
        "accepted": "您已接受方案",
    },
}


def make_an_offer(alice: Page, *, is_scripted: bool, is_advised: bool) -> tuple[str, str]:
    """Alice offers to let the buyer of a row keep the item; its mail, and the address of her page of it."""
    go_the_help_pages_way(alice, ENGLISH)
    if is_advised:
        advised = alice.locator(".row", has=alice.get_by_role("link", name=ADVISED)).first
        row = alice.locator(f"[id='{advised.get_attribute('id')}']")
    else:
        row = a_row(alice, offering="Make an offer")
    request = (row.locator("h2 a").get_attribute("href") or "").partition("#")[0]
    if is_advised:
        row.get_by_role("link", name=ADVISED).click()
        expect(alice.get_by_label("Keep the item, full refund")).to_be_checked()
    elif is_scripted:
        row.get_by_role("link", name="Make an offer").click()
    else:
        alice.goto(request)
        alice.get_by_role("link", name="Make an offer").click()
    decision = alice.locator("#decision")
    expect(decision.get_by_role("heading", level=1, name="Make an offer")).to_be_visible()
    decision.get_by_label("Keep the item, full refund").check()
    decision.get_by_label("Comments to the buyer").fill(WORDS)
    if not is_scripted:
        decision.locator("button[name=preview]").click()
    expect(decision.locator(".letter")).to_contain_text(WORDS)
    expect(decision.locator(".letter")).to_contain_text("get a full refund of")
    subject = previewed(decision).subject
    decision.get_by_role("button", name="Make the offer").click()
    if is_scripted:
        expect(row).to_contain_text("Offer open until")
        expect(alice.locator("#live")).to_contain_text("The offer is made and the buyer is told.")
    else:
        expect(alice.locator("#notices")).to_contain_text("The offer is made and the buyer is told.")
    return subject, request


@pytest.mark.parametrize(
    ("words", "is_scripted", "is_advised"),
    [(ENGLISH, True, True), (CHINESE, True, False), (ENGLISH, False, False)],
    ids=["en", "zh-hans", "unscripted"],
)
def test_a_keep_offer_is_made_and_accepted_on_a_phone(
    open_browser: Open, words: Words, is_scripted: bool, is_advised: bool
) -> None:
    alice = open_browser(java_script_enabled=is_scripted)
    sign_in(alice, "alice@demo.test")
    subject, request = make_an_offer(alice, is_scripted=is_scripted, is_advised=is_advised)
    assert WORDS in read_mail(alice, subject).text

    on_a_phone = partial(open_browser, java_script_enabled=is_scripted)
    buyer = let_in(on_a_phone, subject)
    said = BUYERS_WORDS[words.language]
    speak(buyer, words)
    buyer.set_viewport_size({"width": 390, "height": 844})
    expect(buyer.get_by_role("heading", name=said["offered"])).to_be_visible()
    expect(buyer.get_by_text(WORDS).first).to_be_visible()
    assert fits(buyer)
    buyer.get_by_role("link", name=said["see"]).click()
    expect(buyer.get_by_text(said["gist"])).to_be_visible()
    for width in (390, 320):
        buyer.set_viewport_size({"width": width, "height": 844})
        assert fits(buyer)
    buyer.get_by_role("link", name=said["accept"]).click()
    expect(buyer.get_by_text(said["for good"])).to_be_visible()
    assert fits(buyer)
    buyer.get_by_role("button", name=said["accept"]).click()
    expect(buyer.get_by_role("heading", name=said["accepted"])).to_be_visible()
    assert fits(buyer)

    told = read_mail(alice, "The buyer accepts your offer", "alice@demo.test")
    assert "Please make sure that the refund is paid." in told.text
    alice.goto(request)
    expect(alice.get_by_text("Offer accepted")).to_be_visible()
    expect(alice.get_by_text("Refunded without return").first).to_be_visible()
