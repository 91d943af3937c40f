"""Every write. A service takes an actor, locks, checks against the table of moves, and writes an event.

Locks are always taken in this order: a draft of a request, the seller (by an import, or to keep new defaults), seats of
a team, requests by id, order lines by id, the order (to give it a number once), counters by (seller, status).
"""

from .decide import (
    authorize_return,
    close_return,
    decide_returns,
    preview_decision,
    reopen_return,
    undo_decision,
)
from .escalation import escalate, uphold
from .goods import complete_return, hand_over, keep_item, receive_return
from .labels import provide_label
from .money import record_refund
from .offers import accept_offer, decline_offer, make_offer, take_back_offer
from .open import open_return
from .payouts import confirm_payout, fail_payout, give_up_payout, record_payout, retry_payout
from .split import split_return
from .take_back import take_back_closing
from .verdicts import reassess
from .withdraw import withdraw
from .write import write_message

__all__ = [
    "accept_offer",
    "authorize_return",
    "close_return",
    "complete_return",
    "confirm_payout",
    "decide_returns",
    "decline_offer",
    "escalate",
    "fail_payout",
    "give_up_payout",
    "hand_over",
    "keep_item",
    "make_offer",
    "open_return",
    "preview_decision",
    "provide_label",
    "reassess",
    "receive_return",
    "record_payout",
    "record_refund",
    "reopen_return",
    "retry_payout",
    "split_return",
    "take_back_closing",
    "take_back_offer",
    "undo_decision",
    "uphold",
    "withdraw",
    "write_message",
]
