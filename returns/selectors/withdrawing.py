"""What a buyer may know of the right to withdraw from the contract: from what, until when, and if not, why not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from ..models import MarketplaceSettings, Order, OrderItem
from ..policy import ItemFacts, judge_item
from ..withdrawal import Payer, is_exempt, judge_withdrawal, sentence
from .asking import OrderLine
from .common import common_of


@dataclass(frozen=True, slots=True)
class WithdrawalRight:
    """`lines`: those the buyer can still withdraw from, with a right in time; `exempt`: titles of what the law
    exempts. `prepaid`: ids of those lines for which the marketplace provides the label. `why_not`: why there is no
    right, or not any more, in one sentence, "" where `lines` has one.
    """

    lines: list[OrderLine]
    exempt: list[str]
    end_date: date | None
    buyer_pays: bool
    why_not: str
    prepaid: frozenset[int] = frozenset()

    def is_prepaid(self, chosen: Iterable[int]) -> bool:
        """Whether a withdrawal from these lines comes with a label: it does as soon as one of them has one."""
        return not self.prepaid.isdisjoint(chosen)


def item_facts(order: Order, line: OrderItem, requested_at: datetime) -> ItemFacts:
    """What is known of a line of an order when its buyer asks here."""
    return ItemFacts(
        requested_at=requested_at,
        ordered_at=order.ordered_at,
        delivered_date=order.delivered_date,
        estimated_delivery_date=order.estimated_delivery_date,
        country=order.country,
        category=line.category,
        sku=line.sku,
    )


def right_of(order: Order, declared_date: date | None = None) -> WithdrawalRight:
    """The right as it is now, or was on the day on which it was declared elsewhere; two queries, of which one is
    shared with the order's other pages.
    """
    commons, now = common_of([order.seller])
    settings = commons[order.seller_id].settings
    lines = list(OrderItem.objects.filter(order=order).order_by("pk"))
    if declared_date is not None:
        now = min(now, declared_at(order, settings, declared_date))
    return right_at(order, lines, settings, now)


def declared_at(order: Order, settings: MarketplaceSettings, day: date) -> datetime:
    """The middle of that day where the buyer lives: a moment of it by which it is judged."""
    rule = settings.withdrawal_rule_for(order.country, order.ordered_at)
    return noon(day, rule.time_zone if rule else settings.time_zone)


def noon(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(12), ZoneInfo(zone))


def right_at(
    order: Order, lines: Sequence[OrderItem], settings: MarketplaceSettings, now: datetime
) -> WithdrawalRight:
    """The same for these lines of the order, where somebody else has read them and the time."""
    if not lines:
        return WithdrawalRight([], [], None, buyer_pays=True, why_not="")
    rule = settings.withdrawal_rule_for(order.country, order.ordered_at)
    rules = settings.rules_for(order.seller, order.ordered_at)
    exempt = [line for line in lines if rule and is_exempt(line.category, rule)]
    free = [line for line in lines if line.free and line not in exempt]
    verdict = judge_withdrawal(
        [item_facts(order, line, now) for line in free or lines],
        rule,
        is_business=order.is_business,
        rules_version=settings.rules_version,
    )
    return WithdrawalRight(
        lines=[OrderLine(line.pk, line.title or line.sku, line.quantity, line.free, ()) for line in free]
        if verdict.is_timely
        else [],
        exempt=[line.title or line.sku for line in exempt],
        end_date=verdict.end_date,
        buyer_pays=verdict.payer == Payer.BUYER,
        why_not="" if verdict.is_timely else str(sentence(verdict.reason)),
        prepaid=frozenset(
            line.pk for line in free if judge_item(item_facts(order, line, now), rules).prepaid_eligible
        ),
    )
