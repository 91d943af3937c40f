"""The files that were read for a seller: one of them, and their history."""

from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..exceptions import NotFound
from ..models import FileRun

PAGE = 25


@dataclass(frozen=True, slots=True)
class FilePage:
    """Up to `PAGE` files and the cursor of the older ones ("" at the end)."""

    runs: list[FileRun]
    next_cursor: str


def get_file_run(actor: Actor, reference: str) -> FileRun:
    """The file of the actor's seller, or `NotFound`."""
    run = _of(actor).filter(reference=reference).first()
    if run is None:
        raise NotFound(_("This page does not exist, or it is not yours."))
    return run


def list_file_runs(actor: Actor, cursor: str) -> FilePage:
    """The files of the actor's seller, the latest first. A cursor that cannot be read starts from the top."""
    runs = _of(actor)
    if cursor.isascii() and cursor.isdigit() and len(cursor) < 19:
        runs = runs.filter(pk__lt=int(cursor))
    page = list(runs.order_by("-pk")[: PAGE + 1])
    return FilePage(page[:PAGE], str(page[PAGE - 1].pk) if len(page) > PAGE else "")


def _of(actor: Actor) -> "QuerySet[FileRun]":
    return FileRun.objects.filter(seller_id=actor.own_seller_id).select_related("user")
