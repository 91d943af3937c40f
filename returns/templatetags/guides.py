"""Which guides of the help there are, and which of them a page leads to."""

from dataclasses import dataclass
from typing import Any

from django import template
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

register = template.Library()


@dataclass(frozen=True, slots=True)
class Guide:
    """`templates/help/<slug>.<language>.html` holds its text; `about`: one sentence, what it answers."""

    slug: str
    title: Any
    about: Any


CLOSE = Guide(
    "close-a-return-request",
    _("Close a return request"),
    _("When a request may be closed, which reasons hold, and what the buyer reads."),
)
PREPAID = Guide(
    "prepaid-returns",
    _("Prepaid returns for seller-fulfilled orders"),
    _("Why such a request cannot be closed, and what happens instead."),
)
CONCESSIONS = Guide(
    "concessions",
    _("Issuing concessions"),
    _("Money in addition to a refund or instead of one: when it is worth it, how to give it, and how much."),
)
NEVER_ARRIVED = Guide(
    "never-arrived",
    _("What if a buyer says they did not receive their order?"),
    _("What to check, and how such a request ends: it is a delivery problem, not a return."),
)
GUIDES = {guide.slug: guide for guide in (CLOSE, PREPAID, CONCESSIONS, NEVER_ARRIVED)}

# By the name of a page's address: what people look for on the page, and when it refuses them.
_NEEDED = {
    "seller-close": (CLOSE, PREPAID),
    "seller-refund": (CONCESSIONS,),
    "seller-concession": (CONCESSIONS,),
    "seller-complete": (PREPAID, NEVER_ARRIVED),
}


@register.inclusion_tag("_guide_link.html")
def guide_link(slug: str) -> dict[str, Guide]:
    return {"guide": GUIDES[slug]}


@register.simple_tag
def guides_for(request: HttpRequest) -> tuple[Guide, ...]:
    """The guides that the page of `request` needs; none for most."""
    match = request.resolver_match
    return _NEEDED.get(match.url_name or "", ()) if match else ()
