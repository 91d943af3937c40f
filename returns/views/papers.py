"""What is printed for a return: the label's file, and the slip for the parcel; for the seller and the buyer."""

from pathlib import Path

from csp.constants import NONE
from csp.decorators import csp
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ..actors import Actor
from ..decorators import ActorRequest, BuyerRequest, CaseRequest, buyer_required, seller_required
from ..selectors.labels import get_label_file, get_slip
from ..services.labels import CONTENT_TYPES, read_label

# A file that somebody uploaded: whatever it is, it is saved and not shown, and can do nothing where it is.
AS_A_FILE = {"default-src": [NONE], "sandbox": True, "frame-ancestors": [NONE]}


@csp(AS_A_FILE)
@seller_required
@never_cache
@require_safe
def seller_label(request: CaseRequest, reference: str) -> HttpResponse:
    return _label(request.actor, reference)


@csp(AS_A_FILE)
@buyer_required
@require_safe
def buyer_label(request: BuyerRequest, reference: str) -> HttpResponse:
    return _label(request.actor, reference)


@seller_required
@require_safe
def seller_slip(request: CaseRequest, reference: str) -> HttpResponse:
    return _slip(request, reference, reverse("seller-return", args=[reference]))


@buyer_required
@require_safe
def buyer_slip(request: BuyerRequest, reference: str) -> HttpResponse:
    return _slip(request, reference, reverse("buyer-return", args=[reference]))


def _label(actor: Actor, reference: str) -> HttpResponse:
    label = get_label_file(actor, reference)
    suffix = Path(label.file).suffix
    name = f"return-label-{label.request.rma_number or reference[:8]}{suffix}"
    headers = {
        "Content-Disposition": content_disposition_header(as_attachment=True, filename=name),
        "X-Content-Type-Options": "nosniff",
    }
    return HttpResponse(read_label(label), content_type=CONTENT_TYPES[suffix], headers=headers)


def _slip(request: ActorRequest, reference: str, back_url: str) -> HttpResponse:
    return render(request, "slip.html", {"slip": get_slip(request.actor, reference), "back_url": back_url})
