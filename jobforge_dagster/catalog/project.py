"""The projector: facts that events carry become documents.

It knows nothing about how the facts came. The same facts in the same order give the same files;
facts that were projected before change nothing.
"""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from datetime import datetime
from pathlib import Path

from pydantic import Field

from jobforge_dagster.catalog import chain, schemas
from jobforge_dagster.catalog.documents import GlossaryDocument, RunDocument, TableMetadata
from jobforge_dagster.catalog.documents.base import Document, Part
from jobforge_dagster.catalog.documents.transition import TransitionFacts
from jobforge_dagster.catalog.store import CatalogError, glossary_path, put, run_path, table_path
from jobforge_dagster.medallion.storage.root import DataRoot

FACTS_VERSION = "1.0"
"""Of the shape of the facts that events carry: a log outlives the code that wrote it."""


class Facts(Part):
    """What a step tells the catalog.

    Attributes:
        facts_version: of the shape of these facts.
        root: the data root, as the history names it: one history may tell of several.
        platform: version of the platform's code.
        table: the document of the step's table, as it stands now.
        transitions: those that led there; the catalog leaves out those that it has.
        glossary: the glossary, as it stands now.
        stands: the sha256 of the documents that stand after this, told or not, by their paths
            within the catalog.
    """

    facts_version: str = FACTS_VERSION
    root: str
    platform: str
    table: TableMetadata | None = None
    transitions: tuple[TransitionFacts, ...] = ()
    glossary: GlossaryDocument | None = None
    stands: dict[str, str] = Field(default_factory=dict)


_last: dict[str, Facts] = {}
"""What was packed last: most often it is unpacked next, in the same process."""


def packed(facts: Facts) -> str:
    """Facts as a short text: a log keeps each event several times, and for ever."""
    text = b64encode(zlib.compress(facts.model_dump_json().encode(), level=1)).decode()
    _last.clear()
    _last[text] = facts
    return text


def unpacked(text: str) -> Facts:
    """The facts of a packed text.

    Raises:
        ValueError: it holds none, or of a shape that is not known.
    """
    known = _last.get(text)
    if known is not None:
        return known
    try:
        facts = Facts.model_validate_json(zlib.decompress(b64decode(text)))
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if facts.facts_version.partition(".")[0] != FACTS_VERSION.partition(".")[0]:
        raise ValueError(f"facts of version {facts.facts_version}; known is {FACTS_VERSION}")
    return facts


def project(root: DataRoot, facts: Facts, at: datetime) -> list[str]:
    """Write what a step tells.

    Args:
        root: the data root.
        facts: what it tells.
        at: when its event was recorded.

    Returns:
        Why a document was left as it was, if one was: a newer JobForge wrote it.

    Raises:
        CatalogError: the chain is damaged.
        OSError: the catalog cannot be written.
    """
    for transition in facts.transitions:
        chain.append(root, transition, at)
    refused: list[str] = []
    if facts.table is not None:
        refused += _replaced(table_path(root, facts.table.table), facts.table)
    if facts.glossary is not None:
        refused += _replaced(glossary_path(root), facts.glossary)
    return refused


def project_run(root: DataRoot, run: RunDocument) -> list[str]:
    """Write what is known of a run; see :func:`project`.

    Raises:
        CatalogError: the chain is damaged.
        OSError: the catalog cannot be written.
    """
    schemas.write(root)
    chain.mend(root)
    return _replaced(run_path(root, run.run_id), run)


def _replaced(path: Path, document: Document) -> list[str]:
    """Write a document; one that must not be overwritten keeps no other from being told."""
    try:
        put(path, document)
    except CatalogError as error:
        return [str(error)]
    return []
