"""Every address of the portal but those of operators, messages and django-allauth."""

from django.urls import path

from .views import (
    asking,
    authorize,
    bulk,
    buyer,
    buyer_access,
    comments,
    concessions,
    costs,
    delivery,
    files,
    guides,
    offers,
    orders,
    overview,
    papers,
    payouts,
    photos,
    refunds,
    rules,
    saved_views,
    seller,
    settings,
    shop,
    site,
    split,
    team,
    teamwork,
    withdraw,
    writing,
)

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
    path("seller/settings/", settings.page, name="seller-settings"),
    path("seller/settings/invite/", settings.invite, name="seller-invite"),
    path("seller/settings/invitations/<int:pk>/revoke/", settings.revoke, name="seller-invitation-revoke"),
    path("seller/settings/members/<int:pk>/", settings.change_member, name="seller-member-change"),
    path("seller/settings/members/<int:pk>/remove/", settings.remove_member, name="seller-member-remove"),
    path("seller/settings/addresses/", settings.add_address, name="seller-address-add"),
    path("seller/settings/addresses/<int:pk>/", settings.edit_address, name="seller-address-edit"),
    path("seller/settings/addresses/<int:pk>/retire/", settings.retire_address, name="seller-address-retire"),
    path("seller/settings/comments/", comments.saved_comments, name="seller-comments"),
    path("seller/settings/comments/<int:pk>/", comments.saved_comment, name="seller-comment"),
    path("seller/settings/comments/<int:pk>/remove/", comments.remove, name="seller-comment-remove"),
    path("seller/settings/return-costs/", costs.table, name="seller-costs"),
    path("seller/settings/return-costs/weights/", costs.weights, name="seller-cost-weights"),
    path("seller/settings/return-costs/<int:pk>/remove/", costs.remove, name="seller-cost-remove"),
    path("seller/settings/<slug:section>/", settings.save_section, name="seller-settings-save"),
]

sellers_rules = [
    path("seller/rules/", rules.page, name="seller-rules"),
    path("seller/rules/returnless/", rules.add, name="seller-rules-add"),
    path("seller/rules/returnless/<int:pk>/", rules.edit, name="seller-rules-edit"),
    path("seller/rules/returnless/<int:pk>/off/", rules.switch_off, name="seller-rules-off"),
    path("seller/rules/returnless/<int:pk>/remove/", rules.remove, name="seller-rules-remove"),
    path("seller/rules/skus/", rules.skus, name="seller-rules-skus"),
    path("seller/rules/skus/set/", rules.set_sku, name="seller-rules-sku-set"),
    path("seller/rules/skus/<int:pk>/remove/", rules.remove_sku, name="seller-rules-sku-remove"),
    path("seller/rules/skus/overrides.tsv", rules.download, name="seller-rules-download"),
    path("seller/rules/skus/template.tsv", rules.template, name="seller-rules-template"),
    path("seller/rules/uploads/<int:pk>/", rules.upload, name="seller-rules-upload"),
]

files_in_and_out = [
    path("seller/imports/", files.imports, name="seller-imports"),
    path("seller/imports/<slug:run>/", files.one_import, name="seller-import"),
    path("seller/imports/<slug:run>/commit/", files.commit, name="seller-import-commit"),
    path("seller/imports/<slug:run>/discard/", files.discard, name="seller-import-discard"),
    path("seller/exports/", files.exports, name="seller-exports"),
    path("seller/exports/returns.tsv", files.export_file, name="seller-export-file"),
]

buyers_way_in = [
    path("my/", buyer_access.find, name="buyer-find"),
    path("my/code/", buyer_access.order_code, name="buyer-order-code"),
    path("my/orders/<slug:reference>/send-code/", buyer_access.send_order_code, name="buyer-order-send-code"),
    path("my/link/", buyer_access.link_open, name="buyer-link-open"),
    path("my/link/<str:token>/", buyer_access.link, name="buyer-link"),
    path("my/returns/<slug:reference>/send-code/", buyer_access.send_code, name="buyer-send-code"),
    path("my/returns/<slug:reference>/code/", buyer_access.code, name="buyer-code"),
    path("my/sign-out/", buyer_access.sign_out, name="buyer-sign-out"),
]

sellers = [
    path("seller/", overview.overview, name="seller-overview"),
    path("seller/help/", guides.guides, name="seller-help"),
    path("seller/help/<slug:slug>/", guides.guide, name="seller-guide"),
    path("seller/returns/", seller.returns, name="seller-returns"),
    path("seller/orders/", orders.orders, name="seller-orders"),
    path("seller/orders/<slug:reference>/", orders.one_order, name="seller-order"),
    path("seller/payouts/", payouts.payouts, name="seller-payouts"),
    path("seller/payouts/<slug:reference>/", payouts.payout, name="seller-payout"),
    path("seller/orders/<slug:reference>/concession/", concessions.give, name="seller-concession"),
    path(
        "seller/orders/<slug:reference>/concession/preview/",
        concessions.give_preview,
        name="seller-concession-preview",
    ),
    path("seller/views/", saved_views.save, name="seller-view-save"),
    path("seller/views/<int:pk>/remove/", saved_views.remove, name="seller-view-remove"),
    path("seller/returns/bulk/", bulk.many, name="seller-bulk"),
    path("seller/returns/bulk/<slug:bulk>/", bulk.run_page, name="seller-bulk-run"),
    path("seller/returns/bulk/<slug:bulk>/undo/", bulk.undo, name="seller-bulk-undo"),
    path("seller/returns/<slug:reference>/", seller.one_return, name="seller-return"),
    path("seller/returns/<slug:reference>/authorize/", authorize.authorize, name="seller-authorize"),
    path("seller/returns/<slug:reference>/label/", authorize.label, name="seller-label"),
    path("seller/returns/<slug:reference>/label/file/", papers.seller_label, name="seller-label-file"),
    path("seller/returns/<slug:reference>/photos/<slug:photo>/", photos.seller_photo, name="seller-photo"),
    path("seller/returns/<slug:reference>/slip/", papers.seller_slip, name="seller-slip"),
    path("seller/returns/<slug:reference>/close/", seller.close, name="seller-close"),
    path(
        "seller/returns/<slug:reference>/close/comments/", comments.for_closing, name="seller-close-comments"
    ),
    path("seller/returns/<slug:reference>/receive/", seller.receive, name="seller-receive"),
    path("seller/returns/<slug:reference>/refund/", refunds.refund, name="seller-refund"),
    path(
        "seller/returns/<slug:reference>/refund/preview/",
        refunds.refund_preview,
        name="seller-refund-preview",
    ),
    path("seller/returns/<slug:reference>/complete/", seller.complete, name="seller-complete"),
    path("seller/returns/<slug:reference>/reopen/", seller.reopen, name="seller-reopen"),
    path("seller/returns/<slug:reference>/undo/", seller.undo, name="seller-undo"),
    path("seller/returns/<slug:reference>/split/", split.split, name="seller-split"),
    path("seller/returns/<slug:reference>/offer/", offers.make, name="seller-offer"),
    path("seller/returns/<slug:reference>/offer/take-back/", offers.take_back, name="seller-offer-back"),
    path("seller/orders/<slug:reference>/withdraw/", withdraw.record, name="seller-withdraw"),
    path(
        "seller/orders/<slug:reference>/withdraw/confirm/",
        withdraw.record_confirm,
        name="seller-withdraw-confirm",
    ),
    path("seller/returns/<slug:reference>/write/", writing.write, name="seller-write"),
    path("seller/returns/<slug:reference>/assign/", teamwork.assign, name="seller-assign"),
    path("seller/returns/<slug:reference>/notes/", teamwork.add_note, name="seller-note-add"),
    path(
        "seller/returns/<slug:reference>/notes/<int:pk>/remove/",
        teamwork.remove_note,
        name="seller-note-remove",
    ),
]

shops = [
    path("payouts/confirm/", shop.confirm_payout, name="payout-confirm"),
]

buyers = [
    path("my/orders/<slug:reference>/not-arrived/", delivery.not_arrived, name="buyer-not-arrived"),
    path("my/returns/<slug:reference>/", buyer.one_return, name="buyer-return"),
    path("my/returns/<slug:reference>/close/", buyer.close, name="buyer-close"),
    path("my/returns/<slug:reference>/keep/", buyer.keep, name="buyer-keep"),
    path("my/returns/<slug:reference>/label/", papers.buyer_label, name="buyer-label"),
    path("my/returns/<slug:reference>/photos/<slug:photo>/", photos.buyer_photo, name="buyer-photo"),
    path("my/returns/<slug:reference>/slip/", papers.buyer_slip, name="buyer-slip"),
    path("my/returns/<slug:reference>/step-in/", buyer.step_in, name="buyer-step-in"),
    path("my/returns/<slug:reference>/sent/", buyer.sent, name="buyer-sent"),
    path("my/returns/<slug:reference>/reopen/", buyer.reopen, name="buyer-reopen"),
    path("my/returns/<slug:reference>/offer/", offers.see, name="buyer-offer"),
    path("my/returns/<slug:reference>/offer/accept/", offers.accept, name="buyer-offer-accept"),
    path("my/returns/<slug:reference>/offer/decline/", offers.decline, name="buyer-offer-decline"),
    path("my/returns/<slug:reference>/write/", buyer.write, name="buyer-write"),
]

asking_for_a_return = [
    path("my/orders/<slug:reference>/", asking.buyer_order, name="buyer-order"),
    path("my/orders/<slug:reference>/withdraw/", withdraw.choose, name="buyer-withdraw"),
    path("my/orders/<slug:reference>/withdraw/confirm/", withdraw.confirm, name="buyer-withdraw-confirm"),
    path("my/orders/<slug:reference>/ask/", asking.buyer_choose, name="buyer-ask"),
    path("my/orders/<slug:reference>/ask/check/", asking.buyer_check, name="buyer-ask-check"),
    path("my/orders/<slug:reference>/ask/<int:line>/", asking.buyer_describe, name="buyer-ask-item"),
    path("my/orders/<slug:reference>/ask/photos/<slug:photo>/", asking.buyer_photo, name="buyer-ask-photo"),
    path("my/returns/<slug:reference>/asked/", asking.buyer_asked, name="buyer-asked"),
    path("seller/orders/<slug:reference>/ask/", asking.seller_choose, name="seller-ask"),
    path("seller/orders/<slug:reference>/ask/check/", asking.seller_check, name="seller-ask-check"),
    path("seller/orders/<slug:reference>/ask/<int:line>/", asking.seller_describe, name="seller-ask-item"),
    path(
        "seller/orders/<slug:reference>/ask/photos/<slug:photo>/",
        asking.seller_photo,
        name="seller-ask-photo",
    ),
]

urlpatterns = [
    *everybody,
    *sellers,
    *teams,
    *sellers_rules,
    *files_in_and_out,
    *buyers_way_in,
    *buyers,
    *asking_for_a_return,
    *shops,
]
