"""What a materialization tells: facts about the written file, in Dagster's own metadata keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import dataframely as dy
from pydantic import BaseModel

from jobforge_dagster.medallion.declare import Source, Table, meaning_of
from jobforge_dagster.medallion.layers.staged import Staging
from jobforge_dagster.medallion.lineage.documents import TableSources
from jobforge_dagster.medallion.provenance import MEANING, PROVENANCE
from jobforge_dagster.medallion.storage.audit import Audited
from jobforge_dagster.medallion.storage.deliveries import Manifest
from jobforge_dagster.medallion.storage.root import DataRoot


def declared_columns(schema: type[dy.Schema], *, keys: bool) -> dg.TableSchema:
    """Column schema of a declaration, with meanings, for the UI before the first run."""
    return _with_provenance(
        [
            dg.TableColumn(
                name=name,
                type=str(column.dtype),
                description=_meaning(column),
                constraints=dg.TableColumnConstraints(
                    nullable=column.nullable,
                    other=["primary key"] if keys and column.primary_key else [],
                ),
            )
            for name, column in schema.columns().items()
        ]
    )


def staged_columns(manifest: Manifest) -> dg.TableSchema:
    """Column schema of a staged delivery: text, but for Parquet, whose types are kept."""
    types = manifest.facts.get("types") or {}
    return _with_provenance(
        [dg.TableColumn(name=name, type=types.get(name, "String")) for name in manifest.header]
    )


def _with_provenance(columns: list[dg.TableColumn]) -> dg.TableSchema:
    provenance = [
        dg.TableColumn(name=name, type=str(dtype), description=MEANING[name][0])
        for name, dtype in PROVENANCE.items()
    ]
    return dg.TableSchema(columns=[*columns, *provenance])


def _meaning(column: dy.Column) -> str | None:
    said = meaning_of(column)
    return said.text if said else column.description


def table_metadata(root: DataRoot, audited: Audited, declared: Any) -> dict[str, Any]:
    """Metadata of a published bronze, silver or gold table."""
    facts, told = audited.facts, audited.publication
    counts, metrics, schema = told.conservation, told.metrics, told.table_schema
    metadata: dict[str, Any] = {
        "dagster/row_count": facts.rows,
        "dagster/column_schema": _measured_columns(facts.columns, declared),
        "dagster/uri": root.relative(root.table(told.table)),
        "state": "unchanged" if audited.unchanged else "published",
        "bytes": facts.size,
        "columns": len(facts.columns),
        "null_counts": dg.MetadataValue.json(facts.nulls),
        "rejected": counts.rejected,
        "deduplicated": counts.deduplicated,
        "warned": sum(tally.rows for tally in told.warned.values()),
        "corrected": sum(each.rows for each in told.corrections.values()),
        "waived": sum(len(each.records) for each in told.waivers.values()),
        "equation": str(counts),
        "grain": counts.grain,
        "rows_in": dg.MetadataValue.json(counts.rows_in),
        "rows_expected": counts.expected,
        "schema_version": schema.version,
        "schema_change": schema.change,
        "batches": dg.MetadataValue.json(audited.batches(root)),
        "fingerprint": told.fingerprint,
        "written_at": told.written_at.isoformat(),
        "written_by_run": told.run_id,
        "sha256": told.sha256,
        "publication": root.relative(root.publication(told.table, told.run_id, told.written_at)),
    }
    shares = ("completeness", "uniqueness", "validity", "integrity")
    metadata |= {name: share for name in shares if (share := getattr(metrics, name)) is not None}
    if told.corrections:
        metadata["corrections"] = _json(told.corrections)
    if told.waivers:
        metadata["waivers"] = _json(told.waivers)
    if told.quarantine_file:
        metadata["quarantine_file"] = told.quarantine_file
    return metadata


def _json(told: Mapping[str, BaseModel]) -> dg.MetadataValue:
    return dg.MetadataValue.json(
        {name: each.model_dump(mode="json") for name, each in told.items()}
    )


def _measured_columns(columns: Mapping[str, str], declared: Any) -> dg.TableSchema:
    """The written columns, with what was declared of each."""
    schema = getattr(declared, "schema", declared)
    known = (
        {column.name: column for column in schema.columns}
        if isinstance(schema, dg.TableSchema)
        else {}
    )
    return dg.TableSchema(
        columns=[
            known.get(name)
            or dg.TableColumn(name=name, type=dtype, description=MEANING.get(name, (None,))[0])
            for name, dtype in columns.items()
        ]
    )


def lineage_metadata(lineage: TableSources | None) -> dict[str, Any]:
    """What each column is made of, and what decides it alone, as Dagster shows it."""
    deps: dict[str, list[dg.TableColumnDep]] = {}
    for column in lineage.columns if lineage else ():
        found = dict.fromkeys(
            [(each.table, each.column) for each in column.direct]
            + [(each.table, each.column) for each in column.indirect]
        )
        if found:
            deps[column.name] = [
                dg.TableColumnDep(asset_key=dg.AssetKey(key.split("/")), column_name=name)
                for key, name in found
            ]
    if not deps:
        return {}
    return {"dagster/column_lineage": dg.TableColumnLineage(deps_by_column=deps)}


def delivery_metadata(source: Source, staging: Staging, at: datetime) -> dict[str, Any]:
    """Metadata of a staged delivery, with how it differs from the one before and its age."""
    manifest, standing = staging.manifest, staging.standing
    age = at - manifest.received_at
    metadata: dict[str, Any] = {
        "dagster/row_count": sum(each.rows for each in standing),
        "dagster/column_schema": staged_columns(manifest),
        "dagster/uri": manifest.staged_file,
        "state": "published" if staging.new else "unchanged",
        "batch_id": manifest.batch_id,
        "source_file": manifest.file,
        "sha256": manifest.sha256,
        "bytes": manifest.size,
        "format": manifest.format,
        "detected": dg.MetadataValue.json(manifest.facts),
        "records": sum(each.records for each in standing),
        "malformed": sum(each.malformed for each in standing),
        "blank": sum(each.blanks for each in standing),
        "deliveries": len(standing),
        "new_deliveries": len(staging.new),
        "in_landing_folder": not staging.left,
        "received_at": manifest.received_at.isoformat(),
        "columns_added": dg.MetadataValue.json(staging.added),
        "columns_removed": dg.MetadataValue.json(staging.removed),
        "age_days": round(age / timedelta(days=1), 2),
    }
    if manifest.encoding:
        metadata["encoding"] = manifest.encoding
    if source.cadence:
        metadata["fresh"] = age <= source.cadence
    if manifest.quarantine_file:
        metadata["quarantine_file"] = manifest.quarantine_file
    return metadata


def source_metadata(source: Source) -> dict[str, Any]:
    """Publication facts of a source, for the asset's definition; unknown facts are left out."""
    origin = source.origin
    facts = {
        "publisher": origin.publisher,
        "source_system": origin.system,
        "licence": origin.licence.name,
        "dataset": origin.dataset,
        "published": origin.published.isoformat() if origin.published else None,
        "expected_file": f"source/{source.files}",
    }
    metadata: dict[str, Any] = {name: fact for name, fact in facts.items() if fact}
    if origin.licence.url:
        metadata["licence_url"] = dg.MetadataValue.url(origin.licence.url)
    return metadata


def table_definition_metadata(table: Table, questions: Sequence[str]) -> dict[str, Any]:
    """What is declared of a silver or gold table, and what it answers, for its definition."""
    metadata: dict[str, Any] = {
        "dagster/column_schema": declared_columns(table.schema, keys=True),
        "dagster/table_name": f"{table.layer}.{table.name}",
    }
    if questions:
        metadata["answers"] = dg.MetadataValue.md("\n".join(f"- {each}" for each in questions))
    if table.foreign_keys:
        metadata["foreign_keys"] = dg.MetadataValue.json(
            {
                ", ".join(fk.columns): fk.table.key if fk.table else table.key
                for fk in table.foreign_keys
            }
        )
    return metadata
