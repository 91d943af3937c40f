"""A person's way into a team by invitation, and what the person sets for all teams."""

from typing import Any

from allauth.account.utils import perform_login
from allauth.mfa.models import Authenticator
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import SetPasswordMixin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from ..actors import MemberRole
from ..decorators import SECOND_FACTORS
from ..forms import ChangesForm, ServiceForm, time_zone_choices
from ..models import User
from ..services import team

TOKEN_KEY = "invitation_token"  # noqa: S105 - the name of a session's entry


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


class ProfileForm(ChangesForm):
    time_zone = forms.ChoiceField(label=gettext_lazy("Time zone"), choices=time_zone_choices)
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
        if settings.UNDO_SECONDS == 0:
            # Switched off for all.
            del self.fields["undo_seconds"]
            return
        field = self.fields["undo_seconds"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            ("", _("As the portal does it: %(seconds)d seconds") % {"seconds": settings.UNDO_SECONDS}),
            (10, _("10 seconds")),
            (60, _("1 minute")),
            (600, _("10 minutes")),
        ]


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """What belongs to the person and holds in every team: name, language, time zone, time to undo."""
    # Another copy than the page is drawn for: a form with errors changes only this one.
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=request.user.pk or 0))
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Your settings are saved."))
        return HttpResponseRedirect(reverse("profile"), status=303)
    factors = Authenticator.objects.filter(user=request.user, type__in=SECOND_FACTORS)
    kinds = list(factors.values_list("type", flat=True))
    context = {
        "form": form,
        "has_app": Authenticator.Type.TOTP in kinds,
        "keys": kinds.count(Authenticator.Type.WEBAUTHN),
    }
    return render(request, "account/profile.html", context, status=422 if form.errors else 200)


@never_cache
@require_safe
def invitation_link(request: HttpRequest, token: str) -> HttpResponse:
    """The mail's link. Takes the token out of the address at once and uses nothing up."""
    team.get_open_invitation(token)
    request.session[TOKEN_KEY] = token
    return HttpResponseRedirect(reverse("invitation"), status=303)


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
            if person is None:
                return perform_login(request, user)
            return HttpResponseRedirect(reverse("seller-returns"), status=303)
    context = {
        "invitation": invitation,
        "role": MemberRole(invitation.role).label,
        "has_account": has_account,
        "is_own": person is not None and person.email == invitation.email,
        "form": form,
    }
    return render(request, "account/invitation.html", context, status=422 if form and form.errors else 200)
