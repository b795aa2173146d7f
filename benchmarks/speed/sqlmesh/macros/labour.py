"""What the models have in common: how a number is read, a run's id, and the Parquet files."""

from __future__ import annotations

import uuid

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator


@macro()
def number(_: MacroEvaluator, cell: exp.Expression, dtype: exp.Expression) -> str:
    """The number in a cell; null where there is none."""
    return f"TRY_CAST(REPLACE(NULLIF({cell.sql()}, 'N/A'), ',', '') AS {dtype.name})"


@macro()
def batch(evaluator: MacroEvaluator) -> str:
    """The same id in every model of a run."""
    told = f"{evaluator.locals.get('execution_ts')} {evaluator.var('source')}"
    return f"'{uuid.uuid5(uuid.NAMESPACE_URL, told)}'"


@macro()
def export(evaluator: MacroEvaluator, table: exp.Expression) -> str | None:
    """Write a model's rows to a Parquet file, once they are there."""
    # The first insertion into a table also creates it.
    if evaluator.runtime_stage not in ("creating", "evaluating"):
        return None
    rows = evaluator.locals["this_model"]
    file = f"{evaluator.var('out')}/{table.name}.parquet"
    return f"COPY (SELECT * FROM {rows}) TO '{file}' (FORMAT parquet, COMPRESSION zstd)"
