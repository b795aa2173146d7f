"""What can be asked in SQL: names, and how DuckDB gets at each.

Nothing is made before a statement names it: a hundred tables of which one is read cost one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from jobforge_dagster.asking.names import keys, sql_name
from jobforge_dagster.asking.sql import catalog
from jobforge_dagster.asking.sql.errors import QueryError
from jobforge_dagster.medallion.storage.root import DataRoot

if TYPE_CHECKING:
    import duckdb

SCHEMAS = ("gold", "silver", "bronze", "staged", "mart", "catalog", "quarantine")
"""In the order in which a name without a schema is looked for."""

_LISTS = ("show", "information_schema", "duckdb_", "pg_", "sqlite_", "pragma_")
"""What stands in a statement that asks for names; then everything is made."""

_QUARANTINE = ("quarantine.records", "quarantine.resolved")


@dataclass
class Made:
    """What was made: the files behind it, and what could not be, with the reason."""

    files: list[Path] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)


def tables(root: DataRoot) -> dict[str, str]:
    """The tables of the layers: name in SQL to key."""
    found: dict[str, str] = {}
    for key in keys(root):
        found.setdefault(sql_name(key), key)
    return found


def named(root: DataRoot) -> list[str]:
    """All names that are known without opening a file; those of ``mart`` are not."""
    return [*tables(root), *(f"catalog.{name}" for name in catalog.RELATIONS), *_QUARANTINE]


def files_of(root: DataRoot, key: str) -> list[Path]:
    """The files that make a table, oldest first.

    Raises:
        QueryError: there is none, or one is a link that leads outside of the data root.
    """
    files = [root.table(key)]
    if key.startswith("staged/"):
        found = _staged_files(root).get(key.partition("/")[2], ())
        files = [root.path / file for file in found]
    if not files:
        raise QueryError(f"No delivery of {sql_name(key)} is committed yet.")
    if not _within(root, files):
        raise QueryError(f"{sql_name(key)} is a link that leads outside of the data root.")
    return files


def _within(root: DataRoot, files: Iterable[Path]) -> bool:
    home = root.path.resolve()
    return all(file.resolve().is_relative_to(home) for file in files)


def make(con: duckdb.DuckDBPyConnection, root: DataRoot, text: str) -> Made:
    """Make what a statement may name.

    Args:
        con: still open to files.
        root: the data root.
        text: the statement; a table whose name does not occur in it is not made.
    """
    made = Made()
    wanted = text.lower()
    everything = any(word in wanted for word in _LISTS)
    for schema in SCHEMAS:
        con.execute(f"CREATE SCHEMA {schema}")
    con.execute("SET search_path = $path", {"path": ",".join(SCHEMAS)})
    deliveries: dict[str, list[str]] | None = None
    for name, key in tables(root).items():
        if not everything and name.partition(".")[2].lower() not in wanted:
            continue
        if key.startswith("staged/"):
            deliveries = _staged_files(root) if deliveries is None else deliveries
            files = [root.path / file for file in deliveries.get(key.partition("/")[2], ())]
            if not files:
                continue
        else:
            files = [root.table(key)]
        _view(con, root, name, files, made)
    for name in catalog.RELATIONS:
        if everything or name in wanted:
            catalog.make(con, root, name)
    if everything or "quarantine" in wanted or "resolved" in wanted or "records" in wanted:
        _quarantine(con, root, made)
    if everything or "mart" in wanted or "warehouse" in wanted:
        _mart(con, root, made)
    return made


def _staged_files(root: DataRoot) -> dict[str, list[str]]:
    """The files of all committed deliveries by source, in the order of their arrival."""
    found = []
    for path in root.manifests.glob("*.json"):
        try:
            manifest = json.loads(path.read_bytes())
            found.append((manifest["received_at"], manifest["source"], manifest["staged_file"]))
        except (ValueError, KeyError, TypeError):
            raise QueryError(
                f"{root.relative(path)} is damaged. Restore it: a batch without its manifest "
                f"cannot be trusted."
            ) from None
    files: dict[str, list[str]] = {}
    for _, source, file in sorted(found):
        files.setdefault(source, []).append(file)
    return files


def _view(
    con: duckdb.DuckDBPyConnection, root: DataRoot, name: str, files: Iterable[Path], made: Made
) -> None:
    """Make a view over files, if they are below the data root and can be read."""
    import duckdb

    real = [file.resolve() for file in files]
    schema, _, table = name.partition(".")
    if not _within(root, real):
        made.unreadable[name] = "it is a link that leads outside of the data root."
        return
    paths = ", ".join(map(_pattern, real))
    try:
        con.execute(
            f"CREATE VIEW {schema}.{_quoted(table)} AS FROM "
            f"read_parquet([{paths}], hive_partitioning = false, union_by_name = true)"
        )
    except duckdb.Error as error:
        made.unreadable[name] = _reason(error)
        return
    made.files.extend(real)


def _quarantine(con: duckdb.DuckDBPyConnection, root: DataRoot, made: Made) -> None:
    """Make what is refused as the tables stand, and what was resolved."""
    from jobforge_dagster.medallion.quality.record import RECORD
    from jobforge_dagster.medallion.storage.quarantine import open_files, resolved_files

    for name, files in zip(_QUARANTINE, (open_files(root), resolved_files(root)), strict=True):
        if files:
            _view(con, root, name, files, made)
        else:
            import polars as pl

            nothing = pl.DataFrame(schema=RECORD).to_arrow()
            con.register("nothing", nothing)
            con.execute(f"CREATE TABLE {name} AS FROM nothing")
            con.unregister("nothing")


def _mart(con: duckdb.DuckDBPyConnection, root: DataRoot, made: Made) -> None:
    """Make what the warehouse answers."""
    import duckdb

    file = root.path / "warehouse.duckdb"
    if not file.is_file():
        return
    if not _within(root, [file]):
        made.unreadable["mart"] = "its file is a link that leads outside of the data root."
        return
    try:
        con.execute(f"ATTACH {_literal(str(file.resolve()))} AS warehouse (READ_ONLY)")
    except duckdb.Error as error:
        locked = "lock" in str(error).lower()
        made.unreadable["mart"] = (
            "another process holds data/warehouse.duckdb. Try again when it is done."
            if locked
            else _reason(error)
        )
        return
    for (name,) in con.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'warehouse' "
        "AND schema_name = 'mart' UNION SELECT view_name FROM duckdb_views() "
        "WHERE database_name = 'warehouse' AND schema_name = 'mart' AND NOT internal"
    ).fetchall():
        con.execute(f"CREATE VIEW mart.{_quoted(name)} AS FROM warehouse.mart.{_quoted(name)}")


def allowed(made: Made) -> list[str]:
    """The paths that DuckDB may open: as they are, and as they stand in the views."""
    paths = {str(file) for file in made.files}
    return sorted(paths | {_escaped(path) for path in paths})


def _pattern(path: Path) -> str:
    return _literal(_escaped(str(path)))


def _escaped(path: str) -> str:
    """A path that stands for itself alone where DuckDB takes patterns."""
    return "".join(f"[{each}]" if each in "*?[" else each for each in path)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _reason(error: Exception) -> str:
    told = str(error).partition(": ")[2]
    try:
        return str(json.loads(told)["exception_message"]).partition("\n")[0]
    except (ValueError, KeyError, TypeError):
        return told.partition("\n")[0]
