"""A seller's team: an owner invites, whoever reads the invited address joins."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from ..actors import Actor, MemberRole
from ..exceptions import Forbidden, Invalid, NotFound
from ..models import Invitation, Membership, Seller, User
from ..models.clock import database_now
from ..models.people import Language
from ..selectors.common import list_colleagues
from ..state_machine import Role
from .access import new_salt, read_invitation_token
from .moves import announce
from .teamwork import release

INVITATION_DAYS = 7


def may_manage(actor: Actor) -> bool:
    """Only an owner changes members and settings of a team, or an admin."""
    return actor.role == Role.ADMIN or (actor.role == Role.SELLER and actor.member_role == MemberRole.OWNER)


@contextmanager
def _managed(actor: Actor, seller_id: int | None) -> Iterator[Seller]:
    """The team's seller, locked: of two owners who remove each other at once, the second finds none left."""
    if not may_manage(actor):
        raise Forbidden(_("Only an owner of the team may change this."))
    with transaction.atomic():
        own = seller_id if actor.role == Role.ADMIN else actor.seller_id
        seller = Seller.objects.select_for_update(no_key=True).filter(pk=own or 0).first()
        if seller is None:
            raise NotFound(_("This page does not exist, or it is not yours."))
        yield seller


# --- Invitations


def invite_member(
    actor: Actor, *, email: str, role: str, language: str = Language.ENGLISH, seller_id: int | None = None
) -> Invitation:
    """Offer a seat in the team to an address, for `INVITATION_DAYS`; the mail with its link follows.

    An owner invites to the own seller, an admin to `seller_id`. An open invitation of the same address is
    revoked. `Invalid` when the address is an active member's already.
    """
    email = email.strip().lower()
    _check_role(role)
    with _managed(actor, seller_id) as seller:
        if Membership.objects.filter(seller=seller, user__email=email, is_active=True).exists():
            sentence = _("This person is a member of the team already.")
            raise Invalid(sentence, {"email": sentence})
        list_open_invitations(seller).filter(email=email).update(revoked_at=Now())
        invitation = Invitation.objects.create(
            seller=seller,
            email=email,
            role=role,
            language=language,
            salt=new_salt(),
            invited_by_id=actor.user_id,
            expires_at=database_now() + timedelta(days=INVITATION_DAYS),
        )
        announce()
    return invitation


def revoke_invitation(actor: Actor, *, invitation_id: int) -> None:
    """Take back an offered seat; nothing happens to one that was taken meanwhile."""
    with _managed(actor, _seller_of(Invitation.objects.filter(pk=invitation_id))) as seller:
        if not list_open_invitations(seller).filter(pk=invitation_id).update(revoked_at=Now()):
            raise NotFound(_("This invitation is no longer open."))


def list_open_invitations(seller: Seller) -> QuerySet[Invitation]:
    return seller.invitations.filter(
        accepted_at__isnull=True, revoked_at__isnull=True, expires_at__gt=Now()
    ).order_by("email")


def get_open_invitation(token: str) -> Invitation:
    """The invitation that `token` opens; `NotFound` when it does not, or not any more."""
    invitation = read_invitation_token(token)
    if invitation is None or not list_open_invitations(invitation.seller).filter(pk=invitation.pk).exists():
        raise NotFound(_("This invitation was used, was taken back, or is too old. Ask for a new one."))
    return invitation


def accept_invitation(*, token: str, user: User | None = None, name: str = "", password: str = "") -> User:
    """Take the offered seat, once. Answers the person, who is a member now.

    With `user`: the signed-in person, whose address must be the invited one. Without: a new account with
    `name` and `password`, its address proved by the token; `Invalid` where the address has an account, which
    an invitation alone never signs in or gives a password.
    """
    with transaction.atomic():
        invitation = get_open_invitation(token)
        Seller.objects.select_for_update(no_key=True).get(pk=invitation.seller_id)
        if not list_open_invitations(invitation.seller).filter(pk=invitation.pk).update(accepted_at=Now()):
            raise NotFound(_("This invitation was used, was taken back, or is too old. Ask for a new one."))
        if user is None:
            user = _new_account(invitation, name, password)
        elif user.email != invitation.email:
            raise Forbidden(
                _("This invitation is for another e-mail address than the one you signed in with.")
            )
        Membership.objects.update_or_create(
            user=user, seller=invitation.seller, defaults={"role": invitation.role, "is_active": True}
        )
    return user


def _new_account(invitation: Invitation, name: str, password: str) -> User:
    try:
        with transaction.atomic():
            user = User.objects.create_user(
                invitation.email,
                password,
                name=name,
                language=invitation.language,
                time_zone=invitation.seller.time_zone,
            )
            prove_address(user)
    except IntegrityError:
        raise Invalid(_("This address has an account: please sign in to join the team.")) from None
    return user


def prove_address(user: User) -> None:
    """Keep for django-allauth that the account's address is the person's own: invited, or set by an admin."""
    EmailAddress.objects.filter(user=user).exclude(email=user.email).delete()
    EmailAddress.objects.update_or_create(
        user=user, email=user.email, defaults={"verified": True, "primary": True}
    )


# --- Members


def change_member(
    actor: Actor, *, membership_id: int, role: str | None = None, is_active: bool | None = None
) -> None:
    """Give a member another role, or take the seat away (`is_active=False`) and give it back.

    It counts at once, for open sessions too, and nobody has the requests of who may no longer decide. `Invalid`
    when the team would be left without an owner.
    """
    if role is not None:
        _check_role(role)
    with _managed(actor, _seller_of(Membership.objects.filter(pk=membership_id))) as seller:
        membership = seller.memberships.filter(pk=membership_id).first()
        if membership is None:
            raise NotFound(_("This page does not exist, or it is not yours."))
        membership.role = membership.role if role is None else role
        membership.is_active = membership.is_active if is_active is None else is_active
        stays_owner = membership.is_active and membership.role == MemberRole.OWNER
        if not stays_owner and not list_owners(seller).exclude(pk=membership.pk).exists():
            raise Invalid(_("A team needs an owner: make somebody else an owner first."))
        membership.save(update_fields=["role", "is_active"])
        if not list_colleagues(seller.pk).filter(pk=membership.pk).exists():
            release(seller.pk, membership.user_id)


def _check_role(role: str) -> None:
    if role not in MemberRole.values:
        sentence = _("Please choose a role from the list.")
        raise Invalid(sentence, {"role": sentence})


def list_owners(seller: Seller) -> QuerySet[Membership]:
    return seller.memberships.filter(role=MemberRole.OWNER, is_active=True, user__is_active=True)


def _seller_of(rows: QuerySet) -> int | None:
    """The seller an admin means by naming one of its rows."""
    return rows.values_list("seller_id", flat=True).first()
