"""What holds on every page: no other host, no complaint of the browser, no sideways scroll, accessible to all."""

import gzip
import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.pages import Shown, admins_pages, all_pages, buyers_pages
from tests.browser.people import CHINESE, ENGLISH, Words, sign_in, speak

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("pages")]

AXE = (Path(__file__).parent / "vendor" / "axe-core-4.14.1.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def width_of(page: Page) -> int:
    return page.evaluate("document.documentElement.scrollWidth")


def violations(page: Page) -> list[str]:
    """What axe finds against WCAG 2.2 AA, with the first places."""
    page.evaluate(AXE)
    # Without preload axe reads no style sheets a second time, which the CSP would refuse it.
    options = json.dumps({"runOnly": TAGS, "preload": False})
    found = page.evaluate(f"axe.run(document, {options}).then(done => done.violations)")
    return [f"{one['id']}: {one['help']} {[node['target'] for node in one['nodes'][:3]]}" for one in found]


# Each language, each theme; the other two pairs are for the long run.
FACES = pytest.mark.parametrize(
    ("words", "scheme"),
    [
        pytest.param(ENGLISH, "light", id="light-en"),
        pytest.param(CHINESE, "dark", id="dark-zh-hans"),
        pytest.param(CHINESE, "light", id="light-zh-hans", marks=pytest.mark.long),
        pytest.param(ENGLISH, "dark", id="dark-en", marks=pytest.mark.long),
    ],
)


@FACES
def test_every_page_fits_320_pixels_and_is_accessible(open_browser: Open, words: Words, scheme: str) -> None:
    page = open_browser(viewport={"width": 1280, "height": 900}, color_scheme=scheme, locale=words.language)
    shown = all_pages(page) + buyers_pages(page)
    speak_everywhere(page, words)
    look_at_all(page, sorted(shown, key=lambda one: one.who == "nobody"), words)


@FACES
def test_every_page_of_the_administration_fits_and_is_accessible(
    open_browser: Open, words: Words, scheme: str
) -> None:
    page = open_browser(viewport={"width": 1280, "height": 900}, color_scheme=scheme, locale=words.language)
    shown = admins_pages(page)
    page.goto("/")
    speak(page, words)
    look_at_all(page, shown, words)


# What is cut off. What is hidden from sight on purpose has the class `quiet`.
CUT = """() => {
    const cut = [...document.querySelectorAll("body *")].filter(one => {
        const {overflowX, overflowY} = getComputedStyle(one);
        return !one.closest(".quiet") && one.clientWidth > 1 && one.innerText && (
            (overflowX !== "visible" && overflowX !== "auto" && one.scrollWidth > one.clientWidth + 1) ||
            (overflowY !== "visible" && overflowY !== "auto" && one.scrollHeight > one.clientHeight + 1));
    }).map(one => one.outerHTML.slice(0, 150));
    const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    return wide > 0 ? [...cut, `${wide} pixels too wide`] : cut;
}"""


def look_at_all(page: Page, shown: list[Shown], words: Words) -> None:
    wide, wrong, cut = {}, {}, {}
    for one in shown:
        if one.who == "nobody":
            page.context.clear_cookies()
        status = page.goto(one.url).status
        assert status == (404 if one.name == "not-found" else 200), one
        assert page.locator("html").get_attribute("lang") == words.language, one
        for width in (1280, 320):
            page.set_viewport_size({"width": width, "height": 900})
            if found := violations(page):
                wrong[one.name, width] = found
        if (width := width_of(page)) > 320:
            wide[one.name] = width
        # A window of 1280 pixels at 200 %.
        page.set_viewport_size({"width": 640, "height": 450})
        if found := page.evaluate(CUT):
            cut[one.name] = found
        page.set_viewport_size({"width": 1280, "height": 900})
    assert (wide, wrong, cut) == ({}, {}, {})


def speak_everywhere(page: Page, words: Words) -> None:
    """Choose the language with the switch, which keeps the address."""
    page.goto("/seller/returns/?status=closed&sort=created")
    before = page.url
    speak(page, words)
    assert page.url == before


def test_the_theme_changes_at_once_and_is_there_with_the_next_page(open_browser: Open) -> None:
    page = open_browser(color_scheme="light")
    sign_in(page, "vera@demo.test")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("form[data-theme-form]").locator("xpath=..").locator("summary").click()
    with page.expect_response("**/theme/"):
        page.get_by_role("button", name="Dark", exact=True).click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != light
    page.goto("/seller/settings/")
    expect(page.locator("html[data-theme=dark]")).to_have_count(1)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark


def test_the_list_loads_within_60_kilobytes_behind_a_proxy_that_compresses(open_browser: Open) -> None:
    page = open_browser()
    sign_in(page, "vera@demo.test")
    bodies: dict[str, bytes] = {}
    page.on("requestfinished", lambda asked: bodies.update({asked.url: asked.response().body()}))
    page.goto("/seller/returns/?status=all", wait_until="networkidle")
    assert page.locator(".row").count() == 50
    sizes = {url: len(gzip.compress(body)) for url, body in bodies.items()}
    assert sum(sizes.values()) <= 60 * 1024, sizes


def test_zoomed_text_and_short_windows_hide_no_focus(open_browser: Open) -> None:
    page = open_browser(viewport={"width": 640, "height": 480})
    sign_in(page, "vera@demo.test")
    for _ in range(40):
        page.keyboard.press("Tab")
        hidden = page.evaluate(
            """() => {
                const box = document.activeElement.getBoundingClientRect();
                const [x, y] = [box.left + Math.min(box.width / 2, 20), box.top + box.height / 2];
                const at = document.elementFromPoint(x, y);
                return at && !document.activeElement.contains(at) && !at.contains(document.activeElement)
                    ? document.activeElement.outerHTML.slice(0, 200) : "";
            }"""
        )
        assert not hidden
