"""The forms of a seller's rules."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from .forms import ServiceForm, exact_amount
from .models.rules import RULE_NAME_MAX
from .money import to_minor
from .reports.sku_overrides import AUTOMATIC, MANUAL, SKU_MAX


class SkuFileForm(ServiceForm):
    """A file of overrides. Uploaded twice it changes nothing more: it needs no key."""

    key = None  # type: ignore[assignment]
    next = None  # type: ignore[assignment]
    file = forms.FileField(
        label=_("File with SKU overrides"),
        allow_empty_file=True,
        help_text=_("Tab separated text, at most 50,000 rows and 60 MB."),
        error_messages={"required": _("Choose a file.")},
    )


class SkuForm(ServiceForm):
    """One override. Sent twice it changes nothing more: it needs no key."""

    key = None  # type: ignore[assignment]
    next = None  # type: ignore[assignment]
    sku = forms.CharField(label="SKU", max_length=SKU_MAX)
    action = forms.ChoiceField(
        label=_("Authorize"),
        choices=[(AUTOMATIC, _("Automatically")), (MANUAL, _("By hand"))],
    )


class RuleForm(ServiceForm):
    """A returnless rule. `shown` names the values whose dry run the page shows."""

    key = None  # type: ignore[assignment]
    next = None  # type: ignore[assignment]
    names = {"least_minor": "least", "most_minor": "most"}

    shown = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)
    name = forms.CharField(
        label=_("Name"),
        max_length=RULE_NAME_MAX,
        help_text=_("Your team reads it on requests; buyers do not."),
    )
    currency = forms.CharField(
        label=_("Currency"),
        max_length=3,
        help_text=_("Three letters, for example USD or EUR."),
    )
    least = forms.DecimalField(label=_("Price from"), required=False, min_value=0, max_digits=15)
    most = forms.DecimalField(
        label=_("Price up to"),
        min_value=0,
        max_digits=15,
        help_text=_("What was paid for the units of one item that are asked back, without tax and shipping."),
    )
    categories = forms.CharField(
        label=_("Categories"),
        required=False,
        max_length=12000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("One per line, as your orders name them. Left empty: any."),
    )
    reasons = forms.MultipleChoiceField(
        label=_("Buyer's reasons"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None ticked: any. An order that never arrived is never refunded by a rule."),
    )
    is_active = forms.BooleanField(label=_("Active"), required=False)

    def __init__(self, *args: Any, reasons: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["reasons"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = reasons

    def clean_least(self) -> Decimal | None:
        return exact_amount(self.cleaned_data["least"], self.cleaned_data.get("currency", ""))

    def clean_most(self) -> Decimal | None:
        return exact_amount(self.cleaned_data["most"], self.cleaned_data.get("currency", ""))

    def values(self) -> dict[str, Any]:
        """The arguments for `seller_rules.planned_rule`."""
        data = self.cleaned_data
        currency = data["currency"]
        return {
            "name": data["name"],
            "currency": currency,
            "least_minor": to_minor(data["least"] or Decimal(0), currency),
            "most_minor": to_minor(data["most"], currency),
            "categories": data["categories"].splitlines(),
            "reasons": data["reasons"],
            "is_active": data["is_active"],
        }
