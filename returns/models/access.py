"""How people without a password get in: a buyer's codes and sessions, a member's invitation.

No row holds a secret that opens anything: codes and tokens are made from the row's id and salt with the
server's key; what is stored of a session or a browser is a digest.
"""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from ..actors import MemberRole
from .fields import one_of
from .order import Order
from .people import Seller, User


class BuyerLookup(models.Model):
    """Somebody asked for a code; counted per e-mail, address, order and seller, found or not.

    At *Find my order* it is not known here what was found: `wanted_email` is the digest by which the order's
    buyer is looked for later, and is emptied then. `attempts` counts the codes that the browser which asked for
    an order typed since.
    """

    order = models.ForeignKey(Order, models.CASCADE, related_name="+", null=True, blank=True)
    order_number_hash = models.CharField(max_length=64)
    email_hash = models.CharField(max_length=64)
    ip_hash = models.CharField(max_length=64)
    seller_hash = models.CharField(max_length=64, db_default="")
    browser_digest = models.CharField(max_length=64, db_default="")
    wanted_email = models.CharField(max_length=64, db_default="")
    attempts = models.PositiveSmallIntegerField(db_default=0)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["email_hash", "created_at"], name="lookup_by_email"),
            models.Index(fields=["ip_hash", "created_at"], name="lookup_by_ip"),
            models.Index(fields=["order_number_hash", "created_at"], name="lookup_by_order"),
            models.Index(fields=["seller_hash", "created_at"], name="lookup_by_seller"),
            models.Index(fields=["browser_digest", "created_at"], name="lookup_by_browser"),
            models.Index(fields=["id"], condition=models.Q(wanted_email__gt=""), name="lookup_undecided"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class BuyerCode(models.Model):
    """A link and a code that let one browser in, for ten minutes, once: to a request, or to its order's page.

    A code for an order names the look-up with which it was asked for.
    """

    order = models.ForeignKey(Order, models.CASCADE, related_name="buyer_codes")
    lookup = models.ForeignKey(BuyerLookup, models.CASCADE, related_name="codes", null=True, blank=True)
    return_reference = models.CharField(max_length=36, blank=True)
    salt = models.CharField(max_length=32)
    browser_digest = models.CharField(max_length=64)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    is_superseded = models.BooleanField(default=False)

    class Meta:
        indexes = [
            models.Index(fields=["order", "created_at"], name="buyer_code_by_order"),
            models.Index(fields=["expires_at"], name="buyer_code_by_expiry"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class BuyerSession(models.Model):
    """A buyer's browser that was let in: it sees one order."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="buyer_sessions")
    key_digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(db_default=Now())
    last_seen_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.pk)


class Invitation(models.Model):
    """A seat in a seller's team, offered to an address."""

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="invitations")
    email = models.EmailField(_("e-mail"))
    role = models.CharField(_("role"), max_length=10, choices=MemberRole)
    language = models.CharField(_("language"), max_length=10, default="en")
    salt = models.CharField(max_length=32)
    invited_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = [one_of("role", MemberRole, name="invitation_role")]

    def __str__(self) -> str:
        return self.email
