"""What a member wants to be told of a seller."""

from collections.abc import Collection

from returns.models import Seller, User

from .models import MEMBER_KINDS, Preference


def choose_kinds(user: User, seller: Seller, kinds: Collection[str]) -> None:
    """Turn on what is in `kinds`, and off what else members can be told; a kind that is not theirs counts nothing.

    One statement, so that of two that choose at once one holds as a whole.
    """
    Preference.objects.bulk_create(
        [Preference(user=user, seller=seller, kind=kind, is_on=kind in kinds) for kind in MEMBER_KINDS],
        update_conflicts=True,
        unique_fields=["user", "seller", "kind"],
        update_fields=["is_on"],
    )
