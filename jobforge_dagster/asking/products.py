"""Row provenance the other way: which rows of a table were made of some rows of its inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from jobforge_dagster.asking.contributors import is_marked, marked
from jobforge_dagster.asking.matching import WANTED, same_rows
from jobforge_dagster.asking.tables import NUMBER, Tables
from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.declare import Table
from jobforge_dagster.medallion.layers.table import identity_of
from jobforge_dagster.medallion.provenance import BATCH_ID, CARRIED, SOURCE_ROW, TRACE
from jobforge_dagster.medallion.quality import judge
from jobforge_dagster.medallion.storage.quarantine import record_ids


@dataclass(frozen=True)
class Made:
    """What the code of a table makes of some rows of its inputs.

    Attributes:
        rows: the numbers of those that the table holds.
        others: ids of the records by which the quarantine would know the others.
    """

    rows: tuple[int, ...]
    others: tuple[str, ...]


def products(tables: Tables, key: str, behind: Mapping[str, Sequence[int]]) -> Made:
    """The rows of a table that some rows of its inputs stand behind.

    Args:
        tables: what is declared, and what lies on disk.
        key: of a silver or gold table.
        behind: numbers of rows, by the key of an input.
    """
    declared = tables.declaration(key)
    assert isinstance(declared, Table)
    frames = {}
    for place, each in enumerate(tables.inputs(key)):
        frame = tables.frame(each, numbered=True)
        frames[each] = marked(frame, place, behind[each]) if each in behind else frame
    made = (
        tables.planned(key, frames)
        .filter(is_marked())
        .select(pl.exclude(*CARRIED), *TRACE)
        .with_columns(record_ids(judge.identity_of(key, identity_of(declared))).alias("__record"))
        .collect(engine="streaming")
        .with_row_index(WANTED)
    )
    wanted = made.drop("__record")
    found = same_rows(
        wanted,
        tables.frame(key, numbered=True),
        tables.primary_key(key),
        [NUMBER],
        wholly=declared.deduplicate is not None,
    )
    others = made.filter(~pl.col(WANTED).is_in(found[WANTED].implode()))
    return Made(
        tuple(found[NUMBER].unique().sort()), tuple(others["__record"].unique(maintain_order=True))
    )


def in_bronze(tables: Tables, key: str, batch_id: str, record: int) -> tuple[int, ...]:
    """The number of the row of a bronze table that was made of a record, if there is one."""
    frame = tables.frame(key, numbered=True)
    met = (pl.col(SOURCE_ROW) == record) & (pl.col(BATCH_ID) == batch_id)
    return tuple(frame.filter(met).select(exactly(NUMBER)).collect(engine="streaming")[NUMBER])
