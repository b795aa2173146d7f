"""Two graphs out of the catalog's documents: one of tables, one of columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from jobforge_dagster.asking.lineage.documents import Documents
from jobforge_dagster.asking.lineage.nodes import DIRECT, REFERENCE, ROWS, Edge, Node, column, rows

_RANK = {kind: rank for rank, kind in enumerate(DIRECT)}


class Graph:
    """Nodes and the edges between them, each edge once, with every kind that it has.

    Attributes:
        opaque: why a node could not be looked into; then every column of the inputs counts.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.opaque: dict[Node, tuple[str, ...]] = {}
        self._down: defaultdict[Node, dict[Node, set[str]]] = defaultdict(dict)
        self._up: defaultdict[Node, dict[Node, set[str]]] = defaultdict(dict)

    def node(self, node: Node) -> None:
        """Add a node, if it is not there."""
        self._down[node]
        self._up[node]

    def edge(self, source: Node, target: Node, kinds: Iterable[str]) -> None:
        """Add an edge, or kinds to one that is there."""
        known = self._down[source].get(target)
        if known is None:
            known = self._down[source][target] = self._up[target][source] = set()
            self.node(source)
            self.node(target)
        known.update(kinds)

    @property
    def nodes(self) -> Iterable[Node]:
        """All nodes."""
        return self._down.keys()

    def __contains__(self, node: object) -> bool:
        return node in self._down

    def above(self, node: Node) -> list[Edge]:
        """The edges that lead to a node, sorted: data first, then what only decides."""
        return _sorted(
            Edge(source, node, _told(kinds)) for source, kinds in self._up.get(node, {}).items()
        )

    def below(self, node: Node) -> list[Edge]:
        """The edges that lead away from a node, sorted in the same manner."""
        return _sorted(
            Edge(node, target, _told(kinds)) for target, kinds in self._down.get(node, {}).items()
        )


def table_graph(documents: Documents) -> Graph:
    """Tables, the files that were delivered, and who published those."""
    graph = Graph()
    for key, document in documents.items():
        told = document["lineage"]
        table = Node("table", key)
        graph.node(table)
        if told["opaque"]:
            graph.opaque[table] = tuple(told["opaque"])
        for upstream in told["upstream"]:
            if upstream in documents:
                how = REFERENCE if upstream in told["parents"] else "data"
                graph.edge(Node("table", upstream), table, [how])
        if document["layer"] != "staged":
            continue
        publishers = [each["publisher"] for each in document["governance"]["sources"]]
        for path in told["source_files"]:
            file = Node("file", f"source/{path}")
            graph.edge(file, table, ["delivery"])
            for publisher in publishers:
                graph.edge(Node("publisher", publisher), file, ["publication"])
    return graph


def column_graph(documents: Documents) -> Graph:
    """Columns, the delivered headers, and the rows of each table.

    The rows of a table stand for which rows there are, and in which order. They decide every column
    of the table, and the rows of each table that reads it.
    """
    graph = Graph()
    for key, document in documents.items():
        told = document["lineage"]
        own = rows(key)
        graph.node(own)
        if told["opaque"]:
            graph.opaque[own] = tuple(told["opaque"])
        for each in told["rows"]:
            graph.edge(column(each["table"], each["column"]), own, each["kinds"])
        for upstream in told["upstream"]:
            if upstream in documents:
                graph.edge(rows(upstream), own, [ROWS])
        for each in document["columns"]:
            node = column(key, each["name"])
            graph.edge(own, node, [ROWS])
            _made_of(graph, node, each["lineage"] or {}, delivered=document["layer"] == "staged")
    return graph


def _made_of(graph: Graph, node: Node, told: Mapping[str, Any], *, delivered: bool) -> None:
    for each in told.get("direct", ()):
        graph.edge(column(each["table"], each["column"]), node, [each["kind"]])
    for each in told.get("indirect", ()):
        graph.edge(column(each["table"], each["column"]), node, each["kinds"])
    # Origins tell the headers behind every column; only a staged one is made of them at first hand.
    for each in told.get("origins", ()) if delivered else ():
        how = [*([each["kind"]] if each["kind"] else []), *each["kinds"]]
        graph.edge(Node("header", each["source"], each["header"]), node, how)
    if told.get("opaque"):
        graph.opaque[node] = tuple(told["opaque"])


def _told(kinds: set[str]) -> tuple[str, ...]:
    direct = sorted(kinds & _RANK.keys(), key=_RANK.__getitem__)[-1:]
    return (*direct, *sorted(kinds - _RANK.keys()))


def _sorted(edges: Iterable[Edge]) -> list[Edge]:
    return sorted(edges, key=lambda edge: (not edge.direct, edge))
