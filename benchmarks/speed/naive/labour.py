"""The workload as a Dagster project that one would first write: whole frames in memory.

Read by ``dagster asset materialize -m labour``; SOURCE, DIMENSION and OUT are in the environment.
"""

import os
import uuid
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import polars as pl

SOURCE, DIMENSION, OUT = (os.environ[name] for name in ("SOURCE", "DIMENSION", "OUT"))
NAMES = {
    "NOC Code": "noc_code",
    "Year": "year",
    "Geography": "geography",
    "Employment": "employment",
    "Vacancies": "vacancies",
    "Median Hourly Wage": "median_wage",
    "Job Openings": "job_openings",
    "Unemployment Rate": "unemployment_rate",
    "Retirements": "retirements",
    "Total Payroll": "total_payroll",
    "Growth Rate": "growth_rate",
    "Notes": "notes",
}
KEY = ["noc_code", "year", "geography"]
SUMS = ["employment", "vacancies", "job_openings", "retirements", "total_payroll"]
MEANS = ["median_wage", "unemployment_rate", "growth_rate"]
TYPES = {"year": pl.Int32, **dict.fromkeys(SUMS, pl.Int64), **dict.fromkeys(MEANS, pl.Float64)}


class ParquetIOManager(dg.ConfigurableIOManager):
    """One Parquet file for each asset."""

    folder: str

    def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame) -> None:
        """Write a frame."""
        obj.write_parquet(self._path(context.asset_key), compression="zstd")
        context.add_output_metadata({"dagster/row_count": obj.height})

    def load_input(self, context: dg.InputContext) -> pl.DataFrame:
        """Read a frame."""
        return pl.read_parquet(self._path(context.asset_key))

    def _path(self, key: dg.AssetKey) -> Path:
        return Path(self.folder) / f"{key.path[-1]}.parquet"


def stamped(frame: pl.DataFrame, layer: str, file: str, batch: str) -> pl.DataFrame:
    """With the columns of provenance."""
    return frame.with_columns(
        _source_file=pl.lit(file),
        _ingested_at=pl.lit(datetime.now(UTC)),
        _batch_id=pl.lit(batch),
        _layer=pl.lit(layer),
    )


def judged(staged: pl.DataFrame) -> pl.DataFrame:
    """Typed columns beside the delivered ones, and the rule that a row breaks."""
    typed = staged.with_columns(
        pl.col(header).str.replace_all(",", "").cast(TYPES[name], strict=False).alias(name)
        if name in TYPES
        else pl.col(header).alias(name)
        for header, name in NAMES.items()
    )
    unread = pl.any_horizontal(
        (pl.col(header) != "N/A") & pl.col(name).is_null()
        for header, name in NAMES.items()
        if name in TYPES
    )
    return typed.with_columns(
        rule=pl.when(unread)
        .then(pl.lit("number"))
        .when(~pl.col("noc_code").str.contains(r"^\d{5}$"))
        .then(pl.lit("code"))
        .when(~pl.col("year").is_between(1987, 2040) | (pl.col("employment") < 0))
        .then(pl.lit("range"))
    )


@dg.asset
def staged() -> pl.DataFrame:
    """As delivered."""
    return stamped(pl.read_csv(SOURCE, infer_schema=False), "staged", SOURCE, str(uuid.uuid4()))


@dg.multi_asset(outs={"bronze": dg.AssetOut(), "quarantine": dg.AssetOut()})
def bronze_and_quarantine(staged: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What reads, typed; and what breaks a rule, as delivered."""
    rows = judged(staged)
    reads = rows.filter(pl.col("rule").ne_missing("number"))
    bronze = stamped(reads.select(NAMES.values()), "bronze", SOURCE, staged["_batch_id"][0])
    return bronze, rows.filter(pl.col("rule").is_not_null()).select(*NAMES, "rule")


@dg.asset
def silver(bronze: pl.DataFrame) -> pl.DataFrame:
    """Each good row once."""
    good = bronze.filter(
        pl.col("noc_code").str.contains(r"^\d{5}$"),
        pl.col("year").is_between(1987, 2040),
        (pl.col("employment") >= 0).fill_null(value=True),
    )
    return stamped(good.unique(KEY), "silver", SOURCE, bronze["_batch_id"][0])


@dg.asset
def dim() -> pl.DataFrame:
    """The occupations."""
    names = ["noc_code", "title_en", "title_fr", "teer", "broad_category"]
    frame = pl.read_csv(DIMENSION, infer_schema=False, new_columns=names)
    typed = frame.with_columns(pl.col("teer", "broad_category").cast(pl.Int8))
    return stamped(typed, "gold", DIMENSION, str(uuid.uuid4()))


@dg.asset
def fact(silver: pl.DataFrame, dim: pl.DataFrame) -> pl.DataFrame:
    """Sums and means of each year."""
    years = silver.group_by("noc_code", "year").agg(
        pl.len().cast(pl.Int64).alias("n"), pl.col(SUMS).sum(), pl.col(MEANS).mean()
    )
    joined = years.join(dim.select("noc_code", "teer"), on="noc_code")
    return stamped(joined, "gold", SOURCE, silver["_batch_id"][0])


defs = dg.Definitions(
    assets=[staged, bronze_and_quarantine, silver, dim, fact],
    resources={"io_manager": ParquetIOManager(folder=OUT)},
)
