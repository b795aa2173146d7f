"""The facts along a trace: how a table was made, how a file came, what was refused."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from jobforge_dagster.asking.lookups import numbered
from jobforge_dagster.asking.tables import NUMBER, Tables
from jobforge_dagster.asking.trace.model import Delivery, Refused, Row, Transition
from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.declare import Source
from jobforge_dagster.medallion.hashing import sha256_of
from jobforge_dagster.medallion.provenance import (
    BATCH_ID,
    CORRECTIONS,
    PROVENANCE,
    SEPARATOR,
    SOURCE_FILE,
    SOURCE_ROW,
)
from jobforge_dagster.medallion.storage import deliveries, parquet, publications, quarantine
from jobforge_dagster.medallion.storage.deliveries import Manifest
from jobforge_dagster.medallion.storage.landing import Landed, Seen, stamp_of

_TOLD = 3
"""Columns that are told of a row whose table has no key."""


def transition_of(tables: Tables, key: str) -> Transition | None:
    """How a bronze, silver or gold table was made; ``None`` if its record is gone."""
    found = publications.standing(tables.root, key)
    if found is None:
        return None
    made = found[1]
    return Transition(
        run_id=made.run_id,
        written_at=made.written_at,
        sha256=made.sha256,
        grain=made.conservation.grain,
        rows_in=made.conservation.rows_in,
        rows_out=made.conservation.accepted,
        rejected=made.conservation.rejected,
        deduplicated=made.conservation.deduplicated,
        changed_inputs=tuple(tables.changed_inputs(key)),
    )


def delivery_of(tables: Tables, source: Source, manifest: Manifest) -> Delivery:
    """What is known of a delivered file."""
    standing = {each.batch_id for each in tables.standing(source.staged_key)}
    return Delivery(
        source=source.name,
        file=manifest.file,
        batch_id=manifest.batch_id,
        received_at=manifest.received_at,
        sha256=manifest.sha256,
        size=manifest.size,
        publisher=manifest.publisher,
        licence=manifest.licence,
        url=manifest.url,
        staged_file=manifest.staged_file,
        in_force=manifest.batch_id in standing,
        lies_in_landing=_lies_there(tables, source, manifest),
    )


def _lies_there(tables: Tables, source: Source, manifest: Manifest) -> bool:
    path = tables.root.landing / manifest.file
    stamp = stamp_of(path)
    if stamp is None or stamp[1] != manifest.size:
        return False
    known = Seen(tables.root, source).known(Landed(manifest.file, str(path), stamp))
    try:
        return (known or sha256_of(path)) == manifest.sha256
    except OSError:
        return False


def rows_of(tables: Tables, key: str, numbers: Sequence[int]) -> list[Row]:
    """Some rows of a bronze, silver or gold table, told by their keys.

    Args:
        tables: what is declared, and what lies on disk.
        key: of the table.
        numbers: of the rows.
    """
    schema = tables.declaration(key).schema
    told = list(schema.primary_key()) or schema.column_names()[:_TOLD]
    found = (
        tables.frame(key, numbered=True)
        .filter(numbered(NUMBER, numbers))
        .select(NUMBER, SOURCE_FILE, SOURCE_ROW, BATCH_ID, CORRECTIONS, exactly(*told))
        .collect(engine="streaming")
        .sort(NUMBER)
    )
    return [
        Row(
            number=row[NUMBER],
            values={name: row[name] for name in told},
            source_file=row[SOURCE_FILE],
            source_row=row[SOURCE_ROW],
            batch_id=row[BATCH_ID],
            corrections=tuple((row[CORRECTIONS] or "").split(SEPARATOR))
            if row[CORRECTIONS]
            else (),
        )
        for row in found.iter_rows(named=True)
    ]


def records_of(tables: Tables, manifest: Manifest, records: Iterable[int]) -> list[Row]:
    """Records of a delivered file, as they were delivered; those that no row represents lack."""
    path = tables.root.inside(manifest.staged_file)
    found = (
        parquet.scan(path)
        .filter(numbered(SOURCE_ROW, records))
        .sort(SOURCE_ROW)
        .collect(engine="streaming")
    )
    return [
        Row(
            number=None,
            values={name: value for name, value in row.items() if name not in PROVENANCE},
            source_file=manifest.file,
            source_row=row[SOURCE_ROW],
            batch_id=manifest.batch_id,
        )
        for row in found.iter_rows(named=True)
    ]


def manifest_of(tables: Tables, batch_id: str) -> Manifest | None:
    """The manifest of a delivery, if it is there."""
    return deliveries.find(tables.root, batch_id)


def refused_where(
    tables: Tables, condition: pl.Expr, *, resolved: bool = False
) -> tuple[Refused, ...]:
    """Records of the quarantine that fulfil a condition: those that stand, or those resolved."""
    read = quarantine.resolved_records if resolved else quarantine.open_records
    found = read(tables.root).filter(condition).sort("table", "source_row").collect()
    return tuple(map(_refused, found.iter_rows(named=True)))


def _refused(record: Mapping[str, Any]) -> Refused:
    read = {
        name: json.loads(record[name]) if record[name] else None
        for name in ("survivor", "original", "row")
    }
    return Refused(
        record_id=record["record_id"],
        table=record["table"],
        fate=record["fate"],
        state=record["state"],
        rules={broken["rule"]: broken["message"] for broken in record["broken"]},
        source_file=record["source_file"],
        source_row=record["source_row"],
        batch_id=record["batch_id"],
        **read,
    )
