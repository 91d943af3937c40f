"""Many requests at once: what the preview froze is what is done, row by row, once, and can be undone as a whole."""

import pytest

from returns.models import BulkRun, ReturnRequest
from returns.models.runs import BulkRowState, BulkState
from returns.selectors.bulk import count_bulk_rows, examples_of
from returns.services import bulk
from returns.services.bulk import BulkDecision
from returns.state_machine import Action, Status
from tests.factories import Cast, a_request_in, make_order, open_request

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def test_try(cast: Cast) -> None:
    alice = cast.actor(cast.alice)
    requests = [open_request(make_order(cast.north_lane, country="CA")) for _ in range(3)]
    requests.append(a_request_in(cast, Status.CLOSED))
    run = bulk.freeze_bulk(alice, action=Action.CLOSE, references=[r.reference for r in requests])
    print(run.found)
    from returns.selectors.reasons import list_closure_reasons
    for code in ("duplicate_request",):
        pass
    reason = next(r for r in list_closure_reasons(alice) if r.code == "other")
    ex = examples_of(run, reason)
    bulk.confirm_bulk(alice, run=run, examples=ex, decision=BulkDecision(reason_code="other", comments={"en": "We talked and found another way out."}), key="k")
    run.refresh_from_db()
    print(run.state, count_bulk_rows(run), list(run.rows.values_list("state", "refusal")))
    bulk.undo_bulk(alice, run=run)
    run.refresh_from_db()
    print(run.state, count_bulk_rows(run), list(run.rows.values_list("state", "refusal")))
