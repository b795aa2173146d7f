"""Which node a person means: a table, a column, or the header of a delivered file."""

from __future__ import annotations

from jobforge_dagster.asking.lineage.documents import Documents
from jobforge_dagster.asking.lineage.graph import Graph, column_graph, table_graph
from jobforge_dagster.asking.lineage.nodes import Node, column
from jobforge_dagster.asking.names import UnknownNameError, closest, column_named, sql_name


def graph_and_node(text: str, documents: Documents) -> tuple[Graph, Node]:
    """The graph to walk, and the node of it that a person means.

    Args:
        text: a table, a column as ``table.column``, or a header as ``source:header``; or any id of
            a node.
        documents: of all tables.

    Raises:
        UnknownNameError: there is no such thing; tells the closest.
    """
    text = text.strip()
    graph = table_graph(documents)
    for node in graph.nodes:
        if node.id == text:
            return graph, node
    for node in (wide := column_graph(documents)).nodes:
        if node.id == text:
            return wide, node
    source, colon, header = text.partition(":")
    if colon:
        return wide, _header(source, header.strip("\"' "), wide)
    key, name = column_named(text, documents)
    if name is None:
        return graph, Node("table", key)
    if (found := column(key, name)) in wide:
        return wide, found
    known = [node.column or "" for node in wide.nodes if node[:2] == ("column", key)]
    raise UnknownNameError(
        f"{sql_name(key)} has no column {name!r}.{closest(name, known)} "
        f"See: jobforge catalog show {key}"
    )


def _header(source: str, header: str, graph: Graph) -> Node:
    headers = [node for node in graph.nodes if node.kind == "header"]
    known = {node.column or "": node for node in headers if node.table == source}
    for name, node in known.items():
        if name.strip() == header:
            return node
    if not known:
        sources = {node.table for node in headers}
        raise UnknownNameError(
            f"No file of a source {source!r} is known.{closest(source, sources)}"
        )
    raise UnknownNameError(
        f"The files of {source} have no column {header!r}.{closest(header, known)}"
    )
