"""Every write. A service takes an actor, locks, checks against the table of moves, and writes an event.

Locks are always taken in this order: the seller (by an import, or to keep new defaults), seats of a team, requests by
id, order lines by id, the order (to give it a number once), counters by (seller, status).
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
from .goods import complete_return, keep_item, receive_return
from .labels import provide_label
from .money import record_refund
from .open import open_return
from .withdraw import withdraw

__all__ = [
    "authorize_return",
    "close_return",
    "complete_return",
    "decide_returns",
    "escalate",
    "keep_item",
    "open_return",
    "preview_decision",
    "provide_label",
    "receive_return",
    "record_refund",
    "reopen_return",
    "undo_decision",
    "uphold",
    "withdraw",
]
