"""A desk as production has it: PostgreSQL, Redis, two Celery workers, beat, gunicorn and a mail server.

And people at it, in browsers that measure how long each click takes.
"""

import os
import re
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from http.cookiejar import CookieJar
from itertools import count
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener, urlopen
from uuid import uuid4

import psycopg2

from returns_portal.run import ROOT
from tests.factories import PASSWORD
from tests.notifications.mail_server import MailServer
from tests.returns.report_files import return_cells, table
from tests.services import PostgreSQL, Program, Redis, free_port, wait_until

SHIPPING = (ROOT / "tests" / "samples" / "orders_shipping.tsv").read_text().partition("\n")[0].split("\t")
COMMENTS = "We talked on the phone and found a way that suits both."
CAST = """
import django; django.setup()
from tests.factories import make_cast
seller = make_cast().north_lane
seller.imported_messages = "send_from_here"
seller.save(update_fields=["imported_messages"])
"""

_orders = count(1)


class Desk:
    """Everything that runs, and the ways to break it."""

    def __init__(self, postgresql: PostgreSQL, redis: Redis, folder: Path, undo_seconds: int = 1) -> None:
        self.redis, self.folder = redis, folder
        self.database = postgresql.create("for_real")
        self.port = free_port()
        self.address = f"http://localhost:{self.port}"
        self.mail = MailServer()
        self.environment = {
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(folder / "data"),
            "DATABASE_URL": self.database,
            "CELERY_BROKER_URL": redis.url,
            "EMAIL_URL": f"smtp://127.0.0.1:{self.mail.port}",
            "DEFAULT_FROM_EMAIL": "Returns desk <returns@desk.example>",
            "SITE_URL": self.address,
            "UNDO_SECONDS": str(undo_seconds),
            "DJANGO_SETTINGS_MODULE": "returns_portal.settings",
        }
        self.manage("migrate", "-v0")
        self.manage("collectstatic", "--noinput", "-v0")
        subprocess.run([sys.executable, "-c", CAST], cwd=ROOT, env=self.environment, check=True)
        self.programs: dict[str, Program] = {}
        for name in ("one", "two", "beat", "web"):
            self.start(name)

    def start(self, name: str) -> None:
        celery = ["-m", "celery", "-A", "returns_portal"]
        worker = [*celery, "worker", "--concurrency", "1", "--without-gossip", "--without-mingle", "-n"]
        gunicorn = ["-m", "gunicorn", "--workers", "1", "--worker-class", "gthread", "--threads", "8"]
        arguments = {
            "one": [*worker, "one@%h"],
            "two": [*worker, "two@%h"],
            "beat": [*celery, "beat"],
            "web": [*gunicorn, "--bind", f"127.0.0.1:{self.port}", "returns_portal.wsgi:application"],
        }[name]
        log = self.folder / f"{name}.log"
        self.programs[name] = Program(
            [sys.executable, *arguments], log, cwd=ROOT, env=self.environment, patience=30
        )
        if name == "web":
            wait_until(self.answers, 30, "the web server answers")

    def answers(self) -> bool:
        try:
            with urlopen(f"{self.address}/healthz", timeout=10) as answer:  # noqa: S310 -- our own http address
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self, *names: str) -> None:
        """kill -9 of the program and of every process it has started."""
        for name in names:
            os.killpg(self.programs[name].pid, signal.SIGKILL)
        for name in names:
            self.programs[name].process.wait()

    def close(self) -> None:
        for program in self.programs.values():
            program.process.send_signal(signal.SIGTERM)
        for program in self.programs.values():
            program.end()
        self.mail.close()

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(self.database)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement, values)
                return cursor.fetchall()
        finally:
            connection.close()

    def import_requests(self, number: int) -> list["Case"]:
        """Have the marketplace's two reports read by the two commands: `number` requests that wait."""
        numbers = [f"114-{next(_orders):07d}-0000001" for _ in range(number)]
        orders = [
            {
                "order-id": order,
                "order-item-id": order.replace("-", ""),
                "purchase-date": time.strftime(
                    "%Y-%m-%dT08:00:00+00:00", time.gmtime(time.time() - 10 * 86400)
                ),
                "buyer-email": f"{order}@buyers.example",
                "recipient-name": "Dora Diaz",
                "sku": "KETTLE-17-SS",
                "product-name": "Steel kettle",
                "quantity-purchased": "1",
                "ship-country": "CA",
                "ship-city": "Toronto",
            }
            for order in numbers
        ]
        asked = [
            return_cells(
                order_id=order,
                order_date=time.strftime("%d-%b-%Y", time.gmtime(time.time() - 10 * 86400)),
                return_request_date=time.strftime("%d-%b-%Y", time.gmtime()),
                return_request_status="PendingApproval",
                amazon_rma_id=f"D{order[4:11]}RRMA",
                label_type="AmazonUnPaidLabel",
                return_reason="CR-UNWANTED_ITEM",
            )
            for order in numbers
        ]
        for command, file in (
            ("import_orders", table(SHIPPING, *([row.get(name, "") for name in SHIPPING] for row in orders))),
            ("import_returns", table(RETURN_HEADER, *asked)),
        ):
            path = self.folder / f"{command}.tsv"
            path.write_bytes(file.getvalue())
            read = self.manage(command, str(path), "--seller", "north-lane")
            assert read.returncode == 0, read.stderr
        return [Case(self, order) for order in numbers]

    def wait_until_told(self, *cases: "Case", seconds: float = 45) -> None:
        """Wait until the closing of each case has reached its buyer's mailbox."""
        wait_until(
            lambda: all(case.mails() for case in cases),
            seconds,
            "every buyer is told of the closing",
        )

    def assert_once_each(self) -> None:
        """Every mail that left is a different one, and every message that was made has left, or comes to.

        A mail is in its mailbox a moment before its message says so, and a sender's lease may have to run out.
        """
        wait_until(lambda: not self.unsent(), 60, "no message is unsent")
        repeated = [name for name, times in Counter(self.message_ids()).items() if times > 1]
        assert repeated == []

    def unsent(self) -> list[tuple[Any, ...]]:
        return self.rows(
            "SELECT kind, status FROM notifications_message WHERE status NOT IN ('sent', 'parked')"
        )

    def message_ids(self) -> Iterable[str]:
        return [str(mail["Message-ID"]) for mail in self.mail.mails()]


class Case:
    """One request, seen from outside."""

    def __init__(self, desk: Desk, order: str) -> None:
        self.desk, self.order = desk, order
        ((self.reference,),) = desk.rows(
            "SELECT r.reference FROM returns_returnrequest r JOIN returns_order o ON o.id = r.order_id "
            "WHERE o.order_number = %s",
            order,
        )
        self.buyer = f"{order}@buyers.example"

    @property
    def status(self) -> str:
        found = self.desk.rows(
            "SELECT status FROM returns_returnrequest WHERE reference = %s", self.reference
        )
        return str(found[0][0])

    def actions(self) -> list[str]:
        rows = self.desk.rows(
            "SELECT action FROM returns_returnevent e JOIN returns_returnrequest r ON r.id = e.request_id "
            "WHERE reference = %s ORDER BY e.version",
            self.reference,
        )
        return [str(action) for (action,) in rows]

    def mails(self, words: str = "") -> list[Any]:
        """What arrived at the buyer, with `words` in the subject."""
        return [mail for mail in self.desk.mail.mails(self.buyer) if words in mail["Subject"]]


class Browser:
    """Keeps cookies, follows redirects, and measures every click in seconds."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.cookies = CookieJar()
        self.opener = build_opener(HTTPCookieProcessor(self.cookies))
        self.token = ""
        self.clicks: list[float] = []

    def sign_in(self) -> "Browser":
        self.get("/accounts/login/")
        page = self.post("/accounts/login/", login="alice@north-lane.example", password=PASSWORD)
        assert "Manage Seller Fulfilled Returns" in page
        self.clicks.clear()
        return self

    def get(self, path: str) -> str:
        return self._open(Request(self.desk.address + path))  # noqa: S310 -- our own http address

    def post(self, path: str, **fields: str) -> str:
        form = {"csrfmiddlewaretoken": self.token, "key": uuid4().hex, **fields}
        return self._open(Request(self.desk.address + path, urlencode(form).encode()))  # noqa: S310

    def close(self, case: Case, **fields: str) -> str:
        path = f"/seller/returns/{case.reference}/close/"
        return self.post(path, **{"reason": "other", "comments": COMMENTS, **fields})

    @property
    def slowest(self) -> float:
        return max(self.clicks)

    @property
    def usual(self) -> float:
        return statistics.median(self.clicks)

    def _open(self, request: Request) -> str:
        began = time.monotonic()
        try:
            with self.opener.open(request, timeout=30) as answer:
                page: str = answer.read().decode()
        except HTTPError as refused:
            page = refused.read().decode()
        self.clicks.append(time.monotonic() - began)
        if found := re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page):
            self.token = found[1]
        return page


RETURN_HEADER = (
    (ROOT / "tests" / "samples" / "returns_report_us.tsv").read_text().partition("\n")[0].split("\t")
)
