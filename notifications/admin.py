"""Messages in the admin: read, and sent again. Nothing here counts or skips through the table."""

from collections.abc import Iterable

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from returns.admin import BigTableAdmin, site
from returns.admin.base import link_to
from returns.admin.records import SELLER, requests_called

from .models import WITH_SECRET, Message, State
from .services import AGAIN, send_again


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
    def send_selected_again(
        self, request: HttpRequest, queryset: QuerySet[Message]
    ) -> TemplateResponse | None:
        """Show what would be sent to whom; send it once that is confirmed. What is left out is named with why."""
        chosen = list(queryset)
        again = [one for one in chosen if one.status in AGAIN and one.kind not in WITH_SECRET]
        refused = not_again_in_words(chosen)
        if again and "confirmed" not in request.POST:
            context = {
                **self.admin_site.each_context(request),
                "title": _("Send again"),
                "opts": self.opts,
                "again": again,
                "refused": refused,
                "chosen": [one.pk for one in chosen],
            }
            return TemplateResponse(request, "admin/send_again.html", context)
        queued = send_again(Message.objects.filter(pk__in=[one.pk for one in again]))
        if queued:
            sentence = ngettext(
                "%(count)d message is sent again.", "%(count)d messages are sent again.", queued
            )
            messages.success(request, sentence % {"count": queued})
        for sentence in refused:
            messages.warning(request, sentence)
        return None


def not_again_in_words(chosen: Iterable[Message]) -> list[str]:
    """For each reason not to send some of `chosen` again, a sentence with how many."""
    coded = [one for one in chosen if one.kind in WITH_SECRET]
    others = [one for one in chosen if one.kind not in WITH_SECRET and one.status not in AGAIN]
    shown = sum(one.status == State.SUPPRESSED for one in others)
    waiting = len(others) - shown
    sentences = (
        (
            waiting,
            ngettext(
                "%(count)d message is not sent again: it is still on its way.",
                "%(count)d messages are not sent again: they are still on their way.",
                waiting,
            ),
        ),
        (
            shown,
            ngettext(
                "%(count)d message is not sent again: it is only shown here.",
                "%(count)d messages are not sent again: they are only shown here.",
                shown,
            ),
        ),
        (
            len(coded),
            ngettext(
                "%(count)d message is not sent again: it carried a code or a link, which is asked for anew.",
                "%(count)d messages are not sent again: they carried codes or links, which are asked for anew.",
                len(coded),
            ),
        ),
    )
    return [sentence % {"count": count} for count, sentence in sentences if count]
