"""Comments that a seller's team keeps to use again: their page under the settings, and their select while closing."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ..decorators import CaseRequest, MemberRequest, seller_required
from ..exceptions import NotFound
from ..forms import CommentsForm
from ..models import SavedComment
from ..models.people import Language
from ..selectors.comments import find_saved_comment, list_saved_comments, offer_saved_comments
from ..selectors.reasons import list_closure_reasons
from ..services.comments import NAME_MAX, remove_comment, save_comment


class SavedCommentForm(CommentsForm):
    """One text. Saved twice, it is refused for its name: it needs no key."""

    key = None  # type: ignore[assignment]
    next = None  # type: ignore[assignment]
    names = {"reason_code": "reason"}
    field_order = ["name", "language", "reason", "comments"]

    name = forms.CharField(label=gettext_lazy("Name"), max_length=NAME_MAX)
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=Language)
    reason = forms.ChoiceField(
        label=gettext_lazy("Return reason"),
        required=False,
        help_text=gettext_lazy("Offered when a request is closed with this reason."),
    )

    def __init__(self, *args: Any, reasons: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["reason"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", _("Any reason")), *reasons]


@seller_required
@require_http_methods(["GET", "HEAD", "POST"])
def saved_comments(request: MemberRequest) -> HttpResponse:
    """What the team keeps, and a form for one more. A viewer reads."""
    return _page(request, None)


@seller_required
@require_http_methods(["GET", "HEAD", "POST"])
def saved_comment(request: MemberRequest, pk: int) -> HttpResponse:
    """The same page with the form of one text, to change or remove it."""
    comment = find_saved_comment(request.actor, str(pk))
    if comment is None:
        raise NotFound(_("This page does not exist, or it is not yours."))
    return _page(request, comment)


@seller_required
@require_POST
def remove(request: MemberRequest, pk: int) -> HttpResponse:
    removed = remove_comment(request.actor, comment_id=pk)
    return _done(request, _("“%(name)s” is removed.") % {"name": removed.name})


@seller_required
@require_safe
def for_closing(request: CaseRequest, reference: str) -> HttpResponse:
    """The select beside the comments of a closing, for the reason that was just picked; a fragment for htmx.

    `?reader=`: the buyer's language, which the form knows.
    """
    reader = request.GET.get("reader", "")
    language = reader if reader in Language.values else Language.ENGLISH.value
    saved = offer_saved_comments(request.actor, request.GET.get("reason", ""), language)
    return render(request, "_saved_comments.html", {"saved": saved})


def _page(request: MemberRequest, comment: SavedComment | None) -> HttpResponse:
    actor, language = request.actor, get_language() or Language.ENGLISH
    reasons = {one.code: one.in_language("label", language) for one in list_closure_reasons(actor)}
    initial: dict[str, Any] = {"language": language}
    if comment is not None:
        initial = {"name": comment.name, "language": comment.language, "comments": comment.text}
        if comment.reason is not None:
            initial["reason"] = comment.reason.code
            # A reason that is no longer used stays the text's own until another is chosen.
            reasons.setdefault(comment.reason.code, comment.reason.in_language("label", language))
    form = SavedCommentForm(request.POST or None, reasons=list(reasons.items()), initial=initial)
    if form.is_valid():
        data = form.cleaned_data
        saved = form.carry_out(
            lambda: save_comment(
                actor,
                name=data["name"],
                text=data["comments"],
                language=data["language"],
                reason_code=data["reason"],
                comment_id=comment.pk if comment else None,
            )
        )
        if saved:
            return _done(request, _("“%(name)s” is saved.") % {"name": saved.name})
    context = {
        "comments": [
            (one, one.reason.in_language("label", language) if one.reason else "")
            for one in list_saved_comments(actor)
        ],
        "changed": comment,
        "may_write": actor.may_write,
        "form": form,
    }
    return render(request, "seller_comments.html", context, status=422 if form.errors else 200)


def _done(request: HttpRequest, sentence: str) -> HttpResponse:
    messages.success(request, sentence)
    return HttpResponseRedirect(reverse("seller-comments"), status=303)
