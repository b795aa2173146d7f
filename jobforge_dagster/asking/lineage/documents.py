"""The documents of the tables: all that lineage needs, in a few milliseconds."""

from __future__ import annotations

from jobforge_dagster.asking.documents import (
    NOTHING,
    Document,
    UnreadableDocumentError,
    reading,
    table_paths,
)
from jobforge_dagster.medallion.storage.root import DataRoot

Documents = dict[str, Document]
"""The documents of tables by key, layer by layer."""


def read_documents(root: DataRoot) -> Documents:
    """The documents of all tables.

    Raises:
        UnreadableDocumentError: one is damaged or too new, or there is none at all.
    """
    with reading(root, table_paths(root)) as found:
        for document in found:
            document["columns"], document["lineage"]["rows"]
        documents = {document["table"]: document for document in found}
    if not documents:
        raise UnreadableDocumentError(NOTHING)
    return documents
