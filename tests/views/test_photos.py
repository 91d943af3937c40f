"""Photos: what is taken, what is refused, what is left of it, and to whom it is handed out."""

import io
import os
import time
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as portal
from django.db import IntegrityError, transaction
from django.utils import translation
from PIL import Image

from returns import services
from returns.actors import Actor
from returns.exceptions import Invalid
from returns.models import OrderItem, Photo, ReturnDraft, ReturnRequest
from returns.services.photos import (
    FOLDER,
    LONGEST_SIDE,
    MOST_BYTES,
    SMALL_SIDE,
    add_photos,
    add_photos_of_event,
    clear_photo_files,
    keep_photo_files,
    remove_photo,
)
from returns.state_machine import Status
from tests.browsers import let_in, signed_in
from tests.factories import Cast, Line, a_request_in, make_order, open_request
from tests.label_files import PDF, SECRET, a_picture, a_png_that_claims, upload
from tests.photo_files import HTML, SVG, a_photo, a_photo_with_gps, give_photos

pytestmark = pytest.mark.django_db

NO_PHOTO = "Choose photos in JPEG, PNG or WebP format."


@pytest.fixture(autouse=True)
def uploads(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def request_(cast: Cast) -> ReturnRequest:
    return open_request(make_order(cast.north_lane, country="CA"))


@pytest.fixture
def draft(cast: Cast) -> ReturnDraft:
    return ReturnDraft.objects.create(order=make_order(cast.north_lane))


def line_of(draft: ReturnDraft) -> OrderItem:
    return draft.order.items.get()


def files() -> set[str]:
    folder = Path(portal.MEDIA_ROOT, FOLDER)
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def grow_old() -> None:
    for path in Path(portal.MEDIA_ROOT, FOLDER).iterdir():
        os.utime(path, (time.time() - 90_000,) * 2)


# --- What is taken and what is left of it


@pytest.mark.parametrize(
    ("kind", "name", "media_type"),
    [
        ("JPEG", "IMG_1.JPG", "image/jpeg"),
        ("PNG", "screen.png", "image/png"),
        ("WEBP", "shot.webp", "image/webp"),
        ("WEBP", "called.jpg", "image/webp"),
    ],
)
def test_a_photo_is_kept_upright_and_small_enough(
    request_: ReturnRequest, kind: str, name: str, media_type: str
) -> None:
    photo = give_photos(request_, [a_photo(name, kind, (4000, 3000))])[0]
    assert (photo.name, photo.media_type) == (name, media_type)
    assert (photo.width, photo.height) == (LONGEST_SIDE * 3 // 4, LONGEST_SIDE)
    answer = let_in(request_.order).get(f"/my/returns/{request_.reference}/photos/{photo.reference}/")
    assert (answer["Content-Type"], len(answer.content)) == (media_type, photo.size)
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert (picture.format, picture.size) == (kind, (photo.width, photo.height))
    small = let_in(request_.order).get(f"/my/returns/{request_.reference}/photos/{photo.reference}/?small")
    with Image.open(io.BytesIO(small.content)) as picture:
        assert max(picture.size) == SMALL_SIDE


def test_nothing_is_left_of_where_a_photo_was_taken(request_: ReturnRequest) -> None:
    sent = a_photo_with_gps()
    assert SECRET.encode() in sent.read()
    sent.seek(0)
    photo = give_photos(request_, [sent])[0]
    for query in ("", "?small"):
        url = f"/my/returns/{request_.reference}/photos/{photo.reference}/{query}"
        content = let_in(request_.order).get(url).content
        assert SECRET.encode() not in content
        assert b"from home" not in content
        with Image.open(io.BytesIO(content)) as picture:
            assert not picture.getexif()
            assert not picture.getexif().get_ifd(0x8825)


def test_what_hangs_on_a_photo_does_not_stay(request_: ReturnRequest) -> None:
    photo = give_photos(request_, [upload("both.jpg", a_picture("JPEG") + HTML)])[0]
    url = f"/my/returns/{request_.reference}/photos/{photo.reference}/"
    assert b"<script>" not in let_in(request_.order).get(url).content


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: upload("photo.jpg", SVG), NO_PHOTO),
        (lambda: upload("photo.jpg", HTML), NO_PHOTO),
        (lambda: upload("photo.jpg", PDF), NO_PHOTO),
        (lambda: upload("photo.jpg", b""), NO_PHOTO),
        (lambda: upload("photo.jpg", a_picture("TIFF")), NO_PHOTO),
        (lambda: upload("photo.jpg", b"\xff\xd8\xff" + HTML), "This picture cannot be read."),
        (lambda: upload("photo.webp", b"RIFF\x00\x00\x00\x00WEBP" + HTML), "This picture cannot be read."),
        (lambda: upload("photo.jpg", a_picture("JPEG")[:900]), "This picture cannot be read."),
        (lambda: upload("big.png", a_png_that_claims(30_000, 30_000)), "more than 40 million pixels"),
        (lambda: upload("big.jpg", a_picture("JPEG") + b"\0" * MOST_BYTES), "8 MB at most"),
    ],
)
def test_what_is_no_photo_is_refused_in_one_sentence(
    draft: ReturnDraft, make: Callable[[], Any], sentence: str
) -> None:
    with pytest.raises(Invalid, match=sentence) as refused:
        add_photos(draft, line_of(draft), [a_photo(), make()])
    assert list(refused.value.errors) == ["file"]
    assert draft.photos.count() == 0


def test_the_sentence_is_said_in_chinese(draft: ReturnDraft) -> None:
    with translation.override("zh-hans"), pytest.raises(Invalid, match="照片"):
        add_photos(draft, line_of(draft), [upload("photo.jpg", SVG)])


def test_a_draft_has_six_photos_at_most(draft: ReturnDraft) -> None:
    add_photos(draft, line_of(draft), [a_photo() for _photo in range(5)])
    with pytest.raises(Invalid, match="You can add 6 photos at most"):
        add_photos(draft, line_of(draft), [a_photo(), a_photo()])
    add_photos(draft, line_of(draft), [a_photo()])
    assert draft.photos.count() == 6


def test_a_photo_belongs_to_one_thing(cast: Cast, request_: ReturnRequest) -> None:
    photo = give_photos(request_, [a_photo()])[0]
    for wrong in ({"item": None}, {"event": request_.events.get()}, {"order_item": line_of_(request_)}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Photo.objects.filter(pk=photo.pk).update(**wrong)


def line_of_(request: ReturnRequest) -> OrderItem:
    return request.order.items.get()


# --- Removed and forgotten


def test_the_files_of_a_removed_photo_go_with_the_commit(
    draft: ReturnDraft, django_capture_on_commit_callbacks: Any
) -> None:
    add_photos(draft, line_of(draft), [a_photo(), a_photo()])
    first, second = draft.photos.order_by("pk")
    with django_capture_on_commit_callbacks() as callbacks:
        remove_photo(Actor.buyer(draft.order), reference=first.reference)
    assert len(files()) == 4
    for callback in callbacks:
        callback()
    assert files() == {Path(second.file).name, Path(second.file).name.replace(".", "-small.")}


def test_nobody_removes_a_photo_that_was_sent_or_is_not_the_own(
    cast: Cast, request_: ReturnRequest, draft: ReturnDraft
) -> None:
    sent = give_photos(request_, [a_photo()])[0]
    add_photos(draft, line_of(draft), [a_photo()])
    remove_photo(Actor.buyer(request_.order), reference=sent.reference)
    remove_photo(Actor.buyer(request_.order), reference=draft.photos.get().reference)
    remove_photo(cast.actor(cast.alice), reference=draft.photos.get().reference)
    assert Photo.objects.count() == 2


def test_files_that_no_photo_names_go_after_a_day(draft: ReturnDraft) -> None:
    add_photos(draft, line_of(draft), [a_photo()])
    kept = files()
    keep_photo_files([a_photo()])
    assert clear_photo_files() == 0
    grow_old()
    assert clear_photo_files() == 2
    assert files() == kept


# --- What was written with photos


def test_what_is_written_can_have_photos_and_has_them_once(cast: Cast) -> None:
    request = a_request_in(cast, Status.CLOSED)
    event = services.escalate(Actor.buyer(request.order), reference=request.reference, comments="Look.")
    for _time in range(2):
        add_photos_of_event(event, keep_photo_files([a_photo(), a_photo()]))
    assert event.photos.count() == 2
    photo = event.photos.order_by("pk")[0]
    for client, side in ((let_in(request.order), "my"), (signed_in(cast.alice), "seller")):
        assert client.get(f"/{side}/returns/{request.reference}/photos/{photo.reference}/").status_code == 200


# --- Who sees it


def test_the_photos_of_an_item_go_with_it_when_its_request_is_split(cast: Cast) -> None:
    order = make_order(cast.north_lane, Line(), Line(sku="RUG", title="Rug"), country="CA")
    request = open_request(order)
    (photo,) = give_photos(request, [a_photo()])
    first = request.items.order_by("pk")[0]
    services.split_return(cast.actor(cast.alice), reference=request.reference, units={first.pk: 1})
    second = ReturnRequest.objects.get(items=first)
    alice = signed_in(cast.alice)
    shown = [
        f"/photos/{photo.reference}/" in alice.get(f"/seller/returns/{one.reference}/").content.decode()
        for one in (request, second)
    ]
    assert (second == request, shown) == (False, [False, True])


def test_a_photo_is_a_file_that_can_do_nothing(cast: Cast, request_: ReturnRequest) -> None:
    photo = give_photos(request_, [a_photo('x"\r\n<b>.jpg')])[0]
    for client, side in ((let_in(request_.order), "my"), (signed_in(cast.vera), "seller")):
        answer = client.get(f"/{side}/returns/{request_.reference}/photos/{photo.reference}/")
        assert answer.status_code == 200
        assert answer["Content-Disposition"] == f'attachment; filename="photo-{photo.reference[:8]}.jpg"'
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer["Content-Security-Policy"]
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        assert "no-store" in answer["Cache-Control"]


def test_a_photo_is_not_there_for_anybody_else(cast: Cast, request_: ReturnRequest) -> None:
    photo = give_photos(request_, [a_photo()])[0]
    other = open_request(make_order(cast.north_lane, country="CA"))
    foreign = open_request(make_order(cast.south_pier))
    for client, url in (
        (signed_in(cast.carol), f"/seller/returns/{request_.reference}/photos/{photo.reference}/"),
        (signed_in(cast.carol), f"/seller/returns/{foreign.reference}/photos/{photo.reference}/"),
        (signed_in(cast.alice), f"/seller/returns/{other.reference}/photos/{photo.reference}/"),
        (let_in(other.order), f"/my/returns/{other.reference}/photos/{photo.reference}/"),
        (let_in(other.order), f"/my/returns/{request_.reference}/photos/{photo.reference}/"),
    ):
        answer = client.get(url)
        assert answer.status_code == 404
        assert photo.reference not in unescape(answer.content.decode()).replace(url, "")
