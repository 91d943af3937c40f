"""Filters of the list that a member keeps under a name. Personal: no request changes, nobody else sees them."""

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..exceptions import Forbidden, Invalid, NotFound
from ..models import SavedView, User
from ..state_machine import Role
from ..text import clean_text

VIEWS_MAX = 20


def save_view(actor: Actor, *, name: str, query: str) -> SavedView:
    """Keep `query`, the list's address without "?", as `name`; a view of that name is replaced.

    `Invalid` without a name, for filters that are too long, and for more than `VIEWS_MAX` views at one seller.
    """
    _check_may(actor)
    name = clean_text(name, 60)
    if not name:
        sentence = _("Give the view a name.")
        raise Invalid(sentence, {"name": sentence})
    if len(query) > 1000:
        raise Invalid(_("These filters are too long to be kept."))
    with transaction.atomic():
        # Two tabs that save at once wait for each other here, or there could be one too many.
        User.objects.select_for_update(no_key=True).get(pk=actor.own_user_id)
        own = SavedView.objects.filter(user_id=actor.own_user_id, seller_id=actor.own_seller_id)
        if len(own.exclude(name=name)[:VIEWS_MAX]) == VIEWS_MAX:
            raise Invalid(_("You have 20 saved views: remove one first."))
        view, _created = SavedView.objects.update_or_create(
            user_id=actor.own_user_id, seller_id=actor.own_seller_id, name=name, defaults={"query": query}
        )
    return view


def remove_view(actor: Actor, *, view_id: int) -> None:
    """Forget one of the member's own views; `NotFound` for any other."""
    _check_may(actor)
    own = SavedView.objects.filter(user_id=actor.own_user_id, seller_id=actor.own_seller_id)
    if not own.filter(pk=view_id).delete()[0]:
        raise NotFound(_("This page does not exist, or it is not yours."))


def _check_may(actor: Actor) -> None:
    if actor.role != Role.SELLER or not actor.may_write:
        raise Forbidden(_("Only a member of the team who may decide keeps views."))
