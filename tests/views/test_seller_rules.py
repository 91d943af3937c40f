"""A seller's rules through HTTP: returnless rules with their dry run, SKU overrides one by one and by file."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from notifications.services import deliver_messages, relay_events
from returns.exceptions import Forbidden
from returns.models import Refund, ReturnlessRule, ReturnRequest, Seller, SkuRule, SkuUpload
from returns.models.clock import database_now
from returns.reports import sku_overrides
from returns.services.seller_rules import save_returnless_rule, set_override, upload_overrides
from returns.state_machine import Status
from returns.views.rules import SkuUploadHandler
from tests.browsers import let_in
from tests.factories import Cast, Line, by_hand, file_request, make_order, open_request
from tests.returns.report_files import sample

pytestmark = pytest.mark.django_db

Browser = Callable[..., Client]
RULES, RETURNLESS, SKUS = "/seller/rules/", "/seller/rules/returnless/", "/seller/rules/skus/"
SMALL = {
    "name": "Small things",
    "currency": "usd",
    "least": "",
    "most": "20.00",
    "categories": "Electronics\n\nKitchen",
    "reasons": ["CR-UNWANTED_ITEM"],
    "is_active": "on",
}
CABLE = Line(sku="CABLE-1", title="Cable", category="Electronics", item=1299, tax=104, shipping=499)
HEAD = "TemplateType=ReturnRequestAuthorization\tVersion=2017.0101\nSKU\tAction\n"


def text_of(response: HttpResponse) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", response.content.decode()))).strip()


def saved(cast: Cast, **different: Any) -> ReturnlessRule:
    values = {"name": "Small things", "currency": "USD", "least_minor": 0, "most_minor": 2000, **different}
    return save_returnless_rule(cast.actor(cast.alice), **values)


# Returnless rules


def test_a_rule_is_saved_once_its_dry_run_was_shown(browser: Browser, cast: Cast) -> None:
    with by_hand(cast.north_lane):
        for lines in ([CABLE], [CABLE], [Line()], [CABLE, Line()]):
            open_request(make_order(cast.north_lane, *lines, country="CA"))
        file_request(make_order(cast.north_lane, CABLE), Status.AUTHORIZED)
        open_request(make_order(cast.south_pier, CABLE, country="CA"))
    client = browser(cast.alice)
    tried = client.post(RETURNLESS, SMALL)
    assert tried.status_code == 200
    assert "Of the last 5 requests 2 would have been refunded at once, $28.06 in all." in text_of(tried)
    assert not ReturnlessRule.objects.exists()
    shown = tried.context["form"]["shown"].value()

    # Another rule than the one that was tried is not saved: its own dry run comes first.
    other = client.post(RETURNLESS, {**SMALL, "most": "500", "shown": shown})
    assert "Of the last 5 requests 2 would" in text_of(other)
    assert not ReturnlessRule.objects.exists()

    response = client.post(RETURNLESS, {**SMALL, "shown": shown}, follow=True)
    assert response.redirect_chain == [(RULES, 303)]
    rule = ReturnlessRule.objects.get()
    assert (rule.seller, rule.currency, rule.least_minor, rule.most_minor, rule.categories, rule.reasons) == (
        cast.north_lane,
        "USD",
        0,
        2000,
        ["Electronics", "Kitchen"],
        ["CR-UNWANTED_ITEM"],
    )
    page = text_of(response)
    assert "Small things Active" in page
    assert "$0.00 to $20.00" in page
    assert "No longer needed or wanted" in page
    # Nothing of what was there is touched; what is opened from now on is.
    assert not Refund.objects.exists()
    assert open_request(make_order(cast.north_lane, CABLE)).outcome == "refunded_without_return"


def test_a_dry_run_leaves_out_what_is_by_hand(browser: Browser, cast: Cast) -> None:
    with by_hand(cast.north_lane):
        open_request(make_order(cast.north_lane, CABLE, country="CA"))
    set_override(cast.actor(cast.alice), sku="CABLE-1", is_automatic=False)
    page = text_of(browser(cast.alice).post(RETURNLESS, SMALL))
    assert "Of the last 1 request 0 would have been refunded at once, $0.00 in all." in page


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "\u202e"}, "Give the rule a name of at most 60 characters."),
        ({"name": "Taken"}, "There is a rule of this name. Choose another name."),
        ({"currency": "XQQ"}, "Enter the three letters of a currency, for example USD or EUR."),
        ({"most": ""}, "This field is required."),
        ({"most": "0"}, "Enter an amount above zero."),
        ({"most": "1.005"}, "Enter an amount with at most the usual decimals of its currency."),
        ({"least": "30"}, "The highest price must not be below the lowest."),
        ({"least": "-1"}, "Ensure this value is greater than or equal to 0."),
        ({"categories": "\n".join(map(str, range(101)))}, "Enter at most 100 categories"),
        ({"reasons": ["NEVER_ARRIVED"]}, "Select a valid choice."),
        ({"reasons": ["NO_SUCH"]}, "Select a valid choice."),
    ],
)
def test_a_wrong_rule_is_shown_again_with_what_was_typed(
    browser: Browser, cast: Cast, wrong: dict[str, Any], said: str
) -> None:
    saved(cast, name="Taken")
    response = browser(cast.alice).post(RETURNLESS, {**SMALL, **wrong})
    assert response.status_code == 422
    assert said in text_of(response)
    assert "Kitchen" in response.content.decode() or "categories" in wrong
    assert ReturnlessRule.objects.count() == 1


def test_a_rule_is_changed_switched_off_on_again_and_removed(browser: Browser, cast: Cast) -> None:
    rule, client = saved(cast), browser(cast.alice)
    place = f"{RETURNLESS}{rule.pk}/"
    form = client.get(place).context["form"]
    assert (form["most"].value(), form["is_active"].value()) == (20, True)
    client.post(f"{place}off/")
    rule.refresh_from_db()
    assert not rule.is_active
    assert "Switched off" in text_of(client.get(RULES))
    changed = {**SMALL, "most": "15"}
    shown = client.post(place, changed).context["form"]["shown"].value()
    assert client.post(place, {**changed, "shown": shown}).status_code == 303
    rule.refresh_from_db()
    assert (rule.most_minor, rule.is_active) == (1500, True)
    client.post(f"{place}remove/")
    assert not ReturnlessRule.objects.exists()


def test_there_are_not_more_than_fifty_rules(browser: Browser, cast: Cast) -> None:
    for number in range(50):
        saved(cast, name=f"Rule {number}")
    client = browser(cast.alice)
    shown = client.post(RETURNLESS, SMALL).context["form"]["shown"].value()
    response = client.post(RETURNLESS, {**SMALL, "shown": shown})
    assert response.status_code == 422
    assert "Your team has 50 rules, the most there can be. Remove one first." in text_of(response)
    assert ReturnlessRule.objects.count() == 50


def test_another_sellers_rule_is_not_there(browser: Browser, cast: Cast) -> None:
    rule, carol = saved(cast), browser(cast.carol)
    place = f"{RETURNLESS}{rule.pk}/"
    assert [carol.get(place).status_code, carol.post(place, SMALL).status_code] == [404, 404]
    assert [carol.post(f"{place}{what}/").status_code for what in ("off", "remove")] == [404, 404]
    assert "Small things" not in text_of(carol.get(RULES))
    assert ReturnlessRule.objects.filter(is_active=True).count() == 1


# Who may


@pytest.mark.parametrize("who", ["ben", "vera"])
def test_only_an_owner_changes_rules_and_overrides(browser: Browser, cast: Cast, who: str) -> None:
    rule = saved(cast)
    sku = set_override(cast.actor(cast.alice), sku="CABLE-1", is_automatic=True)
    client = browser(getattr(cast, who))
    assert "An owner of the team can change them." in text_of(client.get(RULES))
    assert client.get(SKUS).status_code == 200
    assert "Upload" not in text_of(client.get(SKUS))
    sent: list[tuple[str, dict[str, Any]]] = [
        (RETURNLESS, SMALL),
        (f"{RETURNLESS}{rule.pk}/", SMALL),
        (f"{RETURNLESS}{rule.pk}/off/", {}),
        (f"{RETURNLESS}{rule.pk}/remove/", {}),
        (SKUS, {"file": a_file("A\tMANUAL\n")}),
        (f"{SKUS}set/", {"sku": "A", "action": "MANUAL"}),
        (f"{SKUS}{sku.pk}/remove/", {}),
    ]
    assert [client.post(place, data).status_code for place, data in sent] == [403] * len(sent)
    assert [client.get(place).status_code for place in (RETURNLESS, f"{RETURNLESS}{rule.pk}/")] == [403, 403]
    rule.refresh_from_db()
    assert rule.is_active
    assert SkuRule.objects.get() == sku
    assert not SkuUpload.objects.exists()


def test_services_themselves_refuse_who_is_no_owner(cast: Cast) -> None:
    ben = cast.actor(cast.ben)
    for act in (
        lambda: save_returnless_rule(ben, name="A", currency="USD", least_minor=0, most_minor=1),
        lambda: set_override(ben, sku="A", is_automatic=True),
        lambda: upload_overrides(ben, file=a_file("A\tMANUAL\n")),
    ):
        with pytest.raises(Forbidden):
            act()


# SKU overrides: one by one


def test_one_override_is_added_changed_searched_and_removed(browser: Browser, cast: Cast) -> None:
    client = browser(cast.alice)
    for action in ("MANUAL", "AUTOMATIC"):
        response = client.post(f"{SKUS}set/", {"sku": " CABLE-1 ", "action": action}, follow=True)
        assert "The override for CABLE-1 is saved." in text_of(response)
    rule = SkuRule.objects.get()
    assert (rule.seller, rule.sku, rule.is_automatic) == (cast.north_lane, "CABLE-1", True)
    assert "CABLE-1 Automatically" in text_of(client.get(SKUS, {"q": "able"}))
    assert "No SKU fits this search." in text_of(client.get(SKUS, {"q": "kettle"}))
    client.post(f"{SKUS}{rule.pk}/remove/")
    assert "There is no override yet: your setting holds for every product." in text_of(client.get(SKUS))


@pytest.mark.parametrize("sku", ["", " \u200b", "x" * 41])
def test_a_wrong_sku_is_told(browser: Browser, cast: Cast, sku: str) -> None:
    response = browser(cast.alice).post(f"{SKUS}set/", {"sku": sku, "action": "MANUAL"})
    assert response.status_code == 422
    assert not SkuRule.objects.exists()


def test_overrides_are_read_page_by_page(browser: Browser, cast: Cast) -> None:
    skus = [f"SKU-{number:03}" for number in range(120)]
    SkuRule.objects.bulk_create(SkuRule(seller=cast.north_lane, sku=sku, is_automatic=True) for sku in skus)
    client, url, seen = browser(cast.alice), "", []
    while True:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            response = client.get(f"{SKUS}{url}")
        assert len(queries) <= 12
        seen += [rule.sku for rule in response.context["rules"]]
        url = response.context["more_url"]
        if not url:
            break
    assert seen == skus


# SKU overrides: by file


def a_file(rows: str, head: str = HEAD, name: str = "skus.tsv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, (head + rows).encode())


def sent(browser: Browser, cast: Cast, file: SimpleUploadedFile) -> HttpResponse:
    return browser(cast.alice).post(SKUS, {"file": file}, follow=True)


def overrides() -> dict[str, bool]:
    return dict(SkuRule.objects.values_list("sku", "is_automatic"))


def test_a_file_adds_changes_and_removes_and_says_so(browser: Browser, cast: Cast) -> None:
    for sku in ("MUG-SET-4", "SHIRT-LIN-M", "RUG-160x230"):
        set_override(cast.actor(cast.alice), sku=sku, is_automatic=False)
    SkuRule.objects.create(seller=cast.south_pier, sku="MUG-SET-4", is_automatic=True)
    content = sample("sku_overrides.tsv").getvalue()
    response = sent(browser, cast, SimpleUploadedFile("skus.tsv", content))
    assert "new 1 · changed 1 · removed 1 · unchanged 1 · refused 0" in text_of(response)
    ours = dict(cast.north_lane.sku_rules.values_list("sku", "is_automatic"))
    assert ours == {"KETTLE-17-SS": False, "SHIRT-LIN-M": True, "RUG-160x230": False}
    assert cast.south_pier.sku_rules.get().is_automatic
    again = sent(browser, cast, SimpleUploadedFile("skus.tsv", content))
    assert "new 0 · changed 0 · removed 0 · unchanged 4 · refused 0" in text_of(again)


def test_what_is_downloaded_is_read_as_it_was(browser: Browser, cast: Cast) -> None:
    kept = {"=A1": True, "-B": False, "'C": True, "Ω 1": False}
    for sku, is_automatic in kept.items():
        set_override(cast.actor(cast.alice), sku=sku, is_automatic=is_automatic)
    client = browser(cast.vera)
    response = client.get(f"{SKUS}overrides.tsv")
    content = b"".join(response.streaming_content)
    assert b"\n'=A1\tAUTOMATIC\n" in content
    assert "attachment" in response["Content-Disposition"]
    SkuRule.objects.all().delete()
    sent(browser, cast, SimpleUploadedFile("skus.tsv", content))
    assert overrides() == kept
    template = b"".join(client.get(f"{SKUS}template.tsv").streaming_content)
    assert template.decode() == HEAD


def test_spreadsheets_ways_of_writing_are_read(browser: Browser, cast: Cast) -> None:
    head = "\ufeff" + HEAD.replace("SKU\tAction", "action\tsku\t").replace("\n", "\r\n")
    sent(browser, cast, a_file("manual\tA\r\n\r\nAutomatic \tB \t\t\r\nMANUAL\tB\r\n\r\n", head))
    assert overrides() == {"A": False, "B": False}


ROWS = {
    41004: ("\tMANUAL", "The SKU is missing. Put it in the column SKU."),
    41006: ("x" * 41 + "\tMANUAL", "The SKU is longer than 40 characters. Check it."),
    41009: (
        "A\tMANUAL\tB",
        "This line must have exactly two cells, SKU and action, with a tab between them.",
    ),
    41010: ("A\tMANUEL", "The action must be AUTOMATIC, MANUAL or DELETE."),
}


@pytest.mark.parametrize("code", ROWS)
def test_a_refused_row_is_named_and_stops_no_other(browser: Browser, cast: Cast, code: int) -> None:
    row, sentence = ROWS[code]
    response = sent(browser, cast, a_file(f"GOOD\tMANUAL\n{row}\nBETTER\tAUTOMATIC\n{'x' * 40}\tMANUAL\n"))
    page = text_of(response)
    assert f"Line 4: {code} {sentence}" in page
    assert "new 3 · changed 0 · removed 0 · unchanged 0 · refused 1" in page
    assert overrides() == {"GOOD": False, "BETTER": True, "x" * 40: False}


def test_a_row_of_one_cell_is_refused(browser: Browser, cast: Cast) -> None:
    assert "Line 3: 41009" in text_of(sent(browser, cast, a_file("A\n")))


FILES = {
    "nothing": (41003, "", "This file has no rows."),
    "blanks": (41003, "\ufeff\r\n  \r\n", "This file has no rows."),
    "only a header": (41003, HEAD + "\n", "This file has no rows."),
    "no template line": (41008, "SKU\tAction\nA\tMANUAL\n", "The header is not the template's"),
    "other columns": (41008, "T\nSKU\tPrice\nA\t1\n", "The header is not the template's"),
    "one line": (41008, "SKU", "The header is not the template's"),
}


@pytest.mark.parametrize("what", FILES)
def test_a_file_that_cannot_be_read_changes_nothing(browser: Browser, cast: Cast, what: str) -> None:
    set_override(cast.actor(cast.alice), sku="A", is_automatic=True)
    code, content, sentence = FILES[what]
    page = text_of(sent(browser, cast, a_file(content, head="")))
    assert f"{code} {sentence}" in page
    assert "Nothing was changed" in page
    assert overrides() == {"A": True}


def test_no_text_is_told_apart(browser: Browser, cast: Cast) -> None:
    page = text_of(sent(browser, cast, SimpleUploadedFile("a.xlsx", b"PK\x03\x04" + b"\0" * 100)))
    assert "This is a workbook or an archive, not a text file." in page
    assert SkuUpload.objects.get().code is None


def test_a_file_of_too_many_rows_changes_nothing(
    browser: Browser, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sku_overrides, "MAX_ROWS", 3)
    rows = "".join(f"SKU-{number}\tMANUAL\n" for number in range(4))
    assert "41002 This file has more than 50000 rows." in text_of(sent(browser, cast, a_file(rows)))
    assert not overrides()
    sent(browser, cast, a_file(rows.rpartition("SKU-")[0]))
    assert len(overrides()) == 3


def test_a_file_that_is_too_big_is_neither_kept_whole_nor_read(
    browser: Browser, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sku_overrides, "MAX_BYTES", 100_000)
    monkeypatch.setattr(SkuUploadHandler, "most", 100_000)
    written: list[int] = []
    usual = TemporaryFileUploadHandler.receive_data_chunk

    def count(self: Any, raw_data: bytes, start: int) -> None:
        written.append(len(raw_data))
        usual(self, raw_data, start)

    monkeypatch.setattr(TemporaryFileUploadHandler, "receive_data_chunk", count)
    page = text_of(sent(browser, cast, a_file("A\tMANUAL\n" * 100_000)))
    assert "41001 This file is larger than 60 MB." in page
    assert 0 < sum(written) < 200_000
    assert not overrides()


def test_each_sentence_is_there_in_both_languages(browser: Browser, cast: Cast) -> None:
    sent(browser, cast, a_file("A\tMANUEL\n"))
    sent(browser, cast, a_file("A\tMANUAL\n", "SKU\tAction\n"))
    refused, unread = SkuUpload.objects.order_by("pk")
    client = browser(cast.alice)
    client.post("/language/", {"language": "zh-hans"})
    assert "第 3 行：41010 操作必须是 AUTOMATIC、MANUAL 或 DELETE。" in text_of(
        client.get(f"/seller/rules/uploads/{refused.pk}/")
    )
    assert "41008 标题行与模板不符" in text_of(client.get(f"/seller/rules/uploads/{unread.pk}/"))


def test_twenty_files_in_24_hours_are_the_most(browser: Browser, cast: Cast) -> None:
    for number in range(20):
        upload_overrides(cast.actor(cast.alice), file=a_file(f"SKU-{number}\tMANUAL\n"))
    response = sent(browser, cast, a_file("LAST\tMANUAL\n"))
    assert response.status_code == 422
    assert "41007 20 files were uploaded within 24 hours, the most there can be." in text_of(response)
    assert len(overrides()) == SkuUpload.objects.count() == 20
    upload_overrides(cast.actor(cast.carol), file=a_file("LAST\tMANUAL\n"))
    oldest = SkuUpload.objects.order_by("pk")[0]
    SkuUpload.objects.filter(pk=oldest.pk).update(uploaded_at=database_now() - timedelta(hours=24, minutes=1))
    assert sent(browser, cast, a_file("LAST\tMANUAL\n")).status_code == 200


def test_another_sellers_uploads_and_overrides_are_not_there(browser: Browser, cast: Cast) -> None:
    upload = upload_overrides(cast.actor(cast.alice), file=a_file("A\tMANUAL\n"))
    carol = browser(cast.carol)
    assert carol.get(f"/seller/rules/uploads/{upload.pk}/").status_code == 404
    assert carol.post(f"{SKUS}{SkuRule.objects.get().pk}/remove/").status_code == 404
    assert b"MANUAL" not in b"".join(carol.get(f"{SKUS}overrides.tsv").streaming_content)
    assert overrides() == {"A": False}


# What a rule has decided, told to both sides


def test_the_sellers_page_and_timeline_name_the_rule(browser: Browser, cast: Cast) -> None:
    Seller.objects.update(authorization=Seller.Authorization.IN_POLICY)
    authorized = open_request(make_order(cast.north_lane, country="CA"))
    saved(cast)
    refunded = open_request(make_order(cast.north_lane, CABLE, country="CA"))
    client = browser(cast.alice)
    for request, rule in (
        (authorized, "Authorized automatically: all in policy"),
        (refunded, "Refunded by your rule “Small things”"),
    ):
        page = text_of(client.get(f"/seller/returns/{request.reference}/"))
        assert page.count(rule) == 2, "once beside the status, once in the timeline"


def test_the_buyer_reads_and_is_mailed_what_the_rule_did_but_not_its_name(
    cast: Cast, mailoutbox: list[Any]
) -> None:
    Seller.objects.update(authorization=Seller.Authorization.IN_POLICY)
    authorized = open_request(make_order(cast.north_lane, country="CA"))
    saved(cast)
    refunded = open_request(make_order(cast.north_lane, CABLE, country="CA"))
    page = text_of(let_in(authorized.order).get(f"/my/returns/{authorized.reference}/"))
    assert "Your return was authorized automatically" in page
    page = text_of(let_in(refunded.order).get(f"/my/returns/{refunded.reference}/"))
    assert "You get a refund You keep the item: there is nothing to send back." in page
    assert "A refund of $14.03 is on its way to you. We write to you once it is paid." in page
    assert "You get a refund and keep the item" in page
    assert "Small things" not in page
    relay_events()
    deliver_messages()
    (mail,) = [one for one in mailoutbox if "completed" in one.subject]
    assert mail.to == ["dora@buyers.example"]
    body = mail.message().get_body(("plain",)).get_content()
    assert "North Lane refunds you $14.03 for Cable" in body
    assert "You keep the item: there is nothing to send back." in body
    assert "Your refund is on its way. We write to you once it is paid." in body
    assert "Small things" not in body
    assert ReturnRequest.objects.filter(status=Status.COMPLETED).count() == 1


def test_each_page_makes_few_queries_whatever_its_rows(browser: Browser, cast: Cast) -> None:
    for number in range(20):
        saved(cast, name=f"Rule {number}", least_minor=number)
        open_request(make_order(cast.north_lane, country="CA"))
    SkuRule.objects.bulk_create(
        SkuRule(seller=cast.north_lane, sku=f"SKU-{number}", is_automatic=True) for number in range(60)
    )
    upload = upload_overrides(cast.actor(cast.alice), file=a_file("\tMANUAL\n" * 300))
    client = browser(cast.alice)
    pages = (RULES, RETURNLESS, f"{RETURNLESS}{ReturnlessRule.objects.all()[0].pk}/", SKUS)
    counts = {}
    for place in (*pages, f"/seller/rules/uploads/{upload.pk}/"):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(place).status_code == 200
        counts[place] = len(queries)
    with CaptureQueriesContext(connection) as queries:
        client.post(RETURNLESS, SMALL)
    counts["dry run"] = len(queries)
    assert max(counts.values()) <= 12, counts
