"""What travels with an authorized return: its label, and what the printed slip says."""

from dataclasses import dataclass
from datetime import date

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..barcodes import code_128, qr
from ..exceptions import NotFound, TransitionNotAllowed
from ..models import LabelKind, ReturnLabel
from ..state_machine import Status
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


def label_of(case: Case) -> ReturnLabel | None:
    """The label in force."""
    return case.request.labels.filter(voided_at__isnull=True).first()


def label_for(case: Case, actor: Actor) -> ReturnLabel | None:
    """The label in force as this actor may know it: to the buyer there is none while it can be undone."""
    return label_of(case) if case.status_for(actor) == Status.AUTHORIZED else None


def get_label_file(case: Case, actor: Actor) -> ReturnLabel:
    """The label whose file this actor may have; `NotFound` without one."""
    label = label_of(case) if not case.is_resting_for(actor) else None
    if label is None or label.kind != LabelKind.OWN:
        raise NotFound(_("This page does not exist, or it is not yours."))
    return label


def get_slip(case: Case, actor: Actor) -> Slip:
    """What is printed for an authorized request; refused before and after.

    The barcode is the number that the seller looks for, the own one where there is one; a number that Code 128
    cannot say has none. The QR code opens the request for whoever receives the parcel and is signed in.
    """
    request = case.request
    if case.status_for(actor) != Status.AUTHORIZED:
        raise TransitionNotAllowed(_("There is something to print once the return is authorized."))
    label = label_of(case)
    number = request.merchant_rma or request.rma_number
    return Slip(
        rma_number=number,
        also_number=request.rma_number if request.rma_number != number else "",
        order_number=request.order.order_number,
        seller_name=case.seller.name,
        buyer_name=request.order.buyer.name,
        address=request.return_address,
        send_back_date=request.send_back_date,
        items=[
            SlipItem(item.order_item.title or item.order_item.sku, item.order_item.sku, item.quantity)
            for item in case.items
        ],
        barcode=_barcode(number),
        qr=Code(number, *qr(f"{settings.SITE_URL}/seller/returns/{request.reference}/")),
        has_own_label=label is not None and label.kind == LabelKind.OWN,
    )


def _barcode(number: str) -> Code | None:
    try:
        return Code(number, *code_128(number))
    except ValueError:
        return None
