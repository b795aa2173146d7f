"""Who takes part: how each is started, and where what it wrote is found.

Each starts from nothing: an empty folder, without what an earlier run left. ``before`` is what is
not measured: putting the delivered files where they are expected, and settings.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from speed.environments import program
from speed.spec import DELIVERED, PROVENANCE, TABLES

HERE = Path(__file__).parent
BENCHMARKS = HERE.parent
PROJECT = BENCHMARKS.parent

NO_TELEMETRY = {
    "DO_NOT_TRACK": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "true",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
}


@dataclass(frozen=True)
class Contender:
    """One way to do the work.

    Attributes:
        name: short, for files.
        title: for people.
        floor: whether it is a script without any platform.
        limit: whether it is a script that shows what the work asked for costs by itself.
        environment: name of its virtual environment; ``None`` for the project's own.
    """

    name: str
    title: str
    floor: bool = False
    limit: bool = False
    environment: str | None = None

    def command(self, source: Path, dimension: Path, out: Path) -> tuple[list[str], dict[str, str]]:
        """How it is started, in the folder ``out``.

        Args:
            source: CSV file of facts.
            dimension: CSV file of occupations.
            out: the folder to write into, empty but for what ``before`` put there.

        Returns:
            The program with its arguments, and what its environment has besides.
        """
        raise NotImplementedError

    def before(self, source: Path, dimension: Path, out: Path) -> None:
        """Make ready what is not measured; see ``command`` for the arguments."""

    def tables(self, out: Path) -> Mapping[str, pl.LazyFrame]:
        """What it wrote, by table, in the columns of the specification.

        Args:
            out: the folder that it wrote into.
        """
        return {table: _scan(out / f"{table}.parquet", table) for table in TABLES}

    def close(self, out: Path) -> None:
        """Nothing is left running."""

    def _program(self, name: str) -> str:
        if self.environment is None:
            return str(Path(sys.executable).with_name(name))
        return str(program(self.environment, name))


@dataclass(frozen=True)
class Script(Contender):
    """A script of our own.

    Attributes:
        script: below this folder; its arguments are the source, the dimension and the folder.
    """

    script: str = ""

    def command(self, source: Path, dimension: Path, out: Path) -> tuple[list[str], dict[str, str]]:
        """Python with the script."""
        told = [
            self._program("python"),
            str(HERE / self.script),
            *map(str, (source, dimension, out)),
        ]
        return told, NO_TELEMETRY


@dataclass(frozen=True)
class Dbt(Contender):
    """A project of dbt."""

    def command(self, source: Path, dimension: Path, out: Path) -> tuple[list[str], dict[str, str]]:
        """``dbt run``."""
        places = {
            "--project-dir": HERE / "dbt",
            "--profiles-dir": HERE / "dbt",
            "--target-path": out / "target",
            "--log-path": out / "logs",
        }
        options = [str(each) for place in places.items() for each in place]
        return [self._program("dbt"), "run", *options], _told(source, dimension, out)


@dataclass(frozen=True)
class SqlMesh(Contender):
    """A project of SQLMesh."""

    def command(self, source: Path, dimension: Path, out: Path) -> tuple[list[str], dict[str, str]]:
        """``sqlmesh plan``, applied at once."""
        where = ["--paths", str(HERE / "sqlmesh"), "--log-file-dir", str(out / "logs")]
        plan = ["plan", "--auto-apply", "--no-prompts", "--skip-tests"]
        return [self._program("sqlmesh"), *where, *plan], _told(source, dimension, out)


@dataclass(frozen=True)
class Dlt(Script):
    """A pipeline of dlt that loads, with SQL after it."""

    def tables(self, out: Path) -> Mapping[str, pl.LazyFrame]:
        """As the others, but that dlt writes files of its own naming."""
        loaded = _scan(out / "loaded" / "labour" / "staged" / "*.parquet", "staged")
        rest = (table for table in TABLES if table != "staged")
        return {"staged": loaded, **{name: _scan(out / f"{name}.parquet", name) for name in rest}}


@dataclass(frozen=True)
class Naive(Contender):
    """A Dagster project as one would first write it."""

    def command(self, source: Path, dimension: Path, out: Path) -> tuple[list[str], dict[str, str]]:
        """``dagster asset materialize``."""
        where = ["-m", "labour", "--working-directory", str(HERE / "naive")]
        told = ["asset", "materialize", "--select", "*", *where]
        home = {"DAGSTER_HOME": str(out / "home")}
        return [self._program("dagster"), *told], _told(source, dimension, out) | home

    def before(self, source: Path, dimension: Path, out: Path) -> None:  # noqa: ARG002
        """A fresh home, in which nothing but telemetry is set otherwise."""
        (out / "home").mkdir()
        (out / "home" / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", "utf-8")


@dataclass(frozen=True)
class Ours(Contender):
    """JobForge with everything on: catalog, checks, quarantine and event log, as shipped."""

    def command(self, source: Path, dimension: Path, out: Path) -> tuple[list[str], dict[str, str]]:  # noqa: ARG002
        """``dagster asset materialize``, of the one domain."""
        told = ["asset", "materialize", "--select", "*", "-m", "jobforge_dagster.definitions"]
        return [self._program("dagster"), *told], {
            "JOBFORGE_DATA_ROOT": "data",
            "JOBFORGE_DOMAINS": "workload.labour",
            "PYTHONPATH": str(BENCHMARKS),
        }

    def before(self, source: Path, dimension: Path, out: Path) -> None:
        """Deliver both files, and copy the project's settings of Dagster."""
        landing = out / "data" / "source" / "labour"
        landing.mkdir(parents=True)
        _lay(source, landing / "facts.csv")
        _lay(dimension, landing / "occupations.csv")
        shutil.copy(PROJECT / "dagster.yaml", out)

    def tables(self, out: Path) -> Mapping[str, pl.LazyFrame]:
        """Where the platform keeps them; of the quarantine, the rows that were rejected."""
        data = out / "data"
        places = {
            "staged": "staged/labour_facts/*/*.parquet",
            "bronze": "bronze/labour/labour_facts.parquet",
            "silver": "silver/labour/labour_fact.parquet",
            "dim": "gold/dim_labour_occupation.parquet",
            "fact": "gold/fact_labour.parquet",
        }
        found = {table: _scan(data / place, table) for table, place in places.items()}
        return {**found, "quarantine": _rejected(data / "quarantine")}


def _rejected(quarantine: Path) -> pl.LazyFrame:
    """Rejected rows as the others write them: what was delivered, and which rule it breaks."""
    broken = pl.col("broken").list.first().struct.field("rule").str.split(":").list.last()
    rule = (
        pl.when(pl.col("layer") == "bronze")
        .then(pl.lit("number"))
        .when(broken.str.starts_with("noc_code."))
        .then(pl.lit("code"))
        .when(broken.str.contains(r"^(year|employment)\."))
        .then(pl.lit("range"))
        .otherwise(broken)
    )
    return (
        pl.scan_parquet(quarantine / "*" / "*" / "labour_fact*.parquet")
        .filter(pl.col("fate") == "rejected")
        .select(
            pl.col("original").str.json_decode(pl.Struct(DELIVERED)).struct.unnest(),
            rule.alias("rule"),
        )
    )


def _scan(path: Path, table: str) -> pl.LazyFrame:
    frame = pl.scan_parquet(path)
    wanted = [*TABLES[table], *PROVENANCE]
    there = frame.collect_schema()
    return frame.select(name for name in wanted if name in there)


def _told(source: Path, dimension: Path, out: Path) -> dict[str, str]:
    return NO_TELEMETRY | {"SOURCE": str(source), "DIMENSION": str(dimension), "OUT": str(out)}


def _lay(file: Path, place: Path) -> None:
    """Put a file somewhere without copying it, where the file system can."""
    try:
        place.hardlink_to(file)
    except OSError:
        shutil.copyfile(file, place)


CONTENDERS: tuple[Contender, ...] = (
    Script("polars", "Floor: Polars script", floor=True, script="floor/polars_floor.py"),
    Script("duckdb", "Floor: DuckDB script", floor=True, script="floor/duckdb_floor.py"),
    Script("layered", "Layer by layer: Polars script", limit=True, script="floor/layered.py"),
    Script("governed", "The same, governed", limit=True, script="floor/governed.py"),
    Script("careful", "The same, read with care", limit=True, script="floor/careful.py"),
    Ours("ours", "JobForge"),
    Dbt("dbt", "dbt-duckdb", environment="dbt"),
    SqlMesh("sqlmesh", "SQLMesh (DuckDB)", environment="sqlmesh"),
    Dlt("dlt", "dlt, then SQL", environment="dlt", script="dlt/load.py"),
    Naive("naive", "Dagster, naive", environment="naive"),
)
"""Everyone; the outputs of the first are what the others' are compared with."""
