"""The files of the quarantine: which records stand, and which were resolved."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from jobforge_dagster.medallion.quality.record import RECORD
from jobforge_dagster.medallion.storage import deliveries, parquet, publications
from jobforge_dagster.medallion.storage.publications import Publication
from jobforge_dagster.medallion.storage.root import DataRoot


def standing_file(root: DataRoot, publication: Publication) -> Path | None:
    """The records that stand with a table, if it refused any row."""
    file = publication.quarantine_file
    return root.path / file if file else None


def open_records(root: DataRoot) -> pl.LazyFrame:
    """Every record that stands, as :data:`record.RECORD`."""
    return _all(open_files(root))


def open_files(root: DataRoot) -> list[Path]:
    """The files of the records that stand."""
    found = sorted(root.quarantined.glob("[!_]*/*/*.parquet"))
    return [file for file in found if _stands(root, file)]


def resolved_records(root: DataRoot) -> pl.LazyFrame:
    """Every record that was resolved, as :data:`record.RECORD`."""
    return _all(resolved_files(root))


def resolved_files(root: DataRoot) -> list[Path]:
    """The files of the records that were resolved."""
    return sorted(root.quarantined.glob("_history/*/*/*.parquet"))


def _stands(root: DataRoot, file: Path) -> bool:
    """Whether a file belongs to a publication or delivery; a crash may leave one that does not."""
    key = parquet.footer_of(file).get("table", "")
    if key.startswith("staged/"):
        batch = parquet.scan(file).select("batch_id").head(1).collect().item()
        manifest = deliveries.find(root, batch)
        return manifest is not None and manifest.quarantine_file == root.relative(file)
    found = publications.standing(root, key) if key else None
    return found is not None and standing_file(root, found[1]) == file


def _all(files: list[Path]) -> pl.LazyFrame:
    return pl.concat([pl.LazyFrame(schema=RECORD), *map(parquet.scan, files)])


def files_of(root: DataRoot, key: str, folder: str = "") -> list[Path]:
    """The files of a table's records; with ``folder="_history/"``, of those resolved."""
    layer, table = key.split("/")[0], key.split("/")[-1]
    found = sorted(root.quarantined.glob(f"{folder}{layer}/*/{table}-????????.parquet"))
    return [path for path in found if parquet.footer_of(path).get("table") == key]
