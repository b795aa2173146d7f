"""Silver and gold: a declared function, its schema's rules and its keys.

Silver may deduplicate (as declared), validate and harmonise; it must not aggregate. Gold holds
dimensions, facts and bridges, with keys between them. Both must keep the trace of every row. A row
that breaks a rule is refused; the table is made of the others.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from jobforge_dagster.medallion.declare import Table
from jobforge_dagster.medallion.errors import ContractError
from jobforge_dagster.medallion.layers.plan import refuse_aggregation
from jobforge_dagster.medallion.provenance import PROVENANCE, TRACE
from jobforge_dagster.medallion.quality import (
    Judged,
    deduplicate,
    judge,
    schema_rules,
    with_foreign_keys,
)


def build(table: Table, upstream: Mapping[str, pl.LazyFrame]) -> Judged:
    """Plan a table: what its function makes, split by its rules. Reads nothing.

    Args:
        table: the declaration.
        upstream: inputs and parents by key, each with its trace.

    Raises:
        ContractError: the function aggregates in silver, or its result lacks a column, has one of
            another type, or lost the trace.
    """
    made = table.function(*(upstream[source.key] for source in table.inputs))
    if not isinstance(made, pl.LazyFrame):
        raise ContractError(
            f"{table.key}: the function returned {type(made).__name__}, not a LazyFrame. Leave "
            f"out collect(): the platform decides when to compute."
        )
    present = _resolved(table, made)
    if table.layer == "silver":
        refuse_aggregation(table.key, made)
    frame = _shaped(table, made, present)
    refused = []
    if table.deduplicate:
        first = deduplicate(frame, table.key, table.deduplicate)
        frame = first.accepted
        refused.append(first.refused)
    looked_up, key_rules = with_foreign_keys(
        frame,
        table.key,
        table.foreign_keys,
        {parent.key: upstream[parent.key] for parent in table.parents},
        table.schema.primary_key(),
    )
    judged = judge(looked_up, [*schema_rules(table.key, table.schema), *key_rules])
    refused.append(judged.refused)
    keys = table.schema.primary_key()
    accepted = judged.accepted.sort(keys) if keys else judged.accepted
    return Judged(accepted, pl.concat(refused))


def _resolved(table: Table, made: pl.LazyFrame) -> pl.Schema:
    try:
        return made.collect_schema()
    except pl.exceptions.PolarsError as error:
        raise ContractError(
            f"{table.key}: the function does not fit its inputs: {error}"
        ) from error


def _shaped(table: Table, made: pl.LazyFrame, present: pl.Schema) -> pl.LazyFrame:
    lost = [name for name in TRACE if present.get(name) != PROVENANCE[name]]
    if lost:
        raise ContractError(
            f"{table.key}: the result lost {', '.join(lost)}. Join, unpivot and aggregate with the "
            f"helpers of medallion.provenance, and leave selecting columns to the schema."
        )
    for name, column in table.schema.columns().items():
        if name not in present:
            raise ContractError(
                f"{table.key}: the function gives no column {name}; it gives {', '.join(present)}."
            )
        if not column.validate_dtype(present[name]):
            raise ContractError(
                f"{table.key}: column {name} comes out as {present[name]}, but the schema says "
                f"{column.dtype}. Cast it in the function."
            )
    return made.select(*table.schema.column_names(), *TRACE)
