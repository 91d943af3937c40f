"""The evidence pack: it opens, says what happened, lets nobody's words do anything, and stays small in memory."""

import hashlib
import io
import json
import re
import tracemalloc
from html import unescape
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from django.core import mail
from django.db import connection
from django.http import HttpResponseBase
from django.test.utils import CaptureQueriesContext
from PIL import Image

from notifications.mailbox import parse, part
from notifications.services import deliver_messages, relay_events
from returns import services
from returns.models import Photo, ReturnRequest, User
from returns.services.decide import Authorization
from returns.services.photos import keep_photo_files, photo_path
from returns.services.teamwork import add_note
from tests.browsers import let_in, signed_in
from tests.factories import DORA, Cast, Line, at_once, closing, day, make_order, open_request
from tests.label_files import an_own_label, upload
from tests.photo_files import a_photo, give_photos

pytestmark = pytest.mark.django_db

HOSTILE = '<script>alert(1)</script><img src="https://evil.example/x">'


@pytest.fixture(autouse=True)
def uploads(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = settings.FILE_UPLOAD_TEMP_DIR = tmp_path


@pytest.fixture
def request_(cast: Cast) -> ReturnRequest:
    """A request with all that a pack can hold: photos, a note, letters both ways, money, a label, mails."""
    order = make_order(cast.north_lane, Line(title="Flat-weave rug", sku="RUG-1"), country="CA")
    request = open_request(order, reason="CR-DEFECTIVE", comment=f"Torn. {HOSTILE}")
    tell()
    give_photos(request, [a_photo("../../etc/passwd.jpg"), a_photo('"><b>.png', "PNG")])
    alice, at = cast.actor(cast.alice), {"reference": request.reference}
    add_note(alice, **at, text="She called twice.", key="n")
    photos = keep_photo_files([a_photo("a.webp", "WEBP")])
    client = let_in(order)
    client.post(f"/my/returns/{request.reference}/write/", {"comments": "Where do I send it?", "key": "w"})
    services.write_message(alice, **at, comments=f"To Vancouver. {HOSTILE}", photos=photos, key="a")
    services.record_refund(
        alice, **at, amounts={(request.items.get().pk, "shipping"): 599}, refunded_date=day(0)
    )
    services.authorize_return(at_once(alice), **at, decision=Authorization(label=an_own_label()))
    tell()
    return ReturnRequest.objects.get(pk=request.pk)


def tell() -> None:
    relay_events()
    deliver_messages()


def pack_of(response: HttpResponseBase) -> ZipFile:
    assert response.status_code == 200
    return ZipFile(io.BytesIO(response.getvalue()))


def get(cast: Cast, request: ReturnRequest, query: str = "", user: User | None = None) -> ZipFile:
    client = signed_in(user or cast.alice)
    return pack_of(client.get(f"/seller/returns/{request.reference}/evidence/{query}"))


def document(pack: ZipFile) -> str:
    return unescape(pack.read("index.html").decode())


def test_it_is_one_file_to_be_saved(cast: Cast, request_: ReturnRequest) -> None:
    response = signed_in(cast.vera).get(f"/seller/returns/{request_.reference}/evidence/")
    assert response["Content-Type"] == "application/zip"
    assert response["Content-Disposition"] == f'attachment; filename="evidence-{request_.rma_number}.zip"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in response["Cache-Control"]
    assert int(response["Content-Length"]) == len(response.getvalue())


def test_everything_that_happened_is_in_it(cast: Cast, request_: ReturnRequest) -> None:
    pack = get(cast, request_)
    assert pack.testzip() is None
    said = document(pack)
    for word in (
        request_.order.order_number,
        request_.rma_number,
        DORA.name,
        "Flat-weave rug",
        "Defective or does not work",
        "Torn. ",
        "In policy",
        "Version of the rules",
        "Return asked for",
        "Authorization Required → Authorized",
        "Where do I send it?",
        "To Vancouver. ",
        "$5.99",
        "Shipping to the buyer",
        "Confirmed",
        "UPS",
        "1Z999AA10123456784",
        "Sent",
        f"{day(0).day} {day(0):%b %Y}",
        " UTC",
    ):
        assert word in said, word
    assert "Ames" not in said  # who of the team it was stays with the team


def test_the_files_are_the_ones_that_were_sent_and_their_sums_agree(
    cast: Cast, request_: ReturnRequest
) -> None:
    pack = get(cast, request_)
    photos = list(Photo.objects.order_by("pk"))
    names = ["photos/01.jpg", "photos/02.png", "photos/03.webp"]
    assert [pack.read(name) for name in names] == [photo_path(photo).read_bytes() for photo in photos]
    assert pack.read("labels/01.pdf").startswith(b"%PDF")
    assert pack.read("written/01-buyer.txt") == b"Where do I send it?"
    sums = dict(reversed(line.split("  ")) for line in pack.read("SHA256SUMS.txt").decode().splitlines())
    assert sums.keys() == {name for name in pack.namelist() if name != "SHA256SUMS.txt"}
    for name, digest in sums.items():
        assert hashlib.sha256(pack.read(name)).hexdigest() == digest
    for name in (*names, "labels/01.pdf"):
        assert sums[name] in document(pack)


def test_no_name_is_anybody_s_but_ours(cast: Cast, request_: ReturnRequest) -> None:
    safe = re.compile(
        r"(?:(?:photos|labels|messages|written)/)?[a-zA-Z0-9_-]+\.(?:jpg|png|webp|pdf|txt|html|json)"
    )
    assert [name for name in get(cast, request_).namelist() if not safe.fullmatch(name)] == []


def test_words_stay_words_and_nothing_is_loaded(cast: Cast, request_: ReturnRequest) -> None:
    written = get(cast, request_).read("index.html").decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in written
    assert "<script" not in written
    assert re.findall(r'<img src="(?!data:image/)', written) == []
    links = re.findall(r'href="([^"]+)"', written)
    assert links
    assert set(links) <= set(get(cast, request_).namelist())
    assert "default-src 'none'" in unescape(written)


def test_a_mail_says_what_it_said_when_it_was_sent(cast: Cast, request_: ReturnRequest) -> None:
    """The receipt was written while the request waited for its decision; now it is authorized."""
    pack, names = get(cast, request_), {}
    for sent in mail.outbox:
        read = parse(sent.message().as_bytes())
        if DORA.email in read["To"]:
            names[str(read["Subject"])] = part(read, "plain")
    told = [pack.read(name).decode() for name in pack.namelist() if name.startswith("messages/")]
    assert told == [f"{subject}\n\n{text}" for subject, text in names.items()]
    assert "Please do not send anything back before that." in told[0]


def test_notes_come_along_only_when_asked_for(cast: Cast, request_: ReturnRequest) -> None:
    assert "She called twice." not in document(get(cast, request_))
    assert "She called twice." not in get(cast, request_).read("facts.json").decode()
    assert "She called twice." in document(get(cast, request_, "?notes=on"))
    root = signed_in(cast.root, with_second_factor=True)
    asked = root.get(f"/seller/returns/{request_.reference}/evidence/?notes=on")
    assert "She called twice." not in document(pack_of(asked))


def test_it_speaks_the_reader_s_language_or_the_chosen_one(cast: Cast, request_: ReturnRequest) -> None:
    User.objects.filter(pk=cast.ben.pk).update(language="zh-hans")
    assert "时间线" in document(get(cast, request_, user=cast.ben))
    assert "Timeline" in document(get(cast, request_, "?language=en", user=cast.ben))
    assert "时间线" in document(get(cast, request_, "?language=zh-hans"))
    assert "Timeline" in document(get(cast, request_, "?language=xx"))


def test_programs_read_the_same_facts(cast: Cast, request_: ReturnRequest) -> None:
    facts = json.loads(get(cast, request_).read("facts.json"))
    assert facts["rma_number"] == request_.rma_number
    assert [step["action"] for step in facts["steps"]] == ["open", "write", "write", "refund", "authorize"]
    assert (
        facts["money"][0] | {"amount_minor": 599, "part": "shipping", "status": "confirmed"}
        == facts["money"][0]
    )
    assert [mail["state"] for mail in facts["mails"]] == ["sent"] * len(facts["mails"])
    assert facts["photos"][0] == {
        "name": "photos/01.jpg",
        "about": "Flat-weave rug",
        "sha256": hashlib.sha256(photo_path(Photo.objects.order_by("pk")[0]).read_bytes()).hexdigest(),
    }


def test_a_file_that_is_gone_is_said_to_be_gone(cast: Cast, request_: ReturnRequest) -> None:
    photo_path(Photo.objects.order_by("pk")[0]).unlink()
    pack = get(cast, request_)
    assert "photos/01.jpg" not in pack.namelist()
    said = document(pack)
    assert "This file could not be read." in said
    assert 'href="photos/01.jpg"' not in said
    assert 'href="photos/02.png"' in said


def test_a_decision_that_was_undone_is_marked(cast: Cast) -> None:
    cast.alice.undo_seconds = 600
    cast.alice.save()
    request = open_request(make_order(cast.north_lane, country="CA"))
    services.close_return(cast.actor(cast.alice), reference=request.reference, closing=closing())
    services.undo_decision(cast.actor(cast.alice), reference=request.reference, key="u")
    assert "Closed (Undone)" in re.sub(r"</?s>", "", document(get(cast, request)))


def test_of_another_store_it_is_not_there(cast: Cast, request_: ReturnRequest) -> None:
    assert signed_in(cast.carol).get(f"/seller/returns/{request_.reference}/evidence/").status_code == 404


def test_it_is_offered_on_the_request_s_page(cast: Cast, request_: ReturnRequest) -> None:
    page = f"/seller/returns/{request_.reference}/"
    for user in (cast.alice, cast.vera):
        assert f'action="{page}evidence/"' in signed_in(user).get(page).content.decode()


def noise(side: int) -> Any:
    written = io.BytesIO()
    Image.effect_noise((side, side), 90).convert("RGB").save(written, "JPEG", quality=95)
    return upload("noise.jpg", written.getvalue())


def test_large_photos_do_not_make_it_large_in_memory(cast: Cast) -> None:
    request = open_request(make_order(cast.north_lane, country="CA"))
    give_photos(request, [noise(2400) for _photo in range(2)])
    sizes = list(Photo.objects.values_list("size", flat=True))
    assert min(sizes) > 2 * 1024 * 1024
    client, url = signed_in(cast.alice), f"/seller/returns/{request.reference}/evidence/"
    client.get(url).getvalue()
    tracemalloc.start()
    try:
        response = client.get(url)
        received = sum(len(piece) for piece in response.streaming_content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert received > sum(sizes)
    assert peak < min(sizes)  # not even one of them


def test_it_makes_twelve_queries_at_most(cast: Cast, request_: ReturnRequest) -> None:
    client, url = signed_in(cast.alice), f"/seller/returns/{request_.reference}/evidence/?notes=on"
    client.get(url).getvalue()
    with CaptureQueriesContext(connection) as captured:
        client.get(url).getvalue()
    assert len(captured) <= 12, "\n".join(one["sql"] for one in captured)
