"""The glossary: business terms in English and French, and the columns that hold them."""

from __future__ import annotations

from jobforge_dagster.catalog.documents.base import Document, Part, Words


class TermEntry(Part):
    """A term; ``columns`` are ``{table key}.{column}`` of those that hold it."""

    id: str
    label: Words
    definition: Words
    authority: str
    owner: str
    steward: str | None
    url: str | None
    related: tuple[str, ...]
    columns: tuple[str, ...]


class GlossaryDocument(Document):
    """All terms, sorted by id; ``unused`` are those that no column holds."""

    terms: tuple[TermEntry, ...]
    unused: tuple[str, ...]
