"""Facets of runs and jobs: who started what, what was done, and what went wrong."""

from __future__ import annotations

from collections.abc import Iterator

from openlineage.client.facet_v2 import (
    JobFacet,
    RunFacet,
    documentation_job,
    error_message_run,
    job_type_job,
    ownership_job,
    parent_run,
    tags_job,
    tags_run,
)

from jobforge_dagster.catalog.documents import LayerTransitionLog, RunDocument, TableMetadata
from jobforge_dagster.catalog.exports.open_lineage.names import PRODUCER, TABLES, run_id


def started_facets(run: RunDocument | None) -> dict[str, RunFacet]:
    """What is known of a run when it starts: the Dagster run that it is a part of.

    Args:
        run: the document of that run. Without it, its job is not known, and the facet ``parent``
            must name both.
    """
    if run is None:
        return {}
    parent = parent_run.ParentRunFacet(
        run=parent_run.Run(run_id(run.run_id)),
        job=parent_run.Job(TABLES, run.job),
        producer=PRODUCER,
    )
    return {"parent": parent}


def ended_facets(transition: LayerTransitionLog, run: RunDocument | None) -> dict[str, RunFacet]:
    """What is known of a run when it ended: counts of rows, deliveries, and its errors."""
    tags = [tags_run.TagsRunFacetFields(key, value, PRODUCER) for key, value in _told(transition)]
    facets: dict[str, RunFacet] = {
        **started_facets(run),
        "tags": tags_run.TagsRunFacet(tags, producer=PRODUCER),
    }
    if transition.status == "failed" and transition.errors:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
            message="\n".join(transition.errors),
            programmingLanguage="PYTHON",
            producer=PRODUCER,
        )
    return facets


def _told(transition: LayerTransitionLog) -> Iterator[tuple[str, str]]:
    """What no standard facet has a place for, as tags."""
    facts = {
        "dagster_run_id": transition.run_id,
        "transition_hash": transition.hash,
        "status": transition.status,
        "source_layer": transition.source_layer,
        "target_layer": transition.target_layer,
        "code_version": transition.code_version,
        "row_count_in": transition.row_count_in,
        "rows_expected": transition.rows_expected,
        "rows_quarantined": transition.rows_quarantined,
        "rows_deduplicated": transition.rows_deduplicated,
    }
    yield from ((key, str(value)) for key, value in facts.items() if value is not None)
    yield from (("batch_id", batch) for batch in transition.batch_ids)
    yield from (("source_file", name) for name in transition.source_files)


def job_facets(
    transition: LayerTransitionLog, document: TableMetadata | None
) -> dict[str, JobFacet]:
    """What the job does, and who answers for it.

    Where the code lies is told by tags: ``sourceCodeLocation`` must hold the full address of the
    file in a repository, which the catalog does not know.

    Args:
        transition: a run of the job.
        document: its table, where the transition made it as it stands.
    """
    facets: dict[str, JobFacet] = {
        "jobType": job_type_job.JobTypeJobFacet(
            processingType="BATCH", integration="DAGSTER", jobType="ASSET", producer=PRODUCER
        )
    }
    if transition.transforms_applied:
        facets["documentation"] = documentation_job.DocumentationJobFacet(
            "\n".join(transition.transforms_applied), "text/plain", producer=PRODUCER
        )
    if document is None:
        return facets
    governance = document.governance
    owners = [ownership_job.Owner(governance.owner, "OWNER")]
    if governance.steward is not None:
        owners.append(ownership_job.Owner(governance.steward, "STEWARD"))
    facets["ownership"] = ownership_job.OwnershipJobFacet(owners, producer=PRODUCER)
    code = document.lineage.code
    if code is not None:
        facts = {"code_file": code.file, "code_symbol": code.symbol}
        tags = [tags_job.TagsJobFacetFields(*fact, PRODUCER) for fact in facts.items()]
        facets["tags"] = tags_job.TagsJobFacet(tags, producer=PRODUCER)
    return facets
