"""What a buyer is about to ask for, and the photos that show what is wrong."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..state_machine import Role
from .events import ReturnEvent
from .fields import ReferenceField
from .order import Order, OrderItem
from .people import Seller, User
from .requests import ReturnItem, ReturnRequest

if TYPE_CHECKING:
    from django.db.models.query import QuerySet


class ReturnDraft(models.Model):
    """A request that is being filled in, by the order's buyer or, with `user`, on the buyer's behalf.

    Nothing is held for it. It is kept from page to page and from device to device, and deleted in the
    transaction that opens the request. `data` is `{"lines": {order line's id: {"quantity", "reason",
    "comment"}}}`; `reference` is the idempotency key of the opening.
    """

    reference = ReferenceField(unique=True)
    order = models.ForeignKey(Order, models.CASCADE, related_name="drafts")
    user = models.ForeignKey(User, models.CASCADE, related_name="+", null=True, blank=True)
    data = models.JSONField(default=dict)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("draft")
        verbose_name_plural = _("drafts")
        constraints = [
            models.UniqueConstraint(fields=["order", "user"], name="draft_once"),
            models.UniqueConstraint(
                fields=["order"], condition=Q(user__isnull=True), name="draft_of_buyer_once"
            ),
        ]
        indexes = [models.Index(fields=["updated_at"], name="draft_by_age")]

    def __str__(self) -> str:
        return self.reference


class PhotoQuerySet(models.QuerySet["Photo"]):
    def for_actor(self, actor: Actor) -> "QuerySet[Photo]":
        """The photos this actor may see; those of a draft are seen by whoever fills it in, alone."""
        seen = self.filter(Q(draft__isnull=True) | Q(draft__user_id=actor.user_id))
        if actor.role == Role.SELLER:
            return seen.filter(seller_id=actor.own_seller_id)
        if actor.role == Role.BUYER:
            return seen.filter(order_id=actor.own_order_id, seller_id=actor.own_seller_id)
        if actor.role in (Role.ADMIN, Role.SYSTEM):
            return seen
        return self.none()


class Photo(models.Model):
    """A photo of one line of a draft, of an item of a request, or of what somebody wrote (`event`).

    `file` is the photo's name below `MEDIA_ROOT`; a smaller one lies beside it. `name` is what the sender's
    device called it; `width` and `height` are in pixels, `size` in bytes, as kept.
    """

    reference = ReferenceField(unique=True)
    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+")
    order = models.ForeignKey(Order, models.PROTECT, related_name="+")
    draft = models.ForeignKey(ReturnDraft, models.CASCADE, related_name="photos", null=True, blank=True)
    order_item = models.ForeignKey(OrderItem, models.PROTECT, related_name="+", null=True, blank=True)
    request = models.ForeignKey(ReturnRequest, models.PROTECT, related_name="photos", null=True, blank=True)
    item = models.ForeignKey(ReturnItem, models.PROTECT, related_name="photos", null=True, blank=True)
    event = models.ForeignKey(ReturnEvent, models.PROTECT, related_name="photos", null=True, blank=True)
    file = models.CharField(_("file"), max_length=100, unique=True)
    name = models.CharField(_("name"), max_length=100, blank=True)
    media_type = models.CharField(_("media type"), max_length=20)
    width = models.PositiveIntegerField(_("width"))
    height = models.PositiveIntegerField(_("height"))
    size = models.PositiveIntegerField(_("size"))
    created_at = models.DateTimeField(db_default=Now())

    objects = PhotoQuerySet.as_manager()

    class Meta:
        verbose_name = _("photo")
        verbose_name_plural = _("photos")
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    draft__isnull=False,
                    order_item__isnull=False,
                    request__isnull=True,
                    item__isnull=True,
                    event__isnull=True,
                )
                | Q(draft__isnull=True, order_item__isnull=True, request__isnull=False)
                & (Q(item__isnull=False, event__isnull=True) | Q(item__isnull=True, event__isnull=False)),
                name="photo_has_one_place",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.reference
