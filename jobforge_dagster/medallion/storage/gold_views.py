"""The views of the warehouse over gold: one for each gold table that stands, by its name.

A view names its Parquet file by an absolute path: DuckDB looks for a relative one below the working
folder of whoever asks, and lets a view compute none. So views are made again when the data root was
moved, as when there is another table. The columns that a file has by then are shown as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.medallion.storage.sql_text import pattern, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def gold_files(root: DataRoot) -> dict[str, Path]:
    """The gold tables that stand, by name.

    A file that was not published is none. DuckDB does not tell capital from small letters, so of
    two names that differ in nothing else the first counts.
    """
    from jobforge_dagster.medallion.storage import parquet  # loads Polars

    found: dict[str, Path] = {}
    for path in sorted((root.path / "gold").glob("[!.]*.parquet")):
        if parquet.story_of(path):
            found.setdefault(path.stem.lower(), path)
    return {path.stem: path for path in found.values()}


def make_views(connection: DuckDBPyConnection, files: Mapping[str, Path]) -> None:
    """Make the schema ``gold``: a view over each file, by name, and none else."""
    connection.execute("DROP SCHEMA IF EXISTS gold CASCADE")
    connection.execute("CREATE SCHEMA gold")
    for name, file in files.items():
        read = f"read_parquet({pattern(file.resolve())}, hive_partitioning = false)"
        connection.execute(f"CREATE VIEW gold.{quoted(name)} AS SELECT * FROM {read}")


def views_in(connection: DuckDBPyConnection) -> dict[str, str]:
    """The views over gold that there are: their SQL, by name."""
    views = "SELECT view_name, sql FROM duckdb_views() WHERE schema_name = 'gold'"
    return dict(connection.execute(views).fetchall())


def views_are_right(views: Mapping[str, str], files: Mapping[str, Path]) -> bool:
    """Whether some views are those over some files."""
    if {*views} != {*files}:
        return False
    return all(pattern(files[name].resolve()) in sql for name, sql in views.items())
