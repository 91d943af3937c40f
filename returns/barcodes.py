"""Code 128 and QR as SVG path data: what a scanner in the seller's warehouse reads off a slip.

A path is in modules, the width of the narrowest bar; whoever draws it chooses the size. Code 128 by ISO/IEC
15417; QR by segno.
"""

import re

import segno

# Widths of bar, space, bar, space, bar, space of the 106 symbols, in modules; the stop has a bar more.
_SYMBOLS = re.findall(
    r"\d{6}",
    "212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222 "
    "123122 123221 223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321 "
    "232121 111323 131123 131321 112313 132113 132311 211313 231113 231311 112133 112331 132131 113123 113321 133121 "
    "313121 211331 231131 213113 213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 "
    "111422 121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 241112 134111 "
    "111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 214121 412121 111143 111341 131141 114113 "
    "114311 411113 411311 113141 114131 311141 411131 211412 211214 211232",
)
_STOP = "2331112"
_TO_C, _TO_B, _START_B, _START_C = 99, 100, 104, 105
QR_QUIET = 4


def code_128_symbols(text: str) -> list[int]:
    """The values of start, text and check: set B, and C for four or more digits in a row (an even number).

    Raises ValueError for text that is empty or holds more than printable ASCII.
    """
    if not (text and text.isascii() and text.isprintable()):
        raise ValueError("Code 128 is for printable ASCII here")
    values: list[int] = []
    for part in re.findall(r"(?:[0-9]{2}){2,}|.(?:(?!(?:[0-9]{2}){2}).)*", text):
        if len(part) >= 4 and part.isdecimal():
            values += [_TO_C if values else _START_C]
            values += [int(part[at : at + 2]) for at in range(0, len(part), 2)]
        else:
            values += [_TO_B if values else _START_B]
            values += [ord(sign) - 32 for sign in part]
    check = values[0] + sum(place * value for place, value in enumerate(values[1:], start=1))
    return [*values, check % 103]


def code_128(text: str) -> tuple[str, int]:
    """Path data of the bars, one module high, and their width in modules.

    Whoever draws them leaves ten modules empty on either side.
    """
    bars, at = [], 0
    for symbol in (*(_SYMBOLS[value] for value in code_128_symbols(text)), _STOP):
        for place, width in enumerate(map(int, symbol)):
            if place % 2 == 0:
                bars.append(f"M{at} 0h{width}v1h-{width}z")
            at += width
    return "".join(bars), at


def qr(text: str) -> tuple[str, int]:
    """Path data of the dark modules and the width with the quiet zone, in modules; error correction M."""
    code = segno.make(text, error="m", micro=False)
    dark = [
        f"M{column + QR_QUIET} {line + QR_QUIET}h1v1h-1z"
        for line, modules in enumerate(code.matrix)
        for column, is_dark in enumerate(modules)
        if is_dark
    ]
    return "".join(dark), len(code.matrix) + 2 * QR_QUIET
