"""Staged values as text, and what is nested in them: what bronze casts from.

A nested value of a JSON file is its JSON text already; one of a Parquet file becomes JSON text
where it is not kept with its type.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

import polars as pl

from jobforge_dagster.medallion.readers.json_values import value_at

_WRAPPED = "v"


TEXT, FOLLOWED = "text", "followed"
"""Fields of what :func:`within` gives."""


def within(staged: pl.Expr, dtype: pl.DataType, path: Sequence[str]) -> pl.Expr:
    """What a path leads to within a staged value.

    Args:
        staged: the column.
        dtype: its type.
        path: names of members, or places in arrays, from the value inwards.

    Returns:
        A struct: the text that was found, or null; whether the path could be followed.
    """
    fields = pl.Struct({TEXT: pl.String, FOLLOWED: pl.Boolean})

    def follow(texts: pl.Series) -> pl.Series:
        found = [(None, True) if each is None else value_at(each, path) for each in texts]
        rows = [{TEXT: text, FOLLOWED: followed} for text, followed in found]
        return pl.Series(rows, dtype=fields)

    return as_text(staged, dtype).map_batches(follow, return_dtype=fields, is_elementwise=True)


def as_text(staged: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """The text of a staged value; null where there is none.

    Args:
        staged: the column.
        dtype: its type.
    """
    if dtype == pl.String:
        return staged
    if dtype == pl.Binary:
        return staged.bin.encode("hex")
    if dtype == pl.Duration:
        return staged.dt.to_string("iso")
    if dtype == pl.Time:
        return staged.dt.to_string("%H:%M:%S%.f")  # a cast would cut the fraction off
    if dtype.is_nested() and not _encodable(dtype):
        return staged.map_batches(_dumped, return_dtype=pl.String, is_elementwise=True)
    if dtype.is_nested():
        wrapped = pl.struct(staged.alias(_WRAPPED)).struct.json_encode()
        inner = wrapped.str.slice(len(f'{{"{_WRAPPED}":'))
        return pl.when(staged.is_not_null()).then(inner.str.head(-1))
    return staged.cast(pl.String)


def _encodable(dtype: pl.DataType) -> bool:
    """Whether Polars writes every value within a nested type as JSON, and whole."""
    if isinstance(dtype, pl.Struct):
        return all(_encodable(_instance(field.dtype)) for field in dtype.fields)
    if isinstance(dtype, pl.List | pl.Array):
        return _encodable(_instance(dtype.inner))
    return dtype.is_numeric() or dtype in (pl.String, pl.Boolean, pl.Null)


def _dumped(values: pl.Series) -> pl.Series:
    told = [None if each is None else json.dumps(each, default=_plain) for each in values.to_list()]
    return pl.Series(told, dtype=pl.String)


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if isinstance(value, date | datetime | time) else str(value)


def _instance(dtype: Any) -> pl.DataType:
    """A type as an instance: within another it may be given as a class."""
    found = dtype() if isinstance(dtype, type) else dtype
    assert isinstance(found, pl.DataType)
    return found
