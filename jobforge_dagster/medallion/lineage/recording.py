"""Lineage by another way: sources without rows that note which of their columns are asked for.

It uses public Polars only and sees through Python functions, but cannot tell made-of from decided-
by, and what the optimiser finds out to be unneeded it does not see. The walk of the plan is checked
against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import polars as pl
from polars.io.plugins import register_io_source

from jobforge_dagster.medallion.lineage.model import Upstream

Function = Callable[[Mapping[str, pl.LazyFrame]], pl.LazyFrame]
"""What makes a table of its inputs by key."""


def recorded(
    function: Function, schemas: Mapping[str, pl.Schema]
) -> dict[str, frozenset[Upstream]]:
    """The columns that are asked for when one column of the result alone is computed.

    Args:
        function: is called once, and once more for each column that it gives.
        schemas: of the inputs, by key.

    Returns:
        For each column all that it is made of, that decides it or that decides the rows.

    Raises:
        PolarsError: the function cannot be computed without rows.
    """
    names = function(_recording(schemas, set())).collect_schema().names()
    found = {}
    for name in names:
        asked: set[Upstream] = set()
        # The streaming engine leaves out a side of a join if the other is empty; this one does not.
        function(_recording(schemas, asked)).select(pl.col(name)).collect(engine="in-memory")
        found[name] = frozenset(asked)
    return found


def _recording(schemas: Mapping[str, pl.Schema], asked: set[Upstream]) -> dict[str, pl.LazyFrame]:
    return {key: _source(key, schema, asked) for key, schema in schemas.items()}


def _source(key: str, schema: pl.Schema, asked: set[Upstream]) -> pl.LazyFrame:
    def read(
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        _n_rows: int | None,
        _batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        names = list(schema) if with_columns is None else list(with_columns)
        tested = [] if predicate is None else predicate.meta.root_names()
        asked.update(Upstream(key, name) for name in (*names, *tested))
        yield pl.DataFrame(schema=schema).select(names)

    return register_io_source(read, schema=schema, validate_schema=False)
