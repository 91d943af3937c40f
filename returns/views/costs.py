"""A seller's table of return costs, and what its products weigh. Every member may look, an owner may change."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from ..cost_forms import ReturnCostForm, WeightsForm
from ..decorators import MemberRequest, seller_required
from ..exceptions import Forbidden
from ..models import OrderItem
from ..selectors.advising import weight_in_words
from ..selectors.costs import list_costs, list_weights
from ..services import costs
from ..services.team import may_manage


@seller_required
@require_http_methods(["GET", "HEAD", "POST"])
def table(request: MemberRequest) -> HttpResponse:
    """The table; a POST adds a row to it."""
    form = ReturnCostForm(request.POST or None, initial={"currency": _usual_currency(request)})
    if request.method == "POST":
        if not may_manage(request.actor):
            raise Forbidden(_("Only an owner of the team may change this."))
        if form.is_valid() and form.carry_out(lambda: costs.add_return_cost(request.actor, **form.values())):
            return _done(request, _("The cost is added to your table."))
    return _page(request, cost_form=form)


@seller_required
@require_POST
def remove(request: MemberRequest, pk: int) -> HttpResponse:
    costs.remove_return_cost(request.actor, cost_id=pk)
    return _done(request, _("The cost is removed from your table."))


@seller_required
@require_POST
def weights(request: MemberRequest) -> HttpResponse:
    if not may_manage(request.actor):
        raise Forbidden(_("Only an owner of the team may change this."))
    form = WeightsForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        saved = form.carry_out(
            lambda: costs.save_weights(
                request.actor, default_grams=data["default_grams"], text=data["weights"]
            )
        )
        if saved is not None:
            return _done(request, _("The weights are saved."))
    return _page(request, weights_form=form)


def _page(request: MemberRequest, **sent: Any) -> HttpResponse:
    """The page with its two forms; one that was `sent` stands there as it was, with its errors."""
    listed = list_weights(request.actor)
    form = next((form for form in sent.values() if form.is_bound), None)
    context = {
        "costs": [(cost, weight_in_words(cost.up_to_grams)) for cost in list_costs(request.actor)],
        "weights": len(listed),
        "default_weight": weight_in_words(request.seller.default_grams)
        if request.seller.default_grams
        else "",
        "may_manage": may_manage(request.actor),
        "cost_form": ReturnCostForm(initial={"currency": _usual_currency(request)}),
        "weights_form": WeightsForm(
            initial={
                "default_grams": request.seller.default_grams,
                "weights": "\n".join(f"{weight.sku}, {weight.grams}" for weight in listed),
            }
        ),
        "form": form,
        **sent,
    }
    return render(request, "seller_costs.html", context, status=422 if form else 200)


def _usual_currency(request: MemberRequest) -> str:
    """The currency of what was sold last."""
    latest = OrderItem.objects.filter(seller=request.seller).exclude(currency="").order_by("-pk")
    return latest.values_list("currency", flat=True).first() or "USD"


def _done(request: HttpRequest, sentence: str) -> HttpResponse:
    messages.success(request, sentence)
    return HttpResponseRedirect(reverse("seller-costs"), status=303)
