"""Figures as readers of either language write them."""

from datetime import timedelta

import pytest
from django.utils import translation

from returns.selectors.overview import Count
from returns.templatetags.figures import count, duration, number, percent


@pytest.mark.parametrize(
    ("length", "english", "chinese"),
    [
        (timedelta(0), "0 min", "0 分钟"),
        (timedelta(seconds=29), "0 min", "0 分钟"),
        (timedelta(minutes=59, seconds=30), "1 h", "1 小时"),
        (timedelta(hours=3, minutes=20), "3 h 20 min", "3 小时 20 分钟"),
        (timedelta(hours=47, minutes=59), "47 h 59 min", "47 小时 59 分钟"),
        (timedelta(days=2, hours=5, minutes=50), "2 d 5 h", "2 天 5 小时"),
    ],
)
def test_a_length_of_time_has_at_most_two_units(length: timedelta, english: str, chinese: str) -> None:
    for language, words in (("en", english), ("zh-hans", chinese)):
        with translation.override(language):
            assert duration(length) == words


def test_numbers_are_grouped_and_a_count_that_ended_has_a_plus() -> None:
    assert number(1234567) == "1,234,567"
    assert count(Count(1000, is_more=True)) == "1,000+"
    assert count(Count(1000)) == "1,000"


def test_counts_are_added_with_their_plus() -> None:
    assert Count(1000, is_more=True) + Count(2) == Count(1002, is_more=True)
    assert not Count(0) + Count(0)


@pytest.mark.parametrize(("share", "words"), [(1, "100%"), (0.333, "33%"), (0.01, "1%"), (0.004, "0.4%")])
def test_small_shares_are_not_called_none(share: float, words: str) -> None:
    assert percent(share) == words
