"""The seller's orders: find one, see what became of it, and ask for a return for its buyer."""

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from ..decorators import MemberRequest, seller_order_required, seller_required
from ..selectors.concessions import money_of_order
from ..selectors.orders import get_order, list_orders
from ..text import clean_text


class OrderSearchForm(forms.Form):
    q = forms.CharField(label=_("Order, SKU, title, buyer or e-mail"), required=False, max_length=200)

    def clean_q(self) -> str:
        return clean_text(self.cleaned_data["q"])


@seller_required
@require_safe
def orders(request: MemberRequest) -> HttpResponse:
    """The chosen seller's orders, newest first."""
    form = OrderSearchForm(request.GET)
    q = form.cleaned_data["q"] if form.is_valid() else ""
    page = list_orders(request.actor, q=q, cursor=request.GET.get("cursor", ""))
    parts = {"q": q} if q else {}
    context = {
        "form": form,
        "q": q,
        "rows": page.rows,
        "since": page.since,
        "more_url": f"?{urlencode(parts | {'cursor': page.next_cursor})}" if page.next_cursor else "",
    }
    return render(request, "seller_orders.html", context)


@seller_order_required
@require_safe
def one_order(request: MemberRequest, reference: str) -> HttpResponse:
    """One order: its lines, what was paid and given back, and its requests."""
    row = get_order(request.actor, reference)
    context = {
        "row": row,
        "given": money_of_order(row.order),
        "may_write": request.actor.may_write,
    }
    return render(request, "seller_order.html", context)
