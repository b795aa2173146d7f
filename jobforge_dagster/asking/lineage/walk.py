"""Ways through a graph of lineage: all that lies up or down from some nodes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from jobforge_dagster.asking.lineage import render
from jobforge_dagster.asking.lineage.graph import Graph
from jobforge_dagster.asking.lineage.nodes import Edge, Node
from jobforge_dagster.asking.told import Line, Told, safe

Direction = Literal["up", "down"]


@dataclass(frozen=True, repr=False)
class Lineage(Told):
    """What lies up or down from a node.

    Attributes:
        of: where it begins.
        direction: ``up`` to what it is made of, ``down`` to what is made of it.
        nodes: all that were reached, sorted; ``of`` is among them.
        edges: between them, from a source to what it makes, sorted.
        opaque: why one of the nodes could not be looked into.
        left_out: edges that only decide and would have led further, but were not asked for.
    """

    of: Node
    direction: Direction
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    opaque: Mapping[Node, tuple[str, ...]]
    left_out: int = 0

    def tree(self, *, full: bool = True) -> str:
        """A tree for people; ``full`` shows each of many columns that are alike."""
        return render.tree(
            self.of, self.edges, self.opaque, upwards=self.direction == "up", full=full
        )

    def lines(self, *, full: bool = False) -> Iterator[Line]:
        """What people are told: the tree, and what it does not show."""
        return safe(self._lines(full))

    def _lines(self, full: bool) -> Iterator[str]:
        yield from self.tree(full=full).split("\n")
        if not self.edges and not self.left_out:
            yield "Nothing is made of it." if self.direction == "down" else "It is made of nothing."
        if self.left_out:
            yield "What only decides is left out; --deciding shows it."

    def mermaid(self) -> str:
        """A flow chart in the language of Mermaid."""
        return render.mermaid(self.nodes, self.edges)

    def dot(self) -> str:
        """A graph in the language of Graphviz."""
        return render.dot(self.nodes, self.edges)

    def to_dict(self) -> dict[str, Any]:
        """For programs: nodes and edges by their ids."""
        return {
            "of": self.of.id,
            "direction": self.direction,
            "nodes": [
                {
                    "id": node.id,
                    "kind": node.kind,
                    "table": node.table,
                    "column": node.column,
                    "opaque": list(self.opaque.get(node, ())),
                }
                for node in self.nodes
            ],
            "edges": [
                {"from": edge.source.id, "to": edge.target.id, "kinds": list(edge.kinds)}
                for edge in self.edges
            ],
            "left_out": self.left_out,
        }


def walk(
    graph: Graph,
    of: Node,
    direction: Direction = "up",
    *,
    depth: int | None = None,
    deciding: bool = True,
) -> Lineage:
    """Follow the edges from a node.

    Args:
        graph: of tables or of columns.
        of: where to begin.
        direction: up or down.
        depth: how many tables far at most; ``None`` for as far as it goes.
        deciding: whether to follow edges that only decide.
    """
    far = {of: 0}
    edges: set[Edge] = set()
    left_out: set[Edge] = set()
    waiting = deque([of])
    while waiting:
        node = waiting.popleft()
        for found in graph.above(node) if direction == "up" else graph.below(node):
            if not (deciding or found.direct):
                left_out.add(found)
                continue
            edge = found if deciding else found._replace(kinds=found.kinds[:1])
            steps = far[node] + edge.steps
            if depth is not None and steps > depth:
                continue
            edges.add(edge)
            other = edge.source if direction == "up" else edge.target
            if steps >= far.get(other, steps + 1):
                continue
            far[other] = steps
            # What is no step further comes first, so that each node is met by its shortest way.
            (waiting.append if edge.steps else waiting.appendleft)(other)
    return Lineage(
        of=of,
        direction=direction,
        nodes=tuple(sorted(far, key=_order)),
        edges=tuple(sorted(edges, key=lambda edge: (_order(edge.source), _order(edge.target)))),
        opaque={node: graph.opaque[node] for node in far if node in graph.opaque},
        left_out=len(left_out),
    )


def _order(node: Node) -> tuple[str, str, str]:
    return node.kind, node.table, node.column or ""
