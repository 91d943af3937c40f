"""Celery's doors. A task has its service's name and is one line."""

from celery import shared_task

from .services import jobs


@shared_task(name="returns.run_due_jobs")
def run_due_jobs() -> list[str]:
    return jobs.run_due_jobs()
