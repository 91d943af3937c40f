"""What was decided here for an imported request and is still to be done at the marketplace."""

from ..reports.returns_report import status_of
from ..selectors.cases import Case
from ..state_machine import Status


def agrees(marketplace_status: str, status: Status, *, prepaid_eligible: bool) -> bool:
    """Does the marketplace's word say what was decided here?

    Closed here agrees with Completed there, and so does, for a prepaid-eligible request, which cannot be closed
    here, Completed here with Closed there.
    """
    there = status_of(marketplace_status)
    if there == status:
        return True
    ended = {Status.CLOSED, Status.COMPLETED}
    return {there, status} == ended and (status == Status.CLOSED or prepaid_eligible)


def is_todo(case: Case, status: Status) -> bool:
    """Is a decision that leads to `status` still to be done at the marketplace?"""
    request = case.request
    return case.is_imported and not agrees(
        request.marketplace_status, status, prepaid_eligible=request.prepaid_eligible
    )
