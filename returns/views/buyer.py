"""The buyer's pages of the own request. How a buyer gets in is `buyer_access`."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from .. import services
from ..actors import Actor
from ..decorators import BuyerRequest, buyer_required
from ..forms import BuyerCloseForm, ConfirmForm, ServiceForm, StepInForm
from ..message_forms import ReplyForm, SentForm
from ..models.people import Language
from ..selectors import buyer_pages
from ..selectors.cases import Case, get_case
from ..selectors.concessions import concessions_of_request
from ..selectors.conversation import conversation_of
from ..selectors.labels import label_for, qr_of
from ..selectors.offers import open_offer, settled_words
from ..selectors.payouts import open_payouts_of
from ..selectors.photos import list_photos, thumbnails_by
from ..selectors.reasons import list_closure_reasons
from ..selectors.seller_pages import titles_of
from ..services.moves import check_move
from ..services.write import check_number
from ..state_machine import Action, Status
from .photos import takes_photos


@buyer_required
@require_safe
def one_return(request: BuyerRequest, reference: str) -> HttpResponse:
    """The request: where it stands, what comes next, what can be done."""
    actor: Actor = request.actor
    case = get_case(actor, reference)
    events = buyer_pages.list_events(case)
    photos = list_photos(actor, case.request)
    context = {
        "rma_number": case.request.rma_number,
        "status": settled_words(case, events) or buyer_pages.status_words(case, actor),
        "offer": open_offer(case, actor, events),
        "items": buyer_pages.items_of(case),
        "steps": buyer_pages.steps_of(
            case, actor, events, thumbnails_by("event", photos, actor, case.request)
        ),
        "written": conversation_of(case, actor, events, photos),
        "reply": _reply_form(request, reference),
        "way_back": buyer_pages.way_back_of(case, actor),
        "outlook": buyer_pages.send_back_outlook(case, actor),
        "qr": qr_of(case.request) if case.status_for(actor) == Status.AUTHORIZED else None,
        "label": label_for(case, actor),
        "promise": buyer_pages.promise_of(case, actor),
        "payouts": open_payouts_of(case.request),
        "given": concessions_of_request(case.request),
        "actions": buyer_pages.offers_of(case, actor),
        "is_resting": case.is_resting_for(actor),
        "step_in_until": buyer_pages.step_in_until(case, actor),
        "take_back_until": buyer_pages.take_back_until(case),
        "now": case.now,
    }
    return buyer_page(request, "buyer_return.html", case, None, context)


@buyer_required
@require_http_methods(["GET", "HEAD", "POST"])
def close(request: BuyerRequest, reference: str) -> HttpResponse:
    actor: Actor = request.actor
    case = _case_for(request, reference, Action.CLOSE)
    language = get_language() or Language.ENGLISH.value
    reasons = [(reason.code, reason.in_language("label", language)) for reason in list_closure_reasons(actor)]
    form = BuyerCloseForm(request.POST or None, reasons=reasons)
    if request.method == "POST" and form.is_valid():
        event = form.carry_out(
            lambda: services.close_return(
                actor, reference=reference, closing=form.closing(), key=form.cleaned_data["key"]
            )
        )
        if event:
            return buyer_done(request, reference, _("Your request is closed. We sent you a receipt."))
    return buyer_page(request, "buyer_close.html", case, form, {})


@buyer_required
@require_http_methods(["GET", "HEAD", "POST"])
def keep(request: BuyerRequest, reference: str) -> HttpResponse:
    actor: Actor = request.actor
    case = _case_for(request, reference, Action.KEEP_ITEM)
    form = ConfirmForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        services.keep_item(actor, reference=reference, key=form.cleaned_data["key"])
        return buyer_done(request, reference, _("You keep the item. We sent you a receipt."))
    return buyer_page(
        request, "buyer_keep.html", case, form, {"is_authorized": case.request.authorized_at is not None}
    )


@buyer_required
@require_http_methods(["GET", "HEAD", "POST"])
def step_in(request: BuyerRequest, reference: str) -> HttpResponse:
    actor: Actor = request.actor
    case = _case_for(request, reference, Action.ESCALATE)
    form = StepInForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        event = form.carry_out(
            lambda: services.escalate(
                actor,
                reference=reference,
                comments=form.cleaned_data["comments"],
                key=form.cleaned_data["key"],
            )
        )
        if event:
            return buyer_done(request, reference, _("The marketplace is told and will look at it."))
    return buyer_page(request, "buyer_step_in.html", case, form, {"why": buyer_pages.why_step_in(case)})


@buyer_required
@require_http_methods(["GET", "HEAD", "POST"])
def sent(request: BuyerRequest, reference: str) -> HttpResponse:
    """The buyer has sent the parcel, perhaps with a number to follow it by."""
    actor: Actor = request.actor
    case = _case_for(request, reference, Action.HAND_OVER)
    form = SentForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        event = form.carry_out(
            lambda: services.hand_over(
                actor,
                reference=reference,
                carrier=data["carrier"],
                tracking_number=data["tracking_number"],
                key=data["key"],
            )
        )
        if event:
            return buyer_done(request, reference, _("Thank you: we know that the parcel is on its way."))
    return buyer_page(request, "buyer_sent.html", case, form, {"loses": buyer_pages.lost_by_sending(case)})


@buyer_required
@require_http_methods(["GET", "HEAD", "POST"])
def reopen(request: BuyerRequest, reference: str) -> HttpResponse:
    """Take back the own closing."""
    actor: Actor = request.actor
    case = _case_for(request, reference, Action.REOPEN)
    form = ConfirmForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        services.take_back_closing(actor, reference=reference, key=form.cleaned_data["key"])
        return buyer_done(request, reference, _("Your request is open again. The seller is told."))
    context = {"follows": buyer_pages.what_follows_reopening(case) if not form.is_bound else ""}
    return buyer_page(request, "buyer_reopen.html", case, form, context)


@takes_photos
@buyer_required
@require_http_methods(["GET", "HEAD", "POST"])
def write(request: BuyerRequest, reference: str) -> HttpResponse:
    """Write to the seller. The box on the request's page sends to here, too."""
    actor: Actor = request.actor
    case = _case_for(request, reference, Action.WRITE)
    form = _reply_form(request, reference)
    if request.method == "POST" and form.is_valid():
        check_number(case, actor)
        photos = form.stored_photos()
        event = None
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
            return buyer_done(request, reference, _("Your message is with the seller."))
    written = conversation_of(case, actor, buyer_pages.list_events(case))
    return buyer_page(request, "buyer_write.html", case, form, {"written": written})


def _reply_form(request: HttpRequest, reference: str) -> ReplyForm:
    page = reverse("buyer-return", args=[reference])
    return ReplyForm(request.POST or None, request.FILES or None, initial={"next": page})


def _case_for(request: BuyerRequest, reference: str, action: Action) -> Case:
    """The case; for a GET of a page whose action is not possible (any more), the refusal with its sentence."""
    case = get_case(request.actor, reference)
    if request.method != "POST":
        check_move(case, request.actor, action)
    return case


def buyer_page(
    request: HttpRequest, template: str, case: Case, form: ServiceForm | None, context: dict[str, Any]
) -> HttpResponse:
    status = 422 if form is not None and form.is_bound and form.errors else 200
    context = {
        "shop": case.seller.name,
        "order_number": case.request.order.order_number,
        "reference": case.request.reference,
        "order_reference": case.request.order.reference,
        "titles": titles_of(case),
        "is_delivery_problem": case.is_never_arrived,
        "form": form,
        "here": request.get_full_path(),
        **context,
    }
    return render(request, template, context, status=status)


def buyer_done(request: HttpRequest, reference: str, sentence: str) -> HttpResponse:
    messages.success(request, sentence)
    response = redirect("buyer-return", reference=reference)
    response.status_code = 303
    return response
