"""All settings, read once from the environment (docs/operations.md lists every variable).

A value that cannot be meant stops the start with one sentence on standard error and exit code 4: the code on
which gunicorn gives up instead of starting its worker again, and which `returns_portal.run` does not restart.
"""

import os
import re
import secrets
import sys
import tempfile
from email.utils import parseaddr
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()


def refuse(sentence: str) -> NoReturn:
    """Stop this process because a setting is wrong. `sentence` names the variable, never a secret value."""
    print(sentence, file=sys.stderr, flush=True)
    raise SystemExit(4)


def text(name: str, default: str = "") -> str:
    """The variable `name` (or the contents of the file that `name`_FILE names); empty counts as absent."""
    value = env.str(name, default="")
    if path := env.str(f"{name}_FILE", default=""):
        try:
            value = Path(path).read_text()
        except OSError as error:
            refuse(f"{name}_FILE cannot be read: {error.strerror}.")
    return value.strip() or default


def entries(name: str) -> list[str]:
    """The comma-separated entries of the variable `name`."""
    return [entry.strip() for entry in text(name).split(",") if entry.strip()]


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address, is this machine itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# --- Where state lies, and where the portal is reached

DATA_DIR = Path(text("DATA_DIR", str(BASE_DIR / "var"))).expanduser().absolute()
try:
    DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    (DATA_DIR / "uploads").mkdir(mode=0o700, exist_ok=True)
except OSError as error:
    refuse(f"DATA_DIR {DATA_DIR} cannot be made: {error.strerror}.")

SITE_URL = text("SITE_URL", "http://localhost:8000").rstrip("/")
try:
    site = urlsplit(SITE_URL)
    site_host, _ = site.hostname or "", site.port
except ValueError:
    refuse("SITE_URL must be an address such as https://returns.example.com.")
if (
    site.scheme not in ("http", "https")
    or not site_host
    or site.path
    or site.query
    or site.fragment
    or site.username
):
    refuse("SITE_URL must be http:// or https:// with a host and nothing behind it.")
HTTPS = site.scheme == "https"
LOOPBACK = is_loopback(site_host)
if not HTTPS and not LOOPBACK:
    refuse("SITE_URL must start with https://: http is for this machine alone (localhost).")

EMAIL_URL = text("EMAIL_URL")
if not EMAIL_URL and not LOOPBACK:
    refuse("EMAIL_URL must name a mail server when SITE_URL is not on this machine.")

demo = text("DEMO", "0").lower()
if demo not in ("0", "false", "no", "off", "1", "true", "yes", "on"):
    refuse("DEMO must be 1 or 0.")
DEMO = demo in ("1", "true", "yes", "on")
if DEMO and (EMAIL_URL or not LOOPBACK):
    refuse("DEMO has known passwords: it needs a SITE_URL on this machine and no EMAIL_URL.")

ALLOWED_HOSTS = entries("ALLOWED_HOSTS")
if "*" in ALLOWED_HOSTS:
    refuse("ALLOWED_HOSTS must name hosts, not *.")
if not ALLOWED_HOSTS:
    ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"] if LOOPBACK else [site_host]

try:
    TRUSTED_PROXIES = [ip_network(entry) for entry in entries("TRUSTED_PROXIES")]
except ValueError:
    refuse("TRUSTED_PROXIES must be addresses or networks such as 10.0.0.0/8, separated by commas.")

# --- Keys


def kept_secret_key(path: Path) -> str:
    """The key in the file `path`; the first start makes it, readable by its owner only.

    The new file appears under its name complete or not at all, and of two processes that start at once one
    makes it and both read it: link() refuses a name that is taken.
    """
    if not path.exists():
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix="secret_key.")
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(64))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            Path(draft).unlink()
    if path.stat().st_mode & 0o077:
        refuse(f"{path} can be read by others: take that right away with chmod 600.")
    return path.read_text().strip()


try:
    SECRET_KEY = text("SECRET_KEY") or kept_secret_key(DATA_DIR / "secret_key")
except OSError as error:
    refuse(f"The secret key in DATA_DIR {DATA_DIR} cannot be kept: {error.strerror}.")
SECRET_KEY_FALLBACKS = entries("SECRET_KEY_FALLBACKS")
if any(len(key) < 50 or len(set(key)) < 5 for key in (SECRET_KEY, *SECRET_KEY_FALLBACKS)):
    refuse("SECRET_KEY and each of SECRET_KEY_FALLBACKS must have 50 random characters or more.")

METRICS_TOKEN = text("METRICS_TOKEN")
if METRICS_TOKEN and len(METRICS_TOKEN) < 16:
    refuse("METRICS_TOKEN must have 16 characters or more.")

# --- Django

DEBUG = False
ROOT_URLCONF = "returns_portal.urls"
WSGI_APPLICATION = "returns_portal.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "returns.User"

INSTALLED_APPS = [
    "returns_portal",
    "notifications",
    "returns",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_htmx",
]

MIDDLEWARE = [
    "returns_portal.logging.RequestIdMiddleware",
    "returns_portal.proxies.TrustedProxyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # Compressed with random padding (against BREACH); CSRF tokens are masked anew on every page.
    "django.middleware.gzip.GZipMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    # The domain's own come last: they need the user, and a refusal meets the innermost first.
    "returns.middleware.IdleMiddleware",
    "returns.middleware.LanguageMiddleware",
    "returns.middleware.RefusalMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "returns.views.site.frame",
            ],
        },
    }
]

# --- Database

DATABASE_URL = text("DATABASE_URL")
database_url = DATABASE_URL or f"sqlite:///{DATA_DIR / 'db.sqlite3'}"
if database_url.partition("://")[0] not in ("postgres", "postgresql", "sqlite"):
    refuse("DATABASE_URL must start with postgres:// or sqlite:///.")
try:
    database: dict[str, Any] = env.db_url_config(database_url)
except (ValueError, ImproperlyConfigured):
    refuse("DATABASE_URL cannot be read: it must look like postgres://user:password@host:5432/name.")
if not DATABASE_URL:
    database["NAME"] = str(DATA_DIR / "db.sqlite3")
if database["NAME"] in ("", ":memory:"):
    refuse("DATABASE_URL must name a database: several processes work with it.")
database.setdefault("OPTIONS", {})
if database["ENGINE"].endswith("sqlite3"):
    database["OPTIONS"] |= {
        # IMMEDIATE takes the write lock when a transaction begins: the second writer then waits for up to the
        # timeout, where a lock wanted half way is refused at once.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
    }
else:
    database["OPTIONS"].setdefault("connect_timeout", 5)
DATABASES = {
    "default": {**database, "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True, "ATOMIC_REQUESTS": False},
}

# Rate limits only. Not Redis: a sign-in must not fail because the broker is away.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

# --- Sessions, cookies, headers

COOKIE_PREFIX = "__Host-" if HTTPS else ""
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_NAME = f"{COOKIE_PREFIX}sessionid"
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}csrftoken"
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_NAME = f"{COOKIE_PREFIX}language"
LANGUAGE_COOKIE_SECURE = HTTPS
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_AGE = 365 * 24 * 60 * 60
MESSAGE_STORAGE = "returns_portal.messages.PrefixedCookieStorage"

SECURE_SSL_REDIRECT = HTTPS
# Probes reach the process itself, without the proxy that speaks https.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
# Asking browser makers to preload a domain is a promise its owner makes, for every host below it.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
SECURE_CONTENT_TYPE_NOSNIFF = True
# Not no-referrer: Django's CSRF check under https needs the referrer of our own pages.
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if TRUSTED_PROXIES:
    # TrustedProxyMiddleware has removed the header unless a trusted proxy set it.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# --- People

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
PASSWORD_RESET_TIMEOUT = 60 * 60
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/seller/returns/"
LOGOUT_REDIRECT_URL = "/"

ACCOUNT_ADAPTER = "returns.accounts.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
# Members come by an invitation sent to their address: it is proved before there is an account.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
# Whoever owns an account is told when its password or second factor changed.
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_DEFAULT_HTTP_PROTOCOL = site.scheme
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_RATE_LIMITS = {
    # All the people of the demo share one address, and its passwords are no secret.
    "login": "300/m/ip" if DEMO else "30/m/ip",
    "login_failed": "10/m/ip,5/300s/key",
    "reset_password": "20/m/ip,5/m/key",
    "reset_password_from_key": "20/m/ip",
    "change_password": "5/m/user",
    "reauthenticate": "10/m/user",
}
MFA_ADAPTER = "returns.accounts.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_ISSUER = "Returns desk"
# Browsers allow passkeys over http for localhost alone, and so do we.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS

# --- Languages and times

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "returns" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- Files

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = DATA_DIR / "uploads"
# What arrives lies where it will stay: a move is no copy, and the system's own folder may be small.
FILE_UPLOAD_TEMP_DIR = MEDIA_ROOT
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- Mail

EMAIL_TIMEOUT = 10
# The header by which a mail provider recognises the same mail again, where it knows one.
EMAIL_IDEMPOTENCY_HEADER = text("EMAIL_IDEMPOTENCY_HEADER")
MAILBOX = not EMAIL_URL
DEFAULT_FROM_EMAIL = text("DEFAULT_FROM_EMAIL")
if EMAIL_URL:
    if EMAIL_URL.partition("://")[0] not in ("smtp", "smtps", "smtp+tls", "smtp+ssl"):
        refuse("EMAIL_URL must start with smtp://, smtp+tls:// or smtp+ssl://.")
    try:
        mail_server = env.email_url_config(EMAIL_URL)
    except ValueError:
        refuse("EMAIL_URL cannot be read: it must look like smtp+tls://user:password@host:587.")
    if not mail_server["EMAIL_HOST"]:
        refuse("EMAIL_URL must name a mail server.")
    if not DEFAULT_FROM_EMAIL:
        refuse("DEFAULT_FROM_EMAIL must say who our mails are from when EMAIL_URL is set.")
    EMAIL_BACKEND = mail_server["EMAIL_BACKEND"]
    EMAIL_HOST = mail_server["EMAIL_HOST"]
    EMAIL_PORT = mail_server["EMAIL_PORT"] or 25
    EMAIL_HOST_USER = mail_server["EMAIL_HOST_USER"] or ""
    EMAIL_HOST_PASSWORD = mail_server["EMAIL_HOST_PASSWORD"] or ""
    EMAIL_USE_TLS = mail_server.get("EMAIL_USE_TLS", False)
    EMAIL_USE_SSL = mail_server.get("EMAIL_USE_SSL", False)
else:
    EMAIL_BACKEND = "notifications.mailbox.Backend"
    DEFAULT_FROM_EMAIL = DEFAULT_FROM_EMAIL or "Returns desk <returns@demo.test>"
try:
    validate_email(parseaddr(DEFAULT_FROM_EMAIL)[1])
except ValidationError:
    refuse("DEFAULT_FROM_EMAIL must be one address, as in Returns desk <returns@example.com>.")
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# --- How refunds are paid

_BACKENDS = {"record": "returns.payouts.record.Backend", "hand_over": "returns.payouts.hand_over.Backend"}
payout_backend = text("PAYOUT_BACKEND", "record")
PAYOUT_BACKEND = _BACKENDS.get(payout_backend, payout_backend)
if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", PAYOUT_BACKEND):
    refuse("PAYOUT_BACKEND must be record, hand_over, or the dotted path of a class.")
PAYOUT_URL = text("PAYOUT_URL")
PAYOUT_SECRET = text("PAYOUT_SECRET")
PAYOUT_SECRET_FALLBACKS = entries("PAYOUT_SECRET_FALLBACKS")
if payout_backend == "hand_over":
    try:
        shop = urlsplit(PAYOUT_URL)
        shop_host, _ = shop.hostname or "", shop.port
    except ValueError:
        refuse("PAYOUT_URL must be an address such as https://shop.example.com/payouts.")
    if not shop_host or shop.username or shop.fragment or not PAYOUT_URL.isascii():
        refuse(
            "PAYOUT_URL must be the address to which refunds are handed over when PAYOUT_BACKEND is hand_over."
        )
    if shop.scheme != "https" and not (shop.scheme == "http" and is_loopback(shop_host)):
        refuse("PAYOUT_URL must start with https://: http is for this machine alone (localhost).")
    if any(len(secret) < 32 for secret in (PAYOUT_SECRET, *PAYOUT_SECRET_FALLBACKS)):
        refuse(
            "PAYOUT_SECRET, and each of PAYOUT_SECRET_FALLBACKS, must have 32 characters or more when "
            "PAYOUT_BACKEND is hand_over."
        )

# --- Decisions and the work behind them

try:
    UNDO_SECONDS = int(text("UNDO_SECONDS", "10"))
except ValueError:
    UNDO_SECONDS = -1
if not 0 <= UNDO_SECONDS <= 600:
    refuse("UNDO_SECONDS must be a whole number from 0 (no undo) to 600.")

# Seconds between two runs of each periodic job. Whoever claims a run's (name, due_at) row does it.
SCHEDULE = {
    "authorize_at_limit": 15,
    "remind": 30,
    "lapse_offers": 30,
    "complete_not_returned": 600,
    "clear_access_rows": 6 * 60 * 60,
    "clear_uploads": 60 * 60,
    "clear_label_files": 6 * 60 * 60,
    "clear_photo_files": 6 * 60 * 60,
    "clear_drafts": 60 * 60,
    "work_on_bulk_runs": 1,
    "forget_bulk_runs": 6 * 60 * 60,
    "clear_deciding": 60 * 60,
}

CELERY_BROKER_URL = text("CELERY_BROKER_URL")
if CELERY_BROKER_URL and CELERY_BROKER_URL.partition("://")[0] not in ("redis", "rediss", "redis+socket"):
    refuse("CELERY_BROKER_URL must start with redis://, rediss:// or redis+socket://.")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 50
CELERY_TASK_SOFT_TIME_LIMIT = 40
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_DEFAULT_QUEUE = "returns"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_POOL_LIMIT = 4
CELERY_TIMEZONE = "UTC"
CELERY_VISIBILITY_TIMEOUT = 120
# For those who publish: a page or beat gives up on a Redis that is away within half a second. Workers, who
# wait for Redis as long as it takes, loosen this in returns_portal/celery.py.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": "returns:",
    "visibility_timeout": CELERY_VISIBILITY_TIMEOUT,
    "socket_connect_timeout": 0.3,
    "socket_timeout": 0.5,
    "max_retries": 0,
    "interval_start": 0,
    "interval_step": 0.05,
    "interval_max": 0.05,
    "health_check_interval": 10,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "unacked_mutex_expire": 10,
}
# What becomes due later is found by asking. A ring that no worker hears in ten seconds is followed by others.
CELERY_BEAT_SCHEDULE = {
    task: {"task": task, "schedule": 2.0, "options": {"expires": 10}}
    for task in (
        "returns.run_due_jobs",
        "returns.work_on_a_file",
        "returns.send_payouts",
        "notifications.relay_events",
        "notifications.deliver_messages",
    )
}
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "celerybeat-schedule")

# --- Logs: JSON lines on standard error, without personal data

LOG_LEVEL = text("LOG_LEVEL", "INFO").upper()
if LOG_LEVEL not in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
    refuse("LOG_LEVEL must be DEBUG, INFO, WARNING, ERROR or CRITICAL.")
# Tasks run every second or two and say so each time; at INFO only what goes wrong with them is worth a line.
ROUTINE_LEVEL = "WARNING" if LOG_LEVEL == "INFO" else LOG_LEVEL
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "returns_portal.logging.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        # RequestIdMiddleware has a line for each answer already, and statements would show the data in them.
        "django.request": {"level": "ERROR"},
        "django.db.backends": {"level": "INFO"},
        "django.server": {"handlers": [], "propagate": True},
        "celery": {"level": LOG_LEVEL},
        "celery.app.trace": {"level": ROUTINE_LEVEL},
        "celery.beat": {"level": ROUTINE_LEVEL},
        "celery.worker.strategy": {"level": ROUTINE_LEVEL},
    },
}
