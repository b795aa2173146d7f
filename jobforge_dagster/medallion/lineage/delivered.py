"""Lineage of the layers that follow from a declaration: staged and bronze.

They have no function whose plan could be read; what happens to a column is the same for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jobforge_dagster.medallion.layers.bronze import SOURCE_SYSTEM
from jobforge_dagster.medallion.lineage.model import (
    ColumnLineage,
    Direct,
    FrameLineage,
    Indirect,
    Upstream,
)
from jobforge_dagster.medallion.lineage.origins import ColumnOrigins, Composed, Origin
from jobforge_dagster.medallion.provenance import (
    BATCH_ID,
    CORRECTIONS,
    PROVENANCE,
    SOURCE_ROW,
    TRACE,
    UNREAD,
)


class FromStaged(NamedTuple):
    """How bronze makes a column.

    Attributes:
        staged: names of the staged columns; several, where deliveries spell a header differently.
        unchanged: whether the value is taken as it stands: delivered in the declared type, which
            is no text. Text is not: what holds no value becomes null.
        alone: whether a cell that does not read is set aside alone, and not with its row.
    """

    staged: tuple[str, ...]
    unchanged: bool = False
    alone: bool = False


def staged_lineage(source: str, headers: Mapping[str, str]) -> Composed:
    """Origins of a staged table: each column is the delivered one.

    Args:
        source: name of the source.
        headers: staged column to header text, as delivered.
    """
    columns = {
        name: ColumnOrigins({Origin(source, header): "identity"})
        for name, header in headers.items()
    }
    return Composed({**columns, **{name: ColumnOrigins() for name in PROVENANCE}})


def bronze_lineage(
    staged: str, columns: Mapping[str, FromStaged], key: Sequence[str] = ()
) -> FrameLineage:
    """Lineage of a bronze table.

    A text that holds no value becomes null, so a text decides itself. A cell that does not read as
    its type has its row refused, unless it is set aside alone: then ``_unread`` holds it.

    Args:
        staged: key of the staged table.
        columns: bronze column to what it is made of.
        key: the primary key, where deliveries are combined by it (``combine="upsert"``): of the
            rows that share it the newest stands.
    """
    made = {name: _column(staged, each) for name, each in columns.items()}
    trace = {name: ColumnLineage({Upstream(staged, name): "identity"}, {}) for name in TRACE}
    apart = [
        Upstream(staged, name) for each in columns.values() if each.alone for name in each.staged
    ]
    told = ColumnLineage(
        dict.fromkeys(apart, "transformation"), dict.fromkeys(apart, frozenset({"conditional"}))
    )
    rows: dict[Upstream, frozenset[Indirect]] = {}
    _decide(rows, "filter", [each for each in columns.values() if not each.alone], staged)
    if key:
        _decide(rows, "group_by", [columns[name] for name in key], staged)
        _decide(rows, "sort", [FromStaged((BATCH_ID, SOURCE_ROW))], staged)
    constants = {SOURCE_SYSTEM: ColumnLineage({}, {}), CORRECTIONS: ColumnLineage({}, {})}
    return FrameLineage({**made, **constants, **trace, UNREAD: told}, rows, frozenset({staged}))


def _column(staged: str, made: FromStaged) -> ColumnLineage:
    kind: Direct = "identity" if made.unchanged else "transformation"
    sources = [Upstream(staged, name) for name in made.staged]
    how: frozenset[Indirect] = frozenset({"conditional"})
    return ColumnLineage(
        dict.fromkeys(sources, kind), {} if made.unchanged else dict.fromkeys(sources, how)
    )


def _decide(
    rows: dict[Upstream, frozenset[Indirect]],
    kind: Indirect,
    columns: Sequence[FromStaged],
    staged: str,
) -> None:
    for each in columns:
        for name in each.staged:
            source = Upstream(staged, name)
            rows[source] = rows.get(source, frozenset()) | {kind}
