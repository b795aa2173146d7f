"""Facts of quality about a table that was written: its schema's version and its metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jobforge_dagster.medallion.quality.judge import Candidate
from jobforge_dagster.medallion.quality.rules import PRIMARY_KEY
from jobforge_dagster.medallion.storage.parquet import FileFacts
from jobforge_dagster.medallion.storage.publications import (
    Change,
    Conservation,
    Metrics,
    Publication,
    SchemaVersion,
    Tally,
)


def schema_version(
    columns: Mapping[str, str], primary_key: Sequence[str], previous: Publication | None
) -> SchemaVersion:
    """The version of a schema, by how it differs from its predecessor's."""
    if previous is None:
        return SchemaVersion(
            version="1.0.0", change="first", columns=dict(columns), primary_key=tuple(primary_key)
        )
    before = previous.table_schema
    added = tuple(name for name in columns if name not in before.columns)
    removed = tuple(name for name in before.columns if name not in columns)
    retyped = tuple(
        name for name in columns if before.columns.get(name, columns[name]) != columns[name]
    )
    change: Change
    major, minor, patch = (int(part) for part in before.version.split("."))
    if removed or retyped or tuple(primary_key) != before.primary_key:
        change, version = "breaking", (major + 1, 0, 0)
    elif added:
        change, version = "additive", (major, minor + 1, 0)
    else:
        change, version = "none", (major, minor, patch)
    return SchemaVersion(
        version=".".join(map(str, version)),
        change=change,
        columns=dict(columns),
        primary_key=tuple(primary_key),
        added=added,
        removed=removed,
        retyped=retyped,
    )


def measured(
    key: str,
    candidate: Candidate,
    facts: FileFacts,
    counts: Conservation,
    rejected: Mapping[str, Tally],
) -> Metrics:
    """The metrics of a table: shares of cells and rows, each from 0 to 1."""
    nulls = {name: facts.nulls[name] for name in candidate.columns if name in facts.nulls}
    cells = facts.rows * len(nulls)
    broken = {rule: tally.rows for rule, tally in rejected.items()}
    kinds = {rule.id: rule.error_type for rule in candidate.rules}
    keys = [rule for rule, kind in kinds.items() if kind == "foreign_key"]

    def share(bad: int) -> float | None:
        return 1 - bad / counts.made if counts.made else None

    return Metrics(
        rows=facts.rows,
        completeness=1 - sum(nulls.values()) / cells if cells else None,
        uniqueness=share(broken.get(f"{key}:{PRIMARY_KEY}", 0)) if candidate.unique else None,
        validity=share(counts.rejected),
        integrity=share(max(broken.get(rule, 0) for rule in keys)) if keys else None,
        nulls={name: count for name, count in sorted(nulls.items()) if count},
        by_rule={rule: 1 - rows / counts.made for rule, rows in sorted(broken.items())},
    )
