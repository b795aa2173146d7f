"""The IO manager of the marts: Dagster's own way of storing Polars in DuckDB, on the warehouse.

What is ours: the file is changed all at once or not at all, a table is replaced, an empty one is a
table too. DuckDB is imported only once a mart is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import dagster as dg
import polars as pl

from jobforge_dagster.medallion.marts import Mart
from jobforge_dagster.medallion.storage import warehouse
from jobforge_dagster.medallion.storage.root import DataRoot
from jobforge_dagster.medallion.storage.sql_text import quoted
from jobforge_dagster.orchestration.marts import facts, told


@dataclass(frozen=True)
class Made:
    """A mart that was made, and of what."""

    mart: Mart
    fingerprint: str
    frame: pl.DataFrame


class Warehouse(dg.IOManager):
    """Stores marts in the warehouse of a data root, and reads them from there.

    Args:
        root: the data root.
        marts: the names of the marts that are declared; tables of others go.
    """

    def __init__(self, root: DataRoot, marts: frozenset[str]) -> None:
        self.root = root
        self.marts = marts

    def handle_output(self, context: dg.OutputContext, obj: Made | None) -> None:
        """Replace a mart, and the views over gold; ``None`` stands for one that is unchanged."""
        if obj is None:
            return
        from dagster._core.storage.db_io_manager import TableSlice
        from dagster_duckdb_polars.duckdb_polars_type_handler import DuckDBPolarsTypeHandler

        mart = obj.mart
        name = f"mart.{quoted(mart.name)}"
        place = TableSlice(table=mart.name, schema="mart")
        with told(self.root), warehouse.changing(self.root, self.marts) as connection:
            connection.execute(f"DROP TABLE IF EXISTS {name}")
            if obj.frame.is_empty():  # Dagster makes no table of it
                empty = obj.frame.to_arrow()  # noqa: F841  # DuckDB finds it by its name
                connection.execute(f"CREATE TABLE {name} AS FROM empty")
            else:
                handler = cast("Any", DuckDBPolarsTypeHandler())
                handler.handle_output(context, place, obj.frame, connection)
            warehouse.note(connection, mart, obj.fingerprint)
            standing = warehouse.facts_of(connection, mart.name)
        context.add_output_metadata(facts(mart, standing, "published"))

    def load_input(self, context: dg.InputContext) -> pl.DataFrame:
        """Read a mart."""
        with told(self.root), warehouse.reading(self.root) as connection:
            found = connection.sql(f"SELECT * FROM mart.{quoted(context.asset_key.path[-1])}")
            return cast("pl.DataFrame", found.pl())
