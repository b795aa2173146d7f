"""Gaps: what a table's document does not tell because nobody declared it."""

from __future__ import annotations

from collections.abc import Iterator

from jobforge_dagster.catalog.documents.table import TableMetadata


def gaps_of(document: TableMetadata) -> tuple[str, ...]:
    """The paths within a document at which a declaration is missing.

    What has no meaning for a layer is no gap: business facts are asked of gold, French of silver
    and gold, and neither of the columns of a delivered file.
    """
    return tuple(_gaps(document))


def _gaps(document: TableMetadata) -> Iterator[str]:
    business, governance = document.business, document.governance
    if document.layer == "gold":
        if not business.purpose:
            yield "business.purpose"
        if not business.business_questions:
            yield "business.business_questions"
    if not governance.steward:
        yield "governance.steward"
    if not governance.retention:
        yield "governance.retention"
    for source in governance.sources:
        for name in ("licence_url", "dataset", "published", "url"):
            if getattr(source, name) is None:
                yield f"governance.sources.{source.source}.{name}"
    if document.layer == "staged":
        return
    for column in document.columns:
        if not column.description.en:
            yield f"columns.{column.name}.description.en"
        if document.layer != "bronze" and not column.description.fr:
            yield f"columns.{column.name}.description.fr"
