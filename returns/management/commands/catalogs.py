"""The Chinese catalog: brought up to date from the sources and compiled, with Babel alone."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext_noop, ngettext_lazy
from django.utils.translation.template import templatize

LOCALE = "zh_Hans"
PO = Path(settings.LOCALE_PATHS[0]) / LOCALE / "LC_MESSAGES" / "django.po"
MO = PO.with_suffix(".mo")
FOLDERS = ("notifications", "returns", "returns_portal", "templates")
# The functions of django.utils.translation: which argument is the context, the singular, the plural.
KEYWORDS: dict[str, Any] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
# What Django and allauth say on our pages. Marked here, it is in our catalog, whose words go before theirs: one
# voice on a page, and every reader addressed as politely.
BORROWED = (
    gettext_noop("This field is required."),
    gettext_noop("Enter a valid email address."),
    gettext_noop("Enter a valid date."),
    gettext_noop("Enter a number."),
    gettext_noop("Enter a whole number."),
    gettext_noop("Ensure this value is less than or equal to %(limit_value)s."),
    gettext_noop("Ensure this value is greater than or equal to %(limit_value)s."),
    gettext_noop("Null characters are not allowed."),
    gettext_noop("Select a valid choice. %(value)s is not one of the available choices."),
    gettext_noop("Select a valid choice. That choice is not one of the available choices."),
    ngettext_lazy(
        "Ensure this value has at least %(limit_value)d character (it has %(show_value)d).",
        "Ensure this value has at least %(limit_value)d characters (it has %(show_value)d).",
        "limit_value",
    ),
    ngettext_lazy(
        "Ensure this value has at most %(limit_value)d character (it has %(show_value)d).",
        "Ensure this value has at most %(limit_value)d characters (it has %(show_value)d).",
        "limit_value",
    ),
    ngettext_lazy(
        "Your password must contain at least %(min_length)d character.",
        "Your password must contain at least %(min_length)d characters.",
        "min_length",
    ),
    ngettext_lazy(
        "This password is too short. It must contain at least %(min_length)d character.",
        "This password is too short. It must contain at least %(min_length)d characters.",
        "min_length",
    ),
    gettext_noop("Your password can’t be a commonly used password."),
    gettext_noop("This password is too common."),
    gettext_noop("Your password can’t be too similar to your other personal information."),
    gettext_noop("The password is too similar to the %(verbose_name)s."),
    gettext_noop("You must type the same password each time."),
    gettext_noop("This account is currently inactive."),
    gettext_noop("Email"),
    gettext_noop("Current Password"),
    gettext_noop("New Password"),
    gettext_noop("New Password (again)"),
    gettext_noop("Forgot your password?"),
    gettext_noop("Authenticator code"),
    gettext_noop("Passwordless"),
    gettext_noop(
        "Enabling passwordless operation allows you to sign in using just this key, but imposes additional "
        "requirements such as biometrics or PIN protection."
    ),
    gettext_noop("Master key"),
    gettext_noop("Backup key"),
)
HEADER = """\
# What the portal says in simplified Chinese. Translate here, then run `manage.py catalogs`: it takes strings
# in and out as the sources do, and compiles. tests/test_catalogs.py holds the glossary.
#"""


class StableCatalog(Catalog):
    """A catalog without dates and tools in its header: the same messages make the same bytes."""

    def __init__(self) -> None:
        super().__init__(locale=LOCALE, header_comment=HEADER, fuzzy=False)

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        return [
            ("Language", LOCALE),
            ("Plural-Forms", self.plural_forms),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit\n"),
        ]


def python_of(path: Path) -> str | None:
    """The strings of the file as calls in Python, or None when a file of this kind has none.

    What Django makes of a template is Python in its tokens, not in its indentation: that is taken away.
    """
    if path.suffix == ".py":
        return path.read_text()
    if path.suffix in (".html", ".txt"):
        return "\n".join(line.strip() for line in templatize(path.read_text(), str(path)).splitlines())
    return None


def marked_strings(root: Path) -> Catalog:
    """Every string that a source below `root` marks for translation, with the files that say it."""
    catalog = StableCatalog()
    for path in sorted(path for folder in FOLDERS for path in (root / folder).rglob("*")):
        source = python_of(path)
        if source is None:
            continue
        said_in = [(path.relative_to(root).as_posix(), 0)]
        for _, message, comments, context in extract(
            "python", BytesIO(source.encode()), KEYWORDS, ("Translators",)
        ):
            catalog.add(message, locations=said_in, auto_comments=comments, context=context)
    return catalog


def kept_catalog() -> Catalog:
    """The catalog as it lies in the tree."""
    with PO.open("rb") as file:
        return read_po(file, locale=LOCALE)


def translated(strings: Catalog, kept: Catalog) -> Catalog:
    """`strings` with the words that `kept` has for them. Changed English is a new string: none is guessed."""
    for message in strings:
        known = kept.get(message.id, message.context) if message.id else None
        if known and known.pluralizable == message.pluralizable:
            message.string = known.string
            message.user_comments = known.user_comments
    return strings


def as_po(catalog: Catalog) -> bytes:
    """Sorted by the English, named by file without line: code that moves leaves it as it is."""
    output = BytesIO()
    write_po(output, catalog, width=110, sort_output=True, ignore_obsolete=True, include_lineno=False)
    return output.getvalue()


def as_mo(catalog: Catalog) -> bytes:
    output = BytesIO()
    write_mo(output, catalog)
    return output.getvalue()


def shortcomings(strings: Catalog, kept: Catalog) -> Iterator[str]:
    """What keeps the catalog in the tree from saying everything that the sources say, one line each."""
    marked = {(message.id, message.context) for message in strings if message.id}
    listed = {(message.id, message.context): message for message in kept if message.id}
    yield from (f"not in the catalog: {text}" for text, _ in marked - listed.keys())
    yield from (f"no longer in the sources: {text}" for text, _ in listed.keys() - marked)
    for message in listed.values():
        if message.fuzzy or not "".join(message.string or ()):
            yield f"not translated: {message.id}"


class Command(BaseCommand):
    help = "Brings the Chinese catalog up to date with the strings of the sources, and compiles it."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="change nothing; exit 1 and name what the catalog lacks"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        catalog = translated(marked_strings(settings.BASE_DIR), kept_catalog())
        if not options["check"]:
            PO.write_bytes(as_po(catalog))
            MO.write_bytes(as_mo(catalog))
        kept = kept_catalog()
        lacking = sorted(shortcomings(catalog, kept))
        if MO.read_bytes() != as_mo(catalog):
            lacking.append("django.mo is not what django.po says")
        if lacking:
            raise CommandError("\n".join(lacking))
        self.stdout.write(f"{len(kept)} strings, all translated.")
