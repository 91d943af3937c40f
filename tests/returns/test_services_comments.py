"""Comments that a team keeps: who may write them, what is refused, and that saving never hinders a decision."""

import pytest
from django.db import DatabaseError, transaction
from django.db.models.signals import pre_save

from returns.exceptions import Forbidden, Invalid, NotFound
from returns.models import SavedComment
from returns.selectors.comments import offer_saved_comments
from returns.services import comments
from returns.services.comments import keep_comments, remove_comment, save_comment
from tests.factories import Cast, make_cast
from tests.returns.rivals import Rival

pytestmark = pytest.mark.django_db

TEXT = "We are sorry, the return window is over."
WINDOW = "outside_return_window"


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def kept() -> list[tuple[str, str, str, str]]:
    rows = SavedComment.objects.order_by("pk").values_list("name", "language", "reason__code", "text")
    return [(name, language, reason or "", text) for name, language, reason, text in rows]


@pytest.mark.parametrize("name", ["alice", "ben"])
def test_owner_and_agent_save_change_and_remove(cast: Cast, name: str) -> None:
    actor = cast.actor(getattr(cast, name))
    saved = save_comment(actor, name=" Over ", text=f"{TEXT}\r\n", language="en", reason_code=WINDOW)
    assert kept() == [("Over", "en", WINDOW, TEXT)]
    save_comment(actor, name="过期", text="已过期。", language="zh-hans", comment_id=saved.pk)
    assert kept() == [("过期", "zh-hans", "", "已过期。")]
    assert remove_comment(actor, comment_id=saved.pk).name == "过期"
    assert kept() == []


@pytest.mark.parametrize("name", ["vera", "root"])
def test_a_viewer_and_an_admin_may_not(cast: Cast, name: str) -> None:
    saved = save_comment(cast.actor(cast.alice), name="Over", text=TEXT, language="en")
    actor = cast.actor(getattr(cast, name))
    with pytest.raises(Forbidden):
        save_comment(actor, name="Mine", text=TEXT, language="en")
    with pytest.raises(Forbidden):
        remove_comment(actor, comment_id=saved.pk)
    assert keep_comments(actor, name="Mine", text=TEXT, reason_code="other", language="en") is None
    assert kept() == [("Over", "en", "", TEXT)]


def test_another_team_s_texts_are_not_there(cast: Cast) -> None:
    saved = save_comment(cast.actor(cast.alice), name="Over", text=TEXT, language="en")
    carol = cast.actor(cast.carol)
    with pytest.raises(NotFound):
        save_comment(carol, name="Over", text="Changed.", language="en", comment_id=saved.pk)
    with pytest.raises(NotFound):
        remove_comment(carol, comment_id=saved.pk)
    assert offer_saved_comments(carol, "", "en") == []
    save_comment(carol, name="Over", text="Another team, the same name.", language="en")
    assert kept()[0] == ("Over", "en", "", TEXT)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "n" * 101}, "name"),
        ({"name": "Over"}, "name"),
        ({"text": " \n "}, "comments"),
        ({"text": "x" * 2001}, "comments"),
        ({"reason_code": "no_such_reason"}, "reason"),
        ({"reason_code": "buyer_by_mistake"}, "reason"),
    ],
)
def test_what_cannot_be_kept_is_said_at_its_field(cast: Cast, changed: dict[str, str], field: str) -> None:
    alice = cast.actor(cast.alice)
    save_comment(alice, name="Over", text=TEXT, language="en")
    with pytest.raises(Invalid) as refused:
        save_comment(alice, **({"name": "New", "text": TEXT, "language": "en"} | changed))
    assert list(refused.value.errors) == [field]
    assert len(kept()) == 1


def test_the_same_name_is_free_in_the_other_language_and_for_the_text_itself(cast: Cast) -> None:
    alice = cast.actor(cast.alice)
    saved = save_comment(alice, name="Over", text=TEXT, language="en")
    save_comment(alice, name="Over", text="已过期。", language="zh-hans")
    save_comment(alice, name="Over", text="Changed.", language="en", comment_id=saved.pk)
    assert kept() == [("Over", "en", "", "Changed."), ("Over", "zh-hans", "", "已过期。")]


def test_a_team_keeps_a_hundred_texts_at_most(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comments, "MOST", 2)
    alice = cast.actor(cast.alice)
    first = save_comment(alice, name="1", text=TEXT, language="en")
    save_comment(alice, name="2", text=TEXT, language="en")
    with pytest.raises(Invalid, match="Remove one first"):
        save_comment(alice, name="3", text=TEXT, language="en")
    assert keep_comments(alice, name="3", text=TEXT, reason_code="other", language="en") is None
    save_comment(alice, name="1", text="Changed.", language="en", comment_id=first.pk)
    save_comment(cast.actor(cast.carol), name="3", text=TEXT, language="en")


# --- Offered while closing


def test_offered_are_the_reason_s_own_before_those_of_any_and_the_buyer_s_language_first(cast: Cast) -> None:
    alice = cast.actor(cast.alice)
    for name, language, reason in (
        ("Any", "en", ""),
        ("Over", "en", WINDOW),
        ("Other", "en", "other"),
        ("任何", "zh-hans", ""),
        ("过期", "zh-hans", WINDOW),
    ):
        save_comment(alice, name=name, text=TEXT, language=language, reason_code=reason)

    def offered(reason: str, language: str) -> list[tuple[str, list[str]]]:
        return [
            (one.language, [comment.name for comment in one.comments])
            for one in offer_saved_comments(alice, reason, language)
        ]

    assert offered(WINDOW, "zh-hans") == [("zh-hans", ["过期", "任何"]), ("en", ["Over", "Any"])]
    assert offered(WINDOW, "en") == [("en", ["Over", "Any"]), ("zh-hans", ["过期", "任何"])]
    assert offered("", "en") == [("en", ["Any"]), ("zh-hans", ["任何"])]
    assert offer_saved_comments(cast.actor(cast.root), WINDOW, "en") == []


# --- Kept while closing


@pytest.mark.parametrize(
    ("text", "reads", "language"),
    [
        (TEXT, "en", "en"),
        (TEXT, "zh-hans", "en"),
        ("已过期。", "en", "zh-hans"),
        ("1 2 3", "zh-hans", "zh-hans"),
    ],
)
def test_comments_are_kept_in_the_language_of_their_script(
    cast: Cast, text: str, reads: str, language: str
) -> None:
    keep_comments(cast.actor(cast.ben), name="New", text=text, reason_code=WINDOW, language=reads)
    assert kept() == [("New", language, WINDOW, text)]


def test_a_name_that_is_taken_gets_a_number_and_the_same_text_is_kept_once(cast: Cast) -> None:
    ben = cast.actor(cast.ben)
    for text in (TEXT, "Another text.", TEXT, "A third one."):
        keep_comments(ben, name="Over", text=text, reason_code=WINDOW, language="en")
    assert [(name, text) for name, _, _, text in kept()] == [
        ("Over", TEXT),
        ("Over (2)", "Another text."),
        ("Over (3)", "A third one."),
    ]
    long = "n" * 130
    for text in ("Long.", "Long too."):
        keep_comments(ben, name=long, text=text, reason_code=WINDOW, language="en")
    assert [name for name, *_ in kept()][3:] == ["n" * 100, "n" * 94 + " (2)"]


def test_without_a_name_the_first_words_are_one(cast: Cast) -> None:
    keep_comments(cast.actor(cast.ben), name=" ", text=f"{TEXT}\nBye.", reason_code="other", language="en")
    assert kept()[0][0] == "We are sorry, the return window is over."


def test_a_database_that_fails_hinders_nothing(cast: Cast) -> None:
    def fail(**kwargs: object) -> None:
        raise DatabaseError("the disk is full")

    pre_save.connect(fail, sender=SavedComment)
    try:
        ben = cast.actor(cast.ben)
        assert keep_comments(ben, name="Over", text=TEXT, reason_code="other", language="en") is None
    finally:
        pre_save.disconnect(fail, sender=SavedComment)
    assert kept() == []


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_of_two_who_save_at_once_the_second_finds_the_first_s(cast: Cast) -> None:
    alice, ben = cast.actor(cast.alice), cast.actor(cast.ben)
    with transaction.atomic():
        save_comment(alice, name="Over", text=TEXT, language="en")
        rival = Rival(lambda: save_comment(ben, name="Over", text="Mine.", language="en"))
        rival.wait_for_my_lock("returns_seller")
    assert isinstance(rival.outcome(), Invalid)
    assert kept() == [("Over", "en", "", TEXT)]
