"""Settling a plan: what is to be executed several times must not cost several times as much.

Small tables are computed once and held. A large one that is made row by row is cheap to compute
again, and only those of its columns that are asked for; the rows keep their order. Any other is
computed once, into a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from jobforge_dagster.medallion.layers.plan import is_row_by_row
from jobforge_dagster.medallion.storage import parquet

SMALL = 262_144
"""Rows of all inputs together up to which a table is held in memory while it is made."""


@dataclass(frozen=True)
class Settled:
    """A plan that may be executed several times.

    Attributes:
        frame: gives the same rows in the same order each time.
        in_order: whether that order is the one of what it is made of.
        held: whether the rows are held in memory.
    """

    frame: pl.LazyFrame
    in_order: bool = False
    held: bool = False


def settled(frame: pl.LazyFrame, rows_in: int, file: Path) -> Settled:
    """Settle a plan.

    Args:
        frame: the plan.
        rows_in: how many rows all its inputs have.
        file: where to put the rows of a large table that is not made row by row.
    """
    if rows_in <= SMALL:
        [rows] = parquet.run(frame)
        return Settled(rows.lazy(), held=True)
    if is_row_by_row(frame):
        return Settled(frame, in_order=True)
    written = frame.sink_parquet(file, compression="lz4", statistics=False, lazy=True)
    parquet.run(written, lean=True)
    return Settled(parquet.scan(file))
