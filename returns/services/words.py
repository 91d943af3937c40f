"""Words that people write to each other."""

from django.utils.translation import gettext_lazy as _

from ..exceptions import Invalid
from ..text import clean_text

COMMENTS_MAX = 2000


def clean_comments(text: str, *, is_required: bool = False) -> str:
    """The comments as they are kept: plain text, its lines kept; at most 2,000 characters."""
    cleaned = clean_text(text, keep_lines=True)
    sentence = None
    if len(cleaned) > COMMENTS_MAX:
        sentence = _("Shorten your comments to 2,000 characters.")
    elif is_required and not cleaned:
        sentence = _("Write comments to the buyer: they go into the message.")
    if sentence is not None:
        raise Invalid(sentence, {"comments": sentence})
    return cleaned
