"""The rows of the catalog's tables, out of its documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jobforge_dagster.asking.documents import (
    MEND,
    UnreadableDocumentError,
    below,
    reading,
    table_paths,
)
from jobforge_dagster.asking.names import sql_name
from jobforge_dagster.medallion.storage.root import LAYERS, DataRoot

Row = dict[str, Any]


def tables(root: DataRoot) -> Iterator[Row]:
    """Each table, with what it is for, how it lies there and how good it is."""
    with reading(root, table_paths(root)) as found:
        for table in found:
            lineage, governance = table["lineage"], table["governance"]
            code = lineage["code"] or {}
            yield {
                **table,
                **table["business"],
                **table["technical"],
                **governance,
                **(table["quality"] or {}),
                "table_name": sql_name(table["table"]),
                "table_key": table["table"],
                "column_count": table["technical"]["columns"],
                "grain": lineage["grain"],
                "upstream": [_sql_name(key) for key in lineage["upstream"]],
                "downstream": [_sql_name(key) for key in lineage["downstream"]],
                "source_files": lineage["source_files"],
                "batch_ids": lineage["batch_ids"],
                "sources": [source["source"] for source in governance["sources"]],
                "code_file": code.get("file"),
                "code_symbol": code.get("symbol"),
                "gap_count": len(table["gaps"]),
            }


def columns(root: DataRoot) -> Iterator[Row]:
    """Each column of each table."""
    with reading(root, table_paths(root)) as found:
        for table in found:
            for position, column in enumerate(table["columns"], 1):
                statistics = column["statistics"]
                yield {
                    **column,
                    "table_name": sql_name(table["table"]),
                    "column_name": column["name"],
                    "position": position,
                    "description": column["description"]["en"],
                    "description_fr": column["description"]["fr"],
                    "nulls": statistics["nulls"],
                    "minimum": _text(statistics["minimum"]),
                    "maximum": _text(statistics["maximum"]),
                    "examples": [_text(value) for value in column["examples"]],
                }


def column_lineage(root: DataRoot) -> Iterator[Row]:
    """A row for each source of a column and kind; those that decide the rows have no column."""
    with reading(root, table_paths(root)) as found:
        for table in found:
            name = sql_name(table["table"])
            deciding = [(None, each) for each in table["lineage"]["rows"]]
            for column in table["columns"]:
                lineage = column["lineage"] or {"direct": (), "indirect": ()}
                deciding += [(column["name"], each) for each in lineage["indirect"]]
                for each in lineage["direct"]:
                    yield _source(name, column["name"], each, each["kind"], direct=True)
            for column_name, each in deciding:
                for kind in each["kinds"]:
                    yield _source(name, column_name, each, kind, direct=False)


def _source(table: str, column: str | None, source: Row, kind: str, *, direct: bool) -> Row:
    return {
        "table_name": table,
        "column_name": column,
        "source_table": _sql_name(source["table"]),
        "source_column": source["column"],
        "kind": kind,
        "direct": direct,
    }


def column_origins(root: DataRoot) -> Iterator[Row]:
    """The same down to the headers of delivered files."""
    with reading(root, table_paths(root)) as found:
        for table in found:
            origins = [(None, each) for each in table["lineage"]["row_origins"]]
            for column in table["columns"]:
                origins += [
                    (column["name"], each) for each in (column["lineage"] or {}).get("origins", ())
                ]
            for column_name, each in origins:
                kinds = [(each["kind"], True)] if each["kind"] else []
                kinds += [(kind, False) for kind in each["kinds"]]
                for kind, direct in kinds:
                    yield {
                        **each,
                        "table_name": sql_name(table["table"]),
                        "column_name": column_name,
                        "kind": kind,
                        "direct": direct,
                    }


def rules(root: DataRoot) -> Iterator[Row]:
    """Each rule of each table."""
    with reading(root, table_paths(root)) as found:
        for table in found:
            for rule in (table["quality"] or {"rules": ()})["rules"]:
                yield {**rule, "table_name": sql_name(table["table"]), "broken_rows": rule["rows"]}


def transitions(root: DataRoot) -> Iterator[Row]:
    """Those that the index has; a line that a crash tore off does not count."""
    with reading(root, _records(root)) as found:
        for record in found:
            yield {
                **record,
                "table_name": _sql_name(record["table"]),
                "source_tables": [_sql_name(key) for key in record["source_tables"]],
            }


def _records(root: DataRoot) -> list[Path]:
    folder = root.catalog / "lineage"
    index = folder / "index.jsonl"
    lines = index.read_bytes().split(b"\n")[:-1] if index.exists() else []
    try:
        paths = [folder / json.loads(line)["record"] for line in lines]
    except (ValueError, KeyError, TypeError, RecursionError):
        paths = [root.path]
    home = folder.resolve()
    if not all(path.resolve().is_relative_to(home) for path in paths):
        raise UnreadableDocumentError(f"{root.relative(index)} is damaged. {MEND}")
    return paths


def runs(root: DataRoot) -> Iterator[Row]:
    """Each run."""
    with reading(root, below(root, "runs/*.json")) as found:
        for run in found:
            started = run["started_by"]
            yield {
                **run,
                **run["totals"],
                "started_by": started["kind"],
                "started_by_name": started["name"],
                "started_by_user": started["user"],
            }


def steps(root: DataRoot) -> Iterator[Row]:
    """Each step of each run."""
    with reading(root, below(root, "runs/*.json")) as found:
        for run in found:
            for step in run["steps"]:
                table = step["table"] and _sql_name(step["table"])
                yield {**step, "run_id": run["run_id"], "table_name": table}


def checks(root: DataRoot) -> Iterator[Row]:
    """Each check of each step."""
    for step in steps(root):
        for check in step["checks"]:
            yield {
                **check,
                "step": step["step"],
                "run_id": step["run_id"],
                "table_name": step["table_name"],
                "check_name": check["check"],
                "broken_rows": check["rows"],
                "checked_at": step["ended_at"],
            }


def glossary(root: DataRoot) -> Iterator[Row]:
    """Each term."""
    with reading(root, below(root, "glossary/glossary.json")) as found:
        for document in found:
            for term in document["terms"]:
                yield {
                    **term,
                    "term": term["id"],
                    "label": term["label"]["en"],
                    "label_fr": term["label"]["fr"],
                    "definition": term["definition"]["en"],
                    "definition_fr": term["definition"]["fr"],
                    "columns": [_column_name(column) for column in term["columns"]],
                }


def _sql_name(key: str) -> str:
    """The name of a table in SQL; what is no table of ours, as a delivered file, stays."""
    return sql_name(key) if key.partition("/")[0] in LAYERS else key


def _column_name(text: str) -> str:
    table, _, column = text.rpartition(".")
    return f"{_sql_name(table)}.{column}"


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)
