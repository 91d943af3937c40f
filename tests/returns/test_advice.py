"""What the cost of a return advises."""

import pytest

from returns import services
from returns.advice import AdviceKind, Cost, CostSource, Payer, advise, who_pays
from returns.models import ReturnItem
from returns.selectors.advising import advice_of
from returns.state_machine import Status
from tests.factories import Cast, Line, a_case, at_once, day, file_request, make_order

KEEP, TELL = AdviceKind.KEEP, AdviceKind.TELL_COST
BUYER, SELLER, MARKETPLACE = Payer.BUYER, Payer.SELLER, Payer.MARKETPLACE


@pytest.mark.parametrize(
    ("value", "cost", "payer", "kind"),
    [
        # The cost exceeds the value: reach out, whoever of the two pays.
        (2400, 3140, SELLER, KEEP),
        (2400, 3140, BUYER, KEEP),
        (2400, 2401, SELLER, KEEP),
        (2400, 2401, BUYER, KEEP),
        # The buyer pays, and it is close to the value (from 80 %) or just the value.
        (899, 740, BUYER, TELL),
        (1000, 800, BUYER, TELL),
        (1000, 1000, BUYER, TELL),
        (1000, 799, BUYER, None),
        # The seller pays, and it is not above the value.
        (1000, 1000, SELLER, None),
        (1000, 800, SELLER, None),
        # What the marketplace pays is nobody's question here.
        (2400, 3140, MARKETPLACE, None),
        # Nothing left of the value: any cost is above it.
        (0, 1, SELLER, KEEP),
        (0, 1, BUYER, KEEP),
        # Unknown, or nothing to pay.
        (2400, None, SELLER, None),
        (2400, 0, BUYER, None),
        (2400, -1, BUYER, None),
        (-1, 100, BUYER, None),
        # Whole numbers, however big: no rounding.
        (10**15, 8 * 10**14, BUYER, TELL),
        (10**15, 8 * 10**14 - 1, BUYER, None),
    ],
)
def test_advice_follows_value_cost_and_payer(
    value: int, cost: int | None, payer: Payer, kind: AdviceKind | None
) -> None:
    known = None if cost is None else Cost(cost, CostSource.FILE)
    advice = advise(value_minor=value, cost=known, payer=payer)
    assert (advice.kind if advice else None) == kind
    if advice:
        assert (advice.value_minor, advice.cost, advice.payer) == (value, known, payer)


@pytest.mark.parametrize(
    ("payer", "value", "worth", "begins", "ends"),
    [
        (SELLER, 500, "$5.00", "Sending it back costs about $7.40, more than its value of $5.00. ",
         "Offer to let the buyer keep it with a full refund."),
        (BUYER, 500, "$5.00", "The buyer would pay about $7.40 to send back an item worth $5.00. ",
         "Offer to let them keep it with a full refund."),
        (BUYER, 899, "$8.99", "The buyer would pay about $7.40 to send back an item worth $8.99. ",
         "Tell them first, and offer a credit or a cheaper label."),
    ],
)  # fmt: skip
def test_the_line_has_both_numbers(payer: Payer, value: int, worth: str, begins: str, ends: str) -> None:
    advice = advise(value_minor=value, cost=Cost(740, CostSource.FILE), payer=payer)
    assert advice
    assert str(advice.sentence) % {"cost": "$7.40", "value": worth} == begins + ends


@pytest.mark.parametrize(
    ("reported", "fault", "payer"),
    [
        ("Customer", "seller", BUYER),
        ("Seller", "buyer", SELLER),
        ("Amazon", "buyer", MARKETPLACE),
        (" customer ", "seller", BUYER),
        ("", "seller", SELLER),
        ("", "buyer", BUYER),
        ("", "none", BUYER),
        ("Somebody", "seller", SELLER),
    ],
)
def test_the_files_word_about_who_pays_comes_before_the_fault(
    reported: str, fault: str, payer: Payer
) -> None:
    assert who_pays(reported, fault) == payer


# On a request's page


def on_the_page(cast: Cast, cost: int | None, *, payer: str = "", reason: str = "CR-UNWANTED_ITEM") -> str:
    order = make_order(cast.north_lane, Line(item=899, tax=None), country="CA")
    request = file_request(order, Status.AUTHORIZATION_REQUIRED, reason=reason)
    ReturnItem.objects.filter(request=request).update(label_cost_minor=cost, label_payer=payer)
    return str(advice_of(a_case(request)) or "")


def test_the_page_of_an_open_request_shows_it_with_money(cast: Cast) -> None:
    assert on_the_page(cast, 740).startswith(
        "The buyer would pay about $7.40 to send back an item worth $8.99."
    )
    assert on_the_page(cast, 700) == ""
    assert on_the_page(cast, None) == ""
    assert on_the_page(cast, 740, payer="Seller") == ""
    assert on_the_page(cast, 740, reason="CR-DEFECTIVE") == ""
    assert "Sending it back costs about $9.00" in on_the_page(cast, 900, reason="CR-DEFECTIVE")


def test_what_was_refunded_before_lessens_the_value(cast: Cast) -> None:
    order = make_order(cast.north_lane, Line(item=10000, tax=None))
    request = file_request(order, Status.AUTHORIZATION_REQUIRED)
    ReturnItem.objects.filter(request=request).update(label_cost_minor=740)
    assert advice_of(a_case(request)) is None
    services.record_refund(
        at_once(cast.actor(cast.alice)),
        reference=request.reference,
        amounts={(request.items.get().pk, "item"): 9500},
        refunded_date=day(0),
    )
    assert "an item worth $5.00" in str(advice_of(a_case(request)))


def test_after_the_decision_there_is_nothing_to_advise(cast: Cast) -> None:
    request = file_request(make_order(cast.north_lane, Line(item=899)), Status.AUTHORIZED)
    ReturnItem.objects.filter(request=request).update(label_cost_minor=5000)
    assert advice_of(a_case(request)) is None
