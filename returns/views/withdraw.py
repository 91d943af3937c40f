"""The buyer withdraws from the contract: chooses from what, and confirms. No reason is asked for.

What a buyer declared elsewhere, a member or an admin records in the same two steps.
"""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from .. import services
from ..asking_forms import ChooseForm, DeclaredForm, day_of
from ..decorators import BuyerRequest, MemberRequest, buyer_order_required, seller_order_required
from ..exceptions import Forbidden
from ..forms import ConfirmForm
from ..models import MarketplaceSettings, Order
from ..models.clock import database_now
from ..selectors.asking import get_order, list_lines
from ..selectors.withdrawing import WithdrawalRight, right_of
from ..services.moves import units_left
from ..services.withdraw import WithdrawnLine, check_declared


@buyer_order_required
@require_http_methods(["GET", "HEAD", "POST"])
def choose(request: BuyerRequest, reference: str) -> HttpResponse:
    """From which items and how many units: all that are left, unless the buyer takes some out."""
    order = get_order(request.actor, reference)
    right = right_of(order)
    chosen = _chosen(request.GET, right) or {line.pk: line.free for line in right.lines}
    form = ChooseForm(request.POST if request.method == "POST" else None, lines=right.lines, chosen=chosen)
    if request.method == "POST" and right.lines and _is_possible(form, right):
        query = QueryDict(mutable=True)
        query.update({f"quantity_{pk}": str(units) for pk, units in form.quantities().items() if units})
        return _see(f"{reverse('buyer-withdraw-confirm', args=[reference])}?{query.urlencode()}")
    return _page(request, "withdraw_choose.html", order, {"form": form, "right": right})


@buyer_order_required
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: BuyerRequest, reference: str) -> HttpResponse:
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
        "is_prepaid": right.is_prepaid(chosen),
        "items": [(line, chosen[line.pk]) for line in right.lines if line.pk in chosen],
        "back_query": said.urlencode() if request.method != "POST" else "",
    }
    return _page(request, "withdraw_confirm.html", order, context)


@seller_order_required
@require_http_methods(["GET", "HEAD", "POST"])
def record(request: MemberRequest, reference: str) -> HttpResponse:
    """From what the buyer has withdrawn, and on which day."""
    order = _order_to_record(request, reference)
    lines, right = list_lines(order), right_of(order)
    chosen = {line.pk: line.free for line in lines if line.title not in right.exempt}
    form = DeclaredForm(request.POST if request.method == "POST" else None, lines=lines, chosen=chosen)
    if request.method == "POST" and form.is_valid():
        day = form.cleaned_data["declared_date"]
        right = right_of(order, day)
        form.carry_out(lambda: check_declared(order, MarketplaceSettings.load(), day, database_now()))
        if not form.errors and right.why_not:
            form.add_error("declared_date", _("%(reason)s.") % {"reason": right.why_not})
        elif _is_possible(form, right):
            query = QueryDict(mutable=True)
            query["declared_date"] = day.isoformat()
            query.update({f"quantity_{pk}": str(units) for pk, units in form.quantities().items() if units})
            return _see(f"{reverse('seller-withdraw-confirm', args=[reference])}?{query.urlencode()}")
    return _page(request, "seller_withdraw.html", order, {"form": form, "right": right})


@seller_order_required
@require_http_methods(["GET", "HEAD", "POST"])
def record_confirm(request: MemberRequest, reference: str) -> HttpResponse:
    """What will be recorded, and what follows; confirming it records it."""
    order = _order_to_record(request, reference)
    said = request.POST if request.method == "POST" else request.GET
    day = day_of(said.get("declared_date", ""))
    right = right_of(order, day)
    chosen = _chosen(said, right)
    form = ConfirmForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        lines = [
            WithdrawnLine(order_item_id=pk, quantity=units) for pk, units in _wanted(request.POST).items()
        ]
        event = form.carry_out(
            lambda: services.withdraw(
                request.actor,
                order_reference=reference,
                lines=lines,
                declared_date=day,
                key=form.cleaned_data["key"],
            )
        )
        if event:
            messages.success(
                request, _("The withdrawal is recorded, the return is authorized, and the buyer is told.")
            )
            return _see(reverse("seller-return", args=[event.request.reference]))
    elif not chosen or day is None:
        return _see(reverse("seller-withdraw", args=[reference]))
    context = {
        "form": form,
        "right": right,
        "is_prepaid": right.is_prepaid(chosen),
        "declared_date": day,
        "items": [(line, chosen[line.pk]) for line in right.lines if line.pk in chosen],
    }
    return _page(request, "seller_withdraw_confirm.html", order, context)


def _order_to_record(request: MemberRequest, reference: str) -> Order:
    """The order; a viewer may not even begin."""
    if not request.actor.may_write:
        raise Forbidden(_("You may look at everything here, but not decide. Ask an owner of the team."))
    return get_order(request.actor, reference)


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
    possible = {line.pk for line in right.lines}
    for line in form.lines:
        if quantities[line.pk] and line.free and line.pk not in possible:
            form.add_error(f"quantity_{line.pk}", _("The law has no right of withdrawal for this item."))
        elif not 0 <= quantities[line.pk] <= line.free:
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
