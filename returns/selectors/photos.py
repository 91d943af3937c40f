"""Photos, as those may see them who may."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..exceptions import NotFound
from ..models import Photo, ReturnRequest
from ..state_machine import Role

SHOWN_SIDE = 96  # CSS pixels


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A photo as a page shows it, small: the address of its file, and its size in CSS pixels."""

    reference: str
    name: str
    url: str
    width: int
    height: int


def thumbnail(photo: Photo, url: str) -> Thumbnail:
    """`photo`, whose file is at `url`."""
    longest = max(photo.width, photo.height)
    width, height = (max(side * SHOWN_SIDE // longest, 1) for side in (photo.width, photo.height))
    return Thumbnail(photo.reference, photo.name, url, width, height)


def has_photos() -> Exists:
    """Whether an item has photos, for a query of items."""
    return Exists(Photo.objects.filter(item=OuterRef("pk")))


def get_photo(actor: Actor, reference: str, **where: Any) -> Photo:
    """The photo that this actor may see there; `NotFound` else. `where`: what it belongs to, as for a filter."""
    photo = Photo.objects.for_actor(actor).filter(reference=reference, **where).first()
    if photo is None:
        raise NotFound(_("This page does not exist, or it is not yours."))
    return photo


def list_photos(actor: Actor, request: ReturnRequest) -> list[Photo]:
    """All photos of a request, oldest first: of its items, and of what was written or refunded."""
    return list(Photo.objects.for_actor(actor).filter(request=request).order_by("pk"))


def thumbnails_by(
    place: str, photos: Iterable[Photo], actor: Actor, request: ReturnRequest
) -> dict[int, list[Thumbnail]]:
    """Those of `photos` that have a `place` ("item", "event"), by its id, as the actor's pages show them."""
    page = "buyer-photo" if actor.role == Role.BUYER else "seller-photo"
    found = defaultdict(list)
    for photo in photos:
        if place_id := getattr(photo, f"{place}_id"):
            url = reverse(page, args=[request.reference, photo.reference])
            found[place_id].append(thumbnail(photo, url))
    return found


def photos_by_item(actor: Actor, request: ReturnRequest) -> dict[int, list[Thumbnail]]:
    """The photos of a request's items, by item id, oldest first, as the actor's pages show them."""
    return thumbnails_by("item", list_photos(actor, request), actor, request)
