"""What the evidence pack says of a request: for somebody outside, who judges a claim or a dispute.

Members' names stay with the team, and so do its notes unless they are asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import F
from django.utils.translation import get_language

from .. import history
from ..actors import Actor
from ..dates import format_list
from ..models import Photo, Refund, ReturnEvent, ReturnLabel, ReturnRequest
from ..models.people import Language
from ..state_machine import Status
from .cases import Case, load_cases
from .seller_pages import ItemDetails, country_name, item_details, order_facts, verdict_notes, verdict_source
from .teamwork import list_notes

OUTSIDE = Actor.system()  # somebody of neither side, to whom nobody is named but the buyer


@dataclass(frozen=True, slots=True)
class EvidentItem:
    """One item; amounts in minor units of `currency`, None where no file named them. `photos`: names in the pack."""

    title: str
    sku: str
    asin: str
    quantity: int
    currency: str
    paid_minor: Mapping[str, int | None]
    refunded_minor: int
    reason_code: str
    reason: str
    comment: str
    policy: str
    policy_label: str
    policy_notes: tuple[str, ...]
    window_end_date: date | None
    prepaid_eligible: bool
    received: int | None
    condition: str
    carrier: str
    tracking_number: str
    photos: Sequence[str]


@dataclass(frozen=True, slots=True)
class EvidentStep:
    """One event of the ledger. `note`: the parcel, the offer or the money of it; `is_undone`: nobody was told of it."""

    version: int
    at: datetime
    who: str
    role: str
    action: str
    what: str
    source: str
    source_label: str
    target: str
    target_label: str
    reason_code: str
    reason: str
    words: str
    note: str
    is_undone: bool
    photos: Sequence[str]


@dataclass(frozen=True, slots=True)
class EvidentAmount:
    """One amount given back for the order. `request`: the RMA number of the request that it belongs to, or ""."""

    title: str
    part: str
    part_label: str
    amount_minor: int
    currency: str
    day: date
    kind: str
    status: str
    status_label: str
    cause: str
    cause_label: str
    memo: str
    request: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class EvidentNote:
    who: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """A request as it stood at `made_at`. Labels and sentences are in the language in which it was made."""

    made_at: datetime
    language: str
    marketplace: str
    seller: str
    reference: str
    rma_number: str
    merchant_rma: str
    source: str
    status: str
    status_label: str
    outcome: str
    outcome_label: str
    requested_at: datetime
    is_withdrawal: bool
    order_number: str
    ordered: datetime | date | None
    delivered: date | None
    is_delivery_estimated: bool
    buyer_name: str
    buyer_city: str
    country: str
    is_business: bool
    is_gift: bool
    policy: str
    policy_label: str
    policy_notes: tuple[str, ...]
    policy_source: str
    rules_version: int | None
    window_end_date: date | None
    prepaid_eligible: bool
    send_back_date: date | None
    handed_over_at: datetime | None
    return_address: str
    items: list[EvidentItem]
    steps: list[EvidentStep]
    money: list[EvidentAmount]
    notes: list[EvidentNote]


def list_photos(case: Case) -> list[Photo]:
    """The photos of a request, of its items and of what was written, oldest first."""
    return list(Photo.objects.for_actor(OUTSIDE).filter(request=case.request).order_by("pk"))


def list_labels(case: Case) -> list[ReturnLabel]:
    """The labels of a request, the voided ones too, oldest first."""
    return list(case.request.labels.order_by("pk"))


def list_refunds(request: ReturnRequest) -> list[Refund]:
    """What was given back of the request's order, oldest first; also for other requests of it, and for none."""
    refunds = Refund.objects.filter(order_item__order=request.order).order_by("pk")
    rows = refunds.annotate(event_version=F("event__version"))  # type: ignore[no-redef]  # declared there, put in here
    return list(rows.select_related("order_item", "request"))


def load_evident_case(
    request: ReturnRequest, events: Sequence[ReturnEvent], refunds: Sequence[Refund]
) -> Case:
    """The case of a request whose ledger (newest first) and whose order's refunds have been read."""
    return load_cases([request], events, [row for row in refunds if row.request_id == request.pk])[0]


def evidence_of(
    case: Case,
    events: Sequence[ReturnEvent],
    refunds: Sequence[Refund],
    photos: Mapping[str, Photo],
    *,
    notes_for: Actor | None = None,
) -> Evidence:
    """All of a request but files and messages, in the active language. `photos`: by their name in the pack;
    `notes_for`: the member who wants the team's notes in it.
    """
    request, order = case.request, case.request.order
    shown = order_facts(case)
    return Evidence(
        made_at=case.now,
        language=get_language() or Language.ENGLISH.value,
        marketplace=case.settings.name,
        seller=case.seller.name,
        reference=request.reference,
        rma_number=request.rma_number,
        merchant_rma=request.merchant_rma,
        source=request.source,
        status=request.status,
        status_label=request.get_status_display(),
        outcome=request.outcome,
        outcome_label=request.get_outcome_display(),
        requested_at=request.requested_at,
        is_withdrawal=request.is_timely_withdrawal,
        order_number=order.order_number,
        ordered=shown.ordered,
        delivered=shown.delivered,
        is_delivery_estimated=shown.is_estimate,
        buyer_name=order.buyer.name,
        buyer_city=order.buyer.city,
        country=country_name(order.country),
        is_business=order.is_business,
        is_gift=order.is_gift,
        policy=request.policy,
        policy_label=request.get_policy_display(),
        policy_notes=tuple(verdict_notes(request.verdict, without=frozenset())),
        policy_source=verdict_source(case),
        rules_version=request.verdict.get("rules_version"),
        window_end_date=request.window_end_date,
        prepaid_eligible=request.prepaid_eligible,
        send_back_date=request.send_back_date,
        handed_over_at=request.handed_over_at,
        return_address=request.return_address,
        items=[
            _item(case, item, details, [name for name, photo in photos.items() if photo.item_id == item.pk])
            for item, details in zip(case.items, item_details(case, {}), strict=True)
        ],
        steps=[
            _step(event, [name for name, photo in photos.items() if photo.event_id == event.pk])
            for event in sorted(events, key=lambda event: event.version)
        ],
        money=[_amount(refund, with_note=notes_for is not None) for refund in refunds],
        notes=[
            EvidentNote(str(note.author), note.created_at, note.text)
            for note in reversed(list_notes(notes_for, request) if notes_for else [])
        ],
    )


def _item(case: Case, item: Any, details: ItemDetails, photos: Sequence[str]) -> EvidentItem:
    return EvidentItem(
        title=details.title,
        sku=details.sku,
        asin=item.order_item.asin,
        quantity=details.quantity,
        currency=details.currency,
        paid_minor=case.moneys[item.pk].paid,
        refunded_minor=details.refunded_minor,
        reason_code=item.reason_code,
        reason=details.reason,
        comment=details.comment,
        policy=details.policy,
        policy_label=item.get_policy_display(),
        policy_notes=tuple(verdict_notes(item.verdict, without=frozenset())),
        window_end_date=details.window_end_date,
        prepaid_eligible=details.prepaid_eligible,
        received=details.received,
        condition=details.condition,
        carrier=item.carrier,
        tracking_number=item.tracking_id,
        photos=photos,
    )


def _step(event: ReturnEvent, photos: Sequence[str]) -> EvidentStep:
    language = get_language() or Language.ENGLISH.value
    return EvidentStep(
        version=event.version,
        at=event.occurred_at,
        who=history.who(event, OUTSIDE),
        role=event.role,
        action=event.action,
        what=history.rule(event) or history.what(event),
        source=event.source,
        source_label=str(Status(event.source).label) if event.source else "",
        target=event.target,
        target_label=str(Status(event.target).label),
        reason_code=event.reason_code,
        reason=event.words.get("labels", {}).get(language, "") or event.reason_code,
        words=event.text,
        note=history.parcel(event) or history.offer(event) or "; ".join(history.money(event)),
        is_undone=event.withdrawn_at is not None,
        photos=photos,
    )


def _amount(refund: Refund, *, with_note: bool) -> EvidentAmount:
    return EvidentAmount(
        title=refund.order_item.title or refund.order_item.sku,
        part=refund.part,
        part_label=refund.get_part_display(),
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        day=refund.refunded_date,
        kind=refund.kind,
        status=refund.status,
        status_label=refund.get_status_display(),
        cause=refund.cause,
        cause_label=refund.get_cause_display(),
        memo=refund.memo,
        request=str(refund.request) if refund.request else "",
        note=refund.note if with_note else "",
    )


def parcels_of(items: Sequence[EvidentItem]) -> str:
    """Carriers and numbers that a file named, once each."""
    told = (" ".join(filter(None, (item.carrier, item.tracking_number))) for item in items)
    return format_list(list(dict.fromkeys(filter(None, told))))
