"""What the README shows is what appears."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest

from jobforge_dagster_tests.conftest import ROOT, Lake

SHOWN = re.findall(
    r"```console\n\$ (uv run (?:python -c \".*?\n.*?\"|jobforge quarantine show --table \S+))\n"
    r"(.*?)\n```",
    (ROOT / "README.md").read_text(),
    re.DOTALL,
)


@pytest.mark.parametrize(("command", "output"), SHOWN)
def test_a_shown_command_gives_the_shown_output(
    sample_lake: Lake, command: str, output: str
) -> None:
    assert sample_lake.run().success

    program, *arguments = shlex.split(command)[2:]
    start = {"python": [sys.executable], "jobforge": [sys.executable, "-m", "jobforge_dagster.cli"]}
    told = subprocess.run(
        [*start[program], *arguments],
        cwd=sample_lake.path.parent,
        capture_output=True,
        text=True,
        check=True,
    )

    assert _timeless(told.stdout.rstrip()) == _timeless(output)


def _timeless(text: str) -> str:
    return re.sub(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}", "", text)


def test_both_excerpts_are_found() -> None:
    assert len(SHOWN) == 2
