"""Which columns a query reads, as DuckDB itself plans it over empty tables.

All that changes a plan by what tables hold is switched off: an empty table would be planned away.
What is left on takes away the columns that nothing needs, those of common table expressions too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb
import polars as pl

from jobforge_dagster.medallion.storage.sql_text import quoted

Read = frozenset[tuple[str, str]]
"""Columns, each with the name of its table in SQL (``gold.dim_noc``)."""

_KEPT = ("unused_columns", "cte_inlining")

_PIVOT = re.compile(r"\bpivot", re.IGNORECASE)
"""The plan of a pivot does not show the column whose values become names of columns."""


class Planner:
    """Empty tables, and the plans of queries over them."""

    def __init__(self) -> None:
        """Begin without tables."""
        self._connection = duckdb.connect(config={"enable_external_access": "false"})
        optimizers = self._connection.sql("SELECT name FROM duckdb_optimizers()").fetchall()
        off = ",".join(name for (name,) in optimizers if name not in _KEPT)
        self._connection.execute(f"SET disabled_optimizers = '{off}'")
        self._columns: dict[str, tuple[str, ...]] = {}

    def columns(self, table: str) -> tuple[str, ...]:
        """The columns of a table that was added."""
        return self._columns[table]

    def add(self, table: str, schema: Mapping[str, Any]) -> None:
        """Add an empty table, by its name in SQL and a schema of Polars."""
        empty = pl.DataFrame(schema=dict(schema))
        self._connection.register("empty", empty)
        self._create(table, "FROM empty")
        self._connection.unregister("empty")

    def add_query(self, table: str, sql: str) -> None:
        """Add an empty table that has the columns of a query's answer.

        Raises:
            duckdb.Error: the query is wrong.
        """
        self._create(table, f"FROM ({sql}) LIMIT 0")

    def reads(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Read:
        """The columns that the answer of a query hangs on; all of a table where it is not certain.

        Args:
            sql: the query.
            parameters: a value for each of its parameters.

        Raises:
            duckdb.Error: the query is wrong.
        """
        plan = self._connection.execute(f"EXPLAIN (FORMAT JSON) {sql}", parameters or None)
        ((_, text),) = plan.fetchall()
        found: set[tuple[str, str]] = set()
        for table, shown in _scanned(json.loads(text)):
            known = self._columns[table]
            read = {_column(name, known) for name in shown if name}
            certain = None not in read and not _PIVOT.search(sql)
            found |= {(table, name) for name in (read if certain else known) if name is not None}
        return frozenset(found)

    def without_order(self, sql: str) -> str:
        """A query without the order of its answer, unless that decides what is in it."""
        row = self._connection.execute("SELECT json_serialize_sql($1::VARCHAR)", [sql]).fetchone()
        told = json.loads(row[0]) if row else {}
        for statement in told.get("statements", ()):
            changes = statement["node"]["modifiers"]
            if all(each["type"] == "ORDER_MODIFIER" for each in changes):
                statement["node"]["modifiers"] = []
        if told.get("error", True):
            return sql
        row = self._connection.execute(
            "SELECT json_deserialize_sql($1::JSON)", [json.dumps(told)]
        ).fetchone()
        return str(row[0]) if row else sql

    def _create(self, table: str, source: str) -> None:
        schema, _, name = table.partition(".")
        self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
        self._connection.execute(f"CREATE TABLE {quoted(schema)}.{quoted(name)} AS {source}")
        answer = self._connection.execute(f"FROM {quoted(schema)}.{quoted(name)}")
        self._columns[table] = tuple(each[0] for each in answer.description or ())


def _scanned(nodes: list[dict[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    """Each table that is scanned, with the columns that the plan shows."""
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        waiting += node["children"]
        table = node["extra_info"].get("Table")
        if table is not None:
            shown = node["extra_info"].get("Projections", "")
            yield table.partition(".")[2], [shown] if isinstance(shown, str) else shown


def _column(shown: str, known: tuple[str, ...]) -> str | None:
    """The column that a plan shows, which may be a field of it."""
    if shown in known:
        return shown
    return next((name for name in known if shown.startswith(f"{name}.")), None)
