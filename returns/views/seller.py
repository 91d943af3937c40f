"""The seller's pages: the list *Manage Seller Fulfilled Returns*, one request, and every decision on it.

A decision is a real page (GET form, POST, 303); with JavaScript the same form opens as a dialog over the list,
and the answer is the row drawn again.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.template.loader import get_template, render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from .. import history, services
from ..actors import Actor
from ..decorators import CaseRequest, MemberRequest, listed_memberships, memberships_of, seller_required
from ..forms import (
    COMPLETIONS,
    MINE,
    NOBODYS,
    AssignForm,
    CloseForm,
    CompleteForm,
    ConfirmForm,
    FilterForm,
    NoteForm,
    ReceiveForm,
    ReopenForm,
    ServiceForm,
)
from ..grounds import Ground
from ..kept import Kept
from ..middleware import next_page as _next
from ..models import ReturnEvent
from ..models.offers import is_of_credit
from ..policy import PolicyVerdict
from ..selectors import seller_pages
from ..selectors.cases import Case, get_case, load_cases
from ..selectors.comments import find_saved_comment, offer_saved_comments
from ..selectors.concessions import concessions_among, list_money
from ..selectors.conversation import conversation_of
from ..selectors.labels import label_of
from ..selectors.listed import PAGE
from ..selectors.lists import (
    Filters,
    Page,
    Queue,
    count_by_status,
    list_matching,
    list_returns,
    read_queue,
)
from ..selectors.offers import open_offer
from ..selectors.payouts import payouts_to_heed
from ..selectors.photos import list_photos, thumbnails_by
from ..selectors.seller_pages import Undrawn
from ..selectors.teamwork import beside, list_notes
from ..services.bulk import MOST
from ..services.comments import keep_comments
from ..services.decide import undo_seconds
from ..services.moves import check_move
from ..services.teamwork import begin_deciding
from ..state_machine import Action, Role, Status, refusal
from ..text import clean_text
from .saved_views import query_of, views_of
from .site import THEME_COOKIE

HELD_SHOWN = 20

_kept_filters: Kept[Filters] = Kept(500)
_kept_pages: Kept[str] = Kept(200)  # about 30 KB each
_kept_rows: Kept[str] = Kept(1000)  # about 4 KB each

# Stand in a kept page for what is put in each time; nobody can guess them.
_TOKEN, _ROWS = secrets.token_hex(16), secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Tab:
    label: str
    count: int
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Chip:
    label: str
    remove_url: str


@dataclass(frozen=True, slots=True)
class About:
    reference: str
    order_number: str
    rma_number: str
    titles: str
    buyer_name: str


@seller_required
@require_safe
def returns(request: MemberRequest) -> HttpResponse:
    """The list, by tab, filter and page: of the chosen store, or of all that the member belongs to.

    Making and drawing 50 rows costs many times what reading them does, and drawing the page around them as much as
    reading; and most of it looks as it did a moment ago. So both are kept under all that they are made of.
    """
    memberships = listed_memberships(request)
    actors = _readers(request)
    queue = read_queue(actors, [membership.seller for membership in memberships])
    reader = _reader(request, queue)
    form = cache(partial(_filter_form, request, queue))
    filters = _kept_filters.get(reader, lambda: form().filters(request.GET.get("cursor", "")))
    page = list_returns(queue, filters)
    # A bulk is decided for one seller.
    can_pick = (
        len(actors) == 1
        and actors[0].may_write
        and bool(page.rows)
        and filters.status in (Status.AUTHORIZATION_REQUIRED, "all")
    )
    matching = _matching(request, filters, page, queue.counts[filters.status]) if can_pick else 0

    def around() -> str:
        chips = _chips(form(), request.GET)
        context = {
            "tabs": _tabs(queue.counts, filters.status),
            "filter_form": form(),
            "chips": chips,
            "views": views_of(request.actor, request.GET, has_saved=queue.has_views),
            "here_query": query_of(request.GET),
            "clear_url": f"?status={filters.status}",
            "is_filtered": bool(chips) or bool(form().errors),
            "rows": _ROWS if page.rows else "",
            "may_write": request.actor.may_write,
            "can_pick": can_pick,
            "matching": matching,
            "here": request.get_full_path(),
            "held": [seller_pages.undo_for(event, queue.now) for event in page.held[:HELD_SHOWN]],
            "more_url": _url(request.GET, cursor=page.next_cursor) if page.next_cursor else "",
            "more_count": PAGE,
            "empty": "" if page.rows else _why_empty(queue.counts, bool(chips)),
            "all_stores": len(actors) > 1,
            "csrf_token": _TOKEN,
        }
        return render_to_string("seller_returns.html", context, request)

    # What only this person sees, and only now, is not kept.
    if page.held or queue.has_views or len(messages.get_messages(request)):
        html = around()
    else:
        seen = (*reader, *queue.counts.values(), can_pick, matching, page.next_cursor, bool(page.rows))
        html = _kept_pages.get(seen, around)
    rows = _drawn_rows(request, page, reader, queue.now, show_status=filters.status == "all")
    return HttpResponse(html.replace(_TOKEN, get_token(request)).replace(_ROWS, rows))


def _filter_form(request: HttpRequest, queue: Queue) -> FilterForm:
    form = FilterForm(
        request.GET,
        reasons=queue.stores[0].common.reasons.values(),
        team={user_id: name for store in queue.stores for user_id, name in store.common.team.items()},
        me=request.user.pk,
    )
    form.full_clean()
    return form


def _reader(request: MemberRequest, queue: Queue) -> tuple[Any, ...]:
    """Who looks at which address, and how: all that the page shows but for the requests and their numbers."""
    user = request.user
    return (
        request.get_full_path(),
        *(get_language(), timezone.get_current_timezone_name(), request.COOKIES.get(THEME_COOKIE)),
        *(user.pk, str(user), user.is_staff, request.actor.may_write),
        *(store.common for store in queue.stores),
        *((one.seller.slug, one.seller.name) for one in memberships_of(request)),
    )


def _drawn_rows(
    request: HttpRequest, page: Page, reader: tuple[Any, ...], now: datetime, *, show_status: bool
) -> str:
    """Each row of the page in its <li>.

    What time does to a row is words with minutes in them, so a row is kept for the minute that it was drawn in.
    """
    template = get_template("_returns_row.html")
    context = {
        "now": now,
        "here": request.get_full_path(),
        "show_status": show_status,
        "picks_page": request.GET.get("select") == "page",
    }
    minute = now.replace(second=0, microsecond=0)
    seen = (minute, *reader[:3])

    def draw(row: Undrawn) -> str:
        return template.render({**context, "row": row.row(), "csrf_token": get_token(request)})

    drawn = [
        draw(row) if row.key is None else _kept_rows.get((*row.key, *seen), partial(draw, row))
        for row in seller_pages.undrawn_rows(page)
    ]
    return "".join(f"<li>{row}</li>\n" for row in drawn)


@seller_required
@require_safe
def one_return(request: CaseRequest, reference: str) -> HttpResponse:
    """One request: items, verdict, clocks, actions, messages, timeline, notes."""
    return return_page(request, NoteForm())


def return_page(request: CaseRequest, note_form: NoteForm) -> HttpResponse:
    """The page of one request, with the form for a note as it stands."""
    actor: Actor = request.actor
    events = seller_pages.list_events(request.return_request)
    money = list_money(request.return_request)
    photos = list_photos(actor, request.return_request)
    (case,) = load_cases([request.return_request], events, money)
    team = case.common.team
    row = seller_pages.row_of(case, actor, case.common.closure_reasons, beside(case, actor, team))
    context = {
        "row": row,
        "now": case.now,
        "here": request.get_full_path(),
        "items": seller_pages.item_details(case, thumbnails_by("item", photos, actor, case.request)),
        "order": seller_pages.order_facts(case),
        "verdict_source": seller_pages.verdict_source(case),
        "todo": seller_pages.todo_of(case, events),
        "timeline": seller_pages.timeline_of(
            case, actor, events, thumbnails_by("event", photos, actor, case.request)
        ),
        "case": case,
        "given": concessions_among(money),
        "written": conversation_of(case, actor, events, photos),
        "rule": seller_pages.rule_of(case, events),
        "return_request": case.request,
        "label": label_of(case.request),
        "payouts": payouts_to_heed(money),
        "gave_credit": any(is_of_credit(event.facts) for event in events),
        "offer": open_offer(case, actor, events),
        "parcel": next(filter(None, map(history.parcel, events)), ""),
        "can_decide": actor.may_write,
        "is_ours": actor.role == Role.SELLER,
        "held": [row.undo] if row.undo else [],
        "notes": seller_pages.note_lines(case, actor, list_notes(actor, case.request)),
        "form": note_form,
        "assign_form": assign_form(case, actor, team),
    }
    return render(request, "seller_return.html", context, status=422 if note_form.errors else 200)


def assign_form(case: Case, actor: Actor, team: Mapping[int, str], **options: Any) -> AssignForm:
    return AssignForm(team=team, me=actor.user_id, now=case.request.assignee_id, **options)


@seller_required
@require_http_methods(["GET", "HEAD", "POST"])
def close(request: CaseRequest, reference: str) -> HttpResponse:
    actor: Actor = request.actor
    case = case_for(request, Action.CLOSE)
    choices = seller_pages.choices_of(case, case.common.closure_reasons)
    form = _close_form(request, case, choices)
    if is_sent(request, form):
        event = form.carry_out(
            lambda: services.close_return(
                actor, reference=reference, closing=form.closing(), key=form.cleaned_data["key"]
            )
        )
        if event:
            return decided(request, event, _save_comments(actor, form))
    elif "preview" in request.POST:
        form.overlook_missing()
    context = {
        "reasons": choices,
        "saved": offer_saved_comments(actor, form["reason"].value(), form.reader),
        "promise_currency": form.currency,
        "is_in_policy": case.request.policy == PolicyVerdict.IN_POLICY,
        "planned": _planned_closing(actor, form, reference),
        "undo_seconds": undo_seconds(actor),
        "decider": begin_deciding(actor, case),
    }
    return decision_page(request, "seller_close.html", case, form, context)


@seller_required
@require_http_methods(["GET", "HEAD", "POST"])
def receive(request: CaseRequest, reference: str) -> HttpResponse:
    actor: Actor = request.actor
    case = case_for(request, Action.RECEIVE)
    form = ReceiveForm(request.POST or None, case=case, initial=initial_of(request))
    if is_sent(request, form):
        event = form.carry_out(
            lambda: services.receive_return(
                actor, reference=reference, received=form.received(), key=form.cleaned_data["key"]
            )
        )
        if event:
            return done(request, _("Marked as received. The refund is due now."))
    lines = [
        {
            "title": item.order_item.title or item.order_item.sku,
            "sku": item.order_item.sku,
            "quantity": item.quantity,
            "units": form[f"units_{item.pk}"],
            "condition": form[f"condition_{item.pk}"],
        }
        for item in case.items
    ]
    context = {"lines": lines, "refund_days": case.rules.refund_days}
    return decision_page(request, "seller_receive.html", case, form, context)


@seller_required
@require_http_methods(["GET", "HEAD", "POST"])
def complete(request: CaseRequest, reference: str) -> HttpResponse:
    actor: Actor = request.actor
    case = case_of(request)
    form = CompleteForm(request.POST or None, case=case, initial=initial_of(request))
    if is_sent(request, form):
        event = form.carry_out(
            lambda: services.complete_return(
                actor, reference=reference, key=form.cleaned_data["key"], **form.completion()
            )
        )
        if event:
            return done(request, _("The request is completed and the buyer is told."))
    planned = None
    if form.is_bound and (form.is_valid() or "outcome" in form.cleaned_data):
        planned = form.carry_out(
            lambda: services.complete_return(actor, reference=reference, is_preview=True, **form.completion())
        )
    context = {"outcomes": _completions(case, actor), "planned": planned}
    return decision_page(request, "seller_complete.html", case, form, context)


@seller_required
@require_http_methods(["GET", "HEAD", "POST"])
def reopen(request: CaseRequest, reference: str) -> HttpResponse:
    actor: Actor = request.actor
    case = case_for(request, Action.REOPEN)
    form = ReopenForm(request.POST or None, initial=initial_of(request))
    if is_sent(request, form):
        event = form.carry_out(
            lambda: services.reopen_return(
                actor,
                reference=reference,
                comments=form.cleaned_data["comments"],
                key=form.cleaned_data["key"],
            )
        )
        if event:
            return done(request, _("The request is open again and the buyer is told."))
    comments = form.cleaned_data.get("comments", "") if form.is_bound and form.is_valid() else ""
    row = seller_pages.row_of(case, actor, [])
    context = {
        "ended": row.ended,
        "promise": row.promise,
        "planned": services.reopen_return(actor, reference=reference, comments=comments, is_preview=True),
    }
    return decision_page(request, "seller_reopen.html", case, form, context)


@seller_required
@require_http_methods(["GET", "HEAD", "POST"])
def undo(request: CaseRequest, reference: str) -> HttpResponse:
    actor: Actor = request.actor
    if request.method == "POST":
        services.undo_decision(actor, reference=reference, key=request.POST.get("key", "")[:64])
        if request.htmx:
            return row_again(request, reference, _("Undone. Nobody was told."))
        return done(
            request, _("Undone. Nobody was told."), otherwise=reverse("seller-return", args=[reference])
        )
    case = case_for(request, Action.UNDO)
    context = {
        "undo": seller_pages.undo_of(case, actor),
        "next": _next(request, reverse("seller-return", args=[reference])),
    }
    return decision_page(request, "seller_undo.html", case, ConfirmForm(), context)


def closing_as_typed(request: CaseRequest, reference: str) -> tuple[CloseForm, ReturnEvent | None]:
    """The close form as it stands in this POST, and its unsaved event, for the preview beside it."""
    case = case_of(request)
    begin_deciding(request.actor, case)
    choices = seller_pages.choices_of(case, case.common.closure_reasons)
    form = _close_form(request, case, choices)
    return form, _planned_closing(request.actor, form, reference)


def _close_form(request: MemberRequest, case: Case, choices: list[seller_pages.Choice]) -> CloseForm:
    return CloseForm(
        _with_saved_comments(request) or None,
        case=case,
        grounds={choice.code: choice.ground for choice in choices if choice.holds},
        may_save=request.actor.role == Role.SELLER,
        initial={"reason": request.GET.get("reason", ""), **initial_of(request)},
    )


def _with_saved_comments(request: MemberRequest) -> QueryDict:
    """What was sent; after *Use these comments* with the chosen text behind what was typed."""
    data: QueryDict = request.POST
    if data.get("preview") != "saved":
        return data
    comment = find_saved_comment(request.actor, data.get("saved", ""))
    typed = clean_text(data.get("comments", ""), keep_lines=True)
    if comment is not None and not typed.endswith(comment.text):
        data = data.copy()
        data["comments"] = f"{typed}\n\n{comment.text}".lstrip()
    return data


def _save_comments(actor: Actor, form: CloseForm) -> str:
    """Keep the comments of a closing if that was ticked; the sentence that says what came of it."""
    data = form.cleaned_data
    if not data.get("save_comments"):
        return ""
    kept = keep_comments(
        actor,
        name=data["save_as"],
        text=data["comments"],
        reason_code=data["reason"],
        language=form.reader,
    )
    if kept is None:
        return _("The request is closed, but its comments could not be saved for next time.")
    return _("The comments are saved as “%(name)s”.") % {"name": kept.name}


def _planned_closing(actor: Actor, form: CloseForm, reference: str) -> ReturnEvent | None:
    """The event that the form would write as it stands; None until a reason is picked."""
    reason = form["reason"].value()
    if not reason or reason not in form.grounds:
        return None
    if form.is_bound:
        form.is_valid()
    closing = form.closing() if form.is_bound else form.proposed()
    return services.preview_decision(actor, reference=reference, decision=closing, case=form.case)


def case_of(request: CaseRequest) -> Case:
    """The case of the request that the address names."""
    return load_cases([request.return_request])[0]


def case_for(request: CaseRequest, action: Action) -> Case:
    """The case; for a GET of a page whose action is not possible (any more), the refusal with its sentence."""
    case = case_of(request)
    if request.method != "POST":
        check_move(case, request.actor, action)
    return case


def is_sent(request: HttpRequest, form: ServiceForm) -> bool:
    """Was the form sent to act, not only to see the message again?"""
    return request.method == "POST" and "preview" not in request.POST and form.is_valid()


def initial_of(request: HttpRequest) -> dict[str, Any]:
    return {"next": _next(request)}


def decision_page(
    request: CaseRequest, template: str, case: Case, form: ServiceForm, context: dict[str, Any]
) -> HttpResponse:
    reference = case.request.reference
    back_url = _next(request, reverse("seller-return", args=[reference]))
    about = About(
        reference=reference,
        order_number=case.request.order.order_number,
        rma_number=case.request.rma_number,
        titles=seller_pages.titles_of(case),
        buyer_name=case.request.order.buyer.name,
    )
    status = 422 if form.is_bound and form.errors and "preview" not in request.POST else 200
    context = {
        "about": about,
        "form": form,
        "back_url": back_url,
        "return_request": case.request,
        "now": case.now,
        "may_write": request.actor.may_write,
        **context,
    }
    return render(request, template, context, status=status)


def decided(request: CaseRequest, event: ReturnEvent, saved: str = "") -> HttpResponse:
    """After an authorize or close: the row drawn again for htmx, else back with a word of confirmation.

    `saved`: the sentence about comments that were to be saved.
    """
    order_number = event.request.order.order_number
    if event.action == Action.CLOSE:
        sentence = _("Closed: order %(order)s.") % {"order": order_number}
    else:
        sentence = _("Authorized: order %(order)s.") % {"order": order_number}
    if request.htmx:
        return row_again(request, event.request.reference, f"{sentence} {saved}".rstrip())
    if saved:
        messages.info(request, saved)
    return done(request, "" if event.hold_until else sentence)


def done(request: CaseRequest, sentence: str, otherwise: str = "") -> HttpResponse:
    """303 to where the form says to go on, else to `otherwise`, else to the list."""
    if sentence:
        messages.success(request, sentence)
    # The list is a member's page: an admin stays with the request.
    reference = request.return_request.reference
    is_admin = request.actor.role == Role.ADMIN
    default = reverse("seller-return", args=[reference]) if is_admin else reverse("seller-returns")
    response = redirect(_next(request, otherwise or default))
    response.status_code = 303
    return response


def row_again(request: MemberRequest, reference: str, announce: str) -> HttpResponse:
    """The row as htmx puts it in place of the one before, with the tabs, and a word for who cannot see it."""
    actor: Actor = request.actor
    case = get_case(actor, reference)
    actors = _readers(request)
    around = beside(case, actor, case.common.team)
    if len(actors) > 1:
        around = replace(around, store=case.seller.name)
    here = _next(request, reverse("seller-returns"))
    status = QueryDict(here.partition("?")[2]).get("status") or Status.AUTHORIZATION_REQUIRED.value
    context = {
        "row": seller_pages.row_of(case, actor, case.common.closure_reasons, around),
        "now": case.now,
        "here": here,
        "tabs": _tabs(count_by_status(actors), status),
        "announce": announce,
    }
    return render(request, "_decided.html", context)


def _readers(request: HttpRequest) -> list[Actor]:
    """The reader of the list, acting for each store that it shows; an admin reads none."""
    return [Actor.seller(request.user, membership) for membership in listed_memberships(request)]


def _tabs(counts: dict[str, int], current: str) -> list[Tab]:
    labels: list[tuple[str, Any]] = [*Status.choices, ("all", _("All"))]
    return [
        Tab(str(label), counts[status], f"{reverse('seller-returns')}?status={status}", status == current)
        for status, label in labels
    ]


def _url(query: QueryDict, **changed: str) -> str:
    """The list's address with some values changed; an empty one is left out."""
    query = query.copy()
    query.pop("cursor", None)
    for name, value in changed.items():
        if value:
            query[name] = value
        else:
            query.pop(name, None)
    return f"?{query.urlencode()}"


def _chips(form: FilterForm, query: QueryDict) -> list[Chip]:
    """One chip for each filter in force; it takes its filter away."""
    words: dict[str, Callable[[Any], str]] = {
        "q": lambda value: _("Search: %(words)s") % {"words": value},
        "from": lambda value: _("Asked from %(day)s") % {"day": value},
        "to": lambda value: _("Asked until %(day)s") % {"day": value},
        "assignee": lambda value: (
            {MINE: _("Mine"), NOBODYS: _("Nobody's")}.get(value)
            or _("Assigned to %(name)s") % {"name": form.team[int(value)]}
        ),
        "overdue": lambda value: _("Overdue"),
        "soon": lambda value: _("Due within 4 h"),
        "escalated": lambda value: _("The marketplace was asked to step in"),
        "todo": lambda value: _("To do at the marketplace"),
        "owed": lambda value: _("Money still owed"),
    }
    chips = []
    ticks = ("overdue", "soon", "escalated", "todo", "owed")
    for name in ("q", "reason", "prepaid", "in_policy", "from", "to", "assignee", *ticks):
        value = form.cleaned_data.get(name)
        if value:
            choices = dict(getattr(form.fields[name], "choices", ()))
            label = words[name](value) if name in words else str(choices[value])
            chips.append(Chip(label, _url(query, **{name: ""})))
    return chips


def _matching(request: MemberRequest, filters: Filters, page: Page, in_tab: int) -> int:
    """How many requests all pages of the list have, up to what one bulk takes; 0 when this page is all of them.

    `in_tab`: how many the tab has.
    """
    if not page.next_cursor and not filters.cursor:
        return 0
    if not filters.is_narrow:
        return in_tab
    return len(list_matching(request.actor, filters, time_zone=request.seller.time_zone, most=MOST))


def _why_empty(counts: dict[str, int], is_filtered: bool) -> str:
    if is_filtered:
        return "nothing_matches"
    return "all_done" if counts["all"] else "nothing_yet"


def _completions(case: Case, actor: Actor) -> list[seller_pages.Choice]:
    """The ways to complete this request; what is not possible says why."""
    choices = []
    for outcome in COMPLETIONS:
        facts = case.facts(stated_never_arrived=True)
        transition, sentence = refusal(facts, Action.COMPLETE, actor.asking, outcome)
        choices.append(
            seller_pages.Choice(
                code=outcome.value,
                label=str(outcome.label),
                holds=transition is not None,
                sentence="" if transition else str(sentence),
                ground=Ground.NONE.value,
            )
        )
    return choices
