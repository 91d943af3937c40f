"""The words of a message: pure functions of frozen facts, used by the preview and the mail alike.

What an admin writes (the closing texts) comes with the event, as it was when the decision was made. What
stands around it, and all other messages, are the templates `emails/<kind>-subject.txt` and
`emails/<kind>-body.txt`; a `-to-<reader>` before the last part marks one for another reader. A body is
paragraphs with blank lines between them. It is rendered twice, once as plain text and once escaped for HTML,
so that both parts of a mail have the same words; `_frame.txt` and `_frame.html` put facts and links around.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_skeleton, get_datetime_format, get_timezone_name
from babel.lists import format_list
from django.conf import settings
from django.template import Context
from django.template.loader import get_template, select_template
from django.utils import translation
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from returns import offers
from returns.fees import told
from returns.history import is_to_be_paid
from returns.models import MarketplaceSettings, OfferKind, ReturnEvent, Seller
from returns.models.offers import is_of_credit
from returns.models.reasons import PLACEHOLDERS
from returns.models.requests import ItemCondition, Source
from returns.money import format_money
from returns.selectors.cases import NEVER_ARRIVED
from returns.state_machine import Action, Role, Status

from .mail import LANGUAGE_TAGS
from .models import Kind

MOST_TITLES, LONGEST_TITLE = 3, 60
_LOCALES = {"en": Locale("en", "GB"), "zh-hans": Locale("zh", "CN", script="Hans")}
_ZONE_LOCALES = _LOCALES | {"en": Locale("en", "US")}

_PLACEHOLDER = re.compile(r"\{(" + "|".join(PLACEHOLDERS) + r")\}")
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")
# With an unknown name "Hello {buyer_name}," becomes "Hello," and “{buyer_name}，您好：” becomes “您好：”.
_GREETING = re.compile(r"(?<=\S) \{buyer_name\}|\{buyer_name\}(?:，|,\s*)?")
# Where the request was imported there may be no page of ours, so nothing may rest on it; these rights stay.
_OWN_PAGE = ("your request page", "退货请求页面")
_RIGHTS = ("Your legal rights are not affected.", "您依法享有的权利不受影响。")
# Stands for the line ends of a person's words while a body is cut into paragraphs; stored words have none.
_KEPT_LINE_END = "\u2028"
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")


class Reader(StrEnum):
    BUYER = "buyer"
    SELLER = "seller"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units."""

    minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Line:
    """Some units of an item. `note`: the buyer's reason, or how it came back, by language; `comment`: the
    buyer's own words about it."""

    title: str
    units: int
    note: Mapping[str, str] | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Fee:
    """What was kept of a refund for the item called `title`. `reason`: a `FeeReason`."""

    reason: str
    title: str
    kept: Money


@dataclass(frozen=True, slots=True)
class LabelWords:
    """What the return travels with. `kind`: "own", "unpaid" or "promised"."""

    kind: str
    carrier: str = ""
    tracking_number: str = ""


@dataclass(frozen=True, slots=True)
class OfferWords:
    """An offer. `money`: what the buyer gets, or pays for a label; `keeps`: the buyer keeps the item."""

    state: str
    kind: str
    money: Money | None
    keeps: bool
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFacts:
    """All that a message may say. `page`: the address of the reader's page of the request, `choices`: of
    the page on which a member chooses what to be told; "" without one. `given_for`: the part of a concession,
    "" for a refund. `is_credit`: what `refund` names is a credit for a later order."""

    reader: Reader
    zone: str
    marketplace_name: str
    happened_at: datetime
    page: str = ""
    is_imported: bool = False

    seller_name: str = ""
    buyer_name: str = ""
    order_number: str = ""
    rma_number: str = ""
    item_titles: tuple[str, ...] = ()
    items: tuple[Line, ...] = ()
    received: tuple[Line, ...] = ()
    action: str = ""
    source: str = ""
    outcome: str = ""
    role: str = ""
    comments: str = ""
    is_prepaid: bool = False
    way_back_payer: str = ""
    is_waiting: bool = False
    is_delivery_problem: bool = False

    reason: Mapping[str, str] | None = None
    buyer_reason: Mapping[str, str] | None = None
    text: Mapping[str, str] | None = None
    return_window_end: date | None = None
    step_in_until: date | None = None
    promise: Money | None = None
    promise_date: date | None = None

    declared_date: date | None = None
    answer_due_at: datetime | None = None
    step_in_at: datetime | None = None
    refund_due_at: datetime | None = None
    send_back_date: date | None = None
    return_address: str = ""
    instructions: str = ""
    merchant_rma: str = ""
    label: LabelWords | None = None
    refund: Money | None = None
    refund_date: date | None = None
    is_credit: bool = False
    payout_failure: str = ""
    offer: OfferWords | None = None
    given_for: str = ""
    fees: tuple[Fee, ...] = ()
    replacement: Mapping[str, str] | None = None
    reminder_clock: str = ""
    reminder_stage: str = ""
    reminder_due_at: datetime | None = None

    link: str = ""
    choices: str = ""
    code: str = ""
    opens_order: bool = False
    expires_at: datetime | None = None
    file_name: str = ""
    waiting: int = 0
    overdue: int = 0


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message in its recipient's language."""

    subject: str
    text: str
    html: str


def facts_of(
    event: ReturnEvent,
    *,
    comments: str,
    reader: Reader,
    zone: str,
    marketplace: MarketplaceSettings,
    reason_labels: Mapping[str, Mapping[str, str]],
    item_comments: Mapping[int, str],
) -> MessageFacts:
    """What the message of `event` says to one reader; the event may be one that is only planned.

    Reads the event, its request, the request's order, buyer and seller, and no clock. `reason_labels` maps the
    codes of buyers' reasons to their labels in both languages, `item_comments` items to the buyer's words.
    """
    return_request, facts, words = event.request, event.facts, event.words
    order, values = return_request.order, words["values"]
    changed = {column: after for column, (_before, after) in facts.get("changed", {}).items()}
    promise, refund, payout, reminder, label = (
        facts.get(name) or {} for name in ("promise", "refund", "payout", "reminder", "label")
    )
    # The day on which money is given is the day of the refund only once it is paid.
    refund_day = payout.get("day") if payout or is_to_be_paid(event) else refund.get("day")
    refund = payout or refund
    buyer = getattr(order, "buyer", None)
    return MessageFacts(
        reader=reader,
        zone=zone,
        marketplace_name=marketplace.name,
        happened_at=event.occurred_at,
        page=_page(event, reader),
        is_imported=return_request.source == Source.FILE,
        seller_name=values["seller_name"],
        buyer_name=buyer.name if buyer is not None else "",
        order_number=values["order_number"],
        rma_number=return_request.rma_number,
        item_titles=tuple(values["item_titles"]),
        items=tuple(
            Line(
                item["title"],
                item["quantity"],
                reason_labels.get(item.get("reason_code", "")),
                item_comments.get(item.get("id", 0), ""),
            )
            for item in facts.get("items", ())
        ),
        received=tuple(
            Line(item["title"], item["units"], _condition(item["condition"]))
            for item in facts.get("received", ())
        ),
        action=event.action,
        source=event.source,
        outcome=event.outcome,
        role=event.role,
        comments=comments,
        is_prepaid=facts.get("prepaid_eligible", return_request.prepaid_eligible),
        way_back_payer=return_request.verdict.get("withdrawal", {}).get("payer", ""),
        is_waiting=return_request.status == Status.AUTHORIZATION_REQUIRED,
        is_delivery_problem=any(item.get("reason_code") == NEVER_ARRIVED for item in facts.get("items", ())),
        reason=words.get("labels"),
        buyer_reason=words.get("buyer_labels"),
        text=words.get("text"),
        return_window_end=_date(values.get("return_window_end")),
        step_in_until=_date(facts.get("step_in_until")),
        promise=Money(promise["minor"], promise["currency"]) if promise else None,
        promise_date=_date(promise.get("due_date")),
        declared_date=_date(facts.get("stated", {}).get("declared_date")),
        answer_due_at=_moment(changed.get("answer_due_at")) or return_request.answer_due_at,
        step_in_at=return_request.step_in_at,
        refund_due_at=_moment(changed.get("refund_due_at")) or return_request.refund_due_at,
        send_back_date=_date(facts.get("send_back_date")) or return_request.send_back_date,
        return_address=facts.get("address", ""),
        instructions=facts.get("instructions", ""),
        merchant_rma=facts.get("merchant_rma", ""),
        label=LabelWords(label["kind"], label.get("carrier", ""), label.get("tracking_number", ""))
        if label
        else None,
        refund=Money(refund["minor"], refund["currency"]) if refund else None,
        refund_date=_date(refund_day),
        is_credit=is_of_credit(facts),
        payout_failure=payout.get("failure", ""),
        offer=_offer(facts.get("offer") or {}),
        fees=tuple(
            Fee(fee["reason"], fee["title"], Money(fee["minor"], refund["currency"]))
            for fee in refund.get("fees", ())
        ),
        replacement=facts.get("replacement"),
        reminder_clock=reminder.get("clock", ""),
        reminder_stage=reminder.get("stage", ""),
        reminder_due_at=_moment(reminder.get("due_at")),
        choices=choices_of(event.request.seller) if reader == Reader.SELLER else "",
    )


def choices_of(seller: Seller) -> str:
    """The address at which a member chooses which mails about `seller` to get."""
    return f"{settings.SITE_URL}/accounts/notifications/#{seller.slug}"


def render(kind: str, language: str, facts: MessageFacts) -> Rendered:
    """The message in `language` ("en", "zh-hans"), its moments in the facts' zone, which they name."""
    with translation.override(language):
        subject = " ".join(_template(kind, facts.reader, "subject", _context(facts, language)).split())
        return Rendered(
            subject,
            _in_frame("txt", kind, language, facts, subject),
            _in_frame("html", kind, language, facts, subject),
        )


def subject_of(kind: str, language: str, facts: MessageFacts) -> str:
    """The subject alone, for lists of messages."""
    with translation.override(language):
        return " ".join(_template(kind, facts.reader, "subject", _context(facts, language)).split())


def language_of(text: str) -> str:
    """The language tag of a person's words where their script tells it, else ""."""
    return "zh-Hans" if _HAN.search(text) else ""


def day_in_words(day: date, language: str) -> str:
    """9 Nov 2026 · 2026年11月9日."""
    return str(format_skeleton("yMMMd", day, locale=_LOCALES[language]))


def moment_in_words(moment: datetime, language: str, zone: str) -> str:
    """Day, time and zone: 9 Nov 2026, 14:02 EST · 2026年11月9日 14:02 UTC-5."""
    local = moment.astimezone(ZoneInfo(zone))
    name = get_timezone_name(local, width="short", locale=_ZONE_LOCALES[language])
    if name[0] in "+-":
        name = f"UTC{name[0]}{int(name[1:3])}" + ("" if name[3:] == "00" else f":{name[3:]}")
    words = (f"{local:%H:%M} {name}", day_in_words(local.date(), language))
    return str(get_datetime_format(locale=_LOCALES[language])).format(*words)


def titles_in_words(titles: Sequence[str], language: str) -> str:
    """At most three titles, each of at most 60 characters, and how many more there are."""
    short = [_shortened(" ".join(title.split())) for title in dict.fromkeys(titles) if title.strip()]
    named, more = short[:MOST_TITLES], len(short) - MOST_TITLES
    if more > 0:
        named.append(ngettext("%(count)d more", "%(count)d more", more) % {"count": more})
    return str(format_list(named, locale=_LOCALES[language])) if named else _("the ordered item")


def closing_paragraphs(text: str, values: Mapping[str, str], *, is_imported: bool) -> Iterator[str]:
    """The paragraphs of a closing text with its placeholders filled in.

    One with an empty placeholder is left out. What is put in is never read again: a comment that contains
    "{buyer_name}" stays as it was typed. `values` that are safe HTML make safe HTML.
    """
    is_html = isinstance(values["comments"], SafeString)
    for written in _BLANK_LINE.split(text.replace("\r\n", "\n").strip()):
        paragraph = _without_own_page(written) if is_imported else written
        if not values["buyer_name"]:
            paragraph = _GREETING.sub("", paragraph)
        if not paragraph or any(not values[name] for name in _PLACEHOLDER.findall(paragraph)):
            continue
        if is_html:
            yield mark_safe(_filled(conditional_escape(paragraph), values))  # noqa: S308 -- both are escaped
        else:
            yield _filled(paragraph, values)


def _filled(paragraph: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values[found[1]], paragraph)


def _without_own_page(paragraph: str) -> str:
    """What is left of a paragraph where the buyer may have no page of ours."""
    if not any(phrase in paragraph.casefold() for phrase in _OWN_PAGE):
        return paragraph
    return next((right for right in _RIGHTS if right in paragraph), "")


def _in_frame(shape: str, kind: str, language: str, facts: MessageFacts, subject: str) -> str:
    is_html = shape == "html"
    context = _context(facts, language, is_html=is_html)
    body = _template(kind, facts.reader, "body", context, autoescape=is_html)
    framed = _rendered(
        get_template(f"emails/_frame.{shape}"),
        {
            "subject": subject,
            "language": LANGUAGE_TAGS[language],
            "paragraphs": [
                mark_safe(paragraph) if is_html else paragraph  # noqa: S308 -- rendered with escaping
                for paragraph in _BLANK_LINE.split(body.strip())
            ],
            "rows": list(_rows(Kind(kind), facts, language)),
            "links": list(_links(Kind(kind), facts, language)),
            "sender": _sender(facts),
            "choices": facts.choices,
        },
        autoescape=is_html,
    )
    return framed.replace(_KEPT_LINE_END, "\n")


def _template(
    kind: str, reader: Reader, part: str, context: dict[str, Any], *, autoescape: bool = False
) -> str:
    names = [f"emails/{kind}-to-{reader}-{part}.txt", f"emails/{kind}-{part}.txt"]
    return _rendered(select_template(names), context, autoescape=autoescape)


def _rendered(template: Any, context: dict[str, Any], *, autoescape: bool) -> str:
    """Django's own engine, so that one template may serve plain text and HTML."""
    return str(template.template.render(Context(context, autoescape=autoescape)))


def _context(facts: MessageFacts, language: str, *, is_html: bool = False) -> dict[str, Any]:
    """What the templates of a kind may use, in words."""

    def day(value: date | None) -> str:
        return day_in_words(value, language) if value else ""

    def moment(value: datetime | None) -> str:
        return moment_in_words(value, language, facts.zone) if value else ""

    values = {
        "buyer_name": facts.buyer_name,
        "order_number": facts.order_number,
        "item_titles": titles_in_words(facts.item_titles, language),
        "seller_name": facts.seller_name,
        "return_window_end": day(_window_end(facts)),
        "comments": _marked(facts.comments) if is_html else facts.comments.replace("\n", _KEPT_LINE_END),
    }
    text = (facts.text or {}).get(language) or (facts.text or {}).get("en", "")
    escaped = {name: conditional_escape(value) for name, value in values.items()} if is_html else values
    return values | {
        "facts": facts,
        "paragraphs": list(closing_paragraphs(text, escaped, is_imported=facts.is_imported)) if text else [],
        "reason": (facts.reason or {}).get(language, ""),
        "marketplace": facts.marketplace_name,
        "has_page": bool(facts.page) and not facts.is_imported,
        "declared_on": day(facts.declared_date),
        "answer_due": moment(facts.answer_due_at),
        "step_in_from": moment(facts.step_in_at),
        "refund_due": moment(facts.refund_due_at),
        "reminder_due": moment(facts.reminder_due_at),
        "send_back_by": day(facts.send_back_date),
        "refunded": _amount(facts.refund, language),
        **_offer_in_words(facts, language),
        "fees": [told(fee.reason, fee.title, _amount(fee.kept, language)) for fee in facts.fees],
        "code": facts.code,
        "file_name": facts.file_name,
        "until": moment(facts.expires_at),
    }


def _window_end(facts: MessageFacts) -> date | None:
    """In a buyer's own receipt a window that is over counts as no window: nobody can ask again then."""
    end = facts.return_window_end
    is_own = facts.role == Role.BUYER and facts.reader == Reader.BUYER
    if end is not None and is_own and end < facts.happened_at.astimezone(ZoneInfo(facts.zone)).date():
        return None
    return end


def _rows(kind: Kind, facts: MessageFacts, language: str) -> Iterator[tuple[str, list[str]]]:
    """The block of facts: a label and its lines."""
    if not facts.order_number or kind == Kind.BUYER_CODE:
        return
    reasons = facts.buyer_reason if facts.reader == Reader.BUYER else facts.reason
    if reasons and reasons.get(language):
        yield _("Reason"), [reasons[language]]
    if facts.action == Action.CLOSE:
        yield _("Closed by"), [_who(facts)]
    yield _("Date and time"), [moment_in_words(facts.happened_at, language, facts.zone)]
    if facts.received:
        yield _("Received"), [_line(line, language) for line in facts.received]
    else:
        yield _("Items"), list(_item_lines(kind, facts, language))
    if facts.reader != Reader.BUYER:
        yield _("Order number"), [facts.order_number]
    if facts.rma_number:
        yield _("RMA number"), [facts.rma_number]
    if facts.merchant_rma and facts.merchant_rma != facts.rma_number:
        yield _("Seller's RMA number"), [facts.merchant_rma]
    if facts.offer and kind not in (Kind.OFFER_MADE, Kind.RETURN_COMPLETED):  # they say it in full
        yield _("Offer"), [_offer_in_words(facts, language)["offer"]]
    yield from _money_rows(facts, language)
    yield from _way_back_rows(facts, language)


def _way_back_rows(facts: MessageFacts, language: str) -> Iterator[tuple[str, list[str]]]:
    """Where to send it, with what, and until when; told when it is authorized, and the label when it comes."""
    is_new = facts.action == Action.AUTHORIZE
    if is_new and facts.return_address:
        yield _("Send it to"), facts.return_address.splitlines()
    if facts.label:
        yield _("Return label"), list(_label_lines(facts))
    if is_new and facts.instructions:
        yield _("Instructions"), facts.instructions.splitlines()
    if is_new and facts.send_back_date:
        yield _("Send back by"), [day_in_words(facts.send_back_date, language)]


def _item_lines(kind: Kind, facts: MessageFacts, language: str) -> Iterator[str]:
    """What was asked for is told with the buyer's reasons and words; later messages name the items alone."""
    for line in facts.items:
        if kind == Kind.RETURN_OPENED:
            yield _line(line, language)
            yield from line.comment.splitlines()
        else:
            yield _line(replace(line, note=None), language)


def _label_lines(facts: MessageFacts) -> Iterator[str]:
    """Who provides the label, and how its parcel is followed."""
    assert facts.label is not None
    if facts.label.kind == "unpaid":
        yield _("You buy it at a carrier of your choice.")
    elif facts.label.kind == "promised":
        yield _("The seller provides it; you are told when it is there.")
    elif facts.page:
        yield _("Print it from your request page.")
    else:
        yield _("The seller gives it to you.")
    if facts.label.tracking_number:
        words = {"carrier": facts.label.carrier, "number": facts.label.tracking_number}
        yield _("%(carrier)s, tracking number %(number)s") % words
    elif facts.label.carrier:
        yield facts.label.carrier


def _money_rows(facts: MessageFacts, language: str) -> Iterator[tuple[str, list[str]]]:
    if facts.promise and facts.promise_date:
        promised = {
            "amount": _amount(facts.promise, language),
            "day": day_in_words(facts.promise_date, language),
        }
        yield _("Refund promised"), [_("%(amount)s by %(day)s") % promised]
    if facts.refund:
        name = _("Concession") if facts.given_for else _("Credit") if facts.is_credit else _("Refund")
        yield name, [_amount(facts.refund, language)]
    if facts.replacement:
        yield from _replacement_rows(facts.replacement)
    if facts.refund_date:
        name = _("Day of the credit") if facts.is_credit else _("Day of the refund")
        yield name, [day_in_words(facts.refund_date, language)]


def _replacement_rows(sent: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    labels = {
        "order_number": _("Order number of the replacement"),
        "carrier": _("Carrier"),
        "tracking_number": _("Tracking number"),
    }
    for name, label in labels.items():
        if sent.get(name):
            yield label, [sent[name]]


def _links(kind: Kind, facts: MessageFacts, language: str) -> Iterator[tuple[str, str]]:
    """What the reader may want to do; an address alone never does it."""
    if kind == Kind.BUYER_CODE:
        yield _("Open your order") if facts.opens_order else _("Open your request"), facts.link
    elif kind == Kind.INVITATION:
        yield _("Accept the invitation"), facts.link
    elif kind == Kind.IMPORT_FINISHED:
        yield _("Manage Seller Fulfilled Returns"), facts.link
    elif facts.page and facts.reader == Reader.BUYER:
        yield _("See your order") if "/my/orders/" in facts.page else _("See your request"), facts.page
        answers = {
            Kind.MESSAGE_RECEIVED: (_("Reply"), "write/"),
            Kind.OFFER_MADE: (_("Answer the offer"), "offer/"),
        }
        if kind in answers:
            yield answers[kind][0], f"{facts.page}{answers[kind][1]}"
        if facts.step_in_until and not facts.is_imported:
            day = day_in_words(facts.step_in_until, language)
            yield _("Ask the marketplace to step in (until %(day)s)") % {"day": day}, f"{facts.page}step-in/"
    elif facts.page:
        yield from _members_links(kind, facts)


def _members_links(kind: Kind, facts: MessageFacts) -> Iterator[tuple[str, str]]:
    if kind == Kind.REFUND_TO_PAY:
        yield _("Refunds to be paid"), f"{settings.SITE_URL}/seller/payouts/"
    if kind == Kind.RETURN_OPENED:
        if not facts.is_delivery_problem:
            yield _("Authorize request"), f"{facts.page}authorize/"
        if not facts.is_prepaid:
            yield _("Close request"), f"{facts.page}close/"
    if kind in (Kind.RETURN_OPENED, Kind.MESSAGE_RECEIVED):
        yield _("Reply"), f"{facts.page}write/"
    yield _("See the request"), facts.page


def _offer(told: Mapping[str, Any]) -> OfferWords | None:
    """The offer that an event tells of; nothing where a decision has only overtaken one."""
    if "kind" not in told:
        return None
    money = Money(told["minor"], told["currency"]) if told["minor"] is not None else None
    return OfferWords(told["state"], told["kind"], money, told["keeps"], _moment(told["until"]))


def _offer_in_words(facts: MessageFacts, language: str) -> dict[str, Any]:
    """What is offered, and what follows: said to the buyer, or named for the seller."""
    offer = facts.offer
    if offer is None:
        return {}
    amount = _amount(offer.money, language)
    if facts.reader == Reader.BUYER:
        words = offers.gist(offer.kind, amount, keeps=offer.keeps)
    else:
        label = str(OfferKind(offer.kind).label)
        words = _("%(offer)s: %(amount)s") % {"offer": label, "amount": amount} if amount else label
    return {
        "offer": words,
        "offer_follows": offers.follows(offer.kind, keeps=offer.keeps),
        "offer_until": moment_in_words(offer.until, language, facts.zone) if offer.until else "",
    }


def _sender(facts: MessageFacts) -> str:
    """Nothing under a text that is only copied to where the buyer and the seller write to each other."""
    if facts.is_imported and facts.reader == Reader.BUYER and not facts.page:
        return ""
    if facts.reader == Reader.BUYER and facts.seller_name:
        return _("Sent by %(marketplace)s for %(seller)s.") % {
            "marketplace": facts.marketplace_name,
            "seller": facts.seller_name,
        }
    return _("Sent by %(marketplace)s.") % {"marketplace": facts.marketplace_name}


def _who(facts: MessageFacts) -> str:
    if facts.role == Role.BUYER:
        return _("You") if facts.reader == Reader.BUYER else facts.buyer_name or _("The buyer")
    return facts.seller_name if facts.role == Role.SELLER else facts.marketplace_name


def _line(line: Line, language: str) -> str:
    words = {"units": line.units, "title": line.title, "note": (line.note or {}).get(language, "")}
    if words["note"]:
        return _("%(units)d × %(title)s (%(note)s)") % words
    return _("%(units)d × %(title)s") % words


def _amount(money: Money | None, language: str) -> str:
    return format_money(money.minor, money.currency, language) if money else ""


def _marked(comments: str) -> SafeString:
    """A person's words for HTML, as typed, marked with their language where it is known."""
    lines = format_html_join(mark_safe("<br>"), "{}", ((line,) for line in comments.split("\n")))
    tag = language_of(comments)
    return format_html('<span lang="{}">{}</span>', tag, lines) if tag else lines


def _shortened(title: str) -> str:
    return title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1].rstrip()}…"


def _page(event: ReturnEvent, reader: Reader) -> str:
    """The reader's page of the request. A buyer of an imported one has a page only if we write to buyers."""
    reference = event.request.reference
    if reader == Reader.SELLER:
        return f"{settings.SITE_URL}/seller/returns/{reference}/"
    if reader == Reader.ADMIN:
        return f"{settings.SITE_URL}/admin/returns/returnrequest/{event.request_id}/change/"
    writes = event.request.seller.imported_messages == Seller.ImportedMessages.SEND_FROM_HERE
    if event.request.source == Source.FILE and not writes:
        return ""
    return f"{settings.SITE_URL}/my/returns/{reference}/"


def _condition(value: str) -> Mapping[str, str] | None:
    if not value:
        return None
    labels = {}
    for language in LANGUAGE_TAGS:
        with translation.override(language):
            labels[language] = str(ItemCondition(value).label)
    return labels


def _date(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None


def _moment(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None
