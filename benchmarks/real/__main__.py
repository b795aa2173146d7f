"""What a full first run over the real files costs, against a plain Polars script.

    uv run python benchmarks/real [--turns N] [--write]
    uv run python benchmarks/real --check GOLD DATA_ROOT

Measures in turns and prints a Markdown table; ``--write`` puts it into ``benchmarks/results``, too.
``--check`` compares gold tables of the plain script with those below a data root of the platform.
The publishers' files are no part of the project: they lie beside it, or there is no benchmark.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import polars as pl
from measuring import Cost, machine, measure
from projects import GOLD, OURS, PLAIN, REAL, WAYS, Way, environment
from report import report
from same import differences

RESULT = Path(__file__).parents[1] / "results" / "real.md"
PACKAGES = ("dagster", "polars", "duckdb", "dataframely", "pydantic")


def run(way: Way, folder: Path) -> Cost:
    """Run one of the ways in a folder that is not there yet."""
    folder.mkdir()
    way.prepare(folder)
    return measure(way.command, env=environment(folder), cwd=folder)


def checked(folder: Path) -> tuple[int, int]:
    """Run every way once, which fills caches, and make sure that all make the same tables.

    Returns:
        The number of gold tables, and of their rows.
    """
    golds = {}
    for place, way in enumerate(WAYS):
        run(way, folder / str(place))
        golds[way] = folder / str(place) / (way.gold or "")
    for way in (GOLD, OURS):
        fail_if_different(golds[PLAIN], golds[way])
    rows = [
        pl.scan_parquet(file).select(pl.len()).collect().item()
        for file in golds[PLAIN].glob("*.parquet")
    ]
    return len(rows), sum(rows)


def fail_if_different(plain: Path, ours: Path) -> None:
    """End with each difference in words, if there is one."""
    if found := differences(plain, ours):
        raise SystemExit("\n".join(["The gold tables are not the same:", *found]))


def measured(turns: int) -> str:
    """Measure in turns, each of which begins with another way."""
    with tempfile.TemporaryDirectory() as name:
        tables, rows = checked(Path(name))
    costs: list[dict[Way, Cost]] = []
    for turn in range(turns):
        first = turn % len(WAYS)
        with tempfile.TemporaryDirectory() as name:
            costs.append(
                {
                    way: run(way, Path(name) / str(place))
                    for place, way in enumerate([*WAYS[first:], *WAYS[:first]])
                }
            )
    return report(costs, machine(*PACKAGES), tables, rows)


def main() -> None:
    """Measure, or compare."""
    parser = argparse.ArgumentParser(prog="benchmarks/real", description=__doc__.split("\n")[0])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--write", action="store_true", help=f"write results/{RESULT.name}, too")
    parser.add_argument("--check", nargs=2, type=Path, metavar=("GOLD", "DATA_ROOT"))
    asked = parser.parse_args()
    if asked.check:
        gold, root = asked.check
        fail_if_different(gold, root / "gold")
        print("The gold tables are the same.")
        return
    if not REAL.is_dir():
        raise SystemExit("The publishers' files are not here: see REAL in projects.py.")
    told = measured(asked.turns)
    print(told)
    if asked.write:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(told, "utf-8")


if __name__ == "__main__":
    main()
