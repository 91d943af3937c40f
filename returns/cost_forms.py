"""The forms of a seller's table of return costs."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from .advice import Zone
from .forms import ServiceForm, exact_amount
from .money import to_minor


class ReturnCostForm(ServiceForm):
    """One row of the table. Sent twice, the second is refused as there already: it needs no key."""

    key = None  # type: ignore[assignment]
    next = None  # type: ignore[assignment]
    names = {"amount_minor": "amount"}

    zone = forms.ChoiceField(label=_("Zone"), choices=Zone)
    up_to_grams = forms.IntegerField(
        label=_("Up to (grams)"),
        min_value=1,
        help_text=_("2000 for parcels of at most 2 kg. Each row begins where the next lighter one ends."),
    )
    currency = forms.CharField(
        label=_("Currency"), max_length=3, help_text=_("Three letters, for example USD or EUR.")
    )
    amount = forms.DecimalField(label=_("Cost"), min_value=0, max_digits=15)

    def clean_amount(self) -> Decimal | None:
        return exact_amount(self.cleaned_data["amount"], self.cleaned_data.get("currency", ""))

    def values(self) -> dict[str, Any]:
        """The arguments for `services.costs.add_return_cost`."""
        data = self.cleaned_data
        return {
            "zone": data["zone"],
            "up_to_grams": data["up_to_grams"],
            "currency": data["currency"],
            "amount_minor": to_minor(data["amount"], data["currency"]),
        }


class WeightsForm(ServiceForm):
    """What products weigh, all of them. Sent twice it changes nothing more: it needs no key."""

    key = None  # type: ignore[assignment]
    next = None  # type: ignore[assignment]
    default_grams = forms.IntegerField(
        label=_("All other products (grams)"),
        required=False,
        min_value=1,
        help_text=_("Left empty: of a product that is not listed nothing is advised by the table."),
    )
    weights = forms.CharField(
        label=_("Products"),
        required=False,
        max_length=300_000,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
        help_text=_(
            "One per line: the SKU and the grams of one packed unit, as copied from a spreadsheet or with a comma: "
            "10-2040, 1850. At most 2,000 lines; what stands here replaces what was there."
        ),
    )
