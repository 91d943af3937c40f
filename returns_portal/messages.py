from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage


class PrefixedCookieStorage(CookieStorage):
    """One-time messages in a signed cookie, named like our other cookies."""

    cookie_name = f"{settings.COOKIE_PREFIX}messages"
