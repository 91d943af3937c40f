"""The seller's table of return costs, and the advice that is counted with it."""

import re
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from returns import services
from returns.advice import Zone, zone_between
from returns.models import ReturnCost, ReturnItem, ReturnRequest, Seller, SkuWeight
from returns.selectors.advising import Step, advice_of
from returns.selectors.cases import get_case
from returns.services.costs import add_return_cost, save_weights
from returns.services.decide import Authorization
from returns.state_machine import Status
from tests.browsers import signed_in
from tests.factories import Cast, Line, a_case, at_once, by_hand, make_order, open_request
from tests.label_files import an_own_label

pytestmark = pytest.mark.django_db

TABLE = "/seller/settings/return-costs/"


@pytest.fixture
def alice(cast: Cast) -> Client:
    return signed_in(cast.alice)


def words(response: HttpResponse) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", unescape(response.content.decode())).split())


def row(**changed: Any) -> dict[str, Any]:
    return {"zone": "international", "up_to_grams": "5000", "amount": "31.40", "currency": "usd", **changed}


def test_rows_are_added_shown_and_removed(cast: Cast, alice: Client) -> None:
    assert "There is no cost yet" in words(alice.get(TABLE))
    assert alice.post(TABLE, row()).status_code == 303
    assert alice.post(TABLE, row(zone="domestic", up_to_grams="500", amount="4")).status_code == 303
    shown = words(alice.get(TABLE))
    assert shown.index("Same country 500 g $4.00") < shown.index("International 5 kg $31.40")
    assert "Add this cost" not in words(signed_in(cast.vera).get(TABLE))
    cost = ReturnCost.objects.get(zone="domestic")
    assert alice.post(f"{TABLE}{cost.pk}/remove/").status_code == 303
    assert ReturnCost.objects.get().zone == "international"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"up_to_grams": "5000"}, "This weight has a cost in this zone already. Remove it first."),
        ({"up_to_grams": "9000", "amount": "31.39"}, "A lighter parcel costs $31.40 in this zone"),
        ({"up_to_grams": "100", "amount": "31.41"}, "A heavier parcel costs $31.40 in this zone"),
        ({"up_to_grams": "0"}, "greater than or equal to 1"),
        ({"up_to_grams": "1000001", "amount": "99"}, "from 1 to 1,000,000 grams"),
        ({"up_to_grams": "2.5"}, "Enter a whole number."),
        ({"zone": "moon"}, "Select a valid choice."),
        ({"amount": "0"}, "Enter an amount above zero."),
        ({"amount": "1.005"}, "at most the usual decimals"),
        ({"currency": "XYZ"}, "Enter the three letters of a currency"),
    ],
)
def test_a_row_that_does_not_fit_is_refused(alice: Client, wrong: dict[str, str], sentence: str) -> None:
    alice.post(TABLE, row())
    answer = alice.post(TABLE, row(**wrong))
    assert answer.status_code == 422
    assert sentence in words(answer)
    assert f'value="{row(**wrong)["amount"]}"' in answer.content.decode()
    assert ReturnCost.objects.count() == 1


def test_bands_of_other_zones_and_currencies_do_not_meet(alice: Client) -> None:
    for other in ({}, {"zone": "region", "amount": "1"}, {"currency": "EUR", "amount": "1"}):
        assert alice.post(TABLE, row(**other)).status_code == 303


def test_weights_are_pasted_as_a_spreadsheet_has_them(cast: Cast, alice: Client) -> None:
    pasted = "KETTLE-1\t1850\r\nRUG, large; 4200\n\n  LID 2 , 90 \n"
    data = {"weights": pasted, "default_grams": "700"}
    assert alice.post(f"{TABLE}weights/", data).status_code == 303
    saved = dict(SkuWeight.objects.values_list("sku", "grams"))
    assert saved == {"KETTLE-1": 1850, "RUG, large": 4200, "LID 2": 90}
    assert Seller.objects.get(pk=cast.north_lane.pk).default_grams == 700
    assert "RUG, large, 4200" in alice.get(TABLE).content.decode()
    assert "3 products have a weight. All others: 700 g." in words(signed_in(cast.vera).get(TABLE))


@pytest.mark.parametrize(
    "line", ["KETTLE-1", "KETTLE-1, 1.5", "1850", "KETTLE-1, 0", "KETTLE-1, 1000001", "K, ١"]
)
def test_a_line_that_cannot_be_read_changes_nothing(alice: Client, line: str) -> None:
    alice.post(f"{TABLE}weights/", {"weights": "LID-1, 90"})
    answer = alice.post(f"{TABLE}weights/", {"weights": f"RUG-1, 10\n{line}"})
    assert answer.status_code == 422
    assert "Line 2: write a SKU and its weight" in words(answer)
    assert line in unescape(answer.content.decode())
    assert SkuWeight.objects.get().sku == "LID-1"


# --- What is advised


@pytest.mark.parametrize(
    ("home", "country", "zone"),
    [
        ("US", "US", Zone.DOMESTIC),
        ("DE", "DE", Zone.DOMESTIC),
        ("DE", "fr", Zone.REGION),
        ("DE", "GB", Zone.INTERNATIONAL),
        ("US", "CA", Zone.INTERNATIONAL),
        ("US", "", None),
        ("", "US", None),
    ],
)
def test_the_zone_is_that_of_both_countries(home: str, country: str, zone: Zone | None) -> None:
    assert zone_between(home, country) == zone


def asked(cast: Cast, *, item: int = 2400, country: str = "CA", units: int = 1, **more: Any) -> ReturnRequest:
    order = make_order(
        cast.north_lane, Line(item=item, tax=None, shipping=None, quantity=units), country=country
    )
    with by_hand(cast.north_lane):
        return open_request(order, **more)


def with_a_table(cast: Cast, minor: int = 3140) -> None:
    """Kettles weigh 2.5 kg; abroad 1 kg costs $9.00, 5 kg `minor`, 9 kg $99.00."""
    alice = cast.actor(cast.alice)
    save_weights(alice, default_grams=None, text="KETTLE-1, 2500")
    for grams, amount in ((1000, 700), (5000, minor), (9000, 9900)):
        add_return_cost(alice, zone="international", up_to_grams=grams, amount_minor=amount, currency="USD")


def advised(request: ReturnRequest) -> str:
    advice = advice_of(a_case(request))
    return f"{advice} {advice.source}" if advice else ""


@pytest.mark.parametrize(
    ("item", "cost", "reason", "begins"),
    [
        # The cost exceeds the value, whoever pays.
        (
            2400,
            3140,
            "CR-UNWANTED_ITEM",
            "The buyer would pay about $31.40 to send back an item worth $24.00. Offer",
        ),
        (
            2400,
            3140,
            "CR-DEFECTIVE",
            "Sending it back costs about $31.40, more than its value of $24.00. Offer",
        ),
        # The buyer pays 80 % of the value or more.
        (
            925,
            740,
            "CR-UNWANTED_ITEM",
            "The buyer would pay about $7.40 to send back an item worth $9.25. Tell",
        ),
        (926, 740, "CR-UNWANTED_ITEM", ""),
        # By the reason it is the seller's fault: 80 % is nobody's question.
        (925, 740, "CR-DEFECTIVE", ""),
    ],
)
def test_the_table_speaks_where_no_label_does(
    cast: Cast, item: int, cost: int, reason: str, begins: str
) -> None:
    with_a_table(cast, cost)
    alice = signed_in(cast.alice)
    request = asked(cast, item=item, reason=reason, comment="It leaks.")
    assert advised(request).startswith(begins)
    assert bool(advised(request)) == bool(begins)
    for address in ("/seller/returns/", f"/seller/returns/{request.reference}/"):
        shown = words(alice.get(address))
        assert begins in shown
        assert ("would pay about" in shown or "costs about" in shown) == bool(begins)
        assert ("The cost is from your table: International, up to 5 kg." in shown) == bool(begins)


def test_prior_refunds_lessen_the_value(cast: Cast) -> None:
    with_a_table(cast, 740)
    request = asked(cast, item=2000)
    assert advised(request) == ""
    services.record_refund(
        at_once(cast.actor(cast.alice)),
        reference=request.reference,
        amounts={(request.items.get().pk, "item"): 1500},
        refunded_date=a_case(request).today,
    )
    assert "an item worth $5.00" in advised(request)


def test_the_weight_of_all_units_counts_and_only_what_fits(cast: Cast) -> None:
    with_a_table(cast)
    assert "$31.40" in advised(asked(cast, units=2))
    assert "$99.00" in advised(asked(cast, units=3))
    assert advised(asked(cast, units=4)) == ""
    save_weights(cast.actor(cast.alice), default_grams=None, text="")
    assert advised(asked(cast)) == ""
    save_weights(cast.actor(cast.alice), default_grams=2500, text="")
    assert "$31.40" in advised(asked(cast))


def test_the_file_s_cost_is_narrower_than_the_table(cast: Cast) -> None:
    with_a_table(cast)
    request = asked(cast)
    ReturnItem.objects.filter(request=request).update(label_cost_minor=2500)
    assert "about $25.00" in advised(request)
    assert "The cost is from the marketplace's file." in advised(request)


def test_an_own_label_that_costs_more_than_the_item_is_advised_about(
    cast: Cast, settings: Any, tmp_path: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path
    with_a_table(cast)
    request = asked(cast)
    label = replace(an_own_label(), cost_minor=2600, currency="USD")
    services.authorize_return(
        at_once(cast.actor(cast.alice)),
        reference=request.reference,
        decision=Authorization(label=label),
    )
    assert advised(request).startswith("Sending it back costs about $26.00, more than its value of $24.00.")
    assert advised(request).endswith("The cost is that of the label you uploaded.")
    shown = words(signed_in(cast.alice).get(f"/seller/returns/?status={Status.AUTHORIZED}"))
    assert "costs about $26.00" in shown


def test_what_the_marketplace_sends_is_nobody_s_cost(cast: Cast) -> None:
    with_a_table(cast)
    save_weights(cast.actor(cast.alice), default_grams=2500, text="")
    add_return_cost(
        cast.actor(cast.alice), zone="domestic", up_to_grams=5000, amount_minor=3140, currency="USD"
    )
    assert asked(cast, country="US").prepaid_eligible
    assert advised(asked(cast, country="US")) == ""


def test_one_click_starts_what_is_advised(cast: Cast, alice: Client) -> None:
    with_a_table(cast)
    keep, tell = asked(cast), asked(cast, item=3400)
    write = Step("Write to the buyer", "write/", "draft=cost")
    offers = {
        keep: (Step("Offer to let the buyer keep it", "offer/", "kind=keep_full"), write),
        tell: (
            write,
            Step("Offer a credit", "offer/", "kind=credit"),
            Step("Offer a cheaper label", "offer/", "kind=discounted_label"),
        ),
    }
    for request, steps in offers.items():
        advice = advice_of(a_case(request), may_write=True, may_offer=True)
        assert advice
        assert advice.steps == steps
        listed = alice.get("/seller/returns/").content.decode()
        assert f"/seller/returns/{request.reference}/write/?draft=cost&amp;next=" in listed
        url = f"/seller/returns/{request.reference}/write/?draft=cost"
        assert f'href="{url}"' in alice.get(f"/seller/returns/{request.reference}/").content.decode()
        assert "which costs about $31.40" in unescape(alice.get(url).content.decode())
    assert "draft=cost" not in signed_in(cast.vera).get("/seller/returns/").content.decode()


def test_the_list_follows_the_table_at_once_and_asks_no_more_for_more_rows(cast: Cast, alice: Client) -> None:
    request = asked(cast)
    assert "would pay about" not in words(alice.get("/seller/returns/"))
    with_a_table(cast)
    assert "would pay about $31.40" in words(alice.get("/seller/returns/"))
    with CaptureQueriesContext(connection) as one:
        alice.get("/seller/returns/")
    for _more in range(9):
        asked(cast)
    alice.get("/seller/returns/")
    with CaptureQueriesContext(connection) as ten:
        assert words(alice.get("/seller/returns/")).count("would pay about $31.40") == 10
    assert len(ten) == len(one)
    ReturnCost.objects.filter(up_to_grams=5000).update(amount_minor=4000)
    assert "would pay about $40.00" in words(alice.get("/seller/returns/"))
    assert advised(request) == str(advice_of(get_case(cast.actor(cast.alice), request.reference))) + (
        " The cost is from your table: International, up to 5 kg."
    )
