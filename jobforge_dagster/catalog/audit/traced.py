"""Transformations are explicit and traceable: each input is what a transition before put out."""

from __future__ import annotations

from jobforge_dagster.catalog.audit.evidence import AGAIN, Evidence
from jobforge_dagster.catalog.audit.model import Checked, Control
from jobforge_dagster.catalog.documents import LayerTransitionLog
from jobforge_dagster.catalog.documents.transition import BoundInput
from jobforge_dagster.catalog.verify import verify
from jobforge_dagster.medallion.storage.publish import staged_sha256

_VERIFY = "See: jobforge catalog verify"


def traced(evidence: Evidence) -> Checked:
    """Verify the chain, and bind the inputs of each transition to the outputs before it.

    The hash of an input is that of the output of the transition that stood when it was read: the
    last before it in the chain, or the last that had begun by then.
    """
    checked = Checked.of("transitions in the chain", "files compared", "inputs", "bound inputs")
    found = verify(evidence.root)
    checked.count("transitions in the chain", found.records)
    checked.count("files compared", found.tables)
    for finding in found.findings:
        where, _, what = finding.partition(": ")
        checked.wrong(where, what.rstrip("."), _VERIFY)
    for transition in evidence.transitions:
        for each in transition.inputs:
            checked.count("inputs")
            _bound(checked, evidence, transition, each)
        unbound = set(transition.source_tables) - {each.table for each in transition.inputs}
        if transition.status != "failed":
            for key in sorted(unbound):
                checked.wrong(_place(transition), f"it read {key} and binds no hash of it", AGAIN)
            if transition.output_sha256 is None:
                checked.wrong(_place(transition), "it does not tell the hash of its output", AGAIN)
    return checked


def _bound(
    checked: Checked, evidence: Evidence, transition: LayerTransitionLog, read: BoundInput
) -> None:
    place = _place(transition)
    if read.sha256 is None:
        checked.wrong(place, f"it tells no hash of its input {read.table}", AGAIN)
        return
    if transition.target_layer == "staged":
        why = _not_delivered(evidence, transition, read)
    elif read.table.startswith("staged/"):
        why = _not_staged(evidence, transition, read)
    else:
        why = _not_made(evidence, transition, read)
    if why:
        checked.wrong(place, why, f"Materialise {read.table}, then {transition.table}")
    else:
        checked.count("bound inputs")


def _not_delivered(
    evidence: Evidence, transition: LayerTransitionLog, read: BoundInput
) -> str | None:
    known = [evidence.manifests.get(batch) for batch in transition.batch_ids]
    for manifest in known:
        if manifest is None:
            return f"its delivery {', '.join(transition.batch_ids)} has no manifest"
        if manifest.sha256 != read.sha256:
            return f"the manifest {manifest.batch_id} tells of another content of {read.table}"
        if manifest.staged_sha256 not in (None, transition.output_sha256):
            return f"the manifest {manifest.batch_id} tells of another staged file"
    return None


def _not_staged(evidence: Evidence, transition: LayerTransitionLog, read: BoundInput) -> str | None:
    staged = {
        batch: each
        for each in evidence.made.get(read.table, ())
        for batch in each.batch_ids
        if each.started_at <= transition.started_at
    }
    manifests = []
    for batch in transition.batch_ids:
        told, manifest = staged.get(batch), evidence.manifests.get(batch)
        if told is None:
            return f"no transition before it staged {batch} into {read.table}"
        if manifest is None:
            return f"{batch}, which it read from {read.table}, has no manifest"
        update = {"staged_file": told.target_file, "staged_sha256": told.output_sha256}
        manifests.append(manifest.model_copy(update=update))
    if staged_sha256(manifests) != read.sha256:
        return f"what it read as {read.table} is not what was staged before it"
    return None


def _not_made(evidence: Evidence, transition: LayerTransitionLog, read: BoundInput) -> str | None:
    """Why an input is not what stood: by the order of the chain, or by when each began.

    Steps that ran at the same time, or whose end a crash left untold until a later run, are not in
    the chain in the order in which they began.
    """
    made = evidence.made.get(read.table, [])
    before = [each for each in made if each.sequence < transition.sequence][-1:]
    began = [each for each in made if each.started_at <= transition.started_at]
    began = sorted(began, key=lambda each: each.started_at)[-1:]
    if not (before or began):
        return f"no transition before it made {read.table}"
    if read.sha256 not in {each.output_sha256 for each in (*before, *began)}:
        return f"what it read as {read.table} is not what the transition before it made"
    return None


def _place(transition: LayerTransitionLog) -> str:
    return f"transition {transition.sequence} of {transition.table}"


CONTROLS = (
    Control(
        "integration.traceable",
        "Data integration",
        "Transformations are explicit, and traceable from output to input.",
        traced,
        ("transitions", "manifests"),
    ),
)
