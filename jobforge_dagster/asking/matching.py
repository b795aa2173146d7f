"""Finding the same rows in two frames: of a table as it lies on disk, and as its code plans it.

Two rows are the same if they have the same key and the same trace; where several have (a table may
have no key, and duplicates share theirs until they are set aside), if all their values are the same
too. Rows that differ in nothing cannot be told apart: each stands for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isclose, isnan
from typing import Any

import polars as pl

from jobforge_dagster.asking.lookups import one_of
from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.provenance import SOURCE_ROW, TRACE

WANTED = "__wanted"
"""The column that tells which of the rows looked for a row is the same as."""

_MANY = 10_000
"""Keys that are looked for one by one, so that a reader can leave out what has none of them."""


def same_rows(
    wanted: pl.DataFrame,
    among: pl.LazyFrame,
    key: Sequence[str],
    extra: Sequence[str],
    *,
    wholly: bool = False,
) -> pl.DataFrame:
    """Find rows of one frame in another.

    Args:
        wanted: the rows, each with its number in :data:`WANTED`, all columns of the table and the
            trace.
        among: where to look for them: the same columns, and ``extra``.
        key: of the table; none, if it has no key.
        extra: columns of ``among`` to take along.
        wholly: whether all values must be the same even where one row alone has the key and the
            trace: of duplicates that one record gave, a table keeps the first.

    Returns:
        :data:`WANTED` and the extra columns; several rows for one wanted if they are the same.
    """
    types = wanted.schema
    told = [name for name in types if name not in (WANTED, *TRACE)]
    # Sums of floats may differ in their last digits each time that they are made.
    firm = list(key) or [
        name for name in told if not (types[name].is_float() or types[name].is_nested())
    ]
    first = _joined(wanted, among, [*firm, *TRACE], extra)
    several = pl.lit(value=True) if wholly else pl.col(WANTED).is_duplicated()
    again = first.filter(several)[WANTED].unique()
    if len(again):
        rest = [name for name in told if name not in firm]
        these = wanted.filter(pl.col(WANTED).is_in(again.implode()))
        found = _joined(these, among, [*firm, *TRACE], [*rest, *extra])
        close = found.filter(_alike(these, found, rest)).select(first.columns)
        first = pl.concat([first.filter(~pl.col(WANTED).is_in(again.implode())), close])
    return first.sort(WANTED, maintain_order=True)


def _joined(
    wanted: pl.DataFrame, among: pl.LazyFrame, on: Sequence[str], extra: Sequence[str]
) -> pl.DataFrame:
    named = exactly(*dict.fromkeys([*on, *extra]))
    return (
        among.filter(_near(wanted, [*on[: -len(TRACE)], SOURCE_ROW]))
        .select(named)
        .join(
            wanted.lazy().select(exactly(WANTED, *on)),
            on=list(on),
            how="inner",
            nulls_equal=True,
            maintain_order="left",
        )
        .select(exactly(WANTED, *extra))
        .collect(engine="streaming")
    )


def _near(wanted: pl.DataFrame, columns: Sequence[str]) -> pl.Expr:
    """What each of the rows wanted fulfils, and few others: it can be asked of a file's reader."""
    conditions = [pl.lit(value=True)]
    for name in columns:
        values = wanted[name].unique()
        column = exactly(name)
        if values.dtype.is_nested() or len(values) > _MANY:
            continue
        if len(values) == 1 and values[0] is not None:
            conditions.append(column == pl.lit(values[0], values.dtype))
        elif values.null_count():
            conditions.append(column.is_null() | one_of(name, values))
        else:
            conditions.append(one_of(name, values))
    return pl.all_horizontal(conditions[1:]) if len(conditions) > 1 else conditions[0]


def _alike(wanted: pl.DataFrame, found: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """Whether each row found is like the row wanted in all columns."""
    rows = {row[WANTED]: row for row in wanted.iter_rows(named=True)}
    told = [
        all(same(row[name], rows[row[WANTED]][name]) for name in columns)
        for row in found.iter_rows(named=True)
    ]
    return pl.Series(told, dtype=pl.Boolean)


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same; sums of floats differ in their last digits."""
    if isinstance(one, float) and isinstance(other, float):
        return isclose(one, other, rel_tol=1e-9) or (isnan(one) and isnan(other))
    return type(one) is type(other) and bool(one == other)
