"""Signing in and out, passwords, invitations, teams and profiles, through HTTP."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core import mail
from django.core.mail import EmailMessage
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import translation

from returns import accounts
from returns.middleware import ADMINS_IDLE_SECONDS, SEEN_KEY, SELLERS_IDLE_SECONDS
from returns.models import Invitation, Membership, ReturnAddress, Seller, User
from returns.services import team
from returns.services.access import invitation_token
from tests.factories import PASSWORD, Cast

pytestmark = pytest.mark.django_db

Browser = Callable[..., Client]
Words = Callable[[HttpResponse], str]
LIST, SETTINGS = "/seller/returns/", "/seller/settings/"


def sign_in(client: Client, email: str, password: str = PASSWORD) -> HttpResponse:
    return client.post("/accounts/login/", {"login": email, "password": password})


def posted() -> list[EmailMessage]:
    """The mails of accounts, once all of them have left."""
    accounts.posting.submit(int).result()
    return mail.outbox


def is_signed_in(client: Client) -> bool:
    return client.get(SETTINGS).status_code == 200


# --- Sign-in


def test_a_member_signs_in_with_address_and_password(client: Client, cast: Cast) -> None:
    response = sign_in(client, "ALICE@north-lane.example")
    assert response["Location"] == LIST
    assert is_signed_in(client)


def test_an_admin_who_is_in_no_team_comes_to_the_administration(client: Client, cast: Cast) -> None:
    assert sign_in(client, cast.root.email)["Location"] == "/admin/"


def test_signing_in_leads_on_to_where_one_wanted_to_go_but_only_here(browser: Browser, cast: Cast) -> None:
    for url, leads_to in (
        (f"{LIST}?status=closed", f"{LIST}?status=closed"),
        ("https://evil.example/", LIST),
    ):
        form = {"login": cast.alice.email, "password": PASSWORD, "next": url}
        assert browser().post("/accounts/login/", form)["Location"] == leads_to


def test_a_wrong_password_and_an_unknown_address_are_answered_alike(
    browser: Browser, words: Words, cast: Cast
) -> None:
    known = sign_in(browser(), cast.alice.email, "not this one")
    unknown = sign_in(browser(), "nobody@north-lane.example", "not this one")
    assert known.status_code == unknown.status_code
    assert words(known).replace(cast.alice.email, "") == words(unknown).replace(
        "nobody@north-lane.example", ""
    )


def test_after_five_wrong_passwords_the_right_one_has_to_wait(client: Client, cast: Cast) -> None:
    for _ in range(5):
        sign_in(client, cast.alice.email, "not this one")
    response = sign_in(client, cast.alice.email)
    assert "Too many failed attempts." in response.content.decode()
    assert not is_signed_in(client)


@pytest.mark.parametrize("url", ["/accounts/signup/", "/accounts/email/", "/accounts/3rdparty/"])
def test_there_is_no_page_to_sign_up_or_to_change_addresses(client: Client, cast: Cast, url: str) -> None:
    assert client.get(url).status_code == 404
    assert client.post(url, {"email": "x@y.example"}).status_code == 404


def test_sign_up_is_closed_wherever_it_is_asked_from(rf: RequestFactory) -> None:
    assert not accounts.AccountAdapter().is_open_for_signup(rf.get("/"))


def test_signing_out_takes_a_button(client: Client, cast: Cast) -> None:
    sign_in(client, cast.alice.email)
    client.get("/accounts/logout/")
    assert is_signed_in(client)
    client.post("/accounts/logout/")
    assert not is_signed_in(client)


# --- Sessions that end


def test_the_session_of_somebody_who_is_no_longer_active_ends_at_once(browser: Browser, cast: Cast) -> None:
    client = browser(cast.ben)
    assert is_signed_in(client)
    User.objects.filter(pk=cast.ben.pk).update(is_active=False)
    assert client.get(SETTINGS)["Location"].startswith("/accounts/login/")


def test_the_session_of_a_removed_member_ends_at_once(browser: Browser, cast: Cast) -> None:
    client, membership = browser(cast.ben), cast.ben.memberships.get()
    assert is_signed_in(client)
    response = browser(cast.alice).post(f"{SETTINGS}members/{membership.pk}/remove/")
    assert response.status_code == 303
    response = client.get(LIST, follow=True)
    assert response.redirect_chain == [("/accounts/login/", 302)]
    assert "You are in no team at present." in response.content.decode()
    assert "_auth_user_id" not in client.session


def test_a_role_counts_at_once_for_an_open_session(browser: Browser, cast: Cast) -> None:
    client, membership = browser(cast.ben), cast.ben.memberships.get()
    browser(cast.alice).post(f"{SETTINGS}members/{membership.pk}/", {"role": "viewer"})
    assert client.post(f"{SETTINGS}invite/").status_code == 403
    assert client.get(SETTINGS).status_code == 200


def away(client: Client, seconds: int) -> Client:
    """The browser of somebody who was last seen `seconds` ago."""
    client.get("/")
    session = client.session
    session[SEEN_KEY] -= seconds
    session.save()
    return client


def test_a_members_session_is_over_after_twelve_idle_hours(browser: Browser, cast: Cast) -> None:
    assert is_signed_in(away(browser(cast.alice), SELLERS_IDLE_SECONDS - 60))
    assert not is_signed_in(away(browser(cast.alice), SELLERS_IDLE_SECONDS))


def test_an_admins_session_is_over_after_thirty_idle_minutes(
    browser: Browser, cast: Cast, settings: pytest.FixtureRequest
) -> None:
    settings.DEMO = True
    assert away(browser(cast.root), ADMINS_IDLE_SECONDS - 60).get("/admin/").status_code == 200
    assert away(browser(cast.root), ADMINS_IDLE_SECONDS).get("/admin/").status_code == 404


def test_being_there_keeps_a_session_alive(browser: Browser, cast: Cast) -> None:
    client = browser(cast.alice)
    for _ in range(3):
        assert is_signed_in(away(client, SELLERS_IDLE_SECONDS - 60))


def test_looking_at_a_page_again_within_a_minute_writes_nothing(
    browser: Browser, cast: Cast, django_assert_num_queries: Callable
) -> None:
    client = browser(cast.alice)
    client.get("/")
    with django_assert_num_queries(3) as queries:
        client.get("/")
    assert all(query["sql"].startswith("SELECT") for query in queries)


# --- Passwords


def ask_for_reset(client: Client, email: str, **headers: str) -> HttpResponse:
    return client.post("/accounts/password/reset/", {"email": email}, headers=headers)


def test_asking_for_a_new_password_does_not_tell_whether_there_is_an_account(
    browser: Browser, words: Words, cast: Cast
) -> None:
    known = ask_for_reset(browser(), cast.alice.email)
    assert [message.to for message in posted()] == [[cast.alice.email]]
    unknown = ask_for_reset(browser(), "nobody@north-lane.example")
    assert len(posted()) == 1
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    pages = [words(browser().get(answer["Location"])) for answer in (known, unknown)]
    assert pages[0] == pages[1]


def test_the_mail_with_the_link_is_in_the_members_language_and_names_the_configured_host(
    client: Client, cast: Cast, settings: pytest.FixtureRequest
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    User.objects.filter(pk=cast.alice.pk).update(language="zh-hans")
    ask_for_reset(client, cast.alice.email, Host="evil.example")
    (message,) = posted()
    assert message.extra_headers["Content-Language"] == "zh-hans"
    with translation.override("zh-hans"):
        assert message.subject == translation.gettext("Set a new password") != "Set a new password"
    assert "evil.example" not in message.body
    link = re.search(r"http\S+", message.body)
    assert link is not None
    assert link[0].startswith(f"{settings.SITE_URL}/accounts/password/reset/key/")


def test_the_link_sets_a_new_password_once_and_its_owner_is_told(client: Client, cast: Cast) -> None:
    ask_for_reset(client, cast.alice.email)
    link = re.search(r"http\S+", posted()[0].body)
    assert link is not None
    path = urlsplit(link[0]).path
    form_page = client.get(path)["Location"]
    assert path not in form_page
    new = {"password1": "quite another long one", "password2": "quite another long one"}
    client.post(form_page, new)
    assert User.objects.get(pk=cast.alice.pk).check_password("quite another long one")
    assert posted()[1].subject == "Your password was set anew."
    again = Client().get(path, follow=True)
    assert "This link no longer works" in again.content.decode()


def test_a_mail_server_that_is_away_changes_no_answer(
    client: Client, cast: Cast, settings: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    assert ask_for_reset(client, cast.alice.email).status_code == 302
    posted()
    assert "A mail about an account could not be sent." in caplog.text


def test_who_changes_the_password_is_told_and_other_browsers_are_signed_out(
    browser: Browser, cast: Cast
) -> None:
    here, elsewhere = browser(cast.alice), browser(cast.alice)
    new = {
        "oldpassword": PASSWORD,
        "password1": "quite another long one",
        "password2": "quite another long one",
    }
    here.post("/accounts/password/change/", new)
    assert [message.subject for message in posted()] == ["Your password was changed."]
    assert not is_signed_in(elsewhere)


# --- The second factor


def test_who_has_a_second_factor_is_asked_for_it(
    client: Client, cast: Cast, code_of: Callable[[str], str]
) -> None:
    secret = generate_totp_secret()
    TOTP.activate(cast.alice, secret)
    response = sign_in(client, cast.alice.email)
    assert response["Location"].startswith("/accounts/2fa/authenticate/")
    assert not is_signed_in(client)
    client.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    assert is_signed_in(client)


def test_a_recovery_code_stands_in_for_a_lost_device_once(browser: Browser, cast: Cast) -> None:
    TOTP.activate(cast.alice, generate_totp_secret())
    code = RecoveryCodes.activate(cast.alice).get_unused_codes()[0]
    for lets_in in (True, False):
        client = browser()
        sign_in(client, cast.alice.email)
        client.post("/accounts/2fa/authenticate/", {"code": code})
        assert is_signed_in(client) == lets_in


# --- Invitations


@pytest.fixture
def invitation(cast: Cast) -> Invitation:
    return team.invite_member(
        cast.actor(cast.alice), email="nia@north-lane.example", role="agent", language="zh-hans"
    )


def open_invitation(client: Client, invitation: Invitation) -> HttpResponse:
    response = client.get(f"/accounts/invitation/{invitation_token(invitation)}/")
    assert (response.status_code, response["Location"]) == (303, "/accounts/invitation/")
    return client.get("/accounts/invitation/")


def test_an_invited_person_sets_name_and_password_and_is_in(client: Client, invitation: Invitation) -> None:
    page = open_invitation(client, invitation).content.decode()
    assert "Join North Lane" in page
    assert invitation_token(invitation) not in page
    response = client.post("/accounts/invitation/", {"name": "Nia New", "password": "a long enough one"})
    assert response["Location"] == LIST
    assert is_signed_in(client)
    nia = User.objects.get(email="nia@north-lane.example")
    assert (nia.name, nia.language, nia.memberships.get().role) == ("Nia New", "zh-hans", "agent")
    assert sign_in(Client(), nia.email, "a long enough one")["Location"] == LIST


@pytest.mark.parametrize("password", ["short", "password1234", "nia@north-lane.example"])
def test_a_weak_password_is_refused_and_nothing_typed_is_lost(
    client: Client, invitation: Invitation, password: str
) -> None:
    open_invitation(client, invitation)
    response = client.post("/accounts/invitation/", {"name": "Nia New", "password": password})
    assert response.status_code == 422
    assert 'value="Nia New"' in response.content.decode()
    assert not User.objects.filter(email=invitation.email).exists()


def test_an_invitation_that_is_used_or_made_up_is_a_page_that_says_so(
    browser: Browser, invitation: Invitation, cast: Cast
) -> None:
    client = browser()
    open_invitation(client, invitation)
    client.post("/accounts/invitation/", {"name": "Nia New", "password": "a long enough one"})
    for token in (invitation_token(invitation), f"{invitation.pk}-made-up", "nonsense"):
        response = browser().get(f"/accounts/invitation/{token}/")
        assert response.status_code == 404
        assert "This invitation was used, was taken back, or is too old." in response.content.decode()


def test_somebody_with_an_account_signs_in_to_join(browser: Browser, cast: Cast) -> None:
    invitation = team.invite_member(cast.actor(cast.alice), email=cast.carol.email, role="viewer")
    client = browser()
    page = open_invitation(client, invitation).content.decode()
    assert 'href="/accounts/login/?next=/accounts/invitation/"' in page
    assert 'name="password"' not in page
    stolen = client.post("/accounts/invitation/", {"name": "Mallory", "password": "a long enough one"})
    assert stolen.status_code == 422
    form = {"login": cast.carol.email, "password": PASSWORD, "next": "/accounts/invitation/"}
    assert client.post("/accounts/login/", form)["Location"] == "/accounts/invitation/"
    assert client.post("/accounts/invitation/").status_code == 303
    assert Membership.objects.get(user=cast.carol, seller=cast.north_lane).role == "viewer"


def test_an_invitation_is_not_taken_by_whoever_else_is_signed_in(
    browser: Browser, invitation: Invitation, cast: Cast
) -> None:
    client = browser(cast.carol)
    assert (
        "You are signed in as carol@south-pier.example"
        in open_invitation(client, invitation).content.decode()
    )
    assert (
        client.post("/accounts/invitation/", {"name": "C", "password": "a long enough one"}).status_code
        == 403
    )
    assert not Membership.objects.filter(user=cast.carol, seller=cast.north_lane).exists()


# --- Settings


def test_an_owner_invites_and_takes_back(browser: Browser, cast: Cast) -> None:
    client = browser(cast.alice)
    form = {"email": "nia@north-lane.example", "role": "viewer", "language": "zh-hans"}
    assert client.post(f"{SETTINGS}invite/", form).status_code == 303
    invitation = Invitation.objects.get()
    assert (invitation.role, invitation.language) == ("viewer", "zh-hans")
    assert "nia@north-lane.example" in client.get(SETTINGS).content.decode()
    client.post(f"{SETTINGS}invitations/{invitation.pk}/revoke/")
    assert "nia@north-lane.example" not in client.get(SETTINGS).content.decode()


@pytest.mark.parametrize(
    ("email", "said"),
    [
        ("no address", "Enter a valid email address."),
        ("ben@north-lane.example", "This person is a member of the team already."),
    ],
)
def test_a_wrong_invitation_is_shown_again_with_what_was_typed(
    browser: Browser, cast: Cast, email: str, said: str
) -> None:
    form = {"email": email, "role": "viewer", "language": "en"}
    response = browser(cast.alice).post(f"{SETTINGS}invite/", form)
    page = response.content.decode()
    assert response.status_code == 422
    assert said in page
    assert f'value="{email}"' in page
    assert "<title>Error:" in page


def test_the_only_owner_is_told_why_the_own_role_cannot_change(browser: Browser, cast: Cast) -> None:
    client, membership = browser(cast.alice), cast.alice.memberships.get()
    page = client.get(SETTINGS).content.decode()
    assert "The only owner: make somebody else an owner first" in page
    assert f"members/{membership.pk}/" not in page
    response = client.post(f"{SETTINGS}members/{membership.pk}/remove/")
    assert response.status_code == 422
    assert "A team needs an owner" in response.content.decode()


def test_an_owner_adds_and_retires_return_addresses(browser: Browser, cast: Cast) -> None:
    client = browser(cast.alice)
    form = {"name": "North Lane", "lines": "2 Quay", "city": "Kiel", "postal_code": "24103", "country": "DE"}
    assert client.post(f"{SETTINGS}addresses/", form).status_code == 303
    address = ReturnAddress.objects.get(city="Kiel")
    assert (address.seller, address.country) == (cast.north_lane, "DE")
    assert client.post(f"{SETTINGS}addresses/", form | {"country": "1"}).status_code == 422
    client.post(f"{SETTINGS}addresses/{address.pk}/retire/")
    address.refresh_from_db()
    assert not address.is_active


def test_an_owner_says_how_requests_are_authorized(browser: Browser, cast: Cast) -> None:
    form = {"authorization": "by_hand", "authorization_days": "14", "slug": "stolen"}
    assert browser(cast.alice).post(f"{SETTINGS}rules/", form).status_code == 303
    seller = Seller.objects.get(pk=cast.north_lane.pk)
    assert (seller.authorization, seller.authorization_days) == ("by_hand", 14)
    assert seller.slug == "north-lane"
    response = browser(cast.alice).post(f"{SETTINGS}rules/", form | {"authorization_days": "31"})
    assert response.status_code == 422


OF_ONE_ROW = ("members/{member}/", "members/{member}/remove/", "addresses/{address}/retire/")


def nothing_changed(cast: Cast) -> bool:
    member, address = cast.ben.memberships.get(), cast.north_lane.return_addresses.get(country="CA")
    return (member.role, member.is_active, address.is_active) == ("agent", True, True) and not (
        Invitation.objects.exists()
    )


@pytest.mark.parametrize("url", ["rules/", "invite/", "addresses/", *OF_ONE_ROW])
@pytest.mark.parametrize("name", ["ben", "vera"])
def test_who_is_no_owner_changes_nothing(browser: Browser, cast: Cast, url: str, name: str) -> None:
    address = cast.north_lane.return_addresses.get(country="CA")
    url = url.format(member=cast.ben.memberships.get().pk, address=address.pk)
    form = {"role": "viewer", "email": "x@y.example", "language": "en", "authorization": "by_hand"}
    assert browser(getattr(cast, name)).post(f"{SETTINGS}{url}", form).status_code == 403
    assert nothing_changed(cast)


@pytest.mark.parametrize("url", OF_ONE_ROW)
def test_what_belongs_to_another_team_is_not_there(browser: Browser, cast: Cast, url: str) -> None:
    address = cast.north_lane.return_addresses.get(country="CA")
    theirs = url.format(member=cast.ben.memberships.get().pk, address=address.pk)
    nobodys = url.format(member=10**6, address=10**6)
    for either in (theirs, nobodys):
        assert browser(cast.carol).post(f"{SETTINGS}{either}", {"role": "viewer"}).status_code == 404
    assert nothing_changed(cast)


def test_an_agent_sees_the_settings_without_a_form(browser: Browser, cast: Cast) -> None:
    page = browser(cast.ben).get(SETTINGS).content.decode()
    assert "An owner of the team can change them." in page
    assert f'action="{SETTINGS}' not in page


# --- Profile


def test_everybody_sets_name_language_zone_and_time_to_undo(browser: Browser, cast: Cast) -> None:
    client = browser(cast.vera)
    form = {"name": "Vera V.", "language": "zh-hans", "time_zone": "Asia/Shanghai", "undo_seconds": "600"}
    assert client.post("/accounts/profile/", form).status_code == 303
    vera = User.objects.get(pk=cast.vera.pk)
    assert (vera.name, vera.language, vera.time_zone, vera.undo_seconds) == (
        "Vera V.",
        "zh-hans",
        "Asia/Shanghai",
        600,
    )
    assert 'lang="zh-hans"' in client.get("/accounts/profile/").content.decode()
    client.post("/accounts/profile/", form | {"undo_seconds": ""})
    assert User.objects.get(pk=cast.vera.pk).undo_seconds is None


@pytest.mark.parametrize("wrong", [{"time_zone": "Mars/Olympus"}, {"undo_seconds": "0"}, {"language": "tlh"}])
def test_a_wrong_profile_is_refused_and_the_page_stays_in_the_old_language(
    browser: Browser, cast: Cast, wrong: dict[str, str]
) -> None:
    form = {"name": "Vera", "language": "zh-hans", "time_zone": "UTC", "undo_seconds": "", "is_staff": "on"}
    response = browser(cast.vera).post("/accounts/profile/", form | wrong)
    assert response.status_code == 422
    assert '<html lang="en"' in response.content.decode()
    vera = User.objects.get(pk=cast.vera.pk)
    assert (vera.name, vera.is_staff) == ("Vera Voss", False)


def test_the_own_settings_say_how_well_the_account_is_guarded(browser: Browser, cast: Cast) -> None:
    client = browser(cast.ben)
    assert "None is set up" in client.get("/accounts/profile/").content.decode()
    TOTP.activate(cast.ben, generate_totp_secret())
    page = client.get("/accounts/profile/").content.decode()
    assert "An authenticator app is set up." in page
    assert "None is set up" not in page


def test_where_nothing_can_be_undone_nobody_is_asked_for_how_long(
    browser: Browser, cast: Cast, settings: pytest.FixtureRequest
) -> None:
    client = browser(cast.ben)
    assert 'name="undo_seconds"' in client.get("/accounts/profile/").content.decode()
    settings.UNDO_SECONDS = 0
    assert 'name="undo_seconds"' not in client.get("/accounts/profile/").content.decode()
    form = {"name": "Ben B.", "language": "en", "time_zone": "UTC", "undo_seconds": "600"}
    assert client.post("/accounts/profile/", form).status_code == 303
    ben = User.objects.get(pk=cast.ben.pk)
    assert (ben.name, ben.undo_seconds) == ("Ben B.", None)
