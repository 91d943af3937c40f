"""Notes, assignments and who decides just now, by their services: races included, on both databases."""

from functools import partial

import pytest
from django.db import transaction

from returns.actors import MemberRole
from returns.exceptions import Forbidden, Invalid, NotFound, SomebodyElseWasFirst
from returns.models import Deciding, Membership, Note, ReturnEvent, ReturnRequest
from returns.selectors.cases import get_case
from returns.selectors.teamwork import list_notes
from returns.services.jobs import JOBS
from returns.services.team import change_member
from returns.services.teamwork import add_note, assign_return, begin_deciding, remove_note
from returns.state_machine import Status
from tests.factories import Cast, a_request_in, days_ago, make_cast
from tests.returns.rivals import Rival, crew

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


@pytest.fixture
def cast(database: str, transactional_db: None) -> Cast:
    return make_cast()


@pytest.fixture
def request_of_dora(cast: Cast) -> ReturnRequest:
    return a_request_in(cast, Status.AUTHORIZATION_REQUIRED)


def assignee_of(request: ReturnRequest) -> int | None:
    return ReturnRequest.objects.get(pk=request.pk).assignee_id


def seat_of(user: object) -> Membership:
    return Membership.objects.get(user=user)


# --- Notes


def test_one_form_sent_twice_at_once_keeps_one_note(cast: Cast, request_of_dora: ReturnRequest) -> None:
    write = partial(
        add_note, cast.actor(cast.alice), reference=request_of_dora.reference, text="Call her.", key="k"
    )
    with crew(2) as people:
        first, second = people.together(write, write)
    assert first == second
    assert Note.objects.count() == 1


@pytest.mark.parametrize("who", ["root", "carol"])
def test_only_the_requests_own_team_reads_writes_and_removes_notes(
    cast: Cast, request_of_dora: ReturnRequest, who: str
) -> None:
    note = add_note(cast.actor(cast.alice), reference=request_of_dora.reference, text="Ours.", key="k")
    actor = cast.actor(getattr(cast, who))
    with pytest.raises(NotFound):
        add_note(actor, reference=request_of_dora.reference, text="Theirs.", key="other")
    with pytest.raises(NotFound):
        remove_note(actor, reference=request_of_dora.reference, note_id=note.pk)
    assert list_notes(actor, request_of_dora) == []
    assert list_notes(cast.actor(cast.vera), request_of_dora) == [note]
    assert list(Note.objects.values_list("text", flat=True)) == ["Ours."]


def test_a_viewer_writes_nothing(cast: Cast, request_of_dora: ReturnRequest) -> None:
    vera, reference = cast.actor(cast.vera), request_of_dora.reference
    with pytest.raises(Forbidden):
        add_note(vera, reference=reference, text="Me too.", key="k")
    with pytest.raises(Forbidden):
        assign_return(vera, reference=reference, assignee_id=cast.ben.pk, was_id=None)
    begin_deciding(vera, get_case(vera, reference))
    assert not Note.objects.exists()
    assert not Deciding.objects.exists()
    assert assignee_of(request_of_dora) is None


# --- Whose a request is


def test_of_two_who_give_it_away_at_once_the_second_is_told_who_has_it(
    cast: Cast, request_of_dora: ReturnRequest
) -> None:
    give = partial(assign_return, reference=request_of_dora.reference, was_id=None)
    with transaction.atomic():
        give(cast.actor(cast.alice), assignee_id=cast.ben.pk)
        rival = Rival(partial(give, cast.actor(cast.ben), assignee_id=cast.alice.pk))
        rival.wait_for_my_lock("UPDATE", "returns_returnrequest")
    lost = rival.outcome()
    assert isinstance(lost, SomebodyElseWasFirst)
    assert str(lost) == "Meanwhile this request was assigned to Ben Boyd."
    assert assignee_of(request_of_dora) == cast.ben.pk


def test_who_is_being_removed_does_not_get_a_request_after_all(
    cast: Cast, request_of_dora: ReturnRequest
) -> None:
    alice = cast.actor(cast.alice)
    with transaction.atomic():
        change_member(alice, membership_id=seat_of(cast.ben).pk, is_active=False)
        rival = Rival(
            partial(
                assign_return,
                alice,
                reference=request_of_dora.reference,
                assignee_id=cast.ben.pk,
                was_id=None,
            )
        )
        rival.wait_for_my_lock("returns_membership", "FOR NO KEY UPDATE")
    assert isinstance(rival.outcome(), Invalid)
    assert assignee_of(request_of_dora) is None


def test_what_a_member_gets_while_being_removed_falls_away(
    cast: Cast, request_of_dora: ReturnRequest
) -> None:
    alice = cast.actor(cast.alice)
    with transaction.atomic():
        assign_return(alice, reference=request_of_dora.reference, assignee_id=cast.ben.pk, was_id=None)
        rival = Rival(partial(change_member, alice, membership_id=seat_of(cast.ben).pk, is_active=False))
        rival.wait_for_my_lock("UPDATE", "returns_membership")
    assert rival.outcome() is None
    assert assignee_of(request_of_dora) is None


@pytest.mark.parametrize("change", [{"is_active": False}, {"role": MemberRole.VIEWER}])
def test_who_may_no_longer_decide_has_nothing_of_this_seller_any_more(
    cast: Cast, request_of_dora: ReturnRequest, change: dict
) -> None:
    alice, other = cast.actor(cast.alice), a_request_in(cast, Status.AUTHORIZED)
    Membership.objects.create(user=cast.ben, seller=cast.south_pier, role=MemberRole.AGENT)
    for request, user in ((request_of_dora, cast.ben), (other, cast.alice)):
        assign_return(alice, reference=request.reference, assignee_id=user.pk, was_id=None)
    change_member(alice, membership_id=cast.ben.memberships.get(seller=cast.north_lane).pk, **change)
    assert assignee_of(request_of_dora) is None
    assert assignee_of(other) == cast.alice.pk


def test_another_role_that_may_decide_keeps_what_it_has(cast: Cast, request_of_dora: ReturnRequest) -> None:
    alice = cast.actor(cast.alice)
    assign_return(alice, reference=request_of_dora.reference, assignee_id=cast.ben.pk, was_id=None)
    change_member(alice, membership_id=seat_of(cast.ben).pk, role=MemberRole.OWNER)
    assert assignee_of(request_of_dora) == cast.ben.pk


@pytest.mark.parametrize("who", ["vera", "carol", "root"])
def test_only_who_may_decide_is_given_a_request(cast: Cast, request_of_dora: ReturnRequest, who: str) -> None:
    with pytest.raises(Invalid):
        assign_return(
            cast.actor(cast.alice),
            reference=request_of_dora.reference,
            assignee_id=getattr(cast, who).pk,
            was_id=None,
        )
    assert assignee_of(request_of_dora) is None


def test_assigning_is_no_move(cast: Cast, request_of_dora: ReturnRequest) -> None:
    before = (ReturnEvent.objects.count(), request_of_dora.version)
    assign_return(
        cast.actor(cast.alice), reference=request_of_dora.reference, assignee_id=cast.ben.pk, was_id=None
    )
    request_of_dora.refresh_from_db()
    assert (ReturnEvent.objects.count(), request_of_dora.version) == before


# --- Who decides just now


def test_two_windows_of_one_member_leave_one_mark(cast: Cast, request_of_dora: ReturnRequest) -> None:
    ben = cast.actor(cast.ben)
    case = get_case(ben, request_of_dora.reference)
    begin = partial(begin_deciding, ben, case)
    with crew(2) as people:
        assert people.together(begin, begin) == ["", ""]
    assert Deciding.objects.count() == 1


def test_marks_that_are_over_are_forgotten(cast: Cast, request_of_dora: ReturnRequest) -> None:
    for user in (cast.alice, cast.ben):
        actor = cast.actor(user)
        begin_deciding(actor, get_case(actor, request_of_dora.reference))
    Deciding.objects.filter(user=cast.ben).update(until=days_ago(0.1))
    assert JOBS["clear_deciding"]() == 1
    assert Deciding.objects.get().user == cast.alice


def test_a_decided_request_takes_no_mark(cast: Cast) -> None:
    request = a_request_in(cast, Status.CLOSED)
    ben = cast.actor(cast.ben)
    begin_deciding(ben, get_case(ben, request.reference))
    assert not Deciding.objects.exists()
