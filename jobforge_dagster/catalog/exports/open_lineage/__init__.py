"""OpenLineage 2-0-2: every transition as a run of the job that makes its table.

Two run events a transition, in the order of the chain: ``START``, then ``COMPLETE`` or ``FAIL``.
Tables are datasets of the namespace ``jobforge``, named by their keys; delivered files are datasets
of the namespace ``file``, named by their paths below the data root.
"""

from __future__ import annotations

from jobforge_dagster.catalog.snapshot import Files, Snapshot

PATH = "openlineage/events.ndjson"


def export(snapshot: Snapshot) -> Files:
    """The events of all transitions, one JSON object a line.

    What a table's document tells (schema, column lineage, assertions, owners) is true of the table
    as it stands, so it goes with the last transition that published it; the others carry what they
    tell themselves.

    Args:
        snapshot: the catalog.

    Yields:
        One file, or none where nothing moved yet.
    """
    # The library takes half a second to import: the command line must start faster.
    from openlineage.client.serde import Serde

    from jobforge_dagster.catalog.exports.open_lineage.events import events

    lines = [f"{Serde.to_json(event)}\n" for event in events(snapshot)]
    if lines:
        yield PATH, "".join(lines)
