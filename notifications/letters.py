"""A message row as words and as a mail: reads what the row is about, and asks whether it may still go out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from returns.addresses import deliverable_address
from returns.history import is_handed_over
from returns.models import (
    BuyerCode,
    FileRun,
    Invitation,
    MarketplaceSettings,
    Membership,
    Refund,
    ReturnEvent,
    ReturnItem,
    ReturnReason,
    ReturnRequest,
    Seller,
    StatusCount,
    User,
)
from returns.models.clock import database_now
from returns.models.money import RefundKind
from returns.models.people import Language
from returns.selectors.cases import Case
from returns.services.access import code_for, invitation_token, token_for
from returns.services.payouts import kind_now
from returns.state_machine import Action, Status

from .audience import NO_ADDRESS, SHOW_TO_COPY, buyer_language, suppression, suppression_of_order, told_of
from .mail import compose
from .models import Kind, Message, RecipientType, State
from .rendering import Line, MessageFacts, Money, Reader, choices_of, facts_of, render

OF_EVENT = ("event__comments", "event__request__seller", "event__request__order__buyer")
OF_CONCESSION = ("seller", "request", "order_item__order__buyer")
EXPIRED = "expired"
NO_LONGER_A_MEMBER = "no_longer_a_member"


class Withheld(Exception):
    """This message does not go out (any more): its last state, and why in one word."""

    def __init__(self, status: State, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Letter:
    """What one message says, to which address, and of what time."""

    address: str
    facts: MessageFacts
    date: datetime


@dataclass(frozen=True, slots=True)
class Preview:
    """A message exactly as the buyer will read it, and how it will get there."""

    subject: str
    body: str
    language: str
    language_label: str
    delivery: str


class Letters:
    """Writes the letters of some messages; what they share is read once, or was read with `case`, the one that
    all of them are about. `users`: those recipients that were read already.
    """

    def __init__(self, case: Case | None = None, users: Mapping[int, User] | None = None) -> None:
        self.case = case
        self.users = users or {}
        self.marketplace = case.settings if case else MarketplaceSettings.load()
        reasons = case.reasons.values() if case else ReturnReason.objects.all()
        self.reason_labels = {reason.code: reason.in_both("label") for reason in reasons}

    def content(self, message: Message, letter: Letter) -> bytes:
        """The mail's bytes."""
        rendered = render(message.kind, message.language, letter.facts)
        return compose(
            message_id=message.message_id,
            date=letter.date,
            recipient=letter.address,
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            language=message.language,
        )

    def letter(self, message: Message) -> Letter:
        """Raises `Withheld` when nobody can be, or should still be, told."""
        if message.event is not None:
            address = self._address(message)
            return Letter(address, self.facts(message), message.event.occurred_at)
        assert message.about_id is not None
        match Kind(message.kind):
            case Kind.BUYER_CODE:
                return self._buyer_code(message.about_id)
            case Kind.INVITATION:
                return self._invitation(message.about_id)
            case Kind.REFUND_ISSUED:
                return self._concession(message.about_id)
            case _:
                return self._import_finished(message, message.about_id)

    def facts(self, message: Message) -> MessageFacts:
        """What a message of an event says, whether or not it goes out."""
        assert message.event is not None
        if message.recipient_type == RecipientType.BUYER:
            return self.facts_of_event(message.event, Reader.BUYER, self.marketplace.time_zone)
        user = self.users.get(message.recipient_id) or User.objects.get(pk=message.recipient_id)
        is_admin = message.kind == Kind.ESCALATED and user.is_staff
        return self.facts_of_event(message.event, Reader.ADMIN if is_admin else Reader.SELLER, user.time_zone)

    def facts_of_event(self, event: ReturnEvent, reader: Reader, zone: str) -> MessageFacts:
        """What one reader is told of an event, be it written or only planned."""
        return facts_of(
            event,
            comments=event.text,
            reader=reader,
            zone=zone,
            marketplace=self.marketplace,
            reason_labels=self.reason_labels,
            item_comments=self._item_comments(event),
        )

    def _item_comments(self, event: ReturnEvent) -> Mapping[int, str]:
        """By item, what the buyer wrote about it, for the receipt; the event holds nobody's words."""
        if event.action != Action.OPEN:
            return {}
        if self.case is not None:
            return {item.pk: item.comment for item in self.case.items}
        ids = [item.get("id") for item in event.facts["items"]]
        return dict(ReturnItem.objects.filter(pk__in=ids).values_list("pk", "comment"))

    def _address(self, message: Message) -> str:
        """The recipient's address as it is now. Who left the team since the message was made gets none."""
        if message.recipient_type == RecipientType.BUYER:
            assert message.event is not None
            address = deliverable_address(message.event.request.order.buyer.email)
        else:
            user = User.objects.filter(pk=message.recipient_id, is_active=True).first()
            if user is None or not (
                (message.kind == Kind.ESCALATED and user.is_staff)
                or Membership.objects.filter(user=user, seller=message.seller, is_active=True).exists()
            ):
                raise Withheld(State.CANCELLED, NO_LONGER_A_MEMBER)
            address = deliverable_address(user.email)
        if not address:
            raise Withheld(State.SUPPRESSED, NO_ADDRESS)
        return address

    def _buyer_code(self, code_id: int) -> Letter:
        code = live_codes().select_related("order__buyer", "order__seller").filter(pk=code_id).first()
        if code is None:
            raise Withheld(State.CANCELLED, EXPIRED)
        facts = MessageFacts(
            reader=Reader.BUYER,
            zone=self.marketplace.time_zone,
            marketplace_name=self.marketplace.name,
            happened_at=code.created_at,
            seller_name=code.order.seller.name,
            order_number=code.order.order_number,
            code=code_for(code),
            opens_order=not code.return_reference,
            link=f"{settings.SITE_URL}/my/link/{token_for(code)}/",
            expires_at=code.expires_at,
        )
        return Letter(_deliverable(code.order.buyer.email), facts, code.created_at)

    def _invitation(self, invitation_id: int) -> Letter:
        invitation = live_invitations().select_related("seller").filter(pk=invitation_id).first()
        if invitation is None:
            raise Withheld(State.CANCELLED, EXPIRED)
        facts = MessageFacts(
            reader=Reader.SELLER,
            zone=invitation.seller.time_zone,
            marketplace_name=self.marketplace.name,
            happened_at=invitation.created_at,
            seller_name=invitation.seller.name,
            link=f"{settings.SITE_URL}/accounts/invitation/{invitation_token(invitation)}/",
            expires_at=invitation.expires_at,
        )
        return Letter(_deliverable(invitation.email), facts, invitation.created_at)

    def _concession(self, refund_id: int) -> Letter:
        given = Refund.objects.select_related(*OF_CONCESSION).get(pk=refund_id)
        facts = self.facts_of_concession(given)
        return Letter(_deliverable(given.order_item.order.buyer.email), facts, facts.happened_at)

    def facts_of_concession(self, given: Refund) -> MessageFacts:
        """What the buyer is told of it; read with what `OF_CONCESSION` names."""
        line, order = given.order_item, given.order_item.order
        page = f"returns/{given.request.reference}" if given.request else f"orders/{order.reference}"
        is_copied = suppression_of_order(order, given.request, given.seller) == SHOW_TO_COPY
        title = line.title or line.sku
        return MessageFacts(
            reader=Reader.BUYER,
            zone=self.marketplace.time_zone,
            marketplace_name=self.marketplace.name,
            happened_at=given.recorded_at,
            page="" if is_copied else f"{settings.SITE_URL}/my/{page}/",
            is_imported=is_copied,
            seller_name=given.seller.name,
            buyer_name=order.buyer.name,
            order_number=order.order_number,
            rma_number=given.request.rma_number if given.request else "",
            item_titles=(title,),
            items=(Line(title, line.quantity),),
            comments=given.memo,
            refund=Money(given.amount_minor, given.currency),
            given_for=given.part,
        )

    def _import_finished(self, message: Message, run_id: int) -> Letter:
        run = FileRun.objects.select_related("seller").get(pk=run_id)
        address = self._address(message)
        user = User.objects.get(pk=message.recipient_id)
        facts = MessageFacts(
            reader=Reader.SELLER,
            zone=user.time_zone,
            marketplace_name=self.marketplace.name,
            happened_at=run.finished_at or run.started_at,
            seller_name=run.seller.name,
            file_name=run.file_name,
            link=f"{settings.SITE_URL}/seller/returns/",
            choices=choices_of(run.seller),
            waiting=_waiting(run.seller),
            overdue=_overdue(run.seller),
        )
        return Letter(address, facts, facts.happened_at)


def preview_of(
    planned: ReturnEvent | None, undo_seconds: int = 0, letters: Letters | None = None
) -> Preview | None:
    """What the buyer will read of an event that is only planned; None without one, or without a message.

    `letters`: of several previews of one page, what they share.
    """
    if planned is None:
        return None
    kind, order = told_of(planned).buyer, planned.request.order
    waits_for_shop = kind is None and is_handed_over(planned)
    if waits_for_shop:
        kind = Kind.REFUND_ISSUED
    if kind is None or not hasattr(order, "buyer"):
        return None
    letters = letters or Letters(planned.planned_case)
    language = buyer_language(order.buyer, order.country, letters.marketplace)
    facts = letters.facts_of_event(planned, Reader.BUYER, letters.marketplace.time_zone)
    suppressed = suppression(order.buyer, planned.request, planned.request.seller)
    return _preview(kind, language, facts, _how(suppressed, undo_seconds, waits_for_shop=waits_for_shop))


def preview_of_concession(given: Refund) -> Preview | None:
    """What the buyer will read of a concession that is only planned; None where no buyer is known."""
    order = given.order_item.order
    if not hasattr(order, "buyer"):
        return None
    letters = Letters()
    language = buyer_language(order.buyer, order.country, letters.marketplace)
    suppressed = suppression_of_order(order, given.request, given.seller)
    delivery = _how(suppressed, waits_for_shop=kind_now() == RefundKind.HANDED_OVER)
    return _preview(Kind.REFUND_ISSUED, language, letters.facts_of_concession(given), delivery)


def _preview(kind: Kind, language: str, facts: MessageFacts, delivery: str) -> Preview:
    rendered = render(kind, language, facts)
    return Preview(
        subject=rendered.subject,
        body=rendered.text,
        language=language,
        language_label=str(Language(language).label),
        delivery=delivery,
    )


def _how(suppressed: str, undo_seconds: int = 0, *, waits_for_shop: bool = False) -> str:
    if suppressed == SHOW_TO_COPY:
        return _("Not sent from here: you can copy it into the marketplace's own messages.")
    if suppressed == NO_ADDRESS:
        return _("Not sent: no e-mail address of the buyer is known. You can copy it.")
    if waits_for_shop:
        return _("E-mail, once the shop says that it is paid.")
    if undo_seconds:
        return ngettext(
            "E-mail, %(seconds)d second after you confirm.",
            "E-mail, %(seconds)d seconds after you confirm.",
            undo_seconds,
        ) % {"seconds": undo_seconds}
    return _("E-mail, as soon as you confirm.")


def read_messages(ids: Iterable[int]) -> list[Message]:
    """The messages with what their letters need of events, in the order in which they are due."""
    return list(Message.objects.filter(pk__in=list(ids)).select_related(*OF_EVENT).order_by("due_at", "pk"))


def live_codes() -> QuerySet[BuyerCode]:
    """Codes that still open something."""
    return BuyerCode.objects.filter(used_at__isnull=True, is_superseded=False, expires_at__gt=Now())


def live_invitations() -> QuerySet[Invitation]:
    return Invitation.objects.filter(accepted_at__isnull=True, revoked_at__isnull=True, expires_at__gt=Now())


def _deliverable(email: str) -> str:
    address = deliverable_address(email)
    if not address:
        raise Withheld(State.SUPPRESSED, NO_ADDRESS)
    return address


def _waiting(seller: Seller) -> int:
    count = StatusCount.objects.filter(seller=seller, status=Status.AUTHORIZATION_REQUIRED).first()
    return count.requests if count else 0


def _overdue(seller: Seller) -> int:
    """Counted over the requests that wait for this seller, by their own index: few, however big the table."""
    return ReturnRequest.objects.filter(
        Q(seller=seller, status=Status.AUTHORIZATION_REQUIRED), deadline_at__lt=database_now()
    ).count()
