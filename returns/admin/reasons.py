"""The words: why buyers return, and why a request is closed. Bilingual; retired, never deleted."""

import re
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import translation
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ..dates import format_day, format_list
from ..models import ClosureReason, ReturnReason
from ..models.clock import database_now
from ..models.people import Language
from ..models.reasons import PLACEHOLDERS, ClosureAudience
from .base import DeskAdmin
from .site import site

TEXTS = ("text_en", "text_zh_hans")
_BRACES = re.compile(r"\{([^{}]*)\}")


def unknown_placeholders(text: str) -> list[str]:
    """What stands in braces in `text` and is no placeholder, once each; a brace without its other half as itself."""
    names = [f"{{{name}}}" for name in _BRACES.findall(text) if name not in PLACEHOLDERS]
    return list(dict.fromkeys(names + re.findall("[{}]", _BRACES.sub("", text))))


def paragraphs(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"\n\s*\n", text.strip()) if part.strip()]


class MissingLanguage(admin.SimpleListFilter):
    """Reasons that show English where Chinese is missing."""

    title = gettext_lazy("languages")
    parameter_name = "missing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(Language.CHINESE.value, _("Chinese is missing"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() != Language.CHINESE:
            return queryset
        missing = Q(label_zh_hans="")
        if queryset.model is ClosureReason:
            missing |= Q(buyer_label_zh_hans="") & ~Q(buyer_label_en="")
            missing |= Q(text_zh_hans="") & ~Q(text_en="")
        return queryset.filter(missing)


class RowForm(forms.ModelForm):
    """A row that is edited in its list, where its fields have no label but their column."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["aria-label"] = f"{capfirst(field.label)}: {self.instance}"


class ReasonAdmin(DeskAdmin):
    list_filter: ClassVar[tuple[Any, ...]] = (MissingLanguage, "is_active")
    list_editable = ("position", "is_active")
    search_fields = ("code", "label_en", "label_zh_hans")

    def get_changelist_form(self, request: HttpRequest, **options: Any) -> type[forms.ModelForm]:
        return super().get_changelist_form(request, form=RowForm, **options)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A code stands in history and in files, so it never changes."""
        return (*self.readonly_fields, "code") if obj else tuple(self.readonly_fields)


class ClosureReasonForm(forms.ModelForm):
    class Meta:
        help_texts = {
            "code": gettext_lazy("Cannot be changed later."),
            "label_zh_hans": gettext_lazy("Left empty, English is shown."),
            "buyer_label_zh_hans": gettext_lazy("Left empty, English is shown."),
            "is_active": gettext_lazy("A reason is retired, never deleted: history keeps what was sent."),
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        for name in TEXTS:
            text = data.get(name, "").replace("\r\n", "\n").strip()
            data[name] = text
            if unknown := unknown_placeholders(text):
                sentence = ngettext(
                    "%(unknown)s is no placeholder. There are: %(known)s.",
                    "%(unknown)s are no placeholders. There are: %(known)s.",
                    len(unknown),
                )
                words = {
                    "unknown": format_list([f"“{wrong}”" for wrong in unknown]),
                    "known": ", ".join(f"{{{placeholder}}}" for placeholder in PLACEHOLDERS),
                }
                self.add_error(name, sentence % words)
            is_needed = data.get("audience") == ClosureAudience.SELLER and (text or name == "text_en")
            if is_needed and "{comments}" not in text:
                self.add_error(name, _("The seller's comments are missing: put {comments} into the text."))
        return data


@admin.register(ClosureReason, site=site)
class ClosureReasonAdmin(ReasonAdmin):
    form = ClosureReasonForm
    list_display = ("code", "label_en", "label_zh_hans", "audience", "ground", "position", "is_active")
    list_filter = (*ReasonAdmin.list_filter, "audience", "ground")
    readonly_fields = ("preview_en", "preview_zh_hans")
    fieldsets = (
        (None, {"fields": ("code", "audience", "ground", "may_close_withdrawal", "position", "is_active")}),
        (
            gettext_lazy("In the list of reasons"),
            {"fields": ("label_en", "label_zh_hans")},
        ),
        (
            gettext_lazy("In the message"),
            {
                "fields": (
                    "buyer_label_en",
                    "text_en",
                    "preview_en",
                    "buyer_label_zh_hans",
                    "text_zh_hans",
                    "preview_zh_hans",
                ),
                "description": gettext_lazy(
                    "Paragraphs are parted by an empty line; one whose placeholder is empty is left out. "
                    "Amounts, dates, the RMA number, who closed the request and links stand around the text."
                ),
            },
        ),
    )

    @admin.display(description=gettext_lazy("preview (English, as saved)"))
    def preview_en(self, reason: ClosureReason) -> SafeString:
        return preview(reason, Language.ENGLISH)

    @admin.display(description=gettext_lazy("preview (Chinese, as saved)"))
    def preview_zh_hans(self, reason: ClosureReason) -> SafeString:
        return preview(reason, Language.CHINESE)

    def save_model(self, request: HttpRequest, obj: ClosureReason, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        counts = [len(paragraphs(getattr(obj, name))) for name in TEXTS]
        if all(counts) and counts[0] != counts[1]:
            messages.warning(
                request,
                _("The English text has %(english)d paragraphs, the Chinese one %(chinese)d. Is one missing?")
                % {"english": counts[0], "chinese": counts[1]},
            )


def preview(reason: ClosureReason, language: str) -> SafeString:
    """The reason's text as its reader finds it in the message, with made-up values."""
    with translation.override(language):
        values = {
            "buyer_name": _("Dora Diaz"),
            "order_number": "111-1234567-1234567",
            "item_titles": _("Steel kettle"),
            "seller_name": _("North Lane"),
            "return_window_end": format_day(database_now().date()),
            "comments": _("Here stand the comments."),
        }
    filled = _BRACES.sub(lambda match: values.get(match[1], match[0]), reason.in_language("text", language))
    return format_html(
        '<div lang="{}">{}</div>',
        language,
        format_html_join("", "<p>{}</p>", ((part,) for part in paragraphs(filled))),
    )


@admin.register(ReturnReason, site=site)
class ReturnReasonAdmin(ReasonAdmin):
    list_display = (
        "code",
        "label_en",
        "label_zh_hans",
        "fault",
        "is_comment_required",
        "position",
        "is_active",
    )
    fields = (
        "code",
        "label_en",
        "label_zh_hans",
        "fault",
        "is_comment_required",
        "position",
        "is_active",
    )
