"""One decision on many requests: frozen for a preview, confirmed, carried out, undone as a whole.

The rows of a run are its set; what has come of each is written in the transaction that decided it. Up to
`AT_ONCE` rows are decided while one waits. More are decided by whoever comes by (`services.jobs`), some at a
time: each time takes the run's row lock, so that nobody does a row twice, and a process that is killed leaves
the rows that it had not finished as they were.

A run locks itself first, then as every decision does: requests by id, order lines by id, counters.
"""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.fields.json import KeyTextTransform
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import policy
from ..actors import Actor
from ..exceptions import Forbidden, Invalid, NotFound, SomebodyElseWasFirst, TransitionNotAllowed
from ..grounds import Finding, Ground, Stated
from ..models import BulkRow, BulkRun, ClosureReason, Membership, ReturnEvent, ReturnRequest
from ..models.clock import database_now
from ..models.runs import BULK_KEY, BulkRowState, BulkState
from ..policy import PolicyVerdict
from ..selectors.bulk import Examples, held_until
from ..selectors.cases import WITH_CASE, Case, load_cases
from ..selectors.lists import Filters, list_matching
from ..selectors.reasons import judge_reasons, list_closure_reasons
from ..selectors.seller_pages import buyer_language
from ..state_machine import Action
from .decide import (
    BULK_UNDO_SECONDS,
    CHUNK,
    Authorization,
    Closing,
    Decision,
    Result,
    decide_returns,
    entry_errors,
    plan_event,
    undo_decisions,
)
from .moves import check_moves

logger = logging.getLogger(__name__)

MOST = 10_000
AT_ONCE = 100
# A turn of the clockwork is so short that the other jobs, and the mails, do not wait for it.
TURN_SECONDS = 5
RUNS_OF_A_TURN = 20
# A run of many is held longer, so that its first rows can still be undone when its last one is decided.
ROWS_IN_A_SECOND = 100
UNFINISHED = (BulkState.RUNNING, BulkState.UNDOING)
KEEP_PREVIEWS = timedelta(days=2)
KEEP_RUNS = timedelta(days=90)

# What a reason asks to be stated, when it is about the single request.
_BY_ITSELF: dict[str, Any] = {
    "delivery_date": gettext_lazy("It asks for the day of delivery: close such a request by itself."),
    "agreed_date": gettext_lazy(
        "It asks for the day and the way you agreed: close such a request by itself."
    ),
    "buyer_writes_never_arrived": gettext_lazy(
        "It asks you to tick what the buyer writes: close such a request by itself."
    ),
    "has_checked_claim": gettext_lazy(
        "The buyer says the item is at fault: check the claim and close this request by itself."
    ),
    "promise_minor": gettext_lazy(
        "What is owed is not known exactly: close this request by itself and enter the amount."
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkDecision:
    """What was entered for all rows. `comments` by the buyer's language; the day is that of all refund promises."""

    reason_code: str = ""
    comments: Mapping[str, str] = field(default_factory=dict)
    promise_due_date: date | None = None
    instructions: str = ""

    def as_json(self) -> dict[str, Any]:
        day = self.promise_due_date
        return {
            "reason_code": self.reason_code,
            "comments": dict(self.comments),
            "promise_due_date": day.isoformat() if day else "",
            "instructions": self.instructions,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "BulkDecision":
        day = kept["promise_due_date"]
        return cls(**{**kept, "promise_due_date": date.fromisoformat(day) if day else None})

    def for_row(self, run: BulkRun, row: BulkRow) -> Decision:
        """What it means for one row."""
        if run.action == Action.AUTHORIZE:
            return Authorization(instructions=self.instructions)
        stated = Stated()
        if self.promise_due_date is not None and row.owed_minor is not None:
            stated = Stated(
                promise_minor=row.owed_minor,
                promise_currency=row.owed_currency,
                promise_due_date=self.promise_due_date,
            )
        return Closing(
            reason_code=self.reason_code, comments=self.comments.get(row.language, ""), stated=stated
        )


# --- The frozen set


def freeze_bulk(
    actor: Actor,
    *,
    action: str,
    references: Sequence[str] = (),
    filters: Filters | None = None,
    time_zone: str = "UTC",
) -> BulkRun:
    """Freeze the requests of `references`, or all that `filters` match, for a preview; decides nothing.

    Not more than `MOST`. What is refused is known from now on, and stays refused: nothing happens to a row that
    its preview did not announce. `found` of the run keeps

    - ``rows``, ``refused``: how many there are, and how many cannot be decided at all
    - ``missing``: references that are not this actor's, or not there; ``repeated``: how many came twice
    - ``is_cut``: there were more than `MOST`
    - ``groups``: by reason code ("" for authorizing) and buyer's language, how many ``rows`` can be decided, and
      an ``example`` of them (a request's id)
    - ``why_not``: by reason code, why a reason holds for none of them
    - ``owed``: by currency, what refunding without return promises in all
    - ``countries``: of the buyers, when authorizing; ``promise_due``: the day proposed for refunds
    """
    if not actor.may_write:
        raise Forbidden(_("You may look at everything here, but not decide. Ask an owner of the team."))
    if action not in (Action.AUTHORIZE, Action.CLOSE):
        raise Invalid(_("Many requests at once can only be authorized or closed."))
    ids, found = _chosen(actor, references, filters, time_zone)
    frozen = _Frozen(actor, Action(action))
    for start in range(0, len(ids), CHUNK):
        requests = ReturnRequest.objects.filter(pk__in=ids[start : start + CHUNK]).select_related(*WITH_CASE)
        frozen.add(load_cases(list(requests.order_by("pk"))))
    found |= frozen.found()
    with transaction.atomic():
        run = BulkRun.objects.create(
            seller_id=actor.own_seller_id, user_id=actor.own_user_id, action=action, found=found
        )
        for row in frozen.rows:
            row.run = run
        BulkRow.objects.bulk_create(frozen.rows, batch_size=CHUNK)
    return run


def _chosen(
    actor: Actor, references: Sequence[str], filters: Filters | None, time_zone: str
) -> tuple[list[int], dict[str, Any]]:
    """The ids that were chosen, and what there is to say about the choice."""
    if filters is not None:
        ids = list_matching(actor, filters, time_zone=time_zone, most=MOST + 1)
        if not ids:
            raise Invalid(_("No return request fits the search and filters any more."))
        return sorted(ids[:MOST]), {"missing": [], "repeated": 0, "is_cut": len(ids) > MOST}
    once = list(dict.fromkeys(references))
    if not once:
        raise Invalid(_("Select at least one return request first."))
    wanted = once[:MOST]
    mine = dict(
        ReturnRequest.objects.for_actor(actor).filter(reference__in=wanted).values_list("reference", "pk")
    )
    if not mine:
        raise NotFound(_("This page does not exist, or it is not yours."))
    return sorted(mine.values()), {
        "missing": [reference[:36] for reference in wanted if reference not in mine],
        "repeated": len(references) - len(once),
        "is_cut": len(once) > MOST,
    }


class _Frozen:
    """Judges cases and counts what it finds; see `freeze_bulk`."""

    def __init__(self, actor: Actor, action: Action) -> None:
        self.actor, self.action = actor, action
        self.reasons = list_closure_reasons(actor) if action == Action.CLOSE else []
        self.rows: list[BulkRow] = []
        self.groups: dict[str, dict[str, dict[str, int]]] = defaultdict(dict)
        self.why_not: dict[str, set[str]] = defaultdict(set)
        self.owed: Counter[str] = Counter()
        self.countries: set[str] = set()
        self.promise_due: date | None = None

    def add(self, cases: Sequence[Case]) -> None:
        refusals = check_moves(cases, self.actor, self.action)
        for case in cases:
            refusal = refusals.get(case.request.pk)
            row = BulkRow(request=case.request, language=buyer_language(case))
            self.rows.append(row)
            if refusal is not None:
                row.state, row.refusal = BulkRowState.REFUSED, str(refusal)
            elif self.action == Action.AUTHORIZE:
                self._count("", row, is_example=False)
                self.countries.add(case.request.order.country)
            else:
                self._judge(case, row)

    def _judge(self, case: Case, row: BulkRow) -> None:
        self.promise_due = self.promise_due or policy.promise_due_date(case.today, case.rules)
        row.owed_minor, row.owed_currency = _owed(case)
        for reason, finding in judge_reasons(case, self.reasons):
            sentence = _objection(reason, finding, row)
            if sentence:
                row.why_not[reason.code] = sentence
                self.why_not[reason.code].add(sentence)
            else:
                # Of those in policy more is asked: as the example it stands for all.
                is_strict = reason.ground == Ground.ALWAYS and case.request.policy == PolicyVerdict.IN_POLICY
                self._count(reason.code, row, is_example=is_strict)
                if reason.ground == Ground.REFUND_WITHOUT_RETURN and row.owed_minor is not None:
                    self.owed[row.owed_currency] += row.owed_minor

    def _count(self, code: str, row: BulkRow, *, is_example: bool) -> None:
        group = self.groups[code].setdefault(row.language, {"rows": 0, "example": row.request_id})
        group["rows"] += 1
        if is_example:
            group["example"] = row.request_id

    def found(self) -> dict[str, Any]:
        none_of_them = _("It holds for none of these requests.")
        return {
            "rows": len(self.rows),
            "refused": sum(row.state == BulkRowState.REFUSED for row in self.rows),
            "groups": self.groups,
            "why_not": {
                code: sentences.pop() if len(sentences) == 1 else none_of_them
                for code, sentences in self.why_not.items()
                if code not in self.groups
            },
            "owed": self.owed,
            "countries": sorted(self.countries),
            "promise_due": self.promise_due.isoformat() if self.promise_due else "",
        }


def _owed(case: Case) -> tuple[int | None, str]:
    """What a refund without return promises: all that was paid for the units and is not refunded yet.

    Nothing where that is not known, not in one currency, or nothing.
    """
    owed = case.owed_minor()
    if len(owed) == 1:
        ((currency, minor),) = owed.items()
        if minor:
            return minor, currency
    return None, ""


def _objection(reason: ClosureReason, finding: Finding, row: BulkRow) -> str:
    """Why the reason cannot close this row together with others, or ""."""
    if finding.holds:
        return ""
    if not finding.needs:
        return str(finding.sentence)
    if reason.ground == Ground.REFUND_WITHOUT_RETURN and row.owed_minor is not None:
        return ""
    return str(_BY_ITSELF[finding.needs[0]])


# --- What will be decided


def check_bulk(actor: Actor, run: BulkRun, examples: Examples, decision: BulkDecision) -> None:
    """Refuse, field by field, what could not be decided for the examples; each row is judged again in its turn.

    `Invalid.errors` names ``reason``, ``promise_due_date`` and, by the buyer's language, ``comments_en``.
    """
    reason = examples.reason
    if not examples.rows and run.action == Action.AUTHORIZE:
        raise Invalid(_("None of these requests can be authorized."))
    if not examples.rows:
        sentence = _("Choose a return reason from the list.")
        raise Invalid(sentence, {"reason": sentence})
    errors: dict[str, Any] = {}
    for row, case in examples.rows:
        closing = decision.for_row(run, row)
        if reason is not None and isinstance(closing, Closing):
            found = entry_errors(case, actor, reason, closing)
            if "comments" in found:
                found[f"comments_{row.language}"] = found.pop("comments")
            errors |= found
    if errors:
        raise Invalid(next(iter(errors.values())), errors)


def plan_bulk(actor: Actor, run: BulkRun, examples: Examples, decision: BulkDecision) -> list[ReturnEvent]:
    """The events (unsaved) that the decision would write for the examples, whose cases are spent then."""
    return [
        plan_event(case, actor, decision.for_row(run, row), examples.reason) for row, case in examples.rows
    ]


def confirm_bulk(
    actor: Actor, *, run: BulkRun, examples: Examples, decision: BulkDecision, key: str
) -> BulkRun:
    """Start what the preview showed; answers the run. Up to `AT_ONCE` rows are decided when this returns.

    The same form sent twice starts it once; another one is refused once it has begun.
    """
    _check_own(actor, run)
    check_bulk(actor, run, examples, decision)
    with transaction.atomic():
        locked = BulkRun.objects.select_for_update().get(pk=run.pk)
        if locked.state != BulkState.PREVIEW:
            if (locked.key, locked.decision) == (key, decision.as_json()):
                return locked
            raise SomebodyElseWasFirst(_("This was already started. Open it to see what has come of it."))
        # Known and shown before: these are not tried.
        if examples.reason is not None:
            code = examples.reason.code
            locked.rows.filter(state=BulkRowState.WAITING, why_not__has_key=code).update(
                state=BulkRowState.REFUSED, refusal=KeyTextTransform(code, "why_not")
            )
        locked.state, locked.key, locked.decision = BulkState.RUNNING, key, decision.as_json()
        locked.confirmed_at = database_now()
        locked.save(update_fields=["state", "key", "decision", "confirmed_at"])
    if run.found["rows"] <= AT_ONCE:
        work_on(run.pk, waits=True)
    return locked


def undo_bulk(actor: Actor, *, run: BulkRun) -> None:
    """Take back all of the run that is still held and was not changed since; what is not decided yet stays so.

    The first rows are undone when this returns, the others like the run itself, by whoever comes by.
    """
    _check_own(actor, run)
    with transaction.atomic():
        locked = BulkRun.objects.select_for_update().get(pk=run.pk)
        if locked.state in (BulkState.UNDOING, BulkState.UNDONE):
            return
        if locked.state == BulkState.PREVIEW:
            raise TransitionNotAllowed(_("There is nothing to undo."))
        if held_until(locked, key_of(locked)) is None:
            raise TransitionNotAllowed(
                _("The time to undo is over: the decision was passed on. A closed request can be reopened.")
            )
        locked.rows.filter(state=BulkRowState.WAITING).update(
            state=BulkRowState.REFUSED,
            refusal=_("Not decided: the whole was undone before it was this request's turn."),
        )
        locked.state = BulkState.UNDOING
        locked.save(update_fields=["state"])
    work_on(run.pk, waits=True)


def _check_own(actor: Actor, run: BulkRun) -> None:
    if not actor.may_write:
        raise Forbidden(_("You may look at everything here, but not decide. Ask an owner of the team."))
    if (actor.user_id, actor.seller_id) != (run.user_id, run.seller_id):
        raise Forbidden(_("Only the person who selected these requests can decide about them here."))


def key_of(run: BulkRun) -> str:
    """The idempotency key of the run's decisions: with the request, it names each row's."""
    return f"{BULK_KEY}{run.reference}"


# --- Carrying it out


def work_on_bulk_runs() -> int:
    """Go on with the runs that are not finished, for a turn; a run that fails stops no other. Answers how many."""
    end = time.monotonic() + TURN_SECONDS
    unfinished = BulkRun.objects.filter(state__in=UNFINISHED).order_by("pk")
    runs = begun = list(unfinished.values_list("pk", flat=True)[:RUNS_OF_A_TURN])
    while runs and time.monotonic() < end:
        runs = [pk for pk in runs if _goes_on(pk)]
    return len(begun)


def _goes_on(run_id: int) -> bool:
    try:
        return work_on(run_id)
    except Exception:
        logger.exception("bulk run %s cannot go on", run_id)
        return False


def work_on(run_id: int, *, waits: bool = False) -> bool:
    """Decide or undo the next rows of a run in one transaction; answers whether there are more.

    Whoever holds the run's lock works on it; the others go on to the next, unless one `waits`.
    """
    with transaction.atomic():
        run = (
            BulkRun.objects.select_for_update(skip_locked=not waits, of=("self",))
            .filter(pk=run_id, state__in=UNFINISHED)
            .select_related("user", "seller")
            .first()
        )
        if run is None:
            return False
        with translation.override(run.user.language), timezone.override(run.user.time_zone):
            return _decide_next(run) if run.state == BulkState.RUNNING else _undo_next(run)


def _decide_next(run: BulkRun) -> bool:
    rows = _next(run, Q(state=BulkRowState.WAITING))
    actor = _actor_of(run)
    if actor is None:
        _refuse(rows, _("You could no longer decide for this seller when it was this request's turn."))
    else:
        decision = BulkDecision.from_json(run.decision)
        results = decide_returns(
            actor,
            decision={row.request.reference: decision.for_row(run, row) for row in rows},
            references=[row.request.reference for row in rows],
            key=key_of(run),
            at_least_held=BULK_UNDO_SECONDS + run.found["rows"] // ROWS_IN_A_SECOND,
        )
        _keep(rows, results, BulkRowState.DONE)
    return _finish(run, BulkState.DONE, rows)


def _undo_next(run: BulkRun) -> bool:
    rows = _next(run, Q(state=BulkRowState.DONE, refusal=""))
    actor = _actor_of(run)
    if actor is None:
        _refuse(rows, _("You could no longer decide for this seller when it was this request's turn."))
    else:
        results = undo_decisions(
            actor,
            references=[row.request.reference for row in rows],
            key=f"undo-{run.reference}",
            decided_with=key_of(run),
        )
        _keep(rows, results, BulkRowState.UNDONE)
    return _finish(run, BulkState.UNDONE, rows)


def _next(run: BulkRun, left: Q) -> list[BulkRow]:
    rows = run.rows.filter(left).select_related("request").defer("why_not").order_by("request_id")
    return list(rows[:CHUNK])


def _actor_of(run: BulkRun) -> Actor | None:
    """The run's user with the rights of now; None who may not decide for its seller any more."""
    membership = Membership.objects.filter(user=run.user, seller=run.seller, is_active=True).first()
    if membership is None or not run.user.is_active:
        return None
    actor = Actor.seller(run.user, membership)
    return actor if actor.may_write else None


def _keep(rows: Sequence[BulkRow], results: Sequence[Result], state: BulkRowState) -> None:
    """Write down what has come of each row."""
    refused: dict[str, list[BulkRow]] = defaultdict(list)
    well = []
    for row, result in zip(rows, results, strict=True):
        if result.refusal is None:
            well.append(row.pk)
        else:
            refused[str(result.refusal)].append(row)
    BulkRow.objects.filter(pk__in=well).update(state=state)
    for sentence, alike in refused.items():
        _refuse(alike, sentence)


def _refuse(rows: Sequence[BulkRow], sentence: str) -> None:
    """A row that was decided and cannot be undone stays done, with the sentence that says why."""
    refused = BulkRow.objects.filter(pk__in=[row.pk for row in rows])
    refused.update(refusal=sentence)
    refused.filter(state=BulkRowState.WAITING).update(state=BulkRowState.REFUSED)


def _finish(run: BulkRun, state: BulkState, rows: Sequence[BulkRow]) -> bool:
    """Note the end when these were the last rows; answers whether there are more."""
    if len(rows) == CHUNK:
        return True
    run.state, run.finished_at = state, database_now()
    run.save(update_fields=["state", "finished_at"])
    return False


def forget_bulk_runs() -> int:
    """Forget previews that nobody confirmed, and runs of long ago; their events stay. Answers how many rows."""
    now = database_now()
    old = Q(created_at__lt=now - KEEP_RUNS) & ~Q(state__in=UNFINISHED)
    previews = Q(created_at__lt=now - KEEP_PREVIEWS, state=BulkState.PREVIEW)
    return BulkRun.objects.filter(old | previews).delete()[0]
