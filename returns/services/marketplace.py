"""What was decided here for an imported request and is still to be done at the marketplace."""

from ..reports.returns_report import status_of
from ..selectors.cases import Case
from ..state_machine import Status


def agrees(marketplace_status: str, status: Status) -> bool:
    """Does the marketplace's word say what was decided here? Closed here agrees with Completed there."""
    there = status_of(marketplace_status)
    return there == status or (status == Status.CLOSED and there == Status.COMPLETED)


def is_todo(case: Case, status: Status) -> bool:
    """Is a decision that leads to `status` still to be done at the marketplace?"""
    return case.is_imported and not agrees(case.request.marketplace_status, status)
