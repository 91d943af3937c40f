"""The marketplace's admin: words and settings are edited here; requests are read, and decided by services."""

from . import marketplace, payouts, people, reasons, records  # noqa: F401 - importing registers
from .base import BigTableAdmin, DeskAdmin
from .site import site

__all__ = ["BigTableAdmin", "DeskAdmin", "site"]
