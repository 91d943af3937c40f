from datetime import UTC, date, datetime, timedelta

import pytest
from django.template import Context, Template
from django.utils import timezone, translation

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def render(source: str, **context: object) -> str:
    return Template("{% load portal %}" + source).render(Context({"now": NOW, **context}))


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(days=20), "20 days left"),
        (timedelta(hours=40), "40 h left"),
        (timedelta(hours=10, minutes=59), "10 h left"),
        (timedelta(hours=3, minutes=10), "3 h 10 min left"),
        (timedelta(hours=9), "9 h left"),
        (timedelta(minutes=59), "59 min left"),
        (timedelta(seconds=5), "1 min left"),
        (timedelta(seconds=-5), "Overdue by 1 min"),
        (timedelta(hours=-2, minutes=-30), "Overdue by 2 h"),
        (timedelta(hours=-47), "Overdue by 47 h"),
        (timedelta(days=-2), "Overdue by 2 days"),
    ],
)
def test_what_is_left_is_said_in_at_most_two_units(left: timedelta, words: str) -> None:
    assert render("{% left due_at now %}", due_at=NOW + left) == words


@pytest.mark.parametrize(
    ("left", "word"),
    [
        (timedelta(seconds=-1), "late"),
        (timedelta(0), "soon"),
        (timedelta(hours=4), "soon"),
        (timedelta(hours=4, seconds=1), "calm"),
    ],
)
def test_urgency_begins_with_the_first_reminder(left: timedelta, word: str) -> None:
    assert render("{{ due_at|urgency:now }}", due_at=NOW + left) == word


def test_a_moment_names_its_zone_and_can_be_read_by_machines() -> None:
    with timezone.override("America/Toronto"):
        html = render("{% moment at %}", at=datetime(2025, 11, 22, 19, 0, tzinfo=UTC))
    assert html == '<time datetime="2025-11-22T14:00:00-05:00">22 Nov 2025, 14:00 EST</time>'


def test_a_file_s_day_stays_a_day() -> None:
    html = render("{% moment at %}", at=date(2025, 11, 22))
    assert html == '<time datetime="2025-11-22">22 Nov 2025</time>'


def test_a_day_is_the_day_in_the_reader_s_zone_and_language() -> None:
    with timezone.override("Asia/Shanghai"), translation.override("zh-hans"):
        html = render("{% day at %}", at=datetime(2025, 11, 22, 19, 0, tzinfo=UTC))
    assert html == '<time datetime="2025-11-23">2025年11月23日</time>'


def test_nothing_is_drawn_for_what_is_not_known() -> None:
    assert render("{% day at %}{% moment at %}{% money amount 'USD' %}", at=None, amount=None) == ""


def test_money_is_written_in_the_reader_s_language() -> None:
    assert render("{% money 899 'USD' %}") == "$8.99"
    with translation.override("zh-hans"):
        assert render("{% money 899 'USD' %}") == "US$8.99"
