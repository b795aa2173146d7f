"""Lineage: the graph that the catalog's documents tell of, the ways through it, and how it looks.

Documents are read as plain JSON, and nothing heavy is imported: the answer is there at once.
"""

from jobforge_dagster.asking.lineage.ask import lineage
from jobforge_dagster.asking.lineage.nodes import Edge, Node
from jobforge_dagster.asking.lineage.walk import Direction, Lineage

__all__ = ["Direction", "Edge", "Lineage", "Node", "lineage"]
