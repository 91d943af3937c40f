"""Celery's doors. A task has its service's name and is one line."""

from celery import shared_task

from .services import imports, jobs, payout_delivery

LONG = 6 * 60 * 60


@shared_task(name="returns.run_due_jobs")
def run_due_jobs() -> list[str]:
    return jobs.run_due_jobs()


# Nothing is lost with this task, so it is not given to another worker while it runs, which can be for long: a
# file whose worker dies is found by whoever looks next.
@shared_task(name="returns.work_on_a_file", acks_late=False, soft_time_limit=LONG, time_limit=LONG + 60)
def work_on_a_file() -> bool:
    return imports.work_on_a_file()


@shared_task(name="returns.send_payouts")
def send_payouts() -> bool:
    return payout_delivery.send_payouts()
