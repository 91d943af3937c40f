"""A reader of Code 128, made from the standard's rules and its published table of patterns by bits.

It shares nothing with the writer: patterns are runs of modules, compared with the table of ISO/IEC 15417 as
eleven bits each.
"""

import re

PATTERNS = re.findall(
    "[01]{11}",
    """
11011001100 11001101100 11001100110 10010011000 10010001100 10001001100 10011001000 10011000100 10001100100
11001001000 11001000100 11000100100 10110011100 10011011100 10011001110 10111001100 10011101100 10011100110
11001110010 11001011100 11001001110 11011100100 11001110100 11101101110 11101001100 11100101100 11100100110
11101100100 11100110100 11100110010 11011011000 11011000110 11000110110 10100011000 10001011000 10001000110
10110001000 10001101000 10001100010 11010001000 11000101000 11000100010 10110111000 10110001110 10001101110
10111011000 10111000110 10001110110 11101110110 11010001110 11000101110 11011101000 11011100010 11011101110
11101011000 11101000110 11100010110 11101101000 11101100010 11100011010 11101111010 11001000010 11110001010
10100110000 10100001100 10010110000 10010000110 10000101100 10000100110 10110010000 10110000100 10011010000
10011000010 10000110100 10000110010 11000010010 11001010000 11110111010 11000010100 10001111010 10100111100
10010111100 10010011110 10111100100 10011110100 10011110010 11110100100 11110010100 11110010010 11011011110
11011110110 11110110110 10101111000 10100011110 10001011110 10111101000 10111100010 11110101000 11110100010
10111011110 10111101110 11101011110 11110101110 11010000100 11010010000 11010011100
""",
)
STOP = "1100011101011"


def bars_of(path: str) -> list[tuple[int, int]]:
    """Where each bar of a drawn path begins, and how wide it is."""
    bars = [(int(at), int(width)) for at, width in re.findall(r"M(\d+) 0h(\d+)v1h-\d+z", path)]
    assert "".join(f"M{at} 0h{width}v1h-{width}z" for at, width in bars) == path
    return bars


def read(bars: list[tuple[int, int]], width: int) -> str:
    """The text of the bars; fails on a bad pattern, check symbol or set."""
    modules = ["0"] * width
    for at, wide in bars:
        modules[at : at + wide] = "1" * wide
    bits = "".join(modules).strip("0")
    assert bits.endswith(STOP)
    bits = bits.removesuffix(STOP)
    values = [PATTERNS.index(bits[at : at + 11]) for at in range(0, len(bits), 11)]
    *values, check = values
    assert (values[0] + sum(place * value for place, value in enumerate(values))) % 103 == check
    text, is_c = "", {104: False, 105: True}[values[0]]
    for value in values[1:]:
        if is_c and value == 100:
            is_c = False
        elif not is_c and value == 99:
            is_c = True
        else:
            text += f"{value:02}" if is_c else chr(value + 32)
    return text
