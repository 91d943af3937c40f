"""Who is asking. Explicit, frozen, and required wherever something is read or written; there is no default."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from .state_machine import Asking, Role


class MemberRole(TextChoices):
    OWNER = "owner", _("Owner")
    AGENT = "agent", _("Agent")
    VIEWER = "viewer", _("Viewer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """One who asks. Made by the class methods only.

    `seller_id` is the one seller a seller's member or an import acts for; `order_id` the one order a buyer's
    session may see. `own_user_id`, `own_seller_id` and `own_order_id` are the same for where an actor must have
    them. `occurred_at` is set only where a story is told afterwards: by an import, which carries the file's dates,
    and by the demo.
    """

    role: Role
    user_id: int | None = None
    name: str = ""
    seller_id: int | None = None
    member_role: str = ""
    order_id: int | None = None
    undo_seconds: int | None = None
    occurred_at: datetime | None = None

    @classmethod
    def seller(cls, user: Any, membership: Any) -> "Actor":
        """A member acting for the membership's seller. `membership` must be active and the user's own."""
        if membership.user_id != user.pk or not membership.is_active or not user.is_active:
            raise ValueError("not an active membership of this user")
        return cls(
            role=Role.SELLER,
            user_id=user.pk,
            name=user.name,
            seller_id=membership.seller_id,
            member_role=membership.role,
            undo_seconds=user.undo_seconds,
        )

    @classmethod
    def admin(cls, user: Any) -> "Actor":
        if not (user.is_active and user.is_staff):
            raise ValueError("not an admin")
        return cls(role=Role.ADMIN, user_id=user.pk, name=user.name, undo_seconds=user.undo_seconds)

    @classmethod
    def buyer(cls, order: Any) -> "Actor":
        return cls(role=Role.BUYER, order_id=order.pk, seller_id=order.seller_id)

    @classmethod
    def system(cls) -> "Actor":
        return cls(role=Role.SYSTEM)

    @classmethod
    def marketplace(cls, seller: Any) -> "Actor":
        """An import of this seller's file."""
        return cls(role=Role.MARKETPLACE, seller_id=seller.pk)

    def at(self, moment: datetime) -> "Actor":
        """The same actor, telling what happened at `moment`."""
        return replace(self, occurred_at=moment)

    @property
    def own_user_id(self) -> int:
        return _demanded(self.user_id)

    @property
    def own_seller_id(self) -> int:
        return _demanded(self.seller_id)

    @property
    def own_order_id(self) -> int:
        return _demanded(self.order_id)

    @property
    def may_write(self) -> bool:
        return self.role != Role.SELLER or self.member_role in (MemberRole.OWNER, MemberRole.AGENT)

    @property
    def asking(self) -> Asking:
        return Asking(self.role, self.user_id)


def _demanded(pk: int | None) -> int:
    """The id; who has none never comes to where it is asked for."""
    if pk is None:
        raise ValueError("not an actor with such an id")
    return pk
