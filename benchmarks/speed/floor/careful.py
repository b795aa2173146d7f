"""The workload layer by layer, governed, and read with care; still without a platform.

    python careful.py SOURCE DIMENSION OUT

`governed.py` believes what it is given: Polars makes rows of lines that are no records, "1,2,3"
reads as 123, and a fact names no files. This adds what keeps that from happening, by the very
functions of ours, and Polars has the same settings. Checks, words for people, catalog and lineage
are not there: what is above this is what the platform itself costs.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jobforge_dagster  # noqa: F401  # before Polars, which it tells how to use memory

# isort: split
import polars as pl
from layered import NO_CARE, Care, main
from polars_floor import NAMES, NUMBERS, broken

from jobforge_dagster.medallion.layers.casting import finite, from_bare, ungrouped
from jobforge_dagster.medallion.readers.plain import plain_records
from jobforge_dagster.medallion.readers.text import inspect

NO_VALUE = ["", "N/A"]


def receive(source: Path) -> None:
    """Hash a CSV file, and prove meanwhile that each of its lines is one record."""
    with ThreadPoolExecutor(max_workers=1) as beside:
        hashed = beside.submit(NO_CARE.receive, source)
        inspect(source, source.name, None, "CSV")
        if plain_records(source, ",", len(NAMES)) is None:
            raise SystemExit(f"{source.name}: not every line is one record.")
        hashed.result()


def read(staged: pl.LazyFrame) -> pl.LazyFrame:
    """Cast what reads as it stands, and of the rest what is a number in groups of three digits."""
    types = [(header, name, NUMBERS[name]) for header, name in NAMES.items() if name in NUMBERS]
    texts = [(header, name) for header, name in NAMES.items() if name not in NUMBERS]
    return (
        staged.with_columns(
            finite(pl.col(header).cast(dtype, strict=False), dtype()).alias(name)
            for header, name, dtype in types
        )
        .with_columns(
            pl.when(pl.col(name).is_null())
            .then(pl.col(header))
            .str.strip_chars()
            .alias(f"left {name}")
            for header, name, _ in types
        )
        .with_columns(
            pl.when(~pl.col(f"left {name}").is_in(NO_VALUE))
            .then(f"left {name}")
            .alias(f"left {name}")
            for _, name, _ in types
        )
        .with_columns(
            *(
                pl.coalesce(
                    name, from_bare(ungrouped(pl.col(f"left {name}"), dtype(), ","), dtype())
                ).alias(name)
                for _, name, dtype in types
            ),
            *(
                pl.when(~pl.col(header).str.strip_chars().is_in(NO_VALUE)).then(header).alias(name)
                for header, name in texts
            ),
        )
        .with_columns(
            broken(
                pl.any_horizontal(
                    *(
                        pl.col(name).is_null() & pl.col(f"left {name}").is_not_null()
                        for _, name, _ in types
                    ),
                    *(pl.col(name).str.contains("\x00", literal=True) for _, name in texts),
                )
            ).alias("rule")
        )
    )


def sources(rows: pl.LazyFrame, by: tuple[str, ...]) -> pl.LazyFrame:
    """The files and batches behind each group of rows."""
    known = {"_source_file": "_source_files", "_batch_id": "_batches"}
    return (
        rows.select(*by, *known)
        .unique()
        .group_by(by)
        .agg(
            pl.col(name).unique().sort().str.join("|").alias(all_of)
            for name, all_of in known.items()
        )
    )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), governed=True, care=Care(receive, read, sources))
