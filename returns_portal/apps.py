from django.apps import AppConfig, apps
from django.core.management import call_command
from django.db.models.signals import post_migrate


def make_cache_table(using: str, verbosity: int, **_: object) -> None:
    """Make the table of the cache, which has no migration of its own, wherever `migrate` has run."""
    call_command("createcachetable", database=using, verbosity=verbosity)


class PortalConfig(AppConfig):
    name = "returns_portal"

    def ready(self) -> None:
        # Tasks declared with shared_task belong to this Celery application from here on.
        from returns_portal import celery  # noqa: F401, PLC0415

        post_migrate.connect(make_cache_table, sender=apps.get_app_config("returns"))
