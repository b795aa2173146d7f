"""The question of impact, as a notebook and the command line ask it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from jobforge_dagster.asking.impact.model import Impact, ReachedColumn, ReachedTable
from jobforge_dagster.asking.lineage import uses
from jobforge_dagster.asking.lineage.documents import Documents, read_documents
from jobforge_dagster.asking.lineage.graph import Graph, column_graph
from jobforge_dagster.asking.lineage.named import graph_and_node
from jobforge_dagster.asking.lineage.nodes import Node, column, rows
from jobforge_dagster.asking.lineage.reach import Reach, reached
from jobforge_dagster.asking.lineage.uses import Changed, How, Use, closest
from jobforge_dagster.medallion.storage.root import DataRoot

if TYPE_CHECKING:
    from jobforge_dagster.medallion.marts import Mart


def impact(
    name: str, *, marts: Sequence[Mart] | None = None, root: DataRoot | None = None
) -> Impact:
    """What a change would reach: of a column, of a whole table, or of a delivered header.

    Args:
        name: as in :func:`~jobforge_dagster.asking.lineage.lineage`.
        marts: those to look at; by default all that the domains declare.
        root: the data root; by default that of the environment.

    Raises:
        UnknownNameError: there is no such table or column; tells the closest.
        UnreadableDocumentError: the catalog is empty or damaged.
        DeclarationError: the domains contradict themselves.
    """
    root = root or DataRoot.from_environment()
    documents = read_documents(root)
    graph, node = graph_and_node(name, documents)
    start = _changed(node, documents, graph)
    columns = graph if node.kind in ("column", "header", "rows") else column_graph(documents)
    tables = _tables(columns, reached(columns, start), documents)
    changed = _told(tables)
    if marts is None:
        marts = _declared()
    through, questions = _of_marts(marts, documents, changed, root)
    numbered = {question.text for mart in marts for question in mart.questions}
    return Impact(
        of=node.id,
        tables=tuple(table for table in tables if table.steps or table.key != node.table),
        contracts=_sorted(uses.contracts(documents, changed)),
        measures=_sorted(uses.measures(documents, changed)),
        rules=_sorted(uses.rules(documents, changed)),
        foreign_keys=_sorted(uses.foreign_keys(documents, changed)),
        marts=through,
        questions=_sorted([*questions, *uses.questions(documents, changed, numbered)]),
    )


def _changed(node: Node, documents: Documents, graph: Graph) -> list[Node]:
    """What changes: a table means its rows and every column."""
    if node.kind == "table":
        names = (each["name"] for each in documents[node.table]["columns"])
        return [rows(node.table), *(column(node.table, name) for name in names)]
    if node.kind in ("file", "publisher"):
        return [
            part for edge in graph.below(node) for part in _changed(edge.target, documents, graph)
        ]
    return [node]


def _tables(graph: Graph, found: Mapping[Node, Reach], documents: Documents) -> list[ReachedTable]:
    tables = []
    for key, document in documents.items():
        of_rows = found.get(rows(key))
        columns = []
        for each in document["columns"]:
            node = column(key, each["name"])
            reach = found.get(node) or of_rows
            if reach is None:
                continue
            how: How = "rows"
            if node in found:
                how = "made" if reach.made is not None else "decided"
            made = (reach.made,) if reach.made is not None else ()
            columns.append(
                ReachedColumn(
                    each["name"],
                    how,
                    (*made, *sorted(reach.decided)),
                    reach.steps,
                    each["provenance"],
                    graph.opaque.get(node, ()),
                )
            )
        if columns:
            tables.append(
                ReachedTable(
                    table=Node("table", key).id,
                    key=key,
                    steps=min(each.steps for each in columns),
                    rows=tuple(sorted(of_rows.decided)) if of_rows else (),
                    columns=tuple(columns),
                )
            )
    return sorted(tables, key=lambda table: (table.steps, _ways(table), table.key))


def _ways(table: ReachedTable) -> int:
    return uses.CLOSENESS.index(closest(each.how for each in table.columns))


def _told(tables: Iterable[ReachedTable]) -> Changed:
    return Changed(
        {
            table.key: closest(
                each.how for each in table.columns if not (each.provenance and table.rows)
            )
            for table in tables
        },
        {(table.key, each.name): each.how for table in tables for each in table.columns},
        frozenset(table.key for table in tables if table.rows),
    )


def _of_marts(
    marts: Sequence[Mart], documents: Documents, changed: Changed, root: DataRoot
) -> tuple[tuple[Use, ...], list[Use]]:
    keys = {table.key for mart in marts for table in mart.reads}
    if not keys & changed.tables.keys():
        return (), []
    from jobforge_dagster.asking.lineage.marts import changed_marts, changed_questions, read_by

    known = read_by(marts, documents, root)
    through = list(changed_marts(known, changed))
    by_mart = {use.name: columns for use, columns in through}
    return _sorted(use for use, _ in through), list(changed_questions(known, by_mart))


def _declared() -> Sequence[Mart]:
    from jobforge_dagster.medallion.discovery import discover, packages_from_environment

    return discover(packages_from_environment()).marts


def _sorted(found: Iterable[Use]) -> tuple[Use, ...]:
    def order(use: Use) -> tuple[int, str, str, tuple[str, ...]]:
        return uses.CLOSENESS.index(use.how), use.table, use.name, use.columns

    return tuple(sorted(found, key=order))
