"""Asking for a return: choose, say why, check, send; by the buyer and on the buyer's behalf."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as portal
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from notifications.mailbox import parse, part
from notifications.models import MailboxEntry
from notifications.services import deliver_messages, relay_events
from returns.models import (
    Order,
    OrderItem,
    Photo,
    ReturnDraft,
    ReturnReason,
    ReturnRequest,
    Seller,
)
from returns.models.clock import database_now
from returns.services.jobs import run_due_jobs
from returns.services.photos import FOLDER
from returns.state_machine import Action, Role, Status
from tests.browsers import let_in, signed_in
from tests.factories import DORA, Cast, Line, make_order, open_request
from tests.label_files import SECRET, a_picture, upload
from tests.photo_files import HTML, SVG, a_photo, a_photo_with_gps
from tests.returns.ledger import everything_adds_up

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def uploads(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = settings.FILE_UPLOAD_TEMP_DIR = tmp_path
    settings.DEMO, settings.MAILBOX = True, True
    settings.EMAIL_BACKEND = "notifications.mailbox.Backend"


@pytest.fixture
def order(cast: Cast) -> Order:
    """Two kettles of which each was paid $64.50 and one rug, sent to Canada: no rule acts."""
    return make_order(
        cast.north_lane,
        Line(sku="KETTLE-1", title="Steel kettle", quantity=2),
        Line(sku="RUG-1", title="Wool rug", item=8000, tax=None),
        country="CA",
    )


def words(response: HttpResponse) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


class Asking:
    """Somebody at the pages of one order."""

    def __init__(self, client: Client, order: Order, side: str = "my") -> None:
        self.client, self.order, self.base = client, order, f"/{side}/orders/{order.reference}/ask/"
        self.kettle, self.rug = order.items.order_by("pk")

    def choose(self, **quantities: Any) -> HttpResponse:
        lines = {"kettle": self.kettle.pk, "rug": self.rug.pk}
        return self.client.post(self.base, {f"quantity_{lines[name]}": n for name, n in quantities.items()})

    def describe(self, line: OrderItem, reason: str = "CR-UNWANTED_ITEM", **more: Any) -> HttpResponse:
        return self.client.post(f"{self.base}{line.pk}/", {"reason": reason, **more})

    def check(self) -> HttpResponse:
        return self.client.get(f"{self.base}check/")

    def send(self, page: HttpResponse | None = None) -> HttpResponse:
        """Press the button of `page`, or of the page as it is now."""
        shown = (page or self.check()).content.decode()
        form = {name: re.search(rf'name="{name}" value="([^"]+)"', shown)[1] for name in ("key", "seen")}
        return self.client.post(f"{self.base}check/", form)

    def fill_in(self, **quantities: Any) -> None:
        self.choose(**quantities)
        for line in (self.kettle, self.rug):
            if line.sku.split("-")[0].lower() in quantities:
                self.describe(line)


@pytest.fixture
def dora(order: Order) -> Asking:
    return Asking(let_in(order), order)


@pytest.fixture
def alice(cast: Cast, order: Order) -> Asking:
    return Asking(signed_in(cast.alice), order, "seller")


def mails(address: str) -> dict[str, str]:
    relay_events()
    deliver_messages()
    found = MailboxEntry.objects.filter(recipients=address).order_by("pk")
    return {mail.subject: part(parse(mail.content), "plain") for mail in found}


def files() -> set[str]:
    folder = Path(portal.MEDIA_ROOT, FOLDER)
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


# --- The whole way


def test_a_buyer_asks_from_the_order_to_the_receipt(dora: Asking, cast: Cast) -> None:
    order_page = f"/my/orders/{dora.order.reference}/"
    assert f'href="{dora.base}"' in dora.client.get(order_page).content.decode()
    assert "2 of 2 can still be returned" in words(dora.client.get(dora.base))
    answer = dora.choose(kettle=1, rug=1)
    assert (answer.status_code, answer["Location"]) == (303, f"{dora.base}{dora.kettle.pk}/")
    answer = dora.describe(
        dora.kettle, "CR-DEFECTIVE", comment="It leaks.\nA lot.", photos=[a_photo(), a_photo_with_gps()]
    )
    assert (answer.status_code, answer["Location"]) == (303, f"{dora.base}{dora.rug.pk}/")
    answer = dora.describe(dora.rug)
    assert (answer.status_code, answer["Location"]) == (303, f"{dora.base}check/")
    checked = words(dora.check())
    for told in (
        "The seller looks at it and answers by",
        "In policy until",
        "You do not pay the shipping.",
        "No prepaid label: sent to Canada.",
        "The seller refunds up to $149.66 the way you paid, within 4 days after your parcel has arrived.",
        "1 unit · Defective or does not work · 2 photos It leaks. A lot.",
    ):
        assert told in checked
    assert ReturnRequest.objects.count() == 0
    answer = dora.send()
    request = ReturnRequest.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"/my/returns/{request.reference}/asked/")
    page = dora.client.get(answer["Location"])
    for told in (
        "We have your request",
        request.rma_number,
        "UTC",
        "1 unit · Defective or does not work",
        "It leaks. A lot.",
        "1 unit · No longer needed or wanted",
    ):
        assert told in words(page)
    assert request.items.get(order_item=dora.kettle).photos.count() == 2
    photos = re.findall(r'<img src="([^"]+)\?small"', page.content.decode())
    assert [dora.client.get(photo).status_code for photo in photos] == [200, 200]
    assert ReturnDraft.objects.count() == 0
    event = request.events.get()
    assert (event.role, event.user, event.action) == (Role.BUYER, None, Action.OPEN)
    receipt = mails(DORA.email)[f"We have your return request: order {dora.order.order_number}"]
    for told in ("You asked to return", "Steel kettle", "It leaks.", "No longer needed or wanted", "UTC"):
        assert told in receipt
    everything_adds_up()
    seen = signed_in(cast.vera).get(f"/seller/returns/{request.reference}/").content.decode()
    assert (
        len(re.findall(rf'<img src="/seller/returns/{request.reference}/photos/[\w-]+/\?small"', seen)) == 2
    )


def test_the_pages_are_in_chinese(order: Order) -> None:
    dora = Asking(let_in(order, headers={"accept-language": "zh-hans"}), order)
    assert "申请退货" in words(dora.client.get(f"/my/orders/{order.reference}/"))
    assert "您想退回哪些商品？" in words(dora.client.get(dora.base))
    dora.fill_in(kettle=1)
    assert "核对并提交" in words(dora.check())
    assert "我们已收到您的退货请求" in words(dora.client.get(dora.send()["Location"]))


def test_what_a_rule_authorizes_at_once_is_said_before_and_done(cast: Cast) -> None:
    order = make_order(cast.north_lane, Line(quantity=2), Line(sku="B", title="Rug"))
    dora = Asking(let_in(order), order)
    dora.fill_in(kettle=1)
    checked = words(dora.check())
    assert "Your return is authorized as soon as you send this. Hand over the parcel by" in checked
    assert "The marketplace provides the return label: you do not pay the shipping." in checked
    dora.send()
    request = ReturnRequest.objects.get()
    assert request.status == Status.AUTHORIZED
    assert dora_reads_the_send_back_date(checked, request)


def dora_reads_the_send_back_date(checked: str, request: ReturnRequest) -> bool:
    return f"Hand over the parcel by {request.send_back_date.day} {request.send_back_date:%b}" in checked


@pytest.mark.parametrize(
    ("country", "age", "by_hand"), [("US", 8, False), ("US", 8, True), ("US", 50, False), ("CA", 8, False)]
)
def test_the_answer_shown_is_the_answer_given(cast: Cast, country: str, age: int, by_hand: bool) -> None:
    if by_hand:
        Seller.objects.filter(pk=cast.north_lane.pk).update(authorization=Seller.Authorization.BY_HAND)
    order = make_order(
        cast.north_lane,
        Line(quantity=2),
        Line(sku="RUG-1"),
        country=country,
        ordered_days_ago=age + 4,
        delivered_days_ago=age,
    )
    dora = Asking(let_in(order), order)
    dora.fill_in(kettle=2)
    checked = words(dora.check())
    dora.send()
    request = ReturnRequest.objects.get()
    assert ("is authorized as soon as you send this" in checked) == (request.status == Status.AUTHORIZED)
    assert ("The marketplace provides the return label:" in checked) == request.prepaid_eligible
    held = request.prepaid_eligible and by_hand
    assert ("It is authorized by" in checked) == held
    told = words(dora.client.get(f"/my/returns/{request.reference}/"))
    assert ("Your return is authorized by" in told) == held
    assert ("In policy until" in checked) == (request.policy == "in_policy")
    assert ("Window ended" in checked) == (request.policy == "not_in_policy")


# --- The draft


def test_a_draft_is_there_on_another_device_and_after_going_back(dora: Asking) -> None:
    dora.choose(kettle=2)
    dora.describe(dora.kettle, "CR-DEFECTIVE", comment="It leaks.", add="1", photos=[a_photo("leak.jpg")])
    phone = Asking(let_in(dora.order), dora.order)
    assert "Go on with your return" in words(phone.client.get(f"/my/orders/{dora.order.reference}/"))
    page = phone.client.get(f"{phone.base}{phone.kettle.pk}/").content.decode()
    assert re.search(r'value="CR-DEFECTIVE"[^>]* checked', page)
    assert "It leaks." in page
    assert 'alt="leak.jpg"' in page
    photo = re.search(r'<img src="([^"]+\?small)"', page)[1]
    assert phone.client.get(photo).status_code == 200
    phone.choose(kettle=1)
    assert "It leaks." in words(phone.check())
    assert Photo.objects.count() == 1


def test_a_photo_is_removed_and_what_was_typed_stays(
    dora: Asking, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    dora.choose(kettle=1)
    dora.describe(dora.kettle, "", add="1", photos=[a_photo("one.jpg"), a_photo("two.jpg")])
    gone = Photo.objects.get(name="one.jpg")
    with django_capture_on_commit_callbacks(execute=True):
        answer = dora.describe(dora.kettle, "CR-DEFECTIVE", comment="Leaks", remove=gone.reference)
    assert answer["Location"] == f"{dora.base}{dora.kettle.pk}/#photos"
    page = dora.client.get(f"{dora.base}{dora.kettle.pk}/").content.decode()
    assert "one.jpg" not in page
    assert "two.jpg" in page
    assert ">\nLeaks</textarea>" in page
    assert len(files()) == 2


def test_a_line_that_is_not_chosen_any_more_takes_its_photos_along(
    dora: Asking, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    dora.choose(kettle=1, rug=1)
    dora.describe(dora.rug, photos=[a_photo()])
    with django_capture_on_commit_callbacks(execute=True):
        dora.choose(kettle=1)
    assert Photo.objects.count() == 0
    assert files() == set()


def test_drafts_that_nobody_touches_are_forgotten_with_their_photos(
    dora: Asking, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    dora.choose(rug=1)
    dora.describe(dora.rug, photos=[a_photo()])
    young = Asking(let_in(make_other(dora.order)), make_other(dora.order))
    young.choose(kettle=1)
    ReturnDraft.objects.filter(order=dora.order).update(updated_at=database_now() - timedelta(days=15))
    with django_capture_on_commit_callbacks(execute=True):
        assert "clear_drafts" in run_due_jobs()
    assert ReturnDraft.objects.get().order == young.order
    assert files() == set()


def make_other(order: Order) -> Order:
    """Another order of the same seller with the same lines; the same one each time."""
    number = f"{order.order_number}-2"
    return Order.objects.filter(order_number=number).first() or make_order(
        order.seller, Line(quantity=2), Line(sku="RUG-1"), number=number, country="CA"
    )


def test_members_and_buyer_each_have_a_draft_of_their_own(dora: Asking, alice: Asking, cast: Cast) -> None:
    dora.choose(kettle=1)
    dora.describe(dora.kettle, photos=[a_photo()])
    alice.choose(rug=1)
    alice.describe(alice.rug, photos=[a_photo()])
    assert ReturnDraft.objects.count() == 2
    ben = Asking(signed_in(cast.ben), dora.order, "seller")
    assert ben.check()["Location"] == ben.base
    for photo in Photo.objects.all():
        is_hers = photo.draft.user_id == cast.alice.pk
        for who, sees in ((dora, not is_hers), (alice, is_hers), (ben, False)):
            answer = who.client.get(f"{who.base}photos/{photo.reference}/")
            assert answer.status_code == (200 if sees else 404)


# --- Twice, and at once


def test_the_same_form_twice_opens_one_request(dora: Asking) -> None:
    dora.fill_in(kettle=1)
    page = dora.check()
    first, second = dora.send(page), dora.send(page)
    assert first["Location"] == second["Location"]
    assert ReturnRequest.objects.count() == 1


def test_of_two_who_ask_for_the_same_units_the_second_is_told_and_keeps_the_draft(
    dora: Asking, alice: Asking
) -> None:
    dora.fill_in(kettle=2, rug=1)
    alice.fill_in(kettle=1)
    page = dora.check()
    assert alice.send().status_code == 303
    answer = dora.send(page)
    assert answer.status_code == 422
    assert "Only 1 of 2 can still be returned." in words(answer)
    assert "<title>Error: " in answer.content.decode()
    assert ReturnRequest.objects.count() == 1
    assert ReturnDraft.objects.get().data["lines"].keys() == {str(dora.kettle.pk), str(dora.rug.pk)}
    dora.choose(kettle=1, rug=1)
    assert dora.send().status_code == 303
    everything_adds_up()


def test_what_was_changed_in_another_tab_is_shown_before_it_is_sent(dora: Asking) -> None:
    dora.fill_in(kettle=1)
    page = dora.check()
    dora.choose(kettle=2)
    answer = dora.send(page)
    assert answer.status_code == 422
    assert "You changed this on another page meanwhile." in words(answer)
    assert "2 units" in words(answer)
    assert dora.send(answer).status_code == 303
    assert ReturnRequest.objects.get().items.get().quantity == 2


def test_a_tab_that_comes_after_the_sending_starts_again(dora: Asking) -> None:
    dora.fill_in(kettle=1)
    dora.send()
    for answer in (dora.describe(dora.kettle), dora.check()):
        assert (answer.status_code, answer["Location"]) == (303, dora.base)
    assert "What you have sent is not sent again." in words(dora.client.get(dora.base))
    assert ReturnDraft.objects.count() == 0


def test_items_of_which_different_things_are_said_are_named(cast: Cast) -> None:
    lines = Line(), Line(sku="B", title="Rug"), Line(sku="C", title="Lamp", category="Dangerous goods")
    order = make_order(cast.north_lane, *lines)
    dora = let_in(order)
    base, ids = f"/my/orders/{order.reference}/ask/", [line.pk for line in order.items.order_by("pk")]
    dora.post(base, {f"quantity_{pk}": 1 for pk in ids})
    for pk in ids:
        dora.post(f"{base}{pk}/", {"reason": "CR-UNWANTED_ITEM"})
    assert words(dora.get(f"{base}check/")).count("In policy until") == 1


def test_a_second_request_for_the_same_line_is_recognised(dora: Asking) -> None:
    request = open_request(dora.order, quantity=1)
    for page in (f"/my/orders/{dora.order.reference}/", dora.base):
        answer = dora.client.get(page)
        told = words(answer)
        assert re.search(r"You asked on \d+ \w+ for 1 of these\. See it", told)
        assert f'href="/my/returns/{request.reference}/"' in answer.content.decode()
    assert "1 of 2 can still be returned" in words(dora.client.get(dora.base))
    assert "Nothing of it can be returned any more." in words(dora.client.get(dora.base))


def test_nothing_left_offers_no_button(dora: Asking) -> None:
    open_request(dora.order)
    page = dora.client.get(f"/my/orders/{dora.order.reference}/")
    assert "You have asked for the return of everything in this order." in words(page)
    assert f'href="{dora.base}"' not in page.content.decode()
    told = words(dora.client.get(dora.base))
    assert "Back to the order" in told
    assert "Go on" not in told


# --- Bad input


@pytest.mark.parametrize(
    ("units", "sentence"),
    [
        (0, "Choose at least one item."),
        ("", "Choose at least one item."),
        (-1, "Only 2 of 2 can still be returned."),
        (3, "Only 2 of 2 can still be returned."),
        ("9" * 40, "Only 2 of 2 can still be returned."),
        ("two", "Enter a whole number."),
    ],
)
def test_no_units_and_too_many_get_a_sentence(dora: Asking, units: object, sentence: str) -> None:
    answer = dora.choose(kettle=units)
    assert (answer.status_code, sentence in words(answer)) == (422, True)
    assert ReturnDraft.objects.count() == 0


def test_a_line_that_was_taken_meanwhile_gets_a_sentence(dora: Asking) -> None:
    open_request(dora.order)
    answer = dora.choose(rug=1)
    assert answer.status_code == 422
    assert "Only 0 of 1 can still be returned." in words(answer)


def test_a_foreign_item_is_none_of_this_order(dora: Asking) -> None:
    foreign = make_other(dora.order).items.order_by("pk")[0]
    answer = dora.client.post(dora.base, {f"quantity_{foreign.pk}": 1})
    assert (answer.status_code, "Choose at least one item." in words(answer)) == (422, True)
    dora.choose(kettle=1)
    for client_answer in (dora.describe(foreign), dora.client.get(f"{dora.base}{foreign.pk}/")):
        assert (client_answer.status_code, client_answer["Location"]) == (303, dora.base)
    assert ReturnDraft.objects.get().data["lines"].keys() == {str(dora.kettle.pk)}


@pytest.mark.parametrize(
    ("reason", "comment", "sentence"),
    [
        ("", "It leaks.", "Choose a reason from the list."),
        ("NO-SUCH", "It leaks.", "Choose a reason from the list."),
        ("UND-UNKNOWN", "It leaks.", "Choose a reason from the list."),
        ("CR-DEFECTIVE", "", "This reason needs a comment: say in a few words why."),
        ("CR-FOUND_BETTER_PRICE", "", "This reason needs a comment: say in a few words why."),
        ("CR-DEFECTIVE", "\u200b\u202e ", "This reason needs a comment: say in a few words why."),
        ("CR-DEFECTIVE", "x" * 2001, "Shorten your comments to 2,000 characters."),
    ],
)
def test_what_is_missing_is_said_and_what_was_entered_stays(
    dora: Asking, reason: str, comment: str, sentence: str
) -> None:
    dora.choose(kettle=1)
    answer = dora.describe(dora.kettle, reason, comment=comment, photos=[a_photo("leak.jpg")])
    page = answer.content.decode()
    assert (answer.status_code, sentence in words(answer)) == (422, True)
    assert 'alt="leak.jpg"' in page
    assert f">\n{comment}</textarea>" in page
    assert bool(re.search(r"<input[^>]* checked", page)) == (
        reason in ("CR-DEFECTIVE", "CR-FOUND_BETTER_PRICE")
    )
    assert dora.check()["Location"] in (dora.base, f"{dora.base}{dora.kettle.pk}/")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: upload("photo.jpg", SVG), "Choose photos in JPEG, PNG or WebP format."),
        (lambda: upload("photo.jpg", HTML), "Choose photos in JPEG, PNG or WebP format."),
        (
            lambda: upload("photo.jpg", a_picture("JPEG") + bytes(41_000_000)),
            "A photo may have 8 MB at most.",
        ),
    ],
)
def test_what_is_no_photo_is_refused_and_the_words_are_kept(
    dora: Asking, make: Callable[[], Any], sentence: str
) -> None:
    dora.choose(kettle=1)
    answer = dora.describe(dora.kettle, "CR-DEFECTIVE", comment="It leaks.", photos=[make()])
    assert (answer.status_code, sentence in words(answer)) == (422, True)
    assert "It leaks." in words(answer)
    assert files() == set()
    assert sum(path.stat().st_size for path in Path(portal.MEDIA_ROOT).rglob("*") if path.is_file()) == 0
    assert ReturnDraft.objects.get().data["lines"][str(dora.kettle.pk)]["comment"] == "It leaks."


def test_several_photos_may_be_larger_together_than_one_may_be(dora: Asking) -> None:
    dora.choose(kettle=1)
    large = a_picture("JPEG") + bytes(4_000_000)
    photos = [upload(f"{number}.jpg", large) for number in range(4)]
    assert dora.describe(dora.kettle, photos=photos).status_code == 303
    assert Photo.objects.count() == 4


def test_a_large_photo_is_not_kept_beyond_what_is_allowed(
    dora: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[int] = []
    from django.core.files.uploadhandler import TemporaryFileUploadHandler

    write = TemporaryFileUploadHandler.receive_data_chunk

    def count(self: Any, raw_data: bytes, start: int) -> None:
        kept.append(len(raw_data))
        write(self, raw_data, start)

    monkeypatch.setattr(TemporaryFileUploadHandler, "receive_data_chunk", count)
    dora.choose(kettle=1)
    dora.describe(dora.kettle, photos=[upload("photo.jpg", bytes(41_000_000))])
    assert 0 < sum(kept) < 8_600_000


def test_a_comment_of_10_mb_gets_a_sentence_and_the_draft_is_kept(dora: Asking) -> None:
    dora.choose(kettle=1)
    dora.describe(dora.kettle, "CR-DEFECTIVE", comment="It leaks.")
    answer = dora.describe(dora.kettle, "CR-DEFECTIVE", comment="x" * 10_000_000)
    assert (answer.status_code, answer["Location"]) == (303, f"{dora.base}{dora.kettle.pk}/")
    page = dora.client.get(answer["Location"])
    assert "write 2,000 characters at most" in words(page)
    assert "It leaks." in words(page)


def test_unseen_characters_do_not_stay(dora: Asking) -> None:
    dora.choose(rug=1)
    dora.describe(dora.rug, comment="It\u202e is\u200b <b>torn</b>.", photos=[a_photo("\u202egpj.exe")])
    page = dora.check().content.decode()
    assert "It is &lt;b&gt;torn&lt;/b&gt;." in page
    dora.send()
    assert ReturnRequest.objects.get().items.get().comment == "It is <b>torn</b>."
    assert Photo.objects.get().name == "gpj.exe"


def test_where_a_photo_was_taken_is_not_told(dora: Asking) -> None:
    dora.choose(rug=1)
    dora.describe(dora.rug, photos=[a_photo_with_gps()])
    dora.send()
    photo = Photo.objects.get()
    url = f"/my/returns/{photo.request.reference}/photos/{photo.reference}/"
    assert SECRET.encode() not in dora.client.get(url).content


def test_a_reason_that_is_retired_meanwhile_is_asked_for_again(dora: Asking) -> None:
    dora.fill_in(kettle=1)
    ReturnReason.objects.filter(code="CR-UNWANTED_ITEM").update(is_active=False)
    answer = dora.check()
    assert answer["Location"] == f"{dora.base}{dora.kettle.pk}/"
    assert "Choose a reason from the list." in words(dora.client.get(answer["Location"]))


def test_what_never_arrived_goes_the_delivery_way(dora: Asking, alice: Asking) -> None:
    dora.choose(kettle=1)
    answer = dora.describe(dora.kettle, "NEVER_ARRIVED")
    assert answer["Location"] == f"/my/orders/{dora.order.reference}/not-arrived/"
    alice.choose(kettle=1)
    assert alice.describe(alice.kettle, "NEVER_ARRIVED").status_code == 422


# --- On the buyer's behalf


def test_a_member_asks_on_the_buyers_behalf_and_the_buyer_is_told(cast: Cast, order: Order) -> None:
    ben = Asking(signed_in(cast.ben), order, "seller")
    assert "You ask on the buyer's behalf." in words(ben.client.get(ben.base))
    ben.fill_in(kettle=1)
    answer = ben.send()
    request = ReturnRequest.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"/seller/returns/{request.reference}/")
    event = request.events.get()
    assert (event.role, event.user) == (Role.SELLER, cast.ben)
    assert "Return asked for" in words(ben.client.get(answer["Location"]))
    receipt = mails(DORA.email)[f"We have your return request: order {order.order_number}"]
    assert "North Lane has asked on your behalf to return Steel kettle" in receipt
    buyers = words(let_in(order).get(f"/my/returns/{request.reference}/"))
    assert "A return was asked for on your behalf" in buyers


def test_an_admin_asks_from_the_orders_page_in_the_admin(cast: Cast, order: Order) -> None:
    root = Asking(signed_in(cast.root, with_second_factor=True), order, "seller")
    page = root.client.get(f"/admin/returns/order/{order.pk}/change/").content.decode()
    assert f'href="{root.base}"' in page
    root.fill_in(rug=1)
    root.send()
    event = ReturnRequest.objects.get().events.get()
    assert (event.role, event.user) == (Role.ADMIN, cast.root)
    receipt = mails(DORA.email)[f"We have your return request: order {order.order_number}"]
    assert "has asked on your behalf to return Wool rug" in receipt


def test_a_viewer_may_not_ask_and_a_stranger_finds_nothing(cast: Cast, order: Order) -> None:
    vera = Asking(signed_in(cast.vera), order, "seller")
    for answer in (vera.client.get(vera.base), vera.choose(kettle=1), vera.check()):
        assert answer.status_code == 403
        assert "You may look at everything here, but not decide." in words(answer)
    carol = Asking(signed_in(cast.carol), order, "seller")
    for answer in (carol.client.get(carol.base), carol.choose(kettle=1), carol.check()):
        assert answer.status_code == 404
    ed = Asking(let_in(make_other(order)), order)
    for answer in (ed.client.get(ed.base), ed.choose(kettle=1), ed.check()):
        assert answer.status_code == 404
    assert ReturnDraft.objects.count() == 0


def test_the_sellers_page_of_a_request_leads_there_for_those_who_may(cast: Cast, order: Order) -> None:
    request = open_request(order, quantity=1)
    link = f'href="/seller/orders/{order.reference}/ask/"'
    for user, is_led in ((cast.alice, True), (cast.vera, False)):
        page = signed_in(user).get(f"/seller/returns/{request.reference}/").content.decode()
        assert (link in page) == is_led


# --- How much is asked of the database


def test_no_page_asks_more_for_a_longer_order(cast: Cast) -> None:
    order = make_order(cast.north_lane, *(Line(sku=f"S-{n}", quantity=2) for n in range(30)), country="CA")
    open_request(order, quantity=1)
    client = let_in(order)
    lines = [line.pk for line in order.items.order_by("pk")]
    base = f"/my/orders/{order.reference}/"
    client.post(f"{base}ask/", {f"quantity_{pk}": 1 for pk in lines})
    for pk in lines:
        client.post(f"{base}ask/{pk}/", {"reason": "CR-UNWANTED_ITEM"})
    client.post(f"{base}ask/{lines[0]}/", {"reason": "CR-UNWANTED_ITEM", "photos": [a_photo()]})
    counts = {}
    for page in ("", "ask/", f"ask/{lines[0]}/", "ask/check/"):
        client.get(f"{base}{page}")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(f"{base}{page}").status_code == 200
        counts[page] = len(queries)
    assert max(counts.values()) <= 12, counts
