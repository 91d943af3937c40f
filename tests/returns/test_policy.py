import itertools
import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from django.utils.translation import override
from hypothesis import example, given
from hypothesis import strategies as st

from returns.policy import (
    PREPAID_EXEMPT_CATEGORIES,
    ItemFacts,
    PolicyVerdict,
    Reason,
    Rules,
    Season,
    VerdictSource,
    answer_due_at,
    business_day_after,
    days_after_window,
    end_of_day,
    judge_item,
    judge_request,
    local_day,
    not_returned_at,
    promise_due_date,
    promise_overdue_at,
    refund_due_at,
    send_back_date,
    sentence,
    step_in_at,
    window_end,
)

IN_POLICY, NOT_IN_POLICY, UNKNOWN = PolicyVerdict
NEW_YORK = "America/New_York"
RULES = Rules(time_zone=NEW_YORK, home_country="US", prepaid_countries=frozenset({"US"}))
INSTANT = timedelta.resolution
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def at(text: str, time_zone: str = NEW_YORK) -> datetime:
    """A wall-clock time, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(time_zone)).astimezone(UTC)


def start_of(day: date, time_zone: str) -> datetime:
    """How a day without a time is stored."""
    return datetime.combine(day, time.min, ZoneInfo(time_zone)).astimezone(UTC)


def facts(**known) -> ItemFacts:
    known.setdefault("requested_at", at("2026-11-22 14:05"))
    known.setdefault("country", "US")
    return ItemFacts(**known)


def imported(**known) -> ItemFacts:
    return facts(is_imported=True, **known)


def codes(verdict) -> list[str]:
    return [reason.code for reason in verdict.reasons]


days = st.dates(date(1996, 1, 1), date(2099, 12, 1))
zones = st.sampled_from(sorted(available_timezones() - {"localtime"}))
# The second before, of and after a midnight or a clock change are likelier here than in any random time.
times = (
    st.sampled_from([time.min, time(0, 0, 1), time(1, 59, 59), time(2), time(3), time(23, 59, 59)])
    | st.times()
)
days_of_a_year = st.dates(date(2028, 1, 1), date(2028, 12, 31)).map(lambda day: (day.month, day.day))
seasons = st.builds(Season, first=days_of_a_year, last=days_of_a_year, until=days_of_a_year)
all_rules = st.builds(
    Rules,
    time_zone=zones,
    window_days=st.integers(0, 90),
    category_windows=st.dictionaries(st.sampled_from(["home", "toys"]), st.integers(1, 365)),
    seasons=st.lists(seasons, max_size=2).map(tuple),
    home_country=st.sampled_from(["", "US", "CA"]),
    prepaid_countries=st.frozensets(st.sampled_from(["US", "CA", "GB"])),
    prepaid_exempt_skus=st.frozensets(st.sampled_from(["A", "B"])),
    weekend=st.frozensets(st.integers(0, 6), max_size=6),
    holidays=st.frozensets(days, max_size=5),
)
moments = st.builds(lambda day, hour, zone: datetime.combine(day, hour, ZoneInfo(zone)), days, times, zones)
all_facts = st.builds(
    ItemFacts,
    requested_at=moments,
    requested_has_time=st.booleans(),
    ordered_at=st.none() | moments,
    delivered_date=st.none() | days,
    estimated_delivery_date=st.none() | days,
    stated_delivery_date=st.none() | days,
    country=st.sampled_from(["", "US", "CA", "GB"]),
    category=st.sampled_from(["", "Home", "Dangerous goods"]),
    sku=st.sampled_from(["", "A", "C"]),
    is_imported=st.booleans(),
    reported_in_policy=st.sampled_from([None, True, False]),
    reported_label_type=st.sampled_from(["", "AmazonPrePaidLabel", "AmazonUnPaidLabel"]),
)


# Days


@given(days, zones)
@example(date(2010, 11, 6), "America/St_Johns")  # 00:01 back to 23:01: the evening comes twice
@example(date(2026, 10, 31), "America/Havana")  # 01:00 back to 00:00: the next midnight comes twice
@example(date(2026, 4, 23), "Africa/Cairo")  # no midnight: 00:00 forward to 01:00
@example(date(2018, 2, 17), "America/Sao_Paulo")  # 00:00 back to 23:00
@example(date(2011, 12, 30), "Pacific/Apia")  # this day never was
def test_after_the_end_of_a_day_that_day_never_comes_back(day, zone):
    end = end_of_day(day, zone)
    assert local_day(end, zone) <= day
    for later in (INSTANT, SECOND, 30 * 60 * SECOND, 3600 * SECOND, 2 * 3600 * SECOND, DAY):
        assert local_day(end + later, zone) > day


@pytest.mark.parametrize(
    ("day", "zone", "end"),
    [
        (date(2026, 11, 24), "America/New_York", "2026-11-25T04:59:59.999999+00:00"),
        (date(2026, 3, 8), "America/New_York", "2026-03-09T03:59:59.999999+00:00"),
        (date(2026, 11, 1), "America/New_York", "2026-11-02T04:59:59.999999+00:00"),
        (date(2026, 11, 24), "Asia/Shanghai", "2026-11-24T15:59:59.999999+00:00"),
        (date(2028, 2, 29), "UTC", "2028-02-29T23:59:59.999999+00:00"),
        (date(2010, 11, 6), "America/St_Johns", "2010-11-07T03:29:59.999999+00:00"),
        (date(2026, 10, 31), "America/Havana", "2026-11-01T03:59:59.999999+00:00"),
        (date(2026, 4, 23), "Africa/Cairo", "2026-04-23T21:59:59.999999+00:00"),
    ],
)
def test_the_end_of_a_day_is_its_last_microsecond_in_utc(day, zone, end):
    assert end_of_day(day, zone).isoformat() == end


def test_a_moment_without_a_zone_falls_on_no_day():
    with pytest.raises(ValueError, match="time zone"):
        local_day(datetime.fromisoformat("2026-11-24 12:00"), NEW_YORK)


def test_business_days_skip_weekend_and_holidays():
    rules = replace(RULES, holidays=frozenset({date(2026, 11, 26)}))
    assert business_day_after(date(2026, 11, 25), 1, rules) == date(2026, 11, 27)
    assert business_day_after(date(2026, 11, 25), 2, rules) == date(2026, 11, 30)
    assert business_day_after(date(2026, 11, 28), 1, rules) == date(2026, 11, 30)


def test_the_weekend_is_the_marketplaces_own():
    rules = replace(RULES, weekend=frozenset({4, 5}))
    assert business_day_after(date(2026, 11, 26), 1, rules) == date(2026, 11, 29)


def test_a_week_of_weekends_is_refused():
    with pytest.raises(ValueError, match="business day"):
        replace(RULES, weekend=frozenset(range(7)))


# The window


@pytest.mark.parametrize(
    ("known", "counted_from", "is_estimate"),
    [
        ({"delivered_date": date(2026, 11, 10)}, date(2026, 11, 10), False),
        (
            {"delivered_date": date(2026, 11, 10), "estimated_delivery_date": date(2026, 11, 12)},
            date(2026, 11, 12),
            False,
        ),
        (
            {"delivered_date": date(2026, 11, 14), "estimated_delivery_date": date(2026, 11, 12)},
            date(2026, 11, 14),
            False,
        ),
        (
            {"delivered_date": date(2026, 11, 3), "ordered_at": at("2026-11-01 09:00")},
            date(2026, 11, 8),
            False,
        ),
        ({"estimated_delivery_date": date(2026, 11, 12)}, date(2026, 11, 12), True),
        ({"ordered_at": at("2026-11-01 23:30")}, date(2026, 11, 8), True),
        (
            {"ordered_at": at("2026-11-01 09:00"), "estimated_delivery_date": date(2026, 11, 4)},
            date(2026, 11, 4),
            True,
        ),
    ],
)
def test_the_window_counts_from_the_later_of_actual_and_estimated_delivery(known, counted_from, is_estimate):
    window = window_end(facts(**known), RULES)
    assert window.counted_from_date == counted_from
    assert window.end_date == counted_from + 30 * DAY
    assert window.ends_at == end_of_day(window.end_date, NEW_YORK)
    assert window.is_estimate is is_estimate
    assert window.source == VerdictSource.RULES


def test_the_order_day_is_the_day_at_the_marketplace():
    ordered_at = at("2026-11-01 23:30")
    assert ordered_at.date() == date(2026, 11, 2)
    assert window_end(facts(ordered_at=ordered_at), RULES).counted_from_date == date(2026, 11, 8)


def test_the_sellers_statement_counts_only_where_no_date_is_known():
    stated = date(2026, 9, 1)
    alone = window_end(facts(stated_delivery_date=stated), RULES)
    assert (alone.counted_from_date, alone.source, alone.is_estimate) == (stated, VerdictSource.SELLER, False)
    for known in (
        {"delivered_date": date(2026, 11, 10)},
        {"estimated_delivery_date": date(2026, 11, 10)},
        {"ordered_at": at("2026-11-03 12:00")},
    ):
        window = window_end(facts(stated_delivery_date=stated, **known), RULES)
        assert (window.counted_from_date, window.source) == (date(2026, 11, 10), VerdictSource.RULES)


def test_no_date_no_window():
    assert window_end(facts(), RULES) is None


@pytest.mark.parametrize(
    ("delivered", "end"),
    [
        (date(2028, 1, 30), date(2028, 2, 29)),
        (date(2027, 1, 30), date(2027, 3, 1)),
        (date(2028, 2, 29), date(2028, 3, 30)),
        (date(2000, 2, 28), date(2000, 3, 29)),
        (date(2026, 12, 15), date(2027, 1, 14)),
    ],
)
def test_thirty_days_are_counted_over_leap_days_and_years(delivered, end):
    assert window_end(facts(delivered_date=delivered), RULES).end_date == end


@pytest.mark.parametrize(
    ("zone", "delivered", "last_second"),
    [
        (NEW_YORK, date(2026, 10, 23), "2026-11-22 23:59:59"),
        (NEW_YORK, date(2026, 2, 6), "2026-03-08 23:59:59"),  # the window ends on the day of 23 hours
        (NEW_YORK, date(2026, 10, 2), "2026-11-01 23:59:59"),  # and on that of 25
        ("Asia/Shanghai", date(2026, 10, 23), "2026-11-22 23:59:59"),
        ("Pacific/Kiritimati", date(2026, 10, 23), "2026-11-22 23:59:59"),
        ("Africa/Cairo", date(2026, 3, 24), "2026-04-23 23:59:59"),  # no midnight after it
    ],
)
def test_the_last_second_of_the_last_day_is_in_policy_and_the_next_second_is_not(
    zone, delivered, last_second
):
    rules = replace(RULES, time_zone=zone)
    in_time = at(last_second, zone)
    assert judge_item(facts(delivered_date=delivered, requested_at=in_time), rules).policy == IN_POLICY
    late = judge_item(facts(delivered_date=delivered, requested_at=in_time + SECOND), rules)
    assert late.policy == NOT_IN_POLICY
    assert late.reasons[0].params["days"] == 1


HOLIDAYS = replace(RULES, seasons=(Season(first=(11, 1), last=(12, 31), until=(1, 31)),))


@pytest.mark.parametrize(
    ("ordered", "delivered", "end"),
    [
        ("2026-10-31 23:59:59", date(2026, 11, 10), date(2026, 12, 10)),
        ("2026-11-01 00:00:00", date(2026, 11, 10), date(2027, 1, 31)),
        ("2026-12-31 23:59:59", date(2027, 1, 1), date(2027, 1, 31)),
        ("2026-12-31 23:59:59", date(2027, 1, 5), date(2027, 2, 4)),  # the normal end is later
        ("2027-01-01 00:00:00", date(2027, 1, 2), date(2027, 2, 1)),
    ],
)
def test_what_is_ordered_in_a_season_can_be_returned_longer(ordered, delivered, end):
    known = facts(ordered_at=at(ordered), delivered_date=delivered, estimated_delivery_date=delivered)
    assert window_end(known, HOLIDAYS).end_date == end


def test_a_season_is_named_where_it_made_the_window_longer():
    known = facts(ordered_at=at("2026-11-02 10:00"), delivered_date=date(2026, 11, 10))
    verdict = judge_item(known, HOLIDAYS)
    assert verdict.reasons[-1] == Reason("ordered_in_season", {"date": "2027-01-31"})
    longer = judge_item(known, replace(HOLIDAYS, window_days=90))
    assert "ordered_in_season" not in {reason.code for reason in longer.reasons}


@pytest.mark.parametrize(
    ("ordered", "end"),
    [
        (date(2026, 12, 15), date(2027, 2, 28)),
        (date(2027, 1, 10), date(2027, 2, 28)),
        (date(2027, 12, 31), date(2028, 2, 29)),
        (date(2027, 1, 11), None),
        (date(2026, 12, 14), None),
    ],
)
def test_a_season_over_the_turn_of_the_year_ends_after_it(ordered, end):
    assert Season(first=(12, 15), last=(1, 10), until=(2, 29)).end_for(ordered) == end


@given(seasons, days)
def test_a_season_ends_within_two_years_and_never_before_the_order(season, ordered):
    end = season.end_for(ordered)
    if end is not None:
        assert ordered - DAY <= end <= ordered + 732 * DAY  # 29 February may stand for the 28th


def test_a_category_has_its_own_window():
    rules = replace(RULES, category_windows={"toys-games": 60, "electronics": 14})
    for category, days_of in (("Toys & games", 60), ("Electronics", 14), ("Home", 30), ("", 30)):
        known = facts(delivered_date=date(2026, 10, 1), category=category)
        assert window_end(known, rules).end_date == date(2026, 10, 1) + days_of * DAY


@pytest.mark.parametrize("hour", ["01:59:59", "02:00:00", "03:00:00", "03:00:01"])
@pytest.mark.parametrize("change", ["2026-03-08", "2026-11-01"])
def test_seconds_around_a_clock_change_belong_to_their_day(change, hour):
    requested_at = at(f"{change} {hour}")
    last_day = date.fromisoformat(change)
    assert days_after_window(requested_at, window_end_date=last_day, rules=RULES) == 0
    assert days_after_window(requested_at, window_end_date=last_day - DAY, rules=RULES) == 1


def test_a_request_without_a_time_is_in_time_on_the_whole_last_day():
    known = {"delivered_date": date(2026, 10, 23), "requested_has_time": False}
    last_day = facts(requested_at=start_of(date(2026, 11, 22), NEW_YORK), **known)
    day_after = facts(requested_at=start_of(date(2026, 11, 23), NEW_YORK), **known)
    assert judge_item(last_day, RULES).policy == IN_POLICY
    assert judge_item(day_after, RULES).policy == NOT_IN_POLICY


@given(all_facts, all_rules, st.integers(1, 400))
def test_asking_later_never_brings_a_return_back_into_policy(item, rules, more_days):
    later = replace(item, requested_at=item.requested_at.astimezone(UTC) + more_days * DAY)
    if judge_item(item, rules).policy == NOT_IN_POLICY:
        assert judge_item(later, rules).policy == NOT_IN_POLICY


@given(all_facts, all_rules)
def test_what_our_rules_decide_is_what_the_window_says(item, rules):
    verdict = judge_item(replace(item, is_imported=False), rules)
    window = window_end(item, rules)
    if window is None:
        assert verdict.policy == UNKNOWN
    else:
        assert (verdict.policy == IN_POLICY) == (item.requested_at <= window.ends_at)
        assert (verdict.window_end_date, verdict.window_is_estimate) == (window.end_date, window.is_estimate)
        assert verdict.source == window.source


@given(all_facts, all_rules, zones)
def test_the_same_facts_have_the_same_verdict_whatever_zone_a_moment_is_written_in(item, rules, zone):
    elsewhere = replace(
        item,
        requested_at=item.requested_at.astimezone(UTC).astimezone(ZoneInfo(zone)),
        ordered_at=item.ordered_at and item.ordered_at.astimezone(UTC).astimezone(ZoneInfo(zone)),
    )
    assert judge_item(item, rules) == judge_item(elsewhere, rules) == judge_item(item, rules)


@given(all_facts, all_rules)
def test_the_last_instant_of_the_window_is_in_time_and_the_next_is_late(item, rules):
    opened_here = replace(item, is_imported=False, stated_delivery_date=date(2026, 11, 14))
    ends_at = window_end(opened_here, rules).ends_at
    assert judge_item(replace(opened_here, requested_at=ends_at), rules).policy == IN_POLICY
    assert judge_item(replace(opened_here, requested_at=ends_at + INSTANT), rules).policy == NOT_IN_POLICY


@given(all_facts, all_rules)
def test_a_later_delivery_never_shortens_the_window(item, rules):
    window = window_end(item, rules)
    delivered_date = item.delivered_date or date(2026, 11, 1)
    later = window_end(replace(item, delivered_date=delivered_date + DAY), rules)
    if window is not None and item.delivered_date is not None:
        assert window.end_date <= later.end_date <= window.end_date + DAY
    assert not later.is_estimate


# The verdict on an item


def test_within_the_window_is_in_policy_until_its_last_day():
    verdict = judge_item(facts(delivered_date=date(2026, 11, 14)), RULES)
    assert verdict.policy == IN_POLICY
    assert verdict.source == VerdictSource.RULES
    assert verdict.reasons == (Reason("window_open", {"date": "2026-12-14"}),)
    assert verdict.window_end_date == date(2026, 12, 14)
    assert not verdict.window_is_estimate
    assert verdict.rules_version == 1


def test_after_the_window_the_verdict_says_by_how_many_days():
    verdict = judge_item(facts(delivered_date=date(2026, 10, 12)), RULES)
    assert verdict.policy == NOT_IN_POLICY
    assert verdict.reasons == (Reason("window_ended", {"date": "2026-11-11", "days": 11}),)


@pytest.mark.parametrize(
    "known",
    [
        {"estimated_delivery_date": date(2026, 11, 23)},
        {"ordered_at": at("2026-11-20 10:00")},
        {"delivered_date": date(2026, 11, 23)},
        {"stated_delivery_date": date(2026, 11, 23)},
    ],
)
def test_not_delivered_on_the_day_of_the_request_is_in_policy(known):
    verdict = judge_item(facts(**known), RULES)
    assert verdict.policy == IN_POLICY
    assert codes(verdict)[0] == "not_delivered"


@pytest.mark.parametrize("delivered_date", [date(2026, 11, 20), date(2026, 11, 22)])
def test_a_parcel_that_came_before_its_estimated_date_counts_as_delivered(delivered_date):
    item = facts(delivered_date=delivered_date, estimated_delivery_date=date(2026, 11, 25))
    assert judge_item(item, RULES).reasons == (Reason("window_open", {"date": "2026-12-25"}),)


def test_an_estimated_day_that_has_come_stands_for_the_delivery_and_is_called_an_estimate():
    open_still = judge_item(facts(estimated_delivery_date=date(2026, 11, 22)), RULES)
    assert open_still.policy == IN_POLICY
    assert open_still.reasons == (
        Reason("window_open_estimate", {"date": "2026-12-22"}),
        Reason("delivery_estimated", {"date": "2026-11-22"}),
    )
    assert open_still.window_is_estimate
    over = judge_item(facts(estimated_delivery_date=date(2026, 10, 12)), RULES)
    assert over.policy == NOT_IN_POLICY
    assert over.reasons[0] == Reason("window_ended_estimate", {"date": "2026-11-11", "days": 11})


def test_neither_dates_nor_the_files_word_is_unknown():
    for item in (facts(), imported(), facts(reported_in_policy=True)):
        verdict = judge_item(item, RULES)
        assert (verdict.policy, codes(verdict)) == (UNKNOWN, ["dates_unknown"])
        assert verdict.window_end_date is None


def test_the_sellers_statement_is_named_as_the_source():
    verdict = judge_item(imported(stated_delivery_date=date(2026, 10, 12)), RULES)
    assert (verdict.policy, verdict.source) == (NOT_IN_POLICY, VerdictSource.SELLER)
    assert codes(verdict) == ["window_ended", "delivery_stated"]


@pytest.mark.parametrize("reported", [True, False])
def test_the_files_word_is_the_verdict_and_our_window_stands_beside_it(reported):
    item = imported(reported_in_policy=reported, delivered_date=date(2026, 10, 12))
    verdict = judge_item(item, RULES)
    assert verdict.policy == (IN_POLICY if reported else NOT_IN_POLICY)
    assert verdict.source == VerdictSource.FILE
    assert codes(verdict) == ["file_in_policy" if reported else "file_not_in_policy", "own_window"]
    assert verdict.window_end_date == date(2026, 11, 11)


def test_the_files_word_is_enough_without_any_date():
    verdict = judge_item(imported(reported_in_policy=True), RULES)
    assert (verdict.policy, codes(verdict), verdict.window_end_date) == (IN_POLICY, ["file_in_policy"], None)


def test_our_window_beside_the_files_word_is_called_an_estimate_too():
    verdict = judge_item(imported(reported_in_policy=True, ordered_at=at("2026-11-01 10:00")), RULES)
    assert codes(verdict) == ["file_in_policy", "own_window_estimate", "delivery_estimated"]
    assert verdict.window_is_estimate


def test_where_the_file_is_silent_our_rules_decide():
    verdict = judge_item(imported(delivered_date=date(2026, 11, 14)), RULES)
    assert (verdict.policy, verdict.source) == (IN_POLICY, VerdictSource.RULES)


def test_what_a_file_says_counts_for_nothing_opened_here():
    item = facts(delivered_date=date(2026, 10, 12), reported_in_policy=True)
    assert judge_item(item, RULES).policy == NOT_IN_POLICY


# Prepaid-eligible


def prepaid(rules: Rules = RULES, **known) -> Reason | None:
    """Why an item in policy has no prepaid label; None where it has one."""
    verdict = judge_item(facts(delivered_date=date(2026, 11, 14), **known), rules)
    assert verdict.prepaid_eligible == (verdict.prepaid_reason is None)
    return verdict.prepaid_reason


def test_in_policy_domestic_and_offered_is_eligible():
    assert prepaid() is None
    assert prepaid(country="us") is None
    assert prepaid(category="Kitchen", sku="KETTLE-17-SS") is None


@pytest.mark.parametrize(
    ("rules", "country", "reason"),
    [
        (RULES, "CA", Reason("prepaid_abroad", {"country": "CA"})),
        (
            replace(RULES, prepaid_countries=frozenset({"US", "CA"})),
            "CA",
            Reason("prepaid_abroad", {"country": "CA"}),
        ),
        (
            replace(RULES, prepaid_countries=frozenset({"CA"})),
            "US",
            Reason("prepaid_not_offered", {"country": "US"}),
        ),
        (RULES, "", Reason("prepaid_country_unknown")),
        (replace(RULES, home_country=""), "US", Reason("prepaid_home_unknown")),
    ],
)
def test_a_label_needs_an_offer_in_the_buyers_country_and_a_domestic_order(rules, country, reason):
    assert prepaid(rules, country=country) == reason


@pytest.mark.parametrize(
    "category",
    [
        "Handmade",
        "Custom-made",
        "Sexual wellness",
        "Certified pre-owned watches",
        "Professional medical or dental",
        "Non-physical",
        "Dangerous goods",
        "Heavy and bulky",
    ],
)
def test_each_exempt_category_has_no_label_and_its_own_sentence(category):
    reason = prepaid(category=category)
    assert reason.code == "prepaid_exempt_category"
    assert reason.params["category"] in PREPAID_EXEMPT_CATEGORIES
    with override("en"):
        assert "of the category" not in str(sentence(reason))


def test_a_category_exempted_later_is_named():
    rules = replace(RULES, prepaid_exempt_categories=frozenset({"living-plants"}))
    assert prepaid(rules, category="Handmade") is None
    reason = prepaid(rules, category="Living plants")
    with override("en"):
        assert str(sentence(reason)) == "No prepaid label: items of the category living-plants are exempt"


def test_an_exempted_sku_has_no_label():
    rules = replace(RULES, prepaid_exempt_skus=frozenset({"RUG-160x230"}))
    assert prepaid(rules, sku="RUG-160x230") == Reason("prepaid_exempt_sku", {"sku": "RUG-160x230"})
    assert prepaid(rules, sku="RUG-160x231") is None


def test_out_of_policy_or_unknown_has_no_label():
    assert (
        judge_item(facts(delivered_date=date(2026, 10, 12)), RULES).prepaid_reason.code
        == "prepaid_not_in_policy"
    )
    assert judge_item(facts(), RULES).prepaid_reason.code == "prepaid_policy_unknown"


@pytest.mark.parametrize(
    ("label_type", "in_policy", "code"),
    [
        ("AmazonPrePaidLabel", True, None),
        (" amazonprepaidlabel ", True, None),
        ("AmazonPrePaidLabel", False, "prepaid_not_in_policy"),
        ("AmazonPrePaidLabel", None, "prepaid_file_policy_blank"),
        ("AmazonUnPaidLabel", True, "prepaid_not_in_file"),
        ("MerchantPrePaidLabel", True, "prepaid_not_in_file"),
        ("", True, "prepaid_not_in_file"),
    ],
)
def test_imported_is_eligible_when_the_file_says_in_policy_and_names_the_marketplaces_label(
    label_type, in_policy, code
):
    verdict = judge_item(
        imported(
            reported_in_policy=in_policy,
            reported_label_type=label_type,
            delivered_date=date(2026, 11, 14),
            country="CA",
            category="Handmade",
        ),
        RULES,
    )
    assert (verdict.prepaid_reason and verdict.prepaid_reason.code) == code
    assert verdict.prepaid_eligible == (code is None)


@given(all_facts, all_rules)
def test_whatever_is_eligible_is_in_policy_and_whatever_is_not_says_why(item, rules):
    verdict = judge_item(item, rules)
    assert verdict.policy == IN_POLICY or not verdict.prepaid_eligible
    assert verdict.prepaid_eligible == (verdict.prepaid_reason is None)


# The verdict on a request


LATE = judge_item(facts(delivered_date=date(2026, 10, 12)), RULES)
OPEN = judge_item(facts(delivered_date=date(2026, 11, 14)), RULES)
OPEN_LONGER = judge_item(facts(delivered_date=date(2026, 11, 20), country="CA"), RULES)
NO_DATES = judge_item(facts(), RULES)


@pytest.mark.parametrize(
    ("verdicts", "policy", "end_date"),
    [
        ([OPEN], IN_POLICY, date(2026, 12, 14)),
        ([OPEN_LONGER, OPEN], IN_POLICY, date(2026, 12, 14)),
        ([OPEN, LATE], NOT_IN_POLICY, date(2026, 11, 11)),
        ([NO_DATES, LATE, OPEN], NOT_IN_POLICY, date(2026, 11, 11)),
        ([OPEN, NO_DATES], UNKNOWN, None),
    ],
)
def test_a_request_is_in_policy_only_if_all_its_items_are(verdicts, policy, end_date):
    verdict = judge_request(verdicts)
    assert (verdict.policy, verdict.window_end_date) == (policy, end_date)


def test_a_request_is_eligible_when_any_item_is():
    verdict = judge_request([OPEN_LONGER, LATE, OPEN])
    assert verdict.prepaid_eligible
    assert verdict.prepaid_reason is None


def test_a_request_without_a_label_says_why_its_in_policy_item_has_none():
    verdict = judge_request([LATE, OPEN_LONGER])
    assert verdict.prepaid_reason == Reason("prepaid_abroad", {"country": "CA"})
    assert judge_request([LATE]).prepaid_reason.code == "prepaid_not_in_policy"


def test_a_request_gives_the_reasons_of_the_items_that_decided_it_once():
    assert judge_request([OPEN, LATE, LATE]).reasons == LATE.reasons
    assert judge_request([OPEN, OPEN_LONGER]).reasons == OPEN.reasons + OPEN_LONGER.reasons


def test_mixed_sources_give_the_one_that_claims_least():
    by_file = judge_item(imported(reported_in_policy=True), RULES)
    by_rules = judge_item(imported(delivered_date=date(2026, 11, 14)), RULES)
    by_seller = judge_item(imported(stated_delivery_date=date(2026, 11, 14)), RULES)
    assert judge_request([by_file, by_file]).source == VerdictSource.FILE
    assert judge_request([by_file, by_rules]).source == VerdictSource.RULES
    assert judge_request([by_file, by_rules, by_seller]).source == VerdictSource.SELLER
    assert judge_request([by_file, LATE]).source == VerdictSource.RULES


def test_a_request_without_items_has_no_verdict():
    with pytest.raises(ValueError, match="without items"):
        judge_request([])


@given(st.lists(all_facts, min_size=1, max_size=4), all_rules)
def test_the_order_of_the_items_decides_nothing(items, rules):
    verdicts = [judge_item(item, rules) for item in items]
    requests = [judge_request(list(order)) for order in itertools.permutations(verdicts)]
    assert len({(r.policy, r.source, r.window_end_date, r.window_is_estimate) for r in requests}) == 1
    assert len({(r.prepaid_eligible, frozenset(r.reasons)) for r in requests}) == 1


@given(all_facts, all_rules)
def test_a_request_of_one_item_has_the_verdict_of_that_item(item, rules):
    verdict = judge_item(item, rules)
    assert judge_request([verdict]) == verdict


# What is stored


@given(all_facts, all_rules)
def test_a_verdict_survives_json(item, rules):
    verdict = judge_item(item, rules)
    stored = json.loads(json.dumps(verdict.as_json()))
    assert stored["policy"] == verdict.policy
    assert stored["source"] == verdict.source
    assert stored["rules_version"] == rules.version
    assert [Reason(**reason) for reason in stored["reasons"]] == list(verdict.reasons)
    assert (stored["prepaid_reason"] and Reason(**stored["prepaid_reason"])) == verdict.prepaid_reason
    end = stored["window_end_date"]
    assert (end and date.fromisoformat(end)) == verdict.window_end_date


# Clocks


def test_an_answer_is_due_after_twenty_four_hours_also_over_a_clock_change():
    for text in ("2026-11-22 14:05", "2026-03-07 14:05", "2026-10-31 14:05"):
        requested_at = at(text)
        local = requested_at.astimezone(ZoneInfo(NEW_YORK))
        assert answer_due_at(local, has_time=True, rules=RULES) - requested_at == timedelta(hours=24)


@pytest.mark.parametrize(("hours", "last_day"), [(24, 23), (12, 23), (36, 24), (48, 24)])
def test_an_answer_to_a_request_without_a_time_is_due_with_the_last_day_any_time_could_reach(hours, last_day):
    rules = replace(RULES, answer_hours=hours)
    due = answer_due_at(start_of(date(2026, 11, 22), NEW_YORK), has_time=False, rules=rules)
    assert due == end_of_day(date(2026, 11, last_day), NEW_YORK)


@pytest.mark.parametrize(
    ("requested", "last_day"),
    [
        ("2026-11-19 00:00:00", date(2026, 11, 23)),
        ("2026-11-19 23:59:59", date(2026, 11, 23)),
        ("2026-11-20 00:00:00", date(2026, 11, 24)),
        ("2026-11-21 09:00:00", date(2026, 11, 24)),
        ("2026-11-22 14:05:00", date(2026, 11, 24)),
        ("2026-11-24 09:00:00", date(2026, 11, 27)),
    ],
)
def test_the_marketplace_steps_in_after_two_business_days(requested, last_day):
    rules = replace(RULES, holidays=frozenset({date(2026, 11, 26)}))
    due = step_in_at(at(requested), has_time=True, is_imported=False, rules=rules)
    assert due == end_of_day(last_day, NEW_YORK)


def test_a_request_without_a_time_has_the_same_step_in_as_any_time_of_its_day():
    day = start_of(date(2026, 11, 20), NEW_YORK)
    assert step_in_at(day, has_time=False, is_imported=False, rules=RULES) == step_in_at(
        at("2026-11-20 17:00"), has_time=True, is_imported=False, rules=RULES
    )


def test_imported_requests_step_in_after_forty_eight_hours_whatever_the_weekday():
    friday = at("2026-11-20 17:00")
    assert step_in_at(friday, has_time=True, is_imported=True, rules=RULES) == friday + timedelta(hours=48)
    day_only = step_in_at(
        start_of(date(2026, 11, 20), NEW_YORK), has_time=False, is_imported=True, rules=RULES
    )
    assert day_only == end_of_day(date(2026, 11, 22), NEW_YORK)


@given(moments, moments, st.booleans(), all_rules)
def test_whoever_asks_later_is_never_due_earlier(one, other, is_imported, rules):
    earlier, later = sorted((one.astimezone(UTC), other.astimezone(UTC)))

    def clocks(start: datetime) -> list[datetime]:
        return [
            answer_due_at(start, has_time=True, rules=rules),
            step_in_at(start, has_time=True, is_imported=is_imported, rules=rules),
            refund_due_at(start, rules),
        ]

    assert all(first <= second for first, second in zip(clocks(earlier), clocks(later), strict=True))
    assert all(due > earlier for due in clocks(earlier))


@given(days, times, st.integers(1, 72), st.booleans())
def test_a_day_without_a_time_never_gives_less_than_any_time_of_that_day(day, hour, hours, is_imported):
    rules = replace(RULES, time_zone="UTC", answer_hours=hours, imported_step_in_hours=hours)
    moment, day_only = datetime.combine(day, hour, UTC), start_of(day, "UTC")

    def clocks(start: datetime, has_time: bool) -> list[datetime]:
        return [
            answer_due_at(start, has_time=has_time, rules=rules),
            step_in_at(start, has_time=has_time, is_imported=is_imported, rules=rules),
        ]

    pairs = zip(clocks(moment, True), clocks(day_only, False), strict=True)
    assert all(with_time <= without < with_time + 2 * DAY for with_time, without in pairs)


@pytest.mark.parametrize(
    ("window_end_date", "authorized", "last_day"),
    [
        (date(2026, 12, 14), "2026-11-22 14:05", date(2026, 12, 29)),
        (date(2026, 11, 11), "2026-11-22 14:05", date(2026, 12, 7)),
        (None, "2026-11-22 14:05", date(2026, 12, 7)),
        (date(2026, 11, 11), "2026-11-22 23:59:59", date(2026, 12, 7)),
        (date(2026, 11, 11), "2026-11-23 00:00:00", date(2026, 12, 8)),
    ],
)
def test_send_back_by_is_fifteen_days_after_the_later_of_window_end_and_authorization(
    window_end_date, authorized, last_day
):
    assert send_back_date(window_end_date, authorized_at=at(authorized), rules=RULES) == last_day


def test_not_returned_five_days_after_the_last_day_to_send_back():
    assert not_returned_at(date(2026, 12, 29), RULES) == end_of_day(date(2027, 1, 3), NEW_YORK)


def test_a_refund_is_due_with_the_fourth_calendar_day_after_receipt():
    for received in ("2026-11-20 00:00:00", "2026-11-20 23:59:59"):
        assert refund_due_at(at(received), RULES) == end_of_day(date(2026, 11, 24), NEW_YORK)


def test_a_promise_is_proposed_for_the_second_business_day_and_overdue_after_it():
    assert promise_due_date(date(2026, 11, 23), RULES) == date(2026, 11, 25)
    assert promise_due_date(date(2026, 11, 20), RULES) == date(2026, 11, 24)
    assert promise_overdue_at(date(2026, 11, 25), RULES) == at("2026-11-26 00:00") - INSTANT


# Words


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason("window_open", {"date": "2025-12-14"}), "In policy until 14 Dec 2025"),
        (
            Reason("window_ended", {"date": "2025-11-09", "days": 1}),
            "Window ended 9 Nov 2025; asked 1 day after it",
        ),
        (
            Reason("window_ended", {"date": "2025-11-09", "days": 11}),
            "Window ended 9 Nov 2025; asked 11 days after it",
        ),
        (Reason("prepaid_abroad", {"country": "CA"}), "No prepaid label: sent to Canada"),
        (Reason("prepaid_abroad", {"country": "XQ"}), "No prepaid label: sent to XQ"),
        (
            Reason("prepaid_exempt_sku", {"sku": "100%s"}),
            "No prepaid label: the marketplace has exempted SKU 100%s",
        ),
        (
            Reason("prepaid_exempt_category", {"category": "dangerous-goods"}),
            "No prepaid label: dangerous goods are exempt",
        ),
    ],
)
def test_a_reason_in_english_words(reason, words):
    with override("en"):
        assert str(sentence(reason)) == words


def test_a_reason_is_put_into_words_in_the_language_of_its_reader():
    where, when = (
        sentence(Reason("prepaid_abroad", {"country": "CA"})),
        sentence(Reason("window_open", {"date": "2025-12-14"})),
    )
    with override("zh-hans"):
        assert "加拿大" in str(where)
        assert "2025年12月14日" in str(when)
    with override("en"):
        assert "Canada" in str(where)
    with override(None):
        assert "Canada" in str(where)


def test_a_reason_nobody_knows_is_not_put_into_words():
    with pytest.raises(KeyError):
        str(sentence(Reason("no_such_reason")))


@given(all_facts, all_rules)
def test_every_reason_of_every_verdict_has_words(item, rules):
    verdict = judge_item(item, rules)
    with override("en"):
        for reason in (*verdict.reasons, *filter(None, [verdict.prepaid_reason])):
            assert "%" not in str(sentence(reason))
