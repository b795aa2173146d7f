"""Many small tables: what one more of them costs above Dagster's own steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from measuring import Cost

from fixed_costs.projects import Project, small, trivial
from fixed_costs.turns import in_turns, median, prose, ratio, table

LAYERS = 3
"""Steps of a small table: staged, bronze, silver."""

RUNS: dict[str, Callable[[Project], Cost]] = {
    "first run": Project.first,
    "nothing changed": Project.again,
}
OURS, CHECKED, BARE = "ours", "with checks", "without checks"

BESIDE = "small tables | CPU : Dagster | wall : Dagster | CPU : without checks"
EACH = "CPU of each, ms | ours | Dagster | without checks | ours - Dagster | ours - without checks"


def many_tables(place: Path, rounds: int, sizes: Sequence[int]) -> str:
    """Measure runs over so many small tables, and over as many steps of nothing.

    Args:
        place: a folder for all that they write.
        rounds: how many turns.
        sizes: numbers of small tables.

    Returns:
        Markdown.
    """
    sizes = (1, *sorted(set(sizes) - {1}))
    calls: dict[tuple[str, str, int], Callable[[], Cost]] = {}
    checks = 0
    for size in sizes:
        pair = small(place, size)
        checks = pair.checks // size
        bare = trivial(place / f"bare-{size}", pair.steps)
        sides = {OURS: pair.ours, CHECKED: pair.nothing, BARE: bare}
        for when, run in RUNS.items():
            for side, project in sides.items():
                calls[when, side, size] = partial(run, project)
    costs = in_turns(calls, rounds)
    beside, each = [], []
    for size in sizes:
        for when in RUNS:
            ours, checked, without = (costs[when, side, size] for side in (OURS, CHECKED, BARE))
            shown = (ratio(ours, checked, "cpu"), ratio(ours, checked, "wall"))
            beside.append((f"{size:,}, {when}", *shown, ratio(ours, without, "cpu")))
            if size > 1:
                of = {
                    side: (median(costs[when, side, size]) - median(costs[when, side, 1]))
                    / (size - 1)
                    * 1_000
                    for side in (OURS, CHECKED, BARE)
                }
                more = [of[OURS] - of[side] for side in (CHECKED, BARE)]
                for what, parts in (("table", 1), ("step", LAYERS)):
                    figures = [f"{value / parts:.0f}" for value in of.values()]
                    figures += [f"{value / parts:+.0f}" for value in more]
                    each.append((f"{what}, {size:,} tables, {when}", *figures))
    about = prose(
        f"Each is a file of ten rows, staged, named and typed, and validated: {LAYERS} steps with "
        f"{checks} checks. Dagster's steps of nothing are as many, with as many checks and without "
        f"any. What each costs is what all but the first cost, by their number."
    )
    return f"{about}\n\n{table(BESIDE, beside)}\n\n{table(EACH, each)}"
