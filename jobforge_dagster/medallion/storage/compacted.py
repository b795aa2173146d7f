"""Many small deliveries as one file, so that a new one does not cost the opening of all the others.

A cache: it holds the rows of the first deliveries of a source in their order, and is made again
once too many have come after it. What is read through it is the same, row for row.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jobforge_dagster.medallion.declare import Source
from jobforge_dagster.medallion.hashing import digest
from jobforge_dagster.medallion.storage import parquet
from jobforge_dagster.medallion.storage.atomic import replacing
from jobforge_dagster.medallion.storage.deliveries import Manifest
from jobforge_dagster.medallion.storage.root import DataRoot

LOOSE = 50
"""Deliveries that are opened one by one before they are put together."""


def files_of(root: DataRoot, source: Source, manifests: Sequence[Manifest]) -> list[Path]:
    """The files that hold the rows of some deliveries with the same columns, in their order.

    Args:
        root: the data root.
        source: to which they belong.
        manifests: of the deliveries, in order.

    Raises:
        JobForgeError: one lies outside of the data root.
    """
    staged = [root.inside(manifest.staged_file) for manifest in manifests]
    if len(staged) <= LOOSE:
        return staged
    batches = [manifest.batch_id for manifest in manifests]
    folder = _folder(root, source, manifests[0])
    kept = sorted(folder.glob("*.parquet"))
    together, count = None, 0
    for file in kept:
        held = parquet.footer_of(file).get("batches", [])
        if len(held) > count and held == batches[: len(held)]:
            together, count = file, len(held)
    if len(staged) - count > LOOSE:
        before = [] if together is None else [together]
        together = _put_together(folder, [*before, *staged[count:]], batches)
        count = len(staged)
        for file in kept:
            if file != together:
                file.unlink(missing_ok=True)
    return [*([] if together is None else [together]), *staged[count:]]


def _put_together(folder: Path, files: list[Path], batches: Sequence[str]) -> Path:
    path = folder / f"{digest(batches)}.parquet"
    with replacing(path) as temporary:
        parquet.run(parquet.sink(parquet.scan(files), temporary, {"batches": list(batches)}))
    return path


def _folder(root: DataRoot, source: Source, alike: Manifest) -> Path:
    """Of deliveries that have the same columns: those of others are none of theirs."""
    columns = [*alike.header, str(alike.facts.get("types"))]
    return root.cache / "deliveries" / source.name / digest(columns)
