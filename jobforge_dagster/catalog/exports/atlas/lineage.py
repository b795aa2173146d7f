"""Column lineage as Purview reads it off a process."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from jobforge_dagster.catalog.documents import TableMetadata


def file_name(path: str) -> str:
    """The qualified name of a delivered file, given its path below the landing folder."""
    return f"jobforge://source/{path}"


def column_mapping(table: TableMetadata, tables: Mapping[str, TableMetadata]) -> str | None:
    """The columns that the values of each column are made of, as one attribute of the process.

    An entity for each derived column would be thousands, each a box of its own in the drawing;
    Purview draws the column lineage of a process from this attribute, and Atlas keeps it as text.
    It tells of values alone: a column that only decides which rows there are (a join, a filter)
    would be drawn as if it were part of the value, so such columns are left to the documents.

    Args:
        table: the table that the process makes.
        tables: by key, those that can be named.

    Returns:
        JSON, one mapping for each table or file that is read; ``None`` if no column is known to be
        made of another.
    """
    mappings: dict[str, list[dict[str, str]]] = {}
    for source, header, column in _pairs(table, tables):
        mappings.setdefault(source, []).append({"Source": header, "Sink": column})
    if not mappings:
        return None
    told = [
        {
            "DatasetMapping": {"Source": source, "Sink": table.purview.qualified_name},
            "ColumnMapping": columns,
        }
        for source, columns in mappings.items()
    ]
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _pairs(
    table: TableMetadata, tables: Mapping[str, TableMetadata]
) -> Iterator[tuple[str, str, str]]:
    """Qualified name and column of what is read, with the column that it becomes part of."""
    for column in table.columns:
        if column.lineage is None:
            continue
        if table.layer == "staged":
            headers = [each.header for each in column.lineage.origins if each.kind is not None]
            for path in dict.fromkeys(table.lineage.source_files):
                yield from ((file_name(path), header, column.name) for header in headers)
        for part in column.lineage.direct:
            if part.table in tables:
                yield tables[part.table].purview.qualified_name, part.column, column.name
