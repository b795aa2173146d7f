"""The comparison is run here: every contender in turns, at every size, in a fresh folder each time.

No time is believed before the tables that a contender wrote are, row for row, those of the first
floor: at each size that is looked at once.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import traceback
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl
from measuring import Cost, measure
from speed.contenders import CONTENDERS, Contender
from speed.outputs import different
from speed.result import Entrant, Kind, LeftOut, Measurement, Result

HERE = Path(__file__).parent
WORK = HERE.parent / ".work"
"""Data and outputs; nothing of it is kept by git."""
GENERATOR = HERE.parent / "workload" / "generate.py"
ROUNDS = {100_000: 5, 1_000_000: 5, 10_000_000: 3}
"""How often each contender has its turn, by the number of rows."""
LONGEST = 1800
"""Seconds after which a turn is given up."""
FAILURES = (subprocess.CalledProcessError, subprocess.TimeoutExpired)
OTHERS_VARIABLES = ("VIRTUAL_ENV", "PYTHONPATH", "DAGSTER_HOME", "UV_")


class Runner(Protocol):
    """What has a turn."""

    def command(self, source: Path, dimension: Path, out: Path) -> tuple[list[str], dict[str, str]]:
        """The program with its arguments, and what its environment has besides."""
        ...

    def before(self, source: Path, dimension: Path, out: Path) -> None:
        """What is made ready and not measured."""
        ...


class Start:
    """Dagster's own start: one asset that does nothing, with a history of its own."""

    def command(self, *files: Path) -> tuple[list[str], dict[str, str]]:
        """Materialize it through Dagster's command line, in this environment."""
        told = ("asset", "materialize", "--select", "*", "-m", "trivial", "-d", HERE / "start")
        return [sys.executable, "-m", "dagster", *map(str, told)], {"DAGSTER_HOME": str(files[-1])}

    def before(self, *files: Path) -> None:
        """Turn telemetry off."""
        (files[-1] / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", "utf-8")


REFERENCE = next(each for each in CONTENDERS if each.floor)
"""Whose tables the others' are compared with: the first floor."""
START = Entrant(name="start", title="Dagster's own start", kind="start")


@dataclass(frozen=True)
class Data:
    """The files of a size."""

    source: Path
    dimension: Path


def workload() -> str:
    """What the generator is, as a hash."""
    return hashlib.sha256(GENERATOR.read_bytes()).hexdigest()[:12]


def data(rows: int) -> Data:
    """The files of a size; made if they are not there from an earlier race."""
    folder = WORK / "data" / f"{rows}-{workload()}"
    if not folder.is_dir():
        print(f"Writing {rows:,} rows ...", flush=True)
        with fresh(f"data-{rows}") as made:
            files = [str(made / name) for name in ("source.csv", "dimension.csv")]
            subprocess.run([sys.executable, str(GENERATOR), str(rows), *files], check=True)
            folder.parent.mkdir(parents=True, exist_ok=True)
            made.rename(folder)
    return Data(folder / "source.csv", folder / "dimension.csv")


@contextmanager
def fresh(name: str) -> Iterator[Path]:
    """An empty folder, gone afterwards."""
    WORK.mkdir(exist_ok=True)
    (WORK / ".gitignore").write_text("*\n", "utf-8")
    folder = WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def entrants() -> list[Entrant]:
    """Everyone that takes part."""
    taking_part = [Entrant(name=one.name, title=one.title, kind=_kind(one)) for one in CONTENDERS]
    return [START, *taking_part]


def _kind(contender: Contender) -> Kind:
    if contender.floor:
        return "floor"
    if contender.limit:
        return "limit"
    return "ours" if contender.environment is None else "peer"


def turn(runner: Runner, files: Data, out: Path) -> Cost:
    """One turn of a runner, into an empty folder."""
    runner.before(files.source, files.dimension, out)
    command, besides = runner.command(files.source, files.dimension, out)
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(OTHERS_VARIABLES)
    }
    os.sync()  # what others wrote is not this turn's to wait for
    told = inherited | {"DO_NOT_TRACK": "1"} | besides
    return measure(command, env=told, cwd=out, longest=LONGEST)


class Race:
    """A race at one size; what it finds out goes into the result, turn by turn."""

    def __init__(self, rows: int, rounds: int, result: Result, path: Path) -> None:
        self.rows, self.rounds, self.result, self.path = rows, rounds, result, path
        self.runners: Mapping[str, Runner] = {
            START.name: Start(),
            **{each.name: each for each in CONTENDERS},
        }

    def run(self, names: Collection[str]) -> None:
        """Give some entrants their turns, as far as the result lacks them.

        Who was left out before is tried again: what was wrong may have been mended.
        """
        self.result.left_out = [
            each
            for each in self.result.left_out
            if (each.rows, each.name in names) != (self.rows, True)
        ]
        racing = [each for each in self.result.entrants if each.name in names]
        due = {
            (number, each.name)
            for number in range(self.rounds)
            for each in racing
            if number not in self.result.turns(self.rows, each.name)
        }
        if not due:
            return
        files = data(self.rows)
        with fresh("reference") as reference:
            self._make(reference, files)
            for number in range(self.rounds):
                for each in reversed(racing) if number % 2 else racing:
                    if (number, each.name) in due and each.name not in self.result.out(self.rows):
                        self._turn(number, each, files, reference)

    def _make(self, reference: Path, files: Data) -> None:
        """Write the tables that the others' are compared with."""
        try:
            turn(self.runners[REFERENCE.name], files, reference)
        except FAILURES as failed:
            raise SystemExit(f"{failed.output}\n{REFERENCE.title}: {_in_words(failed)}") from None

    def _turn(self, number: int, entrant: Entrant, files: Data, reference: Path) -> None:
        """Measure one turn; the first at a size counts only if its outputs are as they should."""
        name, shown = entrant.name, f"{self.rows:>10,} rows, round {number + 1} of {self.rounds}"
        first = not self.result.turns(self.rows, name)
        reasons: list[str] = []
        with fresh("turn") as out:
            try:
                cost = turn(self.runners[name], files, out)
                if first and name not in (START.name, REFERENCE.name):
                    reasons = _compared(name, out, reference)
            except FAILURES as failed:
                print(failed.output, flush=True)
                reasons = [_in_words(failed)]
        if reasons:
            print(f"{shown}: {entrant.title} is left out: {'; '.join(reasons)}", flush=True)
            self.result.left_out.append(LeftOut(rows=self.rows, name=name, reasons=reasons))
        else:
            told = f"{cost.wall:.2f} s, {cost.cpu:.2f} s of CPU, {cost.peak / 1e6:,.0f} MB"
            print(f"{shown}: {entrant.title}: {told}", flush=True)
            self.result.measurements.append(
                Measurement(rows=self.rows, round=number, name=name, **vars(cost))
            )
        self.result.write(self.path)


def _compared(name: str, out: Path, reference: Path) -> list[str]:
    """How the tables of a contender differ; found in a process that takes its memory with it."""
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawning) as other:
        try:
            return other.submit(differences, name, out, reference).result()
        except (Exception, pl.exceptions.PanicException) as error:
            traceback.print_exc()
            return [f"its tables cannot be compared: {_short(str(error))}"]


def differences(name: str, out: Path, reference: Path) -> list[str]:
    """How the tables that a contender wrote differ from those of the first floor.

    Args:
        name: The contender.
        out: Its folder.
        reference: The folder of the first floor.

    Returns:
        Each difference in words; nothing if they are the same row for row.
    """
    [contender] = [each for each in CONTENDERS if each.name == name]
    return different(REFERENCE.tables(reference), contender.tables(out))


def _in_words(failed: subprocess.CalledProcessError | subprocess.TimeoutExpired) -> str:
    """Why a turn has no figures, without the folders of this machine."""
    if isinstance(failed, subprocess.TimeoutExpired):
        return f"it had not ended after {failed.timeout:,.0f} s"
    return f"it failed with {failed.returncode}: {_short(failed.output)}"


def _short(said: str) -> str:
    """The last line of what was said, without folders."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["it said nothing"]
    return re.sub(r"(/[\w.@~+-]+)+/", "", lines[-1])[:200]
