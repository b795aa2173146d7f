"""Originals are preserved: staged and delivered files are those of their manifests."""

from __future__ import annotations

from datetime import UTC, datetime

from jobforge_dagster.catalog.audit.evidence import RESTORE, Evidence, parquet_files
from jobforge_dagster.catalog.audit.model import Checked, Control
from jobforge_dagster.medallion.storage.deliveries import Arrival, Manifest


def preserved(evidence: Evidence) -> Checked:
    """Hash every staged file, and every delivered file that still lies there."""
    checked = Checked.of("manifests", "staged files as recorded", "delivered files as recorded")
    root = evidence.root
    for manifest in evidence.manifests.values():
        checked.count("manifests")
        _staged(checked, evidence, manifest)
    told = {root.path / each.staged_file for each in evidence.manifests.values()}
    checked.notes.extend(
        f"{root.relative(path)}: no manifest tells of it; it counts for nothing."
        for path in parquet_files(root.staged)
        if path not in told
    )
    for source, log in evidence.arrivals.items():
        for arrival in {each.file: each for each in log}.values():
            _delivered(checked, evidence, source, arrival, log)
    logged = {each.batch_id for log in evidence.arrivals.values() for each in log}
    for batch, manifest in evidence.manifests.items():
        if batch not in logged:
            where = f"staged/{manifest.source}/_arrivals.jsonl"
            what = f"it has no line of batch {batch} ({manifest.file})"
            checked.wrong(where, what, f"Materialise staged/{manifest.source}")
    checked.notes.extend(evidence.torn)
    return checked


def _staged(checked: Checked, evidence: Evidence, manifest: Manifest) -> None:
    path = evidence.root.path / manifest.staged_file
    if not path.exists():
        what = f"it is gone, and the manifest {manifest.batch_id} tells of it"
        checked.wrong(manifest.staged_file, what, RESTORE)
    elif manifest.staged_sha256 is None:
        checked.notes.append(f"{manifest.staged_file}: its manifest tells no hash of it.")
    elif evidence.hash_of(path) != manifest.staged_sha256:
        what = f"it is not what the manifest {manifest.batch_id} tells of"
        checked.wrong(manifest.staged_file, what, RESTORE)
    else:
        checked.count("staged files as recorded")


def _delivered(
    checked: Checked, evidence: Evidence, source: str, arrival: Arrival, log: list[Arrival]
) -> None:
    """Compare what lies under a name with what arrived under it last."""
    path = evidence.root.landing / arrival.file
    if not path.is_file():
        return  # publishers' files may leave: what counts is staged
    modified = datetime.fromtimestamp(path.stat().st_mtime_ns // 1000 / 1e6, UTC)
    found = evidence.hash_of(path)
    where = evidence.root.relative(path)
    manifest = evidence.manifests.get(arrival.batch_id)
    if manifest is None:
        what = f"it arrived as batch {arrival.batch_id}, which has no manifest"
        checked.wrong(where, what, RESTORE)
    elif manifest.sha256 != arrival.sha256:
        what = f"the manifest {arrival.batch_id} and the arrival log tell of other contents"
        checked.wrong(where, what, RESTORE)
    elif found == arrival.sha256:
        checked.count("delivered files as recorded")
    elif modified == arrival.modified:
        what = "its content was changed without its time, so it is not what was staged from it"
        checked.wrong(where, what, "Restore it, or touch it so that it is staged anew")
    elif found in {each.sha256 for each in log}:
        checked.count("delivered files as recorded")
    else:
        checked.notes.append(
            f"{where}: newer than what is staged; see: jobforge sources ({source})."
        )


CONTROLS = (
    Control(
        "quality.originals",
        "Data quality",
        "Originals are preserved.",
        preserved,
        ("manifests",),
    ),
)
