"""Comments to buyers that a seller's team keeps to use again."""

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..state_machine import Role
from .fields import one_of
from .people import Language, Seller
from .reasons import ClosureReason


class SavedCommentQuerySet(models.QuerySet["SavedComment"]):
    def for_actor(self, actor: Actor) -> Self:
        """The texts of the actor's team; they are the team's own words, so an admin has none."""
        return self.filter(seller_id=actor.own_seller_id) if actor.role == Role.SELLER else self.none()


class SavedComment(models.Model):
    """A text in one language, for one closure reason or (`reason` empty) for any. Plain words: nothing in it is
    filled in.
    """

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="saved_comments")
    reason = models.ForeignKey(ClosureReason, models.PROTECT, related_name="+", null=True, blank=True)
    name = models.CharField(_("name"), max_length=100)
    language = models.CharField(_("language"), max_length=10, choices=Language)
    text = models.TextField(_("text"), max_length=2000)

    objects = SavedCommentQuerySet.as_manager()

    class Meta:
        verbose_name = _("saved comment")
        verbose_name_plural = _("saved comments")
        constraints = [
            models.UniqueConstraint(fields=["seller", "language", "name"], name="saved_comment_name"),
            one_of("language", Language, name="saved_comment_language"),
        ]

    def __str__(self) -> str:
        return self.name
