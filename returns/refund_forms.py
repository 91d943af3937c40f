"""The form of a refund: what of each line goes back, what is kept and why, and the words that go with it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from django import forms
from django.core import signing
from django.http import QueryDict
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from .exceptions import Invalid
from .fees import MOST_PERCENT, percent_of
from .forms import AMOUNT_UP_TO, ANY_AMOUNT, DateInput, ServiceForm, amount_errors
from .message_forms import PhotosField, PhotosInput
from .models import ReturnItem
from .models.money import PAID_PARTS, RefundPart
from .money import currency_exponent, format_money, to_decimal, to_minor
from .payouts import get_backend
from .selectors.cases import Case
from .selectors.refunds import PromiseState, fee_finding, spread
from .services.money import MEMO_MAX, NOTE_MAX, still_possible
from .services.photos import ACCEPTED, MOST_PHOTOS, PhotoFile, keep_photo_files
from .services.settling import CAN_SETTLE
from .services.stored_files import FORGOTTEN_AFTER

PERCENT, AMOUNT = "percent", "amount"


class RefundForm(ServiceForm):
    """Fields ``amount_<item>_<part>`` in the line's currency, ``fee_<item>`` with ``fee_unit_<item>`` where a fee may
    be kept, and ``final_<item>``. Photos that came with a form that is shown again are kept, by a signed token.
    """

    names = {"refunded_date": "refunded_on", "file": "photos"}

    refunded_on = forms.DateField(label=gettext_lazy("Day of the refund"), widget=DateInput())
    photos = PhotosField(
        label=gettext_lazy("Photos of what came back"),
        required=False,
        help_text=gettext_lazy(
            "The buyer sees them. Up to 6, JPEG, PNG or WebP, at most 8 MB each. A fee of 20 % or more needs one."
        ),
        widget=PhotosInput(attrs={"accept": ACCEPTED}),
    )
    kept_photos = forms.CharField(required=False, max_length=20000, widget=forms.HiddenInput)
    memo = forms.CharField(
        label=gettext_lazy("Memo to the buyer"),
        required=False,
        max_length=MEMO_MAX,
        widget=forms.Textarea(attrs={"rows": 3, "maxlength": MEMO_MAX}),
        help_text=gettext_lazy("It stands in the mail and on the buyer's page."),
    )
    note = forms.CharField(
        label=gettext_lazy("Note to yourself"),
        required=False,
        max_length=NOTE_MAX,
        help_text=gettext_lazy("Only your team reads it, never the buyer."),
    )

    def __init__(self, *args: Any, case: Case, promise: PromiseState | None = None, **kwargs: Any) -> None:
        """`promise`: what the closing promised; the form then begins with what is left of it."""
        initial = {"refunded_on": case.today, **kwargs.pop("initial", {})}
        super().__init__(*args, initial=initial, **kwargs)
        if get_backend().pays_by_itself:
            # The day is the shop's to say; the page's own makes a form that is sent twice the same form.
            self.fields["refunded_on"].widget = forms.HiddenInput()
        self.case = case
        self.kept: list[PhotoFile] = []
        self.places: dict[str, tuple[int, str, str]] = {}
        self.findings = {item.pk: fee_finding(case, item) for item in case.items}
        proposed = spread(case, promise.left_minor, promise.currency) if promise else owed_by_place(case)
        for item in case.items:
            for part in PAID_PARTS:
                self._add_amount(item, part, proposed.get((item.pk, part.value)))
            # As for an amount: sent twice, the first has perhaps completed the request.
            if case.request.status in CAN_SETTLE or {f"fee_{item.pk}", f"final_{item.pk}"} & self.data.keys():
                self._add_ending(item)
        if not any(reason for reason, _sentence in self.findings.values()):
            del self.fields["photos"], self.fields["kept_photos"]
        last = ("photos", "refunded_on", "memo", "note")
        self.order_fields([*(name for name in self.fields if name not in last), *last])

    def _add_amount(self, item: ReturnItem, part: RefundPart, proposed: int | None) -> None:
        line = item.order_item
        currency = line.currency or "USD"
        left = still_possible(line, part)
        name = f"amount_{item.pk}_{part.value}"
        is_settled = item.kept_minor is not None and part != RefundPart.SHIPPING
        is_offered = not is_settled and left != 0 and (left is not None or part == RefundPart.ITEM)
        # What was sent is read, too: sent twice, the first has perhaps left nothing.
        if not is_offered and name not in self.data:
            return
        self.places[name] = (item.pk, part.value, currency)
        self.fields[name] = forms.DecimalField(
            label=part.label,
            required=False,
            min_value=0,
            max_digits=15,
            decimal_places=currency_exponent(currency),
            initial=to_decimal(proposed, currency) if proposed else None,
            error_messages=amount_errors(self._wrong_amount(left, currency)),
            widget=forms.NumberInput(attrs={"step": str(Decimal(1).scaleb(-currency_exponent(currency)))}),
        )

    @staticmethod
    def _wrong_amount(left: int | None, currency: str) -> Any:
        if left is None:
            return ANY_AMOUNT
        return _("Enter an amount from 0 to %(amount)s, with at most the usual decimals of its currency.") % {
            "amount": format_money(left, currency, get_language() or "en")
        }

    def _add_ending(self, item: ReturnItem) -> None:
        reason, _sentence = self.findings[item.pk]
        if reason is not None:
            self.fields[f"fee_{item.pk}"] = forms.DecimalField(
                label=_("Restocking fee"),
                required=False,
                min_value=0,
                max_digits=15,
                error_messages=amount_errors(self._wrong_fee(item)),
                widget=forms.NumberInput(attrs={"step": "any"}),
            )
            self.fields[f"fee_unit_{item.pk}"] = forms.ChoiceField(
                label=_("Unit of the fee"),
                required=False,
                choices=[(PERCENT, "%"), (AMOUNT, item.order_item.currency or "USD")],
            )
        self.fields[f"final_{item.pk}"] = forms.BooleanField(
            label=_("Partial refund: nothing more is refunded for this item"), required=False
        )

    def _wrong_fee(self, item: ReturnItem) -> Any:
        """What can be entered, in the unit that is chosen."""
        if self.data.get(f"fee_unit_{item.pk}") != AMOUNT:
            return _("Enter a whole percentage from 1 to 50.")
        paid = self.case.moneys[item.pk].paid["item"]
        if paid is None:
            return ANY_AMOUNT
        most = format_money(
            percent_of(paid, MOST_PERCENT), item.order_item.currency or "USD", get_language() or "en"
        )
        return AMOUNT_UP_TO % {"amount": most}

    def carry_out(self, service: Callable[[], Any]) -> Any:
        """As for every form; what one that was not sent proposes in vain is no error."""
        if self.is_bound:
            return super().carry_out(service)
        try:
            return service()
        except Invalid:
            return None

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        self.fees = self._fees()
        if "photos" in self.fields:
            self._keep_photos()
        return data

    def _fees(self) -> dict[int, int]:
        """The fees in minor units, by item id; an error where one is no whole percentage or no amount."""
        fees = {}
        for item in self.case.items:
            name = f"fee_{item.pk}"
            typed = self.cleaned_data.get(name)
            if not typed:
                continue
            currency = item.order_item.currency or "USD"
            try:
                if self.cleaned_data.get(f"fee_unit_{item.pk}") == AMOUNT:
                    fees[item.pk] = to_minor(typed, currency)
                elif typed != int(typed) or typed > MOST_PERCENT:
                    self.add_error(name, self._wrong_fee(item))
                else:
                    fees[item.pk] = percent_of(self._base(item), int(typed))
            except (ValueError, OverflowError):
                self.add_error(name, self._wrong_fee(item))
        return fees

    def _base(self, item: ReturnItem) -> int:
        """What a percentage is of: the price paid, else the amount that is entered for the item."""
        paid = self.case.moneys[item.pk].paid["item"]
        return self._typed().get((item.pk, RefundPart.ITEM.value), 0) if paid is None else paid

    def _typed(self) -> dict[tuple[int, str], int]:
        """The amounts as they stand in the fields, before a fee is kept of them."""
        return {
            (item_id, part): to_minor(typed, currency)
            for name, (item_id, part, currency) in self.places.items()
            if (typed := self.cleaned_data.get(name) if self.is_bound else self[name].value())
        }

    def refund(self) -> dict[str, Any]:
        """The arguments for `services.record_refund`, as far as they are entered; else what the form proposes."""
        data = self.cleaned_data if self.is_bound else {}
        amounts, fees = self._typed(), self.fees if self.is_bound else {}
        for item_id, fee in fees.items():
            place = (item_id, RefundPart.ITEM.value)
            amounts[place] = amounts.get(place, 0) - fee
        return {
            "amounts": amounts,
            "fees": fees,
            "final": [item.pk for item in self.case.items if data.get(f"final_{item.pk}")],
            "refunded_date": data.get("refunded_on") or self.case.today,
            "note": data.get("note") or "",
            "memo": data.get("memo") or "",
        }

    # Photos

    def kept_token(self) -> str:
        """What brings the kept photos along with the next sending."""
        return signing.dumps([asdict(one) for one in self.kept], salt=self._salt()) if self.kept else ""

    def _salt(self) -> str:
        return f"photos of a refund of {self.case.request.reference}"

    def _keep_photos(self) -> None:
        try:
            kept = signing.loads(
                self.cleaned_data.get("kept_photos", ""), salt=self._salt(), max_age=FORGOTTEN_AFTER // 2
            )
        except signing.BadSignature:
            kept = []
        self.kept = [PhotoFile(**one) for one in kept]
        uploads: Sequence[Any] = self.cleaned_data.get("photos") or []
        if uploads:
            room = MOST_PHOTOS - len(self.kept)
            self.kept += self.carry_out(lambda: keep_photo_files(uploads, room=room)) or []


def owed_by_place(case: Case) -> dict[tuple[int, str], int]:
    """All that is owed for the items and their tax and can still be refunded, by item id and part."""
    owed = {}
    for item in case.items:
        for part in (RefundPart.ITEM.value, RefundPart.TAX.value):
            left, minor = still_possible(item.order_item, part), case.moneys[item.pk].owed(part)
            if left and minor:
                owed[item.pk, part] = min(left, minor)
    return owed


def with_all_owed(data: QueryDict, case: Case, proposed: Mapping[tuple[int, str], int]) -> QueryDict:
    """What was sent, with these amounts in the place of those that were typed."""
    changed = data.copy()
    for item in case.items:
        for part in PAID_PARTS:
            minor = proposed.get((item.pk, part.value))
            amount = to_decimal(minor, item.order_item.currency or "USD") if minor else ""
            changed[f"amount_{item.pk}_{part.value}"] = str(amount)
    return changed
