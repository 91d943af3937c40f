"""What the requests of one seller have in common: settings, addresses, reasons, the team.

Small tables that nearly every page reads and hardly anybody changes. They are read once in each process; a mark
that the database changes with them (`Edition`) says when to read them again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import QuerySet, Subquery
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

from ..actors import MemberRole
from ..advice import CostTable
from ..models import (
    ClosureReason,
    Edition,
    MarketplaceSettings,
    Membership,
    ReturnAddress,
    ReturnReason,
    Seller,
    User,
)
from ..models.clock import as_moment
from ..models.reasons import ClosureAudience
from .costs import table_of
from .prepared import Columns, Prepared

# The withdrawal rules, the longest of them, are in the versions of the rules, too.
SETTINGS = Columns(MarketplaceSettings, but=("withdrawal_rules",))
MEMBERSHIP = Columns(Membership)
STORE = Columns(Seller, "seller__")
SELLER = [field.attname for field in Seller._meta.concrete_fields]

# With them the mark that changes when what else is read here does, and the database's time.
SETTINGS_AND_NOW: tuple[str | Combinable, ...] = (
    *SETTINGS.paths,
    Subquery(Edition.objects.values("mark")),
    Now(),
)
NOW_AT = len(SETTINGS_AND_NOW) - 1
_settings = Prepared(lambda: MarketplaceSettings.objects.filter(pk=1).values_list(*SETTINGS_AND_NOW))


@dataclass(frozen=True, slots=True, eq=False)
class Common:
    """What the requests of one seller have in common. It stays the same object until any of it changes.

    `closure_reasons`: the active ones of the seller's side; `closed_with`: all there are, by id; `team`: the names
    of those who may decide, by the user's id; `costs`: what the way back costs.
    """

    seller: Seller
    settings: MarketplaceSettings
    addresses: list[ReturnAddress]
    reasons: dict[str, ReturnReason]
    closure_reasons: list[ClosureReason]
    closed_with: dict[int, ClosureReason]
    team: dict[int, str]
    costs: CostTable


def common_of(sellers: Iterable[Seller]) -> tuple[dict[int, Common], datetime]:
    """What the requests of each of `sellers` share, by the seller's id, and the database's time.

    One query as long as nothing changes.
    """
    (row,) = _settings.rows()
    return commons_from(row, sellers), as_moment(row[NOW_AT])


def commons_from(settings: tuple[Any, ...], sellers: Iterable[Seller]) -> dict[int, Common]:
    """The same, where somebody else has read the values that `SETTINGS_AND_NOW` names."""
    known = settings[:NOW_AT]
    return {seller.pk: _common(tuple(getattr(seller, name) for name in SELLER), known) for seller in sellers}


@lru_cache(maxsize=500)
def _common(seller: tuple[Any, ...], settings: tuple[Any, ...]) -> Common:
    """`settings` ends with the edition: its mark changes when what is read here does."""
    addresses = ReturnAddress.objects.filter(seller_id=seller[SELLER.index("id")], is_active=True)
    closed_with = {reason.pk: reason for reason in ClosureReason.objects.all()}
    marketplace: MarketplaceSettings = SETTINGS.instance(settings[:-1])
    _ = marketplace.rule_versions  # read now, kept as long as the edition
    return Common(
        seller=Seller.from_db(connection.alias, SELLER, seller),
        settings=marketplace,
        addresses=list(addresses.order_by("id")),
        reasons={reason.code: reason for reason in ReturnReason.objects.all()},
        closure_reasons=[
            reason
            for reason in closed_with.values()
            if reason.is_active and reason.audience == ClosureAudience.SELLER
        ],
        closed_with=closed_with,
        team=names_of(list_colleagues(seller[SELLER.index("id")])),
        costs=table_of(seller[SELLER.index("id")], seller[SELLER.index("default_grams")]),
    )


_memberships = Prepared(
    lambda user: (
        Membership.objects.filter(user_id=user, is_active=True)
        .order_by("seller__name", "pk")
        .values_list(*MEMBERSHIP.paths, *STORE.paths)
    ),
    "user",
)


def list_memberships(user: User) -> list[Membership]:
    """The person's active memberships with their sellers, by name."""
    found = []
    for row in _memberships.rows(user.pk):
        membership: Membership = MEMBERSHIP.instance(row[: len(MEMBERSHIP.paths)])
        membership.seller = STORE.instance(row[len(MEMBERSHIP.paths) :])
        found.append(membership)
    return found


def list_colleagues(seller_id: int) -> QuerySet[Membership]:
    """Those of a seller's team who may decide, and so can be given a request."""
    return (
        Membership.objects.filter(
            seller_id=seller_id,
            role__in=(MemberRole.OWNER, MemberRole.AGENT),
            is_active=True,
            user__is_active=True,
        )
        .select_related("user")
        .order_by("user__name", "user_id")
    )


def names_of(colleagues: QuerySet[Membership]) -> dict[int, str]:
    """Their names by the user's id."""
    return {colleague.user_id: str(colleague.user) for colleague in colleagues}
