"""Every address of the portal but those of operators, messages and django-allauth."""

from django.urls import path

from .views import buyer, buyer_access, seller, site, team, teamwork

everybody = [
    path("", site.home, name="home"),
    path("language/", site.set_language, name="set-language"),
    path("theme/", site.set_theme, name="set-theme"),
    path("seller/choose/", site.set_seller, name="set-seller"),
    path("accounts/profile/", team.profile, name="profile"),
    path("accounts/invitation/", team.invitation, name="invitation"),
    path("accounts/invitation/<str:token>/", team.invitation_link, name="invitation-link"),
]

teams = [
    path("seller/settings/", team.settings_page, name="seller-settings"),
    path("seller/settings/rules/", team.save_settings, name="seller-settings-save"),
    path("seller/settings/invite/", team.invite, name="seller-invite"),
    path("seller/settings/invitations/<int:pk>/revoke/", team.revoke, name="seller-invitation-revoke"),
    path("seller/settings/members/<int:pk>/", team.change_member, name="seller-member-change"),
    path("seller/settings/members/<int:pk>/remove/", team.remove_member, name="seller-member-remove"),
    path("seller/settings/addresses/", team.add_address, name="seller-address-add"),
    path("seller/settings/addresses/<int:pk>/retire/", team.retire_address, name="seller-address-retire"),
]

buyers_way_in = [
    path("my/link/", buyer_access.link_open, name="buyer-link-open"),
    path("my/link/<str:token>/", buyer_access.link, name="buyer-link"),
    path("my/returns/<slug:reference>/send-code/", buyer_access.send_code, name="buyer-send-code"),
    path("my/returns/<slug:reference>/code/", buyer_access.code, name="buyer-code"),
    path("my/sign-out/", buyer_access.sign_out, name="buyer-sign-out"),
]

sellers = [
    path("seller/returns/", seller.returns, name="seller-returns"),
    path("seller/returns/<slug:reference>/", seller.one_return, name="seller-return"),
    path("seller/returns/<slug:reference>/authorize/", seller.authorize, name="seller-authorize"),
    path("seller/returns/<slug:reference>/close/", seller.close, name="seller-close"),
    path("seller/returns/<slug:reference>/receive/", seller.receive, name="seller-receive"),
    path("seller/returns/<slug:reference>/refund/", seller.refund, name="seller-refund"),
    path("seller/returns/<slug:reference>/complete/", seller.complete, name="seller-complete"),
    path("seller/returns/<slug:reference>/reopen/", seller.reopen, name="seller-reopen"),
    path("seller/returns/<slug:reference>/undo/", seller.undo, name="seller-undo"),
    path("seller/returns/<slug:reference>/assign/", teamwork.assign, name="seller-assign"),
    path("seller/returns/<slug:reference>/notes/", teamwork.add_note, name="seller-note-add"),
    path(
        "seller/returns/<slug:reference>/notes/<int:pk>/remove/",
        teamwork.remove_note,
        name="seller-note-remove",
    ),
]

buyers = [
    path("my/returns/<slug:reference>/", buyer.one_return, name="buyer-return"),
    path("my/returns/<slug:reference>/close/", buyer.close, name="buyer-close"),
    path("my/returns/<slug:reference>/keep/", buyer.keep, name="buyer-keep"),
    path("my/returns/<slug:reference>/step-in/", buyer.step_in, name="buyer-step-in"),
]

urlpatterns = [*everybody, *sellers, *teams, *buyers_way_in, *buyers]
