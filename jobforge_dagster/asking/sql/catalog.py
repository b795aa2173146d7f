"""The catalog as tables: its JSON documents, flat, with a type for every column.

A document is read when a statement names its table. Python reads the JSON, which is many times
quicker than DuckDB on thousands of small files, and DuckDB gives the types.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobforge_dagster.asking.documents import MEND, UnreadableDocumentError
from jobforge_dagster.asking.sql import documents
from jobforge_dagster.medallion.storage.root import DataRoot

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Relation:
    """A table of the catalog: what makes its rows, and ``name type`` of each column in order."""

    rows: Callable[[DataRoot], Iterator[documents.Row]]
    columns: str


def make(con: duckdb.DuckDBPyConnection, root: DataRoot, name: str) -> None:
    """Make a table of the catalog.

    Raises:
        JobForgeError: a document behind it is damaged, or a newer JobForge wrote it.
    """
    import duckdb

    try:
        _fill(con, name, RELATIONS[name].rows(root))
    except (LookupError, TypeError, AttributeError, ValueError, duckdb.Error):
        raise UnreadableDocumentError(f"A document behind it is damaged. {MEND}") from None


def make_empty(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Make a table of the catalog without its rows, which reads no document."""
    _fill(con, name, ())


def _fill(con: duckdb.DuckDBPyConnection, name: str, rows: Iterable[documents.Row]) -> None:
    types = dict(column.split() for column in RELATIONS[name].columns.split(","))
    shape = {
        column: [kind.removesuffix("[]")] if kind.endswith("[]") else kind
        for column, kind in types.items()
    }
    told = [{column: row.get(column) for column in types} for row in rows]
    con.execute(
        f"CREATE TABLE catalog.{name} AS "
        "SELECT unnest(from_json($rows::JSON, $shape), max_depth := 2)",
        {"rows": json.dumps(told), "shape": json.dumps([shape])},
    )


RELATIONS = {
    "tables": Relation(
        documents.tables,
        "table_name VARCHAR, table_key VARCHAR, layer VARCHAR, domain VARCHAR, title VARCHAR, "
        "description VARCHAR, purpose VARCHAR, business_questions VARCHAR[], grain VARCHAR, "
        "rows BIGINT, column_count BIGINT, bytes BIGINT, files BIGINT, path VARCHAR, "
        "sha256 VARCHAR, schema_version VARCHAR, primary_key VARCHAR[], created TIMESTAMPTZ, "
        "updated TIMESTAMPTZ, updated_by_run VARCHAR, code_version VARCHAR, code_file VARCHAR, "
        "code_symbol VARCHAR, upstream VARCHAR[], downstream VARCHAR[], source_files VARCHAR[], "
        "batch_ids VARCHAR[], owner VARCHAR, steward VARCHAR, classification VARCHAR, "
        "retention VARCHAR, sources VARCHAR[], completeness DOUBLE, uniqueness DOUBLE, "
        "validity DOUBLE, integrity DOUBLE, quarantined BIGINT, deduplicated BIGINT, "
        "warned BIGINT, gap_count BIGINT",
    ),
    "columns": Relation(
        documents.columns,
        "table_name VARCHAR, column_name VARCHAR, position BIGINT, type VARCHAR, "
        "nullable BOOLEAN, primary_key BOOLEAN, provenance BOOLEAN, description VARCHAR, "
        "description_fr VARCHAR, term VARCHAR, classification VARCHAR, declassified VARCHAR, "
        "nulls BIGINT, minimum VARCHAR, maximum VARCHAR, examples VARCHAR[]",
    ),
    "column_lineage": Relation(
        documents.column_lineage,
        "table_name VARCHAR, column_name VARCHAR, source_table VARCHAR, source_column VARCHAR, "
        "kind VARCHAR, direct BOOLEAN",
    ),
    "column_origins": Relation(
        documents.column_origins,
        "table_name VARCHAR, column_name VARCHAR, source VARCHAR, header VARCHAR, kind VARCHAR, "
        "direct BOOLEAN",
    ),
    "rules": Relation(
        documents.rules,
        "table_name VARCHAR, rule VARCHAR, text VARCHAR, severity VARCHAR, columns VARCHAR[], "
        "broken_rows BIGINT",
    ),
    "transitions": Relation(
        documents.transitions,
        "sequence BIGINT, transition_id VARCHAR, run_id VARCHAR, table_name VARCHAR, "
        "source_layer VARCHAR, target_layer VARCHAR, status VARCHAR, row_count_in BIGINT, "
        "row_count_out BIGINT, rows_expected BIGINT, rows_quarantined BIGINT, "
        "rows_deduplicated BIGINT, started_at TIMESTAMPTZ, completed_at TIMESTAMPTZ, "
        "source_tables VARCHAR[], source_files VARCHAR[], batch_ids VARCHAR[], "
        "transforms_applied VARCHAR[], errors VARCHAR[], target_file VARCHAR, "
        "output_sha256 VARCHAR, code_version VARCHAR, previous VARCHAR, hash VARCHAR",
    ),
    "runs": Relation(
        documents.runs,
        "run_id VARCHAR, job VARCHAR, status VARCHAR, started_by VARCHAR, "
        "started_by_name VARCHAR, started_by_user VARCHAR, code_version VARCHAR, "
        "started_at TIMESTAMPTZ, ended_at TIMESTAMPTZ, error VARCHAR, steps BIGINT, "
        "published BIGINT, unchanged BIGINT, failed BIGINT, skipped BIGINT, "
        "rows_published BIGINT, rows_quarantined BIGINT, rows_deduplicated BIGINT, "
        "checks BIGINT, checks_failed BIGINT",
    ),
    "steps": Relation(
        documents.steps,
        "run_id VARCHAR, step VARCHAR, table_name VARCHAR, outcome VARCHAR, attempts BIGINT, "
        "started_at TIMESTAMPTZ, ended_at TIMESTAMPTZ, rows BIGINT, quarantined BIGINT, "
        "deduplicated BIGINT, error VARCHAR",
    ),
    "checks": Relation(
        documents.checks,
        "run_id VARCHAR, table_name VARCHAR, step VARCHAR, check_name VARCHAR, passed BOOLEAN, "
        "severity VARCHAR, broken_rows BIGINT, checked_at TIMESTAMPTZ",
    ),
    "glossary": Relation(
        documents.glossary,
        "term VARCHAR, label VARCHAR, label_fr VARCHAR, definition VARCHAR, "
        "definition_fr VARCHAR, authority VARCHAR, owner VARCHAR, steward VARCHAR, url VARCHAR, "
        "related VARCHAR[], columns VARCHAR[]",
    ),
}
"""The tables of the schema ``catalog``."""
