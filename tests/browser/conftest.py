"""A desk as ./run starts it, with the demo, and Debian's Chromium that looks at it as people do.

Whatever a page asks of another host, or writes to the console (a violation of the CSP does), fails its test.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.faults.test_run import Desk
from tests.services import find_program

HOLD_SECONDS = 6
PATIENCE = 20_000  # ms: one machine serves all tests at once
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

Open = Callable[..., Page]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    program = find_program("chromium", "/usr/bin", "/opt/homebrew/bin")
    if program is None:
        pytest.skip("the package chromium is not installed: ./test says how to install it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the running demo; a decision can be undone for HOLD_SECONDS."""
    folder: Path = tmp_path_factory.mktemp("desk")
    with Desk(folder / "data", UNDO_SECONDS=str(HOLD_SECONDS)) as started:
        started.wait_until_announced()
        yield f"http://localhost:{started.port}"


@pytest.fixture
def open_browser(chromium: Browser, desk: str) -> Iterator[Open]:
    """Opens a window of its own, with options of `Browser.new_context`, and watches what it does.

    `provokes`: statuses that the test makes a form in the page be answered with, which the browser notes.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def watch(page: Page, provokes: tuple[int, ...]) -> None:
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        page.on(
            "console",
            lambda said: is_complaint(page, said, provokes) and complaints.append(f"{page.url}: {said.text}"),
        )

    def is_complaint(page: Page, said: ConsoleMessage, provokes: tuple[int, ...]) -> bool:
        """An error or warning, but for the browser's note of a 4xx: of the page itself, or provoked."""
        note = said.text.startswith("Failed to load resource")
        is_expected = any(f"a status of {status} " in said.text for status in provokes)
        is_own_status = note and (said.location["url"] == page.url or is_expected)
        return said.type in ("error", "warning") and not is_own_status

    def open_window(base_url: str = desk, provokes: tuple[int, ...] = (), **options: Any) -> Page:
        context = chromium.new_context(base_url=base_url, **options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        host = urlsplit(base_url).netloc
        context.on(
            "request",
            lambda asked: (
                urlsplit(asked.url).netloc in (host, "") or complaints.append(f"asks for {asked.url}")
            ),
        )
        context.on("page", lambda page: watch(page, provokes))
        return context.new_page()

    yield open_window
    for context in contexts:
        context.close()
    assert complaints == []
