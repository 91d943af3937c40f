"""Columns and constraints that several tables share."""

import secrets
import uuid
from typing import Any

from django.db import models
from django.db.models import Q


def new_reference() -> str:
    """16 random bytes as hex with hyphens: what stands in an address, and cannot be guessed."""
    return str(uuid.UUID(bytes=secrets.token_bytes(16)))


class ReferenceField(models.CharField):
    """A random public identifier."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("max_length", 36)
        options.setdefault("default", new_reference)
        options.setdefault("editable", False)
        super().__init__(**options)


def minor_units(**options: Any) -> models.BigIntegerField:
    """An amount in whole minor units of its row's currency."""
    return models.BigIntegerField(**options)


def one_of(column: str, choices: type[models.TextChoices], *, name: str, blank: bool = False) -> Any:
    """A CHECK that the column holds one of the choices (or nothing, where `blank`)."""
    values = [*choices.values, ""] if blank else list(choices.values)
    return models.CheckConstraint(condition=Q(**{f"{column}__in": values}), name=name)
