"""Which statements may be asked: one, that reads, and calls nothing that does more.

The first of two walls (the second is ``sandbox``). DuckDB's own parser says what a text is. Its
word for the kind is not enough: ``WITH a AS (COPY … TO …) FROM a`` is a SELECT to it. So the whole
tree is looked at, and what is not known to be harmless is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobforge_dagster.asking.sql import functions
from jobforge_dagster.asking.sql.errors import QueryError

if TYPE_CHECKING:
    import duckdb

SCHEMAS = ("gold", "silver", "bronze", "staged", "mart", "catalog", "quarantine")
"""Where tables are, in the order in which a name without a schema is looked for."""

LONGEST = 100_000
"""Characters of a statement. The parser ends the process on some that nest 100,000 deep."""

_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
"""Parts of a tree that read. Others insert, update, delete and copy."""

_EXPLAIN = re.compile(
    r"\s*explain\b\s*(?P<analyze>analyze\b)?\s*(?P<options>\(\s*(?:format|analyze)\b[^()]*\))?"
    r"(?P<inner>.+)",
    re.IGNORECASE | re.DOTALL,
)
_SHOW_TABLES = re.compile(r"\s*show\s+tables\s*;?\s*", re.IGNORECASE)
_TABLES = (
    "SELECT schema_name AS schema, table_name AS table, count(*) AS columns FROM duckdb_columns() "
    "WHERE NOT internal AND database_name = 'memory' GROUP BY ALL ORDER BY ALL"
)
"""DuckDB's own answer does not tell the schemas."""

_ONLY = "Only one statement that reads can be asked: SELECT, WITH, FROM, VALUES, DESCRIBE, SHOW, "
_KINDS = f"{_ONLY}SUMMARIZE or EXPLAIN."


@dataclass(frozen=True)
class Statement:
    """A statement that may be asked.

    Attributes:
        text: its SQL.
        tables: the schema (empty, if none is said) and the name of each table, in small letters.
        lists: whether it asks which tables there are, too.
        explains: whether it asks for a plan and not for rows.
    """

    text: str
    tables: frozenset[tuple[str, str]] = frozenset()
    lists: bool = False
    explains: bool = False

    def names(self, schema: str, table: str) -> bool:
        """Whether it may mean a table."""
        return not self.tables.isdisjoint({(schema, table.lower()), ("", table.lower())})


def checked(text: str, con: duckdb.DuckDBPyConnection) -> Statement:
    """A text as a statement, if it may be asked.

    Args:
        text: SQL as a person wrote it.
        con: only parses.

    Raises:
        QueryError: it may not; tells why.
        duckdb.Error: it cannot be parsed.
    """
    if len(text) > LONGEST:
        raise QueryError(f"A statement has at most {LONGEST:,} characters, this has {len(text):,}.")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise QueryError("The statement has bytes that are not UTF-8.")
    if "\0" in text:
        raise QueryError("A statement cannot hold the character NUL.")
    if _SHOW_TABLES.fullmatch(text):
        return Statement(_TABLES, lists=True)
    found = con.extract_statements(text)
    if not found:
        raise QueryError(f"There is no statement. {_KINDS}")
    if len(found) > 1:
        raise QueryError(f"These are {len(found)} statements. {_KINDS}")
    try:
        kind = found[0].type.name
    except ValueError:  # of a kind that DuckDB's Python does not know
        raise QueryError(f"This kind of statement is not allowed here. {_KINDS}") from None
    if kind == "EXPLAIN":
        return _explained(text, con)
    if kind == "MULTI":
        raise QueryError("PIVOT needs its values: PIVOT … ON column IN ('this', 'that') USING …")
    if kind != "SELECT":
        raise QueryError(f"{kind.replace('_', ' ')} is not allowed here. {_KINDS}")
    return _judged(text, _tree(text, con))


def _explained(text: str, con: duckdb.DuckDBPyConnection) -> Statement:
    """What is explained must be allowed itself, for ANALYZE runs it; then it is put anew."""
    match = _EXPLAIN.fullmatch(text)
    if match is None:
        raise QueryError("Write EXPLAIN at the start, without comments before the statement.")
    inner = checked(match["inner"], con)
    if inner.explains:
        raise QueryError(f"EXPLAIN of EXPLAIN is not allowed here. {_KINDS}")
    words = ("EXPLAIN", match["analyze"], match["options"], inner.text)
    text = " ".join(word for word in words if word)
    return Statement(text, inner.tables, inner.lists, explains=True)


def _tree(text: str, con: duckdb.DuckDBPyConnection) -> Any:
    [[told]] = con.execute("SELECT json_serialize_sql($text::VARCHAR)", {"text": text}).fetchall()
    try:
        tree = json.loads(told)
    except RecursionError:
        raise QueryError("The statement nests too deep. Split it by WITH.") from None
    if tree["error"] or len(tree["statements"]) != 1:
        raise QueryError(f"The statement cannot be judged. {_KINDS}")
    return tree["statements"]


def _judged(text: str, tree: Any) -> Statement:
    tables, lists = set(), False
    for part in _parts(tree):
        kind = str(part.get("type", ""))
        if kind.endswith("_NODE") and kind not in _NODES:
            raise QueryError(f"{kind.partition('_')[0]} is not allowed here. {_KINDS}")
        if kind == "TABLE_FUNCTION":
            functions.judge_table_function(part["function"])
            lists |= part["function"]["function_name"].lower() in functions.LISTS
        elif kind == "SHOW_REF":
            functions.judge_show(part)
            lists |= part["query"] is None
        elif kind == "BASE_TABLE":
            schema, name = part["schema_name"].lower(), part["table_name"].lower()
            lists |= functions.is_own(schema, name, SCHEMAS)
            tables.add((schema, name))
        elif "function_name" in part:
            functions.judge_function(str(part["function_name"]))
    return Statement(text, frozenset(tables), lists)


def _parts(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object within a tree; without recursion, for trees are deep."""
    left = [tree]
    while left:
        part = left.pop()
        if isinstance(part, dict):
            yield part
            left.extend(part.values())
        elif isinstance(part, list):
            left.extend(part)
