"""Giving a concession on an order, with or without a return as its occasion."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from ..concession_forms import ConcessionForm
from ..decorators import MemberRequest, seller_order_required
from ..exceptions import NotFound
from ..models import MarketplaceSettings, Refund
from ..models.money import RefundState
from ..selectors.orders import OrderRow, get_order
from ..services.concessions import give_concession, percent_of, still_possible
from .seller import is_sent


@seller_order_required
@require_http_methods(["GET", "HEAD", "POST"])
def give(request: MemberRequest, reference: str) -> HttpResponse:
    """``?return=<reference>`` names the return request that is the occasion, to which the page then leads back."""
    row = get_order(request.actor, reference)
    percent = percent_of(request.seller, MarketplaceSettings.load())
    occasion = request.GET.get("return", "")
    back_url = _back(row, occasion)
    form = _form(request, row, percent)
    if is_sent(request, form):
        given = _given(request, reference, form, key=form.cleaned_data["key"])
        if given:
            messages.success(request, _given_words(given))
            return HttpResponseRedirect(back_url, status=303)
    context = {
        "row": row,
        "form": form,
        "planned": _planned(request, reference, form),
        "preview_url": _with_occasion(reverse("seller-concession-preview", args=[reference]), occasion),
        "percent": percent,
        "can_give": bool(form.lines) and request.actor.may_write,
        "may_write": request.actor.may_write,
        "unknown": [line for line in row.lines if still_possible(line, percent) is None],
        "back_url": back_url,
    }
    return render(request, "seller_concession.html", context, status=422 if form.errors else 200)


@seller_order_required
@require_POST
def give_preview(request: MemberRequest, reference: str) -> HttpResponse:
    """The message beside the form, as the form stands; a fragment for htmx."""
    row = get_order(request.actor, reference)
    form = _form(request, row, percent_of(request.seller, MarketplaceSettings.load()))
    context = {"form": form, "planned": _planned(request, reference, form), "is_fragment": True}
    return render(request, "_concession_message.html", context)


def _form(request: MemberRequest, row: OrderRow, percent: int) -> ConcessionForm:
    lines = [line for line in row.lines if still_possible(line, percent) or request.method == "POST"]
    return ConcessionForm(request.POST or None, lines=lines, percent=percent)


def _planned(request: MemberRequest, reference: str, form: ConcessionForm) -> Refund | None:
    """What the form would give as it stands; None, with errors at the fields of a form that was sent, where it
    would be refused.
    """
    return _given(request, reference, form, is_preview=True) if form.is_valid() else None


def _given(
    request: MemberRequest, reference: str, form: ConcessionForm, *, key: str = "", is_preview: bool = False
) -> Refund | None:
    return form.carry_out(
        lambda: give_concession(
            request.actor,
            order_reference=reference,
            request_reference=request.GET.get("return", ""),
            key=key,
            is_preview=is_preview,
            **form.concession(),
        )
    )


def _given_words(given: Refund) -> str:
    if given.status == RefundState.CONFIRMED:
        return _("The concession is recorded and the buyer is told.")
    return _("The concession is handed over to the shop. The buyer is told once it is paid.")


def _with_occasion(url: str, occasion: str) -> str:
    return f"{url}?{urlencode({'return': occasion})}" if occasion else url


def _back(row: OrderRow, occasion: str) -> str:
    if not occasion:
        return reverse("seller-order", args=[row.order.reference])
    if occasion not in {asked.reference for asked in row.requests}:
        raise NotFound(_("This page does not exist, or it is not yours."))
    return reverse("seller-return", args=[occasion])
