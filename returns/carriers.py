"""Carriers and their tracking numbers: a number with a check digit is checked, any other is taken as typed.

Sources: UPS's *1Z* number; USPS Publication 199 (IMpb); FedEx's Express (12) and Ground (15) numbers; UPU
standard S10 (RR 123456785 GB), which the world's posts and DHL use.
"""

import re

# What is offered; any other name may be typed.
KNOWN = ("UPS", "USPS", "FedEx", "DHL", "Royal Mail", "Canada Post", "China Post", "SF Express")

_S10 = re.compile(r"[A-Z]{2}[0-9]{9}[A-Z]{2}")
_UPS = re.compile(r"1Z[0-9A-Z]{15}[0-9]")
_USPS = re.compile(r"(?:420(?:[0-9]{5}|[0-9]{9}))?([0-9]{22})|([0-9]{20,21})")
_FEDEX = re.compile(r"[0-9]{12}|[0-9]{15}")
_AS_TYPED = re.compile(r"[0-9A-Z][0-9A-Z ./-]{2,38}[0-9A-Z]")


def tracking_number(carrier: str, typed: str) -> str:
    """The number as it is kept: capitals, and without spaces and hyphens where its form is known.

    Raises ValueError for one whose check digit is wrong, that the named carrier cannot have, or that holds
    anything but letters, digits, spaces and ``./-`` (4 to 40 characters).
    """
    as_typed = " ".join(typed.upper().split())
    number = re.sub(r"[ -]", "", as_typed)
    is_right = _check(carrier.strip().casefold(), number)
    if is_right is None:
        if not _AS_TYPED.fullmatch(as_typed):
            raise ValueError("not a tracking number")
        return as_typed
    if not is_right:
        raise ValueError("the check digit is wrong")
    return number


def _check(carrier: str, number: str) -> bool | None:
    """Is the check digit right? None for a form that has none we know of."""
    if _S10.fullmatch(number):
        return _is_s10(number)
    if number.startswith("1Z") and carrier in ("", "ups"):
        return bool(_UPS.fullmatch(number)) and _is_ups(number)
    if carrier == "usps" and number.isdecimal():
        found = _USPS.fullmatch(number)
        return found is not None and _is_mod_10(found[1] or found[2])
    if carrier == "fedex" and _FEDEX.fullmatch(number):
        return _is_mod_10(number) if len(number) == 15 else _is_fedex_express(number)
    return None


def _is_s10(number: str) -> bool:
    weighted = sum(
        int(digit) * weight for digit, weight in zip(number[2:10], (8, 6, 4, 2, 3, 5, 9, 7), strict=True)
    )
    check = 11 - weighted % 11
    return int(number[10]) == {10: 0, 11: 5}.get(check, check)


def _is_ups(number: str) -> bool:
    """Letters count as the last digit of their place in the alphabet and one: A = 2, B = 3, … I = 0."""
    values = [int(sign) if sign.isdecimal() else (ord(sign) - 63) % 10 for sign in number[2:]]
    return (sum(values[:15:2]) + 2 * sum(values[1:15:2]) + values[15]) % 10 == 0


def _is_mod_10(number: str) -> bool:
    """Weights 3 and 1 by turns, from the digit before the check digit on."""
    digits = [int(digit) for digit in reversed(number)]
    return (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10 == 0


def _is_fedex_express(number: str) -> bool:
    weighted = sum(
        int(digit) * weight
        for digit, weight in zip(reversed(number[:11]), (1, 3, 7, 1, 3, 7, 1, 3, 7, 1, 3), strict=True)
    )
    return weighted % 11 % 10 == int(number[11])
