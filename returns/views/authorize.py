"""Authorize a request: where to send the item, under which number, with which label; and the label that follows."""

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from .. import policy, services
from ..actors import Actor
from ..decorators import CaseRequest, seller_required
from ..label_forms import AuthorizeForm, LabelForm
from ..selectors.cases import Case
from ..services.decide import may_save, undo_seconds
from ..services.moves import check_move
from ..services.teamwork import begin_deciding
from ..state_machine import Action
from .seller import case_for, case_of, decided, decision_page, done, initial_of, is_sent


@seller_required
@require_http_methods(["GET", "HEAD", "POST"])
def authorize(request: CaseRequest, reference: str) -> HttpResponse:
    actor: Actor = request.actor
    case = case_of(request)
    if request.method != "POST":
        check_move(case, actor, Action.AUTHORIZE, has_way_back=True)
    form = AuthorizeForm(
        request.POST or None,
        request.FILES or None,
        case=case,
        may_save=may_save(actor),
        initial=initial_of(request),
    )
    if is_sent(request, form):
        event = form.carry_out(
            lambda: services.authorize_return(
                actor, reference=reference, decision=form.authorization(), key=form.cleaned_data["key"]
            )
        )
        if event:
            return decided(request, event)
    if form.is_bound:
        form.is_valid()
    context = {
        "label_note": _label_note(case),
        "send_back_date": policy.send_back_date(
            case.request.window_end_date, authorized_at=case.now, rules=case.rules
        ),
        "planned": form.carry_out(
            lambda: services.preview_decision(
                actor, reference=reference, decision=form.authorization(), case=case
            )
        ),
        "undo_seconds": undo_seconds(actor),
        "decider": begin_deciding(actor, case),
    }
    return decision_page(request, "seller_authorize.html", case, form, context)


@seller_required
@require_http_methods(["GET", "HEAD", "POST"])
def label(request: CaseRequest, reference: str) -> HttpResponse:
    """Provide the label that was promised with the authorization, or that the marketplace's file asks for."""
    actor: Actor = request.actor
    case = case_for(request, Action.PROVIDE_LABEL)
    form = LabelForm(request.POST or None, request.FILES or None, case=case, initial=initial_of(request))
    if is_sent(request, form):
        event = form.carry_out(
            lambda: services.provide_label(
                actor, reference=reference, label=form.label(), key=form.cleaned_data["key"]
            )
        )
        if event:
            return done(
                request,
                _("The label is provided and the buyer is told."),
                otherwise=reverse("seller-return", args=[reference]),
            )
    if form.is_bound:
        form.is_valid()
    planned = services.provide_label(
        actor, reference=reference, label=form.label(), is_preview=True, case=case
    )
    return decision_page(request, "seller_label.html", case, form, {"planned": planned})


def _label_note(case: Case) -> str:
    if case.request.prepaid_eligible:
        return _("The marketplace provides a prepaid label; you need none.")
    if case.is_imported:
        return _("The marketplace may provide the label; authorize the request there, too.")
    return ""
