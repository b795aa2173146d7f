"""How lineage looks: a tree for people, and the languages of Mermaid and Graphviz."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from jobforge_dagster.asking.lineage.nodes import Edge, Node
from jobforge_dagster.asking.names import sql_name

ALIKE = 8
"""So many columns of one table, which one node uses in one way, are shown one by one."""

SHOWN = 3
"""Of more than that, so many are."""

REPEATED = "[see above]"
"""Marks a node whose branches were shown before."""

_PLAIN = ("publication", "delivery", "data", "rows")
"""How a node is used, where there is no other way; a tree need not say so."""

Reasons = Mapping[Node, tuple[str, ...]]
"""Why nodes could not be looked into."""


def tree(
    of: Node, edges: Iterable[Edge], opaque: Reasons, *, upwards: bool, full: bool = True
) -> str:
    """A tree whose root is the node that was asked for.

    Args:
        of: the root.
        edges: all; each becomes one line, below the first line of the node that it leads from.
        opaque: is told behind a node.
        upwards: whether a node's branches are what it is made of.
        full: whether to show each of many columns that are alike.
    """
    branches: defaultdict[Node, list[tuple[Node, Edge]]] = defaultdict(list)
    for edge in edges:
        if upwards:
            branches[edge.target].append((edge.source, edge))
        else:
            branches[edge.source].append((edge.target, edge))
    shown: set[Node] = set()
    lines: list[str] = []
    # What is still to be shown, the next one last: a way of any length fits into a list.
    waiting: list[tuple[str, str, str, Node | None]] = [("", "", _named(of, opaque), of)]
    while waiting:
        indent, corner, text, node = waiting.pop()
        below = branches[node] if node else []
        again = f" {REPEATED}" if below and node in shown else ""
        lines.append(f"{indent}{corner}{text}{again}")
        if node is None or again or not below:
            continue
        shown.add(node)
        indent += {"": "", "├── ": "│   ", "└── ": "    "}[corner]
        parts = list(_parts(below, opaque, full=full))
        corners = ["├── "] * (len(parts) - 1) + ["└── "]
        waiting += reversed(
            [(indent, corner, *part) for corner, part in zip(corners, parts, strict=True)]
        )
    return "\n".join(lines)


def mermaid(nodes: Sequence[Node], edges: Iterable[Edge]) -> str:
    """A flow chart in the language of Mermaid; what only decides is a dotted line."""
    ids = {node: f"n{place}" for place, node in enumerate(nodes)}
    lines = ["flowchart LR"]
    lines += [f'    {ids[node]}["{_in_mermaid(node.id)}"]' for node in nodes]
    for edge in edges:
        line = "-->" if edge.direct else "-.->"
        told = _in_mermaid(", ".join(edge.kinds))
        lines.append(f'    {ids[edge.source]} {line}|"{told}"| {ids[edge.target]}')
    return "\n".join(lines)


def dot(nodes: Sequence[Node], edges: Iterable[Edge]) -> str:
    """A graph in the language of Graphviz; what only decides is a dotted line."""
    lines = ["digraph lineage {", "    rankdir=LR;", "    node [shape=box];"]
    lines += [f"    {_in_dot(node.id)};" for node in nodes]
    for edge in edges:
        style = "" if edge.direct else ", style=dotted"
        told = _in_dot(", ".join(edge.kinds))
        lines.append(
            f"    {_in_dot(edge.source.id)} -> {_in_dot(edge.target.id)} [label={told}{style}];"
        )
    return "\n".join([*lines, "}"])


def _parts(
    below: list[tuple[Node, Edge]], opaque: Reasons, *, full: bool
) -> Iterator[tuple[str, Node | None]]:
    """The branches of a node: what to write, and what to go on with; data comes first."""
    ordered = sorted(
        below, key=lambda part: (not part[1].direct, _sort(part), part[0].column or "")
    )
    for _, each in groupby(ordered, key=_sort):
        alike = list(each)
        many = not full and len(alike) > ALIKE
        for node, edge in alike[:SHOWN] if many else alike:
            yield f"{_named(node, opaque)}{_how(edge)}", node
        if many:
            first, edge = alike[0]
            more = f"{len(alike) - SHOWN} more columns of {sql_name(first.table)}"
            yield f"... {more}{_how(edge)}", None


def _how(edge: Edge) -> str:
    return "" if edge.kinds[0] in _PLAIN else f" ({', '.join(edge.kinds)})"


def _sort(part: tuple[Node, Edge]) -> tuple[str, str, tuple[str, ...]]:
    node, edge = part
    return node.table, node.kind, edge.kinds


def _named(node: Node, opaque: Reasons) -> str:
    reasons = opaque.get(node)
    return f"{_one_line(node.id)} [opaque: {'; '.join(reasons)}]" if reasons else _one_line(node.id)


def _one_line(text: str) -> str:
    return " ".join(text.splitlines()) if len(text.splitlines()) > 1 else text


def _in_mermaid(text: str) -> str:
    """A text between quotes; https://mermaid.js.org/syntax/flowchart.html, "Entity codes"."""
    plain = set(" .,_-:/'()")
    return "".join(each if each.isalnum() or each in plain else f"#{ord(each)};" for each in text)


def _in_dot(text: str) -> str:
    """A quoted id; https://graphviz.org/doc/info/lang.html. A backslash would begin an escape."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_one_line(quoted)}"'
