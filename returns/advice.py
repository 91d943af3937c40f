"""What the cost of a return says: one line with its numbers. Pure; nothing is sent without a click.

Where that cost comes from: the narrowest that is known of the label itself, the marketplace's file, and the
seller's own table by weight and zone (`CostTable`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

CLOSE_TO_VALUE_PERCENT = 80

# The customs territory of the European Union (Regulation (EU) 952/2013, article 4), as countries: between them a
# parcel passes no customs, and carriers charge by one table.
_REGION = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MC MT NL PL PT RO SE SI SK"
ONE_REGION = frozenset(_REGION.split(" "))


class Payer(TextChoices):
    BUYER = "buyer", _("the buyer")
    SELLER = "seller", _("you")
    MARKETPLACE = "marketplace", _("the marketplace")


class AdviceKind(TextChoices):
    KEEP = "keep", _("Let the buyer keep it")
    TELL_COST = "tell_cost", _("Tell the buyer the cost first")


class CostSource(StrEnum):
    """Where a cost is known from: the label that the seller uploaded, the marketplace's file, the seller's table."""

    LABEL = "label"
    FILE = "file"
    TABLE = "table"


class Zone(TextChoices):
    """How far a parcel travels between the seller's country and the buyer's (`zone_between`)."""

    DOMESTIC = "domestic", _("Same country")
    REGION = "region", _("Same region (European Union)")
    INTERNATIONAL = "international", _("International")


def zone_between(home: str, country: str) -> Zone | None:
    """The zone of a parcel from `country` to `home`, as two-letter codes; None where either is not known.

    One country is domestic, two of the European Union are one region, everything else is international.
    """
    home, country = home.upper(), country.upper()
    if not home or not country:
        return None
    if home == country:
        return Zone.DOMESTIC
    return Zone.REGION if {home, country} <= ONE_REGION else Zone.INTERNATIONAL


@dataclass(frozen=True, slots=True)
class Band:
    """What the way back of a parcel of at most `up_to_grams` costs in one zone, in minor units of `currency`."""

    zone: str
    up_to_grams: int
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Cost:
    """What sending it back costs, in minor units of the item's currency; `band`: the row of the table it is from."""

    minor: int
    source: CostSource
    band: Band | None = None


@dataclass(frozen=True, slots=True)
class CostTable:
    """A seller's return costs: bands, and what one unit weighs by SKU, else `default_grams`."""

    bands: tuple[Band, ...] = ()
    weights: Mapping[str, int] = field(default_factory=dict)
    default_grams: int | None = None

    def find(self, *, sku: str, units: int, zone: Zone | None, currency: str) -> Cost | None:
        """The cost of sending `units` back in one parcel; None where weight or zone is not known, or no band fits.

        The lightest band that holds the weight counts; only bands in the item's own currency are compared.
        """
        grams = self.weights.get(sku, self.default_grams)
        if grams is None:
            return None
        fitting = [
            band
            for band in self.bands
            if band.zone == zone and band.currency == currency and band.up_to_grams >= grams * units
        ]
        band = min(fitting, key=lambda one: one.up_to_grams, default=None)
        return Cost(band.amount_minor, CostSource.TABLE, band) if band else None


@dataclass(frozen=True, slots=True)
class Advice:
    """`value_minor` is what is left of the item's value, `cost` what sending it back would cost."""

    kind: AdviceKind
    value_minor: int
    cost: Cost
    payer: Payer

    @property
    def sentence(self) -> Any:
        """The line, with ``%(cost)s`` and ``%(value)s`` left for the page to format as money."""
        if self.kind == AdviceKind.KEEP and self.payer == Payer.BUYER:
            return _(
                "The buyer would pay about %(cost)s to send back an item worth %(value)s. "
                "Offer to let them keep it with a full refund."
            )
        if self.kind == AdviceKind.KEEP:
            return _(
                "Sending it back costs about %(cost)s, more than its value of %(value)s. "
                "Offer to let the buyer keep it with a full refund."
            )
        return _(
            "The buyer would pay about %(cost)s to send back an item worth %(value)s. "
            "Tell them first, and offer a credit or a cheaper label."
        )


MESSAGE = _(
    "Before you send “%(title)s” back: by the return policy you would pay the shipping, which costs about %(cost)s. "
    "The item is worth %(value)s. We can offer you a credit if you keep it, or a cheaper label. "
    "Please tell us which you prefer."
)


def who_pays(reported_payer: str, fault: str) -> Payer:
    """Who pays the way back: the file's *Label to be paid by*, else the reason's fault (domain.md 4)."""
    reported = {"customer": Payer.BUYER, "seller": Payer.SELLER, "amazon": Payer.MARKETPLACE}
    known = reported.get(reported_payer.strip().lower())
    if known is not None:
        return known
    return Payer.SELLER if fault == "seller" else Payer.BUYER


def advise(*, value_minor: int, cost: Cost | None, payer: Payer) -> Advice | None:
    """The advice for one open request, or None where the cost is unknown or plainly below the value.

    `value_minor` is the item's value less prior refunds, in the same currency as `cost`. A cost above the value:
    let the buyer keep it. From 80 % of the value, where the buyer pays: tell the cost first.
    """
    if cost is None or cost.minor <= 0 or value_minor < 0:
        return None
    if cost.minor > value_minor and payer != Payer.MARKETPLACE:
        return Advice(AdviceKind.KEEP, value_minor, cost, payer)
    if payer == Payer.BUYER and cost.minor * 100 >= value_minor * CLOSE_TO_VALUE_PERCENT:
        return Advice(AdviceKind.TELL_COST, value_minor, cost, payer)
    return None
