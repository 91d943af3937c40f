"""The restocking fee: when a seller may keep part of a refund, how much, and what the buyer reads of it.

Marketplaces let sellers keep a part for goods that came back late, used or damaged, and never for a fault of their
own. EU law (Directive 2011/83/EU, article 14(2)) lets a consumer who withdraws in time open and try the goods for
nothing, and answer only for what goes beyond that.
"""

from dataclasses import dataclass
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .policy import PolicyVerdict

MOST_PERCENT = 50
PHOTO_FROM_PERCENT = 20


class FeeReason(TextChoices):
    """Why a fee is kept; the labels say it of the item."""

    DAMAGED = "damaged", gettext_lazy("The item came back damaged.")
    USED = "used", gettext_lazy("The item came back used.")
    NOT_IN_POLICY = "not_in_policy", gettext_lazy("The return is not in policy.")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeFacts:
    """What the rule may know of one item of a request.

    `condition`: the one it came back in ("used", "damaged", …), "" while nothing came back; `fault`: whose fault
    the buyer's reason is ("buyer", "seller", "none"), "" for a reason that nobody knows.
    """

    condition: str
    policy: str
    fault: str
    is_timely_withdrawal: bool


def judge_fee(facts: FeeFacts) -> tuple[FeeReason | None, Any]:
    """(reason, its sentence) where a fee may be kept, else (None, the sentence that says why not)."""
    if facts.fault in ("seller", "none"):
        return None, gettext_lazy("No restocking fee: by the reason given, the buyer is not at fault.")
    if not facts.condition:
        return None, gettext_lazy(
            "A restocking fee is for what came back: first mark the item as received, with its condition."
        )
    if facts.condition in (FeeReason.DAMAGED, FeeReason.USED):
        reason = FeeReason(facts.condition)
        return reason, reason.label
    if facts.is_timely_withdrawal:
        return None, gettext_lazy(
            "No restocking fee: whoever withdraws in time may open and try the item for nothing."
        )
    if facts.policy == PolicyVerdict.NOT_IN_POLICY:
        return FeeReason.NOT_IN_POLICY, FeeReason.NOT_IN_POLICY.label
    return None, gettext_lazy(
        "No restocking fee: the item came back neither used nor damaged, and nothing says that it is not in policy."
    )


def percent_of(base_minor: int, percent: int) -> int:
    """`percent` of an amount in minor units, rounded down."""
    return base_minor * percent // 100


def needs_photo(fee_minor: int, base_minor: int) -> bool:
    # As a percentage is rounded down, so is the limit.
    return fee_minor >= percent_of(base_minor, PHOTO_FROM_PERCENT)


def told(reason: str, title: str, amount: str) -> str:
    """The sentence that buyer and seller read of a fee, in the active language. `amount`: in words."""
    sentences = {
        FeeReason.DAMAGED: _("%(amount)s is kept as a restocking fee for %(title)s: it came back damaged."),
        FeeReason.USED: _("%(amount)s is kept as a restocking fee for %(title)s: it came back used."),
        FeeReason.NOT_IN_POLICY: _(
            "%(amount)s is kept as a restocking fee for %(title)s: the return is outside the return policy."
        ),
    }
    return sentences[FeeReason(reason)] % {"amount": amount, "title": title}
