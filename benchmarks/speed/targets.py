"""What is asked of our speed beside the floors and the others, and whether the figures meet it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from speed.result import Entrant, Kind, Result, What

SMALLEST, MILLION, LARGEST = 100_000, 1_000_000, 10_000_000
AT_EVERY_SIZE = ("dbt", "sqlmesh", "naive")
FROM_A_MILLION = ("dlt",)
WALL, CPU, PEAK = 1.3, 1.5, 300
"""Times the floor's wall time; seconds above the floor and the start; megabytes above the floor."""
BEST, LEANEST = 1.35, 0.25
"""Times as fast as the best of the others; share of the memory of the leanest."""


@dataclass(frozen=True)
class Found:
    """What was found out of a target.

    Attributes:
        figure: in words.
        met: whether it is what is asked.
        at_best: the figures of the scripts that show the limit, with Dagster's own start added;
            nothing where they were not measured.
    """

    figure: str
    met: bool
    at_best: str = ""


@dataclass(frozen=True)
class Target:
    """One thing that is asked at a size, and what was found."""

    rows: int
    asked: str
    figure: str
    at_best: str
    verdict: str
    """met, missed or not measured."""


def targets(result: Result) -> list[Target]:
    """Every target that concerns the comparison, by size."""
    larger = {rows for rows in result.sizes() if rows >= SMALLEST}
    return [
        _judged(rows, asked, find)
        for rows in sorted({SMALLEST, MILLION, LARGEST} | larger)
        for asked, find in _asked(_Size(result, rows))
    ]


def _judged(rows: int, asked: str, find: Callable[[], Found]) -> Target:
    try:
        found = find()
    except LookupError:
        return Target(rows, asked, "", "", "not measured")
    return Target(rows, asked, found.figure, found.at_best, "met" if found.met else "missed")


def _asked(size: _Size) -> Iterator[tuple[str, Callable[[], Found]]]:
    """What is asked at a size, and how it is found out."""
    for each in size.result.entrants:
        if each.name in AT_EVERY_SIZE or (each.name in FROM_A_MILLION and size.rows >= MILLION):
            yield f"faster than {each.title}", partial(size.faster, each)
    if size.rows == MILLION:
        yield f"CPU at most the floor's + Dagster's own start + {CPU} s", size.cpu
    if size.rows == LARGEST:
        yield f"at most {WALL} times the better floor's wall time", size.wall
        yield f"peak memory at most the floor's + {PEAK} MB", size.peak
        yield f"at least {BEST} times as fast as the best of the others", size.best
        yield (
            f"peak memory at most {LEANEST:.0%} of that of the leanest of the others",
            size.leanest,
        )


class _Size:
    """The figures of one size; `LookupError` for what was not measured or is not believed."""

    def __init__(self, result: Result, rows: int) -> None:
        self.result, self.rows = result, rows

    def faster(self, peer: Entrant) -> Found:
        """How we do beside one of the others."""
        if peer not in self.result.believed(self.rows, "peer"):
            raise LookupError(peer.name)
        times = self._times(peer, self._first("ours"))
        best = self._at_best(peer, lambda least, peer: peer / least)
        return Found(f"{times:.2f} times as fast", times > 1, best)

    def cpu(self) -> Found:
        """What is above the floor and what Dagster needs to start."""
        kinds: tuple[Kind, ...] = ("ours", "floor", "start")
        ours, floor, start = (self._median(self._first(kind), "cpu") for kind in kinds)
        above = ours - floor - start
        told = f"{ours:.2f} s = {floor:.2f} s + {start:.2f} s {above:+.2f} s"
        limits = self.result.believed(self.rows, "limit")
        at_best = " / ".join(f"{self._median(each, 'cpu') - floor:+.2f} s" for each in limits)
        return Found(told, above <= CPU, at_best)

    def wall(self) -> Found:
        """The wall time beside the floor's."""
        times = self._times(self._first("ours"), self._first("floor"))
        best = self._at_best(self._first("floor"), lambda least, floor: least / floor)
        return Found(f"{times:.2f} times", times <= WALL, best)

    def peak(self) -> Found:
        """The memory above the floor's."""
        ours = self._median(self._first("ours"), "peak")
        floor = self._median(self._first("floor"), "peak")
        above = (ours - floor) / 1e6
        return Found(f"the floor's {above:+,.0f} MB", above <= PEAK)

    def best(self) -> Found:
        """The wall time of the fastest of the others beside ours."""
        best = self._first("peer")
        times = self._times(best, self._first("ours"))
        at_best = self._at_best(best, lambda least, peer: peer / least)
        return Found(f"{times:.2f} times ({best.title})", times >= BEST, at_best)

    def leanest(self) -> Found:
        """The memory beside that of the one of the others that needs least."""
        ours, peers = self._first("ours"), self.result.believed(self.rows, "peer")
        leanest = min([self._first("peer"), *peers], key=lambda each: self._median(each, "peak"))
        share = self._median(ours, "peak") / self._median(leanest, "peak")
        return Found(f"{share:.0%} ({leanest.title})", share <= LEANEST)

    def _at_best(self, other: Entrant, compare: Callable[[float, float], float]) -> str:
        """The wall times of each limit with Dagster's start, and of another, compared."""
        if not self.result.believed(self.rows, "start"):
            return ""
        limits = self.result.believed(self.rows, "limit")
        return " / ".join(self._compared(each, other, compare) for each in limits)

    def _compared(
        self, limit: Entrant, other: Entrant, compare: Callable[[float, float], float]
    ) -> str:
        beside = (limit, self._first("start"), other)
        turns = [self.result.turns(self.rows, each.name) for each in beside]
        rounds = set.intersection(*map(set, turns))
        walls = ([turn[each].wall for turn in turns] for each in rounds)
        found = [compare(script + start, wall) for script, start, wall in walls]
        return f"{statistics.median(found):.2f}" if found else "-"

    def _first(self, kind: Kind) -> Entrant:
        return self.result.first(self.rows, kind)

    def _median(self, entrant: Entrant, what: What) -> float:
        return self.result.median(self.rows, entrant.name, what)

    def _times(self, entrant: Entrant, base: Entrant) -> float:
        return self.result.ratio(self.rows, entrant.name, base.name, "wall")
