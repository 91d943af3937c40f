"""What `./run` does before it starts: migrate, collect static files, fill an empty database with the demo."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import django
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import OperationalError, connections


def migrate_and_fill() -> None:
    """Bring the database up to date; with DEMO and nobody in it yet, fill it and note what it holds."""
    call_command("migrate", verbosity=0, interactive=False)
    if settings.DEMO and not get_user_model().objects.exists():
        print("Filling the demo …", flush=True)
        note = settings.DATA_DIR / "demo.txt"
        with note.open("w") as output:
            call_command("fill_demo", stdout=output)
    connections.close_all()


def prepare() -> None:
    """Make the portal of DATA_DIR ready to be served. Ends the process with a sentence if that cannot be.

    A new SQLite database is made under another name and renamed when it is complete, so that a kill leaves
    none rather than half of one. Until then it is written without waiting for the disk.
    """
    data = Path(os.environ["DATA_DIR"])
    final, draft = data / "db.sqlite3", data / "db.new.sqlite3"
    is_new = not os.environ.get("DATABASE_URL") and not final.exists()
    if is_new:
        for path in data.glob(f"{draft.name}*"):
            path.unlink()
        os.environ["DATABASE_URL"] = f"sqlite:///{quote(str(draft))}"
        settings.DATABASES["default"]["OPTIONS"]["init_command"] = "PRAGMA synchronous=OFF"
    print("Preparing …", flush=True)
    django.setup()
    # Static files are mostly compressing, which leaves the interpreter to the database.
    with ThreadPoolExecutor(1) as beside:
        collected = beside.submit(call_command, "collectstatic", verbosity=0, interactive=False)
        try:
            migrate_and_fill()
        except OperationalError as error:
            sys.exit(f"The database cannot be used: {str(error).strip().splitlines()[0]}.")
        collected.result()
    if is_new:
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        draft.replace(final)
