"""Split a request: units that shall be decided differently become a request of their own."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from .. import services
from ..actors import Actor
from ..decorators import CaseRequest, seller_required
from ..forms import ServiceForm
from ..selectors.cases import Case
from ..selectors.seller_pages import item_details
from ..state_machine import Action
from .seller import case_for, decision_page, done, initial_of, is_sent


class SplitForm(ServiceForm):
    """How many units of each item go, as the fields ``units_<item>``."""

    def __init__(self, *args: Any, case: Case, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.items = case.items
        for item in case.items:
            self.fields[f"units_{item.pk}"] = forms.IntegerField(
                label=gettext_lazy("Units for the new request"),
                min_value=0,
                max_value=item.quantity,
                initial=0,
            )

    def units(self) -> dict[int, int]:
        return {item.pk: self.cleaned_data[f"units_{item.pk}"] for item in self.items}


@seller_required
@require_http_methods(["GET", "HEAD", "POST"])
def split(request: CaseRequest, reference: str) -> HttpResponse:
    actor: Actor = request.actor
    case = case_for(request, Action.SPLIT)
    form = SplitForm(request.POST or None, case=case, initial=initial_of(request))
    if is_sent(request, form):
        event = form.carry_out(
            lambda: services.split_return(
                actor, reference=reference, units=form.units(), key=form.cleaned_data["key"]
            )
        )
        if event:
            sentence = _("Request %(rma)s is split off. Now decide about each.")
            return done(
                request,
                sentence % {"rma": event.facts["split_into"]["rma_number"]},
                otherwise=reverse("seller-return", args=[reference]),
            )
    details = zip(item_details(case, {}), case.items, strict=True)
    context = {"lines": [(shown, form[f"units_{item.pk}"]) for shown, item in details]}
    return decision_page(request, "seller_split.html", case, form, context)
