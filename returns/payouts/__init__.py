"""How refunds are paid: the backend that the setting PAYOUT_BACKEND names, as Django's for e-mail.

A backend is a class with `pays_by_itself` and `pay`, made without arguments. Nothing of the ORM is in here.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Protocol

from django.conf import settings
from django.utils.module_loading import import_string


class Said(StrEnum):
    """What a backend says of a pay-out that it was asked for."""

    CONFIRMED = "confirmed"  # it is paid
    ACCEPTED = "accepted"  # it will be confirmed, or said to have failed, later
    REFUSED = "refused"  # it will not be paid; asking again as it is does not help
    NO_ANSWER = "no_answer"  # nobody knows; ask again
    NOT_HANDED_OVER = "not_handed_over"  # this backend pays nothing by itself


@dataclass(frozen=True, slots=True)
class Answer:
    """`words`: what the other side wrote about it, as it came."""

    said: Said
    words: str = ""


class Backend(Protocol):
    """`pays_by_itself`: a refund that is recorded is not paid yet, and `pay` sees to it."""

    pays_by_itself: bool

    def pay(self, reference: str, body: bytes) -> Answer:
        """Ask once for the pay-out `reference`; the same reference is paid once, however often it is asked for.

        `body` is the instruction as JSON. Takes a bounded time, and must not be called inside a transaction.
        """
        ...


def told_in(content: bytes) -> dict[str, Any]:
    """The JSON object that the other side sent; empty where it is none."""
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


@cache
def _backend(path: str) -> Backend:
    made: Backend = import_string(path)()
    return made


def get_backend() -> Backend:
    """The backend that is set."""
    return _backend(settings.PAYOUT_BACKEND)
