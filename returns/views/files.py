"""Files in and out: reports that a seller uploads, what they would change and did, and the returns report back.

An uploaded file is worked on outside the request; its page shows how far that is, and can be left.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ..decorators import MemberRequest, seller_required
from ..forms import TABS, FilterForm, ServiceForm
from ..models import FileRun
from ..models.runs import FileState
from ..reports.returns_report import REPORT_COLUMNS
from ..reports.writing import write_lines
from ..selectors.exports import export_returns
from ..selectors.files import get_file_run, list_file_runs
from ..services.imports import Summary, commit_file, discard_file, receive_file
from ..services.imports.runs import (
    contradiction_in_words,
    in_active_language,
    kept_summary,
    refused_in_words,
)
from ..services.imports.uploads import MAX_UPLOAD_BYTES

# Of each list that a page shows; the figures above it are whole.
SHOWN = 200

# Those that the export's page shows only once one is in force.
FURTHER_FILTERS = ("q", "reason", "in_policy", "prepaid", "overdue", "soon", "escalated", "todo", "owed")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in the history or on its page. `figures`: the summary's line, or why there will be none."""

    run: FileRun
    figures: str
    is_working: bool


class UploadHandler(TemporaryFileUploadHandler):
    """Writes what arrives to a file of its own, mode 600, and nothing of it beyond `most` bytes.

    The rest of a larger one is read and dropped: a browser shows no answer before it has sent everything.
    """

    @property
    def most(self) -> int:
        return MAX_UPLOAD_BYTES

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if start <= self.most:
            super().receive_data_chunk(raw_data, start)


class UploadForm(ServiceForm):
    """A report. Sent twice it is checked twice and written once: it needs no key."""

    key = None  # type: ignore[assignment]
    next = None  # type: ignore[assignment]
    file = forms.FileField(
        label=gettext_lazy("Order report or returns report"),
        allow_empty_file=True,
        help_text=gettext_lazy("As the marketplace gives it: a text file, or XML for returns."),
        error_messages={"required": gettext_lazy("Choose a file.")},
    )


class ExportForm(FilterForm):
    """The filters of the list, all of them to be seen."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["status"]
        assert isinstance(field, forms.ChoiceField)
        field.label, field.widget = _("Tab"), forms.Select(choices=TABS)
        del self.fields["sort"]


@csrf_exempt  # `_receive` is not, once it is said where the bytes of the file go
@seller_required
@require_http_methods(["GET", "HEAD", "POST"])
def imports(request: MemberRequest) -> HttpResponse:
    """Upload a report; the files that were read before."""
    if request.method == "POST":
        request.upload_handlers = [UploadHandler(request)]
        return _receive(request)
    return _history(request, UploadForm())


@csrf_protect
def _receive(request: MemberRequest) -> HttpResponse:
    form = UploadForm(request.POST, request.FILES)
    if form.is_valid():
        run = form.carry_out(lambda: receive_file(request.actor, file=form.cleaned_data["file"]))
        if run:
            return _see(run.reference)
    return _history(request, form, status=422)


def _history(request: MemberRequest, form: UploadForm, status: int = 200) -> HttpResponse:
    page = list_file_runs(request.actor, request.GET.get("cursor", ""))
    context = {
        "form": form if request.actor.may_write else None,
        "entries": [_entry(run) for run in page.runs],
        "more_url": f"?cursor={page.next_cursor}" if page.next_cursor else "",
    }
    return render(request, "seller_imports.html", context, status=status)


@seller_required
@require_safe
def one_import(request: MemberRequest, run: str) -> HttpResponse:
    """One file: how far it is, what it would change, what it changed."""
    found = get_file_run(request.actor, run)
    summary = _summary_of(found)
    context = {
        "entry": _entry(found),
        "run": found,
        "refusal": in_active_language(found.refusal),
        "percent": found.rows_done * 100 // found.rows_total if found.rows_total else None,
        "may_write": request.actor.may_write,
        "todo_url": f"{reverse('seller-returns')}?status=all&todo=on",
        **(_details(summary) if summary else {}),
    }
    return render(request, "seller_import.html", context)


def _details(summary: Summary) -> dict[str, Any]:
    return {
        "summary": summary,
        "changes_nothing": not (summary.new or summary.changed),
        "refused": [refused_in_words(row) for row in summary.refused[:SHOWN]],
        "unknown_codes": sorted(summary.unknown_codes)[:SHOWN],
        "contradictions": [contradiction_in_words(found) for found in summary.contradictions[:SHOWN]],
        "shown": SHOWN,
    }


@seller_required
@require_POST
def commit(request: MemberRequest, run: str) -> HttpResponse:
    """Write what was shown."""
    return _see(commit_file(request.actor, reference=run).reference)


@seller_required
@require_POST
def discard(request: MemberRequest, run: str) -> HttpResponse:
    """Forget a file that was only checked."""
    discard_file(request.actor, reference=run)
    messages.success(request, _("The file is discarded. Nothing was changed."))
    return HttpResponseRedirect(reverse("seller-imports"), status=303)


@seller_required
@require_safe
def exports(request: MemberRequest) -> HttpResponse:
    """What to take away: the filters of the list, and the download."""
    return _choose(request, ExportForm.of_member(request.GET, request.actor))


@seller_required
@require_safe
def export_file(request: MemberRequest) -> HttpResponseBase:
    """The requests of the list with these filters, as a returns report."""
    form = ExportForm.of_member(request.GET, request.actor)
    filters = form.filters("")
    if form.errors:
        return _choose(request, form, status=422)
    rows = export_returns(request.actor, filters, time_zone=request.seller.time_zone)
    name = f"returns-{timezone.localdate().isoformat()}.tsv"
    return StreamingHttpResponse(
        _written(rows),
        content_type="text/tab-separated-values; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _choose(request: HttpRequest, form: ExportForm, status: int = 200) -> HttpResponse:
    is_filtered = any(form[name].value() for name in FURTHER_FILTERS)
    return render(request, "seller_exports.html", {"form": form, "is_filtered": is_filtered}, status=status)


def _written(chunks: Iterator[list[list[str]]]) -> Iterator[bytes]:
    yield write_lines([REPORT_COLUMNS])
    for rows in chunks:
        yield write_lines(rows)


def _entry(run: FileRun) -> Entry:
    # A command that reads a file keeps no upload: nobody waits for it here.
    is_working = bool(run.upload) and run.state in (FileState.CHECKING, FileState.RUNNING)
    summary = _summary_of(run)
    figures = in_active_language(run.refusal) if summary is None else str(summary)
    return Entry(run, "" if is_working else figures, is_working)


def _summary_of(run: FileRun) -> Summary | None:
    """What came of the file, else what would, unless nothing will any more."""
    kept = run.summary or (run.preview if run.state != FileState.FAILED else None)
    return kept_summary(kept) if kept else None


def _see(reference: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("seller-import", args=[reference]), status=303)
