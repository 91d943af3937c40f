"""Tracking numbers: a slip of the finger is found where the number has a check digit."""

import pytest

from returns.carriers import tracking_number

RIGHT = [
    ("UPS", "1Z5R89390357567127", "1Z5R89390357567127"),
    ("ups", "1z 999 aa1 0123 4567 84", "1Z999AA10123456784"),
    ("USPS", "9101 0268 3733 1000 0395 21", "9101026837331000039521"),
    ("USPS", "420221539101026837331000039521", "420221539101026837331000039521"),
    ("USPS", "0307 1790 0005 2348 3741", "03071790000523483741"),
    ("FedEx", "9865 7878 8855", "986578788855"),
    ("FedEx", "0414 4176 0228 964", "041441760228964"),
    ("DHL", "RR123456785GB", "RR123456785GB"),
    ("Royal Mail", "rr 123456785 gb", "RR123456785GB"),
    ("USPS", "RB123456785US", "RB123456785US"),
]
TAKEN_AS_TYPED = [
    ("Some Courier", "ab-12/34.5", "AB-12/34.5"),
    ("DHL", "1234567890", "1234567890"),
    ("UPS", "T1234567890", "T1234567890"),
    ("FedEx", "9612 0196 1234 5678 9012", "9612 0196 1234 5678 9012"),
    ("Some Courier", "1ZABC", "1ZABC"),
    ("Some Courier", "986578788856", "986578788856"),
    ("", "1234", "1234"),
]


@pytest.mark.parametrize(("carrier", "typed", "kept"), [*RIGHT, *TAKEN_AS_TYPED])
def test_a_number_is_kept_as_its_carrier_prints_it(carrier: str, typed: str, kept: str) -> None:
    assert tracking_number(carrier, typed) == kept


@pytest.mark.parametrize(("carrier", "typed", "kept"), RIGHT)
def test_every_other_check_digit_is_refused(carrier: str, typed: str, kept: str) -> None:
    place = kept.rindex(next(sign for sign in reversed(kept) if sign.isdecimal()))
    for other in "0123456789".replace(kept[place], ""):
        with pytest.raises(ValueError, match="check digit"):
            tracking_number(carrier, f"{kept[:place]}{other}{kept[place + 1 :]}")


@pytest.mark.parametrize(
    ("carrier", "typed"),
    [
        ("FedEx", "986578788854"),
        ("UPS", "1Z5R8939035756712"),
        ("USPS", "12345"),
        ("Some Courier", "<b>12345</b>"),
        ("Some Courier", "RR123456784GB"),
        ("Some Courier", "追踪12345"),
        ("Some Courier", "12"),
        ("Some Courier", "1" * 41),
        ("Some Courier", "１２３４５６"),
    ],
)
def test_what_no_carrier_prints_is_refused(carrier: str, typed: str) -> None:
    with pytest.raises(ValueError, match=r"check digit is wrong|not a tracking number"):
        tracking_number(carrier, typed)
