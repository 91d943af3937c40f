"""Asking for a return: units, the verdict, and what a rule does at once."""

from datetime import UTC, datetime, time, timedelta

import pytest

from returns import services
from returns.actors import Actor
from returns.exceptions import Forbidden, Invalid, KeyReused, NotFound, TransitionNotAllowed
from returns.models import MarketplaceSettings, OrderItem, ReturnAddress, ReturnReason, ReturnRequest, Seller
from returns.services.open import AskedLine
from returns.state_machine import Action, Role, Status
from tests.factories import (
    Cast,
    Line,
    a_request_in,
    asked_lines,
    by_hand,
    closing,
    day,
    days_ago,
    last_event,
    make_order,
    open_request,
)
from tests.returns.ledger import everything_adds_up, refused

AR, AUTHORIZED = Status.AUTHORIZATION_REQUIRED, Status.AUTHORIZED


def test_a_request_is_written_with_its_items_clocks_event_and_counter(cast: Cast) -> None:
    order = make_order(cast.north_lane, Line(sku="A", quantity=3), Line(sku="B"), country="CA")
    first, second = order.items.order_by("pk")
    event = services.open_return(
        Actor.buyer(order),
        order_reference=order.reference,
        lines=[
            AskedLine(
                order_item_id=first.pk, quantity=2, reason_code="CR-DEFECTIVE", comment=" It\r\nleaks. "
            ),
            AskedLine(order_item_id=second.pk, quantity=1, reason_code="CR-UNWANTED_ITEM"),
        ],
    )
    request = ReturnRequest.objects.get()
    assert (request.status, request.version, request.source) == (AR, 1, "portal")
    assert request.requested_at == event.occurred_at
    assert request.answer_due_at == request.requested_at + timedelta(hours=24) == request.deadline_at
    assert request.rma_number
    assert request.policy == "in_policy"
    assert request.window_end_date == day(8) + timedelta(days=30)
    assert not request.prepaid_eligible
    assert request.verdict["prepaid_reason"] == {"code": "prepaid_abroad", "params": {"country": "CA"}}
    assert list(
        request.items.order_by("pk").values_list("quantity", "units_held", "reason_code", "comment")
    ) == [
        (2, 2, "CR-DEFECTIVE", "It\nleaks."),
        (1, 1, "CR-UNWANTED_ITEM", ""),
    ]
    assert list(order.items.order_by("pk").values_list("units_held", flat=True)) == [2, 1]
    assert (event.version, event.action, event.source, event.target) == (1, Action.OPEN, "", AR)
    assert (event.role, event.user_id) == (Role.BUYER, None)
    assert [item["quantity"] for item in event.facts["items"]] == [2, 1]
    everything_adds_up()


def test_step_in_is_two_business_days_away(cast: Cast) -> None:
    wednesday = datetime(2026, 1, 7, 12, tzinfo=UTC)
    order = make_order(cast.north_lane, country="CA", ordered_days_ago=None, delivered_days_ago=None)
    for asked_at, last_day in ((wednesday, 9), (wednesday + timedelta(days=2), 13)):
        event = services.open_return(
            Actor.buyer(order).at(asked_at), order_reference=order.reference, lines=asked_lines(order)
        )
        request = ReturnRequest.objects.get(pk=event.request_id)
        assert request.step_in_at == datetime.combine(datetime(2026, 1, last_day), time.max, UTC)  # noqa: DTZ001
        services.close_return(
            Actor.buyer(order), reference=request.reference, closing=closing("buyer_other", "")
        )


def test_some_units_now_and_the_others_later(cast: Cast) -> None:
    order = make_order(cast.north_lane, Line(quantity=5), country="CA")
    open_request(order, quantity=3)
    with refused(Invalid, "Only 2 of 5 can still be returned.") as refusal:
        open_request(order, quantity=3)
    assert set(refusal.value.errors) == {f"quantity_{order.items.get().pk}"}
    open_request(order, quantity=2)
    with refused(Invalid, "Only 0 of 5 can still be returned."):
        open_request(order, quantity=1)
    assert order.items.get().units_held == 5
    everything_adds_up()


def test_units_that_were_given_back_can_be_asked_for_again(cast: Cast) -> None:
    request = a_request_in(cast, Status.CLOSED, closed_by=Role.BUYER)
    again = open_request(request.order)
    assert again.pk != request.pk
    everything_adds_up()


# What is refused, field by field


def line_of(order: object, **changes: object) -> AskedLine:
    (line,) = asked_lines(order)
    return AskedLine(
        **{
            "order_item_id": line.order_item_id,
            "quantity": 1,
            "reason_code": "CR-UNWANTED_ITEM",
            "comment": "",
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"quantity": 0}, "quantity", "Only 1 of 1 can still be returned."),
        ({"quantity": -1}, "quantity", "Only 1 of 1 can still be returned."),
        ({"quantity": 2}, "quantity", "Only 1 of 1 can still be returned."),
        ({"reason_code": "NO-SUCH"}, "reason", "Choose a reason from the list."),
        ({"reason_code": "CR-DEFECTIVE"}, "comment", "This reason needs a comment: say in a few words why."),
        (
            {"reason_code": "CR-DEFECTIVE", "comment": " \n "},
            "comment",
            "This reason needs a comment: say in a few words why.",
        ),
        ({"comment": "x" * 2001}, "comment", "Shorten your comments to 2,000 characters."),
    ],
)
def test_what_cannot_be_asked_for_is_named_by_field(
    cast: Cast, changes: dict[str, object], field: str, sentence: str
) -> None:
    order = make_order(cast.north_lane)
    lines = [line_of(order, **changes)]
    with refused(Invalid, sentence) as refusal:
        services.open_return(Actor.buyer(order), order_reference=order.reference, lines=lines)
    assert set(refusal.value.errors) == {f"{field}_{lines[0].order_item_id}"}


def test_a_retired_reason_is_not_offered(cast: Cast) -> None:
    order = make_order(cast.north_lane)
    ReturnReason.objects.filter(code="CR-UNWANTED_ITEM").update(is_active=False)
    with refused(Invalid, "Choose a reason from the list."):
        open_request(order)


def test_only_lines_of_the_order_and_each_once(cast: Cast) -> None:
    order, other = make_order(cast.north_lane), make_order(cast.north_lane)
    sentence = "This item does not belong to the order. Open the page again."
    for lines in ([line_of(other)], [line_of(order), line_of(order)]):
        with refused(Invalid, sentence):
            services.open_return(Actor.buyer(order), order_reference=order.reference, lines=lines)
    with refused(Invalid, "Choose at least one item."):
        services.open_return(Actor.buyer(order), order_reference=order.reference, lines=[])


# Who


def test_the_seller_the_admin_and_the_system_ask_for_the_buyer(cast: Cast) -> None:
    for actor in (cast.actor(cast.ben), cast.actor(cast.root), Actor.system()):
        request = open_request(make_order(cast.north_lane, country="CA"), actor=actor)
        assert last_event(request).role == actor.role


def test_nobody_asks_for_an_order_that_is_not_theirs(cast: Cast) -> None:
    order = make_order(cast.north_lane)
    stranger = Actor.buyer(make_order(cast.north_lane))
    for actor in (stranger, cast.actor(cast.carol)):
        with refused(NotFound, "This page does not exist, or it is not yours."):
            open_request(order, actor=actor)
    with refused(Forbidden):
        open_request(order, actor=cast.actor(cast.vera))
    with refused(TransitionNotAllowed):
        open_request(order, actor=Actor.marketplace(cast.north_lane))


# The form twice


def test_the_same_form_twice_opens_one_request(cast: Cast) -> None:
    order = make_order(cast.north_lane, Line(quantity=5), country="CA")
    first = open_request(order, quantity=2, key="form-1")
    assert open_request(order, quantity=2, key="form-1") == first
    assert ReturnRequest.objects.count() == 1
    for other in ({"quantity": 1}, {"reason": "CR-NO_REASON_GIVEN"}, {"comment": "Blue."}):
        with refused(KeyReused):
            open_request(order, key="form-1", **{"quantity": 2, **other})
    everything_adds_up()


def test_a_form_means_nothing_for_another_order(cast: Cast) -> None:
    one, two = make_order(cast.north_lane), make_order(cast.north_lane)
    assert open_request(one, key="form-1").pk != open_request(two, key="form-1").pk


# What the seller's setting does at once


def test_a_prepaid_eligible_request_is_authorized_on_arrival(cast: Cast) -> None:
    request = open_request(make_order(cast.north_lane))
    assert request.prepaid_eligible
    assert (request.status, request.version) == (AUTHORIZED, 2)
    opened, authorized = request.events.order_by("version")
    assert (authorized.role, authorized.user_id, authorized.hold_until) == (Role.SYSTEM, None, None)
    assert authorized.facts["is_prepaid"] is True
    assert opened.target == AR
    everything_adds_up()


def test_by_hand_it_waits(cast: Cast) -> None:
    with by_hand(cast.north_lane):
        assert open_request(make_order(cast.north_lane)).status == AR


@pytest.mark.parametrize(
    ("mode", "country", "delivered_days_ago", "status"),
    [
        (Seller.Authorization.PREPAID, "CA", 8, AR),
        (Seller.Authorization.IN_POLICY, "CA", 8, AUTHORIZED),
        (Seller.Authorization.IN_POLICY, "CA", 40, AR),
        (Seller.Authorization.WITHIN_DAYS, "CA", 10, AUTHORIZED),
        (Seller.Authorization.WITHIN_DAYS, "CA", 11, AR),
        (Seller.Authorization.WITHIN_DAYS, "US", 11, AUTHORIZED),
        (Seller.Authorization.IN_POLICY, "FR", 8, AR),
    ],
)
def test_the_seller_says_what_is_authorized_by_itself(
    cast: Cast, mode: str, country: str, delivered_days_ago: int, status: Status
) -> None:
    Seller.objects.update(authorization=mode, authorization_days=10)
    order = make_order(
        cast.north_lane,
        country=country,
        ordered_days_ago=delivered_days_ago + 2,
        delivered_days_ago=delivered_days_ago,
    )
    assert open_request(order).status == status


def test_without_a_way_back_the_rule_leaves_it_to_the_seller(cast: Cast) -> None:
    ReturnAddress.objects.all().delete()
    Seller.objects.update(authorization=Seller.Authorization.IN_POLICY)
    assert open_request(make_order(cast.north_lane, country="CA")).status == AR


def test_the_sellers_instructions_go_with_an_automatic_authorization(cast: Cast) -> None:
    Seller.objects.update(instructions="Put the number on the box.")
    request = open_request(make_order(cast.north_lane))
    assert request.instructions == "Put the number on the box."


# The verdict


def test_a_request_is_prepaid_eligible_when_any_item_is(cast: Cast) -> None:
    order = make_order(
        cast.north_lane, Line(sku="A", category="Dangerous goods"), Line(sku="B", category="Kitchen")
    )
    request = open_request(order)
    assert request.prepaid_eligible
    assert list(request.items.order_by("pk").values_list("prepaid_eligible", flat=True)) == [False, True]


def test_the_verdict_is_made_once(cast: Cast) -> None:
    request = a_request_in(cast, AR)
    before = request.verdict
    MarketplaceSettings.objects.update(window_days=1)
    OrderItem.objects.update(category="handmade")
    request.refresh_from_db()
    assert (request.verdict, request.policy) == (before, "in_policy")


def test_a_told_story_keeps_its_dates_and_the_databases_own(cast: Cast) -> None:
    request = open_request(make_order(cast.north_lane, country="CA"), opened_days_ago=3)
    event = last_event(request)
    assert abs(event.occurred_at - days_ago(3)) < timedelta(minutes=1)
    assert event.recorded_at > days_ago(0.1)
