"""Reads a returns report."""

from ...services.imports import import_returns
from ._import_file import ImportCommand


class Command(ImportCommand):
    help = "Reads a returns report, flat or XML. Reading the same file again changes nothing."
    read = staticmethod(import_returns)
