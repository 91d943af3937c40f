"""The order never arrived: a delivery problem, not a return."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from .. import services
from ..decorators import BuyerRequest, buyer_order_required
from ..forms import ServiceForm
from ..models import OrderItem
from ..selectors.cases import NEVER_ARRIVED
from ..selectors.delivery import delivery_of
from ..services.open import AskedLine
from ..services.words import COMMENTS_MAX


class NotArrivedForm(ServiceForm):
    """Which units of an order never came; for each line `units_<id>`, at first all that can be."""

    comment = forms.CharField(
        label=gettext_lazy("Your comment"),
        required=False,
        help_text=gettext_lazy("What the tracking says, and where you have looked. The seller reads it."),
        widget=forms.Textarea(attrs={"rows": 3, "maxlength": COMMENTS_MAX}),
    )

    def __init__(self, *args: Any, lines: list[OrderItem], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What was sent is read for every line: a form that is sent twice must find its own request again.
        self.lines = [line for line in lines if line.free or f"units_{line.pk}" in self.data]
        for line in self.lines:
            self.fields[f"units_{line.pk}"] = forms.IntegerField(
                label=line.title or line.sku,
                min_value=0,
                initial=line.free,
                required=False,
                help_text=_("How many units did not arrive?"),
                widget=forms.NumberInput(attrs={"max": line.free}),
            )
            self.names = self.names | {
                f"quantity_{line.pk}": f"units_{line.pk}",
                f"comment_{line.pk}": "comment",
            }

    @property
    def units(self) -> list[Any]:
        return [self[f"units_{line.pk}"] for line in self.lines]

    def asked(self) -> list[AskedLine]:
        """The lines that were chosen. A comment belongs to a line: what is said of all goes with the first."""
        chosen = [line for line in self.lines if self.cleaned_data[f"units_{line.pk}"]]
        return [
            AskedLine(
                order_item_id=line.pk,
                quantity=self.cleaned_data[f"units_{line.pk}"],
                reason_code=NEVER_ARRIVED,
                comment=self.cleaned_data["comment"] if line is chosen[0] else "",
            )
            for line in chosen
        ]


@buyer_order_required
@require_http_methods(["GET", "HEAD", "POST"])
def not_arrived(request: BuyerRequest, reference: str) -> HttpResponse:
    """What is known of the delivery and what to check; then the seller can be told."""
    delivery = delivery_of(request.actor, reference)
    form = NotArrivedForm(request.POST or None, lines=delivery.lines)
    if request.method == "POST" and form.is_valid():
        event = form.carry_out(
            lambda: services.open_return(
                request.actor, order_reference=reference, lines=form.asked(), key=form.cleaned_data["key"]
            )
        )
        if event:
            messages.success(request, _("The seller is told, and looks into the delivery."))
            response = redirect("buyer-return", reference=event.request.reference)
            response.status_code = 303
            return response
    context = {
        "shop": delivery.order.seller.name,
        "order_number": delivery.order.order_number,
        "reference": reference,
        "delivery": delivery,
        "form": form,
        "here": request.get_full_path(),
    }
    return render(request, "buyer_not_arrived.html", context, status=422 if form.errors else 200)
