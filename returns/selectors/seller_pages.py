"""What the seller's pages show of a request, ready to draw: words, dates, money, and what can be done."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import uuid4

from django.db.models import OuterRef, Subquery
from django.urls import reverse
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from .. import history, policy, withdrawal
from ..actors import Actor
from ..advice import Payer
from ..dates import active_locale
from ..models import ClosureReason, Note, Order, Refund, ReturnEvent, ReturnRequest
from ..models.people import Language
from ..models.requests import OpenPayout
from ..state_machine import Action, Outcome, Role, Status, refusal
from .advising import Advised, advice_of, payer_for
from .cases import Case
from .listed import Listed
from .lists import Page
from .photos import Thumbnail
from .reasons import judge_reasons
from .refunds import is_promise_overdue, is_refund_overdue
from .teamwork import NOTE_REMOVABLE, NOTHING_BESIDE, Beside

OFFERED = (
    Action.AUTHORIZE,
    Action.CLOSE,
    Action.RECEIVE,
    Action.REFUND,
    Action.COMPLETE,
    Action.REOPEN,
    Action.SPLIT,
    Action.OFFER,
)


@dataclass(frozen=True, slots=True)
class Item:
    title: str
    sku: str
    quantity: int
    value_minor: int | None
    currency: str
    reason: str
    comment: str
    has_photos: bool
    picture_url: str = ""


@dataclass(frozen=True, slots=True)
class ItemDetails(Item):
    policy: str = ""
    window_end_date: date | None = None
    prepaid_eligible: bool = False
    notes: tuple[str, ...] = ()
    received: int | None = None
    condition: str = ""
    refunded_minor: int = 0
    photos: tuple[Thumbnail, ...] = ()


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock that matters next; `is_day`: it runs to the end of a day and is shown as that day."""

    kind: str
    due_at: datetime
    is_day: bool
    outcome: str


@dataclass(frozen=True, slots=True)
class Marks:
    is_imported: bool
    is_todo: bool
    is_escalated: bool
    is_overlapping: bool
    is_withdrawal: bool
    owes_money: bool
    has_failed_payout: bool
    is_promise_overdue: bool


@dataclass(frozen=True, slots=True)
class Ended:
    sentence: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Promise:
    amount_minor: int
    currency: str
    due_date: date


@dataclass(frozen=True, slots=True)
class Related:
    url: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Offer:
    allowed: bool
    why_not: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A closure reason in the select; `holds`: it may be picked."""

    code: str
    label: str
    holds: bool
    sentence: str
    ground: str

    @property
    def option(self) -> str:
        """The words of the select: what cannot be picked says why."""
        if self.holds:
            return self.label
        return _("%(label)s: %(sentence)s") % {"label": self.label, "sentence": self.sentence}


@dataclass(frozen=True, slots=True)
class Undo:
    reference: str
    sentence: str
    until: datetime
    seconds_left: int
    key: str


@dataclass(slots=True)
class Row:
    """One request in the list; see `templates/_returns_row.html`."""

    reference: str
    url: str
    order_number: str
    rma_number: str
    status: str
    status_label: str
    requested: datetime | date
    buyer_name: str
    place: str
    language: str
    items: list[Item]
    clock: Clock | None
    policy: str
    window_end_date: date | None
    prepaid_eligible: bool
    notes: list[str]
    marks: Marks
    ended: Ended | None
    promise: Promise | None
    advice: Advised | None
    related: list[Related]
    actions: dict[str, Offer]
    reasons: list[Choice] = field(default_factory=list)
    undo: Undo | None = None
    beside: Beside = NOTHING_BESIDE
    can_assign: bool = False
    is_delivery_problem: bool = False
    offer_until: date | None = None

    @property
    def can_pick(self) -> bool:
        """May it be one of many that are decided at once?"""
        return self.status == Status.AUTHORIZATION_REQUIRED and bool(self.actions)

    @property
    def can_offer(self) -> bool:
        """May an offer be made? Only one is open at a time."""
        offer = self.actions.get(Action.OFFER.value)
        return self.offer_until is None and offer is not None and offer.allowed


@dataclass(frozen=True, slots=True)
class Undrawn:
    """A row of the list that may not have to be made. `key` names all that it is made of but the reader's language,
    zone and time; None: it is drawn each time.
    """

    key: tuple[Any, ...] | None
    row: Callable[[], Row]


@dataclass(frozen=True, slots=True)
class OrderFacts:
    ordered: datetime | date | None
    delivered: date | None
    is_estimate: bool
    country: str
    rma_number: str
    merchant_rma: str
    payer: str
    send_back_date: date | None
    return_address: str
    instructions: str
    marketplace_status: str
    is_business: bool
    is_gift: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline."""

    sentence: str
    who: str
    at: datetime
    reason: str
    comments: str
    note: str
    is_withdrawn: bool
    related: Related | None = None
    money: tuple[str, ...] = ()
    own_note: str = ""
    photos: tuple[Thumbnail, ...] = ()


@dataclass(frozen=True, slots=True)
class NoteLine:
    """One note of the team; `can_remove`: the reader wrote it just now."""

    pk: int
    who: str
    at: datetime
    text: str
    can_remove: bool


@dataclass(frozen=True, slots=True)
class Todo:
    """What was decided here and is still to be done at the marketplace."""

    sentence: str
    url: str
    comments: str
    contradiction: str


def row_of(
    case: Case, actor: Actor, closure_reasons: list[ClosureReason], beside: Beside = NOTHING_BESIDE
) -> Row:
    """The row of one case in the active language. `closure_reasons`: those of the actor's role."""
    request = case.request
    actions = offers_of(case, actor)
    can_close = Action.CLOSE.value in actions and actions[Action.CLOSE.value].allowed
    return Row(
        reference=request.reference,
        url=url_of(request.reference),
        order_number=request.order.order_number,
        rma_number=request.rma_number,
        status=request.status,
        status_label=request.get_status_display(),
        requested=request.requested_at if request.requested_has_time else case.requested_date,
        buyer_name=request.order.buyer.name,
        place=place_of(request.order),
        language=foreign_language(case),
        items=[Item(**_item(case, item)) for item in case.items],
        clock=clock_of(case),
        policy=request.policy,
        window_end_date=request.window_end_date,
        prepaid_eligible=request.prepaid_eligible,
        notes=verdict_notes(request.verdict, without=ONLY_ON_THE_PAGE)
        if request.status == Status.AUTHORIZATION_REQUIRED
        else [],
        marks=Marks(
            is_imported=case.is_imported,
            is_todo=request.is_marketplace_todo,
            is_escalated=request.escalated_at is not None,
            is_overlapping=request.is_overlapping,
            is_withdrawal=request.is_timely_withdrawal,
            owes_money=request.promise_due_date is not None or bool(request.open_payout),
            has_failed_payout=request.open_payout == OpenPayout.FAILED,
            is_promise_overdue=is_promise_overdue(case),
        ),
        ended=_ended(case),
        promise=Promise(request.promise_minor or 0, request.promise_currency, request.promise_due_date)
        if request.promise_due_date
        else None,
        advice=advice_of(
            case,
            may_write=actor.may_write,
            may_offer=request.offer_until is None
            and Action.OFFER.value in actions
            and actions[Action.OFFER.value].allowed,
        ),
        related=[Related(url_of(other.reference), _related(other.status)) for other in _others_once(case)],
        actions=actions,
        reasons=choices_of(case, closure_reasons) if can_close else [],
        undo=undo_of(case, actor),
        beside=beside,
        can_assign=actor.may_write and actor.role == Role.SELLER,
        is_delivery_problem=case.is_never_arrived,
        offer_until=policy.local_day(request.offer_until, case.rules.time_zone)
        if request.offer_until
        else None,
    )


def url_of(reference: str) -> str:
    """The address of a request's page; those of its decisions begin with it."""
    return reverse("seller-return", args=[reference])


def undrawn_rows(page: Page) -> list[Undrawn]:
    """The rows of a page of the list, each for a member of its store's team."""

    def undrawn(listed: Listed) -> Undrawn:
        store = listed.store
        # Who can undo gets a form with this page's token in the row.
        key = None if listed.held else (*listed.made_of, store.actor.may_write, store.name)
        return Undrawn(
            key,
            lambda: row_of(listed.case(), store.actor, store.common.closure_reasons, listed.beside()),
        )

    return [undrawn(listed) for listed in page.rows]


def offers_of(case: Case, actor: Actor) -> dict[str, Offer]:
    """What can be done, or why not where its button would be; nothing for a viewer."""
    if not actor.may_write:
        return {}
    # Whoever decides may bring an address or a label with the decision.
    facts = case.facts(has_way_back=True)
    status = Status(case.request.status)
    drawn: dict[str, Offer] = {}
    for action in OFFERED:
        transition, sentence = refusal(facts, action, actor.asking)
        if transition is not None:
            drawn[action.value] = Offer(True, "")
        elif _explains(action, status, case):
            drawn[action.value] = Offer(False, str(sentence))
    return drawn


def _explains(action: Action, status: Status, case: Case) -> bool:
    """Is it worth saying why this is not possible now? Only where people would look for the button."""
    if status == Status.AUTHORIZATION_REQUIRED:
        return action in (Action.AUTHORIZE, Action.CLOSE) or (action == Action.OFFER and case.is_imported)
    if status == Status.AUTHORIZED:
        return action == Action.CLOSE and not case.request.is_label_owed
    return status == Status.CLOSED and action == Action.REOPEN


def choices_of(case: Case, closure_reasons: list[ClosureReason]) -> list[Choice]:
    language = get_language() or Language.ENGLISH.value
    return [
        Choice(
            code=reason.code,
            label=reason.in_language("label", language),
            holds=finding.may_be_picked,
            sentence=str(finding.sentence),
            ground=reason.ground,
        )
        for reason, finding in judge_reasons(case, closure_reasons)
    ]


def clock_of(case: Case) -> Clock | None:
    """The clock that runs now, and what happens if nobody acts."""
    request = case.request
    if request.status == Status.AUTHORIZATION_REQUIRED and request.answer_due_at:
        if request.prepaid_eligible and not case.is_imported and not case.is_never_arrived:
            outcome = _("The system authorizes it then.")
        elif case.is_imported:
            outcome = _("If nobody answers, the buyer may claim at the marketplace.")
        else:
            outcome = _("If nobody answers, the buyer can ask the marketplace to step in.")
        return Clock("answer", request.answer_due_at, not request.requested_has_time, outcome)
    if request.status == Status.AUTHORIZED and request.send_back_date:
        due_at = policy.end_of_day(request.send_back_date, case.rules.time_zone)
        if request.is_label_owed:
            outcome = _("The buyer waits for the label that you provide.")
        elif case.is_imported or request.handed_over_at:
            outcome = _("You need do nothing until the item arrives.")
        else:
            outcome = _("You need do nothing. If nothing is sent, it ends as not returned 5 days later.")
        return Clock("send_back", due_at, True, outcome)
    if request.status == Status.REFUND_DUE and request.refund_due_at:
        outcome = _unpaid(case, is_overdue=is_refund_overdue(case))
        return Clock("refund", request.refund_due_at, True, outcome)
    if request.status == Status.CLOSED and request.promise_due_date:
        due_at = policy.promise_overdue_at(request.promise_due_date, case.rules)
        return Clock("promise", due_at, True, _unpaid(case, is_overdue=is_promise_overdue(case)))
    return None


def _unpaid(case: Case, *, is_overdue: bool) -> str:
    """What follows where no refund is recorded."""
    if is_overdue:
        if case.is_imported:
            return _("Nothing was refunded in time: the buyer may claim at the marketplace.")
        return _("Nothing was refunded in time: the buyer can ask the marketplace to step in.")
    if case.is_imported:
        return _("If nothing is refunded by then, the buyer may claim at the marketplace.")
    return _("If nothing is refunded by then, the buyer can ask the marketplace to step in.")


ON_THE_BADGE = frozenset({"window_open", "window_open_estimate"})
# Where a figure comes from stands on the request's page; the list keeps what decides.
ONLY_ON_THE_PAGE = ON_THE_BADGE | {
    "delivery_estimated",
    "file_in_policy",
    "file_not_in_policy",
    "own_window",
    "own_window_estimate",
}


def verdict_notes(verdict: dict[str, Any], *, without: frozenset[str] = ON_THE_BADGE) -> list[str]:
    """The stored reasons in words but for those codes, and why there is no prepaid label."""
    notes = [
        str(policy.sentence(policy.Reason(**reason)))
        for reason in verdict.get("reasons", [])
        if reason["code"] not in without
    ]
    prepaid = verdict.get("prepaid_reason")
    if prepaid and verdict.get("policy") == policy.PolicyVerdict.IN_POLICY:
        notes.append(str(policy.sentence(policy.Reason(**prepaid))))
    return notes


def undo_of(case: Case, actor: Actor) -> Undo | None:
    held = case.held_event
    if held is None or held.user_id != actor.user_id or not actor.may_write:
        return None
    return undo_for(held, case.now)


def undo_for(held: ReturnEvent, now: datetime) -> Undo:
    """How a held decision is offered to be undone."""
    assert held.hold_until is not None
    order_number = held.request.order.order_number
    if held.action == Action.CLOSE:
        sentence = _("Closed: order %(order)s.") % {"order": order_number}
    else:
        sentence = _("Authorized: order %(order)s.") % {"order": order_number}
    seconds = max(int((held.hold_until - now).total_seconds()), 0)
    return Undo(held.request.reference, sentence, held.hold_until, seconds, uuid4().hex)


def place_of(order: Order) -> str:
    """City and country as far as they are known."""
    country = country_name(order.country)
    if order.buyer.city and country:
        return _("%(city)s, %(country)s") % {"city": order.buyer.city, "country": country}
    return order.buyer.city or country


def country_name(code: str) -> str:
    return active_locale().territories.get(code, code) if code else ""


def foreign_language(case: Case) -> str:
    """The buyer's language by its own name where it is not the reader's."""
    language = buyer_language(case)
    if language == (get_language() or Language.ENGLISH):
        return ""
    return "中文" if language == Language.CHINESE else "English"


def buyer_language(case: Case) -> str:
    """Own choice, else by the order's country, else the marketplace's (domain.md 7)."""
    order = case.request.order
    if order.buyer.language:
        return order.buyer.language
    return Language.CHINESE.value if order.country in ("CN", "SG") else case.settings.language


def titles_of(case: Case) -> str:
    """At most three titles and how many more."""
    titles = [item.order_item.title or item.order_item.sku for item in case.items]
    if len(titles) <= 3:
        return " · ".join(titles)
    more = len(titles) - 3
    return ngettext("%(titles)s and %(more)d more", "%(titles)s and %(more)d more", more) % {
        "titles": " · ".join(titles[:3]),
        "more": more,
    }


def item_details(case: Case, photos: Mapping[int, Sequence[Thumbnail]]) -> list[ItemDetails]:
    has_come_back = any(item.units_received for item in case.items)
    return [
        ItemDetails(
            **_item(case, item),
            policy=item.policy,
            window_end_date=_stored_date(item.verdict.get("window_end_date")),
            prepaid_eligible=item.prepaid_eligible,
            notes=tuple(verdict_notes(item.verdict)),
            received=item.units_received if has_come_back else None,
            condition=item.get_condition_display() if item.condition else "",
            refunded_minor=sum(case.moneys[item.pk].refunded_here.values()),
            photos=tuple(photos.get(item.pk, ())),
        )
        for item in case.items
    ]


def order_facts(case: Case) -> OrderFacts:
    request, order = case.request, case.request.order
    ordered: datetime | date | None = order.ordered_at
    if order.ordered_at and not order.ordered_has_time:
        ordered = policy.local_day(order.ordered_at, case.rules.time_zone)
    return OrderFacts(
        ordered=ordered,
        delivered=order.delivered_date or order.estimated_delivery_date,
        is_estimate=order.delivered_date is None,
        country=country_name(order.country),
        rma_number=request.rma_number,
        merchant_rma=request.merchant_rma,
        payer=payer_of(case),
        send_back_date=request.send_back_date,
        return_address=request.return_address,
        instructions=request.instructions,
        marketplace_status=request.marketplace_status,
        is_business=order.is_business,
        is_gift=order.is_gift,
    )


def payer_of(case: Case) -> str:
    """Who pays the way back, and by whose word; nobody where nothing is sent back."""
    if case.is_never_arrived:
        return ""
    if case.request.prepaid_eligible and not case.is_imported:
        return _("The marketplace provides the return label: the buyer does not pay for it.")
    payer = payer_for(case)
    if case.items[0].label_payer:
        by_file = {
            Payer.BUYER: _("The buyer, by the marketplace's file."),
            Payer.SELLER: _("You, by the marketplace's file."),
            Payer.MARKETPLACE: _("The marketplace, by its file."),
        }
        return by_file[payer]
    if payer == Payer.SELLER:
        return _("You: by the buyer's reason the item is at fault.")
    return _("The buyer, by the reason given.")


def payer_of_buyer(case: Case) -> str:
    """Who pays the way back, told to the buyer."""
    if case.request.prepaid_eligible:
        if not case.is_imported:
            return _("The marketplace provides the return label: you do not pay the shipping.")
        if not case.items[0].label_payer:
            return _("The marketplace provides the return label.")
    if payer_for(case) == Payer.BUYER:
        return _("You pay the shipping.")
    return _("You do not pay the shipping.")


def verdict_source(case: Case) -> str:
    source = case.request.verdict.get("source", "")
    said = {
        "rules": _("Decided by our rules when the return was asked for."),
        "file": _("The marketplace's file says so."),
        "seller": _("By the delivery date that you stated."),
        "admin": _("The marketplace's team has reassessed it."),
    }.get(source, "")
    if stored := case.request.verdict.get("withdrawal"):
        why = withdrawal.sentence(policy.Reason(**stored["reason"]))
        return _("%(why)s. Authorized by the system, as the law demands. %(source)s") % {
            "why": why,
            "source": said,
        }
    return said


def todo_of(case: Case, events: list[ReturnEvent]) -> Todo | None:
    """What is left to do at the marketplace for an imported request that was decided here."""
    request = case.request
    if not request.is_marketplace_todo:
        return None
    decisions = (event for event in events if event.action != Action.WRITE)
    comments = next((event.text for event in decisions if event.text), "")
    sentences = {
        Status.CLOSED: _("Closed here. Close it at the marketplace, too, with the same comments."),
        Status.AUTHORIZED: _("Authorized here. Authorize it at the marketplace, too."),
        Status.REFUND_DUE: _("Received here. Note the receipt at the marketplace, too."),
        Status.COMPLETED: _("Completed here. Finish it at the marketplace, too."),
        Status.AUTHORIZATION_REQUIRED: _("Reopened here. Tell the marketplace, too."),
    }
    contradiction = ""
    if request.marketplace_status:
        contradiction = _("The marketplace's last file says: %(status)s.") % {
            "status": request.marketplace_status
        }
    return Todo(sentences[Status(request.status)], case.settings.returns_url, comments, contradiction)


def list_events(request: ReturnRequest) -> list[ReturnEvent]:
    """The ledger of one request, newest first; `refund_note` is the seller's own on a refund."""
    note = Refund.objects.filter(event=OuterRef("pk")).exclude(note="").values("note")[:1]
    events = request.events.annotate(refund_note=Subquery(note))  # type: ignore[no-redef]  # declared there, put in here
    return list(events.select_related("user", "comments").order_by("-version"))


def note_lines(case: Case, actor: Actor, notes: list[Note]) -> list[NoteLine]:
    return [
        NoteLine(
            pk=note.pk,
            who=str(note.author),
            at=note.created_at,
            text=note.text,
            can_remove=actor.may_write
            and note.author_id == actor.user_id
            and note.created_at > case.now - NOTE_REMOVABLE,
        )
        for note in notes
    ]


def timeline_of(
    case: Case, actor: Actor, events: list[ReturnEvent], photos: Mapping[int, Sequence[Thumbnail]]
) -> list[Entry]:
    """What happened, as `list_events` has read it. `photos`: those of events, by event id."""
    language = get_language() or Language.ENGLISH.value
    return [
        Entry(
            sentence=history.rule(event) or history.what(event),
            who=history.who(event, actor),
            at=event.occurred_at,
            reason=event.words.get("labels", {}).get(language, "") or event.reason_code,
            # What was written to each other stands together, as a conversation.
            comments=event.text if event.action != Action.WRITE else "",
            note=history.parcel(event) or history.offer(event) or _held_note(event, case.now),
            is_withdrawn=event.withdrawn_at is not None,
            related=other_half(event, "seller-return"),
            money=tuple(history.money(event)),
            own_note=event.refund_note or "" if actor.role == Role.SELLER else "",
            photos=tuple(photos.get(event.pk, ())) if event.action != Action.WRITE else (),
        )
        for event in events
    ]


def other_half(event: ReturnEvent, page: str) -> Related | None:
    """The request that a split made of this one, or this of another; `page`: the name of its address."""
    sentences = {
        "split_into": _("Part of it is request %(rma)s now."),
        "split_from": _("It was part of request %(rma)s."),
    }
    for name, sentence in sentences.items():
        if other := event.facts.get(name):
            return Related(reverse(page, args=[other["reference"]]), sentence % {"rma": other["rma_number"]})
    return None


def rule_of(case: Case, events: list[ReturnEvent]) -> str:
    """Which rule brought the request where it stands, for its page; nothing where a person did. Newest event first."""
    if case.request.status not in (Status.AUTHORIZED, Status.COMPLETED):
        return ""
    decision = next((event for event in events if event.source != event.target), None)
    return history.rule(decision) if decision else ""


def _held_note(event: ReturnEvent, now: datetime) -> str:
    if event.withdrawn_at is not None:
        return _("Undone before anybody was told.")
    if event.hold_until is not None and event.hold_until > now and event.relayed_at is None:
        return _("Nobody was told yet: it can still be undone.")
    return ""


def _item(case: Case, item: Any) -> dict[str, Any]:
    line = item.order_item
    return {
        "title": line.title or line.sku,
        "sku": line.sku,
        "quantity": item.quantity,
        "value_minor": case.moneys[item.pk].paid["item"],
        "currency": line.currency,
        "reason": case.reason_label(item.reason_code, get_language() or Language.ENGLISH.value),
        "comment": item.comment,
        "has_photos": item.has_photos,
    }


def _ended(case: Case) -> Ended | None:
    request = case.request
    language = get_language() or Language.ENGLISH.value
    if request.status == Status.CLOSED and request.closed_at and request.closure_reason:
        sentences = {
            Role.SELLER: _("Closed by you or your team."),
            Role.ADMIN: _("Closed by the marketplace's team."),
            Role.BUYER: _("Closed by the buyer."),
            Role.MARKETPLACE: _("Closed at the marketplace."),
        }
        role = Role(request.closed_by_role)
        # A file's closing has one reason, which says no more than the sentence.
        label = "" if role == Role.MARKETPLACE else request.closure_reason.in_language("label", language)
        return Ended(sentences[role], request.closed_at, label)
    if request.status == Status.COMPLETED and request.completed_at:
        return Ended(str(Outcome(request.outcome).label), request.completed_at, "")
    return None


def _others_once(case: Case) -> list[Any]:
    return list({other.request_id: other for other in case.others}.values())[:3]


def _related(status: str) -> str:
    return {
        Status.AUTHORIZATION_REQUIRED: _("Another request for this order waits for authorization."),
        Status.AUTHORIZED: _("Another request for this order is authorized."),
        Status.REFUND_DUE: _("Another request for this order awaits its refund."),
        Status.COMPLETED: _("Another request for this order is completed."),
        Status.CLOSED: _("Another request for this order is closed."),
    }[Status(status)]


def _stored_date(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None
