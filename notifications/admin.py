"""Messages in the admin: read, and sent again. Nothing here counts or skips through the table."""

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from returns.admin import BigTableAdmin, site
from returns.admin.base import link_to
from returns.admin.records import SELLER, requests_called

from .models import Message
from .services import send_again


@admin.register(Message, site=site)
class MessageAdmin(BigTableAdmin):
    list_display = (
        "created_at",
        "seller_link",
        "kind",
        "recipient_type",
        "language",
        "status",
        "attempts",
        "last_code",
        "sent_at",
    )
    list_select_related = ("seller",)
    list_filter = ("status", "kind")
    search_fields = ("message_id",)
    search_help_text = _("A whole order number, RMA number, reference or Message-ID.")
    fields = (
        *("created_at", "seller_link", "event_link", "kind", "recipient_type", "language", "message_id"),
        *("status", "due_at", "attempts", "crashes", "doubtful", "last_code", "last_error", "sent_at"),
    )
    readonly_fields = ("created_at", "seller_link", "event_link")
    seller_link = link_to("seller", SELLER)
    event_link = link_to("event", _("event"))
    actions = ("send_selected_again",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(Q(message_id=term) | Q(event__request_id__in=requests_called(term))), False

    @admin.action(description=_("Send again"))
    def send_selected_again(self, request: HttpRequest, queryset: QuerySet[Message]) -> None:
        chosen = Message.objects.filter(pk__in=list(queryset.values_list("pk", flat=True)))
        queued = send_again(chosen)
        if queued:
            sentence = ngettext(
                "%(count)d message is sent again.", "%(count)d messages are sent again.", queued
            )
            messages.success(request, sentence % {"count": queued})
        else:
            messages.warning(
                request,
                _("None of these can be sent again: they wait, are only shown, or carried a code."),
            )
