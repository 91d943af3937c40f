"""Pictures of every page: ``python -m tests.browser.screenshots DIRECTORY [--url http://localhost:8000]``.

In both languages, light and dark, 1280 and 320 pixels wide, as ``zh-hans/320/dark/close.png``. Without --url it
starts a demo of its own. For people who look at pages; no test compares them.
"""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.conftest import QUIET
from tests.browser.pages import all_pages, buyers_pages
from tests.browser.people import CHINESE, ENGLISH, Words, speak
from tests.faults.test_run import Desk
from tests.services import find_program

WIDTHS = (1280, 320)
SCHEMES = ("light", "dark")


@contextmanager
def a_desk(url: str) -> Iterator[str]:
    """The address of the desk at `url`, or of one that is started for the pictures."""
    if url:
        yield url
        return
    with tempfile.TemporaryDirectory() as folder, Desk(Path(folder) / "data") as desk:
        desk.wait_until_announced()
        yield f"http://localhost:{desk.port}"


def take(browser: Browser, url: str, folder: Path, words: Words, scheme: str) -> None:
    """All pages in one language and scheme, each in both widths."""
    page = browser.new_context(base_url=url, color_scheme=scheme, locale=words.language).new_page()
    shown = all_pages(page)
    if (words, scheme) in ((ENGLISH, "light"), (CHINESE, "dark")):
        shown += buyers_pages(page)
        page.goto("/")
    speak(page, words)
    for one in sorted(shown, key=lambda one: one.who == "nobody"):
        if one.who == "nobody":
            page.context.clear_cookies()
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(one.url)
            picture = folder / words.language / str(width) / scheme / f"{one.name}.png"
            page.screenshot(path=picture, full_page=True)
    page.context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--url", default="", help="a demo that runs already")
    given = parser.parse_args()
    with a_desk(given.url) as url, sync_playwright() as playwright:
        program = find_program("chromium", "/usr/bin", "/opt/homebrew/bin")
        browser = playwright.chromium.launch(executable_path=program, args=list(QUIET))
        for words, scheme in product((ENGLISH, CHINESE), SCHEMES):
            take(browser, url, given.directory, words, scheme)
        browser.close()


if __name__ == "__main__":
    main()
