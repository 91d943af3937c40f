"""What the portal says in Chinese: complete, compiled, in the agreed words, and in one style."""

import gettext
import re
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from django.core.management import CommandError, call_command
from django.utils import translation

from returns.management.commands import catalogs
from returns_portal.run import ROOT

PO, MO = catalogs.PO, catalogs.MO
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%%|\{\w*\}")
HAN = r"[\u4e00-\u9fff]"
LATIN = re.compile(r"[A-Za-z]+(?:[-_][A-Za-z]+)*")

# What stays Latin in a Chinese sentence: names, formats, units, examples of what to type.
LATIN_WORDS = {
    *("RMA", "SKU", "XML", "UTF-8", "UTF-16", "Unicode", "MB", "GB", "US", "DE", "YYYY-MM-DD", "14-Jul-2025"),
    "Message-ID",
    "PIN",
    *("PDF", "PNG", "JPEG", "WebP", "MB", "A4", "Letter"),
    *("North", "Lane", "GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE"),
    *("Returns", "report", "of", "seller", "fulfilled", "orders"),
    *("AUTOMATIC", "MANUAL", "DELETE", "Action", "USD", "EUR"),
    # As an admin writes the rules, whatever the language.
    *("next-day", "same-day", "roll-over", "fixed", "buyer", "seller", "to", "electronics"),
    *("FR", "Europe/Paris", "sat", "sun", "easter"),
    # Commands and their settings.
    *("DATABASE_URL", "DATA_DIR", "manage.py", "migrate", "./run", "--data"),
}
LATIN_WORDS |= {found for word in LATIN_WORDS for found in LATIN.findall(word)}

# The glossary, and the words that people look for on the pages.
WORDS = {
    "Orders": "订单",
    "Manage Seller Fulfilled Returns": "管理卖家自配送退货",
    "Authorization Required": "需要批准",
    "Authorized": "已批准",
    "Refund due": "待退款",
    "Completed": "已完成",
    "Closed": "已关闭",
    "All": "全部",
    "Authorize request": "批准请求",
    "Close request": "关闭请求",
    "Reopen request": "重新打开请求",
    "Return reason": "退货原因",
    "for closing this request": "用于关闭此请求",
    "closure reason": "关闭原因",
    "Comments to the buyer": "给买家的备注",
    "Eligible for a prepaid return": "符合预付费退货条件",
    "Eligible for a prepaid return: this request cannot be closed.": (
        "此退货符合预付费退货条件，无法关闭请求。"
    ),
    "Buyer's reason": "买家退货原因",
    "Buyer's comment": "买家说明",
    "Close my request": "关闭我的退货请求",
    "Keep the item": "保留商品",
    "Ask the marketplace to step in": "申请平台介入",
    "To do at the marketplace": "需在平台处理",
    "Money still owed": "待付退款",
    "Undo": "撤销",
    "Return request": "退货请求",
    "Item": "商品",
    "Order": "订单",
    "In policy": "符合退货政策",
    "Not in policy": "不符合退货政策",
    "Unknown": "无法判断",
    "Withdrawal": "撤回合同",
    "Refund promise": "退款承诺",
    "Concession": "额外补偿",
    "From a marketplace's file": "来自平台文件",
    "RMA number": "退货批准编号 (RMA)",
    "carrier": "承运人",
    "Send back by": "最晚寄回日期",
}

# What mails about a closing say around the text of its reason, word for word.
SENTENCES = {
    "Your return request was closed: order %(order_number)s": "您的退货请求已关闭：订单 %(order_number)s",
    "The buyer closed a return request: order %(order_number)s": "买家关闭了退货请求：订单 %(order_number)s",
    "The buyer keeps the item: order %(order_number)s": "买家保留商品：订单 %(order_number)s",
    "Hello %(buyer_name)s,": "%(buyer_name)s，您好：",
    "Hello,": "您好：",
    (
        "%(buyer_name)s has closed the return request for %(item_titles)s (order %(order_number)s). "
        "Reason: %(reason)s."
    ): "%(buyer_name)s 已关闭订单 %(order_number)s 中 %(item_titles)s 的退货请求。原因：%(reason)s。",
    (
        "You do not need to do anything: no return and no refund are expected for this request. "
        "If you sent a paid label, you may want to void it."
    ): "您无需任何操作：此请求不会再有退货或退款。如果您已提供付费标签，可将其作废。",
    "%(buyer_name)s keeps %(item_titles)s (order %(order_number)s); the return request is completed.": (
        "%(buyer_name)s 将保留订单 %(order_number)s 中的 %(item_titles)s，此退货请求已完成。"
    ),
    (
        "You do not need to do anything: no return and no refund are expected for this request, "
        "and the prepaid label is void."
    ): "您无需任何操作：此请求不会再有退货或退款，预付费退货标签已作废。",
    (
        "You are keeping %(item_titles)s. Your prepaid label no longer works, and there is nothing to send "
        "back. The request is completed, not closed."
    ): "您将保留 %(item_titles)s。预付费退货标签已作废，您无需寄回商品。此请求已完成。",
    "Your legal rights are not affected.": "您依法享有的权利不受影响。",
}


@pytest.fixture(scope="module")
def kept() -> Catalog:
    return catalogs.kept_catalog()


@pytest.fixture(scope="module")
def sources() -> Catalog:
    return catalogs.marked_strings(ROOT)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A root with one module and one template that say something."""
    for folder in catalogs.FOLDERS:
        (tmp_path / folder).mkdir()
    (tmp_path / "returns" / "words.py").write_text(
        'a = _("Close "\n      "request")\n'
        'b = ngettext_lazy("%(n)d unit", "%(n)d units", n)\n'
        'c = pgettext("month", "May")\nd = _(f"never {a}")\n'
    )
    (tmp_path / "templates" / "page.html").write_text(
        "{% if x %}\n      <p title=\"{% translate 'Buyer' %}\">\n   {% blocktranslate trimmed %}\n"
        "  Order\n  {{ order }}\n{% endblocktranslate %}it's (\n</p>{% endif %}\n"
        '{% include "x" with label=_("Seller") %}{{ y|default:_("Nobody") }}'
    )
    return tmp_path


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The catalog's files, copied to where a test may spoil them."""
    for name, path in (("PO", PO), ("MO", MO)):
        copy = tmp_path / path.name
        copy.write_bytes(path.read_bytes())
        monkeypatch.setattr(catalogs, name, copy)
    return tmp_path


def entries(catalog: Catalog) -> list[Message]:
    return [message for message in catalog if message.id]


def english(message: Message) -> str:
    return message.id[-1] if message.pluralizable else message.id


def chinese(message: Message) -> str:
    return message.string[0] if message.pluralizable else message.string


def stripped(message: Message) -> str:
    """The Chinese words without placeholders, which may hold anything."""
    return PLACEHOLDER.sub("，", chinese(message))


# --- Complete and compiled


def test_every_string_of_the_sources_is_translated_and_no_other_is_kept(
    sources: Catalog, kept: Catalog
) -> None:
    assert len(kept) > 500
    assert list(catalogs.shortcomings(sources, kept)) == []


def test_the_file_holds_no_fuzzy_and_no_obsolete_entry(kept: Catalog) -> None:
    assert not kept.obsolete
    assert not [message.id for message in kept if message.fuzzy]


def test_chinese_has_one_plural_form(kept: Catalog) -> None:
    assert kept.num_plurals == 1
    plurals = [message for message in entries(kept) if message.pluralizable]
    assert plurals
    assert {len(message.string) for message in plurals} == {1}


def test_the_compiled_catalog_says_what_the_text_says(sources: Catalog, kept: Catalog) -> None:
    with MO.open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for message in entries(kept):
        if message.pluralizable:
            said = compiled.ngettext(*message.id, 2)
        elif message.context:
            said = compiled.pgettext(message.context, message.id)
        else:
            said = compiled.gettext(message.id)
        assert said == chinese(message)
    assert MO.read_bytes() == catalogs.as_mo(catalogs.translated(sources, kept))


def test_django_finds_the_catalog_and_english_stays_english() -> None:
    with translation.override("zh-hans"):
        assert translation.gettext("Close request") == "关闭请求"
        assert translation.ngettext("%(units)s unit", "%(units)s units", 1) == "%(units)s 件"
    with translation.override("en"):
        assert translation.gettext("Close request") == "Close request"
        assert translation.ngettext("%(units)s unit", "%(units)s units", 1) == "%(units)s unit"


def test_what_others_say_on_our_pages_is_what_they_say(sources: Catalog) -> None:
    theirs: set[str] = set()
    for package in ("django.conf", "django.contrib.auth", "allauth"):
        folder = Path(str(find_spec(package).submodule_search_locations[0])) / "locale"
        with (folder / "zh_Hans" / "LC_MESSAGES" / "django.po").open("rb") as file:
            theirs.update(english(message) for message in entries(read_po(file)))
    command = "returns/management/commands/catalogs.py"
    borrowed = [message for message in entries(sources) if (command, 0) in message.locations]
    assert len(borrowed) == len(catalogs.BORROWED)
    assert {english(message) for message in borrowed} <= theirs


# --- The command


def test_strings_are_found_in_python_and_in_templates_whatever_their_indentation(tree: Path) -> None:
    found = {(message.id, message.context): message for message in entries(catalogs.marked_strings(tree))}
    assert set(found) == {
        ("Close request", None),
        (("%(n)d unit", "%(n)d units"), None),
        ("May", "month"),
        ("Buyer", None),
        ("Order %(order)s", None),
        ("Seller", None),
        ("Nobody", None),
    }
    assert found["Close request", None].locations == [("returns/words.py", 0)]
    assert found["Buyer", None].locations == [("templates/page.html", 0)]


def test_check_names_what_is_missing_what_is_left_over_and_what_is_not_compiled(
    desk: Path, tree: Path, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("catalogs", "--check")
    assert "all translated" in capsys.readouterr().out
    settings.BASE_DIR = tree
    with pytest.raises(CommandError) as refused:
        call_command("catalogs", "--check")
    lines = str(refused.value).splitlines()
    assert "not in the catalog: May" in lines
    assert "no longer in the sources: Undo" in lines
    assert lines[-1] == "django.mo is not what django.po says"
    assert (desk / "django.po").read_bytes() == PO.read_bytes()


def test_the_command_takes_strings_in_and_out_and_keeps_what_is_translated(
    desk: Path, tree: Path, settings: Any
) -> None:
    settings.BASE_DIR = tree
    with pytest.raises(CommandError, match="not translated: May"):
        call_command("catalogs")
    made = catalogs.kept_catalog()
    assert chinese(made.get("Close request")) == "关闭请求"
    assert chinese(made.get("May", "month")) == ""
    assert made.get("Undo") is None
    text = (desk / "django.po").read_bytes()
    with pytest.raises(CommandError):
        call_command("catalogs")
    assert (desk / "django.po").read_bytes() == text


# --- The words


@pytest.mark.parametrize(("english_words", "chinese_words"), [*WORDS.items(), *SENTENCES.items()])
def test_the_agreed_words_are_used_in_both_languages(
    kept: Catalog, english_words: str, chinese_words: str
) -> None:
    message = kept.get(english_words)
    assert message is not None, "the pages do not say it like this"
    assert message.string == chinese_words


def test_placeholders_are_the_same_in_both_languages(kept: Catalog) -> None:
    for message in entries(kept):
        assert Counter(PLACEHOLDER.findall(english(message))) == Counter(
            PLACEHOLDER.findall(chinese(message))
        ), message.id


def test_no_english_word_is_left_in_a_chinese_sentence(kept: Catalog) -> None:
    left = {
        word: chinese(message)
        for message in entries(kept)
        for word in LATIN.findall(stripped(message))
        if word not in LATIN_WORDS
    }
    assert left == {}


def test_nobody_refuses_or_cancels_in_chinese(kept: Catalog) -> None:
    assert [
        chinese(message) for message in entries(kept) if re.search("拒绝|取消|驳回", chinese(message))
    ] == []


def test_nobody_refuses_or_cancels_in_what_buyers_read(sources: Catalog) -> None:
    theirs = re.compile(r"templates/(emails/|buyer_)|returns/selectors/buyer_pages|notifications/rendering")
    read = [
        english(message)
        for message in entries(sources)
        if any(theirs.match(file) for file, _ in message.locations)
    ]
    assert len(read) > 100
    assert [text for text in read if re.search(r"(?i)\b(cancel|declin|reject|refus|unfortunat)", text)] == []


def test_buyers_and_sellers_are_addressed_politely(kept: Catalog) -> None:
    assert [chinese(message) for message in entries(kept) if "你" in chinese(message)] == []


# --- The style


def test_chinese_punctuation_is_full_width(kept: Catalog) -> None:
    half_width = re.compile(rf"{HAN}[,;:!?()]|[,;:!?()]{HAN}|{HAN}\.(?!\w)|\.\.\.|\"")
    assert [chinese(message) for message in entries(kept) if half_width.search(stripped(message))] == []


def test_a_space_stands_between_chinese_and_latin_letters_or_digits(kept: Catalog) -> None:
    touching = re.compile(rf"{HAN}[A-Za-z0-9]|[A-Za-z0-9]{HAN}")
    assert [chinese(message) for message in entries(kept) if touching.search(stripped(message))] == []


def test_a_sentence_ends_as_a_sentence_and_a_label_as_a_label(kept: Catalog) -> None:
    ends = {".": "。", ":": "：", ",": "：", "?": "？", "!": "！"}
    for message in entries(kept):
        last = ends.get(english(message)[-1])
        if last:
            assert chinese(message).endswith(last), message.id
        else:
            assert not chinese(message).endswith(("。", "：")), message.id
