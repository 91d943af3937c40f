"""A hundred and twenty requests closed together and taken back, with JavaScript and without, in both languages."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from returns_portal.run import ROOT
from tests.browser.conftest import Open
from tests.browser.people import CHINESE, ENGLISH, Words, sign_in
from tests.browser.test_pages import violations, width_of
from tests.faults.test_run import Desk
from tests.services import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

FILL = """
from json import dumps
from returns.models import Seller
from tests.factories import Person, by_hand, make_order, open_request

seller = Seller.objects.get(slug="north-lane")
wei = Person(name="Wei Chen", email="wei@buyers.example", language="zh-hans")
with by_hand(seller):
    requests = [open_request(make_order(seller, country="CA")) for _ in range(98)]
    requests += [open_request(make_order(seller, country="CA", buyer=wei)) for _ in range(20)]
    requests += [open_request(make_order(seller)) for _ in range(2)]
print(dumps([request.reference for request in requests]))
"""


SEND = """([references, action]) => {
    const form = document.createElement("form");
    form.method = "post";
    form.action = "/seller/returns/bulk/";
    const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
    const fields = [["csrfmiddlewaretoken", token], ["action", action]];
    for (const [name, value] of [...fields, ...references.map((one) => ["reference", one])]) {
        const field = document.createElement("input");
        [field.type, field.name, field.value] = ["hidden", name, value];
        form.append(field);
    }
    document.body.append(form);
    form.submit();
}"""


@dataclass(frozen=True)
class BulkWords:
    close: str
    refused: str
    will: str
    done: str
    undone: str
    undo: str
    again: str


WORDS = {
    "en": BulkWords(
        "Close selected",
        "Eligible for a prepaid return: this request cannot be closed.",
        "118 requests will be closed.",
        "118 closed · 2 refused",
        "118 undone · 2 refused",
        "Undo all",
        "Look again",
    ),
    "zh-hans": BulkWords(
        "关闭所选请求",
        "此退货符合预付费退货条件，无法关闭请求。",
        "将关闭 118 个请求。",
        "已关闭 118 个 · 未处理 2 个",
        "已撤销 118 个 · 未处理 2 个",
        "全部撤销",
        "刷新",
    ),
}


@dataclass(frozen=True)
class Queue:
    url: str
    references: list[str]


@pytest.fixture(scope="module")
def queue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queue]:
    """A demo with a hundred and twenty more requests, of which two cannot be closed."""
    data: Path = tmp_path_factory.mktemp("queue") / "data"
    with Desk(data) as desk:
        desk.wait_until_announced()
        variables = {"PATH": os.environ["PATH"], "DATA_DIR": str(data), "DEMO": "1", "PYTHONPATH": str(ROOT)}
        said = subprocess.run(
            [sys.executable, "manage.py", "shell", "-v0", "-c", FILL],
            cwd=ROOT,
            env=variables,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        yield Queue(f"http://localhost:{desk.port}", json.loads(said.strip().splitlines()[-1]))


def select(page: Page, references: list[str], action: str) -> None:
    """Send what the form `bulk` of the list sends when these are checked."""
    with page.expect_navigation():
        page.evaluate(SEND, [references, action])


@pytest.mark.parametrize("words", [ENGLISH, CHINESE], ids=["en", "zh-hans"])
@pytest.mark.parametrize("is_scripted", [True, False], ids=["scripted", "unscripted"])
def test_close_a_hundred_and_twenty_and_take_it_back(
    open_browser: Open, queue: Queue, words: Words, is_scripted: bool
) -> None:
    said = WORDS[words.language]
    page = open_browser(base_url=queue.url, java_script_enabled=is_scripted)
    sign_in(page, "alice@demo.test", words)
    select(page, queue.references, "close")

    expect(page.get_by_role("heading", level=1, name=said.close)).to_be_visible()
    expect(page.locator("#bulk-rows li", has_text=said.refused)).to_have_count(2)
    page.get_by_label(words.reason, exact=True).select_option("other")
    page.get_by_label(f"{words.comments} (English)").fill("We talked & agreed: <keep> it, please.")
    page.get_by_label(f"{words.comments} (简体中文)").fill("我们已经沟通,双方同意由您保留商品,谢谢。")
    if not is_scripted:
        page.locator("#preview ~ button[name=preview]").click()
    expect(page.locator("#preview")).to_contain_text(said.will)
    expect(page.locator("#preview .letter[lang=en]")).to_contain_text("agreed: <keep> it")
    expect(page.locator("#preview .letter[lang=zh-hans]")).to_contain_text("由您保留商品")
    page.locator("footer").get_by_role("button", name=said.close).click()

    follow(page, said.done, said, is_scripted)
    expect(page.locator("#bulk-rows li", has_text=said.refused)).to_have_count(2)
    page.get_by_role("button", name=said.undo).click()
    follow(page, said.undone, said, is_scripted)


def follow(page: Page, summary: str, said: BulkWords, is_scripted: bool) -> None:
    """Until the page says `summary`: by itself, or looked at again."""
    if is_scripted:
        expect(page.locator("#progress [role=status]")).to_have_text(summary, timeout=60_000)
        expect(page.locator("progress")).to_have_count(0)
        return

    def is_there() -> bool:
        if page.locator("progress").count():
            page.get_by_role("link", name=said.again).click()
        return summary in (page.locator("#progress [role=status]").text_content() or "")

    wait_until(is_there, 60, summary)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("words", [ENGLISH, CHINESE], ids=["en", "zh-hans"])
def test_the_pages_fit_320_pixels_and_are_accessible(
    open_browser: Open, queue: Queue, words: Words, scheme: str
) -> None:
    page = open_browser(base_url=queue.url, color_scheme=scheme, locale=words.language)
    sign_in(page, "ben@demo.test", words)
    for action in ("close", "authorize"):
        select(page, queue.references[:3], action)
        check(page)
        if action == "close":
            page.get_by_label(words.reason, exact=True).select_option("refund_without_return")
            page.get_by_label(words.comments).fill("Please keep it.")
            expect(page.locator("#preview .letter .subject")).to_be_visible()
            check(page)
        page.locator("footer button.primary").click()
        page.wait_for_selector("#progress")
        check(page)
        with page.expect_navigation():
            page.locator("#progress form button").click()
    page.goto("/seller/returns/bulk/")
    check(page)


def check(page: Page) -> None:
    assert violations(page) == [], page.url
    page.set_viewport_size({"width": 320, "height": 800})
    assert width_of(page) == 320, page.url
    page.set_viewport_size({"width": 1280, "height": 900})
