"""Who may open a page. A decorator sets `request.actor`; a view behind none has nobody to act for.

What a decorator promises its view is the class of the request that the view takes. At run time the request stays
Django's own, with these attributes set.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, Protocol, TypeVar, cast
from urllib.parse import urlencode

from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django_htmx.middleware import HtmxDetails

from .actors import Actor
from .exceptions import Forbidden, NotFound
from .models import (
    BulkRun,
    BuyerSession,
    MarketplaceSettings,
    Membership,
    Order,
    Payout,
    ReturnRequest,
    Seller,
    User,
)
from .selectors.cases import WITH_CASE
from .selectors.common import list_memberships
from .selectors.lists import STORES
from .services.access import find_session, keep_language

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
SELLER_KEY = "seller_slug"
ALL_STORES_KEY = "all_stores"
BUYER_PATH = "/my/"
SESSION_COOKIE = "buyer"
SECOND_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


# --- What a view may rely on


class ActorRequest(HttpRequest):
    """Behind any decorator of this module: `actor` is who asks. `htmx` is true where htmx fetches the page."""

    actor: Actor
    htmx: HtmxDetails


class MemberRequest(ActorRequest):
    """A seller's page: `actor` acts for `seller`, or is an admin who opened a page of this seller's."""

    seller: Seller


class CaseRequest(MemberRequest):
    """A seller's page of the request `reference`: that is `return_request`, read with what a case needs."""

    return_request: ReturnRequest


class BuyerRequest(ActorRequest):
    """A buyer's page: `actor` is the buyer of the order that the browser was let in to."""


class _Remembering(HttpRequest):
    """What is looked up once for each request, by whoever asks first."""

    memberships: list[Membership]
    buyer_session: BuyerSession | None


Asked_contra = TypeVar("Asked_contra", bound=ActorRequest, contravariant=True)
View = Callable[..., HttpResponseBase]


class PageView(Protocol[Asked_contra]):
    """A view of any page."""

    def __call__(self, request: Asked_contra, /, *args: Any, **kwargs: Any) -> HttpResponseBase: ...


class ReferenceView(Protocol[Asked_contra]):
    """A view of what `reference` in its address names."""

    def __call__(
        self, request: Asked_contra, reference: str, *args: Any, **kwargs: Any
    ) -> HttpResponseBase: ...


# --- Members and admins


def memberships_of(request: HttpRequest) -> list[Membership]:
    """The signed-in person's active memberships with their sellers, by name; read once for each request."""
    remembering = cast(_Remembering, request)
    if not hasattr(remembering, "memberships"):
        remembering.memberships = list_memberships(request.user) if request.user.is_authenticated else []
    return remembering.memberships


def chosen_membership(request: HttpRequest) -> Membership | None:
    """The membership at the seller chosen in the header; the first where none was chosen or it is gone."""
    memberships = memberships_of(request)
    slug = request.session.get(SELLER_KEY)
    chosen = [membership for membership in memberships if membership.seller.slug == slug]
    return next(iter(chosen or memberships), None)


def may_choose_all(request: HttpRequest) -> bool:
    """Whether the list can show the requests of several stores as one queue."""
    return 1 < len(memberships_of(request)) <= STORES


def listed_memberships(request: HttpRequest) -> list[Membership]:
    """The memberships whose stores the list shows: the chosen one or, by the member's choice, all.

    All else that a member does is done for one seller.
    """
    if request.session.get(ALL_STORES_KEY) and may_choose_all(request):
        return memberships_of(request)
    chosen = chosen_membership(request)
    return [chosen] if chosen else []


def seller_required(view: PageView[MemberRequest] | ReferenceView[CaseRequest]) -> View:
    """A seller's page: `request.actor` acts for `request.seller`.

    A request's page (`reference` in its address) acts for that request's seller, and has it with what a case
    needs as `request.return_request`; other pages act for the seller chosen in the header. Who is no member of
    it gets the 404 of a page that is not there; an admin may open a request's page, as admin. A viewer may look,
    not send anything. Somebody who was in a team and is in none now is signed out.
    """

    return _members_page(view, _seller_of_return)


def seller_order_required(view: ReferenceView[MemberRequest]) -> View:
    """A page of the order `reference`: the same as `seller_required` for a request's page."""
    return _members_page(view, _seller_of_order)


def seller_payout_required(view: ReferenceView[MemberRequest]) -> View:
    """A page of the pay-out `reference`: the same as `seller_required` for a request's page."""
    return _members_page(view, _seller_of_payout)


def _members_page(view: View, seller_of: Callable[[HttpRequest, str], Seller | None]) -> View:
    """The view for members of the seller that `seller_of` names for the reference, or of the chosen one."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if not (memberships_of(request) or request.user.is_staff):
            logout(request)
            messages.warning(request, _("You are in no team at present. Ask an owner to invite you."))
            return redirect("account_login")
        membership = chosen_membership(request)
        if "reference" in kwargs:
            seller = seller_of(request, kwargs["reference"])
            membership = next((one for one in memberships_of(request) if one.seller == seller), None)
            if membership is None and seller is not None and request.user.is_staff:
                return _as_admin(view, request, seller, *args, **kwargs)
        if membership is None:
            raise NotFound(_("This page does not exist, or it is not yours."))
        return view(_as_member(request, membership), *args, **kwargs)

    return wrapped


def bulk_required(view: Callable[[MemberRequest, BulkRun], HttpResponseBase]) -> View:
    """The page of a bulk run, which the view gets instead of its reference: for members of the run's seller."""

    @wraps(view)
    def wrapped(request: HttpRequest, bulk: str) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        run = BulkRun.objects.filter(reference=bulk).select_related("seller", "user").first()
        ours = [one for one in memberships_of(request) if run is not None and one.seller_id == run.seller_id]
        if run is None or not ours:
            raise NotFound(_("This page does not exist, or it is not yours."))
        return view(_as_member(request, ours[0]), run)

    return wrapped


def _acting(request: HttpRequest, actor: Actor, seller: Seller) -> MemberRequest:
    acting = cast(MemberRequest, request)
    acting.actor, acting.seller = actor, seller
    return acting


def _as_member(request: HttpRequest, membership: Membership) -> MemberRequest:
    """Let the request act as this member; a viewer may look, not send anything."""
    acting = _acting(request, Actor.seller(request.user, membership), membership.seller)
    if request.method not in SAFE_METHODS and not acting.actor.may_write:
        raise Forbidden(_("You may look at everything here, but not decide. Ask an owner of the team."))
    return acting


def second_factor_page(request: HttpRequest) -> str:
    """Where an admin must go first: to set up a second factor, or to show it in this session; else "".

    A session that was opened before its owner had a second factor has not shown it.
    """
    if settings.DEMO:
        return ""
    factors = Authenticator.objects.filter(user=request.user, type__in=SECOND_FACTORS)
    kinds = set(factors.values_list("type", flat=True))
    if not kinds:
        messages.warning(request, _("Admins need a second factor: please set one up first."))
        return reverse("mfa_index")
    if any(record["method"] == "mfa" for record in get_authentication_records(request, request.user)):
        return ""
    page = "mfa_reauthenticate" if Authenticator.Type.TOTP in kinds else "mfa_reauthenticate_webauthn"
    return f"{reverse(page)}?{urlencode({'next': request.get_full_path()})}"


@receiver(authenticator_added)
def has_shown_it(request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    """Who sets up a second factor proves in doing so to have it."""
    if authenticator.type in SECOND_FACTORS:
        record_authentication(request, user, "mfa", id=authenticator.pk, type=authenticator.type)


def _as_admin(
    view: View, request: HttpRequest, seller: Seller, *args: Any, **kwargs: Any
) -> HttpResponseBase:
    if page := second_factor_page(request):
        return redirect(page)
    return view(_acting(request, Actor.admin(request.user), seller), *args, **kwargs)


def _seller_of_return(request: HttpRequest, reference: str) -> Seller | None:
    """The request's seller; the request itself, with what a case needs, is read in the same go."""
    found = ReturnRequest.objects.for_actor(Actor.system()).filter(reference=reference)
    return_request = found.select_related(*WITH_CASE).first()
    if return_request is None:
        return None
    cast(CaseRequest, request).return_request = return_request
    return return_request.seller


def _seller_of_order(request: HttpRequest, reference: str) -> Seller | None:
    order = (
        Order.objects.for_actor(Actor.system()).filter(reference=reference).select_related("seller").first()
    )
    return order.seller if order is not None else None


def _seller_of_payout(request: HttpRequest, reference: str) -> Seller | None:
    found = Payout.objects.for_actor(Actor.system()).filter(reference=reference)
    payout = found.select_related("seller").first()
    return payout.seller if payout is not None else None


def set_language_cookie(response: HttpResponse, language: str) -> None:
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        samesite="Lax",
    )


# --- Buyers


def _cookie_name(name: str) -> str:
    # Not __Host-: these cookies belong to /my/ alone, and that prefix demands the path /.
    return f"__Secure-{name}" if settings.SESSION_COOKIE_SECURE else name


def read_buyer_cookie(request: HttpRequest, name: str) -> str:
    return request.COOKIES.get(_cookie_name(name), "")


def set_buyer_cookie(response: HttpResponse, name: str, value: str, lasts: timedelta) -> None:
    """Keep `value` in the browser, for pages below /my/ and out of reach of scripts and other sites."""
    response.set_cookie(
        _cookie_name(name),
        value,
        max_age=lasts,
        path=BUYER_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def delete_buyer_cookie(response: HttpResponse, name: str) -> None:
    response.delete_cookie(_cookie_name(name), path=BUYER_PATH, samesite="Lax")


def buyer_session_of(request: HttpRequest) -> BuyerSession | None:
    """The session of a buyer's browser, looked up once for each request; None without one or outside /my/."""
    remembering = cast(_Remembering, request)
    if not hasattr(remembering, "buyer_session"):
        key = read_buyer_cookie(request, SESSION_COOKIE)
        remembering.buyer_session = find_session(key) if key else None
    return remembering.buyer_session


def buyer_required(view: ReferenceView[BuyerRequest]) -> View:
    """A page of the request `reference`, for the browser that was let in to its order: `request.actor`.

    To everybody else it is a door that says nothing, the same for a request that exists and for one that does
    not. In a browser that was let in to another order the door answers 404, as a foreign page does, but can
    still be used: people have more than one order.
    """

    def is_of(session: BuyerSession, reference: str) -> bool:
        actor = Actor.buyer(session.order)
        return ReturnRequest.objects.for_actor(actor).filter(reference=reference).exists()

    return _buyers_page(view, is_of, is_order=False)


def buyer_order_required(view: ReferenceView[BuyerRequest]) -> View:
    """A page of the order `reference`, for the browser that was let in to it: `request.actor`.

    The same door as a request's (`buyer_required`) to everybody else.
    """

    def is_of(session: BuyerSession, reference: str) -> bool:
        return session.order.reference == reference

    return _buyers_page(view, is_of, is_order=True)


def _buyers_page(view: View, is_of: Callable[[BuyerSession, str], bool], *, is_order: bool) -> View:
    """The view for whose session `is_of` says that the reference is its own, and the door for all others."""

    @wraps(view)
    @never_cache
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        session, reference = buyer_session_of(request), kwargs["reference"]
        if session is not None and is_of(session, reference):
            asked = cast(BuyerRequest, request)
            asked.actor = Actor.buyer(session.order)
            keep_language(session, request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, ""))
            with timezone.override(MarketplaceSettings.load().time_zone):
                return view(asked, *args, **kwargs)
        if request.method not in SAFE_METHODS:
            if session is not None:
                raise NotFound(_("This page does not exist, or it is not yours."))
            page = "buyer-order" if is_order else "buyer-return"
            return HttpResponseRedirect(reverse(page, kwargs={"reference": reference}), status=303)
        context = {"reference": reference, "is_order": is_order}
        return render(request, "buyer_door.html", context, status=404 if session else 200)

    return wrapped
