"""The documents of the tables, read as plain JSON: all that lineage needs, in a few milliseconds.

The models of ``catalog.documents`` check every field, but loading them takes longer than a person
should wait for an answer. These documents were checked when they were written.
"""

from __future__ import annotations

import json
from typing import Any

from jobforge_dagster.asking.names import LAYERS
from jobforge_dagster.medallion.errors import JobForgeError
from jobforge_dagster.medallion.storage.root import DataRoot

VERSION = 1
"""The major version of documents that is understood."""

Documents = dict[str, dict[str, Any]]
"""The documents of tables by key, layer by layer."""


class UnreadableDocumentError(JobForgeError):
    """A document is damaged, or a newer JobForge wrote it."""


def read_documents(root: DataRoot) -> Documents:
    """The documents of all tables.

    Raises:
        UnreadableDocumentError: one is damaged or too new, or there is none at all.
    """
    found: Documents = {}
    for layer in LAYERS:
        for path in sorted((root.catalog / "tables" / layer).glob("*.json")):
            try:
                document = json.loads(path.read_bytes())
                key = document["table"]
                version = int(document["document_version"].partition(".")[0])
                document["columns"], document["lineage"]["rows"]
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                raise UnreadableDocumentError(
                    f"{root.relative(path)} is damaged. Make the documents again from the history "
                    f"by: jobforge catalog rebuild"
                ) from None
            if version > VERSION:
                raise UnreadableDocumentError(
                    f"{root.relative(path)} has version {document['document_version']}, which is "
                    f"too new for this JobForge. Use the newer one."
                )
            found[key] = document
    if not found:
        raise UnreadableDocumentError(
            "The catalog is empty. Make the tables first: dagster asset materialize --select '*'"
        )
    return found
