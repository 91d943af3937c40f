"""The Celery application: `celery -A returns_portal worker` and `beat`."""

import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, celeryd_init, setup_logging
from django.conf import settings

from returns_portal.settings import refuse

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "returns_portal.settings")

app = Celery("returns_portal")
# In every thread: Celery keeps the current application per thread, and pages are answered by many.
app.set_default()
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@beat_init.connect
@celeryd_init.connect
def need_a_broker(**_: object) -> None:
    """Without a broker `manage.py deliver` does the work; Celery would look for one of its own choice."""
    if not settings.CELERY_BROKER_URL:
        refuse("CELERY_BROKER_URL must name a Redis: without one, manage.py deliver does the work.")


@celeryd_init.connect
def wait_for_redis(conf: Any, **_: object) -> None:
    """Workers may wait for Redis as long as it is away; only who publishes must not (settings.py)."""
    conf.broker_transport_options = conf.broker_transport_options | {
        "socket_connect_timeout": 5,
        "socket_timeout": 30,
        "max_retries": None,
        "interval_step": 0.2,
        "interval_max": 1,
    }


@setup_logging.connect
def keep_our_logging(**_: object) -> None:
    """A receiver of this signal keeps Celery from replacing the logging of settings.py."""
