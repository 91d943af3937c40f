"""What people do at the desk, in the words that they read there."""

import re
from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

from tests.services import wait_until

PASSWORD = "returns-demo"


@dataclass(frozen=True)
class Words:
    """The agreed words of interface.md §2, and the language's code."""

    language: str
    orders: str
    returns: str
    waiting: str
    authorize: str
    reason: str
    close: str
    comments: str
    undo: str
    mailbox: str


ENGLISH = Words(
    "en",
    "Orders",
    "Manage Seller Fulfilled Returns",
    "Authorization Required",
    "Authorize request",
    "Return reason",
    "Close request",
    "Comments to the buyer",
    "Undo",
    "Mailbox",
)
CHINESE = Words(
    "zh-hans",
    "订单",
    "管理卖家自配送退货",
    "需要批准",
    "批准请求",
    "退货原因",
    "关闭请求",
    "给买家的备注",
    "撤销",
    "邮箱",
)


@dataclass(frozen=True)
class Letter:
    """A mail, or what a preview says it will be."""

    subject: str
    text: str


def sign_in(page: Page, email: str, words: Words = ENGLISH) -> None:
    come_in(page, email, "/seller/returns/")
    speak(page, words)


def come_in(page: Page, email: str, leads_to: str) -> None:
    """By the front door with the password alone, which leads to an address that holds `leads_to`."""
    page.goto("/")
    page.locator("main a[href='/accounts/login/']").first.click()
    page.locator("input[name=login]").fill(email)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button.primary").first.click()
    page.wait_for_url(f"**{leads_to}**")


def speak(page: Page, words: Words) -> None:
    button = page.locator(f"button[name=language][value={words.language}]")
    if button.get_attribute("aria-pressed") != "true":
        button.click()
    expect(page.locator(f"html[lang={words.language}]")).to_have_count(1)


def go_the_help_pages_way(page: Page, words: Words) -> None:
    """Menu Orders → Manage Seller Fulfilled Returns → tab Authorization Required."""
    page.locator("nav summary", has_text=words.orders).click()
    page.locator("nav").get_by_role("link", name=words.returns).click()
    expect(page.get_by_role("heading", level=1, name=words.returns)).to_be_visible()
    page.locator(".tabs").get_by_role("link", name=re.compile(f"^{words.waiting} \\d+$")).click()
    expect(page.locator(".tabs a[aria-current=page]")).to_contain_text(words.waiting)


def a_row(page: Page, *, besides: str = "", offering: str = "") -> Locator:
    """The row of a request made here that may be authorized and closed with any reason.

    On an English page it is one whose buyer is written to in English: the others carry a badge. `besides` is an
    order whose rows are not meant; `offering` names a link that the row must have.
    """
    closable = page.locator(".row", has=page.locator("form.closing option[value=other]:not([disabled])"))
    ours = closable.filter(has_not_text=re.compile("From a marketplace's file|来自平台文件"))
    ours = ours.filter(has_not=page.locator(".badge", has_text="中文"))
    meant = ours.filter(has=page.locator("form[action$='/authorize/']"))
    if offering:
        meant = meant.filter(has=page.get_by_role("link", name=offering))
    if besides:
        meant = meant.filter(has_not_text=besides)
    return page.locator(f"[id='{meant.first.get_attribute('id')}']")


def order_of(row: Locator) -> str:
    found = re.search(r"\d{3}-\d{7}-\d{7}", row.locator(".decide").get_attribute("aria-label") or "")
    assert found
    return found[0]


def close(page: Page, row: Locator, words: Words, comments: str, *, is_scripted: bool = True) -> Letter:
    """Pick the Return reason on the row → Close request → Comments to the buyer → confirm; answers the preview."""
    row.get_by_label(words.reason).select_option("other")
    row.get_by_role("button", name=words.close).click()
    decision = page.locator("#decision")
    expect(decision.get_by_role("heading", level=1, name=words.close)).to_be_visible()
    expect(decision.get_by_label(words.reason)).to_have_value("other")
    decision.get_by_label(words.comments).fill(comments)
    if not is_scripted:
        decision.locator("button[name=preview][value='1']").click()
    expect(decision.locator(".letter")).to_contain_text(comments)
    letter = previewed(decision)
    decision.locator("footer").get_by_role("button", name=words.close).click()
    return letter


def previewed(decision: Locator) -> Letter:
    subject = decision.locator(".letter .subject").text_content() or ""
    whole = decision.locator(".letter").text_content() or ""
    return Letter(subject, whole.removeprefix(subject).strip())


def find_mail(page: Page, subject: str, recipient: str = "") -> str:
    """The address of the newest mail in the Mailbox whose subject has `subject`, or ""."""
    page.goto("/mailbox/")
    while True:
        link = page.locator(".mails li", has_text=recipient).get_by_role("link", name=subject)
        if link.count():
            return link.first.get_attribute("href") or ""
        older = page.locator("#more a")
        if not older.count():
            return ""
        page.goto(f"/mailbox/{older.get_attribute('href').partition('/mailbox/')[2]}")


def read_mail(page: Page, subject: str, recipient: str = "", *, newer_than: str = "") -> Letter:
    """Wait for a mail in the Mailbox, another one than at the address `newer_than`, and open it."""

    def found() -> str:
        address = find_mail(page, subject, recipient)
        return "" if address == newer_than else address

    page.goto(wait_until(found, 60, f"a mail: {subject}"))
    text = page.locator("p.pre").text_content() or ""
    return Letter(page.locator("h1").text_content() or "", text.strip())
