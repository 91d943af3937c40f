"""Files in and out, as people do it: with and without scripts, in both languages."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.people import CHINESE, ENGLISH, Words, sign_in
from tests.returns.report_files import returns_file

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@dataclass(frozen=True)
class FileWords:
    """What the pages of files say."""

    words: Words
    imports: str
    check: str
    look_again: str
    preview: str
    figures: str
    write: str
    done: str
    exports: str
    tab: str
    everything: str
    download: str
    nothing: str


IN_ENGLISH = FileWords(
    ENGLISH,
    "Import files",
    "Check this file",
    "Look again",
    "What would change",
    "new 1 · changed 0 · unchanged 0 · unknown codes 0 · refused 1",
    "Import this file",
    "Imported",
    "Export returns",
    "Tab",
    "All",
    "Download",
    "This file changes nothing here.",
)
IN_CHINESE = FileWords(
    CHINESE,
    "导入文件",
    "检查此文件",
    "刷新查看",
    "将会更改的内容",
    "新增 1 · 更改 0 · 未变 0 · 未知代码 0 · 未接受 1",
    "导入此文件",
    "已导入",
    "导出退货",
    "标签页",
    "全部",
    "下载",
    "此文件不会更改任何内容。",
)


def check(page: Page, words: FileWords, file: Path, is_scripted: bool) -> None:
    """Upload a file and wait until what it would change is shown."""
    page.locator("nav summary", has_text=words.words.orders).click()
    page.locator("nav").get_by_role("link", name=words.imports).click()
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name=words.check).click()
    wait_for(page, words.preview, words, is_scripted)


def wait_for(page: Page, heading: str, words: FileWords, is_scripted: bool) -> None:
    wanted = page.get_by_role("heading", name=heading, exact=True)
    again = page.get_by_role("link", name=words.look_again)
    if is_scripted:
        expect(again).to_be_hidden()
    else:
        while not wanted.is_visible():
            again.click()
    expect(wanted).to_be_visible()


@pytest.mark.parametrize("words", [IN_ENGLISH, IN_CHINESE], ids=["en", "zh-hans"])
@pytest.mark.parametrize("is_scripted", [True, False], ids=["scripted", "unscripted"])
def test_upload_look_import_and_take_away_what_changes_nothing_when_it_comes_back(
    open_browser: Open, tmp_path: Path, words: FileWords, is_scripted: bool
) -> None:
    order = f"702-{words.words.language}-{is_scripted}"
    report = tmp_path / "june report.tsv"
    report.write_bytes(
        returns_file({"order_id": order}, {"order_id": f"{order}-2", "return_quantity": "many"}).getvalue()
    )
    page = open_browser(java_script_enabled=is_scripted)
    sign_in(page, "carol@demo.test", words.words)

    check(page, words, report, is_scripted)
    expect(page.locator("main").get_by_text(words.figures)).to_be_visible()
    expect(page.get_by_text("“many”")).to_be_visible()
    if is_scripted:
        expect(page.locator("#live")).to_contain_text(words.figures)
    page.get_by_role("button", name=words.write).click()
    wait_for(page, words.done, words, is_scripted)
    expect(page.locator("main").get_by_text(words.figures)).to_be_visible()

    page.locator("nav summary", has_text=words.words.orders).click()
    page.locator("nav").get_by_role("link", name=words.exports).click()
    page.get_by_label(words.tab).select_option(words.everything)
    with page.expect_download() as taken:
        page.get_by_role("button", name=words.download).click()
    export = tmp_path / taken.value.suggested_filename
    taken.value.save_as(export)
    assert order in export.read_text("utf-8")

    check(page, words, export, is_scripted)
    expect(page.get_by_text(words.nothing)).to_be_visible()
    expect(page.get_by_role("button", name=words.write)).to_have_count(0)
