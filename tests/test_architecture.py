"""The arrows between modules, and the rules of the tree that no other tool knows."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from returns_portal.run import ROOT

OURS = ("returns_portal", "notifications", "returns")
PURE = ("exceptions", "state_machine", "policy", "actors", "money", "text", "dates", "grounds", "advice")
CONFIGURATION = tomllib.loads((ROOT / "pyproject.toml").read_text())


def sources(*folders: str) -> list[Path]:
    """Our Python files below `folders`, without migrations."""
    return [
        path
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "migrations" not in path.parts
    ]


def templates() -> list[Path]:
    return sorted(path for path in (ROOT / "templates").rglob("*") if path.suffix in (".html", ".txt"))


def imports(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Each module that the file imports from, absolute imports only, with the names taken."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or "", [alias.name for alias in node.names]


def at(path: Path, node: ast.expr | ast.stmt) -> str:
    return f"{path.relative_to(ROOT)}:{node.lineno}"


# --- Arrows


def lint_imports(tree: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache", "--config", str(ROOT / "pyproject.toml")],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def stub(tmp_path: Path) -> Path:
    """A tree that has every module our contracts list, each of them empty."""
    for package in OURS:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    contracts: list[dict[str, Any]] = CONFIGURATION["tool"]["importlinter"]["contracts"]
    for contract in contracts:
        for container in contract.get("containers", []):
            for layer in contract["layers"]:
                for module in layer.split("|"):
                    (tmp_path / container / f"{module.strip()}.py").touch()
    return tmp_path


def test_all_arrows_point_the_right_way() -> None:
    ended = lint_imports(ROOT)
    assert ended.returncode == 0, ended.stdout


def test_a_tree_of_just_the_listed_modules_is_accepted(stub: Path) -> None:
    ended = lint_imports(stub)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("package", ["returns", "notifications"])
def test_a_module_that_is_not_listed_is_refused(stub: Path, package: str) -> None:
    (stub / package / "helpers.py").touch()
    ended = lint_imports(stub)
    assert ended.returncode == 1
    assert f"{package}.helpers" in ended.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("returns/services", "import notifications.services"),
        ("returns/models", "import returns_portal"),
        ("notifications/services", "import returns_portal"),
        ("returns/selectors", "import returns.services"),
        ("returns/policy", "import returns.models"),
        ("returns/services", "import returns.views"),
        ("returns/views", "import returns.admin"),
        ("returns/exceptions", "import returns.state_machine"),
        ("notifications/models", "import notifications.rendering"),
        ("returns/services", "import redis"),
    ],
)
def test_an_arrow_the_wrong_way_is_refused(stub: Path, module: str, line: str) -> None:
    (stub / f"{module}.py").write_text(f"{line}\n")
    ended = lint_imports(stub)
    assert ended.returncode == 1
    assert "BROKEN" in ended.stdout


# --- Rules of the tree


@pytest.mark.parametrize("name", PURE)
def test_the_heart_needs_no_database(name: str) -> None:
    for module, names in imports(ROOT / "returns" / f"{name}.py"):
        if module == "django.db.models":
            assert set(names) <= {"TextChoices", "IntegerChoices"}, f"{name} imports {names}"
        elif module.startswith("django"):
            assert module.startswith("django.utils"), f"{name} imports {module}"


def test_reports_read_bytes_and_nothing_else() -> None:
    for path in sources("returns/reports"):
        for module, _ in imports(path):
            assert not module.startswith(("django.db", "django.conf", "django.http")), (
                f"{path} imports {module}"
            )


def test_only_tasks_know_celery_and_only_notifications_know_mail() -> None:
    for path in sources("returns"):
        for module, _ in imports(path):
            assert not module.startswith(("django.core.mail", "email")), f"{path} imports {module}"
            assert not module.startswith("celery") or path.name == "tasks.py", f"{path} imports {module}"


def test_views_leave_refusals_to_the_middleware() -> None:
    tries = [
        at(path, node)
        for path in [*sources("returns/views"), ROOT / "notifications" / "views.py"]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Try)
    ]
    assert tries == []


def test_services_save_the_fields_they_changed_and_no_others() -> None:
    careless = [
        at(path, node)
        for path in [*sources("returns/services"), ROOT / "notifications" / "services.py"]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "save"
        and ast.unparse(node.func.value) != "default_storage"
        and not {"update_fields", "force_insert"} & {keyword.arg for keyword in node.keywords}
    ]
    assert careless == []


def test_no_page_lets_markup_through() -> None:
    """Templates escape; what Python marks as safe, ruff's S308 asks a reason for."""
    unescaped = re.compile(r"\|\s*(safe|safeseq|urlize|urlizetrunc)\b|autoescape off")
    pages = [path for path in templates() if path.suffix == ".html"]
    assert [str(path.relative_to(ROOT)) for path in pages if unescaped.search(path.read_text())] == []


def test_pages_carry_no_script_or_style_of_their_own() -> None:
    """Mails may carry a style attribute: they are shown by their reader's program, not under our policy."""
    script = r"<script(?![^>]*\s(?:src=|type=\"application/json\"))[^>]*>"
    inline = re.compile(rf"{script}|<style|\sstyle=|\son[a-z]+=|javascript:", re.IGNORECASE)
    pages = [path for path in templates() if path.suffix == ".html" and "emails" not in path.parts]
    found = {str(path.relative_to(ROOT)): inline.findall(path.read_text()) for path in pages}
    assert {name: what for name, what in found.items() if what} == {}


def test_pages_load_nothing_from_elsewhere() -> None:
    foreign = re.compile(r"(?:src|href|srcset|action)=[\"']?(?:https?:)?//", re.IGNORECASE)
    pages = [path for path in templates() if path.suffix == ".html" and "emails" not in path.parts]
    assert [str(path.relative_to(ROOT)) for path in pages if foreign.search(path.read_text())] == []


def test_nothing_is_left_for_later() -> None:
    left = re.compile(r"\b(TODO|FIXME|XXX)\b")
    me = Path(__file__)
    found = [
        str(path.relative_to(ROOT))
        for path in [*sources(*OURS, "tests"), *templates()]
        if path != me and left.search(path.read_text())
    ]
    assert found == []


def test_the_supervisor_needs_the_standard_library_only() -> None:
    supervisor = ast.parse((ROOT / "returns_portal" / "run.py").read_text())
    at_start = [node for node in supervisor.body if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {alias.name for node in at_start if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in at_start if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in modules} <= sys.stdlib_module_names
    package = ast.parse((ROOT / "returns_portal" / "__init__.py").read_text())
    assert not [node for node in package.body if isinstance(node, ast.Import | ast.ImportFrom)]
