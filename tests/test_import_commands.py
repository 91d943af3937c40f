"""The commands people's scripts rely on: what they print, what they exit with, and what a kill leaves behind."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from returns.models import FileRun, Order, ReturnRequest
from returns.services import close_return
from tests.factories import at_once, closing, make_cast
from tests.returns.report_files import SAMPLES, orders_file, returns_file
from tests.services import wait_until

ROOT = Path(__file__).parent.parent


@pytest.fixture
def cast(db):
    return make_cast()


@pytest.fixture
def run(cast, tmp_path):
    """Runs a command on a file (a path, or what is to be in one) and gives its lines."""

    def run(command, file, *options, seller="north-lane"):
        if not isinstance(file, Path):
            path = tmp_path / "report.tsv"
            path.write_bytes(file.getvalue())
            file = path
        output = StringIO()
        call_command(command, str(file), "--seller", seller, *options, stdout=output)
        return output.getvalue().splitlines()

    return run


@pytest.mark.parametrize(
    ("command", "name", "rows"),
    [
        ("import_orders", "orders_report.tsv", 80),
        ("import_orders", "orders_shipping.tsv", 80),
        ("import_returns", "returns_report_us.tsv", 80),
        ("import_returns", "returns_report_eu.tsv", 60),
        ("import_returns", "returns_report.xml", 12),
    ],
)
def test_the_summary_is_one_line(run, command, name, rows):
    again = f"new 0 · changed 0 · unchanged {rows} · unknown codes 0 · refused 0"
    assert run(command, SAMPLES / name) == [
        f"new {rows} · changed 0 · unchanged 0 · unknown codes 0 · refused 0"
    ]
    assert run(command, SAMPLES / name) == [again]


def test_refused_rows_unknown_codes_and_contradictions_are_listed(cast, run):
    row = {"label_type": "AmazonUnPaidLabel", "return_request_status": "PendingApproval"}
    run("import_returns", returns_file(row))
    request = ReturnRequest.objects.get()
    close_return(at_once(cast.actor(cast.alice)), reference=request.reference, closing=closing())
    lines = run(
        "import_returns",
        returns_file(
            row, {"order_id": "O-2", "return_quantity": "x"}, {"order_id": "O-3", "return_reason": "CR-ODD"}
        ),
        "--json",
    )
    assert lines[:4] == [
        "new 1 · changed 0 · unchanged 1 · unknown codes 1 · refused 1",
        "Line 3, column “Return quantity”: “x” is not a quantity. Write a whole number from 1 on.",
        "Unknown code: CR-ODD",
        "Line 2, order 111-1234567-1234567 DfqRyqfBRRMA: “Closed” here, “PendingApproval” there.",
    ]
    assert list(json.loads(lines[-1]).items()) == [
        ("new", 1),
        ("changed", 0),
        ("unchanged", 1),
        (
            "refused",
            [
                {
                    "line": 3,
                    "column": "Return quantity",
                    "reason": "“x” is not a quantity. Write a whole number from 1 on.",
                }
            ],
        ),
        (
            "contradictions",
            [
                {
                    "line": 2,
                    "order": "111-1234567-1234567",
                    "rma": "DfqRyqfBRRMA",
                    "here": "closed",
                    "there": "PendingApproval",
                }
            ],
        ),
        ("unknown_codes", ["CR-ODD"]),
    ]


@pytest.mark.parametrize(
    ("command", "make"), [("import_orders", orders_file), ("import_returns", returns_file)]
)
def test_a_dry_run_says_so_and_writes_nothing(run, command, make):
    lines = run(command, make({}), "--dry-run", "--json")
    assert lines[:2] == [
        "new 1 · changed 0 · unchanged 0 · unknown codes 0 · refused 0",
        "This was a dry run: nothing was written.",
    ]
    assert json.loads(lines[-1])["new"] == 1
    assert not Order.objects.exists()
    assert not FileRun.objects.exists()


@pytest.mark.parametrize("command", ["import_orders", "import_returns"])
def test_what_cannot_be_read_is_one_sentence(run, command, tmp_path):
    empty = tmp_path / "empty.tsv"
    empty.touch()
    for file, sentence in (
        (tmp_path / "none.tsv", f"There is no file “{tmp_path}/none.tsv”."),
        (tmp_path, f"“{tmp_path}” is a folder. Name a file."),
        (empty, "This file is empty. Download the report again."),
    ):
        with pytest.raises(CommandError) as raised:
            run(command, file)
        assert str(raised.value) == sentence
    with pytest.raises(CommandError, match=r"There is no seller with the short name “nobody”\."):
        run(command, empty, seller="nobody")
    assert not FileRun.objects.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfeO\x00r\x00d\x00e\x00r\x00",
        b"\x00\x01\x02\x03\x04\x05\x06\x07" * 100,
        b"Order ID\tReturn request date\tReturn request status\tMerchant SKU\tReturn quantity\n",
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
        (SAMPLES / "marketplace_fulfilled_returns.tsv").read_bytes(),
    ],
)
def test_hostile_and_wrong_files_leave_nothing_behind(run, tmp_path, content):
    path = tmp_path / "report.tsv"
    path.write_bytes(content)
    with pytest.raises(CommandError) as raised:
        run("import_returns", path)
    assert str(raised.value).endswith(".")
    assert "\n" not in str(raised.value)
    assert not FileRun.objects.exists()
    assert not Order.objects.exists()


# --- The real thing


@pytest.fixture
def desk(tmp_path):
    """A migrated desk with one seller; answers how to run `manage.py` on it."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    environment |= {"DATA_DIR": str(tmp_path / "data"), "DJANGO_SETTINGS_MODULE": "returns_portal.settings"}
    (tmp_path / "data").mkdir()

    def manage(*arguments, start=subprocess.run):
        command = [sys.executable, "manage.py", *map(str, arguments)]
        options = {
            "cwd": ROOT,
            "env": environment,
            "text": True,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        }
        return start(command, **options)

    made = manage("migrate", "--verbosity", "0")
    assert made.returncode == 0, made.stderr
    made = manage(
        "shell",
        "--no-imports",
        "-c",
        "from returns.models import Seller; Seller.objects.create(slug='s', name='S')",
    )
    assert made.returncode == 0, made.stderr
    return manage


def test_the_command_exits_with_0_for_a_file_and_with_1_and_a_sentence_for_none(desk, tmp_path):
    done = desk("import_returns", SAMPLES / "returns_report_us.tsv", "--seller", "s", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout.splitlines()[-1])["new"] == 80
    for file, seller in (
        (tmp_path / "none", "s"),
        (SAMPLES / "marketplace_fulfilled_returns.tsv", "s"),
        (SAMPLES, "x"),
    ):
        failed = desk("import_returns", file, "--seller", seller)
        assert (failed.returncode, failed.stdout) == (1, "")
        assert len(failed.stderr.splitlines()) == 1
        assert "Traceback" not in failed.stderr


def test_a_killed_import_is_finished_by_running_it_again(desk, tmp_path):
    rows = 4000
    path = tmp_path / "many.tsv"
    path.write_bytes(returns_file(*({"order_id": f"O-{number}"} for number in range(rows))).getvalue())
    base = next((tmp_path / "data").glob("*.sqlite3"))

    def stored(sql="SELECT count(*) FROM returns_returnrequest"):
        with sqlite3.connect(f"file:{base}?mode=ro", uri=True) as connection:
            return connection.execute(sql).fetchone()[0]

    running = desk("import_returns", path, "--seller", "s", start=subprocess.Popen)
    try:
        wait_until(lambda: 0 < stored() < rows, seconds=60, what="some chunks are stored")
    finally:
        running.send_signal(signal.SIGKILL)
        running.communicate()
    before = stored()
    assert 0 < before < rows
    assert before == stored("SELECT count(*) FROM returns_returnevent")
    assert before == stored("SELECT sum(requests) FROM returns_statuscount")
    assert before == stored("SELECT max(rows_done) FROM returns_filerun")

    done = desk("import_returns", path, "--seller", "s")
    assert done.stdout.splitlines() == [
        f"new {rows - before} · changed 0 · unchanged {before} · unknown codes 0 · refused 0"
    ]
    assert stored() == stored("SELECT sum(units_held) FROM returns_orderitem") == rows


@pytest.mark.parametrize("command", ["import_orders", "import_returns"])
@pytest.mark.parametrize("is_empty", [False, True])
def test_a_database_without_tables_is_named_in_a_sentence_and_not_made(tmp_path, command, is_empty):
    database = tmp_path / "db.sqlite3"
    if is_empty:
        database.touch()
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment |= {"DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "returns_portal.settings"}
    told = subprocess.run(
        [sys.executable, "manage.py", command, SAMPLES / "orders_report.tsv", "--seller", "north-lane"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    sentence = f"The database in {tmp_path} has no tables."
    assert (told.returncode, sentence in told.stderr, "Traceback" in told.stderr) == (1, True, False)
    assert database.exists() == is_empty
