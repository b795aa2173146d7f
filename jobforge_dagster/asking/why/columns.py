"""Which columns of its inputs a column of a table needs, by the plan of its function alone.

The lineage of a publication counts what its rules look at as well: such a column can only refuse
the row, never make its value. Here those are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from jobforge_dagster.asking.tables import Tables
from jobforge_dagster.medallion.lineage import FrameLineage, Upstream, lineage_of
from jobforge_dagster.medallion.provenance import CARRIED, SOURCE_ROW

MADE: tuple[str, ...] = ("identity", "transformation", "aggregation")
"""How a column is made of another, from the least to the most."""


@dataclass
class Needed:
    """Columns of one table that are needed.

    Attributes:
        made: those that a value is made of, with the kind that goes farthest on the way.
        deciding: those that only decide it, with how.
    """

    made: dict[str, str] = field(default_factory=dict)
    deciding: dict[str, set[str]] = field(default_factory=dict)

    def add(self, other: Needed) -> None:
        """Need what is needed elsewhere too."""
        for name, kind in other.made.items():
            self.made[name] = farther(kind, self.made.get(name))
        for name, kinds in other.deciding.items():
            self.deciding.setdefault(name, set()).update(kinds)

    @property
    def names(self) -> list[str]:
        """All of them."""
        return list(dict.fromkeys([*self.made, *self.deciding]))


def farther(kind: str, other: str | None) -> str:
    """The kind of two that changes more."""
    return kind if other is None or MADE.index(kind) >= MADE.index(other) else other


def planned_lineage(tables: Tables, key: str) -> FrameLineage:
    """The lineage of what the function of a silver or gold table makes, without its rules."""
    inputs = {each: tables.frame(each) for each in tables.inputs(key)}
    paths = {each: tables.root.table(each) for each in inputs}
    return lineage_of(tables.planned(key, inputs), paths)


def upstream(lineage: FrameLineage, needed: Needed) -> dict[str, Needed]:
    """What is needed of each input, by its key, to make what is needed of a table."""
    found: dict[str, Needed] = {key: Needed() for key in lineage.tables}
    for name, kind in needed.made.items():
        column = lineage.columns[name]
        for source, direct in column.direct.items():
            if counts(source.column):
                made = found[source.table].made
                made[source.column] = farther(farther(direct, kind), made.get(source.column))
        _decide(found, column.indirect)
    for name, kinds in needed.deciding.items():
        column = lineage.columns[name]
        _decide(found, dict.fromkeys(column.direct, kinds))
        _decide(found, column.indirect)
    _decide(found, lineage.rows)
    return found


def _decide(found: dict[str, Needed], deciding: Mapping[Upstream, Iterable[str]]) -> None:
    for (table, column), kinds in deciding.items():
        if counts(column):
            found[table].deciding.setdefault(column, set()).update(kinds)


def counts(column: str) -> bool:
    """The trace goes along with every row; only the record's number is ever made a value of."""
    return column == SOURCE_ROW or column not in CARRIED
