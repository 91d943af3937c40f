"""A seller's team and settings, the person's own profile, and the way into a team by invitation."""

from typing import Any
from zoneinfo import available_timezones

from allauth.account.utils import perform_login
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import SetPasswordMixin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ..actors import MemberRole
from ..decorators import seller_required
from ..exceptions import Forbidden, NotFound
from ..forms import ServiceForm
from ..models import Invitation, ReturnAddress, Seller, User
from ..models.people import Language
from ..services import team

TOKEN_KEY = "invitation_token"  # noqa: S105 - the name of a session's entry


# --- Forms


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


class JoinForm(SetPasswordMixin, ServiceForm):
    """A new account for an invited address."""

    key = None  # type: ignore[assignment]
    next = None  # type: ignore[assignment]
    name = forms.CharField(
        label=gettext_lazy("Your name"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        max_length=200,
        strip=False,
        help_text=gettext_lazy("At least 12 characters; several words are easy to keep in mind."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        self.validate_password_for_user(User(email=self.email, name=data.get("name", "")), "password")
        return data


class SettingsForm(forms.ModelForm):
    class Meta:
        model = Seller
        fields = ("authorization", "authorization_days", "imported_messages", "instructions")
        help_texts = {
            "authorization": gettext_lazy(
                "Who authorizes new requests. It never changes what is eligible for a prepaid return."
            ),
            "authorization_days": gettext_lazy("From 1 to 30; counts only for the last choice above."),
            "imported_messages": gettext_lazy(
                "Requests from a marketplace's file: the marketplace may write to these buyers, too."
            ),
            "instructions": gettext_lazy(
                "What buyers read when a request is authorized, unless you change it."
            ),
        }
        widgets = {"instructions": forms.Textarea(attrs={"rows": 4, "maxlength": 1000})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        days = self.fields["authorization_days"]
        assert isinstance(days, forms.IntegerField)
        self.fields["authorization_days"] = forms.IntegerField(
            label=days.label, help_text=days.help_text, min_value=1, max_value=30
        )


class AddressForm(forms.ModelForm):
    country = forms.RegexField(
        "^[A-Za-z]{2}$",
        label=gettext_lazy("Country"),
        max_length=2,
        help_text=gettext_lazy("Two letters, for example US or DE."),
    )

    class Meta:
        model = ReturnAddress
        fields = ("name", "lines", "city", "region", "postal_code", "country")
        widgets = {"lines": forms.Textarea(attrs={"rows": 2, "maxlength": 300})}

    def clean_country(self) -> str:
        country: str = self.cleaned_data["country"]
        return country.upper()


class ProfileForm(forms.ModelForm):
    time_zone = forms.ChoiceField(label=gettext_lazy("Time zone"))
    undo_seconds = forms.TypedChoiceField(
        label=gettext_lazy("Time to undo a decision"),
        required=False,
        coerce=int,
        empty_value=None,
        help_text=gettext_lazy("The buyer is told when this time is over."),
    )

    class Meta:
        model = User
        fields = ("name", "language", "time_zone", "undo_seconds")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zones = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))
        choices: dict[str, Any] = {
            "time_zone": [(zone, zone.replace("_", " ")) for zone in ["UTC", *zones]],
            "undo_seconds": [
                ("", _("As the portal does it: %(seconds)d seconds") % {"seconds": settings.UNDO_SECONDS}),
                (10, _("10 seconds")),
                (60, _("1 minute")),
                (600, _("10 minutes")),
            ],
        }
        for name, of_field in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = of_field


# --- The seller's settings


@seller_required
@require_safe
def settings_page(request: HttpRequest) -> HttpResponse:
    """Team, addresses and how requests are authorized. Every member may look, an owner may change."""
    return _settings(request)


@seller_required
@require_POST
def save_settings(request: HttpRequest) -> HttpResponse:
    seller = _own_seller(request)
    form = SettingsForm(request.POST, instance=seller)
    if not form.is_valid():
        return _settings(request, settings_form=form)
    form.save()
    return _done(_("The settings are saved."), request)


@seller_required
@require_POST
def invite(request: HttpRequest) -> HttpResponse:
    form = InviteForm(request.POST)
    invitation: Invitation | None = None
    if form.is_valid():
        invitation = form.carry_out(lambda: team.invite_member(request.actor, **form.cleaned_data))
    if invitation is None:
        return _settings(request, invite_form=form)
    return _done(_("%(address)s is invited by mail.") % {"address": invitation.email}, request)


@seller_required
@require_POST
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    team.revoke_invitation(request.actor, invitation_id=pk)
    return _done(_("The invitation is taken back."), request)


@seller_required
@require_POST
def change_member(request: HttpRequest, pk: int) -> HttpResponse:
    team.change_member(request.actor, membership_id=pk, role=request.POST.get("role", ""))
    return _done(_("The role is changed."), request)


@seller_required
@require_POST
def remove_member(request: HttpRequest, pk: int) -> HttpResponse:
    team.change_member(request.actor, membership_id=pk, is_active=False)
    return _done(_("The member is removed and has no access any more."), request)


@seller_required
@require_POST
def add_address(request: HttpRequest) -> HttpResponse:
    form = AddressForm(request.POST, instance=ReturnAddress(seller=_own_seller(request)))
    if not form.is_valid():
        return _settings(request, address_form=form)
    form.save()
    return _done(_("The return address is added."), request)


@seller_required
@require_POST
def retire_address(request: HttpRequest, pk: int) -> HttpResponse:
    """Offer the address no longer; requests that were authorized with it keep their copy."""
    if not _own_seller(request).return_addresses.filter(pk=pk).update(is_active=False):
        raise NotFound(_("This page does not exist, or it is not yours."))
    return _done(_("The return address is no longer offered."), request)


def _own_seller(request: HttpRequest) -> Seller:
    """The seller whose settings the member may change."""
    if not team.may_manage(request.actor):
        raise Forbidden(_("Only an owner of the team may change this."))
    return request.seller


def _settings(request: HttpRequest, **bound: forms.BaseForm) -> HttpResponse:
    """The page, with the form that was sent (`bound`, with its errors) in the place of a fresh one."""
    seller: Seller = request.seller
    owners = list(team.list_owners(seller))
    context = {
        "may_manage": team.may_manage(request.actor),
        "members": seller.memberships.filter(is_active=True)
        .select_related("user")
        .order_by("user__name", "pk"),
        "only_owner": owners[0] if len(owners) == 1 else None,
        "roles": MemberRole.choices,
        "invitations": team.list_open_invitations(seller),
        "addresses": seller.return_addresses.filter(is_active=True).order_by("country", "name"),
        "settings_form": SettingsForm(instance=seller),
        "invite_form": InviteForm(initial={"language": get_language()}),
        "address_form": AddressForm(initial={"name": seller.name, "country": seller.country}),
        "form": next(iter(bound.values()), None),
        **bound,
    }
    return render(request, "seller_settings.html", context, status=422 if bound else 200)


def _done(sentence: str, request: HttpRequest) -> HttpResponse:
    messages.success(request, sentence)
    return _see("seller-settings")


def _see(name: str) -> HttpResponse:
    return HttpResponseRedirect(reverse(name), status=303)


# --- The person


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """What belongs to the person and holds in every team: name, language, time zone, time to undo."""
    # Another copy than the page is drawn for: a form with errors changes only this one.
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=request.user.pk or 0))
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Your settings are saved."))
        return _see("profile")
    return render(request, "account/profile.html", {"form": form}, status=422 if form.errors else 200)


# --- Invitations


@never_cache
@require_safe
def invitation_link(request: HttpRequest, token: str) -> HttpResponse:
    """The mail's link. Takes the token out of the address at once and uses nothing up."""
    team.get_open_invitation(token)
    request.session[TOKEN_KEY] = token
    return _see("invitation")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest) -> HttpResponse:
    """Join a team: with a new account, or as the person who is signed in with the invited address."""
    token = request.session.get(TOKEN_KEY, "")
    invitation = team.get_open_invitation(token)
    person = request.user if isinstance(request.user, User) else None
    has_account = User.objects.filter(email=invitation.email).exists()
    form = None if has_account else JoinForm(request.POST or None, email=invitation.email)
    if request.method == "POST":
        user = None
        if has_account or person is not None:
            user = team.accept_invitation(token=token, user=person)
        elif form is not None and form.is_valid():
            data = form.cleaned_data
            user = form.carry_out(lambda: team.accept_invitation(token=token, **data))
        if user is not None:
            del request.session[TOKEN_KEY]
            messages.success(request, _("Welcome to %(team)s.") % {"team": invitation.seller.name})
            return _see("seller-returns") if person is not None else perform_login(request, user)
    context = {
        "invitation": invitation,
        "role": MemberRole(invitation.role).label,
        "has_account": has_account,
        "is_own": person is not None and person.email == invitation.email,
        "form": form,
    }
    return render(request, "account/invitation.html", context, status=422 if form and form.errors else 200)
