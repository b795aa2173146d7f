"""Small tables: ``SMALL_TABLES`` files of ten rows, each staged, named and typed, and validated."""

import os

import dataframely as dy
import polars as pl

from jobforge_dagster.medallion.declare import Domain, Licence, Origin, meaning

SMALL = Domain("small", title="Small tables", owner="team:benchmarks")
SYNTHETIC = Origin(
    publisher="JobForge (synthetic)", system="Benchmark", licence=Licence("MIT", "MIT License")
)


class Small(dy.Schema):
    """One of ten things."""

    code = dy.String(primary_key=True, regex=r"^\d{5}$", metadata=meaning("Its code."))
    name = dy.String(metadata=meaning("What it is called."))
    count = dy.Int64(nullable=True, min=0, metadata=meaning("How many there are."))


def declare(number: int) -> None:
    """A source and the silver table that is made of it."""
    source = SMALL.source(
        f"small_{number:04}",
        files=f"small/{number:04}.csv",
        schema=Small,
        origin=SYNTHETIC,
        nulls=["N/A"],
    )

    @SMALL.silver(schema=Small, inputs=[source], name=f"table_{number:04}")
    def as_delivered(rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows


for each in range(int(os.environ.get("SMALL_TABLES", "1"))):
    declare(each)
