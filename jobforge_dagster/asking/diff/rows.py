"""The rows that differ between two versions: which were added, removed, and changed in what."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from jobforge_dagster.asking.diff.merging import HASH, Pair
from jobforge_dagster.medallion.columns import exactly

COLUMN, OLD, NEW = "_column", "_old", "_new"
"""Beside its key, what :attr:`Differing.cells` tells of a cell: values as text."""

CHANGE, COLUMNS = "_change", "_columns"
"""Beside those of the table, the columns of :meth:`Differing.whole`."""

WHOLE: dict[str, pl.DataType] = {CHANGE: pl.String(), COLUMNS: pl.List(pl.String)}

_PLACE = "__place"
_LEFT, _RIGHT = "__before", "__after"


@dataclass(frozen=True)
class Differing:
    """The rows of one range that differ.

    Attributes:
        added: rows of the later version alone; ``removed`` of the earlier alone.
        old: rows that changed, as they were; ``new`` as they are, in the same order.
        changed: by the name of a column whether it changed, for each of these rows.
        unchanged: how many rows are the same.
    """

    added: pl.DataFrame
    removed: pl.DataFrame
    old: pl.DataFrame
    new: pl.DataFrame
    changed: Mapping[str, pl.Series]
    unchanged: int

    def cells(self, keys: Sequence[str], limit: int) -> pl.DataFrame:
        """The cells that changed of the first ``limit`` rows: key, column, old and new value."""
        old, new = self.old.head(limit), self.new.head(limit)
        identity = new.select(exactly(*keys) if keys else []).with_columns(
            pl.int_range(new.height, dtype=pl.UInt32, eager=True).alias(_PLACE)
        )
        none = [pl.Series(name, [], pl.String) for name in (COLUMN, OLD, NEW)]
        found = [
            identity.with_columns(
                pl.lit(name).alias(COLUMN),
                as_text(old[name]).alias(OLD),
                as_text(new[name]).alias(NEW),
            ).filter(mask.head(limit))
            for name, mask in self.changed.items()
        ]
        every = pl.concat([identity.clear().with_columns(none), *found])
        return every.sort(_PLACE, maintain_order=True).drop(_PLACE)

    def whole(self, columns: Mapping[str, pl.DataType]) -> pl.DataFrame:
        """All rows that differ, whole: those that changed as they were and as they are."""
        told = pl.DataFrame(self.changed).select(
            pl.concat_list(
                pl.when(exactly(name)).then(pl.lit(name)) for name in self.changed
            ).list.drop_nulls()
            if self.changed
            else pl.Series([], dtype=pl.List(pl.String))
        )
        parts = [
            (self.removed, "removed", None),
            (self.added, "added", None),
            (self.old, "changed from", told.to_series()),
            (self.new, "changed to", told.to_series()),
        ]
        return pl.concat(
            pl.DataFrame({name: _shown(rows, name, dtype) for name, dtype in columns.items()})
            .with_columns(
                pl.lit(change).alias(CHANGE), pl.lit(names, WHOLE[COLUMNS]).alias(COLUMNS)
            )
            .select(*WHOLE, pl.exclude(*WHOLE))
            for rows, change, names in parts
        )


def differing(pair: Pair, keys: Sequence[str], columns: Sequence[str]) -> Differing:
    """Compare the rows of one range.

    Args:
        pair: the rows of the earlier and of the later version.
        keys: what tells the rows of each from one another.
        columns: what both have and is compared, beside the key.
    """
    before, after, lone_before, lone_after = _paired(*pair, keys)
    masks = {name: differ(before[name], after[name]) for name in columns}
    some = pl.Series([False]).new_from_index(0, before.height)
    for mask in masks.values():
        some = some | mask
    if HASH in keys:  # two rows that have no more in common than their hash
        lone_before = pl.concat([lone_before, before.filter(some)])
        lone_after = pl.concat([lone_after, after.filter(some)])
        before, after, same = before.clear(), after.clear(), int((~some).sum())
        return Differing(lone_after, lone_before, before, after, {}, same)
    return Differing(
        added=lone_after,
        removed=lone_before,
        old=before.filter(some),
        new=after.filter(some),
        changed={name: mask.filter(some) for name, mask in masks.items() if mask.any()},
        unchanged=before.height - int(some.sum()),
    )


def _paired(
    before: pl.DataFrame, after: pl.DataFrame, keys: Sequence[str]
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """The rows of both that have the same key, in the same order; and those of each alone."""
    left, right = before.select(exactly(*keys)), after.select(exactly(*keys))
    if left.equals(right):
        return before, after, before.clear(), after.clear()
    # Both are sorted: without the rows whose key the other surely has not, all others meet. It is
    # four times as fast as a join, which decides where two keys have the same hash.
    one, other = (each.select(pl.struct(pl.all()).hash()).to_series() for each in (left, right))
    in_both, in_both_too = one.is_in(other.implode()), other.is_in(one.implode())
    if left.filter(in_both).equals(right.filter(in_both_too)):
        return (
            before.filter(in_both),
            after.filter(in_both_too),
            before.filter(~in_both),
            after.filter(~in_both_too),
        )
    places = left.with_row_index(_LEFT).join(
        right.with_row_index(_RIGHT), on=keys, how="full", nulls_equal=True, coalesce=True
    )
    both = places.drop_nulls([_LEFT, _RIGHT]).sort(_LEFT)
    return (
        before[both[_LEFT]],
        after[both[_RIGHT]],
        before[places.filter(pl.col(_RIGHT).is_null())[_LEFT].sort()],
        after[places.filter(pl.col(_LEFT).is_null())[_RIGHT].sort()],
    )


def differ(old: pl.Series, new: pl.Series) -> pl.Series:
    """Whether the values of each row differ; no value is like no value, and NaN like NaN.

    Numbers of two types are compared as numbers, other values of two types as text.
    """
    if old.dtype == new.dtype or (old.dtype.is_numeric() and new.dtype.is_numeric()):
        return old.ne_missing(new)
    return as_text(old).ne_missing(as_text(new))


def as_text(values: pl.Series) -> pl.Series:
    """Values as text; bytes as hexadecimal digits, what is nested as JSON."""
    if values.dtype == pl.Binary:
        return values.bin.encode("hex")
    if not values.dtype.is_nested():
        return values.cast(pl.String)
    told = [None if each is None else _json(each) for each in values.to_list()]
    return pl.Series(values.name, told, pl.String)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _shown(rows: pl.DataFrame, name: str, dtype: pl.DataType) -> pl.Series:
    if name not in rows.columns:
        return pl.Series(name, [None], dtype).new_from_index(0, rows.height)
    return rows[name] if rows[name].dtype == dtype else as_text(rows[name])
