"""Many requests at once: what the list selects is frozen, shown, confirmed, followed, and undone as a whole.

The list has a form with the id ``bulk`` (`_bulk_bar.html`, `static/js/bulk.js`) that is sent to ``seller-bulk``:

- ``action``: authorize or close, the button that was pressed
- ``reference``: of each selected request; a checkbox named "Select return …" that has ``form="bulk"``
- ``all_matching``: 1 for all that the list's search and filters match; their fields come along as they stand
  in the list's address (status, q, reason, prepaid, in_policy, overdue, soon, escalated, todo, owed, from, to,
  sort)

The answer is 303 to the run's own page, ``seller-bulk-run``; ``seller-bulk-undo`` takes all of it back. With
``?select=page`` the list draws its checkboxes checked, for who has no JavaScript.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from ..actors import Actor
from ..bulk_forms import BulkAuthorizeForm, BulkCloseForm
from ..decorators import MemberRequest, bulk_required, seller_required
from ..exceptions import Invalid
from ..forms import FilterForm
from ..models import BulkRow, BulkRun, ClosureReason
from ..models.clock import database_now
from ..models.people import Language
from ..models.runs import BulkRowState, BulkState
from ..selectors.bulk import (
    Examples,
    count_bulk_rows,
    examples_of,
    held_until,
    list_bulk_rows,
    list_bulk_runs,
)
from ..selectors.reasons import list_closure_reasons
from ..selectors.seller_pages import Choice, country_name
from ..services.bulk import MOST, UNFINISHED, confirm_bulk, freeze_bulk, key_of, plan_bulk, undo_bulk
from ..services.decide import BULK_UNDO_SECONDS, undo_seconds
from ..state_machine import Action


@dataclass(frozen=True, slots=True)
class Line:
    """One request of a run; `sentence` says why it is refused, or was not undone."""

    reference: str
    order_number: str
    buyer_name: str
    language: str
    amount_minor: int | None
    currency: str
    state: str
    label: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one kind: a buyers' language, or the refused ones."""

    label: str
    count: int
    url: str
    is_current: bool


@seller_required
@require_http_methods(["GET", "HEAD", "POST"])
def many(request: MemberRequest) -> HttpResponse:
    """Freeze what the list has selected; for a GET, the latest runs."""
    actor: Actor = request.actor
    if request.method != "POST":
        return render(request, "seller_bulk_runs.html", {"runs": list_bulk_runs(actor)})
    filters = None
    if request.POST.get("all_matching"):
        form = FilterForm.of_member(request.POST, actor)
        filters = form.filters("")
        if form.errors:
            raise Invalid(_("Clear the filters that cannot be read first."))
    run = freeze_bulk(
        actor,
        action=request.POST.get("action", ""),
        references=request.POST.getlist("reference"),
        filters=filters,
        time_zone=request.seller.time_zone,
    )
    return _to(run)


@bulk_required
@require_http_methods(["GET", "HEAD", "POST"])
def run_page(request: MemberRequest, run: BulkRun) -> HttpResponse:
    """The preview, and after it progress and results."""
    if run.state == BulkState.PREVIEW or request.method == "POST":
        return _authorize(request, run) if run.action == Action.AUTHORIZE else _close(request, run)
    return _results(request, run)


@bulk_required
@require_POST
def undo(request: MemberRequest, run: BulkRun) -> HttpResponse:
    undo_bulk(request.actor, run=run)
    return _to(run)


def _close(request: MemberRequest, run: BulkRun) -> HttpResponse:
    actor: Actor = request.actor
    reasons = list_closure_reasons(actor)
    choices = [_choice(reason, run) for reason in reasons]
    form = BulkCloseForm(
        request.POST or None,
        found=run.found,
        grounds={choice.code: choice.ground for choice in choices if choice.holds},
    )
    reason = next((one for one in reasons if one.code == form.picked()), None)
    context: dict[str, Any] = {
        "choices": sorted(choices, key=lambda choice: not choice.holds),
        "owed": [{"minor": minor, "currency": currency} for currency, minor in run.found["owed"].items()],
    }
    return _preview(request, run, form, reason, context)


def _authorize(request: MemberRequest, run: BulkRun) -> HttpResponse:
    form = BulkAuthorizeForm(request.POST or None, initial={"instructions": request.seller.instructions})
    return _preview(request, run, form, None, {})


def _preview(
    request: MemberRequest,
    run: BulkRun,
    form: BulkCloseForm | BulkAuthorizeForm,
    reason: ClosureReason | None,
    context: dict[str, Any],
) -> HttpResponse:
    actor: Actor = request.actor
    examples = examples_of(run, reason)
    is_sent = request.method == "POST" and not {"preview"} & {*request.POST, *request.GET}
    if form.is_valid() and is_sent:
        key = form.cleaned_data["key"]
        confirmed = form.carry_out(
            lambda: confirm_bulk(actor, run=run, examples=examples, decision=form.decision(), key=key)
        )
        if confirmed:
            return _to(run)
    code = reason.code if reason else ""
    decision = form.decision()
    group = run.found["groups"].get(code, {})
    rows = sum(part["rows"] for part in group.values())
    refused = (
        run.found["rows"] - rows if reason or not isinstance(form, BulkCloseForm) else run.found["refused"]
    )
    context = {
        **context,
        "form": form,
        "planned": plan_bulk(actor, run, examples, decision),
        "addresses": _addresses(run, examples),
        "count": rows,
        "groups": _groups(
            request, run, {language: part["rows"] for language, part in group.items()}, refused
        ),
        "undo_seconds": undo_seconds(actor) and max(undo_seconds(actor), BULK_UNDO_SECONDS),
        "is_own": actor.user_id == run.user_id,
    }
    response = _page(
        request, "seller_bulk.html", run, context, code, promises=bool(decision.promise_due_date)
    )
    response.status_code = 422 if is_sent and form.errors else 200
    return response


def _results(request: MemberRequest, run: BulkRun) -> HttpResponse:
    is_unfinished = run.state in UNFINISHED
    if request.htmx and not is_unfinished:
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    counts = count_bulk_rows(run)
    counts["missing"] = len(run.found["missing"])
    refused = counts[BulkRowState.REFUSED] + counts["missing"]
    until = held_until(run, key_of(run)) if run.state in (BulkState.RUNNING, BulkState.DONE) else None
    context = {
        "is_unfinished": is_unfinished,
        "settled": run.found["rows"] - _left(run, counts),
        "summary": _summary(run, counts, refused),
        "undo_seconds": int((until - database_now()).total_seconds()) if until else 0,
        "is_own": request.actor.user_id == run.user_id and request.actor.may_write,
        "groups": _groups(request, run, {}, refused + counts["kept"]),
    }
    promises = bool(run.decision["promise_due_date"])
    return _page(request, "seller_bulk_results.html", run, context, promises=promises)


def _left(run: BulkRun, counts: Any) -> int:
    """How many rows still wait to be decided or, while the run is undone, to be undone."""
    return int(counts[BulkRowState.DONE if run.state == BulkState.UNDOING else BulkRowState.WAITING])


def _summary(run: BulkRun, counts: Any, refused: int) -> str:
    """What has come of the run, in one sentence: "118 closed · 2 refused"."""
    words = {"done": counts[BulkRowState.DONE], "refused": refused}
    if run.state in (BulkState.UNDOING, BulkState.UNDONE):
        words = {"undone": counts[BulkRowState.UNDONE], "kept": counts["kept"], "refused": refused}
        if counts["kept"]:
            return _("%(undone)d undone · %(kept)d could not be undone · %(refused)d refused") % words
        return _("%(undone)d undone · %(refused)d refused") % words
    if run.action == Action.AUTHORIZE:
        return _("%(done)d authorized · %(refused)d refused") % words
    return _("%(done)d closed · %(refused)d refused") % words


def _page(
    request: HttpRequest,
    template: str,
    run: BulkRun,
    context: dict[str, Any],
    code: str = "",
    *,
    promises: bool,
) -> HttpResponse:
    """The page with the rows that its address asks for.

    `code`: the return reason that was picked; `promises`: what is owed is shown, because it is promised.
    """
    show, cursor = request.GET.get("show", ""), request.GET.get("cursor", "")
    rows, next_cursor = list_bulk_rows(run, reason_code=code, show=show, cursor=cursor)
    context = {
        **context,
        "run": run,
        "found": run.found,
        "most": MOST,
        "lines": [_line(run, row, code, promises) for row in rows],
        "missing": run.found["missing"] if show in ("", "refused") and not cursor else [],
        "more_url": _address(run, show=show, cursor=next_cursor) if next_cursor else "",
        "url": _address(run),
    }
    return render(request, template, context)


def _line(run: BulkRun, row: BulkRow, code: str, promises: bool) -> Line:
    sentence = row.refusal
    state = row.state
    if run.state == BulkState.PREVIEW and code in row.why_not:
        state, sentence = BulkRowState.REFUSED, row.why_not[code]
    order = row.request.order
    return Line(
        reference=row.request.reference,
        order_number=order.order_number,
        buyer_name=order.buyer.name,
        language=str(Language(row.language).label),
        amount_minor=row.owed_minor if promises else None,
        currency=row.owed_currency,
        state=state,
        label=_label(run, state),
        sentence=sentence,
    )


def _label(run: BulkRun, state: str) -> str:
    done = _("Authorized") if run.action == Action.AUTHORIZE else _("Closed")
    return {
        BulkRowState.WAITING: "" if run.state == BulkState.PREVIEW else _("Waiting"),
        BulkRowState.DONE: done,
        BulkRowState.REFUSED: _("Refused"),
        BulkRowState.UNDONE: _("Undone"),
    }[BulkRowState(state)]


def _groups(request: HttpRequest, run: BulkRun, languages: dict[str, int], refused: int) -> list[Group]:
    """What the rows can be narrowed to, with its number."""
    shown = request.GET.get("show", "")
    total = run.found["rows"] + len(run.found["missing"])
    parts = [("", _("All"), total), ("refused", _("Refused"), refused)]
    parts += [(one.value, str(one.label), languages[one]) for one in Language if languages.get(one)]
    return [
        Group(label, count, _address(run, show=show), show == shown)
        for show, label, count in parts
        if count or not show
    ]


def _choice(reason: ClosureReason, run: BulkRun) -> Choice:
    label = reason.in_language("label", get_language() or Language.ENGLISH)
    group = run.found["groups"].get(reason.code, {})
    rows = sum(part["rows"] for part in group.values())
    return Choice(
        code=reason.code,
        label=label,
        holds=bool(group),
        sentence=ngettext("%(rows)d request", "%(rows)d requests", rows) % {"rows": rows}
        if group
        else run.found["why_not"].get(reason.code, ""),
        ground=reason.ground,
    )


def _addresses(run: BulkRun, examples: Examples) -> list[dict[str, str]]:
    """By country of the buyers, where they send their items."""
    if run.action != Action.AUTHORIZE or not examples.rows:
        return []
    (_row, case), *_others = examples.rows
    first: dict[str, str] = {}
    for address in case.return_addresses:
        first.setdefault(address.country, str(address))
    return [
        {"country": country_name(country), "address": first[country]}
        for country in run.found["countries"]
        if country in first
    ]


def _address(run: BulkRun, **query: str) -> str:
    url = reverse("seller-bulk-run", args=[run.reference])
    given = {name: value for name, value in query.items() if value}
    return f"{url}?{urlencode(given)}" if given else url


def _to(run: BulkRun) -> HttpResponse:
    """303 to the run's page."""
    response = redirect("seller-bulk-run", run.reference)
    response.status_code = 303
    return response
