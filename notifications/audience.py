"""Who is told of an event: domain.md's table of messages and the notes below it."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from returns import history
from returns.actors import MemberRole
from returns.addresses import deliverable_address
from returns.models import (
    Buyer,
    MarketplaceSettings,
    Membership,
    OfferState,
    Order,
    ReturnEvent,
    ReturnRequest,
    Seller,
    User,
)
from returns.models.payouts import PayoutState
from returns.models.people import Language
from returns.models.requests import Source
from returns.state_machine import Action, Outcome, Role, Status

from .models import ALWAYS_KEPT, Kind, Preference, RecipientType, State

# Why a message is made and not sent; they stand in its `last_code`.
NO_ADDRESS = "no_address"
SHOW_TO_COPY = "show_to_copy"
TURNED_OFF = "turned_off"
OWN_ACT = "own_act"

CHINESE_SPEAKING = frozenset({"CN", "SG"})


@dataclass(frozen=True, slots=True)
class Recipient:
    """One who is told, in which language; `suppressed` says why the message is only kept and not sent."""

    type: RecipientType
    id: int
    kind: Kind
    language: str
    suppressed: str = ""

    @property
    def status(self) -> State:
        return State.SUPPRESSED if self.suppressed else State.QUEUED


def buyer_language(buyer: Buyer, country: str, marketplace: MarketplaceSettings) -> str:
    """The buyer's own choice, else the order country's, else the marketplace's."""
    if buyer.language:
        return buyer.language
    return Language.CHINESE if country.upper() in CHINESE_SPEAKING else marketplace.language


def suppression(buyer: Buyer, return_request: ReturnRequest, seller: Seller) -> str:
    """Why nothing is sent to this buyer about this request, or ""."""
    if not deliverable_address(buyer.email):
        return NO_ADDRESS
    sends = seller.imported_messages == Seller.ImportedMessages.SEND_FROM_HERE
    if return_request.source == Source.FILE and not sends:
        return SHOW_TO_COPY
    return ""


def suppression_of_order(order: Order, return_request: ReturnRequest | None, seller: Seller) -> str:
    """The same, of money that is given on an order with or without a request. An order that is known only from a
    returns file is the marketplace's, as its requests are.
    """
    if return_request is not None:
        return suppression(order.buyer, return_request, seller)
    if not deliverable_address(order.buyer.email):
        return NO_ADDRESS
    sends = seller.imported_messages == Seller.ImportedMessages.SEND_FROM_HERE
    return SHOW_TO_COPY if order.is_stub and not sends else ""


class Audience:
    """The people around some sellers, read once; `of(event)` asks for nothing of the single event.

    The events' `request`, its `order` and the order's `buyer`, and `seller` must have been read with them.
    """

    def __init__(self, seller_ids: Iterable[int]) -> None:
        self.members: defaultdict[int, list[User]] = defaultdict(list)
        seller_ids = set(seller_ids)
        # Owners first, then who came first: the order in which one is chosen who must not miss a message.
        memberships = Membership.objects.filter(
            seller_id__in=seller_ids,
            role__in=(MemberRole.OWNER, MemberRole.AGENT),
            is_active=True,
            user__is_active=True,
        ).select_related("user")
        for membership in sorted(memberships, key=lambda one: (one.role != MemberRole.OWNER, one.pk)):
            if deliverable_address(membership.user.email):
                self.members[membership.seller_id].append(membership.user)
        self._turned_off = set(
            Preference.objects.filter(seller_id__in=seller_ids, is_on=False).values_list(
                "seller_id", "user_id", "kind"
            )
        )

    @cached_property
    def marketplace(self) -> MarketplaceSettings:
        return MarketplaceSettings.load()

    @cached_property
    def admins(self) -> list[User]:
        return list(User.objects.filter(is_active=True, is_staff=True).order_by("pk"))

    def is_turned_off(self, seller_id: int, user: User, kind: Kind) -> bool:
        return (seller_id, user.pk, kind.value) in self._turned_off

    def is_left_with(self, seller_id: int, user: User, kind: Kind) -> bool:
        """Whether `user` is told although the kind is or were turned off, as nobody else would be."""
        members = self.members[seller_id]
        others = [
            one for one in members if one.pk != user.pk and not self.is_turned_off(seller_id, one, kind)
        ]
        return kind in ALWAYS_KEPT and not others and members[:1] == [user]

    def of(self, event: ReturnEvent) -> list[Recipient]:
        """Everybody who is owed a message of this event."""
        if event.is_silent or event.withdrawn_at is not None:
            return []
        told = told_of(event)
        recipients = []
        if told.buyer:
            recipients += self._buyer(event, told.buyer)
        if told.seller:
            recipients += self._members(event, told.seller)
        if told.admins:
            recipients += [
                Recipient(RecipientType.USER, admin.pk, told.admins, admin.language)
                for admin in self.admins
                if admin.pk != event.user_id and deliverable_address(admin.email)
            ]
        # A member who is an admin too is told once.
        return list({(one.type, one.id, one.kind): one for one in recipients}.values())

    def _buyer(self, event: ReturnEvent, kind: Kind) -> list[Recipient]:
        order = event.request.order
        buyer: Buyer | None = getattr(order, "buyer", None)
        if buyer is None:
            return []
        return [
            Recipient(
                RecipientType.BUYER,
                buyer.pk,
                kind,
                buyer_language(buyer, order.country, self.marketplace),
                suppression(buyer, event.request, event.seller),
            )
        ]

    def _members(self, event: ReturnEvent, kind: Kind) -> list[Recipient]:
        reachable = [user for user in self.members[event.seller_id] if user.pk != event.user_id]
        told = [user for user in reachable if not self.is_turned_off(event.seller_id, user, kind)]
        if not told and kind in ALWAYS_KEPT:
            told = reachable[:1]
        return [Recipient(RecipientType.USER, user.pk, kind, user.language) for user in told]


@dataclass(frozen=True, slots=True)
class Told:
    """What the buyer, the seller's members and the admins are told."""

    buyer: Kind | None = None
    seller: Kind | None = None
    admins: Kind | None = None


def told_of(event: ReturnEvent) -> Told:
    """What an event is told as, to whom; nothing of what a file records or an undo takes back."""
    rule = _TOLD.get(Action(event.action), Told())
    return rule if isinstance(rule, Told) else rule(event)


def _opened(event: ReturnEvent) -> Told:
    if event.request.is_timely_withdrawal:
        return Told(Kind.WITHDRAWAL_RECEIVED, Kind.WITHDRAWAL_RECEIVED)
    # Decided meanwhile, by a rule or by hand: the seller has nothing to do.
    waits = event.request.status == Status.AUTHORIZATION_REQUIRED
    return Told(Kind.RETURN_OPENED, Kind.RETURN_OPENED if waits else None)


def _closed(event: ReturnEvent) -> Told:
    if event.role == Role.BUYER:
        return Told(Kind.CLOSE_RECEIPT, Kind.RETURN_CLOSED_BY_BUYER)
    return Told(Kind.RETURN_CLOSED, Kind.RETURN_CLOSED if event.role == Role.ADMIN else None)


def _reopened(event: ReturnEvent) -> Told:
    if event.role == Role.BUYER:
        return Told(seller=Kind.RETURN_REOPENED)
    return Told(Kind.RETURN_REOPENED, Kind.RETURN_REOPENED if event.role == Role.ADMIN else None)


def _written(event: ReturnEvent) -> Told:
    by_buyer = event.role == Role.BUYER
    return Told(seller=Kind.MESSAGE_RECEIVED) if by_buyer else Told(Kind.MESSAGE_RECEIVED)


def _escalated(event: ReturnEvent) -> Told:
    asked_by_buyer = event.role == Role.BUYER
    return Told(None if asked_by_buyer else Kind.ESCALATED, Kind.ESCALATED, Kind.ESCALATED)


def _completed(event: ReturnEvent) -> Told:
    not_returned = event.outcome == Outcome.NOT_RETURNED
    is_theirs_to_pay = history.is_to_be_paid(event) and not history.is_handed_over(event)
    return Told(
        Kind.RETURN_NOT_RETURNED if not_returned else Kind.RETURN_COMPLETED,
        Kind.REFUND_TO_PAY if is_theirs_to_pay else None,
    )


def _refunded(event: ReturnEvent) -> Told:
    """Of money the buyer is told once, when it is paid; the seller, where a person has to see to that."""
    if not history.is_to_be_paid(event):
        return Told(Kind.REFUND_ISSUED)
    return Told(seller=None if history.is_handed_over(event) else Kind.REFUND_TO_PAY)


def _paid_out(event: ReturnEvent) -> Told:
    state = event.facts["payout"]["state"]
    if state == PayoutState.CONFIRMED:
        return Told(Kind.REFUND_ISSUED)
    return Told(seller=Kind.REFUND_TO_PAY if state == PayoutState.FAILED else None)


def _reminded(event: ReturnEvent) -> Told:
    if event.facts["reminder"]["clock"] == "send_back":
        return Told(buyer=Kind.SEND_BACK_REMINDER)
    return Told(seller=Kind.DEADLINE_NEAR)


def _offered(event: ReturnEvent) -> Told:
    """Who is told of an offer: the side that did not act, and both when it has lapsed.

    An accepted one is told to the buyer with what the system does next.
    """
    state = event.facts["offer"]["state"]
    if state == OfferState.OPEN:
        return Told(Kind.OFFER_MADE)
    if state == OfferState.WITHDRAWN:
        return Told(Kind.OFFER_ANSWERED)
    return Told(Kind.OFFER_ANSWERED if state == OfferState.LAPSED else None, Kind.OFFER_ANSWERED)


_TOLD: dict[Action, Told | Callable[[ReturnEvent], Told]] = {
    Action.OPEN: _opened,
    Action.AUTHORIZE: Told(Kind.RETURN_AUTHORIZED),
    Action.PROVIDE_LABEL: Told(Kind.LABEL_PROVIDED),
    Action.CLOSE: _closed,
    Action.KEEP_ITEM: Told(Kind.CLOSE_RECEIPT, Kind.RETURN_KEPT),
    Action.REOPEN: _reopened,
    Action.WRITE: _written,
    Action.OFFER: _offered,
    Action.ESCALATE: _escalated,
    Action.UPHOLD: Told(Kind.ESCALATION_ANSWERED, Kind.ESCALATION_ANSWERED),
    Action.RECEIVE: Told(Kind.RETURN_RECEIVED),
    Action.REFUND: _refunded,
    Action.PAY_OUT: _paid_out,
    Action.COMPLETE: _completed,
    Action.REMIND: _reminded,
}
