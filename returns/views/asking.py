"""Ask for a return: by the buyer, and by a member or an admin on the buyer's behalf, on the same pages.

Choose items, say why for each, check and send. What was entered is kept in a draft from step to step.
"""

from dataclasses import dataclass
from typing import Any

from csp.decorators import csp
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from ..actors import Actor
from ..asking_forms import ChooseForm, DescribeForm, SendForm
from ..decorators import (
    ActorRequest,
    BuyerRequest,
    MemberRequest,
    buyer_order_required,
    buyer_required,
    seller_order_required,
)
from ..exceptions import Forbidden, Invalid
from ..forms import ServiceForm
from ..models import Order, OrderItem, ReturnDraft
from ..models.people import Language
from ..selectors import buyer_pages
from ..selectors.asking import (
    answer_of,
    drafts_of,
    get_order,
    lines_of,
    list_asking_reasons,
    list_lines,
    photos_by_line,
)
from ..selectors.cases import NEVER_ARRIVED, get_case
from ..selectors.concessions import concessions_of_order
from ..selectors.photos import get_photo, photos_by_item, thumbnail
from ..services.asking import choose_items, describe_item, digest_of, preview_draft, send_draft
from .papers import AS_A_FILE
from .photos import photo_answer, takes_photos


@dataclass(frozen=True, slots=True)
class Side:
    """Whose frame the pages have: what they extend, and how their addresses' names begin."""

    name: str
    base: str

    def url(self, page: str, order: Order, *args: Any) -> str:
        return reverse(f"{self.name}-{page}", args=[order.reference, *args])


BUYER = Side("buyer", "base_buyer.html")
SELLER = Side("seller", "asking_for_buyer.html")


# --- The order


@buyer_order_required
@require_safe
def buyer_order(request: BuyerRequest, reference: str) -> HttpResponse:
    """What was bought, what can still be returned, and what was asked for."""
    order = get_order(request.actor, reference)
    lines = list_lines(order)
    context = {
        "order": order,
        "lines": lines,
        "given": concessions_of_order(order),
        "can_ask": any(line.free for line in lines),
        "has_draft": drafts_of(request.actor, order).exists(),
    }
    return _page(request, "buyer_order.html", order, BUYER, context)


# --- Choose items


@buyer_order_required
@require_http_methods(["GET", "HEAD", "POST"])
def buyer_choose(request: BuyerRequest, reference: str) -> HttpResponse:
    return _choose(request, reference, BUYER)


@seller_order_required
@require_http_methods(["GET", "HEAD", "POST"])
def seller_choose(request: MemberRequest, reference: str) -> HttpResponse:
    return _choose(request, reference, SELLER)


def _choose(request: ActorRequest, reference: str, side: Side) -> HttpResponse:
    actor, order = _asking(request, reference)
    form = _choose_form(actor, order, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        draft = form.carry_out(
            lambda: choose_items(actor, order_reference=reference, quantities=form.quantities())
        )
        if draft:
            return _see(_next_page(order, draft, side))
    return _page(request, "asking_choose.html", order, side, {"form": form})


def _choose_form(actor: Actor, order: Order, data: Any) -> ChooseForm:
    chosen = {line: said["quantity"] for line, said in lines_of(drafts_of(actor, order).first()).items()}
    return ChooseForm(data, lines=list_lines(order), chosen=chosen)


def _next_page(order: Order, draft: ReturnDraft, side: Side) -> str:
    """Where the first item is described that is not yet; once all are, where they are checked."""
    for line, said in sorted(lines_of(draft).items()):
        if not said["reason"]:
            return side.url("ask-item", order, line)
    return side.url("ask-check", order)


# --- Say why


@takes_photos
@buyer_order_required
@require_http_methods(["GET", "HEAD", "POST"])
def buyer_describe(request: BuyerRequest, reference: str, line: int) -> HttpResponse:
    return _describe(request, reference, line, BUYER)


@takes_photos
@seller_order_required
@require_http_methods(["GET", "HEAD", "POST"])
def seller_describe(request: MemberRequest, reference: str, line: int) -> HttpResponse:
    return _describe(request, reference, line, SELLER)


def _describe(request: ActorRequest, reference: str, line: int, side: Side) -> HttpResponse:
    actor, order = _asking(request, reference)
    draft = drafts_of(actor, order).first()
    said = lines_of(draft).get(line)
    item = OrderItem.objects.filter(order=order, pk=line).first()
    if draft is None or said is None or item is None:
        return _start_again(request, order, side)
    reasons = list_asking_reasons(actor)
    posted = (request.POST, request.FILES) if request.method == "POST" else ()
    form = DescribeForm(*posted, reasons=reasons, is_buyer=side is BUYER, initial=said)
    if request.method == "POST" and form.is_valid():
        stays = bool({"add", "remove"} & request.POST.keys())
        if _keep(form, request, item, is_finished=not stays):
            if stays:
                return _see(f"{request.path}#photos")
            if form.cleaned_data["reason"] == NEVER_ARRIVED:
                return _see(f"{reverse('buyer-order', args=[reference])}not-arrived/")
            return _see(_next_page(order, drafts_of(actor, order).get(), side))
    context = {
        "form": form,
        "item": item,
        "units": said["quantity"],
        "photos": [
            thumbnail(photo, side.url("ask-photo", order, photo.reference))
            for photo in photos_by_line(draft)[line]
        ],
        "back_url": side.url("ask", order),
    }
    return _page(request, "asking_describe.html", order, side, context)


def _keep(form: DescribeForm, request: ActorRequest, item: OrderItem, *, is_finished: bool) -> bool:
    def keep() -> bool:
        describe_item(
            request.actor,
            order_reference=item.order.reference,
            line=item,
            reason_code=form.cleaned_data["reason"],
            comment=form.cleaned_data["comment"],
            uploads=form.cleaned_data["photos"],
            removed_photo=request.POST.get("remove", ""),
            is_finished=is_finished,
        )
        return True

    return bool(form.carry_out(keep))


@csp(AS_A_FILE)
@buyer_order_required
@require_safe
def buyer_photo(request: BuyerRequest, reference: str, photo: str) -> HttpResponse:
    return photo_answer(request, get_photo(request.actor, photo, draft__order__reference=reference))


@csp(AS_A_FILE)
@seller_order_required
@never_cache
@require_safe
def seller_photo(request: MemberRequest, reference: str, photo: str) -> HttpResponse:
    return photo_answer(request, get_photo(request.actor, photo, draft__order__reference=reference))


# --- Check and send


@buyer_order_required
@require_http_methods(["GET", "HEAD", "POST"])
def buyer_check(request: BuyerRequest, reference: str) -> HttpResponse:
    return _check(request, reference, BUYER)


@seller_order_required
@require_http_methods(["GET", "HEAD", "POST"])
def seller_check(request: MemberRequest, reference: str) -> HttpResponse:
    return _check(request, reference, SELLER)


def _check(request: ActorRequest, reference: str, side: Side) -> HttpResponse:
    actor, order = _asking(request, reference)
    form = SendForm(request.POST) if request.method == "POST" else None
    if form is not None and form.is_valid():
        said = form.cleaned_data
        event = form.carry_out(
            lambda: send_draft(actor, order_reference=reference, key=said["key"], seen=said["seen"])
        )
        if event:
            if side is SELLER:
                messages.success(request, _("The return is asked for, and the buyer is told."))
                return _see(reverse("seller-return", args=[event.request.reference]))
            return _see(reverse("buyer-asked", args=[event.request.reference]))
    draft = drafts_of(actor, order).prefetch_related("photos").first()
    if draft is None:
        return _start_again(request, order, side)
    preview = preview_draft(order, draft)
    if isinstance(preview, Invalid):
        return _mend(request, order, side, draft, preview)
    photos = photos_by_line(draft)
    case = preview.case
    language = get_language() or Language.ENGLISH.value
    items = [
        {
            "title": item.order_item.title or item.order_item.sku,
            "quantity": item.quantity,
            "reason": case.reason_label(item.reason_code, language),
            "comment": item.comment,
            "photos": len(photos[item.order_item_id]),
            "change_url": side.url("ask-item", order, item.order_item_id),
        }
        for item in case.items
    ]
    context = {
        "form": form,
        "items": items,
        "answer": answer_of(case, by_rule=preview.by_rule),
        "key": draft.reference,
        "seen": digest_of(draft),
        "choose_url": side.url("ask", order),
    }
    return _page(request, "asking_check.html", order, side, context)


def _mend(
    request: ActorRequest, order: Order, side: Side, draft: ReturnDraft, invalid: Invalid
) -> HttpResponse:
    """The page on which that can be set right for which the draft cannot be sent, with what is wrong."""
    for name in invalid.errors:
        kind, _underscore, line = name.partition("_")
        if kind in ("reason", "comment"):
            messages.error(request, str(invalid.errors[name]))
            return _see(side.url("ask-item", order, line))
    data = {f"quantity_{line}": said["quantity"] for line, said in lines_of(draft).items()}
    form = _choose_form(request.actor, order, data)
    for name, sentence in invalid.errors.items():
        form.add_error(name if name in form.fields else None, str(sentence))
    return _page(request, "asking_choose.html", order, side, {"form": form})


@buyer_required
@require_safe
def buyer_asked(request: BuyerRequest, reference: str) -> HttpResponse:
    """The acknowledgement: what was asked for, and when."""
    case = get_case(request.actor, reference)
    photos = photos_by_item(request.actor, case.request)
    items = [
        {"words": words, "comment": item.comment, "photos": photos[item.pk]}
        for words, item in zip(buyer_pages.items_of(case), case.items, strict=True)
    ]
    context = {
        "items": items,
        "rma_number": case.request.rma_number,
        "asked_at": case.request.requested_at,
        "status": buyer_pages.status_words(case, request.actor),
        "return_url": reverse("buyer-return", args=[reference]),
    }
    return _page(request, "buyer_asked.html", case.request.order, BUYER, context)


# --- All of them


def _asking(request: ActorRequest, reference: str) -> tuple[Actor, Order]:
    """Who asks, and for which order; a viewer may not even begin."""
    actor: Actor = request.actor
    if not actor.may_write:
        raise Forbidden(_("You may look at everything here, but not decide. Ask an owner of the team."))
    return actor, get_order(actor, reference)


def _start_again(request: HttpRequest, order: Order, side: Side) -> HttpResponse:
    messages.warning(
        request, _("Please choose what you want to return. What you have sent is not sent again.")
    )
    return _see(side.url("ask", order))


def _see(url: str) -> HttpResponse:
    response = HttpResponseRedirect(url)
    response.status_code = 303
    return response


def _page(
    request: HttpRequest, template: str, order: Order, side: Side, context: dict[str, Any]
) -> HttpResponse:
    form: ServiceForm | None = context.get("form")
    context = {
        "base": side.base,
        "is_buyer": side is BUYER,
        "shop": order.seller.name,
        "order_number": order.order_number,
        "reference": order.reference,
        "return_page": f"{side.name}-return",
        "here": request.get_full_path(),
        **context,
    }
    return render(request, template, context, status=422 if form is not None and form.errors else 200)
