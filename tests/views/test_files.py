"""Files in and out: upload, what it would change, commit, history; and the returns report back."""

import io
import os
import re
import signal
import stat
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from notifications.models import Message
from notifications.services import relay_events
from returns import services
from returns.actors import Actor
from returns.exceptions import Forbidden
from returns.models import (
    FileRun,
    Order,
    OrderItem,
    ReturnEvent,
    ReturnItem,
    ReturnRequest,
    StatusCount,
)
from returns.models.runs import FileState
from returns.services.imports import (
    commit_file,
    discard_file,
    import_orders,
    import_returns,
    receive_file,
    uploads,
    work_on_a_file,
)
from returns.services.imports.uploads import clear_uploads
from returns.services.jobs import run_due_jobs
from returns.state_machine import Status
from returns.views.files import TemporaryFileUploadHandler
from tests.factories import Cast, at_once, closing, make_order, open_request
from tests.returns.report_files import RETURN_COLUMNS, returns_file, sample

pytestmark = pytest.mark.django_db

Browser = Callable[..., Client]
IMPORTS = "/seller/imports/"
EXPORT = "/seller/exports/returns.tsv"
OURS = (Order, OrderItem, ReturnRequest, ReturnItem, ReturnEvent, StatusCount)


def unpaid(**changes: str) -> dict[str, str]:
    return {"label_type": "AmazonUnPaidLabel", **changes}


def upload(client: Client, content: bytes | io.BytesIO, name: str = "returns.tsv") -> HttpResponse:
    content = content if isinstance(content, bytes) else content.getvalue()
    return client.post(IMPORTS, {"file": SimpleUploadedFile(name, content)})


def work() -> int:
    """Do what waits, as the loop or a worker would; answers how many files there were."""
    return sum(1 for _file in iter(work_on_a_file, False))


def checked(client: Client, content: bytes | io.BytesIO, name: str = "returns.tsv") -> str:
    """The address of an uploaded file that was checked."""
    response = upload(client, content, name)
    assert response.status_code == 303
    assert work() == 1
    return response["Location"]


def text_of(response: HttpResponse) -> str:
    """What a person reads of a page's content, spaces as one."""
    content = response.content.decode().partition("<main")[2].partition("</main>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", content).replace("&quot;", '"').split())


def rows_of(*models: Any) -> list[Any]:
    return [list(model.objects.order_by("pk").values()) for model in models or OURS]


def kept_files() -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


@pytest.fixture(autouse=True)
def uploads_folder(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "uploads"
    settings.MEDIA_ROOT.mkdir(mode=0o700)
    return settings.MEDIA_ROOT


@pytest.fixture
def alice(cast: Cast, browser: Browser) -> Client:
    return browser(cast.alice)


# --- Shown first, written second


def test_a_file_is_kept_out_of_sight_until_it_is_done_with(alice: Client) -> None:
    response = upload(alice, returns_file(unpaid()))
    run = FileRun.objects.get()
    assert response["Location"] == f"{IMPORTS}{run.reference}/"
    (kept,) = kept_files()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert re.fullmatch(r"[0-9a-f]{32}", kept.name)
    work()
    alice.post(f"{response['Location']}commit/")
    assert kept_files() == [kept]
    work()
    assert kept_files() == []


def test_what_would_change_is_shown_and_nothing_is_written(cast: Cast, alice: Client) -> None:
    old = [unpaid(order_id=str(number)) for number in range(4)]
    import_returns(Actor.marketplace(cast.north_lane), file=returns_file(*old), name="r")
    before = rows_of()
    page = checked(
        alice,
        returns_file(
            *old[:2],
            {**old[2], "tracking_id": "T1"},
            unpaid(order_id="new", return_reason="CR-NEWFANGLED"),
            unpaid(order_id="bad", return_quantity="none"),
        ),
    )
    shown = text_of(alice.get(page))
    assert "What would change" in shown
    assert "new 1 · changed 1 · unchanged 2 · unknown codes 1 · refused 1" in shown
    assert "Nothing is written yet." in shown
    assert (
        "Line 6, column “Return quantity”: “none” is not a quantity. Write a whole number from 1 on." in shown
    )
    assert "CR-NEWFANGLED" in shown
    assert rows_of() == before


def test_a_commit_does_what_was_shown_and_says_so_like_the_command(cast: Cast, alice: Client) -> None:
    content = sample("returns_report_us.tsv")
    page = checked(alice, content)
    assert alice.post(f"{page}commit/").status_code == 303
    assert work() == 1
    shown = text_of(alice.get(page))
    told = import_returns(Actor.marketplace(cast.south_pier), file=content, name="r")
    assert str(told) in shown
    assert told.new == ReturnItem.objects.filter(request__seller=cast.north_lane).count() == 80
    run = FileRun.objects.get(seller=cast.north_lane)
    assert (run.state, run.rows_done, run.rows_total, run.upload) == (FileState.DONE, 80, 80, "")
    assert len(run.digest) == 64
    assert '?status=all&amp;todo=on"' in alice.get(page).content.decode()


def test_committing_twice_does_nothing_twice(alice: Client) -> None:
    page = checked(alice, returns_file(unpaid()))
    for _time in range(2):
        assert alice.post(f"{page}commit/").status_code == 303
    assert work() == 1
    after = rows_of(FileRun, *OURS)
    assert alice.post(f"{page}commit/").status_code == 303
    assert work() == 0
    assert rows_of(FileRun, *OURS) == after


def test_a_file_cannot_be_committed_before_it_was_shown(alice: Client) -> None:
    page = upload(alice, returns_file(unpaid()))["Location"]
    alice.post(f"{page}commit/")
    assert FileRun.objects.get().state == FileState.CHECKING


def test_a_file_that_changes_nothing_offers_nothing_to_import(alice: Client) -> None:
    page = checked(alice, returns_file(unpaid()))
    assert f"{page}commit/" in alice.get(page).content.decode()
    alice.post(f"{page}commit/")
    work()
    page = checked(alice, returns_file(unpaid()))
    assert "This file changes nothing here." in text_of(alice.get(page))
    assert f"{page}commit/" not in alice.get(page).content.decode()


def test_contradictions_are_listed_in_words(cast: Cast, alice: Client) -> None:
    asked = unpaid(return_request_status="PendingApproval")
    import_returns(Actor.marketplace(cast.north_lane), file=returns_file(asked), name="r")
    request = ReturnRequest.objects.get()
    services.close_return(
        at_once(cast.actor(cast.alice)), reference=request.reference, closing=closing("other")
    )
    shown = text_of(alice.get(checked(alice, returns_file({**asked, "return_request_status": "Approved"}))))
    assert (
        f"Line 2, order {request.order.order_number} {request.rma_number}: “Closed” here, “Approved” there."
        in shown
    )


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("returns_report_eu.tsv", "Returns report"),
        ("returns_report.xml", "Returns report"),
        ("orders_report.tsv", "Order report"),
        ("orders_shipping.tsv", "Order report"),
    ],
)
def test_the_kind_is_recognised_and_said(cast: Cast, alice: Client, name: str, kind: str) -> None:
    page = checked(alice, sample(name), "report.txt")
    assert kind in text_of(alice.get(page))
    read = import_orders if kind == "Order report" else import_returns
    assert str(read(Actor.marketplace(cast.north_lane), file=sample(name), name="r")) in text_of(
        alice.get(page)
    )


def test_a_file_that_is_not_wanted_leaves_nothing(alice: Client) -> None:
    page = checked(alice, returns_file(unpaid()))
    response = alice.post(f"{page}discard/", follow=True)
    assert "The file is discarded. Nothing was changed." in text_of(response)
    assert alice.get(page).status_code == 404
    assert (kept_files(), FileRun.objects.count()) == ([], 0)


def test_what_was_imported_cannot_be_discarded(alice: Client) -> None:
    page = checked(alice, returns_file(unpaid()))
    alice.post(f"{page}commit/")
    alice.post(f"{page}discard/")
    assert work() == 1
    alice.post(f"{page}discard/")
    assert FileRun.objects.get().state == FileState.DONE


def test_an_import_from_a_page_is_quiet(cast: Cast, alice: Client) -> None:
    page = checked(alice, returns_file(unpaid(return_request_status="PendingApproval")))
    relay_events()
    assert not Message.objects.exists()
    alice.post(f"{page}commit/")
    work()
    relay_events()
    told = Message.objects.values_list("kind", "recipient_id", "last_code")
    assert sorted(told) == sorted(
        [("import_finished", cast.alice.pk, "own_act"), ("import_finished", cast.ben.pk, "")]
    )


# --- Who


def test_an_agent_imports_and_a_viewer_sees_what_was_imported(
    cast: Cast, alice: Client, browser: Browser
) -> None:
    ben, vera = browser(cast.ben), browser(cast.vera)
    page = checked(ben, returns_file(unpaid()))
    for address in (IMPORTS, page):
        shown = vera.get(address)
        assert shown.status_code == 200
        assert '<form method="post" action="/seller/' not in shown.content.decode()
        assert "enctype" not in shown.content.decode()
    for address in (IMPORTS, f"{page}commit/", f"{page}discard/"):
        refused = vera.post(address, {"file": SimpleUploadedFile("r.tsv", returns_file(unpaid()).getvalue())})
        assert refused.status_code == 403
    assert FileRun.objects.get().state == FileState.CHECKED
    assert len(kept_files()) == 1
    assert ben.post(f"{page}commit/").status_code == 303
    assert "Ben Boyd" in text_of(vera.get(IMPORTS))


def test_a_viewer_is_refused_by_the_services_too(cast: Cast, alice: Client) -> None:
    checked(alice, returns_file(unpaid()))
    viewer, run = cast.actor(cast.vera), FileRun.objects.get()
    file = SimpleUploadedFile("r.tsv", returns_file(unpaid()).getvalue())
    for ask in (
        lambda: receive_file(viewer, file=file),
        lambda: commit_file(viewer, reference=run.reference),
        lambda: discard_file(viewer, reference=run.reference),
    ):
        with pytest.raises(Forbidden, match="Only owners and agents"):
            ask()
    run.refresh_from_db()
    assert (run.state, FileRun.objects.count()) == (FileState.CHECKED, 1)


def test_a_file_of_another_seller_is_not_there(cast: Cast, alice: Client, browser: Browser) -> None:
    page, carol = checked(alice, returns_file(unpaid())), browser(cast.carol)
    assert "returns.tsv" not in text_of(carol.get(IMPORTS))
    assert carol.get(page).status_code == 404
    for verb in ("commit", "discard"):
        assert carol.post(f"{page}{verb}/").status_code == 404
    assert FileRun.objects.get().state == FileState.CHECKED


def test_a_form_from_elsewhere_uploads_nothing(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.alice)
    assert upload(client, returns_file(unpaid())).status_code == 403
    assert (kept_files(), FileRun.objects.count()) == ([], 0)


# --- What is no report


def xml(body: str, before: str = "") -> bytes:
    return (
        f'<?xml version="1.0"?>{before}<AmazonEnvelope><MessageType>Returns-Report</MessageType>'
        f"<Message>{body}</Message></AmazonEnvelope>"
    ).encode()


BOMB = (
    '<!DOCTYPE b [<!ENTITY e0 "haha">'
    + "".join(f'<!ENTITY e{number} "{f"&e{number - 1};" * 10}">' for number in range(1, 9))
    + "]>"
)

AT_ONCE = {
    "marketplace fulfilled": (
        sample("marketplace_fulfilled_returns.tsv").getvalue(),
        "These are returns of orders that the marketplace fulfilled.",
    ),
    "empty": (b"", "This file is empty."),
    "binary": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "This is a binary file"),
    "UTF-16": ("\t".join(RETURN_COLUMNS).encode("utf-16"), "This file is in UTF-16"),
    "archive": (b"PK\x03\x04" + bytes(500), "This is a workbook or an archive"),
    "something else": (b"a\tb\n1\t2\n", "The first line of this file is neither"),
    "a line without an end": (b"x" * 400_000, "Line 1 of this file is longer than"),
}
LATER = {
    "header without rows": (
        ("\t".join(RETURN_COLUMNS) + "\n").encode(),
        "This report has a header but no rows.",
    ),
    "bomb": (xml("<return_details>&e8;</return_details>", BOMB), "This XML file declares a document type"),
    "external entity": (
        xml("<return_details>&x;</return_details>", '<!DOCTYPE b [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
        "This XML file declares a document type",
    ),
    "damaged XML": (xml("<return_details>"), "This XML file is damaged or cut off"),
    "other XML": (b"<html><body>Sign in</body></html>", "This report has a header but no rows."),
}


@pytest.mark.parametrize(("content", "beginning"), AT_ONCE.values(), ids=AT_ONCE)
def test_what_is_no_report_is_refused_at_the_field_and_not_kept(
    alice: Client, content: bytes, beginning: str
) -> None:
    response = upload(alice, content, "report.xlsx")
    assert response.status_code == 422
    shown = text_of(response)
    assert beginning in shown
    assert "<title>Error: " in response.content.decode()
    assert (kept_files(), FileRun.objects.count()) == ([], 0)


@pytest.mark.parametrize(("content", "beginning"), LATER.values(), ids=LATER)
def test_what_turns_out_to_be_no_report_says_so_on_its_page_and_is_not_kept(
    alice: Client, content: bytes, beginning: str
) -> None:
    page = checked(alice, content)
    assert beginning in text_of(alice.get(page))
    assert beginning in text_of(alice.get(IMPORTS))
    assert f"{page}commit/" not in alice.get(page).content.decode()
    assert (kept_files(), Order.objects.count()) == ([], 0)
    assert FileRun.objects.get().state == FileState.FAILED


def test_sentences_are_in_the_language_of_who_reads_them(cast: Cast, alice: Client, browser: Browser) -> None:
    cast.ben.language = "zh-hans"
    cast.ben.save()
    failed = checked(alice, LATER["header without rows"][0])
    half = checked(alice, returns_file(unpaid(), unpaid(order_id="2", return_quantity="x")))
    ben = browser(cast.ben)
    for page, words in ((failed, "This report has a header"), (half, "is not a quantity")):
        assert words in text_of(alice.get(page))
        assert words not in text_of(ben.get(page))
        assert re.search("[一-鿿]", text_of(ben.get(page)))


class Streamed(io.RawIOBase):
    """A request's body that is made while it is read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces, self.rest = pieces, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.rest = self.rest or next(self.pieces, b"")
        given, self.rest = self.rest[: len(buffer)], self.rest[len(buffer) :]
        buffer[: len(given)] = given
        return len(given)


def stream(client: Client, pieces: int, piece: bytes, before: bytes = b"") -> HttpResponse:
    """Upload `piece` so many times in one file, never holding more of it than one."""
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="r.tsv"\r\n\r\n' + before
    end = b"\r\n--x--\r\n"

    def body() -> Iterator[bytes]:
        yield head
        for _piece in range(pieces):
            yield piece
        yield end

    length = len(head) + pieces * len(piece) + len(end)
    return client.generic(
        "POST",
        IMPORTS,
        CONTENT_LENGTH=str(length),
        CONTENT_TYPE="multipart/form-data; boundary=x",
        **{"wsgi.input": io.BufferedReader(Streamed(body()))},
    )


def peak_of(work: Callable[[], Any]) -> tuple[int, Any]:
    tracemalloc.start()
    try:
        answer = work()
        return tracemalloc.get_traced_memory()[1], answer
    finally:
        tracemalloc.stop()


def test_a_line_of_300_mb_takes_no_memory(alice: Client) -> None:
    header = ("\t".join(RETURN_COLUMNS) + "\n").encode()
    megabyte = b"x" * 1024**2
    alice.get(IMPORTS)
    peak, response = peak_of(lambda: stream(alice, 300, megabyte, header))
    assert response.status_code == 303
    assert peak < 8 * 1024**2
    peak, _done = peak_of(work)
    assert peak < 8 * 1024**2
    assert "Line 2 of this file is longer than 65536 characters." in text_of(alice.get(response["Location"]))
    assert kept_files() == []


def test_a_file_that_is_too_large_is_refused_and_never_kept_whole(
    alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_UPLOAD_BYTES", 1024**2)
    monkeypatch.setattr("returns.views.files.UploadHandler.most", 1024**2)
    written: list[int] = []
    usual = TemporaryFileUploadHandler.receive_data_chunk

    def count(self: Any, raw_data: bytes, start: int) -> None:
        written.append(len(raw_data))
        usual(self, raw_data, start)

    monkeypatch.setattr(TemporaryFileUploadHandler, "receive_data_chunk", count)
    response = stream(alice, 40, b"x" * 100_000)
    assert response.status_code == 422
    assert "This file is larger than 512 MB." in text_of(response)
    assert sum(written) < 1.2 * 1024**2
    assert kept_files() == []


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd.tsv", "passwd.tsv"),
        ("C:\\reports\\june.tsv", "june.tsv"),
        ("invoice\u202egpj.tsv", "invoicegpj.tsv"),
        ("<b>bold.tsv", "&lt;b&gt;bold.tsv"),
        ("x" * 400 + ".tsv", "x" * 200),
    ],
)
def test_a_file_s_name_is_made_safe(alice: Client, name: str, shown: str) -> None:
    page = checked(alice, returns_file(unpaid()), name)
    for address in (IMPORTS, page):
        content = alice.get(address).content.decode()
        assert shown in content
        assert "\u202e" not in content
        assert "etc/" not in content
    assert all(re.fullmatch("[0-9a-f]{32}", path.name) for path in kept_files())


def test_who_chose_no_file_is_told_so(alice: Client) -> None:
    response = alice.post(IMPORTS, {"file": ""})
    assert response.status_code == 422
    assert "Order report or returns report: Choose a file." in text_of(response)


# --- In the background


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads.Lease, "chunk_rows", 3)


def let_leases_end() -> None:
    FileRun.objects.filter(lease_until__isnull=False).update(lease_until="2020-01-01T00:00Z")


def start_reader(chunks: int) -> int:
    """The exit code of a worker in a process of its own, which kills itself after so many chunks."""
    given = connection.settings_dict
    address = f"sqlite:///{given['NAME']}"
    if connection.vendor == "postgresql":
        address = f"postgres://{given['USER']}@{given['HOST']}:{given['PORT']}/{given['NAME']}"
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "returns_portal.settings",
        "DATA_DIR": str(settings.MEDIA_ROOT.parent),
        "DATABASE_URL": address,
        "SECRET_KEY": settings.SECRET_KEY,
        "PYTHONPATH": str(settings.BASE_DIR),
    }
    command = [sys.executable, "tests/returns/dying_reader.py", str(chunks)]
    return subprocess.run(command, env=environment, cwd=settings.BASE_DIR, check=False).returncode


def noting(stored: list[int]) -> Callable[..., None]:
    """`Lease.keep`, which also notes how far it is."""
    usual = uploads.Lease.keep

    def keep(self: uploads.Lease, summary: Any, rows_done: int) -> None:
        stored.append(rows_done)
        usual(self, summary, rows_done)

    return keep


def mixed_rows() -> list[dict[str, str]]:
    rows = [unpaid(order_id=f"{number:02}") for number in range(10)]
    rows[4]["return_quantity"] = "x"
    rows[7]["return_request_status"] = "Vanished"
    return rows


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("chunks", [0, 2])
def test_a_file_whose_worker_is_killed_goes_on_where_it_was_with_the_same_figures(
    cast: Cast, browser: Browser, small_chunks: None, monkeypatch: pytest.MonkeyPatch, chunks: int
) -> None:
    alice = browser(cast.alice)
    page = upload(alice, returns_file(*mixed_rows()))["Location"]
    for step in ("check", "write"):
        assert start_reader(chunks) == -signal.SIGKILL
        run = FileRun.objects.get()
        assert run.rows_done == (chunks and 1 + 3 * chunks)
        assert ReturnRequest.objects.count() == (3 * chunks if step == "write" else 0)
        assert f"{run.rows_done} of 10 rows" in text_of(alice.get(page))
        assert not work_on_a_file()  # nobody takes it while the lease lasts
        let_leases_end()
        stored: list[int] = []
        with monkeypatch.context() as patched:
            patched.setattr(uploads.Lease, "keep", noting(stored))
            assert work() == 1
        assert stored == list(range(1 + 3 * (chunks + 1), 11, 3))
        figures = "new 9 · changed 0 · unchanged 0 · unknown codes 1 · refused 1"
        assert figures in text_of(alice.get(page))
        alice.post(f"{page}commit/")
    assert ReturnRequest.objects.count() == 9


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_on_sqlite_others_may_write_between_two_chunks(
    cast: Cast, browser: Browser, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    gaps: list[tuple[float, bool]] = []
    monkeypatch.setattr(
        "returns.services.imports.uploads.time.sleep",
        lambda seconds: gaps.append((seconds, connection.in_atomic_block)),
    )
    checked(browser(cast.alice), returns_file(*mixed_rows()))
    assert gaps == ([(uploads.GAP_SECONDS, False)] * 3 if connection.vendor == "sqlite" else [])
    assert uploads.GAP_SECONDS > 0.1  # SQLite's longest pause between two looks


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_a_worker_that_lost_its_lease_writes_nothing_more(
    cast: Cast, browser: Browser, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = browser(cast.alice)
    page = checked(alice, returns_file(*mixed_rows()))
    alice.post(f"{page}commit/")
    usual, count = uploads.Lease.keep, iter(range(1000))

    def keep(self: uploads.Lease, *said: Any) -> None:
        if next(count) == 1:
            FileRun.objects.update(lease_token="somebody else's")
        usual(self, *said)

    with monkeypatch.context() as patched:
        patched.setattr(uploads.Lease, "keep", keep)
        assert work_on_a_file()
    assert ReturnRequest.objects.count() == 3
    let_leases_end()
    assert work() == 1
    assert "new 9 · changed 0" in text_of(alice.get(page))


@pytest.mark.django_db(transaction=True)
def test_a_file_that_kills_its_workers_is_given_up(cast: Cast, browser: Browser) -> None:
    alice = browser(cast.alice)
    page = upload(alice, returns_file(unpaid()))["Location"]
    for _death in range(uploads.MOST_ATTEMPTS):
        assert start_reader(0) == -signal.SIGKILL
        let_leases_end()
    assert work() == 1
    assert "This file could not be read to its end." in text_of(alice.get(page))
    assert kept_files() == []


def test_a_file_that_is_given_up_shows_no_figures_of_what_would_have_been(alice: Client) -> None:
    page = checked(alice, returns_file(unpaid()))
    alice.post(f"{page}commit/")
    FileRun.objects.update(attempts=uploads.MOST_ATTEMPTS)
    assert work() == 1
    for address in (IMPORTS, page):
        shown = text_of(alice.get(address))
        assert "Failed" in shown
        assert "This file could not be read to its end." in shown
        assert "new 1" not in shown


def test_a_worker_that_is_asked_to_end_leaves_the_file_to_the_next(alice: Client, small_chunks: None) -> None:
    page = checked(alice, returns_file(*mixed_rows()))
    alice.post(f"{page}commit/")
    asked = iter([False] * 30)
    seen: list[int] = []

    def is_stopping() -> bool:
        seen.append(FileRun.objects.get().rows_done)
        return seen[-1] > 0 or next(asked, True)

    assert work_on_a_file(is_stopping)
    run = FileRun.objects.get()
    assert (run.state, run.rows_done, run.lease_until) == (FileState.RUNNING, 4, None)
    assert work() == 1
    assert "new 9 · changed 0" in text_of(alice.get(page))


def test_one_file_of_a_seller_at_a_time_and_of_two_sellers_both(
    cast: Cast, alice: Client, browser: Browser
) -> None:
    for client in (alice, alice, browser(cast.carol)):
        upload(client, returns_file(unpaid()))
    first = uploads._claim()
    second = uploads._claim()
    assert {run.seller_id for run in (first, second) if run} == {cast.north_lane.pk, cast.south_pier.pk}
    assert uploads._claim() is None


def test_of_two_workers_that_find_the_same_file_one_has_it(
    alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(alice, returns_file(unpaid()))
    usual = uploads.secrets.token_hex
    taken: list[Any] = []

    def token(size: int) -> str:
        if not taken:
            taken.append(None)
            taken[0] = uploads._claim()
        return usual(size)

    monkeypatch.setattr("returns.services.imports.uploads.secrets.token_hex", token)
    assert uploads._claim() is None
    assert taken[0] is not None


def test_uploads_go_after_a_day_and_say_so(alice: Client, uploads_folder: Path) -> None:
    shown = checked(alice, returns_file(unpaid()))
    waiting = upload(alice, returns_file(unpaid(order_id="2")))["Location"]
    stray, arriving = uploads_folder / "imports" / ("0" * 32), uploads_folder / "tmpabc.upload.tsv"
    foreign = uploads_folder / "label.pdf"
    for path in (stray, arriving, foreign):
        path.write_bytes(b"x")
    assert clear_uploads() == 0
    FileRun.objects.update(started_at="2020-01-01T00:00Z")
    for path in (stray, arriving, foreign):
        os.utime(path, (0, 0))
    assert "clear_uploads" in run_due_jobs()
    assert kept_files() == [foreign]
    assert "The file was kept for a day and is gone: upload it again." in text_of(alice.get(shown))
    assert f"{shown}commit/" not in alice.get(shown).content.decode()
    alice.post(f"{shown}commit/")
    assert FileRun.objects.order_by("pk").first().state == FileState.CHECKED
    assert "This file is no longer here. Upload it again." in text_of(alice.get(waiting))


def test_while_it_is_worked_on_the_page_asks_again_and_offers_a_link_without_scripts(alice: Client) -> None:
    page = upload(alice, returns_file(unpaid()))["Location"]
    shown = alice.get(page).content.decode()
    assert f'hx-get="{page}" hx-trigger="every 2s"' in shown
    assert f'<a class="button" href="{page}">Look again</a>' in shown
    work()
    shown = alice.get(page).content.decode()
    assert "every 2s" not in shown
    assert 'data-say="Checked, not imported: new 1 ·' in shown


# --- History


def test_the_history_is_paged_by_keyset(cast: Cast, alice: Client) -> None:
    for number in range(30):
        import_returns(
            Actor.marketplace(cast.north_lane), file=returns_file(unpaid()), name=f"file-{number:02}"
        )
    first = alice.get(IMPORTS)
    assert re.findall(r"file-\d\d", text_of(first)) == [f"file-{number:02}" for number in range(29, 4, -1)]
    (more,) = re.findall(r'href="(\?cursor=\d+)"', first.content.decode())
    with CaptureQueriesContext(connection) as queries:
        rest = alice.get(IMPORTS + more)
    assert re.findall(r"file-\d\d", text_of(rest)) == [f"file-{number:02}" for number in range(4, -1, -1)]
    assert not [query for query in queries if "COUNT(" in query["sql"] or "OFFSET" in query["sql"]]
    assert len(queries) <= 12
    assert "file-29" in text_of(alice.get(f"{IMPORTS}?cursor=nonsense"))


def test_pages_need_few_queries_whatever_their_rows(cast: Cast, alice: Client) -> None:
    for _number in range(5):
        open_request(make_order(cast.north_lane, country="CA"))
    page = checked(alice, returns_file(*(unpaid(order_id=str(n), return_quantity="x") for n in range(300))))
    for address in (IMPORTS, page, "/seller/exports/", f"{EXPORT}?status=all"):
        with CaptureQueriesContext(connection) as queries:
            response = alice.get(address)
            if response.streaming:
                list(response.streaming_content)
        assert len(queries) <= 12, [query["sql"] for query in queries]
    shown = text_of(alice.get(page))
    assert "refused 300" in shown
    assert "The first 200 are shown." in shown
    assert shown.count("is not a quantity") == 200


# --- Files out


def export(client: Client, query: str = "?status=all") -> bytes:
    response = client.get(f"{EXPORT}{query}")
    assert response.status_code == 200
    return b"".join(response.streaming_content)


def lines_of(content: bytes) -> list[list[str]]:
    return [line.split("\t") for line in content.decode().splitlines()]


def of_column(content: bytes, column: str) -> list[str]:
    return [cells[RETURN_COLUMNS.index(column)] for cells in lines_of(content)[1:]]


def test_an_export_has_the_report_s_columns_in_its_order(cast: Cast, alice: Client) -> None:
    import_returns(Actor.marketplace(cast.north_lane), file=sample("returns_report_us.tsv"), name="r")
    response = alice.get(f"{EXPORT}?status=all")
    assert response["Content-Type"] == "text/tab-separated-values; charset=utf-8"
    assert re.fullmatch(
        r'attachment; filename="returns-\d{4}-\d\d-\d\d\.tsv"', response["Content-Disposition"]
    )
    lines = lines_of(b"".join(response.streaming_content))
    assert lines[0] == RETURN_COLUMNS
    given = {
        tuple(cell.strip() for cell in line) for line in lines_of(sample("returns_report_us.tsv").read())
    }
    assert {tuple(line) for line in lines} == given


SAMPLES = ("returns_report_us.tsv", "returns_report_eu.tsv", "returns_report.xml")


@pytest.mark.both_databases
def test_what_was_exported_and_is_read_in_again_changes_nothing(cast: Cast, browser: Browser) -> None:
    alice, marketplace = browser(cast.alice), Actor.marketplace(cast.north_lane)
    for name in ("orders_report.tsv", "orders_shipping.tsv"):
        import_orders(marketplace, file=sample(name), name=name)
    for name in SAMPLES:
        import_returns(marketplace, file=sample(name), name=name)
    strange = unpaid(
        order_id="=1+1",
        amazon_rma_id="-RMA",
        merchant_sku="@SKU",
        item_name='"=cmd" \'+1',
        return_carrier="＝x",
        tracking_id="''=x",
        label_cost="3,50",
        order_amount="1.234,50",
    )
    import_returns(marketplace, file=returns_file(strange), name="r")
    actor = at_once(cast.actor(cast.alice))
    for request in ReturnRequest.objects.filter(status=Status.AUTHORIZATION_REQUIRED, prepaid_eligible=False)[
        :3
    ]:
        services.close_return(actor, reference=request.reference, closing=closing("other"))
    opened = open_request(make_order(cast.north_lane, country="CA"), comment="Ä\tö\n")
    closed = open_request(make_order(cast.north_lane, country="CA"))
    services.close_return(actor, reference=closed.reference, closing=closing("other"))
    before = rows_of()
    content = export(alice)
    assert len(lines_of(content)) - 1 == ReturnItem.objects.count()
    summary = import_returns(marketplace, file=io.BytesIO(content), name="r")
    assert (summary.new, summary.changed, summary.refused_count) == (0, 0, 0)
    assert summary.unchanged == ReturnItem.objects.count()
    assert rows_of() == before
    assert opened.rma_number in of_column(content, "Amazon RMA ID")


def test_a_cell_that_a_spreadsheet_would_run_is_only_shown(cast: Cast, alice: Client) -> None:
    row = unpaid(
        order_id="=1+1", merchant_sku="@S", item_name="+1\r-2", tracking_id="-3", return_carrier='"=1"'
    )
    import_returns(Actor.marketplace(cast.north_lane), file=returns_file(row), name="r")
    content = export(alice)
    assert of_column(content, "Order ID") == ["'=1+1"]
    assert of_column(content, "Item Name") == ["'+1 -2"]
    for cell in lines_of(content)[1]:
        assert not cell.startswith(("=", "+", "-", "@", '"'))
        assert "\r" not in cell


def test_an_export_carries_the_marketplace_s_own_word(cast: Cast, alice: Client) -> None:
    import_returns(
        Actor.marketplace(cast.north_lane),
        file=returns_file(unpaid(order_id="1", return_request_status="PendingLabel")),
        name="r",
    )
    open_request(make_order(cast.north_lane, number="2", country="CA"))
    content = export(alice)
    words = dict(
        zip(of_column(content, "Order ID"), of_column(content, "Return request status"), strict=True)
    )
    assert words == {"1": "PendingLabel", "2": "PendingApproval"}


def test_a_request_opened_here_is_exported_with_what_we_know(cast: Cast, alice: Client) -> None:
    request = open_request(
        make_order(cast.north_lane, country="CA"), reason="CR-DEFECTIVE", comment="It leaks"
    )
    line = request.items.get().order_item
    cells = dict(zip(*lines_of(export(alice)), strict=True))
    assert cells["Order ID"] == request.order.order_number
    assert cells["Return request date"] == request.requested_at.strftime("%d-%b-%Y %H:%M:%S")
    assert (cells["Merchant SKU"], cells["Item Name"]) == (line.sku, line.title)
    assert (cells["Order Amount"], cells["Currency code"], cells["Order quantity"]) == ("129.00", "USD", "1")
    assert (cells["Return Reason"], cells["Refunded Amount"]) == ("CR-DEFECTIVE", "")


def test_an_export_holds_what_the_list_holds(cast: Cast, alice: Client, browser: Browser) -> None:
    rows = [
        unpaid(order_id="1", return_request_status="PendingApproval", return_request_date="01-Jul-2025"),
        unpaid(order_id="2", return_request_status="PendingApproval", return_request_date="05-Jul-2025"),
        unpaid(order_id="3", return_request_status="Approved", return_request_date="03-Jul-2025"),
    ]
    import_returns(Actor.marketplace(cast.north_lane), file=returns_file(*rows), name="r")
    import_returns(Actor.marketplace(cast.south_pier), file=returns_file(unpaid(order_id="4")), name="r")
    for query, orders in {
        "": ["2", "1"],
        "?status=all": ["2", "3", "1"],
        "?status=authorized": ["3"],
        "?status=all&from=2025-07-02&to=2025-07-04": ["3"],
        "?status=all&q=kettle&reason=CR-DEFECTIVE": ["2", "3", "1"],
        "?status=all&q=zebra": [],
        "?status=all&cursor=nonsense&sort=created": ["2", "3", "1"],
    }.items():
        assert of_column(export(alice, query), "Order ID") == orders
    assert of_column(export(browser(cast.vera)), "Order ID") == ["2", "3", "1"]
    assert of_column(export(browser(cast.carol)), "Order ID") == ["4"]


def test_an_export_in_many_chunks_leaves_out_and_repeats_nothing(
    cast: Cast, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        unpaid(order_id=f"{number:02}", return_request_date=f"{1 + number % 3:02}-Jul-2025")
        for number in range(20)
    ]
    import_returns(Actor.marketplace(cast.north_lane), file=returns_file(*rows), name="r")
    monkeypatch.setattr("returns.selectors.exports.CHUNK", 3)
    orders = of_column(export(alice), "Order ID")
    assert sorted(orders) == [f"{number:02}" for number in range(20)]
    with CaptureQueriesContext(connection) as queries:
        export(alice)
    assert not [query for query in queries if "COUNT(" in query["sql"] or "OFFSET" in query["sql"]]


def test_an_export_starts_before_it_has_read_everything(
    cast: Cast, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [unpaid(order_id=f"{number:02}") for number in range(9)]
    import_returns(Actor.marketplace(cast.north_lane), file=returns_file(*rows), name="r")
    monkeypatch.setattr("returns.selectors.exports.CHUNK", 3)
    content = alice.get(f"{EXPORT}?status=all").streaming_content
    assert lines_of(next(content)) == [RETURN_COLUMNS]
    with CaptureQueriesContext(connection) as queries:
        assert len(lines_of(next(content))) == 3
    assert len(queries) <= 4


def test_the_export_s_page_takes_over_the_list_s_filters(alice: Client) -> None:
    shown = alice.get("/seller/exports/?status=closed&q=kettle&todo=on").content.decode()
    assert '<option value="closed" selected>' in shown
    assert 'value="kettle"' in shown
    assert re.search(r'name="todo"[^>]* checked', shown)
    assert "<details open>" in shown
    assert "<details>" in alice.get("/seller/exports/?status=closed").content.decode()


def test_a_wrong_date_is_said_at_its_field(alice: Client) -> None:
    response = alice.get(f"{EXPORT}?from=yesterday")
    assert response.status_code == 422
    assert "Asked from: Enter a valid date." in text_of(response)
