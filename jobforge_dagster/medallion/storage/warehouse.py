"""The warehouse: one DuckDB file for BI tools, with views over gold and the marts as tables.

All of it can be made again from gold. It is never changed in place: a copy is changed, in one
transaction, and takes the place of the file. So whoever reads it is never in the way, and never
sees half a change; and what fails leaves the file as it was.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobforge_dagster.medallion.errors import MissingTableError
from jobforge_dagster.medallion.hashing import digest
from jobforge_dagster.medallion.storage.atomic import alone, replacing, sweep
from jobforge_dagster.medallion.storage.gold_views import (
    gold_files,
    make_views,
    views_are_right,
    views_in,
)
from jobforge_dagster.medallion.storage.remembered import remembered
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.medallion.storage.sql_text import literal, quoted
from jobforge_dagster.medallion.storage.warehouse_errors import (
    MAKE,
    WarehouseError,
    in_words,
    wal_of,
)

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

    from jobforge_dagster.medallion.marts import Mart

VIEWS = "warehouse/gold_views"
"""The key of the asset that keeps the views right."""

_VERSION = "1"
"""Of what is kept of the contents of a warehouse."""


@dataclass(frozen=True)
class Standing:
    """A mart as it stands: its rows, and the type of each of its columns."""

    rows: int
    columns: Mapping[str, str]


def file_of(root: DataRoot) -> Path:
    """Where the warehouse lies."""
    return root.path / "warehouse.duckdb"


def fingerprint_of(root: DataRoot, mart: Mart) -> str:
    """What tells a mart from any other content: its SQL and the bytes of the tables that it reads.

    Raises:
        MissingTableError: one of them is not there.
    """
    from jobforge_dagster.medallion.storage.publish import input_of  # loads Polars

    parts = [mart.version]
    for table in mart.reads:
        found = input_of(root, table.key) if root.table(table.key).exists() else None
        if found is None:
            raise MissingTableError(
                f"{table.key} is not there yet, and {mart.key} reads it. Make both, with what they "
                f"need, by: dagster asset materialize --select '+key:\"{mart.key}\"'"
            )
        parts.append(f"{table.key} {found.read.sha256}")
    return digest(parts)


def computed(root: DataRoot, mart: Mart) -> pl.DataFrame:
    """What the SQL of a mart gives.

    Raises:
        WarehouseError: it cannot be run, or gives other columns than are declared.
    """
    import duckdb

    with duckdb.connect(config={"custom_user_agent": "jobforge"}) as connection:
        connection.execute("SET enable_progress_bar = false")  # it would stand among log lines
        make_views(connection, {each.name: root.table(each.key) for each in mart.reads})
        try:
            frame: pl.DataFrame = connection.sql(mart.sql).pl()
        except duckdb.Error as error:
            raise WarehouseError(f"The SQL of {mart.key} cannot be run: {error}") from None
    if frame.columns != [*mart.columns]:
        raise WarehouseError(
            f"The SQL of {mart.key} gives the columns {', '.join(frame.columns)}, but these are "
            f"declared: {', '.join(mart.columns)}. Change the one or the other."
        )
    return frame


def standing(root: DataRoot, mart: Mart, fingerprint: str) -> Standing | None:
    """A mart, if it stands with this fingerprint and the views over gold are right.

    Raises:
        WarehouseError: the warehouse cannot be read.
    """
    if not file_of(root).exists():
        return None
    told = _contents(root)
    if told["made"].get(mart.name) != fingerprint or mart.name not in told["marts"]:
        return None
    right = views_are_right(told["views"], gold_files(root))
    return Standing(**told["marts"][mart.name]) if right else None


def standing_views(root: DataRoot) -> list[str] | None:
    """The names of the views over gold, if all of them are right.

    Raises:
        WarehouseError: the warehouse cannot be read.
    """
    if not file_of(root).exists():
        return None
    files = gold_files(root)
    return sorted(files) if views_are_right(_contents(root)["views"], files) else None


def _contents(root: DataRoot) -> dict[str, Any]:
    """What stands in the warehouse; it is opened only if that may have changed.

    Raises:
        WarehouseError: the warehouse cannot be read.
    """

    def read() -> dict[str, Any]:
        with reading(root) as connection:
            made = connection.execute("SELECT mart, fingerprint FROM jobforge.made").fetchall()
            return {
                "made": dict(made),
                "marts": {name: vars(facts_of(connection, name)) for name in marts_in(connection)},
                "views": views_in(connection),
            }

    path = file_of(root)
    if wal_of(path).exists():
        return read()
    told: dict[str, Any] = remembered(root, path.stem, path, read, by=_VERSION)
    return told


def facts_of(connection: DuckDBPyConnection, mart: str) -> Standing:
    """What there is to tell of a mart."""
    [(rows,)] = connection.execute(f"SELECT count(*) FROM mart.{quoted(mart)}").fetchall()
    columns = connection.execute(f"DESCRIBE mart.{quoted(mart)}").fetchall()
    return Standing(rows, {name: kind for name, kind, *_ in columns})


@contextmanager
def reading(root: DataRoot) -> Iterator[DuckDBPyConnection]:
    """Open the warehouse to read from it; it cannot be written to.

    It is attached to a database in memory, because DuckDB would hand out the instance that this
    process may have of the same path, and with it the file as it was when that was opened.

    Raises:
        WarehouseError: it is not there, cannot be read, or cannot answer what is asked of it.
    """
    import duckdb

    path = file_of(root)
    if not path.exists():
        raise WarehouseError(f"There is no {path.name} yet. Make it: {MAKE}")
    with duckdb.connect() as connection:
        try:
            connection.execute(f"ATTACH {literal(path.as_posix())} AS warehouse (READ_ONLY)")
            connection.execute("USE warehouse")
        except duckdb.Error as error:
            raise in_words(path, error) from None
        try:
            yield connection
        except duckdb.Error as error:
            raise in_words(path, error, "does not answer") from None


@contextmanager
def changing(root: DataRoot, marts: Iterable[str]) -> Iterator[DuckDBPyConnection]:
    """Change the warehouse: all at once when the block ends well, else not at all.

    The views over gold are made again, and tables of marts that are declared no more go.

    Args:
        root: the data root.
        marts: the names of those that are declared.

    Raises:
        WarehouseError: the file cannot be read, or another program writes to it.
    """
    import duckdb

    path = file_of(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    with alone(root.cache / "warehouse.lock"):
        sweep(path.parent, f".{path.name}.*")
        _settle(path)
        with replacing(path) as temporary:
            before = _state(path)
            if path.exists():
                with reading(root):  # nobody writes meanwhile
                    shutil.copyfile(path, temporary)
            try:
                with duckdb.connect(temporary) as connection:
                    connection.begin()
                    _prepare(connection, root, {*marts})
                    yield connection
                    connection.commit()
            except duckdb.Error as error:
                raise in_words(path, error, "cannot be changed, and stays as it was") from None
            finally:
                temporary.with_name(f"{temporary.name}.wal").unlink(missing_ok=True)
            if _state(path) != before:
                raise WarehouseError(
                    f"Another program wrote to {path.name} meanwhile; that stays, and nothing else "
                    f"was changed. Try again."
                )


def _settle(path: Path) -> None:
    """Let DuckDB take into the file what a program that did not end well left beside it.

    Raises:
        WarehouseError: it cannot, or another program has the file open.
    """
    import duckdb

    left = wal_of(path)
    if not left.exists():
        return
    if not path.exists():  # the file that it belongs to was deleted
        left.unlink()
        return
    try:
        with duckdb.connect(path) as connection:
            connection.execute("CHECKPOINT")
    except duckdb.Error as error:
        raise in_words(path, error) from None


def _state(path: Path) -> tuple[int, int, int, bool] | None:
    """What is another once a program has written to a file, or beside it."""
    if not path.exists():
        return None
    told = path.stat()
    return told.st_ino, told.st_size, told.st_mtime_ns, wal_of(path).exists()


def note(connection: DuckDBPyConnection, mart: Mart, fingerprint: str) -> None:
    """Note what a mart was made of, and tell readers what it and its columns mean."""
    connection.execute("DELETE FROM jobforge.made WHERE mart = ?", [mart.name])
    connection.execute("INSERT INTO jobforge.made VALUES (?, ?)", [mart.name, fingerprint])
    place = f"mart.{quoted(mart.name)}"
    connection.execute(f"COMMENT ON TABLE {place} IS {literal(mart.description)}")
    for name, meaning in mart.columns.items():
        connection.execute(f"COMMENT ON COLUMN {place}.{quoted(name)} IS {literal(meaning)}")


def refresh(root: DataRoot, marts: Iterable[str]) -> tuple[list[str], list[str]]:
    """Make the views over gold again, and drop the tables of marts that are declared no more.

    Args:
        root: the data root.
        marts: the names of those that are declared.

    Returns:
        The names of the views, and those of the marts that stand.

    Raises:
        WarehouseError: the warehouse cannot be read or changed.
    """
    with changing(root, marts) as connection:
        return sorted(gold_files(root)), marts_in(connection)


def marts_in(connection: DuckDBPyConnection) -> list[str]:
    """The names of the marts that stand, sorted."""
    query = "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'mart' ORDER BY ALL"
    rows: list[tuple[Any, ...]] = connection.execute(query).fetchall()
    return [name for (name,) in rows]


def _prepare(connection: DuckDBPyConnection, root: DataRoot, marts: set[str]) -> None:
    for schema in ("jobforge", "mart"):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS jobforge.made (mart VARCHAR PRIMARY KEY, fingerprint VARCHAR)"
    )
    for gone in {*marts_in(connection)} - marts:
        connection.execute(f"DROP TABLE mart.{quoted(gone)}")
        connection.execute("DELETE FROM jobforge.made WHERE mart = ?", [gone])
    make_views(connection, gold_files(root))
