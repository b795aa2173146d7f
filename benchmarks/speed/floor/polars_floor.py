"""The workload as one Polars script, as fast and as lean as we know how, without any platform.

    python polars_floor.py SOURCE DIMENSION OUT

The source is parsed once: one streaming pass writes staged, bronze and quarantine and keeps a hash
of the key of each good row. Only rows whose hash repeats can be duplicates: real keys are compared
on those alone, and the first row of each is kept. The second pass writes silver and adds up the
fact. Eight bytes a row are all that grows.
"""

from __future__ import annotations

import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

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
KEY = ("noc_code", "year", "geography")
SUMS = ("employment", "vacancies", "job_openings", "retirements", "total_payroll")
MEANS = ("median_wage", "unemployment_rate", "growth_rate")
NUMBERS: dict[str, type[pl.DataType]] = {
    "year": pl.Int32,
    **dict.fromkeys(SUMS, pl.Int64),
    **dict.fromkeys(MEANS, pl.Float64),
}
DIMENSION = {
    "NOC Code": "noc_code",
    "Class title": "title_en",
    "Titre": "title_fr",
    "TEER": "teer",
    "Broad category": "broad_category",
}


def main(source: Path, dimension: Path, out: Path) -> None:
    """Write all tables of the workload into a folder.

    Args:
        source: CSV file of facts.
        dimension: CSV file of occupations.
        out: an empty folder.
    """
    batch = str(uuid.uuid4())

    def stamp(layer: str, file: Path = source) -> list[pl.Expr]:
        return [
            pl.lit(file.name).alias("_source_file"),
            pl.lit(datetime.now(UTC)).alias("_ingested_at"),
            pl.lit(batch).alias("_batch_id"),
            pl.lit(layer).alias("_layer"),
        ]

    def sink(frame: pl.LazyFrame, table: str) -> pl.LazyFrame:
        return frame.sink_parquet(
            out / f"{table}.parquet", compression="zstd", compression_level=1, lazy=True
        )

    judged = (
        pl.scan_csv(source, infer_schema=False)
        .with_columns(typed())
        .with_columns(broken(unread()).alias("rule"))
    )
    good = judged.filter(pl.col("rule").is_null())
    *_, hashes = pl.collect_all(
        [
            sink(judged.select(*NAMES, *stamp("staged")), "staged"),
            sink(
                judged.filter(pl.col("rule").ne_missing("number")).select(
                    *NAMES.values(), *stamp("bronze")
                ),
                "bronze",
            ),
            sink(
                judged.filter(pl.col("rule").is_not_null()).select(*NAMES, "rule"),
                "quarantine",
            ),
            good.select(hash_of_key()),
        ],
        engine="streaming",
    )
    again = repeated(hashes.to_series())
    del hashes

    figures = pl.scan_parquet(out / "bronze.parquet", row_index_name="row").filter(
        obeys_code(), obeys_range()
    )
    suspects = (
        figures.select("row", *KEY, hash_of_key())
        .join(again.to_frame("hash").lazy(), on="hash", how="semi")
        .collect(engine="streaming")
        .sort("row")
    )
    repeats = suspects.filter(~pl.struct(KEY).is_first_distinct()).select("row")
    silver = figures.join(repeats.lazy(), on="row", how="anti").drop("row")

    occupations = (
        pl.scan_csv(dimension, infer_schema=False)
        .rename(DIMENSION)
        .with_columns(pl.col("teer", "broad_category").cast(pl.Int8), *stamp("gold", dimension))
    )
    years = (
        silver.group_by("noc_code", "year")
        .agg(pl.len().cast(pl.Int64).alias("n"), pl.col(SUMS).sum(), pl.col(MEANS).mean())
        .join(occupations.select("noc_code", "teer"), on="noc_code")
        .with_columns(stamp("gold"))
    )
    pl.collect_all(
        [
            sink(silver.with_columns(stamp("silver")), "silver"),
            sink(occupations, "dim"),
            sink(years, "fact"),
        ],
        engine="streaming",
    )


def typed() -> list[pl.Expr]:
    """The columns of bronze; null where there is no value or it does not read."""
    return [
        pl.col(header)
        .str.replace_all(",", "", literal=True)
        .cast(NUMBERS[name], strict=False)
        .alias(name)
        if name in NUMBERS
        else pl.col(header).alias(name)
        for header, name in NAMES.items()
    ]


def unread() -> pl.Expr:
    """Whether a row holds a number that does not read."""
    return pl.any_horizontal(
        pl.col(name).is_null() & (pl.col(header) != "N/A")
        for header, name in NAMES.items()
        if name in NUMBERS
    )


def broken(unread: pl.Expr) -> pl.Expr:
    """The rule that a row breaks, null for a good row; ``unread`` is one of them."""
    return (
        pl.when(unread)
        .then(pl.lit("number"))
        .when(~obeys_code())
        .then(pl.lit("code"))
        .when(~obeys_range())
        .then(pl.lit("range"))
    )


def obeys_code() -> pl.Expr:
    """Whether the code is five digits."""
    return pl.col("noc_code").str.contains("^[0-9]{5}$")


def obeys_range() -> pl.Expr:
    """Whether year and employment are in range; an employment that is not known is."""
    return pl.col("year").is_between(1987, 2040) & (pl.col("employment") >= 0).fill_null(value=True)


def hash_of_key() -> pl.Expr:
    """Eight bytes that are the same for the same key."""
    return pl.struct(KEY).hash().alias("hash")


def repeated(hashes: pl.Series) -> pl.Series:
    """The hashes that stand for more than one row."""
    ordered = np.sort(hashes.to_numpy())
    return pl.Series(np.unique(ordered[1:][ordered[1:] == ordered[:-1]]))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
