"""All controls, in the order of the areas, and what computes them."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import polars as pl

from jobforge_dagster.catalog.audit import (
    batches,
    boundaries,
    described,
    dimensions,
    isolated,
    links,
    meaning,
    measured,
    originals,
    traced,
    valid,
    versioned,
    versions,
)
from jobforge_dagster.catalog.audit.evidence import Evidence, in_short
from jobforge_dagster.catalog.audit.model import Checked, Control, Outcome
from jobforge_dagster.medallion.errors import JobForgeError

CONTROLS: tuple[Control, ...] = (
    *(*meaning.CONTROLS, *dimensions.CONTROLS, *versioned.CONTROLS),
    *(*described.CONTROLS, *links.CONTROLS, *boundaries.CONTROLS, *valid.CONTROLS),
    *(*traced.CONTROLS, *versions.CONTROLS, *batches.CONTROLS),
    *(*isolated.CONTROLS, *originals.CONTROLS, *measured.CONTROLS),
)


class AuditError(JobForgeError):
    """There is nothing to audit, or no such control."""


def audit(evidence: Evidence, only: Sequence[str] = ()) -> list[Outcome]:
    """Compute all controls, or some.

    Raises:
        AuditError: the lake is empty, or there is no such control.
    """
    known = {each.id: each for each in CONTROLS}
    for name in only:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]}?" if close else f" There are {', '.join(known)}."
            raise AuditError(f"There is no control {name!r}.{hint}")
    root = evidence.root
    if not (evidence.keys or any(root.manifests.glob("*.json")) or any(root.catalog.glob("*/*"))):
        raise AuditError(
            f"Nothing to audit: there is no table and no document in {root.path}. Make the tables "
            f"by: dagster asset materialize --select '*'"
        )
    return [outcome_of(each, evidence) for each in CONTROLS if not only or each.id in only]


def outcome_of(control: Control, evidence: Evidence) -> Outcome:
    """Compute one control; what keeps it from being computed is a finding."""
    try:
        checked = control.look(evidence)
    except (Exception, pl.exceptions.PanicException) as error:
        checked = Checked({})
        what = f"it cannot be computed ({type(error).__name__}: {in_short(error)})"
        checked.wrong(control.id, what, "Mend what is told, then audit again")
    for kind in control.uses:
        checked.findings.extend(evidence.damaged(kind))
    if not checked.findings and not next(iter(checked.figures.values()), 0):
        name = next(iter(checked.figures), "evidence")
        checked.wrong(control.id, f"there are no {name} to look at", "Materialise the tables")
    return Outcome(control, checked)
