"""How costs grow: rows, tables, deliveries and history, each ten times as many.

    uv run python benchmarks/growth.py [--only PART ...] [--rounds N] [--write]
        [--rows N ...] [--tables N ...] [--deliveries N ...] [--history N ...]

Prints exponents as Markdown tables: 1 is as much as what grows, 0 not at all. The least of the
numbers of each part is its start, which is taken off. ``--write`` keeps them as
``results/growth.md``, and of the parts that were not measured what stands there. The whole takes
about an hour; ten million rows (``--rows 1000 10000 100000 1000000 10000000``) need 4 GB of disk.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import catalog
import deliveries
from fixed_costs.growths import growths
from fixed_costs.projects import BENCHMARKS, OURS, SETTLED, Project, small, trivial
from fixed_costs.turns import heading, in_turns, prose, section, table, write
from measuring import Cost, measure

RESULT = BENCHMARKS / "results" / "growth.md"
ROUNDS = 3
SIZES = {
    "rows": (1_000, 10_000, 100_000, 1_000_000),
    "tables": (1, 50, 500),
    "deliveries": (1, 10, 100, 1_000),
    "history": (0, 100, 1_000, 10_000),
}
TELLING_AGAIN = 1_000
"""Runs of a history above which ``catalog rebuild`` is not measured: it takes minutes."""

CLI = "jobforge_dagster.cli"
REBUILD = "`catalog rebuild`"
ONE_MORE = "a run over one more file"
RUN = (
    *("dagster", "asset", "materialize", "-m", OURS),
    *("--select", f'key:"{catalog.STAGED}" or key:"{catalog.BRONZE}"'),
)
COMMANDS = (f"show {catalog.BRONZE}", f"transitions {catalog.BRONZE}", "verify", "rebuild")
ASKED = {
    "a run that changes nothing": RUN,
    ONE_MORE: RUN,
    **{f"`catalog {line}`": (CLI, "catalog", *line.split()) for line in COMMANDS},
}
"""What is measured with a long history: runs of staging and bronze, and commands."""

TITLE = "Growth"
ABOUT = (
    "`uv run python benchmarks/growth.py` ({facts}). An exponent of 1 is as "
    "much as what grows, 0 not at all."
)


def by_size(costs: dict[tuple[str, int], list[Cost]]) -> dict[str, dict[int, list[Cost]]]:
    """The same, first by what was measured, then by size."""
    sorted_out: dict[str, dict[int, list[Cost]]] = {}
    for (what, size), some in costs.items():
        sorted_out.setdefault(what, {})[size] = some
    return sorted_out


def rows(place: Path, rounds: int, sizes: Sequence[int]) -> str:
    """A first run over the labour workload, and its memory."""
    generator = BENCHMARKS / "workload" / "generate.py"
    calls: dict[tuple[str, int], Callable[[], Cost]] = {}
    for size in sizes:
        files = [place / f"{size}-{name}.csv" for name in ("facts", "occupations")]
        words = [sys.executable, str(generator), str(size), *map(str, files)]
        subprocess.run(words, check=True)
        deliver = partial(_deliver_labour, *files)
        variables = {"JOBFORGE_DOMAINS": "workload.labour"}
        calls["a first run", size] = Project(place / str(size), OURS, variables, deliver).first
    costs = by_size(in_turns(calls, rounds))
    peaks = {
        size: statistics.median(cost.peak for cost in some)
        for size, some in costs["a first run"].items()
    }
    memory = [
        (
            f"{few:,} to {many:,}",
            f"{peaks[few] / 1e6:,.0f}",
            f"{peaks[many] / 1e6:,.0f}",
            f"{(peaks[many] - peaks[few]) / (many - few):,.0f}",
        )
        for few, many in pairwise(sizes)
    ]
    header = "rows | peak before, MB | peak after, MB | bytes a row more"
    return f"{growths(costs, 'rows')}\n\n{table(header, memory)}"


def _deliver_labour(facts_file: Path, occupations_file: Path, landing: Path) -> None:
    folder = landing / "labour"
    folder.mkdir(parents=True)
    (folder / "facts.csv").hardlink_to(facts_file)
    (folder / "occupations.csv").hardlink_to(occupations_file)


def tables(place: Path, rounds: int, sizes: Sequence[int]) -> str:
    """Runs over small tables, and over as many steps of nothing."""
    calls: dict[tuple[str, int], Callable[[], Cost]] = {}
    for size in sizes:
        pair = small(place, size)
        alone = trivial(place / f"alone-{size}", pair.steps, pair.checks)
        calls["a first run", size] = pair.ours.first
        calls["nothing changed", size] = pair.ours.again
        calls["Dagster alone, as many steps and checks: a first run", size] = alone.first
        calls["Dagster alone: again", size] = alone.again
    return growths(by_size(in_turns(calls, rounds)), "tables")


def many_deliveries(place: Path, rounds: int, sizes: Sequence[int]) -> str:
    """One more delivery of a thousand records to a source that has many."""
    costs: dict[tuple[str, int], list[Cost]] = {}
    for kind in deliveries.KINDS:
        lakes = {size: deliveries.Lake(place / f"{kind}-{size}", kind, size) for size in sizes}
        time.sleep(SETTLED)
        for lake in lakes.values():
            lake.stage()
        for number in range(rounds):
            for size in sizes[:: -1 if number % 2 else 1]:
                lake = lakes[size]
                lake.deliver()
                for what, call in (
                    ("staging one more", lake.stage),
                    ("nothing new", lake.stage),
                    ("bronze with it", lake.make),
                    ("bronze unchanged", lake.make),
                ):
                    costs.setdefault((f"{what} ({kind})", size), []).append(_here(call))
    about = prose(
        f"Each has {deliveries.RECORDS:,} records, which bronze judges and writes as one table: "
        f"with the deliveries grow its rows. In one process, which has loaded everything."
    )
    return f"{about}\n\n{growths(by_size(costs), 'deliveries')}"


def _here(call: Callable[[], float]) -> Cost:
    """What a call costs that tells its own CPU."""
    began = time.perf_counter()
    cpu = call()
    return Cost(time.perf_counter() - began, cpu, 0)


def history(place: Path, rounds: int, sizes: Sequence[int]) -> str:
    """Runs and commands with a long history of runs of one table."""
    made = (catalog.STAGED, catalog.BRONZE)
    base = catalog.Lake(place / "base", packages="workload.readings")
    catalog.deliver(base, 0)
    base.run(*made)
    catalog.deliver(base, 1)
    base.run(catalog.STAGED)
    base.run(*made)
    lakes: dict[int, catalog.Lake] = {}
    for size in sizes:
        shutil.copytree(base.folder, place / str(size))
        lakes[size] = catalog.Lake(place / str(size), packages="workload.readings")
        catalog.with_history(lakes[size], size)
    time.sleep(SETTLED)
    for lake in lakes.values():
        lake.run(*made)
    costs: dict[tuple[str, int], list[Cost]] = {}
    for number in range(rounds):
        for size in sizes[:: -1 if number % 2 else 1]:
            lake = lakes[size]
            for what, words in ASKED.items():
                if size <= TELLING_AGAIN or what != REBUILD:
                    if what == ONE_MORE:
                        catalog.deliver(lake, number + 2)
                    told = [sys.executable, "-m", *words]
                    cost = measure(told, env=lake.environment, cwd=lake.folder)
                    costs.setdefault((what, size), []).append(cost)
    about = prose(
        f"All are runs and publications of one table. {REBUILD} is measured up to "
        f"{TELLING_AGAIN:,}."
    )
    return f"{about}\n\n{growths(by_size(costs), 'runs')}"


PARTS: dict[str, tuple[str, Callable[[Path, int, Sequence[int]], str]]] = {
    "rows": ("Rows", rows),
    "tables": ("Tables", tables),
    "deliveries": ("Deliveries", many_deliveries),
    "history": ("History", history),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How costs grow, as exponents.")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    for part, usual in SIZES.items():
        parser.add_argument(f"--{part}", type=int, nargs="+", default=usual, metavar="N")
    parser.add_argument("--write", action="store_true", help="keep it as results/growth.md")
    asked = parser.parse_args()
    head = heading(TITLE, ABOUT)
    print(head)
    sections: dict[str, str] = {}
    for part in asked.only:
        title, measured = PARTS[part]
        with tempfile.TemporaryDirectory() as folder:
            try:
                sizes = sorted(set(getattr(asked, part)))
                found = measured(Path(folder), asked.rounds, sizes)
                sections[title] = section(found, asked.rounds)
            except subprocess.CalledProcessError as error:
                raise SystemExit(f"{error}\n{error.stderr or error.output}") from None
        print(f"## {title}\n\n{sections[title]}\n", flush=True)
    if asked.write:
        write(RESULT, head, sections, [title for title, _ in PARTS.values()])


if __name__ == "__main__":
    main()
