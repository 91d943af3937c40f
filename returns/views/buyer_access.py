"""A buyer's way in: the door asks for a code, the code or the mail's link lets this browser in, once.

Whether a request exists shows on none of these pages: for each reference they answer the same.
"""

import secrets
from datetime import timedelta

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ..decorators import (
    SESSION_COOKIE,
    delete_buyer_cookie,
    read_buyer_cookie,
    set_buyer_cookie,
    set_language_cookie,
)
from ..forms import ServiceForm
from ..services import access

NONCE_COOKIE = "buyer_nonce"
LINK_COOKIE = "buyer_link"
NONCE_BYTES, NONCE_LENGTH = 24, 32
NONCE_LASTS = timedelta(hours=1)
LINK_LASTS = timedelta(minutes=access.CODE_MINUTES)


class CodeForm(ServiceForm):
    """The code from the mail; it has no key of its own, the code itself works once."""

    key = None  # type: ignore[assignment]
    next = None  # type: ignore[assignment]
    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=20,
        help_text=gettext_lazy("8 letters and digits; capital or small makes no difference."),
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def send_code(request: HttpRequest, reference: str) -> HttpResponse:
    """POST asks for a code, whether or not there is such a request; what follows is the page to type it."""
    if request.method != "POST":
        return _see(reverse("buyer-return", args=[reference]))
    nonce = read_buyer_cookie(request, NONCE_COOKIE)
    if len(nonce) != NONCE_LENGTH:
        nonce = secrets.token_urlsafe(NONCE_BYTES)
    access.ask_for_code(reference=reference, nonce=nonce, address=request.META["REMOTE_ADDR"])
    response = _see(reverse("buyer-code", args=[reference]))
    # Kept where there is one: codes for two orders, asked for in two tabs, both work.
    set_buyer_cookie(response, NONCE_COOKIE, nonce, NONCE_LASTS)
    return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def code(request: HttpRequest, reference: str) -> HttpResponse:
    """The tab where the code was asked for waits here for it."""
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        entry = form.carry_out(
            lambda: access.enter_with_code(
                reference=reference,
                code=form.cleaned_data["code"],
                nonce=read_buyer_cookie(request, NONCE_COOKIE),
            )
        )
        if entry:
            return _let_in(request, entry)
    context = {"reference": reference, "form": form}
    return render(request, "buyer_code.html", context, status=422 if form.errors else 200)


@never_cache
@require_safe
def link(request: HttpRequest, token: str) -> HttpResponse:
    """The mail's link. Takes the token out of the address at once and uses nothing up."""
    response = _see(reverse("buyer-link-open"))
    set_buyer_cookie(response, LINK_COOKIE, token, LINK_LASTS)
    return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def link_open(request: HttpRequest) -> HttpResponse:
    """Where the mail's link leads. Its button, in the browser that asked, lets in.

    Another browser, and every program that follows links and presses buttons, is told to go back to the tab
    where the code was asked for: nothing here tells it more.
    """
    token, nonce = (read_buyer_cookie(request, name) for name in (LINK_COOKIE, NONCE_COOKIE))
    if request.method == "POST":
        return _let_in(request, access.enter_with_token(token=token, nonce=nonce))
    row = access.read_buyer_token(token)
    can_open = row is not None and access.is_of_browser(row, nonce)
    if row is not None and can_open and not access.is_live(row):
        messages.warning(request, _("This link was used or is too old. Ask for a new code."))
        return _see(reverse("buyer-return", args=[row.return_reference]))
    return render(
        request, "buyer_link.html", {"can_open": can_open, "action_url": reverse("buyer-link-open")}
    )


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    access.end_session(read_buyer_cookie(request, SESSION_COOKIE))
    messages.success(request, _("You are signed out."))
    response = _see(reverse("home"))
    delete_buyer_cookie(response, SESSION_COOKIE)
    return response


def _let_in(request: HttpRequest, entry: access.Entry) -> HttpResponse:
    """A browser is in one order at a time: what it was let in to before ends."""
    access.end_session(read_buyer_cookie(request, SESSION_COOKIE))
    response = _see(reverse("buyer-return", args=[entry.return_reference]))
    set_buyer_cookie(response, SESSION_COOKIE, entry.key, access.SESSION_LONGEST)
    delete_buyer_cookie(response, LINK_COOKIE)
    if entry.language and settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
        set_language_cookie(response, entry.language)
    return response


def _see(url: str) -> HttpResponse:
    return HttpResponseRedirect(url, status=303)
