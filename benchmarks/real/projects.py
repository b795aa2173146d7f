"""What is measured on the real files: the ways of making tables, each in a fresh folder.

The plain script, the platform, and the least that each of them costs: a process that imports
Polars, and a Dagster project with one asset that does nothing.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
REAL = PROJECT.parent / "shared" / "real_sources"
SAMPLE = PROJECT / "data" / "source"
"""What the project ships: of its files, those that the real ones do not replace are used."""

MATERIALIZE = [sys.executable, "-m", "dagster", "asset", "materialize"]

TRIVIAL = """
import dagster as dg

@dg.asset
def trivial() -> int:
    return 1
"""
STOCK = """
storage:
  sqlite:
    base_dir: .dagster
telemetry:
  enabled: false
nux:
  enabled: false
python_logs:
  python_log_level: WARNING
"""
"""Dagster with its own storage, and as quiet as the platform."""


@dataclass(frozen=True)
class Way:
    """Something that is run.

    Attributes:
        title: for people.
        prepare: lays out a fresh, empty folder; it is not measured.
        command: what runs in that folder.
        gold: where it leaves gold tables in the folder, if it makes any.
    """

    title: str
    prepare: Callable[[Path], None]
    command: tuple[str, ...]
    gold: str | None = None


def landed(folder: Path) -> None:
    """Put the real files, and the synthetic job titles, into ``source`` below a folder."""
    shutil.copytree(SAMPLE, folder / "source", copy_function=shutil.copyfile)
    shutil.copytree(REAL, folder / "source", copy_function=shutil.copyfile, dirs_exist_ok=True)


def platform(folder: Path) -> None:
    """Lay out a project of the platform that has never run."""
    landed(folder / "data")
    shutil.copyfile(PROJECT / "dagster.yaml", folder / "dagster.yaml")


def trivial(folder: Path) -> None:
    """Lay out a Dagster project with one asset."""
    (folder / "trivial.py").write_text(TRIVIAL, "utf-8")
    (folder / "dagster.yaml").write_text(STOCK, "utf-8")


def environment(folder: Path) -> dict[str, str]:
    """The environment of a run: no settings of Dagster or of the platform but the data root."""
    ours = ("DAGSTER_", "JOBFORGE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "JOBFORGE_DATA_ROOT": str(folder / "data")}


def made(title: str, selection: str) -> Way:
    """A first run of the platform."""
    module = "jobforge_dagster.definitions"
    return Way(title, platform, (*MATERIALIZE, "-m", module, "--select", selection), "data/gold")


IMPORT = Way("`import polars`", lambda _: None, (sys.executable, "-c", "import polars"))
PLAIN = Way(
    "plain Polars script",
    landed,
    (sys.executable, str(Path(__file__).parent / "plain.py"), "source", "gold"),
    "gold",
)
START = Way("Dagster's own start", trivial, (*MATERIALIZE, "-m", "trivial", "--select", "trivial"))
GOLD = made("ours: gold, and what it is made of", '+key:"gold/*"')
OURS = made("ours: everything", "*")

WAYS = (IMPORT, PLAIN, START, GOLD, OURS)
