"""One reading of one file, whatever is in it: progress, chunks, and the summary people and scripts read."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TypeVar

from django.db import transaction
from django.utils.translation import gettext

from ...actors import Actor
from ...models import FileRun, Seller
from ...models.clock import database_now
from ...models.runs import FileKind, RunState
from ...reports import RefusedRow
from ...state_machine import Role
from ...text import clean_text
from ..moves import announce
from .spool import Chunk, Spool

Row = TypeVar("Row")

# What the row of a run keeps of each list; the summary itself is whole.
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
    """What came of a file. Every data row counts once: new, changed, unchanged or refused."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: list[RefusedRow] = field(default_factory=list)
    contradictions: list[Contradiction] = field(default_factory=list)
    unknown_codes: set[str] = field(default_factory=set)

    def as_json(self, most: int | None = None) -> dict[str, Any]:
        """As interface.md 4 has it, reasons in the active language; of each list not more than `most`."""
        return {
            "new": self.new,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "refused": [
                {"line": row.line, "column": row.column, "reason": str(row.reason)}
                for row in self.refused[:most]
            ],
            "contradictions": [
                {"line": row.line, "order": row.order, "rma": row.rma, "here": row.here, "there": row.there}
                for row in self.contradictions[:most]
            ],
            "unknown_codes": sorted(self.unknown_codes)[:most],
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
            "refused": len(self.refused),
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


def ids(rows: Iterable[Any]) -> set[int]:
    """Which rows these are; a line of XML may hold several, so its number tells nothing apart."""
    return {id(row) for row in rows}


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
) -> Summary:
    """Read `report` and hand its rows to `store`, some orders at a time, each time in one transaction.

    `store` gets the seller, the rows by order number, and the summary to count them in. A dry run does the
    same and takes it back, so that it tells exactly what would happen.
    """
    if actor.role != Role.MARKETPLACE or actor.seller_id is None:
        raise ValueError("a file is read for one seller, by the marketplace")
    seller_id = actor.seller_id
    summary = Summary()
    run = None
    if not dry_run:
        run = FileRun.objects.create(
            seller_id=seller_id,
            user_id=actor.user_id,
            kind=kind,
            file_name=clean_text(name, 255),
            digest=_digest(file),
        )
    state = RunState.FAILED
    try:
        with Spool(row_type) as spool:
            for row in report:
                refused = row if isinstance(row, RefusedRow) else refusal_of(row)
                if refused is None:
                    spool.add(row, part_of(row))
                else:
                    summary.refused.append(refused)
            done = len(summary.refused)
            for chunk in spool.chunks():
                done += chunk.row_count
                with transaction.atomic():
                    _store_chunk(seller_id, chunk, summary, store)
                    if run is None:
                        transaction.set_rollback(True)
                    else:
                        FileRun.objects.filter(pk=run.pk).update(rows_done=done)
        summary.refused.sort(key=lambda row: row.line)
        summary.contradictions.sort(key=lambda row: row.line)
        state = RunState.DONE
    finally:
        if run is not None:
            FileRun.objects.filter(pk=run.pk).update(
                state=state, finished_at=database_now(), summary=summary.as_json(KEPT)
            )
            announce()
    return summary


def _digest(file: BinaryIO) -> str:
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
    summary.refused += chunk.refused
    summary.unchanged += chunk.repeats
