"""A marketplace to measure: a PostgreSQL of its own, filled by `fill.sql`, its people and their sessions."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2

from returns_portal.run import ROOT
from tests.services import PostgreSQL

PEOPLE = 40


class Durable(PostgreSQL):
    """As production would run it: every commit is on disk before it is answered."""

    SETTINGS = {
        "shared_buffers": "1GB",
        "max_wal_size": "4GB",
        "maintenance_work_mem": "256MB",
        "random_page_cost": "1.1",
        "autovacuum_naptime": "30s",
        "max_connections": "120",
    }


class Marketplace:
    """A filled database, and the environment of programs that work with it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.environment = {
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "returns_portal.settings",
            "DATA_DIR": str(folder / "data"),
            "DATABASE_URL": url,
            "LOG_LEVEL": "ERROR",
        }
        os.environ.update(self.environment)

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        connection = psycopg2.connect(self.url)
        try:
            with connection, connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def manage(self, *arguments: str) -> None:
        command = [sys.executable, "manage.py", *arguments]
        subprocess.run(command, cwd=ROOT, env=self.environment, check=True, stdout=subprocess.DEVNULL)

    def prepare(self, requests: int, *, share: int = 8) -> None:
        """Migrate and collect; fill the database with `requests` return requests unless it is filled.

        `share`: how many of 100 requests are the first seller's.
        """
        self.manage("migrate", "-v0")
        self.manage("collectstatic", "--noinput", "-v0")
        with self.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM returns_seller")
            if cursor.fetchone()[0]:
                return
            print(f"Filling the database with {requests:,} return requests …", flush=True)
            began = time.monotonic()
            cursor.execute(
                Path(__file__).with_name("fill.sql").read_text(), {"requests": requests, "share": share}
            )
            print(f"… filled in {time.monotonic() - began:.0f} s", flush=True)
        self._hire()

    def _hire(self) -> None:
        """An owner for each of the first `PEOPLE` sellers."""
        import django  # noqa: PLC0415

        django.setup()
        from returns.models import Membership, User  # noqa: PLC0415

        for seller in range(1, PEOPLE + 1):
            user = User.objects.create_user(f"owner-{seller}@sellers.example", name=f"Owner {seller}")
            Membership.objects.create(user=user, seller_id=seller, role="owner")

    def session_cookie(self, seller: int) -> str:
        """A signed-in session of the seller's owner, as the browser sends it."""
        import django  # noqa: PLC0415

        django.setup()
        from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: PLC0415
        from django.contrib.sessions.backends.db import SessionStore  # noqa: PLC0415

        from returns.models import User  # noqa: PLC0415

        user = User.objects.get(email=f"owner-{seller}@sellers.example")
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.create()
        return f"sessionid={session.session_key}"
