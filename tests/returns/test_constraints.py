"""What the database itself refuses, on both, by raw SQL: a constraint without its line here fails."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, IntegrityError, connection, models, transaction

from notifications.models import Message, Preference
from returns import services
from returns.models import (
    BulkRow,
    BulkRun,
    BuyerCode,
    BuyerLookup,
    BuyerSession,
    ClosureReason,
    Deciding,
    Edition,
    EventText,
    FileRun,
    Heartbeat,
    Invitation,
    MarketplaceSettings,
    Membership,
    Note,
    Offer,
    Order,
    Payout,
    Photo,
    Refund,
    ReturnDraft,
    ReturnEvent,
    ReturnLabel,
    ReturnReason,
    ReturnRequest,
    RulesVersion,
    ScheduledJob,
    SkuUpload,
    SkuWeight,
    StatusCount,
)
from returns.models.clock import database_now
from returns.services.comments import save_comment
from returns.services.costs import add_return_cost, save_weights
from returns.services.offers import Terms
from returns.services.saved_views import save_view
from returns.services.seller_rules import save_returnless_rule, set_override
from returns.state_machine import Status
from tests.factories import (
    Cast,
    Line,
    a_request_in,
    at_once,
    closing,
    day,
    last_event,
    make_cast,
    make_order,
    open_request,
)
from tests.returns.ledger import row

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

NOW = datetime(2026, 1, 7, 12, tzinfo=UTC)


@dataclass
class World:
    """A lawful row, or two, of every table."""

    cast: Cast = field(default_factory=make_cast)

    def __post_init__(self) -> None:
        cast = self.cast
        alice = at_once(cast.actor(cast.alice))
        self.order: Order = make_order(
            cast.north_lane, Line(sku="A", quantity=2), Line(sku="B", quantity=2), country="CA"
        )
        self.line, self.other_line = self.order.items.order_by("pk")
        self.asked = open_request(self.order, quantity=1)
        self.again = open_request(self.order, quantity=1)
        self.item, self.other_item = self.asked.items.order_by("pk")
        self.prepaid = a_request_in(cast, Status.AUTHORIZATION_REQUIRED, prepaid=True)
        self.authorized = a_request_in(cast, Status.AUTHORIZED)
        self.refund_due = a_request_in(cast, Status.REFUND_DUE)
        self.completed = a_request_in(cast, Status.COMPLETED, "never_arrived")
        self.promised = a_request_in(cast, Status.CLOSED, promise_minor=100)
        self.closed = a_request_in(cast, Status.CLOSED)
        for paid_back in (self.refund_due, self.authorized):
            services.record_refund(
                alice,
                reference=paid_back.reference,
                amounts={(paid_back.items.get().pk, part): 100 for part in ("item", "tax")},
                refunded_date=day(0),
            )
        self.refund, self.other_refund = Refund.objects.order_by("pk")[:2]
        self.payout, self.other_payout = Payout.objects.order_by("pk")
        self.label, self.void_label = (
            ReturnLabel.objects.create(
                seller=cast.north_lane,
                request=self.authorized,
                kind="own",
                file=f"labels/{name}.pdf",
                provided_at=NOW,
                voided_at=voided_at,
            )
            for name, voided_at in (("a", None), ("b", NOW))
        )
        self.opened = self.authorized.events.get(version=1)
        self.event = last_event(self.closed)
        self.text, self.other_text = EventText.objects.order_by("pk")[:2]
        self.count, self.other_count = StatusCount.objects.order_by("pk")[:2]
        self.reason, self.other_reason = ReturnReason.objects.order_by("pk")[:2]
        self.closure, self.other_closure = ClosureReason.objects.order_by("pk")[:2]
        self.membership, self.other_membership = (
            Membership.objects.get(user=user) for user in (cast.alice, cast.ben)
        )
        self.session, self.other_session = (
            BuyerSession.objects.create(order=self.order, key_digest=digest, expires_at=NOW)
            for digest in ("a", "b")
        )
        BuyerCode.objects.create(order=self.order, salt="s", browser_digest="d", expires_at=NOW)
        BuyerLookup.objects.create(order_number_hash="n", email_hash="e", ip_hash="i")
        self.invitation = Invitation.objects.create(
            seller=cast.north_lane, email="new@north-lane.example", role="agent", salt="s", expires_at=NOW
        )
        self.saved, self.other_saved = (
            save_comment(alice, name=name, text="We are sorry.", language="en") for name in ("One", "Two")
        )
        self.sku, self.other_sku = (set_override(alice, sku=sku, is_automatic=True) for sku in ("A", "B"))
        self._say_rules_and_costs(alice)
        self.upload = SkuUpload.objects.create(
            seller=cast.north_lane, user=cast.alice, file_name="a", uploaded_at=NOW, code=41003
        )
        self.view, self.other_view = (
            save_view(alice, name=name, query="overdue=on") for name in ("One", "Two")
        )
        self.file, self.other_file = (
            FileRun.objects.create(seller=cast.north_lane, kind="orders", file_name=name, digest=name)
            for name in ("a", "b")
        )
        self.bulk, self.other_bulk = (
            BulkRun.objects.create(seller=cast.north_lane, user=cast.alice, action="close")
            for _number in range(2)
        )
        self.bulk_row = BulkRow.objects.create(run=self.bulk, request=self.asked)
        self.other_bulk_row = BulkRow.objects.create(run=self.bulk, request=self.closed)
        self.job, self.other_job = (
            ScheduledJob.objects.create(name=name, due_at=NOW) for name in ("one", "two")
        )
        self.heart, self.other_heart = (
            Heartbeat.objects.create(name=name, beat_at=NOW) for name in ("one", "two")
        )
        self.told, self.also_told = (
            Message.objects.create(
                seller=cast.north_lane,
                event=self.event,
                recipient_type="user",
                recipient_id=user.pk,
                kind="return_closed",
                language="en",
            )
            for user in (cast.alice, cast.ben)
        )
        self.code, self.other_code = (
            Message.objects.create(
                about_id=number,
                dedup_key=f"code:{number}",
                recipient_type="buyer",
                recipient_id=1,
                kind="buyer_code",
                language="en",
            )
            for number in (1, 2)
        )
        self.preference, self.other_preference = (
            Preference.objects.create(user=user, seller=cast.north_lane, kind="return_kept")
            for user in (cast.alice, cast.ben)
        )
        self.note, self.other_note = (
            Note.objects.create(request=self.asked, author=cast.alice, text="Ours.", idempotency_key=key)
            for key in ("a", "b")
        )
        self.deciding, self.also_deciding = (
            Deciding.objects.create(request=self.asked, user=user, version=1, until=NOW)
            for user in (cast.alice, cast.ben)
        )
        self.draft, self.other_draft, self.buyers_draft = (
            ReturnDraft.objects.create(order=self.order, user=user) for user in (cast.alice, cast.ben, None)
        )
        kept = {"seller": cast.north_lane, "order": self.order, "width": 1, "height": 1, "size": 1}
        self.drafts_photo = Photo.objects.create(
            **kept, file="photos/a.jpg", draft=self.draft, order_item=self.line
        )
        self.photo = Photo.objects.create(
            **kept, file="photos/b.jpg", request=self.asked, item=self.item, media_type="image/jpeg"
        )
        self.settings = MarketplaceSettings.load()
        self.rules = RulesVersion.objects.latest("version")

    @cached_property
    def offers(self) -> list[Offer]:
        """Two of one request: one that was taken back, and one that is open."""
        alice = at_once(self.cast.actor(self.cast.alice))
        request = a_request_in(self.cast, Status.AUTHORIZATION_REQUIRED)
        terms = Terms(kind="keep_full", comments="Please keep it.")
        first = services.make_offer(alice, reference=request.reference, terms=terms)
        services.take_back_offer(alice, reference=request.reference, offer_id=first.pk)
        services.make_offer(alice, reference=request.reference, terms=terms)
        return list(Offer.objects.order_by("pk"))

    def _say_rules_and_costs(self, alice: Any) -> None:
        self.rule, self.other_rule = (
            save_returnless_rule(alice, name=name, currency="USD", least_minor=0, most_minor=100)
            for name in ("One", "Two")
        )
        self.cost, self.other_cost = (
            add_return_cost(alice, zone="domestic", up_to_grams=grams, amount_minor=500, currency="USD")
            for grams in (1000, 2000)
        )
        save_weights(alice, default_grams=None, text="A, 10\nB, 20")
        self.weight, self.other_weight = SkuWeight.objects.order_by("sku")


@pytest.fixture
def world(db: None) -> World:
    return World()


# One statement each


def update(instance: models.Model, columns: dict[str, Any]) -> None:
    """``UPDATE … SET … WHERE id``, past everything of ours."""
    table = instance._meta.db_table
    assignments = ", ".join(f'"{column}" = %s' for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE "{table}" SET {assignments} WHERE "{instance._meta.pk.column}" = %s',  # noqa: S608 -- our own names
            [*columns.values(), instance.pk],
        )
        assert cursor.rowcount == 1


def insert_like(instance: models.Model, columns: dict[str, Any]) -> None:
    """``INSERT … SELECT`` of the same row with other values: for rows that may not be updated."""
    table = instance._meta.db_table
    names = [column.column for column in instance._meta.concrete_fields if not column.primary_key]
    into = ", ".join(f'"{name}"' for name in names)
    values = ", ".join("%s" if name in columns else f'"{name}"' for name in names)
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{table}" ({into}) SELECT {values} FROM "{table}" WHERE id = %s',  # noqa: S608
            [*(columns[name] for name in names if name in columns), instance.pk],
        )


# By name of the constraint, or table.column of a unique column: rows of the world and values that break it.
Broken = Callable[[World], tuple[models.Model, dict[str, Any]]]
BROKEN: dict[str, list[Broken]] = {
    # People
    "user_email_is_lower_case": [lambda w: (w.cast.alice, {"email": "Alice@north-lane.example"})],
    "user_language": [lambda w: (w.cast.alice, {"language": "fr"})],
    "returns_user.email": [lambda w: (w.cast.ben, {"email": w.cast.alice.email})],
    "seller_language": [lambda w: (w.cast.north_lane, {"language": ""})],
    "seller_authorization_days": [lambda w: (w.cast.north_lane, {"authorization_days": 31})],
    "returns_seller.slug": [lambda w: (w.cast.south_pier, {"slug": "north-lane"})],
    "membership_once": [lambda w: (w.other_membership, {"user_id": w.cast.alice.pk})],
    "membership_role": [lambda w: (w.membership, {"role": "boss"})],
    "invitation_role": [lambda w: (w.invitation, {"role": "boss"})],
    "saved_view_once": [lambda w: (w.other_view, {"name": "One"})],
    "saved_comment_name": [lambda w: (w.other_saved, {"name": "One"})],
    "saved_comment_language": [lambda w: (w.saved, {"language": ""})],
    "sku_rule_once": [lambda w: (w.other_sku, {"sku": "A"})],
    "sku_rule_has_sku": [lambda w: (w.sku, {"sku": ""})],
    "returnless_rule_name": [lambda w: (w.other_rule, {"name": "One"})],
    "returnless_rule_range": [
        lambda w: (w.rule, {"least_minor": -1}),
        lambda w: (w.rule, {"least_minor": 101}),
    ],
    "return_cost_once": [lambda w: (w.other_cost, {"up_to_grams": 1000})],
    "return_cost_weight": [lambda w: (w.cost, {"up_to_grams": 0})],
    "return_cost_amount": [lambda w: (w.cost, {"amount_minor": 0})],
    "return_cost_zone": [lambda w: (w.cost, {"zone": "moon"})],
    "sku_weight_once": [lambda w: (w.other_weight, {"sku": "A"})],
    "sku_weight_names_both": [
        lambda w: (w.weight, {"sku": ""}),
        lambda w: (w.weight, {"grams": 0}),
    ],
    "returns_buyersession.key_digest": [lambda w: (w.other_session, {"key_digest": "a"})],
    # Orders
    "order_number_once": [
        lambda w: (w.order, {"order_number": w.closed.order.order_number}),
    ],
    "returns_order.reference": [lambda w: (w.order, {"reference": w.closed.order.reference})],
    "buyer_language": [lambda w: (w.order.buyer, {"language": "fr"})],
    "returns_buyer.order_id": [lambda w: (w.order.buyer, {"order_id": w.closed.order_id})],
    "order_item_line_once": [lambda w: (w.other_line, {"line_key": "A"})],
    "order_item_quantity": [lambda w: (w.line, {"quantity": 0, "units_held": 0})],
    "order_item_units_held": [
        lambda w: (w.line, {"units_held": 3}),
        lambda w: (w.line, {"quantity": 1}),
    ],
    **{
        f"order_item_{part}_refunded": [
            lambda w, part=part: (w.line, {f"{part}_paid_minor": 100, f"{part}_refunded_minor": 101}),
            lambda w, part=part: (w.line, {f"{part}_refunded_minor": -1}),
            lambda w, part=part: (w.line, {f"{part}_paid_minor": None, f"{part}_refunded_minor": -1}),
            lambda w, part=part: (w.line, {f"{part}_paid_minor": -1}),
        ]
        for part in ("item", "tax", "shipping")
    },
    "order_item_extra_refunded": [
        lambda w: (w.line, {"extra_refunded_minor": 1}),
        lambda w: (w.line, {"extra_refunded_minor": 101, "extra_ceiling_minor": 100}),
        lambda w: (w.line, {"extra_refunded_minor": -1, "extra_ceiling_minor": 100}),
    ],
    # Reasons
    "return_reason_fault": [lambda w: (w.reason, {"fault": "carrier"})],
    "returns_returnreason.code": [lambda w: (w.other_reason, {"code": w.reason.code})],
    "closure_reason_ground": [lambda w: (w.closure, {"ground": "mood"})],
    "closure_reason_audience": [lambda w: (w.closure, {"audience": "admin"})],
    "returns_closurereason.code": [lambda w: (w.other_closure, {"code": w.closure.code})],
    # Requests
    "request_status": [lambda w: (w.asked, {"status": "cancelled"})],
    "request_outcome": [lambda w: (w.completed, {"outcome": "lost"})],
    "request_source": [lambda w: (w.asked, {"source": "api"})],
    "request_policy": [lambda w: (w.asked, {"policy": "maybe"})],
    "request_closed_by_role": [lambda w: (w.closed, {"closed_by_role": "carrier"})],
    "request_closed_is_whole": [
        lambda w: (w.closed, {"closed_at": None}),
        lambda w: (w.closed, {"closed_by_role": ""}),
        lambda w: (w.closed, {"closure_reason_id": None}),
        lambda w: (w.asked, {"closed_at": NOW}),
        lambda w: (w.asked, {"closed_by_role": "seller"}),
        lambda w: (w.asked, {"closure_reason_id": w.closure.pk}),
        lambda w: (w.asked, {"status": "closed"}),
        lambda w: (w.closed, {"status": "authorization_required"}),
    ],
    "request_completed_is_whole": [
        lambda w: (w.completed, {"completed_at": None}),
        lambda w: (w.completed, {"outcome": ""}),
        lambda w: (w.asked, {"completed_at": NOW}),
        lambda w: (w.asked, {"outcome": "refunded"}),
        lambda w: (w.asked, {"status": "completed"}),
        lambda w: (w.completed, {"status": "authorization_required"}),
    ],
    "request_authorized_has_time": [lambda w: (w.authorized, {"authorized_at": None})],
    "request_open_payout": [lambda w: (w.asked, {"open_payout": "maybe"})],
    "request_refund_due_is_received": [lambda w: (w.refund_due, {"received_at": None})],
    "request_prepaid_is_never_closed": [
        lambda w: (w.closed, {"prepaid_eligible": True}),
        lambda w: (
            w.prepaid,
            {
                "status": "closed",
                "closed_at": NOW,
                "closed_by_role": "marketplace",
                "closure_reason_id": w.closure.pk,
            },
        ),
    ],
    "request_offer_while_open": [lambda w: (w.closed, {"offer_until": NOW})],
    "request_promise_is_whole": [
        lambda w: (w.promised, {"promise_minor": None}),
        lambda w: (w.promised, {"promise_currency": ""}),
        lambda w: (w.promised, {"promise_due_date": None}),
        lambda w: (w.promised, {"promise_minor": 0}),
        lambda w: (w.closed, {"promise_currency": "USD"}),
        lambda w: (w.closed, {"promise_currency": "USD", "promise_due_date": NOW.date()}),
        lambda w: (w.closed, {"promise_minor": 100, "promise_currency": "USD"}),
        lambda w: (
            w.asked,
            {"promise_minor": 100, "promise_currency": "USD", "promise_due_date": NOW.date()},
        ),
    ],
    "request_rma_once": [lambda w: (w.again, {"rma_number": w.asked.rma_number})],
    "returns_returnrequest.reference": [lambda w: (w.again, {"reference": w.asked.reference})],
    "return_item_once": [lambda w: (w.other_item, {"order_item_id": w.line.pk})],
    "return_item_quantity": [lambda w: (w.item, {"quantity": 0, "units_held": 0})],
    "return_item_units_held": [lambda w: (w.item, {"units_held": 2})],
    "return_item_units_received": [lambda w: (w.item, {"units_received": 2})],
    "return_item_policy": [lambda w: (w.item, {"policy": "maybe"})],
    "return_item_condition": [lambda w: (w.item, {"condition": "lost"})],
    "return_item_kept": [lambda w: (w.item, {"kept_minor": -1})],
    "status_count_once": [lambda w: (w.other_count, {"status": w.count.status})],
    "status_count_not_negative": [lambda w: (w.count, {"requests": -1})],
    "status_count_status": [lambda w: (w.count, {"status": "cancelled"})],
    # The ledger: its rows are never updated, so these are new ones
    "event_version_once": [lambda w: (w.opened, {})],
    "event_key_once": [
        lambda w: (w.opened, {"version": 8, "idempotency_key": "form-1"}),
    ],
    "event_relayed_or_withdrawn": [
        lambda w: (w.opened, {"version": 9, "relayed_at": NOW, "withdrawn_at": NOW})
    ],
    "event_action": [lambda w: (w.opened, {"version": 9, "action": "cancel"})],
    "event_role": [lambda w: (w.opened, {"version": 9, "role": "carrier"})],
    "event_source": [lambda w: (w.opened, {"version": 9, "source": "cancelled"})],
    "event_target": [lambda w: (w.opened, {"version": 9, "target": ""})],
    "event_outcome": [lambda w: (w.opened, {"version": 9, "outcome": "lost"})],
    "returns_eventtext.event_id": [lambda w: (w.other_text, {"event_id": w.text.event_id})],
    # Money
    "refund_amount": [
        lambda w: (w.refund, {"amount_minor": 0}),
        lambda w: (w.refund, {"amount_minor": -1}),
    ],
    "refund_part": [lambda w: (w.refund, {"part": "gift_card"})],
    "refund_kind": [lambda w: (w.refund, {"kind": "gift"})],
    "refund_status": [lambda w: (w.refund, {"status": "maybe"})],
    "refund_cause": [lambda w: (w.refund, {"cause": "mood"})],
    "refund_open_has_payout": [
        lambda w: (w.refund, {"payout_id": None, "status": "requested"}),
        lambda w: (w.refund, {"payout_id": None, "kind": "handed_over"}),
    ],
    "payout_amount": [lambda w: (w.payout, {"amount_minor": 0})],
    "payout_kind": [lambda w: (w.payout, {"kind": "gift"})],
    "payout_status": [
        lambda w: (
            w.payout,
            {"kind": "handed_over", "status": "maybe", "confirmed_at": None, "paid_date": None},
        )
    ],
    "payout_failure": [
        lambda w: (
            w.payout,
            {
                "kind": "handed_over",
                "status": "failed",
                "failure": "mood",
                "confirmed_at": None,
                "paid_date": None,
            },
        )
    ],
    "payout_confirmed_is_whole": [
        lambda w: (w.payout, {"confirmed_at": None}),
        lambda w: (w.payout, {"paid_date": None}),
        lambda w: (w.payout, {"status": "requested", "paid_date": None}),
        lambda w: (w.payout, {"status": "requested", "confirmed_at": None}),
    ],
    "payout_failed_says_why": [
        lambda w: (w.payout, {"failure": "refused"}),
        lambda w: (
            w.payout,
            {"kind": "handed_over", "status": "failed", "confirmed_at": None, "paid_date": None},
        ),
        lambda w: (
            w.payout,
            {"kind": "handed_over", "status": "given_up", "confirmed_at": None, "paid_date": None},
        ),
    ],
    "payout_attempt_only_while_requested": [
        lambda w: (w.payout, {"kind": "handed_over", "next_attempt_at": NOW}),
        lambda w: (w.payout, {"lease_token": "mine"}),
        lambda w: (
            w.payout,
            {"status": "requested", "confirmed_at": None, "paid_date": None, "next_attempt_at": NOW},
        ),
    ],
    "payout_by_hand_never_fails": [
        lambda w, status=status: (
            w.payout,
            {"status": status, "failure": "refused", "confirmed_at": None, "paid_date": None},
        )
        for status in ("failed", "given_up")
    ],
    "returns_payout.reference": [lambda w: (w.other_payout, {"reference": w.payout.reference})],
    "returns_payout.idempotency_key": [
        lambda w: (w.other_payout, {"idempotency_key": w.payout.idempotency_key})
    ],
    "returns_refund.idempotency_key": [
        lambda w: (w.other_refund, {"idempotency_key": w.refund.idempotency_key})
    ],
    "offer_kind": [lambda w: (w.offers[1], {"kind": "hug"})],
    "offer_state": [lambda w: (w.offers[0], {"state": "lost"})],
    "offer_amount": [
        lambda w: (w.offers[1], {"amount_minor": None}),
        lambda w: (w.offers[1], {"amount_minor": 0}),
        lambda w: (w.offers[1], {"currency": ""}),
        lambda w: (w.offers[1], {"kind": "free_label"}),
    ],
    "offer_answered": [
        lambda w: (w.offers[1], {"answered_at": NOW}),
        lambda w: (w.offers[0], {"answered_at": None}),
    ],
    "offer_one_open": [lambda w: (w.offers[0], {"state": "open", "answered_at": None})],
    # Runs, settings, clockwork
    "file_run_kind": [lambda w: (w.file, {"kind": "labels"})],
    "file_run_state": [lambda w: (w.file, {"state": "lost"})],
    "returns_filerun.reference": [lambda w: (w.other_file, {"reference": w.file.reference})],
    "bulk_run_state": [lambda w: (w.bulk, {"state": "lost"})],
    "bulk_row_state": [lambda w: (w.bulk_row, {"state": "lost"})],
    "returns_bulkrun.reference": [lambda w: (w.other_bulk, {"reference": w.bulk.reference})],
    "note_key_once": [lambda w: (w.other_note, {"idempotency_key": "a"})],
    "deciding_once": [lambda w: (w.also_deciding, {"user_id": w.cast.alice.pk})],
    "bulk_row_once": [lambda w: (w.other_bulk_row, {"request_id": w.asked.pk})],
    "edition_one_row": [lambda w: (Edition.objects.get(), {"id": 2})],
    "marketplace_settings_one_row": [lambda w: (w.settings, {"id": 2})],
    "returns_rulesversion.version": [lambda w: (w.rules, {"version": w.rules.version})],
    "marketplace_language": [lambda w: (w.settings, {"language": "fr"})],
    "returns_scheduledjob.name": [lambda w: (w.other_job, {"name": "one"})],
    "returns_heartbeat.name": [lambda w: (w.other_heart, {"name": "one"})],
    # Messages
    "message_once": [lambda w: (w.also_told, {"recipient_id": w.cast.alice.pk})],
    "message_of_event_or_row": [
        lambda w: (w.told, {"dedup_key": "x"}),
        lambda w: (w.told, {"about_id": 1}),
        lambda w: (w.told, {"seller_id": None}),
        lambda w: (w.told, {"event_id": None}),
        lambda w: (w.code, {"dedup_key": None}),
        lambda w: (w.code, {"about_id": None}),
        lambda w: (w.code, {"event_id": w.event.pk}),
    ],
    "message_sending_is_leased": [
        lambda w: (w.told, {"status": "sending"}),
        lambda w: (w.told, {"status": "sending", "lease_until": NOW}),
        lambda w: (w.told, {"status": "sending", "lease_token": "mine"}),
        lambda w: (w.told, {"lease_until": NOW}),
        lambda w: (w.told, {"lease_token": "mine"}),
    ],
    "message_sent_has_time": [lambda w: (w.told, {"status": "sent"})],
    "message_bytes_only_while_unsent": [
        lambda w, status=status: (w.told, {"status": status, "sent_at": NOW, "rendered": b"bytes"})
        for status in ("sent", "parked", "suppressed", "cancelled")
    ],
    "message_recipient_type": [lambda w: (w.told, {"recipient_type": "seller"})],
    "message_kind": [lambda w: (w.told, {"kind": "spam"})],
    "message_language": [lambda w: (w.told, {"language": ""})],
    "message_status": [lambda w: (w.told, {"status": "lost"})],
    "notifications_message.dedup_key": [lambda w: (w.other_code, {"dedup_key": "code:1"})],
    "notifications_message.message_id": [lambda w: (w.also_told, {"message_id": w.told.message_id})],
    "label_kind": [lambda w: (w.label, {"kind": "prepaid"})],
    "label_own_has_a_file": [
        lambda w: (w.label, {"file": ""}),
        lambda w: (w.label, {"kind": "unpaid"}),
    ],
    "label_cost_is_whole": [
        lambda w: (w.label, {"cost_minor": 100}),
        lambda w: (w.label, {"currency": "USD"}),
        lambda w: (w.label, {"cost_minor": -1, "currency": "USD"}),
    ],
    "label_one_in_force": [lambda w: (w.void_label, {"voided_at": None})],
    "label_file_once": [lambda w: (w.label, {"file": w.void_label.file})],
    "draft_once": [lambda w: (w.other_draft, {"user_id": w.cast.alice.pk})],
    "draft_of_buyer_once": [lambda w: (w.draft, {"user_id": None})],
    "returns_returndraft.reference": [lambda w: (w.draft, {"reference": w.other_draft.reference})],
    "photo_has_one_place": [
        lambda w: (w.drafts_photo, {"order_item_id": None}),
        lambda w: (w.drafts_photo, {"request_id": w.asked.pk}),
        lambda w: (w.drafts_photo, {"draft_id": None}),
        lambda w: (w.photo, {"item_id": None}),
        lambda w: (w.photo, {"request_id": None}),
        lambda w: (w.photo, {"draft_id": w.draft.pk}),
        lambda w: (w.photo, {"event_id": w.event.pk}),
        lambda w: (w.photo, {"order_item_id": w.line.pk}),
    ],
    "returns_photo.file": [lambda w: (w.photo, {"file": w.drafts_photo.file})],
    "returns_photo.reference": [lambda w: (w.photo, {"reference": w.drafts_photo.reference})],
    "preference_once": [lambda w: (w.other_preference, {"user_id": w.cast.alice.pk})],
    "preference_kind": [lambda w: (w.preference, {"kind": "spam"})],
}


def our_models() -> Iterator[type[models.Model]]:
    for name in ("returns", "notifications"):
        yield from apps.get_app_config(name).get_models()


def constraints_of(model: type[models.Model]) -> dict[str, set[str]]:
    """By name, all constraints and unique columns of a table, and which columns are to be unique."""
    table = model._meta.db_table
    found = {
        constraint.name: {
            f"{table}.{model._meta.get_field(name).column}" for name in getattr(constraint, "fields", ())
        }
        for constraint in model._meta.constraints
    }
    found |= {
        f"{table}.{column.column}": {f"{table}.{column.column}"}
        for column in model._meta.concrete_fields
        if column.unique and not column.primary_key
    }
    assert not model._meta.unique_together
    return found


def test_every_constraint_has_its_line_here(database: str) -> None:
    assert set(BROKEN) == {name for model in our_models() for name in constraints_of(model)}


# A count's own column refuses what is below zero, before the constraint that says it again.
SAID_BY_THE_COLUMN = {"returns_statuscount_requests_check", "requests"}


def name_of(error: IntegrityError, names: dict[str, set[str]]) -> set[str]:
    """Which of the constraints the database says was broken."""
    if connection.vendor == "postgresql":
        kind, said = "", error.__cause__.diag.constraint_name
    else:
        kind, _colon, said = str(error).partition(" constraint failed: ")
    if said in SAID_BY_THE_COLUMN:
        return {"status_count_not_negative"}
    if kind == "UNIQUE":
        return {name for name, columns in names.items() if columns == set(said.split(", "))}
    # PostgreSQL's name for a unique column begins with its table and the column.
    return {name for name in names if name == said or said.startswith(f"{name.replace('.', '_')}_")}


def test_the_database_refuses_what_breaks_a_constraint(database: str, world: World) -> None:
    insert_like(world.opened, {"version": 7, "idempotency_key": "form-1"})
    wrong = []
    for model in our_models():
        names = constraints_of(model)
        for name in names:
            for broken in BROKEN[name]:
                instance, columns = broken(world)
                assert isinstance(instance, model)
                write = insert_like if model in (ReturnEvent, RulesVersion) else update
                said = {"nothing"}
                try:
                    with transaction.atomic():
                        write(instance, columns)
                        transaction.set_rollback(True)
                except IntegrityError as error:
                    said = name_of(error, names)
                if said != {name}:
                    wrong.append((name, columns, said))
    assert not wrong


def test_no_count_is_negative(database: str, world: World) -> None:
    for model in our_models():
        counts = [
            column.column
            for column in model._meta.concrete_fields
            if column.get_internal_type().startswith("Positive")
        ]
        instance = model._default_manager.first()
        assert instance is not None or not counts, model
        for column in counts:
            write = insert_like if model in (ReturnEvent, RulesVersion) else update
            with pytest.raises(IntegrityError), transaction.atomic():
                write(instance, {column: -1})


def test_the_rows_of_the_world_are_lawful_and_the_statements_do_write(database: str, world: World) -> None:
    """So that no statement above is refused for another reason than its constraint."""
    update(world.line, {"units_held": 2})
    update(world.promised, {"promise_minor": 1})
    update(world.told, {"status": "sending", "lease_until": NOW, "lease_token": "mine", "rendered": b"x"})
    insert_like(world.opened, {"version": 9})
    update(world.again, {"rma_number": ""})
    update(world.asked, {"rma_number": ""})


def test_a_service_cannot_close_what_is_prepaid_even_with_its_guard_gone(
    database: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("returns.services.decide.check_moves", lambda *args, **more: {})
    alice = world.cast.actor(world.cast.alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        services.close_return(alice, reference=world.prepaid.reference, closing=closing())
    assert ReturnRequest.objects.get(pk=world.prepaid.pk).status == Status.AUTHORIZATION_REQUIRED


# The ledger


def changed(value: Any) -> Any:
    """Some other value of the same kind, as the database takes it."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return f"{value[:-1]}~"
    if isinstance(value, dict):
        return '{"another": 1}'
    return NOW


ONCE = {"relayed_at", "withdrawn_at"}


@pytest.mark.parametrize("filled", [False, True], ids=["empty", "filled"])
def test_no_column_of_an_event_is_ever_changed(database: str, world: World, filled: bool) -> None:
    if filled:
        insert_like(
            world.event,
            {
                "version": 9,
                "user_id": world.cast.alice.pk,
                "outcome": "refunded",
                "hold_until": database_now(),
                "idempotency_key": "form-1",
            },
        )
    event = last_event(world.closed)
    before = row(event)
    for column in ReturnEvent._meta.concrete_fields:
        if column.column in ONCE:
            continue
        value = changed(getattr(event, column.attname))
        if value == NOW and column.get_internal_type() == "ForeignKey":
            value = world.cast.ben.pk
        if value == NOW and column.get_internal_type() == "CharField":
            value = "form-2"
        with pytest.raises(DatabaseError, match="events are append-only"), transaction.atomic():
            update(event, {column.column: value})
    assert row(event) == before


@pytest.mark.parametrize("column", sorted(ONCE))
def test_what_the_relay_and_undo_mark_is_marked_once(database: str, world: World, column: str) -> None:
    update(world.event, {column: NOW})
    update(world.event, {column: NOW})
    for other in (datetime(2026, 1, 8, tzinfo=UTC), None):
        with pytest.raises(DatabaseError, match="events are append-only"), transaction.atomic():
            update(world.event, {column: other})
    with pytest.raises(IntegrityError), transaction.atomic():
        update(world.event, {(ONCE - {column}).pop(): NOW})


@pytest.mark.parametrize("column", ["version", "in_force_from", "columns"])
def test_nothing_changes_a_version_of_the_rules(database: str, world: World, column: str) -> None:
    value = {"version": 99, "in_force_from": NOW, "columns": "{}"}[column]
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        update(world.rules, {column: value})


def test_postgresql_deletes_no_event(database: str, world: World) -> None:
    """SQLite has no such trigger, it would stop the flush between tests; the audit finds the gap there."""
    statement = f'DELETE FROM "{ReturnEvent._meta.db_table}" WHERE id = %s'  # noqa: S608
    EventText.objects.filter(event=world.event).delete()
    Message.objects.filter(event=world.event).delete()
    with connection.cursor() as cursor:
        if database == "postgresql":
            with pytest.raises(DatabaseError, match="events are append-only"), transaction.atomic():
                cursor.execute(statement, [world.event.pk])
        else:
            cursor.execute(statement, [world.event.pk])
    assert ReturnEvent.objects.filter(pk=world.event.pk).exists() == (database == "postgresql")
