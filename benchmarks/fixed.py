"""The fixed costs: what does not depend on how much is delivered, as multiples of Dagster's own.

    uv run python benchmarks/fixed.py [--only PART ...] [--rounds N] [--tables N ...] [--write]

Every call is a process of its own, measured in turns with one of a Dagster project of as many steps
and checks that do nothing: in-process executor, SQLite storage, a ``DAGSTER_HOME`` of its own.
Prints medians as Markdown tables; ``--write`` keeps them as ``results/fixed.md``, and of the parts
that were not measured what stands there. The whole takes about an hour, most of it Dagster's own
1,500 steps.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path

from fixed_costs.commands import YARDSTICK, commands
from fixed_costs.many import many_tables
from fixed_costs.page import first_page
from fixed_costs.projects import OURS, Pair, Project, small, sources_of_star, star, trivial
from fixed_costs.turns import (
    HEADER,
    compared,
    heading,
    in_turns,
    median,
    prose,
    ratio,
    section,
    table,
    write,
)
from measuring import Cost

RESULT = Path(__file__).parent / "results" / "fixed.md"
ROUNDS = 3
TABLES = (50, 500)

TITLE = "Fixed costs"
ABOUT = (
    "`uv run python benchmarks/fixed.py` ({facts}). Every call is a process "
    'of its own. "Dagster" is the same done by a project of as many steps and checks that do '
    "nothing: in-process executor, Dagster's SQLite storage. Ratios and differences are those of "
    "one turn. What asking costs is in [asking.md](../asking.md)."
)


class Bench:
    """What the parts share: a folder, how often they measure, and the star.

    Attributes:
        place: a folder that is empty at first.
        rounds: how many turns.
        tables: numbers of small tables.
    """

    def __init__(self, place: Path, rounds: int, tables: Sequence[int]) -> None:
        self.place, self.rounds, self.tables = place, rounds, tables

    @cached_property
    def star(self) -> Pair:
        """The shipped domains, and as many steps of nothing."""
        return star(self.place)

    def compare(self, rows: dict[str, tuple[Callable[[], Cost], Callable[[], Cost]]]) -> str:
        """Measure what of ours and of Dagster's belongs together, as a table."""
        calls = {
            f"{side} {what}": call
            for what, pair in rows.items()
            for side, call in zip(("ours", "Dagster's"), pair, strict=True)
        }
        costs = in_turns(calls, self.rounds)
        return table(
            HEADER,
            [compared(what, costs[f"ours {what}"], costs[f"Dagster's {what}"]) for what in rows],
        )


def start(bench: Bench) -> str:
    """Importing, validating, and the least that can be run."""
    pair, one, alone = bench.star, small(bench.place, 1), trivial(bench.place / "alone", 1)
    ours, nothing = pair.ours, pair.nothing

    def validated(project: Project) -> Cost:
        return project.dagster(project.kept, "definitions", "validate")

    return bench.compare(
        {
            "importing the definitions : `import dagster, polars`": (
                lambda: ours.python(ours.kept, "-c", f"import {OURS}"),
                lambda: nothing.python(nothing.kept, "-c", "import dagster, polars"),
            ),
            f"`dagster definitions validate`, {pair.steps} steps": (
                lambda: validated(ours),
                lambda: validated(nothing),
            ),
            "first run: one small table, through 3 layers : one trivial asset": (
                one.ours.first,
                alone.first,
            ),
            "nothing changed: the same": (one.ours.again, alone.again),
        }
    )


def the_star(bench: Bench) -> str:
    """A run of everything: the first, and one in which nothing changed."""
    pair, alone = bench.star, trivial(bench.place / "alone", 1)
    calls = {
        "first": pair.ours.first,
        "first, Dagster's": pair.nothing.first,
        "again": pair.ours.again,
        "again, Dagster's": pair.nothing.again,
        "start": alone.again,
    }
    costs = in_turns(calls, bench.rounds)
    rows = [
        compared("first run", costs["first"], costs["first, Dagster's"]),
        compared("nothing changed", costs["again"], costs["again, Dagster's"]),
        compared("nothing changed : one trivial asset", costs["again"], costs["start"]),
        compared(
            "Dagster's as many steps : one trivial asset", costs["again, Dagster's"], costs["start"]
        ),
    ]
    about = prose(
        f"{pair.steps} assets with {pair.checks} checks, of {sources_of_star()}. One trivial asset "
        f"through the CLI is Dagster's own start."
    )
    return f"{about}\n\n{table(HEADER, rows)}"


def small_tables(bench: Bench) -> str:
    """Many small tables."""
    return many_tables(bench.place, bench.rounds, bench.tables)


def page(bench: Bench) -> str:
    """The UI, from its start to its first page."""
    pair = bench.star
    shown = bench.compare(
        {
            f"`dagster dev` to the first page, {pair.steps} assets listed": (
                lambda: first_page(pair.ours, pair.steps),
                lambda: first_page(pair.nothing, pair.steps),
            )
        }
    )
    return f"CPU is that of all its processes until then: ours looks for deliveries too.\n\n{shown}"


def tick(bench: Bench) -> str:
    """The sensor, when there is nothing new."""
    sides = {"ours": bench.star.ours, "Dagster's": bench.star.nothing}
    calls: dict[str, Callable[[], Cost]] = {}
    for side, project in sides.items():
        calls[f"preview {side}"] = partial(
            project.dagster, project.kept, "sensor", "preview", "deliveries"
        )
        calls[f"look {side}"] = partial(look, project)
    costs = in_turns(calls, bench.rounds)
    row = compared("`dagster sensor preview`", costs["preview ours"], costs["preview Dagster's"])
    ours, nothing = (median(costs[f"look {side}"]) * 1_000 for side in sides)
    about = prose(
        f"Once everything is loaded, as in the code server, a look takes "
        f"{ours:.1f} ms of CPU; that of a sensor that sees nothing {nothing:.1f} ms."
    )
    return f"{table(HEADER, [row])}\n\n{about}"


def look(project: Project) -> Cost:
    """What an evaluation of the sensor costs in a process that has loaded everything."""
    told = subprocess.run(
        [sys.executable, "-m", "fixed_costs.tick", project.module],
        env=project.environment(project.kept),
        cwd=project.kept,
        capture_output=True,
        text=True,
        check=True,
    )
    return Cost(**json.loads(told.stdout.splitlines()[-1]), peak=0)


def the_commands(bench: Bench) -> str:
    """The commands of ``jobforge`` that do not ask."""
    costs = in_turns(commands(bench.star.ours), bench.rounds)
    base = costs[YARDSTICK]
    rows = [
        (
            what,
            ratio(some, base, "cpu"),
            ratio(some, base, "wall"),
            f"{max(cost.peak for cost in some) / 1e6:,.0f}",
        )
        for what, some in costs.items()
    ]
    about = prose(
        f"On {sources_of_star()}, as multiples of {YARDSTICK}. What asking costs (`query`, `why`, "
        f"`trace`, `diff` and the like) is in [asking.md](../asking.md)."
    )
    return f"{about}\n\n{table('| CPU | wall | peak, MB', rows)}"


PARTS: dict[str, tuple[str, Callable[[Bench], str]]] = {
    "start": ("Starting", start),
    "star": ("The whole star", the_star),
    "small": ("Small tables", small_tables),
    "page": ("The first page", page),
    "tick": ("A tick of the sensor", tick),
    "commands": ("Commands", the_commands),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Fixed costs, as multiples of Dagster's own.")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--tables", type=int, nargs="+", default=TABLES, metavar="N")
    parser.add_argument("--write", action="store_true", help="keep it as results/fixed.md")
    asked = parser.parse_args()
    head = heading(TITLE, ABOUT)
    print(head)
    sections: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), asked.rounds, asked.tables)
        for part in asked.only:
            title, measured = PARTS[part]
            try:
                sections[title] = section(measured(bench), asked.rounds)
            except subprocess.CalledProcessError as error:
                raise SystemExit(f"{error}\n{error.stderr or error.output}") from None
            print(f"## {title}\n\n{sections[title]}\n", flush=True)
    if asked.write:
        write(RESULT, head, sections, [title for title, _ in PARTS.values()])


if __name__ == "__main__":
    main()
