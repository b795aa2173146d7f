"""The provenance columns, and how to join, unpivot and aggregate without losing them.

Every row of every layer carries five columns beside its data:

- ``_source_file``: path of the delivered file below the landing folder, POSIX; a row made from
  several files names each once, separated by ``|``, that of its record number first.
- ``_ingested_at``: when the row entered its present layer, UTC.
- ``_batch_id``: UUID of the delivery, several in the same manner as files.
- ``_layer``: the layer's name.
- ``_source_row``: 1-based number of the record, below the header, in the first file named; null
  where no single record stands behind the row.

``_ingested_at`` and ``_layer`` say when and where a table was written: the platform stamps them.
The three others, the trace, travel through a table's function. The helpers here carry them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import polars as pl
import polars.selectors as cs

SOURCE_FILE = "_source_file"
INGESTED_AT = "_ingested_at"
BATCH_ID = "_batch_id"
LAYER = "_layer"
SOURCE_ROW = "_source_row"

PROVENANCE: dict[str, pl.DataType] = {
    SOURCE_FILE: pl.String(),
    INGESTED_AT: pl.Datetime("us", "UTC"),
    BATCH_ID: pl.String(),
    LAYER: pl.String(),
    SOURCE_ROW: pl.UInt32(),
}
"""Names and types of the provenance columns, in the order in which they are written."""

TRACE: tuple[str, ...] = (SOURCE_FILE, BATCH_ID, SOURCE_ROW)
"""The part of the provenance that a table's function sees and must keep."""

SEPARATOR = "|"
"""Stands between the files (and the batches) of a row that was made from several."""

_OTHER = "__other"


def join(
    left: pl.LazyFrame,
    right: pl.LazyFrame,
    *,
    on: str | Sequence[str] | None = None,
    left_on: str | Sequence[str] | None = None,
    right_on: str | Sequence[str] | None = None,
    how: Literal["left", "inner", "full"] = "left",
    **options: Any,
) -> pl.LazyFrame:
    """Join two tables; each row of the result traces to both rows that it was made from.

    Takes what ``LazyFrame.join`` takes. The row stands for the left record; where only the right
    side has one (a full join), for the right. The order of the left rows is kept.
    """
    renamed = right.rename({name: f"{name}{_OTHER}" for name in TRACE})
    if how == "full":
        options.setdefault("coalesce", True)
    return (
        left.join(
            renamed,
            on=on,
            left_on=left_on,
            right_on=right_on,
            how=how,
            maintain_order="left_right" if how == "full" else "left",
            **options,
        )
        .with_columns(
            _both(SOURCE_FILE),
            _both(BATCH_ID),
            pl.when(pl.col(SOURCE_FILE).is_null())
            .then(pl.col(f"{SOURCE_ROW}{_OTHER}"))
            .otherwise(pl.col(SOURCE_ROW))
            .alias(SOURCE_ROW),
        )
        .drop(f"{name}{_OTHER}" for name in TRACE)
    )


def unpivot(
    frame: pl.LazyFrame,
    *,
    on: cs.Selector | Sequence[str],
    index: Sequence[str],
    variable_name: str,
    value_name: str,
) -> pl.LazyFrame:
    """Turn the columns ``on`` into rows; each traces to the record that the cell stood in."""
    return frame.unpivot(
        on=on, index=[*index, *TRACE], variable_name=variable_name, value_name=value_name
    )


def aggregate(frame: pl.LazyFrame, by: str | Sequence[str], *aggregations: pl.Expr) -> pl.LazyFrame:
    """Group by ``by``; each row of the result names the files and batches of all its members.

    The record number is kept where all members come from one record, and null otherwise.
    """
    one_file = pl.struct(SOURCE_FILE, BATCH_ID).n_unique() == 1
    one_record = one_file & (pl.col(SOURCE_ROW).n_unique() == 1)
    return frame.group_by(by).agg(
        *aggregations,
        *(
            pl.when(one_file).then(pl.col(name).first()).otherwise(_all_of(name)).alias(name)
            for name in (SOURCE_FILE, BATCH_ID)
        ),
        pl.when(one_record).then(pl.col(SOURCE_ROW).first()).alias(SOURCE_ROW),
    )


def _both(name: str) -> pl.Expr:
    parts = pl.concat_str(name, f"{name}{_OTHER}", separator=SEPARATOR, ignore_nulls=True)
    distinct = parts.str.split(SEPARATOR).list.unique(maintain_order=True).list.join(SEPARATOR)
    # Joining a table with itself, or with one from the same file, is common and needs no lists.
    other = pl.col(f"{name}{_OTHER}")
    return (
        pl.when(other.is_null() | (other == pl.col(name)))
        .then(pl.col(name))
        .otherwise(distinct)
        .alias(name)
    )


def _all_of(name: str) -> pl.Expr:
    each = pl.col(name).unique().str.split(SEPARATOR).explode()
    return each.unique().sort().str.join(SEPARATOR)
