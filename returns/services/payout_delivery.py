"""Handing pay-outs over to the shop: asked for until it answers, and paid once whatever dies between.

A pay-out is taken for the time of a lease before the shop is asked. Who dies while asking leaves it due again when
the lease ends, and it is asked for with the same reference and bytes: the shop pays a reference once.
"""

import json
import logging
import random
import time
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

from django.db import transaction
from django.db.models.functions import Now

from ..models import Payout
from ..models.payouts import PayoutFailure, PayoutState
from ..money import to_decimal
from ..payouts import Answer, Said, get_backend
from .payouts import confirm_payout, fail_payout

logger = logging.getLogger(__name__)

DRAIN_SECONDS = 20
# Longer than asking can take, so that nobody asks while somebody still does.
LEASE = timedelta(seconds=30)
# Seconds from one attempt that had no answer to the next; after the last the pay-out has failed.
RETRY_SECONDS = (10, 60, 300, 1800, 7200, 18000)


def send_payouts(is_stopping: Callable[[], bool] = lambda: False, seconds: float = DRAIN_SECONDS) -> bool:
    """Hand over what is due, one after another, for `seconds`; answers whether more may be due."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not is_stopping():
        payout = _claim()
        if payout is None:
            return False
        _send(payout)
    return True


def _claim() -> Payout | None:
    """Take the pay-out that is due longest, counting the attempt before it is made; nobody waits for anybody."""
    due = Payout.objects.filter(next_attempt_at__lte=Now()).order_by("next_attempt_at", "pk")
    with transaction.atomic():
        payout = due.select_for_update(skip_locked=True, of=("self",)).first()
        if payout is not None:
            payout.attempts += 1
            payout.lease_token = uuid4().hex
            payout.next_attempt_at = Now() + LEASE
            payout.save(update_fields=["attempts", "lease_token", "next_attempt_at"])
    return payout


def _send(payout: Payout) -> None:
    if payout.attempts > len(RETRY_SECONDS) + 1:
        # Whoever made the last attempt did not live to write down what came of it.
        _fail(payout, PayoutFailure.NO_ANSWER)
        return
    try:
        answer = get_backend().pay(payout.reference, instruction(payout))
    except Exception as error:
        logger.exception("pay-out %s could not be handed over", payout.pk)
        answer = Answer(Said.NO_ANSWER, type(error).__name__)
    match answer.said:
        case Said.CONFIRMED:
            confirm_payout(payout.reference)
        case Said.ACCEPTED:
            _settle(payout, next_attempt_at=None)
        case Said.REFUSED:
            _fail(payout, PayoutFailure.REFUSED, answer.words)
        case Said.NOT_HANDED_OVER:
            _fail(payout, PayoutFailure.NOT_HANDED_OVER)
        case Said.NO_ANSWER if payout.attempts > len(RETRY_SECONDS):
            _fail(payout, PayoutFailure.NO_ANSWER, answer.words)
        case Said.NO_ANSWER:
            # ± 20 %: what failed together does not come again together.
            wait = RETRY_SECONDS[payout.attempts - 1] * random.uniform(0.8, 1.2)  # noqa: S311 -- no secret
            _settle(payout, next_attempt_at=Now() + timedelta(seconds=wait))


def _fail(payout: Payout, failure: PayoutFailure, words: str = "") -> None:
    fail_payout(payout.reference, failure, words, lease_token=payout.lease_token)


def _settle(payout: Payout, **columns: object) -> None:
    """End the lease; without effect where the shop has spoken meanwhile, or somebody else took it over."""
    ours = Payout.objects.filter(pk=payout.pk, lease_token=payout.lease_token, status=PayoutState.REQUESTED)
    ours.update(lease_token="", **columns)


def instruction(payout: Payout) -> bytes:
    """What the shop is asked to pay, as JSON; the same bytes in every attempt (docs/payouts.md)."""
    request, order = payout.request, payout.order
    told = {
        "reference": payout.reference,
        "amount": str(to_decimal(payout.amount_minor, payout.currency)),
        "amount_minor": payout.amount_minor,
        "currency": payout.currency,
        "as": "credit" if payout.is_credit else "refund",
        "seller": payout.seller.slug,
        "order_number": order.order_number,
        "return": {"reference": request.reference, "rma_number": request.rma_number} if request else None,
        "lines": [
            {
                "line": refund.order_item.line_key,
                "sku": refund.order_item.sku,
                "part": refund.part,
                "amount_minor": refund.amount_minor,
            }
            for refund in payout.refunds.select_related("order_item").order_by("pk")
        ],
    }
    return json.dumps(told, ensure_ascii=True, separators=(",", ":")).encode()
