"""The raw result of the comparison: every single measurement, and what is read off them.

A result is a JSON file. It is replaced as a whole after each turn, so that a long race can be
stopped and continued; the report and the plot are made from it alone.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

Kind = Literal["floor", "limit", "ours", "peer", "start"]
What = Literal["wall", "cpu", "peak"]


class Entrant(BaseModel):
    """Who takes part. `start` is Dagster's own start, which makes no tables."""

    name: str
    title: str
    kind: Kind


class Measurement(BaseModel):
    """What one turn cost: seconds of wall time, seconds of CPU, bytes of memory at the peak."""

    rows: int
    round: int
    name: str
    wall: float
    cpu: float
    peak: int


class LeftOut(BaseModel):
    """Who is not believed at a size, and why."""

    rows: int
    name: str
    reasons: list[str]


class Result(BaseModel):
    """Everything that a race found out."""

    date: str
    workload: str
    """A hash of the generator: figures of different data are not mixed."""
    machine: dict[str, Any]
    versions: dict[str, dict[str, str]]
    """For each environment its packages."""
    entrants: list[Entrant] = []
    measurements: list[Measurement] = []
    left_out: list[LeftOut] = []

    def write(self, path: Path) -> None:
        """Put the result in place, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.part")
        beside.write_text(self.model_dump_json(indent=1) + "\n", "utf-8")
        beside.replace(path)

    def sizes(self) -> list[int]:
        """The numbers of rows that were measured, in order."""
        return sorted({each.rows for each in self.measurements})

    def out(self, rows: int) -> set[str]:
        """The names of those that are not believed at a size."""
        return {each.name for each in self.left_out if each.rows == rows}

    def turns(self, rows: int, name: str) -> dict[int, Measurement]:
        """The turns of an entrant at a size, by round."""
        here = (each for each in self.measurements if (each.rows, each.name) == (rows, name))
        return {each.round: each for each in here}

    def believed(self, rows: int, *kinds: Kind) -> list[Entrant]:
        """Those of some kinds that have figures at a size, the fastest first."""
        out = self.out(rows)
        found = [
            each
            for each in self.entrants
            if each.kind in kinds and each.name not in out and self.turns(rows, each.name)
        ]
        return sorted(found, key=lambda each: self.median(rows, each.name, "wall"))

    def first(self, rows: int, kind: Kind) -> Entrant:
        """The fastest of a kind at a size; of the floors this is the better one.

        Raises:
            LookupError: None has figures.
        """
        return self.believed(rows, kind)[0]

    def median(self, rows: int, name: str, what: What) -> float:
        """The median cost of an entrant at a size."""
        costs = [getattr(each, what) for each in self.turns(rows, name).values()]
        return float(statistics.median(costs))

    def ratios(self, rows: int, name: str, base: str, what: What) -> list[float]:
        """An entrant's cost as a multiple of another's, in each round that has both."""
        costs, bases = self.turns(rows, name), self.turns(rows, base)
        rounds = sorted(costs.keys() & bases.keys())
        return [getattr(costs[each], what) / getattr(bases[each], what) for each in rounds]

    def ratio(self, rows: int, name: str, base: str, what: What) -> float:
        """The median of the ratios of the rounds.

        Raises:
            LookupError: No round has both.
        """
        found = self.ratios(rows, name, base, what)
        if not found:
            raise LookupError(f"No round at {rows:,} rows has both {name} and {base}.")
        return statistics.median(found)
