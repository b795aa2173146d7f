"""Which row a person means: by the values of some columns, as they type them."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import polars as pl

from jobforge_dagster.asking.names import UnknownNameError, closest, sql_name
from jobforge_dagster.asking.tables import NUMBER, Tables
from jobforge_dagster.asking.trace.facts import refused_where
from jobforge_dagster.asking.trace.model import Refused
from jobforge_dagster.asking.values import short, shown
from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.layers.casting import can_cast, from_text
from jobforge_dagster.medallion.provenance import CARRIED

Conditions = Mapping[str, str | None]
"""Column to value, as text; an empty one stands for no value, or for an empty text."""

_SHOWN, _NEAR = 5, 3
_COMPARED = 5_000
"""Values that are compared with one that is in no row."""

_LETTERS = 100
"""Letters of it that are compared."""


class NoSuchRowError(JobForgeError):
    """No row, or more than one, has the values."""


@dataclass(frozen=True)
class Meant:
    """The row that a person means.

    Attributes:
        conditions: what was asked for, as text.
        number: its place in the file of its table; ``None`` if there is no such row.
        refused: then, the rows asked for that the table, or one before it, refused.
    """

    conditions: Conditions
    number: int | None
    refused: tuple[Refused, ...] = ()


def table_meant(tables: Tables, text: str) -> str:
    """The key of the table that a person means, whose rows are made of something.

    Raises:
        UnknownNameError: there is none; tells the closest.
        JobForgeError: it is a staged one.
    """
    key = tables.named(text)
    if key.startswith("staged/"):
        raise JobForgeError(
            f"{sql_name(key)} holds what was delivered: nothing is before it. For what was made of "
            f"a record: jobforge trace --forward {sql_name(key)} 1"
        )
    return key


def row_meant(tables: Tables, key: str, conditions: Mapping[str, Any], command: str) -> Meant:
    """The one row that fulfils conditions, or those that were refused.

    Args:
        tables: what is declared, and what lies on disk.
        key: of the table.
        conditions: column to value, as text or as it is.
        command: how that is asked, for an example; ``{row}`` stands for the conditions.

    Raises:
        UnknownNameError: the table has no such column; tells the closest.
        NoSuchRowError: no row fulfils them, and none was refused; several do; or a value cannot
            be one of its column.
    """
    asked = {name: None if value is None else as_text(value) for name, value in conditions.items()}
    if not asked:
        example = command.replace("{row}", _row_of(tables, key))
        raise NoSuchRowError(f"Say which row of {sql_name(key)}, as in: {example}")
    number = _number_of(tables, key, asked)
    if number is not None:
        return Meant(asked, number)
    refused = _refused_rows(tables, key, asked)
    if not refused:
        raise _no_such_row(tables, key, asked)
    return Meant(asked, None, refused)


def _number_of(tables: Tables, key: str, conditions: Conditions) -> int | None:
    frame = tables.frame(key, numbered=True)
    types = {
        name: dtype
        for name, dtype in frame.collect_schema().items()
        if name not in CARRIED and name != NUMBER
    }
    met = frame.filter([_condition(key, types, *each) for each in conditions.items()])
    count, first = pl.collect_all(
        [met.select(pl.len()), met.select(NUMBER, exactly(*types)).head(_SHOWN)],
        engine="streaming",
    )
    if not count.item():
        return None
    if count.item() == 1:
        return int(first[NUMBER].item())
    told = list(tables.declaration(key).schema.primary_key()) or list(types)[:_SHOWN]
    rows = "".join(f"\n  {_shown(row, told)}" for row in first.iter_rows(named=True))
    raise NoSuchRowError(
        f"{count.item():,} rows of {sql_name(key)} have {_words(conditions)}. Say more, to mean "
        f"one of them. The first:{rows}"
    )


def _no_such_row(tables: Tables, key: str, conditions: Conditions) -> NoSuchRowError:
    """That no row fulfils conditions, with values near to those asked for."""
    frame = tables.frame(key)
    types = dict(frame.collect_schema())
    for name, text in conditions.items():
        met = frame.filter(_condition(key, types, name, text))
        if met.head(1).collect().is_empty():
            near = _near(frame, name, types[name], text) if text else []
            hint = f" The nearest: {', '.join(map(shown, near))}." if near else ""
            return NoSuchRowError(f"No row of {sql_name(key)} has {_words({name: text})}.{hint}")
        frame = met
    return NoSuchRowError(f"No row of {sql_name(key)} has {_words(conditions)}.")


def _refused_rows(tables: Tables, key: str, conditions: Conditions) -> tuple[Refused, ...]:
    """Rows with some values that a table refused, or one that it is made of."""
    asked = pl.col("table").is_in(tables.declared.above(key))
    for text in filter(None, conditions.values()):
        written = json.dumps(text, ensure_ascii=False)[1:-1]
        asked &= pl.col("row").str.contains(written, literal=True)
    found = refused_where(tables, asked)
    return tuple(each for each in found if _fulfils(each.row or {}, conditions))


def _fulfils(row: Mapping[str, Any], conditions: Conditions) -> bool:
    return all(
        name in row and as_text(row[name]) == (text or "") for name, text in conditions.items()
    )


def _condition(key: str, types: Mapping[str, pl.DataType], name: str, text: str | None) -> pl.Expr:
    if name not in types:
        known = [each for each in types if not each.startswith("_")]
        hint = closest(name, known) or f" It has {', '.join(known)}."
        raise UnknownNameError(f"{sql_name(key)} has no column {name!r}.{hint}")
    column, dtype = exactly(name), types[name]
    if text is None:
        return column.is_null()
    if not text:
        return column.is_null() | (column == "") if dtype == pl.String else column.is_null()
    if not can_cast(dtype):
        return column.cast(pl.String) == text
    value = pl.select(from_text(pl.lit(text), dtype, None)).item()
    if value is None:
        raise NoSuchRowError(f"{text!r} does not read as {dtype}, which {name} holds.")
    return column == pl.lit(value, dtype)


def _near(frame: pl.LazyFrame, name: str, dtype: pl.DataType, text: str) -> list[str]:
    column = exactly(name)
    if dtype == pl.String:
        values = frame.select(column.drop_nulls().unique())

        def beginning(length: int, most: int) -> list[str]:
            some = values.filter(column.str.starts_with(text[:length])).sort(name).head(most)
            return some.collect(engine="streaming")[name].to_list()

        text = text[:_LETTERS]
        lengths = range(1, len(text) + 1)
        common = bisect_left(lengths, True, key=lambda length: not beginning(length, 1))
        if not common:
            return []
        return get_close_matches(text, beginning(common, _COMPARED), n=_NEAR, cutoff=0)
    if not (dtype.is_numeric() or dtype.is_temporal()):
        return []
    value = pl.select(from_text(pl.lit(text), dtype, None)).item()
    wide = pl.Float64 if dtype.is_numeric() else pl.Int64
    away = (column.cast(wide) - pl.lit(value, dtype).cast(wide)).abs()
    nearest = frame.select(column.drop_nulls().unique()).sort(away, name).head(_NEAR)
    return [as_text(each) for each in nearest.collect(engine="streaming")[name]]


def _row_of(tables: Tables, key: str) -> str:
    """Conditions that mean a row of a table: the first."""
    schema = tables.declaration(key).schema
    told = schema.primary_key() or schema.column_names()[:1]
    row = tables.frame(key).select(exactly(*told)).head(1).collect()
    return _shown(row.row(0, named=True) if len(row) else dict.fromkeys(told, "…"), list(told))


def _shown(row: Mapping[str, Any], names: list[str]) -> str:
    return " ".join(f"{name}={shown(as_text(row[name]))}" for name in names)


def _words(conditions: Conditions) -> str:
    return " and ".join(
        f"{name}={'null' if text is None else short(text, _LETTERS)}"
        for name, text in conditions.items()
    )


def as_text(value: object) -> str:
    """A value as people type it: an empty text stands for none."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
