"""Documents of the catalog as plain JSON values.

The models of ``catalog.documents`` know what a document must look like, but take longer to load
than a person likes to wait. They are asked only where a document is not as it should be, for they
say best what is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from jobforge_dagster.medallion.storage.root import DataRoot

Kind = Literal["TableMetadata", "LayerTransitionLog", "GlossaryDocument"]

_VERSION = "1."
"""How the version of a document begins that is known here."""


def table_path(root: DataRoot, key: str) -> Path:
    """The document of a table, by its key."""
    layer, _, name = key.partition("/")
    return root.catalog / "tables" / layer / f"{name.rpartition('/')[2]}.json"


@contextmanager
def plain(root: DataRoot, kind: Kind, paths: Sequence[Path]) -> Iterator[list[dict[str, Any]]]:
    """Read documents, and judge them if they, or what is done with them, turn out wrong.

    Args:
        root: the data root.
        kind: what they are.
        paths: where they are.

    Yields:
        Each as it stands.

    Raises:
        CatalogError: one is damaged, or a newer JobForge wrote it.
        OSError: one is not there.
    """
    try:
        yield [_read(path) for path in paths]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        from jobforge_dagster.catalog import documents
        from jobforge_dagster.catalog.store import get

        for path in paths:
            get(root, path, getattr(documents, kind))
        raise


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_bytes())
    if not document["document_version"].startswith(_VERSION):
        raise ValueError(path)
    return document
