"""The forms of an authorization and of the label that may follow it."""

from decimal import Decimal
from typing import Any

from django import forms
from django.core import signing
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .carriers import KNOWN
from .exceptions import SomebodyElseWasFirst, TransitionNotAllowed
from .forms import ServiceForm, country_choices, exact_amount
from .models import LabelKind, Seller
from .money import currency_exponent, to_minor
from .selectors.cases import Case
from .services.decide import INSTRUCTIONS_MAX, RMA_MAX, Authorization, TypedAddress
from .services.labels import CONTENT_TYPES, Label, keep_label_file
from .services.stored_files import FORGOTTEN_AFTER
from .state_machine import Status

NEW = "new"
PROMISED = "promised"
NEW_FIELDS = ("name", "lines", "city", "region", "postal_code", "country")


class LabelForm(ServiceForm):
    """The seller's own label. A file that came with a form that is shown again is kept, by a signed token."""

    label_file = forms.FileField(
        label=gettext_lazy("File of the label"),
        required=False,
        help_text=gettext_lazy("PDF, PNG or JPEG, at most 5 MB."),
        widget=forms.FileInput(attrs={"accept": ",".join([*CONTENT_TYPES, ".jpeg"])}),
    )
    carrier = forms.CharField(
        label=gettext_lazy("Carrier"),
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"list": "carriers", "autocomplete": "off"}),
    )
    tracking_number = forms.CharField(
        label=gettext_lazy("Tracking number"),
        required=False,
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    cost = forms.DecimalField(required=False, min_value=0, max_digits=15)
    kept_file = forms.CharField(required=False, max_length=500, widget=forms.HiddenInput)

    names = {"file": "label_file"}
    carriers = KNOWN

    def __init__(self, *args: Any, case: Case, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.case = case
        self.currency = case.items[0].order_item.currency or "USD"
        self.kept: dict[str, str] = {}
        cost = self.fields["cost"]
        cost.label = _("Cost of the label in %(currency)s") % {"currency": self.currency}
        cost.help_text = _("For your own accounts: the buyer does not see it.")
        cost.widget.attrs["step"] = str(Decimal(1).scaleb(-currency_exponent(self.currency)))

    def clean_cost(self) -> Any:
        return exact_amount(self.cleaned_data["cost"], self.currency)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if self.is_own():
            self._keep_file()
        return data

    def is_own(self) -> bool:
        return True

    def label(self) -> Label:
        """The label as far as it is entered."""
        data = self.cleaned_data if self.is_bound else {}
        cost = data.get("cost")
        return Label(
            kind=LabelKind.OWN,
            file=self.kept.get("file", ""),
            carrier=data.get("carrier", ""),
            tracking_number=data.get("tracking_number", ""),
            cost_minor=None if cost is None else to_minor(cost, self.currency),
            currency=self.currency,
        )

    def kept_token(self) -> str:
        """What brings the kept file along with the next sending."""
        return signing.dumps(self.kept, salt=self._salt()) if self.kept else ""

    def _salt(self) -> str:
        return f"label of {self.case.request.reference}"

    def _keep_file(self) -> None:
        upload = self.cleaned_data.get("label_file")
        if upload is not None:
            name = self.carry_out(lambda: keep_label_file(upload))
            self.kept = {"file": name, "name": upload.name[-100:]} if name else {}
        elif "label_file" not in self.errors:
            try:
                self.kept = signing.loads(
                    self.cleaned_data.get("kept_file", ""), salt=self._salt(), max_age=FORGOTTEN_AFTER // 2
                )
            except signing.BadSignature:
                self.kept = {}


class AuthorizeForm(LabelForm):
    """Authorize one request: where to, under which number, with which label and instructions."""

    address = forms.ChoiceField(
        label=gettext_lazy("Return address"), required=False, choices=(), widget=forms.RadioSelect
    )
    new_name = forms.CharField(label=gettext_lazy("Name"), required=False, max_length=100)
    new_lines = forms.CharField(
        label=gettext_lazy("Street and number"),
        required=False,
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2, "maxlength": 300}),
    )
    new_city = forms.CharField(label=gettext_lazy("City"), required=False, max_length=100)
    new_region = forms.CharField(label=gettext_lazy("Region"), required=False, max_length=100)
    new_postal_code = forms.CharField(label=gettext_lazy("Postal code"), required=False, max_length=20)
    new_country = forms.ChoiceField(label=gettext_lazy("Country"), required=False, choices=country_choices)
    save_address = forms.BooleanField(label=gettext_lazy("Save to the return addresses"), required=False)
    merchant_rma = forms.CharField(
        label=gettext_lazy("Your own RMA number"),
        required=False,
        max_length=RMA_MAX,
        help_text=gettext_lazy("The buyer sees it beside the number of this request."),
    )
    label_kind = forms.ChoiceField(
        label=gettext_lazy("Return label"),
        required=False,
        choices=[
            ("", gettext_lazy("No label: the buyer sends it as the instructions say")),
            (LabelKind.UNPAID.value, gettext_lazy("Unpaid label: the buyer buys one")),
            (LabelKind.OWN.value, gettext_lazy("Your own label: choose its file now")),
            (PROMISED, gettext_lazy("Your own label: you provide it later")),
        ],
        widget=forms.RadioSelect,
    )
    instructions = forms.CharField(
        label=gettext_lazy("Instructions for the buyer"),
        required=False,
        max_length=INSTRUCTIONS_MAX,
        widget=forms.Textarea(attrs={"rows": 4, "maxlength": INSTRUCTIONS_MAX}),
    )
    save_instructions = forms.BooleanField(label=gettext_lazy("Save as my default"), required=False)

    names = {**LabelForm.names, "return_address": "address", "label": "label_kind"}
    field_order = [
        "address",
        *(f"new_{name}" for name in NEW_FIELDS),
        "save_address",
        "merchant_rma",
        "label_kind",
        "label_file",
        "carrier",
        "tracking_number",
        "cost",
        "instructions",
        "save_instructions",
    ]

    def __init__(self, *args: Any, case: Case, may_save: bool, **kwargs: Any) -> None:
        request = case.request
        country = request.order.country
        saved = sorted(case.return_addresses, key=lambda address: address.country != country)
        has_near = any(address.country == country for address in saved)
        needs_none = request.prepaid_eligible or case.is_imported or request.is_timely_withdrawal
        choices = [(str(address.pk), str(address)) for address in saved] + [
            (NEW, _("Another address, typed here"))
        ]
        if needs_none and not has_near:
            choices.insert(0, ("", _("No address")))
        first = choices[0][0] if has_near or needs_none else NEW
        initial = {
            "address": first,
            "new_country": country,
            "new_name": case.seller.name,
            "merchant_rma": request.merchant_rma,
            "instructions": case.seller.instructions,
            "label_kind": "",
            **kwargs.pop("initial", {}),
        }
        super().__init__(*args, case=case, initial=initial, **kwargs)
        address = self.fields["address"]
        assert isinstance(address, forms.ChoiceField)
        address.choices = choices
        self.needs_own_number = case.seller.rma_numbers == Seller.RmaNumbers.OWN
        if request.prepaid_eligible:
            for name in ("label_kind", "label_file", "carrier", "tracking_number", "cost", "kept_file"):
                del self.fields[name]
        if not may_save:
            del self.fields["save_address"], self.fields["save_instructions"]

    def is_own(self) -> bool:
        return self.cleaned_data.get("label_kind") == LabelKind.OWN

    def carry_out(self, service: Any) -> Any:
        """As for every form; a way back that is missing is an error of the address, so that nothing is lost."""
        try:
            return super().carry_out(service)
        except SomebodyElseWasFirst:
            raise
        except TransitionNotAllowed as refusal:
            if self.case.request.status != Status.AUTHORIZATION_REQUIRED:
                raise
            self.add_error("address", str(refusal))
            return None

    def authorization(self) -> Authorization:
        """What is entered, as far as it is valid; before anything is sent, what the form proposes."""
        data = self.cleaned_data if self.is_bound else {name: self[name].value() for name in self.fields}
        address, kind = data.get("address") or "", data.get("label_kind") or ""
        label = None
        if kind == LabelKind.OWN:
            label = self.label()
        elif kind == LabelKind.UNPAID:
            label = Label(kind=LabelKind.UNPAID)
        is_new = address == NEW
        return Authorization(
            return_address_id=int(address) if address.isdecimal() else None,
            typed_address=TypedAddress(**{name: data.get(f"new_{name}") or "" for name in NEW_FIELDS})
            if is_new
            else None,
            saves_address=is_new and bool(data.get("save_address")),
            instructions=data.get("instructions") or "",
            saves_instructions=bool(data.get("save_instructions")),
            merchant_rma=data.get("merchant_rma") or "",
            label=label,
            promises_label=kind == PROMISED,
        )
