"""The admin's page on which the verdict on the items of one request is changed."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..actors import Actor
from ..exceptions import Refusal
from ..forms import ServiceForm
from ..models import ReturnRequest
from ..policy import PolicyVerdict
from ..selectors.cases import Case, get_case
from ..services import reassess
from ..services.moves import check_move
from ..services.verdicts import Judgement
from ..services.words import COMMENTS_MAX
from ..state_machine import Action
from .site import site


class ReassessForm(ServiceForm):
    """The verdict on each item, as the fields ``policy_<item>`` and ``prepaid_<item>``, and why."""

    comments = forms.CharField(
        label=gettext_lazy("Why"),
        max_length=COMMENTS_MAX,
        widget=forms.Textarea(attrs={"rows": 5, "cols": 80}),
        help_text=gettext_lazy("The seller reads it in the timeline."),
    )

    def __init__(self, *args: Any, case: Case, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.case = case
        for item in case.items:
            self.fields[f"policy_{item.pk}"] = forms.ChoiceField(
                label=gettext_lazy("Policy"), choices=PolicyVerdict.choices, initial=item.policy
            )
            self.fields[f"prepaid_{item.pk}"] = forms.BooleanField(
                label=gettext_lazy("Eligible for a prepaid return"),
                required=False,
                initial=item.prepaid_eligible,
            )

    def lines(self) -> list[dict[str, Any]]:
        """Of each item the words and the two fields."""
        return [
            {
                "title": item.order_item.title or item.order_item.sku,
                "sku": item.order_item.sku,
                "policy": self[f"policy_{item.pk}"],
                "prepaid": self[f"prepaid_{item.pk}"],
            }
            for item in self.case.items
        ]

    def judgements(self) -> dict[int, Judgement]:
        data = self.cleaned_data
        return {
            item.pk: Judgement(PolicyVerdict(data[f"policy_{item.pk}"]), data[f"prepaid_{item.pk}"])
            for item in self.case.items
        }


def reassess_view(request: HttpRequest, object_id: str) -> HttpResponse:
    """Change the verdict on the items of one request, for a reason."""
    actor = Actor.admin(request.user)
    requests = ReturnRequest.objects.for_actor(actor)
    found = get_object_or_404(requests, pk=object_id if object_id.isdecimal() else None)
    page = HttpResponseRedirect(reverse("admin:returns_returnrequest_change", args=[found.pk]), status=303)
    case = get_case(actor, found.reference)
    form = ReassessForm(request.POST or None, case=case)
    try:
        if request.method != "POST":
            check_move(case, actor, Action.REASSESS)
        elif form.is_valid() and form.carry_out(
            lambda: reassess(
                actor,
                reference=found.reference,
                judgements=form.judgements(),
                comments=form.cleaned_data["comments"],
                key=form.cleaned_data["key"],
            )
        ):
            messages.success(request, _("The verdict is changed."))
            return page
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return page
    context = {
        **site.each_context(request),
        "title": _("Reassess"),
        "opts": ReturnRequest._meta,
        "form": form,
        "return_request": found,
        "is_imported": case.is_imported,
    }
    status = 422 if form.errors else 200
    return TemplateResponse(request, "admin/reassess.html", context, status=status)
