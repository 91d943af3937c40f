"""What happened: orders, requests, events, refunds. Only read here; what changes a request is a service."""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from ..actors import Actor
from ..exceptions import Refusal
from ..models import Buyer, Order, OrderItem, Refund, ReturnEvent, ReturnItem, ReturnRequest, Seller
from ..money import format_money
from ..selectors.cases import WITH_CASE, load_cases
from ..services import uphold
from ..services.moves import check_moves
from ..services.words import COMMENTS_MAX
from ..state_machine import Action, Status
from .base import BigTableAdmin, link_to
from .reassessing import reassess_view
from .site import site

FOUND_AT_MOST = 200
SELLER = gettext_lazy("seller")
ORDER = gettext_lazy("order")
REQUEST = gettext_lazy("return request")
SEARCH_HELP = gettext_lazy("A whole order number, RMA number or reference.")


def orders_called(term: str) -> list[int]:
    """Ids of the orders with this number or reference, by the indexes of both."""
    sellers = list(Seller.objects.values_list("pk", flat=True))
    by_number = Order.objects.filter(seller_id__in=sellers, order_number=term).values_list("pk", flat=True)
    by_reference = Order.objects.filter(reference=term).values_list("pk", flat=True)
    return [*by_number[:FOUND_AT_MOST], *by_reference]


def requests_called(term: str) -> list[int]:
    """Ids of the requests with this reference, RMA number or order."""
    found = ReturnRequest.objects.values_list("pk", flat=True)
    return [
        *found.filter(reference=term),
        *found.filter(rma_number=term)[:FOUND_AT_MOST],
        *found.filter(order_id__in=orders_called(term))[:FOUND_AT_MOST],
    ]


class ReadOnlyInline(admin.TabularInline):
    template = "admin/read_only_inline.html"
    extra = 0
    can_delete = False
    show_change_link = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class BuyerInline(ReadOnlyInline):
    model = Buyer
    fields = ("name", "email", "city", "language")


class OrderItemInline(ReadOnlyInline):
    model = OrderItem
    fields = ("title", "sku", "category", "quantity", "units_held", "not_returnable_mark")


@admin.register(Order, site=site)
class OrderAdmin(BigTableAdmin):
    list_display = ("order_number", "seller_link", "ordered_at", "delivered_date", "country", "is_stub")
    list_select_related = ("seller",)
    fields = (
        "order_number",
        "seller_link",
        "ordered_at",
        "delivered_date",
        "estimated_delivery_date",
        "country",
        "is_stub",
        "is_business",
        "is_gift",
    )
    readonly_fields = ("seller_link",)
    seller_link = link_to("seller", SELLER)
    search_fields = ("order_number",)
    search_help_text = gettext_lazy("A whole order number or reference.")
    inlines = (BuyerInline, OrderItemInline)
    change_form_template = "admin/order.html"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        term = search_term.strip()
        return (queryset.filter(pk__in=orders_called(term)) if term else queryset), False


class ReturnItemInline(ReadOnlyInline):
    model = ReturnItem
    fields = ("line", "quantity", "units_held", "units_received", "reason_code", "comment", "policy")
    readonly_fields = ("line",)

    @admin.display(description=gettext_lazy("order line"))
    def line(self, item: ReturnItem) -> str:
        return str(item.order_item)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("order_item")


class ReturnEventInline(ReadOnlyInline):
    model = ReturnEvent
    fields = ("occurred_at", "action", "role", "person", "source", "target", "reason_code", "said")
    readonly_fields = ("person", "said")
    person = link_to("user", gettext_lazy("person"))
    ordering = ("-version",)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("user", "comments")

    @admin.display(description=gettext_lazy("comments"))
    def said(self, event: ReturnEvent) -> str:
        return event.text


class Escalated(admin.SimpleListFilter):
    title = gettext_lazy("step-in by the marketplace")
    parameter_name = "escalated"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("1", _("Asked for, not answered"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(escalated_at__isnull=False) if self.value() == "1" else queryset


class Overdue(admin.SimpleListFilter):
    """Money whose day has passed; each choice is read by an index of few rows."""

    title = gettext_lazy("overdue money")
    parameter_name = "money"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("promise", _("Promised refund overdue")), ("refund", _("Refund overdue"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        owing = {
            "promise": Q(promise_due_date__isnull=False),
            "refund": Q(status=Status.REFUND_DUE),
        }.get(self.value() or "")
        return queryset.filter(owing, deadline_at__lt=Now()) if owing else queryset


class UpholdForm(forms.Form):
    key = forms.CharField(widget=forms.HiddenInput, max_length=64)
    comments = forms.CharField(
        label=gettext_lazy("Your comments"),
        max_length=COMMENTS_MAX,
        widget=forms.Textarea(attrs={"rows": 5, "cols": 80}),
        help_text=gettext_lazy("The buyer and the seller read them."),
    )


@admin.register(ReturnRequest, site=site)
class ReturnRequestAdmin(BigTableAdmin):
    list_display = (
        "__str__",
        "seller_link",
        "order_link",
        "status",
        "outcome",
        "requested_at",
        "escalated_at",
    )
    list_select_related = ("seller", "order")
    list_filter = (Escalated, Overdue, "status")
    search_fields = ("reference",)
    search_help_text = SEARCH_HELP
    inlines = (ReturnItemInline, ReturnEventInline)
    fields = (
        "seller_link",
        "order_link",
        *("source", "rma_number", "merchant_rma", "status", "outcome", "marketplace_status"),
        *("policy", "window_end_date", "prepaid_eligible", "is_timely_withdrawal"),
        *("requested_at", "answer_due_at", "step_in_at", "escalated_at"),
        *("authorized_at", "return_address", "instructions", "is_label_owed", "send_back_date"),
        *("handed_over_at", "received_at", "refund_due_at", "completed_at"),
        *("closed_at", "closed_by_role", "closure_reason", "is_closed_although_in_policy"),
        *("promise", "promise_due_date"),
        *("is_overlapping", "is_decided_here", "is_marketplace_todo"),
    )
    readonly_fields = ("seller_link", "order_link", "promise")
    seller_link = link_to("seller", SELLER)
    order_link = link_to("order", ORDER)
    actions = ("uphold_selected",)
    change_form_template = "admin/return_request.html"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        term = search_term.strip()
        return (queryset.filter(pk__in=requests_called(term)) if term else queryset), False

    @admin.display(description=gettext_lazy("refund promised"))
    def promise(self, return_request: ReturnRequest) -> str | None:
        if return_request.promise_minor is None:
            return None
        return _money(return_request.promise_minor, return_request.promise_currency)

    def get_urls(self) -> list[URLPattern]:
        uphold = self.admin_site.admin_view(self.uphold_view)
        reassess = self.admin_site.admin_view(reassess_view)
        return [
            path("uphold/", uphold, name="returns_returnrequest_uphold"),
            path("<path:object_id>/reassess/", reassess, name="returns_returnrequest_reassess"),
            *super().get_urls(),
        ]

    @admin.action(description=gettext_lazy("Uphold the decision"))
    def uphold_selected(self, request: HttpRequest, queryset: QuerySet[ReturnRequest]) -> HttpResponse:
        references = list(queryset.values_list("reference", flat=True)[: self.list_per_page])
        return self._to_uphold(references)

    def _to_uphold(self, references: Sequence[str]) -> HttpResponse:
        """To the page that upholds these; to the list where none is left."""
        if not references:
            return HttpResponseRedirect(reverse("admin:returns_returnrequest_changelist"), status=303)
        query = urlencode({"reference": references}, doseq=True)
        return HttpResponseRedirect(f"{reverse('admin:returns_returnrequest_uphold')}?{query}", status=303)

    def uphold_view(self, request: HttpRequest) -> HttpResponse:
        """Leave the requests that the address names as they are, with one comment for all."""
        actor = Actor.admin(request.user)
        references = request.GET.getlist("reference")[: self.list_per_page]
        requests = ReturnRequest.objects.for_actor(actor).filter(reference__in=references)
        form = UpholdForm(request.POST or None, initial={"key": uuid4().hex})
        if request.method != "POST":
            cases = load_cases(list(requests.select_related(*WITH_CASE)))
            refusals = check_moves(cases, actor, Action.UPHOLD)
            for case in cases:
                if refusal := refusals.get(case.request.pk):
                    self._refuse(request, case.request, refusal)
            if refusals:
                return self._to_uphold(
                    [case.request.reference for case in cases if case.request.pk not in refusals]
                )
        if request.method == "POST" and form.is_valid():
            upheld = sum(self._uphold(request, actor, one, form.cleaned_data) for one in requests)
            if upheld:
                sentence = ngettext(
                    "%(count)d request is upheld; both sides are told.",
                    "%(count)d requests are upheld; both sides are told.",
                    upheld,
                )
                messages.success(request, sentence % {"count": upheld})
            return HttpResponseRedirect(reverse("admin:returns_returnrequest_changelist"), status=303)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Uphold the decision"),
            "opts": self.opts,
            "form": form,
            "requests": requests.select_related("seller", "order"),
        }
        status = 422 if form.errors else 200
        return TemplateResponse(request, "admin/uphold.html", context, status=status)

    def _uphold(
        self, request: HttpRequest, actor: Actor, return_request: ReturnRequest, data: dict[str, str]
    ) -> bool:
        try:
            uphold(actor, reference=return_request.reference, comments=data["comments"], key=data["key"])
        except Refusal as refusal:
            self._refuse(request, return_request, refusal)
            return False
        return True

    def _refuse(self, request: HttpRequest, return_request: ReturnRequest, refusal: Refusal) -> None:
        words = {"request": return_request, "sentence": refusal}
        messages.error(request, _("%(request)s: %(sentence)s") % words)


class OfRequestAdmin(BigTableAdmin):
    """A table whose rows belong to requests, and are found as those are."""

    search_fields = ("request__reference",)
    search_help_text = SEARCH_HELP

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        term = search_term.strip()
        return (queryset.filter(request_id__in=requests_called(term)) if term else queryset), False


@admin.register(ReturnEvent, site=site)
class ReturnEventAdmin(OfRequestAdmin):
    list_display = (
        "occurred_at",
        "seller_link",
        "request_link",
        *("action", "role", "person", "source", "target"),
    )
    list_select_related = ("seller", "request", "user")
    list_filter = ("action", "role")
    fields = (
        *("occurred_at", "seller_link", "request_link", "action", "role", "person", "source", "target"),
        *("outcome", "reason_code", "said", "words_as_json", "facts_as_json"),
    )
    readonly_fields = ("seller_link", "request_link", "person", "said", "words_as_json", "facts_as_json")
    seller_link = link_to("seller", SELLER)
    request_link = link_to("request", REQUEST)
    person = link_to("user", gettext_lazy("person"))

    @admin.display(description=gettext_lazy("comments"))
    def said(self, event: ReturnEvent) -> str:
        return event.text

    @admin.display(description=gettext_lazy("words"))
    def words_as_json(self, event: ReturnEvent) -> SafeString:
        return _pretty(event.words)

    @admin.display(description=gettext_lazy("facts"))
    def facts_as_json(self, event: ReturnEvent) -> SafeString:
        return _pretty(event.facts)


@admin.register(Refund, site=site)
class RefundAdmin(OfRequestAdmin):
    list_display = (
        "refunded_date",
        "seller_link",
        "request_link",
        "line",
        "part",
        "amount",
        "kind",
        "status",
    )
    fields = (*list_display, "cause", "user", "note", "memo", "recorded_at")
    readonly_fields = ("seller_link", "request_link", "line", "amount")
    seller_link = link_to("seller", SELLER)
    request_link = link_to("request", REQUEST)
    list_select_related = ("seller", "request", "order_item")
    list_filter = ("kind", "status")

    @admin.display(description=gettext_lazy("amount"))
    def amount(self, refund: Refund) -> str:
        return _money(refund.amount_minor, refund.currency)

    @admin.display(description=gettext_lazy("order line"))
    def line(self, refund: Refund) -> str:
        return str(refund.order_item)


def _money(amount_minor: int, currency: str) -> str:
    return format_money(amount_minor, currency, get_language() or "en")


def _pretty(value: Any) -> SafeString:
    return format_html("<pre>{}</pre>", json.dumps(value, ensure_ascii=False, indent=2))
