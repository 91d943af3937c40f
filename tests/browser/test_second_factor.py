"""A second factor, set up and shown in the browser: a passkey in a virtual key of Chromium's, and an app."""

import time
from collections.abc import Iterator

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.people import PASSWORD, come_in, read_mail, sign_in
from tests.faults.test_run import Desk
from tests.services import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

ADMINS = ("root@own.example", "rita@own.example")


@pytest.fixture(scope="module")
def own_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a desk that is no demo, with two admins who have no second factor yet."""
    with Desk(tmp_path_factory.mktemp("own") / "data", "--no-demo") as desk:
        desk.wait_until_announced()
        for email in ADMINS:
            made = f"User.objects.create_superuser('{email}', '{PASSWORD}', name='Root')"
            desk.manage("shell", "-c", f"from returns.models import User\n{made}")
        yield f"http://localhost:{desk.port}"


def plug_in_a_key(page: Page, *, owner_is_there: bool = True) -> None:
    """A device that keeps passkeys and knows its owner, whose touch it takes by itself."""
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    devices.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": owner_is_there,
                "automaticPresenceSimulation": True,
            }
        },
    )


def add_passkey(page: Page) -> None:
    """From the page *Second factor* on, to the recovery codes."""
    page.get_by_role("link", name="Add a key").click()
    confirm_password(page)
    page.get_by_label("Passwordless").check()
    page.get_by_role("button", name="Add the key").click()
    expect(page.get_by_role("heading", level=1, name="Recovery codes")).to_be_visible()


def confirm_password(page: Page) -> None:
    """Where the sign-in is too long ago for a change of this kind."""
    if page.url.partition("?")[0].endswith("/reauthenticate/"):
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()


def sign_out(page: Page) -> None:
    page.goto("/accounts/logout/")
    page.locator("main").get_by_role("button", name="Sign out").click()
    page.goto("/accounts/login/")


def sign_in_with_passkey(page: Page) -> None:
    page.get_by_role("button", name="Sign in with a passkey").click()


def open_second_factor(page: Page) -> None:
    page.locator("header summary", has_text="Carol").click()
    page.get_by_role("link", name="Second factor").click()


def shown_by_the_app(secret: str) -> str:
    """The code of an authenticator app, at a time when it does not change before it is sent."""
    wait_until(lambda: time.time() % 30 < 20, 30, "a fresh code")
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def test_a_member_adds_a_passkey_and_signs_in_with_it_alone(open_browser: Open) -> None:
    page = open_browser()
    sign_in(page, "carol@demo.test")
    plug_in_a_key(page)
    open_second_factor(page)
    add_passkey(page)
    expect(page.locator("main li code")).to_have_count(10)
    read_mail(page, "A security key was added to your account.", "carol@demo.test")

    sign_out(page)
    sign_in_with_passkey(page)
    page.wait_for_url("**/seller/returns/")
    expect(page.locator(".bar")).to_contain_text("Carol")

    # The others' tests sign her in with the password alone.
    open_second_factor(page)
    page.get_by_role("link", name="Manage keys").click()
    expect(page.locator("main .badge")).to_have_text("Passkey")
    page.get_by_role("link", name="Remove").click()
    page.get_by_role("link", name="Use a security key").click()
    page.get_by_role("button", name="Use a security key").click()
    page.get_by_role("button", name="Remove the key").click()
    expect(page.locator("main")).to_contain_text("You have no security key.")


def test_a_key_that_does_not_know_its_owner_is_refused_in_a_sentence(open_browser: Open) -> None:
    page = open_browser()
    plug_in_a_key(page, owner_is_there=False)
    page.goto("/accounts/login/")
    sign_in_with_passkey(page)
    expect(page.get_by_role("alert")).to_contain_text("No key was used.")
    assert page.url.endswith("/accounts/login/")


def test_an_admin_is_led_to_a_passkey_and_gets_in_with_it(open_browser: Open, own_desk: str) -> None:
    page = open_browser(base_url=own_desk)
    plug_in_a_key(page)
    come_as_admin(page, ADMINS[0])
    add_passkey(page)
    page.goto("/admin/")
    expect(page.locator("h1")).to_have_text("Administration")

    sign_out(page)
    sign_in_with_passkey(page)
    page.wait_for_url("**/admin/")
    expect(page.locator("h1")).to_have_text("Administration")


def test_an_admin_is_led_to_an_app_and_gets_in_with_its_code(open_browser: Open, own_desk: str) -> None:
    page = open_browser(base_url=own_desk)
    come_as_admin(page, ADMINS[1])
    page.get_by_role("link", name="Set up an app").click()
    confirm_password(page)
    expect(page.get_by_alt_text("QR code with the secret below")).to_be_visible()
    secret = page.locator("main code").inner_text()
    page.get_by_label("Authenticator code").fill("000000")
    page.get_by_role("button", name="Set up the app").click()
    expect(page.get_by_role("alert")).to_contain_text("This code is not right, or not any more.")
    assert page.locator("main code").inner_text() == secret, "what was scanned still holds"
    page.get_by_label("Authenticator code").fill(shown_by_the_app(secret))
    page.get_by_role("button", name="Set up the app").click()
    expect(page.get_by_role("heading", level=1, name="Recovery codes")).to_be_visible()
    page.goto("/admin/")
    expect(page.locator("h1")).to_have_text("Administration")

    sign_out(page)
    come_in(page, ADMINS[1], "/accounts/2fa/authenticate/")
    page.get_by_label("Code").fill(shown_by_the_app(secret))
    page.locator("main").get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/admin/")


def come_as_admin(page: Page, email: str) -> None:
    """Sign in with the password alone, and be led to *Second factor*."""
    come_in(page, email, "/accounts/2fa/")
    expect(page.locator("#notices")).to_contain_text("Admins need a second factor")
    refused = page.request.get("/admin/returns/user/", max_redirects=0)
    assert (refused.status, refused.headers["location"]) == (302, "/accounts/2fa/")
