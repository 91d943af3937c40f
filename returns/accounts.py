"""How members and admins sign in: what the portal decides beside django-allauth's own pages.

Members come by invitation (`services.team`), so sign-up is closed. No page tells whether an address has an
account: a mail is sent, or not, after the answer.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.db import connections
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from .models import User

logger = logging.getLogger(__name__)
# Mails leave one by one and apart from the request: sending takes as long as the mail server does, and by
# that time a page would tell which addresses have an account.
posting = ThreadPoolExecutor(max_workers=1, thread_name_prefix="account-mail")


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _("E-mail address and password do not belong together."),
        "too_many_login_attempts": _("Too many failed attempts. Please wait five minutes and try again."),
        "enter_current_password": _("This is not your current password."),
        "incorrect_password": _("This is not your password."),
    }
    # What happened to an account, told to its owner by mail, by the name that django-allauth gives it.
    changes = {
        "account/email/password_changed": _("Your password was changed."),
        "account/email/password_reset": _("Your password was set anew."),
        "mfa/email/totp_activated": _("An authenticator app was set up for your account."),
        "mfa/email/totp_deactivated": _("The authenticator app was removed from your account."),
        "mfa/email/webauthn_added": _("A security key was added to your account."),
        "mfa/email/webauthn_removed": _("A security key was removed from your account."),
        "mfa/email/recovery_codes_generated": _("New recovery codes were made for your account."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """The list for a member, the admin site for an admin who is none."""
        user = request.user
        if user.is_staff and not user.memberships.filter(is_active=True).exists():
            return reverse("admin:index")
        return reverse("seller-returns")

    def get_reset_password_from_key_url(self, key: str) -> str:
        """The link of the mail, to the configured host: the request's own may be made up."""
        uid, _hyphen, token = key.partition("-")
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": token})
        return f"{settings.SITE_URL}{path}"

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        change = {"user": user, "change": self.changes[template_prefix], "happened_at": timezone.now()}
        self.send_mail("account/email/changed", email or user.email, change)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Write the mail in the member's language and zone now, and post it after the answer."""
        user: User = context["user"]
        with translation.override(user.language), timezone.override(user.time_zone):
            headers = {"Auto-Submitted": "auto-generated", "Content-Language": user.language}
            mail = self.render_mail(
                template_prefix, email, context | {"site_url": settings.SITE_URL}, headers
            )
        posting.submit(post, mail)


class SecondFactorAdapter(DefaultMFAAdapter):
    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _("This code is not right, or not any more."),
    }


def post(mail: Any) -> None:
    """Send `mail`, a message of Django's. What goes wrong is written down; who waits for it asks again."""
    try:
        mail.send()
    except Exception:
        logger.exception("A mail about an account could not be sent.")
    finally:
        connections.close_all()
