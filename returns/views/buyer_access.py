"""A buyer's way in: the door asks for a code, the code or the mail's link lets this browser in, once.

Whether a request or an order exists shows on none of these pages: for each reference, and for each order number
and e-mail address at *Find my order*, they answer the same.
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


class FindForm(ServiceForm):
    """What identifies an order; it proves nothing, so nothing is shown for it."""

    key = None  # type: ignore[assignment]
    next = None  # type: ignore[assignment]
    order_number = forms.CharField(
        label=gettext_lazy("Order number"),
        max_length=100,
        help_text=gettext_lazy("It stands in the confirmation of your order."),
        error_messages={
            "required": gettext_lazy("Type the order number; it stands in the confirmation of your order.")
        },
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )
    email = forms.CharField(
        label=gettext_lazy("E-mail address"),
        max_length=254,
        help_text=gettext_lazy("The one that you gave with the order."),
        error_messages={"required": gettext_lazy("Type one e-mail address, like name@example.com.")},
        widget=forms.TextInput(
            attrs={
                "autocomplete": "email",
                "inputmode": "email",
                "autocapitalize": "none",
                "spellcheck": "false",
            }
        ),
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def find(request: HttpRequest) -> HttpResponse:
    """*Find my order*: whatever is typed, what follows is the page to type the code."""
    form = FindForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        nonce = _nonce_of(request)
        form.carry_out(
            lambda: access.find_order(
                order_number=form.cleaned_data["order_number"],
                email=form.cleaned_data["email"],
                nonce=nonce,
                address=request.META["REMOTE_ADDR"],
            )
        )
        if not form.errors:
            return _wait_for_code(reverse("buyer-order-code"), nonce)
    return render(request, "buyer_find.html", {"form": form}, status=422 if form.errors else 200)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def order_code(request: HttpRequest) -> HttpResponse:
    """The tab where an order was asked for waits here for the code; its address says nothing of the order."""
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        nonce = read_buyer_cookie(request, NONCE_COOKIE)
        entry = form.carry_out(
            lambda: access.enter_with_order_code(code=form.cleaned_data["code"], nonce=nonce)
        )
        if entry:
            return _let_in(request, entry)
    return render(request, "buyer_order_code.html", {"form": form}, status=422 if form.errors else 200)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def send_order_code(request: HttpRequest, reference: str) -> HttpResponse:
    """POST asks for a code at an order's door, whether or not there is such an order."""
    if request.method != "POST":
        return _see(reverse("buyer-order", args=[reference]))
    nonce = _nonce_of(request)
    access.ask_for_code(reference=reference, nonce=nonce, address=request.META["REMOTE_ADDR"], is_order=True)
    return _wait_for_code(reverse("buyer-order-code"), nonce)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def send_code(request: HttpRequest, reference: str) -> HttpResponse:
    """POST asks for a code, whether or not there is such a request; what follows is the page to type it."""
    if request.method != "POST":
        return _see(reverse("buyer-return", args=[reference]))
    nonce = _nonce_of(request)
    access.ask_for_code(reference=reference, nonce=nonce, address=request.META["REMOTE_ADDR"])
    return _wait_for_code(reverse("buyer-code", args=[reference]), nonce)


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
        return _see(_page_of(row.order.reference, row.return_reference))
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
    response = _see(_page_of(entry.order_reference, entry.return_reference))
    set_buyer_cookie(response, SESSION_COOKIE, entry.key, access.SESSION_LONGEST)
    delete_buyer_cookie(response, LINK_COOKIE)
    if entry.language and settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
        set_language_cookie(response, entry.language)
    return response


def _page_of(order_reference: str, return_reference: str) -> str:
    """The page of the request or, where none was asked for, of the order."""
    if return_reference:
        return reverse("buyer-return", args=[return_reference])
    return reverse("buyer-order", args=[order_reference])


def _nonce_of(request: HttpRequest) -> str:
    """What this browser holds; kept where there is one: codes for two orders, asked for in two tabs, both work."""
    nonce = read_buyer_cookie(request, NONCE_COOKIE)
    return nonce if len(nonce) == NONCE_LENGTH else secrets.token_urlsafe(NONCE_BYTES)


def _wait_for_code(url: str, nonce: str) -> HttpResponse:
    response = _see(url)
    set_buyer_cookie(response, NONCE_COOKIE, nonce, NONCE_LASTS)
    return response


def _see(url: str) -> HttpResponse:
    return HttpResponseRedirect(url, status=303)
