"""Pay-outs in the admin: only read. What can be done about one stands on its own page, which calls the services."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy

from ..models import Payout
from ..money import format_money
from .base import link_to
from .records import ORDER, REQUEST, SELLER, OfRequestAdmin
from .site import site


@admin.register(Payout, site=site)
class PayoutAdmin(OfRequestAdmin):
    list_display = (
        "requested_at",
        "seller_link",
        "order_link",
        "request_link",
        "amount",
        *("kind", "status", "failure", "page"),
    )
    fields = (
        *list_display,
        *("reference", "shop_words", "attempts", "next_attempt_at"),
        *("confirmed_at", "paid_date", "settled_by"),
    )
    readonly_fields = (
        "requested_at",
        "seller_link",
        "order_link",
        "request_link",
        "amount",
        "page",
        "reference",
    )
    seller_link = link_to("seller", SELLER)
    order_link = link_to("order", ORDER)
    request_link = link_to("request", REQUEST)
    list_select_related = ("seller", "order", "request")
    list_filter = ("status", "kind")

    @admin.display(description=gettext_lazy("amount"))
    def amount(self, payout: Payout) -> str:
        return format_money(payout.amount_minor, payout.currency, get_language() or "en")

    @admin.display(description=gettext_lazy("what to do"))
    def page(self, payout: Payout) -> SafeString:
        url = reverse("seller-payout", args=[payout.reference])
        return format_html('<a href="{}">{}</a>', url, gettext_lazy("See the pay-out"))
