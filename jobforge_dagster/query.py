"""SQL and tables for Python: a notebook's way to what ``jobforge query`` tells.

    from jobforge_dagster.query import sql, table

    sql("SELECT teer, count(*) AS occupations FROM gold.dim_noc GROUP BY ALL ORDER BY ALL")
    sql("FROM gold.dim_noc WHERE noc_code = $code", {"code": "21231"})
    table("gold.dim_noc").filter(pl.col("teer") == 1).collect()

Every call reads the files as they stand, and leaves no connection and no lock behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from jobforge_dagster.medallion.storage.root import DataRoot

__all__ = ["batches", "sql", "table"]


def sql(
    statement: str,
    parameters: Mapping[str, Any] | None = None,
    root: DataRoot | Path | str | None = None,
    *,
    timeout: float | None = None,
) -> pl.DataFrame:
    """The answer to a statement.

    Args:
        statement: one that reads, over the schemas ``gold``, ``silver``, ``bronze``, ``staged``,
            ``mart``, ``catalog`` and ``quarantine``.
        parameters: values of its ``$name``.
        root: the data root; without it, that of the environment (``JOBFORGE_DATA_ROOT``).
        timeout: seconds that it may take; without it, for ever.

    Returns:
        Its rows; columns that share a name are told apart by a number (``code``, ``code_1``).

    Raises:
        QueryError: it is not allowed, or wrong; tells why and where.
    """
    import pyarrow as pa

    from jobforge_dagster.asking.sql.answer import asking

    with asking(statement, parameters, _root(root), timeout) as asked:
        if asked.statement.explains:
            names, rows = asked.rows()
            told = [row for batch in rows for row in batch]
            return pl.DataFrame(told, schema=names, orient="row")
        schema, found = asked.arrow()
        return pl.DataFrame(pa.Table.from_batches(found, schema=schema))


def batches(
    statement: str,
    parameters: Mapping[str, Any] | None = None,
    root: DataRoot | Path | str | None = None,
) -> Iterator[pl.DataFrame]:
    """The answer to a statement, part by part, for those that do not fit into memory.

    Args:
        statement: as of :func:`sql`; so are the others.
        parameters: values of its ``$name``.
        root: the data root.

    Yields:
        Some 100,000 rows at a time; nothing if there is no row.

    Raises:
        QueryError: it is not allowed, or wrong; tells why and where.
    """
    import pyarrow as pa

    from jobforge_dagster.asking.sql.answer import asking

    with asking(statement, parameters, _root(root)) as asked:
        _, found = asked.arrow()
        for batch in found:
            yield pl.DataFrame(pa.Table.from_batches([batch]))


def table(name: str, root: DataRoot | Path | str | None = None) -> pl.LazyFrame:
    """A table, lazily: nothing but its footer is read before it is collected.

    Args:
        name: ``gold.dim_noc``, ``gold/dim_noc``, or ``dim_noc`` where no other table is called so.
        root: the data root.

    Returns:
        Its rows; of a staged one, those of all committed deliveries in the order of arrival.

    Raises:
        UnknownNameError: there is none; tells the closest.
        QueryError: it is a link that leads outside of the data root.
    """
    from jobforge_dagster.asking.names import keys, table_named
    from jobforge_dagster.asking.sql.relations import files_of

    home = _root(root)
    files = files_of(home, table_named(name, keys(home)))
    return pl.concat(
        [pl.scan_parquet(file, glob=False, hive_partitioning=False) for file in files],
        how="diagonal_relaxed",
    )


def _root(root: DataRoot | Path | str | None) -> DataRoot:
    if root is None:
        return DataRoot.from_environment()
    return root if isinstance(root, DataRoot) else DataRoot(Path(root))
