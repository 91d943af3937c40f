"""One mail as bytes, and the conversation in which a mail server takes it."""

import hashlib
import re
import smtplib
import socket
from collections.abc import Callable
from datetime import datetime
from email import message_from_bytes, policy
from email.header import Header
from email.message import EmailMessage as Mime
from email.message import Message as AnyMime
from email.parser import BytesHeaderParser
from email.utils import format_datetime, parseaddr
from types import TracebackType
from typing import Any, Self

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.smtp import EmailBackend


class _Wire(policy.EmailPolicy):
    """Seven bits on the wire: every server takes them, and no relay changes the bytes."""

    def fold_binary(self, name: str, value: Any) -> bytes:
        """A header's lines. A subject that is not ASCII is encoded whole: Python 3.13.0, which encodes it word
        by word, doubles a space at the fold between two scripts.
        """
        if name.lower() != "subject" or str(value).isascii():
            return super().fold_binary(name, value)
        encoded = Header(str(value), "utf-8", header_name=name).encode(linesep=self.linesep)
        return f"{name}: {encoded}{self.linesep}".encode("ascii")


_WIRE = _Wire(linesep="\r\n", cte_type="7bit")
_LINE_STARTS_WITH_DOT = re.compile(rb"(?m)^\.")
_ENHANCED_STATUS = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}")
LANGUAGE_TAGS = {"en": "en", "zh-hans": "zh-Hans"}


def compose(
    *, message_id: str, date: datetime, recipient: str, subject: str, text: str, html: str, language: str
) -> bytes:
    """The mail as it goes out. Equal arguments give equal bytes: the boundary is made from `message_id`."""
    mime = Mime(policy=_WIRE)
    mime["From"] = settings.DEFAULT_FROM_EMAIL
    mime["To"] = recipient
    mime["Subject"] = subject
    mime["Date"] = format_datetime(date)
    mime["Message-ID"] = message_id
    mime["Auto-Submitted"] = "auto-generated"
    if header := settings.EMAIL_IDEMPOTENCY_HEADER:
        mime[header] = message_id.strip("<>")
    mime.set_content(text)
    mime.add_alternative(html, subtype="html")
    mime["Content-Language"] = LANGUAGE_TAGS[language]
    mime.set_boundary(f"=_{hashlib.sha256(message_id.encode()).hexdigest()[:32]}")
    return mime.as_bytes()


def recipient_of(content: bytes) -> str:
    """The address in the `To` of a mail that `compose` made."""
    return parseaddr(BytesHeaderParser(policy=policy.default).parsebytes(content)["To"])[1]


class Refused(Exception):
    """The mail server answered, and not with yes. `code` holds the reply's code, and nothing of its text."""

    def __init__(self, code: int, text: bytes) -> None:
        super().__init__(code)
        self.code = code
        found = _ENHANCED_STATUS.search(text)
        self.status = found[0].decode() if found else ""
        self.is_final = code >= 500


class Broken(Exception):
    """The conversation ended before the answer; the reason is one word."""


class Unreachable(Exception):
    """No mail server takes mails from us at the moment; no message is to blame for that."""


def reached(step: str) -> None:
    """Does nothing; the fault laboratory replaces it to end the process at a named step."""


class _Prepared(EmailMessage):
    """Bytes that are ready, in the shape that Django's e-mail backends take."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        parsed: AnyMime = message_from_bytes(content)
        super().__init__(subject=parsed["Subject"], from_email=parsed["From"], to=[recipient_of(content)])

    def message(self, **_: Any) -> Any:
        return message_from_bytes(self.content, policy=_WIRE.clone(refold_source="none"))


class PostOffice:
    """The way out for a batch of mails: one connection, opened when first needed and again after it broke."""

    def __init__(self) -> None:
        self._backend: Any = get_connection()
        self._sender = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
        self._sent_here = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hang_up()

    def send(self, content: bytes, *, mark: Callable[[], None], keep: Callable[[], None]) -> None:
        """Hand over one mail, or raise `Refused`, `Broken` or `Unreachable`.

        `keep` is called between the steps, each of which may take as long as EMAIL_TIMEOUT. `mark` is called
        right before the last byte that lets the server accept the mail; if it raises, the server gets none.
        """
        if not isinstance(self._backend, EmailBackend):
            mark()
            self._backend.send_messages([_Prepared(content)])
            return
        reused = self._sent_here > 0
        smtp = self._open()
        try:
            try:
                self._begin(smtp)
            except (Broken, Refused) as ended:
                # A server may end a connection after so many mails: that is no answer to this one.
                if not reused or (isinstance(ended, Refused) and ended.code != 421):
                    raise
                self._hang_up()
                smtp = self._open()
                self._begin(smtp)
            self._hand_over(smtp, content, mark, keep)
        except Refused as refused:
            if refused.code == 421 or not self._reset(smtp):
                self._drop(smtp)
            raise
        except BaseException:
            # Without the final dot the server throws away what it has.
            self._drop(smtp)
            raise
        self._sent_here += 1

    def _begin(self, smtp: smtplib.SMTP) -> None:
        reached("before_mail")
        _ask(lambda: smtp.mail(self._sender), 250)

    def _hand_over(
        self, smtp: smtplib.SMTP, content: bytes, mark: Callable[[], None], keep: Callable[[], None]
    ) -> None:
        keep()
        _ask(lambda: smtp.rcpt(recipient_of(content)), 250, 251)
        reached("after_rcpt")
        keep()
        _ask(lambda: smtp.docmd("DATA"), 354)
        keep()
        payload = _LINE_STARTS_WITH_DOT.sub(b"..", content)
        if not payload.endswith(b"\r\n"):
            payload += b"\r\n"
        _tell(smtp, payload)
        reached("after_payload")
        mark()
        _tell(smtp, b".\r\n")
        _ask(smtp.getreply, 250)
        reached("after_acceptance")

    def _open(self) -> smtplib.SMTP:
        try:
            self._backend.open()
            smtp: Any = self._backend.connection
            # The dot follows the payload by itself: Nagle's algorithm would hold it until a delayed ACK (40 ms).
            smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            smtp.ehlo_or_helo_if_needed()
        except smtplib.SMTPResponseException as error:
            self._hang_up()
            raise Unreachable(str(error.smtp_code)) from None
        except OSError as error:
            self._hang_up()
            raise Unreachable(_in_a_word(error)) from None
        return smtp

    def _reset(self, smtp: smtplib.SMTP) -> bool:
        try:
            return smtp.rset()[0] == 250
        except OSError:
            return False

    def _drop(self, smtp: smtplib.SMTP) -> None:
        """End a connection without QUIT, whose answer might not come."""
        smtp.close()
        self._hang_up()

    def _hang_up(self) -> None:
        self._sent_here = 0
        try:
            self._backend.close()
        except OSError:
            self._backend.connection = None


def _tell(smtp: smtplib.SMTP, data: bytes) -> None:
    try:
        smtp.send(data)
    except OSError as error:
        raise Broken(_in_a_word(error)) from None


def _ask(question: Callable[[], tuple[int, bytes]], *wanted: int) -> None:
    try:
        code, text = question()
    except OSError as error:
        raise Broken(_in_a_word(error)) from None
    if code not in wanted:
        raise Refused(code, text)


def _in_a_word(error: OSError) -> str:
    """Says timeout, refused or closed; never the error's own text, which may quote an address."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, TimeoutError):
            return "timeout"
        if isinstance(seen, ConnectionRefusedError):
            return "refused"
        seen = seen.__context__
    return "closed"
