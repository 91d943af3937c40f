"""One draft in many tabs, and many who send it at once: on PostgreSQL and on SQLite."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from returns.actors import Actor
from returns.exceptions import Invalid
from returns.models import Order, ReturnDraft, ReturnEvent, ReturnRequest
from returns.selectors.asking import lines_of
from returns.services.asking import choose_items, describe_item, digest_of, send_draft
from returns.services.photos import add_photos
from tests.factories import Cast, Line, make_cast, make_order
from tests.photo_files import a_photo
from tests.returns.ledger import everything_adds_up
from tests.returns.rivals import Rival, crew, losers, winners

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


@pytest.fixture
def cast(database: str, transactional_db: None, settings: Any, tmp_path: Path) -> Cast:
    settings.MEDIA_ROOT = tmp_path
    return make_cast()


def a_draft(actor: Actor, order: Order, units: int) -> ReturnDraft:
    line = order.items.get()
    choose_items(actor, order_reference=order.reference, quantities={line.pk: units})
    describe_item(
        actor, order_reference=order.reference, line=line, reason_code="CR-UNWANTED_ITEM", comment=""
    )
    return ReturnDraft.objects.get(order=order, user_id=actor.user_id)


def sending(actor: Actor, draft: ReturnDraft) -> partial[ReturnEvent]:
    return partial(
        send_draft,
        actor,
        order_reference=draft.order.reference,
        key=draft.reference,
        seen=digest_of(draft),
    )


def test_one_draft_sent_from_eight_tabs_is_one_request(cast: Cast) -> None:
    with crew(8) as people:
        for _round in range(5):
            order = make_order(cast.north_lane, Line(quantity=5), country="CA")
            draft = a_draft(Actor.buyer(order), order, 2)
            outcomes = people.together(*[sending(Actor.buyer(order), draft)] * 8)
            assert set(outcomes) == {ReturnEvent.objects.get(request__order=order)}
            assert order.items.get().units_held == 2
    assert not ReturnDraft.objects.exists()
    everything_adds_up()


def test_of_four_who_send_drafts_for_the_same_units_one_wins_and_three_keep_theirs(cast: Cast) -> None:
    people_asking = [cast.actor(cast.alice), cast.actor(cast.ben), cast.actor(cast.root)]
    with crew(4) as people:
        for _round in range(5):
            order = make_order(cast.north_lane, Line(quantity=5), country="CA")
            actors = [Actor.buyer(order), *people_asking]
            drafts = [a_draft(actor, order, 5) for actor in actors]
            outcomes = people.together(*map(sending, actors, drafts))
            assert len(winners(outcomes)) == 1, outcomes
            assert {str(lost) for lost in losers(outcomes)} == {"Only 0 of 5 can still be returned."}
            kept = ReturnDraft.objects.filter(order=order)
            assert [said["quantity"] for one in kept for said in lines_of(one).values()] == [5, 5, 5]
            assert ReturnRequest.objects.filter(order=order).count() == 1
    everything_adds_up()


def test_who_sends_waits_for_who_is_changing_the_draft_and_is_shown_it_again(cast: Cast) -> None:
    order = make_order(cast.north_lane, Line(quantity=5), country="CA")
    buyer, line = Actor.buyer(order), order.items.get()
    draft = a_draft(buyer, order, 2)
    with transaction.atomic():
        ReturnDraft.objects.select_for_update().get(pk=draft.pk)
        rival = Rival(sending(buyer, draft))
        rival.wait_for_my_lock("returns_returndraft", "FOR UPDATE")
        choose_items(buyer, order_reference=order.reference, quantities={line.pk: 4})
    lost = rival.outcome()
    assert isinstance(lost, Invalid)
    assert str(lost) == "You changed this on another page meanwhile. Please check it once more."
    assert lines_of(ReturnDraft.objects.get())[line.pk]["quantity"] == 4


def test_photos_that_arrive_at_once_are_six_at_most(cast: Cast) -> None:
    order = make_order(cast.north_lane, country="CA")
    draft = a_draft(Actor.buyer(order), order, 1)
    with crew(4) as people:
        outcomes = people.together(
            *[partial(add_photos, draft, order.items.get(), [a_photo(), a_photo()]) for _tab in range(4)]
        )
    assert [str(lost) for lost in outcomes if lost] == [
        "You can add 6 photos at most. Remove one first, or choose fewer."
    ]
    assert draft.photos.count() == 6
