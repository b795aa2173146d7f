"""The catalog as it stands: what exports and the audit look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jobforge_dagster.catalog import chain
from jobforge_dagster.catalog.documents import (
    GlossaryDocument,
    LayerTransitionLog,
    RunDocument,
    TableMetadata,
)
from jobforge_dagster.catalog.store import get, glossary_path
from jobforge_dagster.medallion.storage.root import LAYERS, DataRoot

Files = Iterator[tuple[str, str]]
"""What an export makes: relative POSIX paths, each with the text of its file."""


@dataclass(frozen=True)
class Snapshot:
    """All documents.

    Attributes:
        tables: sorted by layer (staged first), then by key.
        transitions: in the order of the chain.
        runs: oldest first.
        glossary: ``None`` if there is none.
    """

    tables: tuple[TableMetadata, ...]
    transitions: tuple[LayerTransitionLog, ...]
    runs: tuple[RunDocument, ...]
    glossary: GlossaryDocument | None


def snapshot(root: DataRoot) -> Snapshot:
    """Read every document.

    Raises:
        CatalogError: one is damaged, or a newer JobForge wrote it.
    """
    tables = [
        get(root, path, TableMetadata)
        for layer in LAYERS
        for path in sorted((root.catalog / "tables" / layer).glob("*.json"))
    ]
    records = [get(root, path, LayerTransitionLog) for path in chain.records(root)]
    runs = [get(root, path, RunDocument) for path in (root.catalog / "runs").glob("*.json")]
    glossary = glossary_path(root)
    return Snapshot(
        tables=tuple(tables),
        transitions=tuple(sorted(records, key=lambda record: record.sequence)),
        runs=tuple(
            sorted(runs, key=lambda run: (run.started_at is None, run.started_at, run.run_id))
        ),
        glossary=get(root, glossary, GlossaryDocument) if glossary.exists() else None,
    )
