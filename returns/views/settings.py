"""A seller's settings: who it is, how it authorizes, its return addresses, its team.

Every member may look, an owner may change. Each section is a form of its own, and saves what was changed in it.
"""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ..actors import MemberRole
from ..decorators import MemberRequest, seller_required
from ..exceptions import Forbidden, NotFound
from ..forms import ChangesForm, ServiceForm, country_choices, time_zone_choices
from ..models import Invitation, ReturnAddress, Seller
from ..models.people import Language
from ..selectors.seller_pages import country_name
from ..services import team
from ..text import clean_text

# --- Forms


class SellerForm(ChangesForm):
    title = gettext_lazy("About the seller")
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        choices=time_zone_choices,
        help_text=gettext_lazy("The days of the list begin and end in it, and new members start with it."),
    )

    class Meta:
        model = Seller
        fields = ("name", "language", "time_zone")
        help_texts = {
            "name": gettext_lazy("Buyers read it in messages and on their pages."),
            "language": gettext_lazy("New members are invited in it, unless you choose another."),
        }

    def clean_name(self) -> str:
        name = clean_text(self.cleaned_data["name"])
        if not name:
            raise forms.ValidationError(_("This field is required."))
        return name


class RulesForm(ChangesForm):
    title = gettext_lazy("How requests are authorized")
    authorization_days = forms.IntegerField(
        label=gettext_lazy("Within days"),
        min_value=1,
        max_value=30,
        help_text=gettext_lazy("From 1 to 30 after the delivery; counts only for the last choice above."),
    )

    class Meta:
        model = Seller
        fields = ("authorization", "authorization_days")
        help_texts = {
            "authorization": gettext_lazy(
                "Who authorizes new requests: you by hand, or the system at once. It never changes what is eligible "
                "for a prepaid return. A prepaid-eligible request that waits for you cannot be closed, and the "
                "system authorizes it when the time to answer is over."
            ),
        }


class InstructionsForm(ChangesForm):
    title = gettext_lazy("What goes with an authorization")

    class Meta:
        model = Seller
        fields = ("rma_numbers", "instructions")
        help_texts = {
            "rma_numbers": gettext_lazy(
                "Every request has a number from here, which stays. With own numbers you are asked for yours "
                "when you authorize by hand; it stands beside the other."
            ),
            "instructions": gettext_lazy(
                "What buyers read when a request is authorized, unless you change it."
            ),
        }
        widgets = {"instructions": forms.Textarea(attrs={"rows": 4, "maxlength": 1000})}

    def clean_instructions(self) -> str:
        return clean_text(self.cleaned_data["instructions"], keep_lines=True)


class ImportedForm(ChangesForm):
    title = gettext_lazy("Requests from a marketplace's file")

    class Meta:
        model = Seller
        fields = ("imported_messages",)
        help_texts = {
            "imported_messages": gettext_lazy(
                "Requests from a marketplace's file: the marketplace may write to these buyers, too."
            ),
        }


class ConcessionsForm(ChangesForm):
    title = gettext_lazy("Concessions")
    concession_percent = forms.IntegerField(
        label=gettext_lazy("Concessions up to (percent)"),
        required=False,
        min_value=0,
        max_value=1000,
        help_text=gettext_lazy(
            "Of what was paid for an item, with tax and shipping, over all concessions for it. Left empty: what the "
            "marketplace allows, which also holds where it is less. 0: none are given."
        ),
    )

    class Meta:
        model = Seller
        fields = ("concession_percent",)


SECTIONS: dict[str, type[ChangesForm]] = {
    "seller": SellerForm,
    "rules": RulesForm,
    "instructions": InstructionsForm,
    "imported": ImportedForm,
    "concessions": ConcessionsForm,
}


class AddressForm(ChangesForm):
    country = forms.ChoiceField(label=gettext_lazy("Country"), choices=country_choices)

    class Meta:
        model = ReturnAddress
        fields = ("name", "lines", "city", "region", "postal_code", "country")
        widgets = {"lines": forms.Textarea(attrs={"rows": 2, "maxlength": 300})}


class InviteForm(ServiceForm):
    """A seat in the team. An invitation that is sent twice replaces the first: it needs no key."""

    key = None  # type: ignore[assignment]
    next = None  # type: ignore[assignment]
    email = forms.EmailField(label=gettext_lazy("E-mail address"))
    role = forms.ChoiceField(
        label=gettext_lazy("Role"),
        choices=MemberRole,
        initial=MemberRole.AGENT,
        help_text=gettext_lazy(
            "Owners also change members and settings, agents decide about requests, viewers only look."
        ),
    )
    language = forms.ChoiceField(label=gettext_lazy("Language of the invitation"), choices=Language)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the settings: its form, and what it holds for who only reads."""

    key: str
    form: ChangesForm

    @property
    def lines(self) -> list[tuple[str, Any]]:
        seller = self.form.instance
        shown = {str(field.label): _shown(seller, field.name) for field in self.form}
        return [(label, value) for label, value in shown.items() if value]


def _shown(seller: Seller, name: str) -> Any:
    """A setting in words; nothing where it does not count."""
    if name == "authorization_days" and seller.authorization != Seller.Authorization.WITHIN_DAYS:
        return ""
    in_words = getattr(seller, f"get_{name}_display", None)
    return in_words() if in_words else getattr(seller, name)


# --- Pages


@seller_required
@require_safe
def page(request: MemberRequest) -> HttpResponse:
    return _page(request)


@seller_required
@require_POST
def save_section(request: MemberRequest, section: str) -> HttpResponse:
    _check_owner(request)
    if section not in SECTIONS:
        raise NotFound(_("This page does not exist, or it is not yours."))
    form = _section(request, section, request.POST).form
    if not form.is_valid():
        return _page(request, section, form)
    form.save()
    return _done(request, _("The settings are saved."))


@seller_required
@require_POST
def invite(request: MemberRequest) -> HttpResponse:
    form = InviteForm(request.POST, auto_id="invite_%s")
    invitation: Invitation | None = None
    if form.is_valid():
        invitation = form.carry_out(lambda: team.invite_member(request.actor, **form.cleaned_data))
    if invitation is None:
        return _page(request, "invite", form)
    return _done(request, _("%(address)s is invited by mail.") % {"address": invitation.email})


@seller_required
@require_POST
def revoke(request: MemberRequest, pk: int) -> HttpResponse:
    team.revoke_invitation(request.actor, invitation_id=pk)
    return _done(request, _("The invitation is taken back."))


@seller_required
@require_POST
def change_member(request: MemberRequest, pk: int) -> HttpResponse:
    team.change_member(request.actor, membership_id=pk, role=request.POST.get("role", ""))
    return _done(request, _("The role is changed."))


@seller_required
@require_POST
def remove_member(request: MemberRequest, pk: int) -> HttpResponse:
    team.change_member(request.actor, membership_id=pk, is_active=False)
    return _done(request, _("The member is removed and has no access any more."))


@seller_required
@require_POST
def add_address(request: MemberRequest) -> HttpResponse:
    _check_owner(request)
    form = AddressForm(request.POST, instance=ReturnAddress(seller=request.seller), auto_id="address_%s")
    if not form.is_valid():
        return _page(request, "address", form)
    form.save()
    return _done(request, _("The return address is added."))


@seller_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit_address(request: MemberRequest, pk: int) -> HttpResponse:
    """Change an address for requests to come; those that were authorized with it keep their copy."""
    _check_owner(request)
    address = request.seller.return_addresses.filter(pk=pk, is_active=True).first()
    if address is None:
        raise NotFound(_("This page does not exist, or it is not yours."))
    form = AddressForm(request.POST or None, instance=address)
    if request.method == "POST" and form.is_valid():
        form.save()
        return _done(request, _("The return address is saved."))
    context = {"form": form, "address_id": pk}
    return render(request, "seller_address.html", context, status=422 if form.errors else 200)


@seller_required
@require_POST
def retire_address(request: MemberRequest, pk: int) -> HttpResponse:
    """Offer the address no longer; requests that were authorized with it keep their copy."""
    _check_owner(request)
    if not request.seller.return_addresses.filter(pk=pk).update(is_active=False):
        raise NotFound(_("This page does not exist, or it is not yours."))
    return _done(request, _("The return address is no longer offered."))


def _check_owner(request: MemberRequest) -> None:
    if not team.may_manage(request.actor):
        raise Forbidden(_("Only an owner of the team may change this."))


def _section(request: MemberRequest, key: str, data: Any = None) -> Section:
    # Another copy than the page is drawn for: a form with errors changes only this one.
    instance = Seller.objects.get(pk=request.seller.pk) if data else request.seller
    return Section(key, SECTIONS[key](data, instance=instance, auto_id=f"{key}_%s"))


def _page(request: MemberRequest, sent: str = "", form: Any = None) -> HttpResponse:
    """The settings; with `form`, the one named `sent` stands there as it was sent, with its errors."""
    seller: Seller = request.seller
    owners = list(team.list_owners(seller))
    context = {
        "country": country_name(seller.country),
        "may_manage": team.may_manage(request.actor),
        "sections": [Section(key, form) if key == sent else _section(request, key) for key in SECTIONS],
        "members": seller.memberships.filter(is_active=True)
        .select_related("user")
        .order_by("user__name", "pk"),
        "only_owner": owners[0] if len(owners) == 1 else None,
        "roles": MemberRole.choices,
        "invitations": team.list_open_invitations(seller),
        "addresses": seller.return_addresses.filter(is_active=True).order_by("country", "name"),
        "invite_form": form
        if sent == "invite"
        else InviteForm(initial={"language": seller.language}, auto_id="invite_%s"),
        "address_form": form
        if sent == "address"
        else AddressForm(initial={"name": seller.name, "country": seller.country}, auto_id="address_%s"),
        "form": form,
    }
    return render(request, "seller_settings.html", context, status=422 if form else 200)


def _done(request: HttpRequest, sentence: str) -> HttpResponse:
    messages.success(request, sentence)
    return HttpResponseRedirect(reverse("seller-settings"), status=303)
