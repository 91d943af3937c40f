"""The seller's side writes to the buyer, and sees the message as the buyer will read it."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from .. import services
from ..actors import Actor
from ..decorators import CaseRequest, MemberRequest, seller_required
from ..message_forms import MessageForm
from ..models import ReturnEvent
from ..selectors.cases import Case, get_case
from ..selectors.conversation import conversation_of, draft_about_cost
from ..selectors.seller_pages import list_events
from ..state_machine import Action
from .photos import takes_photos
from .seller import case_for, decision_page, done, initial_of, is_sent


@takes_photos
@seller_required
@require_http_methods(["GET", "HEAD", "POST"])
def write(request: CaseRequest, reference: str) -> HttpResponse:
    """A message to the buyer; with ``?draft=cost`` it begins with what the return would cost."""
    actor: Actor = request.actor
    case = case_for(request, Action.WRITE)
    form = _form(request, case)
    if is_sent(request, form):
        photos, event = form.stored_photos(), None
        if not form.errors:
            event = form.carry_out(
                lambda: services.write_message(
                    actor,
                    reference=reference,
                    comments=form.cleaned_data["comments"],
                    photos=photos,
                    key=form.cleaned_data["key"],
                )
            )
        if event:
            return done(
                request, _("Your message is written."), otherwise=reverse("seller-return", args=[reference])
            )
    context = {
        "planned": _planned(actor, form, case),
        "written": conversation_of(case, actor, list_events(case.request)),
    }
    return decision_page(request, "seller_write.html", case, form, context)


def message_as_typed(request: MemberRequest, reference: str) -> tuple[MessageForm, ReturnEvent]:
    """The form as it stands in this POST, and its unsaved event, for the preview beside it."""
    case = get_case(request.actor, reference)
    form = _form(request, case)
    return form, _planned(request.actor, form, case)


def _form(request: HttpRequest, case: Case) -> MessageForm:
    initial: dict[str, Any] = initial_of(request)
    if request.GET.get("draft") == "cost":
        initial["comments"] = draft_about_cost(case)
    return MessageForm(request.POST or None, request.FILES or None, case=case, initial=initial)


def _planned(actor: Actor, form: MessageForm, case: Case) -> ReturnEvent:
    comments = form["comments"].value() or ""
    return services.write_message(
        actor, reference=case.request.reference, comments=comments, is_preview=True, case=case
    )
