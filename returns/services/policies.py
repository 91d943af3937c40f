"""The marketplace's own settings, saved. A change of its rules makes a version that stays."""

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..exceptions import Forbidden
from ..models import MarketplaceSettings, Order, RulesVersion
from ..models.clock import database_now
from ..models.policies import ALWAYS, RULES
from ..state_machine import Role


def save_settings(actor: Actor, settings: MarketplaceSettings) -> None:
    """Save the marketplace's settings, by an admin or while a portal is set up.

    Changed rules are a new version: it judges the orders placed from now on. As long as there is no order, nothing
    was judged by the rules before, and the new ones hold for all orders that will come, however old.
    """
    if actor.role not in (Role.ADMIN, Role.SYSTEM):
        raise Forbidden(_("Only an admin changes the rules of the marketplace."))
    with transaction.atomic():
        before = MarketplaceSettings.objects.select_for_update().get(pk=settings.pk)
        newest = RulesVersion.objects.order_by("-version")[0]
        settings.rules_version = newest.version
        columns = {name: getattr(settings, name) for name in RULES}
        if columns != newest.columns:
            settings.rules_version += 1
            RulesVersion.objects.create(
                version=settings.rules_version,
                in_force_from=database_now() if Order.objects.exists() else ALWAYS,
                columns=columns,
            )
        names = [field.name for field in MarketplaceSettings._meta.concrete_fields]
        settings.save(
            update_fields=[name for name in names if getattr(settings, name) != getattr(before, name)]
        )
