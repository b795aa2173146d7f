"""Two sorted tables side by side, range of the key by range, so that both never lie in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl

from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.storage import parquet
from jobforge_dagster.medallion.storage.ordering import in_order

AT_ONCE = 3 * parquet.ROW_GROUP
"""Rows of each table that are read at a time."""

HASH, NUMBER = "__hash", "__number"
"""What stands for the key of rows that have none: the hash of the row, and its number among those
with the same hash. Rows that meet by it are compared as all others are, so a hash decides nothing.
"""

Pair = tuple[pl.DataFrame, pl.DataFrame]


class UnsortedError(Exception):
    """A table is not sorted by the key."""


def ranges(before: pl.LazyFrame, after: pl.LazyFrame, keys: Sequence[str]) -> Iterator[Pair]:
    """The rows of two tables whose keys lie in the same range, range by range; at least one.

    Args:
        before: sorted by ``keys``.
        after: likewise, with keys of the same types.
        keys: columns without nulls; several rows may have the same.

    Raises:
        UnsortedError: one of them is not sorted.
    """
    left, right = _Side(before, keys), _Side(after, keys)
    past: _Bound | None = None
    more, stuck = True, False
    while more:
        left.fill(stuck)
        right.fill(stuck)
        lowest = _lowest([*left.last(), *right.last()], keys)
        if past is not None and lowest is not None and not past(lowest).all():
            raise UnsortedError
        bound = _bound(lowest, keys)
        pair = left.take(bound, past), right.take(bound, past)
        more, stuck = bound is not None, not any(rows.height for rows in pair)
        past = bound
        yield pair


def hashed(rows: pl.LazyFrame, columns: Sequence[str]) -> pl.LazyFrame:
    """Rows with :data:`HASH`.

    Args:
        rows: the table.
        columns: what is compared.
    """
    each = pl.struct(exactly(*columns)).hash() if columns else pl.lit(0, pl.UInt64)
    return rows.with_columns(each.alias(HASH))


def numbered(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows sorted by :data:`HASH`, with :data:`NUMBER`."""
    place = pl.int_range(pl.len(), dtype=pl.UInt32)
    starts = pl.col(HASH).ne_missing(pl.col(HASH).shift())
    first = pl.when(starts).then(place).forward_fill()
    return rows.with_columns((place - first).alias(NUMBER))


def sorted_by(rows: pl.LazyFrame, keys: Sequence[str], folder: Path) -> pl.LazyFrame:
    """Rows by their key.

    Args:
        rows: in any order.
        keys: columns without nulls.
        folder: where to put them; it must outlive the result.
    """
    [count] = parquet.run(rows.select(pl.len()))
    token = uuid4().hex
    ordered = in_order(rows, keys, count.item(), folder / token)
    file = folder / f"{token}.parquet"  # one that can be read from any place on, many times
    parquet.run(ordered.sink_parquet(file, compression="lz4", lazy=True))
    return parquet.scan(file)


_Bound = Callable[[pl.DataFrame], pl.Series]
"""Tells of each row whether its key is some key or comes after it."""


class _Side:
    """One of the tables: what is read of it and not taken yet."""

    def __init__(self, rows: pl.LazyFrame, keys: Sequence[str]) -> None:
        self._rows, self._keys = rows, keys
        self._read, self._ended = 0, False
        self._rest = pl.DataFrame(schema=rows.collect_schema())

    def fill(self, stuck: bool) -> None:
        """Read on, if little is left, or nothing could be taken of what is."""
        if not self._ended and (stuck or self._rest.height < max(1, AT_ONCE // 2)):
            more = self._rows.slice(self._read, AT_ONCE).collect()
            self._read += more.height
            self._ended = more.height < AT_ONCE
            self._rest = pl.concat([self._rest, more])

    def last(self) -> list[pl.DataFrame]:
        """The highest key that was read; none, if there are no others behind it."""
        return [] if self._ended else [self._rest.select(exactly(*self._keys)).tail(1)]

    def take(self, bound: _Bound | None, past: _Bound | None) -> pl.DataFrame:
        """The rows before a bound: more may follow that have its key.

        All of them must come after the bound before it.
        """
        count = self._rest.height
        if bound is not None:
            beyond = bound(self._rest)
            count -= int(beyond.sum())
            if beyond.head(count).any():
                raise UnsortedError
        taken, self._rest = self._rest.head(count), self._rest.slice(count)
        if past is not None and not past(taken).all():
            raise UnsortedError
        return taken


def _lowest(keys: Sequence[pl.DataFrame], names: Sequence[str]) -> pl.DataFrame | None:
    return pl.concat(keys).sort(names).head(1) if keys else None


def _bound(key: pl.DataFrame | None, names: Sequence[str]) -> _Bound | None:
    if key is None:
        return None
    values = [pl.lit(key[name]).first() for name in names]

    def reached(rows: pl.DataFrame) -> pl.Series:
        return rows.select(_reached(list(zip(names, values, strict=True)))).to_series()

    return reached


def _reached(key: Sequence[tuple[str, pl.Expr]]) -> Any:
    (name, value), *rest = key
    column = exactly(name)
    return (column > value) | ((column == value) & _reached(rest)) if rest else column >= value
