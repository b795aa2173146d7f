"""Quality metrics stand beside the data: they are worked out again from the data."""

from __future__ import annotations

from math import isclose

import polars as pl

from jobforge_dagster.catalog.audit.evidence import RESTORE, Evidence
from jobforge_dagster.catalog.audit.model import Checked, Control
from jobforge_dagster.catalog.documents import TableMetadata
from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.provenance import CARRIED, PROVENANCE
from jobforge_dagster.medallion.storage import parquet
from jobforge_dagster.medallion.storage.publications import Metrics, Publication

_ROWS = "__rows"
_AGAIN = "Materialise the table again"


def measured(evidence: Evidence) -> Checked:
    """Count rows and empty cells of every table, and compare them with its record."""
    checked = Checked.of("tables", "metrics", "cells counted", "empty cells")
    for key in evidence.keys:
        checked.count("tables")
        publication = evidence.standing(key)
        if publication is None:
            folder = evidence.root.relative(evidence.root.publications(key))
            what = "the record of the publication that stands is not there"
            checked.wrong(folder, what, RESTORE)
            continue
        _compared(checked, evidence, publication)
        document = evidence.tables.get(key)
        if document is not None:
            _told(checked, evidence, document, publication.metrics)
    return checked


def _compared(checked: Checked, evidence: Evidence, publication: Publication) -> None:
    key, told = publication.table, publication.metrics
    found = _counted(evidence, key)
    if found is None:
        return
    rows, nulls = found
    checked.count("metrics")
    checked.count("cells counted", rows * len(nulls))
    checked.count("empty cells", sum(nulls.values()))
    path = evidence.root.publication(key, publication.run_id, publication.written_at)
    where = evidence.root.relative(path)
    if (told.rows, publication.conservation.accepted) != (rows, rows):
        accepted = publication.conservation.accepted
        what = f"it tells of {told.rows:,} rows ({accepted:,} accepted), and the file has {rows:,}"
        checked.wrong(where, what, _AGAIN)
    cells = rows * len(nulls)
    completeness = 1 - sum(nulls.values()) / cells if cells else None
    if not _same(told.completeness, completeness):
        what = f"it tells a completeness of {told.completeness}, and the data has {completeness}"
        checked.wrong(where, what, _AGAIN)
    empty = {name: count for name, count in nulls.items() if count}
    if told.nulls != empty:
        differ = sorted({name for name, _ in told.nulls.items() ^ empty.items()})
        what = f"it counts the empty cells of {', '.join(differ)} otherwise than the data"
        checked.wrong(where, what, _AGAIN)


def _counted(evidence: Evidence, key: str) -> tuple[int, dict[str, int]] | None:
    """How many rows a table has, and how many nulls each declared column that is not nested."""
    path = evidence.root.table(key)
    facts = evidence.facts(path)
    if facts is None:
        return None
    scan = parquet.scan(path)
    names = [
        name
        for name, dtype in scan.collect_schema().items()
        if name not in {*PROVENANCE, *CARRIED} and not dtype.is_nested()
    ]
    plan = scan.select(
        pl.len().alias(_ROWS), *(exactly(name).null_count().alias(name) for name in names)
    )
    found = evidence.collected(path, plan)
    if found is None:
        return None
    rows, *nulls = found.row(0)
    return rows, dict(zip(names, nulls, strict=True))


def _told(checked: Checked, evidence: Evidence, document: TableMetadata, metrics: Metrics) -> None:
    quality = document.quality
    for name in ("completeness", "uniqueness", "validity", "integrity"):
        said = getattr(quality, name) if quality else None
        if not _same(said, getattr(metrics, name)):
            place = evidence.place(document.table)
            what = f"it tells a {name} of {said}, and the record beside the data another"
            checked.wrong(place, what, "Materialise the table")


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return isclose(one, other, rel_tol=0, abs_tol=1e-9)


CONTROLS = (
    Control(
        "quality.metrics",
        "Data quality",
        "Quality metrics stand beside the data, and are those of the data.",
        measured,
        ("tables", "publications", "data"),
    ),
)
