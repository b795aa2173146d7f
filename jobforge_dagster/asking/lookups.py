"""Conditions that pick a few rows of a large file, so that its reader leaves most of it unread.

A reader of Parquet compares a range with the lowest and the highest value of each row group, or
with the numbers of its rows, and leaves out the groups that hold nothing of it. It does not do so
for ``is_in``, so a range is put beside that: it changes what is read, and nothing of what is found.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import polars as pl

from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.storage.parquet import ROW_GROUP

_NUMBERS = pl.UInt32
"""The type of the numbers of rows and of records."""

_RANGES = 32
"""Ranges at most: each is compared with every row that is read, and more leave out little more."""


def numbered(column: str, numbers: Iterable[int]) -> pl.Expr:
    """Whether a column that numbers rows or records holds one of some numbers.

    Args:
        column: its name.
        numbers: in any order; none is fulfilled by no row.
    """
    return one_of(column, pl.Series(list(numbers), dtype=_NUMBERS))


def one_of(column: str, values: pl.Series) -> pl.Expr:
    """Whether a column holds one of some values; one that is null fulfils nothing.

    Args:
        column: its name.
        values: of the type of the column, in any order.
    """
    values, holder = values.drop_nulls().unique(), exactly(column)
    if values.is_empty():
        return pl.lit(value=False)
    ranges = [
        holder.is_between(pl.lit(first, values.dtype), pl.lit(last, values.dtype))
        for first, last in _ranges(values)
    ]
    found = holder.is_in(values.implode())
    return pl.any_horizontal(ranges) & found if ranges else found


def _ranges(values: pl.Series) -> list[tuple[object, object]]:
    """Ranges that hold all values: of numbers of rows, several if whole row groups lie between."""
    if values.dtype != _NUMBERS:
        # A value of another type may be less exact in Python than in its column.
        simple = values.dtype.is_integer() or values.dtype in (pl.String, pl.Date)
        return [(values.min(), values.max())] if simple else []
    numbers = values.sort()
    gaps = pl.DataFrame({"gap": numbers.diff()}).with_row_index("place")
    wide = gaps.filter(pl.col("gap") > ROW_GROUP).top_k(_RANGES - 1, by="gap")
    cuts = [0, *wide["place"].sort(), len(numbers)]
    return [(numbers[start], numbers[stop - 1]) for start, stop in pairwise(cuts)]
