"""Filters of the list under a name: what the member sees of them, and keeping and removing one."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from ..actors import Actor
from ..decorators import MemberRequest, seller_required
from ..forms import FilterForm, ServiceForm
from ..selectors.lists import list_views
from ..services.saved_views import remove_view, save_view

NAMES = ("status", *(name for name in FilterForm.base_fields if name != "status"), "from", "to")


class ViewForm(ServiceForm):
    """The name of a view; a view that is saved twice is saved once: it needs no key."""

    key = None  # type: ignore[assignment]
    next = None  # type: ignore[assignment]
    name = forms.CharField(required=False)


@dataclass(frozen=True, slots=True)
class View:
    pk: int
    name: str
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Views:
    """The member's views; `query` is what the filters in force would be kept as, "" if they are kept already."""

    saved: list[View]
    query: str


def query_of(query: QueryDict) -> str:
    """The filters of the list in one order, without what is empty and without the place in the list."""
    return urlencode([(name, query[name]) for name in NAMES if query.get(name)])


def views_of(actor: Actor, query: QueryDict, *, has_saved: bool) -> Views:
    """`has_saved`: whether there may be any; they are read only then."""
    here = query_of(query)
    kept_ones = list_views(actor) if has_saved else []
    saved = [View(pk, name, f"?{kept}", kept == here) for pk, name, kept in kept_ones]
    is_filtered = any(query.get(name) for name in NAMES[1:])
    return Views(saved, here if is_filtered and not any(view.is_current for view in saved) else "")


@seller_required
@require_POST
def save(request: MemberRequest) -> HttpResponse:
    query = query_of(QueryDict(request.POST.get("query", "")[:2000]))
    form = ViewForm(request.POST)
    form.is_valid()
    view = form.carry_out(
        lambda: save_view(request.actor, name=form.cleaned_data.get("name", ""), query=query)
    )
    if view:
        messages.success(request, _("The view “%(name)s” is saved.") % {"name": view.name}, extra_tags="good")
    for sentences in form.errors.values():
        messages.error(request, str(sentences[0]), extra_tags="wrong")
    return _back_to(query)


@seller_required
@require_POST
def remove(request: MemberRequest, pk: int) -> HttpResponse:
    remove_view(request.actor, view_id=pk)
    messages.success(request, _("The view is removed."), extra_tags="good")
    return _back_to(query_of(QueryDict(request.POST.get("query", "")[:2000])))


def _back_to(query: str) -> HttpResponse:
    response = redirect(f"{reverse('seller-returns')}?{query}")
    response.status_code = 303
    return response
