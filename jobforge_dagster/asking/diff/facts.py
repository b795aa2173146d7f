"""What the records of two publications tell beside their rows: quality, and what caused it all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from jobforge_dagster.medallion.provenance import PROVENANCE
from jobforge_dagster.medallion.storage import deliveries
from jobforge_dagster.medallion.storage.publications import Publication
from jobforge_dagster.medallion.storage.root import DataRoot

_KINDS = ("rejected", "warned", "deduplicated")
_METRICS = ("rows", "completeness", "uniqueness", "validity", "integrity")


@dataclass(frozen=True)
class Change:
    """What something was, and what it is; ``None`` where it was not, or is not any more."""

    before: Any
    after: Any


@dataclass(frozen=True)
class SchemaChange:
    """How the columns differ.

    Attributes:
        version: of the schema, before and after.
        added: types by name; likewise ``removed``.
        retyped: the types before and after, by name.
        primary_key: before and after; ``None`` if it is the same.
    """

    version: Change
    added: dict[str, str]
    removed: dict[str, str]
    retyped: dict[str, Change]
    primary_key: Change | None

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.retyped or self.primary_key)


@dataclass(frozen=True)
class QualityChange:
    """How the quality differs; what is the same is left out.

    Attributes:
        rejected: rows by rule, before and after; likewise ``warned`` and ``deduplicated``.
        metrics: shares from 0 to 1, and the number of rows, by name.
        nulls: cells without a value, by column.
    """

    rejected: dict[str, Change]
    warned: dict[str, Change]
    deduplicated: dict[str, Change]
    metrics: dict[str, Change]
    nulls: dict[str, Change]


@dataclass(frozen=True)
class Delivery:
    """A delivery that is behind one of the versions alone.

    Attributes:
        change: ``added`` or ``removed``.
        published: the day that the publisher names.
    """

    change: str
    batch_id: str
    source: str | None
    file: str | None
    publisher: str | None
    received_at: datetime | None
    published: date | None


@dataclass(frozen=True)
class Causes:
    """What differs behind the two versions.

    Attributes:
        deliveries: those behind one of them alone.
        inputs: rows before and after of each table that was read and is not the same.
        code: whether the code is another; ``None`` where a record does not tell.
        corrections: rows that each changed, before and after.
        waivers: the records that each lets in, before and after.
    """

    deliveries: tuple[Delivery, ...]
    inputs: dict[str, Change]
    code: bool | None
    corrections: dict[str, Change]
    waivers: dict[str, Change]


def schema_change(
    before: Publication,
    after: Publication,
    were: Mapping[str, pl.DataType],
    are: Mapping[str, pl.DataType],
    keys: Change,
) -> SchemaChange:
    """How the columns differ.

    Args:
        before: the earlier version.
        after: the later one.
        were: the columns of the rows that are compared, provenance and all.
        are: likewise.
        keys: of these rows.
    """
    old, new = (
        {name: str(dtype) for name, dtype in columns.items() if name not in PROVENANCE}
        for columns in (were, are)
    )
    return SchemaChange(
        version=Change(before.table_schema.version, after.table_schema.version),
        added={name: new[name] for name in new if name not in old},
        removed={name: old[name] for name in old if name not in new},
        retyped={
            name: Change(old[name], new[name])
            for name in new
            if old.get(name, new[name]) != new[name]
        },
        primary_key=keys if keys.before != keys.after else None,
    )


def quality_change(before: Publication, after: Publication) -> QualityChange:
    """How the quality differs."""
    rules = {
        kind: _changes(
            {rule: tally.rows for rule, tally in getattr(before, kind).items()},
            {rule: tally.rows for rule, tally in getattr(after, kind).items()},
            0,
        )
        for kind in _KINDS
    }
    return QualityChange(
        **rules,
        metrics=_changes(
            {name: getattr(before.metrics, name) for name in _METRICS},
            {name: getattr(after.metrics, name) for name in _METRICS},
        ),
        nulls=_changes(before.metrics.nulls, after.metrics.nulls, 0),
    )


def causes(root: DataRoot, before: Publication, after: Publication) -> Causes:
    """What differs behind the two versions."""
    same = {
        key for key, read in after.inputs.items() if read.sha256 and before.inputs.get(key) == read
    }
    rows_before, rows_after = (
        {key: read.rows for key, read in each.inputs.items() if key not in same}
        for each in (before, after)
    )
    known = before.code_version and after.code_version
    return Causes(
        deliveries=(
            *(_delivery(root, each, "removed") for each in _but(before, after)),
            *(_delivery(root, each, "added") for each in _but(after, before)),
        ),
        inputs={
            key: Change(rows_before.get(key), rows_after.get(key))
            for key in sorted(rows_before.keys() | rows_after.keys())
        },
        code=before.code_version != after.code_version if known else None,
        corrections=_changes(
            {name: each.rows for name, each in before.corrections.items()},
            {name: each.rows for name, each in after.corrections.items()},
        ),
        waivers=_changes(
            {name: sorted(each.records) for name, each in before.waivers.items()},
            {name: sorted(each.records) for name, each in after.waivers.items()},
        ),
    )


def _but(some: Publication, others: Publication) -> list[str]:
    return sorted({*some.batches} - {*others.batches})


def _delivery(root: DataRoot, batch_id: str, change: str) -> Delivery:
    told = deliveries.find(root, batch_id)
    if told is None:
        return Delivery(change, batch_id, None, None, None, None, None)
    return Delivery(
        change=change,
        batch_id=batch_id,
        source=told.source,
        file=told.file,
        publisher=told.publisher,
        received_at=told.received_at,
        published=told.published,
    )


def _changes(
    before: Mapping[str, Any], after: Mapping[str, Any], none: Any = None
) -> dict[str, Change]:
    names = sorted({*before, *after})
    pairs = {name: Change(before.get(name, none), after.get(name, none)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair.before != pair.after}
