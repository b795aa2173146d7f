"""Which file it is that cannot be read: looked for once something went wrong, never before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from jobforge_dagster.asking.names import keys, sql_name
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.storage import parquet
from jobforge_dagster.medallion.storage.root import DataRoot


def in_words(root: DataRoot, error: Exception) -> JobForgeError:
    """What an error of Polars means to people: nearly always that a file is damaged.

    Args:
        root: the data root; all its tables are read, first their footers, then their rows.
        error: what Polars said.
    """
    files = list(_files(root))
    for whole in (False, True):
        for key, path in files:
            if not _readable(path, whole=whole):
                return _damaged(root, key, path)
    return JobForgeError(f"It could not be computed: {error}")


def _files(root: DataRoot) -> Iterator[tuple[str, Path]]:
    for key in keys(root):
        staged = (root.path / key).rglob("*.parquet") if key.startswith("staged/") else ()
        for path in [*staged] or [root.table(key)]:
            if path.exists():
                yield key, path


def _readable(path: Path, *, whole: bool) -> bool:
    try:
        frame = parquet.scan(path)
        frame.collect_schema()
        if whole:
            frame.select(pl.all().hash().max()).collect(engine="streaming")
    except (OSError, pl.exceptions.PolarsError):
        return False
    return True


def _damaged(root: DataRoot, key: str, path: Path) -> JobForgeError:
    mend = f"Make it again by: dagster asset materialize --select 'key:\"{key}\"'"
    if key.startswith("staged/"):
        mend = "Restore that file from a backup: what was delivered is kept nowhere else."
    return JobForgeError(
        f"{sql_name(key)} cannot be read: {root.relative(path)} is damaged. {mend}"
    )
