"""Facets of datasets: what was read and written, and what the table is that stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import cast

from openlineage.client.facet_v2 import (
    DatasetFacet,
    InputDatasetFacet,
    OutputDatasetFacet,
    dataset_type_dataset,
    dataset_version_dataset,
    datasource_dataset,
    documentation_dataset,
    input_statistics_input_dataset,
    output_statistics_output_dataset,
    ownership_dataset,
    schema_dataset,
    symlinks_dataset,
    tags_dataset,
)
from openlineage.client.facet_v2 import data_quality_assertions_dataset as checks

from jobforge_dagster.catalog.documents import LayerTransitionLog, TableMetadata
from jobforge_dagster.catalog.documents.table import Quality, RuleFacts, SourceFacts
from jobforge_dagster.catalog.documents.transition import BoundInput
from jobforge_dagster.catalog.exports.open_lineage.columns import column_lineage, headers
from jobforge_dagster.catalog.exports.open_lineage.names import FILES, PRODUCER, TABLES

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
"""What RFC 3986 lets an address be made of."""


def input_facets(bound: BoundInput, document: TableMetadata | None) -> dict[str, InputDatasetFacet]:
    """How much was read; ``document`` is that of a table with the very bytes that were read."""
    statistics = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(
        rowCount=bound.rows,
        size=document.technical.bytes if document else None,
        fileCount=bound.files,
        producer=PRODUCER,
    )
    return {"inputStatistics": statistics}


def delivered_facets(bound: BoundInput, document: TableMetadata | None) -> dict[str, DatasetFacet]:
    """What is known of a delivered file, from the staged table that it went into."""
    facets = {**_type("FILE"), **_version(bound.sha256)}
    if document is None:
        return facets
    found = headers(document)
    if found:
        fields = [
            schema_dataset.SchemaDatasetFacetFields(name, ordinal_position=place, fields=None)
            for place, name in enumerate(found, start=1)
        ]
        facets["schema"] = schema_dataset.SchemaDatasetFacet(fields, producer=PRODUCER)
    for source in document.governance.sources[:1]:
        facets["dataSource"] = _published(source)
    return facets


def read_facets(bound: BoundInput, document: TableMetadata | None) -> dict[str, DatasetFacet]:
    """What is known of a table that was read; ``document`` as in :func:`input_facets`."""
    facets = {**_type("TABLE"), **_version(bound.sha256)}
    if document is not None:
        facets["schema"] = _schema(document)
    return facets


def output_facets(
    transition: LayerTransitionLog, document: TableMetadata | None
) -> dict[str, OutputDatasetFacet]:
    """How much was written; its size where ``document`` is about the very bytes."""
    size = None
    if document and transition.output_sha256 == document.technical.sha256 is not None:
        size = document.technical.bytes
    statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=transition.row_count_out, size=size, producer=PRODUCER
    )
    return {"outputStatistics": statistics}


def written_facets(
    transition: LayerTransitionLog, document: TableMetadata | None
) -> dict[str, DatasetFacet]:
    """What is known of a table that was written.

    Args:
        transition: what wrote it.
        document: its document, where the transition made the table as it stands.
    """
    facets = {
        **_type("TABLE"),
        **_version(transition.output_sha256),
        "dataSource": datasource_dataset.DatasourceDatasetFacet(TABLES, producer=PRODUCER),
    }
    if transition.target_file is not None:
        file = symlinks_dataset.Identifier(FILES, transition.target_file, "LOCATION")
        facets["symlinks"] = symlinks_dataset.SymlinksDatasetFacet([file], producer=PRODUCER)
    if document is None:
        return facets
    facets |= _described(document)
    delivered = [bound.table for bound in transition.inputs]
    lineage = column_lineage(document, delivered if transition.target_layer == "staged" else [])
    if lineage is not None:
        facets["columnLineage"] = cast(DatasetFacet, lineage)
    if document.quality and document.quality.rules:
        # Its schema (1-1-0) calls it a facet of inputs, yet an output has no place for those: the
        # facets that any dataset may have are where others put the checks of what they wrote.
        facets["dataQualityAssertions"] = cast(DatasetFacet, _assertions(document.quality))
    return facets


def _described(document: TableMetadata) -> dict[str, DatasetFacet]:
    governance = document.governance
    owners = [ownership_dataset.Owner(governance.owner, "OWNER")]
    if governance.steward is not None:
        owners.append(ownership_dataset.Owner(governance.steward, "STEWARD"))
    tags = [tags_dataset.TagsDatasetFacetFields(*tag) for tag in _tags(document)]
    return {
        "schema": _schema(document),
        "ownership": ownership_dataset.OwnershipDatasetFacet(owners, producer=PRODUCER),
        "documentation": documentation_dataset.DocumentationDatasetFacet(
            document.business.description, producer=PRODUCER
        ),
        "tags": tags_dataset.TagsDatasetFacet(tags, producer=PRODUCER),
    }


def _tags(document: TableMetadata) -> Iterator[tuple[str, str, str, str | None]]:
    """Key, value, source and column of what no standard facet has a place for."""
    facts = {
        "layer": document.layer,
        "domain": document.domain,
        "title": document.business.title,
        "classification": document.governance.classification,
        "schema_version": document.technical.schema_version,
    }
    yield from ((key, value, PRODUCER, None) for key, value in facts.items() if value is not None)
    for licence in dict.fromkeys(source.licence for source in document.governance.sources):
        yield "licence", licence, PRODUCER, None
    for column in document.columns:
        yield "classification", column.classification, PRODUCER, column.name
        if column.term is not None:
            yield "term", column.term, PRODUCER, column.name
        if column.primary_key:
            yield "primary_key", "true", PRODUCER, column.name


def _schema(document: TableMetadata) -> DatasetFacet:
    fields = [
        schema_dataset.SchemaDatasetFacetFields(
            name=column.name,
            type=column.type,
            description=column.description.en,
            ordinal_position=place,
            fields=None,
        )
        for place, column in enumerate(document.columns, start=1)
    ]
    return schema_dataset.SchemaDatasetFacet(fields, producer=PRODUCER)


def _assertions(
    quality: Quality,
) -> checks.DataQualityAssertionsDatasetFacet:
    return checks.DataQualityAssertionsDatasetFacet(
        [_assertion(rule) for rule in quality.rules], producer=PRODUCER
    )


def _assertion(rule: RuleFacts) -> checks.Assertion:
    return checks.Assertion(
        assertion=rule.rule,
        success=rule.rows == 0,
        column=rule.columns[0] if len(rule.columns) == 1 else None,
        severity="error" if rule.severity == "reject" else "warn",
        name=rule.rule,
        description=rule.text,
        expected="0",
        actual=str(rule.rows),
        params={"columns": list(rule.columns)} if len(rule.columns) > 1 else None,
    )


def _published(source: SourceFacts) -> DatasetFacet:
    known = source.url if source.url and _ADDRESS.fullmatch(source.url) else None
    return datasource_dataset.DatasourceDatasetFacet(source.publisher, known, producer=PRODUCER)


def _type(name: str) -> dict[str, DatasetFacet]:
    facet = dataset_type_dataset.DatasetTypeDatasetFacet(name, producer=PRODUCER)
    return {"datasetType": facet}


def _version(sha256: str | None) -> dict[str, DatasetFacet]:
    if sha256 is None:
        return {}
    return {
        "version": dataset_version_dataset.DatasetVersionDatasetFacet(sha256, producer=PRODUCER)
    }
