"""What asking costs: SQL, trace, why, lineage and diff, on the real files and on a large table.

    uv run python benchmarks/asking.py [ROUNDS] [ROWS]

Every command is a process of its own, in turns. Prints as Markdown tables the medians of the ratios
of each turn to one that imports Dagster, and of the peaks of memory. Each lake has two deliveries,
between which 1 % of the records differ. It takes some twenty minutes, and a few GB of disk for ten
million rows: no turn begins that would not be done in ``LONGEST`` seconds.
"""

from __future__ import annotations

import csv
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from catalog import PROJECT, REAL, Lake
from workload import occupations, vacancies

ROUNDS, ROWS = 3, 10_000_000
LONGEST = 400
"""Seconds for the turns of each of the two tables."""
GIVEN_UP = 100
"""Seconds after which a command is given up, and not tried again."""

PEAK = """
import atexit, sys
def tell():
    with open("/proc/self/status") as status:
        print(next(line for line in status if line.startswith("VmHWM")), file=sys.stderr)
atexit.register(tell)
"""
"""Told by the process itself: ``ru_maxrss`` begins with that of the process that started it."""

YARDSTICK = "`import dagster`"
COMMAND = "from jobforge_dagster.cli import main; main()"
DECLARATIONS = """
from jobforge_dagster.medallion.discovery import discover, packages_from_environment
discover(packages_from_environment())
"""
DUCKDB = "import duckdb; print(duckdb.sql(sys.argv[1]).fetchall())"
JOIN = """
import polars as pl
keys, values = ["noc_code", "year", "place"], ["title", "vacancies", "wage"]
old, new = (pl.scan_parquet(file).select(*keys, *values) for file in sys.argv[1:])
both = old.join(new, on=keys, how="full", suffix="_new")
gone, came = pl.col("noc_code_new").is_null(), pl.col("noc_code").is_null()
other = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_new")) for name in values)
counts = both.select(gone.sum(), came.sum(), changed=(other & ~gone & ~came).sum())
print(counts.collect(engine="streaming"))
"""

SQL = {
    "a row": "SELECT * FROM {} WHERE noc_code = '00042' AND year = 1990 AND place = 'P0'",
    "sums of all rows": "SELECT noc_code[:1] AS category, count(*), sum(vacancies), avg(wage) "
    "FROM {} GROUP BY ALL ORDER BY ALL",
}
VACANCY = "noc_code=00042 year=1990 place=P0"
PROJECTED = "noc_code=21231 year=2033 measure=job_openings"
SCALE = "descriptor_code=A01a01 scale_no=1"
NOC = "noc/noc_structure_en.csv"

STEPS = (
    *("staged/vacancies", "staged/occupations"),
    *("bronze/vacancies/vacancies", "bronze/occupations/occupations"),
    *("silver/vacancies/vacancy", "silver/occupations/occupation"),
    *("gold/fact_vacancy", "gold/vacancies_by_occupation", "gold/vacancies_by_year"),
)


@dataclass(frozen=True)
class Ask:
    """A command of the platform, or what it is compared with.

    Attributes:
        what: it is called in the table.
        arguments: of the command line.
        code: what the process runs.
        plain: what the process is called that does the same without the platform.
    """

    what: str
    arguments: tuple[str, ...] = ()
    code: str = COMMAND
    plain: str | None = None


@dataclass(frozen=True)
class Cost:
    """Seconds of CPU and of the clock, and the most memory in MB."""

    cpu: float
    wall: float
    peak: float


Costs = dict[tuple[str, str], list[Cost | None]]
"""By lake and command, what it cost in each turn; ``None``: it was given up."""


def jobforge(line: str, *more: str, plain: str | None = None) -> Ask:
    """A command by its words, the last of which may hold spaces."""
    shown = " ".join([line, *(f'"{each}"' if " " in each else each for each in more)])
    return Ask(f"`{shown}`", (*line.split(), *more), plain=plain)


OF_REAL_FILES = (
    Ask("`python -c pass`", code="pass"),
    Ask("`import duckdb`", code="import duckdb"),
    Ask("importing the declarations", code=DECLARATIONS),
    Ask(YARDSTICK, code=YARDSTICK.strip("`")),
    jobforge("--version"),
    jobforge("--help"),
    jobforge("query", "SELECT 1"),
    jobforge("query", "FROM gold.dim_noc WHERE noc_code = '21231'"),
    jobforge("query", "FROM catalog.columns LIMIT 5"),
    jobforge("questions answer 1 noc_code=21231"),
    jobforge("questions answer 2"),
    jobforge("questions answer 3 code=21231.00"),
    jobforge("questions answer 4 code=21231.00"),
    jobforge("questions answer 5", "software engineer"),
    jobforge("lineage gold.dim_noc.title"),
    jobforge("impact silver.noc_node.title"),
    jobforge("catalog show gold/dim_noc"),
    jobforge("diff gold.dim_noc"),
    jobforge("trace gold.dim_noc noc_code=21231"),
    jobforge("trace gold.dim_oasis_profile profile_code=14404.00"),
    jobforge(f"trace gold.fact_cops_projection {PROJECTED}"),
    jobforge(f"trace gold.dim_descriptor {SCALE}"),
    jobforge(f"trace --forward {NOC}:37"),
    jobforge("why gold.dim_noc noc_code=21231 teer --no-check"),
    jobforge("why gold.dim_noc noc_code=21231 teer"),
    jobforge("why gold.dim_oasis_profile profile_code=14404.00 holland_1"),
    jobforge("why gold.fact_cops_outlook noc_code=21231 gap"),
    jobforge(f"why gold.fact_cops_projection {PROJECTED} value"),
    jobforge(f"why gold.dim_descriptor {SCALE} scale_max --no-check"),
    jobforge(f"why gold.dim_descriptor {SCALE} scale_max"),
    jobforge("audit"),
)


def of_large_table(lake: Lake) -> tuple[Ask, ...]:
    """What is asked of the large table, with what does the same without the platform."""
    table = "gold/fact_vacancy"
    stands = f"data/{table}.parquet"
    [kept] = (lake.root.cache / "versions" / table).glob("*.parquet")
    return (
        Ask(YARDSTICK, code=YARDSTICK.strip("`")),
        *(
            ask
            for what, sql in SQL.items()
            for ask in (
                Ask(f"DuckDB alone: {what}", (sql.format(f"'{stands}'"),), DUCKDB),
                Ask(
                    f"`query`: {what}",
                    ("query", sql.format("gold.fact_vacancy")),
                    plain=f"DuckDB alone: {what}",
                ),
            )
        ),
        Ask("Polars alone: a full join", (str(kept), stands), JOIN),
        jobforge("diff gold.fact_vacancy", plain="Polars alone: a full join"),
        jobforge("lineage gold.fact_vacancy.title"),
        jobforge(f"trace silver.vacancy {VACANCY}"),
        jobforge(f"trace gold.fact_vacancy {VACANCY}"),
        jobforge("trace gold.vacancies_by_occupation noc_code=00042"),
        jobforge("trace gold.vacancies_by_year year=1990"),
        jobforge("trace --forward vacancies.csv:43"),
        jobforge(f"why gold.fact_vacancy {VACANCY} title --no-check"),
        jobforge(f"why gold.fact_vacancy {VACANCY} title"),
        jobforge("why gold.vacancies_by_occupation noc_code=00042 vacancies --no-check"),
        jobforge("why gold.vacancies_by_occupation noc_code=00042 vacancies"),
        jobforge("why gold.vacancies_by_year year=1990 vacancies --no-check"),
    )


def cost_of(lake: Lake, ask: Ask) -> Cost | None:
    """What a process costs; ``None`` if it takes too long."""
    used, began = _of_children(), time.perf_counter()
    try:
        done = subprocess.run(
            [sys.executable, "-c", PEAK + ask.code, *ask.arguments],
            cwd=lake.folder,
            env=lake.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=GIVEN_UP,
        )
    except subprocess.TimeoutExpired:
        return None
    wall = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{ask.what} ended with {done.returncode}:\n{done.stderr[-5_000:]}")
    return Cost(_of_children() - used, wall, int(done.stderr.split()[-2]) * 1_024 / 1e6)


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def in_turns(calls: Sequence[tuple[Lake, Ask]], rounds: int) -> Costs:
    """Ask everything, turn after turn, every other turn backwards."""
    costs: Costs = {}
    began = time.perf_counter()
    for number in range(rounds):
        for lake, ask in calls[:: -1 if number % 2 else 1]:
            before = costs.setdefault((lake.folder.name, ask.what), [])
            before.append(None if None in before else cost_of(lake, ask))
        spent = time.perf_counter() - began
        if spent + spent / (number + 1) > LONGEST:
            break
    print(f"Medians of {number + 1} turns.\n")
    return costs


def ratio(some: Sequence[Cost | None], base: Sequence[Cost | None], which: str = "cpu") -> str:
    """The median of the ratios of each turn: what else the machine does differs less within one."""
    pairs = [(one, two) for one, two in zip(some, base, strict=True) if one and two]
    if not pairs:
        return "-"
    median = statistics.median(getattr(one, which) / getattr(two, which) for one, two in pairs)
    return f"{median:.2f}" if median < 10 else f"{median:.0f}"


def peak(some: Sequence[Cost | None]) -> str:
    """The median of the peaks."""
    known = [cost.peak for cost in some if cost]
    return f"{statistics.median(known):,.0f}" if known else f"given up after {GIVEN_UP} s"


def on_the_real_files(lake: Lake, rounds: int) -> None:
    """Print what asking costs on the publishers' files, or on the sample where they are not."""
    shutil.copytree(PROJECT / "data" / "source", lake.root.landing)
    if REAL.is_dir():
        shutil.copytree(REAL, lake.root.landing, dirs_exist_ok=True, copy_function=shutil.copyfile)
    lake.run()
    deliver_again(lake.root.landing / NOC)
    lake.run()
    costs = in_turns([(lake, ask) for ask in OF_REAL_FILES], rounds)
    of = {what: some for (_, what), some in costs.items()}
    print("| | CPU | wall | peak, MB |")
    print("|---|---:|---:|---:|")
    for what, some in of.items():
        shown = " | ".join(ratio(some, of[YARDSTICK], which) for which in ("cpu", "wall"))
        print(f"| {what} | {shown} | {peak(some)} |")


def deliver_again(path: Path) -> None:
    """Alter the last cell of every hundredth record of a CSV file."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    for row in rows[100::100]:
        row[-1] += " And so on."
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def on_a_large_table(folder: Path, rows: int, rounds: int) -> None:
    """Print what asking costs on a large table, and on one of a tenth of its rows."""
    few, many = (large(folder / str(each), each) for each in (rows // 10, rows))
    asked = zip(of_large_table(few), of_large_table(many), strict=True)
    calls = [call for less, more in asked for call in ((few, less), (many, more))]
    costs = in_turns(calls, rounds)
    less, more = (
        {what: some for (name, what), some in costs.items() if name == lake.folder.name}
        for lake in (few, many)
    )
    print(f"| {rows:,} rows | CPU | wall | peak, MB | CPU : with {rows // 10:,} | CPU : alone |")
    print("|---|---:|---:|---:|---:|---:|")
    for _, ask in calls[1::2]:
        some = more[ask.what]
        shown = [ratio(some, more[YARDSTICK], which) for which in ("cpu", "wall")]
        beside = ratio(some, more[ask.plain]) if ask.plain else ""
        shown += [peak(some), ratio(some, less[ask.what]), beside]
        print(f"| {ask.what} | {' | '.join(shown)} |")


def large(folder: Path, rows: int) -> Lake:
    """A lake with a large table, delivered twice."""
    lake = Lake(folder, packages="workload")
    lake.root.landing.mkdir(parents=True)
    occupations.write(str(lake.root.landing / "occupations.csv"))
    for edition in range(2):
        vacancies.write(str(lake.root.landing / "vacancies.csv"), rows, edition)
        lake.run(*STEPS)
    return lake


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    rows = int(sys.argv[2]) if len(sys.argv) > 2 else ROWS
    with tempfile.TemporaryDirectory() as folder:
        on_the_real_files(Lake(Path(folder) / "real"), rounds)
        print()
        on_a_large_table(Path(folder), rows, rounds)


if __name__ == "__main__":
    main()
