"""The facet ``columnLineage``: what each column is made of, and what decides which rows there are.

As in the facet's schema (1-2-0): sources of one column stand under ``fields``, what bears on all
rows stands in ``dataset``. Each source is named once, with every way in which it counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from openlineage.client.facet_v2 import BaseFacet, column_lineage_dataset

from jobforge_dagster.catalog.documents import TableMetadata
from jobforge_dagster.catalog.exports.open_lineage.names import FILES, PRODUCER, TABLES

if TYPE_CHECKING:
    from jobforge_dagster.medallion.lineage.documents import ColumnSources, DecidedBy, From

_Way = tuple[str, str, str, str, str]
"""Namespace, dataset and field of a source; type and subtype of one way in which it counts."""


def headers(document: TableMetadata) -> tuple[str, ...]:
    """The delivered headers that the columns of a staged table hold, in its order."""
    lineages = [column.lineage for column in document.columns if column.lineage is not None]
    return tuple(dict.fromkeys(each.header for lineage in lineages for each in lineage.origins))


def column_lineage(document: TableMetadata, delivered: Sequence[str]) -> BaseFacet | None:
    """The facet of a table as it stands.

    Args:
        document: the table.
        delivered: of a staged table, the files that it was made of, which then are the sources of
            its columns. Later tables are made of tables, so their delivered headers are found by
            following those.

    Returns:
        ``None`` where no lineage is known.
    """
    fields = {
        column.name: _field(column.lineage, delivered)
        for column in document.columns
        if column.lineage is not None
    }
    known = document.lineage
    deciding = _named([*_deciding(known.rows), *_brought(known.row_origins, delivered)])
    if not (fields or deciding or known.opaque):
        return None
    facet = column_lineage_dataset.ColumnLineageDatasetFacet(
        fields, deciding or None, producer=PRODUCER
    )
    return facet.with_additional_properties(opaque=list(known.opaque)) if known.opaque else facet


def _field(lineage: ColumnSources, delivered: Sequence[str]) -> column_lineage_dataset.Fields:
    making = ((TABLES, each.table, each.column, "DIRECT", each.kind) for each in lineage.direct)
    deciding = _deciding(lineage.indirect)
    brought = _brought(lineage.origins, delivered)
    field = column_lineage_dataset.Fields(_named([*making, *deciding, *brought]))
    if lineage.opaque:
        # The schema lets a field say more than it names: where the plan could not be looked into,
        # some of its sources are a guess on the safe side.
        return field.with_additional_properties(opaque=list(lineage.opaque))
    return field


def _deciding(sources: Iterable[DecidedBy]) -> Iterator[_Way]:
    for each in sources:
        for kind in each.kinds:
            yield TABLES, each.table, each.column, "INDIRECT", kind


def _brought(origins: Sequence[From], delivered: Sequence[str]) -> Iterator[_Way]:
    for path in delivered:
        for each in origins:
            if each.kind is not None:
                yield FILES, path, each.header, "DIRECT", each.kind
            for kind in each.kinds:
                yield FILES, path, each.header, "INDIRECT", kind


def _named(ways: Iterable[_Way]) -> list[column_lineage_dataset.InputField]:
    found: dict[tuple[str, str, str], list[column_lineage_dataset.Transformation]] = {}
    for namespace, name, field, kind, subtype in dict.fromkeys(ways):
        way = column_lineage_dataset.Transformation(kind, subtype.upper())
        found.setdefault((namespace, name, field), []).append(way)
    return [column_lineage_dataset.InputField(*source, ways) for source, ways in found.items()]
