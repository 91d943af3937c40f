"""Files that rows name: written whole and synchronised before the row is, and removed when no row names them."""

import os
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from ..exceptions import Invalid

# A form may be sent until long before its file is taken for forgotten.
FORGOTTEN_AFTER = 24 * 60 * 60


def store_file(folder: str, content: bytes, suffix: str) -> str:
    """Write `content` under a random name in `folder` below `MEDIA_ROOT`; answers ``folder/name``.

    Raises `Invalid` for the field ``file`` where it cannot be stored; nothing is left of it then.
    """
    name = f"{folder}/{secrets.token_hex(16)}{suffix}"
    write_file(name, content)
    return name


def write_file(name: str, content: bytes) -> None:
    """Write `content` as `name` below `MEDIA_ROOT`, as `store_file` does."""
    path = Path(settings.MEDIA_ROOT, name)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(path, "xb", opener=lambda file, flags: os.open(file, flags, 0o600)) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError:
        with suppress(OSError):
            path.unlink()
        sentence = _("The file could not be stored. Please try again in a while.")
        raise Invalid(sentence, {"file": sentence}) from None


def stored_path(folder: str, name: str) -> Path:
    """Where the file `name` lies; a path that is no file's for any name that is not ours."""
    return Path(settings.MEDIA_ROOT, folder, Path(name).name or "none")


def clear_files(folder: str, named: Callable[[Collection[str]], Iterable[str]]) -> int:
    """Remove files that were stored a day ago or earlier and that no row names. Answers how many.

    `named` is asked for some names at a time and answers those that a row names.
    """
    gone = 0
    files = _old_files(folder)
    while some := list(islice(files, 500)):
        paths = {f"{folder}/{path.name}": path for path in some}
        for name in paths.keys() - set(named(paths.keys())):
            paths[name].unlink(missing_ok=True)
            gone += 1
    return gone


def _old_files(folder: str) -> Iterator[Path]:
    path = Path(settings.MEDIA_ROOT, folder)
    before = time.time() - FORGOTTEN_AFTER
    if path.is_dir():
        with os.scandir(path) as entries:
            yield from (Path(entry.path) for entry in entries if entry.stat().st_mtime < before)
