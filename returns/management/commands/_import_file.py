"""What the two import commands share: a file, a seller, a summary for people and one for scripts."""

import json
import sqlite3
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.utils.translation import gettext as _

from ...actors import Actor
from ...exceptions import Refusal
from ...models import Seller
from ...services.imports import Summary
from ...services.imports.runs import contradiction_in_words, refused_in_words


class ImportCommand(BaseCommand):
    """Reads a file with `read`, a service of `returns.services.imports`.

    Exit code 0 when the file was read, whatever was in it; 1, with one sentence, when it could not be.
    """

    requires_system_checks = ()
    read: Any

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument("--seller", metavar="SLUG", required=True, help="the seller's short name")
        parser.add_argument("--dry-run", action="store_true", help="show what would change; write nothing")
        parser.add_argument("--json", action="store_true", help="print the summary as JSON on the last line")

    def handle(self, *args: Any, file: Path, seller: str, dry_run: bool, **options: Any) -> None:
        self._need_tables()
        actor = Actor.marketplace(self._seller(seller))
        try:
            with file.open("rb") as content:
                summary = self.read(actor, file=content, name=file.name, dry_run=dry_run)
        except Refusal as refusal:
            raise CommandError(str(refusal)) from None
        except FileNotFoundError:
            raise CommandError(_("There is no file “%(name)s”.") % {"name": file}) from None
        except IsADirectoryError:
            raise CommandError(_("“%(name)s” is a folder. Name a file.") % {"name": file}) from None
        except (OSError, DatabaseError, sqlite3.Error) as error:
            raise CommandError(
                _("“%(name)s” was not read to its end: %(error)s. Import it again to finish it.")
                % {"name": file, "error": str(error).strip().partition("\n")[0]}
            ) from error
        self._print(summary, dry_run=dry_run, as_json=options["json"])

    def _need_tables(self) -> None:
        # An SQLite database that is not there would be made by asking it, and then be in the way of `./run`.
        is_missing = connection.vendor == "sqlite" and not Path(connection.settings_dict["NAME"]).exists()
        if not is_missing and Seller._meta.db_table in connection.introspection.table_names():
            return
        if settings.DATABASE_URL:
            raise CommandError(
                _("The database that DATABASE_URL names has no tables. Run manage.py migrate first.")
            )
        raise CommandError(
            _(
                "The database in %(directory)s has no tables. Start ./run first, or set DATA_DIR to its --data."
            )
            % {"directory": settings.DATA_DIR}
        )

    def _seller(self, slug: str) -> Seller:
        seller = Seller.objects.filter(slug=slug).first()
        if seller is None:
            raise CommandError(_("There is no seller with the short name “%(slug)s”.") % {"slug": slug})
        return seller

    def _print(self, summary: Summary, *, dry_run: bool, as_json: bool) -> None:
        self.stdout.write(str(summary))
        if dry_run:
            self.stdout.write(_("This was a dry run: nothing was written."))
        for row in summary.refused:
            self.stdout.write(refused_in_words(row))
        for code in sorted(summary.unknown_codes):
            self.stdout.write(_("Unknown code: %(code)s") % {"code": code})
        for found in summary.contradictions:
            self.stdout.write(contradiction_in_words(found))
        if as_json:
            self.stdout.write(json.dumps(summary.as_json()))
