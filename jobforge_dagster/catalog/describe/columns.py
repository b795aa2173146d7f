"""The columns of a table as the catalog tells of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from jobforge_dagster.catalog.documents.base import Words
from jobforge_dagster.catalog.documents.table import ColumnMetadata, Scalar, Statistics
from jobforge_dagster.medallion.classification import Classification
from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.lineage.documents import ColumnSources, TableSources
from jobforge_dagster.medallion.provenance import CARRIED, MEANING, PROVENANCE
from jobforge_dagster.medallion.storage import parquet

ROWS_LOOKED_AT = 100
"""Examples are taken from so many rows at the start of a table."""

EXAMPLES = 3
LONGEST_EXAMPLE = 40
"""Characters; a longer text says little."""

CUT_AT = 64
"""Bytes at which Parquet cuts the least and the greatest text of a column: what is as long may be a
value that no row holds."""


@dataclass(frozen=True)
class Said:
    """What is declared of a column."""

    text: str | None
    french: str | None = None
    term: str | None = None
    declassified: str | None = None
    nullable: bool = True
    primary_key: bool = False


def described(
    path: Path,
    facts: parquet.FileFacts,
    said: Mapping[str, Said],
    classified: Mapping[str, Classification],
    lineage: TableSources | None,
) -> tuple[ColumnMetadata, ...]:
    """Every column of a table, in its order.

    Args:
        path: the file.
        facts: what it says of itself.
        said: what is declared, by column.
        classified: who may see each column.
        lineage: what each column is made of.
    """
    added = {*PROVENANCE, *CARRIED}
    shown = [
        name
        for name in facts.columns
        if name not in added and classified.get(name, "public") == "public"
    ]
    examples = _examples(path, shown)
    made_of: dict[str, ColumnSources] = (
        {column.name: column for column in lineage.columns} if lineage else {}
    )
    return tuple(
        ColumnMetadata(
            name=name,
            type=dtype,
            nullable=(told := said.get(name) or _platform(name)).nullable,
            primary_key=told.primary_key,
            provenance=name in added,
            description=Words(en=told.text, fr=told.french),
            term=told.term,
            classification=classified.get(name, "public"),
            declassified=told.declassified,
            lineage=made_of.get(name),
            examples=examples.get(name, ()),
            statistics=_statistics(name, facts, show=name in shown),
        )
        for name, dtype in facts.columns.items()
    )


def _platform(name: str) -> Said:
    text, french = MEANING.get(name, (None, None))
    return Said(text, french, nullable=name not in PROVENANCE or name == "_source_row")


def _statistics(name: str, facts: parquet.FileFacts, *, show: bool) -> Statistics:
    low, high = facts.ranges.get(name, (None, None)) if show else (None, None)
    return Statistics(nulls=facts.nulls.get(name), minimum=_bound(low), maximum=_bound(high))


def _examples(path: Path, names: Sequence[str]) -> dict[str, tuple[Scalar, ...]]:
    if not names:
        return {}
    rows = parquet.scan(path).head(ROWS_LOOKED_AT).select(exactly(*names)).collect()
    found: dict[str, tuple[Scalar, ...]] = {}
    for column in rows.iter_columns():
        if column.dtype.is_nested() or column.dtype == pl.Binary:
            continue
        short: dict[Scalar, None] = {}
        for value in column.to_list():
            told = _scalar(value)
            if told is not None and len(str(told)) <= LONGEST_EXAMPLE:
                short[told] = None
            if len(short) == EXAMPLES:
                break
        found[column.name] = tuple(short)
    return found


def _bound(value: Any) -> Scalar:
    told = _scalar(value)
    return None if isinstance(told, str) and len(told.encode()) >= CUT_AT else told


def _scalar(value: Any) -> Scalar:
    """A value as JSON has it; ``None`` for what it cannot tell."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else None
