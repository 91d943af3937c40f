"""Settings: what the environment may say, and the one sentence it gets for what it may not."""

import os
import runpy
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from returns_portal.run import ROOT
from returns_portal.settings import kept_secret_key

KEY = "k" * 20 + "Abcdefghij0123456789" * 2
PRODUCTION = {
    "SITE_URL": "https://returns.example.com",
    "EMAIL_URL": "smtp+tls://desk:p%40ss@mail.example.com:587",
    "DEFAULT_FROM_EMAIL": "Returns desk <returns@example.com>",
    "DATABASE_URL": "postgres://desk:p%40ss@db.example.com:5433/desk",
    "CELERY_BROKER_URL": "redis://broker.example.com/1",
    "SECRET_KEY": KEY,
}


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Reads the settings anew from an environment that holds nothing else."""

    def read_from(**variables: str) -> dict[str, Any]:
        with monkeypatch.context() as patch:
            for name in list(os.environ):
                patch.delenv(name)
            for name, value in ({"DATA_DIR": str(tmp_path / "data")} | variables).items():
                patch.setenv(name, value)
            return runpy.run_path(str(ROOT / "returns_portal" / "settings.py"))

    return read_from


def in_a_process(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"]} | variables
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"SITE_URL": "returns.example.com"}, "SITE_URL must be http:// or https:// with a host"),
        (
            {"SITE_URL": "https://returns.example.com/desk"},
            "SITE_URL must be http:// or https:// with a host",
        ),
        ({"SITE_URL": "http://[x"}, "SITE_URL must be an address such as"),
        ({"SITE_URL": "http://localhost:many"}, "SITE_URL must be an address such as"),
        ({"SITE_URL": "http://returns.example.com"}, "SITE_URL must start with https://"),
        ({"SITE_URL": "https://returns.example.com"}, "EMAIL_URL must name a mail server when"),
        ({"EMAIL_URL": "mail.example.com"}, "EMAIL_URL must start with smtp://"),
        ({"EMAIL_URL": "smtp://:25"}, "EMAIL_URL must name a mail server."),
        ({"EMAIL_URL": "smtp://mail:port"}, "EMAIL_URL cannot be read"),
        ({"EMAIL_URL": "smtp://mail"}, "DEFAULT_FROM_EMAIL must say who our mails are from"),
        ({"DEFAULT_FROM_EMAIL": "Returns desk"}, "DEFAULT_FROM_EMAIL must be one address"),
        ({"DEMO": "perhaps"}, "DEMO must be 1 or 0."),
        ({"DEMO": "1", "EMAIL_URL": "smtp://mail"}, "DEMO has known passwords"),
        ({**PRODUCTION, "DEMO": "1"}, "DEMO has known passwords"),
        ({"ALLOWED_HOSTS": "a.example, *"}, "ALLOWED_HOSTS must name hosts, not *."),
        ({"TRUSTED_PROXIES": "proxy.example"}, "TRUSTED_PROXIES must be addresses or networks"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY and each of SECRET_KEY_FALLBACKS must have 50"),
        ({"SECRET_KEY": "a" * 60}, "SECRET_KEY and each of SECRET_KEY_FALLBACKS must have 50"),
        ({"SECRET_KEY_FALLBACKS": f"{KEY},old"}, "SECRET_KEY and each of SECRET_KEY_FALLBACKS must have 50"),
        ({"SECRET_KEY_FILE": "/nowhere"}, "SECRET_KEY_FILE cannot be read: No such file or directory."),
        ({"METRICS_TOKEN": "guess"}, "METRICS_TOKEN must have 16 characters or more."),
        ({"PAYOUT_BACKEND": "pigeon"}, "PAYOUT_BACKEND must be record, hand_over, or the dotted path"),
        ({"PAYOUT_BACKEND": "hand_over"}, "PAYOUT_URL must be the address to which refunds are handed over"),
        (
            {"PAYOUT_BACKEND": "hand_over", "PAYOUT_URL": "https://[x"},
            "PAYOUT_URL must be an address such as",
        ),
        (
            {"PAYOUT_BACKEND": "hand_over", "PAYOUT_URL": "https://u:secret@shop.example/p"},
            "PAYOUT_URL must be the address to which refunds are handed over",
        ),
        (
            {"PAYOUT_BACKEND": "hand_over", "PAYOUT_URL": "http://shop.example/p", "PAYOUT_SECRET": KEY},
            "PAYOUT_URL must start with https://",
        ),
        (
            {"PAYOUT_BACKEND": "hand_over", "PAYOUT_URL": "https://shop.example/p", "PAYOUT_SECRET": "guess"},
            "PAYOUT_SECRET, and each of PAYOUT_SECRET_FALLBACKS, must have 32 characters or more",
        ),
        (
            {
                "PAYOUT_BACKEND": "hand_over",
                "PAYOUT_URL": "https://shop.example/p",
                "PAYOUT_SECRET": KEY,
                "PAYOUT_SECRET_FALLBACKS": f"{KEY},old",
            },
            "PAYOUT_SECRET, and each of PAYOUT_SECRET_FALLBACKS, must have 32 characters or more",
        ),
        ({"DATABASE_URL": "mysql://db/desk"}, "DATABASE_URL must start with postgres:// or sqlite:///."),
        ({"DATABASE_URL": "postgres://u:secret@db:port/desk"}, "DATABASE_URL cannot be read"),
        ({"DATABASE_URL": "postgres://u:secret@db"}, "DATABASE_URL must name a database"),
        ({"DATABASE_URL": "sqlite://"}, "DATABASE_URL must name a database"),
        ({"CELERY_BROKER_URL": "amqp://broker"}, "CELERY_BROKER_URL must start with redis://"),
        ({"UNDO_SECONDS": "soon"}, "UNDO_SECONDS must be a whole number from 0"),
        ({"UNDO_SECONDS": "-1"}, "UNDO_SECONDS must be a whole number from 0"),
        ({"UNDO_SECONDS": "601"}, "UNDO_SECONDS must be a whole number from 0"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL must be DEBUG, INFO"),
        ({"DATA_DIR": "/dev/null/data"}, "DATA_DIR /dev/null/data cannot be made"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_wrong_value_stops_the_start_with_one_sentence(
    read: Any, capsys: pytest.CaptureFixture[str], variables: dict[str, str], sentence: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        read(**variables)
    assert stopped.value.code == 4
    said = capsys.readouterr().err
    assert said.startswith(sentence)
    assert said.endswith(".\n")
    assert said.count("\n") == 1
    assert "secret@" not in said


def test_manage_says_the_sentence_and_nothing_else(tmp_path: Path) -> None:
    ended = in_a_process("manage.py", "check", DATA_DIR=str(tmp_path), UNDO_SECONDS="soon")
    assert (ended.returncode, ended.stdout) == (4, "")
    assert ended.stderr == "UNDO_SECONDS must be a whole number from 0 (no undo) to 600.\n"


def test_celery_says_the_sentence_and_nothing_else(tmp_path: Path) -> None:
    ended = in_a_process(
        "-m", "celery", "-A", "returns_portal", "worker", DATA_DIR=str(tmp_path), DEMO="perhaps"
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (4, "", "DEMO must be 1 or 0.\n")


@pytest.mark.parametrize("command", ["worker", "beat"])
def test_celery_without_a_broker_says_who_does_the_work(tmp_path: Path, command: str) -> None:
    ended = in_a_process("-m", "celery", "-A", "returns_portal", command, DATA_DIR=str(tmp_path))
    assert ended.returncode == 4
    assert (
        "CELERY_BROKER_URL must name a Redis: without one, manage.py deliver does the work.\n" in ended.stderr
    )
    assert "Traceback" not in ended.stderr


def test_gunicorn_gives_up_with_the_sentence(tmp_path: Path) -> None:
    options = ["--bind", "127.0.0.1:0", "--no-control-socket", "--log-level", "critical"]
    ended = in_a_process(
        "-m", "gunicorn", *options, "returns_portal.wsgi", DATA_DIR=str(tmp_path), LOG_LEVEL="loud"
    )
    assert ended.returncode == 4
    assert ended.stderr == "LOG_LEVEL must be DEBUG, INFO, WARNING, ERROR or CRITICAL.\n"


def test_with_an_empty_environment_all_is_on_this_machine(read: Any, tmp_path: Path) -> None:
    settings = read()
    assert settings["DATABASES"]["default"]["NAME"] == str(tmp_path / "data" / "db.sqlite3")
    assert settings["ALLOWED_HOSTS"] == ["localhost", "127.0.0.1", "[::1]"]
    assert settings["EMAIL_BACKEND"] == "notifications.mailbox.Backend"
    assert settings["MAILBOX"] is True
    assert settings["DEMO"] is False
    assert settings["UNDO_SECONDS"] == 10
    assert settings["SESSION_COOKIE_NAME"] == "sessionid"
    assert settings["SECURE_SSL_REDIRECT"] is False
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_an_empty_variable_counts_as_absent(read: Any) -> None:
    assert read(DATABASE_URL="", EMAIL_URL="", UNDO_SECONDS="", DEMO="", LOG_LEVEL="")["UNDO_SECONDS"] == 10


def test_production_settings_are_strict_and_complete(read: Any) -> None:
    settings = read(**PRODUCTION, TRUSTED_PROXIES="10.0.0.0/8", SECRET_KEY_FALLBACKS=KEY[::-1])
    database = settings["DATABASES"]["default"]
    assert (database["HOST"], database["PORT"], database["PASSWORD"]) == ("db.example.com", 5433, "p@ss")
    assert (database["CONN_MAX_AGE"], database["CONN_HEALTH_CHECKS"]) == (60, True)
    assert (database["ATOMIC_REQUESTS"], settings["DEBUG"]) == (False, False)
    assert settings["ALLOWED_HOSTS"] == ["returns.example.com"]
    for name in ("SESSION", "CSRF", "LANGUAGE"):
        assert settings[f"{name}_COOKIE_NAME"].startswith("__Host-")
        assert settings[f"{name}_COOKIE_SECURE"] is True
    assert settings["SECURE_HSTS_SECONDS"] == 31_536_000
    assert settings["SECURE_PROXY_SSL_HEADER"] == ("HTTP_X_FORWARDED_PROTO", "https")
    assert (settings["EMAIL_HOST"], settings["EMAIL_PORT"]) == ("mail.example.com", 587)
    assert (settings["EMAIL_HOST_PASSWORD"], settings["EMAIL_USE_TLS"]) == ("p@ss", True)
    assert settings["EMAIL_TIMEOUT"] == 10
    assert settings["MAILBOX"] is False
    assert settings["SECRET_KEY_FALLBACKS"] == [KEY[::-1]]


def test_refunds_are_paid_by_people_unless_a_backend_is_named(read: Any) -> None:
    assert read()["PAYOUT_BACKEND"] == "returns.payouts.record.Backend"
    for url in ("https://shop.example/payouts", "http://127.0.0.1:8080/payouts"):
        settings = read(PAYOUT_BACKEND="hand_over", PAYOUT_URL=url, PAYOUT_SECRET=KEY)
        assert (settings["PAYOUT_BACKEND"], settings["PAYOUT_URL"]) == (
            "returns.payouts.hand_over.Backend",
            url,
        )
    assert read(PAYOUT_BACKEND="shop.pay.Backend")["PAYOUT_BACKEND"] == "shop.pay.Backend"


def test_no_proxy_is_believed_unless_named(read: Any) -> None:
    assert "SECURE_PROXY_SSL_HEADER" not in read(**PRODUCTION)


def test_a_secret_may_come_from_a_file(read: Any, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    assert read(SECRET_KEY_FILE=str(tmp_path / "key"))["SECRET_KEY"] == KEY


def test_djangos_own_deployment_check_is_clean(tmp_path: Path) -> None:
    ended = in_a_process(
        *("manage.py", "check", "--deploy", "--fail-level", "WARNING"), DATA_DIR=str(tmp_path), **PRODUCTION
    )
    assert ended.returncode == 0, ended.stderr


def test_the_secret_key_is_made_once_and_for_its_owner_only(read: Any, tmp_path: Path) -> None:
    key = read()["SECRET_KEY"]
    path = tmp_path / "data" / "secret_key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read()["SECRET_KEY"] == key == path.read_text()
    assert [file.name for file in path.parent.glob("secret_key*")] == ["secret_key"]


def test_processes_that_start_at_once_agree_on_one_secret_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(kept_secret_key, [tmp_path / "secret_key"] * 64))
    assert len(keys) == 1


def test_a_secret_key_that_others_can_read_is_refused(
    read: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    read()
    (tmp_path / "data" / "secret_key").chmod(0o640)
    with pytest.raises(SystemExit):
        read()
    assert "can be read by others" in capsys.readouterr().err


@pytest.mark.django_db
def test_sqlite_waits_for_its_lock_and_for_the_disk() -> None:
    with connection.cursor() as cursor:
        answers = [
            cursor.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        ]
    assert answers == ["wal", 2, 20_000, 1]
    assert connection.transaction_mode == "IMMEDIATE"
