from typing import NoReturn

from allauth.urls import urlpatterns as allauth_patterns
from django.http import Http404, HttpRequest
from django.urls import URLPattern, URLResolver, include, path

from returns import admin
from returns_portal import operators

# The pages of django-allauth that people may reach. Sign-up is closed, addresses come from invitations.
REACHABLE = {
    "account_login",
    "account_logout",
    "account_inactive",
    "account_reauthenticate",
    "account_change_password",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "account_reset_password_from_key_done",
    "mfa_index",
    "mfa_authenticate",
    "mfa_reauthenticate",
    "mfa_activate_totp",
    "mfa_deactivate_totp",
    "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes",
    "mfa_download_recovery_codes",
    "mfa_list_webauthn",
    "mfa_add_webauthn",
    "mfa_reauthenticate_webauthn",
    "mfa_remove_webauthn",
    "mfa_edit_webauthn",
    "mfa_login_webauthn",
}

handler400 = "returns.views.site.bad_request"


def not_here(request: HttpRequest, **_: object) -> NoReturn:
    raise Http404


def only_reachable(patterns: list[URLPattern | URLResolver]) -> list[URLPattern | URLResolver]:
    """`patterns` with every page that is not REACHABLE answering 404.

    Their names stay: django-allauth reverses some of them to build pages that are reachable.
    """
    return [
        URLResolver(entry.pattern, only_reachable(entry.url_patterns))
        if isinstance(entry, URLResolver)
        else URLPattern(
            entry.pattern, entry.callback if entry.name in REACHABLE else not_here, name=entry.name
        )
        for entry in patterns
    ]


urlpatterns = [
    path("healthz", operators.healthz, name="healthz"),
    path("readyz", operators.readyz, name="readyz"),
    path("metrics", operators.metrics, name="metrics"),
    path("accounts/", include(only_reachable(allauth_patterns))),
    path("admin/", admin.site.urls),
    path("", include("notifications.urls")),
    path("", include("returns.urls")),
]
