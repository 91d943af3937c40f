"""One reading of one file, whatever is in it: progress, chunks, and the summary people and scripts read."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeVar

from django.conf import settings
from django.db import transaction
from django.utils.translation import get_language, gettext, override

from ...actors import Actor
from ...models import FileRun, Seller
from ...models.clock import database_now
from ...models.runs import FileKind, FileState
from ...reports import RefusedRow
from ...state_machine import Role, Status
from ...text import clean_text
from ..moves import announce
from .spool import Chunk, Spool

Row = TypeVar("Row")

# What the row of a run keeps of each list.
KEPT = 1000


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A request decided here that the file says something else about: our status, the file's own word."""

    line: int
    order: str
    rma: str
    here: str
    there: str


@dataclass(slots=True)
class Summary:
    """What came of a file. Every data row counts once: new, changed, unchanged or refused.

    Of each list not more than `most` are kept, where that is set; the counts are of all.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: list[RefusedRow] = field(default_factory=list)
    contradictions: list[Contradiction] = field(default_factory=list)
    unknown_codes: set[str] = field(default_factory=set)
    refused_count: int = 0
    contradiction_count: int = 0
    most: int | None = None

    def refuse(self, row: RefusedRow) -> None:
        self.refused_count += 1
        if self.most is None or len(self.refused) < self.most:
            self.refused.append(row)

    def contradict(self, found: Contradiction) -> None:
        self.contradiction_count += 1
        if self.most is None or len(self.contradictions) < self.most:
            self.contradictions.append(found)

    def note_code(self, code: str) -> None:
        if self.most is None or len(self.unknown_codes) < self.most:
            self.unknown_codes.add(code)

    def as_json(self) -> dict[str, Any]:
        """As interface.md 4 has it, reasons in the active language."""
        return {
            "new": self.new,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "refused": [
                {"line": row.line, "column": row.column, "reason": str(row.reason)} for row in self.refused
            ],
            "contradictions": [asdict(found) for found in self.contradictions],
            "unknown_codes": sorted(self.unknown_codes),
        }

    def as_kept(self) -> dict[str, Any]:
        """As a run keeps it: counts whole, lists cut, reasons in every language. `kept_summary` reads it."""
        return self.as_progress() | {
            "refused_count": self.refused_count,
            "refused": [
                {"line": row.line, "column": row.column, "reason": in_every_language(row.reason)}
                for row in self.refused[:KEPT]
            ],
        }

    def as_progress(self) -> dict[str, Any]:
        """As `as_kept`, without the rows refused, which a reading finds again when it goes on."""
        return {
            "new": self.new,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "contradiction_count": self.contradiction_count,
            "contradictions": [asdict(found) for found in self.contradictions[:KEPT]],
            "unknown_codes": sorted(self.unknown_codes)[:KEPT],
        }

    def __str__(self) -> str:
        return gettext(
            "new %(new)d · changed %(changed)d · unchanged %(unchanged)d · "
            "unknown codes %(codes)d · refused %(refused)d"
        ) % {
            "new": self.new,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "codes": len(self.unknown_codes),
            "refused": self.refused_count,
        }

    def count(self, rows: Iterable[Any], *, new: set[int], changed: set[int]) -> None:
        """Count rows, of which those whose `ids` are in `new` and `changed` are new and changed."""
        for row in rows:
            if id(row) in new:
                self.new += 1
            elif id(row) in changed:
                self.changed += 1
            else:
                self.unchanged += 1


def kept_summary(kept: dict[str, Any]) -> Summary:
    """A summary as a run keeps it, reasons in the active language. Reads it again, so `most` is `KEPT`."""
    return Summary(
        new=kept["new"],
        changed=kept["changed"],
        unchanged=kept["unchanged"],
        refused=[
            RefusedRow(row["line"], row["column"], in_active_language(row["reason"]))
            for row in kept.get("refused", [])
        ],
        contradictions=[Contradiction(**found) for found in kept["contradictions"]],
        unknown_codes=set(kept["unknown_codes"]),
        refused_count=kept.get("refused_count", 0),
        contradiction_count=kept["contradiction_count"],
        most=KEPT,
    )


def refused_in_words(row: RefusedRow) -> str:
    words = {"line": row.line, "column": row.column, "reason": row.reason}
    if row.column:
        return gettext("Line %(line)d, column “%(column)s”: %(reason)s") % words
    return gettext("Line %(line)d: %(reason)s") % words


def contradiction_in_words(found: Contradiction) -> str:
    """Our status as its tab is called, the marketplace's word as it is."""
    words = asdict(found) | {"here": Status(found.here).label}
    return gettext("Line %(line)d, order %(order)s %(rma)s: “%(here)s” here, “%(there)s” there.") % words


def in_every_language(sentence: Any) -> dict[str, str]:
    """A lazily translated sentence by language: it is kept, and each member reads it in the own one."""
    said = {}
    for language, _name in settings.LANGUAGES:
        with override(language):
            said[language] = str(sentence)
    return said


def in_active_language(said: dict[str, str]) -> str:
    """What `in_every_language` kept, for who reads now; "" for nothing."""
    return said.get(get_language() or "", "") or next(iter(said.values()), "")


def ids(rows: Iterable[Any]) -> set[int]:
    """Which rows these are; a line of XML may hold several, so its number tells nothing apart."""
    return {id(row) for row in rows}


class Journal:
    """Keeps how far a reading is. This one keeps nothing: a dry run leaves no trace.

    A context manager, so that the reading's end is kept whatever it was. `chunk_rows`: how many rows are
    stored at a time, where the reading itself should not say it.
    """

    chunk_rows: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The reading is over, by `error` or well."""

    def begin(self, row_count: int) -> tuple[Summary, int]:
        """The file has `row_count` rows. Answers what came of the first so many rows of it before."""
        return Summary(), 0

    def keep(self, summary: Summary, rows_done: int) -> None:
        """The rows up to `rows_done` are stored; for a reading that writes, in the transaction of its chunk."""

    def give_way(self) -> None:
        """A chunk is over, and its transaction."""


class RowJournal(Journal):
    """A reading that writes at once, as the commands do it: its row says how far it is."""

    def __init__(self, actor: Actor, *, kind: FileKind, file: BinaryIO, name: str) -> None:
        self._summary = Summary()
        self._run = FileRun.objects.create(
            seller_id=actor.own_seller_id,
            user_id=actor.user_id,
            kind=kind,
            file_name=clean_text(name, 255),
            digest=digest_of(file),
        )

    def begin(self, row_count: int) -> tuple[Summary, int]:
        FileRun.objects.filter(pk=self._run.pk).update(rows_total=row_count)
        return self._summary, 0

    def keep(self, summary: Summary, rows_done: int) -> None:
        FileRun.objects.filter(pk=self._run.pk).update(rows_done=rows_done)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        FileRun.objects.filter(pk=self._run.pk).update(
            state=FileState.DONE if error is None else FileState.FAILED,
            finished_at=database_now(),
            summary=self._summary.as_kept(),
        )
        announce()


def read_file(
    actor: Actor,
    report: Any,
    *,
    kind: FileKind,
    row_type: Callable[..., Row],
    part_of: Callable[[Row], str],
    refusal_of: Callable[[Row], RefusedRow | None],
    store: Callable[[Seller, dict[str, list[Row]], Summary], None],
    file: BinaryIO,
    name: str,
    dry_run: bool,
    journal: Journal | None,
) -> Summary:
    """Read `report` and hand its rows to `store`, some orders at a time, each time in one transaction.

    `store` gets the seller, the rows by order number, and the summary to count them in. A dry run does the
    same and takes it back, so that it tells exactly what would happen. A `journal` that knows of rows read
    before lets the reading go on after them: the same file always falls into the same chunks.
    """
    if actor.role != Role.MARKETPLACE or actor.seller_id is None:
        raise ValueError("a file is read for one seller, by the marketplace")
    if journal is None:
        journal = Journal() if dry_run else RowJournal(actor, kind=kind, file=file, name=name)
    with journal, Spool(row_type) as spool:
        summary, done_before = journal.begin(report.row_count)
        for row in report:
            refused = row if isinstance(row, RefusedRow) else refusal_of(row)
            if refused is None:
                spool.add(row, part_of(row))
            else:
                summary.refuse(refused)
        done = summary.refused_count
        for chunk in spool.chunks(journal.chunk_rows):
            done += chunk.row_count
            for refused in chunk.refused:
                summary.refuse(refused)
            if done <= done_before:
                continue
            with transaction.atomic():
                _store_chunk(actor.seller_id, chunk, summary, store)
                if dry_run:
                    transaction.set_rollback(True)
                else:
                    journal.keep(summary, done)
            if dry_run:
                journal.keep(summary, done)
            journal.give_way()
        summary.refused.sort(key=lambda row: row.line)
        summary.contradictions.sort(key=lambda row: row.line)
    return summary


def digest_of(file: BinaryIO) -> str:
    """Names the file's content; nothing for a pipe, which is read only once."""
    if not file.seekable():
        return ""
    file.seek(0)
    digest = hashlib.sha256()
    while block := file.read(1024 * 1024):
        digest.update(block)
    return digest.hexdigest()


def _store_chunk(
    seller_id: int,
    chunk: Chunk[Row],
    summary: Summary,
    store: Callable[[Seller, dict[str, list[Row]], Summary], None],
) -> None:
    # One import of a seller at a time: an order or a return that two files bring at once must not be made
    # twice. Others lock the seller before their requests, as here, and this lock lets them refer to its row.
    seller = Seller.objects.select_for_update(no_key=True).get(pk=seller_id)
    store(seller, chunk.orders, summary)
    summary.unchanged += chunk.repeats
