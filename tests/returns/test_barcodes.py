"""What is drawn reads back as what was meant, by a reader that knows the standards and not our code."""

import re

import pytest
import segno
from hypothesis import given, settings
from hypothesis import strategies as st

from returns.barcodes import QR_QUIET, code_128, code_128_symbols, qr
from returns.services.open import new_rma_number
from tests.returns.code_128 import bars_of, read

PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=64)


@given(PRINTABLE | st.from_regex(r"[0-9]{1,20}[A-Z]{0,3}[0-9]{0,9}", fullmatch=True))
@settings(max_examples=300, deadline=None)
def test_code_128_reads_back_as_the_text(text: str) -> None:
    path, width = code_128(text)
    assert read(bars_of(path), width) == text


def test_the_numbers_of_requests_are_short_enough_for_a_label() -> None:
    for number in (new_rma_number(), "DfdcERFndRRMA"):
        _path, width = code_128(number)
        assert width * 0.4 < 90  # mm, at bars that any scanner reads


def test_pairs_of_digits_take_one_symbol() -> None:
    assert code_128_symbols("123456") == [105, 12, 34, 56, (105 + 12 + 2 * 34 + 3 * 56) % 103]
    assert code_128_symbols("R1234")[:5] == [104, ord("R") - 32, 99, 12, 34]


@pytest.mark.parametrize("text", ["", "编号", "é", "a\nb"])
def test_what_code_128_cannot_say_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ASCII"):
        code_128(text)


def test_a_qr_code_is_drawn_module_by_module() -> None:
    text = "https://returns.example/seller/returns/0b1c/"
    path, width = qr(text)
    drawn = {
        (int(line) - QR_QUIET, int(column) - QR_QUIET)
        for column, line in re.findall(r"M(\d+) (\d+)h1v1h-1z", path)
    }
    matrix = segno.make(text, error="m", micro=False).matrix
    assert drawn == {(y, x) for y, row in enumerate(matrix) for x, dark in enumerate(row) if dark}
    assert width == len(matrix) + 2 * QR_QUIET
