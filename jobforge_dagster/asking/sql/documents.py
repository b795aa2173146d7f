"""The rows of the catalog's tables, out of its documents; what they lack raises ``LookupError``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jobforge_dagster.asking.names import LAYERS, sql_name
from jobforge_dagster.asking.sql.errors import QueryError
from jobforge_dagster.medallion.storage.root import DataRoot

Row = dict[str, Any]


def tables(root: DataRoot) -> Iterator[Row]:
    """Each table, with what it is for, how it lies there and how good it is."""
    for table in _table_documents(root):
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
    for table in _table_documents(root):
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
    for table in _table_documents(root):
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
    for table in _table_documents(root):
        found = [(None, each) for each in table["lineage"]["row_origins"]]
        for column in table["columns"]:
            found += [
                (column["name"], each) for each in (column["lineage"] or {}).get("origins", ())
            ]
        for column_name, each in found:
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
    for table in _table_documents(root):
        for rule in (table["quality"] or {"rules": ()})["rules"]:
            yield {**rule, "table_name": sql_name(table["table"]), "broken_rows": rule["rows"]}


def transitions(root: DataRoot) -> Iterator[Row]:
    """Those that the index has; a line that a crash tore off does not count."""
    folder = root.catalog / "lineage"
    index = folder / "index.jsonl"
    lines = index.read_bytes().split(b"\n")[:-1] if index.exists() else []
    for line in lines:
        try:
            path = folder / json.loads(line)["record"]
        except (ValueError, KeyError, TypeError):
            raise _damaged(root, index) from None
        if not path.resolve().is_relative_to(folder.resolve()):
            raise _damaged(root, index)
        record = _read(root, path)
        yield {
            **record,
            "table_name": _sql_name(record["table"]),
            "source_tables": [_sql_name(key) for key in record["source_tables"]],
        }


def runs(root: DataRoot) -> Iterator[Row]:
    """Each run."""
    for run in _documents(root, "runs/*.json"):
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
    for run in _documents(root, "runs/*.json"):
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
    for document in _documents(root, "glossary/glossary.json"):
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


def _table_documents(root: DataRoot) -> Iterator[Any]:
    for layer in LAYERS:
        yield from _documents(root, f"tables/{layer}/*.json")


def _documents(root: DataRoot, pattern: str) -> Iterator[Any]:
    for path in sorted(root.catalog.glob(pattern)):
        yield _read(root, path)


def _read(root: DataRoot, path: Path) -> Any:
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError, FileNotFoundError):
        raise _damaged(root, path) from None
    if not isinstance(document, dict):
        raise _damaged(root, path)
    return document


def _damaged(root: DataRoot, path: Path) -> QueryError:
    return QueryError(
        f"{root.relative(path)} is damaged. Make the documents again from the history by: "
        f"jobforge catalog rebuild"
    )


def _sql_name(key: str) -> str:
    """The name of a table in SQL; what is no table of ours, as a delivered file, stays."""
    return sql_name(key) if key.partition("/")[0] in LAYERS else key


def _column_name(text: str) -> str:
    table, _, column = text.rpartition(".")
    return f"{_sql_name(table)}.{column}"


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)
