"""The right of withdrawal, for the pages that lead to it."""

from django import template

from ..models import Order
from ..selectors.withdrawing import WithdrawalRight, right_of

register = template.Library()


@register.simple_tag
def withdrawal_right(order: Order) -> WithdrawalRight:
    """What the buyer of `order` can withdraw from now; two queries."""
    return right_of(order)
