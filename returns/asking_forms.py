"""The forms with which a return is asked for, one thing on each."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from .forms import DateInput, ServiceForm
from .models import ReturnReason
from .models.people import Language
from .selectors.asking import OrderLine
from .services.photos import ACCEPTED
from .services.words import COMMENTS_MAX

MOST_CHOICES = 100  # of more units, the number is typed


class OneUnit(forms.CheckboxInput):
    """A tick that stands for one unit; what else may be sent is handed on, to be refused."""

    def __init__(self) -> None:
        super().__init__(check_test=lambda value: value not in (None, "", 0, "0"))

    def format_value(self, value: Any) -> str:
        return "1"

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return data.get(name)


class PhotosInput(forms.FileInput):
    allow_multiple_selected = True


class PhotosField(forms.FileField):
    """Any number of files; what they are is checked where they are kept."""

    widget = PhotosInput

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        return list(data or ())


class AskingForm(ServiceForm):
    """A step before the last: what it says goes into the draft, so that it may come twice and needs no key."""

    key = None  # type: ignore[assignment]
    next = None  # type: ignore[assignment]


class ChooseForm(AskingForm):
    """Which units of which lines. A line of which nothing is left has a field, too: another tab may show it."""

    def __init__(
        self, *args: Any, lines: Sequence[OrderLine], chosen: Mapping[int, int], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.lines = lines
        for line in lines:
            self.fields[f"quantity_{line.pk}"] = forms.IntegerField(
                label=line.title,
                required=False,
                widget=_units_widget(line.free),
                initial=chosen.get(line.pk, 0),
                error_messages={"invalid": _("Enter a whole number.")},
            )

    @property
    def has_free(self) -> bool:
        """Is there a unit left to choose?"""
        return any(line.free for line in self.lines)

    def rows(self) -> list[tuple[OrderLine, forms.BoundField]]:
        """Each line with its field."""
        return [(line, self[f"quantity_{line.pk}"]) for line in self.lines]

    def quantities(self) -> dict[int, int]:
        """Units by line, as they were chosen."""
        return {line.pk: self.cleaned_data.get(f"quantity_{line.pk}") or 0 for line in self.lines}


class DeclaredForm(ChooseForm):
    """From what the buyer has withdrawn, and when the buyer said so."""

    declared_date = forms.DateField(
        label=_("Day on which the buyer declared it"),
        help_text=_(
            "The day of the letter, the e-mail or the call: it decides whether the withdrawal is in time."
        ),
        widget=DateInput(),
    )


def day_of(text: str) -> date | None:
    """The day that an address names, or None."""
    try:
        return forms.DateField(required=False).clean(text)
    except forms.ValidationError:
        return None


def _units_widget(free: int) -> forms.Widget:
    if free <= 1:
        return OneUnit()
    if free <= MOST_CHOICES:
        return forms.Select(choices=[(0, _("None")), *((units, str(units)) for units in range(1, free + 1))])
    return forms.NumberInput(attrs={"min": 0, "max": free, "inputmode": "numeric"})


class DescribeForm(AskingForm):
    """Why one line is returned, in a few words and with photos."""

    reason = forms.CharField(
        label=_("Why do you want to return it?"),
        required=False,
        max_length=60,
        error_messages={"max_length": _("Choose a reason from the list.")},
    )
    comment = forms.CharField(
        label=_("More about the reason"),
        required=False,
        help_text=_(
            "Some reasons need it, such as damage or a missing part. With others you may leave it empty."
        ),
        widget=forms.Textarea(attrs={"rows": 4, "maxlength": COMMENTS_MAX}),
    )
    photos = PhotosField(
        label=_("Photos"),
        required=False,
        help_text=_("Up to 6 in all, 8 MB each. They are shown to the seller and the marketplace."),
        widget=PhotosInput(attrs={"accept": ACCEPTED}),
    )

    def __init__(
        self, *args: Any, reasons: Sequence[ReturnReason], is_buyer: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        if not is_buyer:
            self.fields["reason"].label = _("Why does the buyer want to return it?")
        language = get_language() or Language.ENGLISH.value
        self.fields["reason"].widget = forms.RadioSelect(
            choices=[(reason.code, reason.in_language("label", language)) for reason in reasons]
        )


class SendForm(ServiceForm):
    """Send what was checked. `seen` stands for what the page showed."""

    next = None  # type: ignore[assignment]
    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)
