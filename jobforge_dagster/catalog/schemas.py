"""The JSON Schemas of all documents, in the catalog beside them."""

from __future__ import annotations

import inspect
from functools import cache
from pathlib import Path

from pydantic import VERSION, BaseModel

from jobforge_dagster.catalog.documents import (
    GlossaryDocument,
    IndexLine,
    LayerTransitionLog,
    ProgressDocument,
    RunDocument,
    TableMetadata,
)
from jobforge_dagster.catalog.documents.base import text_of
from jobforge_dagster.catalog.store import put_text
from jobforge_dagster.medallion.hashing import digest, sha256_of
from jobforge_dagster.medallion.quality.record import QuarantineRecord
from jobforge_dagster.medallion.storage.deliveries import Arrival, Manifest
from jobforge_dagster.medallion.storage.publications import Publication
from jobforge_dagster.medallion.storage.remembered import follows_from_code
from jobforge_dagster.medallion.storage.root import DataRoot

DOCUMENTS: dict[str, type[BaseModel]] = {
    "arrival": Arrival,
    "glossary": GlossaryDocument,
    "layer_transition": LayerTransitionLog,
    "manifest": Manifest,
    "progress": ProgressDocument,
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
    # Making them takes a sixth of a second.
    made: dict[str, str] = follows_from_code("schemas", _code(), _texts)
    return made


def _texts() -> dict[str, str]:
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


def _code() -> str:
    """What the schemas are made of: the code that holds the models, and the library's version."""
    files = {inspect.getfile(each) for model in DOCUMENTS.values() for each in model.__mro__[:-1]}
    ours = sorted(file for file in files if "pydantic" not in Path(file).parts)
    return digest([VERSION, *(sha256_of(Path(file)) for file in ours)])
