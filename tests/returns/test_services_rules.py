"""What a seller has decided beforehand, when a request is opened: who authorizes it, and what is refunded at once."""

from dataclasses import replace
from typing import Any

import pytest

from notifications.services import deliver_messages, relay_events
from returns import services
from returns.actors import Actor
from returns.exceptions import Invalid, TransitionNotAllowed
from returns.models import (
    OrderItem,
    Refund,
    ReturnAddress,
    ReturnlessRule,
    ReturnRequest,
    Seller,
    SkuRule,
)
from returns.models.clock import database_now
from returns.models.money import RefundCause
from returns.services.deadlines import authorize_at_limit
from returns.services.rules import go_on_by_rule
from returns.services.withdraw import WithdrawnLine
from returns.state_machine import Outcome, Role, Status
from tests.factories import (
    Cast,
    Line,
    asked_lines,
    at_once,
    change_rules,
    closing,
    day,
    file_request,
    last_event,
    make_order,
    open_request,
)
from tests.returns.ledger import everything_adds_up, refused

pytestmark = pytest.mark.django_db

AR, AUTHORIZED, COMPLETED = Status.AUTHORIZATION_REQUIRED, Status.AUTHORIZED, Status.COMPLETED
BY_HAND, PREPAID, IN_POLICY, WITHIN_DAYS = Seller.Authorization


def set_mode(mode: str, days: int = 30) -> None:
    Seller.objects.update(authorization=mode, authorization_days=days)


def override(cast: Cast, sku: str, *, is_automatic: bool) -> None:
    SkuRule.objects.create(seller=cast.north_lane, sku=sku, is_automatic=is_automatic)


def small_things(cast: Cast, **different: Any) -> ReturnlessRule:
    """A rule of North Lane that refunds what cost up to $20 at once."""
    values = {"name": "Small things", "currency": "USD", "least_minor": 0, "most_minor": 2000, **different}
    return ReturnlessRule.objects.create(**{"seller": cast.north_lane, **values})


CABLE = Line(sku="CABLE-1", title="Cable", category="Electronics", item=1299, tax=104, shipping=499)


# How to authorize: each mode with each kind of request

KINDS: dict[str, dict[str, Any]] = {
    "prepaid-eligible": {"country": "US"},
    "in policy": {"country": "CA"},
    "not in policy, within days": {"country": "CA", "ordered_days_ago": 65, "delivered_days_ago": 20},
    "not in policy": {"country": "CA", "ordered_days_ago": 65, "delivered_days_ago": 40},
    "unknown": {"country": "CA", "ordered_days_ago": None, "delivered_days_ago": None},
}
AUTOMATIC = {
    BY_HAND: set(),
    PREPAID: {"prepaid-eligible"},
    IN_POLICY: {"prepaid-eligible", "in policy"},
    WITHIN_DAYS: {"prepaid-eligible", "in policy", "not in policy, within days"},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", Seller.Authorization)
def test_each_mode_authorizes_what_it_says(cast: Cast, mode: str, kind: str) -> None:
    set_mode(mode, 21)
    if kind == "not in policy, within days":
        change_rules(window_days=14)
    request = open_request(make_order(cast.north_lane, **KINDS[kind]))
    assert request.policy == {"prepaid-eligible": "in_policy", "unknown": "unknown"}.get(
        kind, kind.partition(",")[0].replace(" ", "_")
    )
    assert request.status == (AUTHORIZED if kind in AUTOMATIC[mode] else AR)
    event = last_event(request)
    if request.status == AUTHORIZED:
        assert (event.role, event.facts["rule"]["kind"]) == (
            Role.SYSTEM,
            PREPAID if request.prepaid_eligible else mode,
        )
    else:
        assert "rule" not in event.facts
    everything_adds_up()


@pytest.mark.parametrize("mode", Seller.Authorization)
def test_no_mode_decides_about_what_a_file_brings(cast: Cast, mode: str) -> None:
    set_mode(mode)
    small_things(cast, most_minor=100_000)
    override(cast, "KETTLE-1", is_automatic=True)
    request = file_request(make_order(cast.north_lane), AR, prepaid=True)
    go_on_by_rule(Actor.marketplace(cast.north_lane), request)
    request.refresh_from_db()
    assert (request.status, request.version) == (AR, 1)


@pytest.mark.parametrize(
    ("days", "dates", "status"),
    [
        (10, {"ordered_days_ago": 30, "delivered_days_ago": 10}, AUTHORIZED),
        (10, {"ordered_days_ago": 30, "delivered_days_ago": 11}, AR),
        # Not delivered yet: the days count from the estimated day, 7 days after the order.
        (10, {"ordered_days_ago": 17, "delivered_days_ago": None}, AUTHORIZED),
        (10, {"ordered_days_ago": 18, "delivered_days_ago": None}, AR),
        # The order's day is not known, the delivery's is.
        (10, {"ordered_days_ago": None, "delivered_days_ago": 10}, AUTHORIZED),
        (10, {"ordered_days_ago": None, "delivered_days_ago": 11}, AR),
    ],
)
def test_the_days_count_from_the_delivery(
    cast: Cast, days: int, dates: dict[str, Any], status: Status
) -> None:
    set_mode(WITHIN_DAYS, days)
    assert open_request(make_order(cast.north_lane, country="CA", **dates)).status == status


def test_prepaid_eligible_and_held_by_hand_waits_cannot_be_closed_and_is_authorized_at_the_limit(
    cast: Cast,
) -> None:
    Seller.objects.update(authorization=BY_HAND, instructions="Put the number on the box.")
    request = open_request(make_order(cast.north_lane))
    assert (request.status, request.prepaid_eligible) == (AR, True)
    with refused(TransitionNotAllowed, "Eligible for a prepaid return: this request cannot be closed."):
        services.close_return(at_once(cast.actor(cast.alice)), reference=request.reference, closing=closing())
    assert authorize_at_limit() == 0
    ReturnRequest.objects.update(answer_due_at=database_now())
    assert authorize_at_limit() == 1
    request.refresh_from_db()
    assert (request.status, request.instructions) == (AUTHORIZED, "Put the number on the box.")
    event = last_event(request)
    assert (event.role, event.facts["rule"]) == (Role.SYSTEM, {"kind": "answer_limit"})


# SKU overrides


@pytest.mark.parametrize(
    ("mode", "overrides", "status"),
    [
        (BY_HAND, {"A": True, "B": True}, AUTHORIZED),
        (BY_HAND, {"A": True}, AR),
        (PREPAID, {"A": True, "B": True}, AUTHORIZED),
        (PREPAID, {"A": True}, AR),
        (IN_POLICY, {}, AUTHORIZED),
        (IN_POLICY, {"A": True}, AUTHORIZED),
        (IN_POLICY, {"A": False}, AR),
        (IN_POLICY, {"A": True, "B": False}, AR),
        (WITHIN_DAYS, {"B": False}, AR),
    ],
)
def test_a_request_is_automatic_only_if_every_item_says_so(
    cast: Cast, mode: str, overrides: dict[str, bool], status: Status
) -> None:
    set_mode(mode)
    for sku, is_automatic in overrides.items():
        override(cast, sku, is_automatic=is_automatic)
    order = make_order(cast.north_lane, Line(sku="A"), Line(sku="B"), country="CA")
    request = open_request(order)
    assert request.status == status
    if mode in (BY_HAND, PREPAID) and status == AUTHORIZED:
        assert last_event(request).facts["rule"] == {"kind": "sku"}


def test_manual_holds_a_prepaid_eligible_request_until_the_answer_limit(cast: Cast) -> None:
    set_mode(IN_POLICY)
    override(cast, "KETTLE-1", is_automatic=False)
    request = open_request(make_order(cast.north_lane))
    assert (request.status, request.prepaid_eligible) == (AR, True)
    ReturnRequest.objects.update(answer_due_at=database_now())
    assert authorize_at_limit() == 1


def test_an_automatic_product_is_authorized_while_it_is_in_policy(cast: Cast) -> None:
    set_mode(BY_HAND)
    override(cast, "KETTLE-1", is_automatic=True)
    late = make_order(cast.north_lane, country="CA", ordered_days_ago=80, delivered_days_ago=75)
    unknown = make_order(cast.north_lane, country="CA", ordered_days_ago=None, delivered_days_ago=None)
    assert [open_request(order).status for order in (late, unknown)] == [AR, AR]


def test_an_override_is_its_sellers_own(cast: Cast) -> None:
    set_mode(IN_POLICY)
    override(cast, "KETTLE-1", is_automatic=False)
    assert open_request(make_order(cast.south_pier)).status == AUTHORIZED


def test_a_withdrawal_in_time_is_authorized_whatever_is_set(cast: Cast) -> None:
    set_mode(BY_HAND)
    order = make_order(cast.north_lane, CABLE, country="FR")
    small_things(cast)
    override(cast, "CABLE-1", is_automatic=False)
    ReturnAddress.objects.all().delete()
    lines = [WithdrawnLine(order_item_id=order.items.get().pk, quantity=1)]
    services.withdraw(Actor.buyer(order), order_reference=order.reference, lines=lines)
    request = ReturnRequest.objects.get()
    assert (request.status, last_event(request).facts["rule"]) == (AUTHORIZED, {"kind": "withdrawal"})


# Returnless rules


def test_what_fits_is_refunded_in_full_as_soon_as_it_is_opened(cast: Cast) -> None:
    rule = small_things(cast)
    order = make_order(cast.north_lane, CABLE)
    request = open_request(order)
    assert (request.status, request.outcome, request.version) == (
        COMPLETED,
        Outcome.REFUNDED_WITHOUT_RETURN,
        2,
    )
    assert request.completed_at is not None
    event = last_event(request)
    assert (event.role, event.user_id, event.facts["rule"]) == (
        Role.SYSTEM,
        None,
        {"kind": "returnless", "id": rule.pk, "name": "Small things"},
    )
    rows = Refund.objects.order_by("part").values_list("part", "amount_minor", "currency", "cause", "event")
    assert list(rows) == [
        ("item", 1299, "USD", RefundCause.RULE, event.pk),
        ("tax", 104, "USD", RefundCause.RULE, event.pk),
    ]
    assert event.facts["refund"]["minor"] == 1403
    line = order.items.get()
    # Settled: the buyer keeps it, and cannot ask for it again.
    assert (line.item_refunded_minor, line.tax_refunded_minor, line.units_held) == (1299, 104, 1)
    everything_adds_up()


def test_a_share_of_a_line_is_refunded_for_a_share_of_its_units(cast: Cast) -> None:
    small_things(cast)
    order = make_order(cast.north_lane, Line(quantity=3, item=1000, tax=80))
    assert open_request(order, quantity=1).status == COMPLETED
    assert sorted(Refund.objects.values_list("amount_minor", flat=True)) == [26, 333]


def test_with_the_form_sent_twice_it_refunds_once(cast: Cast) -> None:
    small_things(cast)
    order = make_order(cast.north_lane, CABLE)
    assert open_request(order, key="k") == open_request(order, key="k")
    assert Refund.objects.count() == 2


UNFIT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "below the range": ({"least_minor": 1300}, {}),
    "above the range": ({"most_minor": 1298}, {}),
    "another currency": ({"currency": "CAD"}, {}),
    "another category": ({"categories": ["Kitchen"]}, {}),
    "another reason": ({"reasons": ["CR-DEFECTIVE"]}, {}),
    "never arrived": ({"reasons": ["NEVER_ARRIVED"]}, {"reason": "NEVER_ARRIVED"}),
    "switched off": ({"is_active": False}, {}),
}


@pytest.mark.parametrize("why", UNFIT)
def test_what_does_not_fit_goes_its_usual_way(cast: Cast, why: str) -> None:
    set_mode(BY_HAND)
    rule, asked = UNFIT[why]
    small_things(cast, **rule)
    assert open_request(make_order(cast.north_lane, CABLE), **asked).status == AR
    assert not Refund.objects.exists()


@pytest.mark.parametrize(
    "rule",
    [
        {"least_minor": 1299, "most_minor": 1299},
        {"categories": ["Kitchen", "ELECTRONICS"]},
        {"reasons": ["CR-DEFECTIVE", "CR-UNWANTED_ITEM"]},
    ],
)
def test_bounds_belong_to_the_range_and_one_of_several_is_enough(cast: Cast, rule: dict[str, Any]) -> None:
    small_things(cast, **rule)
    assert open_request(make_order(cast.north_lane, CABLE)).status == COMPLETED


def test_all_items_must_fit_one_rule(cast: Cast) -> None:
    set_mode(BY_HAND)
    small_things(cast, categories=["Electronics"])
    small_things(cast, name="Kitchen things", categories=["Kitchen"])
    other = Line(sku="SPOON", category="Kitchen", item=300, tax=0)
    assert open_request(make_order(cast.north_lane, CABLE, other)).status == AR
    assert not Refund.objects.exists()
    assert open_request(make_order(cast.north_lane, CABLE, replace(CABLE, sku="CABLE-2"))).status == COMPLETED


def test_the_first_rule_that_fits_is_the_one(cast: Cast) -> None:
    small_things(cast, most_minor=1000)
    small_things(cast, name="Cables", categories=["Electronics"])
    small_things(cast, name="Everything", most_minor=100_000)
    assert last_event(open_request(make_order(cast.north_lane, CABLE))).facts["rule"]["name"] == "Cables"


def test_without_knowing_what_was_paid_nothing_is_refunded(cast: Cast) -> None:
    set_mode(BY_HAND)
    small_things(cast)
    unknown = Line(sku="SPOON", item=None, tax=None)
    partly_known = make_order(cast.north_lane, CABLE, unknown)
    stub = make_order(cast.north_lane, CABLE)
    OrderItem.objects.filter(order=stub).update(is_quantity_known=False)
    free = make_order(cast.north_lane, Line(item=0, tax=0))
    orders = (make_order(cast.north_lane, unknown), partly_known, stub, free)
    assert [open_request(order).status for order in orders] == [AR] * 4
    assert not Refund.objects.exists()


def test_what_was_given_back_before_leaves_it_to_the_seller(cast: Cast) -> None:
    set_mode(BY_HAND)
    order = make_order(cast.north_lane, Line(quantity=2, item=1000, tax=100))
    first = open_request(order, quantity=1)
    services.record_refund(
        at_once(cast.actor(cast.alice)),
        reference=first.reference,
        amounts={(first.items.get().pk, "tax"): 60},
        refunded_date=day(0),
    )
    small_things(cast)
    # The item's share would still be there, the tax's is not: neither is refunded.
    second = open_request(order, quantity=1)
    assert second.status == AR
    assert Refund.objects.count() == 1
    everything_adds_up()


def test_a_manual_product_is_not_refunded_without_a_look(cast: Cast) -> None:
    small_things(cast)
    override(cast, "CABLE-1", is_automatic=False)
    assert open_request(make_order(cast.north_lane, CABLE)).status == AR


def test_a_rule_is_its_sellers_own(cast: Cast) -> None:
    small_things(cast)
    assert open_request(make_order(cast.south_pier, CABLE)).status == AUTHORIZED


def test_the_buyer_is_told_what_is_refunded_and_that_the_item_stays(cast: Cast) -> None:
    small_things(cast)
    order = make_order(cast.north_lane, CABLE)
    request = open_request(order)
    relay_events()
    messages = {message.kind: message for message in last_event(request).messages.all()}
    assert set(messages) == {"return_completed", "refund_to_pay"}
    deliver_messages()
    messages["return_completed"].refresh_from_db()
    assert messages["return_completed"].status == "sent"


def test_nobody_is_asked_to_decide_what_a_rule_decided(cast: Cast) -> None:
    small_things(cast)
    request = open_request(make_order(cast.north_lane, CABLE))
    relay_events()
    opened = request.events.order_by("version")[0]
    assert [message.recipient_type for message in opened.messages.all()] == ["buyer"]


def test_a_story_told_afterwards_keeps_its_day(cast: Cast) -> None:
    small_things(cast)
    request = open_request(make_order(cast.north_lane, CABLE), opened_days_ago=3)
    assert request.completed_at is not None
    assert Refund.objects.values_list("refunded_date", flat=True).distinct().get() == day(3)
    assert request.completed_at.date() == day(3)


def test_what_was_refunded_by_a_rule_is_asked_for_no_second_time(cast: Cast) -> None:
    small_things(cast)
    order = make_order(cast.north_lane, CABLE)
    open_request(order)
    with refused(Invalid, "Only 0 of 1 can still be returned."):
        services.open_return(Actor.buyer(order), order_reference=order.reference, lines=asked_lines(order))
