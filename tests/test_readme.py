"""README says what is true."""

import re
from pathlib import Path

from returns.state_machine import diagram

README = Path(__file__).parents[1] / "README.md"


def test_the_state_diagram_is_the_one_the_table_prints():
    shown = README.read_text().split("```mermaid\n")[1].split("```")[0]
    assert shown == diagram()


def test_every_page_it_points_to_exists():
    for target in re.findall(r"\]\(([^)#]+)\)", README.read_text()):
        assert target.startswith("https://") or (README.parent / target).exists(), target
