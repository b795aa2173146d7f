"""The question of lineage, as a notebook and the command line ask it."""

from __future__ import annotations

from typing import get_args

from jobforge_dagster.asking.lineage.documents import read_documents
from jobforge_dagster.asking.lineage.named import graph_and_node
from jobforge_dagster.asking.lineage.walk import Direction, Lineage, walk
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.storage.root import DataRoot


def lineage(
    name: str,
    direction: Direction = "up",
    *,
    depth: int | None = None,
    deciding: bool | None = None,
    root: DataRoot | None = None,
) -> Lineage:
    """What a table or a column is made of, as far as the delivered files, or what is made of it.

    Args:
        name: a table (``gold.dim_noc``), a column of one (``gold.dim_noc.title``), or the header of
            a delivered file (``noc_structure:"Class title"``).
        direction: ``up`` to what it is made of, ``down`` to what is made of it.
        depth: how many tables far at most; ``None`` for as far as it goes.
        deciding: whether to follow what only decides: of a table, those that it is compared with;
            of a column, what it depends on without being made of it, and what decides which rows
            there are. By default that of a table alone, for columns have much of it.
        root: the data root; by default that of the environment.

    Raises:
        UnknownNameError: there is no such table or column; tells the closest.
        UnreadableDocumentError: the catalog is empty or damaged.
        JobForgeError: there is no such direction.
    """
    if direction not in get_args(Direction):
        known = " or ".join(map(repr, get_args(Direction)))
        raise JobForgeError(f"Lineage goes {known}, not {direction!r}.")
    documents = read_documents(root or DataRoot.from_environment())
    graph, node = graph_and_node(name, documents)
    if deciding is None:
        deciding = node.kind in ("table", "file", "publisher")
    return walk(graph, node, direction, depth=depth, deciding=deciding)
