"""The right of withdrawal, for the pages that lead to it."""

from django import template

from ..models import MarketplaceSettings, Order
from ..selectors.withdrawing import WithdrawalRight, right_of

register = template.Library()


@register.simple_tag
def withdrawal_right(order: Order) -> WithdrawalRight:
    """What the buyer of `order` can withdraw from now; two queries."""
    return right_of(order)


@register.simple_tag
def may_be_withdrawn_from(order: Order) -> bool:
    """Does the law of the buyer's country know a right of withdrawal for such an order, be its time over or not?"""
    rule = MarketplaceSettings.load().withdrawal_rule_for(order.country, order.ordered_at)
    return rule is not None and not order.is_business
