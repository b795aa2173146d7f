"""Publication: a judged table takes its predecessor's place, or nothing changes.

The quarantine and the record of the publication are put in place first, the table last: its rename
makes all three true. What the table refused before is resolved after that, from what stands.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from jobforge_dagster.medallion.hashing import sha256_of
from jobforge_dagster.medallion.storage import parquet, publications, quarantine, versions
from jobforge_dagster.medallion.storage.atomic import append_line, sync
from jobforge_dagster.medallion.storage.audit import Audited, Input
from jobforge_dagster.medallion.storage.deliveries import Manifest
from jobforge_dagster.medallion.storage.publications import Publication, Read, Writer
from jobforge_dagster.medallion.storage.root import DataRoot


def publish(root: DataRoot, audited: Audited) -> None:
    """Put an audited table in place; one that stands unchanged is only settled."""
    publication, written = audited.publication, audited.written
    if written is not None:
        refused = quarantine.standing_file(root, publication)
        if refused is not None:
            previous = audited.previous
            before = quarantine.standing_file(root, previous) if previous else None
            quarantine.write(
                root,
                refused,
                written.refused,
                key=publication.table,
                run_id=publication.run_id,
                at=publication.written_at,
                before=before if before and before.exists() else None,
            )
        if audited.set_back_by is None:
            publications.write(root, publication, audited.previous)
        else:
            publications.set_back(root, publication, audited.previous, audited.set_back_by)
        path = root.table(publication.table)
        sync(written.table)
        if audited.previous is not None:
            versions.keep(root, audited.previous)
        written.table.replace(path)
        sync(path.parent)
        log(root, publication.run_id, publication.written_at, "published", publication)
    replaced, by = publication.previous_run, Writer(publication.run_id, publication.written_at)
    if audited.set_back_by is not None:
        replaced = audited.previous.run_id if audited.previous else None
        by = audited.set_back_by
    quarantine.settle(root, publication, replaced, by)


def log(root: DataRoot, run_id: str, at: datetime, outcome: str, publication: Publication) -> None:
    """Note in the run's error log what a table refused and warned of, if it did."""
    counts = publication.conservation
    facts: dict[str, Any] = {
        "table": publication.table,
        "run_id": run_id,
        "at": at.isoformat(),
        "outcome": outcome,
        **counts.model_dump(include={"expected", "accepted", "rejected", "deduplicated"}),
        "broken": {
            kind: {rule: tally.model_dump(mode="json") for rule, tally in tallies.items()}
            for kind, tallies in (
                ("rejected", publication.rejected),
                ("warned", publication.warned),
                ("deduplicated", publication.deduplicated),
            )
            if tallies
        },
    }
    if facts["broken"]:
        append_line(root.run_log(run_id, at), json.dumps(facts, ensure_ascii=False))


def input_of(root: DataRoot, key: str) -> Input | None:
    """What a written table says of itself to those that read it; ``None`` if it is not there."""
    path = root.table(key)
    story = parquet.story_of(path)
    if not story:
        return None
    found = publications.standing(root, key)
    told = found[1] if found else None
    return Input(
        fingerprint=story["fingerprint"],
        batches=tuple(story["batches"]),
        source_files=told.source_files if told else (),
        read=Read(
            rows=told.conservation.accepted if told else parquet.facts_of(path).rows,
            files=1,
            sha256=told.sha256 if told else sha256_of(path),
        ),
        lineage=told.lineage if told else None,
    )


def deliveries_input(manifests: Sequence[Manifest]) -> Input:
    """What the deliveries in force say of themselves to bronze."""
    batches = tuple(manifest.batch_id for manifest in manifests)
    return Input(
        fingerprint=fingerprint_of(batches),
        batches=batches,
        source_files=tuple(dict.fromkeys(manifest.file for manifest in manifests)),
        read=Read(
            rows=sum(manifest.rows for manifest in manifests),
            files=len(manifests),
            sha256=staged_sha256(manifests),
        ),
        lineage=None,
    )


def staged_sha256(manifests: Sequence[Manifest]) -> str | None:
    """What binds some staged files: the sha256 of one; of several, that of a list of them.

    The list is what ``sha256sum`` prints of them below the data root, sorted by path.
    """
    if any(manifest.staged_sha256 is None for manifest in manifests):
        return None
    if len(manifests) == 1:
        return manifests[0].staged_sha256
    files = sorted((manifest.staged_file, manifest.staged_sha256) for manifest in manifests)
    return sha256("".join(f"{hash_}  {file}\n" for file, hash_ in files).encode()).hexdigest()


def fingerprint_of(batches: Sequence[str]) -> str:
    """What tells some deliveries, in their order, from any others."""
    return batches[0] if len(batches) == 1 else sha256("\n".join(batches).encode()).hexdigest()


def now() -> datetime:
    """The clock, in UTC."""
    return datetime.now(UTC)
