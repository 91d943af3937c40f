"""The whole desk with PostgreSQL, Redis, Celery workers and SMTP, while parts of it die, freeze or refuse.

What is promised: a committed decision is never lost, its mail arrives once, and no click waits for what is away.
"""

import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.desk import COMMENTS, Browser, Case, Desk
from tests.notifications.mail_server import HANG
from tests.services import PostgreSQL, Redis, wait_until

pytestmark = pytest.mark.xdist_group("services")

# A click with everything alive takes what this machine takes; what is away may add less than this.
SECONDS_MORE = 1


@pytest.fixture(scope="module")
def desk(
    postgresql: PostgreSQL, redis_server: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    redis_server.flush()
    desk = Desk(postgresql, redis_server, tmp_path_factory.mktemp("for-real"))
    yield desk
    desk.close()


@pytest.fixture
def alice(desk: Desk) -> Browser:
    """Signed in, her first pages seen: what follows measures clicks, not the start of a server."""
    browser = Browser(desk).sign_in()
    for _visit in range(5):
        browser.get("/seller/returns/")
    return browser


@pytest.fixture(autouse=True)
def clean_in_the_end(desk: Desk) -> Iterator[None]:
    """Whatever a test did to it, the desk tells everybody once and the audit finds nothing."""
    yield
    wait_until(
        lambda: (
            not desk.rows(
                "SELECT 1 FROM returns_returnevent WHERE relayed_at IS NULL AND withdrawn_at IS NULL UNION ALL "
                "SELECT 1 FROM notifications_message WHERE status IN ('queued', 'sending', 'retry')"
            )
        ),
        60,
        "nothing is left to be told",
    )
    audit = desk.manage("audit")
    assert audit.returncode == 0, audit.stdout + audit.stderr


def test_the_journey(desk: Desk, alice: Browser) -> None:
    authorized, closed, bought = desk.import_requests(3)
    page = alice.get("/seller/returns/")
    assert all(case.order in page for case in (authorized, closed, bought))

    alice.post(f"/seller/returns/{authorized.reference}/authorize/")
    assert "Closed" in alice.close(closed)

    dora = Browser(desk)
    dora.get(f"/my/returns/{bought.reference}/")
    dora.post(f"/my/returns/{bought.reference}/send-code/")
    wait_until(lambda: bought.mails("code"), what="the code arrives")
    found = re.search(
        r"Your code: (\w{4}-?\w{4})", bought.mails("code")[0].get_body(("plain",)).get_content()
    )
    assert found
    assert bought.order in dora.post(f"/my/returns/{bought.reference}/code/", code=found[1])
    dora.post(
        f"/my/returns/{bought.reference}/close/", reason="buyer_problem_solved", comments="It works now."
    )

    assert [case.status for case in (authorized, closed, bought)] == ["authorized", "closed", "closed"]
    wait_until(lambda: len(bought.mails()) == 2 and closed.mails() and authorized.mails(), 45, "all is told")
    text = closed.mails()[0].get_body(("plain",)).get_content()
    assert COMMENTS in " ".join(text.split())
    to_alice = [mail["Subject"] for mail in desk.mail.mails("alice@north-lane.example")]
    assert sum(bought.order in subject for subject in to_alice) == 1
    assert [len(case.mails()) for case in (authorized, closed, bought)] == [1, 1, 2]
    desk.assert_once_each()


def test_redis_killed_in_the_middle_loses_nothing_and_no_click_waits(desk: Desk, alice: Browser) -> None:
    before, during, after = desk.import_requests(3)
    workers = {name: desk.programs[name].pid for name in ("one", "two", "beat")}
    usual = alice.usual
    alice.close(before)
    desk.redis.stop()
    alice.close(during)
    alice.get("/seller/returns/")
    alice.close(after)
    desk.redis.start()
    assert alice.slowest < usual + SECONDS_MORE
    desk.wait_until_told(before, during, after)
    assert {name: desk.programs[name].pid for name in workers} == workers
    assert all(desk.programs[name].is_running for name in workers)
    desk.assert_once_each()


def test_redis_frozen_costs_a_click_less_than_a_second_once(desk: Desk, alice: Browser) -> None:
    cases = desk.import_requests(3)
    usual = alice.usual
    # A web server of its own: no other test's breaker is open in it.
    desk.kill("web")
    desk.start("web")
    alice.get("/seller/returns/")
    alice.clicks.clear()
    desk.redis.freeze()
    try:
        for case in cases:
            alice.close(case)
        alice.get("/seller/returns/")
    finally:
        desk.redis.thaw()
    assert alice.slowest < usual + SECONDS_MORE
    desk.wait_until_told(*cases)
    desk.assert_once_each()


def test_redis_flushed_forgets_only_who_was_to_be_hurried(desk: Desk, alice: Browser) -> None:
    cases = desk.import_requests(4)
    for case in cases:
        alice.close(case)
        desk.redis.flush()
    desk.wait_until_told(*cases)
    desk.assert_once_each()


def test_workers_killed_in_mid_batch_lose_nothing(desk: Desk, alice: Browser) -> None:
    cases = desk.import_requests(6)
    seen = len(desk.mail.seen)
    desk.mail.script["DATA"] = [HANG]
    for case in cases:
        alice.close(case)
    wait_until(lambda: "DATA" in desk.mail.seen[seen:], 30, "a mail is under way")
    desk.kill("one", "two")
    desk.start("one")
    desk.start("two")
    # A lease lasts 30 seconds; then whoever comes by takes the mails over.
    desk.wait_until_told(*cases, seconds=90)
    desk.assert_once_each()


def broken_click(browser: Browser, case: Case, key: str) -> None:
    with pytest.raises(OSError):  # noqa: PT011 -- however a connection breaks
        browser.close(case, key=key)


def test_the_web_server_killed_between_commit_and_doorbell_loses_nothing(desk: Desk, alice: Browser) -> None:
    (case,) = desk.import_requests(1)
    desk.kill("web")
    desk.start("web")
    key = "one-form-sent-twice"
    desk.redis.freeze()
    try:
        # The doorbell of a frozen broker holds the answer up for 0.4 s: time to see the commit, and to kill.
        click = threading.Thread(target=broken_click, args=(alice, case, key))
        click.start()
        wait_until(lambda: case.status == "closed", what="the closing is committed")
        desk.kill("web")
        click.join()
    finally:
        desk.redis.thaw()
    desk.start("web")
    alice.close(case, key=key)
    assert case.actions() == ["record", "close"]
    desk.wait_until_told(case)
    desk.assert_once_each()


def test_a_mail_server_that_refuses_or_hangs_is_asked_again_and_a_no_is_final(
    desk: Desk, alice: Browser
) -> None:
    away, later, no, slow = desk.import_requests(4)
    desk.mail.script[f"RCPT {away.buyer}"] = ["421 closing"]
    desk.mail.script[f"RCPT {later.buyer}"] = ["451 4.3.0 later"]
    desk.mail.script[f"RCPT {no.buyer}"] = ["550 5.1.1 unknown"]
    for case in (away, later, no):
        alice.close(case)
    desk.wait_until_told(away, later, seconds=60)
    desk.mail.script["DATA"] = [HANG]
    alice.close(slow)
    desk.wait_until_told(slow, seconds=60)
    assert no.mails() == []
    assert "could not be delivered" in alice.get(f"/seller/returns/{no.reference}/").lower()
    desk.assert_once_each()


@pytest.mark.parametrize("rounds", [24, pytest.param(160, marks=pytest.mark.long)])
def test_undo_against_relay_has_one_winner_each_time(desk: Desk, alice: Browser, rounds: int) -> None:
    cases = desk.import_requests(rounds)

    def one_round(case: Case, moment: float) -> None:
        alice.close(case)
        time.sleep(moment)
        alice.post(f"/seller/returns/{case.reference}/undo/")

    with ThreadPoolExecutor(8) as clicks:
        # From at once, so that a busy machine undoes some within the second of the hold, to well after workers took
        # the event.
        list(clicks.map(one_round, cases, [number % 12 * 0.2 for number in range(rounds)]))
    closed = [case for case in cases if case.status == "closed"]
    undone = [case for case in cases if case.status == "authorization_required"]
    assert len(closed) + len(undone) == rounds
    assert closed
    assert undone
    desk.wait_until_told(*closed, seconds=60)
    assert [case.order for case in closed if len(case.mails()) != 1] == []
    assert [case.order for case in undone if case.mails()] == []
    assert all(case.actions() == ["record", "close", "undo"] for case in undone)
    desk.assert_once_each()


@pytest.mark.long
def test_a_hundred_deaths_lose_nothing(desk: Desk, alice: Browser) -> None:
    """Workers and Redis die in turn while decisions go on; a mail may come twice only where it says so."""
    cases = desk.import_requests(100)
    for number, case in enumerate(cases):
        alice.close(case)
        if number % 4 == 3:
            desk.redis.stop()
            desk.redis.start()
        else:
            name = ("one", "two")[number % 2]
            desk.kill(name)
            desk.start(name)
    desk.wait_until_told(*cases, seconds=300)
    doubtful = desk.rows("SELECT coalesce(sum(doubtful), 0) FROM notifications_message")[0][0]
    arrived = sum(len(case.mails()) for case in cases)
    assert arrived <= len(cases) + doubtful
