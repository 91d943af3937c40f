"""What must hold whatever happened, and what a refusal must leave alone."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.apps import apps
from django.db.models import Count, F, Model, Sum

from returns.exceptions import Refusal
from returns.models import OrderItem, ReturnRequest, StatusCount
from returns.models.money import EXTRA_PARTS, PAID_PARTS


def everything_adds_up() -> None:
    """Counters are COUNT(*), units and refunds of lines are the sums of their rows, versions have no gap."""
    counted = Counter(
        {(row.seller_id, row.status): row.requests for row in StatusCount.objects.filter(requests__gt=0)}
    )
    assert counted == Counter(ReturnRequest.objects.values_list("seller_id", "status"))
    for line in OrderItem.objects.annotate(held=Sum("return_items__units_held")):
        assert line.units_held == (line.held or 0)
        for part in PAID_PARTS:
            refunded = (
                line.refunds.counted().filter(part=part).aggregate(total=Sum("amount_minor"))["total"] or 0
            )
            assert getattr(line, f"{part}_refunded_minor") == refunded
        extras = line.refunds.counted().filter(part__in=EXTRA_PARTS)
        given = extras.aggregate(total=Sum("amount_minor"))["total"] or 0
        assert line.extra_refunded_minor == given <= (line.extra_ceiling_minor or 0)
    gaps = ReturnRequest.objects.annotate(written=Count("events")).exclude(written=F("version"))
    assert not gaps.exists()
    for request in ReturnRequest.objects.all():
        last = request.events.order_by("-version")[0]
        assert (last.version, last.target, last.outcome) == (request.version, request.status, request.outcome)


def row(instance: Model) -> dict[str, Any]:
    """The instance as it is now in the database, column by column."""
    return type(instance)._default_manager.filter(pk=instance.pk).values().get()


def snapshot() -> dict[str, list[dict[str, Any]]]:
    """Every row of every table of our own."""
    return {
        model.__name__: list(model._default_manager.order_by("pk").values())
        for name in ("returns", "notifications")
        for model in apps.get_app_config(name).get_models()
    }


@contextmanager
def refused(kind: type[Refusal], sentence: str = "") -> Iterator[pytest.ExceptionInfo[Refusal]]:
    """What happens inside is refused with exactly this kind (and sentence), and changed no row anywhere."""
    before = snapshot()
    with pytest.raises(Refusal) as refusal:
        yield refusal
    assert type(refusal.value) is kind, repr(refusal.value)
    said = str(refusal.value)
    assert said
    assert said[-1] in ".…"
    if sentence:
        assert said == sentence
    assert snapshot() == before
