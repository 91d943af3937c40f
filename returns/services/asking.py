"""A request that is being filled in: kept from page to page, shown with its answer, and sent.

Nothing is held for a draft. Whether its units are still there is asked again under the lock, when it is sent.
A draft's lock is taken before all others.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..exceptions import Forbidden, Invalid
from ..models import Order, OrderItem, Photo, ReturnDraft, ReturnEvent
from ..models.clock import database_now
from ..selectors.asking import drafts_of, get_order, lines_of, list_asking_reasons
from ..selectors.cases import Case
from ..selectors.common import common_of
from ..state_machine import Action
from .moves import units_left
from .open import AskedLine, check_lines, judge_lines, open_return
from .photos import add_photos, hand_over_photos, remove_photo, remove_photos
from .rules import preview_rule
from .words import clean_comments

KEEP_DRAFTS = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Preview:
    """What sending a draft now would come to: the case, not saved, and what a rule does with it at once (see
    `preview_rule`).
    """

    case: Case
    by_rule: str


def choose_items(actor: Actor, *, order_reference: str, quantities: Mapping[int, int]) -> ReturnDraft:
    """Keep which units of which order lines shall be returned; what was said of a line that stays is kept.

    `quantities`: units by the order line's id, zero for none. More than is free is refused, field by field.
    """
    order = _order_to_ask(actor, order_reference)
    lines = {line.pk: line for line in order.items.all()}
    wanted = {line: quantity for line, quantity in quantities.items() if quantity}
    errors: dict[str, Any] = {}
    for pk, quantity in wanted.items():
        if pk not in lines:
            errors[""] = _("This item does not belong to the order. Open the page again.")
        elif not 1 <= quantity <= lines[pk].free:
            errors[f"quantity_{pk}"] = units_left(lines[pk].free, lines[pk].quantity)
    if not wanted:
        errors[""] = _("Choose at least one item.")
    if errors:
        raise Invalid(next(iter(errors.values())), errors)

    def choose(said: dict[str, Any]) -> dict[str, Any]:
        return {
            str(pk): {"reason": "", "comment": "", **said.get(str(pk), {}), "quantity": quantity}
            for pk, quantity in wanted.items()
        }

    with transaction.atomic():
        drafts_of(actor, order).get_or_create(defaults={"order": order, "user_id": actor.user_id})
        draft = _change(actor, order, choose)
        assert draft is not None
        remove_photos(draft.photos.exclude(order_item_id__in=wanted))
    return draft


def describe_item(
    actor: Actor,
    *,
    order_reference: str,
    line: OrderItem,
    reason_code: str,
    comment: str,
    uploads: Sequence[Any] = (),
    removed_photo: str = "",
    is_finished: bool = True,
) -> None:
    """Keep why a chosen line is returned, and its photos. Raises `Invalid` for what is missing or wrong.

    What is right is kept even where something else is refused: nothing that was entered has to be entered
    again. `is_finished`: the page is left, so that nothing may be missing.
    """
    order = _order_to_ask(actor, order_reference)
    errors: dict[str, Any] = {}
    reasons = {reason.code: reason for reason in list_asking_reasons(actor)}
    reason = reasons.get(reason_code)
    said = {"reason": reason.code} if reason else {}
    try:
        said["comment"] = clean_comments(comment)
    except Invalid as invalid:
        errors["comment"] = invalid.sentence
    if is_finished and reason is None:
        errors["reason"] = _("Choose a reason from the list.")
    elif is_finished and reason is not None and reason.is_comment_required and not said.get("comment", "-"):
        errors["comment"] = _("This reason needs a comment: say in a few words why.")

    def describe(lines: dict[str, Any]) -> dict[str, Any]:
        name = str(line.pk)
        return lines | ({name: lines[name] | said} if name in lines else {})

    with transaction.atomic():
        draft = _change(actor, order, describe)
    if draft is None or line.pk not in lines_of(draft):
        raise Invalid(_("This item is not chosen any more. Please choose again."))
    if removed_photo:
        remove_photo(actor, reference=removed_photo)
    if uploads:
        try:
            add_photos(draft, line, uploads)
        except Invalid as invalid:
            errors["photos"] = invalid.sentence
    if errors:
        raise Invalid(next(iter(errors.values())), errors)


def preview_draft(order: Order, draft: ReturnDraft) -> Preview | Invalid:
    """What sending `draft` now would come to, judged as sending judges it, or why it cannot be sent."""
    lines = {line.pk: line for line in order.items.order_by("pk")}
    try:
        asked = check_lines(_asked(draft), lines)
    except Invalid as invalid:
        return invalid
    commons, now = common_of([order.seller])
    common = commons[order.seller_id]
    judged = judge_lines(common.settings, order, asked, lines, now)
    for item in judged.items:
        item.pk = item.order_item_id  # by which a case tells its items apart
    case = Case(
        request=judged.request,
        rules=judged.rules,
        common=common,
        now=now,
        items=judged.items,
    )
    return Preview(case, preview_rule(case))


def send_draft(actor: Actor, *, order_reference: str, key: str, seen: str) -> ReturnEvent:
    """Open the request that the draft describes, and forget the draft, in one transaction.

    `key` is the draft's reference, by which a form that comes twice opens one request; `seen` is `digest_of`
    the draft as it was shown. The draft stays where the request is refused.
    """
    with transaction.atomic():
        order = _order_to_ask(actor, order_reference)
        draft = drafts_of(actor, order).select_for_update().first()
        if draft is None or draft.reference != key:
            sent = ReturnEvent.objects.filter(request__order=order, action=Action.OPEN, idempotency_key=key)
            if done := sent.select_related("request").first():
                return done
            raise Invalid(_("This form is not there any more. Please choose again."))
        if digest_of(draft) != seen:
            raise Invalid(_("You changed this on another page meanwhile. Please check it once more."))
        event = open_return(actor, order_reference=order_reference, lines=_asked(draft), key=key)
        hand_over_photos(draft, event.request.items.all())
        remove_photos(draft.photos.all())
        draft.delete()
    return event


def digest_of(draft: ReturnDraft) -> str:
    """What stands for all that a draft says and shows; it changes with any of it."""
    photos = sorted(photo.reference for photo in draft.photos.all())
    return hashlib.sha256(json.dumps([draft.data, photos], sort_keys=True).encode()).hexdigest()


def clear_drafts() -> int:
    """Forget drafts that nobody touched for 14 days, with their photos. Answers how many."""
    old = ReturnDraft.objects.filter(updated_at__lt=database_now() - KEEP_DRAFTS)
    with transaction.atomic():
        ids = list(old.select_for_update().values_list("pk", flat=True)[:500])
        remove_photos(Photo.objects.filter(draft_id__in=ids))
        ReturnDraft.objects.filter(pk__in=ids).delete()
    return len(ids)


def _order_to_ask(actor: Actor, reference: str) -> Order:
    if not actor.may_write:
        raise Forbidden(_("You may look at everything here, but not decide. Ask an owner of the team."))
    return get_order(actor, reference)


def _change(
    actor: Actor, order: Order, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> ReturnDraft | None:
    """The actor's draft, whose lines are changed under its lock: two pages may be sent at once."""
    draft: ReturnDraft | None = drafts_of(actor, order).select_for_update().first()
    if draft is not None:
        draft.data = {"lines": change(draft.data.get("lines", {}))}
        draft.updated_at = database_now()
        draft.save(update_fields=["data", "updated_at"])
    return draft


def _asked(draft: ReturnDraft) -> list[AskedLine]:
    return [
        AskedLine(
            order_item_id=line, quantity=said["quantity"], reason_code=said["reason"], comment=said["comment"]
        )
        for line, said in sorted(lines_of(draft).items())
    ]
