"""./run and ./test before Python: what they find, what they make of it, what they say."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from returns_portal.run import ROOT

TOOLS = ("basename", "cat", "dirname", "head", "mkdir", "rm", "sh")
PACKAGES = ("alpha", "beta", "gamma")
Say = Callable[..., subprocess.CompletedProcess[str]]

# A Python that is as new and as complete as it is told to be, copies itself, and notes what it is asked.
FAKE_PYTHON = """#!/bin/sh
echo "python $*" >>"$NOTES"
case "$*" in
*ensurepip,*) [ -n "$FAKE_HAS_VENV" ] ;;
*version_info*) [ -n "$FAKE_IS_NEW" ] ;;
"-m venv "*) mkdir -p "$4/bin" && cat "$0" >"$4/bin/python" && /bin/chmod +x "$4/bin/python" ;;
*install.py*) [ -z "$FAKE_FAILS" ] ;;
"-m returns_portal.run"*) echo "started in $PWD: $*" ;;
esac
"""
FAKE_UV = """#!/bin/sh
echo "uv $*" >>"$NOTES"
case "$1" in
venv) for last in "$@"; do :; done; python3 -m venv --without-pip "$last" ;;
pip) [ -n "$FAKE_UV_REACHES" ] ;;
esac
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory, with a space in its name, that holds what ./run needs to begin."""
    tree = tmp_path / "the desk"
    (tree / "returns_portal").mkdir(parents=True)
    for name in ("run", "requirements.txt", "returns_portal/environment.sh"):
        shutil.copy(ROOT / name, tree / name)
    return tree


@pytest.fixture
def run(tree: Path, tmp_path: Path) -> Say:
    """Runs ./run of `tree` from elsewhere, with a few tools and a fake Python, and no other variables."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found
        (tools / tool).symlink_to(found)

    def say(*arguments: str, uv: bool = False, **variables: str) -> subprocess.CompletedProcess[str]:
        for name, text in {"python3": FAKE_PYTHON, "uv": FAKE_UV}.items():
            (tools / name).write_text(text)
            (tools / name).chmod(0o700 if uv or name == "python3" else 0o600)
        environment = {"PATH": str(tools), "NOTES": str(tmp_path / "notes"), "FAKE_IS_NEW": "1"}
        return subprocess.run(
            [tree / "run", *arguments],
            cwd=tmp_path,
            env=environment | {"FAKE_HAS_VENV": "1"} | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    return say


@pytest.fixture
def notes(tmp_path: Path) -> Callable[[], str]:
    """What the fakes were told since the last time this was asked."""
    path = tmp_path / "notes"

    def taken() -> str:
        text = path.read_text() if path.exists() else ""
        path.unlink(missing_ok=True)
        return text

    return taken


@pytest.mark.parametrize("command", ["run", "test"])
def test_help_needs_nothing(command: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [ROOT / command, "--help"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"usage: ./{command} ")


def test_the_first_start_makes_an_environment_and_installs_what_is_locked(
    run: Say, notes: Callable[[], str], tree: Path, tmp_path: Path
) -> None:
    ended = run("--port", "0", "--data", "my data")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == (
        f"started in {tree}: -m returns_portal.run --relative-to {tmp_path} --port 0 --data my data\n"
    )
    said = notes()
    assert f"-m venv --without-pip {tree / '.venv'}\n" in said
    assert f"-P {tree / 'returns_portal/install.py'} {tree / 'requirements.txt'}\n" in said


def test_the_next_start_installs_nothing(run: Say, notes: Callable[[], str]) -> None:
    run()
    notes()
    ended = run()
    assert ended.stderr == ""
    assert notes().count("\n") == 1


def test_changed_requirements_are_installed_into_the_same_environment(
    run: Say, notes: Callable[[], str], tree: Path
) -> None:
    run()
    notes()
    (tree / "requirements.txt").write_text("django==5.2.19\n")
    assert run().returncode == 0
    said = notes()
    assert "-m venv" not in said
    assert "install.py" in said
    run()
    assert "install.py" not in notes()


def test_an_installation_that_failed_is_tried_again(run: Say, notes: Callable[[], str], tree: Path) -> None:
    run()
    (tree / "requirements.txt").write_text("django==5.2.19\n")
    ended = run(FAKE_FAILS="1")
    assert ended.returncode == 1
    assert ended.stderr.endswith("The packages could not be installed; what is above says why.\n")
    notes()
    assert run().returncode == 0
    assert "install.py" in notes()


def test_another_python_makes_the_environment_anew(run: Say, notes: Callable[[], str]) -> None:
    run()
    notes()
    assert run(PYTHON="python3").returncode == 0
    assert "-m venv" in notes()


def test_uv_is_used_where_it_is(run: Say, notes: Callable[[], str], tree: Path) -> None:
    assert run(uv=True, FAKE_UV_REACHES="1", FAKE_HAS_VENV="").returncode == 0
    said = notes()
    assert f"uv venv --python >=3.11 {tree / '.venv'}\n" in said
    assert f"--require-hashes --requirement {tree / 'requirements.txt'}" in said
    assert "install.py" not in said


def test_where_uv_reaches_no_packages_pip_may(run: Say, notes: Callable[[], str]) -> None:
    assert run(uv=True).returncode == 0
    assert "install.py" in notes()


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the wheels of three packages, each a module that is named as its package."""
    folder = tmp_path_factory.mktemp("wheels")
    for name in PACKAGES:
        info = f"{name}-1.0.dist-info"
        with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}.py", "")
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
    return folder


def locked(wheels: Path, name: str) -> str:
    digest = hashlib.sha256((wheels / f"{name}-1.0-py3-none-any.whl").read_bytes()).hexdigest()
    return f"{name}==1.0 ; python_version >= '3' \\\n    --hash=sha256:{'0' * 64} \\\n    --hash=sha256:{digest}\n"


def installed(wheels: Path, venv: Path, *locks: Path) -> subprocess.CompletedProcess[str]:
    """What install.py says, run with a new environment `venv`, where pip finds nothing but `wheels`."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    return subprocess.run(
        [venv / "bin" / "python", "-P", ROOT / "returns_portal" / "install.py", *locks],
        env={"PATH": "/usr/bin:/bin", "HOME": str(venv), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_locked_package_is_installed_though_two_files_name_it(wheels: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_text(locked(wheels, "alpha") + locked(wheels, "beta"))
    second.write_text(locked(wheels, "alpha") + locked(wheels, "gamma"))
    ended = installed(wheels, tmp_path / "venv", first, second)
    assert (ended.returncode, ended.stderr) == (0, "")
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-c", f"import {', '.join(PACKAGES)}"], check=True)


def test_files_that_lock_a_package_differently_are_refused(wheels: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_text(locked(wheels, "alpha"))
    second.write_text(locked(wheels, "alpha").replace("==1.0", "==2.0"))
    ended = installed(wheels, tmp_path / "venv", first, second)
    assert ended.returncode == 1
    assert "alpha==1.0 and alpha==2.0" in ended.stderr


@pytest.mark.parametrize("changed", PACKAGES)
def test_a_package_that_is_not_the_locked_one_is_refused(wheels: Path, tmp_path: Path, changed: str) -> None:
    lock, other = tmp_path / "lock.txt", tmp_path / "wheels"
    lock.write_text("".join(locked(wheels, name) for name in PACKAGES))
    shutil.copytree(wheels, other)
    with zipfile.ZipFile(other / f"{changed}-1.0-py3-none-any.whl", "a") as wheel:
        wheel.writestr("more.py", "")
    ended = installed(other, tmp_path / "venv", lock)
    assert ended.returncode == 1
    assert "DO NOT MATCH THE HASHES" in ended.stderr


def test_the_lock_names_all_that_the_packages_in_it_need() -> None:
    """Installed without looking for dependencies, each package must find its own in the lock."""
    lines = re.findall(r"^\w[^\\\n]*", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    locked = {
        requirement.name
        for requirement in map(Requirement, lines)
        if requirement.marker is None or requirement.marker.evaluate()
    }
    for name in locked:
        for needed in map(Requirement, distribution(name).requires or ()):
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                assert canonicalize_name(needed.name) in locked, f"{name} needs {needed.name}"


def test_too_old_a_python_is_said_in_one_sentence(run: Say, tree: Path) -> None:
    ended = run(FAKE_IS_NEW="")
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[1:] == [
        "Python 3.11 or newer is needed, and python3 is not: install it, or uv, which brings it along."
    ]
    assert not (tree / ".venv").exists()


def test_a_missing_venv_is_said_in_one_sentence(run: Say) -> None:
    ended = run(FAKE_HAS_VENV="")
    assert ended.returncode == 1
    assert ended.stderr.endswith(
        "\npython3 cannot make virtual environments: install its venv, on Debian and Ubuntu with: "
        "sudo apt-get install python3-venv\n"
    )


def test_ci_calls_the_tests_and_nothing_else() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines[1:] == ['cd -- "$(dirname -- "$0")/.." && exec env CI=true ./test']
    for name in ("run", "test", ".ci/run", "manage.py"):
        assert os.access(ROOT / name, os.X_OK)
