"""The door of the shop's own system: it says what became of the refunds that were handed over to it."""

import json
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from .. import services
from ..models.payouts import PayoutFailure, PayoutState
from ..payouts.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, is_signed

SAYS = (PayoutState.CONFIRMED, PayoutState.FAILED)


@csrf_exempt  # no session speaks here: the signature does
@require_POST
def confirm_payout(request: HttpRequest) -> HttpResponse:
    """Take a signed word about one pay-out (docs/payouts.md). The same word again changes nothing."""
    timestamp = request.headers.get(TIMESTAMP_HEADER, "")
    signature = request.headers.get(SIGNATURE_HEADER, "")
    if not is_signed(request.body, timestamp, signature, settings.PAYOUT_SECRET):
        return JsonResponse({"error": "not signed, or more than five minutes ago"}, status=401)
    told = _read(request.body)
    if told is None:
        return JsonResponse({"error": 'needs "reference" and "status": "confirmed" or "failed"'}, status=400)
    if told["status"] == PayoutState.CONFIRMED:
        payout = services.confirm_payout(told["reference"])
    else:
        payout = services.fail_payout(told["reference"], PayoutFailure.REPORTED, told.get("reason") or "")
    agrees = payout.status == told["status"]
    answer = {"reference": payout.reference, "status": payout.status}
    return JsonResponse(answer, status=200 if agrees else 409)


def _read(body: bytes) -> dict[str, Any] | None:
    """The word that was sent, or None where it is none."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if (
        not isinstance(told, dict)
        or not isinstance(told.get("reference"), str)
        or told.get("status") not in SAYS
    ):
        return None
    return told if isinstance(told.get("reason"), str | None) else None
