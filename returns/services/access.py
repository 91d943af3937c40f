"""A buyer's way in without a password: a link and a code by mail, then a session that sees one order.

Order numbers and references only identify. What proves is the mail: its link carries a token and its text a
code, both made from a row's id and salt with the server's key, so that whoever renders the mail can make them
and the row alone opens nothing. Both work once, for ten minutes, and only in the browser that asked: it holds
a random *nonce*, of which the row keeps a digest. Invitations carry a token of the same kind.

*Find my order* must not tell whether an order number and an e-mail address match: not by its words, and not by
the time it takes. So it looks for nothing. It writes down that somebody asked; who makes the mails finds out
later what matches, and makes the codes (`answer_lookups`).
"""

import base64
import hashlib
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from math import ceil
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ..actors import Actor
from ..addresses import deliverable_address, email_hash
from ..exceptions import Invalid, TooMany
from ..models import Buyer, BuyerCode, BuyerLookup, BuyerSession, Invitation, Order, ReturnRequest, Seller
from ..models.clock import database_now
from ..models.people import Language
from .moves import announce

CODE_MINUTES = 10
CODE_ATTEMPTS = 5
SESSION_IDLE = timedelta(minutes=30)
SESSION_LONGEST = timedelta(hours=2)
TOUCH_AFTER = timedelta(minutes=1)

# How many codes may be asked for: column of BuyerLookup, how many, within what time. A seller's ceiling is some
# three times what one with 2,000 requests a day needs in its busiest quarter of an hour (two codes for each
# request, a tenth of the day's in one hour); who floods its buyers is stopped below it, who is only busy is not.
LIMITS = (
    ("order_number_hash", 5, timedelta(minutes=15)),
    ("order_number_hash", 20, timedelta(days=1)),
    ("email_hash", 5, timedelta(minutes=15)),
    ("email_hash", 20, timedelta(days=1)),
    ("ip_hash", 30, timedelta(minutes=15)),
    ("seller_hash", 300, timedelta(minutes=15)),
)

# Crockford's base 32: no I, L, O, U, so that what is read aloud or copied by hand comes through.
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_AS_READ = str.maketrans({"O": "0", "I": "1", "L": "1", " ": None, "-": None})


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody was let in: the key for the browser's cookie, the order, the request whose page comes next ("":
    the order's own page), and the language that the buyer chose once, or "".
    """

    key: str
    order_reference: str
    return_reference: str
    language: str


# --- Secrets that are made, not stored


def code_for(buyer_code: BuyerCode) -> str:
    """The 8 characters of the mail."""
    return _code(buyer_code, settings.SECRET_KEY)


def token_for(buyer_code: BuyerCode) -> str:
    """What stands in the mail's link: the row's id and 192 bits."""
    return _token("buyer_link", buyer_code, settings.SECRET_KEY)


def invitation_token(invitation: Invitation) -> str:
    """What stands in an invitation's link: the row's id and 192 bits."""
    return _token("invitation", invitation, settings.SECRET_KEY)


def read_buyer_token(token: str) -> BuyerCode | None:
    """The code whose link this is, spent or not; None for a token that was not made here."""
    row = BuyerCode.objects.filter(pk=_id_in(token)).first()
    return row if row is not None and _is_token_of("buyer_link", row, token) else None


def read_invitation_token(token: str) -> Invitation | None:
    """The invitation whose link this is, open or not; None for a token that was not made here."""
    row = Invitation.objects.select_related("seller").filter(pk=_id_in(token)).first()
    return row if row is not None and _is_token_of("invitation", row, token) else None


def new_salt() -> str:
    return secrets.token_hex(16)


def digest(value: str) -> str:
    """What is stored of a random value that a browser holds; it needs no salt, it cannot be guessed."""
    return hashlib.sha256(value.encode()).hexdigest()


def _mac(purpose: str, row: BuyerCode | Invitation, key: str) -> bytes:
    return salted_hmac(f"returns.access.{purpose}", f"{row.pk}:{row.salt}", key, algorithm="sha256").digest()


def _token(purpose: str, row: BuyerCode | Invitation, key: str) -> str:
    return f"{row.pk}-{base64.urlsafe_b64encode(_mac(purpose, row, key)[:24]).decode()}"


def _code(row: BuyerCode, key: str) -> str:
    number = int.from_bytes(_mac("buyer_code", row, key)[:5], "big")
    return "".join(_LETTERS[number >> shift & 31] for shift in range(0, 40, 5))


def _keys() -> list[str]:
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


def _id_in(token: str) -> int:
    """The row's id; 0, which no row has, where there is none."""
    number = token.partition("-")[0]
    return int(number) if number.isascii() and number.isdigit() and len(number) < 19 else 0


def _is_token_of(purpose: str, row: BuyerCode | Invitation, token: str) -> bool:
    return any(constant_time_compare(_token(purpose, row, key), token) for key in _keys())


# --- Asking


def ask_for_code(*, reference: str, nonce: str, address: str, is_order: bool = False) -> None:
    """Somebody at the door of a request, or of an order (`is_order`), wants a code; it goes to the e-mail
    address of the order, if there is one.

    `nonce` is what the asking browser holds, `address` its IP address. Answers nothing: to whoever asks, a
    reference that exists and one that does not are the same, and both are counted. Raises `TooMany`, and then
    writes nothing, when this order, this e-mail address, this network or this seller's orders were asked for too
    often (`LIMITS`).
    """
    with transaction.atomic():
        order = _order_of(reference) if is_order else _order_of_request(reference)
        buyer = getattr(order, "buyer", None)
        if order is not None:
            # One at a time for a seller: two that ask at once would both find the last place free, and for one
            # order each would leave a code that the other does not know of.
            Seller.objects.select_for_update(no_key=True).get(pk=order.seller_id)
        email = buyer.email.lower() if buyer is not None else ""
        lookup = BuyerLookup(
            order=order,
            order_number_hash=_hash(
                "order", f"{order.seller_id} {order.order_number}" if order else reference
            ),
            email_hash=_hash("email", email or reference),
            ip_hash=_hash("network", _network(address)),
            seller_hash=_hash("seller", str(order.seller_id) if order else reference),
            browser_digest=digest(nonce) if is_order else "",
        )
        now = database_now()
        _check_limits(lookup, now)
        lookup.save(force_insert=True)
        if order is not None and email:
            way_in = {"lookup": lookup} if is_order else {"return_reference": reference}
            _make_code(order, nonce_digest=digest(nonce), asked_at=now, **way_in)
        announce()


def find_order(*, order_number: str, email: str, nonce: str, address: str) -> None:
    """Somebody at *Find my order* wants a code for the orders of this number and e-mail address, as typed.

    Does the same whether or not there are any. Raises `Invalid` for what cannot be an order number or an
    e-mail address, and `TooMany`, and then writes nothing, when this number, this e-mail address or this
    network asked too often.

    An address is counted here and at the doors each by itself: counted together, the limit at the one place
    would tell whether an address that somebody only guesses is that of an order with a door at the other.
    """
    number, wanted = order_number_key(order_number), typed_address(email)
    errors = {}
    if not number:
        errors["order_number"] = _("Type the order number; it stands in the confirmation of your order.")
    if not wanted:
        errors["email"] = _("Type one e-mail address, with an @ in it.")
    if errors:
        raise Invalid(next(iter(errors.values())), errors)
    lookup = BuyerLookup(
        order_number_hash=_hash("number", number),
        email_hash=_hash("address", wanted.lower()),
        ip_hash=_hash("network", _network(address)),
        seller_hash="",
        browser_digest=digest(nonce),
        wanted_email=email_hash(wanted),
    )
    with transaction.atomic():
        _one_at_a_time(lookup)
        _check_limits(lookup, database_now())
        lookup.save(force_insert=True)
        announce()


# What keyboards and copied texts put in the place of a hyphen, a dot; both are compared with the plain sign.
_TYPED = str.maketrans(dict.fromkeys("‐‑‒–—―−", "-") | {"。": "."})
_NOT_TYPED = ("Cc", "Cf", "Zs", "Zl", "Zp")


def _as_typed(value: str) -> str:
    """Without white space and what cannot be seen, full-width letters, digits and signs as plain ones."""
    plain = unicodedata.normalize("NFKC", value).translate(_TYPED)
    return "".join(sign for sign in plain if unicodedata.category(sign) not in _NOT_TYPED)


def order_number_key(order_number: str) -> str:
    """What of an order number tells it from others: not its case, its gaps, or a "#" around it."""
    return _as_typed(order_number).strip("#").casefold()


def typed_address(email: str) -> str:
    """The one e-mail address that was typed, as the importer would keep it; "" for anything else."""
    return deliverable_address(_as_typed(email))


def _one_at_a_time(lookup: BuyerLookup) -> None:
    """Let those who ask for the same wait for each other: asking at once, all would find the last place free.

    There is no row to lock that is there whether or not anything matches. SQLite has one writer anyway.
    """
    if connection.vendor != "postgresql":
        return
    hashes = (lookup.order_number_hash, lookup.email_hash, lookup.ip_hash)
    # Everybody in the same order, so that no two wait for each other.
    keys = sorted(int.from_bytes(bytes.fromhex(one)[:8], signed=True) for one in hashes)
    with connection.cursor() as cursor:
        for key in keys:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


def answer_lookups(most: int) -> int:
    """Make the codes that *Find my order* owes. Answers how many look-ups were decided, up to `most`.

    An order number is unique at its seller only: each order that matches gets a code, and so its own mail, which
    names the shop. Where a seller's ceiling is reached no code is made, in silence.
    """
    decided = 0
    undecided = BuyerLookup.objects.filter(wanted_email__gt="")
    # Asked before: on SQLite, a transaction takes the lock of all writers, even to find nothing.
    while decided < most and undecided.exists():
        with transaction.atomic():
            lookup = undecided.select_for_update(skip_locked=True).order_by("pk").first()
            if lookup is None:
                break
            _answer(lookup)
            lookup.wanted_email = ""
            lookup.save(update_fields=["wanted_email"])
        decided += 1
    return decided


def _answer(lookup: BuyerLookup) -> None:
    now = database_now()
    if now >= lookup.created_at + timedelta(minutes=CODE_MINUTES):
        return
    of_buyer = Buyer.objects.filter(email_hash=lookup.wanted_email).values_list(
        "order_id", "order__order_number"
    )
    matching = [
        order_id
        for order_id, number in of_buyer.iterator()
        if _hash("number", order_number_key(number)) == lookup.order_number_hash
    ]
    orders = list(Order.objects.for_actor(Actor.system()).filter(pk__in=matching).order_by("pk"))
    sellers = Seller.objects.filter(pk__in={order.seller_id for order in orders})
    list(sellers.select_for_update(no_key=True).order_by("pk"))
    for order in orders:
        # Counts for the seller only: what the one who asked may still do tells nothing of what was found.
        found = BuyerLookup(order=order, seller_hash=_hash("seller", str(order.seller_id)))
        try:
            _check_limits(found, now)
        except TooMany:
            continue
        found.save(force_insert=True)
        _make_code(order, nonce_digest=lookup.browser_digest, asked_at=lookup.created_at, lookup=lookup)


def _order_of(reference: str) -> Order | None:
    orders = Order.objects.for_actor(Actor.system()).filter(reference=reference)
    return orders.select_related("buyer").first()


def _order_of_request(reference: str) -> Order | None:
    requests = ReturnRequest.objects.for_actor(Actor.system()).filter(reference=reference)
    request = requests.select_related("order__buyer").first()
    return request.order if request is not None else None


def _make_code(order: Order, *, nonce_digest: str, asked_at: datetime, **way_in: Any) -> None:
    """The newest code of an order is its only one. Its seller's row must be locked."""
    BuyerCode.objects.filter(order=order, is_superseded=False).update(is_superseded=True)
    BuyerCode.objects.create(
        order=order,
        salt=new_salt(),
        browser_digest=nonce_digest,
        expires_at=asked_at + timedelta(minutes=CODE_MINUTES),
        **way_in,
    )


def _hash(purpose: str, value: str) -> str:
    """Counts without keeping what is counted: a keyed hash that only this server can make."""
    return salted_hmac(f"returns.access.{purpose}", value, algorithm="sha256").hexdigest()


def _network(address: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 address: whoever has one of its addresses has them all."""
    try:
        is_v6 = ip_address(address).version == 6
    except ValueError:
        return address
    return str(ip_network((address.partition("%")[0], 64), strict=False)) if is_v6 else address


def _check_limits(lookup: BuyerLookup, now: datetime) -> None:
    for column, most, within in LIMITS:
        if not getattr(lookup, column):
            continue
        same = BuyerLookup.objects.filter(**{column: getattr(lookup, column)}, created_at__gt=now - within)
        latest = same.order_by("-created_at").values_list("created_at", flat=True)
        if oldest := latest[most - 1 : most].first():
            wait = oldest + within - now
            seconds = max(1, round(wait.total_seconds()))
            raise TooMany(_ask_again(seconds), retry_after=seconds)


def _ask_again(seconds: int) -> str:
    """When a code can be asked for again, in whole minutes or hours and never too early."""
    minutes = ceil(seconds / 60)
    if minutes <= 60:
        return ngettext(
            "Too many codes were asked for. Please wait %(count)d minute and ask again.",
            "Too many codes were asked for. Please wait %(count)d minutes and ask again.",
            minutes,
        ) % {"count": minutes}
    hours = ceil(seconds / 3600)
    return ngettext(
        "Too many codes were asked for. Please wait %(count)d hour and ask again.",
        "Too many codes were asked for. Please wait %(count)d hours and ask again.",
        hours,
    ) % {"count": hours}


# --- Entering


def is_live(buyer_code: BuyerCode) -> bool:
    """Whether the code is the newest of its order, was not used and is not too old."""
    return _live_codes().filter(pk=buyer_code.pk).exists()


def is_of_browser(buyer_code: BuyerCode, nonce: str) -> bool:
    """Whether the code was asked for in the browser that holds `nonce`."""
    return constant_time_compare(buyer_code.browser_digest, digest(nonce))


def enter_with_code(*, reference: str, code: str, nonce: str) -> Entry:
    """Let in the browser that asked at this request's door and now types the code.

    `Invalid` with one and the same sentence for whatever is wrong: a mistyped, old or used code, another
    browser, a request that does not exist. A code can be tried `CODE_ATTEMPTS` times.
    """
    asked_here = _live_codes().filter(return_reference=reference, browser_digest=digest(nonce))
    row = asked_here.order_by("-pk").first()
    # Counted before it is compared, and by the database: of tries made at once, none goes uncounted.
    if row is None or not asked_here.filter(pk=row.pk, attempts__lt=CODE_ATTEMPTS).update(
        attempts=F("attempts") + 1
    ):
        raise _refused()
    typed = code.upper().translate(_AS_READ)
    if not any(constant_time_compare(_code(row, key), typed) for key in _keys()):
        raise _refused()
    return _enter(row)


def enter_with_order_code(*, code: str, nonce: str) -> Entry:
    """Let in the browser that asked for an order, here or at the order's door, and now types the code.

    Refused with the same sentence as above, and with the same work whether or not an order was found: tries are
    counted where somebody asked, not where something matched.
    """
    browser = digest(nonce)
    asked_here = BuyerLookup.objects.filter(
        browser_digest=browser, created_at__gt=Now() - timedelta(minutes=CODE_MINUTES)
    )
    asked_here.update(attempts=F("attempts") + 1)
    live = _live_codes().filter(browser_digest=browser, lookup__attempts__lte=CODE_ATTEMPTS)
    typed = code.upper().translate(_AS_READ)
    # What was not found is compared with a code that nobody was sent.
    for row in list(live.order_by("pk")) or [BuyerCode(salt=new_salt())]:
        if any(constant_time_compare(_code(row, key), typed) for key in _keys()) and row.pk:
            return _enter(row)
    raise _refused()


def enter_with_token(*, token: str, nonce: str) -> Entry:
    """Let in the browser that asked, by the mail's link; refused with the same sentence as a code."""
    row = read_buyer_token(token)
    if row is None or not is_of_browser(row, nonce):
        raise _refused()
    return _enter(row)


def _enter(row: BuyerCode) -> Entry:
    with transaction.atomic():
        # Whoever sets `used_at` is let in: of two that use one code at once, one is.
        if not _live_codes().filter(pk=row.pk).update(used_at=Now()):
            raise _refused()
        key = secrets.token_urlsafe(32)
        BuyerSession.objects.create(
            order_id=row.order_id, key_digest=digest(key), expires_at=database_now() + SESSION_LONGEST
        )
    buyer = Buyer.objects.select_related("order").get(order_id=row.order_id)
    return Entry(key, buyer.order.reference, row.return_reference, buyer.language)


def _live_codes() -> QuerySet[BuyerCode]:
    return BuyerCode.objects.filter(used_at__isnull=True, is_superseded=False, expires_at__gt=Now())


def _refused() -> Invalid:
    sentence = _("This code does not work here, or not any more. Check it, or ask for a new one.")
    return Invalid(sentence, {"code": sentence})


# --- Being in


def find_session(key: str) -> BuyerSession | None:
    """The session whose cookie holds `key`, with its order; None once it was idle or lasted for too long.

    Being asked for keeps it alive; that is written at most once a minute.
    """
    session = (
        BuyerSession.objects.annotate(clock=Now())
        .select_related("order__seller", "order__buyer")
        .filter(key_digest=digest(key))
        .first()
    )
    if session is None:
        return None
    idle = session.clock - session.last_seen_at
    if session.clock >= session.expires_at or idle >= SESSION_IDLE:
        return None
    if idle >= TOUCH_AFTER:
        BuyerSession.objects.filter(pk=session.pk).update(last_seen_at=Now())
    return session


def keep_language(session: BuyerSession, language: str) -> None:
    """Write to this buyer in `language` from now on."""
    if language in Language.values and language != session.order.buyer.language:
        Buyer.objects.filter(order_id=session.order_id).update(language=language)


def end_session(key: str) -> None:
    """Sign the buyer out; nothing happens where there is no such session."""
    BuyerSession.objects.filter(key_digest=digest(key)).delete()
