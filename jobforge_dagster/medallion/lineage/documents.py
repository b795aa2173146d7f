"""The lineage of a table as a document: sorted, so that the same lineage is the same text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict

from jobforge_dagster.medallion.lineage.model import (
    ColumnLineage,
    Direct,
    FrameLineage,
    Indirect,
    Upstream,
)
from jobforge_dagster.medallion.lineage.origins import ColumnOrigins, Composed, Origin


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InputColumn(_Frozen):
    """A column of an input, by the key of its table."""

    table: str
    column: str


class MadeOf(InputColumn):
    """A column of an input that a column is made of."""

    kind: Direct


class DecidedBy(InputColumn):
    """A column of an input that decides a column, or the rows."""

    kinds: tuple[Indirect, ...]


class From(_Frozen):
    """A delivered column: one that a column is made of has a kind, one that decides has kinds."""

    source: str
    header: str
    kind: Direct | None = None
    kinds: tuple[Indirect, ...] = ()


class ColumnSources(_Frozen):
    """What one column comes from."""

    name: str
    direct: tuple[MadeOf, ...] = ()
    indirect: tuple[DecidedBy, ...] = ()
    origins: tuple[From, ...] = ()
    opaque: tuple[str, ...] = ()


class TableSources(_Frozen):
    """What a table comes from; what decides its rows stands once, and counts for each column.

    Attributes:
        columns: in the order of the table.
        rows: columns of inputs that decide which rows there are, and their order.
        origins: delivered columns that do, here and in every table before.
        tables: all that are read.
        opaque: what decides the rows and could not be looked into.
    """

    columns: tuple[ColumnSources, ...] = ()
    rows: tuple[DecidedBy, ...] = ()
    origins: tuple[From, ...] = ()
    tables: tuple[str, ...] = ()
    opaque: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Compact text: what is empty is left out."""
        return self.model_dump_json(exclude_defaults=True)


def to_document(lineage: FrameLineage, origins: Composed) -> TableSources:
    """A lineage and the origins composed from it, as a document."""
    columns = tuple(
        ColumnSources(
            name=name,
            direct=_made_of(each.direct),
            indirect=_decided_by(each.indirect),
            origins=_from(origins.columns[name].direct, origins.columns[name].indirect),
            opaque=tuple(sorted({*each.opaque, *origins.columns[name].opaque})),
        )
        for name, each in lineage.columns.items()
    )
    return TableSources(
        columns=columns,
        rows=_decided_by(lineage.rows),
        origins=_from({}, origins.rows),
        tables=tuple(sorted(lineage.tables)),
        opaque=tuple(sorted({*lineage.opaque, *origins.opaque})),
    )


def lineage_from(document: TableSources) -> FrameLineage:
    """The lineage that a document holds; reasons of earlier tables count as its own."""
    return FrameLineage(
        {
            each.name: ColumnLineage(
                {Upstream(one.table, one.column): one.kind for one in each.direct},
                _deciding(each.indirect),
                each.opaque,
            )
            for each in document.columns
        },
        _deciding(document.rows),
        frozenset(document.tables),
        document.opaque,
    )


def origins_from(document: TableSources) -> Composed:
    """The origins that a document holds, to compose those of the next table."""
    return Composed(
        {
            each.name: ColumnOrigins(
                {Origin(one.source, one.header): one.kind for one in each.origins if one.kind},
                _origins_deciding(each.origins),
                each.opaque,
            )
            for each in document.columns
        },
        _origins_deciding(document.origins),
        document.opaque,
    )


def _made_of(direct: Mapping[Upstream, Direct]) -> tuple[MadeOf, ...]:
    return tuple(
        MadeOf(table=source.table, column=source.column, kind=direct[source])
        for source in sorted(direct)
    )


def _decided_by(deciding: Mapping[Upstream, frozenset[Indirect]]) -> tuple[DecidedBy, ...]:
    return tuple(
        DecidedBy(table=source.table, column=source.column, kinds=tuple(sorted(deciding[source])))
        for source in sorted(deciding)
    )


def _from(
    direct: Mapping[Origin, Direct], deciding: Mapping[Origin, frozenset[Indirect]]
) -> tuple[From, ...]:
    return tuple(
        From(
            source=origin.source,
            header=origin.header,
            kind=direct.get(origin),
            kinds=tuple(sorted(deciding.get(origin, ()))),
        )
        for origin in sorted(direct.keys() | deciding.keys())
    )


def _deciding(entries: Iterable[DecidedBy]) -> dict[Upstream, frozenset[Indirect]]:
    return {Upstream(each.table, each.column): frozenset(each.kinds) for each in entries}


def _origins_deciding(entries: Iterable[From]) -> dict[Origin, frozenset[Indirect]]:
    return {
        Origin(each.source, each.header): frozenset(each.kinds) for each in entries if each.kinds
    }
