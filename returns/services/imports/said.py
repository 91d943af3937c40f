"""What a returns report says of one request, added up over its rows. Nothing here reads the database."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from ...reports import Moment, ReturnRow
from ...reports.returns_report import status_of
from ...state_machine import Outcome, Status

# The least advanced of its rows is the request's status.
ADVANCE = (
    Status.AUTHORIZATION_REQUIRED,
    Status.AUTHORIZED,
    Status.REFUND_DUE,
    Status.COMPLETED,
    Status.CLOSED,
)


@dataclass(frozen=True)
class Said:
    """The rows of one request, sorted by product and content.

    `rma_number`: what this file gives the request; `other_words`: where its items stand that this file lacks.
    """

    rows: tuple[ReturnRow, ...]
    zone: ZoneInfo
    rma_number: str = ""
    other_words: tuple[str, ...] = ()

    def besides(self, words: Sequence[str]) -> "Said":
        """The same, of a request some of whose items were last heard of, with `words`, in an earlier file."""
        return replace(self, other_words=tuple(words)) if words else self

    @cached_property
    def merchant_rma(self) -> str:
        return min((row.merchant_rma for row in self.rows if row.merchant_rma), default="")

    @cached_property
    def word(self) -> str:
        """The file's own word for where the request stands; an unknown one only if no row has a known one."""
        return min([row.marketplace_status for row in self.rows] + [*self.other_words], key=_how_advanced)

    @property
    def status(self) -> Status | None:
        """What that word means here; None when it is unknown."""
        return status_of(self.word)

    @cached_property
    def line(self) -> int:
        """The line of the row that says so."""
        saying = [row.line for row in self.rows if row.marketplace_status == self.word]
        return min(saying or [row.line for row in self.rows])

    @cached_property
    def requested(self) -> Moment:
        """The earliest of its request dates; of two that are the same instant, the one with a time."""
        return min(
            (row.requested for row in self.rows),
            key=lambda moment: (moment.instant(self.zone), moment.at is None),
        )

    @property
    def requested_at(self) -> datetime:
        return self.requested.instant(self.zone)

    @cached_property
    def deliveries(self) -> list[datetime]:
        """When its parcels came back, in that order."""
        return sorted(row.delivered.instant(self.zone) for row in self.rows if row.delivered)

    @property
    def is_prepaid_eligible(self) -> bool:
        return any(row.is_prepaid_eligible for row in self.rows)

    @property
    def owes_label(self) -> bool:
        return any(row.owes_label for row in self.rows)

    @cached_property
    def outcome(self) -> Outcome:
        """How a request that the file calls completed ended, by what was to be done and what was refunded."""
        paid_back = [row for row in self.rows if _resolution(row) not in ("replacement", "exchange")]
        if not paid_back:
            return Outcome.REPLACED
        if all(_resolution(row) == "returnlessrefund" for row in paid_back):
            return Outcome.REFUNDED_WITHOUT_RETURN
        refunded: Counter[str] = Counter()
        owed: Counter[str] = Counter()
        for row in paid_back:
            refunded[row.currency] += row.refunded_amount or 0
            owed[row.currency] += _paid(row) or 0
        if not any(refunded.values()):
            return Outcome.ENDED_AT_MARKETPLACE
        is_all = all(refunded[currency] >= owed[currency] for currency in owed)
        return Outcome.REFUNDED if is_all else Outcome.PARTIALLY_REFUNDED


def _resolution(row: ReturnRow) -> str:
    return row.resolution.casefold().replace(" ", "")


def _paid(row: ReturnRow) -> int | None:
    """What was paid for the units of this row, in minor units; None where the file does not say it."""
    if row.order_amount is None:
        return None
    bought = max(row.order_quantity or row.quantity, row.quantity)
    return row.order_amount * row.quantity // bought


def _how_advanced(word: str) -> tuple[int, str]:
    status = status_of(word)
    return (len(ADVANCE) if status is None else ADVANCE.index(status), word)
