"""The types that the entities are of: AtlasTypesDef of Atlas v2."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jobforge_dagster.catalog.documents import TableMetadata
from jobforge_dagster.medallion.classification import CLASSIFICATIONS, Classification

TABLE = "jobforge_table"
COLUMN = "jobforge_column"
FILE = "jobforge_file"
TRANSITION = "jobforge_transition"

REQUIRED = {"layer", "path", "dataType"}

TABLE_ATTRIBUTES = {
    "layer": "string",
    "domain": "string",
    "title": "string",
    "purpose": "string",
    "businessQuestions": "array<string>",
    "grain": "string",
    "path": "string",
    "format": "string",
    "fileCount": "int",
    "rowCount": "long",
    "columnCount": "int",
    "sizeInBytes": "long",
    "sha256": "string",
    "schemaVersion": "string",
    "schemaChange": "string",
    "primaryKey": "array<string>",
    "foreignKeys": "array<string>",
    "steward": "string",
    "retention": "string",
    "publishers": "array<string>",
    "licences": "array<string>",
    "completeness": "double",
    "uniqueness": "double",
    "validity": "double",
    "integrity": "double",
    "createTime": "date",
    "modifiedTime": "date",
}

COLUMN_ATTRIBUTES = {
    "dataType": "string",
    "position": "int",
    "isNullable": "boolean",
    "isPrimaryKey": "boolean",
    "isProvenance": "boolean",
    "descriptionFr": "string",
    "term": "string",
    "declassified": "string",
}

FILE_ATTRIBUTES = {"path": "string", "rowCount": "long", "sha256": "string"}

TRANSITION_ATTRIBUTES = {
    "transitionId": "string",
    "sequence": "long",
    "runId": "string",
    "status": "string",
    "code": "string",
    "codeVersion": "string",
    "transforms": "array<string>",
    "batchIds": "array<string>",
    "rowsIn": "long",
    "rowsOut": "long",
    "rowsQuarantined": "long",
    "rowsDeduplicated": "long",
    "outputSha256": "string",
    "startTime": "date",
    "endTime": "date",
    "columnMapping": "string",
}

LEVELS: dict[Classification, str] = {
    "public": "For everybody.",
    "internal": "For the organisation.",
    "confidential": "For those who need it.",
    "restricted": "For those named one by one.",
}


def typedefs(tables: Iterable[TableMetadata]) -> dict[str, list[dict[str, Any]]]:
    """All types, those that the documents name beside the four of the platform included.

    Args:
        tables: for the names of their types and classifications.

    Returns:
        An AtlasTypesDef.
    """
    purviews = [table.purview for table in tables]
    levels = {str(name): LEVELS[name] for name in CLASSIFICATIONS[1:]}
    named = {name for purview in purviews for name in purview.classifications} - set(levels)
    kinds = {purview.type_name for purview in purviews} - {TABLE}
    return {
        "enumDefs": [],
        "structDefs": [],
        "classificationDefs": [
            *(_classification(name, text) for name, text in levels.items()),
            *(_classification(name, None) for name in sorted(named)),
        ],
        "entityDefs": [
            _entity(TABLE, "DataSet", TABLE_ATTRIBUTES),
            *(_entity(name, TABLE, {}) for name in sorted(kinds)),
            _entity(COLUMN, "DataSet", COLUMN_ATTRIBUTES),
            _entity(FILE, "DataSet", FILE_ATTRIBUTES),
            _entity(TRANSITION, "Process", TRANSITION_ATTRIBUTES),
        ],
        "relationshipDefs": [_columns_of_a_table()],
    }


def _entity(name: str, parent: str, attributes: dict[str, str]) -> dict[str, Any]:
    defined = [_attribute(attribute, kind) for attribute, kind in attributes.items()]
    return {
        "name": name,
        "superTypes": [parent],
        "typeVersion": "1.0",
        "attributeDefs": defined,
    }


def _attribute(name: str, kind: str) -> dict[str, Any]:
    return {
        "name": name,
        "typeName": kind,
        "cardinality": "LIST" if kind.startswith("array<") else "SINGLE",
        "isIndexable": False,
        "isOptional": name not in REQUIRED,
        "isUnique": False,
    }


def _classification(name: str, text: str | None) -> dict[str, Any]:
    described = {} if text is None else {"description": text}
    return {"name": name, **described, "superTypes": [], "typeVersion": "1.0", "attributeDefs": []}


def _columns_of_a_table() -> dict[str, Any]:
    """Columns live and die with their table.

    Classifications do not flow along it: the platform says of each column how closed it is, and a
    declassified one must not be closed again by its table.
    """
    return {
        "name": "jobforge_table_columns",
        "typeVersion": "1.0",
        "relationshipCategory": "COMPOSITION",
        "propagateTags": "NONE",
        "attributeDefs": [],
        "endDef1": {"type": TABLE, "name": "columns", "isContainer": True, "cardinality": "SET"},
        "endDef2": {"type": COLUMN, "name": "table", "isContainer": False, "cardinality": "SINGLE"},
    }
