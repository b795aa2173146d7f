"""Whether two contenders wrote the same tables, row for row, in any order.

Rows are compared by a 64-bit hash of all their values, sixteen bytes a row in memory: that two
tables differ and agree in every hash is not to be expected in the life of this benchmark. Means are
compared one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
from speed.spec import KEYS, MEANS, PROVENANCE, TABLES

TOLERANCE = 1e-9
"""By how much, relative to the larger, two means may differ."""

_HASH = "__hash"
_SHOWN = 200
"""So many rows of each side are looked through for the pair that is most alike."""


def different(ours: Mapping[str, pl.LazyFrame], other: Mapping[str, pl.LazyFrame]) -> list[str]:
    """Tell each difference between the outputs of two contenders.

    Args:
        ours: by name, the tables of one; see :mod:`speed.spec`.
        other: those of the other.

    Returns:
        Each difference in words; empty if there is none.
    """
    return [
        f"{table}: {difference}"
        for table in TABLES
        for difference in _of_table(table, ours.get(table), other.get(table))
    ]


def _of_table(table: str, ours: pl.LazyFrame | None, other: pl.LazyFrame | None) -> list[str]:
    if ours is None or other is None:
        return [f"the {'first' if ours is None else 'second'} has no such table"]
    wrong = [*_shape(table, ours, "first"), *_shape(table, other, "second")]
    if wrong:
        return wrong
    means = MEANS.get(table, ())
    exact = [name for name in TABLES[table] if name not in means]
    return _rows(ours.select(exact), other.select(exact)) or _means(table, ours, other, means)


def _shape(table: str, frame: pl.LazyFrame, which: str) -> list[str]:
    schema = frame.collect_schema()
    wrong = [
        f"{name} is {schema.get(name, 'missing')} in the {which}, not {dtype}"
        for name, dtype in TABLES[table].items()
        if schema.get(name) != dtype
    ]
    if table == "quarantine":
        return wrong
    there = [name for name in PROVENANCE if name in schema]
    wrong += [f"{name} is missing in the {which}" for name in PROVENANCE if name not in there]
    nulls = frame.select(pl.col(there).null_count()).collect(engine="streaming")
    wrong += [
        f"{name} is null in {nulls[name].item():,} rows of the {which}"
        for name in there
        if nulls[name].item()
    ]
    return wrong


def _rows(ours: pl.LazyFrame, other: pl.LazyFrame) -> list[str]:
    """The difference of two tables as collections of rows, which may repeat."""
    first, second = _hashes(ours), _hashes(other)
    if np.array_equal(first, second):
        return []
    only_first, only_second = _without(first, second), _without(second, first)
    said = (
        f"{len(first):,} rows in the first and {len(second):,} in the second; "
        f"only in the first are {len(only_first):,}, only in the second {len(only_second):,}"
    )
    return [f"{said}. {_example(_some(ours, only_first), _some(other, only_second))}"]


def _hashed(frame: pl.LazyFrame) -> pl.LazyFrame:
    return frame.with_columns(pl.struct(pl.all()).hash().alias(_HASH))


def _hashes(frame: pl.LazyFrame) -> npt.NDArray[np.uint64]:
    """The hashes of all rows, in their order."""
    hashes = _hashed(frame).select(_HASH).collect(engine="streaming").to_series().to_numpy()
    return np.sort(hashes)


def _without(
    some: npt.NDArray[np.uint64], others: npt.NDArray[np.uint64]
) -> npt.NDArray[np.uint64]:
    """The hashes of ``some`` that ``others`` lacks, or has fewer of; both are in order."""
    ordinal = np.arange(len(some)) - np.searchsorted(some, some, "left")
    there = np.searchsorted(others, some, "right") - np.searchsorted(others, some, "left")
    return some[ordinal >= there]


def _some(frame: pl.LazyFrame, hashes: npt.NDArray[np.uint64]) -> list[dict[str, object]]:
    """Some of the rows that have one of the hashes."""
    wanted = pl.Series(np.unique(hashes)[:_SHOWN])
    found = _hashed(frame).filter(pl.col(_HASH).is_in(wanted.implode())).drop(_HASH)
    return found.head(_SHOWN).collect(engine="streaming").to_dicts()


def _example(ours: Sequence[dict[str, object]], other: Sequence[dict[str, object]]) -> str:
    """The two rows that are most alike, or one that has no counterpart."""
    if not ours or not other:
        which, [row, *_] = ("first", ours) if ours else ("second", other)
        return f"Only in the {which}, for example: {row}"
    row, counterpart = min(
        ((one, two) for one in ours for two in other),
        key=lambda pair: sum(pair[0][name] != pair[1][name] for name in pair[0]),
    )
    apart = [name for name in row if row[name] != counterpart[name]]
    told = ", ".join(f"{name} is {row[name]!r} and {counterpart[name]!r}" for name in apart)
    same = {name: value for name, value in row.items() if name not in apart}
    return f"For example {told or 'a row is repeated'}, where {same}"


def _means(table: str, ours: pl.LazyFrame, other: pl.LazyFrame, means: Sequence[str]) -> list[str]:
    """The means that differ by more than the order of adding explains."""
    if not means:
        return []
    key = KEYS[table]
    both = ours.select(*key, *means).join(
        other.select(*key, *means), on=key, how="full", suffix="_other", nulls_equal=True
    )
    told = []
    for name in means:
        one, two = pl.col(name), pl.col(f"{name}_other")
        far = (one - two).abs() > TOLERANCE * pl.max_horizontal(one.abs(), two.abs())
        one_is_missing = one.is_null() != two.is_null()
        apart = both.filter(far | one_is_missing).select(*key, one, two).collect()
        if len(apart):
            row = apart.row(0)
            where = dict(zip(key, row, strict=False))
            told.append(
                f"{name} differs in {len(apart):,} rows: {row[-2]} and {row[-1]} at {where}"
            )
    return told
