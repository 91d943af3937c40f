"""Giving a concession on an order, with or without a return as its occasion."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from ..concession_forms import ConcessionForm
from ..decorators import MemberRequest, seller_order_required
from ..exceptions import NotFound
from ..models import MarketplaceSettings, Refund
from ..models.money import RefundState
from ..selectors.orders import OrderRow, get_order
from ..services.concessions import give_concession, percent_of, still_possible


@seller_order_required
@require_http_methods(["GET", "HEAD", "POST"])
def give(request: MemberRequest, reference: str) -> HttpResponse:
    """``?return=<reference>`` names the return request that is the occasion, to which the page then leads back."""
    row = get_order(request.actor, reference)
    occasion = request.GET.get("return", "")
    back_url = _back(row, occasion)
    percent = percent_of(request.seller, MarketplaceSettings.load())
    lines = [line for line in row.lines if still_possible(line, percent) or request.method == "POST"]
    form = ConcessionForm(request.POST or None, lines=lines, percent=percent)
    if request.method == "POST" and form.is_valid():
        given = form.carry_out(
            lambda: give_concession(
                request.actor, order_reference=reference, request_reference=occasion, **form.concession()
            )
        )
        if given:
            messages.success(request, _given_words(given))
            return HttpResponseRedirect(back_url, status=303)
    context = {
        "row": row,
        "form": form,
        "percent": percent,
        "can_give": bool(lines) and request.actor.may_write,
        "may_write": request.actor.may_write,
        "unknown": [line for line in row.lines if still_possible(line, percent) is None],
        "back_url": back_url,
    }
    return render(request, "seller_concession.html", context, status=422 if form.errors else 200)


def _given_words(given: Refund) -> str:
    if given.status == RefundState.CONFIRMED:
        return _("The concession is recorded and the buyer is told.")
    return _("The concession is handed over to the shop. The buyer is told once it is paid.")


def _back(row: OrderRow, occasion: str) -> str:
    if not occasion:
        return reverse("seller-order", args=[row.order.reference])
    if occasion not in {asked.reference for asked in row.requests}:
        raise NotFound(_("This page does not exist, or it is not yours."))
    return reverse("seller-return", args=[occasion])
