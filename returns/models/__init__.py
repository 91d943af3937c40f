from .access import BuyerCode, BuyerLookup, BuyerSession, Invitation
from .events import EventText, ReturnEvent
from .money import Refund
from .order import Buyer, Order, OrderItem
from .people import Membership, ReturnAddress, Seller, User
from .reasons import ClosureReason, ReturnReason
from .requests import ReturnItem, ReturnRequest, StatusCount
from .runs import BulkRow, BulkRun, FileRun
from .settings import Edition, Heartbeat, MarketplaceSettings, ScheduledJob
from .teamwork import Deciding, Note

__all__ = [
    "BulkRow",
    "BulkRun",
    "Buyer",
    "BuyerCode",
    "BuyerLookup",
    "BuyerSession",
    "ClosureReason",
    "Deciding",
    "Edition",
    "EventText",
    "FileRun",
    "Heartbeat",
    "Invitation",
    "MarketplaceSettings",
    "Membership",
    "Note",
    "Order",
    "OrderItem",
    "Refund",
    "ReturnAddress",
    "ReturnEvent",
    "ReturnItem",
    "ReturnReason",
    "ReturnRequest",
    "ScheduledJob",
    "Seller",
    "StatusCount",
    "User",
]
