"""The commands that the README and the pages of ``docs/`` show, with the output that they show."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jobforge_dagster_tests.conftest import ROOT

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

_BLOCK = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"\s+# .*$")


@dataclass(frozen=True)
class Shown:
    """A command as a page shows it.

    Attributes:
        page: where it stands.
        text: the command, without its prompt and its comment.
        output: what is shown below it; empty if nothing is.
    """

    page: Path
    text: str
    output: str

    @property
    def words(self) -> list[str]:
        """The command's words, as a shell reads them."""
        return shlex.split(self.text.replace("\\\n", " "))


def shown(page: Path) -> Iterator[Shown]:
    """The commands of a page, in their order."""
    for block in _BLOCK.findall(page.read_text("utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.splitlines()
            command = [_COMMENT.sub("", lines.pop(0))]
            while not _is_whole("\n".join(command)):
                command.append(lines.pop(0))
            yield Shown(page, "\n".join(command), "\n".join(lines).rstrip())


def timeless(text: str) -> str:
    """A text without what differs from run to run: times, durations, ids of runs, hashes."""
    text = re.sub(r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?Z?", "<time>", text)
    text = re.sub(r"\b(batch|run|sha256) [0-9a-f]{8}[0-9a-f-]*\b", r"\1 <id>", text)
    text = re.sub(r"\b(?=[0-9a-f-]*\d)(?=[0-9a-f-]*[a-f])[0-9a-f]{8}[0-9a-f-]*\b", "<id>", text)
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")


def write(command: Shown, output: str) -> None:
    """Let a page show another output of a command."""
    text = command.page.read_text("utf-8")
    start = text.index("\n", text.index(f"$ {command.text}") + len(command.text))
    shown = "\n".join(line.rstrip() for line in output.strip("\n").splitlines())
    end = start + 1 + len(command.output)
    command.page.write_text(f"{text[:start]}\n{shown}{text[end:]}", "utf-8")


def _is_whole(command: str) -> bool:
    try:
        return not command.endswith("\\") and bool(shlex.split(command))
    except ValueError:  # a quotation that goes on in the next line
        return False
