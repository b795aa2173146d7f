"""Foreign keys as relationships, and which of them filter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from jobforge_dagster.catalog.documents.table import ForeignKey
from jobforge_dagster.catalog.exports.tmdl.model import GoldColumn, GoldTable


@dataclass(frozen=True)
class Relationship:
    """From a column of the many side to the key of the one side."""

    many: GoldTable
    from_column: GoldColumn
    one: GoldTable
    to_column: GoldColumn
    active: bool


def relationships(tables: tuple[GoldTable, ...]) -> tuple[Relationship, ...]:
    """What can be a relationship, in the order of the documents.

    Power BI lets a filter reach a table on one way only, so of several ways one is active: the
    longer, which goes through the tables in between, before the short cut past them; else the
    first. A measure can still choose the other one with ``USERELATIONSHIP``.
    """
    found = list({_key(each): each for table in tables for each in _of(table, tables)}.values())
    ends = [(each.many.key, each.one.key) for each in found]
    by_rank = sorted(range(len(ends)), key=lambda index: _is_short_cut(index, ends))
    active: set[int] = set()
    for index in by_rank:
        if not _is_ambiguous(ends[index], {ends[other] for other in active}):
            active.add(index)
    return tuple(
        Relationship(each.many, each.from_column, each.one, each.to_column, index in active)
        for index, each in enumerate(found)
    )


def unrelated(table: GoldTable, related: Iterable[Relationship]) -> Iterator[ForeignKey]:
    """The foreign keys of a table that are no relationship.

    They are those of several columns, those within one table, and those whose ends Power BI does
    not hold or holds in different types.
    """
    made = {
        ((each.from_column.source,), each.one.key, (each.to_column.source,))
        for each in related
        if each.many.key == table.key
    }
    for key in table.document.technical.foreign_keys:
        if (key.columns, key.table, key.refers_to) not in made:
            yield key


def _of(table: GoldTable, tables: tuple[GoldTable, ...]) -> Iterator[Relationship]:
    by_key = {each.key: each for each in tables}
    for key in table.document.technical.foreign_keys:
        one = by_key.get(key.table)
        if one is None or one.key == table.key or len(key.columns) != 1:
            continue
        if key.refers_to != one.document.technical.primary_key:
            continue
        start, end = table.column(key.columns[0]), one.column(key.refers_to[0])
        if start is not None and end is not None and start.data_type == end.data_type:
            yield Relationship(table, start, one, end, active=True)


def _key(each: Relationship) -> tuple[str, str, str, str]:
    return each.many.key, each.from_column.source, each.one.key, each.to_column.source


Edge = tuple[str, str]


def _reached(start: str, edges: Iterable[Edge]) -> set[str]:
    """The tables at the end of any way from ``start``, itself included."""
    following = list(edges)
    found, waiting = {start}, [start]
    while waiting:
        here = waiting.pop()
        fresh = {one for many, one in following if many == here} - found
        found |= fresh
        waiting.extend(fresh)
    return found


def _is_short_cut(index: int, ends: list[Edge]) -> bool:
    """Whether there is another way, by all relationships, between the same tables."""
    many, one = ends[index]
    others = [edge for position, edge in enumerate(ends) if position != index]
    return one in _reached(many, others)


def _is_ambiguous(edge: Edge, active: set[Edge]) -> bool:
    """Whether one more active relationship makes a second way between two tables, or a circle."""
    many, one = edge
    beyond = _reached(one, active)
    before = _reached(many, {(end, start) for start, end in active})
    return many in beyond or any(_reached(table, active) & beyond for table in before)
