"""What an owner decides beforehand: overrides for single products, and what is refunded without a return.

`services.rules` is where they act.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..dates import active_locale
from ..exceptions import Forbidden, Invalid, NotFound, UnreadableFile
from ..models import ReturnlessRule, ReturnReason, Seller, SkuRule, SkuUpload
from ..models.clock import database_now
from ..models.rules import RULE_NAME_MAX
from ..money import MAX_MINOR
from ..reports.sku_overrides import (
    AUTOMATIC,
    DELETE,
    SENTENCES,
    SKU_MAX,
    TOO_MANY_UPLOADS,
    Overrides,
    RefusedOverrides,
    read_overrides,
)
from ..selectors.cases import NEVER_ARRIVED
from ..selectors.rules import get_returnless_rule
from ..text import clean_text
from .imports.runs import in_every_language
from .team import may_manage

MOST_RULES = 50
UPLOADS = 20
UPLOADS_WITHIN = timedelta(hours=24)
CATEGORY_MAX = 100
MOST_CATEGORIES = 100
CHUNK = 500
RULE_COLUMNS = ["name", "currency", "least_minor", "most_minor", "categories", "reasons", "is_active"]


@contextmanager
def owned(actor: Actor) -> Iterator[Seller]:
    """The actor's team, locked: of two owners who save at once, the second finds what the first has saved."""
    if actor.seller_id is None or not may_manage(actor):
        raise Forbidden(_("Only an owner of the team may change this."))
    with transaction.atomic():
        yield Seller.objects.select_for_update(no_key=True).get(pk=actor.seller_id)


# --- SKU overrides


def upload_overrides(actor: Actor, *, file: Any) -> SkuUpload:
    """Apply an uploaded file (Django's `UploadedFile`); answers what came of it, which its page shows.

    The rows that can be read are applied in one transaction, the others are listed and stop none of them. A file
    that cannot be read changes nothing. Either counts as an upload; one too many within 24 hours is `Invalid`.
    """
    if not may_manage(actor):
        raise Forbidden(_("Only an owner of the team may change this."))
    overrides, refusal = Overrides(), None
    try:
        overrides = read_overrides(file, file.size)
    except UnreadableFile as unreadable:
        refusal = unreadable
    with owned(actor) as team:
        now = database_now()
        if team.sku_uploads.filter(uploaded_at__gt=now - UPLOADS_WITHIN).count() >= UPLOADS:
            sentence = format_lazy("{} {}", TOO_MANY_UPLOADS, SENTENCES[TOO_MANY_UPLOADS])
            raise Invalid(sentence, {"file": sentence})
        return SkuUpload.objects.create(
            seller=team,
            user_id=actor.own_user_id,
            file_name=clean_text(file.name, 255),
            uploaded_at=now,
            code=refusal.code if isinstance(refusal, RefusedOverrides) else None,
            refusal=in_every_language(refusal.sentence) if refusal else {},
            refused=overrides.refused,
            faults=overrides.faults,
            **_apply(team, overrides),
        )


def _apply(team: Seller, overrides: Overrides) -> dict[str, int]:
    """Write the overrides; answers how many rows did what. A row that a later one repeats changes nothing."""
    new, changed, removed = 0, 0, 0
    for skus in _chunks(list(overrides.actions), CHUNK):
        before = dict(team.sku_rules.filter(sku__in=skus).values_list("sku", "is_automatic"))
        wanted = {sku: overrides.actions[sku] for sku in skus}
        gone = [sku for sku, action in wanted.items() if action == DELETE and sku in before]
        kept = {sku: action == AUTOMATIC for sku, action in wanted.items() if action != DELETE}
        added = [SkuRule(seller=team, sku=sku, is_automatic=kept[sku]) for sku in kept if sku not in before]
        SkuRule.objects.bulk_create(added)
        for is_automatic in (True, False):
            turned = [sku for sku in kept if sku in before and kept[sku] is is_automatic is not before[sku]]
            changed += team.sku_rules.filter(sku__in=turned).update(is_automatic=is_automatic)
        removed += team.sku_rules.filter(sku__in=gone).delete()[0]
        new += len(added)
    unchanged = overrides.rows - overrides.refused - new - changed - removed
    return {"new": new, "changed": changed, "removed": removed, "unchanged": unchanged}


def _chunks(skus: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (skus[start : start + size] for start in range(0, len(skus), size))


def set_override(actor: Actor, *, sku: str, is_automatic: bool) -> SkuRule:
    """Add the override of one SKU, or change it. `Invalid.errors` names the field `sku`."""
    sku = clean_text(sku)
    if not 0 < len(sku) <= SKU_MAX:
        raise _wrong("sku", _("Enter a SKU of at most 40 characters, as your orders have it."))
    with owned(actor) as team:
        return SkuRule.objects.update_or_create(
            seller=team, sku=sku, defaults={"is_automatic": is_automatic}
        )[0]


def remove_override(actor: Actor, *, rule_id: int) -> SkuRule:
    with owned(actor) as team:
        rule = team.sku_rules.filter(pk=rule_id).first()
        if rule is None:
            raise NotFound(_("This page does not exist, or it is not yours."))
        rule.delete()
    return rule


# --- Returnless rules


def planned_rule(
    actor: Actor,
    *,
    name: str,
    currency: str,
    least_minor: int,
    most_minor: int,
    categories: Iterable[str] = (),
    reasons: Iterable[str] = (),
    is_active: bool = True,
    rule_id: int | None = None,
) -> ReturnlessRule:
    """The rule as it would be saved, unsaved: a new one, or the one of `rule_id`. Amounts in minor units.

    `Invalid.errors` names the fields as they are called here.
    """
    rule = (
        ReturnlessRule(seller_id=actor.own_seller_id)
        if rule_id is None
        else get_returnless_rule(actor, rule_id)
    )
    rule.name, rule.currency = clean_text(name), clean_text(currency).upper()
    rule.least_minor, rule.most_minor, rule.is_active = least_minor, most_minor, is_active
    rule.categories = list(dict.fromkeys(filter(None, map(clean_text, categories))))
    rule.reasons = list(dict.fromkeys(reasons))
    others = ReturnlessRule.objects.filter(seller_id=actor.own_seller_id).exclude(pk=rule.pk)
    known = set(ReturnReason.objects.exclude(code=NEVER_ARRIVED).values_list("code", flat=True))
    errors: dict[str, Any] = {}
    if not 0 < len(rule.name) <= RULE_NAME_MAX:
        errors["name"] = _("Give the rule a name of at most 60 characters.")
    elif others.filter(name=rule.name).exists():
        errors["name"] = _("There is a rule of this name. Choose another name.")
    if rule.currency not in active_locale().currencies:
        errors["currency"] = _("Enter the three letters of a currency, for example USD or EUR.")
    if not 0 <= least_minor <= MAX_MINOR:
        errors["least_minor"] = _("Enter an amount of zero or more.")
    if not 0 < most_minor <= MAX_MINOR:
        errors["most_minor"] = _("Enter an amount above zero.")
    elif most_minor < least_minor:
        errors["most_minor"] = _("The highest price must not be below the lowest.")
    if len(rule.categories) > MOST_CATEGORIES or any(len(one) > CATEGORY_MAX for one in rule.categories):
        errors["categories"] = _("Enter at most 100 categories of at most 100 characters, one per line.")
    if not known.issuperset(rule.reasons):
        errors["reasons"] = _("Choose reasons from the list.")
    if errors:
        raise Invalid(next(iter(errors.values())), errors)
    return rule


def save_returnless_rule(actor: Actor, *, rule_id: int | None = None, **values: Any) -> ReturnlessRule:
    """Save what `planned_rule` plans; it holds for requests that are opened from now on."""
    with owned(actor) as team:
        if rule_id is None and team.returnless_rules.count() >= MOST_RULES:
            raise Invalid(_("Your team has 50 rules, the most there can be. Remove one first."))
        rule = planned_rule(actor, rule_id=rule_id, **values)
        if rule.pk is None:
            rule.save(force_insert=True)
        else:
            rule.save(update_fields=RULE_COLUMNS)
    return rule


def switch_off_rule(actor: Actor, *, rule_id: int) -> ReturnlessRule:
    """Keep the rule, but let it do nothing."""
    with owned(actor):
        rule = get_returnless_rule(actor, rule_id)
        rule.is_active = False
        rule.save(update_fields=["is_active"])
    return rule


def remove_returnless_rule(actor: Actor, *, rule_id: int) -> ReturnlessRule:
    """Take the rule away. Requests that it refunded keep its name in their history."""
    with owned(actor):
        rule = get_returnless_rule(actor, rule_id)
        rule.delete()
    return rule


def _wrong(field: str, sentence: Any) -> Invalid:
    return Invalid(sentence, {field: sentence})
