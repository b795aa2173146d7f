"""The catalog's documents as plain JSON: where they lie, how one is read, and when it is refused.

The models of ``catalog.documents`` check every field, but loading them takes longer than a person
should wait for an answer. The documents were checked when they were written. So the models are
asked only where one turns out wrong, for they say best what is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.storage.root import LAYERS, DataRoot

Document: TypeAlias = dict[str, Any]

VERSION = 1
"""The major version of documents that is understood."""

NOTHING = "The catalog is empty. Make the tables first: dagster asset materialize --select '*'"


MEND = "Make the documents again from the history by: jobforge catalog rebuild"


class UnreadableDocumentError(JobForgeError):
    """A document is damaged, or a newer JobForge wrote it, or there is none."""


def table_path(root: DataRoot, key: str) -> Path:
    """The document of a table, by its key."""
    layer, _, name = key.partition("/")
    return root.catalog / "tables" / layer / f"{name.rpartition('/')[2]}.json"


def table_paths(root: DataRoot) -> list[Path]:
    """The documents of all tables, layer by layer."""
    return [path for layer in LAYERS for path in below(root, f"tables/{layer}/*.json")]


def below(root: DataRoot, pattern: str) -> list[Path]:
    """The files of the catalog that fit a pattern."""
    return sorted(root.catalog.glob(pattern))


def read(root: DataRoot, path: Path) -> Document:
    """A document as it stands; what it lacks shows when it is used, see :func:`reading`.

    Raises:
        UnreadableDocumentError: it is damaged, or a newer JobForge wrote it.
    """
    try:
        document = json.loads(path.read_bytes())
        version = document["document_version"]
        newer = int(version.partition(".")[0]) > VERSION
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, FileNotFoundError):
        raise UnreadableDocumentError(
            _fault(root, [path]) or f"{root.relative(path)} is damaged. {MEND}"
        ) from None
    if newer:
        raise UnreadableDocumentError(
            f"{root.relative(path)} has version {version}, which is too new for this JobForge. Use "
            f"the newer one."
        )
    found: Document = document
    return found


@contextmanager
def reading(root: DataRoot, paths: Sequence[Path]) -> Iterator[list[Document]]:
    """Read documents, and tell which is damaged if what is done with them fails.

    Args:
        root: the data root.
        paths: where they are.

    Yields:
        Each as it stands.

    Raises:
        UnreadableDocumentError: one is damaged, or a newer JobForge wrote it.
    """
    try:
        yield [read(root, path) for path in paths]
    except (ValueError, LookupError, TypeError, AttributeError):
        if told := _fault(root, paths):
            raise UnreadableDocumentError(told) from None
        raise


def _fault(root: DataRoot, paths: Sequence[Path]) -> str | None:
    """What is wrong with one of some documents, as its model tells it."""
    from jobforge_dagster.catalog.store import CatalogError, get

    for path in paths:
        try:
            get(root, path, _model(root, path))
        except CatalogError as error:
            return str(error)
        except OSError:
            return None
    return None


def _model(root: DataRoot, path: Path) -> Any:
    """What a document must look like, by the place where it lies."""
    from jobforge_dagster.catalog import documents

    models = {
        "tables": documents.TableMetadata,
        "lineage": documents.LayerTransitionLog,
        "glossary": documents.GlossaryDocument,
        "runs": documents.RunDocument,
    }
    return models[path.relative_to(root.catalog).parts[0]]
