"""What the buyer's page shows of the own request: plain words, what comes next, and what can be done.

While a decision of the seller's side is held, the buyer sees the request as it was before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from .. import history, policy
from ..actors import Actor
from ..dates import format_day
from ..models import OfferState, ReturnEvent
from ..models.offers import is_of_credit
from ..models.payouts import PayoutState
from ..models.people import Language
from ..state_machine import (
    STEP_IN_AFTER_CLOSING_DAYS,
    TAKE_BACK_DAYS,
    Action,
    Outcome,
    Role,
    Status,
    refusal,
)
from .asking import authorized_anyway_by
from .cases import Case
from .photos import Thumbnail
from .refunds import is_promise_overdue, is_refund_overdue
from .seller_pages import Offer, Promise, Related, other_half, payer_of_buyer

SHOWN = (
    Action.OPEN,
    Action.RECORD,
    Action.AUTHORIZE,
    Action.CLOSE,
    Action.KEEP_ITEM,
    Action.RECEIVE,
    Action.REFUND,
    Action.PAY_OUT,
    Action.COMPLETE,
    Action.REOPEN,
    Action.HAND_OVER,
    Action.ESCALATE,
    Action.UPHOLD,
    Action.SPLIT,
    Action.OFFER,
)


@dataclass(frozen=True, slots=True)
class StatusWords:
    headline: str
    sentence: str


@dataclass(frozen=True, slots=True)
class BuyerItem:
    title: str
    quantity: int
    reason: str
    notes: list[str]
    picture_url: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    sentence: str
    at: datetime | date | None
    note: str
    comments: str
    is_done: bool
    related: Related | None = None
    money: tuple[str, ...] = ()
    photos: tuple[Thumbnail, ...] = ()


@dataclass(frozen=True, slots=True)
class WayBack:
    merchant_rma: str
    waits_for_label: bool
    waits_for_marketplace: bool
    address: str
    instructions: str
    send_back_date: date | None
    payer: str


def status_words(case: Case, actor: Actor) -> StatusWords:
    """Where the request stands and what comes next, in the buyer's words."""
    request = case.request
    status = case.status_for(actor)
    if case.is_never_arrived and status in (Status.AUTHORIZATION_REQUIRED, Status.AUTHORIZED):
        return _delivery_words(case, status)
    if status == Status.AUTHORIZATION_REQUIRED:
        return _waiting_words(case)
    if status == Status.AUTHORIZED:
        if request.handed_over_at:
            return StatusWords(
                _("Your return is on its way"), _("You get your money back once it has arrived.")
            )
        if request.send_back_date:
            return StatusWords(
                _("Please send the items back"),
                _("Hand the parcel to the carrier by %(day)s.") % {"day": format_day(request.send_back_date)},
            )
        return StatusWords(_("Your return is authorized"), _("Please send the items back."))
    if status == Status.REFUND_DUE:
        sentence = _("The seller has received your return and refunds you next.")
        if request.refund_due_at:
            day = format_day(policy.local_day(request.refund_due_at, case.rules.time_zone))
            if is_refund_overdue(case):
                return StatusWords(_("Your refund is overdue"), _overdue_words(case, day))
            sentence = _("The seller has received your return and refunds you by %(day)s.") % {"day": day}
            if not case.is_imported:
                sentence = _(
                    "The seller has received your return and refunds you by %(day)s. If nothing has come by then, you "
                    "can ask the marketplace to step in."
                ) % {"day": day}
        return StatusWords(_("Your refund is due"), sentence)
    if status == Status.CLOSED:
        return _closed_words(case)
    return _completed_words(case)


def _waiting_words(case: Case) -> StatusWords:
    """The seller decides next. Who has sent it before that has nothing left to keep, and still hears the answer."""
    step_in_at, is_sent = case.request.step_in_at, case.request.handed_over_at is not None
    if limit := authorized_anyway_by(case):
        sentence = (
            _("Your return is authorized by %(day)s in any case. There is nothing to do until then.")
            if is_sent
            else _("Your return is authorized by %(day)s in any case. Until then, please keep the items.")
        ) % {"day": format_day(limit)}
    elif step_in_at and not case.is_imported:
        sentence = (
            _("You will hear by %(day)s. There is nothing to do until then.")
            if is_sent
            else _("You will hear by %(day)s. Nothing to do until then: please keep the items.")
        ) % {"day": format_day(policy.local_day(step_in_at, case.rules.time_zone))}
    elif is_sent:
        sentence = _("There is nothing to do for now.")
    else:
        sentence = _("Nothing to do for now: please keep the items.")
    if is_sent:
        return StatusWords(_("Your parcel is on its way, the seller still has to decide"), sentence)
    return StatusWords(_("The seller is looking at it"), sentence)


def _delivery_words(case: Case, status: Status) -> StatusWords:
    """What never arrived is looked for; the buyer has nothing to keep and nothing to send back."""
    step_in_at = case.request.step_in_at
    if step_in_at and status == Status.AUTHORIZATION_REQUIRED and not case.is_imported:
        sentence = _("You will hear by %(day)s. If it arrives after all, please close this request.")
        if case.request.prepaid_eligible:
            sentence = _("You will hear by %(day)s. If it arrives after all, please tell the seller.")
        day = format_day(policy.local_day(step_in_at, case.rules.time_zone))
        return StatusWords(_("The seller looks into the delivery"), sentence % {"day": day})
    return StatusWords(
        _("The seller looks into the delivery"), _("If it arrives after all, please tell the seller.")
    )


def _closed_words(case: Case) -> StatusWords:
    request = case.request
    language = get_language() or Language.ENGLISH.value
    label = request.closure_reason.in_language("buyer_label", language) if request.closure_reason else ""
    if request.closed_by_role == Role.BUYER:
        return StatusWords(_("You closed this request"), label)
    if request.promise_due_date:
        day = format_day(request.promise_due_date)
        if is_promise_overdue(case):
            return StatusWords(_("Your promised refund is overdue"), _overdue_words(case, day))
        if case.is_imported:
            sentence = _("The seller refunds you by %(day)s. There is nothing to send back.")
            return StatusWords(_("Closed: you get a refund"), sentence % {"day": day})
        return StatusWords(
            _("Closed: you get a refund"),
            _(
                "The seller refunds you by %(day)s. There is nothing to send back. If nothing has come by then, you "
                "can ask the marketplace to step in."
            )
            % {"day": day},
        )
    return StatusWords(_("The seller closed this request"), label)


def _overdue_words(case: Case, day: str) -> str:
    """What the buyer can do about money that was due on `day`."""
    if case.is_imported:
        return _("It was due by %(day)s. Please ask at the marketplace where you bought the item.") % {
            "day": day
        }
    if case.request.escalated_at is not None:
        return _("It was due by %(day)s. The marketplace was asked to step in.") % {"day": day}
    return _("It was due by %(day)s. You can ask the marketplace to step in.") % {"day": day}


def _completed_words(case: Case) -> StatusWords:
    if case.request.open_payout:
        keeps_item = case.request.outcome == Outcome.REFUNDED_WITHOUT_RETURN
        kept = _("You keep the item: there is nothing to send back.")
        return StatusWords(_("You get a refund"), kept if keeps_item else _("This request is completed."))
    words = {
        Outcome.REFUNDED: (
            _("You have been refunded"),
            _("Your bank may need a few days to show the money."),
        ),
        Outcome.PARTIALLY_REFUNDED: (
            _("You have been partly refunded"),
            _("Your bank may need a few days to show the money."),
        ),
        Outcome.REFUNDED_WITHOUT_RETURN: (
            _("You have been refunded"),
            _(
                "You keep the item: there is nothing to send back. Your bank may need a few days to show the money."
            ),
        ),
        Outcome.REPLACED: (_("A replacement is on its way"), _("This request is completed.")),
        Outcome.NOT_RETURNED: (
            _("The items were not sent back"),
            _("This request has ended. If a parcel is on its way, the seller can still take it in."),
        ),
        Outcome.DUPLICATE: (_("This request repeats another one"), _("Your other request goes on.")),
        Outcome.NEVER_ARRIVED: (
            _("Handled as a delivery problem"),
            _("The seller checks the delivery and tells you the result."),
        ),
        Outcome.BUYER_KEPT_ITEM: (
            _("You keep the item"),
            # Before the authorization there is no label.
            _("Your prepaid label no longer works, and there is nothing to send back.")
            if case.request.authorized_at
            else _("There is nothing to send back."),
        ),
        Outcome.ENDED_AT_MARKETPLACE: (
            _("This request has ended at the marketplace"),
            _("Please see the marketplace's own page for details."),
        ),
    }
    headline, sentence = words[Outcome(case.request.outcome)]
    return StatusWords(headline, sentence)


def status_before_closing(case: Case) -> Status:
    """The status that a closed request had until it was closed here."""
    closings = case.request.events.filter(action=Action.CLOSE, withdrawn_at__isnull=True)
    return Status(closings.order_by("-version").values_list("source", flat=True)[0])


def items_of(case: Case) -> list[BuyerItem]:
    language = get_language() or Language.ENGLISH.value
    return [
        BuyerItem(
            title=item.order_item.title or item.order_item.sku,
            quantity=item.quantity,
            reason=case.reason_label(item.reason_code, language),
            notes=[
                str(policy.sentence(policy.Reason(**reason)))
                for reason in item.verdict.get("reasons", [])[:1]
                # A return window says nothing about what never came.
                if not case.is_never_arrived
            ],
        )
        for item in case.items
    ]


def list_events(case: Case) -> list[ReturnEvent]:
    """What the buyer may know of the ledger, oldest first."""
    events = case.request.events.filter(action__in=(*SHOWN, Action.WRITE), withdrawn_at__isnull=True)
    if case.held_event:
        events = events.exclude(pk=case.held_event.pk)
    return list(events.select_related("comments").order_by("version"))


def steps_of(
    case: Case, actor: Actor, events: list[ReturnEvent], photos: Mapping[int, Sequence[Thumbnail]]
) -> list[Step]:
    """What happened, oldest first, then what is still to come. `photos`: those of events, by event id."""
    language = get_language() or Language.ENGLISH.value
    steps = [
        Step(
            sentence=_told(event, case),
            at=_when(event, case.rules.time_zone),
            note=event.words.get("buyer_labels", {}).get(language, "") or history.parcel(event),
            comments=event.text if event.role in (Role.SELLER, Role.ADMIN) else "",
            is_done=True,
            related=other_half(event, "buyer-return"),
            money=tuple(history.money(event)),
            photos=tuple(photos.get(event.pk, ())),
        )
        for event in events
        if event.action != Action.WRITE and not _is_between_seller_and_shop(event)
    ]
    way_back = [] if case.request.handed_over_at else [_("You send the items back")]
    to_come = {
        Status.AUTHORIZATION_REQUIRED: [
            _("The seller decides"),
            *way_back,
            _("The seller receives it"),
            _("You get your money back"),
        ],
        Status.AUTHORIZED: [*way_back, _("The seller receives it"), _("You get your money back")],
        Status.REFUND_DUE: [_("You get your money back")],
    }.get(case.status_for(actor), [])
    if case.is_never_arrived:
        to_come = [_("The seller finds it, sends it again or refunds you")] if to_come else []
    return steps + [Step(sentence, None, "", "", False) for sentence in to_come]


def _when(event: ReturnEvent, zone: str) -> datetime | date:
    """When it happened. A file tells of an asking later than it was, and often of its day alone."""
    if event.action != Action.RECORD or event.version > 1:
        return event.occurred_at
    request = event.request
    return (
        request.requested_at if request.requested_has_time else policy.local_day(request.requested_at, zone)
    )


def _is_between_seller_and_shop(event: ReturnEvent) -> bool:
    """That a pay-out failed or is tried again says nothing to the buyer, to whom it stays on its way."""
    return event.action == Action.PAY_OUT and event.facts["payout"]["state"] != PayoutState.CONFIRMED


def _told(event: ReturnEvent, case: Case) -> str:
    if event.action == Action.OPEN and case.is_never_arrived:
        return _("You told the seller that it never arrived")
    if event.action == Action.OPEN and event.role != Role.BUYER:
        return _("A return was asked for on your behalf")
    if event.action == Action.CLOSE:
        if event.role == Role.BUYER:
            return _("You closed the request")
        return _("The seller closed the request")
    if told := _told_of_offer(event):
        return told
    if event.action == Action.COMPLETE:
        return _completed(event)
    if event.action == Action.OPEN and event.request.is_timely_withdrawal:
        return _("You withdrew from the contract")
    if event.action == Action.REOPEN and event.role == Role.BUYER:
        return _("You took back your closing")
    if event.action == Action.HAND_OVER and event.role != Role.BUYER:
        return _("The carrier has the parcel")
    if event.action == Action.REFUND and history.is_to_be_paid(event):
        return _("The seller has given you a refund")
    if event.action == Action.AUTHORIZE and event.facts.get("rule"):
        return _("Your return was authorized automatically")
    return {
        Action.OPEN: _("You asked for a return"),
        Action.RECORD: _("You asked for a return at the marketplace")
        if event.version == 1
        else _("The marketplace told us something new about it"),
        Action.AUTHORIZE: _("Your return was authorized"),
        Action.KEEP_ITEM: _("You kept the item"),
        Action.RECEIVE: _("The seller received your return"),
        Action.REFUND: _("The seller refunded you"),
        Action.PAY_OUT: _("Your credit was given")
        if is_of_credit(event.facts)
        else _("Your refund was paid"),
        Action.REOPEN: _("The request was opened again"),
        Action.HAND_OVER: _("You sent the parcel"),
        Action.ESCALATE: _("The marketplace was asked to step in"),
        Action.UPHOLD: _("The marketplace left the decision as it is"),
        Action.SPLIT: _("The request was split in two"),
    }[Action(event.action)]


def _completed(event: ReturnEvent) -> str:
    if event.outcome != Outcome.REFUNDED_WITHOUT_RETURN:
        return str(Outcome(event.outcome).label)
    if history.is_to_be_paid(event):
        return _("You get a refund and keep the item")
    return _("You were refunded and keep the item")


def _told_of_offer(event: ReturnEvent) -> str:
    """What became of an offer, and what the system did by one that was accepted; nothing of all else."""
    offer = event.facts.get("offer", {})
    if event.action == Action.COMPLETE and "kind" in offer:
        return _("Your request was completed as agreed")
    if event.action != Action.OFFER:
        return ""
    return {
        OfferState.OPEN: _("The seller made you an offer"),
        OfferState.ACCEPTED: _("You accepted the offer"),
        OfferState.DECLINED: _("You turned the offer down"),
        OfferState.WITHDRAWN: _("The seller took the offer back"),
        OfferState.LAPSED: _("The time to answer the offer was over"),
    }[offer["state"]]


def way_back_of(case: Case, actor: Actor) -> WayBack | None:
    request = case.request
    if case.status_for(actor) != Status.AUTHORIZED or case.is_never_arrived:
        return None
    return WayBack(
        merchant_rma=request.merchant_rma if request.merchant_rma != request.rma_number else "",
        waits_for_label=request.is_label_owed,
        waits_for_marketplace=request.prepaid_eligible and request.handed_over_at is None,
        address=request.return_address,
        instructions=request.instructions,
        send_back_date=request.send_back_date,
        payer=payer_of_buyer(case),
    )


def promise_of(case: Case, actor: Actor) -> Promise | None:
    request = case.request
    if request.promise_due_date is None or case.is_resting_for(actor):
        return None
    return Promise(request.promise_minor or 0, request.promise_currency, request.promise_due_date)


def offers_of(case: Case, actor: Actor) -> dict[str, Offer]:
    """The buyer's buttons, or why not; nothing while the seller's side decides."""
    if case.is_resting_for(actor):
        return {}
    facts = case.facts()
    is_open = case.request.status in (Status.AUTHORIZATION_REQUIRED, Status.AUTHORIZED)
    # Say why not only where the buyer would look for the button.
    explains = {
        Action.CLOSE: is_open and not facts.prepaid_eligible,
        Action.KEEP_ITEM: False,
        Action.ESCALATE: facts.is_escalated,
        Action.HAND_OVER: False,
        Action.REOPEN: facts.closed_by == Role.BUYER,
    }
    drawn: dict[str, Offer] = {}
    for action, is_told in explains.items():
        transition, sentence = refusal(facts, action, actor.asking)
        if transition is not None:
            drawn[action.value] = Offer(True, "")
        elif is_told:
            drawn[action.value] = Offer(False, str(sentence))
    return drawn


def why_step_in(case: Case) -> str:
    """The reason that lets the buyer ask the marketplace to step in."""
    request = case.request
    if request.status == Status.AUTHORIZATION_REQUIRED:
        return _("The seller has not answered in time.")
    if request.status == Status.REFUND_DUE:
        return _("The seller has not refunded you in time.")
    if request.promise_due_date and case.today > request.promise_due_date:
        return _("The promised refund was not made in time.")
    return _("You do not agree with the seller's decision.")


def take_back_until(case: Case) -> date | None:
    """Until when the buyer can take back the own closing."""
    if case.request.closed_by_role != Role.BUYER or case.request.closed_at is None:
        return None
    return policy.local_day(case.request.closed_at + timedelta(days=TAKE_BACK_DAYS), case.rules.time_zone)


def send_back_outlook(case: Case, actor: Actor) -> str:
    """What comes before and after the day to send it back by, in words; nothing once it is on its way."""
    request = case.request
    is_running = case.status_for(actor) == Status.AUTHORIZED and request.handed_over_at is None
    if not is_running or request.send_back_date is None or case.is_imported:
        return ""
    days = case.rules.not_returned_grace_days
    end = format_day(request.send_back_date + timedelta(days=days))
    return _(
        "We remind you by e-mail 7 days and 2 days before. If nothing is sent, your request ends on %(end)s "
        "without a refund. Tell us when you have sent it, and that stops."
    ) % {"end": end}


def lost_by_sending(case: Case) -> str:
    """What the buyer can no longer do once the parcel is on its way; shown before it is said."""
    if case.request.prepaid_eligible:
        return _("After this you can no longer keep the item instead.")
    return _("After this you can no longer close the request.")


def what_follows_reopening(case: Case) -> str:
    """What the buyer's own closing, taken back, leads to."""
    request = case.request
    if status_before_closing(case) == Status.AUTHORIZATION_REQUIRED:
        return _("Your request goes back to the seller, who decides about it.")
    if request.send_back_date is None:
        return _("Your return is authorized again: please send the items back.")
    return _("Your return is authorized again: hand the parcel to the carrier by %(day)s.") % {
        "day": format_day(request.send_back_date)
    }


def step_in_until(case: Case, actor: Actor) -> date | None:
    """Until when a closing by the seller's side can be contested."""
    ended_at: Any = case.request.closed_at or case.request.completed_at
    if ended_at is None or case.is_resting_for(actor) or case.is_imported:
        return None
    if case.request.closed_by_role not in (Role.SELLER, Role.ADMIN):
        return None
    return policy.local_day(ended_at + timedelta(days=STEP_IN_AFTER_CLOSING_DAYS), case.rules.time_zone)
