"""A seller's rules: which of them speak about a request, and what a returnless rule would have done lately."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..exceptions import NotFound
from ..models import ReturnItem, ReturnlessRule, ReturnRequest, SkuRule, SkuUpload
from ..models.requests import Source
from .cases import NEVER_ARRIVED, share_of

JUDGED = 500
HITS_SHOWN = 10
PAGE = 50
UPLOADS_SHOWN = 20

Amounts = dict[tuple[int, str], int]


# --- Judging


def refund_by(rule: ReturnlessRule, items: Sequence[ReturnItem]) -> Amounts | None:
    """What `rule` refunds for the items of one request, by item id and part, in minor units; None if it does not.

    Every item must fit, and what was paid for it must be known: its price and tax are given back, a share of the
    line where not all of it is asked back. That an order never arrived is no return.
    """
    categories = {category.casefold() for category in rule.categories}
    amounts: Amounts = {}
    for item in items:
        line = item.order_item
        value = share_of(line.item_paid_minor, item.quantity, line.quantity)
        if value is None or not line.is_quantity_known or line.currency != rule.currency:
            return None
        if not rule.least_minor <= value <= rule.most_minor:
            return None
        if categories and line.category.casefold() not in categories:
            return None
        if item.reason_code == NEVER_ARRIVED or (rule.reasons and item.reason_code not in rule.reasons):
            return None
        amounts[item.pk, "item"] = value
        amounts[item.pk, "tax"] = share_of(line.tax_paid_minor, item.quantity, line.quantity) or 0
    return {place: minor for place, minor in amounts.items() if minor} or None


def sku_rules_for(seller_id: int, items: Iterable[ReturnItem]) -> dict[str, bool]:
    """By SKU of these items, whether the seller wants it automatic; those without an override are missing."""
    skus = {item.order_item.sku for item in items}
    return dict(SkuRule.objects.filter(seller_id=seller_id, sku__in=skus).values_list("sku", "is_automatic"))


def is_held_for_hand(items: Iterable[ReturnItem], sku_rules: dict[str, bool]) -> bool:
    """Does an override keep one of the items for a person?"""
    return any(sku_rules.get(item.order_item.sku) is False for item in items)


def active_returnless_rules(seller_id: int) -> QuerySet[ReturnlessRule]:
    """In the order in which they are tried."""
    return ReturnlessRule.objects.filter(seller_id=seller_id, is_active=True).order_by("pk")


# --- The dry run


@dataclass(frozen=True, slots=True)
class Hit:
    """A request that would have been refunded at once."""

    reference: str
    order_number: str
    minor: int


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a rule would have done with the latest `judged` requests; `hits`: the latest of them."""

    judged: int
    count: int
    minor: int
    currency: str
    hits: list[Hit]


def dry_run(actor: Actor, rule: ReturnlessRule) -> DryRun:
    """Judge the latest 500 requests of the actor's seller as if `rule` (unsaved) alone had been in force.

    As when a request is opened, imported ones, withdrawals in time and those with an item kept for the hand are
    left alone.
    """
    requests = list(
        ReturnRequest.objects.for_actor(actor)
        .select_related("order")
        .order_by("-requested_at", "-pk")[:JUDGED]
    )
    open_to_rules = {
        request.pk: request
        for request in requests
        if request.source == Source.PORTAL and not request.is_timely_withdrawal
    }
    items: dict[int, list[ReturnItem]] = defaultdict(list)
    for item in ReturnItem.objects.filter(request_id__in=open_to_rules).select_related("order_item"):
        items[item.request_id].append(item)
    sku_rules = sku_rules_for(actor.own_seller_id, (item for rows in items.values() for item in rows))
    hits = []
    for pk, request in open_to_rules.items():
        amounts = refund_by(rule, items[pk])
        if amounts and not is_held_for_hand(items[pk], sku_rules):
            hits.append(Hit(request.reference, request.order.order_number, sum(amounts.values())))
    return DryRun(len(requests), len(hits), sum(hit.minor for hit in hits), rule.currency, hits[:HITS_SHOWN])


# --- Pages


@dataclass(frozen=True, slots=True)
class SkuPage:
    """Up to `PAGE` overrides by SKU and the cursor of those after them ("" at the end)."""

    rules: list[SkuRule]
    next_cursor: str


def list_sku_rules(actor: Actor, *, q: str = "", after: str = "") -> SkuPage:
    """The overrides of the actor's seller whose SKU contains `q`, those after the SKU `after`."""
    rules = SkuRule.objects.filter(seller_id=actor.own_seller_id)
    if q:
        rules = rules.filter(sku__icontains=q)
    if after:
        rules = rules.filter(sku__gt=after)
    page = list(rules.order_by("sku")[: PAGE + 1])
    return SkuPage(page[:PAGE], page[PAGE - 1].sku if len(page) > PAGE else "")


def list_returnless_rules(actor: Actor) -> QuerySet[ReturnlessRule]:
    return ReturnlessRule.objects.filter(seller_id=actor.own_seller_id).order_by("pk")


def get_returnless_rule(actor: Actor, pk: int) -> ReturnlessRule:
    rule = list_returnless_rules(actor).filter(pk=pk).first()
    if rule is None:
        raise NotFound(_("This page does not exist, or it is not yours."))
    return rule


def list_sku_uploads(actor: Actor) -> list[SkuUpload]:
    """The latest uploads of overrides."""
    uploads = SkuUpload.objects.filter(seller_id=actor.own_seller_id).select_related("user")
    return list(uploads.order_by("-uploaded_at", "-pk")[:UPLOADS_SHOWN])


def get_sku_upload(actor: Actor, pk: int) -> SkuUpload:
    upload = SkuUpload.objects.filter(seller_id=actor.own_seller_id, pk=pk).select_related("user").first()
    if upload is None:
        raise NotFound(_("This page does not exist, or it is not yours."))
    return upload
