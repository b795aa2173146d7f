"""What is said of the lineage of a table: per column, and of its rows as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

Direct = Literal["identity", "transformation", "aggregation"]
"""How a column is made of another: unchanged, computed row by row, or out of several rows."""

Indirect = Literal["join", "filter", "group_by", "sort", "window", "conditional"]
"""How a column decides another one without being part of it."""


class Upstream(NamedTuple):
    """A column of an input table, by table key."""

    table: str
    column: str


@dataclass(frozen=True)
class ColumnLineage:
    """What one column comes from.

    Attributes:
        direct: what its values are made of; the worst kind on the way.
        indirect: what decides the values of this column only.
        opaque: what could not be looked into on the way. Where there is such a thing, every column
            that it could have seen counts as a direct one, so that none is missing.
    """

    direct: Mapping[Upstream, Direct]
    indirect: Mapping[Upstream, frozenset[Indirect]]
    opaque: tuple[str, ...] = ()


@dataclass(frozen=True)
class FrameLineage:
    """What a table comes from.

    Attributes:
        columns: by name, in order.
        rows: what decides which rows or groups there are, and their order. A row that comes or
            goes changes every column, so these stand beside the sources of each.
        tables: all that are read, even if only for the number of their rows.
        opaque: what decides the rows and could not be looked into.
    """

    columns: Mapping[str, ColumnLineage]
    rows: Mapping[Upstream, frozenset[Indirect]]
    tables: frozenset[str] = frozenset()
    opaque: tuple[str, ...] = ()
