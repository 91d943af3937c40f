from django.urls import path

from . import views

urlpatterns = [
    path("accounts/notifications/", views.choices, name="notifications"),
    path(
        "seller/returns/<slug:reference>/close/preview/", views.closing_preview, name="seller-close-preview"
    ),
    path(
        "seller/returns/<slug:reference>/write/preview/", views.writing_preview, name="seller-write-preview"
    ),
    path("seller/returns/<slug:reference>/offer/preview/", views.offer_preview, name="seller-offer-preview"),
    path("seller/returns/<slug:reference>/evidence/", views.evidence, name="seller-evidence"),
    path("mailbox/", views.mailbox, name="mailbox"),
    path("mailbox/<int:pk>/", views.mailbox_message, name="mailbox-message"),
    path("mailbox/<int:pk>/html", views.mailbox_html, name="mailbox-html"),
]
