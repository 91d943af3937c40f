"""A seller's table of return costs, kept by an owner: what the advice counts with where nothing else is known."""

import re
from collections.abc import Sequence
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..advice import Zone
from ..dates import active_locale
from ..exceptions import Invalid, NotFound
from ..models import ReturnCost, SkuWeight
from ..money import MAX_MINOR, format_money
from ..text import clean_text
from .seller_rules import owned

MOST_COSTS = 200
MOST_WEIGHTS = 2000
HEAVIEST_GRAMS = 1_000_000
SKU_MAX = 100

# A SKU may hold spaces and commas; the weight is what stands behind the last of them.
_LINE = re.compile(r"(\S.*?)[\s,;]+(\d{1,7})", re.ASCII)

WEIGHT = _("Enter a weight from 1 to 1,000,000 grams.")


def add_return_cost(
    actor: Actor, *, zone: str, up_to_grams: int, amount_minor: int, currency: str
) -> ReturnCost:
    """Add a band to the table: what a parcel of at most `up_to_grams` costs in the zone.

    The bands of a zone are ascending and never overlap: each begins where the next lighter one ends, and costs no
    less. `Invalid.errors` names the fields as they are called here.
    """
    currency = clean_text(currency).upper()
    with owned(actor) as team:
        errors: dict[str, Any] = {}
        if zone not in Zone.values:
            errors["zone"] = _("Choose a zone from the list.")
        if not 1 <= up_to_grams <= HEAVIEST_GRAMS:
            errors["up_to_grams"] = WEIGHT
        if not 0 < amount_minor <= MAX_MINOR:
            errors["amount_minor"] = _("Enter an amount above zero.")
        if currency not in active_locale().currencies:
            errors["currency"] = _("Enter the three letters of a currency, for example USD or EUR.")
        if not errors:
            bands = list(team.return_costs.filter(zone=zone, currency=currency).order_by("up_to_grams"))
            errors = _misfit(bands, up_to_grams, amount_minor)
        if team.return_costs.count() >= MOST_COSTS:
            errors[""] = _("Your table has 200 rows, the most there can be. Remove one first.")
        if errors:
            raise Invalid(next(iter(errors.values())), errors)
        return ReturnCost.objects.create(
            seller=team, zone=zone, up_to_grams=up_to_grams, amount_minor=amount_minor, currency=currency
        )


def _misfit(bands: Sequence[ReturnCost], up_to_grams: int, amount_minor: int) -> dict[str, Any]:
    """Why a new band cannot stand among those of its zone and currency, the lightest first; nothing where it can."""
    for band in bands:
        cost = {"cost": format_money(band.amount_minor, band.currency, get_language() or "en")}
        if band.up_to_grams == up_to_grams:
            return {"up_to_grams": _("This weight has a cost in this zone already. Remove it first.")}
        if band.up_to_grams < up_to_grams and band.amount_minor > amount_minor:
            sentence = _("A lighter parcel costs %(cost)s in this zone: a heavier one cannot cost less.")
            return {"amount_minor": sentence % cost}
        if band.up_to_grams > up_to_grams and band.amount_minor < amount_minor:
            sentence = _("A heavier parcel costs %(cost)s in this zone: a lighter one cannot cost more.")
            return {"amount_minor": sentence % cost}
    return {}


def remove_return_cost(actor: Actor, *, cost_id: int) -> ReturnCost:
    with owned(actor) as team:
        cost = team.return_costs.filter(pk=cost_id).first()
        if cost is None:
            raise NotFound(_("This page does not exist, or it is not yours."))
        cost.delete()
    return cost


def save_weights(actor: Actor, *, default_grams: int | None, text: str) -> int:
    """Take `text`, one line for each product: its SKU and the grams of one packed unit, set apart by a tab, a comma,
    a semicolon or spaces; and `default_grams` for all others. It replaces what was there; answers how many lines.

    `Invalid.errors` names the first line that cannot be read; then nothing is changed.
    """
    weights: dict[str, int] = {}
    for number, written in enumerate(clean_text(text, keep_lines=True).split("\n"), start=1):
        if written.strip():
            sku, grams = _read(written, number)
            weights[sku] = grams
    errors: dict[str, Any] = {}
    if default_grams is not None and not 1 <= default_grams <= HEAVIEST_GRAMS:
        errors["default_grams"] = WEIGHT
    if len(weights) > MOST_WEIGHTS:
        errors["weights"] = _("Enter at most 2,000 products; for all others, set one weight.")
    if errors:
        raise Invalid(next(iter(errors.values())), errors)
    with owned(actor) as team:
        team.sku_weights.all().delete()
        SkuWeight.objects.bulk_create(
            SkuWeight(seller=team, sku=sku, grams=grams) for sku, grams in weights.items()
        )
        team.default_grams = default_grams
        team.save(update_fields=["default_grams"])
    return len(weights)


def _read(written: str, number: int) -> tuple[str, int]:
    """SKU and grams of one line."""
    found = _LINE.fullmatch(written.strip())
    if found is None or len(found[1]) > SKU_MAX or not 1 <= int(found[2]) <= HEAVIEST_GRAMS:
        sentence = _(
            "Line %(number)d: write a SKU and its weight in whole grams, for example 10-2040, 1850."
        ) % {"number": number}
        raise Invalid(sentence, {"weights": sentence})
    return found[1], int(found[2])
