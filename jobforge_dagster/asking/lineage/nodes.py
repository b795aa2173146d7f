"""What a graph of lineage is made of: nodes, and edges that lead from a source to what it makes."""

from __future__ import annotations

from typing import Literal, NamedTuple

from jobforge_dagster.asking.names import sql_name

Kind = Literal["publisher", "file", "table", "header", "rows", "column"]

DIRECT = (
    "identity",
    "transformation",
    "aggregation",
    "publication",
    "delivery",
    "data",
)
"""Kinds of edges along which data flows; all others only decide. Of columns: best first."""

REFERENCE = "reference"
"""How a table uses another that it is only compared with."""

ROWS = "rows"
"""How the rows of a table decide the rows of the next one, and all columns of their own."""


class Node(NamedTuple):
    """Something that is made of something.

    Attributes:
        kind: what it is; ``rows`` stands for which rows a table has, and in which order.
        table: the key of its table; of a header, the source; of a file, its path below the data
            root; of a publisher, the name.
        column: the name of a column or a header.
    """

    kind: Kind
    table: str
    column: str | None = None

    @property
    def id(self) -> str:
        """How people write it; no two nodes are written alike."""
        if self.kind == "header":
            return f'{self.table}:"{self.column}"'
        if self.kind in ("file", "publisher"):
            return self.table
        name = sql_name(self.table)
        if self.kind == "rows":
            return f"{name} (rows)"
        return name if self.column is None else f"{name}.{self.column}"


class Edge(NamedTuple):
    """``target`` is made of ``source``, or decided by it.

    Attributes:
        kinds: how: at most one of :data:`DIRECT`, and first; then those that only decide, sorted.
    """

    source: Node
    target: Node
    kinds: tuple[str, ...]

    @property
    def direct(self) -> bool:
        """Whether data flows along it."""
        return self.kinds[0] in DIRECT

    @property
    def steps(self) -> int:
        """How many tables it leads further: none where rows decide columns of their own table."""
        return 0 if self.source.kind == "rows" and self.target.kind == "column" else 1


def column(table: str, name: str) -> Node:
    """The node of a column."""
    return Node("column", table, name)


def rows(table: str) -> Node:
    """The node of a table's rows."""
    return Node("rows", table)
