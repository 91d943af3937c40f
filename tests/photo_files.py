"""Photos, and files that only say they are."""

import io
from collections.abc import Sequence
from typing import Any

from PIL import Image

from returns.models import OrderItem, Photo, ReturnDraft, ReturnRequest
from returns.services.photos import add_photos, hand_over_photos
from tests.label_files import SECRET, a_picture, upload

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!DOCTYPE html><script>alert(1)</script>"


def a_photo(name: str = "kettle.jpg", kind: str = "JPEG", size: tuple[int, int] = (400, 600)) -> Any:
    """A photo as a phone sends it: it lies on its side, and says where it was taken."""
    return upload(name, a_picture(kind, size=size))


def a_photo_with_gps(name: str = "kettle.jpg") -> Any:
    exif = Image.Exif()
    exif[0x010E] = SECRET
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 36.0, 12.0), 3: "W", 4: (122.0, 19.0, 59.0)})
    written = io.BytesIO()
    Image.new("RGB", (300, 200), "red").save(written, "JPEG", exif=exif, comment=b"from home")
    return upload(name, written.getvalue())


def give_photos(request: ReturnRequest, uploads: Sequence[Any]) -> list[Photo]:
    """Let the first item of `request` have photos, as if it had been asked for with them."""
    item = request.items.order_by("pk")[0]
    draft = ReturnDraft.objects.create(order=request.order)
    add_photos(draft, OrderItem.objects.get(pk=item.order_item_id), uploads)
    hand_over_photos(draft, [item])
    draft.delete()
    return list(request.photos.order_by("pk"))
