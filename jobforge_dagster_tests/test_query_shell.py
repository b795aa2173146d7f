"""``jobforge shell`` in a terminal: Ctrl-C ends a statement, and what is typed next is heard."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

pty = pytest.importorskip("pty", reason="This machine has no pseudo-terminals.")

PATIENCE = 60
"""Seconds after which the shell is given up; it answers within a moment."""


class Terminal:
    """A program in a terminal of its own.

    Args:
        data: the data root.
    """

    def __init__(self, data: Path) -> None:
        self._said = ""
        self.process, self._screen = pty.fork()
        if self.process == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.environ.update(JOBFORGE_DATA_ROOT=str(data), TERM="dumb")
            program = "import polars; from jobforge_dagster.cli import main; main(['shell'])"
            os.execv(sys.executable, [sys.executable, "-c", program])

    def type(self, text: str) -> None:
        os.write(self._screen, text.encode())

    def wait_for(self, text: str, again: str = "") -> str:
        """What it says, up to a text; ``again`` is typed whenever it is silent for two seconds."""
        end = time.monotonic() + PATIENCE
        while text not in self._said:
            left = end - time.monotonic()
            assert left > 0, self._said
            if select.select([self._screen], [], [], min(2, left))[0]:
                self._said += os.read(self._screen, 4096).decode(errors="replace")
            else:
                self.type(again)
        told, found, self._said = self._said.partition(text)
        return told + found

    def interrupt(self, text: str) -> None:
        """Press Ctrl-C until it says a text: a key that is pressed between two waits is not heard.

        Python's ``input`` hears a signal only while it waits for a key.
        """
        self.type("\x03")
        self.wait_for(text, again="\x03")

    def close(self) -> None:
        os.close(self._screen)
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    gold = tmp_path / "data/gold"
    gold.mkdir(parents=True)
    pl.DataFrame({"code": ["1"]}).write_parquet(gold / "dim_noc.parquet")
    found = Terminal(tmp_path / "data")
    yield found
    found.close()


def test_a_statement_ends_by_the_keyboard_and_the_next_is_answered(terminal: Terminal) -> None:
    terminal.wait_for("jobforge> ")
    terminal.type("select count(*) from range(100000000000) a;\n")
    terminal.wait_for("a;")
    time.sleep(1)  # it must be under way, which nothing tells
    terminal.interrupt("Interrupted.")
    terminal.wait_for("jobforge> ")
    terminal.type("select 40 +\n")
    terminal.wait_for("...> ")
    terminal.type("2 as answer;\n")

    assert "42" in terminal.wait_for("jobforge> ")


def test_ctrl_c_forgets_what_was_typed(terminal: Terminal) -> None:
    terminal.wait_for("jobforge> ")
    terminal.type("select nonsense\n")
    terminal.wait_for("...> ")
    terminal.interrupt("jobforge> ")
    terminal.type("select 42 as answer;\n")

    assert "42" in terminal.wait_for("jobforge> ").replace("select 42", "")
