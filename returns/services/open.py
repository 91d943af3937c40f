"""Asking for a return: units are held, the verdict is made once, and a rule may decide at once."""

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from .. import policy
from ..actors import Actor
from ..exceptions import Forbidden, Invalid, NotFound
from ..judged import judged_json
from ..models import (
    MarketplaceSettings,
    Order,
    OrderItem,
    ReturnEvent,
    ReturnItem,
    ReturnReason,
    ReturnRequest,
)
from ..models.clock import database_now
from ..models.requests import Source
from ..policy import (
    ItemFacts,
    PolicyVerdict,
    Reason,
    Rules,
    Verdict,
    VerdictSource,
    judge_item,
    judge_request,
)
from ..selectors.cases import WITH_CASE, load_cases
from ..selectors.withdrawing import item_facts
from ..state_machine import Action, Status, resolve_first
from ..text import clean_text
from .moves import Move, count, key_reused, search_text, take_units, units_left, write_moves
from .rules import go_on_by_rule
from .words import clean_comments

_RMA_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


Asked = tuple[int, str, str]  # the order line's id, the reason's code, the comment


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedLine:
    """Units of one order line the buyer wants to send back, and why."""

    order_item_id: int
    quantity: int
    reason_code: str
    comment: str = ""


def open_return(
    actor: Actor, *, order_reference: str, lines: Sequence[AskedLine], key: str = ""
) -> ReturnEvent:
    """Ask for a return of `lines` of one order, by the buyer or on the buyer's behalf. Answers the event.

    Units are held under the order lines' locks: never more than were bought, however many ask at once. The
    verdict is made here, once, and stored. A seller's rule may authorize in the same transaction.
    """
    if not actor.may_write:
        raise Forbidden(_("You may look at everything here, but not decide. Ask an owner of the team."))
    resolve_first(Action.OPEN, actor.asking)
    with transaction.atomic():
        order = (
            Order.objects.for_actor(actor).filter(reference=order_reference).select_related("seller").first()
        )
        if order is None:
            raise NotFound(_("This page does not exist, or it is not yours."))
        locked = {
            line.pk: line for line in OrderItem.objects.filter(order=order).select_for_update().order_by("pk")
        }
        done = opened_before(order, key, lines)
        if done is not None:
            return done
        asked = check_lines(lines, locked)
        requested_at = actor.occurred_at or database_now()
        event = open_judged(
            actor, judge_lines(MarketplaceSettings.load(), order, asked, locked, requested_at), key=key
        )
        go_on_by_rule(actor, event.request)
        return event


def open_judged(
    actor: Actor,
    judged: "Judged",
    *,
    key: str,
    told_at: datetime | None = None,
    facts: dict[str, Any] | None = None,
) -> ReturnEvent:
    """Write the request that asking came to; its order lines must be locked by this transaction.

    `told_at`: when it was told here, where that is not when it was asked for; `facts`: what the event also says.
    """
    request, items = judged.request, judged.items
    take_units(Counter({item.order_item_id: item.quantity for item in items}))
    request.rma_number = new_rma_number()
    request.save(force_insert=True)
    ReturnItem.objects.bulk_create(items)
    count(Counter({(request.seller_id, request.status): 1}))
    case = load_cases([ReturnRequest.objects.select_related(*WITH_CASE).get(pk=request.pk)])[0]
    case.now = told_at or request.requested_at
    move = Move(
        case=case, action=Action.OPEN, status=Status.AUTHORIZATION_REQUIRED, facts=facts or {}, key=key
    )
    return write_moves(actor, [move])[0]


@dataclass(frozen=True, slots=True)
class Judged:
    """What asking at one moment comes to: the request and its items, unsaved, what was known of each, and the rules
    they rest on.
    """

    request: ReturnRequest
    items: list[ReturnItem]
    facts: list[ItemFacts]
    rules: Rules


def judge_lines(
    marketplace: MarketplaceSettings,
    order: Order,
    asked: Sequence[AskedLine],
    lines: Mapping[int, OrderItem],
    requested_at: datetime,
) -> Judged:
    """The verdict on `asked`, checked lines of `order`, made for the moment `requested_at`; writes nothing.

    What is shown before a request is sent is made by it, as is what is stored once it is.
    """
    rules = marketplace.rules_for(order.seller, order.ordered_at)
    facts = [item_facts(order, lines[line.order_item_id], requested_at) for line in asked]
    verdicts = [judge_item(known, rules) for known in facts]
    verdict = judge_request(verdicts)
    request = ReturnRequest(
        seller=order.seller,
        order=order,
        source=Source.PORTAL,
        status=Status.AUTHORIZATION_REQUIRED,
        requested_at=requested_at,
        answer_due_at=policy.answer_due_at(requested_at, has_time=True, rules=rules),
        step_in_at=policy.step_in_at(requested_at, has_time=True, is_imported=False, rules=rules),
        search_text=search_text(order, [lines[line.order_item_id] for line in asked]),
        **verdict_columns(verdict),
        window_end_date=verdict.window_end_date,
    )
    items = [
        ReturnItem(
            request=request,
            order_item=lines[line.order_item_id],
            quantity=line.quantity,
            units_held=line.quantity,
            reason_code=line.reason_code,
            comment=line.comment,
            **judged_columns(verdict_columns(item_verdict), known, rules),
        )
        for line, item_verdict, known in zip(asked, verdicts, facts, strict=True)
    ]
    return Judged(request, items, facts, rules)


def verdict_columns(verdict: Verdict) -> dict[str, Any]:
    """The columns in which a request or an item keeps its verdict."""
    return {
        "policy": verdict.policy.value,
        "prepaid_eligible": verdict.prepaid_eligible,
        "verdict": verdict.as_json(),
    }


def verdict_of(item: ReturnItem) -> Verdict:
    """The item's verdict from what was stored of it."""
    stored = item.verdict
    end = stored.get("window_end_date")
    reason = stored.get("prepaid_reason")
    return Verdict(
        policy=PolicyVerdict(item.policy),
        source=VerdictSource(stored.get("source", VerdictSource.RULES)),
        reasons=tuple(Reason(**found) for found in stored.get("reasons", [])),
        window_end_date=date.fromisoformat(end) if end else None,
        window_is_estimate=stored.get("window_is_estimate", False),
        prepaid_eligible=item.prepaid_eligible,
        prepaid_reason=Reason(**reason) if reason else None,
        rules_version=stored.get("rules_version", 1),
    )


def judged_columns(columns: dict[str, Any], facts: ItemFacts, rules: Rules) -> dict[str, Any]:
    """The same columns of an item, its verdict kept with what it was made of."""
    return {**columns, "verdict": judged_json(columns["verdict"], facts, rules)}


def new_rma_number() -> str:
    """A number for people: R, then two groups of four letters and digits that are not easily confused."""
    letters = [secrets.choice(_RMA_LETTERS) for _place in range(8)]
    return f"R{''.join(letters[:4])}-{''.join(letters[4:])}"


def opened_before(order: Order, key: str, lines: Sequence[AskedLine]) -> ReturnEvent | None:
    """The event this form already made for the order, or None; a form is used once per order."""
    if not key:
        return None
    event = ReturnEvent.objects.filter(request__order=order, action=Action.OPEN, idempotency_key=key).first()
    if event is None:
        return None
    again: Counter[Asked] = Counter()
    for line in lines:
        comment = clean_text(line.comment, keep_lines=True)
        again[line.order_item_id, line.reason_code, comment] += line.quantity
    if _asked_with(event.request) != again:
        raise key_reused()
    return event


def _asked_with(request: ReturnRequest) -> "Counter[Asked]":
    """The units that the form which opened `request` asked for: some may be requests of their own since."""
    parts, asked = [request.reference], Counter[Asked]()
    for reference in parts:
        splits = ReturnEvent.objects.filter(request__reference=reference, action=Action.SPLIT)
        made = (facts.get("split_into") for facts in splits.values_list("facts", flat=True))
        parts += [other["reference"] for other in made if other]
    for item in ReturnItem.objects.filter(request__reference__in=parts):
        asked[item.order_item_id, item.reason_code, item.comment] += item.quantity
    return asked


def check_lines(
    lines: Sequence[AskedLine], locked: Mapping[int, OrderItem], *, with_reasons: bool = True
) -> list[AskedLine]:
    """The lines as they are kept; refuses, field by field, what cannot be asked of these lines of the order.

    Without reasons only the lines and their units are checked.
    """
    errors: dict[str, Any] = {}
    reasons = {reason.code: reason for reason in ReturnReason.objects.filter(is_active=True)}
    checked: list[AskedLine] = []
    seen: set[int] = set()
    for line in lines:
        owned = locked.get(line.order_item_id)
        if owned is None or line.order_item_id in seen:
            errors[""] = _("This item does not belong to the order. Open the page again.")
            continue
        seen.add(owned.pk)
        if line.quantity < 1 or line.quantity > owned.free:
            errors[f"quantity_{owned.pk}"] = units_left(owned.free, owned.quantity)
        if not with_reasons:
            checked.append(line)
            continue
        reason = reasons.get(line.reason_code)
        if reason is None:
            errors[f"reason_{owned.pk}"] = _("Choose a reason from the list.")
            continue
        try:
            comment = clean_comments(line.comment)
        except Invalid as invalid:
            errors[f"comment_{owned.pk}"] = invalid.sentence
            continue
        if reason.is_comment_required and not comment:
            errors[f"comment_{owned.pk}"] = _("This reason needs a comment: say in a few words why.")
        checked.append(
            AskedLine(
                order_item_id=owned.pk, quantity=line.quantity, reason_code=line.reason_code, comment=comment
            )
        )
    if not lines:
        errors[""] = _("Choose at least one item.")
    if errors:
        raise Invalid(next(iter(errors.values())), errors)
    return checked
