"""The refund page: full and partial, with a fee and photos, promises, and what it refuses, all through HTTP."""

import re
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from returns import services
from returns.exceptions import Invalid
from returns.models import Photo, Refund, ReturnRequest, User
from returns.state_machine import Action, Outcome, Status
from tests.browsers import let_in, signed_in
from tests.factories import (
    Cast,
    Line,
    a_case,
    a_request_in,
    at_once,
    by_hand,
    closing,
    day,
    days_ago,
    file_request,
    make_order,
    open_request,
)
from tests.label_files import upload
from tests.photo_files import HTML, a_photo, a_photo_with_gps
from tests.returns.ledger import everything_adds_up
from tests.views.test_seller_more import KEY, html, is_refused, last_mail, letter, mailbox, now, told, url

__all__ = ["mailbox"]
pytestmark = pytest.mark.django_db

KETTLE = Line(item=5000, tax=None, shipping=None)


@pytest.fixture
def alice(cast: Cast) -> Client:
    return signed_in(cast.alice)


def came_back(
    cast: Cast,
    condition: str = "used",
    *lines: Line,
    reason: str = "CR-UNWANTED_ITEM",
    delivered_days_ago: int = 8,
) -> ReturnRequest:
    """A request whose items have come back in `condition`; the kettle was paid with $50.00 unless lines are given."""
    order = make_order(
        cast.north_lane,
        *(lines or (KETTLE,)),
        country="CA",
        ordered_days_ago=delivered_days_ago + 4,
        delivered_days_ago=delivered_days_ago,
    )
    with by_hand(cast.north_lane):
        request = open_request(order, reason=reason, comment="It does not fit.")
    services.receive_return(
        at_once(cast.actor(cast.alice)),
        reference=request.reference,
        received={item.pk: (item.quantity, condition) for item in request.items.all()},
    )
    return now(request)


def the_pk(request: ReturnRequest) -> int:
    return request.items.get().pk


def sent(request: ReturnRequest, **fields: Any) -> dict[str, Any]:
    """What the form of a request with one item sends; `item`, `fee`, `fee_unit`, `final` are of that item."""
    pk = the_pk(request)
    names = {
        **{part: f"amount_{pk}_{part}" for part in ("item", "tax", "shipping")},
        **{name: f"{name}_{pk}" for name in ("fee", "fee_unit", "final")},
    }
    return {"key": KEY, "refunded_on": str(day(0))} | {
        names.get(name, name): value for name, value in fields.items()
    }


def refund(client: Client, request: ReturnRequest, **fields: Any) -> HttpResponse:
    return client.post(url(request, "refund/"), sent(request, **fields))


def words_of(response: HttpResponse) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html(response)))


# --- A fee


@pytest.mark.both_databases
def test_a_fee_with_a_photo_completes_as_partially_refunded_and_both_sides_read_why(
    cast: Cast, alice: Client
) -> None:
    request = came_back(cast)
    words = {"memo": "The lid is scratched.", "note": "Ask for photos next time."}
    for _ in range(2):
        response = refund(
            alice, request, item="50.00", fee="20", fee_unit="percent", photos=[a_photo()], **words
        )
        assert response.status_code == 303
    assert (now(request).status, now(request).outcome) == (Status.COMPLETED, Outcome.PARTIALLY_REFUNDED)
    row = Refund.objects.get()
    assert (row.amount_minor, row.note, row.memo, row.user) == (
        4000,
        words["note"],
        words["memo"],
        cast.alice,
    )
    fee = "$10.00 is kept as a restocking fee for Steel kettle: it came back used."
    mail = told(last_mail())
    for sentence in ("$40.00", fee, "completed now", words["memo"]):
        assert sentence in mail
    assert words["note"] not in mail
    photo = Photo.objects.get(event__action=Action.REFUND)
    for browser, side in ((alice, "seller"), (let_in(request.order), "my")):
        page = html(browser.get(f"/{side}/returns/{request.reference}/"))
        address = f"/{side}/returns/{request.reference}/photos/{photo.reference}/"
        assert fee in page
        assert words["memo"] in page
        assert (words["note"] in page) == (side == "seller")
        assert f'href="{address}"' in page
        assert browser.get(address).status_code == 200
    everything_adds_up()


@pytest.mark.parametrize(
    ("fee", "kept"), [("19", 950), ("20", 1000), ("50", 2500)], ids=["no photo needed", "from here", "most"]
)
def test_from_twenty_percent_up_a_fee_needs_a_photo(cast: Cast, alice: Client, fee: str, kept: int) -> None:
    request = came_back(cast, "damaged")
    response = refund(alice, request, item="50.00", fee=fee, fee_unit="percent", memo="Scratched.")
    if kept >= 1000:
        assert is_refused(response, "photos", "From 20 % up, a fee needs at least one photo")
        for typed in ('value="50.00"', f'value="{fee}"', "Scratched."):
            assert typed in html(response)
        assert not Refund.objects.exists()
        response = refund(
            alice, request, item="50.00", fee=fee, fee_unit="percent", photos=[a_photo_with_gps()]
        )
    assert response.status_code == 303
    assert Refund.objects.get().amount_minor == 5000 - kept
    assert request.items.get().kept_minor == kept


@pytest.mark.parametrize(
    ("fee", "unit", "sentence"),
    [
        ("25.01", "amount", "At most $25.00 can be kept as a fee here"),
        *((fee, "percent", "Enter a whole percentage from 1 to 50.") for fee in ("51", "9.5", "-3", "1e30")),
        *(
            (fee, "amount", "Enter an amount above zero and of at most $25.00, with at most the usual")
            for fee in ("1.005", "-1", "1e30", "five")
        ),
    ],
)
def test_a_fee_that_cannot_be_is_refused_and_kept_in_its_field(
    cast: Cast, alice: Client, fee: str, unit: str, sentence: str
) -> None:
    request = came_back(cast)
    response = refund(alice, request, item="50.00", fee=fee, fee_unit=unit, photos=[a_photo(name="lid.jpg")])
    assert is_refused(response, f"fee_{the_pk(request)}", sentence)
    assert f'value="{fee}"' in html(response)
    assert not Refund.objects.exists()
    # The photo need not be chosen again.
    kept = re.search(r'name="kept_photos" value="([^"]+)"', html(response))[1]
    assert "lid.jpg" in html(response)
    response = refund(alice, request, item="50.00", fee="25", fee_unit="amount", kept_photos=kept)
    assert response.status_code == 303
    assert Photo.objects.get().name == "lid.jpg"


def test_kept_photos_are_of_this_request_and_signed(cast: Cast, alice: Client) -> None:
    other, request = came_back(cast), came_back(cast)
    page = html(refund(alice, other, item="50.00", fee="51", fee_unit="percent", photos=[a_photo()]))
    kept = re.search(r'name="kept_photos" value="([^"]+)"', page)[1]
    for token in (kept, kept[:-3] + "xxx", "[]"):
        response = refund(alice, request, item="50.00", fee="20", fee_unit="percent", kept_photos=token)
        assert is_refused(response, "photos", "needs at least one photo")
    response = refund(
        alice,
        request,
        item="50.00",
        fee="20",
        fee_unit="percent",
        photos=[a_photo(), upload("kettle.jpg", HTML)],
    )
    assert is_refused(response, "photos", "Choose photos in JPEG, PNG or WebP format.")


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        (("unopened", "CR-UNWANTED_ITEM", 8), "came back neither used nor damaged"),
        (("used", "CR-DEFECTIVE", 8), "the buyer is not at fault"),
        (("opened", "CR-DEFECTIVE", 60), "the buyer is not at fault"),
    ],
)
def test_where_no_fee_may_be_kept_the_page_says_why_and_none_is_taken(
    cast: Cast, alice: Client, returned: tuple[str, str, int], sentence: str
) -> None:
    condition, reason, age = returned
    request = came_back(cast, condition, reason=reason, delivered_days_ago=age)
    page = html(alice.get(url(request, "refund/")))
    assert sentence in page
    assert "Restocking fee" not in page
    actor = at_once(cast.actor(cast.alice))
    with pytest.raises(Invalid, match=sentence):
        services.record_refund(
            actor,
            reference=request.reference,
            amounts={(the_pk(request), "item"): 4500},
            fees={the_pk(request): 500},
            refunded_date=day(0),
        )
    assert not Refund.objects.exists()


def test_a_late_return_may_keep_a_fee(cast: Cast, alice: Client) -> None:
    request = came_back(cast, "opened", delivered_days_ago=60)
    assert refund(alice, request, item="50.00", fee="5.00", fee_unit="amount").status_code == 303
    assert "the return is outside the return policy" in told(last_mail())


def test_a_fee_is_kept_of_a_full_refund_alone(cast: Cast, alice: Client) -> None:
    request = came_back(cast)
    response = refund(alice, request, item="49.00", fee="5.00", fee_unit="amount")
    assert is_refused(response, f"fee_{the_pk(request)}", "A fee is kept of a full refund: enter $50.00")


# --- Partial


@pytest.mark.both_databases
def test_a_last_part_settles_the_item_and_a_part_alone_does_not(cast: Cast, alice: Client) -> None:
    request = came_back(cast)
    assert refund(alice, request, item="10.00").status_code == 303
    assert now(request).status == Status.REFUND_DUE
    assert refund(alice, request, key="second", item="20.00", final="on").status_code == 303
    assert (now(request).status, now(request).outcome) == (Status.COMPLETED, Outcome.PARTIALLY_REFUNDED)
    assert request.items.get().kept_minor == 2000
    everything_adds_up()


def test_of_two_lines_each_ends_for_itself(cast: Cast, alice: Client) -> None:
    lines = [Line(sku=sku, item=5000, tax=None, shipping=None) for sku in ("POT", "PAN")]
    request = came_back(cast, "used", *lines)
    pot, pan = request.items.order_by("pk").values_list("pk", flat=True)
    data = {"key": KEY, "refunded_on": str(day(0))}
    fee = {f"amount_{pot}_item": "50.00", f"fee_{pot}": "10", f"fee_unit_{pot}": "percent"}
    assert alice.post(url(request, "refund/"), data | fee).status_code == 303
    assert now(request).status == Status.REFUND_DUE
    page = html(alice.get(url(request, "refund/")))
    assert dict(re.findall(r'name="amount_(\d+)_item" value="([\d.]+)"', page)) == {str(pan): "50.00"}
    more = alice.post(url(request, "refund/"), data | {f"amount_{pot}_item": "1.00", "key": "more"})
    assert is_refused(more, f"amount_{pot}_item", "This item is settled")
    rest = {f"amount_{pan}_item": "50.00", "key": "second"}
    assert alice.post(url(request, "refund/"), data | rest).status_code == 303
    assert (now(request).status, now(request).outcome) == (Status.COMPLETED, Outcome.PARTIALLY_REFUNDED)


def test_before_a_decision_nothing_is_settled(cast: Cast, alice: Client) -> None:
    request = a_request_in(cast, Status.AUTHORIZATION_REQUIRED)
    page = html(alice.get(url(request, "refund/")))
    assert "nothing more is refunded" not in page
    response = refund(alice, request, item="5.00", final="on")
    assert is_refused(
        response, f"final_{the_pk(request)}", "Only a refund of an authorized or received return"
    )
    assert not Refund.objects.exists()


def test_a_last_part_is_a_part(cast: Cast, alice: Client) -> None:
    lines = [Line(sku=sku, item=5000, tax=None, shipping=None) for sku in ("POT", "PAN")]
    request = came_back(cast, "used", *lines)
    pot, pan = request.items.order_by("pk").values_list("pk", flat=True)
    data = {"key": KEY, "refunded_on": str(day(0)), f"amount_{pot}_item": "5.00", f"final_{pan}": "on"}
    response = alice.post(url(request, "refund/"), data)
    assert is_refused(response, f"final_{pan}", "Enter the last part that you refund for this item.")


@pytest.mark.parametrize(("words", "most"), [("note", 255), ("memo", 500)])
def test_words_have_a_length(cast: Cast, alice: Client, words: str, most: int) -> None:
    request = came_back(cast)
    response = refund(alice, request, item="50.00", **{words: "x" * (most + 1)})
    assert is_refused(response, words, f"at most {most} characters")
    assert "x" * (most + 1) in html(response)
    actor = at_once(cast.actor(cast.alice))
    with pytest.raises(Invalid, match=f"Shorten this to {most} characters."):
        services.record_refund(
            actor,
            reference=request.reference,
            amounts={(the_pk(request), "item"): 5000},
            refunded_date=day(0),
            **{words: "x" * (most + 1)},
        )
    assert refund(alice, request, item="50.00", **{words: "x" * most}).status_code == 303


def test_one_button_enters_all_that_is_owed(cast: Cast, alice: Client) -> None:
    lines = [Line(sku=sku, item=5000, tax=400) for sku in ("POT", "PAN")]
    request = came_back(cast, "used", *lines)
    data = {"key": KEY, "refunded_on": str(day(0)), "memo": "All of it.", "preview": "all"}
    response = alice.post(url(request, "refund/"), data)
    assert response.status_code == 200
    assert re.findall(r'name="amount_\d+_(?:item|tax)" value="([\d.]+)"', html(response)) == [
        *("50.00", "4.00", "50.00", "4.00")
    ]
    assert "All of it." in html(response)
    assert "$108.00" in words_of(response)
    assert not Refund.objects.exists()


# --- The sum


def test_the_sum_is_shown_without_recording_and_its_message_is_the_one_that_leaves(
    cast: Cast, alice: Client
) -> None:
    request = came_back(cast)
    fields = {"item": "50.00", "fee": "15", "fee_unit": "percent", "memo": "As we said."}
    first = words_of(alice.get(url(request, "refund/")))
    assert "Sum $50.00" in first
    shown = refund(alice, request, preview="1", **fields)
    part = alice.post(url(request, "refund/preview/"), sent(request, **fields), HTTP_HX_REQUEST="true")
    for response in (shown, part):
        assert response.status_code == 200
        assert "Sum $42.50 $7.50 is kept as a restocking fee" in words_of(response)
        assert "completed as partially refunded" in words_of(response)
    assert letter(shown) == letter(part)
    assert not Refund.objects.exists()
    assert request.items.get().kept_minor is None
    assert refund(alice, request, **fields).status_code == 303
    sentence = "Comments from North Lane: As we said."
    assert sentence in letter(part)
    assert letter(part) == told(last_mail())


def test_a_preview_leaves_the_case_that_the_page_has_read(cast: Cast) -> None:
    case = a_case(came_back(cast))
    (item,) = case.items
    for _ in range(2):
        planned = services.record_refund(
            cast.actor(cast.alice),
            reference=case.request.reference,
            amounts={(item.pk, "item"): 4000},
            fees={item.pk: 1000},
            refunded_date=day(0),
            is_preview=True,
            case=case,
        )
        assert planned.outcome == Outcome.PARTIALLY_REFUNDED
    assert (item.kept_minor, case.refunds, case.request.status) == (None, [], Status.REFUND_DUE)


def test_six_photos_with_long_names_are_kept(cast: Cast, alice: Client) -> None:
    request = came_back(cast)
    photos = [a_photo(name=f"{'照片' * 60}{number}.jpg") for number in range(6)]
    page = html(refund(alice, request, item="50.00", fee="51", fee_unit="percent", photos=photos))
    kept = re.search(r'name="kept_photos" value="([^"]+)"', page)[1]
    response = refund(alice, request, item="50.00", fee="20", fee_unit="percent", kept_photos=kept)
    assert response.status_code == 303
    assert Photo.objects.count() == 6


def test_a_sum_that_would_be_refused_says_so(cast: Cast, alice: Client) -> None:
    request = came_back(cast)
    part = alice.post(url(request, "refund/preview/"), sent(request, item="50.01"), HTTP_HX_REQUEST="true")
    assert "At most $50.00 can still be refunded here." in words_of(part)
    part = alice.post(url(request, "refund/preview/"), sent(request, item="1e30"), HTTP_HX_REQUEST="true")
    assert "Enter an amount from 0 to $50.00" in words_of(part)


@pytest.mark.parametrize("amount", ["-1", "1e30", "50.001", "USD 5", "NaN", "9999999999999999999"])
def test_an_amount_that_is_none_is_refused_with_what_is_possible(
    cast: Cast, alice: Client, amount: str
) -> None:
    request = came_back(cast)
    response = refund(alice, request, item=amount)
    assert is_refused(response, f"amount_{the_pk(request)}_item", "Enter an amount from 0 to $50.00")
    assert f'value="{amount}"' in html(response)
    assert not Refund.objects.exists()


def test_an_item_of_another_request_is_not_refunded_here(cast: Cast, alice: Client) -> None:
    request, other = came_back(cast), came_back(cast)
    data = {"key": KEY, "refunded_on": str(day(0)), f"amount_{the_pk(other)}_item": "5.00"}
    assert is_refused(alice.post(url(request, "refund/"), data), "", "Enter the amount")
    assert not Refund.objects.exists()


def test_the_same_key_with_another_fee_or_note_is_no_repetition(cast: Cast, alice: Client) -> None:
    request = came_back(cast)
    fields = {"item": "50.00", "fee": "5.00", "fee_unit": "amount", "note": "Once."}
    assert refund(alice, request, **fields).status_code == 303
    for changed in ({"fee": "4.00", "item": "49.00"}, {"note": "Twice."}, {"memo": "Anew."}):
        response = refund(alice, request, **fields | changed)
        assert response.status_code == 422
        assert "already used for something else" in html(response)
    assert Refund.objects.count() == 1


# --- Promises


def promised(cast: Cast, *, minor: int = 13000, due_days_ago: int = -2) -> ReturnRequest:
    """A request closed with a refund promise, as long ago as its day demands."""
    request = open_request(
        make_order(cast.north_lane, country="CA", ordered_days_ago=40, delivered_days_ago=36),
        opened_days_ago=max(due_days_ago, 0) + 4,
    )
    actor = at_once(cast.actor(cast.alice))
    services.close_return(
        actor.at(days_ago(due_days_ago + 3)) if due_days_ago > 0 else actor,
        reference=request.reference,
        closing=closing(
            "refund_without_return",
            "Keep it, please.",
            promise_minor=minor,
            promise_currency="USD",
            promise_due_date=day(due_days_ago),
        ),
    )
    return now(request)


@pytest.mark.both_databases
def test_the_page_begins_with_what_is_promised_and_keeps_the_promise_once(cast: Cast, alice: Client) -> None:
    request = promised(cast)
    page = alice.get(url(request, "refund/"))
    assert "You promised $130.00 by" in words_of(page)
    proposed = dict(re.findall(r'name="amount_\d+_(\w+)" value="([\d.]+)"', html(page)))
    assert proposed == {"item": "129.00", "tax": "1.00"}
    assert refund(alice, request, item="100.00").status_code == 303
    page = alice.get(url(request, "refund/"))
    assert "$100.00 of it is refunded or on its way, $30.00 is left." in words_of(page)
    assert dict(re.findall(r'name="amount_\d+_(\w+)" value="([\d.]+)"', html(page))) == {
        "item": "29.00",
        "tax": "1.00",
    }
    assert refund(alice, request, key="second", item="29.00", tax="1.00").status_code == 303
    assert now(request).promise_due_date is None
    assert alice.get(url(request, "refund/")).status_code == 409
    assert refund(alice, request, key="third", tax="1.00").status_code == 409
    everything_adds_up()


def test_an_overdue_promise_is_shown_to_seller_buyer_and_admin(cast: Cast, alice: Client) -> None:
    request = promised(cast, due_days_ago=3)
    mark = "Promised refund overdue"
    assert mark in words_of(alice.get("/seller/returns/?status=closed"))
    assert mark in words_of(alice.get(url(request)))
    assert "That day has passed" in words_of(alice.get(url(request, "refund/")))
    buyers = words_of(let_in(request.order).get(f"/my/returns/{request.reference}/"))
    assert "Your promised refund is overdue" in buyers
    assert "Ask the marketplace to step in" in buyers
    in_time = promised(cast)
    listed = html(signed_in(cast.root).get("/admin/returns/returnrequest/?money=promise"))
    assert str(request.rma_number) in listed
    assert str(in_time.rma_number) not in listed
    assert mark not in words_of(alice.get(url(in_time)))


def test_an_overdue_refund_is_shown_to_seller_buyer_and_admin(cast: Cast, alice: Client) -> None:
    request = a_request_in(cast, Status.AUTHORIZED)
    actor = at_once(cast.actor(cast.alice)).at(days_ago(6))
    services.receive_return(actor, reference=request.reference, received={the_pk(request): (1, "unopened")})
    in_time = a_request_in(cast, Status.REFUND_DUE)
    sentence = "Nothing was refunded in time: the buyer can ask the marketplace to step in."
    for page in ("?status=refund_due", f"{request.reference}/"):
        assert sentence in words_of(alice.get(f"/seller/returns/{page}"))
    assert sentence not in words_of(alice.get(url(in_time)))
    buyers = words_of(let_in(request.order).get(f"/my/returns/{request.reference}/"))
    assert "Your refund is overdue" in buyers
    assert "Ask the marketplace to step in" in buyers
    listed = html(signed_in(cast.root).get("/admin/returns/returnrequest/?money=refund"))
    assert str(request.rma_number) in listed
    assert str(in_time.rma_number) not in listed


# --- A replacement


def test_a_replacement_needs_a_number_and_is_told(cast: Cast, alice: Client) -> None:
    request = a_request_in(cast, Status.REFUND_DUE)
    data = {"key": KEY, "outcome": "replaced", "comments": "A new one is on its way."}
    response = alice.post(url(request, "complete/"), data)
    assert is_refused(response, "outcome", "Give the order number or the tracking number")
    assert "A new one is on its way." in html(response)
    data |= {"order_number": "112-7777777-1234567", "carrier": "UPS", "tracking_number": "1Z999AA10123456784"}
    shown = alice.post(url(request, "complete/"), data | {"preview": "1"})
    for _ in range(2):
        assert alice.post(url(request, "complete/"), data).status_code == 303
    assert (now(request).status, now(request).outcome) == (Status.COMPLETED, Outcome.REPLACED)
    mail = told(last_mail())
    assert letter(shown) == mail
    buyers = words_of(let_in(request.order).get(f"/my/returns/{request.reference}/"))
    for words in ("112-7777777-1234567", "1Z999AA10123456784"):
        assert words in mail
        assert words in buyers
        assert words in words_of(alice.get(url(request)))
    assert "sends you a replacement" in mail
    another = alice.post(url(request, "complete/"), data | {"order_number": "113"})
    assert another.status_code == 422
    assert "already used for something else" in html(another)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_pages_say_what_happens_if_nobody_acts(cast: Cast, language: str) -> None:
    User.objects.filter(pk=cast.alice.pk).update(language=language)
    alice = signed_in(cast.alice)
    sentence = {"en": "the buyer can ask the marketplace to step in", "zh-hans": "买家可以申请平台介入"}[
        language
    ]
    for request in (promised(cast), a_request_in(cast, Status.REFUND_DUE)):
        assert sentence in words_of(alice.get(url(request)))


def test_a_file_request_of_two_rows_for_one_line_is_settled_by_row(cast: Cast, alice: Client) -> None:
    order = make_order(cast.north_lane, Line(quantity=2, item=1000, tax=None, shipping=None))
    request = file_request(order, Status.REFUND_DUE, quantity=1, rows_per_line=2)
    first, second = request.items.order_by("pk").values_list("pk", flat=True)
    data = {
        "key": KEY,
        "refunded_on": str(day(0)),
        f"amount_{first}_item": "5.00",
        f"amount_{second}_item": "1.00",
        f"final_{second}": "on",
    }
    assert alice.post(url(request, "refund/"), data).status_code == 303
    assert now(request).outcome == Outcome.PARTIALLY_REFUNDED
    kept = dict(request.items.values_list("pk", "kept_minor"))
    assert kept == {first: None, second: 400}
    everything_adds_up()
