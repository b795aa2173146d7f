"""Batch ids link all layers: every id in the data is that of a delivery with a manifest."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from pathlib import Path

import polars as pl

from jobforge_dagster.catalog.audit.evidence import RESTORE, Evidence
from jobforge_dagster.catalog.audit.model import Checked, Control
from jobforge_dagster.medallion.provenance import BATCH_ID, SEPARATOR
from jobforge_dagster.medallion.storage import parquet

_NAMED = 3


def batches_link(evidence: Evidence) -> Checked:
    """Collect the batch ids of every file, each once, and look up their manifests."""
    checked = Checked.of("tables", "staged files", "batch ids in the data", "manifests")
    checked.count("manifests", len(evidence.manifests))
    met: set[str] = set()
    for key in evidence.keys:
        found = _ids(checked, evidence, evidence.root.table(key))
        if found is None:
            continue
        checked.count("tables")
        met |= found
        _known(checked, evidence, f"{key}.parquet", found)
        document = evidence.tables.get(key)
        untold = sorted(found - {*document.lineage.batch_ids}) if document else []
        if untold:
            what = f"its document does not tell of the batches {', '.join(untold[:_NAMED])}"
            checked.wrong(f"{key}.parquet", what, "Materialise it again")
    for manifest in evidence.manifests.values():
        path = evidence.root.path / manifest.staged_file
        if not path.exists():
            continue
        found = _ids(checked, evidence, path)
        checked.count("staged files")
        if found is not None and found - {manifest.batch_id}:
            what = f"its rows are not of batch {manifest.batch_id}, as its manifest says"
            checked.wrong(manifest.staged_file, what, RESTORE)
    checked.count("batch ids in the data", len(met))
    return checked


def _known(checked: Checked, evidence: Evidence, where: str, found: AbstractSet[str]) -> None:
    unknown = sorted(found - evidence.manifests.keys())
    if unknown:
        more = f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
        named = ", ".join(unknown[:_NAMED])
        checked.wrong(where, f"no manifest tells of its batches {named}{more}", RESTORE)


def _ids(checked: Checked, evidence: Evidence, path: Path) -> set[str] | None:
    """The batches of a file; ``None`` if it cannot be read."""
    plan = parquet.scan(path).select(pl.col(BATCH_ID).unique())
    found = evidence.collected(path, plan)
    if found is None:
        return None
    told = found[BATCH_ID]
    if told.null_count():
        where = evidence.root.relative(path)
        checked.wrong(where, f"it has rows without {BATCH_ID}", "Materialise it again")
    return set(told.drop_nulls().str.split(SEPARATOR).explode().unique().to_list())


CONTROLS = (
    Control(
        "integration.batches",
        "Data integration",
        "Batch ids link all layers to the delivery.",
        batches_link,
        ("manifests", "data"),
    ),
)
