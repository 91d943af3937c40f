"""The door of the shop's own system: it says what became of the refunds that were handed over to it."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from .. import services
from ..models.payouts import PayoutFailure, PayoutState
from ..payouts import told_in
from ..payouts.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, is_signed

SAYS = (PayoutState.CONFIRMED, PayoutState.FAILED)


@csrf_exempt  # no session speaks here: the signature does
@require_POST
def confirm_payout(request: HttpRequest) -> HttpResponse:
    """Take a signed word about one pay-out (docs/payouts.md). The same word again changes nothing."""
    timestamp = request.headers.get(TIMESTAMP_HEADER, "")
    signature = request.headers.get(SIGNATURE_HEADER, "")
    secrets = (settings.PAYOUT_SECRET, *settings.PAYOUT_SECRET_FALLBACKS)
    if not any(is_signed(request.body, timestamp, signature, secret) for secret in secrets):
        return JsonResponse({"error": "not signed, or more than five minutes ago"}, status=401)
    told = told_in(request.body)
    reference, status, reason = (told.get(name) or "" for name in ("reference", "status", "reason"))
    if not (isinstance(reference, str) and reference and status in SAYS and isinstance(reason, str)):
        return JsonResponse({"error": 'needs "reference" and "status": "confirmed" or "failed"'}, status=400)
    if status == PayoutState.CONFIRMED:
        payout = services.confirm_payout(reference)
    else:
        payout = services.fail_payout(reference, PayoutFailure.REPORTED, reason)
    answer = {"reference": payout.reference, "status": payout.status}
    return JsonResponse(answer, status=200 if payout.status == status else 409)
