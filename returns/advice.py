"""What the cost of a return says: one line with its numbers. Pure; nothing is sent without a click."""

from dataclasses import dataclass
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

CLOSE_TO_VALUE_PERCENT = 80


class Payer(TextChoices):
    BUYER = "buyer", _("the buyer")
    SELLER = "seller", _("you")
    MARKETPLACE = "marketplace", _("the marketplace")


class AdviceKind(TextChoices):
    KEEP = "keep", _("Let the buyer keep it")
    TELL_COST = "tell_cost", _("Tell the buyer the cost first")


@dataclass(frozen=True, slots=True)
class Advice:
    """`value_minor` is what is left of the item's value, `cost_minor` what sending it back would cost."""

    kind: AdviceKind
    value_minor: int
    cost_minor: int
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


def advise(*, value_minor: int, cost_minor: int | None, payer: Payer) -> Advice | None:
    """The advice for one open request, or None where the cost is unknown or plainly below the value.

    `value_minor` is the item's value less prior refunds, in the same currency as `cost_minor`. A cost above the
    value: let the buyer keep it. From 80 % of the value, where the buyer pays: tell the cost first.
    """
    if cost_minor is None or cost_minor <= 0 or value_minor < 0:
        return None
    if cost_minor > value_minor and payer != Payer.MARKETPLACE:
        return Advice(AdviceKind.KEEP, value_minor, cost_minor, payer)
    if payer == Payer.BUYER and cost_minor * 100 >= value_minor * CLOSE_TO_VALUE_PERCENT:
        return Advice(AdviceKind.TELL_COST, value_minor, cost_minor, payer)
    return None
