"""Pages about messages: what a member wants to be told, the demo's mailbox, the preview of a closing."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp, csp_update
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import translation
from django.utils.http import urlencode
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from returns.actors import MemberRole
from returns.decorators import CaseRequest, memberships_of, seller_required
from returns.exceptions import NotFound
from returns.models import Seller, User
from returns.models.people import Language
from returns.services.decide import undo_seconds
from returns.views.offers import offer_as_typed
from returns.views.papers import AS_A_FILE
from returns.views.seller import closing_as_typed
from returns.views.writing import message_as_typed

from .audience import Audience
from .evidence import evidence_pack
from .letters import preview_of
from .mailbox import parse, part
from .models import MEMBER_KINDS, Kind, MailboxEntry
from .preferences import choose_kinds

MAILS_ON_A_PAGE = 50
_LINK = re.compile(r"https?://[^\s<>\"]+")

# Foreign to our pages: a mail has inline styles, and nothing in it may run, load or be sent.
IN_A_FRAME = {
    "default-src": [NONE],
    "style-src": [UNSAFE_INLINE],
    "img-src": ["data:"],
    "sandbox": True,
    "frame-ancestors": [SELF],
}

# When a member gets a kind of mail.
HINTS = {
    Kind.RETURN_OPENED: gettext_lazy("A buyer asks for a return, and it waits for your decision."),
    Kind.MESSAGE_RECEIVED: gettext_lazy("A buyer writes to you about a return."),
    Kind.OFFER_ANSWERED: gettext_lazy("A buyer accepts your offer or turns it down, or its time is over."),
    Kind.WITHDRAWAL_RECEIVED: gettext_lazy(
        "A buyer withdrew from the contract; the system has authorized the return."
    ),
    Kind.RETURN_CLOSED_BY_BUYER: gettext_lazy("The buyer has closed the own request, with the reason."),
    Kind.RETURN_KEPT: gettext_lazy("The buyer keeps an item whose return was prepaid."),
    Kind.REFUND_TO_PAY: gettext_lazy(
        "A rule or an accepted offer gives money, or the shop could not pay a refund."
    ),
    Kind.DEADLINE_NEAR: gettext_lazy("An answer or a refund is due soon, or overdue."),
    Kind.ESCALATED: gettext_lazy("A buyer asks the marketplace to step in, or nobody has answered in time."),
    Kind.ESCALATION_ANSWERED: gettext_lazy("What the marketplace decided after it was asked to step in."),
    Kind.RETURN_CLOSED: gettext_lazy("The marketplace has closed a request for you."),
    Kind.RETURN_REOPENED: gettext_lazy(
        "The marketplace has reopened a request of yours, or a buyer the own."
    ),
    Kind.IMPORT_FINISHED: gettext_lazy(
        "A colleague has read a file: how many requests wait, how many are overdue."
    ),
}

View = Callable[..., HttpResponseBase]


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as the mailbox's pages show it."""

    pk: int
    subject: str
    recipient: str
    sent_at: datetime
    sender: str = ""
    text: str = ""
    has_html: bool = False
    links: tuple[str, ...] = ()


def in_demo_only(view: View) -> View:
    """404 unless this is the embedded demo: mails hold what opens accounts."""

    @wraps(view)
    def wrapped(request: HttpRequest, **arguments: int) -> HttpResponseBase:
        if not (settings.DEMO and settings.MAILBOX):
            raise Http404
        return view(request, **arguments)

    return wrapped


@dataclass(frozen=True, slots=True)
class Choice:
    """One kind of mail: whether the member gets it, and whether it comes although it is turned off."""

    kind: Kind
    label: str
    hint: str
    is_on: bool
    is_left: bool


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a member is told of one seller; a viewer of nothing, without choices."""

    seller: Seller
    choices: list[Choice]


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def choices(request: HttpRequest) -> HttpResponse:
    """Which mails the signed-in person gets, for each seller that the person belongs to."""
    user = request.user
    assert isinstance(user, User)
    told = [one for one in memberships_of(request) if one.role != MemberRole.VIEWER]
    if request.method == "POST":
        seller = next((one.seller for one in told if one.seller.slug == request.POST.get("seller")), None)
        if seller is None:
            raise NotFound(_("This page does not exist, or it is not yours."))
        choose_kinds(user, seller, request.POST.getlist("kinds"))
        messages.success(request, _("Your e-mails about %(seller)s are chosen.") % {"seller": seller.name})
        return HttpResponseRedirect(f"{reverse('notifications')}#{seller.slug}", status=303)
    audience = Audience(one.seller_id for one in told)
    chosen = [
        Chosen(one.seller, _choices(audience, one.seller_id, user) if one in told else [])
        for one in memberships_of(request)
    ]
    return render(request, "account/notifications.html", {"chosen": chosen})


def _choices(audience: Audience, seller_id: int, user: User) -> list[Choice]:
    return [
        Choice(
            kind,
            str(kind.label),
            str(HINTS[kind]),
            is_on=not audience.is_turned_off(seller_id, user, kind),
            is_left=audience.is_left_with(seller_id, user, kind),
        )
        for kind in MEMBER_KINDS
    ]


@require_safe
@in_demo_only
def mailbox(request: HttpRequest) -> HttpResponse:
    """Every mail that left, newest first; `?before=` goes on where a page ended."""
    entries = MailboxEntry.objects.order_by("-pk").defer("content")
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) < 19:
        entries = entries.filter(pk__lt=int(before))
    shown = list(entries[: MAILS_ON_A_PAGE + 1])
    mails = [Mail(one.pk, one.subject, one.recipients, one.sent_at) for one in shown[:MAILS_ON_A_PAGE]]
    more_url = ""
    if len(shown) > MAILS_ON_A_PAGE:
        more_url = f"{reverse('mailbox')}?{urlencode({'before': mails[-1].pk})}"
    return render(request, "mailbox_list.html", {"mails": mails, "more_url": more_url})


@require_safe
@in_demo_only
@csp_update({"frame-src": [SELF]})  # type: ignore[arg-type]
def mailbox_message(request: HttpRequest, pk: int) -> HttpResponse:
    entry = get_object_or_404(MailboxEntry, pk=pk)
    parsed = parse(entry.content)
    text = part(parsed, "plain")
    mail = Mail(
        pk=entry.pk,
        subject=entry.subject,
        recipient=entry.recipients,
        sent_at=entry.sent_at,
        sender=str(parsed["From"] or ""),
        text=text,
        has_html=bool(part(parsed, "html")),
        links=tuple(dict.fromkeys(_LINK.findall(text))),
    )
    return render(request, "mailbox_message.html", {"mail": mail})


@require_safe
@in_demo_only
@xframe_options_sameorigin
@csp(IN_A_FRAME)  # type: ignore[arg-type]
def mailbox_html(request: HttpRequest, pk: int) -> HttpResponse:
    """One mail as its reader's program would show it, in a frame that can do nothing."""
    html = part(parse(get_object_or_404(MailboxEntry, pk=pk).content), "html")
    if not html:
        raise Http404
    return HttpResponse(html)


@seller_required
@require_POST
def closing_preview(request: CaseRequest, reference: str) -> HttpResponse:
    """The message beside the close form, as the form stands; a fragment for htmx."""
    form, planned = closing_as_typed(request, reference)
    preview = preview_of(planned, undo_seconds(request.actor))
    return render(request, "_closing_preview.html", {"preview": preview, "form": form})


@seller_required
@require_POST
def writing_preview(request: CaseRequest, reference: str) -> HttpResponse:
    """The message beside what is written to the buyer; a fragment for htmx."""
    form, planned = message_as_typed(request, reference)
    return render(request, "_closing_preview.html", {"preview": preview_of(planned), "form": form})


@seller_required
@require_POST
def offer_preview(request: CaseRequest, reference: str) -> HttpResponse:
    """The message beside the form of an offer, as the form stands; a fragment for htmx."""
    form, planned = offer_as_typed(request, reference)
    return render(request, "_closing_preview.html", {"preview": preview_of(planned), "form": form})


@csp(AS_A_FILE)
@seller_required
@never_cache
@require_safe
def evidence(request: CaseRequest, reference: str) -> FileResponse:
    """The evidence pack of one request, in the reader's language or in ``?language=``; ``?notes=on``: with the team's
    notes.
    """
    language = request.GET.get("language", "")
    if language not in Language.values:
        language = get_language() or Language.ENGLISH.value
    with translation.override(language):
        pack = evidence_pack(
            request.return_request, request.actor, with_notes=request.GET.get("notes") == "on"
        )
    number = re.sub(r"[^\w.-]+", "-", request.return_request.rma_number) or reference[:8]
    return FileResponse(
        pack,
        as_attachment=True,
        filename=f"evidence-{number}.zip",
        content_type="application/zip",
        headers={"X-Content-Type-Options": "nosniff"},
    )
