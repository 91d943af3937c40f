"""Photos: how a page takes them in, and how they are handed out to the buyer and to the seller's team."""

from collections.abc import Callable
from functools import wraps

from csp.decorators import csp
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_safe

from ..decorators import BuyerRequest, CaseRequest, buyer_required, seller_required
from ..models import Photo
from ..selectors.photos import get_photo
from ..services.photos import MOST_BYTES, read_photo
from .files import UploadHandler
from .papers import AS_A_FILE

View = Callable[..., HttpResponseBase]


class PhotoHandler(UploadHandler):
    @property
    def most(self) -> int:
        return MOST_BYTES


def takes_photos(view: View) -> View:
    """A page whose form may bring photos: of a larger file than is allowed nothing more is kept.

    It stands above all other decorators, as they may read what was sent.
    """
    protected = csrf_protect(view)

    @csrf_exempt  # `protected` is not, once it is said where the bytes of the photos go
    @wraps(view)
    def wrapped(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if request.method == "POST":
            request.upload_handlers = [PhotoHandler(request)]
        return protected(request, *args, **kwargs)

    return wrapped


@csp(AS_A_FILE)
@seller_required
@never_cache
@require_safe
def seller_photo(request: CaseRequest, reference: str, photo: str) -> HttpResponse:
    return photo_answer(request, get_photo(request.actor, photo, request__reference=reference))


@csp(AS_A_FILE)
@buyer_required
@require_safe
def buyer_photo(request: BuyerRequest, reference: str, photo: str) -> HttpResponse:
    return photo_answer(request, get_photo(request.actor, photo, request__reference=reference))


def photo_answer(request: HttpRequest, photo: Photo) -> HttpResponse:
    """The photo's file, with ``?small`` the small one: pages show it, nobody opens it as a page."""
    name = f"photo-{photo.reference[:8]}.{photo.file.rsplit('.', 1)[-1]}"
    headers = {
        "Content-Disposition": content_disposition_header(as_attachment=True, filename=name),
        "X-Content-Type-Options": "nosniff",
    }
    content = read_photo(photo, is_small="small" in request.GET)
    return HttpResponse(content, content_type=photo.media_type, headers=headers)
