"""The demo's mailbox: every mail that left, and 404 anywhere else."""

import pytest
from django.core.mail import EmailMultiAlternatives, mail_admins, send_mail
from django.test import Client

from notifications.models import MailboxEntry

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def demo(settings: pytest.FixtureRequest) -> None:
    settings.DEMO, settings.MAILBOX = True, True
    settings.EMAIL_BACKEND = "notifications.mailbox.Backend"


def a_mail(subject: str = "Your request", html: str = "<p style='color: red'>Hello</p>") -> MailboxEntry:
    mail = EmailMultiAlternatives(
        subject,
        "Hello https://returns.example/my/returns/1/ and <b>",
        "a@desk.example",
        ["dora@buyers.example"],
    )
    if html:
        mail.attach_alternative(html, "text/html")
    assert mail.send() == 1
    return MailboxEntry.objects.latest("pk")


def test_every_mail_of_django_is_kept() -> None:
    assert send_mail("Reset 重置", "Link", None, ["a@x.example", "b@x.example"]) == 1
    entry = MailboxEntry.objects.get()
    assert (entry.subject, entry.recipients) == ("Reset 重置", "a@x.example, b@x.example")
    mail_admins("to nobody", "x")
    assert MailboxEntry.objects.count() == 1


def test_the_list_shows_what_left_newest_first_and_goes_on_by_key(client: Client) -> None:
    for number in range(52):
        a_mail(f"Mail {number:02d}")
    page = client.get("/mailbox/")
    assert [mail.subject for mail in page.context["mails"]] == [f"Mail {n:02d}" for n in range(51, 1, -1)]
    older = client.get(page.context["more_url"])
    assert [mail.subject for mail in older.context["mails"]] == ["Mail 01", "Mail 00"]
    assert older.context["more_url"] == ""
    assert len(client.get("/mailbox/?before=x").context["mails"]) == 50


def test_a_mail_is_shown_as_text_with_its_links(client: Client) -> None:
    page = client.get(f"/mailbox/{a_mail().pk}/")
    mail = page.context["mail"]
    assert (mail.sender, mail.recipient) == ("a@desk.example", "dora@buyers.example")
    assert (mail.text, mail.has_html) == ("Hello https://returns.example/my/returns/1/ and <b>", True)
    assert mail.links == ("https://returns.example/my/returns/1/",)
    assert "&lt;b&gt;" in page.text
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]


def test_a_mail_is_shown_as_its_readers_program_would_in_a_frame_that_can_do_nothing(client: Client) -> None:
    page = client.get(f"/mailbox/{a_mail().pk}/html")
    assert "<p style='color: red'>Hello</p>" in page.text
    policy = {part.strip() for part in page.headers["Content-Security-Policy"].split(";")}
    assert policy == {
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "sandbox",
        "frame-ancestors 'self'",
    }
    assert page.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_a_mail_without_html_has_no_such_page(client: Client) -> None:
    assert client.get(f"/mailbox/{a_mail(html='').pk}/html").status_code == 404


@pytest.mark.parametrize(("is_demo", "has_mailbox"), [(False, True), (True, False), (False, False)])
@pytest.mark.parametrize("path", ["/mailbox/", "/mailbox/{}/", "/mailbox/{}/html"])
def test_outside_the_demo_there_is_no_mailbox(
    client: Client, settings: pytest.FixtureRequest, path: str, is_demo: bool, has_mailbox: bool
) -> None:
    entry = a_mail()
    settings.DEMO, settings.MAILBOX = is_demo, has_mailbox
    assert client.get(path.format(entry.pk)).status_code == 404


@pytest.mark.parametrize("path", ["/mailbox/", "/mailbox/{}/", "/mailbox/{}/html"])
def test_nothing_can_be_posted_to_the_mailbox(client: Client, path: str) -> None:
    assert client.post(path.format(a_mail().pk)).status_code == 405
