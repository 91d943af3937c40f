"""Every page of the running demo that a person can open, and who opens it."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from playwright.sync_api import Page

from returns.templatetags.guides import GUIDES
from tests.browser.people import come_in, find_mail, read_mail, sign_in

LIST = "/seller/returns/"


@dataclass(frozen=True)
class Shown:
    """A page: a name for a file, its address, and whether Alice, a buyer, Root or nobody opens it."""

    name: str
    url: str
    who: str = "alice"


def first_reference(page: Page, query: str, holding: str = "h2") -> str:
    """The reference of the first request that the list shows with `query` and that has `holding` in its row."""
    page.goto(f"{LIST}?{query}")
    identity = page.locator(".row", has=page.locator(holding)).first.get_attribute("id") or ""
    return identity.removeprefix("row-")


def sign_in_as_buyer(page: Page, recipient: str, subject: str) -> str:
    """Open the link of the mail `subject`, then the one with the code; answers the request's page.

    The window is signed in as a member, too: that is who may read the demo's Mailbox.
    """
    before = find_mail(page, "Your code", recipient)
    letter = read_mail(page, subject, recipient)
    page.goto(re.search(r"https?://\S+/my/returns/[\w-]+/", letter.text)[0])
    door = page.url
    page.get_by_role("button", name="Send me a code").click()
    page.wait_for_url("**/code/")
    code = read_mail(page, "Your code", recipient, newer_than=before)
    page.goto(re.search(r"https?://\S+/my/link/\S+", code.text)[0])
    page.get_by_role("button", name="Open my request").click()
    page.wait_for_url(door)
    return "/" + door.split("/", 3)[3]


def ask_up_to_the_check(page: Page, order: str) -> list[str]:
    """The three steps of asking for a return of the first unit that an order has left, up to the last button.

    `order`: the address of the order's page, a seller's or a buyer's, in the window `page`.
    """
    page.goto(order)
    page.locator("main a[href$='/ask/']").click()
    steps = [page.url]
    unit = page.locator(".thing select, .thing input").first
    if unit.evaluate("it => it.tagName") == "SELECT":
        unit.select_option("1")
    else:
        unit.check()
    page.locator("main form button.primary").click()
    page.wait_for_url(re.compile(r"/ask/(\d+|check)/$"))
    if not page.url.endswith("/check/"):
        steps.append(page.url)
        page.locator("[name=reason][value=CR-DEFECTIVE]").check()
        page.locator("[name=comment]").fill("It does not switch on.")
        page.locator("main form button.primary").last.click()
        page.wait_for_url("**/ask/check/")
    return ["/" + step.split("/", 3)[3] for step in [*steps, page.url]]


def choose_many(page: Page) -> str:
    """The preview of closing the first three of the list together."""
    page.goto(LIST)
    for number in range(3):
        page.locator(".pick").nth(number).check()
    page.locator(".bulk-bar button.closes").click()
    page.wait_for_url("**/bulk/*/")
    return "/" + page.url.split("/", 3)[3]


def all_pages(page: Page) -> list[Shown]:
    """The pages, found as Alice finds them in the window `page`, which is then signed in as Alice."""
    sign_in(page, "alice@demo.test")
    closable = first_reference(page, "in_policy=not_in_policy", "form.closing")
    authorized = first_reference(page, "status=authorized", "a[href$='/receive/']")
    due = first_reference(page, "status=refund_due", "a[href$='/refund/']")
    closed = first_reference(page, "status=closed", "a[href$='/reopen/']")
    page.goto("/mailbox/")
    mail = page.locator(".mails a").first.get_attribute("href") or ""
    page.goto("/seller/settings/comments/")
    saved = page.locator(".thing a").first.get_attribute("href") or ""
    page.goto("/seller/settings/")
    address = page.locator("a[href*='/addresses/']").first.get_attribute("href") or ""
    page.goto("/seller/imports/")
    file = page.locator(".mails a").first.get_attribute("href") or ""
    page.goto("/seller/orders/")
    free = page.locator(".mails li", has_not_text="under return").locator("a[href^='/seller/orders/']")
    order = free.first.get_attribute("href") or ""
    asked = ask_up_to_the_check(page, order)
    many = choose_many(page)
    several = first_reference(page, "", "a[href*='/split/']")
    page.goto("/seller/orders/?q=Renaud")
    page.locator(".mails a[href^='/seller/orders/']").first.click()
    declared = page.locator("a[href$='/withdraw/']").get_attribute("href") or ""
    page.goto("/seller/payouts/")
    payout = page.locator("main a[href^='/seller/payouts/']").first.get_attribute("href") or ""
    offered = first_reference(page, "", "a[href*='/offer/?']")
    prepaid = first_reference(page, "prepaid=yes")
    waiting = first_reference(page, "", "form[action$='/authorize/']")
    return [
        Shown("home", "/", "nobody"),
        Shown("sign-in", "/accounts/login/", "nobody"),
        Shown("password-reset", "/accounts/password/reset/", "nobody"),
        Shown("not-found", "/nothing/here/", "nobody"),
        Shown("buyer-door", f"/my/returns/{closable}/", "nobody"),
        Shown("buyer-code", f"/my/returns/{closable}/code/", "nobody"),
        Shown("buyer-find", "/my/", "nobody"),
        Shown("buyer-order-code", "/my/code/", "nobody"),
        Shown("list", LIST),
        Shown("orders", "/seller/orders/"),
        Shown("orders-nothing-matches", "/seller/orders/?q=zebra"),
        Shown("order", order),
        Shown("concession", f"{order}concession/"),
        *(Shown(f"ask-{number}", step) for number, step in enumerate(asked, 1)),
        Shown("list-all", f"{LIST}?status=all&q=e&sort=created"),
        Shown("list-authorized", f"{LIST}?status=authorized"),
        Shown("list-refund-due", f"{LIST}?status=refund_due"),
        Shown("list-completed", f"{LIST}?status=completed"),
        Shown("list-closed", f"{LIST}?status=closed"),
        Shown("list-nothing-matches", f"{LIST}?q=zebra"),
        Shown("return", f"{LIST}{closable}/"),
        Shown("return-prepaid", f"{LIST}{prepaid}/"),
        Shown("return-closed", f"{LIST}{closed}/"),
        Shown("authorize", f"{LIST}{waiting}/authorize/"),
        Shown("close", f"{LIST}{closable}/close/?reason=outside_return_window"),
        Shown("write", f"{LIST}{closable}/write/"),
        Shown("split", f"{LIST}{several}/split/"),
        Shown("offer", f"{LIST}{offered}/offer/"),
        Shown("payouts", "/seller/payouts/"),
        Shown("payout", payout),
        Shown("record-withdrawal", declared),
        Shown("bulk", many),
        Shown("bulk-runs", f"{LIST}bulk/"),
        Shown("assign", f"{LIST}{closable}/assign/"),
        Shown("list-mine", f"{LIST}?assignee=me"),
        Shown("receive", f"{LIST}{authorized}/receive/"),
        Shown("slip", f"{LIST}{authorized}/slip/"),
        Shown("refund", f"{LIST}{due}/refund/"),
        Shown("complete", f"{LIST}{authorized}/complete/"),
        Shown("reopen", f"{LIST}{closed}/reopen/"),
        Shown("overview", "/seller/"),
        Shown("help", "/seller/help/"),
        *(Shown(f"help-{slug}", f"/seller/help/{slug}/") for slug in GUIDES),
        Shown("imports", "/seller/imports/"),
        Shown("import", file),
        Shown("exports", "/seller/exports/?status=all"),
        Shown("settings", "/seller/settings/"),
        Shown("rules", "/seller/rules/"),
        Shown("rule", "/seller/rules/returnless/"),
        Shown("sku-overrides", "/seller/rules/skus/"),
        Shown("return-costs", "/seller/settings/return-costs/"),
        Shown("saved-comments", "/seller/settings/comments/"),
        Shown("saved-comment", saved),
        Shown("address", address),
        Shown("profile", "/accounts/profile/"),
        Shown("e-mails", "/accounts/notifications/"),
        Shown("change-password", "/accounts/password/change/"),
        Shown("second-factor", "/accounts/2fa/"),
        Shown("sign-out", "/accounts/logout/"),
        Shown("mailbox", "/mailbox/"),
        Shown("mail", mail),
    ]


def buyers_pages(page: Page) -> list[Shown]:
    """The page of a buyer who was let in, in the window `page`, and those that it leads to."""
    own = sign_in_as_buyer(page, "dora@demo.test", "We have your return request: order 114-")
    steps = [link.get_attribute("href") or "" for link in page.locator(f"main a[href^='{own}']").all()]
    order = page.locator("main a[href^='/my/orders/']").first.get_attribute("href") or ""
    return [
        Shown("buyer", own, "buyer"),
        Shown("buyer-order", order, "buyer"),
        Shown("buyer-not-arrived", f"{order}not-arrived/", "buyer"),
        *(Shown(f"buyer-{step.removeprefix(own).strip('/')}", step, "buyer") for step in steps),
    ]


def admins_pages(page: Page) -> list[Shown]:
    """The administration, in the window `page`, which is then signed in as Root: for each table its list, its
    first row, that row's history, and the form of a new one."""
    # Needs Django to be set up, which a walk through a running desk does not.
    from returns.admin import site

    come_in(page, "root@demo.test", "/admin/")
    shown = [Shown("admin", "/admin/", "root"), Shown("admin-returns", "/admin/returns/", "root")]
    for model in site._registry:
        name = model._meta.model_name
        table = f"/admin/{model._meta.app_label}/{name}/"
        page.goto(table)
        # The marketplace's settings are one row, which its list leads to.
        first = page.locator("#result_list tbody a[href$='/change/']").first
        one = urlsplit(page.url).path if page.url.endswith("/change/") else first.get_attribute("href") or ""
        shown += [
            Shown(f"admin-{name}-list", table, "root"),
            Shown(f"admin-{name}", one, "root"),
            Shown(f"admin-{name}-history", one.replace("/change/", "/history/"), "root"),
        ]
        if page.locator("a.addlink").count():
            shown.append(Shown(f"admin-{name}-add", f"{table}add/", "root"))
    page.goto("/admin/returns/returnrequest/?escalated=1")
    page.locator("#result_list tbody th a").first.click()
    uphold = page.locator(".object-tools a[href*='/uphold/']").get_attribute("href") or ""
    return [*shown, Shown("admin-uphold", uphold, "root")]
