"""docs/cli/ is what the commands say of themselves; `make docs` writes it anew."""

import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs/cli"
COMMANDS = {"sightpost": "gateway.commands", "sightpost-registry": "registry.cli"}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_reference_says_what_the_commands_say(name: str) -> None:
    said = subprocess.run(
        [Path(sys.executable).with_name("typer"), COMMANDS[name], "utils", "docs", "--name", name],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert (DOCS / f"{name}.md").read_text().strip() == said.stdout.strip(), "run `make docs`"
