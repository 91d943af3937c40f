"""Offers: the seller's side makes one and takes it back, the buyer accepts or declines it on the own page."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from .. import services
from ..actors import Actor
from ..decorators import (
    ActorRequest,
    BuyerRequest,
    CaseRequest,
    MemberRequest,
    buyer_required,
    seller_required,
)
from ..exceptions import TransitionNotAllowed
from ..models import OfferKind, ReturnEvent
from ..offer_forms import AnswerForm, OfferForm
from ..selectors.cases import Case, get_case
from ..selectors.offers import Shown, get_open_offer
from ..selectors.seller_pages import Choice
from ..services.offers import refuse_gone
from ..services.teamwork import begin_deciding
from ..state_machine import Action
from .buyer import buyer_done, buyer_page
from .seller import case_for, case_of, decision_page, done, initial_of, is_sent, row_again


@seller_required
@require_http_methods(["GET", "HEAD", "POST"])
def make(request: CaseRequest, reference: str) -> HttpResponse:
    """What is offered, for how long, in whose words, and the message as the buyer will read it.

    With ``?kind=keep_full`` that kind is chosen already.
    """
    actor: Actor = request.actor
    case = case_for(request, Action.OFFER)
    if request.method != "POST" and get_open_offer(case, actor):
        raise TransitionNotAllowed(_("An offer to the buyer is open. Take it back first."))
    form = _form(request, case)
    if is_sent(request, form):
        event = form.carry_out(
            lambda: services.make_offer(
                actor, reference=reference, terms=form.terms(), key=form.cleaned_data["key"]
            )
        )
        if event:
            return _done(request, reference, _("The offer is made and the buyer is told."))
    context = {
        "kinds": [
            Choice(
                code=kind.value,
                label=str(kind.label),
                holds=not form.refusals[kind],
                sentence=str(form.refusals[kind] or form.hints.get(kind, "")),
                ground="",
            )
            for kind in OfferKind
        ],
        "planned": _planned(actor, form, case),
        "decider": begin_deciding(actor, case),
    }
    return decision_page(request, "seller_offer.html", case, form, context)


def offer_as_typed(request: MemberRequest, reference: str) -> tuple[OfferForm, ReturnEvent | None]:
    """The form as it stands in this POST, and its unsaved event, for the preview beside it."""
    case = get_case(request.actor, reference)
    form = _form(request, case)
    return form, _planned(request.actor, form, case)


def _form(request: HttpRequest, case: Case) -> OfferForm:
    initial: dict[str, Any] = {"kind": request.GET.get("kind", ""), **initial_of(request)}
    return OfferForm(request.POST or None, case=case, initial=initial)


def _planned(actor: Actor, form: OfferForm, case: Case) -> ReturnEvent | None:
    """The event that the form would write as it stands; None until it says what is offered."""
    return form.planned(
        lambda terms: services.make_offer(
            actor, reference=case.request.reference, terms=terms, is_preview=True, case=case
        )
    )


@seller_required
@require_http_methods(["GET", "HEAD", "POST"])
def take_back(request: CaseRequest, reference: str) -> HttpResponse:
    actor: Actor = request.actor
    case = case_of(request)
    shown = _open(request, case)
    form = _answer_form(request, shown)
    if request.method == "POST" and form.is_valid():
        services.take_back_offer(
            actor,
            reference=reference,
            offer_id=form.cleaned_data["offer"],
            key=form.cleaned_data["key"],
        )
        return _done(request, reference, _("The offer is taken back and the buyer is told."))
    return decision_page(request, "seller_offer_back.html", case, form, {"offer": shown})


def _done(request: CaseRequest, reference: str, sentence: str) -> HttpResponse:
    """The row drawn again for a dialog over the list, else back to where it was opened."""
    if request.htmx:
        return row_again(request, reference, sentence)
    return done(request, sentence, otherwise=reverse("seller-return", args=[reference]))


@buyer_required
@require_safe
def see(request: BuyerRequest, reference: str) -> HttpResponse:
    """What is offered, what follows, and until when; the answers are pages of their own."""
    case = get_case(request.actor, reference)
    return buyer_page(request, "buyer_offer.html", case, None, {"offer": _open(request, case)})


@buyer_required
@require_http_methods(["GET", "HEAD", "POST"])
def accept(request: BuyerRequest, reference: str) -> HttpResponse:
    return _answer(
        request,
        reference,
        "accept",
        services.accept_offer,
        _("You accepted the offer. We send you a confirmation."),
    )


@buyer_required
@require_http_methods(["GET", "HEAD", "POST"])
def decline(request: BuyerRequest, reference: str) -> HttpResponse:
    return _answer(
        request,
        reference,
        "decline",
        services.decline_offer,
        _("You turned the offer down. Your request goes on as before."),
    )


def _answer(
    request: BuyerRequest, reference: str, answer: str, service: Callable[..., Any], sentence: str
) -> HttpResponse:
    case = get_case(request.actor, reference)
    shown = _open(request, case)
    form = _answer_form(request, shown)
    if request.method == "POST" and form.is_valid():
        service(
            request.actor,
            reference=reference,
            offer_id=form.cleaned_data["offer"],
            key=form.cleaned_data["key"],
        )
        return buyer_done(request, reference, sentence)
    context = {"offer": shown, "answer": answer}
    return buyer_page(request, "buyer_offer_answer.html", case, form, context)


def _answer_form(request: HttpRequest, shown: Shown | None) -> AnswerForm:
    initial = {"offer": shown.id if shown else None, **initial_of(request)}
    return AnswerForm(request.POST or None, initial=initial)


def _open(request: ActorRequest, case: Case) -> Shown | None:
    """The offer that waits; without one, for a GET, the refusal that says what became of it."""
    shown = get_open_offer(case, request.actor)
    if shown is None and request.method != "POST":
        refuse_gone(case, request.actor)
    return shown
