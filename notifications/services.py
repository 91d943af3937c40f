"""From the ledger to people's mailboxes: events become messages, messages become mails.

Everything may run at once, on any machine, and be killed anywhere. Rows are marked, never passed by; what
makes a repeat harmless is uniqueness and the fence of a lease, not a lock that is held.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Now

from returns.actors import MemberRole
from returns.addresses import deliverable_address
from returns.models import FileRun, MarketplaceSettings, Membership, Refund, ReturnEvent
from returns.models.clock import database_now
from returns.models.money import RefundCause, RefundState
from returns.models.runs import FileKind, RunState
from returns.services.access import answer_lookups

from .audience import NO_ADDRESS, OWN_ACT, TURNED_OFF, Audience, buyer_language, suppression_of_order
from .letters import OF_CONCESSION, Letters, Withheld, live_codes, live_invitations, read_messages
from .mail import Broken, PostOffice, Refused, Unreachable
from .models import CRASHES_TO_PARK, WAITING, WITH_SECRET, Kind, Message, RecipientType, State

logger = logging.getLogger(__name__)

# A drain stops claiming after so many seconds, below the time limits of a Celery task.
DRAIN_SECONDS = 30
RELAY_CHUNK = 200
BATCH = 50
LEASE = timedelta(seconds=30)
EXTEND_AFTER_SECONDS = 5
# What an import has to say is stale after this time.
TELL_OF_FILES = timedelta(days=7)
# For so long a concession is looked for that was not told of yet.
TELL_OF_CONCESSIONS = timedelta(days=30)

# Seconds from one answer of a mail server to the next attempt; after the last attempt the message is parked.
RETRY_SECONDS = (10, 60, 300, 1800, 7200, 18000, 36000, 50400, 72000)
# While no mail server takes anything, no message is to blame; the next try tells when one does again.
UNREACHABLE_SECONDS = 60
# How long a result that is known is held on to while the database is away.
INSIST_SECONDS = 20

POISON = "poison"
GAVE_UP = "gave_up"

# Set when this process is told to end: a drain gives back what it has not begun.
stopping = threading.Event()


class LeaseLost(Exception):
    """Somebody else owns the message now: drop the own result."""


# --- Events to messages


def relay_events(seconds: float = DRAIN_SECONDS) -> int:
    """Make the messages that released events and waiting rows owe. Answers how many rows were relayed.

    An event is relayed once its hold has passed by the database's clock. Undo and relay both mark the event
    under its row lock, and a CHECK lets only one of the marks stand.
    """
    end = time.monotonic() + seconds
    relayed = relay_rows()
    after = 0
    while time.monotonic() < end and not stopping.is_set():
        ids = relay_chunk(after)
        if not ids:
            break
        relayed += len(ids)
        after = ids[-1]
    return relayed


def relay_chunk(after: int) -> list[int]:
    """Relay the next released events with an id above `after`; answers their ids.

    `after` only keeps an event that cannot be read from blocking those behind it within a pass; the next pass
    begins at the start again.
    """
    with transaction.atomic():
        events = list(
            ReturnEvent.objects.filter(relayed_at__isnull=True, withdrawn_at__isnull=True, pk__gt=after)
            .filter(released())
            .select_related("request__order__buyer", "request__seller", "seller")
            .select_for_update(skip_locked=True, of=("self",))
            .order_by("pk")[:RELAY_CHUNK]
        )
        audience = Audience(event.seller_id for event in events if not event.is_silent)
        messages, relayed = [], []
        for event in events:
            try:
                recipients = audience.of(event)
            except Exception:
                logger.exception("event %s cannot be relayed", event.pk)
                continue
            relayed.append(event.pk)
            messages += [
                Message(
                    seller_id=event.seller_id,
                    event=event,
                    recipient_type=recipient.type,
                    recipient_id=recipient.id,
                    kind=recipient.kind,
                    language=recipient.language,
                    status=recipient.status,
                    last_code=recipient.suppressed,
                )
                for recipient in recipients
            ]
        Message.objects.bulk_create(messages, ignore_conflicts=True)
        ReturnEvent.objects.filter(pk__in=relayed, relayed_at__isnull=True, withdrawn_at__isnull=True).update(
            relayed_at=Now()
        )
    return [event.pk for event in events]


def released() -> Q:
    """Events that nobody can undo any more."""
    return Q(hold_until__isnull=True) | Q(hold_until__lte=Now())


def relay_rows() -> int:
    """Make the messages of codes, invitations, files read and concessions, and the codes that *Find my order* owes;
    answers how many messages.

    Those rows are their own outbox: the ones without a message are looked for, so nothing has to be said when
    one is written.
    """
    answer_lookups(RELAY_CHUNK)
    messages = [
        *_codes_to_send(),
        *_invitations_to_send(),
        *_files_to_tell_of(),
        *_concessions_to_tell_of(),
    ]
    Message.objects.bulk_create(messages, ignore_conflicts=True)
    return len(messages)


def _untold(rows: QuerySet[Any], kind: Kind) -> QuerySet[Any]:
    told = Message.objects.filter(kind=kind, about_id=OuterRef("pk"), event__isnull=True)
    return rows.filter(~Exists(told)).order_by("pk")[:RELAY_CHUNK]


def _codes_to_send() -> list[Message]:
    codes = list(_untold(live_codes().select_related("order__buyer"), Kind.BUYER_CODE))
    if not codes:
        return []
    marketplace = MarketplaceSettings.load()
    return [
        _about(
            Kind.BUYER_CODE,
            code.pk,
            seller_id=code.order.seller_id,
            recipient_type=RecipientType.BUYER,
            recipient_id=code.order.buyer.pk,
            language=buyer_language(code.order.buyer, code.order.country, marketplace),
            suppressed="" if deliverable_address(code.order.buyer.email) else NO_ADDRESS,
        )
        for code in codes
    ]


def _invitations_to_send() -> list[Message]:
    return [
        _about(
            Kind.INVITATION,
            invitation.pk,
            seller_id=invitation.seller_id,
            recipient_type=RecipientType.INVITATION,
            recipient_id=invitation.pk,
            language=invitation.language,
        )
        for invitation in _untold(live_invitations(), Kind.INVITATION)
    ]


def _files_to_tell_of() -> list[Message]:
    """One message for each owner and agent; for who read the file or wants none it is kept and not sent, so
    that the file counts as told."""
    members = Membership.objects.filter(
        seller_id=OuterRef("seller_id"),
        role__in=(MemberRole.OWNER, MemberRole.AGENT),
        is_active=True,
        user__is_active=True,
    )
    finished = FileRun.objects.filter(
        Exists(members), kind=FileKind.RETURNS, state=RunState.DONE, finished_at__gt=Now() - TELL_OF_FILES
    )
    runs = list(_untold(finished, Kind.IMPORT_FINISHED))
    audience = Audience(run.seller_id for run in runs)
    messages = []
    for run in runs:
        for user in audience.members[run.seller_id]:
            suppressed = ""
            if user.pk == run.user_id:
                suppressed = OWN_ACT
            elif audience.is_turned_off(run.seller_id, user, Kind.IMPORT_FINISHED):
                suppressed = TURNED_OFF
            messages.append(
                _about(
                    Kind.IMPORT_FINISHED,
                    run.pk,
                    seller_id=run.seller_id,
                    recipient_type=RecipientType.USER,
                    recipient_id=user.pk,
                    language=user.language,
                    suppressed=suppressed,
                )
            )
    return messages


def _concessions_to_tell_of() -> list[Message]:
    """One message to the buyer for each concession, once it is given."""
    given = Refund.objects.filter(
        cause=RefundCause.CONCESSION,
        status=RefundState.CONFIRMED,
        recorded_at__gt=Now() - TELL_OF_CONCESSIONS,
    ).select_related(*OF_CONCESSION)
    rows = [row for row in _untold(given, Kind.REFUND_ISSUED) if hasattr(row.order_item.order, "buyer")]
    if not rows:
        return []
    marketplace = MarketplaceSettings.load()
    return [
        _about(
            Kind.REFUND_ISSUED,
            row.pk,
            seller_id=row.seller_id,
            recipient_type=RecipientType.BUYER,
            recipient_id=row.order_item.order.buyer.pk,
            language=buyer_language(row.order_item.order.buyer, row.order_item.order.country, marketplace),
            suppressed=suppression_of_order(row.order_item.order, row.request, row.seller),
        )
        for row in rows
    ]


def _about(kind: Kind, about_id: int, *, suppressed: str = "", **columns: Any) -> Message:
    return Message(
        kind=kind,
        about_id=about_id,
        dedup_key=f"{kind}:{about_id}:{columns['recipient_type']}:{columns['recipient_id']}",
        status=State.SUPPRESSED if suppressed else State.QUEUED,
        last_code=suppressed,
        **columns,
    )


# --- Messages to mails

_FRESH = "status IN ('queued', 'retry') AND due_at <= {now} AND crashes = 0 ORDER BY due_at, id"
_ABANDONED = "status = 'sending' AND lease_until < {now} ORDER BY lease_until, id"
_SUSPECT = "status IN ('queued', 'retry') AND due_at <= {now} AND crashes > 0 ORDER BY due_at, id"


def deliver_messages(seconds: float = DRAIN_SECONDS) -> bool:
    """Send what is due, for `seconds`. Answers whether more may be due when it stopped.

    A row whose sender died is taken alone from then on: one that ends its sender takes no other along.
    """
    end = time.monotonic() + seconds
    park_poison()
    with PostOffice() as office:
        while not _is_over(end):
            is_idle = True
            for which, limit in ((_FRESH, BATCH), (_ABANDONED, 1), (_SUSPECT, 1)):
                batch = claim(which, limit)
                if batch is None:
                    continue
                is_idle = False
                if not batch.send(office, end):
                    return False
            if is_idle:
                return False
    return True


def park_poison() -> int:
    """Give up the rows that have ended their sender too often; answers how many."""
    return Message.objects.filter(
        status=State.SENDING, lease_until__lt=Now(), crashes__gte=CRASHES_TO_PARK - 1
    ).update(
        status=State.PARKED,
        last_code=POISON,
        crashes=F("crashes") + 1,
        lease_until=None,
        lease_token="",
        rendered=None,
    )


def claim(which: str, limit: int) -> "Batch | None":
    """Take up to `limit` rows that are `which` for the time of a lease; None where there are none.

    One statement, and with SKIP LOCKED nobody waits for anybody. Taking a row over from a sender that died
    counts as a crash of the row, and as a doubtful repeat if that sender had marked it.
    """
    if connection.vendor == "postgresql":
        now, lock = "STATEMENT_TIMESTAMP()", "FOR UPDATE SKIP LOCKED"
        lease = f"STATEMENT_TIMESTAMP() + INTERVAL '{LEASE.seconds} seconds'"
    else:
        now, lock = "STRFTIME('%Y-%m-%d %H:%M:%f', 'now')", ""
        lease = f"STRFTIME('%Y-%m-%d %H:%M:%f', 'now', '+{LEASE.seconds} seconds')"
    token = uuid4().hex
    statement = f"""
        WITH due AS (
            SELECT id AS due_id FROM notifications_message WHERE {which.format(now=now)} LIMIT {limit} {lock}
        )
        UPDATE notifications_message
        SET status = 'sending', lease_token = '{token}', lease_until = {lease},
            crashes = crashes + CASE WHEN status = 'sending' THEN 1 ELSE 0 END,
            doubtful = doubtful + CASE WHEN marked_at IS NULL THEN 0 ELSE 1 END,
            marked_at = NULL
        FROM due WHERE id = due_id RETURNING id
    """  # noqa: S608 -- put together from our own constants
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
        ids = [row[0] for row in cursor.fetchall()]
    return Batch(token, ids) if ids else None


class Batch:
    """Rows that are ours until their lease ends, as long as their token is ours."""

    def __init__(self, token: str, ids: Sequence[int]) -> None:
        self.token = token
        self.ids = ids
        self._extended_at = time.monotonic()

    def send(self, office: PostOffice, end: float) -> bool:
        """Send each row, or write down why not. Answers whether a mail server could be reached.

        What is not begun by `end` is given back, and so is everything when this raises.
        """
        try:
            for message, content in self._write_letters():
                if _is_over(end):
                    break
                try:
                    self._send_one(office, message, content)
                except Unreachable as away:
                    self._wait_for_server(str(away))
                    return False
            return True
        finally:
            self._give_back()

    def _write_letters(self) -> list[tuple[Message, bytes]]:
        """The rows that go out, with their mails. Those are kept before the first one leaves: whoever has to
        repeat an attempt sends the same bytes."""
        letters = Letters()
        written, fresh = [], []
        for message in read_messages(self.ids):
            try:
                letter = letters.letter(message)
                content = bytes(message.rendered or letters.content(message, letter))
            except Withheld as withheld:
                self._settle(message, status=withheld.status, last_code=withheld.code, rendered=None)
            except DatabaseError:
                raise
            except Exception as error:
                logger.exception("message %s cannot be rendered", message.pk)
                self._count_crash(message, type(error).__name__)
            else:
                written.append((message, content))
                if message.rendered is None and message.kind not in WITH_SECRET:
                    fresh.append((message, content))
        # All at once, and only now: rendering takes time, and on SQLite a transaction keeps every writer out.
        with transaction.atomic():
            for message, content in fresh:
                self._mine(message).update(rendered=content)
        return written

    def _send_one(self, office: PostOffice, message: Message, content: bytes) -> None:
        self._keep()
        try:
            office.send(content, mark=lambda: self._mark(message), keep=self._keep)
        except Refused as refused:
            self._after_answer(message, str(refused.code), refused.status, is_final=refused.is_final)
        except Broken as broken:
            self._after_answer(message, str(broken), "", is_final=False)
        except LeaseLost:
            logger.warning("message %s was taken over before it was sent", message.pk)
        else:
            self._settle(
                message,
                status=State.SENT,
                sent_at=Now(),
                attempts=F("attempts") + 1,
                last_code="250",
                last_error="",
                rendered=None,
            )

    def _mark(self, message: Message) -> None:
        """Right before the mail can be accepted: fence, mark and longer lease in one statement."""
        if not self._mine(message).update(marked_at=Now(), lease_until=Now() + LEASE):
            raise LeaseLost

    def _keep(self) -> None:
        if time.monotonic() - self._extended_at > EXTEND_AFTER_SECONDS:
            self._extended_at = time.monotonic()
            Message.objects.filter(pk__in=self.ids, lease_token=self.token).update(lease_until=Now() + LEASE)

    def _after_answer(self, message: Message, code: str, status: str, *, is_final: bool) -> None:
        """After a Broken one the mark stays: what became of the mail is not known."""
        has_answer = code.lstrip("-").isdigit()
        columns: dict[str, Any] = {"marked_at": None} if has_answer else {}
        columns |= {"attempts": F("attempts") + 1, "last_code": code, "last_error": status}
        if is_final:
            self._settle(message, status=State.PARKED, rendered=None, **columns)
        elif message.attempts >= len(RETRY_SECONDS):
            self._settle(message, status=State.PARKED, rendered=None, **columns | {"last_error": GAVE_UP})
        else:
            self._settle(
                message, status=State.RETRY, due_at=_after(RETRY_SECONDS[message.attempts]), **columns
            )

    def _count_crash(self, message: Message, error: str) -> None:
        crashes = message.crashes + 1
        is_poison = crashes >= CRASHES_TO_PARK
        self._settle(
            message,
            status=State.PARKED if is_poison else State.RETRY,
            due_at=_after(RETRY_SECONDS[message.crashes]),
            crashes=crashes,
            last_code=POISON,
            last_error=error,
        )

    def _wait_for_server(self, reason: str) -> None:
        """No answer of a mail server: the rows that are left wait a little, and count no attempt."""
        for message in Message.objects.filter(pk__in=self.ids, lease_token=self.token):
            seconds = min(RETRY_SECONDS[min(message.attempts, len(RETRY_SECONDS) - 1)], UNREACHABLE_SECONDS)
            self._settle(message, status=State.RETRY, due_at=_after(seconds), last_code=reason)

    def _give_back(self) -> None:
        """Rows that are still ours are due as before; a mark that one carries stays."""
        still_ours = Message.objects.filter(pk__in=self.ids, lease_token=self.token)
        free = {"lease_until": None, "lease_token": ""}
        try:
            still_ours.filter(attempts=0).update(status=State.QUEUED, **free)
            still_ours.update(status=State.RETRY, **free)
        except DatabaseError:
            logger.warning("%s messages stay leased until their lease ends", len(self.ids))

    def _mine(self, message: Message) -> QuerySet[Message]:
        """The fence: no row where somebody else has taken it over."""
        return Message.objects.filter(pk=message.pk, lease_token=self.token)

    def _settle(self, message: Message, **columns: Any) -> None:
        """Write a result down and end the lease; without effect where the lease is lost."""
        _insist(lambda: self._mine(message).update(lease_until=None, lease_token="", **columns))


def _is_over(end: float) -> bool:
    return time.monotonic() >= end or stopping.is_set()


def _after(seconds: float) -> Any:
    """The database's now and `seconds` ± 20 %: what failed together does not come again together."""
    return Now() + timedelta(seconds=seconds * random.uniform(0.8, 1.2))  # noqa: S311 -- no secret


def _insist(update: Callable[[], int]) -> int:
    """A result that a mail server gave must not be forgotten because the database restarts just then."""
    end = time.monotonic() + INSIST_SECONDS
    while True:
        try:
            return update()
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block or time.monotonic() > end:
                raise
            connection.close()
            time.sleep(0.5)


# --- Sending one again


# What is not in here is still on its way, or only shown.
AGAIN = (State.SENT, State.PARKED, State.CANCELLED)


def send_again(messages: QuerySet[Message]) -> int:
    """Queue those of `messages` that were sent or given up once more; answers how many.

    What is still on its way stays as it is. What is only shown is not sent, and a code is asked for anew.
    """
    return (
        messages.filter(status__in=AGAIN)
        .exclude(kind__in=WITH_SECRET)
        .update(
            status=State.QUEUED,
            due_at=Now(),
            sent_at=None,
            attempts=0,
            crashes=0,
            marked_at=None,
            last_code="",
            last_error="",
        )
    )


def send_closure_message(event_id: int) -> int:
    """Send the buyer's message of a closing once more; answers how many were queued."""
    return send_again(
        Message.objects.filter(event_id=event_id, kind__in=(Kind.RETURN_CLOSED, Kind.CLOSE_RECEIPT))
    )


def notify_seller_of_buyer_closure(event_id: int) -> int:
    """Send the members' messages of a buyer's closing once more; answers how many were queued."""
    return send_again(Message.objects.filter(event_id=event_id, kind=Kind.RETURN_CLOSED_BY_BUYER))


# --- Figures


def delivery_figures() -> dict[str, float]:
    """What an operator watches: messages that wait and for how long the oldest is due, those that were given
    up, and repeats that may have arrived twice."""
    waiting = Message.objects.filter(status__in=WAITING)
    doubtful = Message.objects.filter(doubtful__gt=0).aggregate(sum=Sum("doubtful"))["sum"]
    oldest = waiting.filter(due_at__lte=Now()).order_by("due_at").values_list("due_at", flat=True).first()
    return {
        "messages_waiting": waiting.count(),
        "messages_parked": Message.objects.filter(status=State.PARKED).count(),
        "messages_doubtful": doubtful or 0,
        "messages_oldest_due_seconds": max((database_now() - oldest).total_seconds(), 0) if oldest else 0,
    }
