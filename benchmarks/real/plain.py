"""The gold tables of the publishers' files, made by a plain Polars script.

    uv run python benchmarks/real/plain.py SOURCE GOLD

This is what a data engineer without a platform would write: no provenance, no record of what was
refused, no checks beyond what the tables need to be right, and nothing between the files and gold.
"""

from __future__ import annotations

import sys
from pathlib import Path

import plain_cops
import plain_noc
import plain_oasis
import plain_ratings
import plain_titles
import polars as pl

FAMILIES = (plain_noc, plain_oasis, plain_ratings, plain_cops, plain_titles)


def make(source: Path, gold: Path) -> None:
    """Read the files below ``source`` and write the tables into the folder ``gold``."""
    gold.mkdir(parents=True, exist_ok=True)
    tables = {name: frame for family in FAMILIES for name, frame in family.tables(source).items()}
    pl.collect_all(
        frame.sink_parquet(gold / f"{name}.parquet", compression="zstd", lazy=True)
        for name, frame in tables.items()
    )


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]))
