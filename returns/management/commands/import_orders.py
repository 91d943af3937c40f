"""Reads an order report."""

from ...services.imports import import_orders
from ._import_file import ImportCommand


class Command(ImportCommand):
    help = "Reads an order report: who bought what. Reading the same file again changes nothing."
    read = staticmethod(import_orders)
