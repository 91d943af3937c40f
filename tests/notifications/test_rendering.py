"""The words: closing texts to the letter, the frame's rules, and the same words as text and as HTML."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from html import unescape
from itertools import product
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import get_template

from notifications.models import MEMBER_KINDS, Kind
from notifications.rendering import (
    Line,
    MessageFacts,
    Money,
    OfferWords,
    Reader,
    moment_in_words,
    render,
    titles_in_words,
)
from returns.models import ClosureReason
from returns.models.people import Language
from returns.models.reasons import ClosureAudience
from returns.state_machine import Action, Role

LANGUAGES = ("en", "zh-hans")
EMAILS = Path(settings.BASE_DIR, "templates", "emails")

CLOSED = MessageFacts(
    reader=Reader.BUYER,
    zone="America/New_York",
    marketplace_name="Example Market",
    happened_at=datetime(2026, 11, 24, 19, 2, tzinfo=UTC),
    page="https://returns.example/my/returns/0b1c/",
    seller_name="North Lane",
    buyer_name="Dora Diaz",
    order_number="111-2223334-5556667",
    rma_number="R2345-6789",
    item_titles=("Steel kettle",),
    items=(Line("Steel kettle", 2, {"en": "Too small", "zh-hans": "尺码偏小"}),),
    action=Action.CLOSE,
    role=Role.SELLER,
    comments="The photos show a scratch. <b>See {buyer_name}</b>",
    reason={"en": "Refund without return", "zh-hans": "退款，无需退货"},
    buyer_reason={
        "en": "The seller refunds you; nothing to send back",
        "zh-hans": "卖家退款，您无需退货",
    },
    text={"en": "Hello {buyer_name},\n\n{comments}", "zh-hans": "{buyer_name}，您好：\n\n{comments}"},
    return_window_end=date(2026, 12, 9),
    step_in_until=date(2026, 12, 24),
)
IN_LANGUAGE = {
    "en": {},
    "zh-hans": {
        "buyer_name": "李雷",
        "item_titles": ("钢制水壶",),
        "comments": "照片显示有划痕。<b>{buyer_name}</b>",
    },
}


def written_texts() -> list[tuple[str, str, str]]:
    """(code, language, text) of every closing text as it was agreed, filled in with the facts above."""
    found = Path(__file__).with_name("closing_texts.txt").read_text().split("=== ")[1:]
    heads = [section.partition("\n") for section in found]
    return [(*head.split(), body.strip()) for head, _, body in heads]


def facts_for(code: str, language: str) -> MessageFacts:
    reason = ClosureReason.objects.get(code=code)
    role = Role.BUYER if reason.audience == ClosureAudience.BUYER else Role.SELLER
    return replace(CLOSED, text=reason.in_both("text"), role=role, **IN_LANGUAGE[language])


def as_text(html: str) -> str:
    """What a reader sees of the HTML's paragraphs, as the plain text has them."""
    paragraphs = re.findall(r"<p[^>]*>(.*?)</p>", html.partition("<body")[2], re.DOTALL)
    return "\n\n".join(
        unescape(re.sub(r"<[^>]+>", "", paragraph.replace("<br>", "\n"))) for paragraph in paragraphs
    )


@pytest.mark.django_db
@pytest.mark.parametrize(("code", "language", "text"), written_texts())
def test_every_closing_text_is_sent_as_it_was_agreed(code: str, language: str, text: str) -> None:
    facts = facts_for(code, language)
    kind = Kind.CLOSE_RECEIPT if facts.role == Role.BUYER else Kind.RETURN_CLOSED
    rendered = render(kind, language, facts)
    assert rendered.text.startswith(f"{text}\n\n")
    assert as_text(rendered.html).startswith(f"{text}\n\n")


@pytest.mark.django_db
def test_every_reason_that_people_may_use_has_an_agreed_text() -> None:
    codes = ClosureReason.objects.exclude(audience=ClosureAudience.IMPORT).values_list("code", flat=True)
    assert sorted(product(codes, LANGUAGES)) == sorted(
        (code, language) for code, language, _ in written_texts()
    )


def test_the_frame_says_what_was_decided_and_where_to_go_on() -> None:
    facts = replace(CLOSED, promise=Money(12900, "USD"), promise_date=date(2026, 11, 25))
    rendered = render(Kind.RETURN_CLOSED, "en", facts)
    assert rendered.subject == "Your return request was closed: order 111-2223334-5556667"
    assert rendered.text == (
        "Hello Dora Diaz,\n"
        "\n"
        "The photos show a scratch. <b>See {buyer_name}</b>\n"
        "\n"
        "Reason: The seller refunds you; nothing to send back\n"
        "Closed by: North Lane\n"
        "Date and time: 24 Nov 2026, 14:02 EST\n"
        "Items: 2 × Steel kettle\n"
        "RMA number: R2345-6789\n"
        "Refund promised: $129.00 by 25 Nov 2026\n"
        "\n"
        "See your request:\n"
        "https://returns.example/my/returns/0b1c/\n"
        "\n"
        "Ask the marketplace to step in (until 24 Dec 2026):\n"
        "https://returns.example/my/returns/0b1c/step-in/\n"
        "\n"
        "-- \n"
        "Sent by Example Market for North Lane.\n"
    )


def test_a_paragraph_with_an_empty_placeholder_is_left_out() -> None:
    text = {"en": "One.\n\nUntil {return_window_end}.\n\nThey write: {comments}\n\nTwo."}
    facts = replace(CLOSED, text=text, comments="", return_window_end=None)
    assert render(Kind.RETURN_CLOSED, "en", facts).text.startswith("One.\n\nTwo.\n\nReason")


@pytest.mark.parametrize(("language", "greeting"), [("en", "Hello,\n\n"), ("zh-hans", "您好：\n\n")])
def test_an_unknown_name_leaves_the_greeting(language: str, greeting: str) -> None:
    rendered = render(Kind.RETURN_CLOSED, language, replace(CLOSED, buyer_name=""))
    assert rendered.text.startswith(greeting)
    assert as_text(rendered.html).startswith(greeting)


def test_what_is_put_in_is_never_read_again() -> None:
    facts = replace(
        CLOSED,
        text={"en": "Hello {buyer_name},\n\n{item_titles}: {comments}"},
        buyer_name="{comments}",
        item_titles=("{seller_name}",),
        comments="{buyer_name} {{ facts }} {% now 'Y' %} \\1 %(x)s",
    )
    rendered = render(Kind.RETURN_CLOSED, "en", facts)
    words = "Hello {comments},\n\n{seller_name}: {buyer_name} {{ facts }} {% now 'Y' %} \\1 %(x)s\n\n"
    assert rendered.text.startswith(words)
    assert as_text(rendered.html).startswith(words)


def test_comments_keep_their_lines_and_mark_nothing_up() -> None:
    comments = 'Dear Dora,\n\n  <script>alert(1)</script> & "more"\n\n\nBye'
    rendered = render(Kind.RETURN_CLOSED, "en", replace(CLOSED, comments=comments))
    assert f"\n\n{comments}\n\n" in rendered.text
    assert f"\n\n{comments}\n\n" in as_text(rendered.html)
    assert "<script" not in rendered.html
    assert "&lt;script&gt;" in rendered.html


def test_comments_are_marked_with_their_language_where_their_script_tells_it() -> None:
    chinese = render(Kind.RETURN_CLOSED, "en", replace(CLOSED, comments="照片"))
    assert '<span lang="zh-Hans">照片</span>' in chinese.html
    assert "<span" not in render(Kind.RETURN_CLOSED, "zh-hans", replace(CLOSED, comments="Photos")).html


@pytest.mark.django_db
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_imported_request_promises_no_page_and_keeps_the_buyers_rights(language: str) -> None:
    rights = {"en": "Your legal rights are not affected.", "zh-hans": "您依法享有的权利不受影响。"}[language]
    own_page = {"en": "request page", "zh-hans": "退货请求页面"}[language]
    for code, text_language, text in written_texts():
        facts = replace(facts_for(code, text_language), is_imported=True, page="")
        if text_language != language or facts.role == Role.BUYER:
            continue
        rendered = render(Kind.RETURN_CLOSED, language, facts)
        assert own_page not in rendered.text
        assert "http" not in rendered.text
        assert (f"\n\n{rights}\n\n" in rendered.text) == (rights in text)
        assert (f">{rights}</p>" in rendered.html) == (rights in text)


def test_an_imported_request_that_is_written_from_here_has_its_page_and_no_step_in() -> None:
    text = render(Kind.RETURN_CLOSED, "en", replace(CLOSED, is_imported=True)).text
    assert "https://returns.example/my/returns/0b1c/\n" in text
    assert "step" not in text


@pytest.mark.parametrize(
    ("reader", "role", "end", "is_shown"),
    [
        (Reader.BUYER, Role.BUYER, date(2026, 11, 23), False),
        (Reader.BUYER, Role.BUYER, date(2026, 11, 24), True),
        (Reader.BUYER, Role.SELLER, date(2026, 11, 23), True),
    ],
)
def test_a_window_that_is_over_is_not_offered_in_the_buyers_own_receipt(
    reader: Reader, role: Role, end: date, is_shown: bool
) -> None:
    facts = replace(CLOSED, text={"en": "Until {return_window_end}."}, role=role, return_window_end=end)
    assert ("Until" in render(Kind.CLOSE_RECEIPT, "en", replace(facts, reader=reader)).text) == is_shown


def test_titles_are_three_at_most_and_short() -> None:
    assert titles_in_words(["A"], "en") == "A"
    assert titles_in_words(["A", "B"], "en") == "A and B"
    assert titles_in_words(["A", "B", "C"], "en") == "A, B and C"
    assert titles_in_words(["A", "B", "C", "D", "E"], "en") == "A, B, C and 2 more"
    assert titles_in_words(["水壶", "台灯", "地毯"], "zh-hans") == "水壶、台灯和地毯"
    long = titles_in_words(["Kettle " * 20], "en")
    assert len(long) == 60
    assert long.endswith("…")
    assert titles_in_words(["x" * 60], "en") == "x" * 60
    assert titles_in_words(["Two\nlines", "", "Two\nlines"], "en") == "Two lines"
    assert titles_in_words([], "en") == "the ordered item"


def test_moments_name_their_zone() -> None:
    moment = datetime(2026, 7, 1, 3, 30, tzinfo=UTC)
    assert moment_in_words(moment, "en", "America/New_York") == "30 Jun 2026, 23:30 EDT"
    assert moment_in_words(moment, "zh-hans", "Asia/Shanghai") == "2026年7月1日 11:30 UTC+8"
    assert moment_in_words(moment, "en", "Asia/Kolkata") == "1 Jul 2026, 09:00 UTC+5:30"


def test_the_sellers_mail_when_the_buyer_closes() -> None:
    facts = replace(
        CLOSED,
        reader=Reader.SELLER,
        role=Role.BUYER,
        page="https://returns.example/seller/returns/0b1c/",
        reason={"en": "The problem is solved", "zh-hans": "问题已解决"},
        comments="Works again.",
    )
    rendered = render(Kind.RETURN_CLOSED_BY_BUYER, "en", facts)
    assert rendered.subject == "The buyer closed a return request: order 111-2223334-5556667"
    assert rendered.text.startswith(
        "Dora Diaz has closed the return request for Steel kettle (order 111-2223334-5556667). "
        "Reason: The problem is solved.\n"
        "\n"
        "Buyer's comment: Works again.\n"
        "\n"
        "You do not need to do anything: no return and no refund are expected for this request. "
        "If you sent a paid label, you may want to void it.\n"
        "\n"
        "Reason: The problem is solved\n"
        "Closed by: Dora Diaz\n"
    )
    without = render(Kind.RETURN_CLOSED_BY_BUYER, "en", replace(facts, comments="", buyer_name="")).text
    assert without.startswith(
        "The buyer has closed the return request for Steel kettle (order 111-2223334-5556667). "
        "Reason: The problem is solved.\n\nYou do not need"
    )


def test_the_sellers_mail_when_the_buyer_keeps_the_item() -> None:
    facts = replace(CLOSED, reader=Reader.SELLER, role=Role.BUYER, action=Action.KEEP_ITEM, comments="")
    rendered = render(Kind.RETURN_KEPT, "en", facts)
    assert rendered.subject == "The buyer keeps the item: order 111-2223334-5556667"
    assert rendered.text.startswith(
        "Dora Diaz keeps Steel kettle (order 111-2223334-5556667); the return request is completed.\n"
        "\n"
        "You do not need to do anything: no return and no refund are expected for this request, "
        "and the prepaid label is void.\n"
    )


def test_the_buyers_receipt_for_keeping_the_item() -> None:
    facts = replace(CLOSED, role=Role.BUYER, action=Action.KEEP_ITEM, comments="", text=None)
    assert render(Kind.CLOSE_RECEIPT, "en", facts).text.startswith(
        "Hello Dora Diaz,\n"
        "\n"
        "You are keeping Steel kettle. Your prepaid label no longer works, and there is nothing to send "
        "back. The request is completed, not closed.\n"
    )


def test_the_quoted_messages_in_chinese() -> None:
    facts = replace(
        CLOSED,
        **IN_LANGUAGE["zh-hans"] | {"comments": "已修好。"},
        reader=Reader.SELLER,
        role=Role.BUYER,
        reason={"en": "The problem is solved", "zh-hans": "问题已解决"},
    )
    closed = render(Kind.RETURN_CLOSED_BY_BUYER, "zh-hans", facts)
    assert closed.subject == "买家关闭了退货请求：订单 111-2223334-5556667"
    assert closed.text.startswith(
        "李雷 已关闭订单 111-2223334-5556667 中 钢制水壶 的退货请求。原因：问题已解决。\n"
        "\n"
        "买家说明：已修好。\n"
        "\n"
        "您无需任何操作：此请求不会再有退货或退款。如果您已提供付费标签，可将其作废。\n"
    )
    kept = render(Kind.RETURN_KEPT, "zh-hans", facts)
    assert kept.subject == "买家保留商品：订单 111-2223334-5556667"
    assert kept.text.startswith(
        "李雷 将保留订单 111-2223334-5556667 中的 钢制水壶，此退货请求已完成。\n"
        "\n"
        "您无需任何操作：此请求不会再有退货或退款，预付费退货标签已作废。\n"
    )
    receipt = replace(facts, reader=Reader.BUYER, action=Action.KEEP_ITEM, comments="", text=None)
    assert render(Kind.CLOSE_RECEIPT, "zh-hans", receipt).text.startswith(
        "李雷，您好：\n\n您将保留 钢制水壶。预付费退货标签已作废，您无需寄回商品。此请求已完成。\n"
    )


def test_the_frame_in_chinese() -> None:
    facts = replace(
        CLOSED,
        **IN_LANGUAGE["zh-hans"],
        items=(Line("钢制水壶", 2),),
        promise=Money(12900, "USD"),
        promise_date=date(2026, 11, 25),
    )
    rendered = render(Kind.RETURN_CLOSED, "zh-hans", facts)
    assert rendered.subject == "您的退货请求已关闭：订单 111-2223334-5556667"
    frame = rendered.text.partition("照片显示有划痕。<b>{buyer_name}</b>\n\n")[2]
    *said, promise = frame.splitlines()[:6]
    assert said == [
        "原因：卖家退款，您无需退货",
        "关闭方：North Lane",
        "日期和时间：2026年11月24日 14:02 UTC-5",
        "商品：2 × 钢制水壶",
        "退货批准编号 (RMA)：R2345-6789",
    ]
    assert "US$129.00" in promise
    assert "2026年11月25日" in promise
    names = {"North Lane", "Example Market"}
    assert set(re.findall(r"[A-Z]\w+ \w+", frame)) == names


def test_the_receipt_lists_each_item_with_the_buyers_reason_and_words() -> None:
    items = (
        Line("Steel kettle", 2, {"en": "Too small", "zh-hans": "尺码偏小"}, "Does not fit\nmy stove <3"),
        Line("Lid", 1),
    )
    facts = replace(CLOSED, action=Action.OPEN, items=items, comments="")
    rendered = render(Kind.RETURN_OPENED, "en", facts)
    assert (
        "Items:\n  2 × Steel kettle (Too small)\n  Does not fit\n  my stove <3\n  1 × Lid\n" in rendered.text
    )
    assert "Does not fit<br>my stove &lt;3<br>1 × Lid" in rendered.html


@pytest.mark.parametrize("is_prepaid", [True, False])
def test_the_seller_may_follow_a_link_to_decide(is_prepaid: bool) -> None:
    page = "https://returns.example/seller/returns/0b1c/"
    facts = replace(CLOSED, reader=Reader.SELLER, action=Action.OPEN, page=page, is_prepaid=is_prepaid)
    text = render(Kind.RETURN_OPENED, "en", facts).text
    assert f"Authorize request:\n{page}authorize/" in text
    assert (f"Close request:\n{page}close/" in text) != is_prepaid


EVERY_READER = {
    **{kind: [Reader.BUYER] for kind in Kind},
    Kind.RETURN_OPENED: [Reader.BUYER, Reader.SELLER],
    Kind.WITHDRAWAL_RECEIVED: [Reader.BUYER, Reader.SELLER],
    Kind.RETURN_CLOSED: [Reader.BUYER, Reader.SELLER],
    Kind.RETURN_CLOSED_BY_BUYER: [Reader.SELLER],
    Kind.RETURN_KEPT: [Reader.SELLER],
    Kind.RETURN_REOPENED: [Reader.BUYER, Reader.SELLER],
    Kind.MESSAGE_RECEIVED: [Reader.BUYER, Reader.SELLER],
    Kind.ESCALATED: [Reader.BUYER, Reader.SELLER, Reader.ADMIN],
    Kind.ESCALATION_ANSWERED: [Reader.BUYER, Reader.SELLER],
    Kind.DEADLINE_NEAR: [Reader.SELLER],
    Kind.OFFER_ANSWERED: [Reader.BUYER, Reader.SELLER],
    Kind.REFUND_TO_PAY: [Reader.SELLER],
    Kind.INVITATION: [Reader.SELLER],
    Kind.IMPORT_FINISHED: [Reader.SELLER],
}
FULL = replace(
    CLOSED,
    received=(Line("Steel kettle", 1, {"en": "Unopened", "zh-hans": "未开封"}),),
    answer_due_at=datetime(2026, 11, 25, tzinfo=UTC),
    step_in_at=datetime(2026, 11, 26, tzinfo=UTC),
    refund_due_at=datetime(2026, 11, 28, tzinfo=UTC),
    send_back_date=date(2026, 12, 24),
    refund=Money(12900, "USD"),
    refund_date=date(2026, 11, 24),
    offer=OfferWords("lapsed", "keep_full", Money(12900, "USD"), True, datetime(2026, 11, 28, tzinfo=UTC)),
    reminder_clock="answer",
    reminder_stage="near",
    reminder_due_at=datetime(2026, 11, 25, tzinfo=UTC),
    link="https://returns.example/my/link/1-abc/",
    code="0123ABCD",
    expires_at=datetime(2026, 11, 24, 19, 12, tzinfo=UTC),
    file_name="returns.txt",
    waiting=3,
    overdue=1,
)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("kind", "reader"), [(kind, reader) for kind, readers in EVERY_READER.items() for reader in readers]
)
def test_every_kind_reads_well_for_each_of_its_readers(kind: Kind, reader: Reader, language: str) -> None:
    for facts in (FULL, replace(FULL, buyer_name="", comments="", page="", rma_number="")):
        rendered = render(kind, language, replace(facts, reader=reader))
        assert rendered.subject.strip()
        assert not re.search(r"\n\n\n|[ \t]\n(?<!-- \n)|\(\)|None|\{%|\{\{", rendered.text)
        assert f'<html lang="{ {"en": "en", "zh-hans": "zh-Hans"}[language] }">' in rendered.html
        assert '<p style="margin: 0 0 16px;"></p>' not in rendered.html


@pytest.mark.parametrize("clock", ["answer", "refund", "promise"])
@pytest.mark.parametrize("stage", ["near", "past"])
def test_a_deadline_is_told_with_its_moment(clock: str, stage: str) -> None:
    facts = replace(FULL, reader=Reader.SELLER, reminder_clock=clock, reminder_stage=stage)
    rendered = render(Kind.DEADLINE_NEAR, "en", facts)
    assert rendered.subject.startswith("A deadline is near" if stage == "near" else "A deadline has passed")
    assert "24 Nov 2026, 19:00 EST" in rendered.text


def test_a_code_is_told_without_anything_of_the_request() -> None:
    text = render(Kind.BUYER_CODE, "en", FULL).text
    assert "Your code: 0123ABCD\n" in text
    assert "https://returns.example/my/link/1-abc/" in text
    assert "24 Nov 2026, 14:12 EST" in text
    assert "Steel kettle" not in text
    assert "Dora" not in text


def test_every_template_belongs_to_a_kind_and_a_reader() -> None:
    wanted = {"_frame.txt", "_frame.html", "_hello.txt", "_prepaid_label.txt"}
    for kind, readers in EVERY_READER.items():
        for reader, part in product(readers, ("subject", "body")):
            own = f"{kind}-to-{reader}-{part}.txt"
            wanted.add(own if (EMAILS / own).exists() else f"{kind}-{part}.txt")
    assert {path.name for path in EMAILS.iterdir()} == wanted
    for name in wanted:
        get_template(f"emails/{name}")


def test_members_may_turn_off_whatever_they_are_told_and_nothing_else() -> None:
    told = {kind for kind, readers in EVERY_READER.items() if Reader.SELLER in readers}
    assert set(MEMBER_KINDS) == told - {Kind.INVITATION}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_member_is_shown_where_to_choose_in_both_parts_of_the_mail(language: str) -> None:
    choices = "https://returns.example/accounts/notifications/#north-lane"
    facts = replace(FULL, reader=Reader.SELLER, choices=choices)
    rendered = render(Kind.RETURN_CLOSED_BY_BUYER, language, facts)
    assert rendered.text.rstrip().endswith(choices)
    assert f'<a href="{choices}">' in rendered.html
    assert "notifications" not in render(Kind.RETURN_CLOSED, language, replace(facts, choices="")).text


def test_both_languages_are_the_portals() -> None:
    assert set(LANGUAGES) == set(Language.values) == {code for code, _ in settings.LANGUAGES}
