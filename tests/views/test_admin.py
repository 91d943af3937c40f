"""The administration: its door, the words it edits, the history it reads, and what it may not do."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.admin import ModelAdmin
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from returns import admin, services
from returns.actors import Actor
from returns.admin.marketplace import MarketplaceForm
from returns.models import (
    ClosureReason,
    Invitation,
    MarketplaceSettings,
    Order,
    ReturnEvent,
    ReturnReason,
    ReturnRequest,
    RulesVersion,
    Seller,
    User,
)
from returns.models.people import Language
from returns.selectors.dry_run import dry_run
from returns.services.withdraw import WithdrawnLine
from returns.state_machine import Status
from tests.factories import PASSWORD, Cast, Line, at_once, closing, file_request, make_order, open_request
from tests.returns.ledger import snapshot

pytestmark = pytest.mark.django_db

Browser = Callable[..., Client]
CodeOf = Callable[[str], str]
REASONS = "/admin/returns/closurereason/"


@pytest.fixture
def root(browser: Browser, cast: Cast, code_of: CodeOf) -> Client:
    """Root's browser, signed in with the second factor."""
    client, secret = browser(), generate_totp_secret()
    TOTP.activate(cast.root, secret)
    client.post("/accounts/login/", {"login": cast.root.email, "password": PASSWORD})
    client.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    return client


# --- The door


@pytest.mark.parametrize(
    "url", ["/admin/", "/admin/login/", REASONS, f"{REASONS}1/change/", "/admin/no/such/"]
)
def test_there_is_no_administration_for_who_is_not_staff(browser: Browser, cast: Cast, url: str) -> None:
    for user in (None, cast.alice, cast.vera):
        assert browser(user).get(url).status_code == 404
        assert browser(user).post(url).status_code == 404


def test_an_admin_without_a_second_factor_is_led_to_set_it_up(browser: Browser, cast: Cast) -> None:
    client = browser(cast.root)
    for url in ("/admin/", REASONS):
        response = client.get(url)
        assert (response.status_code, response["Location"]) == (302, "/accounts/2fa/")
    page = client.get("/accounts/2fa/").content.decode()
    assert "Admins need a second factor: please set one up first." in page


def test_an_admin_comes_in_with_the_second_factor(root: Client) -> None:
    page = root.get("/admin/")
    assert page.status_code == 200
    assert "Closure reasons" in page.content.decode()


def test_a_session_from_before_the_second_factor_has_to_show_it(
    browser: Browser, cast: Cast, code_of: CodeOf
) -> None:
    client = browser(cast.root)
    secret = generate_totp_secret()
    TOTP.activate(cast.root, secret)
    response = client.get(f"{REASONS}?q=a")
    assert (
        response["Location"]
        == "/accounts/2fa/reauthenticate/?next=%2Fadmin%2Freturns%2Fclosurereason%2F%3Fq%3Da"
    )
    response = client.post(response["Location"], {"code": code_of(secret)})
    assert response["Location"] == f"{REASONS}?q=a"
    assert client.get(REASONS).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_setting_it_up_counts_as_showing_it(client: Client, cast: Cast, code_of: CodeOf) -> None:
    client.post("/accounts/login/", {"login": cast.root.email, "password": PASSWORD})
    again = client.get("/accounts/2fa/totp/activate/")["Location"]
    page = client.post(again, {"password": PASSWORD}, follow=True)
    client.post("/accounts/2fa/totp/activate/", {"code": code_of(page.context["form"].secret)})
    assert client.get("/admin/").status_code == 200


def test_the_demo_asks_for_no_second_factor(
    browser: Browser, cast: Cast, settings: pytest.FixtureRequest
) -> None:
    settings.DEMO = True
    assert browser(cast.root).get("/admin/").status_code == 200


def test_who_is_no_longer_staff_is_out_at_once(root: Client, cast: Cast) -> None:
    User.objects.filter(pk=cast.root.pk).update(is_staff=False)
    assert root.get("/admin/").status_code == 404


# --- Every page


def registered() -> list[ModelAdmin]:
    return [one for one in admin.site._registry.values() if one.__module__.startswith("returns.")]


@pytest.fixture
def history(cast: Cast) -> ReturnRequest:
    """A closed request with a recorded refund behind it."""
    request = open_request(make_order(cast.north_lane, country="CA"))
    services.record_refund(
        at_once(cast.actor(cast.alice)),
        reference=request.reference,
        amounts={(request.items.get().pk, "item"): 1000},
        refunded_date=request.requested_at.date(),
    )
    services.close_return(
        at_once(cast.actor(cast.alice)),
        reference=request.reference,
        closing=closing(comments="Sealed <b>lids</b> cannot come back."),
    )
    Invitation.objects.create(
        seller=cast.north_lane, email="n@n.example", role="agent", salt="s", expires_at=request.requested_at
    )
    return ReturnRequest.objects.get(pk=request.pk)


@pytest.mark.parametrize("language", Language.values)
def test_every_page_opens_in_both_languages(
    root: Client, cast: Cast, history: ReturnRequest, language: str
) -> None:
    User.objects.filter(pk=cast.root.pk).update(language=language)
    assert f'lang="{language}"' in root.get("/admin/").content.decode()
    for one in registered():
        name = f"admin:returns_{one.opts.model_name}"
        assert root.get(reverse(f"{name}_changelist"), follow=True).status_code == 200
        row = one.model._default_manager.order_by("pk").first()
        assert row is not None, f"nothing to open of {one.opts.model_name}"
        assert root.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200
        may_add = one.has_add_permission(None)
        assert root.get(reverse(f"{name}_add")).status_code == (200 if may_add else 403)


def test_no_page_brings_style_or_script_of_its_own(root: Client, history: ReturnRequest) -> None:
    for one in registered():
        name = f"admin:returns_{one.opts.model_name}"
        row = one.model._default_manager.order_by("pk").first()
        for url in (reverse(f"{name}_changelist"), reverse(f"{name}_change", args=[row.pk])):
            page = root.get(url, follow=True).content.decode()
            assert not re.search(r"<style|\sstyle=|\son[a-z]+=\"|javascript:", page), url
            for attributes in re.findall(r"<script([^>]*)>", page):
                assert "src=" in attributes or 'type="application/json"' in attributes


def test_nothing_is_deleted(root: Client, history: ReturnRequest) -> None:
    for one in registered():
        row = one.model._default_manager.order_by("pk").first()
        url = reverse(f"admin:returns_{one.opts.model_name}_delete", args=[row.pk])
        assert root.post(url, {"post": "yes"}).status_code == 403
        assert one.model._default_manager.filter(pk=row.pk).exists()


@pytest.mark.parametrize("model", [Order, ReturnRequest, ReturnEvent])
def test_history_is_only_read(root: Client, history: ReturnRequest, model: type) -> None:
    row = model.objects.order_by("pk").first()
    url = reverse(f"admin:returns_{model._meta.model_name}_change", args=[row.pk])
    assert root.post(url, {"status": "completed", "order_number": "1"}).status_code == 403
    history.refresh_from_db()
    assert history.status == "closed"


# --- Big tables


def a_list(model: type) -> str:
    return reverse(f"admin:returns_{model._meta.model_name}_changelist")


def test_big_tables_are_read_on_from_the_last_row_without_counting(root: Client, cast: Cast) -> None:
    Order.objects.bulk_create(
        Order(seller=cast.north_lane, order_number=f"N-{number:03}") for number in range(120)
    )
    shown: list[str] = []
    url, pages = a_list(Order), 0
    while url:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page = root.get(url).content.decode()
        statements = [query["sql"] for query in queries if "returns_order" in query["sql"]]
        assert statements
        assert not [sql for sql in statements if "COUNT(" in sql or "OFFSET" in sql]
        shown += re.findall(r">(N-\d+)</a>", page)
        older = re.search(r'<a href="(\?before=\d+)">Older', page)
        url, pages = f"{a_list(Order)}{older[1]}" if older else "", pages + 1
    assert shown == [f"N-{number:03}" for number in reversed(range(120))]
    assert pages == 3


def test_reading_on_keeps_the_filter_and_a_filter_starts_at_the_newest(root: Client, cast: Cast) -> None:
    for _ in range(52):
        open_request(make_order(cast.north_lane, country="CA"))
    page = root.get(f"{a_list(ReturnEvent)}?action__exact=open").content.decode()
    older = re.search(r'<a href="\?(action__exact=open&amp;before=\d+)">Older', page)
    assert older is not None
    page = root.get(f"{a_list(ReturnEvent)}?{older[1].replace('&amp;', '&')}").content.decode()
    assert page.count('name="_selected_action"') + page.count("field-seller") == 2
    links = re.findall(r'href="(\?[^"]*action__exact=close[^"]*)"', page)
    assert links == ["?action__exact=close"]
    assert '<a href="?action__exact=open">Newest' in page


def test_a_made_up_place_in_a_list_is_its_beginning(root: Client, history: ReturnRequest) -> None:
    for before in ("x", "-1", "9" * 40):
        page = root.get(f"{a_list(ReturnRequest)}?before={before}")
        assert page.status_code == 200
        assert history.rma_number in page.content.decode()


@pytest.mark.parametrize("model", [Order, ReturnRequest, ReturnEvent])
def test_search_is_exact(root: Client, cast: Cast, history: ReturnRequest, model: type) -> None:
    other = open_request(make_order(cast.south_pier))
    terms = [history.order.order_number]
    terms += [history.order.reference] if model is Order else [history.reference, history.rma_number]

    def found(term: str) -> str:
        return root.get(a_list(model), {"q": term}).content.decode()

    for term in terms:
        page = found(f" {term} ")
        assert "North Lane" in page
        assert "South Pier" not in page
        assert "North Lane</td>" not in found(term[:-1])
    assert other.order.order_number not in found(history.order.order_number)


# --- Closure reasons


def reason_form(**changes: str) -> dict[str, str]:
    return {
        "code": "lost_in_move",
        "audience": "seller",
        "ground": "always",
        "position": "50",
        "is_active": "on",
        "label_en": "Lost in our move",
        "label_zh_hans": "搬家时丢失",
        "buyer_label_en": "The item was lost",
        "buyer_label_zh_hans": "商品丢失",
        "text_en": "Hello {buyer_name},\n\nYour item was lost.\n\n{comments}",
        "text_zh_hans": "{buyer_name}，您好：\n\n商品丢失。\n\n{comments}",
        **changes,
    }


def errors_of(root: Client, url: str, **changes: str) -> str:
    """The words of the page that shows the form again; asserts that nothing was saved."""
    before = ClosureReason.objects.count()
    response = root.post(url, reason_form(**changes))
    assert response.status_code == 200
    assert ClosureReason.objects.count() == before
    return " ".join(re.findall(r'<ul class="errorlist"[^>]*>.*?</ul>', response.content.decode(), re.DOTALL))


def test_a_new_reason_is_saved_and_offered(root: Client) -> None:
    assert root.post(f"{REASONS}add/", reason_form()).status_code == 302
    assert ClosureReason.objects.get(code="lost_in_move").text_en.count("\n\n") == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Dear {buyer},\n\n{comments}", "“{buyer}” is no placeholder."),
        ("{comments} {0}", "“{0}” is no placeholder."),
        ("{comments} {}", "“{}” is no placeholder."),
        ("{comments} } left", "“}” is no placeholder."),
        ("{comments} {order_number", "“{” is no placeholder."),
        ("{comments} {order_nummer} {", "“{order_nummer}” and “{” are no placeholders."),
        ("No comments here.", "comments are missing"),
        ("", "comments are missing"),
    ],
)
def test_a_text_with_wrong_placeholders_is_refused(root: Client, text: str, said: str) -> None:
    assert said in errors_of(root, f"{REASONS}add/", text_en=text)


def test_the_chinese_text_is_checked_too_but_may_be_left_empty(root: Client) -> None:
    assert "comments are missing" in errors_of(root, f"{REASONS}add/", text_zh_hans="没有备注。")
    assert root.post(f"{REASONS}add/", reason_form(text_zh_hans="")).status_code == 302


def test_a_buyers_reason_needs_no_comments(root: Client) -> None:
    form = reason_form(audience="buyer", text_en="", text_zh_hans="")
    assert root.post(f"{REASONS}add/", form).status_code == 302


def test_texts_with_different_numbers_of_paragraphs_are_saved_with_a_warning(root: Client) -> None:
    form = reason_form(text_en="Hello.\n\n{comments}\n\nGoodbye.")
    page = root.post(f"{REASONS}add/", form, follow=True).content.decode()
    assert ClosureReason.objects.filter(code="lost_in_move").exists()
    assert "The English text has 3 paragraphs, the Chinese one 3." not in page
    form = reason_form(code="other_one", text_en="Hello.\n\n{comments}")
    page = root.post(f"{REASONS}add/", form, follow=True).content.decode()
    assert "The English text has 2 paragraphs, the Chinese one 3." in page


def test_a_code_is_frozen_once_it_is_there(root: Client) -> None:
    reason = ClosureReason.objects.get(code="other")
    form = reason_form(code="renamed", text_en="Changed. {comments}")
    assert root.post(f"{REASONS}{reason.pk}/change/", form).status_code == 302
    reason.refresh_from_db()
    assert (reason.code, reason.text_en) == ("other", "Changed. {comments}")
    assert not ClosureReason.objects.filter(code="renamed").exists()


def test_both_languages_are_previewed_with_every_placeholder_filled(root: Client) -> None:
    reason = ClosureReason.objects.get(code="outside_return_window")
    page = root.get(f"{REASONS}{reason.pk}/change/").content.decode()
    previews = dict(re.findall(r'<div lang="([\w-]+)">(.*?)</div>', page, re.DOTALL))
    assert set(previews) == {"en", "zh-hans"}
    for text in previews.values():
        assert "{" not in text
        assert "<p>" in text
    assert "Dora Diaz" in previews["en"]


def test_a_preview_shows_markup_as_text(root: Client) -> None:
    reason = ClosureReason.objects.get(code="other")
    ClosureReason.objects.filter(pk=reason.pk).update(text_en="<script>x</script> {comments}")
    page = root.get(f"{REASONS}{reason.pk}/change/").content.decode()
    assert "<script>x" not in page
    assert "&lt;script&gt;x" in page


def test_the_reasons_without_chinese_are_a_list(root: Client) -> None:
    ClosureReason.objects.filter(code="other").update(text_zh_hans="")
    ClosureReason.objects.filter(code="not_returnable").update(label_zh_hans="")
    page = root.get(REASONS, {"missing": "zh-hans"}).content.decode()
    assert re.findall(r'class="field-code"><a [^>]*>(\w+)', page) == ["not_returnable", "other"]
    ReturnReason.objects.filter(code="CR-SWITCHEROO").update(label_zh_hans="")
    page = root.get("/admin/returns/returnreason/", {"missing": "zh-hans"}).content.decode()
    assert re.findall(r'class="field-code"><a [^>]*>([\w-]+)', page) == ["CR-SWITCHEROO"]


def test_a_retired_reason_stays_in_its_list(root: Client) -> None:
    reason = ClosureReason.objects.get(code="other")
    form = reason_form(code="other")
    del form["is_active"]
    root.post(f"{REASONS}{reason.pk}/change/", form)
    reason.refresh_from_db()
    assert not reason.is_active
    assert ">other</a>" in root.get(REASONS).content.decode()


# --- The marketplace's settings

SETTINGS = "/admin/returns/marketplacesettings/1/change/"


WITHDRAWAL = ["FR", "14", "next-day", "roll-over", "buyer", "Europe/Paris", "", "sat, sun"]


def settings_form(**changes: object) -> dict[str, object]:
    row = MarketplaceSettings.load()
    form: dict[str, object] = {
        name: getattr(row, name)
        for name in (
            "name",
            "returns_url",
            "time_zone",
            "language",
            "retention_days",
            "window_days",
            "delivery_days",
            "answer_hours",
            "step_in_business_days",
            "refund_days",
            "concession_percent",
            "weekend",
            "grounds_that_warn",
        )
    }
    for name in (
        "holidays",
        "prepaid_countries",
        "prepaid_exempt_categories",
        "prepaid_exempt_skus",
        "not_returnable_categories",
        "not_returnable_skus",
    ):
        form[name] = "\r\n".join(getattr(row, name))
    for name in ("category_windows", "seasons", "withdrawal_rules"):
        shown = MarketplaceForm.base_fields[name].prepare_value(getattr(row, name))
        form[name] = shown.replace("\n", "\r\n")
    return form | changes


def save_settings(root: Client, **changes: object) -> HttpResponse:
    """Press *Save*, and once more where the page first shows what changed rules would have decided."""
    form = settings_form(**changes)
    response = root.post(SETTINGS, form)
    if seen := re.search(r'name="seen" value="(\w+)"', response.content.decode()):
        response = root.post(SETTINGS, form | {"seen": seen[1]})
    return response


def test_the_marketplaces_list_is_its_one_page(root: Client) -> None:
    assert root.get("/admin/returns/marketplacesettings/")["Location"] == SETTINGS


def test_lists_are_written_as_lines(root: Client) -> None:
    saved = save_settings(
        root,
        holidays="2026-12-25\r\n\r\n 2026-01-01 ",
        prepaid_countries="us\r\nCA",
        weekend=["4", "5"],
        grounds_that_warn=["not_returnable"],
        category_windows="Toys & games = 60\r\nelectronics = 14",
        seasons="11-01 to 12-31 = 01-31",
        withdrawal_rules="fr | 14 | next-day | roll-over | seller | Europe/Paris | Custom made | sun, sat, easter+1",
    )
    assert saved.status_code == 302
    row = MarketplaceSettings.load()
    assert row.holidays == ["2026-01-01", "2026-12-25"]
    assert row.prepaid_countries == ["CA", "US"]
    assert (row.weekend, row.grounds_that_warn) == ([4, 5], ["not_returnable"])
    assert row.category_windows == {"electronics": 14, "toys-games": 60}
    assert row.seasons == [{"first": "11-01", "last": "12-31", "until": "01-31"}]
    assert row.withdrawal_rules == [
        {
            "country": "FR",
            "days": 14,
            "start": "next-day",
            "rolls_over": True,
            "payer": "seller",
            "time_zone": "Europe/Paris",
            "exempt_categories": ["custom-made"],
            "days_off": ["easter+1", "sat", "sun"],
        }
    ]
    assert root.post(SETTINGS, settings_form()).status_code == 302
    assert MarketplaceSettings.load().rules_version == row.rules_version
    row.rules_for(Seller(country="US"), None)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"holidays": "25.12.2026"}, "“25.12.2026” cannot be used here. One day on each line"),
        (
            {"prepaid_countries": "US\r\nCanada"},
            "“Canada” cannot be used here. One on each line, two letters",
        ),
        (
            {"not_returnable_skus": "x" * 101},
            "cannot be used here. One on each line, at most 100 characters.",
        ),
        ({"weekend": ["7"]}, "7 is not one of the available choices."),
        ({"grounds_that_warn": ["always"]}, "always is not one of the available choices."),
        ({"window_days": "0"}, "greater than or equal to 1"),
        ({"category_windows": "electronics: 14"}, "“electronics: 14” cannot be used here. Write a category"),
        ({"category_windows": "toys = 366"}, "its days, from 1 to 365"),
        ({"category_windows": "Toys = 3\r\ntoys = 4"}, "“toys” is there twice. Keep one of its lines."),
        ({"category_windows": '{"toys": 3}'}, "cannot be used here. Write a category and its days"),
        ({"seasons": "11-01 - 12-31 = 01-31"}, "Write it as 11-01 to 12-31 = 01-31"),
        ({"seasons": "11-01 to 11-31 = 01-31"}, "each with month and day."),
        ({"withdrawal_rules": "FR | 14"}, "Write eight columns with | between them"),
        *(
            ({"withdrawal_rules": " | ".join([*WITHDRAWAL[:place], entry, *WITHDRAWAL[place + 1 :]])}, said)
            for place, entry, said in (
                (0, "FRA", "The first column is the country"),
                (1, "0", "The second column is the number of days"),
                (1, "²", "The second column is the number of days"),
                (2, "monday", "The third column is the first day that counts"),
                (3, "yes", "The fourth column says"),
                (4, "carrier", "The fifth column is who pays"),
                (5, "Europe/Lyon", "The sixth column is the time zone"),
                (7, "sat, 2026-02-30", "The last column are the days off"),
                (7, "whitsun", "The last column are the days off"),
            )
        ),
        ({"time_zone": "Mars/Olympus"}, "Mars/Olympus is not one of the available choices."),
    ],
)
def test_a_wrong_setting_is_refused_with_a_sentence(
    root: Client, wrong: dict[str, object], said: str
) -> None:
    before = MarketplaceSettings.load().rules_version
    response = root.post(SETTINGS, settings_form(**wrong))
    assert response.status_code == 200
    assert said in response.content.decode()
    assert MarketplaceSettings.load().rules_version == before


def test_a_changed_rule_makes_a_new_version_and_another_setting_does_not(root: Client) -> None:
    before = MarketplaceSettings.load().rules_version
    assert root.post(SETTINGS, settings_form(name="Bazaar", rules_version="99")).status_code == 302
    row = MarketplaceSettings.load()
    assert (row.name, row.rules_version) == ("Bazaar", before)
    save_settings(root, window_days="45")
    save_settings(root, not_returnable_skus="KETTLE-1")
    save_settings(root)
    assert MarketplaceSettings.load().rules_version == before + 2
    kept = RulesVersion.objects.get(version=before + 1)
    assert (kept.columns["window_days"], kept.columns["not_returnable_skus"]) == (45, [])


def test_changed_rules_are_shown_with_what_they_would_have_decided_before_they_are_saved(
    root: Client, cast: Cast
) -> None:
    late = open_request(make_order(cast.north_lane, ordered_days_ago=30, delivered_days_ago=26))
    new = open_request(make_order(cast.north_lane, Line(category="Garden")))
    imported = file_request(make_order(cast.north_lane), Status.AUTHORIZED, prepaid=True)
    before = snapshot()
    for button in ("_save", "preview"):
        form = settings_form(window_days="20", category_windows="garden = 40")
        page = root.post(SETTINGS, form | {button: "1"})
        assert page.status_code == 200
        said = words_of(page)
        assert "Nothing is saved yet. 3 requests of the newest 500 were judged by these rules" in said
        assert "Another verdict: 1 Prepaid label gained or lost: 1 Another end of the window: 3" in said
        assert "Requests that would differ: 3" in said
        rows = said[said.index("By these rules") :]
        assert re.search(
            rf"{late} .* In policy .* Eligible for a prepaid return Not in policy .* No prepaid label", rows
        )
        assert str(new) in rows
        assert str(imported) in rows
        assert 'value="20"' in page.content.decode()
    assert snapshot() == before
    seen = re.search(r'name="seen" value="(\w+)"', page.content.decode())
    assert root.post(SETTINGS, form | {"seen": seen[1]}).status_code == 302
    assert MarketplaceSettings.load().window_days == 20


def test_what_was_seen_stands_for_these_rules_alone(root: Client) -> None:
    page = root.post(SETTINGS, settings_form(window_days="20"))
    seen = re.search(r'name="seen" value="(\w+)"', page.content.decode())[1]
    assert root.post(SETTINGS, settings_form(window_days="2") | {"seen": seen}).status_code == 200
    assert MarketplaceSettings.load().window_days == 30


def test_a_withdrawal_that_would_not_be_in_time_any_more_is_counted(root: Client, cast: Cast) -> None:
    order = make_order(cast.north_lane, country="FR")
    line = WithdrawnLine(order_item_id=order.items.get().pk, quantity=1)
    services.withdraw(Actor.buyer(order), order_reference=order.reference, lines=[line])
    said = words_of(
        root.post(SETTINGS, settings_form(withdrawal_rules=" | ".join(["FR", "3", *WITHDRAWAL[2:]])))
    )
    assert "Withdrawals not in time any more: 1" in said
    assert "Withdrawal in time" in said
    assert "No withdrawal in time" in said


def test_rules_that_decide_the_same_say_so(root: Client, cast: Cast) -> None:
    open_request(make_order(cast.north_lane))
    page = root.post(SETTINGS, settings_form() | {"preview": "1"})
    assert "No request would have been decided otherwise." in words_of(page)


def test_the_dry_run_makes_as_many_queries_for_one_request_as_for_many(cast: Cast) -> None:
    open_request(make_order(cast.north_lane))
    settings = MarketplaceSettings.load()
    with CaptureQueriesContext(connection) as one:
        dry_run(settings)
    for _n in range(3):
        open_request(make_order(cast.south_pier))
    with CaptureQueriesContext(connection) as many:
        assert dry_run(settings).judged == 4
    assert len(one) == len(many) == 2


def words_of(response: HttpResponse) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


# --- People


def test_an_admin_invites_the_first_owner_of_a_seller(root: Client, cast: Cast) -> None:
    form = {
        "seller": cast.south_pier.pk,
        "email": "Olga@south-pier.example",
        "role": "owner",
        "language": "en",
    }
    assert root.post("/admin/returns/invitation/add/", form).status_code == 302
    invitation = Invitation.objects.get()
    assert (invitation.seller, invitation.email, invitation.invited_by) == (
        cast.south_pier,
        "olga@south-pier.example",
        cast.root,
    )
    assert len(invitation.salt) == 32
    data = {"action": "take_back", "_selected_action": [invitation.pk]}
    root.post("/admin/returns/invitation/", data)
    invitation.refresh_from_db()
    assert invitation.revoked_at is not None


def test_a_new_admin_starts_without_a_password(root: Client) -> None:
    form = {
        "email": "Rita@marketplace.example",
        "name": "Rita",
        "language": "en",
        "time_zone": "UTC",
        "is_active": "on",
        "is_staff": "on",
    }
    assert root.post("/admin/returns/user/add/", form).status_code == 302
    rita = User.objects.get(email="rita@marketplace.example")
    assert (rita.is_staff, rita.is_superuser, rita.has_usable_password()) == (True, False, False)


def test_an_admin_does_not_lock_the_own_door(root: Client, cast: Cast) -> None:
    form = {"email": cast.root.email, "name": "Root", "language": "en", "time_zone": "UTC", "is_active": "on"}
    response = root.post(f"/admin/returns/user/{cast.root.pk}/change/", form)
    assert "You cannot take away your own access." in response.content.decode()
    assert User.objects.get(pk=cast.root.pk).is_staff


def test_a_new_address_is_the_one_to_sign_in_with(root: Client, cast: Cast, client: Client) -> None:
    form = {
        "email": "alice@new.example",
        "name": "Alice",
        "language": "en",
        "time_zone": "UTC",
        "is_active": "on",
    }
    assert root.post(f"/admin/returns/user/{cast.alice.pk}/change/", form).status_code == 302
    sign_in = {"login": "alice@new.example", "password": PASSWORD}
    assert client.post("/accounts/login/", sign_in)["Location"] == "/seller/returns/"


def test_an_admin_keeps_a_team_its_owner(root: Client, cast: Cast) -> None:
    membership = cast.alice.memberships.get()
    response = root.post(
        f"/admin/returns/membership/{membership.pk}/change/", {"role": "viewer", "is_active": "on"}
    )
    assert response.status_code == 422
    membership.refresh_from_db()
    assert membership.role == "owner"


def test_a_sellers_short_name_is_frozen(root: Client, cast: Cast) -> None:
    url = f"/admin/returns/seller/{cast.north_lane.pk}/change/"
    form = {
        "slug": "renamed",
        "name": "North Lane Ltd",
        "country": "US",
        "language": "en",
        "time_zone": "UTC",
        "authorization": "by_hand",
        "authorization_days": "30",
        "rma_numbers": "generated",
        "imported_messages": "show_to_copy",
        "instructions": "",
    }
    assert root.post(url, form).status_code == 302
    cast.north_lane.refresh_from_db()
    assert (cast.north_lane.slug, cast.north_lane.name) == ("north-lane", "North Lane Ltd")


# --- Uphold


@pytest.fixture
def escalated(history: ReturnRequest) -> ReturnRequest:
    services.escalate(Actor.buyer(history.order), reference=history.reference, comments="I disagree.")
    history.refresh_from_db()
    return history


def test_the_escalated_requests_are_a_list(root: Client, cast: Cast, escalated: ReturnRequest) -> None:
    quiet = open_request(make_order(cast.north_lane, country="CA"))
    page = root.get(a_list(ReturnRequest), {"escalated": "1"}).content.decode()
    assert escalated.order.order_number in page
    assert quiet.order.order_number not in page


def test_an_admin_upholds_with_a_comment(root: Client, cast: Cast, escalated: ReturnRequest) -> None:
    data = {"action": "uphold_selected", "_selected_action": [escalated.pk]}
    response = root.post(a_list(ReturnRequest), data)
    url = f"/admin/returns/returnrequest/uphold/?reference={escalated.reference}"
    assert (response.status_code, response["Location"]) == (303, url)
    page = root.get(url)
    assert escalated.order.order_number in page.content.decode()
    key = page.context["form"]["key"].value()
    assert root.post(url, {"key": key, "comments": " "}).status_code == 422
    for _ in range(2):
        assert root.post(url, {"key": key, "comments": "The window had ended."}).status_code == 303
    event = escalated.events.get(action="uphold")
    assert (event.role, event.user, event.text) == ("admin", cast.root, "The window had ended.")
    escalated.refresh_from_db()
    assert (escalated.escalated_at, escalated.status) == (None, "closed")


def test_upholding_what_nobody_escalated_is_refused_with_its_sentence(
    root: Client, history: ReturnRequest
) -> None:
    url = f"/admin/returns/returnrequest/uphold/?reference={history.reference}"
    page = root.post(url, {"key": "k", "comments": "As it is."}, follow=True).content.decode()
    assert f"{history.rma_number}:" in page
    assert not history.events.filter(action="uphold").exists()


def test_what_nobody_escalated_is_refused_before_a_comment_is_written(
    root: Client, cast: Cast, escalated: ReturnRequest
) -> None:
    quiet = open_request(make_order(cast.north_lane, country="CA"))
    data = {"action": "uphold_selected", "_selected_action": [quiet.pk]}
    refused = root.post(a_list(ReturnRequest), data, follow=True)
    assert refused.request["PATH_INFO"] == a_list(ReturnRequest)
    sentence = f"{quiet}: Nobody has asked the marketplace to step in."
    assert sentence in refused.content.decode()
    both = {"action": "uphold_selected", "_selected_action": [quiet.pk, escalated.pk]}
    page = root.post(a_list(ReturnRequest), both, follow=True)
    assert sentence in page.content.decode()
    assert page.request["QUERY_STRING"] == f"reference={escalated.reference}"
    assert escalated.order.order_number in page.content.decode()
    assert quiet.order.order_number not in page.content.decode()


def test_a_requests_page_leads_to_the_decisions(root: Client, escalated: ReturnRequest) -> None:
    page = root.get(f"/admin/returns/returnrequest/{escalated.pk}/change/").content.decode()
    assert f"uphold/?reference={escalated.reference}" in page
    decide = f"/seller/returns/{escalated.reference}/"
    assert f'href="{decide}"' in page
    assert root.get(decide).status_code == 200


def test_comments_are_shown_as_they_were_typed(root: Client, history: ReturnRequest) -> None:
    event = history.events.get(action="close")
    for url in (
        f"/admin/returns/returnrequest/{history.pk}/change/",
        f"/admin/returns/returnevent/{event.pk}/change/",
    ):
        page = root.get(url).content.decode()
        assert "Sealed &lt;b&gt;lids&lt;/b&gt; cannot come back." in page
