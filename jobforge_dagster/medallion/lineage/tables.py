"""The lineage of a table as it is written: its plan, its rules, and what is done with its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from jobforge_dagster.medallion.lineage.model import (
    ColumnLineage,
    FrameLineage,
    Indirect,
    Upstream,
)
from jobforge_dagster.medallion.lineage.sources import reasons, together
from jobforge_dagster.medallion.lineage.walk import lineage_of
from jobforge_dagster.medallion.provenance import SOURCE_FILE, SOURCE_ROW
from jobforge_dagster.medallion.quality.judge import Judgement, Made
from jobforge_dagster.medallion.quality.waivers import Waiver


def of_made(made: Made, waivers: Sequence[Waiver], tables: Mapping[str, Path]) -> FrameLineage:
    """The lineage of a table: what its code plans, and what the audit does with the rows.

    Rules and foreign keys decide which rows are accepted. Duplicates are set aside and keys made
    unique, which groups rows by them; the table is sorted by its key, unless it is large.

    Args:
        made: as the layer plans it.
        waivers: those in force for the table.
        tables: key of each input to its Parquet file.

    Returns:
        With the columns that are carried along.

    Raises:
        ContractError: the plan reads another file, or this Polars has plans of another version.
    """
    candidate = made.candidate
    found = lineage_of(Judgement(candidate, waivers).accepted, tables)
    found = _ruled(found, "group_by", (*candidate.by, *candidate.unique))
    if candidate.by:
        found = _ruled(found, "sort", (*candidate.by, *candidate.order, SOURCE_FILE, SOURCE_ROW))
    return _ruled(found, "sort", made.primary_key)


def _ruled(lineage: FrameLineage, kind: Indirect, names: Iterable[str]) -> FrameLineage:
    by = [lineage.columns[name] for name in names]
    return replace(
        lineage,
        rows=together(lineage.rows, *(_deciding(column, kind) for column in by)),
        opaque=reasons([lineage.opaque, *(column.opaque for column in by)]),
    )


def _deciding(column: ColumnLineage, kind: Indirect) -> dict[Upstream, frozenset[Indirect]]:
    how: frozenset[Indirect] = frozenset((kind,))
    return dict.fromkeys((*column.direct, *column.indirect), how)
