"""The forms of an offer: what the seller's side offers, and the answer to it."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from .exceptions import Invalid
from .forms import CommentsForm, ConfirmForm, WrittenForBuyer, exact_amount
from .models import OfferKind, ReturnEvent
from .money import currency_exponent, format_money, to_minor
from .selectors.cases import Case
from .selectors.seller_pages import buyer_language
from .services.offers import DAYS, MOST_DAYS, Terms, currency_of, possible_minor, why_not

WITH_AMOUNT = (OfferKind.KEEP_PARTIAL, OfferKind.CREDIT, OfferKind.DISCOUNTED_LABEL)


class OfferForm(WrittenForBuyer, CommentsForm):
    """Make an offer. The amount counts only for what needs one."""

    kind = forms.CharField(
        label=_("What you offer"),
        max_length=20,
        error_messages={"required": _("Choose what you offer.")},
    )
    amount = forms.DecimalField(label=_("Amount"), required=False, max_digits=15)
    days = forms.IntegerField(
        label=_("Days to answer"),
        initial=DAYS,
        min_value=1,
        max_value=MOST_DAYS,
        help_text=_("Between 1 and 30. The offer ends with the last of these days."),
    )

    missing = _("Choose what you offer, and an amount where it needs one, to see the message.")
    field_order = ["kind", "amount", "days", "comments"]

    def __init__(self, *args: Any, case: Case, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.case = case
        self.reader = buyer_language(case)
        self.currency = currency_of(case)
        self.refusals = {kind.value: why_not(case, kind) for kind in OfferKind}
        self.hints = {}
        if not self.refusals[OfferKind.KEEP_FULL]:
            amount = format_money(possible_minor(case) or 0, self.currency, get_language() or "en")
            self.hints[OfferKind.KEEP_FULL] = _("All that is still owed: %(amount)s.") % {"amount": amount}
        step = str(Decimal(1).scaleb(-currency_exponent(self.currency)))
        self.fields["amount"].widget = forms.NumberInput(attrs={"step": step, "min": step})
        self.fields["amount"].help_text = _("For a partial refund, a credit, or a label at a lower price.")
        self.fields["amount"].label = _("Amount (%(currency)s)") % {"currency": self.currency}
        if self["kind"].value():
            self.fields["comments"].widget.attrs["data-start"] = True
        if all(self.refusals[kind] for kind in WITH_AMOUNT):
            del self.fields["amount"]

    def clean_amount(self) -> Decimal | None:
        return exact_amount(self.cleaned_data["amount"], self.currency)

    def terms(self) -> Terms:
        """What was entered, as far as it was; what is missing or wrong is the service's to refuse."""
        data = getattr(self, "cleaned_data", {name: self[name].value() for name in self.fields})
        kind, amount, minor = data.get("kind") or "", data.get("amount"), None
        if kind in WITH_AMOUNT and isinstance(amount, Decimal):
            minor = to_minor(amount, self.currency)
        return Terms(
            kind=kind,
            amount_minor=minor,
            days=data.get("days") or DAYS,
            comments=data.get("comments") or "",
        )

    def planned(self, service: Callable[[Terms], ReturnEvent]) -> ReturnEvent | None:
        """The event that the service plans by what was entered; None while that is not enough for one."""
        if self.is_bound:
            self.is_valid()
        try:
            return service(self.terms())
        except Invalid:
            return None


class AnswerForm(ConfirmForm):
    """An answer to the offer that the page has shown, and to no other."""

    offer = forms.IntegerField(widget=forms.HiddenInput)
