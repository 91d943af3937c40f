"""The cast at their browsers: Django's test client, signed in as the pages know it."""

import secrets
from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from django.http import HttpRequest
from django.test import Client

from returns.decorators import SESSION_COOKIE
from returns.models import BuyerSession, Order, User
from returns.models.clock import database_now
from returns.services.access import SESSION_LONGEST, digest


def signed_in(user: User, *, with_second_factor: bool = False, **options: Any) -> Client:
    """A browser in which `user` has signed in, and has shown a second factor if asked for."""
    client = Client(**options)
    client.force_login(user)
    if with_second_factor:
        Authenticator.objects.get_or_create(user=user, type=Authenticator.Type.TOTP, data={"secret": "x"})
        request = HttpRequest()
        request.session = client.session
        record_authentication(request, user, "mfa")
        request.session.save()
    return client


def let_in(order: Order, **options: Any) -> Client:
    """A browser that was let in to `order` as its buyer."""
    client, key = Client(**options), secrets.token_urlsafe(32)
    expires_at = database_now() + SESSION_LONGEST
    BuyerSession.objects.create(order=order, key_digest=digest(key), expires_at=expires_at)
    client.cookies[SESSION_COOKIE] = key
    return client
