"""Deliveries: what arrived, kept for ever, one Parquet file and one manifest a distinct content.

The manifest is the commit: it is written last and never overwritten, so a batch without one never
happened. Which delivery of a source stands is told by its arrival log, one line each time that
another content than the last one arrived.
"""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from jobforge_dagster.medallion.declare import Source
from jobforge_dagster.medallion.storage.atomic import append_line, creating
from jobforge_dagster.medallion.storage.root import DataRoot

_NAMESPACE = uuid.UUID("6f0c9a5e-4a0f-5d0e-9b1d-1f5f5f0d7c11")


class Manifest(BaseModel):
    """What one delivery was: the record that makes a staged batch real."""

    model_config = ConfigDict(frozen=True)

    batch_id: str
    source: str
    file: str
    staged_file: str
    sha256: str
    size: int
    encoding: str
    bom: bool
    line_ending: str
    delimiter: str
    reader: str
    header: tuple[str, ...]
    records: int
    rows: int
    malformed: int
    blank: tuple[int, ...]
    received_at: datetime
    publisher: str
    system: str
    licence: str
    dataset: str | None
    quarantine_file: str | None


def batch_id_of(source: Source, sha256: str) -> str:
    """The id of a delivery: the same content of the same source has the same id, always.

    How the source says that its text is read belongs to it: once that is declared otherwise, the
    same bytes hold other values, and what was staged from them before must stay as it is.
    """
    reading = [source.encoding, source.delimiter, sorted(source.renames.items())]
    return str(uuid.uuid5(_NAMESPACE, f"{source.name}/{sha256}/{json.dumps(reading)}"))


def find(root: DataRoot, batch_id: str) -> Manifest | None:
    """The manifest of a batch, if it was committed."""
    path = _manifest(root, batch_id)
    return Manifest.model_validate_json(path.read_bytes()) if path.exists() else None


def standing(root: DataRoot, source: Source) -> Manifest | None:
    """The delivery of a source that stands: the last that arrived and was committed."""
    log = _arrivals(root, source)
    for line in reversed(log.read_text("utf-8").splitlines() if log.exists() else []):
        try:
            arrival = json.loads(line)
        except ValueError:
            continue  # a line torn by a crash: its arrival will be noticed again
        if manifest := find(root, arrival["batch_id"]):
            return manifest
    return None


def commit(root: DataRoot, manifest: Manifest) -> None:
    """Make a delivery real. Its staged file must be in place."""
    document = json.dumps(manifest.model_dump(mode="json"), indent=2, ensure_ascii=False)
    with creating(_manifest(root, manifest.batch_id)) as temporary:
        temporary.write_text(f"{document}\n", "utf-8")


def arrived(root: DataRoot, source: Source, manifest: Manifest, file: str, at: datetime) -> None:
    """Note that this content is what the landing folder holds now, unless it was already."""
    last = standing(root, source)
    if last is None or last.batch_id != manifest.batch_id:
        arrival = {"batch_id": manifest.batch_id, "file": file, "received_at": at.isoformat()}
        append_line(_arrivals(root, source), json.dumps(arrival, sort_keys=True))


def staged_path(root: DataRoot, source: Source, file: Path, batch_id: str, at: datetime) -> Path:
    """Where a delivery is staged: by source and day, under its own name and batch."""
    name = f"{file.name}.{batch_id[:8]}.parquet"
    return root.staged / source.name / f"{at:%Y-%m-%d}" / name


def _manifest(root: DataRoot, batch_id: str) -> Path:
    return root.manifests / f"{batch_id}.json"


def _arrivals(root: DataRoot, source: Source) -> Path:
    return root.staged / source.name / "_arrivals.jsonl"
