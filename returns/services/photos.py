"""Photos that people send: taken in, drawn anew, handed over with what they belong to, and removed.

The file of a photo is written before the transaction that names it, a smaller one beside it. What no row names
in the end is removed by `clear_photo_files`; the files of a photo that is removed go when that is committed.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..exceptions import Invalid, NotFound
from ..models import OrderItem, Photo, ReturnDraft, ReturnEvent, ReturnItem
from ..pictures import TooManyPixels, drawn_anew, size_of
from ..text import clean_text
from .stored_files import clear_files, store_file, stored_path, write_file

MOST_BYTES = 8 * 1024 * 1024
MOST_PHOTOS = 6  # of one draft, or of one thing that somebody writes
LONGEST_SIDE = 2560  # pixels kept: enough to read a serial number
SMALL_SIDE = 240
FOLDER = "photos"
ACCEPTED = "image/jpeg,image/png,image/webp"

_MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoFile:
    """A photo that is stored and that no row names yet; the columns of its row."""

    file: str
    name: str
    media_type: str
    width: int
    height: int
    size: int


def keep_photo_file(upload: Any) -> PhotoFile:
    """Check and store one uploaded photo (Django's `UploadedFile`), drawn anew: no EXIF, nothing hidden in it.

    What it is, is read from its first bytes, whatever its name says. Raises `Invalid` for the field ``file``.
    """
    if upload.size > MOST_BYTES:
        raise _invalid(_("A photo may have 8 MB at most. Choose a smaller one."))
    content = upload.read()
    kind = _kind_of(content[:12])
    try:
        drawn = drawn_anew(content, kind, LONGEST_SIDE)
        small = drawn_anew(drawn, kind, SMALL_SIDE)
    except TooManyPixels:
        raise _invalid(_("This picture has more than 40 million pixels. Choose a smaller one.")) from None
    except ValueError:
        raise _invalid(_("This picture cannot be read. Save it again and choose it once more.")) from None
    width, height = size_of(drawn)
    file = store_file(FOLDER, drawn, _SUFFIXES[kind])
    write_file(_small(file), small)
    return PhotoFile(
        file=file,
        name=clean_text(upload.name or "", 100),
        media_type=_MEDIA_TYPES[kind],
        width=width,
        height=height,
        size=len(drawn),
    )


def _kind_of(head: bytes) -> str:
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        return "WEBP"
    raise _invalid(_("Choose photos in JPEG, PNG or WebP format."))


def keep_photo_files(uploads: Sequence[Any], *, room: int = MOST_PHOTOS) -> list[PhotoFile]:
    """Check and store the photos that came with a form, all or none. `room`: how many more are allowed."""
    _check_room(len(uploads), room)
    return [keep_photo_file(upload) for upload in uploads]


def _check_room(number: int, room: int) -> None:
    if number > room:
        raise _invalid(_("You can add 6 photos at most. Remove one first, or choose fewer."))


def _invalid(sentence: Any) -> Invalid:
    return Invalid(sentence, {"file": sentence})


# --- Rows


def add_photos(draft: ReturnDraft, line: OrderItem, uploads: Sequence[Any]) -> None:
    """Add the photos of one line to a draft; at most 6 in the whole draft, however many add at once."""
    files = keep_photo_files(uploads)
    with transaction.atomic():
        ReturnDraft.objects.select_for_update().get(pk=draft.pk)
        _check_room(len(files), MOST_PHOTOS - draft.photos.count())
        Photo.objects.bulk_create(
            Photo(
                seller_id=line.seller_id, order_id=line.order_id, draft=draft, order_item=line, **asdict(file)
            )
            for file in files
        )


def add_photos_of_event(event: ReturnEvent, files: Sequence[PhotoFile]) -> None:
    """Let the photos in `files` belong to what was written with `event`, in the transaction that writes it.

    Of an event that comes a second time (the form was sent twice) the photos of the first time stay.
    """
    if files and not event.photos.exists():
        Photo.objects.bulk_create(
            Photo(
                seller_id=event.seller_id,
                order_id=event.request.order_id,
                request_id=event.request_id,
                event=event,
                **asdict(file),
            )
            for file in files
        )


def hand_over_photos(draft: ReturnDraft, items: Iterable[ReturnItem]) -> None:
    """Let the photos of a draft belong to the items of the request that was opened from it."""
    for item in items:
        draft.photos.filter(order_item_id=item.order_item_id).update(
            draft=None, order_item=None, request_id=item.request_id, item=item
        )


def remove_photo(actor: Actor, *, reference: str) -> None:
    """Remove a photo of a draft, with its files. One that was sent stays; one that is gone is no error."""
    remove_photos(Photo.objects.for_actor(actor).filter(reference=reference, draft__isnull=False))


def remove_photos(photos: Any) -> int:
    """Delete these photos (a queryset of `Photo`), their files once that is committed. Answers how many."""
    names = list(photos.values_list("file", flat=True))
    photos.delete()
    transaction.on_commit(lambda: _unlink(names))
    return len(names)


# --- Files


def photo_path(photo: Photo, *, is_small: bool = False) -> Path:
    """Where the photo's file lies, or the small one."""
    return stored_path(FOLDER, _small(photo.file) if is_small else photo.file)


def read_photo(photo: Photo, *, is_small: bool = False) -> bytes:
    """The photo's file, or the small one; `NotFound` where it has none (any more)."""
    try:
        return photo_path(photo, is_small=is_small).read_bytes()
    except OSError:
        raise NotFound(_("This page does not exist, or it is not yours.")) from None


def clear_photo_files() -> int:
    """Remove files that were stored a day ago or earlier and that no photo names. Answers how many."""
    return clear_files(FOLDER, _named)


def _named(names: Collection[str]) -> list[str]:
    large = {name: name.replace("-small", "") for name in names}
    known = set(Photo.objects.filter(file__in=large.values()).values_list("file", flat=True))
    return [name for name in names if large[name] in known]


def _small(name: str) -> str:
    stem, suffix = name.rsplit(".", 1)
    return f"{stem}-small.{suffix}"


def _unlink(names: Iterable[str]) -> None:
    for name in names:
        for one in (name, _small(name)):
            stored_path(FOLDER, one).unlink(missing_ok=True)
