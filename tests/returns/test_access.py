"""Codes, tokens and teams as services: what they are made of, and who may change a team."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.db import connection, transaction
from django.db.models import F

from returns.actors import Actor, MemberRole
from returns.exceptions import Forbidden, Invalid, NotFound
from returns.models import BuyerCode, BuyerSession, Invitation, Membership, Seller, User
from returns.services import access, team
from returns.signals import events_written
from tests.factories import DORA, ED, Cast, make_cast, make_order, open_request
from tests.returns.rivals import Rival

pytestmark = pytest.mark.django_db

NONCE = "n" * 32


@pytest.fixture
def rings() -> list[int]:
    """Counts how often somebody was told that something waits."""
    heard: list[int] = []

    def hear(**_: object) -> None:
        heard.append(1)

    events_written.connect(hear, weak=False)
    yield heard
    events_written.disconnect(hear)


@pytest.mark.parametrize("name", ["own_user_id", "own_seller_id", "own_order_id"])
def test_an_actor_without_an_id_asks_for_nothing_by_it(name: str) -> None:
    with pytest.raises(ValueError, match="not an actor with such an id"):
        getattr(Actor.system(), name)


def ask(request_reference: str) -> None:
    access.ask_for_code(reference=request_reference, nonce=NONCE, address="192.0.2.7")


# --- Codes and tokens


def test_a_code_has_8_letters_that_cannot_be_confused_and_a_token_192_bits(cast: Cast) -> None:
    ask(open_request(make_order(cast.north_lane, country="CA")).reference)
    row = BuyerCode.objects.get()
    code, (number, token) = access.code_for(row), access.token_for(row).split("-", 1)
    assert len(code) == 8
    assert not set(code) & set("ILOU")
    assert number == str(row.pk)
    assert len(token) == 192 // 6
    assert code == access.code_for(BuyerCode.objects.get()), "it is made from the row, so always the same"


def test_two_rows_share_neither_code_nor_token(cast: Cast) -> None:
    reference = open_request(make_order(cast.north_lane, country="CA")).reference
    ask(reference)
    ask(reference)
    first, second = BuyerCode.objects.all()
    assert access.code_for(first) != access.code_for(second)
    second.pk = first.pk
    assert access.token_for(first) != access.token_for(second), "the salt counts, not the id alone"


def test_an_invitations_token_opens_no_order(cast: Cast) -> None:
    ask(open_request(make_order(cast.north_lane, country="CA")).reference)
    row = BuyerCode.objects.get()
    invitation = Invitation(pk=row.pk, salt=row.salt)
    assert access.invitation_token(invitation) != access.token_for(row)
    assert access.read_buyer_token(access.invitation_token(invitation)) is None


def test_found_and_not_found_ring_the_same_bell(
    cast: Cast, rings: list[int], django_capture_on_commit_callbacks: Callable
) -> None:
    reference = open_request(make_order(cast.north_lane, country="CA")).reference
    for asked in (reference, "00000000-0000-0000-0000-000000000000"):
        rings.clear()
        with django_capture_on_commit_callbacks(execute=True):
            ask(asked)
        assert rings == [1]


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_of_two_that_use_one_code_at_once_one_is_let_in() -> None:
    cast = make_cast()
    ask(open_request(make_order(cast.north_lane, country="CA")).reference)
    token = access.token_for(BuyerCode.objects.get())
    together, outcomes = threading.Barrier(2), []

    def enter() -> None:
        try:
            together.wait()
            access.enter_with_token(token=token, nonce=NONCE)
            outcomes.append("in")
        except Invalid:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=enter) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["in", "refused"]
    assert BuyerSession.objects.count() == 1


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_of_codes_asked_for_at_once_one_is_live_and_no_more_than_five_are_made() -> None:
    cast = make_cast()
    reference = open_request(make_order(cast.north_lane, country="CA")).reference
    together = threading.Barrier(8)
    refused = []

    def ask_at_once() -> None:
        try:
            together.wait()
            ask(reference)
        except access.TooMany:
            refused.append(1)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask_at_once) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (BuyerCode.objects.count(), len(refused)) == (5, 3)
    assert BuyerCode.objects.filter(is_superseded=False).count() == 1


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_who_asks_while_another_takes_a_sellers_last_place_waits_and_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(access, "LIMITS", (("seller_hash", 1, timedelta(minutes=15)),))
    cast = make_cast()
    of_dora, of_ed = (
        open_request(make_order(cast.north_lane, buyer=buyer, country="CA")).reference for buyer in (DORA, ED)
    )
    with transaction.atomic():
        ask(of_dora)
        rival = Rival(lambda: ask(of_ed))
        rival.wait_for_my_lock("returns_seller", "FOR NO KEY UPDATE")
    assert isinstance(rival.outcome(), access.TooMany)
    assert BuyerCode.objects.count() == 1


# --- Teams


def test_an_owner_invites_and_the_invited_person_joins_with_a_proved_address(cast: Cast) -> None:
    invitation = team.invite_member(
        cast.actor(cast.alice), email=" New@North-Lane.example ", role="agent", language="zh-hans"
    )
    user = team.accept_invitation(
        token=access.invitation_token(invitation), name="Nia New", password="a long enough one"
    )
    assert (user.email, user.language) == ("new@north-lane.example", "zh-hans")
    assert user.check_password("a long enough one")
    membership = Membership.objects.get(user=user)
    assert (membership.seller, membership.role) == (cast.north_lane, MemberRole.AGENT)
    address = EmailAddress.objects.get(user=user)
    assert (address.email, address.verified, address.primary) == (user.email, True, True)


def test_an_invitation_is_accepted_once(cast: Cast) -> None:
    invitation = team.invite_member(cast.actor(cast.alice), email="new@north-lane.example", role="agent")
    token = access.invitation_token(invitation)
    team.accept_invitation(token=token, name="Nia New", password="a long enough one")
    with pytest.raises(NotFound):
        team.accept_invitation(token=token, name="Somebody Else", password="a long enough one")
    assert User.objects.get(email="new@north-lane.example").name == "Nia New"


def test_an_invitation_can_be_taken_back_replaced_and_too_old(cast: Cast) -> None:
    alice = cast.actor(cast.alice)
    first = team.invite_member(alice, email="new@north-lane.example", role="agent")
    second = team.invite_member(alice, email="new@north-lane.example", role="viewer")
    third = team.invite_member(alice, email="other@north-lane.example", role="viewer")
    team.revoke_invitation(alice, invitation_id=third.pk)
    Invitation.objects.filter(pk=second.pk).update(expires_at=F("created_at"))
    for invitation in (first, second, third):
        with pytest.raises(NotFound):
            team.accept_invitation(token=access.invitation_token(invitation), name="N", password="x" * 12)
    assert not User.objects.filter(email__startswith="new@").exists()


def test_an_invitation_alone_never_opens_an_account_that_exists(cast: Cast) -> None:
    invitation = team.invite_member(cast.actor(cast.alice), email=cast.carol.email, role="owner")
    token = access.invitation_token(invitation)
    with pytest.raises(Invalid):
        team.accept_invitation(token=token, name="Mallory", password="a long enough one")
    with pytest.raises(Forbidden):
        team.accept_invitation(token=token, user=cast.ben)
    cast.carol.refresh_from_db()
    assert (cast.carol.name, cast.carol.check_password("a long enough one")) == ("Carol Cole", False)
    assert not Membership.objects.filter(user=cast.carol, seller=cast.north_lane).exists()
    team.accept_invitation(token=token, user=cast.carol)
    assert Membership.objects.get(user=cast.carol, seller=cast.north_lane).role == MemberRole.OWNER


def test_who_was_removed_comes_back_by_an_invitation_with_the_role_it_offers(cast: Cast) -> None:
    alice = cast.actor(cast.alice)
    membership = cast.ben.memberships.get()
    team.change_member(alice, membership_id=membership.pk, is_active=False)
    invitation = team.invite_member(alice, email=cast.ben.email, role="viewer")
    team.accept_invitation(token=access.invitation_token(invitation), user=cast.ben)
    membership.refresh_from_db()
    assert (membership.is_active, membership.role) == (True, MemberRole.VIEWER)


def test_a_member_is_not_invited_again(cast: Cast) -> None:
    with pytest.raises(Invalid) as refusal:
        team.invite_member(cast.actor(cast.alice), email=cast.ben.email, role="owner")
    assert set(refusal.value.errors) == {"email"}
    assert not Invitation.objects.exists()


@pytest.mark.parametrize("name", ["ben", "vera"])
def test_only_owners_manage_a_team(cast: Cast, name: str) -> None:
    actor = cast.actor(getattr(cast, name))
    membership = cast.vera.memberships.get()
    with pytest.raises(Forbidden):
        team.invite_member(actor, email="new@north-lane.example", role="owner")
    with pytest.raises(Forbidden):
        team.change_member(actor, membership_id=membership.pk, role="owner")
    membership.refresh_from_db()
    assert (membership.role, Invitation.objects.count()) == (MemberRole.VIEWER, 0)


def test_an_owner_manages_the_own_team_only(cast: Cast) -> None:
    invitation = team.invite_member(cast.actor(cast.alice), email="new@north-lane.example", role="agent")
    carol, membership = cast.actor(cast.carol), cast.ben.memberships.get()
    with pytest.raises(NotFound):
        team.change_member(carol, membership_id=membership.pk, is_active=False)
    with pytest.raises(NotFound):
        team.revoke_invitation(carol, invitation_id=invitation.pk)
    made = team.invite_member(carol, email="x@y.example", role="agent", seller_id=cast.north_lane.pk)
    assert made.seller == cast.south_pier
    membership.refresh_from_db()
    assert membership.is_active


def test_an_admin_invites_the_first_owner_of_a_new_seller(cast: Cast) -> None:
    seller = Seller.objects.create(slug="east-gate", name="East Gate")
    invitation = team.invite_member(
        Actor.admin(cast.root), email="olga@east-gate.example", role="owner", seller_id=seller.pk
    )
    assert (invitation.seller, invitation.invited_by) == (seller, cast.root)


def test_a_buyer_manages_nothing(cast: Cast) -> None:
    buyer = Actor.buyer(make_order(cast.north_lane))
    with pytest.raises(Forbidden):
        team.invite_member(buyer, email="x@y.example", role="owner", seller_id=cast.north_lane.pk)


@pytest.mark.parametrize("change", [{"role": "agent"}, {"is_active": False}])
def test_a_team_keeps_an_owner(cast: Cast, change: dict) -> None:
    alice, membership = cast.actor(cast.alice), cast.alice.memberships.get()
    with pytest.raises(Invalid):
        team.change_member(alice, membership_id=membership.pk, **change)
    membership.refresh_from_db()
    assert (membership.role, membership.is_active) == (MemberRole.OWNER, True)
    team.change_member(alice, membership_id=cast.ben.memberships.get().pk, role="owner")
    team.change_member(alice, membership_id=membership.pk, **change)


def test_an_owner_who_cannot_sign_in_any_more_does_not_count(cast: Cast) -> None:
    team.change_member(cast.actor(cast.alice), membership_id=cast.ben.memberships.get().pk, role="owner")
    User.objects.filter(pk=cast.ben.pk).update(is_active=False)
    with pytest.raises(Invalid):
        team.change_member(
            cast.actor(cast.alice), membership_id=cast.alice.memberships.get().pk, role="agent"
        )


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_of_two_owners_who_remove_each_other_at_once_one_stays() -> None:
    cast = make_cast()
    alice = cast.actor(cast.alice)
    of_alice, of_ben = cast.alice.memberships.get(), cast.ben.memberships.get()
    team.change_member(alice, membership_id=of_ben.pk, role="owner")
    ben = cast.actor(User.objects.get(pk=cast.ben.pk))
    together = threading.Barrier(2)
    outcomes = []

    def remove(actor: Actor, membership: Membership) -> None:
        try:
            together.wait()
            team.change_member(actor, membership_id=membership.pk, is_active=False)
            outcomes.append("removed")
        except Invalid:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=remove, args=pair) for pair in ((alice, of_ben), (ben, of_alice))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused", "removed"]
    assert team.list_owners(cast.north_lane).count() == 1


def test_a_role_that_does_not_exist_is_refused(cast: Cast) -> None:
    with pytest.raises(Invalid):
        team.invite_member(cast.actor(cast.alice), email="x@y.example", role="king")
    with pytest.raises(Invalid):
        team.change_member(cast.actor(cast.alice), membership_id=cast.ben.memberships.get().pk, role="")
