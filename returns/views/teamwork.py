"""What a team tells itself on a request's page: whose the request is, and notes that nobody else reads."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from ..actors import Actor
from ..decorators import CaseRequest, seller_required
from ..exceptions import NotFound
from ..forms import NoteForm
from ..services import teamwork
from ..state_machine import Role
from .seller import assign_form, case_of, decision_page, done, initial_of, is_sent, return_page, row_again


@seller_required
@require_http_methods(["GET", "HEAD", "POST"])
def assign(request: CaseRequest, reference: str) -> HttpResponse:
    """Give the request to a colleague, to oneself, or to nobody."""
    actor: Actor = request.actor
    if actor.role != Role.SELLER:
        raise NotFound(_("This page does not exist, or it is not yours."))
    case = case_of(request)
    team = case.common.team
    form = assign_form(case, actor, team, data=request.POST or None, initial=initial_of(request))
    if is_sent(request, form):
        data = form.cleaned_data
        name = form.carry_out(
            lambda: teamwork.assign_return(
                actor, reference=reference, assignee_id=data["assignee"], was_id=data["was"]
            )
        )
        if name is not None:
            sentence = _("Assigned to %(name)s.") % {"name": name} if name else _("Assigned to nobody.")
            if request.htmx:
                return row_again(request, reference, sentence)
            return done(request, sentence, otherwise=reverse("seller-return", args=[reference]))
    return decision_page(request, "seller_assign.html", case, form, {})


@seller_required
@require_POST
def add_note(request: CaseRequest, reference: str) -> HttpResponse:
    actor: Actor = request.actor
    form = NoteForm(request.POST)
    note = None
    if form.is_valid():
        data = form.cleaned_data
        note = form.carry_out(
            lambda: teamwork.add_note(actor, reference=reference, text=data["text"], key=data["key"])
        )
    if note is None:
        return return_page(request, form)
    return _to_notes(request, reference, _("The note is kept."))


@seller_required
@require_POST
def remove_note(request: CaseRequest, reference: str, pk: int) -> HttpResponse:
    teamwork.remove_note(request.actor, reference=reference, note_id=pk)
    return _to_notes(request, reference, _("The note is removed."))


def _to_notes(request: HttpRequest, reference: str, sentence: str) -> HttpResponse:
    messages.success(request, sentence)
    return HttpResponseRedirect(f"{reverse('seller-return', args=[reference])}#notes", status=303)
