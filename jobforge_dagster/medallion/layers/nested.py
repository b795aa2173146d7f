"""Staged values as text, and what is nested in them: what bronze casts from.

A nested value of a JSON file is its JSON text already; one of a Parquet file becomes JSON text
where it is not kept with its type.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from jobforge_dagster.medallion.readers.json import value_at

_WRAPPED = "v"


def as_text(staged: pl.Expr, dtype: pl.DataType, path: Sequence[str] = ()) -> pl.Expr:
    """The text of a staged value, or of what a path leads to within it; null where there is none.

    Args:
        staged: the column.
        dtype: its type.
        path: names of members, or places in arrays, from the value inwards.
    """
    text = _whole(staged, dtype)
    if not path:
        return text
    return text.map_batches(
        lambda texts: pl.Series(
            [None if each is None else value_at(each, path)[0] for each in texts], dtype=pl.String
        ),
        return_dtype=pl.String,
        is_elementwise=True,
    )


def follows(staged: pl.Expr, path: Sequence[str]) -> pl.Expr:
    """Whether a path can be followed into the JSON text of a value; null counts as yes."""
    return staged.map_batches(
        lambda texts: pl.Series(
            [each is None or value_at(str(each), path)[1] for each in texts], dtype=pl.Boolean
        ),
        return_dtype=pl.Boolean,
        is_elementwise=True,
    )


def _whole(staged: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if dtype == pl.String:
        return staged
    if dtype == pl.Binary:
        return staged.bin.encode("hex")
    if dtype.is_nested():
        wrapped = pl.struct(staged.alias(_WRAPPED)).struct.json_encode()
        inner = wrapped.str.slice(len(f'{{"{_WRAPPED}":'))
        return pl.when(staged.is_not_null()).then(inner.str.head(-1))
    return staged.cast(pl.String)
