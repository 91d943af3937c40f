"""Sellers and the people who work for them or run the marketplace."""

from typing import Any, ClassVar

from babel import Locale
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _

from ..actors import MemberRole
from ..dates import active_locale
from .fields import one_of


class Language(models.TextChoices):
    """The languages everything is written in."""

    ENGLISH = "en", "English"
    CHINESE = "zh-hans", "简体中文"


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **more: Any) -> "User":
        """A person who may sign in. The address is kept in lower case."""
        user = self.model(email=email.strip().lower(), **more)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **more: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **more)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A member of a seller, or an admin. The e-mail address is the name to sign in with."""

    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=100)
    language = models.CharField(_("language"), max_length=10, choices=Language, default=Language.ENGLISH)
    time_zone = models.CharField(_("time zone"), max_length=50, default="UTC")
    undo_seconds = models.PositiveSmallIntegerField(_("undo seconds"), null=True, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("admin"), default=False)
    date_joined = models.DateTimeField(_("joined"), db_default=Now(), editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        constraints = [
            models.CheckConstraint(condition=Q(email=Lower("email")), name="user_email_is_lower_case"),
            one_of("language", Language, name="user_language"),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def clean(self) -> None:
        super().clean()
        self.email = self.email.lower()

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name.split(" ")[0]


class Seller(models.Model):
    """One seller of the marketplace, with the settings that narrow the marketplace's own."""

    class Authorization(models.TextChoices):
        BY_HAND = "by_hand", _("Each by hand")
        PREPAID = "prepaid", _("Prepaid-eligible automatically, others by hand")
        IN_POLICY = "in_policy", _("All in policy automatically")
        WITHIN_DAYS = "within_days", _("All within some days automatically")

    class ImportedMessages(models.TextChoices):
        SHOW_TO_COPY = "show_to_copy", _("Show to copy")
        SEND_FROM_HERE = "send_from_here", _("Send from here")

    class RmaNumbers(models.TextChoices):
        GENERATED = "generated", _("Generated")
        OWN = "own", _("Own numbers")

    slug = models.SlugField(_("short name"), max_length=50, unique=True)
    name = models.CharField(_("name"), max_length=100)
    language = models.CharField(_("language"), max_length=10, choices=Language, default=Language.ENGLISH)
    time_zone = models.CharField(_("time zone"), max_length=50, default="UTC")
    country = models.CharField(_("country"), max_length=2, default="US")
    authorization = models.CharField(
        _("how to authorize"), max_length=20, choices=Authorization, default=Authorization.PREPAID
    )
    authorization_days = models.PositiveSmallIntegerField(_("within days"), default=30)
    rma_numbers = models.CharField(
        _("RMA numbers"), max_length=20, choices=RmaNumbers, default=RmaNumbers.GENERATED
    )
    imported_messages = models.CharField(
        _("messages for imported requests"),
        max_length=20,
        choices=ImportedMessages,
        default=ImportedMessages.SHOW_TO_COPY,
    )
    instructions = models.TextField(_("return instructions"), max_length=1000, blank=True)
    concession_percent = models.PositiveSmallIntegerField(
        _("concessions up to"), null=True, blank=True, validators=[MaxValueValidator(1000)]
    )
    default_grams = models.PositiveIntegerField(_("weight of all other products"), null=True, blank=True)

    class Meta:
        verbose_name = _("seller")
        verbose_name_plural = _("sellers")
        constraints = [
            one_of("language", Language, name="seller_language"),
            models.CheckConstraint(condition=Q(authorization_days__lte=30), name="seller_authorization_days"),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A person's place in a seller's team."""

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    seller = models.ForeignKey(Seller, models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=10, choices=MemberRole)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(fields=["user", "seller"], name="membership_once"),
            one_of("role", MemberRole, name="membership_role"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.seller}"


class SavedView(models.Model):
    """Filters of the list that a member keeps under a name; `query` is the list's address without "?"."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    seller = models.ForeignKey(Seller, models.CASCADE, related_name="+")
    name = models.CharField(_("name"), max_length=60)
    query = models.CharField(max_length=1000)

    class Meta:
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        constraints = [models.UniqueConstraint(fields=["user", "seller", "name"], name="saved_view_once")]

    def __str__(self) -> str:
        return self.name


class ReturnAddress(models.Model):
    """Where a seller wants items sent back to."""

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="return_addresses")
    name = models.CharField(_("name"), max_length=100)
    lines = models.TextField(_("address"), max_length=300, help_text=_("Street and number; one line each."))
    city = models.CharField(_("city"), max_length=100)
    region = models.CharField(_("region"), max_length=100, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=20, blank=True)
    country = models.CharField(_("country"), max_length=2)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("return address")
        verbose_name_plural = _("return addresses")
        indexes = [models.Index(fields=["seller", "country"], name="return_address_country")]

    def __str__(self) -> str:
        return f"{self.name}, {self.city}, {active_locale().territories.get(self.country, self.country)}"

    def as_text(self) -> str:
        """The address as it is printed and mailed, one line each.

        The country stands last, in English capitals: what postal services ask for on mail that crosses a border.
        """
        place = " ".join(part for part in (self.city, self.region, self.postal_code) if part)
        country = Locale("en").territories.get(self.country, self.country).upper()
        return "\n".join([self.name, *self.lines.splitlines(), place, country])
