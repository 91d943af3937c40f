"""The demo: two sellers, their team, and a queue in which every rule can be seen at once.

Told the way a real portal fills: order reports and a returns report are generated with dates relative to now and
imported, requests are opened and decisions made through the services, each by an actor who carries the time of
the story. Nothing is written past the services but people, sellers and settings.
"""

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.core.files.uploadedfile import SimpleUploadedFile

from .. import services
from ..actors import Actor, MemberRole
from ..advice import Zone
from ..grounds import Stated
from ..models import (
    Buyer,
    LabelKind,
    MarketplaceSettings,
    Membership,
    Offer,
    Order,
    OrderItem,
    ReturnAddress,
    ReturnDraft,
    ReturnRequest,
    Seller,
    User,
)
from ..models.clock import database_now
from ..models.money import RefundPart
from ..models.people import Language
from ..services.asking import choose_items, describe_item, digest_of, send_draft
from ..services.comments import save_comment
from ..services.concessions import give_concession
from ..services.costs import add_return_cost, save_weights
from ..services.decide import Authorization, Closing
from ..services.imports import import_orders, import_returns
from ..services.labels import Label, keep_label_file
from ..services.offers import Terms
from ..services.open import AskedLine
from ..services.policies import save_settings
from ..services.seller_rules import save_returnless_rule, set_override
from ..services.team import invite_member
from ..services.withdraw import WithdrawnLine
from ..state_machine import Outcome
from .demo_pictures import draw_kettle, draw_label

PASSWORD = "returns-demo"
DORA = "dora@demo.test"


@dataclass(frozen=True, slots=True)
class Product:
    sku: str
    title: str
    cents: int
    asin: str


CABLE = Product("CABLE-USBC-2M", "USB-C cable 2 m, braided", 899, "B08PDN4YK6")
KETTLE = Product("KETTLE-17-SS", "Gooseneck kettle 1.7 L, stainless steel", 3990, "B07XK2M4QD")
RUG = Product("RUG-160x230", "Flat-weave rug 160 × 230 cm, grey", 12900, "B01LXQ7VN3")
SHIRT_M = Product("SHIRT-LIN-M", "Linen shirt, size M, sand", 3400, "B09HTV6WZ1")
SHIRT_L = Product("SHIRT-LIN-L", "Linen shirt, size L, sand", 3400, "B0BRM2QX7T")
LAMP = Product("LAMP-DSK-BLK", "Desk lamp with dimmer, black", 2450, "B0C3LJ8R5N")
MUGS = Product("MUG-SET-4", "Mug set of four, “Nordic” glaze", 2995, "B0D5WQH3LC")
DRILL = Product("DRILL-BIT-19", "Drill bit set, 19 pieces, HSS-Co 5 %", 2240, "B07ZZTRQ2M")
FLASK = Product("保温杯-500ML", "保温杯 500 毫升，磨砂白", 1980, "B0CW9S4F8G")
PLANTER = Product("PLANTER-40-TC", "Terracotta planter 40 cm with saucer", 2400, "B0B7RT55QX")
BOARD = Product("BOARD-ENGRAVED", "Oak cutting board, engraved to order", 5900, "B0BXJ2M9PL")
STOVE = Product("STOVE-CAMP-1", "Camping stove, single burner", 4250, "B08QK7YV3N")
FUEL = Product("FUEL-GEL-6", "Fuel gel, 6 cans of 200 g", 1890, "B0CD4HT7ZW")
HEADSET = Product("HEADSET-BT-5", "Bluetooth headset with boom microphone", 8900, "B0BTF1W6KD")
TENT = Product("TENT-3P-GRN", "Three-person tent, green", 18900, "B09ZPLM4TX")
SPEAKER = Product("SPEAKER-MINI", "Portable speaker, splash-proof", 4590, "B0C8M2VQ1R")
BACKPACK = Product("PACK-28-NVY", "Day backpack 28 L, navy", 6450, "B0BKR9D3FJ")
SCALE = Product("SCALE-KIT-5", "Kitchen scale, 5 kg, 1 g steps", 2190, "B07V6QXH2M")
CLIPS = Product("CLIP-CABLE-12", "Cable clips, 12 pieces", 450, "B0BQ4YTW7L")
EVERYDAY = (CABLE, KETTLE, SHIRT_M, SHIRT_L, LAMP, MUGS, DRILL, FLASK, HEADSET, SPEAKER, BACKPACK, SCALE)

BUYERS = (
    ("Zoë Rossi", "Austin", "US"),
    ("王伟", "Portland", "US"),
    ("Emeka Obi", "Chicago", "US"),
    ("Hana Sato", "Seattle", "US"),
    ("José García", "San Antonio", "US"),
    ("Amelia Clarke", "Leeds", "GB"),
    ("Chloé Renaud", "Québec", "CA"),
    ("Lukas Brandt", "Hamburg", "DE"),
    ("陈静", "上海", "CN"),
    ("Priya Nair", "Columbus", "US"),
    ("Mateo Silva", "Miami", "US"),
    ("Grace Kim", "Denver", "US"),
    ("Noah Fischer", "Toronto", "CA"),
    ("刘洋", "深圳", "CN"),
    ("Olivia Hart", "Boston", "US"),
)

WHY = (
    ("CR-UNWANTED_ITEM", "Bought two by mistake, one is enough."),
    ("CR-UNWANTED_ITEM", ""),
    ("CR-NOT_COMPATIBLE", "Does not fit the socket we have."),
    ("AMZ-PG-APP-TOO-SMALL", ""),
    ("AMZ-PG-APP-STYLE", "The colour is warmer than in the picture."),
    ("CR-DEFECTIVE", "Stopped working on the second day."),
    ("CR-QUALITY_UNACCEPTABLE", "The seam came apart after one wash."),
    ("CR-MISSED_ESTIMATED_DELIVERY", "It was meant as a birthday present."),
    ("AMZ-PG-BAD-DESC", "颜色和图片不一样。"),
    ("CR-MISSING_PARTS", "The cap is missing."),
    ("CR-ORDERED_WRONG_ITEM", ""),
    ("CR-SWITCHEROO", "I ordered black and got white."),
)

# What the team writes again and again: name, language, reason ("" for any), text.
SAVED_COMMENTS = (
    (
        "Window over",
        "en",
        "outside_return_window",
        "We are sorry, the return window is over. If something is wrong with the item, please write to us.",
    ),
    (
        "退货期已过",
        "zh-hans",
        "outside_return_window",
        "很抱歉，退货期限已过。如果商品有任何问题，请联系我们，我们会尽力为您解决。",
    ),
    (
        "Keep it, refund follows",
        "en",
        "refund_without_return",
        "Please keep the item or give it to somebody who likes it. You need not send anything back.",
    ),
    ("无需退回", "zh-hans", "refund_without_return", "商品请您留用，无需寄回，退款将按承诺的日期到账。"),
    ("Thank you", "en", "", "Thank you for your patience, and please write to us whenever we can help."),
    ("感谢", "zh-hans", "", "感谢您的耐心等待，如需帮助请随时与我们联系。"),
)


# What North Lane pays for a parcel back, in US cents up to so many grams, and what its products weigh.
RETURN_COSTS = {
    Zone.DOMESTIC: ((1000, 690), (3000, 980), (10_000, 1950)),
    Zone.INTERNATIONAL: ((1000, 1240), (3000, 2180), (10_000, 4600)),
}
WEIGHTS = """CABLE-USBC-2M, 120
CLIP-CABLE-12, 80
SHIRT-LIN-M, 260
SHIRT-LIN-L, 280
SCALE-KIT-5, 700
LAMP-DSK-BLK, 1650
RUG-160x230, 6800
PLANTER-40-TC, 9500
TENT-3P-GRN, 4200
"""


@dataclass(slots=True)
class Bought:
    """An order of the story. `days` ago it was ordered, `promised` days ago it should have arrived."""

    number: str
    buyer: str
    city: str
    country: str
    days: float
    promised: float
    lines: Sequence[tuple[Product, int]]
    email: str = ""
    is_business: bool = False
    language: str = ""


@dataclass
class Story:
    """The telling: collects orders, imports them, and looks them up again."""

    seller: Seller
    now: datetime
    dice: random.Random
    bought: list[Bought] = field(default_factory=list)
    reported: list[dict[str, Any]] = field(default_factory=list)

    def order(
        self, who: tuple[str, str, str], days: float, *lines: tuple[Product, int], **more: Any
    ) -> Bought:
        """An order of `days` ago, arriving five days later unless `promised` says otherwise."""
        prefix = {"US": "114", "CA": "702", "GB": "203", "DE": "302", "FR": "402", "CN": "503"}[who[2]]
        number = f"{prefix}-{self.dice.randrange(10**6, 10**7)}-{self.dice.randrange(10**6, 10**7)}"
        more.setdefault("email", f"b{self.dice.getrandbits(48):x}@buyers.test")
        more.setdefault("promised", days - 5)
        bought = Bought(number, *who, days=days, lines=lines, **more)
        self.bought.append(bought)
        return bought

    def report(self, bought: Bought, product: Product, *, asked: float, status: str, **columns: Any) -> None:
        """A row of the marketplace's returns report, asked for `asked` days ago."""
        self.reported.append(
            {"bought": bought, "product": product, "asked": asked, "status": status, **columns}
        )

    def ago(self, days: float) -> datetime:
        return self.now - timedelta(days=days)

    def import_orders(self) -> None:
        header = [
            "order-id",
            "order-item-id",
            "purchase-date",
            "promise-date",
            "buyer-email",
            "sku",
            "product-name",
            "quantity-purchased",
            "recipient-name",
            "ship-city",
            "ship-country",
            "is-business-order",
        ]
        rows = [header]
        prices = [
            [
                "amazon-order-id",
                "purchase-date",
                "item-status",
                "fulfillment-channel",
                "product-name",
                "sku",
                "asin",
                "quantity",
                "currency",
                "item-price",
                "item-tax",
                "shipping-price",
                "ship-city",
                "ship-country",
                "is-business-order",
            ]
        ]
        for bought in self.bought:
            ordered = self.ago(bought.days).isoformat(timespec="seconds")
            promised = self.ago(bought.promised).isoformat(timespec="seconds")
            business = "true" if bought.is_business else "false"
            for position, (product, quantity) in enumerate(bought.lines, start=1):
                item_id = f"{bought.number.replace('-', '')[:12]}{position:02}"
                rows.append(
                    [
                        bought.number,
                        item_id,
                        ordered,
                        promised,
                        bought.email,
                        product.sku,
                        product.title,
                        str(quantity),
                        bought.buyer,
                        bought.city,
                        bought.country,
                        business,
                    ]
                )
                price = product.cents * quantity
                prices.append(
                    [
                        bought.number,
                        ordered,
                        "Shipped",
                        "Merchant",
                        product.title,
                        product.sku,
                        product.asin,
                        str(quantity),
                        "USD",
                        f"{price / 100:.2f}",
                        f"{price * 7 // 100 / 100:.2f}",
                        "4.99",
                        bought.city,
                        bought.country,
                        business,
                    ]
                )
        actor = Actor.marketplace(self.seller)
        import_orders(actor, file=_file(rows), name="orders_shipping.tsv")
        import_orders(actor, file=_file(prices), name="orders_report.tsv")
        for bought in self.bought:
            if bought.language:
                Buyer.objects.filter(order__seller=self.seller, order__order_number=bought.number).update(
                    language=bought.language
                )

    def import_returns(self) -> None:
        header = [
            "Order ID",
            "Order date",
            "Return request date",
            "Return request status",
            "Amazon RMA ID",
            "Label type",
            "Label cost",
            "Currency code",
            "Return carrier",
            "Tracking ID",
            "Label to be paid by",
            "ASIN",
            "Merchant SKU",
            "Item Name",
            "Return quantity",
            "Return Reason",
            "In policy",
            "Return type",
            "Resolution",
            "Return delivery date",
            "Order Amount",
            "Order quantity",
            "Refunded Amount",
        ]
        letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz23456789"
        rows = [header]
        for row in self.reported:
            bought, product = row["bought"], row["product"]
            quantity = next(number for found, number in bought.lines if found == product)
            rma = "D" + "".join(self.dice.choice(letters) for _place in range(7)) + "RRMA"
            delivered = row.get("delivered")
            rows.append(
                [
                    bought.number,
                    _time(self.ago(bought.days)),
                    _time(self.ago(row["asked"])),
                    row["status"],
                    rma,
                    row.get("label", "AmazonUnPaidLabel"),
                    row.get("cost", "0.00"),
                    "USD",
                    row.get("carrier", " "),
                    row.get("tracking", " "),
                    row.get("payer", "Customer"),
                    product.asin,
                    product.sku,
                    product.title,
                    str(row.get("units", quantity)),
                    row.get("reason", "CR-UNWANTED_ITEM"),
                    row.get("in_policy", "Y"),
                    "C-Returns",
                    row.get("resolution", "StandardRefund"),
                    _time(self.ago(delivered)) if delivered is not None else " ",
                    f"{product.cents * quantity / 100:.2f}",
                    str(quantity),
                    row.get("refunded", " "),
                ]
            )
        import_returns(Actor.marketplace(self.seller), file=_file(rows), name="returns_report.tsv")

    def ask(
        self, bought: Bought, days: float, *wanted: tuple[Product, int, str, str]
    ) -> tuple[ReturnRequest, Actor]:
        """The buyer asks `days` ago; answers the request and its buyer."""
        order = Order.objects.select_related("seller").get(seller=self.seller, order_number=bought.number)
        lines = {line.sku: line for line in order.items.all()}
        buyer = Actor.buyer(order)
        event = services.open_return(
            buyer.at(self.ago(days)),
            order_reference=order.reference,
            lines=[
                AskedLine(
                    order_item_id=lines[product.sku].pk, quantity=units, reason_code=reason, comment=comment
                )
                for product, units, reason, comment in wanted
            ],
        )
        return event.request, buyer

    def ask_with_photos(
        self, bought: Bought, days: float, wanted: tuple[Product, int, str, str], photos: Sequence[bytes]
    ) -> None:
        """The buyer asks as the pages do it, step by step, with photos of the one product."""
        product, units, reason, comment = wanted
        line = OrderItem.objects.select_related("order").get(
            order__seller=self.seller, order__order_number=bought.number, sku=product.sku
        )
        buyer = Actor.buyer(line.order).at(self.ago(days))
        reference = line.order.reference
        choose_items(buyer, order_reference=reference, quantities={line.pk: units})
        describe_item(
            buyer,
            order_reference=reference,
            line=line,
            reason_code=reason,
            comment=comment,
            uploads=[SimpleUploadedFile("photo.jpg", photo) for photo in photos],
        )
        draft = ReturnDraft.objects.get(order=line.order)
        send_draft(buyer, order_reference=reference, key=draft.reference, seen=digest_of(draft))

    def withdraw(self, bought: Bought, days: float, product: Product) -> None:
        """The buyer withdraws from the contract about one unit, `days` ago."""
        line = OrderItem.objects.select_related("order").get(
            order__seller=self.seller, order__order_number=bought.number, sku=product.sku
        )
        services.withdraw(
            Actor.buyer(line.order).at(self.ago(days)),
            order_reference=line.order.reference,
            lines=[WithdrawnLine(order_item_id=line.pk, quantity=1)],
        )


def fill() -> list[str]:
    """Fill an empty portal with the demo. Answers the demo buyer's order numbers."""
    now = database_now()
    _settings()
    north_lane, team = _north_lane()
    south_pier, carol = _south_pier()
    root = _person("root@demo.test", "Root", is_staff=True, is_superuser=True)
    numbers = _tell_north_lane(north_lane, team, root, now)
    _tell_south_pier(south_pier, carol, now)
    return numbers


def _settings() -> None:
    """No season: the story's windows end as it tells, on whatever day it is told."""
    marketplace = MarketplaceSettings.load()
    marketplace.name = "Harbour Market"
    marketplace.time_zone = "America/New_York"
    marketplace.returns_url = "https://marketplace.example/returns"
    marketplace.not_returnable_skus = [BOARD.sku]
    marketplace.prepaid_exempt_skus = [FUEL.sku]
    marketplace.seasons = []
    save_settings(Actor.system(), marketplace)


@cache
def _password() -> str:
    """PASSWORD hashed, once for everybody: it is known anyhow, and hashing is made to take its time."""
    return make_password(PASSWORD)


def _person(email: str, name: str, **more: Any) -> User:
    user = User.objects.create(
        email=email, password=_password(), name=name, time_zone="America/New_York", **more
    )
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def _north_lane() -> tuple[Seller, dict[str, Actor]]:
    seller = Seller.objects.create(
        slug="north-lane",
        name="North Lane",
        time_zone="America/New_York",
        country="US",
        authorization=Seller.Authorization.BY_HAND,
        imported_messages=Seller.ImportedMessages.SEND_FROM_HERE,
        instructions="Please put the RMA number on the outside of the parcel.",
    )
    for name, lines, city, region, postal_code, country in (
        ("North Lane Returns", "48 Alder Street", "Albany", "NY", "12207", "US"),
        ("North Lane c/o Maple Depot", "1200 Dundas Street West", "Toronto", "ON", "M6J 1X2", "CA"),
        ("North Lane c/o Nordlager", "Hafenweg 9", "Hamburg", "", "20457", "DE"),
        ("North Lane c/o Relais Rhône", "14 quai Perrache", "Lyon", "", "69002", "FR"),
    ):
        ReturnAddress.objects.create(
            seller=seller,
            name=name,
            lines=lines,
            city=city,
            region=region,
            postal_code=postal_code,
            country=country,
        )
    team = {}
    for email, name, role in (
        ("alice@demo.test", "Alice", MemberRole.OWNER),
        ("ben@demo.test", "Ben", MemberRole.AGENT),
        ("vera@demo.test", "Vera", MemberRole.VIEWER),
    ):
        user = _person(email, name)
        membership = Membership.objects.create(user=user, seller=seller, role=role)
        team[name] = Actor.seller(user, membership)
    invite_member(team["Alice"], email="nina@demo.test", role=MemberRole.AGENT)
    for name, language, reason_code, text in SAVED_COMMENTS:
        save_comment(team["Alice"], name=name, text=text, language=language, reason_code=reason_code)
    for zone, bands in RETURN_COSTS.items():
        for up_to_grams, amount_minor in bands:
            add_return_cost(
                team["Alice"],
                zone=zone,
                up_to_grams=up_to_grams,
                amount_minor=amount_minor,
                currency="USD",
            )
    save_weights(team["Alice"], default_grams=1200, text=WEIGHTS)
    return seller, team


def _south_pier() -> tuple[Seller, Actor]:
    seller = Seller.objects.create(
        slug="south-pier", name="South Pier", time_zone="America/New_York", country="US"
    )
    ReturnAddress.objects.create(
        seller=seller, name="South Pier", lines="7 Dock Road", city="Mobile", region="AL", country="US"
    )
    user = _person("carol@demo.test", "Carol")
    membership = Membership.objects.create(user=user, seller=seller, role=MemberRole.OWNER)
    return seller, Actor.seller(user, membership)


def _tell_north_lane(seller: Seller, team: dict[str, Actor], root: User, now: datetime) -> list[str]:
    story = Story(seller, now, random.Random(20))
    alice, ben = team["Alice"], team["Ben"]
    order, ask, ago = story.order, story.ask, story.ago

    # The cast: one request for each rule.
    rug = order(("李伟", "Vancouver", "CA"), 47.1, (RUG, 1), promised=42.1, language=Language.CHINESE.value)
    kettle = order(("José García", "Austin", "US"), 16, (KETTLE, 2), email=DORA)
    cable = order(("Dora Kettering", "Toronto", "CA"), 14, (CABLE, 1), email=DORA)
    planter = order(("Emeka Obi", "Chicago", "US"), 19, (PLANTER, 1))
    shirt = order(("Chloé Renaud", "Lyon", "FR"), 12, (SHIRT_M, 2), email=DORA)
    board = order(("Brightwater Catering", "Boston", "US"), 13, (BOARD, 1), is_business=True)
    camping = order(("Priya Nair", "Columbus", "US"), 15, (STOVE, 1), (FUEL, 1))
    drill = order(("Lukas Brandt", "Hamburg", "DE"), 18, (DRILL, 1))
    lamp = order(("Noah Fischer", "Toronto", "CA"), 24, (LAMP, 1), email="")
    headset = order(("Dora Kettering", "Toronto", "CA"), 17, (HEADSET, 1), email=DORA)
    tent = order(("Amelia Clarke", "Leeds", "GB"), 29, (TENT, 1))
    speaker = order(("陈静", "Denver", "US"), 15, (SPEAKER, 1), language=Language.CHINESE.value)
    promised = order(("Grace Kim", "Montréal", "CA"), 31, (MUGS, 1), email=DORA)
    never_sent = order(("Mateo Silva", "Toronto", "CA"), 75, (BACKPACK, 1))
    reopened = order(("Olivia Hart", "Toronto", "CA"), 45, (SCALE, 1))
    by_admin = order(("刘洋", "Toronto", "CA"), 50, (HEADSET, 1), language=Language.CHINESE.value)
    crowd = [
        order(
            story.dice.choice(BUYERS),
            story.dice.uniform(9, 38),
            (story.dice.choice(EVERYDAY), story.dice.choice((1, 1, 1, 2))),
        )
        for _buyer in range(52)
    ]
    labelled = order(("Dora Kettering", "Toronto", "CA"), 21, (LAMP, 1), email=DORA)
    unpaid = order(("Sara Lindqvist", "Calgary", "CA"), 20, (KETTLE, 1))
    parted = order(("Ravi Menon", "Halifax", "CA"), 12, (MUGS, 3))
    offered = order(("Ida Holm", "Toronto", "CA"), 16, (BACKPACK, 1))
    agreed = order(("Jonas Weber", "Vancouver", "CA"), 17, (SCALE, 1))
    story.import_orders()

    ask(rug, 26 / 24, (RUG, 1, "AMZ-PG-APP-STYLE", "颜色比照片深很多。"))
    story.ask_with_photos(
        kettle,
        15 / 24,
        (KETTLE, 2, "CR-DEFECTIVE", "Leaks at the spout after a week."),
        [draw_kettle(is_close=is_close) for is_close in (False, True)],
    )
    story.report(
        cable, CABLE, asked=20.8 / 24, status="PendingApproval", cost="7.40", reason="CR-UNWANTED_ITEM"
    )
    story.report(
        planter,
        PLANTER,
        asked=1.4,
        status="PendingApproval",
        cost="31.40",
        payer="Seller",
        reason="CR-DAMAGED_BY_CARRIER",
    )
    story.withdraw(shirt, 3 / 24, SHIRT_M)
    ask(board, 9 / 24, (BOARD, 1, "CR-UNWANTED_ITEM", "The event was called off."))
    ask(
        camping,
        6 / 24,
        (STOVE, 1, "CR-DEFECTIVE", "The igniter does not spark."),
        (FUEL, 1, "CR-UNWANTED_ITEM", ""),
    )
    ask(drill, 2.2, (DRILL, 1, "CR-MISSING_PARTS", "Three bits are missing."))
    story.report(
        drill, DRILL, asked=4 / 24, status="PendingApproval", in_policy="N", reason="CR-MISSING_PARTS"
    )
    story.report(lamp, LAMP, asked=30 / 24, status="PendingApproval", reason="NEVER_ARRIVED", in_policy="N")
    _report_history(story, crowd)
    story.import_returns()

    request, buyer = ask(
        headset, 1.6, (HEADSET, 1, "CR-NOT_COMPATIBLE", "Our phones pair with it only once.")
    )
    services.close_return(
        buyer.at(ago(3 / 24)),
        reference=request.reference,
        closing=Closing(reason_code="buyer_problem_solved", comments="A restart did it. Thank you!"),
    )
    give_concession(
        ben.at(ago(2 / 24)),
        order_reference=request.order.reference,
        line_id=request.items.get().order_item_id,
        part=RefundPart.GOODWILL,
        amount_minor=500,
        memo="Thank you for trying again. The manual will say it from now on.",
        note="Third one this month who could not pair it",
        request_reference=request.reference,
    )
    request, buyer = ask(tent, 14, (TENT, 1, "CR-QUALITY_UNACCEPTABLE", "The fly sheet lets water in."))
    _address_for(seller, "GB")
    services.authorize_return(alice.at(ago(13.5)), reference=request.reference)
    services.hand_over(
        buyer.at(ago(10)), reference=request.reference, carrier="Royal Mail", tracking_number="RR123456785GB"
    )
    (item,) = request.items.all()
    services.receive_return(ben.at(ago(5.5)), reference=request.reference, received={item.pk: (1, "used")})
    services.write_message(
        buyer.at(ago(1.4)),
        reference=request.reference,
        comments="You have had the tent for four days. When do you refund me?",
    )
    services.write_message(
        ben.at(ago(1.1)),
        reference=request.reference,
        comments="We are drying and checking it, and come back to you tomorrow.",
    )
    services.escalate(
        buyer.at(ago(0.3)), reference=request.reference, comments="It has been five days and nothing came."
    )
    request, buyer = ask(speaker, 2.5, (SPEAKER, 1, "CR-UNWANTED_ITEM", "家里已经有一个了。"))
    services.keep_item(buyer.at(ago(1.2)), reference=request.reference)
    request, buyer = ask(promised, 9, (MUGS, 1, "CR-DAMAGED_BY_CARRIER", "Two of the four are broken."))
    _close_promised(story, ben, request, closed=8.5, promised_days=3)
    request, buyer = ask(never_sent, 60, (BACKPACK, 1, "CR-UNWANTED_ITEM", ""))
    services.authorize_return(alice.at(ago(59.5)), reference=request.reference)
    services.complete_return(
        Actor.system().at(ago(1)), reference=request.reference, outcome=Outcome.NOT_RETURNED
    )
    request, buyer = ask(reopened, 4, (SCALE, 1, "CR-DEFECTIVE", "It shows 12 g with nothing on it."))
    services.close_return(
        ben.at(ago(3.5)),
        reference=request.reference,
        closing=Closing(
            reason_code="outside_return_window",
            comments="The window for this order has ended.",
            stated=Stated(has_checked_claim=True),
        ),
    )
    services.reopen_return(
        alice.at(ago(2 / 24)),
        reference=request.reference,
        comments="You are right, a fault is not a matter of the window. We look at it again.",
    )
    request, buyer = ask(by_admin, 9, (HEADSET, 1, "CR-UNWANTED_ITEM", "买重了。"))
    services.close_return(
        Actor.admin(root).at(ago(7)),
        reference=request.reference,
        closing=Closing(reason_code="outside_return_window", comments="退货期限已过，因此我们关闭了此请求。"),
    )
    lamp_request = ReturnRequest.objects.get(seller=seller, order__order_number=lamp.number)
    services.close_return(
        ben.at(ago(1 / 24)),
        reference=lamp_request.reference,
        closing=Closing(
            reason_code="order_never_arrived",
            comments="We have asked the carrier to search for your parcel and will tell you the result.",
        ),
    )
    request, buyer = ask(labelled, 2, (LAMP, 1, "CR-DEFECTIVE", "It flickers at half brightness."))
    services.authorize_return(
        alice.at(ago(1.8)), reference=request.reference, decision=Authorization(label=_own_label())
    )
    request, buyer = ask(unpaid, 2, (KETTLE, 1, "CR-UNWANTED_ITEM", ""))
    services.authorize_return(
        ben.at(ago(1.7)),
        reference=request.reference,
        decision=Authorization(label=Label(kind=LabelKind.UNPAID)),
    )
    request, buyer = ask(parted, 10 / 24, (MUGS, 3, "CR-DAMAGED_BY_CARRIER", "One of the three is chipped."))
    (item,) = request.items.all()
    services.split_return(ben.at(ago(4 / 24)), reference=request.reference, units={item.pk: 1})
    _tell_offers(story, offered, agreed, ben)
    _tell_crowd(story, crowd[12:], alice, ben)
    _tell_rules(seller, alice, now)
    open_order = _tell_of_an_order_to_ask_for(seller, now)
    doras = (cable, headset, kettle, promised, labelled, shirt, open_order)
    return [bought.number for bought in doras]


def _tell_of_an_order_to_ask_for(seller: Seller, now: datetime) -> Bought:
    """Dora's order of which little was asked for: the one to try asking with."""
    story = Story(seller, now, random.Random(22))
    bought = story.order(("Dora Kettering", "Toronto", "CA"), 11, (MUGS, 8), (SCALE, 1), email=DORA)
    story.import_orders()
    story.ask(bought, 1.2, (MUGS, 1, "CR-DAMAGED_BY_CARRIER", "One of the four mugs arrived in pieces."))
    return bought


def _own_label() -> Label:
    number = "1Z999AA10123456784"
    drawn = draw_label(
        "UPS",
        number,
        "Dora Kettering\nToronto, ON\nCanada",
        "North Lane c/o Maple Depot\n1200 Dundas Street West\nToronto ON M6J 1X2\nCanada",
    )
    file = keep_label_file(SimpleUploadedFile("label.png", drawn))
    return Label(
        kind=LabelKind.OWN,
        file=file,
        carrier="UPS",
        tracking_number=number,
        cost_minor=1180,
        currency="USD",
    )


def _tell_offers(story: Story, offered: Bought, agreed: Bought, ben: Actor) -> None:
    """One offer that waits for its buyer, and one that was accepted: its refund is to be paid."""
    request, _buyer = story.ask(
        offered, 9 / 24, (BACKPACK, 1, "AMZ-PG-APP-STYLE", "It is darker than I thought.")
    )
    services.make_offer(
        ben.at(story.ago(5 / 24)),
        reference=request.reference,
        terms=Terms(
            kind="keep_partial",
            amount_minor=2000,
            comments="If you keep it all the same, we refund you $20. Otherwise we take it back.",
        ),
    )
    request, buyer = story.ask(agreed, 1.2, (SCALE, 1, "CR-UNWANTED_ITEM", "We were given one."))
    event = services.make_offer(
        ben.at(story.ago(1)),
        reference=request.reference,
        terms=Terms(
            kind="keep_full", comments="Sending it back costs as much as it is worth: please keep it."
        ),
    )
    offer = Offer.objects.get(event=event)
    services.accept_offer(buyer.at(story.ago(6 / 24)), reference=request.reference, offer_id=offer.pk)


def _tell_rules(seller: Seller, alice: Actor, now: datetime) -> None:
    """What the owner has decided beforehand, and a request that is refunded by it."""
    save_returnless_rule(alice, name="Small things", currency="USD", least_minor=0, most_minor=500)
    set_override(alice, sku=TENT.sku, is_automatic=True)
    set_override(alice, sku=RUG.sku, is_automatic=False)
    story = Story(seller, now, random.Random(21))
    clips = story.order(("Hana Sato", "Seattle", "US"), 9, (CLIPS, 1))
    story.import_orders()
    story.ask(clips, 5 / 24, (CLIPS, 1, "CR-NOT_COMPATIBLE", "Too narrow for our cables."))


def _report_history(story: Story, crowd: list[Bought]) -> None:
    """A dozen rows of the marketplace's file, in every status it knows."""
    statuses: tuple[dict[str, Any], ...] = (
        {"status": "Approved"},
        {"status": "Approved", "label": "AmazonPrePaidLabel", "payer": "Amazon", "carrier": "USPS"},
        {"status": "PendingLabel", "label": "MerchantPrePaidLabel", "payer": "Seller"},
        {"status": "PendingRefund", "delivered": 1.2},
        {"status": "PendingRefund", "delivered": 6.0},
        {"status": "Completed", "delivered": 3.0},
        {"status": "Completed", "delivered": 5.0},
        {"status": "Completed", "resolution": "ReturnlessRefund"},
        {"status": "Closed", "in_policy": "N"},
        {"status": "Declined", "in_policy": "N"},
        {"status": "PendingApproval"},
        {"status": "PendingApproval", "label": "AmazonPrePaidLabel", "payer": "Amazon", "carrier": "UPS"},
    )
    for bought, said in zip(crowd, statuses, strict=False):
        ((product, quantity),) = bought.lines
        columns = dict(said)
        if columns["status"] == "Completed":
            columns["refunded"] = f"{product.cents * quantity / 100:.2f}"
        asked = 0.7 if columns["status"] == "PendingApproval" else max(bought.days - 7, 2.0)
        story.report(bought, product, asked=asked, reason=story.dice.choice(WHY)[0], **columns)


def _tell_crowd(story: Story, crowd: list[Bought], alice: Actor, ben: Actor) -> None:
    """What goes on in an ordinary week: some wait, most are authorized, received, refunded or closed."""
    for position, bought in enumerate(crowd):
        ((product, quantity),) = bought.lines
        reason, comment = story.dice.choice(WHY)
        is_waiting = position % 3 == 0
        asked = (
            story.dice.uniform(0.05, 0.9) if is_waiting else story.dice.uniform(1.5, max(bought.days - 6, 2))
        )
        request, _buyer = story.ask(bought, asked, (product, quantity, reason, comment))
        if is_waiting:
            continue
        who = alice if position % 2 else ben
        if position % 9 == 1 and not request.prepaid_eligible:
            _close_promised(story, who, request, closed=asked - 0.6, promised_days=30)
            continue
        if position % 9 == 4 and not request.prepaid_eligible:
            services.close_return(
                who.at(story.ago(asked - 0.5)),
                reference=request.reference,
                closing=Closing(
                    reason_code="technical_issue_solved",
                    comments="We are glad that the reset described in the manual solved it.",
                ),
            )
            continue
        _address_for(story.seller, bought.country)
        services.authorize_return(
            who.at(story.ago(asked - 0.4)),
            reference=request.reference,
            decision=Authorization(instructions=story.seller.instructions),
        )
        if position % 9 in (2, 5, 7) and asked > 3:
            (item,) = request.items.all()
            arrived = story.dice.uniform(0.5, min(asked - 1, 3.5))
            services.receive_return(
                ben.at(story.ago(arrived)),
                reference=request.reference,
                received={item.pk: (quantity, "opened")},
            )
            if position % 9 != 7:
                line = item.order_item
                refunded_at = story.ago(arrived * 0.6)
                services.record_refund(
                    alice.at(refunded_at),
                    reference=request.reference,
                    amounts={
                        (item.pk, "item"): line.item_paid_minor or 0,
                        (item.pk, "tax"): line.tax_paid_minor or 0,
                    },
                    refunded_date=refunded_at.date(),
                )


def _close_promised(
    story: Story, who: Actor, request: ReturnRequest, *, closed: float, promised_days: int
) -> None:
    """Close with a refund promise due `promised_days` after the closing."""
    (item,) = request.items.all()
    closed_at = story.ago(closed)
    services.close_return(
        who.at(closed_at),
        reference=request.reference,
        closing=Closing(
            reason_code="refund_without_return",
            comments="Please keep the item or give it away. We are sorry for the trouble.",
            stated=Stated(
                promise_minor=item.order_item.item_paid_minor,
                promise_currency="USD",
                promise_due_date=(closed_at + timedelta(days=promised_days)).date(),
            ),
        ),
    )


def _address_for(seller: Seller, country: str) -> None:
    """A seller who authorizes abroad has an address there."""
    places = {"GB": "Leeds", "CN": "Shenzhen", "FR": "Lyon"}
    if not ReturnAddress.objects.filter(seller=seller, country=country).exists():
        ReturnAddress.objects.create(
            seller=seller,
            name=f"{seller.name} returns desk",
            lines="Unit 4, Mill Lane",
            city=places.get(country, country),
            country=country,
        )


def _tell_south_pier(seller: Seller, carol: Actor, now: datetime) -> None:
    """A second seller, whose requests nobody of North Lane ever sees; prepaid ones are authorized by themselves."""
    story = Story(seller, now, random.Random(21))
    bought = [
        story.order(buyer, 12 + position, (product, 1))
        for position, (buyer, product) in enumerate(zip(BUYERS[:6], EVERYDAY[:6], strict=True))
    ]
    story.import_orders()
    for position, order in enumerate(bought):
        ((product, quantity),) = order.lines
        reason, comment = WHY[position]
        story.ask(order, 0.2 + position * 0.4, (product, quantity, reason, comment))


def _file(rows: list[list[str]]) -> io.BytesIO:
    return io.BytesIO("\n".join("\t".join(row) for row in rows).encode())


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _time(moment: datetime) -> str:
    """As the report writes it: 21-Aug-2026 10:11:12, month names in English whatever the locale."""
    return f"{moment:%d}-{_MONTHS[moment.month - 1]}-{moment:%Y %H:%M:%S}"
