"""Money given on top of what is refunded of an order, or instead of it: on any order, with a return or without.

A concession is a row of the ledger of money, no move of a request: it names a request where one is the occasion,
and changes nothing about it.
"""

from typing import Any
from uuid import uuid4

from django.db import transaction
from django.db.models import F
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from .. import policy
from ..actors import Actor
from ..exceptions import Forbidden, Invalid, NotFound
from ..models import MarketplaceSettings, Order, OrderItem, Refund, ReturnRequest, Seller
from ..models.clock import database_now
from ..models.money import EXTRA_PARTS, RefundCause
from ..money import MAX_MINOR, format_money
from ..state_machine import Role
from ..text import clean_text
from .moves import announce, key_reused
from .payouts import open_payout

NOTE_MAX = 255
MEMO_MAX = 500

UNKNOWN_PAID = _(
    "It is not known what was paid for this item, so nothing says how much may be given. "
    "Read in an orders report that names it first."
)
SWITCHED_OFF = _("Concessions are switched off. An owner of the team or the marketplace can allow them.")


def give_concession(
    actor: Actor,
    *,
    order_reference: str,
    line_id: int,
    part: str,
    amount_minor: int,
    note: str = "",
    memo: str = "",
    request_reference: str = "",
    key: str = "",
    is_preview: bool = False,
) -> Refund:
    """Record that `amount_minor` is given for a line of the order, and let the buyer be told.

    `part` is one of `EXTRA_PARTS`, the amount in minor units of the line's currency; `note` is the team's own,
    `memo` for the buyer; `request_reference` names the return that is the occasion. A form (`key`) that already
    gave this answers with it. Never more than the line's ceiling over all its concessions: that is written with
    the sum by one guarded UPDATE under the line's lock. `Invalid.errors` names the fields as they are called here.
    A preview checks the same, writes nothing, and answers with the row as it would be.
    """
    if actor.role not in (Role.SELLER, Role.ADMIN) or not actor.may_write:
        raise Forbidden(_("You may look at everything here, but not decide. Ask an owner of the team."))
    note, memo = clean_text(note), clean_text(memo, keep_lines=True)
    with transaction.atomic():
        order = (
            Order.objects.for_actor(actor)
            .filter(reference=order_reference)
            .select_related("seller", "buyer")
            .first()
        )
        if order is None:
            raise NotFound(_("This page does not exist, or it is not yours."))
        return_request = _occasion(actor, order, request_reference)
        # All lines of the order, so that one form acts once, whichever line it names the second time.
        lines = {line.pk: line for line in order.items.select_for_update().order_by("pk")}
        wanted = {
            "order_item_id": line_id,
            "request_id": return_request.pk if return_request else None,
            "part": part,
            "amount_minor": amount_minor,
            "note": note,
            "memo": memo,
        }
        key = f"concession:{order.pk}:{key or uuid4().hex}"
        done = Refund.objects.filter(idempotency_key=key).first()
        if done is not None:
            if {name: getattr(done, name) for name in wanted} != wanted:
                raise key_reused()
            return done
        _check(wanted, lines)
        settings = MarketplaceSettings.load()
        now = actor.occurred_at or database_now()
        given = Refund(
            seller=order.seller,
            order_item=lines[line_id],
            request=return_request,
            part=part,
            amount_minor=amount_minor,
            currency=lines[line_id].currency,
            cause=RefundCause.CONCESSION,
            note=note,
            memo=memo,
            user_id=actor.user_id,
            refunded_date=policy.local_day(now, settings.time_zone),
            idempotency_key=key,
        )
        percent = percent_of(order.seller, settings)
        if is_preview:
            _check_possible(given.order_item, amount_minor, percent)
            given.recorded_at = now
        else:
            _raise_given(given.order_item, amount_minor, percent)
            # Its payment is the order's own: it is no move of the request, and ends neither that nor a promise.
            open_payout([given], order=order, role=actor.role, key=key)
            announce()
        return given


def percent_of(seller: Seller, settings: MarketplaceSettings) -> int:
    """How much of what was paid for a line may be given for it: the lower of the marketplace's and the seller's."""
    own = seller.concession_percent
    return settings.concession_percent if own is None else min(own, settings.concession_percent)


def ceiling_of(line: OrderItem, percent: int) -> int | None:
    """All that may be given for the line, in minor units; None where what was paid for it is not known."""
    if line.item_paid_minor is None or not line.currency:
        return None
    paid = line.item_paid_minor + (line.tax_paid_minor or 0) + (line.shipping_paid_minor or 0)
    return min(paid * percent // 100, MAX_MINOR)


def still_possible(line: OrderItem, percent: int) -> int | None:
    """What can still be given for the line, in minor units; None where that is not known."""
    ceiling = ceiling_of(line, percent)
    return None if ceiling is None else max(ceiling - line.extra_refunded_minor, 0)


def _occasion(actor: Actor, order: Order, reference: str) -> ReturnRequest | None:
    """The request that is named, locked before any line: the row of the ledger that names it asks for a share of it."""
    if not reference:
        return None
    requests = ReturnRequest.objects.for_actor(actor).select_for_update(of=("self",))
    found = requests.filter(reference=reference, order=order).first()
    if found is None:
        raise NotFound(_("This page does not exist, or it is not yours."))
    return found


def _check(wanted: dict[str, Any], lines: dict[int, OrderItem]) -> None:
    errors: dict[str, Any] = {}
    if wanted["order_item_id"] not in lines:
        errors["line_id"] = _("Choose an item of this order.")
    if wanted["part"] not in EXTRA_PARTS:
        errors["part"] = _("Choose what it is for.")
    if not 0 < wanted["amount_minor"] <= MAX_MINOR:
        errors["amount_minor"] = _("Enter an amount above zero.")
    if len(wanted["note"]) > NOTE_MAX:
        errors["note"] = _("Keep the note to at most 255 characters.")
    if len(wanted["memo"]) > MEMO_MAX:
        errors["memo"] = _("Keep the memo to at most 500 characters.")
    if errors:
        raise Invalid(next(iter(errors.values())), errors)


def _raise_given(line: OrderItem, minor: int, percent: int) -> None:
    """Add to what is given for the line; the UPDATE is the guard, a refusal says what is still possible."""
    ceiling = ceiling_of(line, percent)
    if ceiling is None or not OrderItem.objects.filter(
        pk=line.pk, extra_refunded_minor__lte=ceiling - minor
    ).update(extra_ceiling_minor=ceiling, extra_refunded_minor=F("extra_refunded_minor") + minor):
        raise _not_possible(line, percent)


def _check_possible(line: OrderItem, minor: int, percent: int) -> None:
    """The same without writing."""
    possible = still_possible(line, percent)
    if possible is None or minor > possible:
        raise _not_possible(line, percent)


def _not_possible(line: OrderItem, percent: int) -> Invalid:
    possible = still_possible(line, percent)
    if possible is None:
        return Invalid(UNKNOWN_PAID, {"line_id": UNKNOWN_PAID})
    if not percent:
        return Invalid(SWITCHED_OFF, {"amount_minor": SWITCHED_OFF})
    sentence = _("At most %(amount)s can still be given for this item.") % {
        "amount": format_money(possible, line.currency, get_language() or "en")
    }
    return Invalid(sentence, {"amount_minor": sentence})
