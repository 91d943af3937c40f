"""The marketplace's own settings: one row, its lists written as lines."""

from collections.abc import Callable
from datetime import date
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..actors import Actor
from ..grounds import Ground
from ..models import MarketplaceSettings
from ..services.policies import save_settings
from .base import DeskAdmin
from .site import site

WEEKDAYS = (
    (0, gettext_lazy("Monday")),
    (1, gettext_lazy("Tuesday")),
    (2, gettext_lazy("Wednesday")),
    (3, gettext_lazy("Thursday")),
    (4, gettext_lazy("Friday")),
    (5, gettext_lazy("Saturday")),
    (6, gettext_lazy("Sunday")),
)


class LinesField(forms.CharField):
    """A list of texts, one on each line. `check` answers an entry as it is kept, or None for a wrong one."""

    def __init__(self, check: Callable[[str], str | None], **options: Any) -> None:
        self.check = check
        super().__init__(required=False, widget=forms.Textarea(attrs={"rows": 4, "cols": 40}), **options)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), "\n".join((data or "").split("\r\n")))

    def clean(self, value: Any) -> list[str]:
        entries = [line.strip() for line in (super().clean(value) or "").splitlines() if line.strip()]
        kept = [self.check(entry) for entry in entries]
        if None in kept:
            wrong = entries[kept.index(None)]
            raise forms.ValidationError(
                _("“%(entry)s” cannot be used here. %(help)s") % {"entry": wrong, "help": self.help_text}
            )
        return sorted({entry for entry in kept if entry is not None})


def as_day(entry: str) -> str | None:
    try:
        return date.fromisoformat(entry).isoformat()
    except ValueError:
        return None


def as_country(entry: str) -> str | None:
    return entry.upper() if len(entry) == 2 and entry.isascii() and entry.isalpha() else None


def as_text(entry: str) -> str | None:
    return entry if len(entry) <= 100 else None


ONE_PER_LINE = gettext_lazy("One on each line, at most 100 characters.")


class MarketplaceForm(forms.ModelForm):
    returns_url = forms.URLField(
        label=gettext_lazy("Address of its own returns page"), required=False, assume_scheme="https"
    )
    time_zone = forms.ChoiceField(label=gettext_lazy("Time zone"))
    weekend = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Weekend"),
        choices=WEEKDAYS,
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    holidays = LinesField(
        as_day, label=gettext_lazy("Holidays"), help_text=gettext_lazy("One day on each line, as 2026-12-25.")
    )
    prepaid_countries = LinesField(
        as_country,
        label=gettext_lazy("Countries with prepaid labels"),
        help_text=gettext_lazy("One on each line, two letters as in US."),
    )
    prepaid_exempt_categories = LinesField(
        as_text, label=gettext_lazy("Categories without prepaid labels"), help_text=ONE_PER_LINE
    )
    prepaid_exempt_skus = LinesField(
        as_text, label=gettext_lazy("SKUs without prepaid labels"), help_text=ONE_PER_LINE
    )
    not_returnable_categories = LinesField(
        as_text, label=gettext_lazy("Categories not returnable"), help_text=ONE_PER_LINE
    )
    not_returnable_skus = LinesField(
        as_text, label=gettext_lazy("SKUs not returnable"), help_text=ONE_PER_LINE
    )
    grounds_that_warn = forms.MultipleChoiceField(
        label=gettext_lazy("Grounds that only warn"),
        choices=[choice for choice in Ground.choices if choice[0] not in (Ground.ALWAYS, Ground.NONE)],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy(
            "A reason with such a ground can be picked, with a warning, although it does not hold. "
            "A withdrawal in time stays a withdrawal: that is law."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["time_zone"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(zone, zone) for zone in sorted(available_timezones())]


@admin.register(MarketplaceSettings, site=site)
class MarketplaceSettingsAdmin(DeskAdmin):
    form = MarketplaceForm
    readonly_fields = ("rules_version",)
    fieldsets = (
        (None, {"fields": ("name", "returns_url", "time_zone", "language", "retention_days")}),
        (
            gettext_lazy("Rules"),
            {
                "fields": (
                    "rules_version",
                    "window_days",
                    "delivery_days",
                    "answer_hours",
                    "step_in_business_days",
                    "refund_days",
                    "weekend",
                    "holidays",
                ),
                "description": gettext_lazy(
                    "They hold for what arrives from now on; verdicts that were made stay as they are."
                ),
            },
        ),
        (
            gettext_lazy("Prepaid labels"),
            {"fields": ("prepaid_countries", "prepaid_exempt_categories", "prepaid_exempt_skus")},
        ),
        (
            gettext_lazy("Closing"),
            {"fields": ("not_returnable_categories", "not_returnable_skus", "grounds_that_warn")},
        ),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """There is one marketplace, so its list is its page."""
        return redirect("admin:returns_marketplacesettings_change", 1)

    def save_model(self, request: HttpRequest, obj: MarketplaceSettings, form: Any, change: bool) -> None:
        save_settings(Actor.admin(request.user), obj)
