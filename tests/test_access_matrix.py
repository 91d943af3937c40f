"""Every address, for everybody of the cast, read and sent: who may what.

The table is compared with the addresses that Django resolves: an address that is not in it, and a line whose
address is gone, fail. What is sent (POST) is what the page's own form would send, so that a 303 or 200 says
that it was done, and a 403 or 404 that all else but the right was there. Everybody asks from another machine.
"""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from notifications.models import MailboxEntry
from notifications.services import relay_events
from returns import services
from returns.actors import Actor
from returns.models import (
    BulkRun,
    BuyerCode,
    FileRun,
    Invitation,
    Membership,
    Note,
    Payout,
    ReturnAddress,
    ReturnCost,
    ReturnDraft,
    ReturnEvent,
    ReturnlessRule,
    ReturnRequest,
    SavedComment,
    SavedView,
    SkuRule,
    SkuUpload,
)
from returns.models.clock import database_now
from returns.selectors.bulk import examples_of
from returns.services.access import code_for, digest, invitation_token, new_salt, token_for
from returns.services.asking import choose_items, describe_item, digest_of
from returns.services.bulk import BulkDecision, confirm_bulk, freeze_bulk
from returns.services.comments import save_comment
from returns.services.costs import add_return_cost
from returns.services.decide import Authorization
from returns.services.imports import receive_file, work_on_a_file
from returns.services.offers import Terms
from returns.services.saved_views import save_view
from returns.services.seller_rules import save_returnless_rule, upload_overrides
from returns.services.teamwork import add_note
from returns.state_machine import Role, Status
from returns.views.buyer_access import LINK_COOKIE, NONCE_COOKIE
from tests.browsers import let_in, signed_in
from tests.factories import (
    ED,
    PASSWORD,
    Cast,
    Line,
    a_request_in,
    at_once,
    closing,
    day,
    make_cast,
    make_order,
    open_request,
)
from tests.label_files import UPS, a_pdf, an_own_label
from tests.photo_files import a_photo, give_photos
from tests.returns.report_files import returns_file

pytestmark = pytest.mark.django_db

ELSEWHERE = {"REMOTE_ADDR": "198.51.100.7"}
NONCE = "n" * 32

# GET and POST of everybody, from another machine. Buyers and strangers are led to the sign-in (302) of members'
# pages; what is not one's own is not there (404); who may only look is told so (403).
PAGES = r"""
#                                                anonym   Alice    Ben      Vera     Carol    Dora     Ed       Root
healthz                                          200 405  200 405  200 405  200 405  200 405  200 405  200 405  200 405
readyz                                           404 405  404 405  404 405  404 405  404 405  404 405  404 405  404 405
metrics                                          404 405  404 405  404 405  404 405  404 405  404 405  404 405  404 405
accounts/login/                                  200 200  302 302  302 302  302 302  302 302  200 200  200 200  302 302
accounts/logout/                                 302 302  200 302  200 302  200 302  200 302  302 302  302 302  200 302
accounts/inactive/                               200 405  200 405  200 405  200 405  200 405  200 405  200 405  200 405
accounts/signup/                                 404 404  404 404  404 404  404 404  404 404  404 404  404 404  404 404
accounts/reauthenticate/                         302 302  200 200  200 200  200 200  200 200  302 302  302 302  200 200
accounts/email/                                  404 404  404 404  404 404  404 404  404 404  404 404  404 404  404 404
accounts/confirm-email/                          404 404  404 404  404 404  404 404  404 404  404 404  404 404  404 404
accounts/password/change/                        302 302  200 200  200 200  200 200  200 200  302 302  302 302  200 200
accounts/password/set/                           404 404  404 404  404 404  404 404  404 404  404 404  404 404  404 404
accounts/password/reset/                         200 200  200 200  200 200  200 200  200 200  200 200  200 200  200 200
accounts/login/code/confirm/                     404 404  404 404  404 404  404 404  404 404  404 404  404 404  404 404
accounts/^confirm-email/(?P<key>[-:\w]+)/$       404 404  404 404  404 404  404 404  404 404  404 404  404 404  404 404
accounts/password/reset/key/done/                200 405  200 405  200 405  200 405  200 405  200 405  200 405  200 405
accounts/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$ 200 200  200 200  200 200  200 200  200 200  200 200  200 200  200 200
accounts/password/reset/done/                    200 405  200 405  200 405  200 405  200 405  200 405  200 405  200 405
accounts/2fa/                                    302 302  200 405  200 405  200 405  200 405  302 302  302 302  200 405
accounts/2fa/authenticate/                       302 302  302 302  302 302  302 302  302 302  302 302  302 302  302 302
accounts/2fa/reauthenticate/                     302 302  302 302  302 302  302 302  302 302  302 302  302 302  200 200
accounts/2fa/totp/activate/                      302 302  302 302  302 302  302 302  302 302  302 302  302 302  302 302
accounts/2fa/totp/deactivate/                    302 302  404 404  404 404  404 404  404 404  302 302  302 302  302 302
accounts/2fa/recovery-codes/                     302 302  404 405  404 405  404 405  404 405  302 302  302 302  404 405
accounts/2fa/recovery-codes/generate/            302 302  302 302  302 302  302 302  302 302  302 302  302 302  302 302
accounts/2fa/recovery-codes/download/            302 302  404 404  404 404  404 404  404 404  302 302  302 302  404 404
accounts/2fa/webauthn/                           302 302  200 405  200 405  200 405  200 405  302 302  302 302  200 405
accounts/2fa/webauthn/add/                       302 302  302 302  302 302  302 302  302 302  302 302  302 302  302 302
accounts/2fa/webauthn/reauthenticate/            302 302  302 302  302 302  302 302  302 302  302 302  302 302  302 302
accounts/2fa/webauthn/keys/<int:pk>/remove/      302 302  302 302  302 302  302 302  302 302  302 302  302 302  302 302
accounts/2fa/webauthn/keys/<int:pk>/edit/        302 302  302 302  302 302  302 302  302 302  302 302  302 302  302 302
accounts/2fa/webauthn/login/                     302 302  302 302  302 302  302 302  302 302  302 302  302 302  302 302
seller/returns/<slug:reference>/close/preview/   302 302  405 200  405 200  405 403  404 404  302 302  302 302  405 200
seller/returns/<slug:reference>/write/preview/   302 302  405 200  405 200  405 403  404 404  302 302  302 302  405 200
seller/returns/<slug:reference>/offer/preview/   302 302  405 200  405 200  405 403  404 404  302 302  302 302  405 200
mailbox/                                         404 405  404 405  404 405  404 405  404 405  404 405  404 405  404 405
mailbox/<int:pk>/                                404 405  404 405  404 405  404 405  404 405  404 405  404 405  404 405
mailbox/<int:pk>/html                            404 405  404 405  404 405  404 405  404 405  404 405  404 405  404 405
(home)                                           200 405  200 405  200 405  200 405  200 405  200 405  200 405  200 405
language/                                        405 303  405 303  405 303  405 303  405 303  405 303  405 303  405 303
theme/                                           405 303  405 303  405 303  405 303  405 303  405 303  405 303  405 303
seller/choose/                                   405 404  405 303  405 303  405 303  405 404  405 404  405 404  405 404
accounts/profile/                                302 302  200 303  200 303  200 303  200 303  302 302  302 302  200 303
accounts/invitation/                             404 404  404 404  404 404  404 404  404 404  404 404  404 404  404 404
accounts/invitation/<str:token>/                 303 405  303 405  303 405  303 405  303 405  303 405  303 405  303 405
seller/                                          302 302  200 405  200 405  200 403  200 405  302 302  302 302  404 404
seller/help/                                     302 302  200 405  200 405  200 405  200 405  302 302  302 302  200 405
seller/help/<slug:slug>/                         302 302  200 405  200 405  200 405  200 405  302 302  302 302  200 405
seller/returns/                                  302 302  200 405  200 405  200 403  200 405  302 302  302 302  404 404
seller/orders/                                   302 302  200 405  200 405  200 403  200 405  302 302  302 302  404 404
seller/orders/<slug:reference>/                  302 302  200 405  200 405  200 403  404 404  302 302  302 302  200 405
seller/payouts/                                  302 302  200 405  200 405  200 403  200 405  302 302  302 302  404 404
seller/payouts/<slug:reference>/                 302 302  200 303  200 303  200 403  404 404  302 302  302 302  200 303
payouts/confirm/                                 405 401  405 401  405 401  405 401  405 401  405 401  405 401  405 401
seller/orders/<slug:reference>/concession/       302 302  200 303  200 303  200 403  404 404  302 302  302 302  200 303
seller/orders/<slug:reference>/concession/preview/ 302 302  405 200  405 200  405 403  404 404  302 302  302 302  405 200
seller/views/                                    302 302  405 303  405 303  405 403  405 303  302 302  302 302  404 404
seller/views/<int:pk>/remove/                    302 302  405 303  405 404  405 403  405 404  302 302  302 302  404 404
seller/returns/bulk/                             302 302  200 303  200 303  200 403  200 404  302 302  302 302  404 404
seller/returns/bulk/<slug:bulk>/                 302 302  200 303  200 403  200 403  404 404  302 302  302 302  404 404
seller/returns/bulk/<slug:bulk>/undo/            302 302  405 303  405 403  405 403  404 404  302 302  302 302  404 404
seller/returns/<slug:reference>/                 302 302  200 405  200 405  200 403  404 404  302 302  302 302  200 405
seller/returns/<slug:reference>/authorize/       302 302  200 303  200 303  200 403  404 404  302 302  302 302  200 303
seller/returns/<slug:reference>/label/           302 302  200 303  200 303  200 403  404 404  302 302  302 302  200 303
seller/returns/<slug:reference>/label/file/      302 302  200 405  200 405  200 403  404 404  302 302  302 302  200 405
seller/returns/<slug:reference>/photos/<slug:photo>/ 302 302  200 405  200 405  200 403  404 404  302 302  302 302  200 405
seller/returns/<slug:reference>/slip/            302 302  200 405  200 405  200 403  404 404  302 302  302 302  200 405
seller/returns/<slug:reference>/evidence/       302 302  200 405  200 405  200 403  404 404  302 302  302 302  200 405
seller/returns/<slug:reference>/close/           302 302  200 303  200 303  200 403  404 404  302 302  302 302  200 303
seller/returns/<slug:reference>/close/comments/  302 302  200 405  200 405  200 403  404 404  302 302  302 302  200 405
seller/returns/<slug:reference>/receive/         302 302  200 303  200 303  200 403  404 404  302 302  302 302  200 303
seller/returns/<slug:reference>/refund/          302 302  200 303  200 303  200 403  404 404  302 302  302 302  200 303
seller/returns/<slug:reference>/refund/preview/  302 302  405 200  405 200  405 403  404 404  302 302  302 302  405 200
seller/returns/<slug:reference>/complete/        302 302  200 303  200 303  200 403  404 404  302 302  302 302  200 303
seller/returns/<slug:reference>/reopen/          302 302  200 303  200 303  200 403  404 404  302 302  302 302  200 303
seller/returns/<slug:reference>/undo/            302 302  200 303  409 409  409 403  404 404  302 302  302 302  409 409
seller/returns/<slug:reference>/split/           302 302  200 303  200 303  200 403  404 404  302 302  302 302  200 303
seller/returns/<slug:reference>/offer/           302 302  200 303  200 303  200 403  404 404  302 302  302 302  200 303
seller/returns/<slug:reference>/offer/take-back/ 302 302  200 303  200 303  200 403  404 404  302 302  302 302  200 303
seller/returns/<slug:reference>/write/           302 302  200 303  200 303  200 403  404 404  302 302  302 302  200 303
seller/returns/<slug:reference>/assign/          302 302  200 303  200 303  200 403  404 404  302 302  302 302  404 404
seller/returns/<slug:reference>/notes/           302 302  405 303  405 303  405 403  404 404  302 302  302 302  405 404
seller/returns/<slug:reference>/notes/<int:pk>/remove/ 302 302  405 303  405 403  405 403  404 404  302 302  302 302  405 404
seller/settings/                                 302 302  200 405  200 405  200 403  200 405  302 302  302 302  404 404
accounts/notifications/                          302 302  200 303  200 303  200 404  200 404  302 302  302 302  200 404
seller/settings/<slug:section>/                  302 302  405 303  405 403  405 403  405 303  302 302  302 302  404 404
seller/settings/invite/                          302 302  405 303  405 403  405 403  405 303  302 302  302 302  404 404
seller/settings/invitations/<int:pk>/revoke/     302 302  405 303  405 403  405 403  405 404  302 302  302 302  404 404
seller/settings/members/<int:pk>/                302 302  405 303  405 403  405 403  405 404  302 302  302 302  404 404
seller/settings/members/<int:pk>/remove/         302 302  405 303  405 403  405 403  405 404  302 302  302 302  404 404
seller/settings/addresses/                       302 302  405 303  405 403  405 403  405 303  302 302  302 302  404 404
seller/settings/addresses/<int:pk>/              302 302  200 303  403 403  403 403  404 404  302 302  302 302  404 404
seller/settings/addresses/<int:pk>/retire/       302 302  405 303  405 403  405 403  405 404  302 302  302 302  404 404
seller/settings/return-costs/                    302 302  200 303  200 403  200 403  200 303  302 302  302 302  404 404
seller/settings/return-costs/weights/            302 302  405 303  405 403  405 403  405 303  302 302  302 302  404 404
seller/settings/return-costs/<int:pk>/remove/    302 302  405 303  405 403  405 403  405 404  302 302  302 302  404 404
seller/settings/comments/                        302 302  200 303  200 303  200 403  200 303  302 302  302 302  404 404
seller/settings/comments/<int:pk>/               302 302  200 303  200 303  200 403  404 404  302 302  302 302  404 404
seller/settings/comments/<int:pk>/remove/        302 302  405 303  405 303  405 403  405 404  302 302  302 302  404 404
seller/rules/                                    302 302  200 405  200 405  200 403  200 405  302 302  302 302  404 404
seller/rules/returnless/                         302 302  200 200  403 403  403 403  200 200  302 302  302 302  404 404
seller/rules/returnless/<int:pk>/                302 302  200 200  403 403  403 403  404 404  302 302  302 302  404 404
seller/rules/returnless/<int:pk>/off/            302 302  405 303  405 403  405 403  405 404  302 302  302 302  404 404
seller/rules/returnless/<int:pk>/remove/         302 302  405 303  405 403  405 403  405 404  302 302  302 302  404 404
seller/rules/skus/                               302 302  200 303  200 403  200 403  200 303  302 302  302 302  404 404
seller/rules/skus/set/                           302 302  405 303  405 403  405 403  405 303  302 302  302 302  404 404
seller/rules/skus/<int:pk>/remove/               302 302  405 303  405 403  405 403  405 404  302 302  302 302  404 404
seller/rules/skus/overrides.tsv                  302 302  200 405  200 405  200 403  200 405  302 302  302 302  404 404
seller/rules/skus/template.tsv                   302 302  200 405  200 405  200 403  200 405  302 302  302 302  404 404
seller/rules/uploads/<int:pk>/                   302 302  200 405  200 405  200 403  404 405  302 302  302 302  404 404
seller/imports/                                  302 302  200 303  200 303  200 403  200 303  302 302  302 302  404 404
seller/imports/<slug:run>/                       302 302  200 405  200 405  200 403  404 405  302 302  302 302  404 404
seller/imports/<slug:run>/commit/                302 302  405 303  405 303  405 403  405 404  302 302  302 302  404 404
seller/imports/<slug:run>/discard/               302 302  405 303  405 303  405 403  405 404  302 302  302 302  404 404
seller/exports/                                  302 302  200 405  200 405  200 403  200 405  302 302  302 302  404 404
seller/exports/returns.tsv                       302 302  200 405  200 405  200 403  200 405  302 302  302 302  404 404
my/                                              200 303  200 303  200 303  200 303  200 303  200 303  200 303  200 303
my/code/                                         200 422  200 422  200 422  200 422  200 422  200 422  200 422  200 422
my/orders/<slug:reference>/                      200 303  200 303  200 303  200 303  200 303  200 405  404 404  200 303
my/orders/<slug:reference>/send-code/            303 303  303 303  303 303  303 303  303 303  303 303  303 303  303 303
my/orders/<slug:reference>/not-arrived/          200 303  200 303  200 303  200 303  200 303  200 303  404 404  200 303
my/link/                                         200 422  200 422  200 422  200 422  200 422  200 303  200 422  200 422
my/link/<str:token>/                             303 405  303 405  303 405  303 405  303 405  303 405  303 405  303 405
my/returns/<slug:reference>/send-code/           303 303  303 303  303 303  303 303  303 303  303 303  303 303  303 303
my/returns/<slug:reference>/code/                200 422  200 422  200 422  200 422  200 422  200 303  200 422  200 422
my/sign-out/                                     405 303  405 303  405 303  405 303  405 303  405 303  405 303  405 303
my/returns/<slug:reference>/                     200 303  200 303  200 303  200 303  200 303  200 405  404 404  200 303
my/returns/<slug:reference>/close/               200 303  200 303  200 303  200 303  200 303  200 303  404 404  200 303
my/returns/<slug:reference>/keep/                200 303  200 303  200 303  200 303  200 303  200 303  404 404  200 303
my/returns/<slug:reference>/label/               200 303  200 303  200 303  200 303  200 303  200 405  404 404  200 303
my/returns/<slug:reference>/photos/<slug:photo>/ 200 303  200 303  200 303  200 303  200 303  200 405  404 404  200 303
my/returns/<slug:reference>/slip/                200 303  200 303  200 303  200 303  200 303  200 405  404 404  200 303
my/returns/<slug:reference>/step-in/             200 303  200 303  200 303  200 303  200 303  200 303  404 404  200 303
my/orders/<slug:reference>/                      200 303  200 303  200 303  200 303  200 303  200 405  404 404  200 303
my/orders/<slug:reference>/withdraw/             200 303  200 303  200 303  200 303  200 303  200 200  404 404  200 303
my/orders/<slug:reference>/withdraw/confirm/     200 303  200 303  200 303  200 303  200 303  303 422  404 404  200 303
my/orders/<slug:reference>/ask/                  200 303  200 303  200 303  200 303  200 303  200 303  404 404  200 303
my/orders/<slug:reference>/ask/check/            200 303  200 303  200 303  200 303  200 303  200 303  404 404  200 303
my/orders/<slug:reference>/ask/<int:line>/       200 303  200 303  200 303  200 303  200 303  200 303  404 404  200 303
my/orders/<slug:reference>/ask/photos/<slug:photo>/ 200 303  200 303  200 303  200 303  200 303  200 405  404 404  200 303
my/returns/<slug:reference>/asked/               200 303  200 303  200 303  200 303  200 303  200 405  404 404  200 303
seller/orders/<slug:reference>/withdraw/         302 302  200 422  200 422  403 403  404 404  302 302  302 302  200 422
seller/orders/<slug:reference>/withdraw/confirm/ 302 302  303 422  303 422  403 403  404 404  302 302  302 302  303 422
seller/orders/<slug:reference>/ask/              302 302  200 303  200 303  403 403  404 404  302 302  302 302  200 303
seller/orders/<slug:reference>/ask/check/        302 302  200 303  303 303  403 403  404 404  302 302  302 302  303 303
seller/orders/<slug:reference>/ask/<int:line>/   302 302  200 303  303 303  403 403  404 404  302 302  302 302  303 303
seller/orders/<slug:reference>/ask/photos/<slug:photo>/ 302 302  200 405  404 405  404 403  404 404  302 302  302 302  404 405
my/returns/<slug:reference>/sent/                200 303  200 303  200 303  200 303  200 303  200 303  404 404  200 303
my/returns/<slug:reference>/reopen/              200 303  200 303  200 303  200 303  200 303  200 303  404 404  200 303
my/returns/<slug:reference>/offer/               200 303  200 303  200 303  200 303  200 303  200 405  404 404  200 303
my/returns/<slug:reference>/offer/accept/        200 303  200 303  200 303  200 303  200 303  200 303  404 404  200 303
my/returns/<slug:reference>/offer/decline/       200 303  200 303  200 303  200 303  200 303  200 303  404 404  200 303
my/returns/<slug:reference>/write/               200 303  200 303  200 303  200 303  200 303  200 303  404 404  200 303
"""  # noqa: E501

# Only for Root, with a second factor: to everybody else the whole admin site is not there.
ADMIN = r"""
admin/                                           200 200
admin/login/                                     302 302
admin/logout/                                    302 302
admin/password_change/                           302 302
admin/password_change/done/                      200 405
admin/autocomplete/                              403 405
admin/jsi18n/                                    200 405
admin/r/<path:content_type_id>/<path:object_id>/ 404 404
admin/returns/returnrequest/uphold/              200 422
admin/returns/returnrequest/<path:object_id>/reassess/ 200 422
admin/^(?P<app_label>returns|notifications)/$    200 200
admin/(?P<url>.*)$                               404 404
"""
ADMIN_OF_MODELS = """
#                              list     add      change   delete   history  <id>
returns/marketplacesettings    302 302  403 403  200 200  403 403  200 200  302 302
returns/user                   200 200  200 200  200 200  403 403  200 200  302 302
returns/seller                 200 200  200 200  200 200  403 403  200 200  302 302
returns/membership             200 200  200 200  200 200  403 403  200 200  302 302
returns/invitation             200 200  200 200  200 403  403 403  200 200  302 302
returns/returnaddress          200 200  200 200  200 200  403 403  200 200  302 302
returns/closurereason          200 200  200 200  200 200  403 403  200 200  302 302
returns/returnreason           200 200  200 200  200 200  403 403  200 200  302 302
returns/order                  200 200  403 403  200 403  403 403  200 200  302 302
returns/returnrequest          200 200  403 403  200 403  403 403  200 200  302 302
returns/returnevent            200 200  403 403  200 403  403 403  200 200  302 302
returns/refund                 200 200  403 403  200 403  403 403  200 200  302 302
returns/payout                 200 200  403 403  200 403  403 403  200 200  302 302
notifications/message          200 200  403 403  200 403  403 403  200 200  302 302
"""
ADMIN_PAGES = ("", "add/", *(f"<path:object_id>/{page}" for page in ("change/", "delete/", "history/", "")))
PEOPLE = ("anonymous", "alice", "ben", "vera", "carol", "dora", "ed", "root")


@dataclass(frozen=True)
class World:
    """What the addresses lead to. All of North Lane's; Dora bought everything but Ed's order."""

    cast: Cast
    requests: dict[str, ReturnRequest]
    of_ed: ReturnRequest
    code: BuyerCode
    invitation: Invitation
    mail: MailboxEntry
    view: SavedView
    file: FileRun
    preview: BulkRun
    started: BulkRun
    note: Note

    def request_for(self, route: str) -> ReturnRequest:
        """A request in the state in which the page of `route` has something to do."""
        if "/orders/" in route and not route.endswith("/not-arrived/"):
            return self.requests["asking"]
        page = route.rstrip("/").rpartition("/")[2]
        return self.requests.get(f"{route.partition('/')[0]} {page}", self.requests["open"])

    def reference_for(self, route: str) -> str:
        """What stands in the address of the page: the request's, or its order's reference."""
        if "/payouts/" in route:
            return Payout.objects.order_by("pk")[0].reference
        request = self.request_for(route)
        return request.order.reference if "/orders/" in route else request.reference

    def draft_for(self, route: str) -> ReturnDraft:
        """What is filled in at the pages of `route`: by Dora, or by Alice."""
        return ReturnDraft.objects.get(user__isnull=route.startswith("my/"))


@pytest.fixture
def world(db: None) -> World:
    cast = make_cast()
    cast.alice.undo_seconds = 600
    cast.alice.save()
    alice, seller = cast.actor(cast.alice), cast.north_lane
    authorized, closed = a_request_in(cast, Status.AUTHORIZED), a_request_in(cast, Status.CLOSED)
    held = open_request(make_order(seller, country="CA"))
    services.close_return(alice, reference=held.reference, closing=closing())
    escalated = a_request_in(cast, Status.CLOSED)
    opened = open_request(make_order(seller, country="CA"))
    labelled, owing = (open_request(make_order(seller, country="CA")) for _label in range(2))
    for one, decision in (
        (labelled, Authorization(label=an_own_label())),
        (owing, Authorization(promises_label=True)),
    ):
        services.authorize_return(at_once(alice), reference=one.reference, decision=decision)
    asking = open_request(make_order(seller, Line(quantity=2), country="CA"), quantity=1)
    line = asking.order.items.get()
    for who in (alice, Actor.buyer(asking.order)):
        at = {"order_reference": asking.order.reference}
        choose_items(who, **at, quantities={line.pk: 1})
        describe_item(who, **at, line=line, reason_code="CR-UNWANTED_ITEM", comment="", uploads=[a_photo()])
    requests = {
        "open": opened,
        "asking": asking,
        "seller label": owing,
        "seller file": labelled,
        "seller slip": labelled,
        "my label": labelled,
        "my slip": labelled,
        "seller receive": authorized,
        "seller refund": a_request_in(cast, Status.REFUND_DUE),
        "seller complete": a_request_in(cast, Status.REFUND_DUE),
        "seller reopen": closed,
        "seller undo": held,
        "seller split": open_request(make_order(seller, Line(quantity=2), country="CA")),
        "admin reassess": opened,
        "my keep": a_request_in(cast, Status.AUTHORIZED, prepaid=True),
        "my step-in": escalated,
        "my not-arrived": open_request(make_order(seller, Line(quantity=2), country="CA"), quantity=1),
        "my sent": authorized,
        "my reopen": a_request_in(cast, Status.CLOSED, closed_by=Role.BUYER),
    }
    for name in ("seller take-back", "my offer", "my accept", "my decline"):
        requests[name] = open_request(make_order(seller, country="CA"))
        terms = Terms(kind="keep_full", comments="Please keep it.")
        services.make_offer(alice, reference=requests[name].reference, terms=terms)
    partly = requests["seller complete"]
    services.record_refund(
        alice,
        reference=partly.reference,
        amounts={(partly.items.get().pk, "item"): 100},
        refunded_date=day(0),
    )
    invitation = Invitation.objects.create(
        seller=seller,
        email="nina@north-lane.example",
        role="agent",
        salt=new_salt(),
        expires_at=database_now() + timedelta(days=1),
    )
    code = BuyerCode.objects.create(
        order=opened.order,
        return_reference=opened.reference,
        salt=new_salt(),
        browser_digest=digest(NONCE),
        expires_at=database_now() + timedelta(minutes=10),
    )
    mail = MailboxEntry.objects.create(
        message_id="<one@localhost>",
        subject="One",
        recipients="dora@buyers.example",
        content=b"Subject: One\n\nText",
    )
    of_ed = open_request(make_order(seller, buyer=ED, country="CA"))
    give_photos(opened, [a_photo()])
    save_comment(alice, name="Sorry", text="We are sorry.", language="en")
    many = [open_request(make_order(seller, country="CA")).reference]
    preview = freeze_bulk(alice, action="close", references=many)
    started = freeze_bulk(alice, action="authorize", references=many)
    confirm_bulk(alice, run=started, examples=examples_of(started, None), decision=BulkDecision(), key="k")
    note = add_note(alice, reference=opened.reference, text="Call her first.", key="n")
    add_return_cost(alice, zone="domestic", up_to_grams=2000, amount_minor=500, currency="USD")
    save_returnless_rule(alice, name="Small", currency="USD", least_minor=0, most_minor=100)
    upload_overrides(alice, file=some_overrides())
    relay_events()
    view = save_view(alice, name="Late", query="overdue=on")
    file = a_checked_file(cast)
    return World(cast, requests, of_ed, code, invitation, mail, view, file, preview, started, note)


def some_overrides() -> SimpleUploadedFile:
    return SimpleUploadedFile("skus.tsv", b"TemplateType=T\nSKU\tAction\nCABLE-1\tMANUAL\n")


def a_checked_file(cast: Cast) -> FileRun:
    content = returns_file({}).getvalue()
    run = receive_file(cast.actor(cast.alice), file=SimpleUploadedFile("r.tsv", content))
    assert work_on_a_file()
    return run


def routes(resolver: URLResolver | None = None, before: str = "") -> Iterator[str]:
    for entry in (resolver or get_resolver()).url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield route
        else:
            yield from routes(entry, route)


def path_of(route: str, world: World) -> str:
    """The address of `route` with something in it that exists."""
    model = re.match(r"admin/(returns|notifications)/(\w+)/", route)
    member = Membership.objects.get(user=world.cast.ben)
    own = {
        "members": member,
        "invitations": world.invitation,
        "addresses": ReturnAddress.objects.first(),
        "comments": SavedComment.objects.first(),
        "return-costs": ReturnCost.objects.first(),
        "returnless": ReturnlessRule.objects.first(),
        "skus": SkuRule.objects.first(),
        "uploads": SkuUpload.objects.first(),
        "<int:pk>": world.view,
        "<slug:reference>": world.note,
    }
    values = {
        "reference": world.reference_for(route),
        "line": world.requests["asking"].items.get().order_item_id,
        "photo": photos_for(route, world).get().reference,
        "section": "rules",
        "run": world.file.reference,
        "bulk": (world.started if route.endswith("/undo/") else world.preview).reference,
        "token": token_for(world.code) if route.startswith("my/") else invitation_token(world.invitation),
        "pk": own.get(route.split("/")[2], world.mail).pk if route.count("/") > 2 else world.mail.pk,
        "object_id": _row_of(route, model, world),
        "content_type_id": ContentType.objects.get_for_model(ReturnRequest).pk,
        "app_label": "returns",
        "slug": "prepaid-returns",
        "url": "nothing/here/",
        "uidb36": "1",
        "key": "some-key",
    }
    plain = re.sub(r"\(\?P<(\w+)>.*?\)(?=[-/$])", r"<\1>", route.replace("^", "").replace("$", "") + "$")
    plain = re.sub(r"\(\?P<(\w+)>[^/]*\)", r"<\1>", plain).replace("$", "")
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(values[found[1]]), plain)


def _row_of(route: str, model: re.Match[str] | None, world: World) -> int:
    if route.endswith("/reassess/"):
        return world.request_for(route).pk
    return apps.get_model(model[1], model[2]).objects.first().pk if model else 1


def photos_for(route: str, world: World) -> Any:
    return world.draft_for(route).photos if "/orders/" in route else world.requests["open"].photos


def body_for(route: str, world: World) -> dict[str, Any]:
    """What the page's form sends."""
    request = world.request_for(route)
    item, line = request.items.get().pk, request.items.get().order_item_id
    draft, offer = world.draft_for(route), request.offers.first()
    answered = {"offer": offer.pk if offer else 0}
    long = "We talked about it on the phone and found a way."
    page = route.rstrip("/").rpartition("/")[2]
    address = {
        "name": "N",
        "lines": "1 Dock Street",
        "city": "Reno",
        "postal_code": "1",
        "country": "US",
    }
    rule = {"name": "N", "currency": "USD", "most": "5"}
    bodies: dict[str, dict[str, object]] = {
        "seller close": {"reason": "other", "comments": long},
        "seller preview": {"reason": "other", "comments": long},
        **{
            f"{side} {page}": said
            for side in ("my", "seller")
            for page, said in {
                "ask": {f"quantity_{line}": 1},
                "check": {"key": draft.reference, "seen": digest_of(draft)},
                "<int:line>": {"reason": "CR-UNWANTED_ITEM"},
            }.items()
        },
        "seller label": {"label_file": a_pdf(), "carrier": "UPS", "tracking_number": UPS},
        "seller receive": {f"units_{item}": 1, f"condition_{item}": "unopened"},
        "seller refund": {f"amount_{item}_item": "1.00", "refunded_on": day(0)},
        "seller concession": {"line": line, "part": "goodwill", "amount": "1.00"},
        "seller concession preview": {"line": line, "part": "goodwill", "amount": "1.00"},
        "seller return-costs": {
            "zone": "domestic",
            "up_to_grams": 9000,
            "amount": "9.00",
            "currency": "USD",
        },
        "seller weights": {"weights": "KETTLE-1, 1850"},
        "seller complete": {"outcome": "partially_refunded", "comments": long},
        "seller bulk": {"action": "close", "reference": request.reference},
        "seller <slug:bulk>": {"reason": "other", "comments_en": long},
        "seller split": {f"units_{item}": 1},
        "seller assign": {"assignee": world.cast.ben.pk},
        "seller <slug:reference>": {"act": "paid", "paid_on": day(0)},
        "seller notes": {"text": "Call her first."},
        "seller choose": {"slug": "north-lane"},
        "seller <slug:section>": {"authorization": "by_hand", "authorization_days": 30},
        "accounts notifications": {"seller": "north-lane", "kinds": ["return_opened"]},
        "seller invite": {"email": "olga@north-lane.example", "role": "agent", "language": "en"},
        "seller <int:pk>": {"role": "viewer", "language": "en", "comments": long, **address, **rule},
        "seller returnless": rule,
        "seller skus": {"file": some_overrides()},
        "seller set": {"sku": "CABLE-1", "action": "MANUAL"},
        "seller comments": {"name": "Thank you", "language": "en", "comments": long},
        "seller addresses": address,
        "seller imports": {"file": SimpleUploadedFile("r.tsv", returns_file({}).getvalue())},
        " my": {"order_number": request.order.order_number, "email": request.order.buyer.email},
        "my not-arrived": {f"units_{request.items.get().order_item_id}": 1},
        "my close": {"reason": "buyer_by_mistake"},
        "my write": {"comments": long},
        "seller write": {"comments": long},
        "seller offer": {"kind": "keep_full", "days": 5, "comments": long},
        "seller take-back": answered,
        "my accept": answered,
        "my decline": answered,
        "my code": {"code": code_for(world.code)},
        "accounts profile": {"name": "N", "language": "en", "time_zone": "UTC"},
        "accounts invitation": {"name": "Nina Noon", "password": PASSWORD},
        " language": {"language": "en"},
        " theme": {"theme": "dark"},
    }
    place = f"{route.partition('/')[0]} {page}" if "/" in route.rstrip("/") else f" {page}"
    return {"key": "k", **bodies.get(place, {})}


def browser_of(name: str, world: World, route: str) -> Client:
    """The browser in which `name` comes to the page of `route`."""
    if name == "anonymous":
        return Client(**ELSEWHERE)
    if name in ("dora", "ed"):
        client = let_in(world.request_for(route).order if name == "dora" else world.of_ed.order, **ELSEWHERE)
        if name == "dora":
            client.cookies[NONCE_COOKIE] = NONCE
            client.cookies[LINK_COOKIE] = token_for(world.code)
        return client
    return signed_in(getattr(world.cast, name), with_second_factor=name == "root", **ELSEWHERE)


def answers(name: str, world: World, route: str) -> str:
    """The statuses of GET and POST, each as if the other had not happened."""
    statuses = []
    for data in (None, body_for(route, world)):
        with transaction.atomic():
            client = browser_of(name, world, route)
            address = path_of(route, world)
            response = client.get(address) if data is None else client.post(address, data)
            statuses.append(response.status_code)
            transaction.set_rollback(True)
    return " ".join(map(str, statuses))


def lines(table: str) -> Iterator[tuple[str, list[str]]]:
    """The first word of each line and the pairs of statuses that follow it."""
    for line in table.strip().splitlines():
        if not line.startswith("#"):
            route, statuses = re.fullmatch(r"(\S+)((?: +\d{3} \d{3})+)", line).groups()
            yield route.replace("(home)", ""), re.findall(r"\d{3} \d{3}", statuses)


def expected() -> dict[str, dict[str, str]]:
    """What the tables say, by route and person."""
    said = {route: dict(zip(PEOPLE, cells, strict=True)) for route, cells in lines(PAGES)}
    for_root = {route: cell for route, (cell,) in lines(ADMIN)} | {
        f"admin/{model}/{page}": cell
        for model, cells in lines(ADMIN_OF_MODELS)
        for page, cell in zip(ADMIN_PAGES, cells, strict=True)
    }
    for route, cell in for_root.items():
        said[route] = dict.fromkeys(PEOPLE, "404 404") | {"root": cell}
    return said


def test_every_address_is_in_the_table_and_every_line_has_an_address() -> None:
    assert sorted(routes()) == sorted(expected())


@pytest.mark.parametrize("name", PEOPLE)
def test_everybody_may_what_the_table_says(name: str, world: World) -> None:
    said = {route: cells[name] for route, cells in expected().items()}
    assert {route: answers(name, world, route) for route in said} == said


def test_an_admin_without_a_second_factor_is_led_to_set_one_up(world: World) -> None:
    client = signed_in(world.cast.root, **ELSEWHERE)
    for route in ("admin/", "admin/returns/returnrequest/", "seller/returns/<slug:reference>/close/"):
        for ask in (client.get, client.post):
            response = ask(path_of(route, world), {})
            assert (response.status_code, response["Location"]) == (302, "/accounts/2fa/")


def seller_routes() -> list[str]:
    return [route for route in routes() if route.startswith("seller/") and "<slug:reference>" in route]


def without_tokens(response: HttpResponse, address: str) -> str:
    """A page without the token against forged requests and without its own address."""
    return re.sub(r'value="\w{64}"', "", response.content.decode()).replace(address, "")


@pytest.mark.parametrize("route", seller_routes())
def test_a_foreign_request_is_answered_like_one_that_does_not_exist(route: str, world: World) -> None:
    client = signed_in(world.cast.carol)
    foreign = path_of(route, world)
    absent = foreign.replace(world.reference_for(route), str(uuid.uuid4()))
    for method in ("get", "post"):
        pages = [getattr(client, method)(address, {"key": "k"}) for address in (foreign, absent)]
        if pages[0].status_code != 405:
            assert [page.status_code for page in pages] == [404, 404]
        assert without_tokens(pages[0], foreign) == without_tokens(pages[1], absent)


def test_a_buyer_finds_a_foreign_request_answered_like_one_that_does_not_exist(world: World) -> None:
    client = let_in(world.of_ed.order)
    for page in ("", "close/", "keep/", "step-in/", "sent/", "reopen/", "write/", "offer/", "offer/accept/"):
        foreign, absent = (
            f"/my/returns/{reference}/{page}"
            for reference in (world.requests["open"].reference, str(uuid.uuid4()))
        )
        for method in ("get", "post"):
            pages = [getattr(client, method)(address, {"key": "k"}) for address in (foreign, absent)]
            assert [one.status_code for one in pages] == [404, 404]
            words = [
                without_tokens(one, address.removesuffix(page))
                for one, address in zip(pages, (foreign, absent), strict=True)
            ]
            assert words[0] == words[1]


def test_a_viewer_is_told_in_a_sentence_and_nothing_happens(world: World) -> None:
    client, before = signed_in(world.cast.vera), ReturnEvent.objects.count()
    for route in seller_routes():
        response = client.post(path_of(route, world), body_for(route, world))
        assert response.status_code == 403
        assert "You may look at everything here, but not decide." in response.content.decode()
    assert ReturnEvent.objects.count() == before


def test_a_viewer_sees_every_decision_and_no_button_that_would_be_refused(world: World) -> None:
    vera, alice, seen = signed_in(world.cast.vera), signed_in(world.cast.alice), []
    for route in seller_routes():
        page = vera.get(path_of(route, world))
        if page.streaming or page.status_code != 200 or b'id="decision"' not in page.content:
            continue
        seen.append(route)
        decision = page.content.decode().partition('id="decision"')[2].partition("</section>")[0]
        assert "<button" not in decision, route
        assert "You may look at everything here, but not decide." in decision, route
        assert "<button" in alice.get(path_of(route, world)).content.decode().partition('id="decision"')[2]
    assert len(seen) >= 13, seen


def test_nobody_but_the_request_s_own_side_leaves_a_trace(world: World) -> None:
    requests = list(ReturnRequest.objects.order_by("pk").values())
    events = ReturnEvent.objects.count()
    for name in ("anonymous", "vera", "carol", "ed"):
        for route in routes():
            if "<slug:reference>" in route:
                browser_of(name, world, route).post(path_of(route, world), body_for(route, world))
    assert list(ReturnRequest.objects.order_by("pk").values()) == requests
    assert ReturnEvent.objects.count() == events
