"""The lineage of each layer's tables, as documents, from what is at hand when one is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from jobforge_dagster.medallion.declare import Source
from jobforge_dagster.medallion.layers.bronze import Delivered
from jobforge_dagster.medallion.lineage.delivered import FromStaged, bronze_lineage, staged_lineage
from jobforge_dagster.medallion.lineage.documents import TableSources, origins_from, to_document
from jobforge_dagster.medallion.lineage.model import ColumnLineage, FrameLineage
from jobforge_dagster.medallion.lineage.origins import Composed, composed
from jobforge_dagster.medallion.lineage.tables import of_made
from jobforge_dagster.medallion.quality.judge import Made
from jobforge_dagster.medallion.quality.waivers import Waiver
from jobforge_dagster.medallion.storage.deliveries import Manifest


def staged_sources(source: Source, manifests: Sequence[Manifest]) -> TableSources:
    """Where the columns of a staged table come from: the delivered headers."""
    origins = _staged_origins(source, manifests)
    columns = {name: ColumnLineage({}, {}) for name in origins.columns}
    return to_document(FrameLineage(columns, {}), origins)


def bronze_sources(
    source: Source, delivered: Sequence[Delivered], manifests: Sequence[Manifest]
) -> TableSources:
    """Where the columns of a bronze table come from.

    Args:
        source: the declaration.
        delivered: the deliveries in force, with what bronze makes of each column.
        manifests: of these deliveries.
    """
    made: dict[str, FromStaged] = {}
    for each in delivered:
        types = each.frame.collect_schema()
        for column in each.columns:
            before = made.get(column.name)
            staged = (*before.staged, column.staged) if before else (column.staged,)
            as_it_stands = (
                types[column.staged] == column.dtype != pl.String and not column.path
            ) and (before is None or before.unchanged)
            made[column.name] = FromStaged(
                tuple(dict.fromkeys(staged)),
                unchanged=as_it_stands,
                alone=column.wide and column.dtype != pl.String,
            )
    key = source.schema.primary_key() if source.combine == "upsert" else ()
    found = bronze_lineage(source.staged_key, made, key)
    origins = {source.staged_key: _staged_origins(source, manifests)}
    return to_document(found, composed(found, origins))


def table_sources(
    made: Made,
    waivers: Sequence[Waiver],
    upstream: Mapping[str, TableSources | None],
    tables: Mapping[str, Path],
) -> TableSources | None:
    """Where the columns of a silver or gold table come from.

    Args:
        made: as its layer plans it.
        waivers: those in force for it.
        upstream: the lineage of each table that it reads, by key.
        tables: the Parquet file of each.

    Returns:
        ``None`` where the lineage of an input is not known: it was written before there was any.

    Raises:
        ContractError: the plan reads another file.
    """
    known = {key: origins_from(each) for key, each in upstream.items() if each is not None}
    if len(known) < len(upstream):
        return None
    found = of_made(made, waivers, tables)
    return to_document(found, composed(found, known))


def _staged_origins(source: Source, manifests: Sequence[Manifest]) -> Composed:
    headers = {
        source.renames.get(header, header): header
        for manifest in manifests
        for header in manifest.header
    }
    return staged_lineage(source.name, headers)
