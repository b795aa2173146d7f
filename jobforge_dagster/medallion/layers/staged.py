"""Staged: the delivered file as Parquet, every value as it was written, plus provenance.

May add the provenance columns and convert to Parquet. Must not change, drop, reorder or retype a
source value or column. A record that no row can represent goes to quarantine with its text; a blank
line is counted in the manifest. Enforced here: the file's header and its number of records must
come out again before the delivery is committed.
"""

from __future__ import annotations

import fnmatch
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from jobforge_dagster.medallion.columns import exactly
from jobforge_dagster.medallion.declare import Source
from jobforge_dagster.medallion.errors import ContractError, DeliveryError
from jobforge_dagster.medallion.provenance import (
    BATCH_ID,
    INGESTED_AT,
    LAYER,
    PROVENANCE,
    SEPARATOR,
    SOURCE_FILE,
    SOURCE_ROW,
)
from jobforge_dagster.medallion.readers import Inspection, Reading, inspect, read
from jobforge_dagster.medallion.storage import deliveries, parquet, quarantine
from jobforge_dagster.medallion.storage.atomic import append_line, creating
from jobforge_dagster.medallion.storage.deliveries import Manifest
from jobforge_dagster.medallion.storage.root import DataRoot


@dataclass(frozen=True)
class Staging:
    """The delivery of a source that stands, whether it was staged just now, and the one before."""

    manifest: Manifest
    new: bool
    before: Manifest | None = None

    @property
    def added(self) -> list[str]:
        """Headers that the delivery before had not."""
        before = self.before.header if self.before else self.manifest.header
        return [header for header in self.manifest.header if header not in before]

    @property
    def removed(self) -> list[str]:
        """Headers that only the delivery before had."""
        before = self.before.header if self.before else ()
        return [header for header in before if header not in self.manifest.header]


def stage(root: DataRoot, source: Source, *, run_id: str, at: datetime) -> Staging | None:
    """Stage what the landing folder holds of a source, unless that content was staged before.

    Args:
        root: the data root.
        source: the source.
        run_id: the run, for quarantine.
        at: when the file is received, UTC.

    Returns:
        The delivery that stands; ``None`` if the source never delivered anything.

    Raises:
        DeliveryError: the file cannot be staged, or several files claim to be it.
    """
    path = _landed(root, source)
    last = deliveries.standing(root, source)
    if path is None:
        return Staging(last, new=False) if last else None
    file = path.relative_to(root.landing).as_posix()
    inspection = inspect(path, file, source.encoding)
    seen = _identity(path)
    batch_id = deliveries.batch_id_of(source, inspection.sha256)
    known = deliveries.find(root, batch_id)
    if known is not None and not (root.path / known.staged_file).exists():
        raise DeliveryError(
            f"{source.staged_key}: the manifest of batch {batch_id} names {known.staged_file}, "
            f"which is gone. Restore that file; staged files are never deleted by a run."
        )
    manifest = known or _stage(root, source, path, file, inspection, batch_id, run_id, at, seen)
    deliveries.arrived(root, source, manifest, file, at)
    quarantine.settle_delivery(root, source.staged_key, manifest, run_id=run_id, at=at)
    return Staging(manifest, new=known is None, before=last)


def _identity(path: Path) -> tuple[int, int, int]:
    """Changes when another file, or other content, stands at a path."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def expected(source: Source) -> str:
    """Where the file of a source is expected, below the data root."""
    return f"source/{source.files}"


def _landed(root: DataRoot, source: Source) -> Path | None:
    folder, _, pattern = source.files.rpartition("/")
    where = root.landing / folder
    names = sorted(path.name for path in where.iterdir()) if where.is_dir() else []
    matches = [name for name in names if fnmatch.fnmatchcase(name, pattern)]
    if len(matches) > 1:
        found = " and ".join(f"{folder}/{name}" for name in matches)
        raise DeliveryError(
            f"{source.staged_key}: one file is expected as {source.files}, but {found} match. "
            f"Leave the one that stands and move the other away."
        )
    if matches and SEPARATOR in matches[0]:
        raise DeliveryError(
            f"{folder}/{matches[0]}: a file's name may not hold '{SEPARATOR}', which separates "
            f"files in provenance. Rename it."
        )
    return where / matches[0] if matches else None


def _stage(
    root: DataRoot,
    source: Source,
    path: Path,
    file: str,
    inspection: Inspection,
    batch_id: str,
    run_id: str,
    at: datetime,
    seen: tuple[int, int, int],
) -> Manifest:
    reading = read(path, file, inspection, source.delimiter, source.renames)
    staged = deliveries.staged_path(root, source, path, batch_id, at)
    frame = reading.records.select(
        exactly(*reading.names),
        pl.lit(file).alias(SOURCE_FILE),
        pl.lit(at).cast(PROVENANCE[INGESTED_AT]).alias(INGESTED_AT),
        pl.lit(batch_id).alias(BATCH_ID),
        pl.lit("staged").alias(LAYER),
        pl.col(SOURCE_ROW).cast(PROVENANCE[SOURCE_ROW]),
    )
    with creating(staged) as temporary:
        try:
            parquet.run(parquet.sink(frame, temporary, {"batch_id": batch_id}))
        except UnicodeError as error:
            raise DeliveryError(f"{file} is not {source.encoding}: {error}.") from error
        facts = parquet.facts_of(temporary)
        _account(source, file, reading, facts)
        if _identity(path) != seen:
            raise DeliveryError(f"{file} was replaced while it was read. Run again.")
    refused = None
    if reading.malformed:
        refused = root.quarantine("staged", source.name, run_id, at)
        quarantine.write_malformed(
            refused,
            reading.malformed,
            key=source.staged_key,
            file=file,
            batch_id=batch_id,
            run_id=run_id,
            at=at,
        )
        append_line(root.run_log(run_id, at), json.dumps(_summary(source, reading, run_id, at)))
    manifest = Manifest(
        batch_id=batch_id,
        source=source.name,
        file=file,
        staged_file=root.relative(staged),
        sha256=inspection.sha256,
        size=inspection.size,
        encoding=inspection.encoding,
        bom=inspection.bom,
        line_ending=inspection.line_ending,
        delimiter=source.delimiter,
        reader=reading.method,
        header=reading.header,
        records=reading.total,
        rows=facts.rows,
        malformed=len(reading.malformed),
        blank=tuple(reading.blank),
        received_at=at,
        publisher=source.origin.publisher,
        system=source.origin.system,
        licence=source.origin.licence.code,
        dataset=source.origin.dataset,
        quarantine_file=root.relative(refused) if refused else None,
    )
    deliveries.commit(root, manifest)
    return manifest


def _summary(source: Source, reading: Reading, run_id: str, at: datetime) -> dict[str, Any]:
    """What the run's error log says of a delivery with malformed records."""
    malformed = len(reading.malformed)
    return {
        "table": source.staged_key,
        "run_id": run_id,
        "at": at.isoformat(),
        "outcome": "published",
        "expected": reading.total,
        "accepted": reading.total - malformed,
        "rejected": malformed,
        "deduplicated": 0,
        "broken": {"rejected": {f"{source.staged_key}:{quarantine.MALFORMED}": malformed}},
    }


def _account(source: Source, file: str, reading: Reading, facts: parquet.FileFacts) -> None:
    """Every record and every column of the file must be accounted for."""
    if not facts.rows and not reading.malformed:
        raise DeliveryError(f"{file} has a header but no records.")
    if not facts.rows:
        first = reading.malformed[0]
        raise DeliveryError(
            f"{file}: not one of {reading.total} records reads as CSV with {len(reading.header)} "
            f"cells between '{source.delimiter}'; record {first.row} {first.reason}. Is it CSV, "
            f"and is the delimiter right?"
        )
    damaged = len(reading.malformed)
    if damaged > source.max_rejected * reading.total:
        first = reading.malformed[0]
        raise DeliveryError(
            f"{source.staged_key}: {damaged} of {reading.total} records of {file} "
            f"({damaged / reading.total:.1%}) are malformed and {source.max_rejected:.1%} may be, "
            f"so it is not staged; what stood before stays. The first: record {first.row} "
            f"{first.reason}. Mend the file, or allow more by max_rejected=."
        )
    told = facts.rows + len(reading.malformed) + len(reading.blank)
    columns = list(reading.names)
    if told != reading.total or list(facts.columns)[: len(columns)] != columns:
        raise ContractError(
            f"{source.staged_key}: {file} has {reading.total} records in {len(columns)} columns, "
            f"but {told} in {len(facts.columns) - len(PROVENANCE)} came out. Nothing was staged."
        )
