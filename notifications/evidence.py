"""The evidence pack: one ZIP with what was said, decided and paid about a request, for a claim or a dispute.

It holds what both sides know, and what the buyer was told: mails to members stay out, members are not named, and the
team's notes come along only where they were asked for. Every name in it is ours.
"""

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.template.loader import render_to_string
from django.utils.html import format_html

from returns.actors import Actor
from returns.history import as_it_was
from returns.models import Photo, ReturnEvent, ReturnRequest
from returns.selectors.cases import Case
from returns.selectors.evidence import (
    Evidence,
    evidence_of,
    list_labels,
    list_photos,
    list_refunds,
    load_evident_case,
    parcels_of,
)
from returns.selectors.seller_pages import list_events
from returns.services.labels import label_path
from returns.services.photos import photo_path
from returns.state_machine import Action, Role

from .letters import Letters
from .models import Message, RecipientType
from .rendering import render
from .templatetags.messages_tags import state_in_words

PIECE = 64 * 1024  # bytes in memory of a file that is put in
MOST_THUMBNAILS = 60  # in the document, which is in memory whole


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file of the pack. `about`: whose or what it is; `sha256` is "" for a file that could not be read."""

    name: str
    about: str
    sha256: str
    thumbnail: str = ""


@dataclass(frozen=True, slots=True)
class PackedLabel:
    """A label; `name` and `sha256` of its file, "" without one."""

    name: str
    kind: str
    kind_label: str
    carrier: str
    tracking_number: str
    cost_minor: int | None
    currency: str
    provided_at: datetime
    voided_at: datetime | None
    sha256: str


@dataclass(frozen=True, slots=True)
class PackedMail:
    """A mail to the buyer: its words as they were made for it, and what became of it."""

    name: str
    subject: str
    kind: str
    at: datetime
    sent_at: datetime | None
    state: str
    state_label: str
    message_id: str
    text: str
    sha256: str


class Pack:
    """A ZIP that is being written to a file of its own, which is gone when it is closed."""

    def __init__(self, made_at: datetime) -> None:
        self.file: IO[bytes] = TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR)  # noqa: SIM115 -- handed out
        self._zip = ZipFile(self.file, "w")
        self._time = made_at.astimezone(UTC).timetuple()[:6]
        self._sums: list[str] = []

    def add(self, name: str, pieces: Iterable[bytes], *, is_packed: bool = False) -> str:
        """Put a file in, piece by piece; answers its SHA-256. `is_packed`: it would not get smaller."""
        info = ZipInfo(name, self._time)
        info.compress_type = ZIP_STORED if is_packed else ZIP_DEFLATED
        digest = hashlib.sha256()
        with self._zip.open(info, "w", force_zip64=True) as entry:
            for piece in pieces:
                digest.update(piece)
                entry.write(piece)
        self._sums.append(f"{digest.hexdigest()}  {name}\n")
        return digest.hexdigest()

    def add_text(self, name: str, text: str) -> str:
        return self.add(name, [text.encode()])

    def add_file(self, name: str, path: Path) -> str:
        """Put a stored file in as it is; "" where it is no longer there."""
        try:
            source = path.open("rb")
        except OSError:
            return ""
        with source:
            return self.add(name, iter(lambda: source.read(PIECE), b""), is_packed=True)

    def close(self) -> IO[bytes]:
        """The whole ZIP, to be read from its beginning; its last file sums up the others."""
        self.add_text("SHA256SUMS.txt", "".join(self._sums))
        self._zip.close()
        self.file.seek(0)
        return self.file


def evidence_pack(request: ReturnRequest, actor: Actor, *, with_notes: bool) -> IO[bytes]:
    """The pack of a request as a file to be sent and closed, in the active language and time zone.

    `with_notes`: with the notes that `actor` may read. However large its files are, a piece of one of them at a
    time is in memory. The words of a mail are made again, of what its event has kept and of the request as it was.
    """
    events, refunds = list_events(request), list_refunds(request)
    case = load_evident_case(request, events, refunds)
    pack = Pack(case.now)
    photos = {
        f"photos/{number:02}{Path(photo.file).suffix}": photo
        for number, photo in enumerate(list_photos(case), start=1)
    }
    packed = list(_photos(pack, case, photos))
    kept = {photo.name: photos[photo.name] for photo in packed if photo.sha256}
    evidence = evidence_of(case, events, refunds, kept, notes_for=actor if with_notes else None)
    labels = list(_labels(pack, case))
    mails = list(_mails(pack, case, events))
    letters = list(_letters(pack, events))
    content: dict[str, list[Any]] = {"photos": packed, "labels": labels, "mails": mails, "written": letters}
    said = asdict(evidence) | {
        name: [_without_picture(asdict(one)) for one in files] for name, files in content.items()
    }
    pack.add_text(
        "facts.json", json.dumps(said, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1, sort_keys=True)
    )
    pack.add_text("index.html", _document(evidence, content))
    return pack.close()


def _photos(pack: Pack, case: Case, photos: dict[str, Photo]) -> Iterator[PackedFile]:
    titles = {item.pk: item.order_item.title or item.order_item.sku for item in case.items}
    for number, (name, photo) in enumerate(photos.items()):
        thumbnail = _thumbnail(photo) if number < MOST_THUMBNAILS else ""
        about = titles.get(photo.item_id or 0, "")
        yield PackedFile(name, about, pack.add_file(name, photo_path(photo)), thumbnail)


def _thumbnail(photo: Photo) -> str:
    """The small photo as a `data:` address, so that the document shows it by itself; "" where it is gone."""
    with suppress(OSError):
        small = b64encode(photo_path(photo, is_small=True).read_bytes()).decode()
        return f"data:{photo.media_type};base64,{small}"
    return ""


def _labels(pack: Pack, case: Case) -> Iterator[PackedLabel]:
    for number, label in enumerate(list_labels(case), start=1):
        name = f"labels/{number:02}{Path(label.file).suffix}" if label.file else ""
        yield PackedLabel(
            name=name,
            kind=label.kind,
            kind_label=label.get_kind_display(),
            carrier=label.carrier,
            tracking_number=label.tracking_number,
            cost_minor=label.cost_minor,
            currency=label.currency,
            provided_at=label.provided_at,
            voided_at=label.voided_at,
            sha256=pack.add_file(name, label_path(label.file)) if name else "",
        )


def _mails(pack: Pack, case: Case, events: list[ReturnEvent]) -> Iterator[PackedMail]:
    """The mails to the buyer, oldest first; one query."""
    letters, by_id = Letters(case), {event.pk: event for event in events}
    mails = Message.objects.filter(event__request=case.request, recipient_type=RecipientType.BUYER)
    for number, mail in enumerate(mails.order_by("pk"), start=1):
        event = by_id[mail.event_id or 0]
        # A mail's words were made when it was sent, and told how the request stood then.
        event.request = as_it_was(case.request, mail.sent_at or case.now, events)
        mail.event = event
        rendered = render(mail.kind, mail.language, letters.facts(mail))
        name = f"messages/{number:02}-{mail.kind}.txt"
        yield PackedMail(
            name=name,
            subject=rendered.subject,
            kind=mail.kind,
            at=mail.created_at,
            sent_at=mail.sent_at,
            state=mail.status,
            state_label=state_in_words(mail),
            message_id=mail.message_id,
            text=rendered.text,
            sha256=pack.add_text(name, f"{rendered.subject}\n\n{rendered.text}"),
        )


def _letters(pack: Pack, events: list[ReturnEvent]) -> Iterator[PackedFile]:
    """What buyer and seller wrote to each other, each as a file."""
    written = sorted((event for event in events if event.action == Action.WRITE), key=lambda one: one.version)
    for number, event in enumerate(written, start=1):
        side = "buyer" if event.role == Role.BUYER else "seller"
        name = f"written/{number:02}-{side}.txt"
        yield PackedFile(name, side, pack.add_text(name, event.text))


def _without_picture(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name != "thumbnail"}


def _document(evidence: Evidence, content: dict[str, list[Any]]) -> str:
    context = {
        "pack": evidence,
        "style": format_html("<style>{}</style>", render_to_string("evidence.css")),
        "parcels": parcels_of(evidence.items),
        **content,
    }
    return render_to_string("evidence.html", context)
