"""What pages of returns show about messages, and the preview that is the mail."""

import re

import pytest
from django.template import Context, Template
from django.test import Client

from notifications import services
from notifications.letters import Preview, preview_of
from notifications.mailbox import parse, part
from notifications.models import Kind, MailboxEntry, Message, State
from notifications.templatetags.messages_tags import Sent, messages_of
from returns import services as returns
from returns.models import ReturnRequest, Seller, User
from returns.services.decide import preview_decision
from returns.state_machine import Status
from tests.factories import (
    PASSWORD,
    Cast,
    Person,
    a_case,
    at_once,
    by_hand,
    closing,
    days_ago,
    file_request,
    make_order,
    open_request,
)
from tests.notifications.mail_server import MailServer
from tests.notifications.test_delivery import WHY, a_closed_request
from tests.notifications.test_relay import asked

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("code", "comments", "country"),
    [
        ("other", f"{WHY}\n\n  <b>{{buyer_name}}</b> 照片", "CA"),
        ("technical_issue_solved", WHY, "CN"),
    ],
)
def test_the_preview_is_the_mail_to_the_letter(
    cast: Cast, settings: pytest.FixtureRequest, code: str, comments: str, country: str
) -> None:
    settings.EMAIL_BACKEND = "notifications.mailbox.Backend"
    request = asked(cast, country=country, buyer=Person(name="Li & <Lei>", email="li@buyers.example"))
    # The same moment for both: it stands in the message.
    actor, how = cast.actor(cast.alice).at(days_ago(0)), closing(code, comments)
    preview = preview_of(preview_decision(actor, reference=request.reference, decision=how))
    returns.close_return(actor, reference=request.reference, closing=how)
    services.relay_events()
    services.deliver_messages()
    mail = parse(MailboxEntry.objects.order_by("-pk")[0].content)
    assert preview is not None
    assert (mail["Subject"], part(mail, "plain")) == (preview.subject, preview.body)
    assert preview.language == ("zh-hans" if country == "CN" else "en")


def preview_for(cast: Cast, request: ReturnRequest, seconds: int = 10) -> Preview | None:
    planned = preview_decision(cast.actor(cast.alice), reference=request.reference, decision=closing())
    return preview_of(planned, seconds)


def test_the_preview_says_when_the_mail_leaves(cast: Cast) -> None:
    request = asked(cast)
    assert preview_for(cast, request).delivery == "E-mail, 10 seconds after you confirm."
    assert preview_for(cast, request, 1).delivery == "E-mail, 1 second after you confirm."
    assert preview_for(cast, request, 0).delivery == "E-mail, as soon as you confirm."


def test_the_preview_says_that_nothing_is_sent_from_here(cast: Cast) -> None:
    imported = file_request(make_order(cast.north_lane), Status.AUTHORIZATION_REQUIRED)
    preview = preview_for(cast, imported)
    assert preview.delivery.startswith("Not sent from here")
    assert "http" not in preview.body
    nameless = asked(cast, buyer=Person(name="", email=""))
    assert preview_for(cast, nameless).delivery.startswith("Not sent: no e-mail address")


def test_nothing_planned_has_no_preview() -> None:
    assert preview_of(None) is None


def test_each_message_of_a_request_is_shown_with_what_became_of_it(cast: Cast, server: MailServer) -> None:
    server.script["RCPT ben@north-lane.example"] = ["550 unknown"]
    with by_hand(cast.north_lane):
        request = open_request(make_order(cast.north_lane, country="CA"))
    services.relay_events()
    waiting = {(one.recipient, one.state, one.at) for one in messages_of(a_case(request))}
    assert waiting == {
        ("Buyer", "waiting", None),
        ("Alice Ames", "waiting", None),
        ("Ben Boyd", "waiting", None),
    }
    services.deliver_messages()
    shown = {one.recipient: one for one in messages_of(a_case(request))}
    assert (shown["Buyer"].state, shown["Buyer"].state_label) == ("sent", "Sent")
    assert shown["Buyer"].subject.startswith("We have your return request: order")
    assert shown["Buyer"].at is not None
    assert (shown["Ben Boyd"].state, shown["Ben Boyd"].state_label) == ("failed", "Could not be delivered")


def test_what_is_not_sent_from_here_is_there_to_be_copied(cast: Cast) -> None:
    request = file_request(make_order(cast.north_lane), Status.AUTHORIZATION_REQUIRED)
    returns.close_return(
        at_once(cast.actor(cast.alice)), reference=request.reference, closing=closing(comments=WHY)
    )
    services.relay_events()
    (sent,) = messages_of(a_case(request))
    assert (sent.state, sent.state_label) == ("not_sent", "Not sent from here: copy it")
    assert WHY in sent.text
    assert "http" not in sent.text
    assert not sent.text.rstrip().endswith("North Lane.")


def test_a_message_of_another_request_is_not_shown(cast: Cast) -> None:
    asked(cast)
    other = asked(cast)
    services.relay_events()
    assert {one.subject for one in messages_of(a_case(other))} <= {
        f"We have your return request: order {other.order.order_number}",
        f"A return request waits for you: order {other.order.order_number}",
    }


def test_in_the_demo_a_message_leads_to_its_mail(cast: Cast, settings: pytest.FixtureRequest) -> None:
    settings.EMAIL_BACKEND = "notifications.mailbox.Backend"
    request = a_closed_request(cast)
    services.deliver_messages()
    assert messages_of(a_case(request))[0].url == ""
    settings.DEMO = True
    assert messages_of(a_case(request))[0].url == f"/mailbox/{MailboxEntry.objects.get().pk}/"


def test_the_same_number_of_queries_for_one_message_and_for_many(
    cast: Cast, django_assert_max_num_queries: pytest.FixtureRequest
) -> None:
    request = asked(cast)
    services.relay_events()
    case = a_case(request)
    with django_assert_max_num_queries(2):
        assert len(messages_of(case)) == 3


def test_templates_reach_both_tags(cast: Cast) -> None:
    template = Template(
        "{% load messages_tags %}{% messages_of case as sent %}{{ sent|length }}"
        "{% message_preview planned 10 as preview %}{{ preview|default_if_none:'-' }}"
    )
    assert template.render(Context({"case": a_case(asked(cast)), "planned": None})) == "0-"
    assert Sent.__dataclass_fields__.keys() >= {"subject", "recipient", "at", "state", "state_label", "url"}


# --- The fragment beside the close form


def signed_in(client: Client, user: User) -> Client:
    assert client.login(email=user.email, password=PASSWORD)
    return client


def test_the_fragment_shows_the_message_as_typed_and_closes_nothing(cast: Cast, client: Client) -> None:
    request = asked(cast)
    services.relay_events()
    answer = signed_in(client, cast.alice).post(
        f"/seller/returns/{request.reference}/close/preview/",
        {"reason": "other", "comments": "Half a sent", "key": "k"},
    )
    assert answer.status_code == 200
    assert "Half a sent" in answer.text
    assert "Hello Dora Diaz," in answer.text
    assert "E-mail, 10 seconds after you confirm." in answer.text
    request.refresh_from_db()
    assert request.status == Status.AUTHORIZATION_REQUIRED
    assert request.events.count() == 1


def test_the_fragment_asks_for_a_reason_first(cast: Cast, client: Client) -> None:
    request = asked(cast)
    answer = signed_in(client, cast.alice).post(f"/seller/returns/{request.reference}/close/preview/", {})
    assert "Pick a return reason to see the message." in answer.text


def test_the_fragment_is_for_members_who_may_decide(cast: Cast, client: Client) -> None:
    path = f"/seller/returns/{asked(cast).reference}/close/preview/"
    for user, status in ((cast.vera, 403), (cast.carol, 404)):
        assert signed_in(client, user).post(path, {"reason": "other"}).status_code == status
    client.logout()
    assert client.post(path, {"reason": "other"}).status_code == 302
    assert signed_in(client, cast.alice).get(path).status_code == 405


# --- The admin


def test_an_admin_reads_messages_and_sends_one_again(
    cast: Cast, client: Client, settings: pytest.FixtureRequest
) -> None:
    settings.DEMO = True
    request = a_closed_request(cast)
    services.deliver_messages()
    message = Message.objects.get()
    signed_in(client, cast.root)
    listed = client.get("/admin/notifications/message/", {"q": request.order.order_number})
    assert listed.status_code == 200
    assert str(message.pk) in listed.text
    assert client.get(f"/admin/notifications/message/{message.pk}/change/").status_code == 200
    shown, code = (
        Message.objects.create(
            kind=kind,
            status=status,
            recipient_type=message.recipient_type,
            recipient_id=message.recipient_id,
            language="en",
            about_id=1,
            dedup_key=kind,
        )
        for kind, status in ((Kind.IMPORT_FINISHED, State.SUPPRESSED), (Kind.BUYER_CODE, State.PARKED))
    )
    data = {"action": "send_selected_again", "_selected_action": [message.pk, shown.pk, code.pk]}
    asked = client.post("/admin/notifications/message/", data)
    assert "These messages are sent to the same people once more:" in asked.text
    message.refresh_from_db()
    assert message.status == State.SENT
    fields = re.findall(r'type="hidden" name="_selected_action" value="(\d+)"', asked.text)
    assert sorted(map(int, fields)) == [message.pk, shown.pk, code.pk]
    data["confirmed"] = "Send again"
    answer = client.post("/admin/notifications/message/", data, follow=True)
    left_out = (
        "1 message is not sent again: it is only shown here.",
        "1 message is not sent again: it carried a code or a link, which is asked for anew.",
    )
    for page, sentences in ((asked, left_out), (answer, ("1 message is sent again.", *left_out))):
        assert all(sentence in page.text for sentence in sentences)
    message.refresh_from_db()
    assert message.status == State.QUEUED
    again = client.post(
        "/admin/notifications/message/",
        {"action": "send_selected_again", "_selected_action": [message.pk]},
        follow=True,
    )
    assert "1 message is not sent again: it is still on its way." in again.text


def test_an_admin_finds_a_message_by_its_message_id(
    cast: Cast, client: Client, settings: pytest.FixtureRequest
) -> None:
    settings.DEMO = True
    a_closed_request(cast)
    a_closed_request(cast)
    wanted, other = Message.objects.order_by("pk")
    page = signed_in(client, cast.root).get("/admin/notifications/message/", {"q": wanted.message_id})
    assert [row.pk for row in page.context["cl"].result_list] == [wanted.pk]
    assert other.pk != wanted.pk


def test_a_seller_who_lets_messages_out_gives_imported_buyers_a_page(cast: Cast) -> None:
    Seller.objects.update(imported_messages=Seller.ImportedMessages.SEND_FROM_HERE)
    imported = file_request(make_order(cast.north_lane), Status.AUTHORIZATION_REQUIRED)
    assert f"/my/returns/{imported.reference}/" in preview_for(cast, imported).body
