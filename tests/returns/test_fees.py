"""When a restocking fee may be kept, cell by cell, and from where on it needs a photo."""

from dataclasses import replace

import pytest

from returns.fees import FeeFacts, FeeReason, judge_fee, needs_photo, percent_of
from returns.models.reasons import Fault
from returns.models.requests import ItemCondition
from returns.policy import PolicyVerdict

IN_POLICY = FeeFacts(
    condition="opened", policy=PolicyVerdict.IN_POLICY, fault=Fault.BUYER, is_timely_withdrawal=False
)
LATE = replace(IN_POLICY, policy=PolicyVerdict.NOT_IN_POLICY)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (IN_POLICY, None),
        (replace(IN_POLICY, policy=PolicyVerdict.UNKNOWN), None),
        (LATE, FeeReason.NOT_IN_POLICY),
        (replace(LATE, fault=""), FeeReason.NOT_IN_POLICY),
        (replace(LATE, fault=Fault.NONE), None),
        (replace(LATE, is_timely_withdrawal=True), None),
        (replace(LATE, condition=""), None),
        (replace(LATE, condition="used"), FeeReason.USED),
        (replace(IN_POLICY, condition="used", is_timely_withdrawal=True), FeeReason.USED),
        (replace(IN_POLICY, condition="damaged"), FeeReason.DAMAGED),
        (replace(IN_POLICY, condition="unopened"), None),
        (replace(IN_POLICY, condition="wrong_item"), None),
    ],
)
def test_a_fee_is_for_what_came_back_worse_or_late(facts: FeeFacts, reason: FeeReason | None) -> None:
    found, sentence = judge_fee(facts)
    assert found == reason
    assert str(sentence).endswith(".")


@pytest.mark.parametrize("condition", ["", *ItemCondition.values])
def test_a_fault_of_the_sellers_costs_the_buyer_nothing(condition: str) -> None:
    assert judge_fee(replace(LATE, condition=condition, fault=Fault.SELLER))[0] is None


@pytest.mark.parametrize("base", [1, 4, 5, 99, 2199, 5000, 10**15])
def test_twenty_percent_needs_a_photo_however_it_is_rounded(base: int) -> None:
    fee = percent_of(base, 20)
    assert needs_photo(fee, base)
    assert not needs_photo(fee - 1, base)
