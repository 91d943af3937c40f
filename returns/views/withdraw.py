"""The buyer withdraws from the contract: chooses from what, and confirms. No reason is asked for."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from .. import services
from ..asking_forms import ChooseForm
from ..decorators import buyer_order_required
from ..forms import ConfirmForm
from ..models import Order
from ..selectors.asking import get_order
from ..selectors.withdrawing import WithdrawalRight, right_of
from ..services.moves import units_left
from ..services.withdraw import WithdrawnLine


@buyer_order_required
@require_http_methods(["GET", "HEAD", "POST"])
def choose(request: HttpRequest, reference: str) -> HttpResponse:
    """From which items and how many units: all that are left, unless the buyer takes some out."""
    order = get_order(request.actor, reference)
    right = right_of(order)
    chosen = _chosen(request.GET, right) or {line.pk: line.free for line in right.lines}
    form = ChooseForm(request.POST if request.method == "POST" else None, lines=right.lines, chosen=chosen)
    if request.method == "POST" and right.lines and _is_possible(form, right):
        query = QueryDict(mutable=True)
        query.update({f"quantity_{pk}": units for pk, units in form.quantities().items() if units})
        return _see(f"{reverse('buyer-withdraw-confirm', args=[reference])}?{query.urlencode()}")
    return _page(request, "withdraw_choose.html", order, {"form": form, "right": right})


@buyer_order_required
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, reference: str) -> HttpResponse:
    """The declaration as it will be made; confirming it is the declaration."""
    order = get_order(request.actor, reference)
    right = right_of(order)
    said = request.POST if request.method == "POST" else request.GET
    chosen = _chosen(said, right)
    form = ConfirmForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        lines = [
            WithdrawnLine(order_item_id=pk, quantity=units) for pk, units in _wanted(request.POST).items()
        ]
        event = form.carry_out(
            lambda: services.withdraw(
                request.actor, order_reference=reference, lines=lines, key=form.cleaned_data["key"]
            )
        )
        if event:
            messages.success(
                request, _("You have withdrawn from the contract. The receipt goes to your e-mail address.")
            )
            return _see(reverse("buyer-return", args=[event.request.reference]))
    elif not chosen:
        return _see(reverse("buyer-withdraw", args=[reference]))
    context = {
        "form": form,
        "right": right,
        "items": [(line, chosen[line.pk]) for line in right.lines if line.pk in chosen],
        "back_query": said.urlencode() if request.method != "POST" else "",
    }
    return _page(request, "withdraw_confirm.html", order, context)


def _wanted(said: QueryDict) -> dict[int, int]:
    """Units by the order line's id, as the browser says."""
    wanted = {}
    for name, value in said.items():
        pk, units = name.removeprefix("quantity_"), str(value)
        if name.startswith("quantity_") and _is_number(pk) and _is_number(units):
            wanted[int(pk)] = int(units)
    return wanted


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _chosen(said: QueryDict, right: WithdrawalRight) -> dict[int, int]:
    """What of it the buyer may still withdraw from."""
    free = {line.pk: line.free for line in right.lines}
    return {pk: units for pk, units in _wanted(said).items() if 0 < units <= free.get(pk, 0)}


def _is_possible(form: ChooseForm, right: WithdrawalRight) -> bool:
    if not form.is_valid():
        return False
    quantities = form.quantities()
    for line in right.lines:
        if not 0 <= quantities[line.pk] <= line.free:
            form.add_error(f"quantity_{line.pk}", str(units_left(line.free, line.quantity)))
    if not form.errors and not any(quantities.values()):
        form.add_error(None, _("Choose at least one item."))
    return not form.errors


def _see(url: str) -> HttpResponse:
    response = HttpResponseRedirect(url)
    response.status_code = 303
    return response


def _page(request: HttpRequest, template: str, order: Order, context: dict[str, Any]) -> HttpResponse:
    form = context["form"]
    context = {
        "shop": order.seller.name,
        "buyer_name": order.buyer.name,
        "order_number": order.order_number,
        "ordered_at": order.ordered_at,
        "reference": order.reference,
        "here": request.get_full_path(),
        **context,
    }
    return render(request, template, context, status=422 if form.is_bound and form.errors else 200)
