"""Pages about messages: the demo's mailbox, and the preview of a closing."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp, csp_update
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST, require_safe

from returns.decorators import seller_required
from returns.services.decide import undo_seconds
from returns.views.seller import closing_as_typed

from .letters import preview_of
from .mailbox import parse, part
from .models import MailboxEntry

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
def closing_preview(request: HttpRequest, reference: str) -> HttpResponse:
    """The message beside the close form, as the form stands; a fragment for htmx."""
    form, planned = closing_as_typed(request, reference)
    preview = preview_of(planned, undo_seconds(request.actor))
    return render(request, "_closing_preview.html", {"preview": preview, "form": form})
