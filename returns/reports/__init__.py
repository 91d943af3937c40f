"""The marketplaces' files: bytes to rows and rows to bytes, nothing else.

`read_returns` and `read_orders` take a binary file and give a report: iterated, as often as needed, it
yields rows and `RefusedRow`s in the file's order, with memory that does not grow with the file. What cannot
be read at all raises `UnreadableFile` before the first row. `recognise` says which of the two a file is.
"""

from .kinds import ReportKind, recognise
from .orders_report import OrderRow, OrdersReport, read_orders
from .returns_report import ReturnRow, ReturnsReport, read_returns
from .values import Moment, RefusedRow

__all__ = [
    "Moment",
    "OrderRow",
    "OrdersReport",
    "RefusedRow",
    "ReportKind",
    "ReturnRow",
    "ReturnsReport",
    "read_orders",
    "read_returns",
    "recognise",
]
