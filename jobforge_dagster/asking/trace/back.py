"""The way back of a row: the rows that it was made of, table by table, down to the records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from jobforge_dagster.asking.contributors import INPUT_ROW, ROW, ChangedError, contributors
from jobforge_dagster.asking.names import sql_name
from jobforge_dagster.asking.tables import NUMBER, Tables
from jobforge_dagster.asking.trace.facts import (
    delivery_of,
    manifest_of,
    records_of,
    rows_of,
    transition_of,
)
from jobforge_dagster.asking.trace.finding import row_meant, table_meant
from jobforge_dagster.asking.trace.model import Row, Step, Trace
from jobforge_dagster.medallion.declare import Source
from jobforge_dagster.medallion.provenance import CARRIED
from jobforge_dagster.medallion.storage.root import DataRoot

FOLLOWED = 1_000
"""Rows of a table that are followed at each step, unless more are asked for."""


def trace(
    table: str,
    conditions: Mapping[str, object],
    root: DataRoot | None = None,
    *,
    limit: int | None = FOLLOWED,
    tables: Tables | None = None,
) -> Trace:
    """Where a row comes from: each step back to the delivered records.

    Args:
        table: as people name it; see ``names.table_named``.
        conditions: values of some columns that tell the row, as text or as they are.
        root: the data root; by default the one that the environment names.
        limit: how many rows of a table are followed at each step; ``None`` for all.
        tables: what is declared, where it is known already.

    Raises:
        UnknownNameError: there is no such table or column.
        NoSuchRowError: no row has these values, and none was refused; or several have them.
        MissingTableError: the table was not made yet.
    """
    tables = tables or Tables(root)
    key = table_meant(tables, table)
    meant = row_meant(tables, key, conditions, f"jobforge trace {sql_name(key)} {{row}}")
    if meant.number is None:
        return Trace(key, meant.conditions, None, None, meant.refused)
    step = _step(tables, key, [meant.number], 1, limit)
    return Trace(key, meant.conditions, _values(tables, key, meant.number), step)


def _values(tables: Tables, key: str, number: int) -> dict[str, Any]:
    frame = tables.frame(key, numbered=True).filter(pl.col(NUMBER) == number)
    return frame.drop(NUMBER, *CARRIED).collect(engine="streaming").row(0, named=True)


def _step(tables: Tables, key: str, numbers: Sequence[int], count: int, limit: int | None) -> Step:
    rows = rows_of(tables, key, numbers)
    step = Step(key, count, tuple(rows), transition_of(tables, key))
    declared = tables.declaration(key)
    if isinstance(declared, Source):
        return _delivered(tables, declared, step)
    try:
        found = contributors(tables, key, numbers)
    except ChangedError as error:
        return replace(step, trouble=str(error))
    made_of: dict[int, dict[str, tuple[int, ...]]] = {number: {} for number in numbers}
    inputs = []
    for name in tables.inputs(key):
        own = found.filter(input=name)
        behind = own[INPUT_ROW].unique().sort()
        if not len(behind):
            continue
        followed = behind.to_list() if limit is None else behind.head(limit).to_list()
        kept = own.filter(pl.col(INPUT_ROW).is_in(followed)).group_by(ROW).agg(INPUT_ROW)
        for row, of in kept.iter_rows():
            made_of[row][name] = tuple(of)
        inputs.append(_step(tables, name, followed, len(behind), limit))
    told = tuple(replace(row, made_of=made_of[row.number or 0]) for row in rows)
    return replace(step, rows=told, inputs=tuple(inputs))


def _delivered(tables: Tables, source: Source, step: Step) -> Step:
    """The step of a bronze table, and behind it the records: each row stands for one."""
    records: list[Row] = []
    found, lost = [], []
    by_batch: dict[str, list[int]] = {}
    for row in step.rows:
        by_batch.setdefault(row.batch_id, []).append(row.source_row or 0)
    for batch, numbers in by_batch.items():
        manifest = manifest_of(tables, batch)
        if manifest is None:
            lost.append(batch)
            continue
        found.append(delivery_of(tables, source, manifest))
        records += records_of(tables, manifest, numbers)
    rows = tuple(
        replace(row, made_of={source.staged_key: (row.source_row or 0,)}) for row in step.rows
    )
    trouble = f"The manifest of batch {', '.join(lost)} is gone: restore it." if lost else None
    behind = Step(
        source.staged_key, len(records), tuple(records), deliveries=tuple(found), trouble=trouble
    )
    return replace(step, rows=rows, inputs=(behind,))
