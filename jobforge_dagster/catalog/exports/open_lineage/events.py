"""Run events: what each transition read and wrote, when, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator

from openlineage.client.event_v2 import (
    InputDataset,
    Job,
    OutputDataset,
    Run,
    RunEvent,
    RunState,
)

from jobforge_dagster.catalog.documents import LayerTransitionLog, RunDocument, TableMetadata
from jobforge_dagster.catalog.documents.transition import BoundInput
from jobforge_dagster.catalog.exports.open_lineage import datasets, jobs
from jobforge_dagster.catalog.exports.open_lineage.names import (
    FILES,
    PRODUCER,
    TABLES,
    run_id,
    time,
)
from jobforge_dagster.catalog.snapshot import Snapshot


def events(snapshot: Snapshot) -> Iterator[RunEvent]:
    """Two events for each transition, in the order of the chain.

    Args:
        snapshot: the catalog.
    """
    tables = {table.table: table for table in snapshot.tables}
    runs = {run.run_id: run for run in snapshot.runs}
    standing = {
        transition.table: place
        for place, transition in enumerate(snapshot.transitions)
        if transition.status != "failed"
    }
    for place, transition in enumerate(snapshot.transitions):
        stands = standing.get(transition.table) == place
        document = tables.get(transition.table) if stands else None
        run = runs.get(transition.run_id)
        yield _started(transition, tables, document, run)
        yield _ended(transition, tables, document, run)


def _started(
    transition: LayerTransitionLog,
    tables: dict[str, TableMetadata],
    document: TableMetadata | None,
    run: RunDocument | None,
) -> RunEvent:
    return RunEvent(
        eventTime=time(transition.started_at),
        eventType=RunState.START,
        run=Run(run_id(transition.transition_id), jobs.started_facets(run)),
        job=_job(transition, document),
        inputs=_inputs(transition, tables, document),
        producer=PRODUCER,
    )


def _ended(
    transition: LayerTransitionLog,
    tables: dict[str, TableMetadata],
    document: TableMetadata | None,
    run: RunDocument | None,
) -> RunEvent:
    failed = transition.status == "failed"
    return RunEvent(
        eventTime=time(transition.completed_at),
        eventType=RunState.FAIL if failed else RunState.COMPLETE,
        run=Run(run_id(transition.transition_id), jobs.ended_facets(transition, run)),
        job=_job(transition, document),
        inputs=_inputs(transition, tables, document),
        outputs=[] if failed else [_output(transition, document)],
        producer=PRODUCER,
    )


def _job(transition: LayerTransitionLog, document: TableMetadata | None) -> Job:
    return Job(TABLES, transition.table, jobs.job_facets(transition, document))


def _inputs(
    transition: LayerTransitionLog,
    tables: dict[str, TableMetadata],
    document: TableMetadata | None,
) -> list[InputDataset]:
    if transition.target_layer == "staged":
        return [_delivered(bound, document) for bound in transition.inputs]
    if not transition.inputs:
        # A step that failed before it read anything still tells what it would have read.
        return [InputDataset(TABLES, key) for key in transition.source_tables]
    return [_read(bound, tables.get(bound.table)) for bound in transition.inputs]


def _delivered(bound: BoundInput, document: TableMetadata | None) -> InputDataset:
    return InputDataset(
        FILES,
        bound.table,
        datasets.input_facets(bound, None),
        facets=datasets.delivered_facets(bound, document),
    )


def _read(bound: BoundInput, document: TableMetadata | None) -> InputDataset:
    # The same bytes have the same schema; of other bytes, the document knows nothing.
    known = document and bound.sha256 and bound.sha256 == document.technical.sha256
    same = document if known else None
    return InputDataset(
        TABLES,
        bound.table,
        datasets.input_facets(bound, same),
        facets=datasets.read_facets(bound, same),
    )


def _output(transition: LayerTransitionLog, document: TableMetadata | None) -> OutputDataset:
    return OutputDataset(
        TABLES,
        transition.table,
        datasets.output_facets(transition, document),
        facets=datasets.written_facets(transition, document),
    )
