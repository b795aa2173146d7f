"""Lineage as far as the delivered files: lineage of tables, composed from one to the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from jobforge_dagster.medallion.errors import ContractError
from jobforge_dagster.medallion.lineage.model import (
    ColumnLineage,
    Direct,
    FrameLineage,
    Indirect,
    Upstream,
)
from jobforge_dagster.medallion.lineage.sources import reasons, worse
from jobforge_dagster.medallion.provenance import CARRIED, PROVENANCE

Deciding = dict["Origin", frozenset[Indirect]]


class Origin(NamedTuple):
    """A column of a delivered file: name of the source, and the header as it was delivered."""

    source: str
    header: str


@dataclass(frozen=True)
class ColumnOrigins:
    """What one column comes from, as far as the delivered files.

    Attributes:
        direct: what its values are made of; the worst kind on the way.
        indirect: what decides the values of this column only.
        opaque: what could not be looked into on the way.
    """

    direct: Mapping[Origin, Direct] = field(default_factory=dict)
    indirect: Mapping[Origin, frozenset[Indirect]] = field(default_factory=dict)
    opaque: tuple[str, ...] = ()


@dataclass(frozen=True)
class Composed:
    """What a table comes from, as far as the delivered files.

    Attributes:
        columns: by name.
        rows: what decides which rows there are, and their order, here and in every table before.
        opaque: what decides the rows and could not be looked into.
    """

    columns: Mapping[str, ColumnOrigins]
    rows: Mapping[Origin, frozenset[Indirect]] = field(default_factory=dict)
    opaque: tuple[str, ...] = ()


def composed(lineage: FrameLineage, upstream: Mapping[str, Composed]) -> Composed:
    """Follow the lineage of a table through the origins of its inputs.

    What decides a column that another is made of decides that one too, in the same way. What
    decides a column that only decides does so in the way of that one. What decides the rows of an
    input decides the rows.

    Args:
        lineage: of the table.
        upstream: the origins of every table that it reads, by key.

    Raises:
        ContractError: an input or a column of one is unknown.
    """
    missing = sorted(lineage.tables - upstream.keys())
    if missing:
        raise ContractError(f"The origins of {', '.join(missing)} are not known yet.")
    columns = {name: _column(each, upstream) for name, each in lineage.columns.items()}
    rows: Deciding = {}
    opaque = [lineage.opaque]
    for key in sorted(lineage.tables):
        _add(rows, upstream[key].rows)
        opaque.append(upstream[key].opaque)
    for source, kinds in lineage.rows.items():
        found = _origins(source, upstream)
        _add(rows, dict.fromkeys((*found.direct, *found.indirect), kinds))
        opaque.append(found.opaque)
    return Composed(columns, rows, reasons(opaque))


def _column(column: ColumnLineage, upstream: Mapping[str, Composed]) -> ColumnOrigins:
    direct: dict[Origin, Direct] = {}
    indirect: Deciding = {}
    opaque = [column.opaque]
    for source, kind in column.direct.items():
        found = _origins(source, upstream)
        for origin, before in found.direct.items():
            on_the_way = worse(kind, before)
            known = direct.get(origin)
            direct[origin] = on_the_way if known is None else worse(known, on_the_way)
        _add(indirect, found.indirect)
        opaque.append(found.opaque)
    for source, kinds in column.indirect.items():
        found = _origins(source, upstream)
        _add(indirect, dict.fromkeys((*found.direct, *found.indirect), kinds))
        opaque.append(found.opaque)
    return ColumnOrigins(direct, indirect, reasons(opaque))


def _origins(source: Upstream, upstream: Mapping[str, Composed]) -> ColumnOrigins:
    table = upstream.get(source.table)
    found = table.columns.get(source.column) if table else None
    if found is None:
        # Every table is stamped with these when it is written; they come from no file.
        if table is not None and source.column in PROVENANCE.keys() | CARRIED.keys():
            return ColumnOrigins()
        raise ContractError(f"The origins of {source.column} of {source.table} are not known.")
    return found


def _add(into: Deciding, more: Mapping[Origin, Iterable[Indirect]]) -> None:
    for origin, kinds in more.items():
        into[origin] = into.get(origin, frozenset()) | frozenset(kinds)
