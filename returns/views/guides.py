"""Help: short guides in the product's own words, one template for each language."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from ..exceptions import NotFound
from ..models.people import Language
from ..templatetags.guides import GUIDES


@login_required
@require_safe
def guides(request: HttpRequest) -> HttpResponse:
    """All guides. They say nothing of any seller: whoever is signed in may read them."""
    return render(request, "help.html", {"guides": GUIDES.values()})


@login_required
@require_safe
def guide(request: HttpRequest, slug: str) -> HttpResponse:
    if slug not in GUIDES:
        raise NotFound(_("This page does not exist, or it is not yours."))
    language = get_language() or Language.ENGLISH.value
    context = {
        "guide": GUIDES[slug],
        "text": f"help/{slug}.{language}.html",
        "others": [other for other in GUIDES.values() if other.slug != slug],
    }
    return render(request, "help_guide.html", context)
