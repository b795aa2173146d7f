"""Deliveries: what arrived, kept for ever, one Parquet file and one manifest a distinct content.

The manifest is the commit: it is written last and never overwritten, so a batch without one never
happened. The arrival log of a source has one line each time that a file came: under another name,
with another content, or another date. From it follows which deliveries make the table.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from jobforge_dagster.medallion.declare import Source
from jobforge_dagster.medallion.errors import DeliveryError
from jobforge_dagster.medallion.formats import name_of
from jobforge_dagster.medallion.storage.atomic import alone, append_line, creating
from jobforge_dagster.medallion.storage.landing import Landed
from jobforge_dagster.medallion.storage.root import DataRoot

_NAMESPACE = uuid.UUID("6f0c9a5e-4a0f-5d0e-9b1d-1f5f5f0d7c11")
_LONGEST = 120
"""Bytes of a delivered name that its staged file keeps; a file system allows about 255 in all."""


class Manifest(BaseModel):
    """What one delivery was: the record that makes a staged batch real.

    Attributes:
        batch_id: follows from the source, the content and how it is declared to be read.
        file: where it was found, below the landing folder.
        staged_file: below the data root.
        sha256: of the file as delivered; so is ``size``, in bytes.
        format: ``csv``, ``excel``, ``json`` or ``parquet``.
        encoding: of a text.
        facts: what the reader detected and reports: dialect, sheet, merged cells, kinds.
        records: below the header; the sum of ``rows``, ``malformed`` and those in ``blank``.
        blank: the first and the last record of each run of empty lines.
        received_at: when it was staged; ``accessed`` when it was downloaded, if it was.
        published: the day that the publisher names; ``modified`` what its server said of the file.
        staged_sha256: of the staged file; ``run_id`` the run that staged it.
    """

    model_config = ConfigDict(frozen=True)

    batch_id: str
    source: str
    file: str
    staged_file: str
    sha256: str
    size: int
    format: str
    encoding: str | None
    facts: dict[str, Any]
    header: tuple[str, ...]
    records: int
    rows: int
    malformed: int
    blank: tuple[tuple[int, int], ...]
    received_at: datetime
    publisher: str
    system: str
    licence: str
    dataset: str | None
    published: date | None
    url: str | None
    accessed: datetime | None
    modified: str | None
    quarantine_file: str | None
    staged_sha256: str | None = None
    run_id: str | None = None

    @property
    def blanks(self) -> int:
        """How many records are empty lines."""
        return self.records - self.rows - self.malformed


class Arrival(BaseModel):
    """A line of the arrival log.

    Attributes:
        modified: the time that the file itself claimed.
        counts: whether the content came into force with it; not if it was there already, under
            another name or date.
        withdrawn: who took the content out of force again, and why; what is staged stays.
    """

    model_config = ConfigDict(frozen=True)

    batch_id: str
    sha256: str
    file: str
    received_at: datetime
    modified: datetime
    counts: bool
    withdrawn: str | None = None


@lru_cache(100_000)
def batch_id_of(source: Source, sha256: str) -> str:
    """The id of a delivery: the same content of the same source has the same id, always.

    How the source says that it is read belongs to it: once that is declared otherwise, the same
    bytes hold other values, and what was staged from them before must stay as it is.
    """
    return str(uuid.uuid5(_NAMESPACE, f"{source.name}/{sha256}/{_reading(source)}"))


def read_as_declared(source: Source, manifest: Manifest) -> bool:
    """Whether a delivery was read as its source says now."""
    return manifest.batch_id == batch_id_of(source, manifest.sha256)


@cache
def _reading(source: Source) -> str:
    format_ = source.read_as
    declared = {"format": name_of(format_), **asdict(format_), "member": source.member}
    return json.dumps([declared, sorted(source.renames.items())], sort_keys=True)


def find(root: DataRoot, batch_id: str) -> Manifest | None:
    """The manifest of a batch, if it was committed.

    Raises:
        DeliveryError: it is damaged.
    """
    path = _manifest(root, batch_id)
    if not path.exists():
        return None
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        raise DeliveryError(
            f"{root.relative(path)} is damaged: {'.'.join(map(str, first['loc']))} "
            f"{first['msg']}. Restore it: a batch without its manifest cannot be trusted."
        ) from None


def arrivals(root: DataRoot, source: Source) -> list[Arrival]:
    """The arrival log of a source, oldest first; a line torn by a crash is left out."""
    path = _arrivals(root, source)
    found = []
    for line in path.read_bytes().splitlines() if path.exists() else []:
        try:
            found.append(Arrival.model_validate_json(line))
        except ValidationError:
            continue  # its arrival will be noticed again
    return found


def in_force(
    source: Source, log: Iterable[Arrival], until: datetime | None = None
) -> dict[str, str]:
    """The batches that make the table, oldest first, by the sha256 of their contents.

    Args:
        source: the source.
        log: its arrivals.
        until: as things stood then; without it, as they stand.
    """
    found: dict[str, str] = {}
    for arrival in log:
        if until is not None and arrival.received_at > until:
            continue
        if arrival.withdrawn:
            found.pop(arrival.sha256, None)
        if not arrival.counts:
            continue
        if found.get(arrival.sha256) == arrival.batch_id:
            del found[arrival.sha256]  # what comes again is the newest again
        found[arrival.sha256] = arrival.batch_id  # what is read otherwise keeps its place
    if source.combine == "snapshot":
        return dict(list(found.items())[-1:])
    return found


def standing(root: DataRoot, source: Source, until: datetime | None = None) -> list[Manifest]:
    """The deliveries that make the table, oldest first; see :func:`in_force`.

    Raises:
        DeliveryError: the manifest of one is damaged or gone.
    """
    found = []
    for batch in in_force(source, arrivals(root, source), until).values():
        manifest = find(root, batch)
        if manifest is None:
            raise DeliveryError(
                f"{source.staged_key}: batch {batch} arrived, but its manifest "
                f"{root.relative(_manifest(root, batch))} is gone. Restore it: manifests are never "
                f"deleted by a run."
            )
        found.append(manifest)
    return found


def commit(root: DataRoot, manifest: Manifest) -> Manifest:
    """Make a delivery real, unless another process did; its staged file must be in place.

    Returns:
        What is committed now.
    """
    document = json.dumps(manifest.model_dump(mode="json"), indent=2, ensure_ascii=False)
    with creating(_manifest(root, manifest.batch_id)) as temporary:
        temporary.write_text(f"{document}\n", "utf-8")
    return find(root, manifest.batch_id) or manifest


def news(
    source: Source,
    log: Sequence[Arrival],
    found: Mapping[Landed, str],
    lying: Iterable[Landed],
    at: datetime,
) -> list[tuple[Landed, Arrival]]:
    """Which of the files that lie there are not in the arrival log as they are.

    Args:
        source: the source.
        log: its arrivals.
        found: the files with the sha256 of each.
        lying: these, and those that could not be read or may still grow.
        at: now, UTC.

    Raises:
        DeliveryError: several contents of a snapshot came at once.
    """
    last = {arrival.file: arrival for arrival in log}
    contents: set[str] = set()
    for arrival in log:
        contents.add(arrival.sha256)
        if arrival.withdrawn:
            contents.remove(arrival.sha256)
    force = in_force(source, log)
    left = source.combine == "snapshot" and not _stays(log, force, found, lying)
    fresh: list[tuple[Landed, Arrival]] = []
    for landed, sha256 in found.items():
        before = last.get(landed.file)
        batch = batch_id_of(source, sha256)
        modified = datetime.fromtimestamp(landed.modified_ns // 1000 / 1e6, UTC)
        if before and (before.batch_id, before.modified) == (batch, modified):
            continue
        new = sha256 not in contents or left
        changed = before is not None and before.sha256 != sha256
        counts = new or changed or force.get(sha256, batch) != batch  # or it is read otherwise now
        contents.add(sha256)
        if counts:
            force[sha256] = batch
        came = Arrival(
            batch_id=batch,
            sha256=sha256,
            file=landed.file,
            received_at=at,
            modified=modified,
            counts=counts,
        )
        fresh.append((landed, came))
    counting = {arrival.batch_id: arrival.file for _, arrival in fresh if arrival.counts}
    if source.combine == "snapshot" and len(counting) > 1:
        raise DeliveryError(
            f"{source.staged_key}: {' and '.join(counting.values())} came at once, and which is "
            f"the newest cannot be told. Leave that one and move the other away; if all of them "
            f"count, declare combine='append' or 'upsert'."
        )
    return fresh


def _stays(
    log: Iterable[Arrival],
    force: Mapping[str, str],
    found: Mapping[Landed, str],
    lying: Iterable[Landed],
) -> bool:
    """Whether what is in force still lies there, or something under its name."""
    last = [arrival.file for arrival in log if arrival.counts and arrival.sha256 in force][-1:]
    return bool(force.keys() & {*found.values()} or {each.file for each in lying} & {*last})


def note(root: DataRoot, source: Source, arrival: Arrival) -> None:
    """Write an arrival down. Its delivery must be committed."""
    line = json.dumps(arrival.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
    append_line(_arrivals(root, source), line)


def withdraw(root: DataRoot, source: Source, batch_id: str, why: str, at: datetime) -> Arrival:
    """Take a delivery out of force; it stays staged.

    It counts again once it comes under another name or date.

    Args:
        root: the data root.
        source: the source.
        batch_id: of the delivery, or its start.
        why: the reason, and who answers for it.
        at: now, UTC.

    Raises:
        DeliveryError: no such delivery, or several, are in force.
    """
    with alone(root.lock(source.name)):
        log = arrivals(root, source)
        batches = in_force(source, log).values()
        found = [batch for batch in batches if batch_id and batch.startswith(batch_id)]
        if len(found) != 1:
            raise DeliveryError(
                f"{source.name}: {batch_id!r} stands for {len(found)} of the {len(batches)} "
                f"deliveries in force. See: jobforge sources --json"
            )
        last = [arrival for arrival in log if arrival.batch_id == found[0]][-1]
        told = last.model_copy(update={"received_at": at, "counts": False, "withdrawn": why})
        note(root, source, told)
    return told


def staged_path(
    root: DataRoot, source: Source, file: str, batch_id: str, run_id: str, at: datetime
) -> Path:
    """Where a run stages a delivery: by source and day, under its own name, batch and run."""
    name = file.rpartition("/")[2].encode()[:_LONGEST].decode(errors="ignore")
    told = f"{name}.{batch_id[:8]}-{run_id[:8]}.parquet"
    return root.staged / source.name / f"{at:%Y-%m-%d}" / told


def _manifest(root: DataRoot, batch_id: str) -> Path:
    return root.path / f"staged/_manifests/{batch_id}.json"


def _arrivals(root: DataRoot, source: Source) -> Path:
    return root.staged / source.name / "_arrivals.jsonl"
