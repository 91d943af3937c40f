"""What holds for every template and static file, without drawing a page."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import get_template

TEMPLATES = Path(settings.BASE_DIR, "templates")
STATIC = Path(settings.BASE_DIR, "static")
COMPONENTS = Path(settings.BASE_DIR, "docs/components.html")
PAGES = sorted(path for path in TEMPLATES.rglob("*.html") if "emails" not in path.parts)
COMMENT = re.compile(r"{% comment %}.*?{% endcomment %}", re.DOTALL)


def name_of(path: Path) -> str:
    return str(path.relative_to(TEMPLATES))


def markup(path: Path) -> str:
    return COMMENT.sub("", path.read_text())


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_a_template_compiles(path: Path) -> None:
    get_template(name_of(path))


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_a_template_has_nothing_the_content_security_policy_forbids(path: Path) -> None:
    source = markup(path)
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:|hx-on", source)
    for attributes, body in re.findall(r"<script([^>]*)>(.*?)</script>", source, re.DOTALL):
        assert 'type="application/json"' in attributes or ("src=" in attributes and not body.strip())


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_a_template_trusts_no_text_and_names_no_other_host(path: Path) -> None:
    assert not re.search(r"\|\s*safe\b|autoescape off|urlize|https?://", markup(path))


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_form_that_writes_carries_the_token(path: Path) -> None:
    for form in re.findall(r'<form[^>]*method="post".*?</form>', markup(path), re.DOTALL):
        assert "{% csrf_token %}" in form


def test_the_stylesheets_stay_small() -> None:
    sizes = {path.name: path.stat().st_size for path in (STATIC / "css").iterdir()}
    assert sizes.pop("portal.css") <= 20 * 1024
    assert max(sizes.values()) <= 4_000, "what pages of one kind need for themselves"


def test_the_page_of_components_shows_each_of_them() -> None:
    sheet = (STATIC / "css/portal.css").read_text()
    layer = sheet.partition("@layer components {")[2].partition("@layer pages {")[0]
    named = set(re.findall(r"(?m)^(?:details > \w+)?\.([a-z]+)", layer))
    shown = set(re.findall(r"[a-z]+", " ".join(re.findall(r'class="([^"]+)"', COMPONENTS.read_text()))))
    assert {"button", "badge", "notice", "field"} <= named
    assert named <= shown


def test_the_sprite_holds_exactly_the_icons_that_are_drawn() -> None:
    held = set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "icons/sprite.svg").read_text()))
    drawn = {name for path in PAGES for name in re.findall(r'{% icon "([^"]+)" %}', path.read_text())}
    assert held == drawn


def test_what_is_not_ours_lies_beside_its_licence() -> None:
    assert "Zero-Clause BSD" in (STATIC / "js/htmx.LICENSE.txt").read_text()
    assert "ISC License" in (STATIC / "icons/lucide.LICENSE.txt").read_text()
    assert (STATIC / "js/htmx-4.0.1.min.js").is_file()
