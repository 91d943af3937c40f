"""Photos, as those may see them who may."""

from collections import defaultdict
from typing import Any

from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..exceptions import NotFound
from ..models import Photo, ReturnRequest


def get_photo(actor: Actor, reference: str, **where: Any) -> Photo:
    """The photo that this actor may see there; `NotFound` else. `where`: what it belongs to, as for a filter."""
    photo = Photo.objects.for_actor(actor).filter(reference=reference, **where).first()
    if photo is None:
        raise NotFound(_("This page does not exist, or it is not yours."))
    return photo


def photos_by_item(actor: Actor, request: ReturnRequest) -> dict[int, list[Photo]]:
    """The photos of a request's items, by item id, oldest first."""
    found = defaultdict(list)
    for photo in Photo.objects.for_actor(actor).filter(request=request, item__isnull=False).order_by("pk"):
        found[photo.item_id].append(photo)
    return found
