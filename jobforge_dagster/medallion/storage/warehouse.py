"""The warehouse: one DuckDB file for BI tools, with views over gold and the marts as tables.

All of it can be made again from gold. It is never changed in place: a copy is changed, in one
transaction, and takes the place of the file. So whoever reads it is never in the way, and never
sees half a change; and what fails leaves the file as it was.

A view names its Parquet file by an absolute path: DuckDB looks for a relative one below the working
folder of whoever asks, and lets a view compute none. So a data root that was moved has its views
made again, whenever a mart is made or the warehouse is refreshed.
"""

from __future__ import annotations

import glob
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobforge_dagster.medallion.errors import JobForgeError, MissingTableError
from jobforge_dagster.medallion.hashing import digest
from jobforge_dagster.medallion.storage.atomic import alone, replacing, sweep
from jobforge_dagster.medallion.storage.publish import input_of
from jobforge_dagster.medallion.storage.root import DataRoot

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

    from jobforge_dagster.medallion.marts import Mart

MAKE = "dagster asset materialize --select 'key:\"mart/*\"'"
"""The command that makes the marts."""

_HELD = re.compile(r"lock is held in (\S+) \(PID (\d+)\)")


class WarehouseError(JobForgeError):
    """The warehouse cannot be read or made; what was there stays."""


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
    with reading(root) as connection:
        made = "SELECT fingerprint FROM jobforge.made WHERE mart = ?"
        if connection.execute(made, [mart.name]).fetchall() != [(fingerprint,)]:
            return None
        return facts_of(connection, mart.name) if _views_are_right(connection, root) else None


def facts_of(connection: DuckDBPyConnection, mart: str) -> Standing:
    """What there is to tell of a mart."""
    [(rows,)] = connection.execute(f'SELECT count(*) FROM mart."{mart}"').fetchall()
    columns = connection.execute(f'DESCRIBE mart."{mart}"').fetchall()
    return Standing(rows, {name: kind for name, kind, *_ in columns})


@contextmanager
def reading(root: DataRoot) -> Iterator[DuckDBPyConnection]:
    """Open the warehouse to read from it; it cannot be written to.

    Raises:
        WarehouseError: it is not there, or cannot be read.
    """
    import duckdb

    path = file_of(root)
    if not path.exists():
        raise WarehouseError(f"There is no {path.name} yet. Make it: {MAKE}")
    try:
        with duckdb.connect(path, read_only=True) as connection:
            yield connection
    except duckdb.Error as error:
        raise in_words(path, error) from None


@contextmanager
def changing(root: DataRoot, marts: Iterable[str]) -> Iterator[DuckDBPyConnection]:
    """Change the warehouse: all at once when the block ends well, else not at all.

    The views over gold are made again, and tables of marts that are declared no more go.

    Args:
        root: the data root.
        marts: the names of those that are declared.

    Raises:
        WarehouseError: the file cannot be read, or another program has it open to write.
    """
    import duckdb

    path = file_of(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    with alone(root.cache / "warehouse.lock"):
        sweep(path.parent, f".{path.name}.*")
        with replacing(path) as temporary:
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
                raise in_words(path, error) from None
            finally:
                temporary.with_name(f"{temporary.name}.wal").unlink(missing_ok=True)
            path.with_name(f"{path.name}.wal").unlink(missing_ok=True)  # of the file that goes


def note(connection: DuckDBPyConnection, mart: Mart, fingerprint: str) -> None:
    """Note what a mart was made of, and tell readers what it and its columns mean."""
    connection.execute("DELETE FROM jobforge.made WHERE mart = ?", [mart.name])
    connection.execute("INSERT INTO jobforge.made VALUES (?, ?)", [mart.name, fingerprint])
    place = f'mart."{mart.name}"'
    connection.execute(f"COMMENT ON TABLE {place} IS {_text(mart.description)}")
    for name, meaning in mart.columns.items():
        connection.execute(f'COMMENT ON COLUMN {place}."{name}" IS {_text(meaning)}')


def make_views(connection: DuckDBPyConnection, files: Mapping[str, Path]) -> None:
    """Make the schema ``gold``: a view over each file, by name, and none else."""
    connection.execute("DROP SCHEMA IF EXISTS gold CASCADE")
    connection.execute("CREATE SCHEMA gold")
    for name, file in files.items():
        read = f"read_parquet({_text(_pattern(file))}, hive_partitioning = false)"
        connection.execute(f'CREATE VIEW gold."{name}" AS SELECT * FROM {read}')


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
        return sorted(_gold(root)), marts_in(connection)


def marts_in(connection: DuckDBPyConnection) -> list[str]:
    """The names of the marts that stand, sorted."""
    query = "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'mart' ORDER BY ALL"
    rows: list[tuple[Any, ...]] = connection.execute(query).fetchall()
    return [name for (name,) in rows]


def in_words(path: Path, error: Exception) -> WarehouseError:
    """Why the warehouse cannot be used, and what to do."""
    held = _HELD.search(str(error))
    if held:
        program = held[1].rpartition("/")[2]
        return WarehouseError(
            f"{path.name} is open to write in another program: {program}, process {held[2]}. End "
            f"it, or connect it read-only, and try again."
        )
    words = str(error).partition("\n")[0].replace(f"{path.parent.as_posix()}/", "").rstrip(".!")
    return WarehouseError(
        f"{path.name} cannot be used: {words}. If it is damaged, delete it: all of it is made "
        f"again by: {MAKE}"
    )


def _prepare(connection: DuckDBPyConnection, root: DataRoot, marts: set[str]) -> None:
    for schema in ("jobforge", "mart"):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS jobforge.made (mart VARCHAR PRIMARY KEY, fingerprint VARCHAR)"
    )
    for gone in {*marts_in(connection)} - marts:
        connection.execute(f'DROP TABLE mart."{gone}"')
        connection.execute("DELETE FROM jobforge.made WHERE mart = ?", [gone])
    make_views(connection, _gold(root))


def _views_are_right(connection: DuckDBPyConnection, root: DataRoot) -> bool:
    """Whether there is a view over each gold table that stands, and each can be read."""
    import duckdb

    views = "SELECT view_name, sql FROM duckdb_views() WHERE schema_name = 'gold'"
    found: dict[str, str] = dict(connection.execute(views).fetchall())
    wanted = _gold(root)
    if {*found} != {*wanted}:
        return False
    if not all(_text(_pattern(wanted[name])) in sql for name, sql in found.items()):
        return False
    try:
        for name in found:
            connection.execute(f'SELECT * FROM gold."{name}" LIMIT 0').fetchall()
    except duckdb.Error:
        return False  # the table has other columns than when the view was made
    return True


def _gold(root: DataRoot) -> dict[str, Path]:
    """The gold tables that stand, by name."""
    folder = root.path / "gold"
    return {path.stem: path for path in sorted(folder.glob("[!.]*.parquet"))}


def _pattern(file: Path) -> str:
    """The absolute path of a file, as a pattern that matches this file alone."""
    return glob.escape(file.resolve().as_posix())


def _text(value: str) -> str:
    """A text in SQL."""
    return "'" + value.replace("'", "''") + "'"
