"""Does the ground of a closure reason hold for this request, and why? Pure functions of frozen values.

A ground is a check in code; each closure reason names one. A ground that needs a statement of the seller (a
delivery date, a promise, an agreement) may be picked, and holds once the statement is made.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from .dates import format_day, format_list
from .policy import PolicyVerdict

COMMENTS_ALTHOUGH_IN_POLICY = 20


class Ground(TextChoices):
    ALWAYS = "always", _("Always")
    OUTSIDE_RETURN_WINDOW = "outside_return_window", _("Outside the return window")
    OUTSIDE_POLICY = "outside_policy", _("Not in policy")
    NOT_RETURNABLE = "not_returnable", _("Every item is marked not returnable")
    REFUND_WITHOUT_RETURN = "refund_without_return", _("A refund is promised or made")
    AGREED_WITH_BUYER = "agreed_with_buyer", _("Agreed with the buyer")
    DUPLICATE = "duplicate", _("Another request covers the same units")
    NEVER_ARRIVED = "never_arrived", _("The order never arrived")
    NONE = "none", _("None (imports only)")


CLAIMS_OUTLAST = frozenset({Ground.OUTSIDE_RETURN_WINDOW, Ground.OUTSIDE_POLICY, Ground.NOT_RETURNABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundFacts:
    """What the grounds may know. Dates are days in the marketplace's time zone, already formatted where they are
    text. `verdict_sentences` are the stored reasons of the verdict; `duplicates` names the other requests.
    """

    policy: str
    verdict_source: str = "rules"
    verdict_sentences: tuple[Any, ...] = ()
    requested_date: date
    window_end_date: date | None = None
    is_window_estimated: bool = False
    window_days: int = 30
    not_returnable_marks: tuple[str, ...] = ()
    is_each_not_returnable: bool = False
    is_fully_refunded: bool = False
    has_recorded_agreement: bool = False
    is_timely_withdrawal: bool = False
    is_never_arrived: bool = False
    is_sellers_fault: bool = False
    duplicates: tuple[str, ...] = ()
    grounds_that_warn: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What the seller states or ticks while closing."""

    delivery_date: date | None = None
    promise_minor: int | None = None
    promise_currency: str = ""
    promise_due_date: date | None = None
    agreed_date: date | None = None
    agreed_channel: str = ""
    has_checked_claim: bool = False
    buyer_writes_never_arrived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Whether the ground holds as things are stated (`holds`), or could with one more statement (`needs`, names
    of fields of `Stated`); `sentence` says why, `warning` what to consider.
    """

    holds: bool
    sentence: Any
    needs: tuple[str, ...] = field(default=())
    warning: Any = ""

    @property
    def may_be_picked(self) -> bool:
        return self.holds or bool(self.needs)


def _always(facts: GroundFacts, stated: Stated) -> Finding:
    if facts.policy == PolicyVerdict.IN_POLICY:
        return Finding(
            holds=True,
            sentence=_("Explain it in your comments; the buyer can ask the marketplace to step in."),
            warning=_(
                "This request is in policy. If you close it, the buyer can ask the marketplace to step in; "
                "explain your reason in at least 20 characters."
            ),
        )
    return Finding(holds=True, sentence=_("The buyer can ask the marketplace to step in."))


def _outside_return_window(facts: GroundFacts, stated: Stated) -> Finding:
    if facts.verdict_source == "file" and facts.policy == PolicyVerdict.NOT_IN_POLICY:
        return Finding(holds=True, sentence=_("The marketplace's file says: not in policy."))
    end = facts.window_end_date
    if end is not None and facts.requested_date > end:
        words = {"end": format_day(end), "asked": format_day(facts.requested_date)}
        if facts.is_window_estimated:
            return Finding(
                holds=True,
                sentence=_("The window ended on %(end)s (by the estimated delivery); asked on %(asked)s.")
                % words,
            )
        return Finding(holds=True, sentence=_("The window ended on %(end)s; asked on %(asked)s.") % words)
    if end is not None:
        return Finding(
            holds=False,
            sentence=_("Asked on %(asked)s, inside the window that ends on %(end)s.")
            % {"end": format_day(end), "asked": format_day(facts.requested_date)},
        )
    if facts.policy == PolicyVerdict.IN_POLICY:
        return Finding(holds=False, sentence=_("The return window has not begun: nothing was delivered yet."))
    if stated.delivery_date is None:
        return Finding(
            holds=False,
            needs=("delivery_date",),
            sentence=_("The window is unknown: enter the day of delivery. The buyer reads it."),
        )
    end = stated.delivery_date + timedelta(days=facts.window_days)
    words = {"delivered": format_day(stated.delivery_date), "end": format_day(end)}
    if facts.requested_date > end:
        return Finding(
            holds=True,
            sentence=_("By your statement it was delivered on %(delivered)s and the window ended on %(end)s.")
            % words,
        )
    return Finding(
        holds=False,
        needs=("delivery_date",),
        sentence=_("Delivered on %(delivered)s, the window would end on %(end)s: the request was in time.")
        % words,
    )


def _outside_policy(facts: GroundFacts, stated: Stated) -> Finding:
    if facts.policy != PolicyVerdict.NOT_IN_POLICY:
        return Finding(holds=False, sentence=_("This request was not judged to be outside the policy."))
    return Finding(
        holds=True,
        sentence=facts.verdict_sentences[0] if facts.verdict_sentences else _("Not in policy."),
    )


def _not_returnable(facts: GroundFacts, stated: Stated) -> Finding:
    if not facts.is_each_not_returnable:
        return Finding(holds=False, sentence=_("Not marked as not returnable when it was ordered."))
    return Finding(
        holds=True,
        sentence=_("Marked not returnable when it was ordered: %(marks)s.")
        % {"marks": format_list(facts.not_returnable_marks)},
    )


def _refund_without_return(facts: GroundFacts, stated: Stated) -> Finding:
    if facts.is_fully_refunded:
        return Finding(holds=True, sentence=_("A full refund is recorded."))
    if stated.promise_minor and stated.promise_due_date:
        return Finding(holds=True, sentence=_("You promise this refund; the buyer reads amount and day."))
    return Finding(
        holds=False,
        needs=("promise_minor", "promise_due_date"),
        sentence=_("You promise an amount and a day; the buyer reads both."),
    )


def _agreed_with_buyer(facts: GroundFacts, stated: Stated) -> Finding:
    if facts.has_recorded_agreement:
        return Finding(
            holds=True,
            sentence=_("A partial refund is recorded. The buyer can contest the agreement for 30 days."),
        )
    if facts.is_timely_withdrawal:
        return Finding(
            holds=False,
            sentence=_("The buyer withdrew from the contract in time: only an offer accepted here counts."),
        )
    if stated.agreed_date and stated.agreed_channel:
        return Finding(
            holds=True,
            sentence=_("Agreed on %(day)s. The buyer can contest it for 30 days.")
            % {"day": format_day(stated.agreed_date)},
        )
    return Finding(
        holds=False,
        needs=("agreed_date", "agreed_channel"),
        sentence=_("Asks for the day and the way you agreed; the buyer can contest it for 30 days."),
    )


def _duplicate(facts: GroundFacts, stated: Stated) -> Finding:
    if not facts.duplicates:
        return Finding(holds=False, sentence=_("No other request asks for the same units."))
    return Finding(
        holds=True,
        sentence=_("The same units are covered by %(requests)s.")
        % {"requests": format_list(facts.duplicates)},
    )


def _never_arrived(facts: GroundFacts, stated: Stated) -> Finding:
    if facts.is_never_arrived:
        return Finding(
            holds=True, sentence=_("The buyer reports that it never arrived. Check what the carrier says.")
        )
    if stated.buyer_writes_never_arrived:
        return Finding(holds=True, sentence=_("By your statement the buyer writes that it never arrived."))
    return Finding(
        holds=False,
        needs=("buyer_writes_never_arrived",),
        sentence=_("The buyer gave another reason: tick that the buyer writes that it never arrived."),
    )


def _none(facts: GroundFacts, stated: Stated) -> Finding:
    return Finding(holds=False, sentence=_("Only a marketplace's file closes with this reason."))


_CHECKS: dict[str, Callable[[GroundFacts, Stated], Finding]] = {
    Ground.ALWAYS: _always,
    Ground.OUTSIDE_RETURN_WINDOW: _outside_return_window,
    Ground.OUTSIDE_POLICY: _outside_policy,
    Ground.NOT_RETURNABLE: _not_returnable,
    Ground.REFUND_WITHOUT_RETURN: _refund_without_return,
    Ground.AGREED_WITH_BUYER: _agreed_with_buyer,
    Ground.DUPLICATE: _duplicate,
    Ground.NEVER_ARRIVED: _never_arrived,
    Ground.NONE: _none,
}


def check(ground: str, facts: GroundFacts, stated: Stated, *, may_close_withdrawal: bool = False) -> Finding:
    """Does `ground` hold? `may_close_withdrawal` is the reason's own mark.

    A withdrawal in time is closed only with a reason that may (law: no setting switches this off). Where the
    item is at fault by the buyer's account, the grounds that argue with time or policy also need the tick
    `has_checked_claim`. A ground the marketplace set to warn only holds with a warning.
    """
    if facts.is_timely_withdrawal and not may_close_withdrawal:
        return Finding(
            holds=False,
            sentence=_(
                "The buyer withdrew from the contract in time; this reason cannot close a withdrawal."
            ),
        )
    finding = _CHECKS[ground](facts, stated)
    if not finding.may_be_picked and ground in facts.grounds_that_warn and ground != Ground.NONE:
        finding = Finding(holds=True, sentence=finding.sentence, warning=finding.sentence)
    if finding.holds and ground in CLAIMS_OUTLAST and facts.is_sellers_fault and not stated.has_checked_claim:
        return Finding(
            holds=False,
            needs=("has_checked_claim",),
            sentence=finding.sentence,
            warning=_(
                "The buyer says the item is at fault; such claims outlast the return window in many countries."
            ),
        )
    return finding
