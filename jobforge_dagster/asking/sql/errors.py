"""What DuckDB says of a statement, in words and with the place in it."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobforge_dagster.asking.names import closest
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.medallion.storage.sql_text import escaped

if TYPE_CHECKING:
    import duckdb

_LONGEST = 400


class QueryError(JobForgeError):
    """A statement cannot be asked, or has no answer."""


def message_of(error: duckdb.Error) -> str:
    """What DuckDB says, without the details."""
    kind, _, told = str(error).partition(": ")
    try:
        return str(json.loads(told)["exception_message"])
    except (ValueError, KeyError, TypeError):
        return told or kind


def in_words(
    error: duckdb.Error,
    text: str,
    root: DataRoot,
    tables: Callable[[], Iterable[str]],
    columns: Callable[[], Iterable[str]],
    unreadable: dict[str, str],
) -> QueryError:
    """An error of DuckDB for people, which tells of no place on the machine.

    Args:
        error: as it came, its details as JSON.
        text: the statement.
        root: the data root.
        tables: names of all tables, in SQL.
        columns: names of the columns of those that the statement names.
        unreadable: tables that are there and cannot be read, with the reason.
    """
    kind, _, told = str(error).partition(": ")
    try:
        facts = json.loads(told)
        message = _without_places(str(facts["exception_message"]), root)
    except (ValueError, KeyError, TypeError):
        return QueryError(_without_places(told or kind, root))
    if kind == "INTERRUPT Error":
        return QueryError("The statement was interrupted.")
    first = message.partition("\n")[0]
    if facts.get("type") == "Table" or "because schema" in first:
        name = _name_at(text, facts) or str(facts.get("name", ""))
        if reason := _unreadable(name, unreadable):
            return QueryError(_without_places(reason, root))
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


def _unreadable(name: str, unreadable: dict[str, str]) -> str | None:
    """Why a name means nothing, if what it may mean is there and cannot be read."""
    schema, _, table = name.lower().rpartition(".")
    schema = schema.rpartition(".")[2]
    for known, reason in unreadable.items():
        if name.lower() == known.lower() or (not schema and known.lower().endswith(f".{table}")):
            return f"{known} cannot be read: {reason}"
    if "mart" in unreadable and schema in ("", "mart"):
        found = "" if schema else f"There is no table {name}, unless it is a mart. "
        return f"{found}The marts cannot be read: {unreadable['mart']}"
    return None


def _without_places(message: str, root: DataRoot) -> str:
    """A message, in which files are told from the data root on, and no other place of this machine.

    What a person wrote is theirs: the line of the statement that is shown stays as it is.
    """
    home = root.path.resolve()
    for place in (home, root.path.absolute()):
        for path in (escaped(place.as_posix()), place.as_posix()):
            message = message.replace(f"{path}/", "").replace(path, "the data root")
    for place in (Path(tempfile.gettempdir()), Path.cwd(), Path.home()):
        message = message.replace(f"{place.as_posix()}/", "…/")
    return message


def plan_without_places(plan: str, root: DataRoot) -> str:
    """A plan, in which files are told from the data root on; the boxes around them stay whole."""
    place = f"{root.path.resolve().as_posix()}/"
    for prefix in (place, escaped(place)):
        told = re.compile(re.escape(prefix) + r"([^\n\"│]*?)(?= |\"|\n|$)")
        plan = told.sub(lambda found: found[1] + " " * (len(found[0]) - len(found[1])), plan)
    return plan


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
    line = line.replace("\t", " ")
    caret = " " * (len(number) + 3 + place[0] - start - left)
    return f"\n  {number} | {line[left : left + 100]}\n  {caret}^"
