"""Where the documents lie below ``data/catalog``, and how one is written and read.

A document is written whole or not at all, and only if it says something else than before. One that
a newer JobForge wrote is never overwritten; a damaged one is, for it can be told again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from jobforge_dagster.catalog.documents.base import Document
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.storage.atomic import alone, replacing
from jobforge_dagster.medallion.storage.root import DataRoot

AnyDocument = TypeVar("AnyDocument", bound=Document)

PATIENCE = 10
"""Seconds that a run waits for whoever else writes into the catalog; a later event catches up."""


class CatalogError(JobForgeError):
    """A document cannot be read, or must not be written."""


def table_path(root: DataRoot, key: str) -> Path:
    """The document of a table, by its key."""
    layer, _, name = key.partition("/")
    return root.catalog / "tables" / layer / f"{name.rpartition('/')[2]}.json"


def run_path(root: DataRoot, run_id: str) -> Path:
    """The document of a run."""
    return root.catalog / "runs" / f"{run_id}.json"


def glossary_path(root: DataRoot) -> Path:
    """The glossary."""
    return root.catalog / "glossary" / "glossary.json"


def progress_path(root: DataRoot) -> Path:
    """The note of how far the catalog was told."""
    return root.catalog / "progress.json"


@contextmanager
def writing(root: DataRoot, patience: float | None = None) -> Iterator[None]:
    """Keep other processes from writing into the catalog meanwhile; see ``atomic.alone``."""
    with alone(root.cache / "catalog.lock", patience):
        yield


def put(path: Path, document: Document) -> bool:
    """Write a document if it is not there as it is.

    Returns:
        Whether it was written.

    Raises:
        CatalogError: a newer JobForge wrote the one that is there.
    """
    return put_text(path, document.as_json())


def put_text(path: Path, text: str) -> bool:
    """Write a text as :func:`put` does."""
    content = text.encode()
    if path.exists():
        before = path.read_bytes()
        if before == content:
            return False
        refuse_newer(path, before)
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return True


def get(root: DataRoot, path: Path, kind: type[AnyDocument]) -> AnyDocument:
    """Read a document.

    Raises:
        CatalogError: it is damaged, or a newer JobForge wrote it.
        OSError: it is not there.
    """
    content = path.read_bytes()
    refuse_newer(path, content)
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise CatalogError(
            f"{root.relative(path)} is damaged: {where} {first['msg']}. Make the documents again "
            f"from the history by: jobforge catalog rebuild"
        ) from None


def refuse_newer(path: Path, content: bytes) -> None:
    """Refuse a document of a version that is not known; what is no document passes.

    Raises:
        CatalogError: a newer JobForge wrote it.
    """
    try:
        told = json.loads(content)["document_version"]
        major = int(told.partition(".")[0])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return
    ours = str(Document.model_fields["document_version"].default)
    if major > int(ours.partition(".")[0]):
        raise CatalogError(
            f"{path.name} has version {told} and this JobForge knows {ours}. It was left as it is: "
            f"use the newer JobForge, or move it away."
        )
