"""The marketplace's own settings: one row, its lists written as lines."""

import hashlib
import json
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
from ..models.policies import JUDGING
from ..selectors.dry_run import LATEST, dry_run
from ..services.policies import save_settings
from .base import DeskAdmin
from .rule_fields import CATEGORY, COLUMNS, SEASON, CategoryWindowsField, SeasonsField, WithdrawalRulesField
from .site import site

# What a verdict is made of: an admin sees what a change would have decided before it is saved.
SEEN_FIRST = frozenset({*JUDGING, "time_zone"})
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
    category_windows = CategoryWindowsField(
        label=gettext_lazy("Windows of categories, in days"), help_text=CATEGORY
    )
    seasons = SeasonsField(
        label=gettext_lazy("Seasons: orders from, to = returned until, at least"), help_text=SEASON
    )
    withdrawal_rules = WithdrawalRulesField(
        label=gettext_lazy("Legal right of withdrawal, by the buyer's country"), help_text=COLUMNS
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

    def is_valid(self) -> bool:
        """Not as long as the admin asks, or still has to see, what changed rules would have decided."""
        is_valid = super().is_valid()
        is_new = bool(SEEN_FIRST & set(self.changed_data)) and self.data.get("seen") != self.digest()
        return is_valid and not is_new and "preview" not in self.data

    def digest(self) -> str:
        """Stands for the rules as they are entered."""
        rules = {name: getattr(self.instance, name) for name in sorted(SEEN_FIRST)}
        return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()


@admin.register(MarketplaceSettings, site=site)
class MarketplaceSettingsAdmin(DeskAdmin):
    form = MarketplaceForm
    readonly_fields = ("rules_version",)
    change_form_template = "admin/marketplace_settings.html"
    fieldsets = (
        (None, {"fields": ("name", "returns_url", "time_zone", "language", "retention_days")}),
        (
            gettext_lazy("Rules"),
            {
                "fields": (
                    "rules_version",
                    "window_days",
                    "category_windows",
                    "seasons",
                    "delivery_days",
                    "answer_hours",
                    "step_in_business_days",
                    "refund_days",
                    "concession_percent",
                    "weekend",
                    "holidays",
                ),
                "description": gettext_lazy(
                    "Windows, seasons, prepaid labels and withdrawal hold for orders placed from now on; clocks and "
                    "the calendar for what happens from now on. Verdicts that were made stay as they are."
                ),
            },
        ),
        (gettext_lazy("Withdrawal"), {"fields": ("withdrawal_rules",)}),
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

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """A form that was sent and is in order comes back only to show what its rules would have decided."""
        form = context["adminform"].form
        if form.is_bound and not form.errors:
            context |= {"dry_run": dry_run(form.instance), "latest": LATEST, "seen": form.digest()}
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: MarketplaceSettings, form: Any, change: bool) -> None:
        save_settings(Actor.admin(request.user), obj)
