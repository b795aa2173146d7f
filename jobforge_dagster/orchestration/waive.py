"""Waiving a refused row: from a quarantine record to a waiver that fits its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from jobforge_dagster.medallion.discovery import discover, packages_from_environment
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.quality.waivers import Waiver
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.medallion.storage.waivers import add, check


def waiver_for(
    root: DataRoot,
    record: Mapping[str, Any],
    rule: str,
    *,
    by: str,
    why: str,
    until: date,
    today: date,
    packages: Sequence[str] | None = None,
) -> Waiver:
    """Write a waiver for the row of a record, told by its key.

    Args:
        root: the data root.
        record: a quarantine record, its JSON columns read.
        rule: name or id of a rule that the row broke.
        by: who answers for it.
        why: the reason.
        until: the last day on which it holds.
        today: the day of the decision.
        packages: where the domains are.

    Raises:
        JobForgeError: the row did not break the rule, no waiver can lift it, or the day is past.
    """
    name = rule.rpartition(":")[2]
    broken = [each["rule"].rpartition(":")[2] for each in record["broken"]]
    if name not in broken:
        raise JobForgeError(f"The row did not break {rule}. It broke {', '.join(broken)}.")
    if until < today:
        raise JobForgeError(f"{until} is past: a waiver must hold for today at least.")
    tables = {
        table.key: table for table in discover(packages or packages_from_environment()).tables
    }
    table = tables.get(record["table"])
    if table is None:
        raise JobForgeError(
            f"Rows of {record['table']} cannot be waived: their text does not read as declared. "
            f"Correct the delivery or the declaration."
        )
    columns = table.schema.columns()
    identity = table.schema.primary_key() or table.schema.column_names()
    where = {name: _text(record["row"][name], columns[name].dtype) for name in identity}
    waiver = Waiver(
        id=f"{record['record_id'][:8]}-{name}-{until}",
        table=table.key,
        rule=name,
        where=where,
        by=by,
        why=why,
        given=today,
        until=until,
    )
    check(waiver, table)
    add(root, waiver)
    return waiver


def _text(value: Any, dtype: pl.DataType) -> str | None:
    """A value as the waiver's expression will see it: ``true``, not ``True``."""
    if value is None or isinstance(value, str):
        return value
    return str(pl.Series([value]).cast(dtype).cast(pl.String).item())
