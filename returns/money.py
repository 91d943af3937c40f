"""Money is whole minor units (cents, fils, yen) with an ISO 4217 code; Decimal and text only at the edges."""

import copy
from decimal import Decimal

from babel import Locale
from babel.numbers import get_currency_symbol

# ISO 4217, list one: every currency that does not have two decimals. Babel's own digits are CLDR's, made for
# display: it gives the Serbian dinar none and the Iraqi dinar none, and would lose what a file says.
_CODES_BY_EXPONENT = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_EXPONENTS = {code: exponent for exponent, codes in _CODES_BY_EXPONENT.items() for code in codes.split()}

# Nine thousand times this still fits a BigInteger, so sums over an order cannot overflow either.
MAX_MINOR = 10**15


def currency_exponent(code: str) -> int:
    """How many decimals the currency has; 2 for a code that is empty or unknown."""
    return _EXPONENTS.get(code.upper(), 2)


def to_minor(amount: Decimal, code: str) -> int:
    """`amount` in minor units of `code`, exactly.

    Raises ValueError for what is no number, has more decimals than the currency, or exceeds `MAX_MINOR`.
    """
    if not amount.is_finite():
        raise ValueError(f"{amount} is not a number")
    if amount and abs(amount.adjusted()) > 40:
        raise ValueError(f"{amount} is not an amount of money")
    # Integers, not Decimal.scaleb: that rounds to the context's 28 digits and would call 1.00…001 exact.
    numerator, denominator = amount.as_integer_ratio()
    minor, rest = divmod(numerator * 10 ** currency_exponent(code), denominator)
    if rest:
        raise ValueError(f"{amount} has more decimals than {code} has")
    if abs(minor) > MAX_MINOR:
        raise ValueError(f"{amount} {code} is too much")
    return minor


def to_decimal(minor: int, code: str) -> Decimal:
    """The amount in the currency's major unit, with exactly the currency's decimals."""
    return Decimal(minor).scaleb(-currency_exponent(code))


def format_money(minor: int, code: str, language: str) -> str:
    """The amount as people of `language` ("en", "zh-hans") write it: $1,129.50, US$1,129.50."""
    locale, code = Locale.parse(language, sep="-"), code.upper()
    pattern = copy.copy(locale.currency_formats["standard"])
    pattern.frac_prec = (currency_exponent(code),) * 2
    if get_currency_symbol(code, locale)[-1:].isalpha():
        # CLDR sets letters apart from digits (CHF 12.50); Babel leaves that to its caller.
        pattern.prefix = tuple(part.replace("¤", "¤\u00a0") for part in pattern.prefix)
    return pattern.apply(to_decimal(minor, code), locale, currency=code, currency_digits=False)
