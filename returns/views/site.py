"""What every page has around it: the two doors, the header, the switches for language, theme and seller."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import TooManyFieldsSent
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from ..actors import MemberRole
from ..decorators import (
    ALL_STORES_KEY,
    SAFE_METHODS,
    SELLER_KEY,
    chosen_membership,
    may_choose_all,
    memberships_of,
    set_language_cookie,
)
from ..exceptions import Invalid, NotFound
from ..models.people import Language

THEMES = ("", "light", "dark")
THEME_COOKIE = f"{settings.COOKIE_PREFIX}theme"
DEMO_PASSWORD = "returns-demo"  # noqa: S105 - printed by ./run, and only there is it anybody's
DEMO_BUYER = "dora@demo.test"
ALL_STORES = "*"  # no seller's short name


@dataclass(frozen=True, slots=True)
class Item:
    """An entry of the header's menu; one without an address only opens its children."""

    label: str
    url: str
    is_current: bool
    children: list["Item"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SignIn:
    email: str
    who: str


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context of every page: what `templates/base.html` draws around it."""
    theme = request.COOKIES.get(THEME_COOKIE, "")
    context: dict[str, Any] = {
        "theme": theme if theme in THEMES else "",
        "here": here(request),
        "nav": [],
        "seller": None,
        "sellers": [],
        "may_choose_all": False,
        "account_name": "",
    }
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        membership = chosen_membership(request)
        context |= {
            "nav": _menu(request),
            "seller": getattr(request, "seller", None) or (membership and membership.seller),
            "sellers": [one.seller for one in memberships_of(request)],
            "may_choose_all": may_choose_all(request),
            "account_name": user.name or user.email,
        }
    elif settings.DEMO:
        context |= {"demo_sign_ins": _demo_sign_ins(), "demo_password": DEMO_PASSWORD}
    return context


def here(request: HttpRequest) -> str:
    """An address that shows this page again: its own, or where the form that it answers stood."""
    if request.method in SAFE_METHODS:
        return request.get_full_path()
    origin = urlsplit(request.headers.get("Referer", ""))
    if origin.netloc != request.get_host():
        return "/"
    return f"{origin.path}?{origin.query}" if origin.query else origin.path


def _menu(request: HttpRequest) -> list[Item]:
    def item(label: str, url: str) -> Item:
        return Item(label, url, request.path.startswith(url))

    menu = []
    if memberships_of(request):
        orders = [
            item(_("Orders"), reverse("seller-orders")),
            item(_("Manage Seller Fulfilled Returns"), reverse("seller-returns")),
            item(_("Refunds to be paid"), reverse("seller-payouts")),
            item(_("Import files"), reverse("seller-imports")),
            item(_("Export returns"), reverse("seller-exports")),
        ]
        overview = reverse("seller-overview")
        menu += [
            Item(_("Overview"), overview, request.path == overview),
            Item(_("Orders"), "", any(child.is_current for child in orders), orders),
            Item(
                _("Settings"),
                reverse("seller-settings"),
                request.path.startswith((reverse("seller-settings"), reverse("seller-rules"))),
            ),
            item(_("Help"), reverse("seller-help")),
        ]
    if request.user.is_staff:
        menu.append(item(_("Administration"), reverse("admin:index")))
    if settings.DEMO:
        menu.append(item(_("Mailbox"), reverse("mailbox")))
    return menu


def _demo_sign_ins() -> list[SignIn]:
    def member(role: MemberRole, seller: str) -> str:
        return _("%(role)s of %(seller)s") % {"role": role.label, "seller": seller}

    return [
        SignIn("alice@demo.test", member(MemberRole.OWNER, "North Lane")),
        SignIn("ben@demo.test", member(MemberRole.AGENT, "North Lane")),
        SignIn("vera@demo.test", member(MemberRole.VIEWER, "North Lane")),
        SignIn("carol@demo.test", member(MemberRole.OWNER, "South Pier")),
        SignIn("root@demo.test", _("Admin of the marketplace")),
    ]


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Two doors: members sign in; buyers find their order."""
    return render(request, "home.html", {"demo_buyer": DEMO_BUYER if settings.DEMO else ""})


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The page for what cannot even be read: too many boxes ticked in one form, or nothing a browser sends."""
    sentence = ""
    if isinstance(exception, TooManyFieldsSent):
        sentence = _("These are more than one form can send. Select fewer, or all that match your filters.")
    return render(request, "400.html", {"sentence": sentence}, status=400)


@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Keep the choice with the account, and in the browser."""
    language = request.POST.get("language", "")
    if language not in Language.values:
        raise Invalid(_("There is no such language here."))
    if request.user.is_authenticated:
        request.user.language = language
        request.user.save(update_fields=["language"])
    response = back(request)
    set_language_cookie(response, language)
    return response


@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Light, dark, or ("") as the system says."""
    theme = request.POST.get("theme", "")
    if theme not in THEMES:
        raise Invalid(_("There is no such theme."))
    response = back(request)
    if theme:
        response.set_cookie(
            THEME_COOKIE,
            theme,
            max_age=settings.LANGUAGE_COOKIE_AGE,
            secure=settings.LANGUAGE_COOKIE_SECURE,
            samesite="Lax",
        )
    else:
        response.delete_cookie(THEME_COOKIE, samesite="Lax")
    return response


@require_POST
def set_seller(request: HttpRequest) -> HttpResponse:
    """Choose the seller that lists, files and settings act for, or (`ALL_STORES`) the list of all of them."""
    slug = request.POST.get("slug", "")
    if slug == ALL_STORES and may_choose_all(request):
        request.session[ALL_STORES_KEY] = True
        return back(request, reverse("seller-returns"))
    if slug not in {membership.seller.slug for membership in memberships_of(request)}:
        raise NotFound(_("This page does not exist, or it is not yours."))
    request.session[SELLER_KEY] = slug
    request.session.pop(ALL_STORES_KEY, None)
    return back(request, reverse("seller-returns"))


def back(request: HttpRequest, otherwise: str = "/") -> HttpResponseRedirect:
    """303 to the form's `next` if it lies on this site, else to `otherwise`."""
    url = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return HttpResponseRedirect(url if is_ours and url.startswith("/") else otherwise, status=303)
