"""What can be asked in SQL: names, and how DuckDB gets at each.

Nothing is made before a statement names it: a hundred tables of which one is read cost one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from jobforge_dagster.asking.names import keys, sql_name
from jobforge_dagster.asking.sql import catalog
from jobforge_dagster.asking.sql.errors import QueryError, message_of
from jobforge_dagster.asking.sql.statement import SCHEMAS, Statement
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.storage import warehouse
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.medallion.storage.sql_text import escaped, literal, pattern, quoted
from jobforge_dagster.medallion.storage.warehouse_errors import in_words

if TYPE_CHECKING:
    import duckdb

Staged = Callable[[], dict[str, list[str]]]

_QUARANTINE = ("quarantine.records", "quarantine.resolved")


@dataclass
class Made:
    """What was made: the files behind it, the marts, and what could not be, with the reason."""

    files: list[Path] = field(default_factory=list)
    marts: list[str] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)


def tables(root: DataRoot) -> dict[str, str]:
    """The tables of the layers: name in SQL to key."""
    found: dict[str, str] = {}
    for key in keys(root):
        found.setdefault(sql_name(key), key)
    return found


def named(root: DataRoot, made: Made) -> list[str]:
    """All names; those of ``mart`` only where the statement may mean one."""
    known = [f"catalog.{name}" for name in catalog.RELATIONS]
    return [*tables(root), *known, *_QUARANTINE, *(f"mart.{name}" for name in made.marts)]


def files_of(root: DataRoot, key: str, staged: Staged | None = None) -> list[Path]:
    """The files that make a table, oldest first.

    Args:
        root: the data root.
        key: of the table.
        staged: tells the files of all committed deliveries, where that was found out already.

    Raises:
        QueryError: there is none, or one is a link that leads outside of the data root.
    """
    files = [root.table(key)]
    if key.startswith("staged/"):
        found = (staged or partial(_staged_files, root))().get(key.partition("/")[2], ())
        files = [root.path / file for file in found]
    if not files:
        raise QueryError(f"No delivery of {sql_name(key)} is committed yet.")
    if not _within(root, files):
        raise QueryError(_link(sql_name(key)))
    return files


def _link(name: str) -> str:
    return f"{name} is a link that leads outside of the data root."


def _within(root: DataRoot, files: Iterable[Path]) -> bool:
    home = root.path.resolve()
    return all(file.resolve().is_relative_to(home) for file in files)


def make(con: duckdb.DuckDBPyConnection, root: DataRoot, statement: Statement) -> Made:
    """Make what a statement may name; what cannot be made costs no other table.

    Args:
        con: still open to files.
        root: the data root.
        statement: a table that it does not name is made only if it asks which tables there are.
    """
    made, staged = Made(), cache(partial(_staged_files, root))
    for schema in SCHEMAS:
        con.execute(f"CREATE SCHEMA {schema}")
    con.execute("SET search_path = $path", {"path": ",".join(SCHEMAS)})
    for name, key in tables(root).items():
        if statement.lists or statement.names(*name.split(".", 1)):
            try:
                files = files_of(root, key, staged)
            except QueryError as error:
                made.unreadable[name] = str(error)
                continue
            _view(con, name, files, made)
    for name in catalog.RELATIONS:
        if statement.names("catalog", name):
            try:
                catalog.make(con, root, name)
            except JobForgeError as error:
                made.unreadable[f"catalog.{name}"] = str(error)
        elif statement.lists:
            catalog.make_empty(con, name)
    if statement.lists or any(statement.names(*name.split(".")) for name in _QUARANTINE):
        _quarantine(con, root, made)
    if statement.lists or _may_mean_mart(statement, named(root, made)):
        _mart(con, root, made)
    return made


def _may_mean_mart(statement: Statement, others: Iterable[str]) -> bool:
    known = {name.partition(".")[2].lower() for name in others}
    return any(
        schema == "mart" or (not schema and table not in known)
        for schema, table in statement.tables
    )


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


def _view(con: duckdb.DuckDBPyConnection, name: str, files: Iterable[Path], made: Made) -> None:
    """Make a view over files, if they can be read."""
    import duckdb

    real = [file.resolve() for file in files]
    schema, _, table = name.partition(".")
    paths = ", ".join(map(pattern, real))
    try:
        con.execute(
            f"CREATE VIEW {schema}.{quoted(table)} AS FROM "
            f"read_parquet([{paths}], hive_partitioning = false, union_by_name = true)"
        )
    except duckdb.Error as error:
        made.unreadable[name] = message_of(error).partition("\n")[0]
        return
    made.files.extend(real)


def _quarantine(con: duckdb.DuckDBPyConnection, root: DataRoot, made: Made) -> None:
    """Make what is refused as the tables stand, and what was resolved."""
    from jobforge_dagster.medallion.quality.record import RECORD
    from jobforge_dagster.medallion.storage.quarantine import open_files, resolved_files

    for name, files in zip(_QUARANTINE, (open_files(root), resolved_files(root)), strict=True):
        if not _within(root, files):
            made.unreadable[name] = _link(name)
        elif files:
            _view(con, name, files, made)
        else:
            import polars as pl

            nothing = pl.DataFrame(schema=RECORD).to_arrow()
            con.register("nothing", nothing)
            con.execute(f"CREATE TABLE {name} AS FROM nothing")
            con.unregister("nothing")


def _mart(con: duckdb.DuckDBPyConnection, root: DataRoot, made: Made) -> None:
    """Make what the warehouse answers."""
    import duckdb

    file = warehouse.file_of(root)
    if not file.is_file():
        return
    if not _within(root, [file]):
        made.unreadable["mart"] = _link(file.name)
        return
    try:
        con.execute(f"ATTACH {literal(str(file.resolve()))} AS warehouse (READ_ONLY)")
    except duckdb.Error as error:
        plainly = type(error)(message_of(error))
        made.unreadable["mart"] = str(in_words(file.resolve(), plainly))
        return
    made.marts = warehouse.marts_in(con)
    for name in map(quoted, made.marts):
        con.execute(f"CREATE VIEW mart.{name} AS FROM warehouse.mart.{name}")


def allowed(made: Made) -> list[str]:
    """The paths that DuckDB may open: as they are, and as they stand in the views."""
    paths = {str(file) for file in made.files}
    return sorted(paths | {escaped(path) for path in paths})
