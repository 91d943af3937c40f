"""A seller's rules: what is refunded without a return, and who authorizes requests for single products.

Every member may look, an owner may change.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    QueryDict,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ..decorators import MemberRequest, seller_required
from ..exceptions import Forbidden
from ..models import OrderItem, ReturnlessRule, ReturnReason
from ..models.people import Language
from ..money import format_money, to_decimal
from ..reports.sku_overrides import AUTOMATIC, MAX_BYTES, SENTENCES, SKU_MAX, write_overrides
from ..rule_forms import RuleForm, SkuFileForm, SkuForm
from ..selectors.cases import NEVER_ARRIVED
from ..selectors.rules import (
    dry_run,
    get_returnless_rule,
    get_sku_upload,
    list_returnless_rules,
    list_sku_rules,
    list_sku_uploads,
)
from ..services import seller_rules
from ..services.imports.runs import in_active_language
from ..services.team import may_manage
from .files import UploadHandler

FAULTS_SHOWN = 200


class SkuUploadHandler(UploadHandler):
    most = MAX_BYTES


# --- Returnless rules


@seller_required
@require_safe
def page(request: MemberRequest) -> HttpResponse:
    """What happens when a request is opened, in its order, and the returnless rules."""
    labels = dict(_reason_choices())
    context = {
        "rules": [_described(rule, labels) for rule in list_returnless_rules(request.actor)],
        "may_manage": may_manage(request.actor),
    }
    return render(request, "seller_rules.html", context)


@seller_required
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: MemberRequest) -> HttpResponse:
    _check_owner(request)
    latest = OrderItem.objects.filter(seller=request.seller).exclude(currency="").order_by("-pk")
    currency = latest.values_list("currency", flat=True).first() or "USD"
    return _rule_page(request, None, {"currency": currency, "is_active": True})


@seller_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: MemberRequest, pk: int) -> HttpResponse:
    _check_owner(request)
    rule = get_returnless_rule(request.actor, pk)
    initial = {
        "name": rule.name,
        "currency": rule.currency,
        "least": to_decimal(rule.least_minor, rule.currency),
        "most": to_decimal(rule.most_minor, rule.currency),
        "categories": "\n".join(rule.categories),
        "reasons": rule.reasons,
        "is_active": rule.is_active,
    }
    return _rule_page(request, rule, initial)


def _rule_page(request: MemberRequest, rule: ReturnlessRule | None, initial: dict[str, Any]) -> HttpResponse:
    """The form of one rule. It is saved once the page has shown what exactly this rule would have done."""
    rule_id = rule.pk if rule else None
    form = RuleForm(request.POST or None, initial=initial, reasons=_reason_choices(rule))
    tried = None
    if form.is_valid():
        values = form.values()
        planned = form.carry_out(lambda: seller_rules.planned_rule(request.actor, rule_id=rule_id, **values))
        if planned:
            if form.cleaned_data["shown"] == _fingerprint(planned):
                saved = form.carry_out(
                    lambda: seller_rules.save_returnless_rule(request.actor, rule_id=rule_id, **values)
                )
                if saved:
                    return _done(request, "seller-rules", _("“%(name)s” is saved.") % {"name": saved.name})
            else:
                tried = dry_run(request.actor, planned)
                form.data = _with(request.POST, shown=_fingerprint(planned))
    context = {"form": form, "rule": rule, "tried": tried}
    return render(request, "seller_rule.html", context, status=422 if form.errors else 200)


def _fingerprint(rule: ReturnlessRule) -> str:
    """Names all that a dry run depends on, so that nothing is saved whose dry run was not shown."""
    values = [rule.currency, rule.least_minor, rule.most_minor, rule.categories, rule.reasons, rule.is_active]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:32]


def _with(data: QueryDict, **changed: str) -> QueryDict:
    copy = data.copy()
    for name, value in changed.items():
        copy[name] = value
    return copy


@seller_required
@require_POST
def switch_off(request: MemberRequest, pk: int) -> HttpResponse:
    rule = seller_rules.switch_off_rule(request.actor, rule_id=pk)
    return _done(request, "seller-rules", _("“%(name)s” is switched off.") % {"name": rule.name})


@seller_required
@require_POST
def remove(request: MemberRequest, pk: int) -> HttpResponse:
    rule = seller_rules.remove_returnless_rule(request.actor, rule_id=pk)
    return _done(request, "seller-rules", _("“%(name)s” is removed.") % {"name": rule.name})


def _described(rule: ReturnlessRule, labels: dict[str, str]) -> dict[str, Any]:
    language = get_language() or Language.ENGLISH.value
    return {
        "rule": rule,
        "least": format_money(rule.least_minor, rule.currency, language),
        "most": format_money(rule.most_minor, rule.currency, language),
        "reasons": [labels.get(code, code) for code in rule.reasons],
    }


def _reason_choices(rule: ReturnlessRule | None = None) -> list[tuple[str, str]]:
    """The buyers' reasons that a rule can name: those in use, and those that it names already."""
    language = get_language() or Language.ENGLISH.value
    named = rule.reasons if rule else []
    return [
        (reason.code, reason.in_language("label", language))
        for reason in ReturnReason.objects.exclude(code=NEVER_ARRIVED)
        if reason.is_active or reason.code in named
    ]


# --- SKU overrides


@csrf_exempt  # `_receive` is not, once it is said where the bytes of the file go
@seller_required
@require_http_methods(["GET", "HEAD", "POST"])
def skus(request: MemberRequest) -> HttpResponse:
    """The overrides, searched and paged; a file of them to upload, and one to add."""
    if request.method == "POST":
        _check_owner(request)
        request.upload_handlers = [SkuUploadHandler(request)]
        return _receive(request)
    return _sku_page(request)


@csrf_protect
def _receive(request: MemberRequest) -> HttpResponse:
    form = SkuFileForm(request.POST, request.FILES, auto_id="file_%s")
    if form.is_valid():
        upload = form.carry_out(
            lambda: seller_rules.upload_overrides(request.actor, file=form.cleaned_data["file"])
        )
        if upload:
            return HttpResponseRedirect(reverse("seller-rules-upload", args=[upload.pk]), status=303)
    return _sku_page(request, file_form=form)


@seller_required
@require_POST
def set_sku(request: MemberRequest) -> HttpResponse:
    form = SkuForm(request.POST, auto_id="sku_%s")
    if form.is_valid():
        data = form.cleaned_data
        rule = form.carry_out(
            lambda: seller_rules.set_override(
                request.actor, sku=data["sku"], is_automatic=data["action"] == AUTOMATIC
            )
        )
        if rule:
            return _done(
                request, "seller-rules-skus", _("The override for %(sku)s is saved.") % {"sku": rule.sku}
            )
    return _sku_page(request, sku_form=form)


@seller_required
@require_POST
def remove_sku(request: MemberRequest, pk: int) -> HttpResponse:
    rule = seller_rules.remove_override(request.actor, rule_id=pk)
    return _done(request, "seller-rules-skus", _("The override for %(sku)s is removed.") % {"sku": rule.sku})


def _sku_page(
    request: MemberRequest, file_form: SkuFileForm | None = None, sku_form: SkuForm | None = None
) -> HttpResponse:
    q = request.GET.get("q", "").strip()[:SKU_MAX]
    found = list_sku_rules(request.actor, q=q, after=request.GET.get("after", ""))
    sent = file_form or sku_form
    context = {
        "rules": found.rules,
        "q": q,
        "more_url": f"?{urlencode({'q': q, 'after': found.next_cursor})}" if found.next_cursor else "",
        "uploads": list_sku_uploads(request.actor),
        "may_manage": may_manage(request.actor),
        "file_form": file_form or SkuFileForm(auto_id="file_%s"),
        "sku_form": sku_form or SkuForm(auto_id="sku_%s"),
        "form": sent,
    }
    return render(request, "seller_skus.html", context, status=422 if sent else 200)


@seller_required
@require_safe
def upload(request: MemberRequest, pk: int) -> HttpResponse:
    """What came of one file."""
    found = get_sku_upload(request.actor, pk)
    context = {
        "upload": found,
        "refusal": in_active_language(found.refusal),
        "faults": [(line, code, SENTENCES[code]) for line, code in found.faults[:FAULTS_SHOWN]],
        "shown": FAULTS_SHOWN,
        "may_manage": may_manage(request.actor),
    }
    return render(request, "seller_sku_upload.html", context)


@seller_required
@require_safe
def download(request: MemberRequest) -> HttpResponseBase:
    """All overrides, as a file that can be uploaded again."""
    rules = request.seller.sku_rules.order_by("sku").values_list("sku", "is_automatic")
    return _as_file(
        write_overrides(rules.iterator(chunk_size=2000)), f"sku-overrides-{timezone.localdate()}.tsv"
    )


@seller_required
@require_safe
def template(request: MemberRequest) -> HttpResponseBase:
    """A file with the two header lines and nothing else."""
    return _as_file(write_overrides([]), "sku-overrides-template.tsv")


def _as_file(lines: Iterator[bytes], name: str) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        lines,
        content_type="text/tab-separated-values; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _check_owner(request: MemberRequest) -> None:
    if not may_manage(request.actor):
        raise Forbidden(_("Only an owner of the team may change this."))


def _done(request: HttpRequest, page: str, sentence: str) -> HttpResponse:
    messages.success(request, sentence)
    return HttpResponseRedirect(reverse(page), status=303)
