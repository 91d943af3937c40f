from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from returns.money import MAX_MINOR, currency_exponent, format_money, to_decimal, to_minor

CODES = ["USD", "EUR", "JPY", "KWD", "CLF", "RSD", "IQD", "XYZ", ""]


@pytest.mark.parametrize(
    ("code", "exponent"),
    [("USD", 2), ("usd", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("RSD", 2), ("IQD", 3), ("XYZ", 2), ("", 2)],
)
def test_the_exponent_is_that_of_iso_4217_even_where_babel_shows_fewer_decimals(code, exponent):
    assert currency_exponent(code) == exponent


@given(st.integers(-MAX_MINOR, MAX_MINOR), st.sampled_from(CODES))
def test_minor_units_come_back_exactly(minor, code):
    assert to_minor(to_decimal(minor, code), code) == minor


@pytest.mark.parametrize(
    ("amount", "code", "minor"),
    [
        ("12.5", "USD", 1250),
        ("12.500", "USD", 1250),
        ("12", "JPY", 12),
        ("12.00", "JPY", 12),
        ("1E+2", "EUR", 10000),
    ],
)
def test_zeros_and_exponents_do_not_matter(amount, code, minor):
    assert to_minor(Decimal(amount), code) == minor


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("9.805", "USD"),
        ("0.5", "JPY"),
        ("1.00000000000000000000000000000000000001", "USD"),
        ("1E-1000000", "USD"),
        ("1E+1000000", "USD"),
        ("1E+30", "USD"),
        ("NaN", "USD"),
        ("Infinity", "USD"),
    ],
)
def test_what_is_no_exact_amount_is_refused_and_never_rounded(amount, code):
    with pytest.raises(ValueError, match=r"decimals|much|number|money"):
        to_minor(Decimal(amount), code)


@pytest.mark.parametrize(
    ("minor", "code", "language", "text"),
    [
        (12900, "USD", "en", "$129.00"),
        (12900, "USD", "zh-hans", "US$129.00"),
        (112950, "EUR", "en", "€1,129.50"),
        (4900, "CNY", "zh-hans", "¥49.00"),
        (4900, "JPY", "en", "¥4,900"),
        (1250, "RSD", "en", "RSD\u00a012.50"),
        (1250, "IQD", "en", "IQD\u00a01.250"),
        (1250, "", "en", "12.50"),
        (-1250, "USD", "en", "-$12.50"),
    ],
)
def test_money_is_written_as_the_reader_writes_it_with_all_its_decimals(minor, code, language, text):
    assert format_money(minor, code, language) == text
