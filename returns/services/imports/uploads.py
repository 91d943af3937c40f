"""Files that a seller uploads: checked, shown, and written when somebody says so, all outside the request.

A file waits as a row with an `upload`. Whoever works on it holds a lease, kept up while the file is read; what
came of each chunk is kept with the chunk, so that a file whose worker was killed goes on where it was, and is
counted as if nothing had happened. The uploaded file goes when it is done with, or after a day.
"""

import logging
import secrets
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import connection
from django.db.models import Exists, F, OuterRef, Q
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from ...actors import Actor
from ...exceptions import Forbidden, Invalid, UnreadableFile
from ...models import FileRun
from ...models.clock import database_now
from ...models.runs import FileKind, FileState
from ...reports import recognise
from ...selectors.files import get_file_run
from ...text import clean_text
from ..moves import announce
from .orders import import_orders
from .returns import import_returns
from .runs import KEPT, Journal, Summary, digest_of, in_every_language, kept_summary

logger = logging.getLogger(__name__)

MAX_UPLOAD_MB = 512
MAX_UPLOAD_BYTES = MAX_UPLOAD_MB * 1024**2
FOLDER = "imports"
KEEP_UPLOADS = timedelta(days=1)
LEASE = timedelta(seconds=60)
PULSE_SECONDS = 10
# People decide meanwhile, and wait for as long as a chunk takes. SQLite has one writer at a time and does not
# keep those in order who wait: they look every 100 ms, and find nobody there if the gap is longer than that.
CHUNK_ROWS = 100
GAP_SECONDS = 0.15
# A file that ends its worker's life is not given to a fourth one, unless it got on meanwhile.
MOST_ATTEMPTS = 3

IMPORTS = {FileKind.ORDERS: import_orders, FileKind.RETURNS: import_returns}


# --- What people do


def receive_file(actor: Actor, *, file: Any) -> FileRun:
    """Keep an uploaded file (Django's `UploadedFile`) for the actor's seller, to be checked.

    Raises `Invalid`, having kept nothing, for what is too large or by its first line no report.
    """
    _demand_member(actor)
    if file.size > MAX_UPLOAD_BYTES:
        too_large = format_lazy(
            _("This file is larger than {limit} MB. Download the report in shorter periods."),
            limit=MAX_UPLOAD_MB,
        )
        raise Invalid(too_large, {"file": too_large})
    try:
        kind = FileKind(recognise(file).value)
    except UnreadableFile as refusal:
        raise Invalid(refusal.sentence, {"file": refusal.sentence}) from None
    return FileRun.objects.create(
        seller_id=actor.own_seller_id,
        user_id=actor.user_id,
        kind=kind,
        file_name=clean_text(file.name, 255),
        state=FileState.CHECKING,
        upload=default_storage.save(f"{FOLDER}/{secrets.token_hex(16)}", file),
    )


def commit_file(actor: Actor, *, reference: str) -> FileRun:
    """Write what was shown. A second time it does nothing, nor does it for a file that is no longer kept."""
    _demand_member(actor)
    run = get_file_run(actor, reference)
    _of(run, FileState.CHECKED).exclude(upload="").update(
        state=FileState.RUNNING, user_id=actor.user_id, rows_done=0, progress={}, attempts=0
    )
    return run


def discard_file(actor: Actor, *, reference: str) -> None:
    """Forget a file that was checked and is not wanted; one that is being written stays."""
    _demand_member(actor)
    run = get_file_run(actor, reference)
    if _of(run, FileState.CHECKED).delete()[0]:
        _throw_away(run.upload)


def _demand_member(actor: Actor) -> None:
    if not actor.may_write or actor.seller_id is None:
        raise Forbidden(_("Only owners and agents of the team may import files."))


def _of(run: FileRun, state: FileState) -> Any:
    return FileRun.objects.filter(pk=run.pk, state=state)


# --- What happens in the background


class Taken(Exception):
    """Somebody else holds the lease now: this worker was away for too long."""


class Stopped(Exception):
    """This worker was asked to end."""


class Lease(Journal):
    """The right to work on a file, for as long as it is kept up, and the file's own journal.

    Nothing is written by a worker who has lost it: chunk and journal are one transaction, fenced by the token.
    """

    chunk_rows = CHUNK_ROWS

    def __init__(self, run: FileRun, is_stopping: Callable[[], bool]) -> None:
        self.run = run
        self._is_stopping = is_stopping
        self._beaten_at = time.monotonic()

    def begin(self, row_count: int) -> tuple[Summary, int]:
        self.update(rows_total=row_count)
        summary = kept_summary(self.run.progress) if self.run.progress else Summary(most=KEPT)
        return summary, self.run.rows_done

    def keep(self, summary: Summary, rows_done: int) -> None:
        self._stop_if_asked()
        self.update(rows_done=rows_done, progress=summary.as_progress(), attempts=0)

    def give_way(self) -> None:
        if connection.vendor == "sqlite":
            time.sleep(GAP_SECONDS)

    def beat(self) -> None:
        """Keep the lease up, at most every `PULSE_SECONDS`; called wherever time passes."""
        self._stop_if_asked()
        if time.monotonic() - self._beaten_at >= PULSE_SECONDS:
            self.update()

    def update(self, **columns: Any) -> None:
        """Write `columns` and keep the lease up, or raise `Taken`."""
        columns.setdefault("lease_until", database_now() + LEASE)
        ours = FileRun.objects.filter(pk=self.run.pk, lease_token=self.run.lease_token)
        if not ours.update(**columns):
            raise Taken
        self._beaten_at = time.monotonic()

    def end(self, state: FileState, **columns: Any) -> None:
        """The work is over: the lease goes, and the upload unless somebody is still asked about it."""
        if state != FileState.CHECKED:
            columns |= {"upload": "", "finished_at": database_now()}
        self.update(state=state, progress={}, attempts=0, lease_until=None, lease_token="", **columns)
        if state != FileState.CHECKED:
            _throw_away(self.run.upload)

    def _stop_if_asked(self) -> None:
        if self._is_stopping():
            raise Stopped


class Watched(File):
    """A file whose reading keeps the lease up: reading is what takes long before the first chunk."""

    def __init__(self, file: File, lease: Lease) -> None:
        super().__init__(file.file, file.name)
        self._lease = lease

    def read(self, size: int = -1) -> bytes:
        self._lease.beat()
        content: bytes = super().read(size)
        return content


def work_on_a_file(is_stopping: Callable[[], bool] = lambda: False) -> bool:
    """Check or write the file that has waited longest; answers whether there was one.

    `is_stopping` is asked now and then: a worker that has to end leaves the file to the next one.
    """
    run = _claim()
    if run is None:
        return False
    lease = Lease(run, is_stopping)
    try:
        if run.attempts > MOST_ATTEMPTS:
            lease.end(FileState.FAILED, refusal=in_every_language(_NOT_READ))
        else:
            _work(lease)
    except UnreadableFile as refusal:
        lease.end(FileState.FAILED, refusal=in_every_language(refusal.sentence))
    except FileNotFoundError:
        lease.end(FileState.FAILED, refusal=in_every_language(_GONE))
    except Stopped:
        lease.update(lease_until=None, lease_token="", attempts=0)
    except Taken:
        logger.warning("the lease of a file was lost to another worker")
    return True


_NOT_READ = _("This file could not be read to its end. Upload it again, or in shorter periods.")
_GONE = _("This file is no longer here. Upload it again.")


def _claim() -> FileRun | None:
    """The next file of a seller none of whose files is worked on; None without one.

    Two workers may find the same one; the token that both have seen there lets one of them have it.
    """
    now = database_now()
    worked_on = FileRun.objects.filter(seller=OuterRef("seller"), lease_until__gte=now)
    waiting = FileRun.objects.filter(state__in=(FileState.CHECKING, FileState.RUNNING)).exclude(upload="")
    run = waiting.exclude(Exists(worked_on)).order_by("pk").first()
    if run is None:
        return None
    token = secrets.token_hex(16)
    found = FileRun.objects.filter(pk=run.pk, state=run.state, lease_token=run.lease_token)
    if not found.update(lease_token=token, lease_until=now + LEASE, attempts=F("attempts") + 1):
        return None
    run.lease_token = token
    run.attempts += 1
    return run


def _work(lease: Lease) -> None:
    run = lease.run
    is_check = run.state == FileState.CHECKING
    with default_storage.open(run.upload) as file:
        watched: Any = Watched(file, lease)
        if not run.digest:
            lease.update(digest=digest_of(watched))
        summary = IMPORTS[FileKind(run.kind)](
            Actor.marketplace(run.seller), file=watched, name=run.file_name, dry_run=is_check, journal=lease
        )
    if is_check:
        lease.end(FileState.CHECKED, preview=summary.as_kept())
    else:
        lease.end(FileState.DONE, summary=summary.as_kept())
        announce()


# --- What is thrown away


def clear_uploads() -> int:
    """Throw away uploads that were kept for a day, and those that no row knows. Answers how many."""
    before = database_now() - KEEP_UPLOADS
    old = FileRun.objects.filter(started_at__lt=before).exclude(upload="")
    gone = 0
    for run in old.filter(Q(lease_until__isnull=True) | Q(lease_until__lt=database_now())):
        is_waiting = run.state != FileState.CHECKED
        ended = {"state": FileState.FAILED, "refusal": in_every_language(_GONE)} if is_waiting else {}
        if FileRun.objects.filter(pk=run.pk, lease_token=run.lease_token, state=run.state).update(
            upload="", lease_token="", **ended
        ):
            _throw_away(run.upload)
            gone += 1
    return gone + _clear_strays()


def _clear_strays() -> int:
    """What was uploaded while its request or worker was killed; nobody will ask for it."""
    gone = 0
    for folder in ("", FOLDER):
        if not default_storage.exists(folder):
            continue
        for name in default_storage.listdir(folder)[1]:
            path = f"{folder}/{name}".lstrip("/")
            is_old = default_storage.get_modified_time(path) < database_now() - KEEP_UPLOADS
            is_ours = folder == FOLDER or ".upload" in name
            if is_old and is_ours and not FileRun.objects.filter(upload=path).exists():
                _throw_away(path)
                gone += 1
    return gone


def _throw_away(upload: str) -> None:
    if upload:
        default_storage.delete(upload)
