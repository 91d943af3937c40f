"""The form with which a concession is given."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from .forms import AMOUNT_UP_TO, ANY_AMOUNT, ServiceForm, amount_errors, exact_amount
from .models import OrderItem
from .models.money import RefundPart
from .money import format_money, to_minor
from .services.concessions import MEMO_MAX, NOTE_MAX, still_possible


class ConcessionForm(ServiceForm):
    """Money for one line of an order. Lines for which nothing can be given are named by the page, not offered."""

    names = {"line_id": "line", "amount_minor": "amount"}

    line = forms.TypedChoiceField(
        label=_("Item"),
        coerce=int,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose an item.")},
    )
    part = forms.ChoiceField(
        label=_("What it is for"),
        choices=[(part.value, part.label) for part in (RefundPart.GOODWILL, RefundPart.RETURN_SHIPPING)],
        widget=forms.RadioSelect,
        initial=RefundPart.GOODWILL,
    )
    amount = forms.DecimalField(label=_("Amount"), min_value=0, max_digits=15)
    memo = forms.CharField(
        label=_("Memo to the buyer"),
        required=False,
        max_length=MEMO_MAX,
        widget=forms.Textarea(attrs={"rows": 3, "maxlength": MEMO_MAX}),
        help_text=_("The buyer reads it in the e-mail and on the page of the order or return."),
    )
    note = forms.CharField(
        label=_("Note to yourself"),
        required=False,
        max_length=NOTE_MAX,
        help_text=_("Only your team reads it, never the buyer."),
    )

    def __init__(self, *args: Any, lines: list[OrderItem], percent: int, **kwargs: Any) -> None:
        self.lines = lines
        self.currencies = {line.pk: line.currency for line in lines}
        super().__init__(*args, **kwargs)
        field = self.fields["line"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(line.pk, _choice(line, percent)) for line in lines]
        if len(lines) == 1:
            self.initial.setdefault("line", lines[0].pk)
        if len(set(self.currencies.values())) == 1:
            self.fields["amount"].label = _("Amount (%(currency)s)") % {"currency": lines[0].currency}
        self.wrong_amount = self._wrong_amount(percent)
        self.fields["amount"].error_messages |= amount_errors(self.wrong_amount)

    def _wrong_amount(self, percent: int) -> Any:
        """What can be entered, for the item that is chosen."""
        for line in self.lines:
            most = still_possible(line, percent)
            if most and str(line.pk) == str(self["line"].value()):
                amount = format_money(most, line.currency, get_language() or "en")
                return AMOUNT_UP_TO % {"amount": amount}
        return ANY_AMOUNT

    def clean_amount(self) -> Decimal | None:
        currency = self.currencies.get(self.cleaned_data.get("line") or 0, "")
        return exact_amount(self.cleaned_data["amount"], currency, self.wrong_amount)

    def concession(self) -> dict[str, Any]:
        """The arguments for `services.concessions.give_concession`, but for the key."""
        data = self.cleaned_data
        return {
            "line_id": data["line"],
            "part": data["part"],
            "amount_minor": to_minor(data["amount"], self.currencies[data["line"]]),
            "memo": data["memo"],
            "note": data["note"],
        }


def _choice(line: OrderItem, percent: int) -> Any:
    possible = format_money(still_possible(line, percent) or 0, line.currency, get_language() or "en")
    words = {"title": line.title or line.sku, "amount": possible}
    return _("%(title)s: up to %(amount)s") % words
