"""One mail as bytes: the same every time, to one address that we have checked."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest

from notifications.mail import compose, recipient_of
from notifications.mailbox import parse, part
from returns.addresses import deliverable_address


def mail(**changes: str) -> bytes:
    given = {
        "message_id": "<0a1b@demo.test>",
        "recipient": "dora@buyers.example",
        "subject": "Your return request was closed",
        "text": "Hello,\n\nBye\n",
        "html": "<p>Hello,</p><p>Bye</p>",
        "language": "en",
    }
    return compose(date=datetime(2026, 11, 24, 14, 2, tzinfo=UTC), **given | changes)


def test_equal_facts_make_equal_bytes() -> None:
    assert mail() == mail()
    assert mail(message_id="<0a1c@demo.test>") != mail()


def test_the_headers_say_who_when_and_that_nobody_typed_it() -> None:
    parsed = parse(mail())
    assert parsed["To"] == "dora@buyers.example"
    assert parsed["Message-ID"] == "<0a1b@demo.test>"
    assert parsedate_to_datetime(parsed["Date"]) == datetime(2026, 11, 24, 14, 2, tzinfo=UTC)
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert parsed["Content-Language"] == "en"
    assert parsed.get_content_type() == "multipart/alternative"
    assert recipient_of(mail()) == "dora@buyers.example"


def test_a_provider_can_be_given_the_key_of_the_mail(settings: pytest.FixtureRequest) -> None:
    settings.EMAIL_IDEMPOTENCY_HEADER = "X-Provider-Key"
    assert parse(mail())["X-Provider-Key"] == "0a1b@demo.test"


@pytest.mark.parametrize(
    "words",
    [
        "您的退货请求已关闭：订单 111-2223334-5556667，" * 6,
        "Überraschung, “quoted”, <tags> & commas; " * 8,
        "a" * 300,
        "😀 x",
    ],
)
def test_every_script_arrives_as_it_was_written(words: str) -> None:
    subject = " ".join(words.split())
    content = mail(subject=subject, text=f"{words}\n.\n..dots\n", html=f"<p>{words}</p>", language="zh-hans")
    parsed = parse(content)
    assert parsed["Subject"] == subject
    assert part(parsed, "plain") == f"{words}\n.\n..dots\n"
    assert part(parsed, "html") == f"<p>{words}</p>\n"
    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) <= 998


@pytest.mark.parametrize("header", ["subject", "recipient"])
def test_a_header_takes_no_second_line(header: str) -> None:
    with pytest.raises(ValueError, match=r"CR or LF|linefeed"):
        mail(**{header: "x@y.example\r\nBcc: all@y.example"})


@pytest.mark.parametrize(
    ("address", "delivered_to"),
    [
        ("dora@buyers.example", "dora@buyers.example"),
        ("Dora.o'Neil+desk@Buyers.Example", "Dora.o'Neil+desk@buyers.example"),
        ("li@例子.example", "li@xn--fsqu00a.example"),
    ],
)
def test_an_address_that_we_send_to(address: str, delivered_to: str) -> None:
    assert deliverable_address(address) == delivered_to


@pytest.mark.parametrize(
    "address",
    [
        "",
        "dora",
        "@buyers.example",
        "dora@",
        "a@x.example, b@y.example",
        "a@x.example,b@y.example",
        "a@x.example b@y.example",
        "a@b@x.example",
        "Dora <dora@buyers.example>",
        '"dora diaz"@buyers.example',
        "dora@localhost",
        "dora@mail.localhost",
        "dora@[127.0.0.1]",
        "dora@127.0.0.1",
        "dora@buyers.example\r\nBcc: x@y.example",
        "dora@buyers.example\n",
        "do\x00ra@buyers.example",
        ".dora@buyers.example",
        "do..ra@buyers.example",
        "dora@buyers..example",
        "dora@-buyers.example",
        "dora@buyers.example.",
        "döra@buyers.example",
        "x" * 65 + "@buyers.example",
        "dora@" + "x." * 130 + "example",
    ],
)
def test_an_address_that_we_do_not_send_to(address: str) -> None:
    assert deliverable_address(address) == ""
