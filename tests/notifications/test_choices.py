"""What members choose to be told: the page, what follows from it, and the way to it from a mail."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from notifications import services
from notifications.audience import Audience
from notifications.mailbox import parse, part
from notifications.models import MEMBER_KINDS, Kind, MailboxEntry, Message, Preference
from returns.models import Membership, ReturnRequest, Seller, User
from returns.state_machine import Role, Status
from tests.factories import Cast, a_request_in, make_order, open_request

pytestmark = pytest.mark.django_db

PAGE = "/accounts/notifications/"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def choose(user: User, kinds: object, seller: str = "north-lane") -> int:
    return signed_in(user).post(PAGE, {"seller": seller, "kinds": kinds}).status_code


def all_but(*kinds: Kind) -> list[str]:
    return [kind for kind in MEMBER_KINDS if kind not in kinds]


def told(request: ReturnRequest, kind: Kind) -> set[int]:
    """The members who are owed a message of this kind about the request."""
    services.relay_events()
    messages = Message.objects.filter(event__request=request, kind=kind, recipient_type="user")
    return set(messages.values_list("recipient_id", flat=True))


def ticks(page: str) -> dict[str, bool]:
    """The kinds on the page, and whether each is ticked."""
    found = re.findall(r'name="kinds" value="(\w+)"[^>]*?( checked)?>', page)
    return {kind: bool(checked) for kind, checked in found}


def test_at_first_a_member_gets_everything(cast: Cast) -> None:
    page = signed_in(cast.ben).get(PAGE).content.decode()
    assert ticks(page) == dict.fromkeys(MEMBER_KINDS, True)


def test_what_is_turned_off_is_no_longer_mailed_to_oneself_and_still_to_the_others(cast: Cast) -> None:
    assert choose(cast.ben, all_but(Kind.RETURN_OPENED)) == 303
    page = signed_in(cast.ben).get(PAGE).content.decode()
    assert ticks(page) == dict.fromkeys(MEMBER_KINDS, True) | {Kind.RETURN_OPENED: False}
    request = open_request(make_order(cast.north_lane, country="CA"))
    assert told(request, Kind.RETURN_OPENED) == {cast.alice.pk}
    assert choose(cast.ben, list(MEMBER_KINDS)) == 303
    request = open_request(make_order(cast.north_lane, country="CA"))
    assert told(request, Kind.RETURN_OPENED) == {cast.alice.pk, cast.ben.pk}


def test_each_seller_is_chosen_for_by_itself(cast: Cast) -> None:
    Membership.objects.create(user=cast.ben, seller=cast.south_pier, role="agent")
    assert choose(cast.ben, [], seller="south-pier") == 303
    page = signed_in(cast.ben).get(PAGE).content.decode()
    north, south = page.split('id="south-pier"')
    assert set(ticks(north).values()) == {True}
    assert set(ticks(south).values()) == {False}
    request = open_request(make_order(cast.south_pier, country="CA"))
    assert told(request, Kind.RETURN_OPENED) == {cast.carol.pk}


@pytest.mark.both_databases
def test_choosing_again_changes_the_choice_and_adds_no_second(cast: Cast) -> None:
    for kinds in ([], all_but(Kind.ESCALATED), all_but(Kind.RETURN_KEPT)):
        assert choose(cast.ben, kinds) == 303
    off = Preference.objects.filter(user=cast.ben, is_on=False).values_list("kind", flat=True)
    assert (list(off), Preference.objects.count()) == ([Kind.RETURN_KEPT], len(MEMBER_KINDS))


def test_kinds_that_are_not_a_members_count_nothing(cast: Cast) -> None:
    assert choose(cast.ben, [*MEMBER_KINDS, Kind.BUYER_CODE, "made_up"]) == 303
    assert set(Preference.objects.values_list("kind", flat=True)) == set(MEMBER_KINDS)


def test_nobody_chooses_at_a_seller_where_nothing_is_told(cast: Cast) -> None:
    assert choose(cast.ben, [], seller="south-pier") == 404
    assert choose(cast.vera, []) == 404
    assert choose(cast.root, []) == 404
    assert not Preference.objects.exists()
    page = signed_in(cast.vera).get(PAGE).content.decode()
    assert "As a viewer you get no e-mails." in page
    assert ticks(page) == {}
    assert "You are in no team" in signed_in(cast.root).get(PAGE).content.decode()


KEPT = "Nobody else in the team is told this, so you get it in any case."


def test_who_is_told_in_any_case_is_told_so_and_gets_the_mail(cast: Cast) -> None:
    assert KEPT not in signed_in(cast.alice).get(PAGE).content.decode()
    choose(cast.ben, [])
    choose(cast.alice, [])
    assert signed_in(cast.alice).get(PAGE).content.decode().count(KEPT) == 3
    assert KEPT not in signed_in(cast.ben).get(PAGE).content.decode()
    request = a_request_in(cast, Status.CLOSED, closed_by=Role.BUYER)
    assert told(request, Kind.RETURN_CLOSED_BY_BUYER) == {cast.alice.pk}


@pytest.mark.parametrize("off", [set(), {"ben"}, {"alice"}, {"alice", "ben"}])
def test_the_sentence_and_the_mail_agree_for_whoever_turns_it_off(cast: Cast, off: set[str]) -> None:
    for name in off:
        choose(getattr(cast, name), [])
    request = a_request_in(cast, Status.CLOSED, closed_by=Role.BUYER)
    audience = Audience([cast.north_lane.pk])
    kind = Kind.RETURN_CLOSED_BY_BUYER
    expected = {
        user.pk
        for name, user in (("alice", cast.alice), ("ben", cast.ben))
        if name not in off or audience.is_left_with(cast.north_lane.pk, user, kind)
    }
    assert told(request, kind) == expected


# --- The way to it from a mail


@pytest.fixture
def delivered(cast: Cast, settings: pytest.FixtureRequest) -> Callable[[Kind, str], str]:
    """The text of the one mail of a kind to an address."""
    settings.EMAIL_BACKEND = "notifications.mailbox.Backend"

    def read(kind: Kind, address: str) -> str:
        services.relay_events()
        services.deliver_messages()
        identity = Message.objects.filter(kind=kind).values_list("message_id", flat=True)
        entry = MailboxEntry.objects.filter(message_id__in=list(identity), recipients=address).get()
        parsed = parse(entry.content)
        text, html = part(parsed, "plain"), part(parsed, "html")
        assert ("/accounts/notifications/" in text) == ("/accounts/notifications/" in html)
        return text

    return read


def test_a_mail_to_a_member_leads_to_the_choice_and_one_to_a_buyer_does_not(
    cast: Cast, delivered: Callable[[Kind, str], str], settings: pytest.FixtureRequest
) -> None:
    open_request(make_order(cast.north_lane, country="CA"))
    address = f"{settings.SITE_URL}{PAGE}#north-lane"
    for email in (cast.alice.email, cast.ben.email):
        text = delivered(Kind.RETURN_OPENED, email)
        assert text.rstrip().endswith(f"Choose which e-mails you get:\n{address}")
    assert PAGE not in delivered(Kind.RETURN_OPENED, "dora@buyers.example")
    response = Client().get(PAGE)
    assert response["Location"] == f"/accounts/login/?next={PAGE}"


def test_the_page_makes_twelve_queries_at_most_for_one_seller_and_for_ten(
    cast: Cast, django_assert_max_num_queries: Callable
) -> None:
    for number in range(10):
        seller = Seller.objects.create(slug=f"s-{number}", name=f"S {number}")
        Membership.objects.create(user=cast.ben, seller=seller, role="agent")
    client = signed_in(cast.ben)
    client.get(PAGE)
    with django_assert_max_num_queries(12):
        page = client.get(PAGE).content.decode()
    assert len(re.findall(r'name="seller" value', page)) == 11
