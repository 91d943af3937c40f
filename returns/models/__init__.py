from .access import BuyerCode, BuyerLookup, BuyerSession, Invitation
from .comments import SavedComment
from .costs import ReturnCost, SkuWeight
from .events import EventText, ReturnEvent
from .labels import LabelKind, ReturnLabel
from .money import Refund
from .offers import Offer, OfferKind, OfferState
from .order import Buyer, Order, OrderItem
from .payouts import Payout
from .people import Membership, ReturnAddress, SavedView, Seller, User
from .photos import Photo, ReturnDraft
from .policies import RulesVersion
from .reasons import ClosureReason, ReturnReason
from .requests import ReturnItem, ReturnRequest, StatusCount
from .rules import ReturnlessRule, SkuRule, SkuUpload
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
    "LabelKind",
    "MarketplaceSettings",
    "Membership",
    "Note",
    "Offer",
    "OfferKind",
    "OfferState",
    "Order",
    "OrderItem",
    "Payout",
    "Photo",
    "Refund",
    "ReturnAddress",
    "ReturnCost",
    "ReturnDraft",
    "ReturnEvent",
    "ReturnItem",
    "ReturnLabel",
    "ReturnReason",
    "ReturnRequest",
    "ReturnlessRule",
    "RulesVersion",
    "SavedComment",
    "SavedView",
    "ScheduledJob",
    "Seller",
    "SkuRule",
    "SkuUpload",
    "SkuWeight",
    "StatusCount",
    "User",
]
