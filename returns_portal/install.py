"""Install the files of locked packages named as arguments into the virtual environment that runs this.

Standard library only. What most of a first start waits for is pip, which keeps one processor busy: so pip is not
installed, but run from the wheel that Python brings along, and two of them share the packages. Neither looks for
what its half depends on, for the lock names everything.
"""

import ensurepip
import re
import signal
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

PIPS = 2
# Without compiling: Python does that for what it loads, and most of it is never loaded.
INSTALL = [
    *("install", "-qq", "--disable-pip-version-check", "--no-input"),
    *("--no-compile", "--no-deps", "--require-hashes"),
]


def pip_command() -> list[str]:
    """What runs pip: its wheel, where ensurepip or the system's packager keeps it, or else pip installed here."""
    for place in (sysconfig.get_config_var("WHEEL_PKG_DIR"), Path(ensurepip.__file__).parent / "_bundled"):
        for wheel in Path(place or "/nowhere").glob("pip-*.whl"):
            return [sys.executable, str(wheel / "pip")]
    subprocess.run([sys.executable, "-m", "ensurepip"], check=True, stdout=subprocess.DEVNULL)
    return [sys.executable, "-m", "pip"]


def shares_of(lock: str) -> list[str]:
    """`lock` dealt out to PIPS, each package with all its lines, those in the other file included."""
    shares, dealt = [""] * PIPS, dict[str, int]()
    for name, lines in re.findall(r"^(?=([\w.-]+))(.+\n(?:[ \t].*\n)*)", lock, re.MULTILINE):
        shares[dealt.setdefault(name, len(dealt)) % PIPS] += lines
    return shares


def install(files: list[Path]) -> bool:
    """Install what `files` lock; answers whether all of it could be. What could not, pip has said."""
    pip = pip_command()
    with tempfile.TemporaryDirectory() as folder:
        pips = []
        for number, share in enumerate(shares_of("".join(path.read_text() for path in files))):
            part = Path(folder, f"{number}.txt")
            part.write_text(share)
            pips.append(subprocess.Popen([*pip, *INSTALL, "--requirement", str(part)]))
        ended = [process.wait() for process in pips]
    return not any(ended)


if __name__ == "__main__":
    # Ctrl-C reaches both pips as well, and what they say of it is enough.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(0 if install([Path(name) for name in sys.argv[1:]]) else 1)
