"""`manage.py audit` finds what only somebody with raw SQL can break, and nothing else."""

# ruff: noqa: S608 -- statements put together from our own constants
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from notifications import services as notifications
from returns import services
from returns.actors import Actor
from returns.models import ReturnRequest
from returns.services.decide import Authorization
from returns.services.offers import Terms
from returns.services.seller_rules import save_returnless_rule
from returns.state_machine import Outcome, Role, Status
from tests.factories import (
    Cast,
    Line,
    a_request_in,
    at_once,
    by_hand,
    closing,
    day,
    file_request,
    make_order,
    open_request,
)
from tests.label_files import an_own_label
from tests.notifications.mail_server import MailServer

EVERY_INVARIANT = ["I1", "I2", "I4", "I5", "I6", "I7", "I8", "I9", "I11", "I13", "I14", "I15", "I16", "I17"]


def audit(*arguments: str) -> tuple[int, str]:
    """The exit code of `manage.py audit` and what it prints."""
    output = io.StringIO()
    try:
        call_command("audit", *arguments, stdout=output)
    except SystemExit as ended:
        return int(str(ended.code)), output.getvalue()
    return 0, output.getvalue()


def broken() -> dict[str, list[str]]:
    code, output = audit("--json")
    found: dict[str, list[str]] = json.loads(output)["broken"]
    assert code == bool(found)
    return found


def work_through_everything(cast: Cast) -> None:
    """A request in every status and by every hand, a promise, an undo, a reopening, a rule; all mails gone."""
    for status in Status:
        a_request_in(cast, status, Outcome.REFUNDED if status == Status.COMPLETED else "")
    a_request_in(cast, Status.CLOSED, closed_by=Role.BUYER)
    a_request_in(cast, Status.CLOSED, promise_minor=5000)
    a_request_in(cast, Status.COMPLETED, Outcome.BUYER_KEPT_ITEM, prepaid=True)
    file_request(make_order(cast.north_lane), Status.AUTHORIZED)
    alice = cast.actor(cast.alice)
    undone = a_request_in(cast, Status.AUTHORIZATION_REQUIRED)
    services.close_return(alice, reference=undone.reference, closing=closing())
    services.undo_decision(alice, reference=undone.reference)
    labelled = a_request_in(cast, Status.AUTHORIZATION_REQUIRED)
    services.authorize_return(
        at_once(alice), reference=labelled.reference, decision=Authorization(label=an_own_label())
    )
    reopened = a_request_in(cast, Status.CLOSED)
    services.reopen_return(alice, reference=reopened.reference)
    for kind, is_accepted in (("keep_full", False), ("keep_full", True), ("free_label", True)):
        offered = a_request_in(cast, Status.AUTHORIZATION_REQUIRED)
        terms = Terms(kind=kind, comments="Would this help?")
        event = services.make_offer(alice, reference=offered.reference, terms=terms)
        if is_accepted:
            buyer = Actor.buyer(offered.order)
            services.accept_offer(buyer, reference=offered.reference, offer_id=event.offer.pk)
    save_returnless_rule(alice, name="Small things", currency="USD", least_minor=0, most_minor=2000)
    for is_paid in (True, True, False):
        cheap = open_request(make_order(cast.north_lane, Line(item=1299, tax=104)))
        assert cheap.outcome == Outcome.REFUNDED_WITHOUT_RETURN
        if is_paid:
            services.record_payout(alice, payout=cheap.payouts.get().reference, paid_date=day(0))
    notifications.relay_events()
    while notifications.deliver_messages():
        pass


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_a_desk_where_everything_was_done_is_clean(cast: Cast, server: MailServer) -> None:
    work_through_everything(cast)
    assert audit() == (0, "14 invariants checked, 0 broken\n")
    code, output = audit("--json")
    assert (code, json.loads(output)) == (0, {"checked": EVERY_INVARIANT, "broken": {}})


# --- What it finds. Each row: the invariants named, a part of a line, and the statements that break them.

OTHER_SELLER = "(SELECT id FROM returns_seller WHERE slug = 'south-pier')"
ONE_CLOSED = (
    "(SELECT id FROM returns_returnrequest WHERE status = 'closed' AND closed_by_role = 'seller' LIMIT 1)"
)
LAST_EVENT_OF_IT = f"(SELECT max(id) FROM returns_returnevent WHERE request_id = {ONE_CLOSED})"

BREACHES = {
    "a label on a return that was undone": (
        {"I15"},
        "is in force although its return was called off",
        [
            (
                "UPDATE returns_returnlabel SET request_id = (SELECT min(id) FROM returns_returnrequest "
                "WHERE status = 'authorization_required')"
            )
        ],
    ),
    "a label on a request that still owes one": (
        {"I15"},
        "is in force although its request still owes one",
        [
            (
                "UPDATE returns_returnrequest SET is_label_owed = NOT is_label_owed "
                "WHERE id = (SELECT request_id FROM returns_returnlabel)"
            )
        ],
    ),
    "a label whose file is gone": (
        {"I15"},
        "has lost its file",
        ["UPDATE returns_returnlabel SET file = 'labels/gone.pdf'"],
    ),
    "a label of another seller": (
        {"I7"},
        "belongs to another seller than its owner",
        [f"UPDATE returns_returnlabel SET seller_id = {OTHER_SELLER}"],
    ),
    "an open offer that its request does not know": (
        {"I17"},
        "is open, but not for its request",
        ["UPDATE returns_returnrequest SET offer_until = NULL"],
    ),
    "a request that waits for no offer": (
        {"I17"},
        "waits for an answer to no offer",
        ["UPDATE returns_offer SET state = 'lapsed', answered_at = now() WHERE state = 'open'"],
    ),
    "an accepted offer of more than was refunded": (
        {"I17"},
        "was accepted, but not carried out as it says",
        ["UPDATE returns_offer SET amount_minor = amount_minor + 1 WHERE state = 'accepted'"],
    ),
    "an offer of another seller": (
        {"I7"},
        "belongs to another seller than its owner",
        [f"UPDATE returns_offer SET seller_id = {OTHER_SELLER}"],
    ),
    "a buyer who was not told": (
        {"I1"},
        "(close) owes its buyer return_closed",
        ["DELETE FROM notifications_message WHERE kind = 'return_closed'"],
    ),
    "a seller who was not told that the buyer closed": (
        {"I1"},
        "(close) owes its seller return_closed_by_buyer",
        ["DELETE FROM notifications_message WHERE kind = 'return_closed_by_buyer'"],
    ),
    "a message of a decision that was undone": (
        {"I2"},
        "belongs to an event that tells nobody",
        [
            (
                "UPDATE notifications_message SET event_id = (SELECT id FROM returns_returnevent "
                "WHERE withdrawn_at IS NOT NULL) WHERE id = (SELECT min(id) FROM notifications_message "
                "WHERE recipient_type = 'user' AND kind = 'return_opened')"
            )
        ],
    ),
    "a message of an event that was not relayed": (
        {"I2"},
        "belongs to an event that tells nobody",
        [
            (
                "UPDATE returns_returnevent SET relayed_at = NULL WHERE id = "
                "(SELECT max(event_id) FROM notifications_message)"
            )
        ],
    ),
    "an event that is gone": (
        {"I4"},
        "lacks the event of version 1",
        [f"UPDATE returns_returnevent SET version = version + 9 WHERE request_id = {ONE_CLOSED}"],
    ),
    "a status that no event made": (
        {"I4", "I6"},
        "is authorized at version",
        [
            (
                "UPDATE returns_returnrequest SET status = 'authorized', authorized_at = now() "
                "WHERE id = (SELECT max(id) FROM returns_returnrequest WHERE status = 'authorization_required')"
            )
        ],
    ),
    "an event that starts where the one before did not end": (
        {"I4"},
        "starts at refund_due",
        [f"UPDATE returns_returnevent SET source = 'refund_due' WHERE id = {LAST_EVENT_OF_IT}"],
    ),
    "a prepaid flag that no event changed": (
        {"I4"},
        "changed whether it is prepaid-eligible without an event",
        [
            (
                "UPDATE returns_returnrequest SET prepaid_eligible = true "
                "WHERE id = (SELECT max(id) FROM returns_returnrequest WHERE status = 'authorization_required')"
            )
        ],
    ),
    "a prepaid-eligible request that is closed": (
        {"I4", "I5"},
        "is prepaid-eligible and closed",
        [
            "ALTER TABLE returns_returnrequest DROP CONSTRAINT request_prepaid_is_never_closed",
            f"UPDATE returns_returnrequest SET prepaid_eligible = true WHERE id = {ONE_CLOSED}",
        ],
    ),
    "an event that closed a prepaid-eligible request": (
        {"I4", "I5"},
        "closed a prepaid-eligible request",
        [
            (
                "UPDATE returns_returnevent SET facts = jsonb_set(facts, '{prepaid_eligible}', 'true') "
                f"WHERE id = {LAST_EVENT_OF_IT}"
            )
        ],
    ),
    "an authorized request closed by the seller": (
        {"I4", "I5"},
        "closed an authorized request by the seller's side",
        [f"UPDATE returns_returnevent SET source = 'authorized' WHERE id = {LAST_EVENT_OF_IT}"],
    ),
    "a number on a tab": (
        {"I6"},
        "closed: counted ",
        ["UPDATE returns_statuscount SET requests = requests + 1 WHERE status = 'closed'"],
    ),
    "a request in another seller's queue": (
        {"I6", "I7"},
        "belongs to another seller than its owner",
        [f"UPDATE returns_returnrequest SET seller_id = {OTHER_SELLER} WHERE id = {ONE_CLOSED}"],
    ),
    "a message at another seller": (
        {"I7"},
        "belongs to another seller than its owner",
        [
            (
                f"UPDATE notifications_message SET seller_id = {OTHER_SELLER} "
                "WHERE id = (SELECT max(id) FROM notifications_message)"
            )
        ],
    ),
    "a decision by somebody from elsewhere": (
        {"I7"},
        "was made by somebody who never belonged to its seller",
        [
            (
                "UPDATE returns_returnevent SET user_id = (SELECT id FROM returns_user "
                f"WHERE email LIKE 'carol@%') WHERE id = {LAST_EVENT_OF_IT}"
            )
        ],
    ),
    "an item of another order": (
        {"I7", "I11"},
        "is of another order than its request",
        [
            (
                "UPDATE returns_returnitem SET order_item_id = (SELECT max(id) FROM returns_orderitem) "
                "WHERE id = (SELECT min(id) FROM returns_returnitem)"
            )
        ],
    ),
    "a form that was used twice": (
        {"I8"},
        "used one form 2 times",
        [
            "ALTER TABLE returns_returnevent DROP CONSTRAINT event_key_once",
            f"UPDATE returns_returnevent SET idempotency_key = 'once' WHERE request_id = {ONE_CLOSED}",
        ],
    ),
    "an event that nobody passes on": (
        {"I9"},
        "was not passed on for more than a minute",
        [
            (
                "UPDATE returns_returnevent SET relayed_at = NULL, recorded_at = now() - interval '61 seconds' "
                "WHERE id = (SELECT max(id) FROM returns_returnevent WHERE action = 'undo')"
            )
        ],
    ),
    "a message that nobody sends": (
        {"I9"},
        "is due for more than a minute",
        [
            (
                "UPDATE notifications_message SET status = 'retry', due_at = now() - interval '61 seconds' "
                "WHERE id = (SELECT max(id) FROM notifications_message)"
            )
        ],
    ),
    "a message whose sender died": (
        {"I9"},
        "is due for more than a minute",
        [
            (
                "UPDATE notifications_message SET status = 'sending', lease_token = 'x', "
                "lease_until = now() - interval '61 seconds' WHERE id = (SELECT max(id) FROM notifications_message)"
            )
        ],
    ),
    "units that nobody holds": (
        {"I11"},
        "its items hold 0, the line says 1 of 1",
        [
            (
                "UPDATE returns_orderitem SET units_held = 1 WHERE id = (SELECT order_item_id "
                f"FROM returns_returnitem WHERE request_id = {ONE_CLOSED})"
            )
        ],
    ),
    "a refund that the line does not know of": (
        {"I11"},
        "of item, the line says or allows otherwise",
        ["UPDATE returns_refund SET amount_minor = amount_minor + 1 WHERE part = 'item'"],
    ),
    "a refund of which a part is gone": (
        {"I11"},
        "tells of 1403 refunded, its rows of 1299",
        ["DELETE FROM returns_refund WHERE part = 'tax' AND cause = 'rule'"],
    ),
    "a pay-out that is not what its refunds are": (
        {"I16"},
        "is not the sum of its refunds",
        ["UPDATE returns_payout SET amount_minor = amount_minor + 1"],
    ),
    "a refund that knows more than its pay-out": (
        {"I16"},
        "is not in step with its pay-out",
        ["UPDATE returns_refund SET status = 'failed' WHERE part = 'tax' AND cause = 'rule'"],
    ),
    "a refund to be paid that its request does not show": (
        {"I16"},
        "does not show whether a pay-out of it is open",
        ["UPDATE returns_returnrequest SET open_payout = '' WHERE open_payout <> ''"],
    ),
    "a request that counts as refunded before it is": (
        {"I16"},
        "is completed as refunded, and a pay-out of it is not paid",
        [
            (
                "UPDATE returns_payout SET status = 'requested', confirmed_at = NULL, paid_date = NULL "
                "WHERE request_id IN (SELECT id FROM returns_returnrequest WHERE outcome = 'refunded')"
            )
        ],
    ),
    "a pay-out that was confirmed twice": (
        {"I16"},
        "was confirmed 2 times",
        [
            (
                "UPDATE returns_returnevent SET facts = jsonb_set(facts, '{payout,reference}', '\"one\"') "
                "WHERE action = 'pay_out'"
            )
        ],
    ),
    "a promise that vanished": (
        {"I13"},
        "lost its refund promise, or has another one",
        [
            (
                "UPDATE returns_returnrequest SET promise_minor = NULL, promise_currency = '', "
                "promise_due_date = NULL WHERE promise_minor IS NOT NULL"
            )
        ],
    ),
    "a promise that shrank": (
        {"I13"},
        "lost its refund promise, or has another one",
        ["UPDATE returns_returnrequest SET promise_minor = 1 WHERE promise_minor IS NOT NULL"],
    ),
    "a withdrawal in time closed for any reason": (
        {"I13"},
        "closed a withdrawal in time with a reason that may not",
        [f"UPDATE returns_returnrequest SET is_timely_withdrawal = true WHERE id = {ONE_CLOSED}"],
    ),
    "a buyer told of an import": (
        {"I2", "I14"},
        "told a buyer of an import",
        [
            (
                "UPDATE notifications_message SET event_id = (SELECT max(id) FROM returns_returnevent "
                "WHERE action = 'record') WHERE id = (SELECT min(id) FROM notifications_message "
                "WHERE kind = 'return_reopened' AND recipient_type = 'buyer')"
            )
        ],
    ),
}


@pytest.mark.postgresql
@pytest.mark.django_db
def test_it_names_every_breach(cast: Cast, server: MailServer) -> None:
    """As somebody who owns the database: the trigger is off and constraints fall. Each is rolled back."""
    work_through_everything(cast)
    assert broken() == {}
    missed = {}
    for breach, (invariants, line, statements) in BREACHES.items():
        with transaction.atomic():
            break_it(statements)
            found = broken()
            code, output = audit()
            transaction.set_rollback(True)
        if not invariants <= found.keys() or line not in output or code != 1:
            missed[breach] = output
    assert missed == {}
    assert {name for invariants, _, _ in BREACHES.values() for name in invariants} == set(EVERY_INVARIANT)


def break_it(statements: list[str]) -> None:
    with connection.cursor() as cursor:
        # What is deferred is checked first: PostgreSQL alters no table that still has checks to make.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE returns_returnevent DISABLE TRIGGER event_is_frozen")
        for statement in statements:
            cursor.execute(statement)
            assert cursor.rowcount, statement


@pytest.mark.django_db
def test_since_looks_only_at_what_happened_since(cast: Cast) -> None:
    with by_hand(cast.north_lane):
        request = open_request(make_order(cast.north_lane, country="CA"))
    ReturnRequest.objects.filter(pk=request.pk).update(rma_number="", version=7)
    assert audit("--since", "2020-01-01")[0] == 1
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert audit("--since", tomorrow) == (0, "14 invariants checked, 0 broken\n")


@pytest.mark.django_db
def test_since_that_is_no_time_is_refused_in_one_sentence() -> None:
    with pytest.raises(CommandError, match="takes an ISO time"):
        call_command("audit", "--since", "yesterday")


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_a_promise_that_was_kept_is_no_breach(cast: Cast, server: MailServer) -> None:
    promised: Any = a_request_in(cast, Status.CLOSED, promise_minor=5000)
    services.record_refund(
        at_once(cast.actor(cast.alice)),
        reference=promised.reference,
        amounts={(promised.items.get().pk, "item"): 5000},
        refunded_date=day(0),
    )
    services.escalate(
        Actor.buyer(promised.order), reference=promised.reference, comments="Where is the rest?"
    )
    notifications.relay_events()
    notifications.deliver_messages()
    assert broken() == {}
