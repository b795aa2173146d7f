"""The JSON Schemas of all documents, in the catalog beside them."""

from __future__ import annotations

from functools import cache

from pydantic import BaseModel

from jobforge_dagster.catalog.documents import (
    GlossaryDocument,
    IndexLine,
    LayerTransitionLog,
    RunDocument,
    TableMetadata,
)
from jobforge_dagster.catalog.documents.base import text_of
from jobforge_dagster.catalog.store import put_text
from jobforge_dagster.medallion.quality.record import QuarantineRecord
from jobforge_dagster.medallion.storage.deliveries import Arrival, Manifest
from jobforge_dagster.medallion.storage.publications import Publication
from jobforge_dagster.medallion.storage.root import DataRoot

DOCUMENTS: dict[str, type[BaseModel]] = {
    "arrival": Arrival,
    "glossary": GlossaryDocument,
    "layer_transition": LayerTransitionLog,
    "manifest": Manifest,
    "publication": Publication,
    "quarantine_record": QuarantineRecord,
    "run": RunDocument,
    "table": TableMetadata,
    "transition_index": IndexLine,
}
"""Each kind of record that the platform writes, by the name of its schema."""


@cache
def texts() -> dict[str, str]:
    """The text of each schema's file, by name."""
    return {
        name: text_of(
            {"$schema": "https://json-schema.org/draft/2020-12/schema"}
            | model.model_json_schema(mode="serialization")
        )
        for name, model in DOCUMENTS.items()
    }


def write(root: DataRoot) -> None:
    """Write the schemas, where they are not there as they are."""
    for name, text in texts().items():
        put_text(root.schema(name), text)
