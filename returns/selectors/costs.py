"""A seller's table of return costs."""

from ..actors import Actor
from ..advice import Band, CostTable, Zone
from ..models import ReturnCost, SkuWeight


def table_of(seller_id: int, default_grams: int | None) -> CostTable:
    """The seller's bands and weights; two queries."""
    bands = ReturnCost.objects.filter(seller_id=seller_id).order_by("up_to_grams", "pk")
    return CostTable(
        bands=tuple(
            Band(*row) for row in bands.values_list("zone", "up_to_grams", "amount_minor", "currency")
        ),
        weights=dict(SkuWeight.objects.filter(seller_id=seller_id).values_list("sku", "grams")),
        default_grams=default_grams,
    )


def list_costs(actor: Actor) -> list[ReturnCost]:
    """The rows of the actor's table: by zone from near to far, then currency and weight."""
    order = list(Zone.values)
    rows = ReturnCost.objects.filter(seller_id=actor.own_seller_id).order_by("currency", "up_to_grams", "pk")
    return sorted(rows, key=lambda row: order.index(row.zone))


def list_weights(actor: Actor) -> list[SkuWeight]:
    return list(SkuWeight.objects.filter(seller_id=actor.own_seller_id).order_by("sku"))
