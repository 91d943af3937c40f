"""Record a refund: full or partial by line, perhaps with a restocking fee, with the sum and the message beside it."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from .. import services
from ..actors import Actor
from ..decorators import CaseRequest, seller_required
from ..history import fees_told, is_handed_over
from ..models import ReturnEvent
from ..models.money import PAID_PARTS
from ..refund_forms import RefundForm, owed_by_place, with_all_owed
from ..selectors.cases import Case
from ..selectors.concessions import list_money
from ..selectors.payouts import payouts_to_heed
from ..selectors.refunds import PromiseState, promise_of, spread
from ..services.money import still_possible
from ..state_machine import Action, Outcome, Status
from .photos import takes_photos
from .seller import case_for, case_of, decision_page, done, initial_of, is_sent


@dataclass(frozen=True, slots=True)
class Sum:
    """What the form would do as it stands: refund `minor`, keep these fees, and what becomes of the request."""

    minor: int
    currency: str
    fees: list[str]
    effect: str


@takes_photos
@seller_required
@require_http_methods(["GET", "HEAD", "POST"])
def refund(request: CaseRequest, reference: str) -> HttpResponse:
    actor: Actor = request.actor
    case = case_for(request, Action.REFUND)
    promise = promise_of(case)
    form = _form(request, case, promise)
    if is_sent(request, form):
        event = form.carry_out(
            lambda: services.record_refund(
                actor,
                reference=reference,
                photos=form.kept,
                key=form.cleaned_data["key"],
                **form.refund(),
            )
        )
        if event:
            return done(request, _refunded(event))
    planned = _planned(actor, form) if not form.errors else None
    context = {
        "lines": _lines(case, form),
        "promise": promise,
        "payouts": payouts_to_heed(list_money(case.request)),
        "can_refund_all": len(case.items) > 1 or form.is_bound,
        "planned": planned,
        "sum": _sum_of(planned),
    }
    return decision_page(request, "seller_refund.html", case, form, context)


@seller_required
@require_POST
def refund_preview(request: CaseRequest, reference: str) -> HttpResponse:
    """The sum and the message beside the form, as the form stands; a fragment for htmx."""
    case = case_of(request)
    form = RefundForm(request.POST, case=case)
    form.fields.pop("photos", None)  # they come when the form is sent
    planned = _planned(request.actor, form) if form.is_valid() else None
    context = {"form": form, "planned": planned, "sum": _sum_of(planned), "is_fragment": True}
    return render(request, "_refund_sum.html", context)


def _refunded(event: ReturnEvent) -> str:
    if is_handed_over(event):
        return _("The refund is handed over to the shop. The buyer is told once it is paid.")
    return _("The refund is recorded and the buyer is told.")


def _form(request: HttpRequest, case: Case, promise: PromiseState | None) -> RefundForm:
    data: QueryDict = request.POST
    if data.get("preview") == "all":
        proposed = spread(case, promise.left_minor, promise.currency) if promise else owed_by_place(case)
        data = with_all_owed(data, case, proposed)
    return RefundForm(
        data or None, request.FILES or None, case=case, promise=promise, initial=initial_of(request)
    )


def _planned(actor: Actor, form: RefundForm) -> ReturnEvent | None:
    """The event that the form would write as it stands; None, with errors at the fields of a form that was sent,
    where it would be refused.
    """
    reference = form.case.request.reference
    return form.carry_out(
        lambda: services.record_refund(
            actor, reference=reference, is_preview=True, case=form.case, **form.refund()
        )
    )


def _sum_of(planned: ReturnEvent | None) -> Sum | None:
    if planned is None:
        return None
    refund = planned.facts["refund"]
    return Sum(refund["minor"], refund["currency"], fees_told(planned), _effect(planned))


def _effect(planned: ReturnEvent) -> str:
    """What becomes of the request."""
    if is_handed_over(planned):
        return _effect_of_handing_over(planned)
    if planned.outcome == Outcome.PARTIALLY_REFUNDED:
        return _("This settles all that is owed: the request is completed as partially refunded.")
    if planned.outcome == Outcome.REFUNDED:
        return _("Everything owed is refunded: the request is completed.")
    if planned.target == Status.CLOSED:
        if planned.facts["refund"]["meets_promise"]:
            return _("The promised amount is reached: nothing is owed any more.")
        return _("Part of the promised amount is still owed.")
    if planned.target == Status.AUTHORIZATION_REQUIRED:
        return _("The money is recorded; you still decide about the request.")
    return _("The rest is still owed; the request stays open.")


def _effect_of_handing_over(planned: ReturnEvent) -> str:
    """As `_effect`; nothing ends before the shop has paid."""
    if planned.target == Status.CLOSED:
        return _("It counts towards your promise once the shop has paid it.")
    if planned.target == Status.AUTHORIZATION_REQUIRED:
        return _("The shop is asked to pay it; you still decide about the request.")
    if planned.facts["refund"]["is_complete"]:
        return _(
            "Nothing more is owed: the request waits for the shop, and is completed once the shop has paid."
        )
    return _("The rest is still owed; the request stays open.")


def _lines(case: Case, form: RefundForm) -> list[dict[str, Any]]:
    lines = []
    for item in case.items:
        line = item.order_item
        parts = [
            {
                "label": part.label,
                "paid_minor": getattr(line, f"{part.value}_paid_minor"),
                "refunded_minor": getattr(line, f"{part.value}_refunded_minor"),
                "possible_minor": still_possible(line, part.value),
                "field": form[name],
            }
            for part in PAID_PARTS
            if (name := f"amount_{item.pk}_{part.value}") in form.fields
        ]
        reason, sentence = form.findings[item.pk]
        can_settle = f"final_{item.pk}" in form.fields
        lines.append(
            {
                "title": line.title or line.sku,
                "sku": line.sku,
                "currency": line.currency or "USD",
                "parts": parts,
                "fee": form[f"fee_{item.pk}"] if can_settle and reason else None,
                "fee_unit": form[f"fee_unit_{item.pk}"] if can_settle and reason else None,
                "fee_why": sentence if can_settle else "",
                "final": form[f"final_{item.pk}"] if can_settle else None,
            }
        )
    return lines
