"""Text that people and files give us, made harmless before it is stored or shown."""

import re
import unicodedata

# What a reader cannot see but a page, a mail header or a log would obey: control characters, bidi overrides
# and isolates, zero-width spaces, soft hyphens, tags, and surrogates that no encoding can store. The two
# joiners (U+200C, U+200D) stay: Persian, Hindi and most emoji cannot be written without them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_LINE_END = re.compile("\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")


def clean_text(value: str, limit: int | None = None, *, keep_lines: bool = False) -> str:
    """`value` in NFC, without control, bidi and zero-width characters, without white space at its ends.

    Line ends and tabs become spaces; with `keep_lines`, every kind of line end becomes "\\n" and tabs stay.
    What is longer than `limit` characters is cut, so a form that must not cut checks the length itself.
    """
    if not (value.isascii() and value.isprintable()):
        value = _LINE_END.sub("\n", value)
        if not keep_lines:
            value = value.replace("\n", " ").replace("\t", " ")
        value = unicodedata.normalize("NFC", _UNSEEN.sub("", value))
    value = value.strip()
    return value if limit is None or len(value) <= limit else value[:limit].rstrip()


# Letters of Unicode's script Han: the ideographs, their compatibility forms, and the iteration marks.
_HAN = re.compile("[\u3005\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufad9\U00020000-\U000323af]")

# The share of Han among the letters that readers of a language can follow, least and most. A Chinese character
# says about as much as three Latin letters: words said in both languages have a share near a quarter.
_READABLE = {"en": (0.0, 0.5), "zh-hans": (0.1, 1.0)}


def is_readable(text: str, language: str) -> bool:
    """Does the script of `text` fit a reader of `language` ("en", "zh-hans")?

    Counts letters by their script and guesses no language: numbers, signs and emoji fit everybody.
    """
    letters = "".join(filter(str.isalpha, text))
    if not letters:
        return True
    least, most = _READABLE[language]
    return least <= len(_HAN.findall(letters)) / len(letters) <= most
