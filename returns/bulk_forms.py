"""The forms of a bulk: one decision on many requests."""

from datetime import date
from typing import Any

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from .forms import DateInput, ServiceForm, script_warning
from .grounds import Ground
from .models.people import Language
from .services.bulk import BulkDecision
from .services.decide import INSTRUCTIONS_MAX
from .services.words import COMMENTS_MAX


class BulkCloseForm(ServiceForm):
    """Close many requests: one reason, one day for all refund promises, comments for each language of buyers."""

    reason = forms.CharField(
        label=_("Return reason"),
        max_length=60,
        error_messages={"required": _("Choose a return reason from the list.")},
    )
    promise_date = forms.DateField(label=_("Refund by"), required=False, widget=DateInput())

    names = {"promise_due_date": "promise_date"}

    def __init__(self, *args: Any, found: dict[str, Any], grounds: dict[str, str], **kwargs: Any) -> None:
        """`found`: the run's own; `grounds`: those of the reasons that may be picked, by code."""
        due = found["promise_due"]
        initial = {"promise_date": date.fromisoformat(due) if due else None, **kwargs.pop("initial", {})}
        super().__init__(*args, initial=initial, **kwargs)
        self.groups: dict[str, dict[str, Any]] = found["groups"]
        self.grounds = grounds
        if Ground.REFUND_WITHOUT_RETURN not in grounds.values():
            del self.fields["promise_date"]
        occurring = {language for group in self.groups.values() for language in group}
        self.languages = [language for language in Language if language.value in occurring]
        for language in self.languages:
            label = _("Comments to the buyer")
            if len(self.languages) > 1:
                label = format_lazy("{} ({})", label, language.label)
            self.fields[f"comments_{language.value}"] = forms.CharField(
                label=label,
                required=False,
                widget=forms.Textarea(attrs={"rows": 5, "maxlength": COMMENTS_MAX, "lang": language.value}),
            )

    def comments_fields(self) -> list[forms.BoundField]:
        return [self[f"comments_{language.value}"] for language in self.languages]

    def comments_warnings(self) -> list[Any]:
        """What to consider where the script of some comments does not fit the language they are for."""
        warnings = (
            script_warning(self[f"comments_{language.value}"].value() or "", language.value)
            for language in self.languages
        )
        return [warning for warning in warnings if warning]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        promises = self.grounds.get(data.get("reason", "")) == Ground.REFUND_WITHOUT_RETURN
        if promises and not data.get("promise_date") and "promise_date" not in self.errors:
            self.add_error("promise_date", _("Enter the day by which you refund."))
        return data

    def picked(self) -> str:
        """The reason that stands in the form, if it may be picked."""
        code = self["reason"].value() or ""
        return code if code in self.groups else ""

    def decision(self) -> BulkDecision:
        """What was entered; the day counts only where the reason promises a refund."""
        data = self.cleaned_data if self.is_bound else self.initial
        code = self.picked()
        promises = self.grounds.get(code) == Ground.REFUND_WITHOUT_RETURN
        return BulkDecision(
            reason_code=code,
            comments={one.value: data.get(f"comments_{one.value}", "") for one in self.languages},
            promise_due_date=data.get("promise_date") if promises else None,
        )


class BulkAuthorizeForm(ServiceForm):
    """Authorize many requests, with the same instructions; each goes to the address of its buyer's country."""

    instructions = forms.CharField(
        label=_("Instructions for the buyer"),
        required=False,
        max_length=INSTRUCTIONS_MAX,
        widget=forms.Textarea(attrs={"rows": 4, "maxlength": INSTRUCTIONS_MAX}),
    )

    def decision(self) -> BulkDecision:
        data = self.cleaned_data if self.is_bound else self.initial
        return BulkDecision(instructions=data.get("instructions", ""))
