"""The fixed cast, and requests in every state that can occur.

Alice owns the seller North Lane, Ben is her agent, Vera may only look, Carol owns South Pier, Dora buys, Ed
buys elsewhere, Root administers. Orders are rows, because they only come from outside; a request is opened,
decided and ended through `returns.services` alone, or read from a returns report, so that no test sees a state
that could not be. To be old, a request is told afterwards (`Actor.at`), the way the demo does it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from returns import services
from returns.actors import Actor, MemberRole
from returns.addresses import email_hash
from returns.grounds import Stated
from returns.models import (
    Buyer,
    MarketplaceSettings,
    Membership,
    Order,
    OrderItem,
    ReturnAddress,
    ReturnEvent,
    ReturnRequest,
    Seller,
    User,
)
from returns.models.requests import ItemCondition
from returns.money import to_decimal
from returns.selectors.cases import WITH_CASE, load_cases
from returns.services.deadlines import complete_not_returned
from returns.services.decide import Closing
from returns.services.imports.returns import import_returns
from returns.services.open import AskedLine
from returns.services.policies import save_settings
from returns.state_machine import Outcome, Role, Status
from tests.returns.report_files import returns_file

PASSWORD = "correct horse battery staple"

_numbers = count(1)


# --- People


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A buyer: a name and an address on an order, no account."""

    name: str
    email: str
    city: str = "Austin"
    language: str = ""


DORA = Person(name="Dora Diaz", email="dora@buyers.example")
ED = Person(name="Ed Eriksen", email="ed@buyers.example", city="Reno")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """North Lane: Alice (owner), Ben (agent), Vera (viewer). South Pier: Carol (owner). Root is an admin."""

    north_lane: Seller
    south_pier: Seller
    alice: User
    ben: User
    vera: User
    carol: User
    root: User

    def actor(self, user: User) -> Actor:
        """`user` acting: for the own seller, or as admin."""
        if user.is_staff:
            return Actor.admin(user)
        return Actor.seller(user, user.memberships.get(is_active=True))


def make_cast() -> Cast:
    """The cast. North Lane takes returns in the US and in Canada, South Pier in the US alone.

    The marketplace has no season, so that a window has the same length on whatever day the tests run.
    """
    change_rules(seasons=[])
    north_lane = Seller.objects.create(slug="north-lane", name="North Lane")
    south_pier = Seller.objects.create(slug="south-pier", name="South Pier")
    for seller, city, region, country in (
        (north_lane, "Portland", "OR", "US"),
        (north_lane, "Vancouver", "BC", "CA"),
        (south_pier, "Galveston", "TX", "US"),
    ):
        ReturnAddress.objects.create(
            seller=seller,
            name=f"{seller.name} Returns",
            lines="1 Dock Street",
            city=city,
            region=region,
            postal_code="10001",
            country=country,
        )
    return Cast(
        north_lane=north_lane,
        south_pier=south_pier,
        alice=_member(north_lane, "Alice Ames", MemberRole.OWNER),
        ben=_member(north_lane, "Ben Boyd", MemberRole.AGENT),
        vera=_member(north_lane, "Vera Voss", MemberRole.VIEWER),
        carol=_member(south_pier, "Carol Cole", MemberRole.OWNER),
        root=User.objects.create_superuser("root@marketplace.example", PASSWORD, name="Root Reyes"),
    )


def change_rules(**columns: Any) -> MarketplaceSettings:
    """Save these columns of the marketplace's settings, as an admin does: a new version of the rules."""
    settings = MarketplaceSettings.load()
    for name, value in columns.items():
        setattr(settings, name, value)
    save_settings(Actor.system(), settings)
    return settings


def _member(seller: Seller, name: str, role: MemberRole) -> User:
    email = f"{name.split(maxsplit=1)[0].lower()}@{seller.slug}.example"
    user = User.objects.create_user(email, PASSWORD, name=name)
    Membership.objects.create(user=user, seller=seller, role=role)
    return user


def at_once(actor: Actor) -> Actor:
    """The same actor, whose decisions are not held for an undo."""
    return replace(actor, undo_seconds=0)


def days_ago(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


def day(days_back: int) -> date:
    """The day `days_back` days ago at the marketplace, whose zone is UTC until a test changes it."""
    return days_ago(days_back).date()


# --- Orders


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line to be ordered; what was paid for all its units, in minor units, None where no file said it."""

    sku: str = "KETTLE-1"
    title: str = "Steel kettle"
    quantity: int = 1
    category: str = ""
    not_returnable_mark: str = ""
    currency: str = "USD"
    item: int | None = 12900
    tax: int | None = 1032
    shipping: int | None = 599


def make_order(
    seller: Seller,
    *lines: Line,
    buyer: Person = DORA,
    number: str = "",
    country: str = "US",
    ordered_days_ago: int | None = 12,
    delivered_days_ago: int | None = 8,
    is_stub: bool = False,
    is_business: bool = False,
) -> Order:
    """An order with `lines` (one kettle, unless some are given), its buyer and its dates."""
    order = Order.objects.create(
        seller=seller,
        order_number=number or f"111-{next(_numbers):07d}-0000001",
        ordered_at=None if ordered_days_ago is None else days_ago(ordered_days_ago),
        delivered_date=None if delivered_days_ago is None else day(delivered_days_ago),
        estimated_delivery_date=None if delivered_days_ago is None else day(delivered_days_ago),
        country=country,
        is_stub=is_stub,
        is_business=is_business,
    )
    Buyer.objects.create(
        order=order,
        name=buyer.name,
        email=buyer.email,
        email_hash=email_hash(buyer.email),
        city=buyer.city,
        language=buyer.language,
    )
    for line in lines or (Line(),):
        OrderItem.objects.create(
            seller=seller,
            order=order,
            line_key=line.sku,
            sku=line.sku,
            title=line.title,
            category=line.category,
            not_returnable_mark=line.not_returnable_mark,
            quantity=line.quantity,
            currency=line.currency,
            item_paid_minor=line.item,
            tax_paid_minor=line.tax,
            shipping_paid_minor=line.shipping,
            paid_source="test",
        )
    return order


# --- Requests


def asked_lines(
    order: Order, *, quantity: int | None = None, reason: str = "CR-UNWANTED_ITEM", comment: str = ""
) -> list[AskedLine]:
    """Every line of the order; all its units, or `quantity` of each."""
    return [
        AskedLine(
            order_item_id=line.pk, quantity=quantity or line.quantity, reason_code=reason, comment=comment
        )
        for line in order.items.order_by("pk")
    ]


def open_request(
    order: Order,
    *,
    actor: Actor | None = None,
    quantity: int | None = None,
    reason: str = "CR-UNWANTED_ITEM",
    comment: str = "",
    opened_days_ago: float = 0,
    key: str = "",
) -> ReturnRequest:
    """Ask for a return of every line of `order` as its buyer (or as `actor`); the seller's rule may go on."""
    actor = actor or Actor.buyer(order)
    if opened_days_ago:
        actor = actor.at(days_ago(opened_days_ago))
    lines = asked_lines(order, quantity=quantity, reason=reason, comment=comment)
    event = services.open_return(actor, order_reference=order.reference, lines=lines, key=key)
    return ReturnRequest.objects.get(pk=event.request_id)


@contextmanager
def by_hand(seller: Seller) -> Iterator[None]:
    """While this lasts the seller authorizes each request by hand, as its owner may choose."""
    before = seller.authorization
    Seller.objects.filter(pk=seller.pk).update(authorization=Seller.Authorization.BY_HAND)
    try:
        yield
    finally:
        Seller.objects.filter(pk=seller.pk).update(authorization=before)


def closing(
    reason_code: str = "other",
    comments: str = "We talked about it on the phone and found a way.",
    **stated: Any,
) -> Closing:
    """A closing that needs nothing but comments, unless another reason is given and what it asks to state."""
    return Closing(reason_code=reason_code, comments=comments, stated=Stated(**stated))


def everything_owed(request: ReturnRequest) -> dict[tuple[int, str], int]:
    """The amounts that refund all that is owed for the items and their tax."""
    case = a_case(request)
    owed = {
        (item.pk, part): case.moneys[item.pk].owed(part) or 0
        for item in case.items
        for part in ("item", "tax")
    }
    return {place: minor for place, minor in owed.items() if minor}


def everything_received(request: ReturnRequest) -> dict[int, tuple[int, str]]:
    return {item.pk: (item.quantity, ItemCondition.UNOPENED.value) for item in request.items.all()}


def a_case(request: ReturnRequest) -> Any:
    """The case of `request` as it is now in the database."""
    return load_cases([ReturnRequest.objects.select_related(*WITH_CASE).get(pk=request.pk)])[0]


def a_request_in(
    cast: Cast,
    status: Status,
    outcome: str = "",
    *,
    prepaid: bool = False,
    closed_by: Role = Role.SELLER,
    promise_minor: int | None = None,
    order: Order | None = None,
) -> ReturnRequest:
    """A request of North Lane in `status`, on its own order (or on `order`), with nothing of it held.

    Not `prepaid` means sent to Canada: in policy and without the marketplace's label. What the services
    cannot make (a completion as refunded_without_return, replaced or ended_at_marketplace, a closing by the
    marketplace, two requests for the same units) comes from the marketplace's file.
    """
    if status == Status.CLOSED and closed_by == Role.MARKETPLACE:
        return file_request(order or make_order(cast.north_lane, country="CA"), status)
    if outcome in _ONLY_FROM_FILES:
        return file_request(order or make_order(cast.north_lane), status, outcome, prepaid=prepaid)
    if outcome == Outcome.DUPLICATE:
        return _completed_duplicate(cast, prepaid)

    if order is None:
        age = 70 if outcome == Outcome.NOT_RETURNED else 8
        order = make_order(
            cast.north_lane,
            country="US" if prepaid else "CA",
            ordered_days_ago=age + 4,
            delivered_days_ago=age,
        )
    alice, root = at_once(cast.actor(cast.alice)), at_once(cast.actor(cast.root))
    with by_hand(cast.north_lane):
        request = open_request(
            order,
            opened_days_ago=65 if outcome == Outcome.NOT_RETURNED else 0,
        )
    reference = request.reference
    if status == Status.CLOSED:
        _close(request, {Role.SELLER: alice, Role.ADMIN: root}.get(closed_by), promise_minor)
    elif outcome == Outcome.BUYER_KEPT_ITEM:
        services.keep_item(Actor.buyer(order), reference=reference)
    elif status != Status.AUTHORIZATION_REQUIRED:
        past = alice.at(days_ago(64)) if outcome == Outcome.NOT_RETURNED else alice
        services.authorize_return(past, reference=reference)
    if outcome == Outcome.NOT_RETURNED:
        complete_not_returned()
    elif outcome == Outcome.NEVER_ARRIVED:
        services.complete_return(
            alice,
            reference=reference,
            outcome=Outcome.NEVER_ARRIVED,
            comments="The carrier has lost it.",
            buyer_writes_never_arrived=True,
        )
    elif status == Status.REFUND_DUE or outcome in (Outcome.REFUNDED, Outcome.PARTIALLY_REFUNDED):
        services.receive_return(alice, reference=reference, received=everything_received(request))
        _pay_back(alice, request, outcome)
    request = ReturnRequest.objects.get(pk=request.pk)
    assert (request.status, request.outcome) == (status, outcome), f"{status} {outcome} cannot be made"
    return request


_ONLY_FROM_FILES = (Outcome.REFUNDED_WITHOUT_RETURN, Outcome.REPLACED, Outcome.ENDED_AT_MARKETPLACE)


def _close(request: ReturnRequest, sellers_side: Actor | None, promise_minor: int | None) -> None:
    if sellers_side is None:
        actor, how = Actor.buyer(request.order), closing("buyer_problem_solved", "")
    elif promise_minor is None:
        actor, how = sellers_side, closing()
    else:
        actor = sellers_side
        how = closing(
            "refund_without_return",
            "Keep it, please.",
            promise_minor=promise_minor,
            promise_currency="USD",
            promise_due_date=day(-2),
        )
    services.close_return(actor, reference=request.reference, closing=how)


def _pay_back(actor: Actor, request: ReturnRequest, outcome: str) -> None:
    if outcome == Outcome.REFUNDED:
        amounts = everything_owed(request)
    elif outcome == Outcome.PARTIALLY_REFUNDED:
        amounts = {(request.items.get().pk, "item"): 1000}
    else:
        return
    services.record_refund(actor, reference=request.reference, amounts=amounts, refunded_date=day(0))
    if outcome == Outcome.PARTIALLY_REFUNDED:
        services.complete_return(
            actor, reference=request.reference, outcome=Outcome(outcome), comments="As we agreed: $10.00."
        )


def _completed_duplicate(cast: Cast, prepaid: bool) -> ReturnRequest:
    order = make_order(cast.north_lane, country="US" if prepaid else "CA")
    file_request(order, Status.AUTHORIZED)
    status = Status.AUTHORIZATION_REQUIRED if prepaid else Status.AUTHORIZED
    request = file_request(order, status, prepaid=prepaid)
    services.complete_return(
        at_once(cast.actor(cast.alice)),
        reference=request.reference,
        outcome=Outcome.DUPLICATE,
        comments="You asked for this one before.",
    )
    return ReturnRequest.objects.get(pk=request.pk)


def file_request(
    order: Order,
    status: Status,
    outcome: str = "",
    *,
    prepaid: bool = False,
    quantity: int | None = None,
    reason: str = "CR-UNWANTED_ITEM",
    rows_per_line: int = 1,
    marketplace_status: str = "",
    requested_days_ago: float = 2,
) -> ReturnRequest:
    """A request that a returns report brought: each line of `order`, `quantity` units (else all) in each row.

    It was read halfway between then and now; it holds what is free, down to nothing.
    """
    rma = f"D{next(_numbers):08d}RRMA"
    rows = [
        {
            "order_id": order.order_number,
            "order_date": f"{order.ordered_at:%d-%b-%Y}" if order.ordered_at else " ",
            "return_request_date": f"{days_ago(requested_days_ago):%d-%b-%Y}",
            "return_request_status": marketplace_status or _WORD_THERE[status],
            "amazon_rma_id": rma,
            "label_type": "AmazonPrePaidLabel" if prepaid else "AmazonUnPaidLabel",
            "currency_code": line.currency,
            "tracking_id": f"1Z-{rma}-{row}",
            "merchant_sku": line.sku,
            "item_name": line.title,
            "return_quantity": str(quantity or line.quantity),
            "return_reason": reason,
            "in_policy": "Y",
            "resolution": _RESOLUTION.get(outcome, " "),
            "refunded_amount": _amount(line) if outcome == Outcome.REFUNDED else " ",
        }
        for line in order.items.order_by("pk")
        for row in range(rows_per_line)
    ]
    told = Actor.marketplace(order.seller).at(days_ago(requested_days_ago / 2))
    import_returns(told, file=returns_file(*rows), name="returns.tsv")
    request = ReturnRequest.objects.get(order=order, rma_number=rma)
    assert (request.status, request.outcome) == (status, outcome), f"no file says {status} {outcome}"
    return request


def _amount(line: OrderItem) -> str:
    paid = (line.item_paid_minor or 0) + (line.tax_paid_minor or 0)
    return str(to_decimal(paid, line.currency))


_WORD_THERE = {
    Status.AUTHORIZATION_REQUIRED: "PendingApproval",
    Status.AUTHORIZED: "Approved",
    Status.REFUND_DUE: "PendingRefund",
    Status.COMPLETED: "Completed",
    Status.CLOSED: "Closed",
}
_RESOLUTION = {
    Outcome.REFUNDED: "StandardRefund",
    Outcome.REFUNDED_WITHOUT_RETURN: "ReturnlessRefund",
    Outcome.REPLACED: "Replacement",
}


EVERY_STATE: tuple[tuple[Status, str], ...] = (
    (Status.AUTHORIZATION_REQUIRED, ""),
    (Status.AUTHORIZED, ""),
    (Status.REFUND_DUE, ""),
    *((Status.COMPLETED, outcome.value) for outcome in Outcome),
    (Status.CLOSED, ""),
)


def last_event(request: ReturnRequest) -> ReturnEvent:
    return request.events.order_by("-version")[0]
