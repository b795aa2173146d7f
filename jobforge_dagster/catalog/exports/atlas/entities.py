"""Tables, columns, delivered files and transitions as entities: AtlasEntitiesWithExtInfo."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from jobforge_dagster.catalog.documents import LayerTransitionLog, TableMetadata
from jobforge_dagster.catalog.documents.table import ColumnMetadata, ForeignKey
from jobforge_dagster.catalog.exports.atlas.glossary import Glossary
from jobforge_dagster.catalog.exports.atlas.lineage import column_mapping, file_name
from jobforge_dagster.catalog.exports.atlas.typedefs import COLUMN, FILE, TRANSITION
from jobforge_dagster.catalog.snapshot import Snapshot
from jobforge_dagster.medallion.classification import Classification

Entity = dict[str, Any]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def bulk(snapshot: Snapshot, glossary: Glossary) -> dict[str, Any]:
    """All entities: tables with their columns, delivered files, and what made each table.

    A guid is a negative number, as Atlas wants of an entity that it does not know yet; it replaces
    each by its own, or by that of the entity of the same qualified name.

    Args:
        snapshot: all documents.
        glossary: the names of the terms.

    Returns:
        The body of a bulk request.
    """
    return {"referredEntities": {}, "entities": _Bulk(snapshot, glossary).entities}


class _Bulk:
    """The entities, in the order in which they are numbered, and references to them."""

    def __init__(self, snapshot: Snapshot, glossary: Glossary) -> None:
        self.entities: list[Entity] = []
        self._glossary = glossary
        self._numbers = count(1)
        self._references: dict[str, Entity] = {}
        self._tables = {table.table: table for table in snapshot.tables}
        for table in snapshot.tables:
            self._add_table(table)
        staged = [table for table in snapshot.tables if table.layer == "staged"]
        for path in sorted({path for table in staged for path in table.lineage.source_files}):
            self._add(FILE, file_name(path), _file(path, snapshot.transitions))
        made = {each.table: each for each in snapshot.transitions if each.status != "failed"}
        for table in snapshot.tables:
            self._add_transition(table, made.get(table.table))

    def _add(
        self,
        kind: str,
        name: str,
        attributes: Entity,
        classifications: Iterable[str] = (),
        **related: Any,
    ) -> Entity:
        """Number an entity and keep it; what is not known of it is left out."""
        reference = {"guid": f"-{next(self._numbers)}", "typeName": kind}
        known = {key: value for key, value in attributes.items() if value not in (None, [])}
        entity: Entity = {**reference, "attributes": {"qualifiedName": name} | known}
        tags = [{"typeName": each, "propagate": False} for each in classifications]
        if tags:
            entity["classifications"] = tags
        relations = {key: value for key, value in related.items() if value}
        if relations:
            entity["relationshipAttributes"] = relations
        self.entities.append(entity)
        self._references[name] = reference
        return reference

    def _add_table(self, table: TableMetadata) -> None:
        purview = table.purview
        closed = (*purview.classifications, *_levels(table.governance.classification))
        name = purview.qualified_name
        holder = self._add(purview.type_name, name, _table(table), dict.fromkeys(closed))
        for position, column in enumerate(table.columns):
            term = self._glossary.qualified_name(column.term) if column.term else None
            meanings = [{"typeName": "AtlasGlossaryTerm", "uniqueAttributes": _named(term)}]
            self._add(
                COLUMN,
                f"{name}#{column.name}",
                _column(column, position),
                _levels(column.classification),
                table=holder,
                meanings=meanings if term else [],
            )

    def _add_transition(self, table: TableMetadata, log: LayerTransitionLog | None) -> None:
        """One process a table: the last transition that published it.

        Atlas draws a box for each process, so one for each run would bury the lineage; the whole
        history is in the documents. It has inputs from the lineage of the table, which knows more
        than the log: files of all deliveries, and which tables are only compared with.
        """
        inputs = [self._references[name] for name in self._inputs(table)]
        if not inputs and log is None:
            return
        self._add(
            TRANSITION,
            f"jobforge://transition/{table.table}",
            _transition(table, log) | {"columnMapping": column_mapping(table, self._tables)},
            inputs=inputs,
            outputs=[self._references[table.purview.qualified_name]],
        )

    def _inputs(self, table: TableMetadata) -> list[str]:
        if table.layer == "staged":
            return [file_name(path) for path in dict.fromkeys(table.lineage.source_files)]
        read = (key for key in table.lineage.upstream if key not in table.lineage.parents)
        return [self._tables[key].purview.qualified_name for key in read if key in self._tables]


def _levels(classification: Classification) -> list[str]:
    return [] if classification == "public" else [classification]


def _named(qualified_name: str | None) -> dict[str, str | None]:
    return {"qualifiedName": qualified_name}


def _milliseconds(moment: datetime | None) -> int | None:
    """A moment as Atlas writes dates: whole milliseconds since 1970."""
    if moment is None:
        return None
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - EPOCH) // timedelta(milliseconds=1)


def _table(table: TableMetadata) -> Entity:
    technical, business, governance = table.technical, table.business, table.governance
    quality = table.quality
    return {
        "name": table.name,
        "description": business.description or None,
        "owner": governance.owner,
        "layer": table.layer,
        "domain": table.domain,
        "title": business.title,
        "purpose": business.purpose,
        "businessQuestions": list(business.business_questions),
        "grain": table.lineage.grain,
        "path": technical.path,
        "format": technical.format,
        "fileCount": technical.files,
        "rowCount": technical.rows,
        "columnCount": technical.columns,
        "sizeInBytes": technical.bytes,
        "sha256": technical.sha256,
        "schemaVersion": technical.schema_version,
        "schemaChange": technical.schema_change,
        "primaryKey": list(technical.primary_key),
        "foreignKeys": [_foreign_key(key) for key in technical.foreign_keys],
        "steward": governance.steward,
        "retention": governance.retention,
        "publishers": list(dict.fromkeys(each.publisher for each in governance.sources)),
        "licences": list(dict.fromkeys(each.licence for each in governance.sources)),
        "completeness": quality and quality.completeness,
        "uniqueness": quality and quality.uniqueness,
        "validity": quality and quality.validity,
        "integrity": quality and quality.integrity,
        "createTime": _milliseconds(technical.created),
        "modifiedTime": _milliseconds(technical.updated),
    }


def _foreign_key(key: ForeignKey) -> str:
    return f"({', '.join(key.columns)}) -> {key.table} ({', '.join(key.refers_to)})"


def _column(column: ColumnMetadata, position: int) -> Entity:
    return {
        "name": column.name,
        "description": column.description.en or None,
        "dataType": column.type,
        "position": position,
        "isNullable": column.nullable,
        "isPrimaryKey": column.primary_key,
        "isProvenance": column.provenance,
        "descriptionFr": column.description.fr or None,
        "term": column.term,
        "declassified": column.declassified,
    }


def _file(path: str, transitions: Iterable[LayerTransitionLog]) -> Entity:
    """A delivered file, as it was when it was staged last."""
    staged = (each.inputs for each in transitions if each.target_layer == "staged")
    read = [bound for inputs in staged for bound in inputs if bound.table.endswith(f"/{path}")]
    last = read[-1] if read else None
    return {
        "name": path.rpartition("/")[2],
        "path": path,
        "rowCount": last and last.rows,
        "sha256": last and last.sha256,
    }


def _transition(table: TableMetadata, log: LayerTransitionLog | None) -> Entity:
    code = table.lineage.code
    facts = {"name": table.table, "code": code and f"{code.file}:{code.symbol}"}
    if log is None:
        return facts
    return facts | {
        "transitionId": log.transition_id,
        "sequence": log.sequence,
        "runId": log.run_id,
        "status": log.status,
        "codeVersion": log.code_version,
        "transforms": list(log.transforms_applied),
        "batchIds": list(log.batch_ids),
        "rowsIn": log.row_count_in,
        "rowsOut": log.row_count_out,
        "rowsQuarantined": log.rows_quarantined,
        "rowsDeduplicated": log.rows_deduplicated,
        "outputSha256": log.output_sha256,
        "startTime": _milliseconds(log.started_at),
        "endTime": _milliseconds(log.completed_at),
    }
