"""What a change reaches: every node below some others, with how it hangs on them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from jobforge_dagster.asking.lineage.graph import Graph
from jobforge_dagster.asking.lineage.nodes import DIRECT, ROWS, Edge, Node


@dataclass(frozen=True)
class Reach:
    """How a node hangs on what is changed.

    Attributes:
        made: how it is made of it, the worst kind on the way; ``None`` where it is not.
        decided: how it is decided by it, in the manner of ``medallion.lineage.origins``: what
            decides a column decides in the same way what is made of that.
        steps: how many tables away.
    """

    made: str | None
    decided: frozenset[str]
    steps: int


def reached(graph: Graph, changed: Iterable[Node]) -> dict[Node, Reach]:
    """Every node that a change reaches, those that are changed among them.

    Columns that change because the rows of their table do are left out: where the node of the rows
    is among what is found, that holds for every column.

    Args:
        graph: of columns.
        changed: columns, headers or rows.
    """
    found = {
        node: Reach(None, frozenset({ROWS}), 0)
        if node.kind == "rows"
        else Reach(DIRECT[0], frozenset(), 0)
        for node in changed
    }
    waiting = deque(found)
    while waiting:
        node = waiting.popleft()
        for edge in _leading_on(graph, node):
            before = found.get(edge.target)
            after = _after(found[node], edge)
            if before is not None:
                after = Reach(
                    _worse(before.made, after.made),
                    before.decided | after.decided,
                    min(before.steps, after.steps),
                )
            if after != before:
                found[edge.target] = after
                waiting.append(edge.target)
    return found


def _leading_on(graph: Graph, node: Node) -> Iterator[Edge]:
    return (edge for edge in graph.below(node) if edge.steps)


def _after(source: Reach, edge: Edge) -> Reach:
    first, others = (edge.kinds[0], edge.kinds[1:]) if edge.direct else (None, edge.kinds)
    decided = frozenset(others)
    if edge.source.kind == "rows" or first is not None:
        decided = (decided - {ROWS}) | source.decided
    made = _worse(source.made, first) if first is not None and source.made is not None else None
    return Reach(made, decided, source.steps + 1)


def _worse(one: str | None, other: str | None) -> str | None:
    if one is None or other is None:
        return one or other
    return max(one, other, key=DIRECT.index)
