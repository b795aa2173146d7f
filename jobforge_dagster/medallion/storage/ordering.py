"""Sorting what does not fit in memory: range by range of the key, from files on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from jobforge_dagster.medallion.storage import parquet

AT_ONCE = 500_000
"""Rows that are sorted at a time. A table of fewer than twice as many is sorted as a whole."""

_SAMPLES = 100
"""Keys that are looked at for each range, to make the ranges about as long as each other."""

_GROUP = 32_768
"""Rows that each range gathers before they are written: all ranges do so at the same time."""

_RANGE = "__range"


def in_order(rows: pl.LazyFrame, keys: Sequence[str], about: int, folder: Path) -> pl.LazyFrame:
    """Rows by their key; of a large table never more than some :data:`AT_ONCE` in memory.

    Args:
        rows: in any order.
        keys: columns without nulls, whose values together tell the rows apart.
        about: how many there are, at most.
        folder: where to put the ranges of a large table; it must outlive the result.
    """
    if about < 2 * AT_ONCE:
        return rows.sort(keys)
    ranges = -(-about // AT_ONCE)
    every = max(1, about // (ranges * _SAMPLES))
    [sample] = parquet.run(rows.select(keys).gather_every(every))
    if sample.is_empty():
        return rows
    sample = sample.sort(keys)
    starts = [sample.row(sample.height * place // ranges) for place in range(1, ranges)]
    number = pl.sum_horizontal(_not_before(keys, start).cast(pl.UInt32) for start in starts)
    target = pl.PartitionBy(folder, key=number.alias(_RANGE), include_key=False)
    parquet.run(
        rows.sink_parquet(
            target,
            compression="lz4",
            statistics=False,
            row_group_size=_GROUP,
            mkdir=True,
            lazy=True,
        )
    )
    schema = rows.collect_schema()
    done = []
    for place in range(ranges):
        files = sorted((folder / f"{_RANGE}={place}").glob("*.parquet"))
        some = pl.concat([pl.LazyFrame(schema=schema), *map(parquet.scan, files)])
        done.append(folder / f"{place:05}.parquet")
        parquet.run(some.sort(keys).sink_parquet(done[-1], compression="lz4", lazy=True))
        for file in files:
            file.unlink()
    return pl.concat(map(parquet.scan, done))


def _not_before(keys: Sequence[str], start: Sequence[Any]) -> Any:
    """Whether a row's key is ``start`` or comes after it."""
    (key, value), *rest = zip(keys, start, strict=True)
    first: pl.Expr = pl.col(key)
    if not rest:
        return first >= value
    after = _not_before([name for name, _ in rest], [each for _, each in rest])
    return (first > value) | ((first == value) & after)
