"""What DuckDB says of a statement, in words and with the place in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from jobforge_dagster.asking.names import closest
from jobforge_dagster.medallion.errors import JobForgeError

if TYPE_CHECKING:
    import duckdb

_LONGEST = 400


class QueryError(JobForgeError):
    """A statement cannot be asked, or has no answer."""


def in_words(
    error: duckdb.Error,
    text: str,
    tables: Callable[[], Iterable[str]],
    columns: Callable[[], Iterable[str]],
    unreadable: dict[str, str],
) -> QueryError:
    """An error of DuckDB for people.

    Args:
        error: as it came, its details as JSON.
        text: the statement.
        tables: names of all tables, in SQL.
        columns: names of the columns of those that the statement names.
        unreadable: tables that are there and cannot be read, with the reason.
    """
    kind, _, told = str(error).partition(": ")
    try:
        facts = json.loads(told)
        message = str(facts["exception_message"])
    except (ValueError, KeyError, TypeError):
        return QueryError(told or kind)
    if kind == "INTERRUPT Error":
        return QueryError("The statement was interrupted.")
    first = message.partition("\n")[0]
    if facts.get("type") == "Table" or "because schema" in first:
        name = _name_at(text, facts) or str(facts.get("name", ""))
        for table, reason in unreadable.items():
            if name.lower() in (table, table.partition(".")[2], table.partition(".")[0]):
                return QueryError(f"{table} cannot be read: {reason}")
        hint = closest(name.lower(), tables()) or " See: SHOW TABLES"
        message = f"There is no table {name}.{hint}"
    elif "not found in FROM clause" in first or "does not have a column named" in first:
        named = first.rpartition(" named ")[2] if " named " in first else str(facts.get("name"))
        name = named.strip('"')
        message = f"There is no column {name}.{closest(name, columns())}"
    elif "Candidate functions" in message:
        message = first
    elif kind == "Permission Error":
        message = "Files, settings and the network cannot be reached from here: only tables can."
    return QueryError(f"{message.strip()[:_LONGEST]}{_shown(text, facts)}")


def _place(text: str, facts: dict[str, Any]) -> tuple[int, int] | None:
    """Where the trouble is: first and last character; DuckDB counts bytes."""
    try:
        start, length = json.loads(facts.get("location") or "null") or (int(facts["position"]), 1)
    except (ValueError, KeyError, TypeError):
        return None
    content = text.encode()
    if not 0 <= start <= len(content):
        return None
    begin = len(content[:start].decode(errors="ignore"))
    return begin, begin + len(content[start : start + length].decode(errors="ignore"))


def _name_at(text: str, facts: dict[str, Any]) -> str:
    place = _place(text, facts)
    name = text[slice(*place)].replace('"', "") if place else ""
    return name.removeprefix("from ").strip()


def _shown(text: str, facts: dict[str, Any]) -> str:
    """The line of the statement with a caret below the trouble."""
    place = _place(text, facts)
    if place is None or not text.strip():
        return ""
    start = text.rfind("\n", 0, place[0]) + 1
    line = text[start:].partition("\n")[0]
    number = f"{text.count(chr(10), 0, start) + 1}"
    left = max(0, place[0] - start - 60)
    caret = " " * (len(number) + 3 + place[0] - start - left)
    return f"\n  {number} | {line[left : left + 100]}\n  {caret}^"
