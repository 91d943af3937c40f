"""Sellers, their teams, and the admins themselves."""

from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..actors import Actor
from ..models import Invitation, Membership, ReturnAddress, Seller, User
from ..services import team
from .base import DeskAdmin, link_to
from .site import site


class ZoneForm(forms.ModelForm):
    time_zone = forms.ChoiceField(label=gettext_lazy("Time zone"), initial="UTC")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["time_zone"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(zone, zone) for zone in sorted(available_timezones())]


class UserForm(ZoneForm):
    """`editor` is the admin who edits: nobody locks the own door from the outside."""

    editor: User

    class Meta:
        model = User
        fields = ("email", "name", "language", "time_zone", "is_active", "is_staff")
        help_texts = {
            "is_staff": gettext_lazy("May open these pages; needs a second factor."),
            "is_active": gettext_lazy("Taken away, open sessions end at once."),
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if self.instance == self.editor and not (data.get("is_active") and data.get("is_staff")):
            raise forms.ValidationError(_("You cannot take away your own access. Ask another admin."))
        return data


@admin.register(User, site=site)
class UserAdmin(DeskAdmin):
    form = UserForm
    list_display = ("email", "name", "language", "is_active", "is_staff")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name")
    ordering = ("email",)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **options)
        form.editor = request.user
        return form

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """A new person has no password yet, and sets one by *Forgotten your password?*."""
        if not change:
            obj.set_unusable_password()
            messages.info(request, _("This person sets a password by “Forgotten your password?”."))
        super().save_model(request, obj, form, change)
        team.prove_address(obj)


@admin.register(Seller, site=site)
class SellerAdmin(DeskAdmin):
    form = ZoneForm
    list_display = ("name", "slug", "country", "language", "authorization", "imported_messages")
    search_fields = ("name", "slug")
    ordering = ("name",)
    fields = (
        "slug",
        "name",
        "country",
        "language",
        "time_zone",
        "authorization",
        "authorization_days",
        "rma_numbers",
        "imported_messages",
        "instructions",
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Seller | None = None) -> tuple[str, ...]:
        """Scripts name sellers by their short name."""
        return ("slug",) if obj else ()


@admin.register(Membership, site=site)
class MembershipAdmin(DeskAdmin):
    list_display = ("__str__", "seller_link", "role", "is_active")
    list_filter = ("role", "is_active")
    person = link_to("user", gettext_lazy("person"))
    seller_link = link_to("seller", gettext_lazy("seller"))
    list_select_related = ("user", "seller")
    raw_id_fields = ("user", "seller")
    search_fields = ("user__email", "seller__name")
    ordering = ("seller__name", "user__email")
    readonly_fields = ("person", "seller_link")

    def get_fields(self, request: HttpRequest, obj: Membership | None = None) -> tuple[str, ...]:
        return (*(("person", "seller_link") if obj else ("user", "seller")), "role", "is_active")

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        if not change:
            super().save_model(request, obj, form, change)
            return
        team.change_member(
            Actor.admin(request.user), membership_id=obj.pk, role=obj.role, is_active=obj.is_active
        )


@admin.register(Invitation, site=site)
class InvitationAdmin(DeskAdmin):
    """The first owner of a new seller comes in by an invitation from here."""

    list_display = ("email", "seller_link", "role", "made", "open_until", "taken", "taken_back")
    readonly_fields = ("seller_link", "made", "open_until", "taken", "taken_back")
    seller_link = link_to("seller", gettext_lazy("seller"))
    list_select_related = ("seller",)
    raw_id_fields = ("seller",)
    search_fields = ("email", "seller__name")
    ordering = ("-pk",)
    actions = ("take_back",)

    def get_fields(self, request: HttpRequest, obj: Invitation | None = None) -> tuple[str, ...]:
        offered = ("email", "role", "language")
        times = ("made", "open_until", "taken", "taken_back")
        return ("seller_link", *offered, *times) if obj else ("seller", *offered)

    @admin.display(description=gettext_lazy("made"))
    def made(self, invitation: Invitation) -> datetime:
        return invitation.created_at

    @admin.display(description=gettext_lazy("open until"))
    def open_until(self, invitation: Invitation) -> datetime:
        return invitation.expires_at

    @admin.display(description=gettext_lazy("accepted"))
    def taken(self, invitation: Invitation) -> datetime | None:
        return invitation.accepted_at

    @admin.display(description=gettext_lazy("taken back"))
    def taken_back(self, invitation: Invitation) -> datetime | None:
        return invitation.revoked_at

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Invitation, form: Any, change: bool) -> None:
        made = team.invite_member(
            Actor.admin(request.user),
            email=obj.email,
            role=obj.role,
            language=obj.language,
            seller_id=obj.seller_id,
        )
        obj.pk = made.pk

    @admin.action(description=gettext_lazy("Take the invitation back"))
    def take_back(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        for invitation in queryset:
            team.revoke_invitation(Actor.admin(request.user), invitation_id=invitation.pk)
        messages.success(request, _("The invitations are taken back."))


@admin.register(ReturnAddress, site=site)
class ReturnAddressAdmin(DeskAdmin):
    list_display = ("name", "seller_link", "city", "country", "is_active")
    seller_link = link_to("seller", gettext_lazy("seller"))
    list_filter = ("is_active",)
    list_select_related = ("seller",)
    raw_id_fields = ("seller",)
    search_fields = ("name", "seller__name")
    ordering = ("seller__name", "country")
