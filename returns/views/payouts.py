"""Refunds that are not paid yet, or could not be: the list, and what can be done about each."""

from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from .. import services
from ..decorators import MemberRequest, seller_payout_required, seller_required
from ..exceptions import Invalid
from ..forms import DateInput, ServiceForm
from ..models import Payout
from ..models.clock import database_now
from ..models.payouts import PayoutState
from ..selectors.payouts import get_payout, list_payouts


@dataclass(frozen=True, slots=True)
class Tab:
    label: str
    url: str
    is_current: bool


class PaidForm(ServiceForm):
    """The day on which somebody paid it."""

    names = {"paid_date": "paid_on"}

    paid_on = forms.DateField(label=gettext_lazy("Day of the refund"), widget=DateInput())


@seller_required
@require_safe
def payouts(request: MemberRequest) -> HttpResponse:
    """The chosen seller's pay-outs, by their state: first what is to be paid."""
    wanted = request.GET.get("status", "")
    status = PayoutState(wanted) if wanted in PayoutState.values else PayoutState.REQUESTED
    page = list_payouts(request.actor, status, request.GET.get("cursor", ""))
    context = {
        "status": status.value,
        "tabs": [Tab(str(one.label), f"?status={one.value}", one == status) for one in PayoutState],
        "rows": page.rows,
        "more_url": f"?{urlencode({'status': status.value, 'cursor': page.next_cursor})}"
        if page.next_cursor
        else "",
    }
    return render(request, "seller_payouts.html", context)


@seller_payout_required
@require_http_methods(["GET", "HEAD", "POST"])
def payout(request: MemberRequest, reference: str) -> HttpResponse:
    """One pay-out, and a form for each thing that can be done about it."""
    row = get_payout(request.actor, reference)
    form = PaidForm(request.POST or None, initial={"paid_on": database_now().date()})
    if row.payout.is_credit:
        form.fields["paid_on"].label = gettext_lazy("Day of the credit")
    if request.method == "POST":
        sentence = _carry_out(request, row.payout, form)
        if sentence:
            messages.success(request, sentence)
            return HttpResponseRedirect(reverse("seller-payouts"), status=303)
    context = {"row": row, "form": form}
    return render(request, "seller_payout.html", context, status=422 if form.errors else 200)


def _carry_out(request: MemberRequest, payout: Payout, form: PaidForm) -> str:
    """Do what the form asks for; answers what is said then, or "" where the form is to be shown again."""
    reference, is_credit = payout.reference, payout.is_credit
    match request.POST.get("act"):
        case "retry":
            services.retry_payout(request.actor, payout=reference)
            if is_credit:
                return _("The credit is handed over again.")
            return _("The refund is handed over again.")
        case "give_up":
            services.give_up_payout(request.actor, payout=reference)
            return _("The pay-out is given up: the amount can be refunded anew.")
        case "paid":
            paid = form.is_valid() and form.carry_out(
                lambda: services.record_payout(
                    request.actor, payout=reference, paid_date=form.cleaned_data["paid_on"]
                )
            )
            if paid and is_credit:
                return _("The credit counts as given and the buyer is told.")
            return _("The refund counts as paid and the buyer is told.") if paid else ""
        case _:
            raise Invalid(_("This form cannot be read. Open the page again."))
