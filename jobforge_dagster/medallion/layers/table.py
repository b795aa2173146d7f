"""Silver and gold: a declared function, its schema's rules and its keys.

Silver may deduplicate (as declared), validate and harmonise; it must not aggregate. Gold holds
dimensions, facts and bridges, with keys between them. Both must keep the trace of every row, and
make as many rows as their grain says. A row that breaks a rule is refused; the table is made of the
others.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from jobforge_dagster.medallion.corrections import applied_corrections
from jobforge_dagster.medallion.declare import Table
from jobforge_dagster.medallion.errors import ContractError
from jobforge_dagster.medallion.layers.plan import refuse_aggregation
from jobforge_dagster.medallion.provenance import CARRIED, CORRECTIONS, SOURCE_FILE
from jobforge_dagster.medallion.quality.judge import Candidate, Made
from jobforge_dagster.medallion.quality.rules import (
    cells_rule,
    schema_rules,
    with_agreements,
    with_foreign_keys,
)


def build(
    table: Table,
    upstream: Mapping[str, pl.LazyFrame],
    own: pl.LazyFrame | None = None,
    *,
    inspect: bool = True,
) -> Made:
    """Plan a table: what its function makes, with the rules that it must obey. Reads nothing.

    Args:
        table: the declaration.
        upstream: inputs and parents by key, each with its trace.
        own: rows of the table that stand, for keys into itself; by default, all that are made.
        inspect: see :func:`planned`.

    Raises:
        ContractError: the function aggregates in silver, or its result lacks a column, has one of
            another type, or lost what is carried along.
    """
    frames = {key: carrying(frame) for key, frame in upstream.items()}
    inputs = {source.key: frames[source.key] for source in table.inputs}
    with applied_corrections() as corrections:
        shaped = planned(table, inputs, inspect=inspect)
    keys = tuple(table.schema.primary_key())
    frame, key_rules = with_foreign_keys(
        shaped, table.key, table.foreign_keys, frames, shaped if own is None else own, keys
    )
    frame, agreement_rules = with_agreements(frame, table.key, table.agreements, frames, shaped)
    rules = [*schema_rules(table.key, table.schema), *key_rules, *agreement_rules]
    if table.layer == "silver":
        rules.append(cells_rule(table.key, "reject"))
    candidate = Candidate(
        key=table.key,
        frame=frame,
        columns=tuple(table.schema.column_names()),
        rules=tuple(rules),
        expected=table.grain.expected(inputs),
        unique=keys,
        by=table.deduplicate.by if table.deduplicate else (),
        order=table.deduplicate.order if table.deduplicate else (),
        identity=identity_of(table),
        refers_to_itself=any(reference.table is None for reference in table.foreign_keys),
    )
    return Made(
        candidate,
        f"{table.grain} of {', '.join(inputs)}",
        corrections=tuple({each.id: each for each in corrections}.values()),
        marks=(CORRECTIONS,),
        primary_key=keys,
    )


def planned(
    table: Table, inputs: Mapping[str, pl.LazyFrame], *, inspect: bool = True
) -> pl.LazyFrame:
    """What a table's function makes of its inputs: the columns of the schema and those carried.

    Neither rules nor the declared deduplication have been applied.

    Args:
        table: the declaration.
        inputs: by key, each with the columns that are carried along.
        inspect: whether to look through the plan for what silver must not do. It must not be
            asked for where the inputs are no files but plans themselves, of layers that may.

    Raises:
        ContractError: as :func:`build` does.
    """
    made = table.function(*(inputs[source.key] for source in table.inputs))
    if not isinstance(made, pl.LazyFrame):
        raise ContractError(
            f"{table.key}: the function returned {type(made).__name__}, not a LazyFrame. Leave "
            f"out collect(): the platform decides when to compute."
        )
    present = _resolved(table, made)
    if inspect and table.layer == "silver":
        refuse_aggregation(table.key, made)
    return _shaped(table, made, present)


def identity_of(table: Table) -> tuple[str, ...]:
    """The columns that tell apart the rows of a table that are made from one record."""
    return () if table.grain.one_to_one else tuple(table.schema.primary_key())


def carrying(frame: pl.LazyFrame) -> pl.LazyFrame:
    """A table as it lies on disk, with the columns that are carried along and that it lacks."""
    present = frame.collect_schema()
    return frame.with_columns(
        pl.lit(None, dtype).alias(name) for name, dtype in CARRIED.items() if name not in present
    )


def _resolved(table: Table, made: pl.LazyFrame) -> pl.Schema:
    try:
        return made.collect_schema()
    except pl.exceptions.PolarsError as error:
        raise ContractError(
            f"{table.key}: the function does not fit its inputs: {error}"
        ) from error


def _shaped(table: Table, made: pl.LazyFrame, present: pl.Schema) -> pl.LazyFrame:
    lost = [name for name, dtype in CARRIED.items() if present.get(name) != dtype]
    if lost:
        raise ContractError(
            f"{table.key}: the result lost {', '.join(lost)}. Join, unpivot and aggregate with the "
            f"helpers of medallion.provenance, and leave selecting columns to the schema."
        )
    if f"{SOURCE_FILE}_right" in present:
        raise ContractError(
            f"{table.key}: the function joins two tables and keeps the trace of one. Join with the "
            f"helper of medallion.provenance, or drop the trace of the side that is only looked at."
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
    return made.select(*table.schema.column_names(), *CARRIED)
