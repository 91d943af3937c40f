"""What holds for every page: how long a session lasts, which language and zone it speaks, how it refuses."""

import time
from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth import logout
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from .actors import Actor
from .exceptions import Refusal, SomebodyElseWasFirst, TooMany
from .models import MarketplaceSettings, Seller
from .state_machine import Role

GetResponse = Callable[[HttpRequest], HttpResponse]

SELLERS_IDLE_SECONDS = 12 * 60 * 60
ADMINS_IDLE_SECONDS = 30 * 60
SEEN_KEY = "seen_at"


class IdleMiddleware:
    """End the session of a member who was away for 12 hours, of an admin who was away for 30 minutes.

    When somebody was last seen is written into the session at most once a minute: a page that only shows
    something is no reason to write with every request.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if user.is_authenticated:
            now = int(time.time())
            seen = request.session.get(SEEN_KEY, now)
            if now - seen >= (ADMINS_IDLE_SECONDS if user.is_staff else SELLERS_IDLE_SECONDS):
                logout(request)
            elif now - seen >= 60 or SEEN_KEY not in request.session:
                request.session[SEEN_KEY] = now
        return self.get_response(request)


class LanguageMiddleware:
    """Speak the signed-in person's language and zone; to others what the cookie or the browser says, in UTC.

    Buyers' pages show the marketplace's zone (`decorators.buyer_required`).
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if user.is_authenticated:
            language, zone = user.language, user.time_zone
        else:
            language, zone = (
                translation.get_language_from_request(request),
                timezone.get_default_timezone_name(),
            )
        with translation.override(language), timezone.override(zone):
            request.LANGUAGE_CODE = language
            response = self.get_response(request)
            response.headers.setdefault("Content-Language", translation.get_language() or language)
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
        return response


class RefusalMiddleware:
    """Answer a refusal of the domain with its status and its sentence: 403, 404, 409, 422 or 429.

    The page is whole for htmx, too, which picks `#decision` from it. It holds the words that were written into the
    refused form, so that they are not lost, and leads back to what was refused on. A buyer stays in the frame and
    the zone of a buyer's pages, which the view's decorator has left by now.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)):
            return _too_much(request)
        if not isinstance(exception, Refusal):
            return None
        status = exception.status_code
        actor: Actor | None = getattr(request, "actor", None)
        context = {
            "sentence": exception.sentence,
            "was_first": isinstance(exception, SomebodyElseWasFirst),
            "was_own": isinstance(exception, SomebodyElseWasFirst) and exception.is_own,
            "back_url": next_page(request, _page_of_address(request) if actor else ""),
            "typed": request.POST.get("comments", "").strip(),
        }
        zone = timezone.get_current_timezone_name()
        if actor and actor.role == Role.BUYER:
            seller = Seller.objects.get(pk=actor.own_seller_id)
            context |= {"frame": "base_buyer.html", "shop": seller.name}
            zone = MarketplaceSettings.load().time_zone
        with timezone.override(zone):
            response = render(request, f"{status}.html", context, status=status)
        if isinstance(exception, TooMany):
            response["Retry-After"] = str(exception.retry_after)
        return response


def _page_of_address(request: HttpRequest) -> str:
    """The page of the request, order, pay-out or bulk run that the address names; "" where it refused itself.

    Only for a reader with an actor: a decorator has let them in to it.
    """
    match = request.resolver_match
    named = (match.kwargs.get("reference") or match.kwargs.get("bulk")) if match else None
    if not named:
        return ""
    page = f"{request.path.partition(f'/{named}/')[0]}/{named}/"
    return page if page != request.path or request.method == "POST" else ""


def _too_much(request: HttpRequest) -> HttpResponse:
    """The page anew, with a sentence, where a form brought more than any form of ours has.

    The rest is read to its end and dropped: a browser shows no answer before it has sent everything.
    """
    while request.read(65536):
        pass
    messages.error(request, _("That was too much at once: write 2,000 characters at most, and add 6 photos."))
    response = HttpResponseRedirect(request.path)
    response.status_code = 303
    return response


def next_page(request: HttpRequest, default: str = "") -> str:
    """Where the form says to go on to, if that is a path of this site, else `default`."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    is_safe = url_has_allowed_host_and_scheme(target, allowed_hosts=None)
    return target if target and is_safe else default
