"""The advice on an open request: what the way back costs, where that is known from, and what can be done about it."""

from dataclasses import dataclass
from decimal import Decimal

from babel.numbers import format_decimal
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from ..advice import Advice, AdviceKind, Cost, CostSource, Payer, Zone, advise, who_pays, zone_between
from ..dates import active_locale
from ..models import ReturnItem
from ..models.people import Language
from ..money import format_money
from ..state_machine import Status
from .cases import Case


@dataclass(frozen=True, slots=True)
class Step:
    """One click that starts what is advised: a page below the request's, and its query."""

    label: str
    page: str
    query: str = ""


@dataclass(frozen=True, slots=True)
class Advised:
    """The advice in words. `source`: where the cost is from; `steps`: what can be started, the best first."""

    sentence: str
    source: str = ""
    steps: tuple[Step, ...] = ()

    def __str__(self) -> str:
        return self.sentence


def advice_of(case: Case, *, may_write: bool = False, may_offer: bool = False) -> Advised | None:
    """The advice on a request with its numbers, in the active language, or None. What never arrived has no way
    back: the advice is what to check (domain.md 6).
    """
    if case.request.status == Status.AUTHORIZATION_REQUIRED and case.is_never_arrived:
        sentence = _(
            "A delivery problem, not a return. Check the tracking and the address, and ask the buyer about the "
            "household, the neighbours and a safe place. Then offer a refund, or send the order again."
        )
        return Advised(sentence, steps=(Step(_("Write to the buyer"), "write/"),) if may_write else ())
    advice = find_advice(case)
    if advice is None:
        return None
    return Advised(
        str(advice.sentence % costs_of(case, advice)),
        _source(advice.cost),
        tuple(_steps(advice, may_write=may_write, may_offer=may_offer)),
    )


def find_advice(case: Case) -> Advice | None:
    """What the cost of the way back advises on a request of one item that did arrive and was not sent back yet."""
    if len(case.items) != 1 or case.is_never_arrived:
        return None
    (item,) = case.items
    value = case.moneys[item.pk].owed("item")
    if value is None:
        return None
    if case.request.status == Status.AUTHORIZATION_REQUIRED:
        return advise(value_minor=value, cost=_cost(case, item), payer=payer_for(case))
    if case.request.status == Status.AUTHORIZED and case.request.handed_over_at is None:
        # Nothing is left to decide, but for a label of the seller's own that is not worth its cost.
        return advise(value_minor=value, cost=_own_label(item), payer=Payer.SELLER)
    return None


def costs_of(case: Case, advice: Advice) -> dict[str, str]:
    """The numbers of the advice as money, in the active language."""
    language = get_language() or Language.ENGLISH.value
    currency = case.items[0].order_item.currency
    return {
        "cost": format_money(advice.cost.minor, currency, language),
        "value": format_money(advice.value_minor, currency, language),
    }


def payer_for(case: Case) -> Payer:
    """Who pays the way back of the request's first item."""
    if case.request.prepaid_eligible and not case.is_imported:
        return Payer.MARKETPLACE
    item = case.items[0]
    reason = case.reasons.get(item.reason_code)
    return who_pays(item.label_payer, reason.fault if reason else "")


def weight_in_words(grams: int) -> str:
    """500 g, 2 kg, 2.25 kg."""
    if grams < 1000:
        return _("%(grams)d g") % {"grams": grams}
    kilograms = format_decimal(Decimal(grams) / 1000, format="#,##0.###", locale=active_locale())
    return _("%(kilograms)s kg") % {"kilograms": kilograms}


def _cost(case: Case, item: ReturnItem) -> Cost | None:
    """The cost, from the narrowest source that names one: the label itself, the file, the seller's table."""
    if item.label_cost_minor is not None:
        return Cost(item.label_cost_minor, CostSource.FILE)
    line = item.order_item
    return case.common.costs.find(
        sku=line.sku,
        units=item.quantity,
        zone=zone_between(case.seller.country, case.request.order.country),
        currency=line.currency,
    )


def _own_label(item: ReturnItem) -> Cost | None:
    return None if item.own_label_minor is None else Cost(item.own_label_minor, CostSource.LABEL)


def _source(cost: Cost) -> str:
    if cost.band is not None:
        return _("The cost is from your table: %(zone)s, up to %(weight)s.") % {
            "zone": Zone(cost.band.zone).label,
            "weight": weight_in_words(cost.band.up_to_grams),
        }
    if cost.source == CostSource.LABEL:
        return _("The cost is that of the label you uploaded.")
    return _("The cost is from the marketplace's file.")


def _steps(advice: Advice, *, may_write: bool, may_offer: bool) -> list[Step]:
    """Keeping it is offered; what the buyer would pay is told first, in a message that is drafted."""
    draft = "draft=cost" if advice.payer == Payer.BUYER else ""
    write = [Step(_("Write to the buyer"), "write/", draft)] if may_write else []
    if advice.kind == AdviceKind.KEEP:
        keep = Step(_("Offer to let the buyer keep it"), "offer/", "kind=keep_full")
        return [keep, *write] if may_offer else write
    offers = [
        Step(_("Offer a credit"), "offer/", "kind=credit"),
        Step(_("Offer a cheaper label"), "offer/", "kind=discounted_label"),
    ]
    return [*write, *offers] if may_offer else write
