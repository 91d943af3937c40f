"""What travels with an authorized return: its label, and what the printed slip says."""

from dataclasses import dataclass
from datetime import date

from django.conf import settings
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..barcodes import code_128, qr
from ..exceptions import NotFound, TransitionNotAllowed
from ..models import LabelKind, ReturnLabel, ReturnRequest
from ..state_machine import Role, Status
from .cases import Case


@dataclass(frozen=True, slots=True)
class Code:
    """A code to be scanned, as SVG path data; sizes in modules."""

    text: str
    path: str
    width: int


@dataclass(frozen=True, slots=True)
class SlipItem:
    title: str
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Slip:
    """What goes on the parcel and into it; of the buyer no more than the name."""

    rma_number: str
    also_number: str
    order_number: str
    seller_name: str
    buyer_name: str
    address: str
    send_back_date: date | None
    items: list[SlipItem]
    barcode: Code | None
    qr: Code
    has_own_label: bool


def label_of(request: ReturnRequest) -> ReturnLabel | None:
    """The label in force; before the authorization there is none."""
    if request.status == Status.AUTHORIZATION_REQUIRED:
        return None
    return request.labels.filter(voided_at__isnull=True).first()


def label_for(case: Case, actor: Actor) -> ReturnLabel | None:
    """The label in force as this actor may know it: to the buyer there is none while it can be undone."""
    return label_of(case.request) if case.status_for(actor) == Status.AUTHORIZED else None


def get_label_file(actor: Actor, reference: str) -> ReturnLabel:
    """The label whose file this actor may have, with its request; `NotFound` without one."""
    request = _get_request(actor, reference)
    label = label_of(request) if not _is_held_from(actor, request) else None
    if label is None or label.kind != LabelKind.OWN:
        raise NotFound(_("This page does not exist, or it is not yours."))
    label.request = request
    return label


def get_slip(actor: Actor, reference: str) -> Slip:
    """What is printed for an authorized request; refused before and after.

    The barcode is the number that the seller looks for, the own one where there is one; a number that Code 128
    cannot say has none. The QR code opens the request for whoever receives the parcel and is signed in.
    """
    request = _get_request(actor, reference)
    if request.status != Status.AUTHORIZED or _is_held_from(actor, request):
        raise TransitionNotAllowed(_("There is something to print once the return is authorized."))
    label = label_of(request)
    number = request.merchant_rma or request.rma_number
    return Slip(
        rma_number=number,
        also_number=request.rma_number if request.rma_number != number else "",
        order_number=request.order.order_number,
        seller_name=request.seller.name,
        buyer_name=request.order.buyer.name,
        address=request.return_address,
        send_back_date=request.send_back_date,
        items=[
            SlipItem(item.order_item.title or item.order_item.sku, item.order_item.sku, item.quantity)
            for item in request.items.select_related("order_item").order_by("ordinal", "id")
        ],
        barcode=_barcode(number),
        qr=qr_of(request),
        has_own_label=label is not None and label.kind == LabelKind.OWN,
    )


def qr_of(request: ReturnRequest) -> Code:
    """What opens the request for whoever receives the parcel and is signed in."""
    number = request.merchant_rma or request.rma_number
    return Code(number, *qr(f"{settings.SITE_URL}/seller/returns/{request.reference}/"))


def _get_request(actor: Actor, reference: str) -> ReturnRequest:
    requests = ReturnRequest.objects.for_actor(actor).filter(reference=reference)
    request = requests.select_related("seller", "order__buyer").first()
    if request is None:
        raise NotFound(_("This page does not exist, or it is not yours."))
    return request


def _is_held_from(actor: Actor, request: ReturnRequest) -> bool:
    """Was something decided that can still be undone, and that the buyer must not see yet?"""
    if actor.role != Role.BUYER:
        return False
    held = request.events.filter(relayed_at__isnull=True, withdrawn_at__isnull=True, hold_until__gt=Now())
    return held.exists()


def _barcode(number: str) -> Code | None:
    try:
        return Code(number, *code_128(number))
    except ValueError:
        return None
