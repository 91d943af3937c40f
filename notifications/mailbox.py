"""Where mails go while no mail server is configured: a table that the page *Mailbox* shows."""

from collections.abc import Sequence
from email import message_from_bytes
from email.message import EmailMessage as ParsedMail
from email.policy import default as modern

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from .models import MailboxEntry


class Backend(BaseEmailBackend):
    """An e-mail backend that keeps the bytes of every mail, ours and allauth's."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        kept = 0
        for email in email_messages:
            recipients = email.recipients()
            if not recipients:
                continue
            content = email.message().as_bytes()
            parsed = parse(content)
            MailboxEntry.objects.create(
                recipients=", ".join(recipients),
                subject=str(parsed["Subject"] or ""),
                message_id=str(parsed["Message-ID"] or ""),
                content=content,
            )
            kept += 1
        return kept


def parse(content: bytes | memoryview) -> ParsedMail:
    """The mail of these bytes, as its reader's program would take it apart."""
    return message_from_bytes(bytes(content), policy=modern)


def part(mail: ParsedMail, subtype: str) -> str:
    """The mail's text ("plain") or HTML ("html") part, or ""."""
    body = mail.get_body(preferencelist=(subtype,))
    return str(body.get_content()).replace("\r\n", "\n") if body is not None else ""
