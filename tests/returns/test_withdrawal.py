"""The right of withdrawal: its last day where the buyer lives, moved from a day off, and what it does not cover."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from returns.judged import facts_of, is_same, judged_json
from returns.policy import ItemFacts, Reason, judge_item, local_day
from returns.withdrawal import (
    WEEKDAYS,
    Payer,
    Start,
    WithdrawalRule,
    easter,
    is_timely_withdrawal,
    judge_withdrawal,
    orthodox_easter,
    sentence,
    withdrawal_end,
)
from tests.returns.test_policy import all_facts, all_rules, days, zones

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
FRANCE = WithdrawalRule(
    country="FR",
    time_zone="Europe/Paris",
    rolls_over=True,
    days_off=frozenset({"sat", "sun", "01-01", "05-01", "12-25", "easter+1", "2026-06-15"}),
    exempt_categories=frozenset({"custom-made"}),
)

laws = st.builds(
    WithdrawalRule,
    country=st.just("FR"),
    time_zone=zones,
    days=st.integers(1, 60),
    start=st.sampled_from(Start),
    rolls_over=st.booleans(),
    days_off=st.frozensets(
        st.sampled_from([*WEEKDAYS, "12-25", "01-01", "02-29", "easter+1", "easter-2", "orthodox+1"])
    ),
    exempt_categories=st.frozensets(st.just("home")),
    payer=st.sampled_from(Payer),
)


def at(text: str, zone: str = "Europe/Paris") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def received(day: date | None, requested_at: datetime | None = None, **known: object) -> ItemFacts:
    return ItemFacts(requested_at=requested_at or at("2026-03-01 12:00"), delivered_date=day, **known)


@pytest.mark.parametrize(
    ("day", "end"),
    [
        (date(2026, 3, 3), date(2026, 3, 17)),  # a Tuesday stays
        (date(2026, 3, 7), date(2026, 3, 23)),  # a Saturday moves to Monday
        (date(2026, 3, 8), date(2026, 3, 23)),  # a Sunday, too
        (date(2026, 3, 22), date(2026, 4, 7)),  # Easter Sunday moves over Easter Monday
        (date(2026, 4, 17), date(2026, 5, 4)),  # Friday 1 May moves over the weekend
        (date(2026, 5, 30), date(2026, 6, 16)),  # Saturday, Sunday and a day off of that year alone
        (date(2026, 12, 11), date(2026, 12, 28)),  # Christmas on a Friday
        (date(2026, 12, 18), date(2027, 1, 4)),  # New Year's Day on a Friday
        (date(2028, 2, 15), date(2028, 2, 29)),  # a leap day
        (date(2026, 3, 15), date(2026, 3, 30)),  # the day the clocks change is a Sunday
    ],
)
def test_the_last_day_moves_to_the_next_working_day(day: date, end: date) -> None:
    assert withdrawal_end(received(day), FRANCE).end_date == end


def test_without_roll_over_the_last_day_stays() -> None:
    assert withdrawal_end(received(date(2026, 3, 7)), replace(FRANCE, rolls_over=False)).end_date == date(
        2026, 3, 21
    )


def test_the_day_of_receipt_counts_where_the_law_says_so() -> None:
    rule = replace(FRANCE, start=Start.SAME_DAY, days=7, rolls_over=False)
    assert withdrawal_end(received(date(2026, 3, 3)), rule).end_date == date(2026, 3, 9)


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Paris", date(2026, 3, 3)),
        ("Europe/Paris", date(2026, 3, 14)),  # ends on a day after the clocks went forward
        ("Europe/Paris", date(2026, 10, 12)),  # and after they went back
        ("Atlantic/Azores", date(2026, 3, 15)),
        ("Asia/Shanghai", date(2026, 3, 3)),
    ],
)
def test_one_second_after_the_last_day_where_the_buyer_lives_is_too_late(zone: str, day: date) -> None:
    rule = replace(FRANCE, time_zone=zone)
    end_date = withdrawal_end(received(day), rule).end_date
    last_second = datetime.combine(end_date, time(23, 59, 59), ZoneInfo(zone)).astimezone(UTC)
    assert is_timely_withdrawal(received(day, last_second), rule)
    assert not is_timely_withdrawal(received(day, last_second + SECOND), rule)


def test_the_buyers_midnight_counts_not_the_marketplaces() -> None:
    rule = replace(FRANCE, time_zone="Atlantic/Azores")
    late_evening = at("2026-03-17 23:30", "Atlantic/Azores")
    assert local_day(late_evening, "Europe/Paris") == date(2026, 3, 18)
    assert is_timely_withdrawal(received(date(2026, 3, 3), late_evening), rule)


def test_before_receipt_and_without_any_day_the_time_has_not_begun() -> None:
    unknown = received(None)
    assert withdrawal_end(unknown, FRANCE) is None
    assert is_timely_withdrawal(unknown, FRANCE)
    assert is_timely_withdrawal(received(date(2026, 3, 30)), FRANCE)
    estimated = received(None, estimated_delivery_date=date(2026, 1, 5))
    assert withdrawal_end(estimated, FRANCE).is_estimate
    assert not is_timely_withdrawal(estimated, FRANCE)


@pytest.mark.parametrize(
    ("rule", "known", "is_business", "code"),
    [
        (None, {}, False, "withdrawal_no_right"),
        (FRANCE, {}, True, "withdrawal_business"),
        (FRANCE, {"category": "Custom made"}, False, "withdrawal_exempt"),
        (FRANCE, {"requested_at": at("2026-06-01 12:00")}, False, "withdrawal_ended"),
    ],
)
def test_what_is_no_withdrawal_in_time_says_why(
    rule: WithdrawalRule | None, known: dict[str, object], is_business: bool, code: str
) -> None:
    facts = received(date(2026, 2, 25), **known)
    verdict = judge_withdrawal([facts], rule, is_business=is_business, rules_version=4)
    assert (verdict.is_timely, verdict.reason.code, verdict.rules_version) == (False, code, 4)
    for language in ("en", "zh-hans"):
        with override(language):
            assert "%" not in str(sentence(verdict.reason))


def test_one_item_without_the_right_takes_it_from_none_of_the_others_alone() -> None:
    good, exempt = received(date(2026, 2, 25)), received(date(2026, 2, 25), category="custom-made")
    assert judge_withdrawal([good], FRANCE, is_business=False, rules_version=1).is_timely
    both = judge_withdrawal([good, exempt], FRANCE, is_business=False, rules_version=1)
    assert both.reason == Reason("withdrawal_exempt", {"category": "custom-made"})


def test_nothing_has_no_verdict() -> None:
    with pytest.raises(ValueError, match="nothing"):
        judge_withdrawal([], FRANCE, is_business=False, rules_version=1)


@pytest.mark.parametrize(
    ("year", "western", "eastern"),
    [
        (1961, date(1961, 4, 2), date(1961, 4, 9)),
        (2000, date(2000, 4, 23), date(2000, 4, 30)),
        (2024, date(2024, 3, 31), date(2024, 5, 5)),
        (2025, date(2025, 4, 20), date(2025, 4, 20)),
        (2026, date(2026, 4, 5), date(2026, 4, 12)),
        (2038, date(2038, 4, 25), date(2038, 4, 25)),
    ],
)
def test_easter_is_where_the_churches_have_it(year: int, western: date, eastern: date) -> None:
    assert (easter(year), orthodox_easter(year)) == (western, eastern)


@given(all_facts, laws)
def test_the_last_day_is_a_working_day_and_no_earlier_one_was_left_out(
    facts: ItemFacts, rule: WithdrawalRule
) -> None:
    end = withdrawal_end(facts, rule)
    if end is None:
        assert facts.delivered_date is None
        assert facts.estimated_delivery_date is None
        return
    counted = withdrawal_end(facts, replace(rule, rolls_over=False)).end_date
    assert end.end_date >= counted
    if rule.rolls_over and not rule.days_off >= set(WEEKDAYS):
        assert not rule.is_day_off(end.end_date)
        passed = [counted + n * DAY for n in range((end.end_date - counted).days)]
        assert all(rule.is_day_off(day) for day in passed)
    else:
        assert end.end_date == counted


@given(all_facts, laws)
def test_the_last_instant_is_in_time_the_next_second_is_not_and_later_never_again(
    facts: ItemFacts, rule: WithdrawalRule
) -> None:
    rule, end = replace(rule, exempt_categories=frozenset()), withdrawal_end(facts, rule)
    if end is None:
        assert is_timely_withdrawal(facts, rule)
        return
    assert is_timely_withdrawal(replace(facts, requested_at=end.ends_at), rule)
    for later in (SECOND, DAY, 400 * DAY):
        assert not is_timely_withdrawal(replace(facts, requested_at=end.ends_at + later), rule)


@given(days, laws)
def test_a_later_receipt_never_ends_earlier(day: date, rule: WithdrawalRule) -> None:
    first, second = (withdrawal_end(received(start), rule) for start in (day, day + DAY))
    assert first.end_date <= second.end_date
    if rule.time_zone in available_timezones() - {"Pacific/Apia", "Pacific/Kwajalein", "Kwajalein"}:
        assert first.ends_at <= second.ends_at


@given(all_facts, all_rules)
def test_a_verdict_is_made_again_from_what_was_stored_of_it(facts: ItemFacts, rules: object) -> None:
    verdict = judge_item(facts, rules)
    stored = judged_json(verdict.as_json(), facts, rules)
    again = judge_item(facts_of(stored), rules)
    assert again == verdict
    assert is_same(again, stored)
