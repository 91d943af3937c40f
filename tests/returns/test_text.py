import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from returns.text import clean_text, is_readable


@pytest.mark.parametrize(
    ("given_text", "cleaned"),
    [
        ("  Kettle ", "Kettle"),
        ("Zoe\u0301", "Zoé"),
        ("保温杯，磨砂白", "保温杯，磨砂白"),
        ("a\x00b\x07c\x1b[31m\x7f\x9bd", "abc[31md"),
        ("\u202eevil\u2066\u2069\u200f", "evil"),
        ("pay\u200bpal\ufeff\u00ad", "paypal"),
        ("one\r\ntwo\tthree\u2028four", "one two three four"),
        ("\ud800lone", "lone"),
        ("👩\u200d👧 می\u200cخواهم", "👩\u200d👧 می\u200cخواهم"),
        ("", ""),
        (" \u200b ", ""),
    ],
)
def test_what_cannot_be_seen_goes_and_what_can_be_seen_stays(given_text, cleaned):
    assert clean_text(given_text) == cleaned


def test_lines_stay_when_asked_for_and_end_in_one_way():
    assert (
        clean_text(" one\r\ntwo\rthree\n\n\tfour\u0085five\n", keep_lines=True)
        == "one\ntwo\nthree\n\n\tfour\nfive"
    )


def test_what_is_too_long_is_cut_and_not_left_with_a_space_at_its_end():
    assert clean_text("one two three", 8) == "one two"
    assert clean_text("é" * 20, 5) == "é" * 5


@given(st.text(), st.booleans())
def test_cleaned_text_holds_nothing_hidden_and_is_the_same_when_cleaned_again(text, keep_lines):
    cleaned = clean_text(text, keep_lines=keep_lines)
    kept = "\n\t" if keep_lines else ""
    assert not [c for c in cleaned if unicodedata.category(c) in {"Cc", "Cs"} and c not in kept]
    assert unicodedata.is_normalized("NFC", cleaned)
    assert clean_text(cleaned, keep_lines=keep_lines) == cleaned
    cleaned.encode("utf-8")


ENGLISH = "We talked on the phone and found a way to fix it."
CHINESE = "很抱歉，退货期限已过。"


@pytest.mark.parametrize(
    ("text", "fits_english", "fits_chinese"),
    [
        (ENGLISH, True, False),
        (CHINESE, False, True),
        ("Désolés, le délai est dépassé.", True, False),
        (f"{ENGLISH} 谢谢!", True, False),
        ("We are sorry, the window is over. 很抱歉，退货期限已过，请联系我们。", True, True),
        ("您的 Flat-weave rug 160 × 230 cm, grey 已超过退货期限，无法退货。", True, True),
        ("您的 Rug 已超过退货期限，无法退货。", False, True),
        ("", True, True),
        ("129.00 / 2026-11-09 !!", True, True),
        ("👍🏽 🎉 👩‍👧", True, True),
        ("々𠮷豈", False, True),
        ("申し訳ございません", True, True),
    ],
)
def test_what_a_reader_can_follow_is_told_by_the_share_of_chinese_characters(
    text, fits_english, fits_chinese
):
    assert (is_readable(text, "en"), is_readable(text, "zh-hans")) == (fits_english, fits_chinese)
