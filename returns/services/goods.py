"""What happens to the goods: the buyer keeps them or sends them, they arrive, or they never did."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from .. import policy
from ..actors import Actor
from ..exceptions import Invalid
from ..models import ReturnEvent
from ..models.requests import ItemCondition
from ..selectors.cases import Case
from ..state_machine import GIVES_UNITS_BACK, Action, Outcome, Role, Status
from ..text import clean_text
from .marketplace import is_todo
from .moves import Move, happened_at, make_move
from .words import clean_comments

CARRIER_MAX, NUMBER_MAX = 100, 40


def receive_return(
    actor: Actor, *, reference: str, received: Mapping[int, tuple[int, str]], key: str = ""
) -> ReturnEvent:
    """Note what came back; the refund is due then. `received`: by item id, units and an `ItemCondition`.

    Units that had been given back are held again as far as they are free.
    """

    def said(case: Case) -> dict[str, Any]:
        titles = {item.pk: item.order_item.title or item.order_item.sku for item in case.items}
        return {
            "received": [
                {"title": titles.get(item_id, ""), "units": units, "condition": condition}
                for item_id, (units, condition) in received.items()
                if units
            ]
        }

    def plan(case: Case) -> Move:
        _check_received(case, received)
        received_at = happened_at(case, actor)
        return Move(
            case=case,
            action=Action.RECEIVE,
            status=Status.REFUND_DUE,
            columns={
                "received_at": received_at,
                "handed_over_at": case.request.handed_over_at or received_at,
                "refund_due_at": policy.refund_due_at(received_at, case.rules),
                "completed_at": None,
                "escalated_at": None,
                "is_decided_here": True,
                "is_marketplace_todo": is_todo(case, Status.REFUND_DUE),
            },
            held=case.units_again(),
            received={
                item_id: (units, condition if units else "")
                for item_id, (units, condition) in received.items()
            },
            facts=said(case),
        )

    return make_move(actor, reference=reference, action=Action.RECEIVE, plan=plan, said=said, key=key)


def _check_received(case: Case, received: Mapping[int, tuple[int, str]]) -> None:
    errors: dict[str, Any] = {}
    quantities = {item.pk: item.quantity for item in case.items}
    for item_id, (units, condition) in received.items():
        if not 0 <= units <= quantities.get(item_id, -1):
            errors[f"units_{item_id}"] = _("Enter a number between 0 and the units asked for.")
        elif units and condition not in ItemCondition.values:
            errors[f"condition_{item_id}"] = _("Choose the condition in which it came back.")
    if not errors and not any(units for units, _condition in received.values()):
        errors[""] = _("Enter how many units came back; at least one.")
    if errors:
        raise Invalid(next(iter(errors.values())), errors)


def keep_item(actor: Actor, *, reference: str, key: str = "") -> ReturnEvent:
    """The buyer ends a prepaid-eligible return by keeping the item; the label is void."""

    def plan(case: Case) -> Move:
        return Move(
            case=case,
            action=Action.KEEP_ITEM,
            status=Status.COMPLETED,
            outcome=Outcome.BUYER_KEPT_ITEM,
            columns={
                "completed_at": happened_at(case, actor),
                "is_label_owed": False,
                "escalated_at": None,
                "is_decided_here": True,
                "is_marketplace_todo": is_todo(case, Status.COMPLETED),
            },
            held={item.pk: 0 for item in case.items},
        )

    return make_move(actor, reference=reference, action=Action.KEEP_ITEM, plan=plan, key=key)


def hand_over(
    actor: Actor, *, reference: str, carrier: str = "", tracking_number: str = "", key: str = ""
) -> ReturnEvent:
    """The parcel is with the carrier, as the buyer says or a scan. Reminders end, and so does *not returned*.

    The number is kept as typed, without what cannot be seen; at most `NUMBER_MAX` characters.
    """
    parcel = {"carrier": clean_text(carrier), "tracking_number": clean_text(tracking_number)}
    _check_lengths(parcel)

    def plan(case: Case) -> Move:
        return Move(
            case=case,
            action=Action.HAND_OVER,
            status=Status(case.request.status),
            columns={"handed_over_at": happened_at(case, actor)},
            facts={"parcel": parcel},
        )

    return make_move(
        actor,
        reference=reference,
        action=Action.HAND_OVER,
        plan=plan,
        said=lambda _case: {"parcel": parcel},
        key=key,
    )


def _check_lengths(parcel: Mapping[str, str]) -> None:
    errors = {
        name: _("Shorten this to %(most)d characters.") % {"most": most}
        for name, words in parcel.items()
        if len(words) > (most := CARRIER_MAX if name == "carrier" else NUMBER_MAX)
    }
    if errors:
        raise Invalid(next(iter(errors.values())), errors)


def complete_return(
    actor: Actor,
    *,
    reference: str,
    outcome: Outcome,
    comments: str = "",
    buyer_writes_never_arrived: bool = False,
    replacement: Mapping[str, str] | None = None,
    key: str = "",
    is_preview: bool = False,
) -> ReturnEvent:
    """Complete a request with `outcome`; the seller's side tells the buyer why, in 1 to 2,000 characters.

    `replacement`: what was sent instead, as "order_number", "carrier" and "tracking_number"; one of the numbers is
    needed, and each has at most `NUMBER_MAX` characters.
    """
    sent = {name: clean_text(words) for name, words in (replacement or {}).items()}
    _check_lengths(sent)
    facts: dict[str, Any] = (
        {"stated": {"buyer_writes_never_arrived": True}} if buyer_writes_never_arrived else {}
    )
    if outcome == Outcome.REPLACED:
        facts["replacement"] = sent

    def plan(case: Case) -> Move:
        return Move(
            case=case,
            action=Action.COMPLETE,
            status=Status.COMPLETED,
            outcome=outcome,
            columns={
                "completed_at": happened_at(case, actor),
                "escalated_at": None,
                "is_decided_here": True,
                "is_marketplace_todo": is_todo(case, Status.COMPLETED),
            },
            held={item.pk: 0 for item in case.items} if outcome in GIVES_UNITS_BACK else {},
            facts=facts,
        )

    return make_move(
        actor,
        reference=reference,
        action=Action.COMPLETE,
        plan=plan,
        text=clean_comments(comments, is_required=actor.role != Role.SYSTEM and not is_preview),
        key=key,
        is_preview=is_preview,
        outcome=outcome,
        stated_never_arrived=buyer_writes_never_arrived,
        has_replacement=is_preview or any(sent.get(name) for name in ("order_number", "tracking_number")),
        said=lambda _case: facts,
    )
