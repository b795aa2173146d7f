"""The columns of a table as the catalog tells of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from jobforge_dagster.catalog.documents.base import Words
from jobforge_dagster.catalog.documents.table import ColumnMetadata, Scalar, Statistics
from jobforge_dagster.medallion.classification import Classification
from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.hashing import sha256_of
from jobforge_dagster.medallion.lineage.documents import ColumnSources, TableSources
from jobforge_dagster.medallion.provenance import CARRIED, MEANING, PROVENANCE
from jobforge_dagster.medallion.storage import parquet
from jobforge_dagster.medallion.storage.remembered import remembered
from jobforge_dagster.medallion.storage.root import DataRoot

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


@dataclass(frozen=True)
class File:
    """A table's file: where it is, and whose.

    Attributes:
        root: the data root.
        key: of the table.
        path: of the file.
    """

    root: DataRoot
    key: str
    path: Path


def described(
    file: File,
    facts: parquet.FileFacts,
    said: Mapping[str, Said],
    classified: Mapping[str, Classification],
    lineage: TableSources | None,
) -> tuple[ColumnMetadata, ...]:
    """Every column of a table, in its order.

    Args:
        file: the table's.
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
    values = _values(file, facts, shown)
    nothing = _Values()
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
            examples=(found := values.get(name, nothing)).examples,
            statistics=Statistics(
                nulls=facts.nulls.get(name), minimum=found.lowest, maximum=found.highest
            ),
        )
        for name, dtype in facts.columns.items()
    )


def _platform(name: str) -> Said:
    text, french = MEANING.get(name, (None, None))
    return Said(text, french, nullable=name not in PROVENANCE or name == "_source_row")


@dataclass(frozen=True)
class _Values:
    """What is shown of the values of a column."""

    examples: tuple[Scalar, ...] = ()
    lowest: Scalar = None
    highest: Scalar = None


def _values(file: File, facts: parquet.FileFacts, names: Sequence[str]) -> dict[str, _Values]:
    """What is shown of the values of some columns; of a file that stands as it did, as before."""
    if not names:
        return {}

    def read() -> dict[str, Any]:
        ranges = facts.ranges or parquet.facts_of(file.path).ranges
        examples = _examples(file.path, names)
        return {
            name: (examples.get(name, ()), *map(_bound, ranges.get(name, (None, None))))
            for name in names
        }

    by = "\n".join([_version(), *names])
    found = remembered(file.root, f"values/{file.key}", file.path, read, by=by)
    return {name: _Values(tuple(few), *bounds) for name, (few, *bounds) in found.items()}


@cache
def _version() -> str:
    """What changes whenever values may be shown in another way."""
    return f"{pl.__version__} {sha256_of(Path(__file__))}"


def _examples(path: Path, names: Sequence[str]) -> dict[str, tuple[Scalar, ...]]:
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
