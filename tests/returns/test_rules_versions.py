"""Versions of the rules: an order is judged by those in force when it was placed, whatever is changed later."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from returns import services
from returns.actors import Actor
from returns.exceptions import Forbidden
from returns.judged import facts_of, is_same
from returns.models import MarketplaceSettings, Order, ReturnItem, RulesVersion
from returns.models.clock import database_now
from returns.models.policies import ALWAYS
from returns.policy import judge_item
from returns.services.policies import save_settings
from returns.services.withdraw import WithdrawnLine
from returns.state_machine import Status
from tests.factories import (
    Cast,
    Line,
    a_case,
    change_rules,
    file_request,
    make_cast,
    make_order,
    open_request,
)
from tests.returns.ledger import refused

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def cast(database: str) -> Cast:
    return make_cast()


def placed_now(cast: Cast, *lines: Line, **how: Any) -> Order:
    """An order placed now, by the rules as they are now."""
    order = make_order(cast.north_lane, *lines, **how)
    Order.objects.filter(pk=order.pk).update(ordered_at=database_now())
    return order


def test_an_order_is_judged_by_the_rules_of_its_day(cast: Cast) -> None:
    before = make_order(cast.north_lane, ordered_days_ago=30, delivered_days_ago=26)
    change_rules(window_days=20)
    after = placed_now(cast, delivered_days_ago=26)
    change_rules(window_days=5)
    first, second = open_request(before), open_request(after)
    assert (first.policy, first.verdict["rules_version"]) == ("in_policy", 2)
    assert (second.policy, second.verdict["rules_version"]) == ("not_in_policy", 3)
    assert (second.window_end_date - after.delivered_date).days == 20
    assert (a_case(first).rules.window_days, a_case(second).rules.window_days) == (30, 20)


def test_an_imported_order_is_judged_by_the_rules_of_its_day(cast: Cast) -> None:
    order = make_order(cast.north_lane, Line(category="Toys"))
    change_rules(category_windows={"toys": 90}, prepaid_exempt_categories=["toys"])
    request = file_request(order, Status.AUTHORIZED)
    assert request.verdict["rules_version"] == 2
    assert (request.window_end_date - order.delivered_date).days == 30


@pytest.mark.parametrize("ordered_days_ago", [None, 30000])
def test_without_a_date_or_before_all_versions_the_first_holds(
    cast: Cast, ordered_days_ago: int | None
) -> None:
    order = make_order(cast.north_lane, ordered_days_ago=ordered_days_ago, delivered_days_ago=26)
    change_rules(window_days=20)
    assert open_request(order).policy == "in_policy"


def test_rules_saved_before_there_is_an_order_hold_for_all_that_will_come(cast: Cast) -> None:
    change_rules(window_days=90)
    order = make_order(cast.north_lane, ordered_days_ago=80, delivered_days_ago=70)
    assert set(RulesVersion.objects.values_list("in_force_from", flat=True)) == {ALWAYS}
    assert open_request(order).policy == "in_policy"


def test_clocks_follow_the_rules_of_today(cast: Cast) -> None:
    order = make_order(cast.north_lane, country="CA")
    change_rules(answer_hours=48, refund_days=9)
    request = open_request(order)
    assert request.answer_due_at - request.requested_at == timedelta(hours=48)
    assert a_case(request).rules.refund_days == 9


def test_what_a_mark_says_is_what_held_when_it_was_bought(cast: Cast) -> None:
    order = make_order(cast.north_lane)
    change_rules(not_returnable_skus=["KETTLE-1"])
    settings = MarketplaceSettings.load()
    assert settings.not_returnable_mark("KETTLE-1", "", order.ordered_at) == ""
    assert (
        settings.not_returnable_mark("KETTLE-1", "", database_now() + timedelta(seconds=1)) == "SKU KETTLE-1"
    )


def test_saving_what_is_no_rule_or_the_same_again_makes_no_version(cast: Cast) -> None:
    change_rules(name="Bazaar", retention_days=60)
    change_rules(window_days=30)
    assert RulesVersion.objects.count() == 2
    assert change_rules(window_days=31).rules_version == RulesVersion.objects.latest("version").version == 3


def test_only_an_admin_changes_the_rules(cast: Cast) -> None:
    settings = MarketplaceSettings.load()
    settings.window_days = 3
    with refused(Forbidden):
        save_settings(cast.actor(cast.alice), settings)


def test_each_stored_verdict_is_made_again_from_its_inputs_and_its_version(cast: Cast) -> None:
    """Also after the order, the seller, the settings and the rules have changed."""
    open_request(make_order(cast.north_lane, Line(sku="A", category="Dangerous goods"), Line(sku="B")))
    change_rules(
        window_days=20,
        category_windows={"toys": 90},
        seasons=[{"first": "01-01", "last": "12-31", "until": "06-30"}],
    )
    open_request(placed_now(cast, Line(category="Toys"), country="CA"))
    open_request(placed_now(cast, delivered_days_ago=26))
    open_request(make_order(cast.north_lane, ordered_days_ago=None, delivered_days_ago=None))
    file_request(make_order(cast.north_lane), Status.AUTHORIZED, prepaid=True)
    french = make_order(cast.north_lane, country="FR")
    line = WithdrawnLine(order_item_id=french.items.get().pk, quantity=1)
    services.withdraw(Actor.buyer(french), order_reference=french.reference, lines=[line])
    Order.objects.update(country="DE", delivered_date=None, ordered_at=None)
    type(cast.north_lane).objects.update(country="DE")
    change_rules(window_days=1, time_zone="Asia/Shanghai", prepaid_countries=[])
    settings = MarketplaceSettings.load()
    versions = {version.version: version for version in settings.rule_versions}
    items = ReturnItem.objects.all()
    assert len(items) == 7
    for item in items:
        stored = item.verdict
        rules = versions[stored["rules_version"]].rules(
            settings, time_zone=stored["time_zone"], home_country=stored["home_country"]
        )
        assert is_same(judge_item(facts_of(stored), rules), stored), stored


def test_the_rules_are_read_once_for_all_requests_of_a_page(cast: Cast) -> None:
    old = make_order(cast.north_lane)
    change_rules(window_days=20)
    new = placed_now(cast)
    cases = [a_case(open_request(order)) for order in (old, new)]
    with CaptureQueriesContext(connection) as queries:
        again = [a_case(case.request) for case in cases]
    assert [case.rules.window_days for case in again] == [30, 20]
    assert not [query for query in queries if "returns_rulesversion" in query["sql"]]
