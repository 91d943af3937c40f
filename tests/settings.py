"""The portal's settings with a data directory of their own, whatever the environment of the tests."""

import atexit
import os
import shutil
import tempfile

for name in (
    "ALLOWED_HOSTS",
    "CELERY_BROKER_URL",
    "DATABASE_URL",
    "DEFAULT_FROM_EMAIL",
    "DEMO",
    "EMAIL_URL",
    "LOG_LEVEL",
    "METRICS_TOKEN",
    "PAYOUT_BACKEND",
    "PAYOUT_SECRET",
    "PAYOUT_URL",
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "SITE_URL",
    "TRUSTED_PROXIES",
    "UNDO_SECONDS",
):
    os.environ.pop(name, None)
    os.environ.pop(f"{name}_FILE", None)
os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="returns-tests-")
atexit.register(shutil.rmtree, os.environ["DATA_DIR"], ignore_errors=True)

from returns_portal.settings import *  # noqa: E402, F403
from returns_portal.settings import DATA_DIR, DATABASES, STATIC_ROOT  # noqa: E402

# In a file, not in memory: threads and child processes of a test see the same database.
DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
DATABASES["default"]["CONN_MAX_AGE"] = 0
STATIC_ROOT.mkdir()
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
