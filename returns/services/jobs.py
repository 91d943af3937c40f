"""The clockwork: periodic jobs that run once per turn, wherever the loop or beat comes by first."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings

from ..models import BuyerCode, BuyerLookup, BuyerSession, Deciding, Heartbeat, ScheduledJob
from ..models.clock import database_now
from .asking import clear_drafts
from .bulk import forget_bulk_runs, work_on_bulk_runs
from .deadlines import authorize_at_limit, complete_not_returned, lapse_offers, remind
from .imports.uploads import clear_uploads
from .labels import clear_label_files
from .photos import clear_photo_files

KEEP_ACCESS_ROWS = timedelta(days=2)


def clear_access_rows() -> int:
    """Forget codes, sessions and look-ups of buyers that are long over. Answers how many rows."""
    before = database_now() - KEEP_ACCESS_ROWS
    gone = 0
    for rows in (
        BuyerCode.objects.filter(expires_at__lt=before),
        BuyerSession.objects.filter(expires_at__lt=before),
        BuyerLookup.objects.filter(created_at__lt=before),
    ):
        gone += rows.delete()[0]
    return gone


def clear_deciding() -> int:
    """Forget who had a decision open and has not any more. Answers how many rows."""
    return Deciding.objects.filter(until__lt=database_now()).delete()[0]


JOBS: dict[str, Callable[[], int]] = {
    "authorize_at_limit": authorize_at_limit,
    "complete_not_returned": complete_not_returned,
    "remind": remind,
    "lapse_offers": lapse_offers,
    "clear_access_rows": clear_access_rows,
    "clear_uploads": clear_uploads,
    "clear_label_files": clear_label_files,
    "clear_photo_files": clear_photo_files,
    "clear_drafts": clear_drafts,
    "work_on_bulk_runs": work_on_bulk_runs,
    "forget_bulk_runs": forget_bulk_runs,
    "clear_deciding": clear_deciding,
}


def run_due_jobs() -> list[str]:
    """Run the jobs whose turn has come; answers their names.

    Whoever moves a job's `due_at` forward owns that turn. A turn that is lost to a kill comes again with the
    next one: each job finds by itself what is due.
    """
    beat("jobs")
    now = database_now()
    ran = []
    for name, seconds in settings.SCHEDULE.items():
        ScheduledJob.objects.get_or_create(name=name, defaults={"due_at": now})
        claimed = ScheduledJob.objects.filter(name=name, due_at__lte=now).update(
            due_at=now + timedelta(seconds=seconds)
        )
        if claimed:
            JOBS[name]()
            ran.append(name)
    return ran


def beat(name: str) -> None:
    """Note that `name` (the loop, or beat) came by."""
    now = database_now()
    if not Heartbeat.objects.filter(name=name).update(beat_at=now):
        Heartbeat.objects.update_or_create(name=name, defaults={"beat_at": now})


def last_heartbeat() -> datetime | None:
    """When the loop or beat last came by, whichever was later; None before the first time."""
    return Heartbeat.objects.order_by("-beat_at").values_list("beat_at", flat=True).first()
