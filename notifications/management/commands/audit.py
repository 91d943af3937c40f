"""`manage.py audit`: do the invariants hold? Reads one snapshot, changes nothing, names what is broken."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.models import Count, F, Max, Q, QuerySet, Sum

from notifications.audience import told_of
from notifications.models import ALWAYS_KEPT, WAITING, Message, RecipientType, State
from returns.actors import MemberRole
from returns.models import (
    Membership,
    Offer,
    OfferState,
    OrderItem,
    Payout,
    Refund,
    ReturnEvent,
    ReturnItem,
    ReturnLabel,
    ReturnRequest,
    StatusCount,
)
from returns.models.clock import database_now
from returns.models.money import EXTRA_PARTS, PAID_PARTS, RefundCause, RefundState
from returns.models.offers import MONEY_KINDS
from returns.models.payouts import OPEN, PayoutState
from returns.services.labels import label_path
from returns.services.moves import CALLED_OFF
from returns.state_machine import SELLERS_SIDE, Action, Outcome, Role, Status

LATE = timedelta(seconds=60)
CHUNK = 2000
MAY_CHANGE_THE_FLAG = ("open", "record", "reassess", "split")
MAY_CLOSE_A_WITHDRAWAL = (
    "refund_without_return",
    "duplicate_request",
    "order_never_arrived",
    "agreed_with_buyer",
)

Findings = Iterator[str]


class Audit:
    """The checks over everything, or over what had an event since `since`. Each yields one line per breach."""

    def __init__(self, since: datetime | None) -> None:
        self.now = database_now()
        self.events = ReturnEvent.objects.all()
        self.requests = ReturnRequest.objects.all()
        self.messages = Message.objects.all()
        self.lines = OrderItem.objects.all()
        self.refunds = Refund.objects.all()
        self.payouts = Payout.objects.all()
        self.labels = ReturnLabel.objects.all()
        if since is not None:
            self.events = self.events.filter(recorded_at__gte=since)
            self.requests = self.requests.filter(pk__in=self.events.values("request_id"))
            self.messages = self.messages.filter(created_at__gte=since)
            items = ReturnItem.objects.filter(request__in=self.requests)
            self.lines = self.lines.filter(pk__in=items.values("order_item_id"))
            self.refunds = self.refunds.filter(recorded_at__gte=since)
            self.payouts = self.payouts.filter(Q(requested_at__gte=since) | Q(request__in=self.requests))
            self.labels = self.labels.filter(request__in=self.requests)

    def checks(self) -> dict[str, Callable[[], Findings]]:
        return {
            "I1": self.owed_messages_exist,
            "I2": self.messages_have_events,
            "I4": self.events_replay,
            "I5": self.nothing_closed_that_may_not,
            "I6": self.counters_agree,
            "I7": self.sellers_agree,
            "I8": self.keys_have_one_effect,
            "I9": self.nothing_is_late,
            "I11": self.units_and_money_agree,
            "I13": self.promises_are_kept_in_sight,
            "I14": self.imports_were_quiet,
            "I15": self.labels_are_in_force_where_they_may,
            "I16": self.payouts_agree,
            "I17": self.offers_are_what_their_events_say,
        }

    def owed_messages_exist(self) -> Findings:
        """The buyer's message of a relayed event is exact; of the seller's, those that nobody may switch off."""
        members: dict[int, list[tuple[int, datetime]]] = defaultdict(list)
        for seller_id, user_id, joined in Membership.objects.filter(
            is_active=True, user__is_active=True, role__in=(MemberRole.OWNER, MemberRole.AGENT)
        ).values_list("seller_id", "user_id", "user__date_joined"):
            members[seller_id].append((user_id, joined))
        relayed = self.events.filter(relayed_at__isnull=False, is_silent=False).select_related("request")
        for events in _chunks(relayed):
            told: dict[int, list[tuple[str, str]]] = defaultdict(list)
            for event_id, recipient, kind in Message.objects.filter(
                event_id__in=[event.pk for event in events]
            ).values_list("event_id", "recipient_type", "kind"):
                told[event_id].append((recipient, kind))
            for event in events:
                owed = told_of(event)
                if owed.buyer and told[event.pk].count((RecipientType.BUYER, owed.buyer)) != 1:
                    yield f"event {event.pk} ({event.action}) owes its buyer {owed.buyer}"
                if owed.seller in ALWAYS_KEPT and (RecipientType.USER, owed.seller) not in told[event.pk]:
                    could = [
                        user_id
                        for user_id, joined in members[event.seller_id]
                        if user_id != event.user_id and event.relayed_at and joined < event.relayed_at
                    ]
                    if could:
                        yield f"event {event.pk} ({event.action}) owes its seller {owed.seller}"

    def messages_have_events(self) -> Findings:
        strange = self.messages.filter(event__isnull=False).filter(
            Q(event__withdrawn_at__isnull=False)
            | Q(event__is_silent=True)
            | Q(event__relayed_at__isnull=True)
        )
        for pk in strange.values_list("pk", flat=True).iterator():
            yield f"message {pk} belongs to an event that tells nobody"

    def events_replay(self) -> Findings:
        """Versions have no gap, each event starts where the one before ended, the last one is the row."""
        for requests in _chunks(self.requests):
            by_id = {request.pk: request for request in requests}
            rows = (
                ReturnEvent.objects.filter(request_id__in=by_id)
                .order_by("request_id", "version")
                .values_list("request_id", "version", "action", "source", "target", "outcome", "facts")
            )
            seen = set()
            for request_id, events in groupby(rows, key=lambda row: row[0]):
                seen.add(request_id)
                yield from self._replay(by_id[request_id], list(events))
            for request_id in by_id.keys() - seen:
                yield f"request {by_id[request_id].reference} has no event"

    def _replay(self, request: ReturnRequest, events: list[tuple[Any, ...]]) -> Findings:
        name = f"request {request.reference}"
        status, outcome, flag = "", "", None
        for expected, (_request, version, action, source, target, after, facts) in enumerate(events, start=1):
            if version != expected:
                yield f"{name} lacks the event of version {expected}"
                return
            if source != status:
                yield f"{name} version {version} starts at {source or 'nothing'}, not at {status or 'nothing'}"
            now_eligible = facts.get("prepaid_eligible")
            if flag is not None and now_eligible != flag and action not in MAY_CHANGE_THE_FLAG:
                yield f"{name} version {version} ({action}) changed whether it is prepaid-eligible"
            status, outcome, flag = target, after, now_eligible
        if (request.version, request.status, request.outcome) != (len(events), status, outcome):
            yield f"{name} is {request.status} at version {request.version}, its events say {status}"
        if flag is not None and request.prepaid_eligible != flag:
            yield f"{name} changed whether it is prepaid-eligible without an event"

    def nothing_closed_that_may_not(self) -> Findings:
        for reference in self.requests.filter(status=Status.CLOSED, prepaid_eligible=True).values_list(
            "reference", flat=True
        ):
            yield f"request {reference} is prepaid-eligible and closed"
        closings = self.events.filter(action=Action.CLOSE)
        for pk in closings.filter(facts__prepaid_eligible=True).values_list("pk", flat=True):
            yield f"event {pk} closed a prepaid-eligible request"
        for pk in closings.filter(role__in=SELLERS_SIDE, source=Status.AUTHORIZED).values_list(
            "pk", flat=True
        ):
            yield f"event {pk} closed an authorized request by the seller's side"

    def counters_agree(self) -> Findings:
        counted = {
            (seller_id, status): number
            for seller_id, status, number in ReturnRequest.objects.values_list(
                "seller_id", "status"
            ).annotate(number=Count("pk"))
        }
        kept = {
            (seller_id, status): number
            for seller_id, status, number in StatusCount.objects.values_list(
                "seller_id", "status", "requests"
            )
        }
        for key in sorted(counted.keys() | kept.keys()):
            if counted.get(key, 0) != kept.get(key, 0):
                yield f"seller {key[0]} {key[1]}: counted {counted.get(key, 0)}, kept {kept.get(key, 0)}"

    def sellers_agree(self) -> Findings:
        places: tuple[tuple[str, QuerySet[Any], str], ...] = (
            ("request", self.requests, "order__seller_id"),
            ("event", self.events, "request__seller_id"),
            ("message", self.messages.filter(event__isnull=False), "event__seller_id"),
            ("order line", self.lines, "order__seller_id"),
            ("refund", self.refunds, "order_item__seller_id"),
            ("label", self.labels, "request__seller_id"),
            ("pay-out", self.payouts, "order__seller_id"),
            ("offer", Offer.objects.filter(request__in=self.requests), "request__seller_id"),
        )
        for name, rows, owner in places:
            for pk in rows.exclude(seller_id=F(owner)).values_list("pk", flat=True).iterator():
                yield f"{name} {pk} belongs to another seller than its owner"
        items = ReturnItem.objects.filter(request__in=self.requests).exclude(
            order_item__order_id=F("request__order_id")
        )
        for pk in items.values_list("pk", flat=True).iterator():
            yield f"item {pk} is of another order than its request"
        acted = self.events.filter(role=Role.SELLER).select_related("user")
        memberships = set(Membership.objects.values_list("user_id", "seller_id"))
        for pk, user_id, seller_id in acted.values_list("pk", "user_id", "seller_id").iterator():
            if (user_id, seller_id) not in memberships:
                yield f"event {pk} was made by somebody who never belonged to its seller"

    def keys_have_one_effect(self) -> Findings:
        repeated = (
            self.events.filter(idempotency_key__isnull=False)
            .values("request_id", "idempotency_key")
            .annotate(number=Count("pk"))
            .filter(number__gt=1)
        )
        for row in repeated:
            yield f"request {row['request_id']} used one form {row['number']} times"
        opened = (
            self.events.filter(idempotency_key__isnull=False, action=Action.OPEN)
            .values("request__order_id", "idempotency_key")
            .annotate(number=Count("pk"))
            .filter(number__gt=1)
        )
        for asked in opened:
            yield f"order {asked['request__order_id']} was asked {asked['number']} times by one form"

    def nothing_is_late(self) -> Findings:
        waiting = ReturnEvent.objects.filter(
            relayed_at__isnull=True, withdrawn_at__isnull=True, recorded_at__lt=self.now - LATE
        ).filter(Q(hold_until__isnull=True) | Q(hold_until__lt=self.now - LATE))
        for pk in waiting.values_list("pk", flat=True)[:CHUNK]:
            yield f"event {pk} was not passed on for more than a minute"
        late = Message.objects.filter(
            Q(status__in=WAITING, due_at__lt=self.now - LATE)
            | Q(status=State.SENDING, lease_until__lt=self.now - LATE)
        )
        for pk in late.values_list("pk", flat=True)[:CHUNK]:
            yield f"message {pk} is due for more than a minute"

    def units_and_money_agree(self) -> Findings:
        lines = self.lines.annotate(held=Sum("return_items__units_held", default=0))
        for pk, held, kept, quantity in (
            lines.exclude(held=F("units_held"), units_held__lte=F("quantity"))
            .values_list("pk", "held", "units_held", "quantity")
            .iterator()
        ):
            yield f"order line {pk}: its items hold {held}, the line says {kept} of {quantity}"
        ceilings = {part.value: ((part,), f"{part.value}_paid_minor") for part in PAID_PARTS}
        for name, (parts, ceiling) in {**ceilings, "extra": (EXTRA_PARTS, "extra_ceiling_minor")}.items():
            refunded = f"{name}_refunded_minor"
            counted = Q(refunds__part__in=parts) & ~Q(refunds__status=RefundState.GIVEN_UP)
            totals = self.lines.annotate(given=Sum("refunds__amount_minor", filter=counted, default=0))
            wrong = totals.filter(~Q(given=F(refunded)) | Q(**{f"{refunded}__gt": F(ceiling)}))
            for pk, given in wrong.values_list("pk", "given"):
                yield f"order line {pk}: its rows refund {given} of {name}, the line says or allows otherwise"
        told = self.events.filter(facts__has_key="refund").annotate(
            given=Sum("refunds__amount_minor", default=0)
        )
        for pk, facts, given in told.values_list("pk", "facts", "given").iterator():
            if given != facts["refund"]["minor"]:
                yield f"event {pk} tells of {facts['refund']['minor']} refunded, its rows of {given}"

    def payouts_agree(self) -> Findings:
        """A pay-out is what its rows are, in amount and state; what is open shows on its request; and nothing
        counts as refunded, or was told to be paid, that is not, but where the buyer keeps the item."""
        totals = self.payouts.annotate(given=Sum("refunds__amount_minor", default=0))
        for pk in totals.exclude(given=F("amount_minor")).values_list("pk", flat=True).iterator():
            yield f"pay-out {pk} is not the sum of its refunds"
        rows = self.refunds.filter(payout__isnull=False).exclude(
            status=F("payout__status"), kind=F("payout__kind"), currency=F("payout__currency")
        )
        for pk in rows.values_list("pk", flat=True).iterator():
            yield f"refund {pk} is not in step with its pay-out"
        still_open = Q(payouts__status__in=OPEN)
        marked = self.requests.annotate(unpaid=Count("payouts", filter=still_open))
        for reference in marked.filter(
            Q(unpaid=0) & ~Q(open_payout="") | Q(unpaid__gt=0, open_payout="")
        ).values_list("reference", flat=True):
            yield f"request {reference} does not show whether a pay-out of it is open"
        # What a rule or an accepted offer ends is completed first and paid then, with what was refunded before.
        recorded = Q(payouts__refunds__cause=RefundCause.EVENT)
        refunded = self.requests.filter(outcome__in=(Outcome.REFUNDED, Outcome.PARTIALLY_REFUNDED)).exclude(
            payouts__refunds__cause=RefundCause.OFFER
        )
        for reference in (
            refunded.filter(still_open & recorded).distinct().values_list("reference", flat=True)
        ):
            yield f"request {reference} is completed as refunded, and a pay-out of it is not paid"
        said: Counter[str] = Counter()
        for facts in self.events.filter(action=Action.PAY_OUT).values_list("facts", flat=True).iterator():
            if facts["payout"]["state"] == PayoutState.CONFIRMED:
                said[facts["payout"]["reference"]] += 1
        for reference, times in said.items():
            if times > 1:
                yield f"pay-out {reference} was confirmed {times} times"

    def promises_are_kept_in_sight(self) -> Findings:
        """A promise of the last closing stands on the request until refunds since then reach it."""
        closings = (
            self.events.filter(action=Action.CLOSE, withdrawn_at__isnull=True, facts__has_key="promise")
            .select_related("request")
            .annotate(last=Max("request__events__version", filter=Q(request__events__action=Action.CLOSE)))
        )
        for event in closings.iterator(chunk_size=CHUNK):
            request, promise = event.request, event.facts["promise"]
            if request.status != Status.CLOSED or event.version != event.last:
                continue
            stands = (request.promise_minor, request.promise_currency, request.promise_due_date)
            if stands == (promise["minor"], promise["currency"], date.fromisoformat(promise["due_date"])):
                continue
            given = (
                Refund.objects.counted()
                .filter(request=request, currency=promise["currency"], event__version__gt=event.version)
                .aggregate(total=Sum("amount_minor", default=0))["total"]
            )
            if given < promise["minor"]:
                yield f"request {request.reference} lost its refund promise, or has another one"
        wrong = self.events.filter(
            action=Action.CLOSE, role__in=SELLERS_SIDE, request__is_timely_withdrawal=True
        ).exclude(reason_code__in=MAY_CLOSE_A_WITHDRAWAL)
        for pk in wrong.values_list("pk", flat=True):
            yield f"event {pk} closed a withdrawal in time with a reason that may not"

    def labels_are_in_force_where_they_may(self) -> Findings:
        """A label in force has its file, settles what was owed, and is on no request that was called off."""
        called_off = Q(request__status__in=(Status.AUTHORIZATION_REQUIRED, Status.CLOSED)) | Q(
            request__outcome__in=CALLED_OFF
        )
        in_force = self.labels.filter(voided_at__isnull=True)
        for pk in in_force.filter(called_off).values_list("pk", flat=True).iterator():
            yield f"label {pk} is in force although its return was called off"
        for pk in in_force.filter(request__is_label_owed=True).values_list("pk", flat=True).iterator():
            yield f"label {pk} is in force although its request still owes one"
        for pk, file in in_force.exclude(file="").values_list("pk", "file").iterator():
            if not label_path(file).is_file():
                yield f"label {pk} has lost its file"

    def offers_are_what_their_events_say(self) -> Findings:
        """An open offer is known to its request, an accepted one was carried out: events and, where due, money."""
        offers = Offer.objects.filter(request__in=self.requests)
        lost = offers.filter(state=OfferState.OPEN).exclude(valid_until=F("request__offer_until"))
        for pk in lost.values_list("pk", flat=True).iterator():
            yield f"offer {pk} is open, but not for its request"
        waiting = self.requests.filter(offer_until__isnull=False).exclude(
            pk__in=offers.filter(state=OfferState.OPEN).values("request_id")
        )
        for reference in waiting.values_list("reference", flat=True).iterator():
            yield f"request {reference} waits for an answer to no offer"
        events = ReturnEvent.objects.filter(
            request__in=self.requests, facts__offer__state=OfferState.ACCEPTED
        ).annotate(given=Sum("refunds__amount_minor", default=0))
        done: dict[int, dict[str, int]] = defaultdict(dict)
        for action, facts, given in events.values_list("action", "facts", "given").iterator():
            done[facts["offer"]["offer"]][action] = given
        accepted = offers.filter(state=OfferState.ACCEPTED)
        for pk, kind, minor in accepted.values_list("pk", "kind", "amount_minor").iterator():
            carried_out: dict[str, int] = {Action.OFFER: 0, Action.AUTHORIZE: 0}
            if kind in MONEY_KINDS:
                carried_out = {Action.OFFER: 0, Action.COMPLETE: minor}
            if done[pk] != carried_out:
                yield f"offer {pk} was accepted, but not carried out as it says"

    def imports_were_quiet(self) -> Findings:
        loud = self.messages.filter(recipient_type=RecipientType.BUYER, event__action=Action.RECORD)
        for pk in loud.values_list("pk", flat=True).iterator():
            yield f"message {pk} told a buyer of an import"


class Command(BaseCommand):
    help = "Checks the invariants of the returns desk in one snapshot; exit 1 and a line for each breach."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
        parser.add_argument("--since", metavar="TIME", help="only what had an event since this ISO time")

    def handle(self, *args: Any, **options: Any) -> None:
        since = None
        if options["since"]:
            try:
                since = datetime.fromisoformat(options["since"])
            except ValueError:
                raise CommandError("--since takes an ISO time, for example 2026-11-24T00:00.") from None
            since = since if since.tzinfo else since.replace(tzinfo=UTC)
        with snapshot():
            found = {name: list(check()) for name, check in Audit(since).checks().items()}
        broken = {name: lines for name, lines in found.items() if lines}
        if options["json"]:
            self.stdout.write(json.dumps({"checked": list(found), "broken": broken}))
        else:
            for name, lines in broken.items():
                for line in lines:
                    self.stdout.write(f"{name}: {line}")
            self.stdout.write(f"{len(found)} invariants checked, {len(broken)} broken")
        if broken:
            raise SystemExit(1)


@contextmanager
def snapshot() -> Iterator[None]:
    """One view of the database for all checks, without keeping anybody from writing."""
    if connection.in_atomic_block:
        yield
        return
    begin = (
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        if connection.vendor == "postgresql"
        else "BEGIN DEFERRED"
    )
    with connection.cursor() as cursor:
        cursor.execute(begin)
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


def _chunks(rows: QuerySet[Any]) -> Iterator[list[Any]]:
    """The rows in id order, some at a time: memory stays flat."""
    last = 0
    while chunk := list(rows.filter(pk__gt=last).order_by("pk")[:CHUNK]):
        yield chunk
        last = chunk[-1].pk
