"""Projects that are run as users run them: ours in a folder of its own, and one of nothing.

A project can be run for the first time, in a fresh folder, or again where it stands and nothing
changed. ``ours`` and ``nothing`` of a :class:`Pair` have the same number of steps and of checks.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from measuring import Cost, measure

BENCHMARKS = Path(__file__).parents[1]
PROJECT = BENCHMARKS.parent
REAL = PROJECT.parent / "shared" / "real_sources"
OURS, NOTHING = "jobforge_dagster.definitions", "fixed_costs.trivial"
SETTINGS = ("DAGSTER_", "JOBFORGE_")
"""How variables begin that would change what is measured."""

ROWS = 10
SETTLED = 2.1
"""Seconds until the file system's clock tells what was written from what is written later."""

QUIET = """telemetry:
  enabled: false
nux:
  enabled: false
python_logs:
  python_log_level: WARNING
"""
"""Dagster's own storage and defaults, but as quiet as ours on the console."""

COUNTING = """
import json
from jobforge_dagster.definitions import defs
graph = defs.resolve_asset_graph()
print(json.dumps([len(graph.get_all_asset_keys()), len(graph.asset_check_keys)]))
"""


@dataclass
class Project:
    """A project and the folders that it runs in.

    Attributes:
        place: a folder for its folders.
        module: what Dagster loads.
        variables: of its environment, besides those of where it runs.
        landing: fills the landing folder, if it has one.
    """

    place: Path
    module: str
    variables: Mapping[str, str]
    landing: Callable[[Path], None] | None = None

    def environment(self, folder: Path) -> dict[str, str]:
        """The whole environment in which it runs in a folder."""
        return {
            **{name: text for name, text in os.environ.items() if not name.startswith(SETTINGS)},
            "DAGSTER_HOME": str(folder),
            "JOBFORGE_DATA_ROOT": "data",
            "PYTHONPATH": os.pathsep.join(map(str, (BENCHMARKS, PROJECT))),
            **self.variables,
        }

    def fresh(self, name: str) -> Path:
        """A folder in which it has never run."""
        folder = self.place / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if self.landing is None:
            (folder / "dagster.yaml").write_text(QUIET, "utf-8")
        else:
            shutil.copyfile(PROJECT / "dagster.yaml", folder / "dagster.yaml")
            self.landing(folder / "data" / "source")
        return folder

    @cached_property
    def kept(self) -> Path:
        """The folder in which it has run, and in which nothing changed since."""
        folder = self.fresh("kept")
        self.run(folder)
        if self.landing:
            time.sleep(SETTLED)
            self.run(folder)
        return folder

    def copy(self, name: str) -> Path:
        """A copy of the folder in which it has run, for what would change it."""
        folder = self.place / name
        shutil.copytree(self.kept, folder)
        return folder

    def dagster(self, folder: Path, *words: str) -> Cost:
        """What a command of Dagster's costs."""
        return self.python(folder, "-m", "dagster", *words, "-m", self.module)

    def python(self, folder: Path, *words: str) -> Cost:
        """What a Python process costs."""
        return measure([sys.executable, *words], env=self.environment(folder), cwd=folder)

    def run(self, folder: Path) -> Cost:
        """What it costs to materialize everything."""
        return self.dagster(folder, "asset", "materialize", "--select", "*")

    def first(self) -> Cost:
        """What the first run costs, its history included."""
        folder = self.fresh("first")
        cost = self.run(folder)
        shutil.rmtree(folder)
        return cost

    def again(self) -> Cost:
        """What a run costs in which nothing changed."""
        return self.run(self.kept)


@dataclass(frozen=True)
class Pair:
    """Our project, and one of nothing with as many steps and checks."""

    ours: Project
    nothing: Project
    steps: int
    checks: int


def trivial(place: Path, steps: int, checks: int = 0) -> Project:
    """A project of nothing."""
    return Project(place, NOTHING, {"TRIVIAL_ASSETS": str(steps), "TRIVIAL_CHECKS": str(checks)})


def star(place: Path) -> Pair:
    """The shipped domains, on the publishers' files or, where they are not, on the sample."""
    return _pair(place / "star", {}, _deliver_star)


def small(place: Path, tables: int) -> Pair:
    """Small tables."""
    variables = {"JOBFORGE_DOMAINS": "fixed_costs.small", "SMALL_TABLES": str(tables)}
    return _pair(place / f"small-{tables}", variables, lambda to: _deliver_small(to, tables))


def sources_of_star() -> str:
    """What the star is made of, in words."""
    if REAL.is_dir():
        return "the publishers' files"
    return "the sample, for the publishers' files are not beside this folder"


def _pair(place: Path, variables: Mapping[str, str], landing: Callable[[Path], None]) -> Pair:
    ours = Project(place / "ours", OURS, variables, landing)
    steps, checks = _counted(ours)
    return Pair(ours, trivial(place / "nothing", steps, checks), steps, checks)


def _counted(project: Project) -> Sequence[int]:
    """How many assets and checks a project of ours has."""
    folder = project.fresh("counted")
    told = subprocess.run(
        [sys.executable, "-c", COUNTING],
        env=project.environment(folder),
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    shutil.rmtree(folder)
    counted: list[int] = json.loads(told.stdout.splitlines()[-1])
    return counted


def _deliver_star(landing: Path) -> None:
    shutil.copytree(PROJECT / "data" / "source", landing)
    if REAL.is_dir():
        shutil.copytree(REAL, landing, dirs_exist_ok=True, copy_function=shutil.copyfile)


def _deliver_small(landing: Path, tables: int) -> None:
    folder = landing / "small"
    folder.mkdir(parents=True)
    for table in range(tables):
        rows = (f"{row:05},thing {row} of {table},{row * table}\n" for row in range(ROWS))
        (folder / f"{table:04}.csv").write_text("code,name,count\n" + "".join(rows), "utf-8")
