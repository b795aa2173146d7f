"""The whole pipeline beside two floors and what one would use instead: the one command for it.

    uv run --group benchmarks python benchmarks/speed --set-up
    uv run --group benchmarks python benchmarks/speed [--rows N ...] [--rounds N] [--only NAME ...]

The first makes the environments of the others; nothing after it needs a network. The second writes
`speed.json`, and from that `speed.md` and `speed.png`, into `benchmarks/results/`. Interrupted, it
goes on with `--continue`; with `--report` it measures nothing and only writes what follows from
`speed.json`, with `--readme` the ratios in the README too. `race.py` has the sizes and rounds.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from measuring import machine
from speed import environments, plot, race, report
from speed.result import Result

PROJECT = Path(__file__).parents[2]
RESULTS = PROJECT / "benchmarks" / "results"
OURS = ("polars", "duckdb", "dagster", "pyarrow", "dataframely")
OTHERS = {
    "dbt": ("dbt-core", "dbt-duckdb", "duckdb"),
    "sqlmesh": ("sqlmesh", "duckdb"),
    "dlt": ("dlt", "duckdb", "pyarrow"),
    "naive": ("dagster", "polars"),
}
"""The packages of each environment whose versions are told."""


def main() -> None:
    """Do what is told on the command line."""
    told = _told()
    path = told.results / "speed.json"
    if told.set_up:
        environments.set_up()
        return
    if not told.report:
        try:
            _race(told, path)
        except KeyboardInterrupt:
            raise SystemExit(f"Stopped. What was measured is in {path.name}: --continue.") from None
    result = Result.model_validate_json(path.read_text("utf-8"))
    report.write(result, path.with_suffix(".md"))
    plot.write(result, path.with_suffix(".png"))
    if told.readme:
        report.write_ratios(result, PROJECT / "README.md")


def _race(told: argparse.Namespace, path: Path) -> None:
    entrants = race.entrants()
    names = {each.name for each in entrants}
    unknown = sorted(set(told.only) - names)
    if unknown:
        raise SystemExit(f"No {', '.join(unknown)} takes part; {', '.join(sorted(names))} do.")
    result = _begun(path) if told.go_on and path.exists() else _new()
    result.entrants = entrants
    for rows in told.rows:
        rounds = told.rounds or race.ROUNDS.get(rows, min(race.ROUNDS.values()))
        race.Race(rows, rounds, result, path).run(set(told.only) or names)


def _new() -> Result:
    return Result(
        date=datetime.now(UTC).date().isoformat(),
        workload=race.workload(),
        machine=machine(),
        versions={"ours and the floors": machine(*OURS)["packages"], **_of_the_others()},
    )


def _of_the_others() -> dict[str, dict[str, str]]:
    """The versions in the environments of the others, which are pinned."""
    found = {}
    for peer, packages in OTHERS.items():
        lines = environments.requirements(peer).read_text("utf-8").splitlines()
        pinned = dict(line.split("==") for line in lines if line.count("==") == 1)
        found[peer] = {name: pinned[name] for name in packages if name in pinned}
    return found


def _begun(path: Path) -> Result:
    """The result so far."""
    result = Result.model_validate_json(path.read_text("utf-8"))
    if result.workload != race.workload():
        raise SystemExit("The generator is not the one of the result so far: begin anew.")
    return result


def _told() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "benchmarks/speed", description="Measure the whole pipeline beside what does the same."
    )
    parser.add_argument(
        "--rows", type=int, nargs="+", default=list(race.ROUNDS), help="sizes; by default all three"
    )
    parser.add_argument("--rounds", type=int, help="turns of each, at every size")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="who has turns")
    parser.add_argument(
        "--continue", action="store_true", dest="go_on", help="add to the result that is there"
    )
    parser.add_argument(
        "--set-up", action="store_true", help="make the environments of the others, nothing else"
    )
    parser.add_argument("--report", action="store_true", help="measure nothing")
    parser.add_argument("--readme", action="store_true", help="put the ratios into the README")
    parser.add_argument("--results", type=Path, default=RESULTS, help="another folder for results")
    return parser.parse_args()


if __name__ == "__main__":
    main()
